"""Files that are written whole or not at all; every file of the package is written here."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PART = re.compile(r"\.(.*)\.[0-9a-f]{8}\.part", re.DOTALL)


def write(path: Path, content: str | bytes) -> None:
    """Writes a file; text as UTF-8 with the line ends that it has."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Another name, which is renamed to `path` at the end: what is there is whole at any moment.

    A file is on the disk before it has its name. A folder takes the place of an empty one, or with
    `overwrite` of any.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        if temporary.is_dir():
            if path.is_dir():
                _remove(path, overwrite)
        else:
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _remove(folder: Path, overwrite: bool) -> None:
    if overwrite:
        shutil.rmtree(folder)
    else:
        folder.rmdir()


def target_of(name: str) -> str | None:
    """What a name under which something is written is renamed to; None for any other name."""
    found = _PART.fullmatch(name)
    return None if found is None else found[1]
