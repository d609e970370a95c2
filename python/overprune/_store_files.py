"""The files of a store, hostile until checked: no link is followed, and no file read that is too large."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import _validate as check

METADATA = (".zgroup", ".zattrs", ".zarray", ".zmetadata")
LARGEST_JSON = 2**24  # Python's objects of so many characters stay below a gigabyte
_DEEPEST = 6  # folders within one another
_PART = r"\.[0-9a-f]{8}\.part"
_PARTIAL = re.compile(r"[0-9A-Za-z_.]*\.[0-9a-f]{1,32}\.partial")


class StoreError(OSError):
    """A store that cannot be read or written."""


class StoreInUseError(StoreError, BlockingIOError):
    """A store that another run has open."""


class StoreDamageError(StoreError, ValueError):
    """A store with a member that is not as overprune writes it."""

    def __init__(self, shown: str, what: str) -> None:
        super().__init__(f"store {shown} is damaged: {' '.join(what.split())}; remove it to begin anew")


def part_of(name: str) -> re.Pattern[str]:
    """The names under which a store of this name is made, before it is renamed."""
    return re.compile(rf"\.{re.escape(name)}{_PART}")


def is_part(name: str) -> bool:
    """Whether a name is one under which some store is made."""
    return re.fullmatch(rf"\..*{_PART}", name, re.DOTALL) is not None


def is_partial(name: str) -> bool:
    """Whether a name is one under which Zarr writes a file of a store, before it is renamed."""
    return _PARTIAL.fullmatch(name) is not None


def is_hidden(name: str) -> bool:
    """Whether a name is one that file managers and file systems leave behind, and nothing reads."""
    return name.startswith(".") and not name.startswith(".z") and not is_partial(name)


def is_folder(path: Path) -> bool:
    """Whether there is a folder itself, not a link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether there is a plain file itself, not a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def scan(root: Path, shown: str) -> dict[str, int]:
    """The members of a folder, with slashes, and their sizes; of folders, whose names end in a slash, 0.

    Raises
    ------
    StoreDamageError
        Where there is a link or a special file, metadata longer than is sensible, or a tree too deep: the
        first one is named.
    """
    found: dict[str, int] = {}
    for member, entry in _entries(root, ""):
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            found[f"{member}/"] = 0
            if member.count("/") + 1 >= _DEEPEST:
                raise StoreDamageError(shown, f"{name_of(member)} lies too deep")
        elif stat.S_ISREG(status.st_mode):
            found[member] = status.st_size
            if entry.name in METADATA and status.st_size > 2 * LARGEST_JSON:
                raise StoreDamageError(shown, f"{name_of(member)} has {status.st_size} bytes")
        else:
            kind = "link" if stat.S_ISLNK(status.st_mode) else "special file"
            raise StoreDamageError(
                shown, f"{name_of(member)} is a {kind}, where a file or folder of its own is expected"
            )
    return found


def _entries(root: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(root) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        member = f"{prefix}{entry.name}"
        yield member, entry
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(root / entry.name, f"{member}/")


def name_of(member: str) -> str:
    """A member's name in a message: as it is, or where it has unusual characters, as Python writes it."""
    return member if re.fullmatch(r"[\w./\-]{1,120}", member, re.ASCII) else check.shown(member)


def read_json(root: Path, member: str, shown: str, largest: int = LARGEST_JSON) -> Any:
    """What a member holds; StoreDamageError where it is missing, no plain file, too long or no JSON."""
    path = root / member
    for folder in reversed(path.relative_to(root).parents[:-1]):
        if not is_folder(root / folder):
            raise StoreDamageError(shown, f"{folder} is missing or no folder")
    try:
        status = path.lstat()
    except FileNotFoundError:
        raise StoreDamageError(shown, f"{member} is missing") from None
    if not stat.S_ISREG(status.st_mode):
        raise StoreDamageError(shown, f"{member} is no file")
    if status.st_size > largest:
        raise StoreDamageError(shown, f"{member} has {status.st_size} bytes, where {largest} are the most")
    try:
        return json.loads(path.read_bytes().decode("utf-8"))
    except RecursionError:
        raise StoreDamageError(shown, f"{member} is nested too deeply") from None
    except ValueError as error:
        raise StoreDamageError(shown, f"{member} has damaged metadata, {error}") from None


def short(value: Any) -> str:
    """A value of metadata in a message."""
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def same_json(one: Any, other: Any) -> bool:
    """Whether two values are the same as JSON, where 1 is neither true nor 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def zstd_length(path: Path) -> int | None:
    """How many bytes a file of Zstandard says that it unpacks to; None where it does not say."""
    with open(path, "rb") as file:
        head = file.read(18)
    if len(head) < 6 or head[:4] != b"\x28\xb5\x2f\xfd":
        return None
    is_single = head[4] >> 5 & 1
    begin = 5 + (1 - is_single) + (0, 1, 2, 4)[head[4] & 3]
    width = (is_single, 2, 4, 8)[head[4] >> 6]
    if width == 0 or len(head) < begin + width:
        return None
    return int.from_bytes(head[begin : begin + width], "little") + (256 if width == 2 else 0)
