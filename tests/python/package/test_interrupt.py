"""Ctrl-C ends every long call soon, wherever it comes, and leaves a process that computes as
before.

The calls run in a process of their own, over and over, so that SIGINT comes at any moment of them;
the bound is generous, for machines that are busy.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import overprune as op

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")

BOUND = 5.0

CHILD = """
import gc, json, os, signal, sys, time
import numpy as np
import overprune as op
from overprune._provenance import describe

signal.signal(signal.SIGINT, signal.default_int_handler)


def normal(*shape):
    return op.standard_normal(shape, seed=1)


def threads():
    tasks = "/proc/self/task"
    return len(os.listdir(tasks)) if os.path.isdir(tasks) else 1


def extra_threads():
    # The kernel's list may show a thread for a moment after it was joined.
    for _ in range(100):
        if threads() == before:
            break
        time.sleep(0.01)
    return threads() - before


def answers():
    X, y = normal(30, 50), normal(30)
    i = np.arange(40)
    problem = op.LinearGaussianProblem(normal(40) / 6, 0.7 ** abs(i[:, None] - i), 0.3)
    grid = problem, 15, [10, 40], [5]
    found = op.least_squares(X, y), op.least_squares(X[:, [0] * 20], y), problem.restrict(20).beta
    tables = op.simulate(*grid, trials=3, workers=2), op.predict(*grid, draws=8, workers=2)
    return b"".join(a.tobytes() for a in [*found, *(t.retrained_risk.values for t in tables)])


before = threads()
right = answers()
for line in sys.stdin:
    setup, call = json.loads(line)
    names = dict(globals())
    exec(setup, names)
    code = compile(call, "call", "exec")
    error = ""
    try:
        print("started", flush=True)
        while True:
            exec(code, names)
    except KeyboardInterrupt:
        end = time.monotonic()
    names.clear()
    gc.collect()
    print(json.dumps([end, answers() == right, extra_threads()]), flush=True)
"""

DENSE = (
    "a = normal({0}, {0}) / {0}**0.5; sigma = a @ a.T + np.eye({0}); beta = normal({0}) / {0}**0.5"
)
PROBLEM = DENSE + "; problem = op.LinearGaussianProblem(beta, sigma, 0.3)"
DIAGONAL = (
    "problem = op.LinearGaussianProblem(normal({0}) / {0}**0.5, np.arange(1, {0} + 1) ** -0.5, 0.3)"
)

CALLS = {
    "a problem of a large covariance": (
        "sigma = np.eye(4000) + 0.5; beta = np.ones(4000)",
        "op.LinearGaussianProblem(beta, sigma)",
    ),
    "a problem of a singular covariance": (
        "a = normal(1500, 700); sigma = a @ a.T; beta = np.ones(1500)",
        "op.LinearGaussianProblem(beta, sigma)",
    ),
    "restrict": (PROBLEM.format(1200), "problem.restrict(range(1199, 50, -1))"),
    "problem of many features": (
        "many = np.ones(20_000_000)",
        "describe(op.LinearGaussianProblem(many, many, 1.0))",
    ),
    "sample": (PROBLEM.format(1200), "problem.sample(20_000, seed=0)"),
    "standard_normal": ("", "op.standard_normal(30_000_000, seed=0)"),
    "random_features": (
        "a, w = normal(20_000, 200), normal(2000, 200)",
        "op.random_features(a, w, 'erf')",
    ),
    "random-feature problem": (
        "w, t = normal(1500, 800) / 30, normal(800) / 30",
        "op.RandomFeatureProblem(w, t, 0.1)",
    ),
    "equivalent": (
        "x, y = normal(5000, 300), normal(5000)",
        "op.DataProblem(x, y, x, y, features=1500).equivalent()",
    ),
    "least_squares": ("X, y = normal(2000, 6000), np.ones(2000)", "op.least_squares(X, y)"),
    "least_squares of dependent columns": (
        "X, y = normal(800, 300) @ normal(300, 2500), np.ones(800)",
        "op.least_squares(X, y)",
    ),
    "least_squares_path": (
        "X, y = normal(600, 9000), np.ones(600)",
        "op.least_squares_path(X, y, range(600, 9000))",
    ),
    "retrain_path": (
        "X, y = normal(600, 9000), np.ones(600)",
        "op.retrain_path(X, y, range(9000), range(600, 9000))",
    ),
    "prune_layer": (
        "X, w = normal(2000, 900), normal(2000, 900)",
        "op.prune_layer(w, X, nonzeros=100)",
    ),
    "prune_path": (
        "X, y = normal(1000, 3000), np.ones(1000)",
        "op.prune_path(X, y, range(1000, 3000, 100), [10, 100], rules=['magnitude', 'hessian'])",
    ),
    "compensate": (DENSE.format(1500), "op.compensate(beta, np.arange(1400), sigma)"),
    "simulate": (
        DIAGONAL.format(1500),
        "op.simulate(problem, 400, range(10, 1500, 10), [5, 50], trials=2000, workers=2)",
    ),
    "simulate_schedule": (
        DIAGONAL.format(1500),
        "op.simulate_schedule(problem, 400, 1500, range(700, 10, -10), trials=5000)",
    ),
    "predict, independent features": (
        DIAGONAL.format(3000),
        "op.predict(problem, 1000, range(500, 3001, 10), range(1, 3001))",
    ),
    "predict, many features": (
        "problem = op.LinearGaussianProblem(normal(2_000_000), 1 + normal(2_000_000) ** 2, 0.3)",
        "op.predict(problem, 500_000, [2_000_000], [1000, 100_000], rules=['magnitude', 'oracle'])",
    ),
    "predict, correlated features": (
        PROBLEM.format(1500),
        "op.predict(problem, 700, [750, 1500], [100, 700], workers=2)",
    ),
    "predict, many draws": (
        PROBLEM.format(300),
        "op.predict(problem, 150, [200, 300], [50, 180], draws=10**6, workers=1)",
    ),
    "predict_schedule": (
        DIAGONAL.format(1500),
        "op.predict_schedule(problem, 400, 1500, [300, 200, 100], draws=2**16)",
    ),
    "predict_schedule, correlated features": (
        PROBLEM.format(800),
        "op.predict_schedule(problem, 400, 800, [300, 150, 50], rules=['magnitude', 'oracle'])",
    ),
    "coefficient_law": (PROBLEM.format(1500), "op.coefficient_law(problem, 700)"),
    "survival": (PROBLEM.format(800), "op.survival(problem, 400, 800, [100, 200], draws=4096)"),
    "phase": (
        DIAGONAL.format(1000),
        "op.phase(problem, ('n', np.arange(50, 1050, 5)), ('nonzeros', np.arange(5, 500, 5)))",
    ),
}


class Process:
    """Runs calls until it is interrupted; started again after a test that lost it."""

    def __init__(self):
        self.process = None

    def line(self, wait):
        ready, _, _ = select.select([self.process.stdout], [], [], wait)
        assert ready, "no answer in time"
        text = self.process.stdout.readline()
        assert text, "the process has died"
        return text

    def interrupt(self, setup, call, moment):
        """Seconds until the call ended, whether the process still computes right, and threads left
        over."""
        if self.process is None:
            command = [sys.executable, "-u", "-c", CHILD]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdin.write(json.dumps([setup, call]).encode() + b"\n")
        self.process.stdin.flush()
        assert self.line(60) == b"started\n"
        time.sleep(moment)
        start = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        end, right, extra = json.loads(self.line(60))
        return end - start, right, extra

    def kill(self):
        if self.process is None:
            return
        self.process.kill()
        self.process.communicate()
        self.process = None


@pytest.fixture(scope="module")
def child():
    process = Process()
    yield process
    process.kill()


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_ends_a_long_call(child, name):
    moment = random.uniform(0.05, 0.9)  # from the clock's seed: other moments in every run
    try:
        latency, right, extra = child.interrupt(*CALLS[name], moment)
    except BaseException:
        child.kill()
        raise
    assert latency < BOUND, f"interrupted after {moment} s"
    assert right
    assert extra == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_stops_slow_callables(workers):
    started = threading.Event()

    def slow(z):
        if started.is_set():
            time.sleep(0.02)
        return np.tanh(z)

    problem = op.RandomFeatureProblem.draw(20, 5, noise_std=0.1, activation=slow, seed=0)
    started.set()
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        op.simulate(problem, 20, [10], [5], trials=10_000, workers=workers)
    timer.join()
    assert time.perf_counter() - begin < BOUND


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals a thread by its number")
def test_a_signal_to_a_worker_is_a_signal_to_the_process():
    """The handler of Python only takes a note of it, whichever thread it meets: the main thread
    raises."""
    import ctypes

    libc = ctypes.CDLL(None)
    if not hasattr(libc, "tgkill"):
        pytest.skip("this C library has no tgkill")
    known = {int(task) for task in os.listdir("/proc/self/task")}
    sent = []

    def signal_a_worker():
        helper = threading.get_native_id()
        while not sent:
            for task in {int(task) for task in os.listdir("/proc/self/task")} - known - {helper}:
                if libc.tgkill(os.getpid(), task, signal.SIGINT) == 0:
                    sent.append(task)
                    return
            time.sleep(0.01)

    problem = op.LinearGaussianProblem(np.ones(300), np.ones(300), 0.1)
    thread = threading.Thread(target=signal_a_worker)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            op.simulate(problem, 100, [50, 300], [5], trials=10**6, workers=2)
    finally:
        sent.append(None)
        thread.join()
    assert sent[0] is not None
    assert op.simulate(problem, 100, [50], [5], trials=2, workers=2).dense_risk.notnull().all()
