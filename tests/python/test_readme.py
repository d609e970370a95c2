"""The README's Python runs as it stands there, and its numbers are true."""

import re
from pathlib import Path

import matplotlib
import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_block_runs(block, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    exec(block, {})
    printed = capsys.readouterr().out.split()
    if "# 1.344" in block:
        assert [f"{float(value):.3f}" for value in printed] == ["1.344", "1.485"]


def test_there_are_two_commands_to_set_up():
    assert len(BLOCKS) == 3
    assert len(re.findall(r"^```$\n.+\n^```$", README, flags=re.MULTILINE)) == 2
