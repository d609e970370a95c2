"""Where a store may be, and the lock beside it that tells whether a run has it open."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .._validation import paths as _paths
from .store_files import StoreDamageError, StoreError, StoreInUseError, is_file, is_part


def place_of(path: str | os.PathLike[str]) -> Path:
    """Where a store is or will be; ValueError for what can be the place of none."""
    place = _paths.local(path, "store")
    if is_part(place.name):
        raise ValueError(
            f"store must have a name that no store has while it is made, got {os.fspath(path)}"
        )
    named = Path(path).expanduser().absolute()
    if named.is_symlink() and (named.parent / ".zgroup").exists():
        raise StoreDamageError(
            os.fspath(path), "it is a link in a Zarr group, which has folders of its own"
        )
    return place


def refuse_current(path: Path, shown: str) -> None:
    """An empty directory is replaced by a new store, and would be lost to the processes that are in
    it."""
    with contextlib.suppress(OSError):
        if path.samefile(os.curdir):
            raise ValueError(
                "store must not be the current directory, which a new store would replace, "
                f"got {shown}; "
                "give the name of a directory in it"
            )


def in_use(path: Path, shown: str) -> bool:
    """Whether a run has the store open."""
    from filelock import FileLock, Timeout

    file = lock_file(path.resolve())
    if not os.path.lexists(file):
        return False
    check_lock(file, shown)
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True


def refuse_if_in_use(path: Path, shown: str) -> None:
    """Raises StoreInUseError where a run has the store open."""
    if in_use(path, shown):
        raise in_use_error(shown)


def in_use_error(shown: str) -> StoreInUseError:
    return StoreInUseError(
        f"store {shown} is in use by another run; wait for it, or give another store"
    )


def lock_file(path: Path) -> Path:
    """Beside the store, or beside the outermost group that it is part of: no group holds other
    files."""
    top = path
    while (top.parent / ".zgroup").exists():
        top = top.parent
    return top.with_name(".".join([top.name, *path.relative_to(top).parts, "lock"]))


def check_lock(file: Path, shown: str) -> None:
    """Raises StoreError where the name of the lock is taken: locking a file makes it empty."""
    if os.path.lexists(file) and not (is_file(file) and file.stat().st_size == 0):
        raise StoreError(
            f"store {shown} cannot be locked: {file.name} beside it must be an empty file, which a "
            "run makes and removes"
        )
