"""The command `overprune advise`: what it prints and writes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import xarray as xr

import overprune as op
from cli_tools import CONFIG, call, content, fails
from overprune.experiments.config import build_problem, parse
from overprune.theory import search as _search

pytestmark = pytest.mark.usefixtures("unpainted")

FILES = {"advice.csv", "advice.json", "advice.png", "config.toml", "risk.zarr"}


@pytest.fixture(autouse=True)
def _no_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Schedules, which `advise` has its own tests for, take most of the time."""
    monkeypatch.setattr(_search, "_WORTHWHILE", 1e9)


def test_it_prints_what_advise_says(config: Path) -> None:
    result = call("advise", config, "--nonzeros", "7")
    assert result.exit_code == 0, result.output
    problem = build_problem(parse(CONFIG, "c", Path()))
    assert result.stdout == f"{op.advise(problem, 20, 7)}\n"
    assert content(config.parent) == {"small.toml"}


def test_every_number_of_nonzeros_gets_an_answer(config: Path) -> None:
    text = call("advise", config).stdout
    assert text.count("What each decision costs") == 2
    assert text.index("s = 5 of p = 60") < text.index("s = 10 of p = 60")


def test_it_writes_tables_and_figures(config: Path) -> None:
    result = call("advise", config, "--output", "out", "--phase")
    assert result.exit_code == 0, result.output
    out = config.parent / "out"
    assert content(out) == FILES | {"phase.png"}
    data = json.loads((out / "advice.json").read_text())
    assert [d["nonzeros"] for d in data] == [5, 10]
    with open(out / "advice.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(d["choices"]) for d in data)
    assert float(rows[0]["risk"]) == data[0]["choices"][0]["risk"]
    tree = xr.open_datatree(out / "risk.zarr", engine="zarr")
    assert set(tree.children) == {"advise", "predict", "phase"}
    assert tree["advise/n20_s5"]["risk"].values[0] == data[0]["choices"][0]["risk"]
    assert tree["phase"].attrs["kind"] == "phase"
    assert all(
        (out / name).read_bytes().startswith(b"\x89PNG") for name in ("advice.png", "phase.png")
    )
    assert "earlier results" in fails("advise", config, "--output", "out")
    assert (
        call("advise", config, "--nonzeros", "5", "--output", "out", "--overwrite").exit_code == 0
    )
    assert content(out) == FILES  # the old diagram went with the old results


def test_bad_input_is_one_line(config: Path, tmp_path: Path) -> None:
    assert (
        fails("advise", config, "--phase")
        == "--phase needs --output DIR, where the diagram goes; got none"
    )
    line = fails("advise", config, "--nonzeros", "61")
    assert line == f"{config}: run.nonzeros must be between 1 and 60, got 61"
    assert fails("advise", config, "--nonzeros", "x").startswith(
        "Invalid value for '--nonzeros': must be an integer from 1 to"
    )
    features = config.parent / "features.toml"
    head = CONFIG.index("[run]")
    features.write_text(
        '[problem]\nkind = "random_features"\nfeatures = 60\ndim = 9\n\n' + CONFIG[head:]
    )
    line = fails("advise", features, "--phase", "--output", "out")
    assert line.startswith(f"{features}: problem: expected independent features and one target")
    assert not (config.parent / "out").exists()


@pytest.mark.parametrize("option", ["--help"])
def test_help_names_the_options(option: str) -> None:
    text = call("advise", option).stdout
    assert all(
        name in text for name in ("--nonzeros", "--phase", "--output", "--workers", "--overwrite")
    )
