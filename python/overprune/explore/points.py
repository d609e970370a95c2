"""Simulated points: trials in a thread that ends within a moment once cancelled."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..experiments.config import build_problem
from ..experiments.run import plan
from .curves import Picture

if TYPE_CHECKING:
    import xarray as xr

_SECONDS = 0.3  # between two reports, roughly


@dataclass(frozen=True)
class Report:
    """How far a simulation is: the table of the trials done, or the error."""

    done: int
    total: int
    table: xr.Dataset | None = None
    error: str = ""


class _CancelledError(Exception):
    pass


class Points:
    """The first trials of a picture's run, at some of its sizes.

    Parameters
    ----------
    found : Picture
    report : callable
        Called in the thread with a `Report` after every few trials; not any more once `cancel` was
        called.
    """

    def __init__(self, found: Picture, report: Callable[[Report], None]) -> None:
        self.found = found
        self._report = report
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="overprune points")
        self._thread.start()

    def cancel(self) -> None:
        """Ends the simulation; returns at once."""
        self._cancelled.set()

    def join(self, seconds: float | None = None) -> bool:
        """Waits for the end of the thread; whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        total, done = self.found.state.trials, 0
        try:
            for table in self._tables():
                done = table.sizes["trial"]
                self._tell(Report(done, total, table))
        except _CancelledError:
            return
        except (ValueError, MemoryError, RuntimeError) as error:
            self._tell(Report(done, total, error=str(error) or type(error).__name__))

    def _tables(self) -> Iterator[xr.Dataset]:
        import xarray as xr

        state = self.found.state
        experiment = state.experiment()
        problem = build_problem(experiment)
        threads = max(1, (os.cpu_count() or 1) - 1)  # one stays for the page
        parts: list[xr.Dataset] = []
        done, block = 0, 1
        while done < state.trials:
            count = min(block, state.trials - done)
            planned = plan(
                experiment,
                problem,
                sizes=self.found.simulated_sizes(),
                trials=count,
                first_trial=done,
                workers=threads,
            )
            began = time.perf_counter()
            parts.append(planned.in_threads(False, self._watch))
            done += count
            # The last trials of a block leave threads idle; a block of one trial all but one.
            seconds = (time.perf_counter() - began) * min(threads, count) / count
            block = max(1, int(threads * _SECONDS / seconds))
            yield xr.concat(parts, "trial", combine_attrs="override", data_vars="all")

    def _watch(self, _: int) -> None:
        if self._cancelled.is_set():
            raise _CancelledError

    def _tell(self, report: Report) -> None:
        self._watch(0)
        self._report(report)
