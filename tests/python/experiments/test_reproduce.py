"""Tables say by what they were made, and are made again from nothing but what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess

import numpy as np
import pytest
import xarray as xr

import overprune as op
import problems
from cli_tools import CONFIG, call, fails
from overprune import _provenance
from tables import assert_same

pytestmark = pytest.mark.usefixtures("unpainted")

GRID = {
    "n": [10, 14],
    "sizes": [5, 20],
    "nonzeros": [2, 6],
    "ridge": [0.0, 0.25],
    "seed": 2**63 + 1,
}


def tables():
    problem = problems.diagonal()
    settings = {"rules": ("hessian", "random"), "retrain_ridge": 0.5}
    rounds = {"rules": ("magnitude",), "ridge": 0.1, "seed": 3}
    return {
        "simulate": op.simulate(
            problem, **GRID, **settings, trials=3, first_trial=2, curvature="sample"
        ),
        "predict": op.predict(problem, **GRID, **settings),
        "targets": op.predict(problems.several_targets(), 15, [10], [5], draws=8),
        "schedule": op.simulate_schedule(problem, 10, 20, [8, 4], **rounds, trials=3),
        "predict_schedule": op.predict_schedule(
            problem, 10, 20, [8, 4], **rounds, draws=64, rtol=0.1
        ),
    }


@pytest.mark.parametrize("name", ["simulate", "predict", "targets", "schedule", "predict_schedule"])
def test_a_table_is_made_again(name):
    table = tables()[name]
    assert_same(op.reproduce(table, workers=2), table)


def test_a_table_is_made_again_from_a_file(tmp_path):
    table = tables()["simulate"]
    table.to_zarr(tmp_path / "table.zarr", zarr_format=2)
    with xr.open_zarr(tmp_path / "table.zarr") as stored:
        assert_same(op.reproduce(stored), table)


def test_every_table_has_a_provenance():
    problem = problems.diagonal()
    spectrum = op.Spectrum([1.0, 4.0], [0.5, 0.5], [0.1, 1.0], noise_std=0.1)
    advice = op.advise(problem, 30, 5)
    path = op.prune_path(*problem.sample(20, seed=1), [10, 40], [5])
    others = [
        op.phase(spectrum, ("n", [0.5]), ("nonzeros", [0.1])),
        op.survival(problem, 20, 40, [5]),
        advice.dataset(),
        path.risk(problem),
    ]
    info = op.build_info()
    for table in [*tables().values(), *others]:
        facts = json.loads(table.attrs["provenance"])
        assert facts["overprune_version"] == op.__version__
        assert facts["kernel_level"] == info["kernel_level"]
        assert facts["compiler"] == info["compiler"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", facts["time"])
        assert facts["seed"] == table.attrs.get("seed")
        assert facts["problem_hash"] == table.attrs.get("problem_hash")
        assert "git_commit" in facts


def test_the_commit_of_the_current_directory(tmp_path, monkeypatch):
    def commit():
        _provenance._commit.cache_clear()
        return json.loads(_provenance.provenance())["git_commit"]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit() is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (tmp_path / "script.py").write_text("one")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "v1"]):
        subprocess.run([*git, *arguments], check=True)
    head = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()
    assert commit() == head
    (tmp_path / "script.py").write_text("two")
    assert commit() == f"{head}-dirty"
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    assert commit() is None
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    os.rmdir(tmp_path / "gone")
    assert commit() is None


def test_the_command_reports_the_largest_difference(config):
    assert call("run", config, "-o", "out").exit_code == 0
    result = call("reproduce", "out")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert re.match(r"simulate: made \d{4}-.* by overprune .* with kernels v", lines[0])
    assert lines[1].split() == ["dense_risk", "the", "same", "to", "the", "last", "bit"]
    assert sum("the same to the last bit" in line for line in lines) == 6
    table = xr.open_zarr(config.parent / "out" / "risk.zarr", group="simulate").load()
    table.pruned_risk[0, 2, 0, 1] += 0.125
    table.retrained_risk[0, 2, 0, 1] = np.nan
    table.drop_encoding().to_zarr(config.parent / "changed", zarr_format=2)
    result = call("reproduce", "changed")
    assert result.exit_code == 1
    assert re.search(r"pruned_risk +largest difference 0\.125 of values up to ", result.stdout)
    assert re.search(r"retrained_risk +1 values that only one of the two has", result.stdout)


def test_a_table_that_keeps_only_hashes_is_made_again_from_its_config(config, monkeypatch):
    monkeypatch.setattr(_provenance, "_LARGEST", 1)
    assert call("run", config, "-o", "out").exit_code == 0
    store = config.parent / "out" / "risk.zarr"
    problem = json.loads(json.loads((store / "simulate" / ".zattrs").read_text())["problem"])
    assert "data" not in problem["arguments"]["beta"]
    assert call("reproduce", "out").exit_code == 0
    attributes = store / "predict" / ".zattrs"
    facts = json.loads(attributes.read_text())
    attributes.write_text(json.dumps({**facts, "config": CONFIG.replace("0.3", "0.4")}))
    assert "the config now makes" in fails("reproduce", "out/risk.zarr/predict")
    with pytest.raises(
        ValueError,
        match=r"^table cannot be made again from its attributes: beta was too large to keep",
    ):
        op.reproduce(op.simulate(problems.diagonal(), 10, [5], [2], trials=2))


def test_what_cannot_be_made_again(config):
    with pytest.raises(
        ValueError, match=r"^table must be of one of the kinds simulate, .*; got None"
    ):
        op.reproduce(xr.Dataset())
    with pytest.raises(ValueError, match=r"; got 'survival'"):
        op.reproduce(op.survival(problems.diagonal(), 20, 40, [5]))
    message = "TABLE must be the output of a run or the Zarr group of a table, got "
    for name in ("nothing", "small.toml"):
        assert fails("reproduce", name) == message + name


def test_damaged_attributes_are_named():
    table = op.simulate(problems.diagonal(), 10, [5], [2], trials=2)
    problem = json.loads(table.problem)
    beta = {**problem["arguments"]["beta"], "data": "AAAA"}
    damaged = json.dumps({**problem, "arguments": {**problem["arguments"], "beta": beta}})
    lack = {name: value for name, value in table.attrs.items() if name != "sizes"}
    start = "^table cannot be made again from its attributes: "
    for attributes, message in (
        (lack, "^table must have the attributes of a simulate table, got none named sizes"),
        ({**table.attrs, "kind": ["simulate"]}, "^table must be of one of the kinds"),
        ({**table.attrs, "problem": "{"}, start + "the attribute problem is missing or damaged"),
        ({**table.attrs, "problem": damaged}, start + "beta is damaged in the attribute problem"),
        ({**table.attrs, "seed": "two"}, start + "seed must be an integer, got 'two'"),
        ({**table.attrs, "retrain": "no"}, start + "retrain must be True or False, got 'no'"),
        ({**table.attrs, "rules": 3}, start + "rules must be"),
    ):
        with pytest.raises(ValueError, match=message):
            op.reproduce(table.drop_attrs().assign_attrs(attributes))
    with pytest.raises(TypeError, match=r"^table must be an xarray\.Dataset, got dict"):
        op.reproduce({})
    with pytest.raises(ValueError, match=r"^workers must be between 1"):
        op.reproduce(table, workers=0)


def test_variables_that_the_attributes_do_not_make(config):
    table = op.simulate(problems.diagonal(), 10, [5, 20], [2], trials=2)
    table.assign(other=table.dense_risk).to_zarr(config.parent / "more", zarr_format=2)
    table.isel(trial=[0]).to_zarr(config.parent / "fewer", zarr_format=2)
    ending = "which its attributes do not make"
    layout = "(size: 2, trial: {}) of float64"
    assert fails("reproduce", "more") == f"table has other {layout.format(2)}, {ending}"
    assert fails("reproduce", "fewer") == f"table has dense_risk {layout.format(1)}, {ending}"


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (lambda t: t.drop_vars("dense_risk"), "lacks dense_risk"),
        (lambda t: t.drop_vars("size"), "lacks size"),
        (lambda t: t.rename(size="k"), "has dense_risk"),
        (
            lambda t: t.rename_dims(size="k").drop_vars("size").assign_coords(size=3),
            "has dense_risk",
        ),
        (lambda t: t.assign_coords(size=[5, 21]), "has values of size"),
        (lambda t: t.assign_coords(size=[5.0, 20.0]), "has size"),
        (lambda t: t.assign_coords(trial=[0, 2]), "has values of trial"),
        (lambda t: t.assign_coords(rule=["hessian"]), "has values of rule"),
        (lambda t: t.assign_coords(rule=[b"magnitude"]), "has rule"),
        (lambda t: t.assign(dense_risk=t.dense_risk.astype("float32")), "has dense_risk"),
        (lambda t: t.assign(dense_risk=t.dense_risk.astype(complex)), "has dense_risk"),
        (lambda t: t.assign(dense_risk=t.dense_risk.astype("S8")), "has dense_risk"),
        (lambda t: t.assign(pruned_risk=t.pruned_risk.transpose("trial", ...)), "has pruned_risk"),
    ],
)
def test_coordinates_and_dtypes_that_the_attributes_do_not_make(config, changed, name):
    """Values alone being the same says little where their coordinates are others."""
    table = op.simulate(problems.diagonal(), 10, [5, 20], [2], trials=2)
    changed(table).to_zarr(config.parent / "other", zarr_format=2)
    message = fails("reproduce", "other")
    assert message.startswith(f"table {name}")
    assert re.search(r", which its attributes (do not )?make$", message)


def test_the_status_of_nothing(config):
    assert fails("status", "out") == (
        "DIR must be a directory that overprune run wrote, or a store; got out, which is neither"
    )


def test_the_status_counts_trials_and_time(config):
    config.write_text(CONFIG.replace("n = 20", "n = [15, 20]"))
    assert call("run", config, "-o", "out").exit_code == 0
    lines = call("status", "out").stdout.splitlines()
    assert lines[0] == "run      LinearGaussianProblem, 4 sizes, 2 rules, 2 nonzeros, seed 0"
    assert lines[1] == "state    finished"
    assert lines[2].startswith("done     8 of 8 trials (100%), ")
    assert re.match(r"took     .* s of one core, .* ms a trial$", lines[3])
    assert lines[6].split() == ["n", "ridge", "trials", "time"]
    assert lines[7].split()[:5] == ["15", "0", "4", "of", "4"]
    assert call("status", "out/risk.zarr/simulate").stdout.splitlines() == lines
    store = config.parent / "out" / "risk.zarr" / "simulate"
    (store / "ledger" / "blocks" / "1.0.0.0").unlink()
    lines = call("status", "out").stdout.splitlines()
    assert lines[1] == "state    stopped; the same command goes on"
    assert re.match(r"left     about .* s of one core$", lines[4])
    assert lines[8].split()[:3] == ["15", "0", "4"]
