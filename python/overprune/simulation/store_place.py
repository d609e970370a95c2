"""Where a store may be, and the lock beside it that tells whether a run has it open."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from .._validation import paths as _paths
from .._validation.files import target_of
from .store_files import StoreDamageError, StoreError, StoreInUseError, is_file


class OpenStore:
    """What stores of all kinds are while they are open: locked, and known by the name they were
    given.

    A store that cannot be locked because nothing can be written beside it can still be read.

    Parameters
    ----------
    path : str or path
        Of a directory of this machine.

    Raises
    ------
    ValueError
        If `path` can be the place of no store.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = place_of(path)
        self.shown = os.fspath(path)
        self.refusal: OSError | None = None  # why the store can be read only
        self._lock: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets others open the store."""
        if self._lock is not None:
            # While the lock is held: who waits for it sees that the file has gone, and makes
            # another.
            with contextlib.suppress(OSError):
                os.unlink(self._lock.lock_file)
            self._lock.release()
            self._lock = None

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Locks the store; lets go of it where what follows fails.

        Raises StoreInUseError where another run has it open.
        """
        with self.naming("opened"):
            self._take_lock()
            try:
                yield
            except BaseException:
                self.close()
                raise

    @contextmanager
    def naming(self, action: str) -> Iterator[None]:
        """Errors of the file system as errors of this store."""
        try:
            yield
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            reason = error.strerror or str(error)
            kept = (
                "; what was finished is kept, and the same call goes on"
                if action == "written"
                else ""
            )
            raise StoreError(f"store {self.shown} cannot be {action}: {reason}{kept}") from error

    def need_to_write(self) -> None:
        """Raises StoreError where the store can be read only."""
        if self.refusal is not None:
            with self.naming("written"):
                raise self.refusal

    def _take_lock(self) -> None:
        from filelock import FileLock, Timeout

        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = lock_file(self.path)
        check_lock(file, self.shown)
        lock = FileLock(file, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            if os.path.lexists(file):
                raise in_use_error(self.shown) from None
            # A lock is waited for, too, where its file cannot be made; making it tells why, or that
            # it can.
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o644))
            self._take_lock()
            return
        except OSError as error:
            if not self.path.is_dir():
                raise
            self.refusal = error  # a finished run can be read all the same
            return
        self._lock = lock


def place_of(path: str | os.PathLike[str]) -> Path:
    """Where a store is or will be; ValueError for what can be the place of none."""
    place = _paths.local(path, "store")
    if target_of(place.name) is not None:
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
