"""Calls from several Python threads, in forked and spawned processes, and what threads they leave:
none."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
import xarray as xr

import overprune as op
import problems
from overprune import _core
from processes import environment

GRID = {"n": 15, "sizes": [10, 25], "nonzeros": [5, 10]}
LINEAR = ("diagonal", "correlated", "several targets")


def sinh(z):
    return np.sinh(np.clip(z, -3, 3))


def bits(value):
    """What can be compared to the last bit."""
    if isinstance(value, xr.Dataset):
        return {name: bits(value[name].values) for name in value}
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    if isinstance(value, (tuple, list)):
        return [bits(item) for item in value]
    if isinstance(value, op.LinearGaussianProblem):
        return bits((value.beta, value.covariance, value.noise_covariance))
    if isinstance(value, op.PrunePath):
        return bits((value.dense, value.retrained("magnitude", 25, 10)))
    return repr(value)


@cache
def problem(i):
    return list(problems.EVERY.values())[i % len(problems.EVERY)]()


@cache
def linear(i):
    return problems.EVERY[LINEAR[i % len(LINEAR)]]()


def data(i):
    return problems.normal(20, 30, seed=i), problems.normal(20, seed=i + 100)


def callable_problem(i):
    return op.RandomFeatureProblem.draw(25, 8, noise_std=0.1, activation=sinh, seed=i)


def simulate(i):
    own = problem(i)
    return op.simulate(own, **GRID, rules=problems.rules_of(own), trials=3, seed=i, workers=2)


def predict(i):
    return op.predict(linear(i), **GRID, rules=["magnitude", "oracle"], draws=16, seed=i, workers=2)


def of_columns(count):
    """A wide design in which columns repeat: the rank-revealing fallback."""
    return lambda i: op.least_squares(data(i)[0][:, np.arange(count) % 7], data(i)[1])


CALLS = {
    "simulate": simulate,
    "simulate a callable": lambda i: op.simulate(callable_problem(i), **GRID, trials=2, workers=2),
    "simulate_schedule": lambda i: op.simulate_schedule(
        problem(i), 15, 25, [10, 5], rules=["magnitude"], trials=3, seed=i, workers=2
    ),
    "predict": predict,
    "predict_schedule": lambda i: op.predict_schedule(
        linear(i), 15, 25, [10, 5], draws=256, workers=2
    ),
    "sample": lambda i: problem(i).sample(9, seed=i),
    "risk": lambda i: linear(i).risk(np.ones((3, *linear(i).beta.shape))),
    "restrict": lambda i: linear(i).restrict([3, 1, 20]),
    "equivalent": lambda i: problems.relu_features().equivalent(),
    "equivalent of data": lambda i: problems.regression_data(features=20).equivalent(shrinkage=0.1),
    "a problem of a callable": lambda i: callable_problem(i).equivalent(),
    "random_features": lambda i: op.random_features(data(i)[0], data(i + 1)[0], "erf"),
    "random_features of a callable": lambda i: op.random_features(data(i)[0], data(i + 1)[0], sinh),
    "least_squares": lambda i: op.least_squares(*data(i), ridge=0.1 * i),
    "least_squares of dependent columns": of_columns(30),
    "least_squares_path": lambda i: op.least_squares_path(*data(i), [5, 20, 30]),
    "retrain_path": lambda i: op.retrain_path(*data(i), np.arange(30)[::-1], [5, 20, 25]),
    "prune_layer": lambda i: op.prune_layer(data(i + 1)[0][:3], data(i)[0], nonzeros=9).weight,
    "prune_path": lambda i: op.prune_path(*data(i), [10, 25], [5, 10]),
    "importance": lambda i: op.importance(data(i)[1], "magnitude"),
    "prune": lambda i: op.prune(data(i)[1], 5),
    "top_k": lambda i: op.top_k(data(i)[1], 5),
    "compensate": lambda i: op.compensate(data(i)[1], [1, 5], np.eye(20) + 0.5),
    "standard_normal": lambda i: op.standard_normal((7, 11), seed=i),
    "fixed_point": lambda i: op.fixed_point(1.0 + data(i)[1] ** 2, 9),
    "coefficient_law": lambda i: op.coefficient_law(linear(i), 15),
    "survival": lambda i: op.survival(linear(i % 2), 15, 25, [5], draws=16, workers=2),
    "sample_coefficients": lambda i: op.sample_coefficients(
        linear(i), 15, 25, 5, draws=4, workers=2
    ),
    "phase": lambda i: op.phase(linear(0), ("n", [10, 20]), ("nonzeros", [4, 8]), workers=2),
    "tune_ridge": lambda i: op.tune_ridge(linear(0), 15, 25),
    "advise": lambda i: op.advise(linear(0), 15, 5, sizes=[10, 25], schedules=False),
}


def tasks():
    """Threads of this process."""
    if not os.path.isdir("/proc/self/task"):
        return threading.active_count()
    return len(os.listdir("/proc/self/task"))


@contextlib.contextmanager
def no_new_threads():
    before = tasks()
    yield
    for _ in range(100):  # the kernel may list a thread for a moment after it was joined
        if tasks() <= before:
            break
        time.sleep(0.01)
    assert tasks() <= before


@pytest.mark.parametrize("name", CALLS)
def test_calls_from_several_threads_equal_calls_in_turn(name):
    """Different problems at once, and the same one in several threads; no thread is left."""
    call, numbers = CALLS[name], [0, 1, 2, 3, 0, 1, 1, 2]
    with no_new_threads():
        expected = {i: bits(call(i)) for i in set(numbers)}
    with no_new_threads(), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(call, numbers))
    assert [bits(value) for value in found] == [expected[i] for i in numbers]


def test_different_calls_at_once():
    names = list(CALLS)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: bits(CALLS[name](1)), names))
    assert found == [bits(CALLS[name](1)) for name in names]


class Enough(Exception):
    pass


def fails(z):
    raise Enough


ERRORS = {
    "a problem that knows no oracle": lambda: _core.simulate(
        problems.regression_data()._core,
        _core.Grid(sizes=[10], nonzeros=[5], rules=["oracle"]),
        *(_core.Trials(n=15, workers=2), [3], None, None),
    ),
    "more rows than there are": lambda: _core.simulate(
        problems.regression_data()._core,
        _core.Grid(sizes=[10], nonzeros=[5], rules=["magnitude"]),
        *(_core.Trials(n=1000, workers=2), [3], None, None),
    ),
    "a callable that fails": lambda: op.random_features(np.ones((2, 2)), np.ones((2, 2)), fails),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_leave_no_thread(name):
    with no_new_threads(), pytest.raises((ValueError, Enough)):
        ERRORS[name]()


def endless(progress, workers=2):
    """A run that only `progress` can end, at the level of the core."""
    own = problem(0)._core
    grid = _core.Grid(sizes=[10, 25], nonzeros=[5], rules=["magnitude"])
    return _core.simulate(own, grid, _core.Trials(n=15, workers=workers), [10**6], progress, None)


def endless_schedule(progress, workers=2):
    own = problem(0)._core
    schedule = _core.Schedule(size=25, nonzeros=[10, 5], rules=["magnitude"])
    trials = _core.Trials(n=15, count=10**6, workers=workers)
    return _core.simulate_schedule(own, schedule, trials, progress)


@pytest.mark.parametrize("run", [endless, endless_schedule])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_progress_that_raises_ends_a_run_in_any_thread(run, workers):
    """Python gives Ctrl-C to the main thread only: elsewhere `progress` is what stops a run."""

    def progress(done):
        raised.append(time.monotonic())
        raise Enough(done)

    def call():
        with pytest.raises(Enough):
            run(progress, workers)
        return time.monotonic()

    raised = []
    with no_new_threads():
        with ThreadPoolExecutor(2) as pool:
            ends = [pool.submit(call) for _ in range(2)]
            ends = [end.result(timeout=60) for end in ends]
        assert len(raised) == 2  # once in each run: nothing asks again
        assert max(ends) - max(raised) < 5.0
        ends = call()
        assert ends - raised[-1] < 5.0


def computed(i):
    return bits((simulate(i), predict(i), op.least_squares(*data(i))))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_of_multiprocessing(method):
    expected = [computed(i) for i in range(3)]  # the parent has used threads
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(computed, range(3)).get(timeout=120) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_fork_after_use():
    """A child computes with threads of its own, also where other threads were computing at the
    fork."""
    code = """
        import hashlib, os, threading
        from test_threads import computed

        def digest():
            return hashlib.sha256(repr(computed(1)).encode()).hexdigest()

        expected = digest()
        stop = threading.Event()

        def keep_busy():
            while not stop.is_set():
                computed(2)

        busy = threading.Thread(target=keep_busy)
        for others in (False, True):
            if others:
                busy.start()
            for _ in range(3):
                reading, writing = os.pipe()
                child = os.fork()
                if child == 0:
                    os.write(writing, digest().encode())
                    os._exit(0)
                os.close(writing)
                found = os.read(reading, 64).decode()
                assert os.waitpid(child, 0)[1] == 0
                assert found == expected, (others, found)
        stop.set()
        busy.join()
        assert digest() == expected
        print("done")
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment(),
        check=False,
    )
    assert done.stdout == "done\n", done.stderr
