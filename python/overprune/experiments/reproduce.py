"""Tables made again from their attributes alone, and compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validation as check
from .._provenance import describe, facts_of, problem_of
from .._schedule import Schedule
from .._table import ARGUMENTS
from ..problems.problem import Problem
from ..simulation.blocks import engine
from ..simulation.store_files import name_of

if TYPE_CHECKING:
    import xarray as xr


def reproduce(table: xr.Dataset, *, workers: int | None = None) -> xr.Dataset:
    """Run a table again from its attributes: the same problem, grid and seed.

    Parameters
    ----------
    table : xarray.Dataset
        Of `simulate`, `predict`, `simulate_schedule` or `predict_schedule`, with its attributes; of
        a run that is still going on, the trials that are done so far are not told from the rest.
    workers : int, optional
        Threads, at least 1; by default one per core that this process may use. Does not change the
        result.

    Returns
    -------
    xarray.Dataset
        The new table: to the last bit the old one where version, kernel level and machine's
        arithmetic are the same.

    Raises
    ------
    TypeError
        If `table` is no xarray.Dataset.
    ValueError
        If the table is of another kind, or its attributes are incomplete or damaged, or tell only
        the hash of an array or the name of a function that the problem was made of, and no config
        that makes it again.

    Examples
    --------
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem([0.5, 0.5, 0.0], [1.0, 1.0, 1.0], noise_std=0.1)
    >>> table = op.simulate(problem, 10, [2, 3], [2], trials=3, seed=7)
    >>> again = op.reproduce(table)
    >>> bool((again.pruned_risk == table.pruned_risk).all())
    True
    """
    import xarray as xr

    from ..simulation.schedule import simulate_schedule
    from ..simulation.simulate import simulate
    from ..theory.predict import predict
    from ..theory.schedule import predict_schedule

    if not isinstance(table, xr.Dataset):
        raise TypeError(f"table must be an xarray.Dataset, got {type(table).__name__}")
    threads = check.workers(workers)
    attributes = {**table.attrs, **_sequences(table)}
    runs: dict[str, tuple[Callable[..., xr.Dataset], tuple[str, ...], tuple[str, ...]]] = {
        "simulate": (simulate, _GRID, (*_GRID_OPTIONS, *_TRIALS)),
        "predict": (predict, _GRID, (*_GRID_OPTIONS, *_DRAWS)),
        "simulate_schedule": (simulate_schedule, _ROUNDS, (*_ROUNDS_OPTIONS, *_TRIALS)),
        "predict_schedule": (predict_schedule, _ROUNDS, (*_ROUNDS_OPTIONS, *_DRAWS)),
    }
    kind = attributes.get("kind")
    if not isinstance(kind, str) or kind not in runs:
        raise ValueError(
            f"table must be of one of the kinds {', '.join(runs)}; got {check.shown(kind)}"
        )
    function, arguments, options = runs[kind]
    lacking = [name for name in arguments if name not in attributes]
    if lacking:
        raise ValueError(
            f"table must have the attributes of a {kind} table, got none named {lacking[0]}"
        )
    try:
        return function(
            _problem(attributes),
            *(attributes[name] for name in arguments),
            **{name: _value(name, attributes[name]) for name in options if name in attributes},
            workers=threads,
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"table cannot be made again from its attributes: {error}") from error


def report(path: Path, workers: int | None = None) -> tuple[list[str], bool]:
    """Reproduces the tables at a path: a line for each variable, and whether all are the same."""
    lines, is_same = [], True
    for name, table in _open(path):
        lines.append(f"{name}: {_made(table.attrs)}")
        again = reproduce(table, workers=workers)
        _check_layout(table, again)
        for variable in again.data_vars:
            difference, scale, missing = _difference(table[variable].values, again[variable].values)
            text = "the same to the last bit"
            if missing:
                text = f"{missing} values that only one of the two has"
            elif difference > 0:
                text = f"largest difference {difference:.3g} of values up to {scale:.3g}"
            is_same &= not missing and difference == 0
            lines.append(f"  {variable:<20}{text}")
    return lines, is_same


_GRID = ARGUMENTS[:3]
_GRID_OPTIONS = (*ARGUMENTS[3:], "seed")
_ROUNDS = Schedule.arguments()[:3]
_ROUNDS_OPTIONS = (*Schedule.arguments()[3:], "seed")
_TRIALS = ("trials", "first_trial", "curvature", "penalties")
_DRAWS = ("draws", "rtol")


def _sequences(table: xr.Dataset) -> dict[str, Any]:
    """n and ridge where they are dimensions: a file may have kept a sequence of one as a number."""
    return {
        name: np.atleast_1d(table.attrs[name]).tolist()
        for name in ("n", "ridge")
        if name in table.dims and name in table.attrs
    }


def _value(name: str, value: Any) -> Any:
    """An argument as the functions take it, from an attribute."""
    if name == "seed":
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"seed must be an integer, got {check.shown(value)}") from None
    if name in ("retrain", "compensate"):
        if not isinstance(value, (bool, np.bool_, int, np.integer)) or value not in (0, 1):
            raise ValueError(f"{name} must be True or False, got {check.shown(value)}")
        return bool(value)
    if name == "curvature":
        return value if value == "sample" else None
    return value


def _problem(attributes: dict[str, Any]) -> Any:
    """The problem, from its arguments or, where they were too large to keep, from the config."""
    try:
        return problem_of(attributes)
    except ValueError as error:
        if "config" not in attributes:
            raise error
    from .config import build_problem, parse

    config, kept = attributes["config"], attributes.get("problem_hash")
    if not isinstance(config, str) or not isinstance(kept, str):
        raise ValueError("config and problem_hash must be strings")
    problem: Problem = build_problem(parse(config, "config of the table", Path()))
    found = describe(problem)["problem_hash"]
    if found != kept:
        raise ValueError(
            f"the problem has the hash {kept[:12]}..., the config now makes {found[:12]}...: the "
            "data have changed, or lie elsewhere than under the current directory"
        )
    return problem


def _open(path: Path) -> list[tuple[str, xr.Dataset]]:
    """The tables of a run's directory or of a Zarr group, by name."""
    from .._validation import paths as _paths
    from ..simulation.store_files import is_folder
    from ..simulation.store_tables import kind_of, load_table

    place, shown = _paths.local(path, "TABLE"), str(path)
    groups = []
    for folders in (("risk.zarr",), ()):
        root = place.joinpath(*folders)
        if folders and not is_folder(root):
            continue
        for name, group in (
            ("simulate", root / "simulate"),
            ("predict", root / "predict"),
            (root.name, root),
        ):
            if kind_of(group, shown) is not None:
                groups.append((name, group))
    if not groups:
        raise ValueError(
            f"TABLE must be the output of a run or the Zarr group of a table, got {path}"
        )
    return [(name, load_table(group, shown)) for name, group in groups]


def _check_layout(table: xr.Dataset, again: xr.Dataset) -> None:
    """Raises ValueError where variables or coordinates differ from those made again."""
    for name in (*again.variables, *table.variables):  # files of a store have no order
        there, made = (t.variables.get(name) for t in (table, again))
        if there is None or made is None or _layout(there) != _layout(made):
            had = "lacks" if there is None else "has"
            found = "" if there is None else f" {_layout(there)}"
            makes = "make" if there is None else "do not make"
            raise ValueError(
                f"table {had} {name_of(str(name))}{found}, which its attributes {makes}"
            )
        if name in again.coords and not np.array_equal(there.values, made.values):
            raise ValueError(f"table has values of {name}, which its attributes do not make")


def _layout(variable: xr.Variable) -> str:
    """Dims, lengths and dtype in words; texts may have any length."""
    dims = ", ".join(f"{dim}: {length}" for dim, length in variable.sizes.items())
    return f"({dims}) of {'text' if variable.dtype.kind in 'UT' else variable.dtype}"


def _made(attributes: dict[str, Any]) -> str:
    """The version, time and kernels that made a table; and those of now, where they differ."""
    facts = facts_of(attributes)
    version, level = engine()
    text = f"made {facts['time']} by overprune {facts['overprune_version']}"
    text += f" with kernels {facts['kernel_level']}"
    if facts.get("git_commit"):
        text += f" at commit {facts['git_commit'][:12]}"
    if (version, level) != (facts["overprune_version"], facts["kernel_level"]):
        text += f"; made again by overprune {version} with kernels {level}"
    return text


def _difference(old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> tuple[float, float, int]:
    """Largest difference, largest value, and how many values only one of the two has."""
    both = np.isfinite(old) & np.isfinite(new)
    same = both | (old == new) | (np.isnan(old) & np.isnan(new))
    if not both.any():
        return 0.0, 0.0, int((~same).sum())
    return float(abs(old[both] - new[both]).max()), float(abs(old[both]).max()), int((~same).sum())
