"""The project's own habits: formatting, lint, types, and files that stay short."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CPP = sorted(
    path
    for folder in ("bench", "cpp", "python/bindings", "tests")
    for path in (ROOT / folder).rglob("*.[ch]pp")
)


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["clang-format", "--dry-run", "-Werror", *map(str, CPP)],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_tool(command):
    scripts = Path(sys.executable).parent
    done = subprocess.run(
        [scripts / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_stay_short():
    files = CPP + [
        path for folder in ("bench", "python", "tests") for path in (ROOT / folder).rglob("*.py")
    ]
    long = {
        str(path.relative_to(ROOT)): count
        for path in files
        if (count := path.read_text().count("\n")) > 430
    }
    assert not long
