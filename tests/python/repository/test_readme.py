"""The Python of README and docs runs as it stands there, and its numbers are true."""

import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()


def blocks_of(text):
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


BLOCKS = blocks_of(README)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_block_runs(block, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    exec(block, {})
    printed = capsys.readouterr().out.split()
    if "# 1.344" in block:
        assert [f"{float(value):.3f}" for value in printed] == ["1.344", "1.485", "1.332", "1.378"]


def test_there_are_two_commands_to_set_up():
    assert len(BLOCKS) == 5
    assert len(re.findall(r"^```$\n.+\n^```$", README, flags=re.MULTILINE)) == 2


def test_the_blocks_of_the_page_on_scaling_run_as_scripts(tmp_path):
    found = blocks_of((ROOT / "docs" / "scaling.md").read_text())
    assert len(found) == 1
    for block in found:
        (tmp_path / "script.py").write_text(block)
        subprocess.run([sys.executable, "script.py"], cwd=tmp_path, check=True)
    assert (tmp_path / "run.zarr").is_dir()
