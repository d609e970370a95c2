"""Executors: they change no bit, arrays travel about once a worker, a lost worker's block is run
again."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
import xarray as xr

import overprune as op
import problems
from cli_tools import call, fails
from overprune.simulation import engine as _engine
from overprune.simulation import run as _simulate
from processes import environment
from tables import assert_same

# Of Python 3.12 and later, where a pool of processes is made by os.fork.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)


def run(trials=60, problem=None, **options):
    problem = problem or problems.diagonal(p=60)
    grid = {
        "n": [20, 40],
        "sizes": [10, 30, 60],
        "nonzeros": [5, 10],
        "rules": problems.rules_of(problem),
    }
    return op.simulate(problem, **grid, trials=trials, seed=3, first_trial=2, **options)


@pytest.fixture
def many_blocks(monkeypatch):
    monkeypatch.setattr(_simulate, "_SECONDS", 5e-4)


class Recorder(Executor):
    """An executor that runs in the caller's thread, from pickled arguments, as a process would."""

    _max_workers = 2

    def __init__(self):
        self.sizes = []

    def submit(self, fn, /, *args, **kwargs):
        packed = pickle.dumps((fn, args, kwargs))
        self.sizes.append(len(packed))
        future = Future()
        function, arguments, named = pickle.loads(packed)
        try:
            future.set_result(pickle.loads(pickle.dumps(function(*arguments, **named))))
        except Exception as error:
            future.set_exception(error)
        return future


PLANS = {
    op.simulate: {"n": [12, 20], "sizes": [6, 25], "nonzeros": [3]},
    op.simulate_schedule: {"n": 20, "size": 25, "schedule": [9, 3]},
}


@pytest.mark.parametrize("simulate", PLANS)
@pytest.mark.parametrize("name", problems.EVERY)
def test_the_engine_changes_no_bit(name, simulate, many_blocks, tmp_path):
    problem = problems.EVERY[name]()
    plan = {**PLANS[simulate], "rules": problems.rules_of(problem), "seed": 1}
    expected = simulate(problem, **plan, trials=23)
    assert_same(simulate(problem, **plan, trials=23, executor=Recorder()), expected)
    store = tmp_path / "run.zarr"
    part = simulate(problem, **plan, trials=9, executor=Recorder(), store=store)
    assert_same(part, simulate(problem, **plan, trials=9))
    assert_same(simulate(problem, **plan, trials=23, store=store), expected)


def test_processes_and_threads(many_blocks):
    expected = run()
    with ThreadPoolExecutor(3) as executor:
        assert_same(run(executor=executor), expected)
    for context in ("fork", "spawn"):
        with ProcessPoolExecutor(2, multiprocessing.get_context(context)) as executor:
            assert_same(run(executor=executor), expected)
            assert_same(run(executor=executor, trials=7), run(trials=7))  # still of use


def test_a_schedule_on_processes(many_blocks):
    problem = problems.correlated(p=60)
    plan = {"n": 40, "size": 60, "schedule": [30, 10], "trials": 40, "seed": 3, "first_trial": 2}
    expected = op.simulate_schedule(problem, **plan)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        assert_same(op.simulate_schedule(problem, **plan, executor=executor), expected)


def test_arrays_go_to_a_worker_about_once(many_blocks):
    """What the blocks share goes with as many blocks as there are workers, not with each."""
    problem = problems.correlated(p=100)  # 80 kB
    recorder = Recorder()
    _engine._works.clear()
    run(problem=problem, executor=recorder, trials=200)
    large = [size for size in recorder.sizes if size > 50_000]
    assert len(recorder.sizes) > 40
    assert len(large) == 2
    assert max(size for size in recorder.sizes if size <= 50_000) < 1000


def test_a_worker_without_the_arrays_asks_for_them(many_blocks):
    class Forgetful(Recorder):
        def submit(self, fn, /, *args, **kwargs):
            if len(self.sizes) % 7 == 3:  # a new process
                _engine._works.clear()
            return super().submit(fn, *args, **kwargs)

    assert_same(run(executor=Forgetful()), run())


def test_loky(many_blocks):
    loky = pytest.importorskip("loky")
    executor = loky.get_reusable_executor(max_workers=2)
    try:
        assert_same(run(executor=executor), run())
    finally:
        executor.shutdown(wait=True, kill_workers=True)


def wait_for_a_block(store):
    while not list(store.glob("ledger/blocks/[0-9]*")):
        time.sleep(0.01)


def test_a_pool_that_loses_a_worker(many_blocks, tmp_path):
    expected, store = run(trials=200), tmp_path / "run.zarr"
    with ProcessPoolExecutor(2) as executor:
        pid = executor.submit(os.getpid).result()

        def kill():
            wait_for_a_block(store)
            os.kill(pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.warns(
            RuntimeWarning, match=r"^executor has lost a worker \(BrokenProcessPool\); a new pool"
        ):
            table = run(trials=200, executor=executor, store=store)
        killer.join()
    assert_same(table, expected)


def test_a_pool_that_loses_every_worker_gives_up(many_blocks, tmp_path):
    """A block that kills its worker whenever it runs,
    as one that the memory does not hold would."""
    problem = op.RandomFeatureProblem.draw(60, 10, noise_std=0.1, activation=deadly, seed=1)
    with (
        ProcessPoolExecutor(2) as executor,
        pytest.warns(RuntimeWarning, match="executor has lost a worker"),
        pytest.raises(
            RuntimeError,
            match=r"^executor has lost its workers \(BrokenProcessPool: .*the same call goes on",
        ),
    ):
        op.simulate(problem, 10, [5], [2], trials=8, executor=executor, store=tmp_path / "run.zarr")


_PARENT = os.getpid()


def deadly(z):
    if os.getpid() != _PARENT:
        os.kill(os.getpid(), signal.SIGKILL)
    return np.maximum(z, 0)


def test_errors_of_a_block_come_through(many_blocks):
    problem = op.RandomFeatureProblem.draw(60, 10, noise_std=0.1, activation=fails_later, seed=1)
    message = "activation must return finite numbers"
    with ProcessPoolExecutor(2) as executor, pytest.raises(ValueError, match=message):
        op.simulate(problem, 10, [5], [2], trials=8, executor=executor)


def fails_later(z):
    return np.maximum(z, 0) if os.getpid() == _PARENT else np.full_like(z, np.nan)


def test_functions_that_cannot_be_pickled_travel_with_cloudpickle(many_blocks):
    pytest.importorskip("cloudpickle")
    problem = op.RandomFeatureProblem.draw(
        60, 10, noise_std=0.1, activation=lambda z: np.maximum(z, 0.5), seed=1
    )
    expected = op.simulate(problem, 10, [5], [2], trials=8)
    with ProcessPoolExecutor(2) as executor:
        assert_same(op.simulate(problem, 10, [5], [2], trials=8, executor=executor), expected)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cloudpickle", None)
        with pytest.raises(
            TypeError, match=r"^problem cannot be sent to the workers of the executor: "
        ):
            op.simulate(problem, 10, [5], [2], trials=8, executor=Recorder())


def test_workers_with_other_kernels_are_refused(many_blocks):
    info = op.build_info()
    levels = info["kernel_levels"]  # best first: what comes after this one runs here, too
    others = levels[levels.index(info["kernel_level"]) + 1 :]
    if not others:
        pytest.skip("one kernel level only")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OVERPRUNE_KERNEL", others[0])
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
            executor.submit(os.getpid).result()
            kernels = f"kernels {info['kernel_level']}, got "
            message = rf"^executor must have workers with overprune .* {kernels}"
            with pytest.raises(RuntimeError, match=message):
                run(executor=executor)


def test_bad_executors():
    with pytest.raises(
        TypeError, match=r"^executor must be a concurrent\.futures\.Executor, got str$"
    ):
        run(executor="dask")
    done = ThreadPoolExecutor(1)
    done.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        run(executor=done)


def test_an_interrupt_leaves_at_once(many_blocks):
    """The main thread does not wait for the executor's blocks."""

    class Never(Executor):
        def submit(self, fn, /, *args, **kwargs):
            self.last = Future()
            return self.last

    executor = Never()
    timer = threading.Timer(0.3, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(executor=executor)
    assert time.monotonic() - began < 5
    assert executor.last.cancelled()


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            memory_limit=0,
            silence_logs=50,
        ) as local,
        distributed.Client(local, set_as_default=False) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_dask_with_a_worker_killed_in_the_middle(cluster, many_blocks, tmp_path):
    assert_same(run(executor=cluster.get_executor()), run())
    expected, store, killed = run(trials=200), tmp_path / "run.zarr", []

    def kill():
        wait_for_a_block(store)
        pid = next(iter(cluster.run(os.getpid).values()))
        os.kill(pid, signal.SIGKILL)
        killed.append(len(list(store.glob("ledger/blocks/[0-9]*"))))

    killer = threading.Thread(target=kill)
    killer.start()
    table = run(trials=200, executor=cluster.get_executor(), store=store)
    killer.join()
    assert_same(table, expected)
    assert 0 < killed[0] < len(list(store.glob("ledger/blocks/[0-9]*")))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_dask_when_all_that_had_the_arrays_are_lost(cluster, many_blocks):
    expected = run(trials=300)
    killer = threading.Timer(
        0.3, lambda: [os.kill(pid, signal.SIGKILL) for pid in cluster.run(os.getpid).values()]
    )
    killer.start()
    table = run(trials=300, executor=cluster.get_executor())
    killer.join()
    assert_same(table, expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_command_line_on_dask(config):
    pytest.importorskip("distributed")
    assert call("run", config, "-o", "a", "--dask", "local:2").exit_code == 0
    assert call("run", config, "-o", "b").exit_code == 0
    one, other = (
        xr.open_zarr(config.parent / name / "risk.zarr", group="simulate") for name in "ab"
    )
    assert_same(one, other)
    expected = "--dask must be an address or local:N, N from 1 to 1024; got "
    for address in ("local:0", "local:", "local:two", "local:1025"):
        assert fails("run", config, "-o", "c", "--dask", address) == f"{expected}{address!r}"
    message = "--dask must be the address of a scheduler, got 'nonsense': missing port number"
    assert fails("run", config, "-o", "c", "--dask", "nonsense").startswith(message)
    assert not (config.parent / "c").exists()


def test_the_command_line_without_dask(config, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    message = "--dask needs the package distributed: pip install overprune[dask]"
    assert fails("run", config, "--dask", "local:2") == message


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("mpiexec") is None and "CI" not in os.environ,
    reason="needs mpiexec (Debian: openmpi-bin)",
)
def test_mpi_with_two_ranks(tmp_path):
    script = tmp_path / "run.py"
    code = """
    from mpi4py.futures import MPIPoolExecutor
    from overprune.simulation import run as _simulate
    from tables import assert_same
    from test_executors import run

    if __name__ == "__main__":
        _simulate._SECONDS = 1e-3
        with MPIPoolExecutor() as executor:
            table = run(executor=executor)
            print("workers", executor.num_workers)
        assert_same(table, run())
        print("the same")
    """
    script.write_text(textwrap.dedent(code))
    root = {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    command = [
        "mpiexec",
        "-n",
        "2",
        "--oversubscribe",
        sys.executable,
        "-m",
        "mpi4py.futures",
        script,
    ]
    done = subprocess.run(
        command,
        env=environment(**root),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["workers 1", "the same"]
