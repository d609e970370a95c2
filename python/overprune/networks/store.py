"""The store of a sweep or of a pruned model: a directory with a file for each finished cell, none
of them pickled."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._validation import paths as _paths
from .._validation import shown
from .files import read_regular

_IDENTITY = "sweep.json"
_FORMAT = 1
# A cell holds some dozens of numbers for each of its nonzeros.
_LARGEST = 16 * 2**20


class CellStore:
    """Keeps the cells of one sweep; locked while it is open.

    `sweep.json` holds what decides whether a sweep is the same one: all arguments but for widths
    and repeats, which may grow. `cell-WIDTH-REPEAT.json` holds a cell's values and their SHA-256;
    it is written under another name and renamed, so that a cell is there whole or not at all.

    Parameters
    ----------
    path : str or path
        Of the directory; made, with its parents, if it does not exist.
    identity : mapping
        Of values that JSON holds.
    owner : str, default "width_sweep"
        The function whose store it is.

    Raises
    ------
    ValueError
        If there is something else at `path`, or another run: the message lists what differs.
    BlockingIOError
        If another run has the store open.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        identity: Mapping[str, Any],
        owner: str = "width_sweep",
    ) -> None:
        self.path, self._owner = _paths.local(path, "store"), owner
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"store must be a directory, got the file {self.path}")
        for name in (_IDENTITY, ".lock"):
            member = self.path / name
            if member.is_symlink() or (member.exists() and not member.is_file()):
                raise ValueError(
                    f"store must hold regular files, got {member}, which is a link or none"
                )
        if self.path.is_dir() and not (self.path / _IDENTITY).exists():
            other = sorted(p.name for p in self.path.iterdir() if not _is_own(p.name))
            if other:
                raise ValueError(
                    f"store must be a store of {owner} or empty, got {self.path} with {other[0]}"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        try:
            self._check(json.loads(json.dumps({"format": _FORMAT, **identity})))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> CellStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets others open the store."""
        self._lock.release()

    def read(
        self, width: int, repeat: int, misfit: Callable[[Any], str | None] = lambda values: None
    ) -> dict[str, Any] | None:
        """A cell's values; None where it is not there, or, with a warning, where it is damaged.

        `misfit` says what is wrong with values, whose checksum anybody can make.
        """
        path = self._cell(width, repeat)
        try:
            text = read_regular(path, _LARGEST, follow=False)
        except FileNotFoundError:
            return None
        except IsADirectoryError:
            raise ValueError(f"store must hold cells as files, got the directory {path}") from None
        except ValueError as error:
            reason: str | None = str(error)
        else:
            try:
                found = _parse(text)
                values: dict[str, Any] = found["values"]
                is_whole = _checksum(values) == found["sha256"]
                reason = misfit(values) if is_whole else "its checksum is wrong"
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                reason = shown(error)
            if reason is None:
                return values
        warnings.warn(f"{path} is damaged and its cell is run again: {reason}", stacklevel=4)
        return None

    def write(self, width: int, repeat: int, values: Mapping[str, Any]) -> None:
        """Keeps a cell."""
        self._write(self._cell(width, repeat), {"values": values, "sha256": _checksum(values)})

    def _cell(self, width: int, repeat: int) -> Path:
        return self.path / f"cell-{width}-{repeat}.json"

    def _write(self, path: Path, content: Mapping[str, Any]) -> None:
        with _paths.replacing(path) as part, open(part, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())

    def _check(self, identity: dict[str, Any]) -> None:
        path = self.path / _IDENTITY
        if not path.exists():
            self._write(path, identity)
            return
        try:
            found = _parse(read_regular(path, _LARGEST, follow=False))
            if not isinstance(found, dict):
                raise TypeError(f"it holds a {type(found).__name__}")
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(
                f"store must be a store of {self._owner}, but {path} is damaged: {shown(error)}"
            ) from None
        differing = [k for k in {**found, **identity} if found.get(k) != identity.get(k)]
        if differing:
            lines = [
                f"{k}: {shown(found.get(k))} there, {shown(identity.get(k))} now" for k in differing
            ]
            raise ValueError(
                f"store holds another run of {self._owner}, {self.path}:\n  " + "\n  ".join(lines)
            )

    def _take_lock(self) -> Any:
        from filelock import FileLock, Timeout

        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise BlockingIOError(
                f"store is open in another run of {self._owner}: {self.path}"
            ) from None
        return lock


def _is_own(name: str) -> bool:
    return name == ".lock" or name.endswith(".part")


def _parse(content: bytes) -> Any:
    return json.loads(content.decode("utf-8"))


def _checksum(values: Mapping[str, Any]) -> str:
    """Of the values as JSON, which keeps every bit of a double and writes NaN."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
