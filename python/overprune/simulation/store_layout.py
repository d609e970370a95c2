"""The layout of a store: which Zarr arrays it has, how they are made and how they grow."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._table import long_name
from .._validation.files import replacing, target_of
from .blocks import Work
from .store_files import is_folder

FORMAT = 1  # of the ledger and the chunks
ENTRIES = ("trials", "checksum", "seconds", "time")  # of the ledger; times in microseconds
_TRIALS_AT_ONCE = 65536  # of the coordinate: one chunk for most runs


@dataclass(frozen=True)
class ArrayLayout:
    """One array of a store: what is fixed by the run, and None for the length that grows with its
    trials."""

    dims: tuple[str, ...]
    shape: tuple[int | None, ...]
    chunks: tuple[int, ...]
    dtype: np.dtype[Any]
    fill: float | None = None
    long_name: str | None = None
    beside: tuple[str, ...] = ()
    """Coordinates that have not the name of a dimension: readers are told of them."""
    values: np.ndarray[Any, Any] | None = None

    @property
    def attributes(self) -> dict[str, Any]:
        """As Zarr keeps them."""
        name = {} if self.long_name is None else {"long_name": self.long_name}
        beside = {"coordinates": " ".join(self.beside)} if self.beside else {}
        return {"_ARRAY_DIMENSIONS": list(self.dims), **name, **beside}

    @property
    def chunk_bytes(self) -> int:
        """Of a chunk in memory."""
        return int(np.prod(self.chunks, dtype=object)) * self.dtype.itemsize


def arrays(work: Work, block: int) -> dict[str, ArrayLayout]:
    """The arrays of a store with `block` trials to a chunk, by name: variables, coordinates and the
    ledger.

    All are kept as they are, without codecs: what copies them into Zarr's format 3 has no use for
    those of format 2. Checksums of the values are in the ledger.
    """
    plan, found = work.plan, {}
    coordinates = plan.coordinates(np.zeros(0, dtype=np.int64))
    for name, lengths in work.layout().items():
        inner = tuple(lengths.values())
        outer = plan.outer_dims()
        beside = [
            other for other, (dim, _) in coordinates.items() if other != dim and dim in lengths
        ]
        found[name] = ArrayLayout(
            dims=(*outer, *lengths, "trial"),
            shape=(*(len(getattr(plan, dim)) for dim in outer), *inner, None),
            chunks=(*(1 for _ in outer), *inner, block),
            dtype=np.dtype("<f8"),
            fill=np.nan,
            long_name=long_name(name),
            beside=tuple(beside),
        )
    for name, (dim, values) in coordinates.items():
        array = np.array(values)
        grows = name == "trial"
        shape: tuple[int | None, ...] = (None,) if grows else array.shape
        chunk = _TRIALS_AT_ONCE if grows else array.size
        found[name] = ArrayLayout(
            (dim,), shape, (chunk,), array.dtype, values=None if grows else array
        )
    found["ledger/blocks"] = ledger_layout(*work.shape)
    names = np.array(ENTRIES)
    found["ledger/entry"] = ArrayLayout(
        ("entry",), names.shape, names.shape, names.dtype, values=names
    )
    return found


def ledger_layout(n: int, ridges: int) -> ArrayLayout:
    """The entries of the blocks of so many n and ridges."""
    dims = ("cell_n", "cell_ridge", "block", "entry")
    chunks = (1, 1, 1, len(ENTRIES))
    return ArrayLayout(dims, (n, ridges, None, len(ENTRIES)), chunks, np.dtype("<i8"), 0)


def create(path: Path, work: Work, attributes: Mapping[str, Any], trials: int, block: int) -> None:
    """Makes a store of NaN under another name and renames it; `block` trials to a chunk."""
    import zarr

    with replacing(path) as temporary:
        group = zarr.open_group(temporary, mode="w-", zarr_format=2)
        group.create_group("ledger", attributes={"store_format": FORMAT, "block": block})
        for name, layout in arrays(work, block).items():
            _add(group, name, layout)
        group.attrs.update({**attributes, "trials": 0})
        grow(group, work, trials, trials)


def sweep(path: Path) -> None:
    """Removes what killed runs have left beside a store: folders under its names before it is
    renamed."""
    if not path.parent.is_dir():
        return
    for left in path.parent.iterdir():
        if target_of(left.name) == path.name and is_folder(left):
            shutil.rmtree(left, ignore_errors=True)


def grow(group: Any, work: Work, trials: int, length: int) -> None:
    """Makes every array `length` trials long, of which the table has `trials`.

    Readers go by the consolidated metadata, which come last.
    """
    import zarr

    first, block = int(group.attrs["first_trial"]), int(group["ledger"].attrs["block"])
    for name in work.layout():
        array = group[name]
        array.resize((*array.shape[:-1], length))
    numbers = group["trial"]
    numbers.resize((length,))
    numbers[:length] = np.arange(first, first + length)
    ledger = group["ledger/blocks"]
    blocks = max(-(-length // block), ledger.shape[2])
    ledger.resize((*ledger.shape[:2], blocks, ledger.shape[3]))
    group.attrs["trials"] = trials
    zarr.consolidate_metadata(group.store, zarr_format=2)


def plain() -> dict[str, Any]:
    """How chunks are kept: as they are."""
    return {"filters": None, "compressors": None}


def _add(group: Any, name: str, layout: ArrayLayout) -> None:
    made = group.create_array(
        name,
        shape=tuple(length or 0 for length in layout.shape),
        chunks=layout.chunks,
        dtype=layout.dtype,
        fill_value=layout.fill,
        attributes=layout.attributes,
        **plain(),
    )
    if layout.values is not None:
        made[:] = layout.values
