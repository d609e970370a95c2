"""A progress bar with the time left, for work that takes longer than two seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .blocks import Block, Result


class Progress:
    """Counts `total` units over blocks of work, some of them `done` before; shows nothing for two
    seconds."""

    def __init__(self, total: int, unit: str, show: bool, done: int = 0) -> None:
        self._bar: Any = None
        self._before = done
        if show:
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=done, unit=f" {unit}", delay=2.0, mininterval=0.2)

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


def counted(
    results: Iterable[tuple[Block, Result]], bar: Progress
) -> Iterator[tuple[Block, Result]]:
    """The results, as the bar sees them go by."""
    for block, result in results:
        yield block, result
        bar.finish_block(block.trials)
