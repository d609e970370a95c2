"""Output directories: a command writes all of its files or none, and keeps those of others."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._provenance import facts_of
from .._validation import files
from .._validation import paths as _paths
from ..simulation.store_files import (
    StoreDamageError,
    consolidate,
    fixed,
    is_file,
    is_folder,
    is_hidden,
    is_partial,
    name_of,
    read_json,
    scan,
    warn_of_damage,
)
from ..simulation.store_layout import plain
from ..simulation.store_place import refuse_if_in_use
from ..simulation.store_tables import checksum, load_table

if TYPE_CHECKING:
    import xarray as xr

    from ..simulation.run import Simulation


_TABLES = ("simulate", "predict")  # groups of risk.zarr that a run writes
_NAMES = (
    "advice.csv",
    "advice.json",
    "advice.png",
    "config.toml",
    "phase.png",
    "risk.png",
    "risk-*.png",  # with several n or ridge there is a figure for each
    "risk.zarr",
    "risk.zarr.simulate.lock",
    ".risk*.part",  # what a killed run leaves
    ".config.toml.*.part",
)


def _is_own(name: str) -> bool:
    """Whether a file has a name that a command writes."""
    return any(fnmatch(name, pattern) for pattern in _NAMES)


class _Refused(FileExistsError):
    """The directory holds files that must not be lost; the message is for the user."""


class _Target:
    """A directory that a command writes into; one that holds anything else is refused."""

    def __init__(self, target: str | os.PathLike[str]) -> None:
        self.shown = os.fspath(target)
        with self.naming("made"):
            self.target = _paths.local(target, "output")
            self._earlier()

    @contextmanager
    def naming(self, action: str) -> Iterator[None]:
        """Errors of the file system, which may name a temporary file, as this directory's."""
        try:
            yield
        except OSError as error:
            if isinstance(error, (_Refused, StoreDamageError)):
                raise
            reason = error.strerror or str(error)
            if isinstance(error, (FileExistsError, NotADirectoryError)):
                reason = "a part of its path is a file"
            raise OSError(f"output directory {self.shown} cannot be {action}: {reason}") from error

    def _earlier(self) -> bool:
        """Whether there are earlier results; raises where there are other files."""
        if not self.target.exists():
            return False
        if not self.target.is_dir():
            raise _Refused(f"output must be a directory, got the file {self.shown}")
        names = sorted(entry.name for entry in self.target.iterdir())
        other = [name for name in names if not _is_own(name) or (self.target / name).is_symlink()]
        if names and not _is_our_store(self.target / "risk.zarr"):
            other = names
        elif names and not other:
            scan(self.target / "risk.zarr", os.path.join(self.shown, "risk.zarr"))
        if other:
            raise _Refused(
                f"output must be a new or empty directory, got {self.shown}, which holds "
                f"{_some(other)}; give another (--overwrite replaces nothing but earlier results)"
            )
        return bool(names)

    def _sibling(self, purpose: str) -> Path:
        return self.target.with_name(f".{self.target.name}.{purpose}-{secrets.token_hex(4)}")


class OutputDirectory(_Target):
    """A directory that receives all results of one command, or none.

    Opening it checks that nothing there is lost, before any computation; the results are written
    into a temporary sibling, `path`, and moved into place by `commit`. Without `commit` nothing is
    left behind.

    Parameters
    ----------
    target : str or path
        Made if it does not exist; its parents too.
    overwrite : bool
        Whether earlier results may be replaced. A directory with anything else in it is refused in
        any case.
    """

    def __init__(self, target: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        super().__init__(target)
        self.overwrite = overwrite
        with self.naming("made"):
            self._check()
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self.path = self._sibling("part")
            self.path.mkdir()

    def __enter__(self) -> OutputDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

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

    def _check(self) -> None:
        if self._earlier() and not self.overwrite:
            raise _Refused(
                f"output must be a new or empty directory, got {self.shown}, which holds earlier "
                "results; give another, or --overwrite"
            )


class RunDirectory(_Target):
    """A directory that keeps a run while it goes on, so that the same command goes on with it.

    Opening it checks that nothing of anybody else's is there. `begin` makes the group risk.zarr,
    whose child `simulate` is the store; every other file is written under another name and renamed.
    A directory in which nothing was begun is removed again.

    Parameters
    ----------
    target : str or path
        Made if it does not exist; its parents too.
    overwrite : bool
        Whether `begin` removes earlier results first.
    """

    def __init__(self, target: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        super().__init__(target)
        self._overwrite = overwrite
        self.has_begun = False
        with self.naming("made"):
            is_run = "run" in _store_attributes(self.target / "risk.zarr")
            if self._earlier() and not is_run and not overwrite:
                raise _Refused(
                    f"output must be a new or empty directory, or a run's, got {self.shown}, "
                    "which holds other results; give another, or --overwrite"
                )
            if is_run and not overwrite:
                _check_root(self.target / "risk.zarr", os.path.join(self.shown, "risk.zarr"))
            self._is_new = not self.target.exists()
            self.target.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_new and not self.has_begun:
            with suppress(OSError):
                self.target.rmdir()

    @property
    def store(self) -> str:
        """Where the simulation is kept."""
        return os.path.join(self.shown, "risk.zarr", "simulate")

    def check(self, simulation: Simulation) -> None:
        """Raises ValueError where there is another simulation, before anything is changed.

        Also, as StoreInUseError, where there is one that is still running.
        """
        refuse_if_in_use(self.target / "risk.zarr" / "simulate", self.store)
        if not self._overwrite:
            simulation.check_store(self.store)

    def earlier(self, config: str, problem_hash: str) -> xr.Dataset | None:
        """The prediction that an earlier run of this very config and problem has left here.

        None, too, with a warning, where it is not as it was written.
        """
        from .._version import __version__

        group = self.target / "risk.zarr" / "predict"
        if self._overwrite or not is_folder(group):
            return None
        shown = os.path.join(self.shown, "risk.zarr", "predict")
        wanted = {"config": config, "overprune_version": __version__, "problem_hash": problem_hash}
        try:
            known = read_json(group, ".zattrs", shown)
            if isinstance(known, dict) and any(known.get(name) != wanted[name] for name in wanted):
                return None
            table = load_table(group, shown)
            facts_of(table.attrs)
            if table.attrs.pop("checksum", None) == checksum(table):
                return table
            reason = "its values or attributes are not as written"
        except ValueError as error:
            reason = getattr(error, "what", str(error))
        warn_of_damage(shown, f"{reason}; the prediction is made again", stacklevel=2)
        return None

    def begin(self, config: str, tables: dict[str, xr.Dataset]) -> None:
        """Makes the directory, with the config and the tables that are there already."""
        import zarr

        from .._version import __version__

        root = self.target / "risk.zarr"
        with self.naming("written"):
            self._earlier()
            if self._overwrite:
                self._remove_earlier()
            self.has_begun = True
            attributes: dict[str, Any] = {
                "overprune_version": __version__,
                "config": config,
                "run": 1,
            }
            if not root.exists():
                with files.replacing(root) as temporary:
                    zarr.open_group(temporary, mode="w-", zarr_format=2, attributes=attributes)
            else:
                group = zarr.open_group(root, mode="r+", use_consolidated=False, zarr_format=2)
                group.attrs.update(attributes)
            for name, table in tables.items():
                write_table(table.assign_attrs(checksum=checksum(table)), root / name)
            self.write("config.toml", config)

    def write(self, name: str, content: str | bytes) -> None:
        """Writes a file."""
        files.write(self.target / name, content)

    def finish(self, config: str) -> None:
        """Completes the metadata of risk.zarr."""
        import zarr

        root = self.target / "risk.zarr"
        with self.naming("written"):
            group = zarr.open_group(
                root / "simulate", mode="r+", use_consolidated=False, zarr_format=2
            )
            group.attrs["config"] = config
            consolidate(root / "simulate", self.store)
            consolidate(root, os.path.dirname(self.store))

    def written(self) -> list[str]:
        """The names of the directory's files."""
        return sorted(entry.name for entry in self.target.iterdir())

    def _remove_earlier(self) -> None:
        """Removes earlier results, the store last: it marks the directory as ours."""
        for entry in sorted(self.target.iterdir(), key=lambda e: e.name == "risk.zarr"):
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def write_tables(directory: Path, tables: dict[str, xr.Dataset], config: str) -> None:
    """Writes risk.zarr, with a group for each table by its name, and config.toml.

    Zarr's format 2, because format 3 has no specification yet for the strings of `rule`; without
    codecs, which would keep what is opened from being written in format 3.
    """
    import xarray as xr

    from .._version import __version__

    root = xr.Dataset(attrs={"overprune_version": __version__, "config": config})
    encodings = {f"/{name}": _encoding(table) for name, table in tables.items()}
    tree = xr.DataTree.from_dict({"/": root, **tables})
    with files.replacing(directory / "risk.zarr") as temporary:
        tree.to_zarr(temporary, zarr_format=2, encoding=encodings)
    files.write(directory / "config.toml", config)


def write_table(table: xr.Dataset, path: Path) -> None:
    """Writes a table as a Zarr group, in place of any that is there."""
    with files.replacing(path, overwrite=True) as temporary:
        table.to_zarr(temporary, zarr_format=2, encoding=_encoding(table))


def _encoding(table: xr.Dataset) -> dict[str, dict[str, Any]]:
    """The encoding of a table's variables, which is that of a store's."""
    return {str(name): plain() for name in table.variables}


def _is_our_store(path: Path) -> bool:
    return "overprune_version" in _store_attributes(path)


def _check_root(root: Path, shown: str) -> None:
    """Raises StoreDamageError where a run's group has more than tables and metadata."""
    fixed(root, ".zgroup", shown, {"zarr_format": 2})
    for member in scan(root, shown):
        name, slash, _ = member.partition("/")
        known = _TABLES if slash else (".zgroup", ".zattrs", ".zmetadata")
        if name not in known and not is_hidden(name) and not is_partial(name):
            raise StoreDamageError(shown, f"{name_of(member)} is no part of it")


def _store_attributes(path: Path) -> dict[str, Any]:
    if not is_folder(path) or not is_file(path / ".zattrs"):
        return {}
    try:
        attributes = read_json(path, ".zattrs", str(path))
    except StoreDamageError:
        return {}
    return attributes if isinstance(attributes, dict) else {}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
