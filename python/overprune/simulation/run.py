"""A simulation whose arguments are checked: its blocks on threads or executors, its table, its
store."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validation as check
from .._progress import Progress
from .._provenance import describe
from .._table import Plan
from .._validation import FloatArray
from ..problems.problem import Problem
from . import memory as _memory
from .blocks import MOST_BYTES, Block, Result, Work, consecutive, engine, part_of
from .engine import Engine, Measured, make_engine, measure, run_blocks

if TYPE_CHECKING:
    import xarray as xr

    from .store import Store

_SECONDS = 2.0  # of a block: long against what it costs to hand it out and to keep it
_MANY = 16  # trials a thread: so many that it hardly matters that the last ones leave threads idle


@dataclass(frozen=True)
class Simulation:
    """Checked arguments of a simulation, and the three ways to carry them out."""

    work: Work
    first: int
    count: int
    threads: int
    memory_limit: int | None
    attributes: dict[str, Any]

    @staticmethod
    def of(
        problem: Problem,
        plan: Plan[int],
        *,
        trials: Any,
        seed: Any,
        workers: Any,
        memory_limit: Any,
        curvature: Any,
        first_trial: Any,
    ) -> Simulation:
        """Checks the arguments that every simulation has beside its plan."""
        count = check.integer(trials, "trials", lowest=1, highest=2**31)
        key = check.seed(seed)
        threads = check.workers(workers)
        limit = (
            None if memory_limit is None else check.integer(memory_limit, "memory_limit", lowest=1)
        )
        if curvature is not None:
            check.choice(curvature, "curvature", ("sample",))
        first = check.integer(first_trial, "first_trial", lowest=0, highest=2**62)
        attributes: dict[str, Any] = {"trials": count, "first_trial": first, "seed": str(key)}
        attributes |= {"kernel_level": engine()[1]}
        attributes |= {"curvature": curvature or problem.curvature, **describe(problem, key)}
        work = Work(problem, plan, curvature == "sample", key)
        work = _memory.within(work, min(threads, count), limit)
        return Simulation(work, first, count, threads, limit, attributes)

    def run(
        self,
        store: str | os.PathLike[str] | None,
        executor: Executor | None,
        progress: bool,
    ) -> xr.Dataset:
        """The table, in whichever of the ways; checks the arguments that say in which."""
        if executor is not None and not isinstance(executor, Executor):
            raise TypeError(
                f"executor must be a concurrent.futures.Executor, got {type(executor).__name__}"
            )
        show = check.flag(progress, "progress")
        if store is not None:
            return self.into_store(store, executor, show)
        return self.in_threads(show) if executor is None else self.on_executor(executor, show)

    def in_threads(self, show: bool, watch: Callable[[int], None] | None = None) -> xr.Dataset:
        """Whole cells one after the other, all threads at each: nothing is handed out or kept.

        `watch`, instead of a progress bar, is called as `Work.run` calls its monitor.
        """
        threads = self._all_threads(2 * self._table_bytes())
        with self._progress(show) as bar:

            def results() -> Iterator[tuple[Block, Result]]:
                for cell in self.work.cells():
                    block = Block(*cell, self.first, self.count)
                    result = self.work.run(block, threads, watch or bar.callback())
                    bar.finish_block(self.count)
                    yield block, result

            return self._table(results())

    def on_executor(self, executor: Executor, show: bool) -> xr.Dataset:
        """Blocks on somebody's executor, results in memory."""
        self._check_remote()
        with closing(make_engine(self.work, executor, self.threads)) as runner:
            done = self._nothing_done()
            measured, seconds = self._measure(runner, done)
            blocks = self._blocks(done, self._block_length(runner.slots(), seconds))
            left = self.count * len(done) - sum(done.values())
            with self._progress(show, left) as bar, closing(run_blocks(blocks, runner)) as results:
                return self._table(chain(measured, self._counted(results, bar)))

    def into_store(
        self, store: str | os.PathLike[str], executor: Executor | None, show: bool
    ) -> xr.Dataset:
        """Blocks on threads or somebody's executor, results in a store."""
        from .store import Store

        room = _memory.room_of(self.memory_limit)
        lazy = room is not None and 4 * self._table_bytes() > room
        if executor is None:
            threads = self._workers(0 if lazy else 2 * self._table_bytes())
        else:
            self._check_remote()
            threads = 1
        with ExitStack() as stack:
            streams = self.work.streams and executor is None and self.count >= _MANY * threads
            runner = stack.enter_context(closing(make_engine(self.work, executor, threads)))
            measured: list[tuple[Block, Result]] = []

            def block_length() -> int:
                found, seconds = self._measure(runner, self._nothing_done())
                measured.extend(found)
                return self._block_length(runner.slots(), seconds)

            place = stack.enter_context(
                Store(store, self.work, self.attributes, self.count, block_length)
            )
            pending = []
            for block in list(place.pending(self.count)):
                known = part_of(measured, block)
                if known is None:
                    pending.append(block)
                else:
                    place.write(block, known)
            with self._progress(show, sum(block.trials for block in pending)) as bar:
                if streams:
                    self._stream(pending, threads, bar, place)
                else:
                    with closing(run_blocks(pending, runner)) as results:
                        for block, result in self._counted(results, bar):
                            place.write(block, result)
            return place.table(self.count, lazy=lazy)

    def _stream(self, pending: list[Block], threads: int, bar: Progress, place: Store) -> None:
        """All threads at each block, as many blocks in a call as leave room for their results."""
        most = self._room(8, 4 * MOST_BYTES) // self.work.bytes_per_trial()
        for part in consecutive(pending, most):
            self.work.stream(part, threads, bar.callback(), place.write)
            bar.finish_block(sum(block.trials for block in part))

    def check_store(self, store: str | os.PathLike[str]) -> None:
        """Raises ValueError where `into_store` would find anything but a part of this run."""
        from .store_check import check_store

        check_store(store, self.work, self.attributes)

    def _progress(self, show: bool, left: int | None = None) -> Progress:
        cells = math.prod(self.work.shape)
        return Progress(
            cells * self.count,
            "trials",
            show,
            done=0 if left is None else cells * self.count - left,
        )

    @staticmethod
    def _counted(
        results: Iterable[tuple[Block, Result]], bar: Progress
    ) -> Iterator[tuple[Block, Result]]:
        for block, result in results:
            yield block, result
            bar.finish_block(block.trials)

    def _table(self, results: Iterable[tuple[Block, Result]]) -> xr.Dataset:
        """The table of all blocks."""
        arrays: dict[str, tuple[tuple[str, ...], FloatArray]] = {}
        for name, lengths in self.work.layout().items():
            shape = (*self.work.shape, *lengths.values(), self.count)
            arrays[name] = (*lengths, "trial"), np.empty(shape)
        for block, result in results:
            begin = block.first - self.first
            for name, values in result.values.items():
                arrays[name][1][block.n, block.ridge, ..., begin : begin + block.trials] = values
        numbers = np.arange(self.first, self.first + self.count)
        return self.work.dataset(arrays, self.attributes, numbers)

    def _table_bytes(self) -> int:
        cells = math.prod(self.work.shape)
        return cells * self.count * self.work.bytes_per_trial()

    def _workers(self, kept: int) -> int:
        return _memory.workers_that_fit(
            self.work, min(self.threads, self.count), kept, self.memory_limit
        )

    def _all_threads(self, kept: int) -> int:
        """Threads over trials, and where there are fewer trials the rest inside them."""
        if self.threads <= self.count:
            return self._workers(kept)
        each = -(-self.threads // self.count)
        fitting = _memory.workers_that_fit(self.work, self.count, kept, self.memory_limit, each)
        return self.threads if fitting == self.count else fitting

    def _check_remote(self) -> None:
        """Of the memory of other machines only a given limit is known: for each of them."""
        if self.memory_limit is not None:
            _memory.workers_that_fit(self.work, 1, 0, self.memory_limit)

    def _blocks(self, done: Mapping[tuple[int, int], int], length: int) -> Iterator[Block]:
        """Blocks of so many trials, behind those that are done in each cell."""
        for cell, begun in done.items():
            for begin in range(begun, self.count, length):
                yield Block(*cell, self.first + begin, min(length, self.count - begin))

    def _measure(self, runner: Engine, done: dict[tuple[int, int], int]) -> Measured:
        """The first short blocks behind those that are done."""
        return measure(runner, self._blocks, done, self._most_trials(runner.slots()), _SECONDS / 20)

    def _nothing_done(self) -> dict[tuple[int, int], int]:
        """Trials done in each cell; first the cells with the most rows, which take longest."""
        return dict.fromkeys(reversed(list(self.work.cells())), 0)

    def _block_length(self, slots: int, seconds: float) -> int:
        """Trials of a block, each of which takes so many seconds: about two seconds, longer for
        many workers, as one process serves them all, and shorter where each is to have several
        blocks."""
        cells = math.prod(self.work.shape)
        even = -(-self.count * cells // (4 * slots))
        seconds = max(seconds, 1e-9)
        wanted = _SECONDS * max(1.0, slots / 10) / seconds
        length = max(min(wanted, even), _SECONDS / 10 / seconds)
        return max(1, int(min(length, self._most_trials(slots))))

    def _most_trials(self, slots: int) -> int:
        """Trials of a block for which there is room: all blocks take an eighth of the memory."""
        return max(1, self._room(16 * (slots + 1), MOST_BYTES) // self.work.bytes_per_trial())

    def _room(self, parts: int, most: int) -> int:
        """Bytes of one of so many parts of the memory, at most `most`."""
        memory = _memory.room_of(self.memory_limit)
        return most if memory is None else min(most, memory // parts)
