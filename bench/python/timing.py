"""One thread for everybody, and rows of interleaved ratios. Import this before numpy."""

import os

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = (
        "1"  # two threads made numpy's lstsq slower, not faster, where this was measured
    )

import math
import statistics
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Seconds = Callable[[int], float]  # of run number ..., already per unit of work


def seconds(
    call: Callable[[], object], least: float = 0.0, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Time of one call, by the wall unless told otherwise; repeated until the sum is at least so
    long."""
    number = 1
    while True:
        elapsed = timeit.timeit(call, number=number, timer=clock)
        if elapsed >= least:
            return elapsed / number
        number = max(2 * number, math.ceil(1.2 * number * least / max(elapsed, 1e-9)))


@dataclass
class Row:
    """One comparison. `sample(run)` measures it once: the ratio, and our own seconds."""

    work: str
    against: str
    bar: str
    sample: Callable[[int], tuple[float, float]]
    ratios: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)


def versus(work: str, against: str, bar: float | None, own: Seconds, peer: Seconds) -> Row:
    """How many times as long the peer takes, timed right before us."""

    def sample(run: int) -> tuple[float, float]:
        theirs = peer(run)
        ours = own(run)
        return theirs / ours, ours

    return Row(work, against, "" if bar is None else f"{bar:g}", sample)


def measure(rows: Sequence[Row], runs: int) -> None:
    """All rows in turn, `runs` times: a busy machine slows all alike."""
    for run in range(runs):
        for row in rows:
            ratio, own = row.sample(run)
            row.ratios.append(ratio)
            row.own.append(own)


def _time(value: float) -> str:
    if math.isnan(value):
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def print_table(rows: Sequence[Row]) -> None:
    print("| work | against | bar | ratio (smallest to largest) | ours |\n|---|---|---|---|---|")
    for row in rows:
        spread = (
            f"{statistics.median(row.ratios):.3g} ({min(row.ratios):.3g} to {max(row.ratios):.3g})"
        )
        print(
            f"| {row.work} | {row.against} | {row.bar} | {spread} | "
            f"{_time(statistics.median(row.own))} |"
        )
