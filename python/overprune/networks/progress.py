"""Progress, of a sweep among others: a bar with the time left, or a callable of the user's."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import torch

from .._progress import SHARE, make_bar
from .cells import Task, Tell
from .randomness import undisturbed

Report = TypeVar("Report")


@dataclass(frozen=True)
class Step:
    """One report of a sweep: where it is, and the part of all its work that is done.

    Parameters
    ----------
    width, repeat : int
        Of the cell.
    stage : str
        "dense", "retrained s=8" or, once the cell is finished, "finished".
    epoch, epochs : int
        Of the stage.
    done : float
        Part of the work, in [0, 1], by the widths' prunable weights and numbers of trainings.
    seconds_left : float
        By the pace so far; NaN at the beginning.

    Raises
    ------
    TypeError
        If an argument is missing.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.Step(8, 0, "dense", 3, 30, done=0.1, seconds_left=42.0).epoch
    3
    """

    width: int
    repeat: int
    stage: str
    epoch: int
    epochs: int
    done: float
    seconds_left: float


class Reports(Generic[Report]):
    """What shows the part of all work that is done as a bar, or hands reports on to a callable."""

    def __init__(
        self, total: float, device: torch.device, show: bool | Callable[[Report], None]
    ) -> None:
        self._total = total or 1.0
        self._device = device
        self._call = show if callable(show) else None
        self._shown = 0.0
        self._bar: Any = make_bar(self._total, bar_format=SHARE) if show is True else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, units: float, note: str, report: Callable[[float], Report]) -> None:
        """Shows how many of the total units are done; `report` is given their part."""
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(units - self._shown)
        self._shown = units
        if self._call is not None:
            told = report(units / self._total)
            with undisturbed(self._device):
                self._call(told)


class Progress(Reports[Step]):
    """Counts the work of cells and shows it, or hands it on."""

    def __init__(
        self, task: Task, cells: list[tuple[int, int]], show: bool | Callable[[Step], None]
    ) -> None:
        self._began, self._base = time.monotonic(), 0.0
        self._stages = {
            k: 1 + (task.retrain != "none") * sum(count > 0 for count in counts)
            for k, counts in task.counts.items()
        }
        # A step of a narrow network costs about as much as that of one with fifty thousand weights.
        self._weight = {k: (task.prunable[k] + 50_000) * self._stages[k] for k in task.counts}
        total = float(sum(self._weight[k] for k, _ in cells))
        super().__init__(total, torch.device(task.device), show)

    def tell(self, width: int, repeat: int) -> Tell:
        """The function that a cell calls after each epoch."""
        seen: list[str] = []

        def tell(stage: str, epoch: int, epochs: int) -> None:
            if stage not in seen:
                seen.append(stage)
            part = (len(seen) - 1 + epoch / epochs) / self._stages[width]
            self._show(width, repeat, stage, epoch, epochs, self._base + self._weight[width] * part)

        return tell

    def finish(self, width: int, repeat: int) -> None:
        """Counts a cell as done, however many epochs it took."""
        self._base += self._weight[width]
        self._show(width, repeat, "finished", 1, 1, self._base)

    def _show(
        self, width: int, repeat: int, stage: str, epoch: int, epochs: int, units: float
    ) -> None:
        def report(done: float) -> Step:
            spent = time.monotonic() - self._began
            left = spent * (1 - done) / done if done > 0 else float("nan")
            return Step(width, repeat, stage, epoch, epochs, done, left)

        self.show(units, f"width {width} repeat {repeat} {stage} {epoch}/{epochs}", report)
