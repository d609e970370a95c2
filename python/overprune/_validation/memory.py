"""What this process may still take of the memory, and bytes in words."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def available() -> int | None:
    """Bytes that this process may still take: what is free in the machine, in its control groups
    and below its own limit of addresses, whichever is least; None where nothing tells."""
    found = [*_free_of_machine(), *_free_of_cgroups(), *_free_of_addresses()]
    return min(found) if found else None


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
            facts = dict(
                line.split() for line in (directory / "memory.stat").read_text().splitlines()
            )
            used -= int(facts.get(reclaimable, 0))
        yield max(most - used, 0)


def _free_of_addresses() -> Iterator[int]:
    with contextlib.suppress(ImportError, OSError, ValueError, IndexError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            yield max(limit - pages * os.sysconf("SC_PAGE_SIZE"), 0)
