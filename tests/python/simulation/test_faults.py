"""What stops a run at the worst moment: kills, a full disk, a store that cannot be written."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import xarray as xr

import overprune as op
import problems
from overprune.simulation import run as _simulate
from overprune.simulation.store import StoreError
from processes import environment
from tables import assert_same

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="kills and mounts are Linux's"
)

TRIALS = 400
KILLS = int(os.environ.get("OVERPRUNE_KILLS", "6"))  # nox -s kills: fifty


def run(trials=TRIALS, store=None, workers=2):
    """About half a second of work in some twenty-five blocks."""
    grid = {
        "n": [60, 80],
        "sizes": [40, 60, 80, 150],
        "nonzeros": [20, 40],
        "rules": ("magnitude", "hessian"),
    }
    options = {"trials": trials, "store": store, "workers": workers, "seed": 3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_simulate, "_SECONDS", 0.03)
        return op.simulate(problems.diagonal(p=150), **grid, **options)


def run_schedule(trials=TRIALS, store=None, workers=2):
    """As much work in rounds."""
    plan = {"n": 80, "size": 150, "schedule": [90, 60, 40, 20], "rules": ("magnitude", "hessian")}
    options = {"trials": 3 * trials, "store": store, "workers": workers, "seed": 3}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_simulate, "_SECONDS", 0.03)
        return op.simulate_schedule(problems.diagonal(p=150), **plan, **options)


EITHER = pytest.mark.parametrize("function", [run, run_schedule])


def start(store, function=run):
    """The run in a process of its own, which says when it begins."""
    code = f"""
import zarr
from test_faults import {function.__name__}
print("begins", flush=True)
{function.__name__}(store={str(store)!r})
"""
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE)


def done(store):
    return len(list((store / "ledger" / "blocks").glob("[0-9]*[0-9]")))


@pytest.fixture(scope="module")
def expected():
    """The table of a run without a store."""
    return run()


def kill_after(blocks, store, function):
    """Start the run and kill it once the store holds so many blocks; whether it was running."""
    with start(store, function) as process:
        process.stdout.readline()
        while done(store) < blocks and process.poll() is None:
            time.sleep(0.001)
        was_running = process.poll() is None
        process.send_signal(signal.SIGKILL)
    return was_running


@pytest.mark.slow
@EITHER
def test_many_kills_and_every_time_the_same_table(tmp_path, function):
    """Each store is killed at up to three random stages, and then finished."""
    expected, stages, kills, stores = function(), random.Random(0), 0, 0
    progress = set()
    while kills < KILLS:
        store = tmp_path / f"{stores}.zarr"
        for blocks in sorted(stages.sample(range(18), 3)):
            kills += kill_after(blocks, store, function)
            progress.add(done(store))
        assert_same(function(store=store), expected)
        with xr.open_zarr(store) as stored:
            assert_same(stored.load(), expected)
        assert not list(tmp_path.rglob("*.part*"))
        stores += 1
    assert len(progress) > min(KILLS, 10) // 2  # the kills came at different stages


@contextmanager
def mounted(path, options):
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a file system can be mounted by root only")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.mark.parametrize("left", [0, 2**16, 2**18, 2**19])
def test_a_full_disk(tmp_path, expected, left):
    """Full at once, while the store is made, among the blocks."""
    disk = tmp_path / "disk"
    with mounted(disk, "size=1m"):
        filler = disk / "filler"
        filler.write_bytes(b"x" * min(2**20 - left, 2**20 - 8192))
        store = disk / "run.zarr"
        reason = (
            r"No space left on device(; what was finished is kept, and the same call goes on)?$"
        )
        with pytest.raises(
            StoreError, match=rf"^store .*run\.zarr cannot be (opened|written): {reason}"
        ):
            run(store=store)
        if store.exists():
            with xr.open_zarr(store) as stored:
                part = stored.load()
            xr.testing.assert_equal(part, expected.where(part.notnull()))
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert_same(run(store=store), expected)


def test_a_read_only_store(tmp_path):
    disk, expected = tmp_path / "disk", run(trials=50)
    with mounted(disk, "size=8m"):
        store = disk / "run.zarr"
        run(trials=50, store=store)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert_same(run(trials=50, store=store), expected)  # nothing to write
        assert_same(run(trials=20, store=store), run(trials=20))
        refusal = r"^store .* cannot be (opened|written): Read-only file system"
        with pytest.raises(StoreError, match=refusal):
            run(trials=60, store=store)
        with pytest.raises(StoreError, match=refusal):
            run(trials=60, store=disk / "new.zarr")
        assert_same(run(trials=50, store=store), expected)


def test_an_unfinished_read_only_store_is_refused_before_any_work(tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    with mounted(disk, "size=8m"):
        store = disk / "run.zarr"
        run(trials=50, store=store)
        next((store / "ledger" / "blocks").glob("[0-9]*")).unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        monkeypatch.setattr("overprune.simulation.blocks.Work.run", None)
        with pytest.raises(StoreError, match=r"cannot be (opened|written): Read-only file system"):
            run(trials=50, store=store)


def test_two_processes_on_one_store(tmp_path, expected):
    store = tmp_path / "run.zarr"
    with start(store) as process:
        process.stdout.readline()
        while not done(store):
            time.sleep(0.005)
        with pytest.raises(BlockingIOError, match="is in use by another run"):
            run(store=store)
        assert process.wait() == 0
    assert_same(run(store=store), expected)


@EITHER
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(tmp_path, function, number):
    store = tmp_path / "run.zarr"
    with start(store, function) as process:
        process.stdout.readline()
        while not done(store):
            time.sleep(0.005)
        process.send_signal(number)
        assert process.wait(10) != 0
    assert done(store) > 0
    assert_same(function(store=store), function())


def test_a_disk_that_fails_once_is_no_harm(tmp_path, expected, monkeypatch):
    """An error in the middle of a block's files: the block does not count."""
    store = tmp_path / "run.zarr"
    rename, calls = Path.replace, []

    def fails(self, target):
        calls.append(target)
        if len(calls) == 20 and "partial" in self.name:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fails)
        with pytest.raises(StoreError, match=r"cannot be (opened|written): Input/output error"):
            run(store=store)
    assert_same(run(store=store), expected)
    assert os.listdir(tmp_path) == ["run.zarr"]
