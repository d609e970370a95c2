"""The command line: one line for all bad input."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from cli_tools import CONFIG, call, content, fails


def test_bad_input_in_a_process_of_its_own(config: Path) -> None:
    config.write_text(CONFIG.replace("trials", "trails"))
    done = subprocess.run(
        [sys.executable, "-m", "overprune", "run", "small.toml"],
        capture_output=True,
        text=True,
        cwd=config.parent,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(
        "overprune: small.toml: run.trails: unknown key (did you mean trials?); allowed: n,"
    )
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "trials = 4",
            "trails = 4",
            "small.toml: run.trails: unknown key (did you mean trials?); allowed: n, ",
        ),
        (
            "trials = 4",
            "trials = 0",
            "small.toml: run.trials: expected an integer from 1 to 10**8, got 0",
        ),
        (
            "30, 60]",
            "60, 30]",
            "small.toml: run.sizes must be strictly increasing, got 60 before 30",
        ),
        ("trials = 4", "ridge = [1, 1]", "small.toml: run.ridge must be distinct, got [1.0, 1.0]"),
        (
            "p = 60",
            "p = 99999999999999",
            "small.toml: problem.p: expected an integer from 1 to 10**8, got 9",
        ),
        ("30, 60]", "30, 61]", "small.toml: run.sizes[3] must be between 1 and 60, got 61"),
        ("[problem]", "[problem", "small.toml: not valid TOML: "),
        (
            "trials = 4",
            "[plot]\nquantity = 'error'",
            "small.toml: plot.quantity: expected risk, as there are no class labels",
        ),
    ],
)
def test_bad_configs(config: Path, old: str, new: str, message: str) -> None:
    config.write_text(CONFIG.replace(old, new))
    for command in ("run", "predict"):
        assert fails(command, "small.toml").startswith(message)
        assert content(config.parent) == {"small.toml"}


def test_missing_files(config: Path) -> None:
    assert fails("run", "no.toml") == "no.toml: cannot be read: No such file or directory"
    config.write_text(
        '[problem]\nkind = "data"\ndataset = "npz"\npath = "no.npz"\n'
        "[run]\nn = 2\nsizes = [2]\nnonzeros = 1\n"
    )
    message = fails("run", config)
    assert message.startswith(f"{config}: problem.path must be a file of numpy.savez, got ")
    assert message.endswith("no.npz, which is not a file")
    assert content(config.parent) == {"small.toml"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("demo --workers 0", "--workers | must be an integer from 1 to 1024, got '0'"),
        ("demo --workers two", "--workers | must be an integer from 1 to 1024, got 'two'"),
        ("run small.toml --workers 2000", "--workers | must be an integer from 1 to 1024"),
        ("demo --trials 1", "--trials | must be an integer from 2 to 100000000, got '1'"),
        ("demo --trials=-3", "--trials | must be an integer from 2 to 100000000, got '-3'"),
        ("demo --workers", "Option '--workers' requires an argument."),
        ("run", "Missing argument | CONFIG.toml"),
        ("status", "Missing argument | DIR"),
        ("reproduce", "Missing argument | TABLE"),
        ("jump", "No such command 'jump'."),
        ("rnu", "No such command 'rnu'."),
        ("--jump", "No such option: --jump"),
        ("run small.toml --outptu x", "No such option: --outptu | --output"),
        ("run small.toml other.toml", "Got unexpected extra argument"),
        ("run small.toml --overwrite=yes", "Option '--overwrite' does not take a value."),
    ],
)
def test_usage_errors_are_typers_in_one_line(config: Path, arguments: str, message: str) -> None:
    said = fails(*arguments.split())  # in words that differ between Typer's versions
    assert all(part in said for part in message.split(" | ")), said
    assert said.endswith("--help)") or "--overwrite" in said or said.endswith("argument.")
    assert content(config.parent) == {"small.toml"}


@pytest.mark.parametrize(
    ("words", "completed"), [("overprune r", "run reproduce"), ("overprune run --ou", "--output")]
)
def test_the_shell_completes(words: str, completed: str) -> None:
    asked = {
        "_OVERPRUNE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    done = subprocess.run(
        [Path(sysconfig.get_path("scripts")) / "overprune"],
        env=os.environ | asked,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == completed.split(), done.stderr


def test_main_ends_the_process_with_the_codes(config: Path) -> None:
    for arguments, code in ((["--workers", "0"], 2), (["--help"], 0), (["--workers", "1"], 0)):
        done = subprocess.run(
            [sys.executable, "-m", "overprune", "run", "small.toml", *arguments],
            capture_output=True,
            text=True,
            cwd=config.parent,
        )
        assert done.returncode == code, done.stderr
        assert (
            done.stderr.startswith("overprune: Invalid value for '--workers'") and done.stdout == ""
        ) == (code == 2)


@pytest.mark.parametrize("arguments", [[], ["demo"], ["run"], ["predict"], ["info"]])
def test_help(arguments: list[str]) -> None:
    for flag in ("--help", "-h"):
        result = call(*arguments, flag)
        assert result.exit_code == 0
        assert result.stdout.startswith("Usage: ")
        assert result.stderr == ""


def test_an_unknown_kernel_level_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "overprune", "info"],
        env={**os.environ, "OVERPRUNE_KERNEL": "v9"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("overprune: OVERPRUNE_KERNEL must be one of ")
