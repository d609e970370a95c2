"""Predictions size by size, where somebody watches: no size depends on the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import _validation as check
from .._progress import Part, Stages
from .._table import Arrays, Grid


def part_of(progress: Any) -> Part:
    """What the argument `progress` asks for: a bar or none; a part of others' stages as it is."""
    if isinstance(progress, Part):
        return progress
    return Part(Stages(check.flag(progress, "progress")), closes=True)


@dataclass(frozen=True)
class BySize:
    """The work of a prediction, counted as it is done."""

    part: Part
    grid: Grid[Any]
    is_drawn: bool

    @classmethod
    def of(cls, part: Part, grid: Grid[Any], *, is_drawn: bool) -> BySize:
        """Of a whole grid, which the part is told of."""
        work = cls(part, grid, is_drawn)
        part.expect(work.units(grid.sizes))
        return work

    def units(self, sizes: Sequence[float]) -> float:
        """Of the work on these sizes."""
        return units(sizes, len(self.grid.n) * len(self.grid.ridge), is_drawn=self.is_drawn)

    def run(self, workers: int, find: Callable[[Grid[Any]], Sequence[Arrays]]) -> list[Arrays]:
        """The tables of all trainings that `find` gives for a grid; where they are shown, of the
        largest sizes first, as many at a time as there are workers."""
        sizes = self.grid.sizes
        step = workers if self.part.is_shown else len(sizes)
        parts: list[Sequence[Arrays]] = []
        for end in range(len(sizes), 0, -step):
            some = sizes[max(0, end - step) : end]
            parts.insert(0, find(replace(self.grid, sizes=some)))
            self.part.count(self.units(some))
        return [joined(tables, "size") for tables in zip(*parts, strict=True)]


_DRAWS = 64.0  # what the draws of one training take, in units of a size's square


def units(sizes: Sequence[float], trainings: float, *, is_drawn: bool) -> float:
    """About what predictions of so many trainings take: a basis of each size and draws in it, or
    closed forms."""
    if not is_drawn:
        return float(trainings * len(sizes))
    return float(sum(k * k * (k + _DRAWS * trainings) for k in sizes))


def joined(tables: Sequence[Arrays], along: str) -> Arrays:
    """Tables of parts of a dimension as one; what lacks it is the last part's, as in the core."""
    if len(tables) == 1:
        return tables[0]
    return {
        name: (dims, np.concatenate([table[name][1] for table in tables], dims.index(along)))
        if along in dims
        else (dims, values)
        for name, (dims, values) in tables[-1].items()
    }
