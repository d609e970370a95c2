"""Rows of bench_peers.py about threads: over trials, and inside one call."""

from __future__ import annotations

import timing  # isort: skip  # first: it pins the threads

import json
import subprocess
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rows_sweep import sweeps
from solvers import Sweep

import overprune as op

FMA_PEAK = Path(__file__).parents[2] / "build/bench/bench/cpp/overprune_fma_peak"
Call = Callable[[int], object]  # with so many threads


def _peak_gain(options: Namespace) -> Callable[[int], float] | None:
    """What a second thread of multiply-adds gains, measured once a run."""
    if not Path(options.fma).exists():
        print(
            f"skipped: {options.fma} is not there (cmake --preset bench && cmake --build --preset "
            f"bench)"
        )
        return None
    gains: dict[int, float] = {}

    def fma(threads: int) -> float:
        done = subprocess.run(
            [options.fma, str(threads)], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)["gflops"]

    def gain(run: int) -> float:
        if run not in gains:
            alone, two = fma(1), fma(2)
            gains[run] = two / alone
        return gains[run]

    return gain


def _gain(options: Namespace, call: Call, run: int) -> tuple[float, float]:
    """What a second thread gains, and the time of two; who comes first changes from run to run."""
    taken = {}
    for threads in (1, 2) if run % 2 == 0 else (2, 1):
        taken[threads] = timing.seconds(lambda threads=threads: call(threads), options.least)
    return taken[1] / taken[2], taken[2]


def _rows(
    options: Namespace, peak: Callable[[int], float] | None, work: str, call: Call, least: float
) -> list[timing.Row]:
    """The gain of a second thread, and its share of what multiply-adds gain in the same run."""
    found: dict[int, tuple[float, float]] = {}

    def gain(run: int) -> tuple[float, float]:
        found[run] = _gain(options, call, run)
        return found[run]

    bar = f"at least {least:g}" if least else ""
    rows = [timing.Row(work, "one thread (gain)", bar, gain)]
    if peak is not None and least < 0.97:

        def share(run: int) -> tuple[float, float]:
            ratio, own = found[run]
            return ratio / peak(run), own

        rows.append(timing.Row(work, "the gain of that loop", "at least 0.85", share))
    return rows


def _peak_row(peak: Callable[[int], float]) -> timing.Row:
    return timing.Row(
        "a loop of multiply-adds in two threads",
        "one thread (gain)",
        "",
        lambda run: (peak(run), float("nan")),
    )


def workers_rows(options: Namespace) -> list[timing.Row]:
    """What a second worker gains, next to what a second thread of multiply-adds alone gains just
    then."""
    first = sweeps(options)[0]
    sweep = first if options.quick else Sweep(first.n, first.p, trials=32)
    tables = [sweep.simulate(sweep.three, workers) for workers in (1, 2)]
    assert tables[0].drop_attrs().identical(tables[1].drop_attrs())
    work = f"simulate with two workers, {sweep.trials} trials, {sweep.name}"
    peak = _peak_gain(options)
    rows = _rows(
        options, peak, work, lambda workers: sweep.simulate(sweep.three, workers), least=0.95
    )
    return rows if peak is None else [_peak_row(peak), *rows]


def _path(n: int, p: int, sizes: list[int], nonzeros: list[int]) -> Call:
    X = op.standard_normal((n, p), seed=1)
    y = op.standard_normal(n, seed=2)
    paths = [op.prune_path(X, y, sizes, nonzeros, workers=workers) for workers in (1, 2)]
    assert all(np.array_equal(path.dense, paths[0].dense) for path in paths)
    return lambda workers: op.prune_path(X, y, sizes, nonzeros, workers=workers)


def _features(n: int, d: int, p: int) -> Call:
    A, R = op.standard_normal((n, d), seed=1), op.standard_normal((p, d), seed=2)
    assert np.array_equal(op.random_features(A, R, workers=1), op.random_features(A, R, workers=2))
    return lambda workers: op.random_features(A, R, workers=workers)


def _normals(count: int) -> Call:
    return lambda workers: op.standard_normal(count, seed=1, workers=workers)


def threads_rows(options: Namespace) -> list[timing.Row]:
    """What a second thread gains inside one call; of little work, that it costs nothing."""
    peak = _peak_gain(options)
    sizes, nonzeros = [500, 1500, 2500, 4000, 6000], [200, 800]
    large: list[tuple[str, Callable[[], Call]]] = [
        (
            "prune_path with two threads, n = 1000, p = 6000",
            lambda: _path(1000, 6000, sizes, nonzeros),
        ),
        (
            "prune_path with two threads, n = 2000, p = 6000",
            lambda: _path(2000, 6000, sizes, nonzeros),
        ),
        ("random features with two threads, 2000 x 784 x 8000", lambda: _features(2000, 784, 8000)),
        ("10^6 normals with two threads", lambda: _normals(10**6)),
        ("10^7 normals with two threads", lambda: _normals(10**7)),
    ]
    steps = [50, 100, 150, 200, 300]
    small: list[tuple[str, Callable[[], Call]]] = [
        ("prune_path with two threads, n = 30, p = 60", lambda: _path(30, 60, [10, 20, 60], [5])),
        ("prune_path with two threads, n = 100, p = 300", lambda: _path(100, 300, steps, [10, 30])),
        ("random features with two threads, 100 x 100 x 100", lambda: _features(100, 100, 100)),
        ("random features with two threads, 300 x 300 x 300", lambda: _features(300, 300, 300)),
        ("10^4 normals with two threads", lambda: _normals(10**4)),
        ("10^5 normals with two threads", lambda: _normals(10**5)),
    ]
    rows = [] if peak is None or options.quick else [_peak_row(peak)]
    for least, works in ((0.0, [] if options.quick else large), (0.97, small)):
        for work, make in works:
            rows += _rows(options, peak, work, make(), least)
    return rows
