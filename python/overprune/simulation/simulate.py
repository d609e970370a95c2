"""Simulation: draw, train, prune, retrain, measure - over trials, in the compiled core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _validation as check
from .._provenance import describe
from .._table import Grid
from .._validation import FloatArray
from ..problems.problem import Problem, as_problem
from . import memory as _memory
from .blocks import MOST_BYTES, Block, Result, Work, consecutive, engine, part_of
from .engine import Engine, Measured, make_engine, measure, run_blocks
from .progress import Progress, counted

if TYPE_CHECKING:
    import xarray as xr

    from .store import Store

_SECONDS = 2.0  # of a block: long against what it costs to hand it out and to keep it
_MANY = 16  # trials a thread: so many that it hardly matters that the last ones leave threads idle


def simulate(
    problem: Problem,
    n: int | Sequence[int],
    sizes: Sequence[int],
    nonzeros: Sequence[int],
    *,
    rules: Sequence[str] = ("magnitude",),
    retrain: bool = True,
    ridge: float | Sequence[float] = 0.0,
    retrain_ridge: float = 0.0,
    compensate: bool = False,
    trials: int = 100,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = False,
    store: str | os.PathLike[str] | None = None,
    memory_limit: int | None = None,
    curvature: str | None = None,
    first_trial: int = 0,
    penalties: npt.ArrayLike | None = None,
) -> xr.Dataset:
    """Simulate a problem: the measured risk of dense, pruned and retrained models in every trial.

    Each trial draws n rows, trains on the first k features for every k of `sizes` (minimum norm for
    k > n), keeps the s features with the largest scores for every rule and every s of `nonzeros`,
    trains again on them, and measures the test risk ``R(theta) = E (y - x'theta)**2`` of each.

    Parameters
    ----------
    problem : LinearGaussianProblem, RandomFeatureProblem or DataProblem
    n : int or increasing sequence of int
        Training rows, at least 1; a sequence adds the dimension n to the table.
    sizes : sequence of int
        Strictly increasing in [1, p].
    nonzeros : sequence of int
        Strictly increasing in [1, p]. nonzeros == size: pruned equals dense; nonzeros > size: NaN.
    rules : sequence of str, default ("magnitude",)
        Pruning rules, as in `predict`; above n nonzeros the lasso without ridge is NaN and warns.
    retrain : bool, default True
        Whether to train again on the support.
    ridge : float or sequence of float, default 0.0
        Of the first training, at least 0; a sequence adds the dimension ridge.
    retrain_ridge : float, default 0.0
        Of the second training, at least 0.
    compensate : bool, default False
        Whether to measure, too, pruned models whose survivors make up for the deleted features:
        `compensate` with the population's covariance. Not for a DataProblem, which does not know
        it.
    trials : int, default 100
        At least 1.
    seed : int, default 0
        In [0, 2**64). Trial t is a pure function of (problem, grid, n, seed, t).
    workers : int, optional
        Threads, at least 1; by default one per core that this process may use. Does not change the
        result.
    executor : concurrent.futures.Executor, optional
        Runs blocks of trials instead of threads of this process: a ProcessPoolExecutor, the
        executor of a Dask client, mpi4py's, loky's. The problem is sent to each of its workers
        about once; blocks of lost workers are run again. Does not change the result.
    progress : bool, default False
        Show a progress bar with the time left once the run has taken two seconds.
    store : str or path, optional
        Zarr group, a directory of this machine, that receives each block of trials as it is
        finished; xarray opens it at any moment, with NaN where nothing is yet. Where it exists, the
        run goes on with what is missing: after an interrupt, or for more `trials` than before.
    memory_limit : int, optional
        Bytes that the run may take, at least 1, with an executor each of its workers: it uses fewer
        threads and shorter blocks to stay below. By default what is free in the machine or its
        control group. Does not change the result.
    curvature : {None, "sample"}, default None
        What "hessian" multiplies by: None is the population's Sigma_ii where the problem knows it,
        "sample" is ``(X'X)_ii / n``, which a DataProblem always uses.
    first_trial : int, default 0
        Number of the first trial: runs over parts of a range of trials make up the whole table.
    penalties : array_like of shape (len(sizes), len(nonzeros)), optional
        kappa of the lasso (n, ridge first where sequences; NaN: none), such as predict's
        pruned_penalty, where theory is judged. By default as `lasso_path` has it for s nonzeros.

    Returns
    -------
    xarray.Dataset
        dense_risk (size, trial); pruned_risk, retrained_risk (rule, size, nonzeros, trial); for the
        lasso also pruned_penalty (rule, size, nonzeros, trial), NaN for other rules; with class
        labels also dense_accuracy, pruned_accuracy, retrained_accuracy; with compensate also
        compensated_risk (rule, size, nonzeros, trial). Its attributes repeat the run. A table of
        more than a quarter of the memory stays in the `store` and is read when it is used.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, or the rule "oracle" or compensate=True
        meets a DataProblem; or if the store holds anything but a part of this run: another problem,
        grid, seed, version or kernel level. The message lists what differs, and the store is left
        as it is. Also if the store is an address (``s3://...``, ``file://...``), or is damaged: the
        message names the member.
    BlockingIOError
        If another run has the store open.
    OSError
        If the store cannot be read or written; what was finished is kept.
    MemoryError
        If one trial does not fit into the memory.
    RuntimeError
        If the executor loses its workers for good, or they have another version or kernel level.
    KeyboardInterrupt
        Within a second of Ctrl-C; what the store has is kept.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), section "Experiments"; docs/theory.md, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem(np.ones(40) / 6, op.spectra.isotropic(40), noise_std=0.3)
    >>> table = op.simulate(problem, n=20, sizes=[10, 40], nonzeros=[10], trials=5)
    >>> dict(table.pruned_risk.sizes)
    {'rule': 1, 'size': 2, 'nonzeros': 1, 'trial': 5}
    """
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"executor must be a concurrent.futures.Executor, got {type(executor).__name__}"
        )
    if store is not None:
        from .store_place import place_of

        place_of(store)
    show = check.flag(progress, "progress")
    planned = plan(
        problem,
        n,
        sizes,
        nonzeros,
        rules=rules,
        retrain=retrain,
        ridge=ridge,
        retrain_ridge=retrain_ridge,
        compensate=compensate,
        trials=trials,
        seed=seed,
        workers=workers,
        memory_limit=memory_limit,
        curvature=curvature,
        first_trial=first_trial,
        penalties=penalties,
    )
    return planned.run(store, executor, show)


def plan(
    problem: Problem,
    n: Any,
    sizes: Any,
    nonzeros: Any,
    *,
    trials: Any,
    seed: Any,
    workers: Any,
    memory_limit: Any,
    curvature: Any,
    first_trial: Any = 0,
    penalties: Any = None,
    **rest: Any,
) -> Simulation:
    """Checks the arguments of `simulate`."""
    as_problem(problem)
    grid = Grid.of(problem.p, n, sizes, nonzeros, **rest).with_penalties(penalties)
    grid.check_paths(problem.targets)
    problem.check_run(grid.n, grid.rules, grid.compensate)
    count = check.integer(trials, "trials", lowest=1, highest=2**31)
    key = check.seed(seed)
    threads = check.workers(workers)
    limit = None if memory_limit is None else check.integer(memory_limit, "memory_limit", lowest=1)
    if curvature is not None:
        check.choice(curvature, "curvature", ("sample",))
    first = check.integer(first_trial, "first_trial", lowest=0, highest=2**62)
    attributes: dict[str, Any] = {"trials": count, "first_trial": first, "seed": str(key)}
    attributes |= {"kernel_level": engine()[1]}
    attributes |= {"curvature": curvature or problem.curvature, **describe(problem, key)}
    work = _memory.within(
        Work(problem, grid, curvature == "sample", key), min(threads, count), limit
    )
    return Simulation(work, first, count, threads, limit, attributes)


@dataclass(frozen=True)
class Simulation:
    """Checked arguments of `simulate`, and the three ways to carry them out."""

    work: Work
    first: int
    count: int
    threads: int
    memory_limit: int | None
    attributes: dict[str, Any]

    def run(
        self, store: str | os.PathLike[str] | None, executor: Executor | None, show: bool
    ) -> xr.Dataset:
        """The table, in whichever of the ways."""
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
                return self._table(chain(measured, counted(results, bar)))

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
            streams = executor is None and self.count >= _MANY * threads
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
                        for block, result in counted(results, bar):
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
        cells = len(self.work.grid.n) * len(self.work.grid.ridge)
        return Progress(
            cells * self.count,
            "trials",
            show,
            done=0 if left is None else cells * self.count - left,
        )

    def _table(self, results: Iterable[tuple[Block, Result]]) -> xr.Dataset:
        """The table of all blocks."""
        grid = self.work.grid
        arrays: dict[str, tuple[tuple[str, ...], FloatArray]] = {}
        for name, lengths in self.work.layout().items():
            shape = (len(grid.n), len(grid.ridge), *lengths.values(), self.count)
            arrays[name] = (*lengths, "trial"), np.empty(shape)
        for block, result in results:
            begin = block.first - self.first
            for name, values in result.values.items():
                arrays[name][1][block.n, block.ridge, ..., begin : begin + block.trials] = values
        numbers = np.arange(self.first, self.first + self.count)
        return grid.dataset("simulate", arrays, self.attributes, numbers)

    def _table_bytes(self) -> int:
        cells = len(self.work.grid.n) * len(self.work.grid.ridge)
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
        cells = len(self.work.grid.n) * len(self.work.grid.ridge)
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
