"""What a simulation takes of the memory, and what there is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ._blocks import Work

_CGROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def available() -> int | None:
    """Bytes that this process may still take: what is free in the machine, in its control groups and below
    its own limit of addresses, whichever is least; None where nothing tells."""
    found = [*_free_of_machine(), *_free_of_cgroups(), *_free_of_addresses()]
    return min(found) if found else None


def room_of(limit: int | None) -> int | None:
    """Bytes that a run may take: a limit, or where there is none what is available."""
    return available() if limit is None else limit


def within(work: Work, workers: int, limit: int | None) -> Work:
    """`work`, with X drawn in blocks of columns where that many workers would not fit otherwise."""
    room = room_of(limit)
    if room is None or workers * max(work.memory(*cell)[1] for cell in work.cells()) <= room:
        return work
    return replace(work, design_limit=0)


def workers_that_fit(work: Work, workers: int, kept: int, limit: int | None) -> int:
    """How many workers, at most `workers`, fit into `limit` bytes (None: what is available) beside `kept`.

    Raises
    ------
    MemoryError
        If not even one does.
    """
    room = room_of(limit)
    if room is None:
        return workers
    needs = {cell: work.memory(*cell) for cell in work.cells()}
    most = max(needs, key=lambda cell: needs[cell][1])
    design, worker = needs[most]
    held = f"X alone has {megabytes(design)}" if design else "X is drawn in blocks"
    fitting = (room - kept) // worker
    if fitting < 1:
        source = "is free" if limit is None else "memory_limit allows"
        raise MemoryError(
            f"one trial at n = {work.grid.n[most[0]]}, p = {work.problem.p} takes {megabytes(worker)} "
            f"({held}) and the results {megabytes(kept)}, more than the "
            f"{megabytes(room)} that {source}; take fewer sizes, nonzeros, features or trials"
        )
    return int(min(workers, fitting))


def describe(work: Work, workers: int) -> list[str]:
    """A line for each n and ridge: X, one worker, their ratio, and all workers."""
    lines = []
    for n, ridge in work.cells():
        design, total = work.memory(n, ridge)
        drawn = "" if design else " drawn in blocks"
        whole = 8 * work.grid.n[n] * work.problem.p
        strength = work.grid.ridge[ridge]
        head = f"n = {work.grid.n[n]}, p = {work.problem.p}" + (f", ridge = {strength!r}" if strength else "")
        lines.append(
            f"memory at {head}: X {megabytes(whole)}{drawn}, a worker {megabytes(total)} "
            f"({total / whole:.2f} X), {workers} {'worker' if workers == 1 else 'workers'} "
            f"{megabytes(workers * total)}"
        )
    return lines


def megabytes(count: int) -> str:
    """Bytes in words."""
    return f"{count / 1e6:.3g} MB" if count < 1e9 else f"{count / 1e6:.0f} MB"


def _free_of_machine() -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                yield int(line.split()[1]) * 1024
                return
    with contextlib.suppress(OSError, ValueError, AttributeError):
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _free_of_cgroups() -> Iterator[int]:
    """Of every control group above this process, in both versions of their files."""
    with contextlib.suppress(OSError):
        for line in _OWN_GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                root, names = _CGROUPS, ("memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                root = _CGROUPS / "memory"
                names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            else:
                continue
            group = root / path.lstrip("/")
            for directory in (group, *group.parents):
                yield from _free_of_group(directory, *names)
                if directory == root:
                    break


def _free_of_group(directory: Path, limit: str, usage: str, reclaimable: str) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError):  # no such file, or "max"
        most, used = int((directory / limit).read_text()), int((directory / usage).read_text())
        with contextlib.suppress(OSError, ValueError):
            facts = dict(line.split() for line in (directory / "memory.stat").read_text().splitlines())
            used -= int(facts.get(reclaimable, 0))
        yield max(most - used, 0)


def _free_of_addresses() -> Iterator[int]:
    with contextlib.suppress(ImportError, OSError, ValueError, IndexError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            yield max(limit - pages * os.sysconf("SC_PAGE_SIZE"), 0)
