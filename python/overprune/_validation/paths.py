"""Paths that users name, which must be of this machine."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

from .. import _validation as check

# "s3://...", "zip::s3://..."; and "s3:/...", what pathlib makes of it. One letter is a drive of
# Windows. What begins like an address in another way has two slashes.
_URL = re.compile(
    r"\s*(?:([A-Za-z][A-Za-z0-9+.\-]+):(?:[/\\]|:)|(file):|(?![A-Za-z]:)([^/\\:]*):[/\\]{2})",
    re.IGNORECASE,
)


def local(path: Any, name: str) -> Path:
    """`path` as an absolute path; addresses are refused, as pathlib would take them for names of
    folders.

    Raises
    ------
    TypeError
        If it is no path.
    ValueError
        If it is empty, the address of something, or no name that a directory can have.
    """
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise TypeError(f"{name} must be a path, got {type(path).__name__}")
    text = os.fspath(path)
    if not text:
        raise ValueError(f"{name} must be the name of a directory, got ''")
    address = _URL.match(text)
    if address is not None:
        is_file = "file" in address[0].lower()
        hint = "; give the path without the scheme" if is_file else ""
        raise ValueError(
            f"{name} must be the path of a directory on this machine, got the address "
            f"{check.shown(text)}{hint}"
        )
    if "\0" in text:
        raise ValueError(f"{name} must be the name of a directory, got {check.shown(text)}")
    try:
        place = Path(text).expanduser().resolve()
        _refuse_long(place)
    except (
        RuntimeError,
        UnicodeError,
        _TooLong,
    ) as error:  # "~" of an unknown user, or a circle of links
        raise ValueError(
            f"{name} must be the path of a directory, got {check.shown(text)}: {error}"
        ) from None
    return place


class _TooLong(Exception):
    """The file system has no room for a name."""


def _refuse_long(path: Path) -> None:
    try:
        os.lstat(path)
    except OSError as error:  # anything else is said by what uses the path
        if error.errno == errno.ENAMETOOLONG:
            raise _TooLong(error.strerror) from None
