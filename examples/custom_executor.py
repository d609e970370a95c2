"""Trials run by an executor of one's own; cpp/custom_executor.cpp prints the same numbers.

A block of trials is a pure function of its numbers, so whatever runs the blocks, in whatever order,
they make the table of one call, bit for bit.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np

import overprune as op


class Pool(Executor):
    """Stands for the pool that a program has already."""

    def __init__(self, threads: int) -> None:
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = (
            queue.SimpleQueue()
        )
        self._threads = [threading.Thread(target=self._work) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._tasks.put((future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads if wait else []:
            thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, call = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)


p, n, trials = 120, 60, 24
problem = op.LinearGaussianProblem(np.full(p, p**-0.5), np.ones(p), 0.5)
run = {"n": n, "sizes": [30, 120], "nonzeros": [20], "trials": trials, "seed": 4}
with Pool(3) as pool:
    table = op.simulate(problem, **run, executor=pool)
print("the table of one call:", table.equals(op.simulate(problem, **run, workers=2)))
point = table.sel(rule="magnitude", size=120, nonzeros=20)
for trial in range(trials):
    print(f"{trial:2}  {point.pruned_risk[trial]:.6f}  {point.retrained_risk[trial]:.6f}")
