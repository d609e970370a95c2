"""Tables in Zarr groups that anybody may have written: proved to be harmless, then read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validation as check
from .store_files import (
    LARGEST_JSON,
    StoreDamageError,
    is_folder,
    name_of,
    read_json,
    scan,
    zstd_length,
)

if TYPE_CHECKING:
    import xarray as xr

_CODECS = {"blosc", "bytes", "crc32", "crc32c", "gzip", "vlen-utf8", "zlib", "zstd"}
# bytes that an array may claim without keeping them; beyond, a part of 1/64 at least
_UNSTORED = 2**27
_LONGEST_CHUNK = 2**28  # bytes of a chunk in memory
_COMPRESSORS = {"blosc", "gzip", "zlib", "zstd"}
_MARGIN = 1024  # of checksums


def kind_of(group: Path, shown: str) -> Any:
    """The attribute `kind` of a Zarr group itself, not of a link to one; None where there is none."""
    if not is_folder(group) or not os.path.lexists(group / ".zattrs"):
        return None
    attributes = read_json(group, ".zattrs", shown)
    return attributes.get("kind") if isinstance(attributes, dict) else None


def load_table(group: Path, shown: str) -> xr.Dataset:
    """The table of a Zarr group, in memory.

    Raises
    ------
    ValueError
        If reading it might run code, take files from elsewhere or much more memory than is stored,
        or if it cannot be read.
    """
    import xarray as xr

    members = scan(group, shown)
    check_codecs(group, shown, members)
    for member in members:
        if member.endswith("/.zarray") and member.count("/") == 1:
            _check_array(group, member, shown, members)
        elif member.rpartition("/")[2] == ".zattrs":
            read_json(group, member, shown)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of members that are no part of a table
            with xr.open_zarr(group, chunks=None, zarr_format=2, consolidated=False) as table:
                loaded: xr.Dataset = table.load()
    except Exception as error:  # whatever xarray, Zarr and codecs make of damaged files
        text = str(error) if isinstance(error, (ValueError, OSError, RuntimeError)) else repr(error)
        reason = " ".join(text.split())[:200]
        raise StoreDamageError(shown, f"its table cannot be read, {reason}") from error
    return loaded


def checksum(table: xr.Dataset) -> str:
    """Of everything in a table that repeats when it is made again: all but when and where it was
    made."""
    kept = {
        name: value for name, value in table.attrs.items() if name not in ("checksum", "provenance")
    }
    digest = hashlib.blake2b(json.dumps(kept, sort_keys=True).encode(), digest_size=16)
    for name in sorted(map(str, table.variables)):
        variable = table.variables[name]
        facts = (name, variable.dims, variable.shape, variable.dtype.str, name in table.coords)
        digest.update(json.dumps(variable.attrs, sort_keys=True).encode())
        digest.update(repr(facts).encode())
        digest.update(np.ascontiguousarray(variable.values).tobytes())
    return digest.hexdigest()


def _check_array(group: Path, member: str, shown: str, members: Mapping[str, int]) -> None:
    """Raises StoreDamageError where an array would take much more memory than is stored."""
    found = read_json(group, member, shown)
    name = member.removesuffix("/.zarray")
    try:
        sizes = [_size_of(found[key]) for key in ("shape", "chunks")]
        width = _width_of(found["dtype"])
    except (TypeError, KeyError, ValueError):
        raise StoreDamageError(shown, f"{name_of(member)} describes no array") from None
    whole = width * sizes[1]
    if whole > _LONGEST_CHUNK:
        raise StoreDamageError(shown, f"{name_of(member)} claims chunks of {whole} bytes")
    check_claim(width * sizes[0], members, name, shown)
    compressor = next(iter(_codecs({"compressor": found.get("compressor")})), None)
    if set(_codecs({"filters": found.get("filters")})) & _COMPRESSORS:
        raise StoreDamageError(shown, f"{name_of(member)} compresses twice")
    for chunk in members:
        if not chunk.startswith(f"{name}/") or chunk.rpartition("/")[2][:1] in ("", "."):
            continue
        if not _fits(group / chunk, members[chunk], compressor, whole + _MARGIN):
            raise StoreDamageError(
                shown, f"{name_of(chunk)} unpacks to more than a chunk, {whole} bytes"
            )


def _fits(path: Path, size: int, compressor: str | None, most: int) -> bool:
    """Whether a chunk's file unpacks to at most so many bytes, by what its head says, or by
    unpacking it."""
    if compressor == "zstd":
        length = zstd_length(path)
        return length is not None and length <= most
    if compressor == "blosc":
        with open(path, "rb") as file:
            return int.from_bytes(file.read(8)[4:], "little") <= most
    if compressor in ("zlib", "gzip"):
        return size * 1032 <= most or _inflated(path, most)  # the most that deflate can pack
    return size <= most


def _inflated(path: Path, most: int) -> bool:
    import zlib

    unpacker, left = zlib.decompressobj(wbits=47), most
    # what is damaged fails when it is read
    with (
        open(path, "rb") as file,
        contextlib.suppress(zlib.error),
    ):
        while left >= 0 and (data := unpacker.unconsumed_tail or file.read(1 << 16)):
            left -= len(unpacker.decompress(data, 1 << 20))
    return left >= 0


def _size_of(lengths: Any) -> int:
    if not isinstance(lengths, list) or not all(
        type(n) is int and 0 <= n <= 2**62 for n in lengths
    ):
        raise ValueError(lengths)
    return math.prod(lengths)


def _width_of(dtype: Any) -> int:
    """Bytes of an item: "<f8" has eight, "<U9" 36."""
    if not isinstance(dtype, str) or dtype[1:2] not in tuple("biufcSUV") or not dtype[2:].isascii():
        raise ValueError(dtype)
    return int(dtype[2:]) * (4 if dtype[1] == "U" else 1)


def check_claim(claimed: int, members: Mapping[str, int], name: str, shown: str) -> None:
    """Raises StoreDamageError where an array is far longer than what is kept of it."""
    if claimed <= _UNSTORED:
        return
    kept = sum(size for member, size in members.items() if member.startswith(f"{name}/"))
    if claimed > 64 * kept:
        raise StoreDamageError(
            shown,
            f"{name_of(name)}/.zarray claims an array of {claimed} bytes, of which the store has {kept}",
        )


def check_codecs(path: Path, shown: str, members: Iterable[str]) -> None:
    """Raises ValueError where reading an array of a Zarr group might run code.

    Zarr's format allows pickled objects, and reading them runs what the writer of the store chose.
    """
    for member in members:
        if member.rpartition("/")[2] not in (".zarray", "zarr.json", ".zmetadata"):
            continue
        try:
            names = set(_codecs(read_json(path, member, shown, 2 * LARGEST_JSON)))
        except RecursionError:
            raise StoreDamageError(shown, f"{name_of(member)} is nested too deeply") from None
        if names - _CODECS:
            raise ValueError(
                f"store must have chunks of numbers and the codecs {', '.join(sorted(_CODECS))}, got "
                f"{shown}, which has {check.shown(min(names - _CODECS))} in {name_of(member)}"
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
                    yield str(
                        codec.get("id", codec.get("name")) if isinstance(codec, dict) else codec
                    )
        elif key in ("dtype", "data_type") and "O" in str(item):
            yield str(item)
        elif key not in ("attributes",) and not key.endswith(".zattrs"):
            yield from _codecs(item)
