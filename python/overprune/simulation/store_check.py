"""Proves that a store is this run's and laid out as overprune lays it out, before anything in it is
used."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._provenance import check_problem, facts_of
from .._validation import paths as _paths
from .blocks import MOST_BYTES, Work
from .store_files import (
    LARGEST_JSON,
    SMALL_JSON,
    StoreDamageError,
    fixed,
    is_folder,
    is_hidden,
    is_partial,
    name_of,
    read_json,
    refuse_another,
    refuse_foreign,
    same_json,
    scan,
    short,
    zstd_length,
)
from .store_layout import FORMAT, ArrayLayout, arrays
from .store_tables import check_claim, check_codecs

# What has to be the same for a store to be continued, around the arguments of the plan, in the
# order in which differences are listed.
_MADE_BY = ("kind", "overprune_version", "kernel_level", "problem_hash")
_TRIALS = ("curvature", "seed", "first_trial")
MOST_TRIALS = 2**31
_INDEX = re.compile(r"(0|[1-9]\d{0,12})(\.(0|[1-9]\d{0,12}))*", re.ASCII)


@dataclass(frozen=True)
class Found:
    """What is there: trials of a chunk, of the table and of the longest array, and files to be
    removed.

    `partial` are what a killed run was writing, `spoilt` chunks of the wrong size; `is_even` tells
    whether all arrays have one length, `is_consolidated` whether readers find the metadata as they
    are.
    """

    block: int
    trials: int
    length: int
    is_even: bool
    is_consolidated: bool
    chunks: dict[str, list[tuple[int, ...]]]
    partial: list[str]
    spoilt: list[str]


def check_store(path: str | os.PathLike[str], work: Work, attributes: Mapping[str, Any]) -> None:
    """Raises ValueError where a Store of these arguments would find anything else."""
    place = _paths.local(path, "store")
    if os.path.lexists(place) and not is_empty(place):
        examine(place, os.fspath(path), work, {**work.attributes(), **attributes})


def is_empty(path: Path) -> bool:
    """Whether there is a folder without anything in it."""
    return is_folder(path) and not any(path.iterdir())


def examine(path: Path, shown: str, work: Work, attributes: Mapping[str, Any]) -> Found:
    """What is in the store of the very run that has these attributes.

    Raises
    ------
    ValueError
        If there is something else, or another run's store: the message lists what differs.
    StoreDamageError
        If a member is not what it has to be: the message names the first.
    """
    there, facts, members = attributes_of(path, shown)
    identity = (*_MADE_BY, *work.plan.arguments(), *_TRIALS)
    _compare(there, facts, shown, attributes, identity)
    _check_attributes(there, shown, attributes, identity)
    trials = count_of(there.get("trials"), shown, "trials in .zattrs", 1, MOST_TRIALS)
    block = block_of(facts, shown)
    if block > 1 and block * work.bytes_per_trial() > MOST_BYTES:
        raise StoreDamageError(
            shown, f"block in ledger/.zattrs is {block}, too many trials for a chunk"
        )
    layouts = arrays(work, block)
    check_codecs(path, shown, [member for member in members if member != ".zmetadata"])
    found, metadata = {}, {".zattrs": there, "ledger/.zattrs": facts}
    for group in ("", "ledger/"):
        metadata[f"{group}.zgroup"] = fixed(path, f"{group}.zgroup", shown, {"zarr_format": 2})
    for name, layout in layouts.items():
        metadata[f"{name}/.zattrs"] = fixed(path, f"{name}/.zattrs", shown, layout.attributes)
        metadata[f"{name}/.zarray"], shape, is_packed = array_of(path, name, shown, layout)
        found[name] = _Array(name, layout, shape, is_packed)
        if None in layout.shape:
            room = shape[layout.shape.index(None)] * (block if name == "ledger/blocks" else 1)
            if not trials <= room <= MOST_TRIALS + block:
                raise StoreDamageError(
                    shown, f"{name}/.zarray has room for {room} trials, where there are {trials}"
                )
    chunks, partial, spoilt = _sort_out(path, shown, members, found)
    for name in ("trial", "ledger/blocks"):
        check_claim(found[name].bytes, members, name, shown)
    lengths = {found[name].shape[-1] for name in (*work.layout(), "trial")}
    length = max(lengths)
    if length > found["trial"].shape[0]:  # growth was interrupted, and goes on
        check_claim(8 * length, members, "trial", shown)
    return Found(
        block=block,
        trials=trials,
        length=length,
        is_even=lengths == {length},
        is_consolidated=_is_consolidated(path, members, metadata),
        chunks=chunks,
        partial=partial,
        spoilt=spoilt,
    )


def attributes_of(path: Path, shown: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, int]]:
    """Attributes of a store and of its ledger, and its members; ValueError where there is something
    else."""
    refuse_foreign(path, shown, "ledger")
    members = scan(path, shown)
    found = []
    for name, largest in ((".zattrs", LARGEST_JSON), ("ledger/.zattrs", SMALL_JSON)):
        attributes = read_json(path, name, shown, largest)
        if not isinstance(attributes, dict):
            raise StoreDamageError(shown, f"{name} holds no attributes")
        found.append(attributes)
    return found[0], found[1], members


def count_of(value: Any, shown: str, name: str, lowest: int, highest: int) -> int:
    """An integer of a store's metadata, within its range."""
    if type(value) is not int or not lowest <= value <= highest:
        raise StoreDamageError(
            shown, f"{name} must be an integer from {lowest} to {highest}, got {short(value)}"
        )
    return value


def block_of(facts: Mapping[str, Any], shown: str) -> int:
    """How many trials a chunk of the store has."""
    return count_of(facts.get("block"), shown, "block in ledger/.zattrs", 1, MOST_TRIALS)


def array_of(
    path: Path, name: str, shown: str, layout: ArrayLayout
) -> tuple[dict[str, Any], tuple[int, ...], bool]:
    """Metadata and shape of an array of that layout, and whether its chunks are compressed."""
    member = f"{name}/.zarray"
    found = read_json(path, member, shown, SMALL_JSON)
    if not isinstance(found, dict):
        raise StoreDamageError(shown, f"{member} describes no array")
    fill: Any = "NaN" if layout.fill is not None and math.isnan(layout.fill) else layout.fill
    expected = {
        "zarr_format": 2,
        "chunks": list(layout.chunks),
        "dtype": layout.dtype.str,
        "fill_value": fill,
        "order": "C",
        "dimension_separator": ".",
    }
    for key, value in expected.items():
        if not same_json(found.get(key), value):
            raise StoreDamageError(
                shown, f"{key} in {member} must be {short(value)}, got {short(found.get(key))}"
            )
    other = sorted(set(found) - {*expected, "shape", "filters", "compressor"})
    if other:
        raise StoreDamageError(shown, f"{member} has {name_of(other[0])}, which is not known")
    shape = found.get("shape")
    if not isinstance(shape, list) or len(shape) != len(layout.shape):
        raise StoreDamageError(shown, f"shape in {member} is {short(shape)}")
    for length, wanted in zip(shape, layout.shape, strict=True):
        if type(length) is not int or length < 0 or (wanted is not None and length != wanted):
            lengths = ["any" if most is None else most for most in layout.shape]
            raise StoreDamageError(
                shown, f"shape in {member} must be {lengths}, got {short(shape)}"
            )
    return found, tuple(shape), _is_packed(found, member, shown)


def _is_packed(found: Mapping[str, Any], member: str, shown: str) -> bool:
    """Whether chunks are compressed, with checksums, as they were in stores of before."""
    codecs = found.get("filters") or [], found.get("compressor")
    if codecs == ([], None):
        return False
    filters, compressor = codecs
    known = [("crc32", filters[0] if isinstance(filters, list) and len(filters) == 1 else None)]
    known.append(("zstd", compressor))
    for wanted, codec in known:
        options = dict(codec) if isinstance(codec, dict) else {}
        is_right = options.pop("id", None) == wanted
        if not is_right or not all(
            k in ("level", "checksum", "location") and isinstance(v, (int, str))
            for k, v in options.items()
        ):
            raise StoreDamageError(shown, f"{member} has other codecs than crc32 and zstd")
    return True


@dataclass(frozen=True)
class _Array:
    name: str
    layout: ArrayLayout
    shape: tuple[int, ...]
    is_packed: bool

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.layout.dtype.itemsize

    def has(self, index: tuple[int, ...]) -> bool:
        """Whether a chunk is one of this array's."""
        counts = [
            -(-length // chunk)
            for length, chunk in zip(self.shape, self.layout.chunks, strict=True)
        ]
        return len(index) == len(counts) and all(
            i < count for i, count in zip(index, counts, strict=True)
        )

    def may_be(self, path: Path, size: int) -> bool:
        """Whether a chunk's file has a length with which it can be read, at a chunk's cost."""
        whole = self.layout.chunk_bytes
        if not self.is_packed:
            return size == whole
        # and a checksum
        return size <= whole + whole // 8 + 1024 and zstd_length(path) == whole + 4


def _sort_out(
    path: Path, shown: str, members: Mapping[str, int], found: Mapping[str, _Array]
) -> tuple[dict[str, list[tuple[int, ...]]], list[str], list[str]]:
    """The chunks of every array, and the files to be removed; a member that is not known is an
    error."""
    chunks: dict[str, list[tuple[int, ...]]] = {name: [] for name in found}
    partial, spoilt = [], []
    folders = {"ledger/", *(f"{name}/" for name in found)}
    metadata = {".zmetadata", "ledger/.zgroup", "ledger/.zattrs", ".zgroup", ".zattrs"}
    metadata |= {f"{name}/{file}" for name in found for file in (".zarray", ".zattrs")}
    for member, size in members.items():
        folder, _, name = member.rpartition("/")
        if member in folders or member in metadata or (is_hidden(name) and name):
            continue
        if name and is_partial(name):
            partial.append(member)
            continue
        index = tuple(map(int, name.split("."))) if _INDEX.fullmatch(name) else ()
        array = found.get(folder)
        if array is None or not array.has(index):
            raise StoreDamageError(shown, f"{name_of(member)} is no part of it")
        if array.may_be(path / member, size):
            chunks[folder].append(index)
        else:
            spoilt.append(member)
    return chunks, partial, spoilt


def _is_consolidated(path: Path, members: Mapping[str, int], metadata: Mapping[str, Any]) -> bool:
    if ".zmetadata" not in members:
        return False
    try:
        found = read_json(path, ".zmetadata", "", 2 * LARGEST_JSON)
        found["metadata"]["ledger/.zgroup"].pop("consolidated_metadata", None)  # of nothing
        return same_json(found, {"metadata": metadata, "zarr_consolidated_format": 1})
    except (StoreDamageError, TypeError, KeyError, AttributeError):
        return False


def _compare(
    there: Mapping[str, Any],
    facts: Mapping[str, Any],
    shown: str,
    attributes: Mapping[str, Any],
    identity: Sequence[str],
) -> None:
    """Raises ValueError unless the store holds blocks of the very run that has these attributes."""
    here = json.loads(json.dumps(attributes))
    names = identity if there.get("kind") == here["kind"] else _MADE_BY
    different = {name: (there.get(name), here.get(name)) for name in names}
    if rules_of(there) == rules_of(here):
        different.pop("rules", None)
    different["store_format"] = (facts.get("store_format"), FORMAT)
    level = there.get("kernel_level")
    known = isinstance(level, str) and level != here["kernel_level"] and level.isalnum()
    hint = f"; OVERPRUNE_KERNEL={level} pins its kernels" if known else ""
    refuse_another(different, shown, hint)


def rules_of(attributes: Mapping[str, Any]) -> list[str]:
    """The names of the rules: of one string, or of a list, as tables had it before."""
    rules = attributes.get("rules")
    if isinstance(rules, str):
        return rules.split(",")
    return rules if isinstance(rules, list) and all(isinstance(rule, str) for rule in rules) else []


def _check_attributes(
    there: Mapping[str, Any], shown: str, attributes: Mapping[str, Any], identity: Sequence[str]
) -> None:
    """Raises StoreDamageError where an attribute is missing, not known or not of its kind."""
    here = json.loads(json.dumps(attributes))
    for name in (*here, *there):
        if name not in there or name not in {*here, "config"}:
            how = "is missing in" if name not in there else "is not known, but in"
            raise StoreDamageError(shown, f"the attribute {name_of(name)} {how} .zattrs")
    try:
        facts_of(there)
        check_problem(there, here["problem"])
    except ValueError as error:
        raise StoreDamageError(shown, f"{error} in .zattrs") from None
    for name, new in here.items():
        old = there[name]
        if name in (*identity, "trials", "problem", "provenance"):
            continue
        if isinstance(new, float):
            is_right = type(old) in (int, float) and math.isclose(old, new, rel_tol=1e-6)
        else:
            is_right = same_json(old, new)
        if not is_right:
            raise StoreDamageError(
                shown, f"{name} in .zattrs must be {short(new)}, got {short(old)}"
            )
    if not isinstance(there.get("config", ""), str):
        raise StoreDamageError(
            shown, f"config in .zattrs must be a string, got {short(there['config'])}"
        )
