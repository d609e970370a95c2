"""The files of a store, hostile until checked: no link is followed, and no file read that is too
large."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import warnings
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import _validation as check

METADATA = (".zgroup", ".zattrs", ".zarray", ".zmetadata")
# of the attributes of a table, which may hold long lists; .zmetadata repeats them
LARGEST_JSON = 2**24
SMALL_JSON = 2**16  # of everything but the attributes of a table
# lists and objects in one file: each takes some 30 times as much memory as its brackets
_MOST_LISTS = 2**18
_MOST_ENTRIES = 2**22  # of all of them together
_DEEPEST = 6  # folders within one another
_MOST_LISTED = 20  # differences of two runs
_PARTIAL = re.compile(r"[0-9A-Za-z_.]*\.[0-9a-f]{1,32}\.partial")


class StoreError(OSError):
    """A store that cannot be read or written."""


class StoreInUseError(StoreError, BlockingIOError):
    """A store that another run has open."""


class StoreDamageError(StoreError, ValueError):
    """A store with a member that is not as overprune writes it."""

    def __init__(self, shown: str, what: str) -> None:
        self.what = " ".join(what.split())
        super().__init__(f"store {shown} is damaged: {self.what}; remove it to begin anew")


def warn_of_damage(shown: str, what: str, *, stacklevel: int) -> None:
    """Warns that a part of a store is made again."""
    warnings.warn(f"store {shown} is damaged: {what}", RuntimeWarning, stacklevel=stacklevel + 1)


def refuse_foreign(path: Path, shown: str, member: str) -> None:
    """Raises ValueError where there is something without the member that every such store has."""
    if not is_folder(path):
        raise ValueError(f"store must be a directory, got the file {shown}")
    if not os.path.lexists(path / member):
        raise ValueError(
            f"store must be new, empty or an earlier run's, got {shown}, which is neither"
        )


def refuse_another(different: Mapping[str, tuple[Any, Any]], shown: str, hint: str = "") -> None:
    """Raises ValueError where facts by name, (there, here), tell that a store is another run's."""
    listed = [
        f"{name_of(name)} is {short(old)} there, {short(new)} here"
        for name, (old, new) in different.items()
        if not same_json(old, new)
    ]
    if len(listed) > _MOST_LISTED:
        listed[_MOST_LISTED:] = ["..."]
    if listed:
        raise ValueError(
            f"store {shown} holds another run and is left as it is: {'; '.join(listed)}{hint}"
        )


def checksum(parts: Mapping[str, bytes | memoryview]) -> int:
    """Of all bytes by name: 48 bits, which a double holds, as xarray makes it one."""
    digest = hashlib.blake2b(digest_size=6)
    for name in sorted(parts):
        digest.update(name.encode())
        digest.update(parts[name])
    return int.from_bytes(digest.digest(), "big")


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
    """The members of a folder, with slashes, and their sizes; of folders, whose names end in a
    slash, 0.

    Raises
    ------
    StoreDamageError
        Where there is a link or a special file, metadata longer than is sensible, or a tree too
        deep: the first one is named.
    """
    found: dict[str, int] = {}
    metadata: list[str] = []
    for member, entry in _entries(root, ""):
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            found[f"{member}/"] = 0
            if member.count("/") + 1 >= _DEEPEST:
                raise StoreDamageError(shown, f"{name_of(member)} lies too deep")
        elif stat.S_ISREG(status.st_mode):
            found[member] = status.st_size
            if entry.name in METADATA:
                metadata.append(member)
        else:
            kind = "link" if stat.S_ISLNK(status.st_mode) else "special file"
            raise StoreDamageError(
                shown,
                f"{name_of(member)} is a {kind}, where a file or folder of its own is expected",
            )
    for member in metadata:
        most = _longest(member, found)
        if found[member] > most:
            raise StoreDamageError(
                shown, f"{name_of(member)} has {found[member]} bytes, where {most} are the most"
            )
    return found


def _longest(member: str, members: Collection[str]) -> int:
    """How long metadata may be: they are short, but for the attributes of a table."""
    folder, slash, name = member.rpartition("/")
    if name == ".zmetadata":
        return 2 * LARGEST_JSON
    is_of_array = f"{folder}{slash}.zarray" in members
    return LARGEST_JSON if name == ".zattrs" and not is_of_array else SMALL_JSON


def check_group(root: Path, shown: str) -> dict[str, int]:
    """The members of a Zarr group of format 2 that others may have a part of.

    Raises
    ------
    StoreDamageError
        Where it is of another format, or metadata of any member cannot be read: Zarr reads them
        all.
    """
    members = scan(root, shown)
    fixed(root, ".zgroup", shown, {"zarr_format": 2})
    for member in members:
        name = member.rpartition("/")[2]
        if name == "zarr.json":
            raise StoreDamageError(shown, f"{name_of(member)} is of another format of Zarr")
        if name in METADATA and name != ".zmetadata":
            found = read_json(root, member, shown)
            if not isinstance(found, dict):
                raise StoreDamageError(shown, f"{name_of(member)} holds {short(found)}")
    return members


def consolidate(root: Path, shown: str) -> None:
    """Writes the .zmetadata of a group again."""
    import zarr

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of what file managers leave
            zarr.consolidate_metadata(root, zarr_format=2)
    except OSError:
        raise
    except Exception as error:  # whatever Zarr makes of members that are none of ours
        raise StoreDamageError(shown, f"its metadata cannot be consolidated, {error}") from error


def _entries(root: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(root) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        member = f"{prefix}{entry.name}"
        yield member, entry
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(root / entry.name, f"{member}/")


def name_of(member: str) -> str:
    """A member's name in a message: as it is, or where it has unusual characters, as Python writes
    it."""
    return member if re.fullmatch(r"[\w./\-]{1,120}", member, re.ASCII) else check.shown(member)


def read_bytes(root: Path, member: str, shown: str, largest: int) -> bytes:
    """The content of a member; StoreDamageError where it is missing, no plain file or too long."""
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
        raise StoreDamageError(
            shown, f"{member} has {status.st_size} bytes, where {largest} are the most"
        )
    return path.read_bytes()


def read_json(root: Path, member: str, shown: str, largest: int = LARGEST_JSON) -> Any:
    """What a member holds; StoreDamageError where it cannot be read or is no JSON."""
    content = read_bytes(root, member, shown, largest)
    try:
        _check_count(content, member, shown)
        return json.loads(content.decode("utf-8"))
    except RecursionError:
        raise StoreDamageError(shown, f"{member} is nested too deeply") from None
    except StoreDamageError:
        raise
    except ValueError as error:
        raise StoreDamageError(shown, f"{member} has damaged metadata, {error}") from None


def _check_count(content: bytes, member: str, shown: str) -> None:
    """Raises StoreDamageError for JSON of so many parts that Python's objects would fill the
    memory."""
    lists = content.count(b"[") + content.count(b"{")
    entries = lists + content.count(b",")
    for count, most, what in ((lists, _MOST_LISTS, "lists"), (entries, _MOST_ENTRIES, "entries")):
        if count > most:
            raise StoreDamageError(shown, f"{member} has {count} {what}, where {most} are the most")


def fixed(root: Path, member: str, shown: str, expected: Any) -> Any:
    """What a member holds, which has to be that very value."""
    found = read_json(root, member, shown, SMALL_JSON)
    if not same_json(found, expected):
        raise StoreDamageError(shown, f"{member} must hold {short(expected)}, got {short(found)}")
    return found


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
