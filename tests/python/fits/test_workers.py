"""Threads inside one call: the same bits for any number of them, and none left afterwards."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

import overprune as op
import problems
from overprune import _validation as check

WORKERS = (2, 3, 7)


def data(n, p, m=1, *, rank=None):
    """X (n, p) and y; with `rank` columns that repeat."""
    X = problems.normal(n, p, seed=1)
    if rank:
        X = X[:, np.arange(p) % rank]
    y = problems.normal(n, m, seed=2)
    return X, y[:, 0] if m == 1 else y


def same_bits(call):
    """What `call` gives with one thread, which it must give with any number."""
    alone = call(1)
    for workers in WORKERS:
        assert call(workers).tobytes() == alone.tobytes(), workers
    return alone


SHAPES = [
    pytest.param(500, 300, {}, id="tall"),
    pytest.param(400, 900, {}, id="wide"),
    pytest.param(400, 900, {"m": 3}, id="several targets"),
    pytest.param(400, 900, {"m": 10}, id="many targets"),
    pytest.param(300, 700, {"rank": 200}, id="rank deficient"),
    pytest.param(40, 60, {}, id="small"),
    pytest.param(97, 1531, {"m": 2}, id="odd"),
]


@pytest.mark.parametrize("ridge", [0.0, 0.5])
@pytest.mark.parametrize(("n", "p", "more"), SHAPES)
def test_paths(n, p, more, ridge):
    X, y = data(n, p, **more)
    sizes = sorted({1, p // 5, n - 1, min(n, p), min(n + 40, p), p // 2, p} & set(range(1, p + 1)))
    order, nonzeros = np.random.default_rng(0).permutation(p), [1, n // 4, n // 2, n, p]
    nonzeros = sorted({s for s in nonzeros if s <= p})
    same_bits(lambda w: op.least_squares(X, y, ridge=ridge, workers=w))
    same_bits(lambda w: op.least_squares_path(X, y, sizes, ridge=ridge, workers=w))
    same_bits(lambda w: op.retrain_path(X, y, order, nonzeros, ridge=ridge, workers=w))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("n", "p", "more"), SHAPES[:5])
def test_prune_path_with_all_rules(n, p, more, order):
    X, y = data(n, p, **more)
    rules = check.RULES if np.ndim(y) == 1 else check.CUTTING_RULES
    grid = {"sizes": [p // 3, n // 2, n + 20, p], "nonzeros": [n // 8, n // 3, n // 2]}
    grid["sizes"] = sorted(k for k in grid["sizes"] if k <= p)
    truth = problems.normal(p, seed=5)

    def call(workers):
        path = op.prune_path(
            np.asarray(X, order=order), y, **grid, rules=rules, truth=truth, workers=workers
        )
        return np.concatenate(
            [a.ravel() for a in (path.dense, path._order, path._retrained, path.rank)]
        )

    same_bits(call)


@pytest.mark.parametrize("activation", ["relu", "erf", "cos", lambda z: z**3])
@pytest.mark.parametrize(
    ("n", "d", "p"), [(500, 90, 700), (97, 400, 1100), (1300, 50, 95), (1001, 30, 999)]
)
def test_random_features(n, d, p, activation):
    a, r, bias = problems.normal(n, d, seed=1), problems.normal(p, d, seed=2), np.arange(p) / p
    same_bits(lambda w: op.random_features(a, r, activation, bias, workers=w))
    same_bits(lambda w: op.random_features(a, p, activation, bias, seed=3, workers=w))


@pytest.mark.parametrize("count", [1, 999, 10**5, 1_234_567])
def test_standard_normal(count):
    same_bits(lambda w: op.standard_normal(count, seed=3, workers=w))
    assert op.standard_normal((count, 1), seed=3).shape == (count, 1)


@pytest.mark.parametrize("trials", [1, 2, 3])
def test_fewer_trials_than_workers(trials):
    problem = op.LinearGaussianProblem(problems.normal(700, seed=1) / 20, np.ones(700), 0.3)

    def call(workers):
        table = op.simulate(
            problem, 300, [100, 290, 320, 700], [50, 150], trials=trials, workers=workers
        )
        return np.stack([table[name].values for name in ("pruned_risk", "retrained_risk")])

    same_bits(call)


def test_schedules_with_fewer_trials_than_workers():
    problem = op.LinearGaussianProblem(problems.normal(500, seed=1) / 20, np.ones(500), 0.3)
    same_bits(
        lambda w: (
            op.simulate_schedule(
                problem, 300, 500, [200, 100], rules=["magnitude"], trials=2, workers=w
            ).retrained_risk.values
        )
    )


def threads():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1


def test_no_thread_stays():
    X, y = data(600, 1500)
    before = threads()
    op.least_squares(X, y, workers=4)
    op.random_features(X, X, workers=4)
    with pytest.raises(ValueError, match="finite"):
        op.random_features(X, X, lambda z: z * np.inf, workers=4)
    for _ in range(100):  # the system's list may show a thread for a moment after it was joined
        if threads() == before:
            break
        threading.Event().wait(0.01)
    assert threads() == before


def test_an_exception_of_a_callable_leaves_through_the_call():
    class Odd(Exception):
        pass

    def activation(z):
        if (z > 4.0).any():
            raise Odd
        return z

    X = problems.normal(600, 300, seed=1)
    with pytest.raises(Odd):
        op.random_features(X, X, activation, workers=3)
    assert np.isfinite(op.random_features(X, X, workers=3)).all()


def test_calls_inside_a_callable():
    X = problems.normal(600, 200, seed=1)

    def activation(z):
        op.least_squares(X, X[:, 0], workers=2)
        return z

    expected = op.random_features(X, X, "identity", workers=1)
    assert (op.random_features(X, X, activation, workers=2) == expected).all()


def test_workers_are_checked():
    X, y = data(5, 4)
    for call in (
        lambda w: op.least_squares(X, y, workers=w),
        lambda w: op.least_squares_path(X, y, [2], workers=w),
        lambda w: op.retrain_path(X, y, [1, 2], [1], workers=w),
        lambda w: op.prune_path(X, y, [3], [1], workers=w),
        lambda w: op.random_features(X, X, workers=w),
        lambda w: op.standard_normal(3, seed=0, workers=w),
        lambda w: op.standard_normal((3, 2), seed=0, workers=w),
    ):
        with pytest.raises(ValueError, match="workers must be between 1 and 1024, got 0"):
            call(0)
        with pytest.raises(TypeError, match="workers must be an integer, got 'all'"):
            call("all")


def test_little_work_does_not_ask_for_the_cores(monkeypatch):
    X, y = data(5, 4)
    monkeypatch.setattr(check.os, "sched_getaffinity", None, raising=False)
    assert np.isfinite(op.least_squares(X, y)).all()
    assert np.isfinite(op.random_features(X, X)).all()
    assert np.isfinite(op.standard_normal((3, 2), seed=0)).all()
