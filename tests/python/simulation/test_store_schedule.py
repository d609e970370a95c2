"""Stores of schedules: what xarray, `status`, `reproduce` and another run find in them."""

from __future__ import annotations

import json
import os
import shutil
import warnings

import pytest
import xarray as xr

import overprune as op
import problems
from cli_tools import call, fails
from overprune.simulation import memory as _memory
from overprune.simulation import run as _simulate
from overprune.simulation.store import StoreDamageError
from store_runs import RUNS, contents, run_schedule
from tables import assert_same


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch):
    monkeypatch.setattr(_simulate, "_SECONDS", 1e-4)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.zarr"


def test_readers_know_the_coordinates(path):
    """Nonzeros are counted beside the rounds: no dimension has their name."""
    expected = run_schedule(store=path)
    with xr.open_zarr(path) as stored:
        assert set(stored.coords) == {"rule", "round", "nonzeros", "trial"}
        assert stored.nonzeros.dims == ("round",)
        assert_same(stored.load(), expected)
    assert set(expected.coords) == {"rule", "round", "nonzeros", "trial"}


def test_the_layout_is_that_of_the_table(path):
    """Also for classifiers, whose grids have other variables than their schedules."""
    for problem in (
        problems.labelled_data(),
        op.LinearClassificationProblem([0.5] * 20, [1.0] * 20, noise_std=0.3),
    ):
        expected = run_schedule(6, problem=problem, rules=("magnitude",))
        assert_same(run_schedule(6, path, problem, rules=("magnitude",)), expected)
        shutil.rmtree(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 6}, r'seed is "5" there, "6" here'),
        ({"n": 16}, r"n is 15 there, 16 here"),
        ({"size": 19}, r"size is 20 there, 19 here"),
        ({"schedule": [12, 4]}, r"schedule is \[12, 5\] there, \[12, 4\] here"),
        ({"schedule": [12]}, r"schedule is \[12, 5\] there, \[12\] here"),
        ({"ridge": 0.0, "retrain_ridge": 0.1}, r"ridge is 0\.1 there, 0\.0 here; retrain_ridge is"),
        ({"rules": ("random", "magnitude")}, "rules is "),
        ({"first_trial": 1}, "first_trial is 0 there, 1 here"),
        ({"curvature": "sample"}, 'curvature is "population" there, "sample" here'),
        ({"problem": problems.diagonal(p=21)}, 'problem_hash is "'),
    ],
)
def test_another_schedule_is_refused_and_nothing_touched(change, message, path):
    run_schedule(4, path)
    before = contents(path.parent)
    with pytest.raises(ValueError, match=r"holds another run and is left as it is: ") as caught:
        run_schedule(9, path, **change)
    assert caught.match(message)
    assert contents(path.parent) == before


@pytest.mark.parametrize("there", RUNS)
def test_a_store_of_the_other_function_is_refused(there, path):
    (here,) = set(RUNS) - {there}
    RUNS[there](4, path)
    before = contents(path.parent)
    with pytest.raises(ValueError, match=rf'is: kind is "{there}" there, "{here}" here$'):
        RUNS[here](4, path)
    assert contents(path.parent) == before


def test_the_command_line_tells_and_repeats(path):
    run_schedule(7, path)
    told = call("status", path).stdout
    assert "LinearGaussianProblem, 2 rounds, 2 rules, seed 5\n" in told
    assert "finished" in told
    found = json.loads(call("status", path, "--json").stdout)
    assert (found["trials"], found["trials_done"]) == (7, 7)
    assert [(cell["n"], cell["ridge"]) for cell in found["cells"]] == [(15, 0.1)]
    result = call("reproduce", path)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("the same to the last bit") == 3


@pytest.mark.parametrize("kind", ["predict", None, ["simulate"], 3])
def test_status_of_another_kind(kind, path):
    run_schedule(4, path)
    facts = json.loads((path / ".zattrs").read_text())
    (path / ".zattrs").write_text(json.dumps({**facts, "kind": kind}))
    assert "kind in .zattrs must be one of simulate, simulate_schedule, got " in fails(
        "status", path
    )


def damage(file, how, outside):
    data = file.read_bytes()
    if how == "truncated":
        file.write_bytes(data[: len(data) // 2])
        return
    file.unlink()
    if how == "link":
        outside.write_bytes(data)
        file.symlink_to(outside)


@pytest.mark.parametrize("how", ["truncated", "removed", "link"])
def test_every_file_is_mended_or_named(how, tmp_path):
    original, expected = tmp_path / "original", run_schedule(6)
    run_schedule(6, original)
    members = sorted(
        os.path.relpath(os.path.join(folder, name), original)
        for folder, _, names in os.walk(original)
        for name in names
    )
    assert "nonzeros/.zattrs" in members
    outcomes = set()
    for number, member in enumerate(members):
        path = tmp_path / f"run{number}"
        shutil.copytree(original, path)
        damage(path / member, how, tmp_path / "outside")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            try:
                table = run_schedule(6, path)
            except StoreDamageError as error:
                message, table = str(error), None
        if table is None:
            outcomes.add("named")
            assert member in message, member
        else:
            outcomes.add("mended")
            assert_same(table, expected)
    assert outcomes == ({"named"} if how == "link" else {"named", "mended"})


def test_memory_is_asked_for_before_any_work(monkeypatch):
    monkeypatch.setattr("overprune.simulation.blocks.Work.run", None)
    with pytest.raises(MemoryError, match=r"^one trial at n = 15, p = 20 takes .* memory_limit"):
        run_schedule(5, memory_limit=1000)
    monkeypatch.setattr(_memory, "available", lambda: 2000)
    with pytest.raises(MemoryError, match=r"that is free; take fewer"):
        run_schedule(5)


def test_a_limit_draws_columns_in_blocks_and_changes_nothing():
    problem = problems.diagonal(p=2000)
    plan = {"n": 200, "size": 2000, "schedule": [50, 20], "trials": 3}
    expected = op.simulate_schedule(problem, **plan)
    held = 8 * 200 * 2000
    assert_same(op.simulate_schedule(problem, **plan, workers=1, memory_limit=held), expected)


def test_a_table_larger_than_the_memory_stays_in_the_store(path):
    limit = 200_000
    table = run_schedule(800, path, memory_limit=limit, workers=1)
    assert table.nbytes > limit / 4
    assert not table.pruned_risk.variable._in_memory
    assert_same(table.load(), run_schedule(800))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"store": 3}, TypeError, r"^store must be a path, got int$"),
        ({"store": "s3://bucket/run"}, ValueError, r"^store must be the path of a directory on"),
        (
            {"executor": "dask"},
            TypeError,
            r"^executor must be a concurrent\.futures\.Executor, got",
        ),
        ({"memory_limit": 0}, ValueError, r"^memory_limit must be at least 1, got 0$"),
    ],
)
def test_bad_input_is_named(change, error, message):
    with pytest.raises(error, match=message):
        run_schedule(2, **change)
