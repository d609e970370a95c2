"""From tables to curves: what plots draw and what the command line prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validation as check
from .._table import STAGES
from .._validation import FloatArray, IntArray

if TYPE_CHECKING:
    import xarray as xr

QUANTITIES = ("risk", "accuracy", "error")
STATISTICS = ("mean", "median")


@dataclass(frozen=True)
class Selection:
    """Which parts of tables are taken; None takes all."""

    stages: tuple[str, ...] | None
    rules: tuple[str, ...] | None
    nonzeros: tuple[int, ...] | None
    n: float | None
    ridge: float | None
    quantity: str
    statistic: str

    @classmethod
    def of(
        cls,
        stages: Any = None,
        rule: Any = None,
        nonzeros: Any = None,
        n: Any = None,
        ridge: Any = None,
        quantity: Any = "risk",
        statistic: Any = "mean",
    ) -> Selection:
        """The selection, its arguments checked in order."""
        return cls(
            stages=_stages(stages),
            rules=None if rule is None else check.rules(rule, "rule"),
            nonzeros=None if nonzeros is None else tuple(check.increasing(nonzeros, "nonzeros")),
            n=None if n is None else check.integer(n, "n", lowest=1),
            ridge=None if ridge is None else check.nonnegative(ridge, "ridge"),
            quantity=check.choice(quantity, "quantity", QUANTITIES),
            statistic=check.choice(statistic, "statistic", STATISTICS),
        )

    def narrowed(self, *, rule: str | None = None, nonzeros: int | None = None) -> Selection:
        """The selection of one rule, or number of nonzeros, or both."""
        return replace(
            self,
            rules=self.rules if rule is None else (rule,),
            nonzeros=self.nonzeros if nonzeros is None else (nonzeros,),
        )

    def variable(self, stage: str, table: xr.Dataset) -> str:
        """The variable of the table that the quantity is taken from."""
        if self.quantity == "error" and f"{stage}_error" in table:
            return f"{stage}_error"
        return f"{stage}_{'risk' if self.quantity == 'risk' else 'accuracy'}"


@dataclass(frozen=True)
class Curve:
    """One stage of one rule and number of nonzeros (None for dense) over the sizes.

    `centre` is the value, or its mean or median over trials; `below` and `above` are the lengths of
    its error bars, zero without trials.
    """

    stage: str
    rule: str | None
    nonzeros: int | None
    kind: str
    trials: int
    n: float
    diverges: bool
    size: IntArray | FloatArray
    centre: FloatArray
    below: FloatArray
    above: FloatArray

    @property
    def is_prediction(self) -> bool:
        return self.kind == "predict"

    @property
    def style(self) -> tuple[str, int] | None:
        """Rule and nonzeros, which marker and dashes tell; None for the dense model."""
        return None if self.rule is None or self.nonzeros is None else (self.rule, self.nonzeros)

    @property
    def label(self) -> str:
        """The source of the values, in words."""
        if self.is_prediction:
            return "predicted"
        return f"simulated, {self.trials} trials" if self.trials > 1 else "one data set"

    def at(self, size: int) -> tuple[float, float] | None:
        """Value and mean length of the error bar at a size; None where the grid lacks it."""
        where = np.flatnonzero(self.size == size)
        if where.size == 0:
            return None
        i = int(where[0])
        return float(self.centre[i]), float(self.below[i] + self.above[i]) / 2

    def broken(self) -> tuple[FloatArray, FloatArray]:
        """The points of a line, with gaps at values that are not finite and at a peak at k = n."""
        x, y = self.size.astype(np.float64), np.where(np.isfinite(self.centre), self.centre, np.nan)
        if self.diverges and self.n not in self.size:
            at = int(np.searchsorted(x, self.n))
            x, y = np.insert(x, at, self.n), np.insert(y, at, np.nan)
        return x, y


def main_quantity(tables: Iterable[xr.Dataset]) -> str:
    """What a run is judged by: the error of classifiers, whose tables have no risk; else risk."""
    held = {str(name) for table in tables for name in table.data_vars}
    return "error" if "dense_error" in held and "dense_risk" not in held else "risk"


def _stages(stages: Any) -> tuple[str, ...] | None:
    if stages is None:
        return None
    if isinstance(stages, str):
        stages = (stages,)
    if not isinstance(stages, Iterable):
        raise TypeError(f"stages must be a sequence of {', '.join(STAGES)}; got {stages!r}")
    result = tuple(check.choice(v, f"stages[{i}]", STAGES) for i, v in enumerate(stages))
    if not result:
        raise ValueError(f"stages must not be empty; allowed: {', '.join(STAGES)}")
    return tuple(s for s in STAGES if s in result)


def collect(tables: Sequence[xr.Dataset], chosen: Selection, caller: str) -> list[Curve]:
    """The curves of the selection, by stage, then in the order of the tables; at least one."""
    _check_tables(tables, caller)
    _check_present(tables, chosen)
    cut = [_cut(table, chosen, f"tables[{i}]") for i, table in enumerate(tables)]
    stages = [
        stage
        for stage in (chosen.stages or STAGES)
        if any(chosen.variable(stage, table) in table for table in cut)
    ]
    return [curve for stage in stages for table in cut for curve in _of_stage(table, stage, chosen)]


def direct_training(
    tables: Sequence[xr.Dataset], chosen: Selection, curves: Sequence[Curve]
) -> dict[int, float]:
    """The dense value at size s for every s shown, where the tables hold it; predictions first."""
    dense = [
        curve
        for i, table in enumerate(tables)
        for curve in _of_stage(_cut(table, chosen, f"tables[{i}]"), "dense", chosen)
    ]
    dense.sort(key=lambda curve: not curve.is_prediction)
    result: dict[int, float] = {}
    for s in dict.fromkeys(c.nonzeros for c in curves if c.nonzeros is not None):
        values = [found[0] for curve in dense if (found := curve.at(s)) is not None]
        finite = [v for v in values if np.isfinite(v)]
        if finite:
            result[s] = finite[0]
    return result


def sample_sizes(tables: Sequence[xr.Dataset], chosen: Selection) -> list[float]:
    """The distinct n of the tables as selected."""
    return sorted(
        {_level(_cut(table, chosen, f"tables[{i}]"), "n") for i, table in enumerate(tables)}
    )


def _check_tables(tables: Sequence[Any], caller: str) -> None:
    import xarray as xr

    if not tables:
        raise TypeError(f"{caller} needs at least one table of simulate or predict, got none")
    for i, table in enumerate(tables):
        if not isinstance(table, xr.Dataset):
            raise TypeError(
                f"tables[{i}] must be a table of simulate or predict, got {type(table).__name__}"
            )
        missing = [name for name in ("size", "rule", "nonzeros") if name not in table.coords]
        if missing or "kind" not in table.attrs or "n" not in table.attrs:
            lacks = ", ".join([*missing, *(a for a in ("kind", "n") if a not in table.attrs)])
            raise ValueError(
                f"tables[{i}] must be a table of simulate or predict, got one without {lacks}"
            )
        empty = [str(dim) for dim, length in table.sizes.items() if length == 0]
        if empty:
            raise ValueError(f"tables[{i}] must not be empty, got one with no {', '.join(empty)}")


def _check_present(tables: Sequence[xr.Dataset], chosen: Selection) -> None:
    """Raises where the tables do not hold what was asked for by name."""
    for stage in chosen.stages or ():
        if not any(f"{stage}_{of}" in table for table in tables for of in ("risk", "error")):
            raise ValueError(
                f"stages must be in the tables, which have no {stage}_risk; got {stage!r}"
            )
    if not any(
        chosen.variable(stage, table) in table
        for stage in (chosen.stages or STAGES)
        for table in tables
    ):
        needed = chosen.variable("dense", tables[0]).split("_")[1]
        raise ValueError(
            f"quantity {chosen.quantity!r} needs the {needed} in "
            f"the tables, which hold only: {', '.join(str(v) for v in tables[0].data_vars)}"
        )
    for name, key, wanted in (
        ("rule", "rule", chosen.rules),
        ("nonzeros", "nonzeros", chosen.nonzeros),
    ):
        held = list(
            dict.fromkeys(v for table in tables for v in np.atleast_1d(table[key].values).tolist())
        )
        for value in wanted or ():
            if value not in held:
                raise ValueError(
                    f"{name} must be in the tables, which hold {', '.join(map(str, held))}; "
                    f"got {check.shown(value)}"
                )


def _cut(table: xr.Dataset, chosen: Selection, name: str) -> xr.Dataset:
    """The table at the chosen n and ridge, without these dimensions and with all others."""
    table = _whole(table)
    for dim, value in (("n", chosen.n), ("ridge", chosen.ridge)):
        if dim in table.dims:
            held = table[dim].values.tolist()
            if value is None and len(held) > 1:
                raise ValueError(f"{name} has several {dim}; choose one by {dim}=, of {held}")
            if value is not None and value not in held:
                raise ValueError(f"{dim} must be in {name}, which holds {held}; got {value}")
            table = table.isel({dim: held.index(value) if value is not None else 0})
        elif value is not None and _level(table, dim, name) != value:
            made = _level(table, dim, name)
            raise ValueError(
                f"{dim} must be in {name}, which was made with {dim} = {made}; got {value}"
            )
        _level(table, dim, name)
    return table


def _whole(table: xr.Dataset) -> xr.Dataset:
    """The table with dimensions rule, size and nonzeros, which a selection may have dropped."""
    scalar = [dim for dim in ("rule", "size", "nonzeros") if table[dim].ndim == 0]
    if not scalar:
        return table
    variables = {}
    for name, array in table.data_vars.items():
        own = [dim for dim in scalar if dim == "size" or not str(name).startswith("dense")]
        variables[name] = array.drop_vars(set(scalar) - set(own)).expand_dims(own)
    values = {dim: [table[dim].item()] for dim in scalar}
    return table.drop_vars([*table.data_vars, *scalar]).assign(variables).assign_coords(values)


def _level(table: xr.Dataset, dim: str, name: str = "the table") -> float:
    """The n or ridge of a table without that dimension: a ratio, samples or a strength."""
    value = table[dim].values if dim in table.coords else np.asarray(table.attrs.get(dim, 0.0))
    if value.size != 1:
        raise ValueError(
            f"{name} must say which {dim} it is of, got one of {value.tolist()} without the "
            "coordinate"
        )
    number = value.reshape(-1)[0].item()
    return number if isinstance(number, float) else int(number)


def _of_stage(table: xr.Dataset, stage: str, chosen: Selection) -> list[Curve]:
    name = chosen.variable(stage, table)
    if name not in table:
        return []
    values = table[name]
    if stage == "dense":
        return [_curve(table, values, stage, None, None, chosen)]
    return [
        _curve(table, values.sel(rule=rule, nonzeros=s), stage, rule, s, chosen)
        for rule in table["rule"].values.tolist()
        if chosen.rules is None or rule in chosen.rules
        for s in table["nonzeros"].values.tolist()
        if chosen.nonzeros is None or s in chosen.nonzeros
    ]


def _curve(
    table: xr.Dataset,
    values: xr.DataArray,
    stage: str,
    rule: str | None,
    s: int | None,
    chosen: Selection,
) -> Curve:
    other = [str(dim) for dim in values.dims if dim not in ("size", "trial")]
    if other or "size" not in values.dims:
        raise ValueError(
            f"tables must have {values.name} over size and trial, "
            + (f"got {other[0]}, too: select one" if other else "got it without size")
        )
    has_trials = "trial" in values.dims
    array = np.asarray(
        values.transpose("size", "trial").values if has_trials else values.values[:, None]
    )
    if chosen.quantity == "error" and str(values.name).endswith("accuracy"):
        array = 1 - array
    centre, below, above = _summary(array.astype(np.float64), chosen.statistic)
    return Curve(
        stage=stage,
        rule=rule,
        nonzeros=s,
        kind=str(table.attrs["kind"]),
        trials=array.shape[1] if has_trials else 1,
        n=_level(table, "n"),
        diverges=_level(table, "ridge") == 0.0 and stage != "retrained",
        size=table["size"].values,
        centre=centre,
        below=below,
        above=above,
    )


def _summary(values: FloatArray, statistic: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centre and the lengths of the error bars below and above it, over the last axis."""
    trials = values.shape[-1]
    if trials == 1:
        return values[..., 0], np.zeros(values.shape[:-1]), np.zeros(values.shape[:-1])
    if statistic == "mean":
        error = values.std(axis=-1, ddof=1) / np.sqrt(trials)
        return values.mean(axis=-1), error, error
    ordered = np.sort(values, axis=-1)
    centre = np.median(values, axis=-1)
    low = max(int(np.floor((trials - np.sqrt(trials)) / 2)), 0)
    return centre, centre - ordered[..., low], ordered[..., trials - 1 - low] - centre
