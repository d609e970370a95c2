"""Calling the command line in tests."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner, Result

from overprune.cli.main import app

CONFIG = """\
# a small run
[problem]
kind = "linear_gaussian"
p = 60
noise_std = 0.3

[run]
n = 20
sizes = [5, 10, 30, 60]
nonzeros = [5, 10]
rules = ["magnitude", "oracle"]
trials = 4
"""
OURS = {"risk.png", "risk.zarr", "config.toml"}


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def fails(*arguments: str | Path, code: int = 2) -> str:
    """The single line on stderr of a call that must fail."""
    result = call(*arguments)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("overprune: ")
    return lines[0].removeprefix("overprune: ")


def content(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}
