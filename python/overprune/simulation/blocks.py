"""A simulation cut into blocks of trials: pure functions of (problem, plan, seed, trials), run
anywhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import _core
from .._table import Arrays, Plan
from .._validation import FloatArray
from ..problems.problem import Problem

if TYPE_CHECKING:
    import xarray as xr

MOST_BYTES = 2**26  # of a block's results, where it has more than one trial


class Block(NamedTuple):
    """Trials `first`, ..., `first + trials - 1` of one n and one ridge, by their positions in the
    plan."""

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


def part_of(results: Iterable[tuple[Block, Result]], block: Block) -> Result | None:
    """The result of a block from those of other blocks, which follow one another in its cell; None
    where they have not got all of its trials."""
    own = sorted((part for part in results if part[0][:2] == block[:2]), key=lambda part: part[0])
    trials = sum(done.trials for done, _ in own)
    begin = block.first - own[0][0].first if own else 0
    if begin + block.trials > trials:
        return None
    cut = slice(begin, begin + block.trials)
    found = [result for _, result in own]
    values = {
        name: np.concatenate([result.values[name] for result in found], axis=-1)[..., cut]
        for name in found[0].values
    }
    seconds = sum(result.seconds for result in found) * block.trials / trials
    return Result(values, seconds, found[0].engine)


def engine() -> tuple[str, str]:
    """Version and kernel level of this process: another one's results differ in the last digits."""
    facts = _core.build_info()
    return str(facts["version"]), str(facts["kernel_level"])


@dataclass(frozen=True)
class Work:
    """What all blocks of a simulation have in common."""

    problem: Problem
    plan: Plan[int]
    sample_curvature: bool
    seed: int
    design_limit: int | None = None
    """Bytes beyond which X is drawn in blocks of columns, where that is possible; changes no bit.
    """

    def layout(self) -> dict[str, dict[str, int]]:
        """The variables of the table: name -> dimensions and their lengths at one n and one ridge,
        without the trials."""
        return self.plan.layout(self.problem._core)

    def attributes(self) -> dict[str, Any]:
        """Of the table: the arguments of the plan."""
        return self.plan.attributes(self.plan.simulator)

    def dataset(
        self, arrays: Arrays, attributes: Mapping[str, Any], trials: np.ndarray[Any, Any]
    ) -> xr.Dataset:
        """The table of arrays (n, ridge, ..., trial), whose names leave n and ridge out."""
        return self.plan.dataset(self.plan.simulator, arrays, attributes, trials)

    @property
    def shape(self) -> tuple[int, int]:
        """How many n and ridges there are."""
        return len(self.plan.n), len(self.plan.ridge)

    def cells(self) -> Iterator[tuple[int, int]]:
        """Positions of all n and ridges."""
        n, ridges = self.shape
        return product(range(n), range(ridges))

    def bytes_per_trial(self) -> int:
        """Of the results of one n and ridge."""
        return 8 * sum(math.prod(lengths.values()) for lengths in self.layout().values())

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
        each one while the next ones are being computed: no worker waits between them. A schedule's
        trials are handed over at the end."""
        n, ridge, first, _ = blocks[0]
        began = time.perf_counter()

        def hand_over(i: int, found: Arrays) -> None:
            nonlocal began
            now = time.perf_counter()
            values = {name: np.moveaxis(array, 0, -1) for name, (_, array) in found.items()}
            spent, began = workers * (now - began), now
            take(blocks[i], Result(values, spent, engine()))

        trials = _core.Trials(
            n=self.plan.n[n],
            first=first,
            seed=self.seed,
            workers=workers,
            sample_curvature=self.sample_curvature,
            design_limit=self.design_limit,
        )
        ends = [block.first - first + block.trials for block in blocks]
        core, cell = self.problem._core, self.plan.cell(n, ridge)
        if self.streams:
            _core.simulate(core, cell, trials, ends, monitor, hand_over)
        else:
            (trials.count,) = ends
            hand_over(0, _core.simulate_schedule(core, cell, trials, monitor))

    @property
    def streams(self) -> bool:
        """Whether `stream` takes several blocks."""
        return self.plan.simulator == "simulate"

    def memory(self, n: int, ridge: int, threads: int = 1) -> tuple[int, int]:
        """Bytes of X (n, p), 0 where it is drawn in blocks, and of all that one worker holds, X
        included, with so many threads inside a trial."""
        grid = self.plan.grid(n, ridge)
        design, sampler, solvers = _core.worker_memory(
            self.problem._core, grid, self.plan.n[n], self.design_limit, threads
        )
        return int(design), int(design + sampler + solvers)
