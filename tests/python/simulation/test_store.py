"""Stores: the finished table is the uninterrupted one to the last bit, whatever happened on the
way."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import overprune as op
import problems
from overprune.simulation import simulate as _simulate
from overprune.simulation import store as _store
from tables import assert_same

GRID = {"n": [10, 15], "sizes": [5, 12, 20], "nonzeros": [3, 8], "ridge": [0.0, 0.1], "seed": 5}
RULES = {"rules": ("magnitude", "random")}


def run(trials=12, store=None, problem=None, **changes):
    arguments = {**GRID, **RULES, "workers": 2, **changes}
    return op.simulate(problem or problems.diagonal(p=20), trials=trials, store=store, **arguments)


def contents(path):
    return {
        str(file.relative_to(path)): (
            hashlib.sha256(file.read_bytes()).hexdigest(),
            file.stat().st_mtime_ns,
        )
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


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


@pytest.fixture(params=["streamed", "blocks"])
def path(tmp_path, monkeypatch, request):
    """Of a store whose blocks have few trials, computed by all threads at once, or by one thread
    each."""
    monkeypatch.setattr(_simulate, "_MANY", 0 if request.param == "streamed" else 10**9)
    monkeypatch.setattr(_simulate, "_SECONDS", 1e-4)
    return tmp_path / "run.zarr"


@pytest.mark.parametrize("name", problems.EVERY)
def test_the_table_of_a_store_is_the_table(name, path):
    problem = problems.EVERY[name]()
    settings = {
        "problem": problem,
        "rules": problems.rules_of(problem),
        "compensate": not isinstance(problem, op.DataProblem),
        "first_trial": 3,
    }
    expected = run(**settings)
    assert_same(run(store=path, **settings), expected)
    assert_same(run(store=str(path), **settings), expected)  # there already
    with xr.open_zarr(path) as stored:
        assert_same(stored.load(), expected)


@pytest.mark.parametrize("single", ["n", "ridge", "both"])
def test_axes_of_one_value(single, path):
    one = {"n": {"n": 10}, "ridge": {"ridge": 0.0}, "both": {"n": 10, "ridge": 0.0}}[single]
    expected = run(**one, retrain=False)
    assert_same(run(store=path, **one, retrain=False), expected)
    with xr.open_zarr(path) as stored:
        assert_same(stored.load(), expected)


@pytest.mark.parametrize("blocks", [0, 1, 4, 7])
def test_an_interrupted_run_goes_on(blocks, path):
    expected = run()
    with interrupted_after(blocks):
        run(store=path)
    with xr.open_zarr(path) as stored:
        part = stored.load()
    done = part.dense_risk.notnull()
    assert 0 <= int(done.sum()) < done.size
    xr.testing.assert_equal(part, expected.where(part.notnull()))  # right where there is anything
    assert_same(run(store=path), expected)


def test_only_what_is_missing_is_computed(path):
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


def test_more_trials_are_added(path):
    run(trials=7, store=path, first_trial=2)
    with xr.open_zarr(path) as stored:
        assert stored.sizes["trial"] == 7
    for trials in (8, 12, 3, 12):  # three: a part of what is there
        assert_same(
            run(trials=trials, store=path, first_trial=2), run(trials=trials, first_trial=2)
        )
    with xr.open_zarr(path) as stored:
        assert_same(stored.load(), run(trials=12, first_trial=2))


def test_workers_and_limits_change_nothing(path):
    expected = run()
    run(trials=11, store=path, workers=1)
    assert_same(run(store=path, workers=7, memory_limit=10**8), expected)


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
    code = f"from test_store import run; run(trials=4, store={str(path)!r})"
    environment = {**os.environ, "OVERPRUNE_KERNEL": others[0]}
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1] / "support",
        env=environment,
        check=True,
    )
    message = f'kernel_level is "{others[0]}" there, "{info["kernel_level"]}" here; OVERPRUNE_KERNEL={others[0]} '
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


def damage(file, how):
    data = file.read_bytes()
    if how == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "flipped":
        middle = len(data) // 2
        file.write_bytes(data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :])
    else:
        file.unlink()


@pytest.mark.parametrize("how", ["truncated", "empty", "flipped", "deleted"])
def test_damaged_chunks_are_computed_again(how, path):
    expected = run(store=path)
    for pattern in ("pruned_risk/0.1.*", "dense_risk/1.0.*", "retrained_risk/*.0"):
        for chunk in sorted(path.glob(pattern))[:2]:
            damage(chunk, how)
    with pytest.warns(
        RuntimeWarning, match=r"^store .*run\.zarr is damaged: \d+ blocks are not as written"
    ):
        again = run(store=path)
    assert_same(again, expected)
    assert_same(run(store=path), expected)  # without a warning: it is mended
    with xr.open_zarr(path) as stored:
        assert_same(stored.load(), expected)


def test_a_chunk_of_another_block_is_not_taken_for_the_right_one(path):
    expected = run(store=path)
    one, other = path / "pruned_risk" / "0.0.0.0.0.0", path / "pruned_risk" / "0.0.0.0.0.1"
    other.write_bytes(one.read_bytes())
    with pytest.warns(RuntimeWarning, match="1 block is not as written"):
        assert_same(run(store=path), expected)


@pytest.mark.parametrize("how", ["truncated", "flipped", "deleted"])
def test_a_damaged_ledger_only_costs_time(how, path):
    expected = run(store=path)
    for entry in sorted((path / "ledger" / "blocks").glob("[0-9]*"))[:3]:
        damage(entry, how)
    assert_same(run(store=path), expected)


@pytest.mark.parametrize("name", ["trial", "size", "rule", "n"])
def test_damaged_coordinates_are_written_again(name, path):
    expected = run(store=path)
    damage(next((path / name).glob("[0-9]*")), "truncated")
    assert_same(run(store=path), expected)
    with xr.open_zarr(path) as stored:
        assert_same(stored.load(), expected)


@pytest.mark.parametrize(
    "name", [".zattrs", "pruned_risk/.zarray", "ledger/.zattrs", "ledger/blocks/.zarray"]
)
def test_damaged_metadata_is_an_error_that_says_so(name, path):
    run(trials=4, store=path)
    damage(path / name, "truncated")
    with pytest.raises((ValueError, OSError), match=r"^store .*run\.zarr (has damaged|is damaged)"):
        run(trials=4, store=path)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("pruned_risk/.zarray", {"shape": [2, 2, 2, 3, 2, 3]}),
        ("pruned_risk/.zarray", {"dtype": "<f4"}),
        ("dense_risk/.zarray", {"chunks": [1, 1, 3, 99]}),
        ("ledger/blocks/.zarray", {"shape": [1, 2, 4, 4]}),
        ("ledger/.zattrs", {"block": 0}),
        ("ledger/.zattrs", {"block": "many"}),
        ("ledger/.zattrs", {"block": 10**30}),
        (".zattrs", {"trials": "many"}),
        (".zattrs", {"trials": 10**15}),
    ],
)
def test_altered_metadata_is_an_error_that_says_so(name, changes, path):
    run(trials=4, store=path)
    facts = json.loads((path / name).read_text())
    (path / name).write_text(json.dumps({**facts, **changes}))
    with pytest.raises(
        _store.StoreError, match=r"^store .*run\.zarr is damaged: .*; remove it to begin anew$"
    ):
        run(trials=4, store=path)


def test_what_killed_runs_leave_is_swept_away(path):
    run(trials=4, store=path)
    (path.parent / ".run.zarr.0123abcd.part").mkdir()
    (path / "pruned_risk" / "0.0.0.0.0.0.4f2c.partial").write_bytes(b"half")
    run(trials=5, store=path)
    assert not list(path.parent.rglob("*.part*"))


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
    from overprune.simulation.status import report

    return report(path)


def _reproduce(path):
    from overprune.experiments.reproduce import report

    return report(path)


def test_a_store_is_readable_while_it_fills(path, monkeypatch):
    """Every look at it, through xarray, shows a right part of the table."""
    monkeypatch.setattr(_simulate, "_SECONDS", 0.002)
    grid = {"n": [60], "sizes": [50, 70, 150], "nonzeros": [20], "ridge": 0.0}
    grid["problem"] = problems.diagonal(p=150)
    expected = run(trials=1000, **grid)
    worker = threading.Thread(target=run, kwargs={"trials": 1000, "store": path, **grid})
    worker.start()
    looks = []
    while worker.is_alive():
        if (path / ".zmetadata").exists():
            with xr.open_zarr(path, chunks=None) as stored:
                part = stored.load()
            xr.testing.assert_equal(part, expected.where(part.notnull()))
            looks.append(int(part.dense_risk.notnull().sum()))
    worker.join()
    assert looks == sorted(looks)
    assert len(set(looks)) > 2


def test_a_table_larger_than_the_memory_stays_in_the_store(path, monkeypatch):
    monkeypatch.undo()
    limit = 10**6
    table = run(trials=2000, store=path, memory_limit=limit, workers=1)
    assert table.nbytes > limit / 4
    assert not table.pruned_risk.variable._in_memory
    assert_same(table.load(), run(trials=2000))


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
