"""What runs the blocks of a simulation: threads of this process, or anybody's executor."""

from __future__ import annotations

import hashlib
import logging
import pickle
import threading
import time
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .blocks import Block, Result, Work, engine

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

_log = logging.getLogger(__name__)
_ATTEMPTS = 4  # at a block whose worker is lost again and again
_KEPT = 4  # works that a process remembers
_LOSSES: tuple[type[BaseException], ...] = (BrokenExecutor, CancelledError)


class Engine(Protocol):
    """Takes blocks and returns futures; a future of None asks to submit its block once more."""

    losses: tuple[type[BaseException], ...]
    """Errors that say that a worker was lost."""

    def submit(self, block: Block) -> Future[Result | None]: ...
    def slots(self) -> int:
        """How many blocks it runs at once, about."""
        ...

    def recover(self, error: BaseException) -> bool:
        """Whether it goes on after an error that says that a worker was lost."""
        ...

    def close(self) -> None:
        """Frees what the engine holds; stops blocks under way where that is possible."""
        ...


def make_engine(work: Work, executor: Executor | None, threads: int) -> Engine:
    """The engine of an executor, or of so many threads where that is None."""
    if executor is None:
        return _Threads(work, threads)
    if type(executor).__module__.partition(".")[0] == "distributed":
        return _Dask(work, executor)
    return _Pool(work, executor)


def run_blocks(
    blocks: Iterable[Block], runner: Engine
) -> Generator[tuple[Block, Result], None, None]:
    """Runs the blocks and yields each with its result as soon as it is there, in any order.

    At most a few more than the engine has slots for are under way: neither the engine's queue nor
    this process's memory holds the whole run. Left early, by an error or an interrupt, it cancels
    the rest.
    """
    ahead, todo = deque[Block](), iter(blocks)
    under_way: dict[Future[Result | None], Block] = {}
    attempts: dict[Block, int] = {}
    try:
        while True:
            limit = 2 * runner.slots() + 2
            while len(under_way) < limit and (
                block := ahead.popleft() if ahead else next(todo, None)
            ):
                try:
                    under_way[runner.submit(block)] = block
                except BrokenExecutor as error:
                    ahead.appendleft(block)
                    if not runner.recover(error):
                        raise _lost(error) from error
            if not under_way:
                break
            # A signal that another thread receives does not wake this one.
            done, _ = wait(under_way, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                block = under_way.pop(future)
                try:
                    result = future.result()
                except runner.losses as error:
                    attempts[block] = attempts.get(block, 0) + 1
                    if attempts[block] == _ATTEMPTS or not runner.recover(error):
                        raise _lost(error) from error
                    _log.warning("%s lost a worker (%s); run again", block, type(error).__name__)
                    ahead.append(block)
                    continue
                if result is None:
                    ahead.append(block)
                    continue
                _check_engine(result)
                _log.debug("%s done in %.3g s", block, result.seconds)
                yield block, result
    finally:
        for future in under_way:
            future.cancel()


Measured: TypeAlias = tuple[list[tuple[Block, Result]], float]
"""Blocks that are done, and the seconds that a trial of the last ones took."""


def measure(
    runner: Engine,
    behind: Callable[[Mapping[tuple[int, int], int], int], Iterable[Block]],
    done: dict[tuple[int, int], int],
    most: int,
    enough: float,
) -> Measured:
    """Runs a short block for each slot of the engine: of one trial, then of more, at most `most`,
    until one takes `enough` seconds.

    `behind(done, trials)` are the blocks of so many trials behind those that are done in each cell.
    """
    found: list[tuple[Block, Result]] = []
    trials, seconds = 1, 0.0
    while blocks := list(islice(behind(done, trials), runner.slots())):
        with closing(run_blocks(blocks, runner)) as results:
            latest = list(results)
        found += latest
        for block in blocks:
            done[block.n, block.ridge] += block.trials
        seconds = max(result.seconds / block.trials for block, result in latest)
        if trials == most or max(result.seconds for _, result in latest) > enough:
            break
        trials = min(4 * trials, most)
    return found, seconds


class _Stopped(Exception):
    """Ends a block whose result nobody waits for any more."""


class _Threads:
    """Threads of this process, one block each."""

    losses = _LOSSES

    def __init__(self, work: Work, threads: int) -> None:
        self._work, self._threads = work, threads
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="overprune")

    def submit(self, block: Block) -> Future[Result | None]:
        return self._pool.submit(self._run, block)

    def _run(self, block: Block) -> Result:
        return self._work.run(block, monitor=self._look)

    def _look(self, done: int) -> None:
        if self._stop.is_set():
            raise _Stopped

    def slots(self) -> int:
        return self._threads

    def recover(self, error: BaseException) -> bool:
        return False

    def close(self) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)


class _Pool:
    """Any executor. What the blocks share is sent with the first ones; a worker that has not got it
    asks."""

    losses = _LOSSES

    def __init__(self, work: Work, executor: Executor) -> None:
        self._executor = executor
        self._payload = _pickled(work)
        self._token = hashlib.sha256(self._payload).hexdigest()
        self._to_send = self.slots()
        self._own: ProcessPoolExecutor | None = None

    def submit(self, block: Block) -> Future[Result | None]:
        payload = None
        if self._to_send > 0:
            self._to_send -= 1
            payload = self._payload
        future = self._executor.submit(run_remote, self._token, payload, block)
        future.add_done_callback(self._look)
        return future

    def _look(self, future: Future[Result | None]) -> None:
        if not future.cancelled() and future.exception() is None and future.result() is None:
            self._to_send += 1

    def slots(self) -> int:
        for name in ("_max_workers", "num_workers"):  # of most executors; of mpi4py's
            count = getattr(self._executor, name, None)
            if isinstance(count, int) and count > 0:
                return count
        return 16

    def recover(self, error: BaseException) -> bool:
        """A broken pool of processes stays broken: another takes its place until the call ends."""
        from concurrent.futures import ProcessPoolExecutor

        executor = self._executor
        if not isinstance(executor, ProcessPoolExecutor):
            return False
        if not getattr(executor, "_broken", True):  # it has its replacement already
            return True
        warnings.warn(
            f"executor has lost a worker ({type(error).__name__}); a new pool of processes goes on",
            RuntimeWarning,
            stacklevel=6,
        )
        self.close()
        arguments: dict[str, Any] = {
            name: getattr(executor, f"_{name}")
            for name in ("max_workers", "mp_context", "initializer", "initargs")
        }
        self._executor = self._own = ProcessPoolExecutor(**arguments)
        self._to_send = self.slots()
        return True

    def close(self) -> None:
        if self._own is not None:
            self._own.shutdown(wait=False, cancel_futures=True)
            self._own = None


class _Dask:
    """The executor of a Dask client, whose scheduler runs the blocks of lost workers again by
    itself.

    What the blocks share is the result of a task: Dask hands it from worker to worker, and makes it
    again if all that had it are lost.
    """

    _ASK_EVERY = 5.0  # seconds

    def __init__(self, work: Work, executor: Any) -> None:
        from distributed.scheduler import KilledWorker

        self.losses = (*_LOSSES, KilledWorker)
        self._executor, self._client = executor, executor._client
        payload = _pickled(work)
        self._token = hashlib.sha256(payload).hexdigest()
        self._asked, self._slots = -self._ASK_EVERY, 1
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            self._shared = self._client.submit(_same, payload, pure=False)

    def submit(self, block: Block) -> Future[Result | None]:
        future: Future[Result | None] = self._executor.submit(
            run_remote, self._token, self._shared, block
        )
        return future

    def slots(self) -> int:
        now = time.monotonic()
        if now - self._asked > self._ASK_EVERY:
            self._asked, self._slots = now, max(1, sum(self._client.nthreads().values()))
        return self._slots

    def recover(self, error: BaseException) -> bool:
        return True

    def close(self) -> None:
        self._shared.release()


def _same(payload: bytes) -> bytes:
    return payload


def run_remote(token: str, payload: bytes | None, block: Block) -> Result | None:
    """Runs a block in a worker's process; None if it has not got what the blocks share."""
    with _lock:
        work = _works.get(token)
        if work is None:
            if payload is None:
                return None
            # from the process that calls, as all it submits
            work = _works[token] = pickle.loads(payload)
            while len(_works) > _KEPT:
                _works.popitem(last=False)
    return work.run(block)


_works: OrderedDict[str, Work] = OrderedDict()
_lock = threading.Lock()


def _pickled(work: Work) -> bytes:
    try:
        return pickle.dumps(work, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        try:
            import cloudpickle  # comes with Dask and loky
        except ImportError:
            raise TypeError(
                f"problem cannot be sent to the workers of the executor: {error}; define its "
                "functions at the top of a module"
            ) from error
        return bytes(cloudpickle.dumps(work, protocol=5))


def _check_engine(result: Result) -> None:
    if result.engine != engine():
        (version, level), (here, own) = result.engine, engine()
        raise RuntimeError(
            f"executor must have workers with overprune {here} and kernels {own}, got {version} "
            f"and {level}: results would differ in the last digits; set OVERPRUNE_KERNEL to the "
            "lowest level everywhere"
        )


def _lost(error: BaseException) -> RuntimeError:
    return RuntimeError(
        f"executor has lost its workers ({type(error).__name__}: {error}); what a store has got is "
        "kept, and "
        "the same call goes on with it"
    )


@contextmanager
def dask_executor(address: str | None) -> Iterator[Executor | None]:
    """The executor of the Dask scheduler at an address, or of local:N, N processes of this machine;
    or None.

    Raises
    ------
    ValueError
        If the address is not one of these.
    ImportError
        If Dask is not installed.
    OSError
        If no scheduler answers.
    """
    if address is None:
        yield None
        return
    try:
        from dask import distributed
    except ImportError:
        raise ImportError(
            "--dask needs the package distributed: pip install overprune[dask]"
        ) from None
    dask: Any = distributed
    scheme, _, count = address.partition(":")
    with ExitStack() as stack:
        if scheme == "local":
            if not count.isdecimal() or not 1 <= int(count) <= 1024:
                raise ValueError(
                    f"--dask must be an address or local:N, N from 1 to 1024; got {address!r}"
                )
            cluster = dask.LocalCluster(
                n_workers=int(count), threads_per_worker=1, dashboard_address=None, memory_limit=0
            )
            client = dask.Client(stack.enter_context(cluster), set_as_default=False)
        else:
            try:
                client = dask.Client(address, timeout=10, set_as_default=False)
            except (OSError, ValueError) as error:
                raise OSError(
                    f"--dask must be the address of a scheduler, got {address!r}: {error}"
                ) from error
        yield stack.enter_context(client).get_executor()
