"""What a simulation takes of the memory, and what there is."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from .._validation.memory import available, megabytes
from .blocks import Work


def room_of(limit: int | None) -> int | None:
    """Bytes that a run may take: a limit, or where there is none what is available."""
    return available() if limit is None else limit


def within(work: Work, workers: int, limit: int | None) -> Work:
    """`work`, with X drawn in blocks of columns where that many workers would not fit otherwise, or
    not even one where drawing again costs much."""
    room = room_of(limit)
    if room is None:
        return work
    held, count = _largest(work), workers if work.problem._core.redraws_cheaply else 1
    if count * held <= room:
        return work
    drawn = replace(work, design_limit=0)
    return drawn if _largest(drawn) < held else work


def _largest(work: Work) -> int:
    """Bytes of the largest worker."""
    return max(work.memory(*cell)[1] for cell in work.cells())


def workers_that_fit(
    work: Work, workers: int, kept: int, limit: int | None, threads: int = 1
) -> int:
    """How many workers, at most `workers`, each of so many threads, fit into `limit` bytes (None:
    what is available) beside `kept`.

    Raises
    ------
    MemoryError
        If not even one does.
    """
    room = room_of(limit)
    if room is None:
        return workers
    needs = {cell: work.memory(*cell, threads) for cell in work.cells()}
    most = max(needs, key=lambda cell: needs[cell][1])
    design, worker = needs[most]
    held = f"X alone has {megabytes(design)}" if design else "X is drawn in blocks"
    fitting = (room - kept) // worker
    if fitting < 1:
        source = "is free" if limit is None else "memory_limit allows"
        raise MemoryError(
            f"one trial at n = {work.plan.n[most[0]]}, p = {work.problem.p} takes "
            f"{megabytes(worker)} "
            f"({held}) and the results {megabytes(kept)}, more than the "
            f"{megabytes(room)} that {source}; take fewer sizes, nonzeros, features or trials"
        )
    return int(min(workers, fitting))


class Need(NamedTuple):
    """What a simulation takes at one n and one ridge, in bytes."""

    n: int
    p: int
    ridge: float
    design: int  # X
    is_drawn_in_blocks: bool  # so that no worker holds X
    worker: int  # one of them, X included
    workers: int
    total: int  # all of them

    def __str__(self) -> str:
        drawn = " drawn in blocks" if self.is_drawn_in_blocks else ""
        head = f"n = {self.n}, p = {self.p}" + (f", ridge = {self.ridge!r}" if self.ridge else "")
        count = f"{self.workers} {'worker' if self.workers == 1 else 'workers'}"
        return (
            f"memory at {head}: X {megabytes(self.design)}{drawn}, a worker "
            f"{megabytes(self.worker)} ({self.worker / self.design:.2f} X), {count} "
            f"{megabytes(self.total)}"
        )


def needs(work: Work, workers: int) -> list[Need]:
    """What so many workers take at each n and ridge."""
    found = []
    for n, ridge in work.cells():
        design, worker = work.memory(n, ridge)
        rows, p = work.plan.n[n], work.problem.p
        strength = work.plan.ridge[ridge]
        held = 8 * rows * p, design == 0
        found.append(Need(rows, p, strength, *held, worker, workers, workers * worker))
    return found
