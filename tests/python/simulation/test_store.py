"""Stores: the finished table is the uninterrupted one to the last bit, whatever happened on the
way."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
import xarray as xr

import overprune as op
import problems
from overprune.simulation import run as _simulate
from overprune.simulation import store as _store
from processes import environment
from store_runs import RUNS, contents, run
from tables import assert_same


@contextmanager
def interrupted_after(blocks):
    """Lets a run keep so many blocks and then interrupts it."""
    write, left = _store.Store.write, [blocks]

    def counted(self, block, result):
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        write(self, block, result)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_store.Store, "write", counted)
        with pytest.raises(KeyboardInterrupt):
            yield


# Blocks are computed by all threads at once, or by one thread each; the files are the same.
BOTH = pytest.mark.parametrize("path", ["streamed", "blocks"], indirect=True)
EITHER = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


@pytest.fixture
def path(tmp_path, monkeypatch, request):
    """Of a store whose blocks have few trials."""
    way = getattr(request, "param", "blocks")
    monkeypatch.setattr(_simulate, "_MANY", 0 if way == "streamed" else 10**9)
    monkeypatch.setattr(_simulate, "_SECONDS", 1e-4)
    return tmp_path / "run.zarr"


@BOTH
@EITHER
@pytest.mark.parametrize("name", problems.EVERY)
def test_the_table_of_a_store_is_the_table(name, run, path):
    problem = problems.EVERY[name]()
    settings = {
        "problem": problem,
        "rules": problems.rules_of(problem),
        "first_trial": 3,
        "trials": 5,
    }
    if run is RUNS["simulate"]:
        settings["compensate"] = not isinstance(problem, op.DataProblem)
    expected = run(**settings)
    assert_same(run(store=path, **settings), expected)
    assert_same(run(store=str(path), **settings), expected)  # there already
    with xr.open_zarr(path) as stored:
        assert_same(stored.load(), expected)


@BOTH
@pytest.mark.parametrize("single", ["n", "ridge", "both"])
def test_axes_of_one_value(single, path):
    one = {"n": {"n": 10}, "ridge": {"ridge": 0.0}, "both": {"n": 10, "ridge": 0.0}}[single]
    expected = run(**one, retrain=False)
    assert_same(run(store=path, **one, retrain=False), expected)
    with xr.open_zarr(path) as stored:
        assert_same(stored.load(), expected)


@BOTH
@EITHER
@pytest.mark.parametrize("blocks", [0, 1, 4, 7])
def test_an_interrupted_run_goes_on(blocks, run, path):
    expected = run()
    with interrupted_after(blocks):
        run(store=path)
    with xr.open_zarr(path) as stored:
        part = stored.load()
    done = part.dense_risk.notnull()
    assert 0 <= int(done.sum()) < done.size
    xr.testing.assert_equal(part, expected.where(part.notnull()))  # right where there is anything
    assert_same(run(store=path), expected)


@BOTH
@EITHER
def test_only_what_is_missing_is_computed(run, path):
    with interrupted_after(5):
        run(store=path)
    before = contents(path)
    done = {name for name in before if name.startswith("ledger/blocks/") and name[-1].isdigit()}
    assert len(done) == 5
    run(store=path)
    after = contents(path)
    assert all(after[name] == before[name] for name in done)
    run(store=path)
    assert contents(path) == after


@BOTH
@EITHER
def test_more_trials_are_added(run, path):
    run(trials=7, store=path, first_trial=2)
    with xr.open_zarr(path) as stored:
        assert stored.sizes["trial"] == 7
    for trials in (8, 12, 3, 12):  # three: a part of what is there
        assert_same(
            run(trials=trials, store=path, first_trial=2), run(trials=trials, first_trial=2)
        )
    with xr.open_zarr(path) as stored:
        assert_same(stored.load(), run(trials=12, first_trial=2))


@BOTH
@EITHER
def test_workers_and_limits_change_nothing(run, path):
    expected = run(trials=12)
    run(trials=11, store=path, workers=1)
    assert_same(run(trials=12, store=path, workers=7, memory_limit=10**8), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 6}, 'seed is "5" there, "6" here'),
        ({"n": [10, 16]}, r"n is \[10, 15\] there, \[10, 16\] here"),
        ({"n": 10}, r"n is \[10, 15\] there, 10 here"),
        ({"sizes": [5, 12]}, r"sizes is \[5, 12, 20\] there, \[5, 12\] here"),
        (
            {"retrain": False, "ridge": [0.0, 0.2]},
            r"retrain is 1 there, 0 here; ridge is \[0\.0, 0\.1\] there",
        ),
        ({"rules": ("random", "magnitude")}, "rules is "),
        ({"first_trial": 1}, "first_trial is 0 there, 1 here"),
        ({"curvature": "sample"}, 'curvature is "population" there, "sample" here'),
        ({"problem": problems.diagonal(p=21)}, 'problem_hash is "'),
        ({"compensate": True}, "compensate is 0 there, 1 here"),
    ],
)
def test_another_run_is_refused_and_nothing_touched(change, message, path):
    run(trials=4, store=path)
    before = contents(path.parent)
    with pytest.raises(
        ValueError, match=r"^store .*run\.zarr holds another run and is left as it is: "
    ) as caught:
        run(trials=9, store=path, **change)
    assert caught.match(message)
    assert contents(path.parent) == before


def test_a_store_of_another_version_is_refused(path):
    run(trials=4, store=path)
    attributes = json.loads((path / ".zattrs").read_text())
    (path / ".zattrs").write_text(json.dumps({**attributes, "overprune_version": "0.0.9"}))
    before = contents(path)
    with pytest.raises(ValueError, match=r'overprune_version is "0\.0\.9" there, "'):
        run(trials=4, store=path)
    facts = json.loads((path / "ledger" / ".zattrs").read_text())
    (path / "ledger" / ".zattrs").write_text(json.dumps({**facts, "store_format": 99}))
    with pytest.raises(ValueError, match="store_format is 99 there, 1 here"):
        run(trials=4, store=path)
    assert {**contents(path), "ledger/.zattrs": None} == {**before, "ledger/.zattrs": None}


def test_a_store_of_another_kernel_level_is_refused(path):
    info = op.build_info()
    levels = info["kernel_levels"]  # best first: what comes after this one runs here, too
    others = levels[levels.index(info["kernel_level"]) + 1 :]
    if not others:
        pytest.skip("one kernel level only")
    code = f"from store_runs import run; run(trials=4, store={str(path)!r})"
    variables = environment(OVERPRUNE_KERNEL=others[0])
    subprocess.run([sys.executable, "-c", code], env=variables, check=True)
    message = (
        f'kernel_level is "{others[0]}" there, "{info["kernel_level"]}" here; '
        f"OVERPRUNE_KERNEL={others[0]} "
    )
    with pytest.raises(ValueError, match=message):
        run(trials=4, store=path)


def test_other_things_are_refused(path, tmp_path):
    path.mkdir()
    assert_same(run(trials=2, store=path), run(trials=2))  # empty is as good as new
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match=r"^store must be a directory, got the file .*file$"):
        run(store=tmp_path / "file")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(
        ValueError, match=r"^store must be new, empty or an earlier run's, got .*notes, which is"
    ):
        run(store=tmp_path / "notes")
    op.simulate(problems.diagonal(), 10, [5], [2], trials=2).to_zarr(
        tmp_path / "table", zarr_format=2
    )
    with pytest.raises(
        ValueError, match=r"^store must be new, empty or an earlier run's, got .*table"
    ):
        run(store=tmp_path / "table")
    with pytest.raises(TypeError, match=r"^store must be a path, got int$"):
        run(store=3)
    with pytest.raises(ValueError, match=r"^store must be the name of a directory, got ''$"):
        run(store="")
    with pytest.raises(_store.StoreError, match=r"^store .*file/a cannot be opened: "):
        run(store=tmp_path / "file" / "a")
    assert (tmp_path / "file").read_text() == (tmp_path / "notes" / "a.txt").read_text() == "mine"


def test_a_second_run_gets_an_error(path):
    run(trials=2, store=path)
    opened, others = threading.Event(), []

    def second():
        opened.wait(30)
        try:
            run(trials=40, store=path)
        except BlockingIOError as error:
            others.append(str(error))

    write = _store.Store.write

    def watched(self, block, result):
        opened.set()
        while thread.is_alive() and not others:
            time.sleep(0.01)
        write(self, block, result)

    thread = threading.Thread(target=second)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_store.Store, "write", watched)
        table = run(trials=40, store=path)
    thread.join()
    assert others == [f"store {path} is in use by another run; wait for it, or give another store"]
    assert_same(table, run(trials=40))
    assert {entry.name for entry in path.parent.iterdir()} == {"run.zarr"}


def test_a_store_that_would_run_code_is_refused(path, tmp_path):
    """Zarr can hold pickled objects; reading one runs whatever its writer chose."""
    run(trials=4, store=path)
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(trap),)

    meta = path / "rule" / ".zarray"
    facts = json.loads(meta.read_text())
    pickled = {
        **facts,
        "dtype": "|O",
        "filters": [{"id": "pickle", "protocol": 5}],
        "compressor": None,
    }
    meta.write_text(json.dumps(pickled))
    (path / "rule" / "0").write_bytes(pickle.dumps(np.array([Trap()], dtype=object)))
    for call in (
        lambda: run(trials=4, store=path),
        lambda: _report(path),
        lambda: _reproduce(path),
    ):
        with pytest.raises(ValueError, match=r"which has '(\|O|pickle)'"):
            call()
    assert not trap.exists()


def _report(path):
    from overprune.simulation.status import status_of

    return status_of(path).lines()


def _reproduce(path):
    from overprune.experiments.reproduce import report

    return report(path)


@BOTH
def test_a_store_is_readable_while_it_fills(path, monkeypatch):
    """Every look at it, through xarray, shows a right part of the table."""
    monkeypatch.setattr(_simulate, "_SECONDS", 0.005)
    write = _store.Store.write

    def unhurried(self, block, result):
        write(self, block, result)
        time.sleep(0.03)  # there is time for a look after each block

    monkeypatch.setattr(_store.Store, "write", unhurried)
    grid = {"n": [60], "sizes": [50, 70, 150], "nonzeros": [20], "ridge": 0.0}
    grid["problem"] = problems.diagonal(p=150)
    expected = run(trials=100, **grid)
    worker = threading.Thread(target=run, kwargs={"trials": 100, "store": path, **grid})
    worker.start()
    looks = []
    while worker.is_alive():
        if (path / ".zmetadata").exists():
            with xr.open_zarr(path, chunks=None) as stored:
                part = stored.load()
            xr.testing.assert_equal(part, expected.where(part.notnull()))
            looks.append(int(part.dense_risk.notnull().sum()))
        time.sleep(0.005)  # a thread of Python that never rests slows the other one down
    worker.join()
    assert looks == sorted(looks)
    assert len(set(looks)) > 2


@BOTH
def test_a_table_larger_than_the_memory_stays_in_the_store(path, monkeypatch):
    monkeypatch.undo()
    limit = 10**6
    table = run(trials=2000, store=path, memory_limit=limit, workers=1)
    assert table.nbytes > limit / 4
    assert not table.pruned_risk.variable._in_memory
    assert_same(table.load(), run(trials=2000))


@BOTH
def test_no_thread_of_ours_outlives_a_call(path, tmp_path):
    def names():
        return {thread.name for thread in threading.enumerate()}

    run(store=path)
    kept = names()
    assert not [name for name in kept if name.startswith("overprune")]
    with interrupted_after(2):
        run(store=tmp_path / "other.zarr")
    run(store=tmp_path / "other.zarr")
    assert {name for name in names() - kept if not name.startswith("asyncio_")} == set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_after_use_of_a_store(path, tmp_path):
    expected = run(store=path)
    child = os.fork()
    if child == 0:
        try:
            table = run(store=tmp_path / "child.zarr")
            os._exit(0 if table.pruned_risk.equals(expected.pruned_risk) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_program_that_listens_hears_of_stores_and_blocks(path, caplog):
    run(trials=4, store=path)
    assert not caplog.records  # nobody has asked for more than warnings
    with caplog.at_level("DEBUG", logger="overprune"):
        run(trials=8, store=path)
    said = [record.getMessage() for record in caplog.records]
    assert any(re.fullmatch(r"store .*: goes on, blocks of \d+ trials", line) for line in said)
    assert any(re.search(r"trials \d+ to 8 of cell \(0, 0\) kept", line) for line in said)
