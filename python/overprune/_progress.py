"""Progress of long work: a bar with the time left, or, where nobody watches, a line a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Self

_EVERY = 60.0  # seconds between two lines of a log


class Progress:
    """Counts `total` units over blocks of work, some of them `done` before; shows nothing for two
    seconds."""

    def __init__(self, total: int, unit: str, show: bool, done: int = 0) -> None:
        self._bar: Any = make_bar(total, f" {unit}", done=done) if show else None
        self._before = done

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def callback(self) -> Callable[[int], None] | None:
        """What the core calls with the number of units done in the current block."""
        return None if self._bar is None else self._show

    def _show(self, done: int) -> None:
        self._bar.update(self._before + done - self._bar.n)

    def finish_block(self, count: int) -> None:
        """Counts a block of `count` units as done."""
        if self._bar is not None:
            self._show(count)
        self._before += count


class Stages:
    """Shows the part done of work in named stages, whose units may become known on the way.

    Nothing is shown for two seconds, and nothing at all unless `show`.
    """

    def __init__(self, show: bool, **left: float) -> None:
        self.show, self._left, self._done = show, left, 0.0
        self._bar: Any = make_bar(sum(left.values()), bar_format=SHARE) if show else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *error: object) -> None:
        if self._bar is None:
            return
        if kind is None:  # what was expected and not needed
            self._bar.total = self._done
        self._bar.close()

    def expect(self, stage: str, units: float) -> None:
        """Says how much of a stage is left."""
        self._left[stage] = units

    def count(self, stage: str, units: float) -> None:
        """Counts units of a stage as done."""
        self._left[stage] = max(0.0, self._left.get(stage, 0.0) - units)
        self._done += units
        if self._bar is not None:
            self._tell(units)

    def _tell(self, units: float) -> None:
        self._bar.total = self._done + sum(self._left.values())
        self._bar.update(units)

    def part(self, stage: str) -> Part:
        """One of the stages, which a function counts that knows nothing of the others."""
        return Part(self, stage)


class Part:
    """A stage of somebody's work, or all of one's own."""

    def __init__(self, stages: Stages, stage: str = "all", *, closes: bool = False) -> None:
        self._stages, self._stage, self._closes = stages, stage, closes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._closes:
            self._stages.__exit__(*error)

    @property
    def is_shown(self) -> bool:
        """Whether anybody sees what is counted."""
        return self._stages.show

    def expect(self, units: float) -> None:
        """Says how much is left."""
        self._stages.expect(self._stage, units)

    def count(self, units: float) -> None:
        """Counts units as done."""
        self._stages.count(self._stage, units)


SHARE = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
"""The bar of a part of all work, whose units mean nothing to the one who waits."""


def make_bar(total: float, unit: str = "", *, done: float = 0, **look: Any) -> Any:
    """What shows progress on stderr: a bar of tqdm in a terminal and in a notebook, else lines.

    `look` has further arguments of tqdm.
    """
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        return _Lines(total, unit, done)
    from tqdm.auto import tqdm

    return tqdm(total=total, initial=done, unit=unit, delay=2.0, mininterval=0.2, **look)


class _Lines:
    """A line a minute for a file, with as much of tqdm's face as is used here."""

    def __init__(self, total: float, unit: str, done: float) -> None:
        self.n, self.total, self._unit, self._first = done, total, unit, done
        self._began = self._told = time.monotonic()
        self._note = ""

    def set_postfix_str(self, note: str, refresh: bool = True) -> None:
        """What is said behind the time that is left."""
        self._note = f", {note}"

    def update(self, count: float) -> None:
        """Counts; tells once a minute."""
        self.n += count
        now = time.monotonic()
        if now - self._told >= _EVERY and self.n > self._first:
            self._told = now
            left = (now - self._began) * (self.total - self.n) / (self.n - self._first)
            self._tell(f"about {duration(left)} left{self._note}")

    def close(self) -> None:
        """The last line, where there were others."""
        if self._told > self._began:
            self._tell(f"after {duration(time.monotonic() - self._began)}")

    def _tell(self, end: str) -> None:
        counts = f"{self.n:.0f} of {self.total:.0f}{self._unit} " if self._unit else ""
        share = f"{self.n / self.total:.0%}" if self.total else "100%"
        text = f"({share})" if counts else share
        print(f"overprune: {counts}{text}, {end}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A time in words: in seconds, minutes, hours or days."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.3g} h" if seconds < 172800 else f"{seconds / 86400:.3g} days"
