"""Rows of bench_peers.py about parts: random bits, selection, features and levels."""

from __future__ import annotations

import timing  # isort: skip  # first: it pins the threads

import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rows_sweep import sweeps
from solvers import Sweep, torch

import overprune as op


def _row(
    options: Namespace, work: str, name: str, bar: float | None, own: Callable, peer: Callable
) -> timing.Row:
    return timing.versus(
        work,
        name,
        bar,
        lambda run: timing.seconds(own, options.least),
        lambda run: timing.seconds(peer, options.least),
    )


def _check_normal(z: np.ndarray) -> None:
    """The first four moments, within five standard errors."""
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - moment) < 5 * (variance / z.size) ** 0.5


def normals_rows(options: Namespace) -> list[timing.Row]:
    rows: list[timing.Row] = []
    for count in [10**5, 10, 100, 1000, 10**6]:
        rng = np.random.default_rng(0)
        draws = {
            "ours": lambda count=count: op.standard_normal(count, seed=0, workers=1),
            "numpy PCG64": lambda count=count, rng=rng: rng.standard_normal(count),
        }
        if torch is not None:
            torch.manual_seed(0)
            draws["torch"] = lambda count=count: torch.randn(count, dtype=torch.float64)
        if count == 10**5:  # not timed: they draw from one law
            for draw in draws.values():
                _check_normal(np.asarray(draw()))
            continue
        if options.quick and count > 1000:
            break
        for name, bar in (("numpy PCG64", 5.0), ("torch", 8.0)):
            if name in draws:
                bar = bar if count == 10**6 else 1.0
                rows.append(
                    _row(options, f"{count:,} normals", name, bar, draws["ours"], draws[name])
                )
    return rows


def select_rows(options: Namespace) -> list[timing.Row]:
    """Where the largest 1 % of non-negative scores are."""
    rows = []
    bars = {10: 1.0, 100: 1.0, 1000: 1.0, 10**4: 2.0, 10**6: 5.0, 10**7: 9.0}
    for count in [10, 1000] if options.quick else list(bars):
        scores, k = abs(op.standard_normal(count, seed=1)), max(count // 100, 1)

        def own(scores=scores, k=k) -> np.ndarray:
            return op.top_k(scores, k)

        def partition(scores=scores, k=k) -> np.ndarray:
            return np.argpartition(scores, scores.size - k)[scores.size - k :]

        peers: dict[str, tuple[Callable, float | None]] = {
            "numpy argpartition": (partition, bars[count])
        }
        if torch is not None:
            tensor = torch.from_numpy(scores)
            peers["torch topk"] = (
                lambda t=tensor, k=k: torch.topk(t, k, sorted=False).indices.numpy(),
                None,
            )
        for name, (call, bar) in peers.items():
            np.testing.assert_array_equal(np.sort(call()), own())
            rows.append(_row(options, f"{k:,} largest of {count:,}", name, bar, own, call))
    return rows


def features_rows(options: Namespace) -> list[timing.Row]:
    """relu(A R'), R drawn on the way."""
    rows = []
    shapes = [(10, 10, 10), (100, 100, 100), (300, 76, 300), (1000, 1000, 1000), (2000, 784, 8000)]
    for n, d, p in shapes[:2] if options.quick else shapes:
        A = op.standard_normal((n, d), seed=2)
        rng = np.random.default_rng(0)
        R = op.standard_normal((p, d), seed=1) / d**0.5
        np.testing.assert_allclose(op.random_features(A, R), np.maximum(A @ R.T, 0.0), atol=1e-12)
        del R

        def own(A=A, p=p) -> np.ndarray:
            return op.random_features(A, p, seed=1, workers=1)

        def by_numpy(A=A, d=d, p=p, rng=rng) -> np.ndarray:
            R = rng.standard_normal((p, d)) / d**0.5
            return np.maximum(A @ R.T, 0.0)

        large = (n, d, p) == shapes[-1]
        work = f"random features, {n} x {d} x {p}"
        assert by_numpy().min() == 0.0  # its weights are its own
        rows.append(_row(options, work, "numpy", 2.6 if large else 1.0, own, by_numpy))
        if torch is None:
            continue
        tensor = torch.from_numpy(A)

        def by_torch(A=tensor, d=d, p=p):
            return torch.relu(A @ (torch.randn(p, d, dtype=torch.float64) / d**0.5).T)

        assert float(by_torch().min()) == 0.0  # its weights are its own
        rows.append(_row(options, work, "torch", 1.6 if large else 1.0, own, by_torch))
    return rows


def product_rows(options: Namespace) -> list[timing.Row]:
    """A R', as features without an activation; ours with its checks of what goes in and comes
    out."""
    rows = []
    shapes = [(100, 100, 100), (150, 150, 150), (300, 24, 300), (300, 300, 300), (300, 1000, 300)]
    shapes += [(1000, 1000, 1000), (2000, 2000, 2000)] + [(4000, 4000, 4000)] * options.slow
    for n, d, p in shapes[:1] if options.quick else shapes:
        A, R = op.standard_normal((n, d), seed=1), op.standard_normal((p, d), seed=2)

        def own(A=A, R=R) -> np.ndarray:
            return op.random_features(A, R, "identity", workers=1)

        peers: dict[str, Callable] = {"numpy": lambda A=A, R=R: A @ R.T}
        if torch is not None:
            left, right = torch.from_numpy(A), torch.from_numpy(R)
            peers["torch"] = lambda left=left, right=right: left @ right.T
        for name, peer in peers.items():
            np.testing.assert_allclose(np.asarray(peer()), own(), atol=1e-11)
            rows.append(_row(options, f"product, {n} x {d} x {p}", name, 1.0, own, peer))
    return rows


def serve(n: int, p: int, trials: int) -> None:
    """A child of its own level: for every line that comes in, the seconds of one trial go out."""
    sweep = Sweep(n, p, count=8 if n < 100 else 40, trials=trials)
    sweep.simulate(sweep.three)
    for _ in sys.stdin:
        print(sweep.per_trial(sweep.three), flush=True)


class Child:
    """bench_peers.py again, at another level."""

    def __init__(self, level: str, sweep: Sweep) -> None:
        command = [sys.executable, str(Path(__file__).with_name("bench_peers.py")), "--serve"]
        self.process = subprocess.Popen(
            command + [str(value) for value in (sweep.n, sweep.p, sweep.trials)],
            env=os.environ | {"OVERPRUNE_KERNEL": level},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate()


def levels_rows(options: Namespace, closing: list[Callable[[], None]]) -> list[timing.Row]:
    """One trial at level v3 against v4: the speed of v3 as a fraction of that of v4."""
    if op.build_info()["kernel_level"] != "v4":
        print("skipped: levels, because this process does not run at level v4")
        return []
    sweep = sweeps(options)[0]
    children = {level: Child(level, sweep) for level in ("v3", "v4")}
    closing.extend(child.close for child in children.values())

    def sample(run: int) -> tuple[float, float]:
        slow, fast = children["v3"].seconds(), children["v4"].seconds()
        return fast / slow, slow

    return [
        timing.Row(
            f"one trial at v3, {sweep.name}", "at v4 (speed over speed)", "at least 0.6", sample
        )
    ]
