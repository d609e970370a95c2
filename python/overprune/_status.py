"""How far a run is: what `overprune status` prints."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np

from ._store import in_use
from ._store_layout import attributes_of, check_codecs


def report(directory: Path) -> list[str]:
    """What is done, how long that took and what is left of the run in a directory, or of a lone store.

    Raises
    ------
    ValueError
        If there is no store of a simulation.
    """
    import zarr

    path, shown = find_store(directory), str(directory)
    attributes, facts = attributes_of(path, shown)
    check_codecs(path, shown)
    group: Any = zarr.open_group(path, mode="r", use_consolidated=False)
    ledger = np.array(group["ledger/blocks"][:])
    trials = int(attributes["trials"])
    done, seconds = ledger[..., 0], ledger[..., 2] / 1e6
    total, finished = trials * ledger.shape[0] * ledger.shape[1], int(done.sum())
    running = in_use(path)
    state = "finished" if finished >= total else "running" if running else "stopped; the same command goes on"
    lines = [
        f"{'run':<9}{_grid(attributes)}",
        f"{'state':<9}{state}",
        f"{'done':<9}{finished} of {total} trials ({finished / total:.0%}), "
        f"{int((done > 0).sum())} of {_blocks(trials, int(facts['block'])) * ledger[..., 0, 0].size} blocks",
    ]
    if finished:
        each = float(seconds.sum()) / finished
        lines.append(f"{'took':<9}{_duration(seconds.sum())} of one core, {each * 1e3:.3g} ms a trial")
        if finished < total:
            lines.append(f"{'left':<9}about {_duration(each * (total - finished))} of one core")
        lines.append(f"{'began':<9}{_began(attributes)}, last block {_moment(ledger[..., 3].max() / 1e6)}")
    return lines + _cells(attributes, done.sum(axis=-1), seconds.sum(axis=-1), trials)


def find_store(directory: Path) -> Path:
    """The store in the output of `overprune run`, or the directory itself."""
    for path in (directory / "risk.zarr" / "simulate", directory / "simulate", directory):
        if (path / "ledger").is_dir():
            return path
    raise ValueError(f"DIR must be the output of a run or a store, got {directory}, which is neither")


def _blocks(trials: int, block: int) -> int:
    return -(-trials // block)


def _grid(attributes: dict[str, Any]) -> str:
    problem = json.loads(attributes["problem"])["class"]
    counts = [
        f"{len(attributes[name])} {name if len(attributes[name]) != 1 else name.rstrip('s')}"
        for name in ("sizes", "rules")
    ]
    return (
        f"{problem}, {', '.join(counts)}, {len(attributes['nonzeros'])} nonzeros, seed {attributes['seed']}"
    )


def _began(attributes: dict[str, Any]) -> str:
    began = datetime.datetime.fromisoformat(json.loads(attributes["provenance"])["time"])
    return _moment(began.timestamp())


def _moment(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:.3g} h" if seconds < 172800 else f"{seconds / 86400:.3g} days"


def _cells(attributes: dict[str, Any], done: Any, seconds: Any, trials: int) -> list[str]:
    """A line for each n and ridge, where there are several."""
    if done.size == 1:
        return []
    axes = [value if isinstance(value, list) else [value] for value in (attributes["n"], attributes["ridge"])]
    lines = ["", f"{'n':>8}{'ridge':>12}{'trials':>16}{'time':>12}"]
    for i, n in enumerate(axes[0]):
        for j, ridge in enumerate(axes[1]):
            share = f"{int(done[i, j])} of {trials}"
            lines.append(f"{n:>8}{ridge:>12.6g}{share:>16}{_duration(float(seconds[i, j])):>12}")
    return lines
