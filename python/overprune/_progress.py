"""Progress of long work: a bar with the time left, or, where nobody watches, a line a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

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
        self.n, self._total, self._unit, self._first = done, total, unit, done
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
            left = (now - self._began) * (self._total - self.n) / (self.n - self._first)
            self._tell(f"about {duration(left)} left{self._note}")

    def close(self) -> None:
        """The last line, where there were others."""
        if self._told > self._began:
            self._tell(f"after {duration(time.monotonic() - self._began)}")

    def _tell(self, end: str) -> None:
        counts = f"{self.n:.0f} of {self._total:.0f}{self._unit} " if self._unit else ""
        share = f"{self.n / self._total:.0%}" if self._total else "100%"
        text = f"({share})" if counts else share
        print(f"overprune: {counts}{text}, {end}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A time in words: in seconds, minutes, hours or days."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.3g} h" if seconds < 172800 else f"{seconds / 86400:.3g} days"
