"""The command line: one line for all bad input."""

from __future__ import annotations

import os
import subprocess
import sys
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
        ("demo --workers 0", "--workers must be an integer from 1 to 1024, got '0'"),
        ("demo --workers two", "--workers must be an integer from 1 to 1024, got 'two'"),
        (
            "run small.toml --workers 2000",
            "--workers must be an integer from 1 to 1024, got '2000'",
        ),
        ("demo --trials 1", "--trials must be an integer from 2 to 100000000, got '1'"),
        ("demo --trials=-3", "--trials must be an integer from 2 to 100000000, got '-3'"),
        ("demo --workers", "option '--workers' requires an argument"),
        ("run", "CONFIG.toml is missing: expected the name of a config, got nothing"),
        ("predict", "CONFIG.toml is missing: expected the name of a config, got nothing"),
        (
            "status",
            "DIR is missing: expected a directory that overprune run wrote, or a store, "
            "got nothing",
        ),
        (
            "reproduce",
            "TABLE is missing: expected a directory that overprune run wrote, or a Zarr group, "
            "got nothing",
        ),
        (
            "jump",
            "command must be one of demo, run, status, reproduce, predict, advise, figures, "
            "explore, info; "
            "got 'jump'",
        ),
        (
            "--jump",
            "overprune has no option --jump; allowed: --version, --cmakedir, --includedir, "
            "--pkgconfigdir, "
            "--help",
        ),
        (
            "run small.toml --outptu x",
            "overprune run has no option --outptu; allowed: --output, --workers, --memory-limit, "
            "--dask, "
            "--overwrite, --help",
        ),
    ],
)
def test_usage_errors_are_one_line(config: Path, arguments: str, message: str) -> None:
    assert fails(*arguments.split()) == message
    assert content(config.parent) == {"small.toml"}


def test_usage_errors_without_words_of_our_own_are_one_line_too(config: Path) -> None:
    assert "other.toml" in fails("run", "small.toml", "other.toml")
    assert "--overwrite" in fails("run", "small.toml", "--overwrite=yes")


def test_main_ends_the_process_with_the_codes(config: Path) -> None:
    for arguments, code in ((["--workers", "0"], 2), (["--help"], 0), (["--workers", "1"], 0)):
        done = subprocess.run(
            [sys.executable, "-m", "overprune", "run", "small.toml", *arguments],
            capture_output=True,
            text=True,
            cwd=config.parent,
        )
        assert done.returncode == code, done.stderr
        assert (done.stderr.startswith("overprune: --workers") and done.stdout == "") == (code == 2)


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
