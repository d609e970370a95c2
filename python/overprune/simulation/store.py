"""The store of a simulation: a Zarr group that fills block by block and survives whatever stops the
run."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .blocks import Block, Result, Work
from .store_check import Found, examine, is_empty
from .store_files import (
    StoreDamageError,
    StoreError,
    StoreInUseError,
    check_group,
    checksum,
    consolidate,
    warn_of_damage,
)
from .store_layout import create, grow, sweep
from .store_place import OpenStore, refuse_current

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "Store",
    "StoreDamageError",
    "StoreError",
    "StoreInUseError",
]
_log = logging.getLogger(__name__)


class Store(OpenStore):
    """A Zarr group in which the blocks of one simulation are kept; locked while it is open.

    Every variable of the table is an array whose chunks hold `block` trials of one n and one ridge.
    The group `ledger` (n, ridge, block, entry) says of each block how many trials it has, the
    checksum of all their values, how long they took and when they were finished. A block is written
    first and entered then, each file under another name and renamed, so that a block counts only
    once it is whole. What is there already is proved first: names, links, lengths and metadata of
    all members.

    Parameters
    ----------
    path : str or path
        Of the group, a directory of this machine; made, with its parents, if it does not exist, in
        place of an empty one, but not of the current one. It may be a link to a directory; nothing
        in it may be one.
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
        If `path` is the address of something or an empty current directory, if there is something
        else, or another run: the message lists what differs.
    StoreDamageError
        If a member of the store is not what it has to be: the message names it.
    StoreInUseError
        If another run has the store open.
    StoreError
        If the store cannot be read or written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        work: Work,
        attributes: Mapping[str, Any],
        trials: int,
        block: int | Callable[[], int],
    ) -> None:
        super().__init__(path)
        self._parent = os.path.dirname(self.shown) or self.shown
        self._work, self._layout = work, work.layout()
        self._attributes = {**work.attributes(), **attributes}
        self._group: Any = None
        with self.opening():
            self._open(trials, block)

    def pending(self, trials: int) -> Iterator[Block]:
        """The blocks that the first `trials` trials still need."""
        for n, ridge in self._work.cells():
            for b in range(-(-trials // self.block)):
                have = int(self._ledger[n, ridge, b, 0])
                want = min(self.block, trials - b * self.block)
                if have < want:
                    self.need_to_write()
                    yield Block(n, ridge, self._first + b * self.block + have, want - have)

    def write(self, block: Block, result: Result) -> None:
        """Keeps a block that was pending."""
        b, have = divmod(block.first - self._first, self.block)
        begin, end = b * self.block, b * self.block + have + block.trials
        with self.naming("written"):
            values = dict(result.values)
            if have:
                earlier = self._read(block.n, block.ridge, begin, begin + have)
                values = {
                    name: np.concatenate([earlier[name], values[name]], axis=-1) for name in values
                }
            for name, array in values.items():
                self._arrays[name][self._key(block.n, block.ridge, begin, end)] = array
            spent = int(self._ledger[block.n, block.ridge, b, 2]) + round(result.seconds * 1e6)
            entry = np.array(
                [end - begin, _checksum(values), spent, time.time_ns() // 1000], dtype=np.int64
            )
            self._entries[block.n, block.ridge, b] = entry
            self._ledger[block.n, block.ridge, b] = entry
        _log.debug(
            "store %s: trials %d to %d of cell (%d, %d) kept",
            self.shown,
            begin,
            end,
            block.n,
            block.ridge,
        )

    def table(self, trials: int, *, lazy: bool = False) -> xr.Dataset:
        """The table of the first `trials` trials, in memory; lazy: read from the store when it is
        used."""
        import xarray as xr

        with self.naming("read"):
            if lazy:
                stored = xr.open_zarr(self.path, chunks=None, zarr_format=2, consolidated=False)
                kept = {
                    **self._attributes,
                    "provenance": stored.attrs["provenance"],
                    "trials": trials,
                }
                table: xr.Dataset = stored.isel(trial=slice(trials)).assign_attrs(kept)
                return table
            arrays = {}
            for name, lengths in self._layout.items():
                values = self._arrays[name][..., :trials]
                values = values.reshape(*self._work.shape, *lengths.values(), trials)
                arrays[name] = (*lengths, "trial"), values
            numbers = self._group["trial"][:trials]
            kept = self._group.attrs.asdict()  # what an earlier call has found out, and its config
            attributes = {
                **kept,
                **self._attributes,
                "provenance": kept["provenance"],
                "trials": trials,
            }
            return self._work.dataset(arrays, attributes, numbers)

    def _open(self, trials: int, block: int | Callable[[], int]) -> None:
        import zarr

        is_part_of_group = os.path.lexists(self.path.parent / ".zgroup")
        if is_part_of_group:
            check_group(self.path.parent, self._parent)
        if self.refusal is None:
            sweep(self.path)
        found = None
        if not os.path.lexists(self.path) or is_empty(self.path):
            refuse_current(self.path, self.shown)
            self.block = block() if callable(block) else block
            create(self.path, self._work, self._attributes, trials, self.block)
            _log.info("store %s: new, blocks of %d trials", self.shown, self.block)
        else:
            found = examine(self.path, self.shown, self._work, self._attributes)
            self.block = found.block
            _log.info("store %s: goes on, blocks of %d trials", self.shown, self.block)
            self._remove([*found.partial, *found.spoilt])
        mode: Any = "r+" if self.refusal is None else "r"
        self._group = zarr.open_group(self.path, mode=mode, use_consolidated=False, zarr_format=2)
        self._first = int(self._group.attrs["first_trial"])
        if found is not None:
            self._lengthen(found, trials)
        self._arrays = {name: self._group[name] for name in self._layout}
        self._entries = self._group["ledger/blocks"]
        self._ledger = self._read_ledger()
        if found is not None:
            self._mend_coordinates(int(self._group["trial"].shape[0]))
            self._forget_damaged()
            self._remove_unfinished(found)
        if is_part_of_group and self.refusal is None:
            consolidate(self.path.parent, self._parent)

    def _lengthen(self, found: Found, trials: int) -> None:
        """Makes all arrays long enough, and of one length, where an earlier call was killed doing
        so."""
        import zarr

        if found.trials < trials or not found.is_even:
            self.need_to_write()
            grow(self._group, self._work, max(found.trials, trials), max(found.length, trials))
        elif not found.is_consolidated and self.refusal is None:
            zarr.consolidate_metadata(self._group.store, zarr_format=2)

    def _remove(self, members: list[str]) -> None:
        if members:
            self.need_to_write()
        for member in members:
            (self.path / member).unlink(missing_ok=True)

    def _remove_unfinished(self, found: Found) -> None:
        """Chunks of which the ledger knows nothing: a run was killed before it had entered them."""
        if self.refusal is not None:
            return
        outer = self._work.plan.outer_dims()
        for name in self._layout:
            for index in found.chunks[name]:
                place = dict(zip(outer, index, strict=False))
                entry = self._ledger[place.get("n", 0), place.get("ridge", 0), index[-1]]
                if entry[0] == 0:
                    self._remove([f"{name}/{'.'.join(map(str, index))}"])

    def _read_ledger(self) -> np.ndarray[Any, Any]:
        """All entries; those that cannot be read, or cannot be right, count as none."""
        stored = self._entries
        try:
            ledger = np.array(stored[:])
        except Exception:  # whatever a codec makes of damaged bytes
            ledger = np.zeros(stored.shape, dtype=np.int64)
            for position in np.ndindex(*stored.shape[:-1]):
                try:
                    ledger[position] = stored[position]
                except Exception:
                    self._remove([f"ledger/blocks/{'.'.join(str(i) for i in (*position, 0))}"])
        ledger[(ledger < 0).any(axis=-1) | (ledger[..., 0] > self.block)] = 0
        return ledger

    def _mend_coordinates(self, trials: int) -> None:
        numbers = np.arange(self._first, self._first + trials)
        for name, (_, values) in self._work.plan.coordinates(numbers).items():
            expected, stored = np.array(values), self._group[name]
            try:
                is_right = np.array_equal(stored[:], expected)
            except Exception:
                is_right = False
            if not is_right:
                self.need_to_write()
                for chunk in (self.path / name).glob("[0-9]*"):
                    chunk.unlink()
                stored[:] = expected

    def _forget_damaged(self) -> None:
        """Blocks that cannot be read, or not as they were written, are computed again."""
        damaged = 0
        for n, ridge, b in np.argwhere(self._ledger[..., 0] > 0):
            begin = int(b) * self.block
            try:
                values = self._read(
                    int(n), int(ridge), begin, begin + int(self._ledger[n, ridge, b, 0])
                )
                is_whole = _checksum(values) == self._ledger[n, ridge, b, 1]
            except Exception:  # whatever a codec makes of it
                is_whole = False
            if is_whole:
                continue
            self.need_to_write()
            damaged += 1
            position = self._work.plan.position(n, ridge)
            for name in self._layout:
                inner = [0] * len(self._layout[name])
                chunk = ".".join(str(int(i)) for i in (*position, *inner, b))
                (self.path / name / chunk).unlink(missing_ok=True)
            self._ledger[n, ridge, b] = 0
            self._entries[int(n), int(ridge), int(b)] = self._ledger[n, ridge, b]
        if damaged:
            blocks = "block is" if damaged == 1 else "blocks are"
            warn_of_damage(
                self.shown, f"{damaged} {blocks} not as written and computed again", stacklevel=5
            )

    def _key(self, n: int, ridge: int, begin: int, end: int) -> tuple[Any, ...]:
        """Where trials begin, ..., end - 1 of one n and one ridge lie in the variables' arrays."""
        return (*self._work.plan.position(n, ridge), ..., slice(begin, end))

    def _read(self, n: int, ridge: int, begin: int, end: int) -> dict[str, np.ndarray[Any, Any]]:
        key = self._key(n, ridge, begin, end)
        return {name: np.asarray(self._arrays[name][key]) for name in self._layout}


def _checksum(values: Mapping[str, np.ndarray[Any, Any]]) -> int:
    """Of all values by name."""
    return checksum(
        {name: np.ascontiguousarray(array, dtype="<f8").data for name, array in values.items()}
    )
