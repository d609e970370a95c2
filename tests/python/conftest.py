"""Fixtures that several files share."""

import os
import signal
import sysconfig
from pathlib import Path

import pytest

from cli_tools import CONFIG

# A shell that runs the tests in the background has them ignore SIGINT, which several of them send.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The tools of the environment that runs the tests, where it was not activated, too.
os.environ["PATH"] = os.pathsep.join(
    [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.toml"
    path.write_text(CONFIG)
    return path
