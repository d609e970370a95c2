"""Fixtures that several files share."""

import signal
from pathlib import Path

import pytest

from cli_tools import CONFIG

# A shell that runs the tests in the background has them ignore SIGINT, which several of them send.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.toml"
    path.write_text(CONFIG)
    return path
