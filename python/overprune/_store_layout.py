"""The layout of a store: which Zarr arrays it has, and whose blocks they are."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ._blocks import Work

FORMAT = 1  # of the ledger and the chunks
# What has to be the same for a store to be continued, in the order in which differences are listed.
IDENTITY = (
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
ENTRIES = ("trials", "checksum", "seconds", "time")  # of the ledger; times in microseconds
_CODECS = {"blosc", "bytes", "crc32", "crc32c", "gzip", "vlen-utf8", "zlib", "zstd"}
_TRIALS_AT_ONCE = 65536  # of the coordinate: one chunk for most runs


def create(path: Path, work: Work, attributes: Mapping[str, Any], trials: int, block: int) -> None:
    """Makes a store of NaN under another name and renames it; `block` trials to a chunk."""
    import zarr

    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        group = zarr.open_group(temporary, mode="w-", zarr_format=2)
        _add_variables(group, work, block)
        _add_ledger(group, work, block)
        group.attrs.update({**attributes, "trials": 0})
        grow(group, work, trials)
        if path.exists():
            path.rmdir()
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def sweep(path: Path) -> None:
    """Removes what killed runs have left: stores and files under the names that precede renaming."""
    for left in path.parent.glob(f".{path.name}.*.part"):
        shutil.rmtree(left, ignore_errors=True)
    if path.is_dir():
        for partial in path.rglob("*.partial"):
            partial.unlink(missing_ok=True)


def grow(group: Any, work: Work, trials: int) -> None:
    """Makes room for more trials. Readers go by the consolidated metadata, which come last."""
    import zarr

    first, block = int(group.attrs["first_trial"]), int(group["ledger"].attrs["block"])
    for name in work.names():
        array = group[name]
        array.resize((*array.shape[:-1], max(trials, array.shape[-1])))
    numbers = group["trial"]
    numbers.resize((max(trials, numbers.shape[0]),))
    numbers[:trials] = np.arange(first, first + trials)
    ledger = group["ledger/blocks"]
    blocks = max(-(-trials // block), ledger.shape[2])
    ledger.resize((*ledger.shape[:2], blocks, ledger.shape[3]))
    group.attrs["trials"] = trials
    zarr.consolidate_metadata(group.store, zarr_format=2)


def check_codecs(path: Path, shown: str) -> None:
    """Raises ValueError where reading an array of a Zarr group might run code.

    Zarr's format allows pickled objects, and reading them runs what the writer of the store chose.
    """
    for file in (*path.rglob(".zarray"), *path.rglob("zarr.json"), *path.rglob(".zmetadata")):
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"store {shown} has damaged metadata: {error} in {file.name}") from None
        for codec in _codecs(found):
            if codec not in _CODECS:
                raise ValueError(
                    f"store must have chunks of numbers and the codecs {', '.join(sorted(_CODECS))}, got "
                    f"{shown}, which has {codec!r}"
                )


def _codecs(value: Any) -> Iterator[str]:
    """Names of all codecs, and of dtypes of objects, anywhere in metadata; not in attributes."""
    if isinstance(value, list):
        for item in value:
            yield from _codecs(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key in ("compressor", "filters", "codecs"):
            for codec in item if isinstance(item, list) else [item]:
                if codec is not None:
                    yield str(codec.get("id", codec.get("name")) if isinstance(codec, dict) else codec)
        elif key in ("dtype", "data_type") and "O" in str(item):
            yield str(item)
        elif key not in ("attributes",) and not key.endswith(".zattrs"):
            yield from _codecs(item)


def check_store(path: str | os.PathLike[str], work: Work, attributes: Mapping[str, Any]) -> None:
    """Raises ValueError where a Store of these arguments would find another run, or anything else."""
    place = Path(path).expanduser().resolve()
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):
        compare(place, os.fspath(path), {**work.grid.attributes("simulate"), **attributes})


def compare(path: Path, shown: str, attributes: Mapping[str, Any]) -> None:
    """Raises ValueError unless the store holds blocks of the very run that has these attributes."""
    there, facts = attributes_of(path, shown)
    here = json.loads(json.dumps(attributes))
    different = {name: (there.get(name), here.get(name)) for name in IDENTITY}
    different["store_format"] = (facts.get("store_format"), FORMAT)
    listed = [
        f"{name} is {_short(old)} there, {_short(new)} here"
        for name, (old, new) in different.items()
        if old != new
    ]
    if not listed:
        return
    level = there.get("kernel_level")
    hint = f"; OVERPRUNE_KERNEL={level} pins its kernels" if level != here["kernel_level"] else ""
    raise ValueError(f"store {shown} holds another run and is left as it is: {'; '.join(listed)}{hint}")


def attributes_of(path: Path, shown: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes of a store and of its ledger; ValueError where there is something else."""
    if not path.is_dir():
        raise ValueError(f"store must be a directory, got the file {shown}")
    found = []
    for name in (".zattrs", "ledger/.zattrs"):
        try:
            attributes = json.loads((path / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            attributes = None
        except ValueError as error:
            raise ValueError(f"store {shown} has damaged attributes: {error}") from None
        if not isinstance(attributes, dict):
            raise ValueError(f"store must be new, empty or an earlier run's, got {shown}, which is neither")
        found.append(attributes)
    return found[0], found[1]


def _add_variables(group: Any, work: Work, block: int) -> None:
    """The table's variables without trials, and its coordinates."""
    grid = work.grid
    for name in work.names():
        dims = (*grid.outer_dims(), *grid.dims(name), "trial")
        shape = (*_outer_shape(work), *work.shape(name), 0)
        chunks = (*(1 for _ in grid.outer_dims()), *work.shape(name), block)
        text = grid.long_name(name)
        _array(group, name, dims, shape, chunks, np.dtype("<f8"), np.nan, long_name=text)
    for name, (dim, values) in grid.coordinates(np.zeros(0, dtype=np.int64)).items():
        array = np.array(values)
        chunk = _TRIALS_AT_ONCE if name == "trial" else array.size
        made = _array(group, name, (dim,), array.shape, (chunk,), array.dtype, None)
        if array.size:
            made[:] = array


def _outer_shape(work: Work) -> tuple[int, ...]:
    lengths = {"n": len(work.grid.n), "ridge": len(work.grid.ridge)}
    return tuple(lengths[dim] for dim in work.grid.outer_dims())


def check_arrays(group: Any, work: Work, trials: int, block: int) -> None:
    """Raises ValueError where an array has not the shape and chunks that a store of these has."""
    for name in work.names():
        array = group[name]
        inner = (*_outer_shape(work), *work.shape(name))
        chunks = (*(1 for _ in work.grid.outer_dims()), *work.shape(name), block)
        is_right = array.dtype == np.float64 and array.chunks == chunks
        if not is_right or array.shape[:-1] != inner or array.shape[-1] < trials:
            raise ValueError(f"{name} has shape {array.shape} of {array.dtype} in chunks of {array.chunks}")
    ledger = group["ledger/blocks"]
    cells = (len(work.grid.n), len(work.grid.ridge))
    if block < 1 or ledger.shape[:2] != cells or ledger.shape[2] * block < trials:
        raise ValueError(f"the ledger has shape {ledger.shape} for blocks of {block} trials")


def _add_ledger(group: Any, work: Work, block: int) -> None:
    ledger = group.create_group("ledger", attributes={"store_format": FORMAT, "block": block})
    shape = (len(work.grid.n), len(work.grid.ridge), 0, len(ENTRIES))
    dims = ("cell_n", "cell_ridge", "block", "entry")
    _array(ledger, "blocks", dims, shape, (1, 1, 1, len(ENTRIES)), np.dtype("<i8"), 0)
    names = np.array(ENTRIES)
    _array(ledger, "entry", ("entry",), names.shape, names.shape, names.dtype, None)[:] = names


def codecs() -> dict[str, Any]:
    """How chunks are kept: compressed, and with a checksum.

    Not Zarr's own choice of Blosc, which takes whatever follows a truncated chunk in memory for its end.
    """
    from numcodecs import CRC32, Zstd

    return {"filters": [CRC32()], "compressors": [Zstd(level=1)]}


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
    return group.create_array(
        name,
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        fill_value=fill,
        **codecs(),
        attributes={"_ARRAY_DIMENSIONS": list(dims), **attributes},
    )


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
