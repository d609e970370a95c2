"""How far a run is: what `overprune status` prints."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._progress import duration
from .._provenance import facts_of, kind_of_problem
from .._validation import paths as _paths
from .store_check import MOST_TRIALS, array_of, attributes_of, block_of, count_of, rules_of
from .store_files import StoreDamageError, is_folder, short
from .store_layout import ledger_layout
from .store_place import in_use
from .store_tables import check_claim, check_codecs

_LATEST = 2**53  # microseconds since 1970, the year 2255
# Lists among the attributes of each kind of run, by the word for what they hold.
_LISTS = {
    "simulate": {"size": "sizes", "rule": "rules", "nonzeros": "nonzeros"},
    "simulate_schedule": {"round": "schedule", "rule": "rules"},
}


@dataclass(frozen=True)
class Cell:
    """The part of a run at one n and one ridge."""

    n: int
    ridge: float
    trials_done: int
    seconds: float


@dataclass(frozen=True)
class Status:
    """How far a run is; times are seconds of one core."""

    run: str  # problem and plan in words
    state: str  # finished, running or stopped
    trials: int  # of all cells
    trials_done: int
    blocks: int
    blocks_done: int
    seconds: float
    seconds_left: float | None  # by the trials so far; None before the first
    began: datetime.datetime
    last_block: datetime.datetime | None
    cells: tuple[Cell, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it in types that JSON holds; moments are in UTC, as ISO 8601 has them."""
        last = self.last_block.isoformat() if self.last_block is not None else None
        return {**asdict(self), "began": self.began.isoformat(), "last_block": last}

    def lines(self) -> list[str]:
        """All of it in words."""
        ends = {"stopped": "stopped; the same command goes on"}
        lines = [
            f"{'run':<9}{self.run}",
            f"{'state':<9}{ends.get(self.state, self.state)}",
            f"{'done':<9}{self.trials_done} of {self.trials} trials "
            f"({self.trials_done / self.trials:.0%}), {self.blocks_done} of {self.blocks} blocks",
        ]
        if self.last_block is not None and self.seconds_left is not None:
            each = self.seconds / self.trials_done
            lines.append(
                f"{'took':<9}{duration(self.seconds)} of one core, {each * 1e3:.3g} ms a trial"
            )
            if self.trials_done < self.trials:
                lines.append(f"{'left':<9}about {duration(self.seconds_left)} of one core")
            began, last = _moment(self.began), _moment(self.last_block)
            lines.append(f"{'began':<9}{began}, last block {last}")
        return lines + self._cells()

    def _cells(self) -> list[str]:
        """A line for each n and ridge, where there are several."""
        if len(self.cells) == 1:
            return []
        lines = ["", f"{'n':>8}{'ridge':>12}{'trials':>16}{'time':>12}"]
        for cell in self.cells:
            share = f"{cell.trials_done} of {self.trials // len(self.cells)}"
            took = duration(cell.seconds)
            lines.append(f"{cell.n:>8}{cell.ridge:>12.6g}{share:>16}{took:>12}")
        return lines


def status_of(directory: Path) -> Status:
    """What is done, how long that took and what is left of the run in a directory, or of a lone
    store.

    Raises
    ------
    ValueError
        If there is no store of a simulation, or a member of it is not what it has to be.
    """
    path, shown = find_store(directory), str(directory)
    attributes, facts, members = attributes_of(path, shown)
    _check(attributes, shown)
    ledger = _ledger(path, shown, attributes, block_of(facts, shown), members)
    trials = attributes["trials"]
    done, seconds = ledger[..., 0], ledger[..., 2] / 1e6
    total, finished = trials * ledger.shape[0] * ledger.shape[1], int(done.sum())
    running = in_use(path, shown)
    spent = float(seconds.sum())
    axes = [
        value if isinstance(value, list) else [value]
        for value in (attributes["n"], attributes["ridge"])
    ]
    return Status(
        run=_plan(attributes),
        state="finished" if finished >= total else "running" if running else "stopped",
        trials=total,
        trials_done=finished,
        blocks=_blocks(trials, facts["block"]) * ledger[..., 0, 0].size,
        blocks_done=int((done > 0).sum()),
        seconds=spent,
        seconds_left=spent / finished * (total - finished) if finished else None,
        began=datetime.datetime.fromisoformat(facts_of(attributes)["time"]),
        last_block=_last(ledger) if finished else None,
        cells=tuple(
            Cell(n, ridge, int(done[i, j].sum()), float(seconds[i, j].sum()))
            for i, n in enumerate(axes[0])
            for j, ridge in enumerate(axes[1])
        ),
    )


def find_store(directory: Path) -> Path:
    """The store in the output of `overprune run`, or the directory itself."""
    root = _paths.local(directory, "DIR")
    for folders in (("risk.zarr", "simulate"), ("simulate",), ()):
        path = root.joinpath(*folders)
        if os.path.lexists(path / "ledger"):
            for i in range(len(folders)):
                if not is_folder(root.joinpath(*folders[: i + 1])):
                    raise StoreDamageError(
                        str(directory), f"{'/'.join(folders[: i + 1])} is a link"
                    )
            return path
    raise ValueError(
        f"DIR must be a directory that overprune run wrote, or a store; got {directory}, which is "
        "neither"
    )


def _check(attributes: Mapping[str, Any], shown: str) -> None:
    """Raises StoreDamageError where an attribute that is printed is missing or of another kind."""
    try:
        facts_of(attributes)
        kind_of_problem(attributes)
    except ValueError as error:
        raise StoreDamageError(shown, f"{error} in .zattrs") from None
    count_of(attributes.get("trials"), shown, "trials in .zattrs", 1, MOST_TRIALS)
    kind = attributes.get("kind")
    if not isinstance(kind, str) or kind not in _LISTS:
        raise StoreDamageError(
            shown, f"kind in .zattrs must be one of {', '.join(_LISTS)}, got {short(kind)}"
        )
    for name in _LISTS[kind].values():
        if not _listed(attributes, name):
            wanted = "name rules" if name == "rules" else "be a list"
            raise StoreDamageError(
                shown, f"{name} in .zattrs must {wanted}, got {short(attributes.get(name))}"
            )
    for name in ("n", "ridge"):
        values = attributes.get(name)
        numbers = values if isinstance(values, list) else [values]
        if not numbers or not all(type(value) in (int, float) for value in numbers):
            raise StoreDamageError(
                shown, f"{name} in .zattrs must hold numbers, got {short(values)}"
            )
    if not isinstance(attributes.get("seed"), str) or not attributes["seed"].isdecimal():
        raise StoreDamageError(
            shown, f"seed in .zattrs must be a number's digits, got {short(attributes.get('seed'))}"
        )


def _ledger(
    path: Path, shown: str, attributes: Mapping[str, Any], block: int, members: Mapping[str, int]
) -> np.ndarray[Any, Any]:
    """All entries of the ledger, 0 where nothing is done or what is there cannot be right."""
    import zarr

    cells = [
        len(value) if isinstance(value := attributes[name], list) else 1 for name in ("n", "ridge")
    ]
    check_codecs(path, shown, members)
    _, shape, _ = array_of(path, "ledger/blocks", shown, ledger_layout(*cells))
    check_claim(8 * int(np.prod(shape, dtype=object)), members, "ledger/blocks", shown)
    if shape[2] * block < attributes["trials"]:
        raise StoreDamageError(
            shown, f"ledger/blocks/.zarray has {shape[2]} blocks of {block} trials"
        )
    try:
        ledger = np.array(zarr.open_array(path / "ledger" / "blocks", mode="r", zarr_format=2)[:])
    except Exception as error:  # whatever a codec makes of damaged bytes
        raise StoreDamageError(shown, f"ledger/blocks cannot be read, {error}") from error
    ledger[(ledger < 0).any(axis=-1) | (ledger[..., 0] > block) | (ledger[..., 3] > _LATEST)] = 0
    return ledger


def _blocks(trials: int, block: int) -> int:
    return -(-trials // block)


def _plan(attributes: dict[str, Any]) -> str:
    counts = []
    for word, name in _LISTS[attributes["kind"]].items():
        count = len(_listed(attributes, name))
        counts.append(f"{count} {word}{'' if count == 1 or word.endswith('s') else 's'}")
    return f"{kind_of_problem(attributes)}, {', '.join(counts)}, seed {attributes['seed']}"


def _listed(attributes: Mapping[str, Any], name: str) -> list[Any]:
    """What an attribute lists; nothing where it is no list."""
    value = rules_of(attributes) if name == "rules" else attributes.get(name)
    return value if isinstance(value, list) else []


def _last(ledger: np.ndarray[Any, Any]) -> datetime.datetime:
    """When the last block was written."""
    return datetime.datetime.fromtimestamp(ledger[..., 3].max() / 1e6, datetime.UTC)


def _moment(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
