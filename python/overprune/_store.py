"""The store of a simulation: a Zarr group that fills block by block and survives whatever stops the run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._blocks import Block, Result, Work

if TYPE_CHECKING:
    import xarray as xr

FORMAT = 1  # of the ledger and the chunks
# What has to be the same for a store to be continued, in the order in which differences are listed.
_IDENTITY = (
    "store_format",
    "kind",
    "overprune_version",
    "kernel_level",
    "problem_hash",
    "n",
    "sizes",
    "nonzeros",
    "rules",
    "retrain",
    "ridge",
    "retrain_ridge",
    "compensate",
    "curvature",
    "seed",
    "first_trial",
)
_OF_STORE = ("store_format", "block")
_ENTRIES = ("trials", "checksum", "seconds", "time")  # of the ledger; times in microseconds
_TRIALS_AT_ONCE = 65536  # of the coordinate: one chunk for most runs


class Store:
    """A Zarr group in which the blocks of one simulation are kept; locked while it is open.

    Every variable of the table is an array whose chunks hold `block` trials of one n and one ridge, with
    checksums. The group `ledger` (n, ridge, block, entry) says of each block how many trials it has, the
    checksum of all their values, how long they took and when they were finished. A block is written first and
    entered then, each file under another name and renamed, so that a block counts only once it is whole.

    Parameters
    ----------
    path : str or path
        Of the group; made, with its parents, if it does not exist.
    work : Work
    attributes : mapping
        Of the table; decide, with the grid, whether the store is the same run's.
    trials : int
        How many the store is to hold at least.
    block : int
        Trials of a chunk, where the store is new.

    Raises
    ------
    ValueError
        If there is something else at `path`, or another run: the message lists what differs.
    BlockingIOError
        If another run has the store open.
    OSError
        If the store cannot be read or written.
    """

    def __init__(
        self, path: str | os.PathLike[str], work: Work, attributes: Mapping[str, Any], trials: int, block: int
    ) -> None:
        self.shown = os.fspath(path)
        if not self.shown:
            raise ValueError("store must be the name of a directory, got ''")
        self.path = Path(path).expanduser().resolve()
        self._work = work
        self._attributes = {**work.grid.attributes("simulate"), **attributes, "store_format": FORMAT}
        self._lock: Any = None
        self._group: Any = None
        self._refusal: OSError | None = None  # why the store can be read only
        with self._naming("opened"):
            self._take_lock()
            try:
                self._open(trials, block)
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets others open the store."""
        if self._lock is not None:
            # While the lock is held: who waits for it sees that the file has gone, and makes another.
            with contextlib.suppress(OSError):
                os.unlink(self._lock.lock_file)
            self._lock.release()
            self._lock = None

    def pending(self, trials: int) -> Iterator[Block]:
        """The blocks that the first `trials` trials still need."""
        for n, ridge in self._work.cells():
            for b in range(-(-trials // self.block)):
                have = int(self._ledger[n, ridge, b, 0])
                want = min(self.block, trials - b * self.block)
                if have < want:
                    with self._naming("written"):
                        self._need_to_write()
                    yield Block(n, ridge, self._first + b * self.block + have, want - have)

    def write(self, block: Block, result: Result) -> None:
        """Keeps a block that was pending."""
        b, have = divmod(block.first - self._first, self.block)
        begin, end = b * self.block, b * self.block + have + block.trials
        with self._naming("written"):
            values = dict(result.values)
            if have:
                earlier = self._read(block.n, block.ridge, begin, begin + have)
                values = {name: np.concatenate([earlier[name], values[name]], axis=-1) for name in values}
            for name, array in values.items():
                self._group[name][self._key(block.n, block.ridge, begin, end)] = array
            spent = int(self._ledger[block.n, block.ridge, b, 2]) + round(result.seconds * 1e6)
            entry = np.array([end - begin, _checksum(values), spent, time.time_ns() // 1000], dtype=np.int64)
            self._group["ledger/blocks"][block.n, block.ridge, b] = entry
            self._ledger[block.n, block.ridge, b] = entry

    def table(self, trials: int, *, lazy: bool = False) -> xr.Dataset:
        """The table of the first `trials` trials, in memory; lazy: read from the store when it is used."""
        import xarray as xr

        with self._naming("read"):
            if lazy:
                stored = xr.open_zarr(self.path, chunks=None, zarr_format=2)
                table: xr.Dataset = stored.isel(trial=slice(trials))
                table.attrs = self._own_attributes(trials)
                return table
            arrays = {
                name: self._group[name][..., :trials].reshape(
                    len(self._work.grid.n), len(self._work.grid.ridge), *self._work.shape(name), trials
                )
                for name in self._work.names()
            }
            numbers = self._group["trial"][:trials]
            return self._work.grid.dataset("simulate", arrays, self._own_attributes(trials), numbers)

    def _own_attributes(self, trials: int) -> dict[str, Any]:
        """The table's, without those of the store."""
        stored = self._group.attrs.asdict()
        return {name: value for name, value in stored.items() if name not in _OF_STORE} | {"trials": trials}

    def _take_lock(self) -> None:
        from filelock import FileLock, Timeout

        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.with_name(f"{self.path.name}.lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise BlockingIOError(
                f"store {self.shown} is in use by another run; wait for it, or give another store"
            ) from None
        except OSError as error:
            if not self.path.is_dir():
                raise
            self._refusal = error  # a finished run can be read all the same
            return
        self._lock = lock

    def _open(self, trials: int, block: int) -> None:
        import zarr

        if self._refusal is None:
            self._sweep()
        is_new = not self.path.exists() or (self.path.is_dir() and not any(self.path.iterdir()))
        if is_new:
            self._create(trials, block)
        else:
            self._compare()
        mode: Any = "r+" if self._refusal is None else "r"
        self._group = zarr.open_group(self.path, mode=mode, use_consolidated=False)
        self._first = int(self._group.attrs["first_trial"])
        self.block = int(self._group.attrs["block"])
        if int(self._group.attrs["trials"]) < trials:
            self._need_to_write()
            self._grow(trials)
        self._ledger = np.array(self._group["ledger/blocks"][:])
        if not is_new:
            self._forget_damaged()

    def _need_to_write(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    def _sweep(self) -> None:
        """Removes what killed runs have left: stores and files under the names that precede renaming."""
        for left in self.path.parent.glob(f".{self.path.name}.*.part"):
            shutil.rmtree(left, ignore_errors=True)
        if self.path.is_dir():
            for partial in self.path.rglob("*.partial"):
                partial.unlink(missing_ok=True)

    def _create(self, trials: int, block: int) -> None:
        """Makes the store under another name and renames it."""
        import zarr

        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        try:
            group = zarr.open_group(temporary, mode="w-", zarr_format=2)
            grid = self._work.grid
            for name in self._work.names():
                dims = (*grid.outer_dims(), *grid.dims(name), "trial")
                shape = (*self._outer_shape(), *self._work.shape(name), trials)
                chunks = (*(1 for _ in grid.outer_dims()), *self._work.shape(name), block)
                text = grid.long_name(name)
                _array(group, name, dims, shape, chunks, np.dtype("<f8"), np.nan, long_name=text)
            for name, (dim, values) in grid.coordinates(np.zeros(0, dtype=np.int64)).items():
                array = np.array(values)
                chunk = _TRIALS_AT_ONCE if name == "trial" else max(array.size, 1)
                made = _array(group, name, (dim,), array.shape, (chunk,), array.dtype, None)
                if array.size:
                    made[:] = array
            cells = (len(grid.n), len(grid.ridge))
            ledger = group.create_group("ledger")
            _array(
                ledger,
                "blocks",
                ("cell_n", "cell_ridge", "block", "entry"),
                (*cells, 0, len(_ENTRIES)),
                (1, 1, 1, len(_ENTRIES)),
                np.dtype("<i8"),
                0,
            )
            entry = np.array(_ENTRIES)
            _array(ledger, "entry", ("entry",), entry.shape, entry.shape, entry.dtype, None)[:] = entry
            group.attrs.update({**self._attributes, "trials": 0, "block": block})
            self._group = group
            self._first, self.block = int(self._attributes["first_trial"]), block
            self._grow(trials)
            if self.path.exists():
                self.path.rmdir()
            temporary.rename(self.path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise

    def _grow(self, trials: int) -> None:
        """Makes room for more trials. Readers go by the consolidated metadata, which come last."""
        import zarr

        blocks = -(-trials // self.block)
        for name in self._work.names():
            array = self._group[name]
            array.resize((*array.shape[:-1], max(trials, array.shape[-1])))
        numbers = self._group["trial"]
        numbers.resize((max(trials, numbers.shape[0]),))
        numbers[:trials] = np.arange(self._first, self._first + trials)
        ledger = self._group["ledger/blocks"]
        ledger.resize((*ledger.shape[:2], max(blocks, ledger.shape[2]), ledger.shape[3]))
        self._group.attrs["trials"] = trials
        zarr.consolidate_metadata(self._group.store, zarr_format=2)

    def _compare(self) -> None:
        """Raises ValueError unless the store holds the blocks of this very run."""
        if not self.path.is_dir():
            raise ValueError(f"store must be a directory, got the file {self.shown}")
        try:
            there = json.loads((self.path / ".zattrs").read_text(encoding="utf-8"))
        except FileNotFoundError:
            there = {}
        except ValueError as error:
            raise ValueError(f"store {self.shown} has damaged attributes: {error}") from None
        if not isinstance(there, dict) or "store_format" not in there:
            raise ValueError(
                f"store must be new, empty or an earlier run's, got {self.shown}, which holds other files"
            )
        here = json.loads(json.dumps(self._attributes))
        different = [name for name in _IDENTITY if there.get(name) != here.get(name)]
        if different:
            facts = "; ".join(
                f"{name} is {_short(there.get(name))} there, {_short(here.get(name))} here"
                for name in different
            )
            hint = ""
            if "kernel_level" in different:
                hint = f"; OVERPRUNE_KERNEL={there.get('kernel_level')} would use the kernels of the store"
            raise ValueError(f"store {self.shown} holds another run and is left as it is: {facts}{hint}")

    def _forget_damaged(self) -> None:
        """Blocks that cannot be read, or not as they were written, are computed again."""
        damaged = 0
        for n, ridge, b in np.argwhere(self._ledger[..., 0] > 0):
            begin = int(b) * self.block
            try:
                values = self._read(int(n), int(ridge), begin, begin + int(self._ledger[n, ridge, b, 0]))
                is_whole = _checksum(values) == self._ledger[n, ridge, b, 1]
            except Exception:  # whatever a codec makes of it
                is_whole = False
            if is_whole:
                continue
            self._need_to_write()
            damaged += 1
            position = (
                *((n,) if self._work.grid.n_is_sequence else ()),
                *((ridge,) if self._work.grid.ridge_is_sequence else ()),
            )
            for name in self._work.names():
                inner = [0] * len(self._work.shape(name))
                chunk = ".".join(str(int(i)) for i in (*position, *inner, b))
                (self.path / name / chunk).unlink(missing_ok=True)
            self._ledger[n, ridge, b] = 0
            self._group["ledger/blocks"][int(n), int(ridge), int(b)] = self._ledger[n, ridge, b]
        if damaged:
            blocks = "block is" if damaged == 1 else "blocks are"
            warnings.warn(
                f"store {self.shown} is damaged: {damaged} {blocks} not as written and computed again",
                RuntimeWarning,
                stacklevel=5,
            )

    def _outer_shape(self) -> tuple[int, ...]:
        lengths = {"n": len(self._work.grid.n), "ridge": len(self._work.grid.ridge)}
        return tuple(lengths[dim] for dim in self._work.grid.outer_dims())

    def _key(self, n: int, ridge: int, begin: int, end: int) -> tuple[Any, ...]:
        """Where trials begin, ..., end - 1 of one n and one ridge lie in the variables' arrays."""
        position = {"n": n, "ridge": ridge}
        return (*(position[dim] for dim in self._work.grid.outer_dims()), ..., slice(begin, end))

    def _read(self, n: int, ridge: int, begin: int, end: int) -> dict[str, np.ndarray[Any, Any]]:
        key = self._key(n, ridge, begin, end)
        return {name: np.asarray(self._group[name][key]) for name in self._work.names()}

    @contextmanager
    def _naming(self, action: str) -> Iterator[None]:
        """Errors of the file system as errors of this store."""
        try:
            yield
        except OSError as error:
            if isinstance(error, BlockingIOError):
                raise
            reason = error.strerror or str(error)
            kept = "; what was finished is kept, and the same call goes on" if action == "written" else ""
            raise OSError(error.errno, f"store {self.shown} cannot be {action}: {reason}{kept}") from error


def _array(
    group: Any,
    name: str,
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    chunks: tuple[int, ...],
    dtype: np.dtype[Any],
    fill: float | None,
    **attributes: str,
) -> Any:
    """A new array of a Zarr group, compressed and with a checksum in every chunk.

    Not Zarr's own choice of Blosc, which takes whatever follows a truncated chunk in memory for its end.
    """
    from numcodecs import CRC32, Zstd

    return group.create_array(
        name,
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        fill_value=fill,
        filters=[CRC32()],
        compressors=Zstd(level=1),
        attributes={"_ARRAY_DIMENSIONS": list(dims), **attributes},
    )


def _checksum(values: Mapping[str, np.ndarray[Any, Any]]) -> int:
    """Of all values by name: 48 bits, which a double holds, as xarray makes it one."""
    digest = hashlib.blake2b(digest_size=6)
    for name in sorted(values):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values[name], dtype="<f8").data)
    return int.from_bytes(digest.digest(), "big")


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
