"""A simulation cut into blocks of trials: pure functions of (problem, grid, seed, trials), run
anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from .. import _core
from .._table import Grid
from .._validation import FloatArray
from ..problems.data_problem import DataProblem
from ..problems.feature_problem import RandomFeatureProblem
from ..problems.problem import LinearGaussianProblem, Problem

MOST_BYTES = 2**26  # of a block's results, where it has more than one trial


class Block(NamedTuple):
    """Trials `first`, ..., `first + trials - 1` of one n and one ridge, by their positions in the
    grid."""

    n: int
    ridge: int
    first: int
    trials: int


class Result(NamedTuple):
    """What a block has found, how many seconds its workers took together, and what computed it."""

    values: Mapping[str, FloatArray]
    seconds: float
    engine: tuple[str, str]


def consecutive(blocks: Iterable[Block], most: int) -> Iterator[list[Block]]:
    """Lists of blocks that follow one another in one cell: single ones, or with at most `most`
    trials."""
    part: list[Block] = []
    trials = 0
    for block in blocks:
        follows = bool(part) and block[:3] == (*part[0][:2], part[0].first + trials)
        if part and not (follows and trials + block.trials <= most):
            yield part
            part, trials = [], 0
        part.append(block)
        trials += block.trials
    if part:
        yield part


def engine() -> tuple[str, str]:
    """Version and kernel level of this process: another one's results differ in the last digits."""
    facts = _core.build_info()
    return str(facts["version"]), str(facts["kernel_level"])


@dataclass(frozen=True)
class Work:
    """What all blocks of a simulation have in common."""

    problem: Problem
    grid: Grid[int]
    sample_curvature: bool
    seed: int
    design_limit: int | None = None
    """Bytes beyond which X is drawn in blocks of columns, where that is possible; changes no bit.
    """

    def names(self) -> list[str]:
        """The variables of the table."""
        quantities = ["risk"]
        if getattr(self.problem, "classes", None) is not None:
            quantities.append("accuracy")
        stages = ["dense", "pruned", *(["retrained"] if self.grid.retrain else [])]
        names = [f"{stage}_{quantity}" for quantity in quantities for stage in stages]
        return [*names, *(["compensated_risk"] if self.grid.compensate else [])]

    def cells(self) -> Iterator[tuple[int, int]]:
        """Positions of all n and ridges."""
        return product(range(len(self.grid.n)), range(len(self.grid.ridge)))

    def shape(self, name: str) -> tuple[int, ...]:
        """Lengths of a variable's dimensions within a block, but for the trials."""
        lengths = {
            "rule": len(self.grid.rules),
            "size": len(self.grid.sizes),
            "nonzeros": len(self.grid.nonzeros),
        }
        return tuple(lengths[dim] for dim in self.grid.dims(name))

    def bytes_per_trial(self) -> int:
        """Of the results of one n and ridge."""
        return 8 * sum(int(np.prod(self.shape(name))) for name in self.names())

    def run(
        self, block: Block, workers: int = 1, monitor: Callable[[int], None] | None = None
    ) -> Result:
        """Computes a block; its arrays have the trials last.

        `monitor` is called about twenty times a second with the number of trials done; what it
        raises stops the block.
        """
        results: list[Result] = []
        self.stream([block], workers, monitor, lambda _, result: results.append(result))
        return results[0]

    def stream(
        self,
        blocks: Sequence[Block],
        workers: int,
        monitor: Callable[[int], None] | None,
        take: Callable[[Block, Result], None],
    ) -> None:
        """Computes blocks that follow one another in one cell, all workers at each, and hands over
        each one while the next ones are being computed: no worker waits between them."""
        grid, first, cell = self.grid, blocks[0].first, blocks[0][:2]
        began = time.perf_counter()

        def hand_over(i: int, found: dict[str, FloatArray]) -> None:
            nonlocal began
            now = time.perf_counter()
            values = {name: np.moveaxis(found[name], 0, -1) for name in self.names()}
            spent, began = workers * (now - began), now
            take(blocks[i], Result(values, spent, engine()))

        _core.simulate(
            self.problem._core,
            grid.n[cell[0]],
            grid.sizes,
            grid.nonzeros,
            grid.rules,
            grid.retrain,
            grid.ridge[cell[1]],
            grid.retrain_ridge,
            grid.compensate,
            self.sample_curvature,
            first,
            [block.first - first + block.trials for block in blocks],
            self.seed,
            workers,
            monitor,
            hand_over,
            **self._limits(),
        )

    def _limits(self) -> dict[str, int]:
        return {} if self.design_limit is None else {"design_limit": self.design_limit}

    def memory(self, n: int, ridge: int) -> tuple[int, int]:
        """Bytes of X (n, p), 0 where it is drawn in blocks, and of all that one worker holds, X
        included."""
        grid = self.grid
        design, sampler, solvers = _core.worker_memory(
            self.problem._core,
            grid.n[n],
            grid.sizes,
            grid.nonzeros,
            grid.rules,
            grid.retrain,
            grid.ridge[ridge],
            grid.retrain_ridge,
            grid.compensate,
            **self._limits(),
        )
        return int(design), int(design + sampler + solvers)

    def seconds_per_trial(self) -> float:
        """A rough guess, right within a small factor, from which the length of blocks follows."""
        n, sizes, m = (
            max(self.grid.n),
            np.array(self.grid.sizes, dtype=np.float64),
            self.problem.targets,
        )
        p, flop, normal = float(self.problem.p), 2e-11, 3e-9
        kept = np.array(self.grid.nonzeros, dtype=np.float64)
        seconds = 1e-5 + 2e-6 * len(self.grid.rules) * sizes.size * kept.size
        seconds += n * p * normal + _drawing(self.problem, n) * flop
        seconds += 2 * min(n, p) ** 2 * max(n, p) * flop + (6 * n * m * sizes).sum() * 2 * flop
        points = [kept[kept <= k] for k in sizes]
        supports = [active for active in points if active.size]
        if self.grid.retrain:
            # Of the products of a support's columns most are there from the size before.
            work = sum(
                n * a[-1] ** 2 / 3 + a[-1] ** 3 / 3 + (4 * n * a + 6 * a**2).sum() * m
                for a in supports
            )
            seconds += len(self.grid.rules) * work * flop
        scored = len(self.grid.rules) * sizes.sum() * 5e-9
        return float(
            seconds + scored + _judging(self.problem, sizes, points, len(self.grid.rules)) * flop
        )


def _drawing(problem: Problem, n: int) -> float:
    """Operations that draw X, besides its random numbers."""
    p = float(problem.p)
    if isinstance(problem, LinearGaussianProblem):
        return 0.0 if problem._core.diagonal else 2 * n * p * p
    if isinstance(problem, RandomFeatureProblem):
        return float(2 * n * p * problem.weights.shape[1])
    if isinstance(problem, DataProblem) and problem.features:
        return float(2 * p * (n + problem.test_inputs.shape[0]) * problem.inputs.shape[1])
    return 0.0


def _judging(problem: Problem, sizes: FloatArray, points: list[FloatArray], rules: int) -> float:
    """Operations that measure the risks of all models."""
    if isinstance(problem, DataProblem):
        rows = float(problem.test_inputs.shape[0])
        pruned = sum(a[-1] * a.size for a in points if a.size)
        return 2 * rows * problem.targets * float(sizes.sum() + 2 * rules * pruned)
    if isinstance(problem, LinearGaussianProblem) and problem._core.diagonal:
        return 10 * float(sizes.sum())
    return 2 * float(
        (sizes**2).sum() + 2 * rules * sum(a[-1] ** 2 * a.size for a in points if a.size)
    )
