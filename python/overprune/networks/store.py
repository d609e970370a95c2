"""The store of a sweep or of a pruned model: a directory with a file for each finished cell, none
of them pickled."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from .. import _validation as check
from .._validation import files
from ..simulation.store_files import (
    StoreDamageError,
    checksum,
    is_file,
    is_folder,
    is_hidden,
    name_of,
    read_bytes,
    read_json,
    refuse_another,
    refuse_foreign,
    scan,
    warn_of_damage,
)
from ..simulation.store_place import OpenStore

_FORMAT = 2
# A cell holds some dozens of numbers for each of its nonzeros.
_LARGEST = 16 * 2**20


class CellStore(OpenStore):
    """Keeps the cells of one run; locked while it is open.

    `IDENTITY.json` holds what decides whether a run is the same one: all arguments but for those
    that may grow. `cell-WIDTH-REPEAT.json` holds a cell's values and their checksum. Each is
    written under another name and renamed, so that a cell is there whole or not at all.

    Parameters
    ----------
    path : str or path
        Of the directory; made, with its parents, if it does not exist.
    identity : mapping
        Of values that JSON holds.
    name : str, default "sweep"
        Of the identity's file: stores of different functions have different ones.

    Raises
    ------
    ValueError
        If there is something else at `path`, or another run: the message lists what differs.
    StoreDamageError
        If the identity is damaged, or a member is a link, a folder or a file of another name.
    StoreInUseError
        If another run has the store open.
    StoreError
        If the store cannot be read or written.
    """

    _MEMBERS = re.compile(r"cell-\d+-\d+\.json")

    def __init__(
        self, path: str | os.PathLike[str], identity: Mapping[str, Any], name: str = "sweep"
    ) -> None:
        super().__init__(path)
        self._identity = f"{name}.json"
        with self.opening():
            self._open(json.loads(json.dumps({"format": _FORMAT, **identity})))

    def read(
        self, width: int, repeat: int, misfit: Callable[[Any], str | None] = lambda values: None
    ) -> dict[str, Any] | None:
        """A cell's values; None where it is not there, or, with a warning, where it is damaged.

        `misfit` says what is wrong with values, whose checksum anybody can make.
        """
        member = _cell(width, repeat)
        with self.naming("read"):
            if not os.path.lexists(self.path / member):
                self.need_to_write()  # what the caller is about to run
                return None
            try:
                found = read_json(self.path, member, self.shown, _LARGEST)
                values: dict[str, Any] = found["values"]
                is_whole = found["checksum"] == _checksum(values)
                reason = misfit(values) if is_whole else "its checksum is wrong"
            except StoreDamageError as error:
                reason = error.what
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                reason = check.shown(error)
        if reason is None:
            return values
        self.need_to_write()
        self.warn_again(member, reason)
        return None

    def write(self, width: int, repeat: int, values: Mapping[str, Any]) -> None:
        """Keeps a cell."""
        self._write(_cell(width, repeat), {"values": values, "checksum": _checksum(values)})

    def read_part(self, member: str, size: int) -> bytes:
        """The bytes of a file beside the cells, at most so many; raises StoreDamageError where it
        is no file or longer."""
        with self.naming("read"):
            return read_bytes(self.path, member, self.shown, size)

    def write_part(self, member: str, content: bytes) -> None:
        """Keeps a file beside the cells."""
        with self.naming("written"):
            self.need_to_write()
            files.write(self.path / member, content)

    def warn_again(self, member: str, reason: str) -> None:
        """Warns that a cell is computed again."""
        text = f"{member} is not as written ({reason}) and computed again"
        warn_of_damage(self.shown, text, stacklevel=5)

    def _write(self, member: str, content: Mapping[str, Any]) -> None:
        self.write_part(member, json.dumps(content, indent=1).encode())

    def _open(self, identity: dict[str, Any]) -> None:
        if os.path.lexists(self.path) and not self._is_empty():
            refuse_foreign(self.path, self.shown, self._identity)
            self._check_members()
            there = read_json(self.path, self._identity, self.shown, _LARGEST)
            if not isinstance(there, dict):
                raise StoreDamageError(self.shown, f"{self._identity} holds no identity")
            names = {**there, **identity}
            refuse_another({k: (there.get(k), identity.get(k)) for k in names}, self.shown)
        else:
            self.need_to_write()
            self.path.mkdir(parents=True, exist_ok=True)
            self._write(self._identity, identity)
        if self.refusal is None:
            for left in self.path.iterdir():  # by killed runs
                if files.target_of(left.name) is not None and is_file(left):
                    left.unlink(missing_ok=True)

    def _check_members(self) -> None:
        """Raises StoreDamageError where there is a link, a folder or a file of another name."""
        for member in scan(self.path, self.shown):
            is_own = member == self._identity or self._MEMBERS.fullmatch(member)
            is_left = files.target_of(member) is not None or is_hidden(member)
            if member.endswith("/") or not (is_own or is_left):
                raise StoreDamageError(self.shown, f"{name_of(member)} is no part of it")

    def _is_empty(self) -> bool:
        return is_folder(self.path) and all(
            files.target_of(entry.name) is not None for entry in self.path.iterdir()
        )


def _cell(width: int, repeat: int) -> str:
    return f"cell-{width}-{repeat}.json"


def _checksum(values: Any) -> int:
    """Of the values as JSON, which keeps every bit of a double and writes NaN."""
    return checksum({"values": json.dumps(values, sort_keys=True).encode()})
