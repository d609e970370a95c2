"""An output directory: all of a run's files or none, and nothing of anybody else's."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr


_NAMES = {
    "advice.csv",
    "advice.json",
    "advice.png",
    "config.toml",
    "phase.png",
    "risk.png",
    "risk.zarr",
}


def _is_own(name: str) -> bool:
    """Whether a file has a name that a run writes; with several n or ridge there is a figure for each."""
    return name in _NAMES or fnmatch(name, "risk-*.png")


class _Refused(FileExistsError):
    """The directory holds something that must not be lost; the message is for the user."""


class OutputDirectory:
    """A directory that receives all results of one run, or none.

    Opening it checks that nothing there is lost, before any computation; the results are written into a
    temporary sibling, `path`, and moved into place by `commit`. Without `commit` nothing is left behind.

    Parameters
    ----------
    target : str or path
        Made if it does not exist; its parents too.
    overwrite : bool
        Whether earlier results may be replaced. A directory with anything else in it is refused in any case.
    """

    def __init__(self, target: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        self.shown = os.fspath(target)
        if not self.shown:
            raise ValueError("output must be the name of a directory, got ''")
        self.overwrite = overwrite
        with self.naming("made"):
            self.target = Path(target).expanduser().resolve()
            self._check()
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self.path = self._sibling("part")
            self.path.mkdir()

    def __enter__(self) -> OutputDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def naming(self, action: str) -> Iterator[None]:
        """Errors of the file system, which may name a temporary file, as errors of this directory."""
        try:
            yield
        except (OSError, RuntimeError) as error:  # RuntimeError: "~" of an unknown user
            if isinstance(error, _Refused):
                raise
            reason = getattr(error, "strerror", None) or str(error)
            if isinstance(error, (FileExistsError, NotADirectoryError)):
                reason = "a part of its path is a file"
            raise OSError(f"output directory {self.shown} cannot be {action}: {reason}") from error

    def commit(self) -> Path:
        """Moves the results into place and returns the directory."""
        with self.naming("written"):
            return self._commit()

    def _commit(self) -> Path:
        try:
            self._check()  # the run may have been long
        except _Refused as error:
            kept = self._sibling("results")
            self.path.rename(kept)
            raise _Refused(f"{error}; the results are in {kept}") from None
        if not self.target.exists() or not any(self.target.iterdir()):
            if self.target.exists():
                self.target.rmdir()
            self.path.rename(self.target)
            return self.target
        old = self._sibling("old")
        old.mkdir()
        for earlier in sorted(self.target.iterdir()):
            earlier.rename(old / earlier.name)  # all are ours: anything else was refused
        for result in sorted(self.path.iterdir()):
            result.rename(self.target / result.name)
        shutil.rmtree(old)
        return self.target

    def _sibling(self, purpose: str) -> Path:
        return self.target.with_name(f".{self.target.name}.{purpose}-{secrets.token_hex(4)}")

    def _check(self) -> None:
        if not self.target.exists():
            return
        if not self.target.is_dir():
            raise _Refused(f"output must be a directory, got the file {self.shown}")
        names = sorted(entry.name for entry in self.target.iterdir())
        other = [name for name in names if not _is_own(name)]
        if names and not _is_our_store(self.target / "risk.zarr"):
            other = names
        if other:
            raise _Refused(
                f"output must be a new or empty directory, got {self.shown}, which holds {_some(other)}"
            )
        if names and not self.overwrite:
            raise _Refused(
                f"output must be a new or empty directory, got {self.shown}, which holds earlier results; "
                "give another, or --overwrite"
            )


def write_tables(directory: Path, tables: dict[str, xr.Dataset], attributes: dict[str, Any]) -> None:
    """Writes risk.zarr: a group for each table ("simulate", "predict").

    Zarr's format 2, because format 3 has no specification yet for the strings of `rule`.
    """
    import xarray as xr

    nodes = {"/": xr.Dataset(attrs=attributes), **tables}
    xr.DataTree.from_dict(nodes).to_zarr(directory / "risk.zarr", zarr_format=2)


def _is_our_store(path: Path) -> bool:
    try:
        return "overprune_version" in json.loads((path / ".zattrs").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
