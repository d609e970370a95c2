"""The arguments of a run - n, sizes, nonzeros, rules, ridge - and the table that it fills.

Which variables a table has, and over which dimensions, is listed in the core (risk_table.hpp).
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

import numpy as np

from . import _core
from . import _validation as check
from ._version import __version__
from .losses import Loss, as_loss, core_loss

if TYPE_CHECKING:
    import xarray as xr

STAGES: tuple[str, ...] = _core.STAGES
"""The stages of a model, in the order in which they are made."""
_LONG_NAMES = {  # of each quantity
    "risk": "test risk",
    "accuracy": "test accuracy",
    "penalty": "l1 penalty",
    "error": "test error",
    "teacher_overlap": "overlap with the truth",
    "self_overlap": "overlap with itself",
}

Arrays: TypeAlias = Mapping[str, tuple[tuple[str, ...], np.ndarray[Any, Any]]]
"""What the core returns: variables by name, each with the names of its dimensions."""
Number = TypeVar("Number", bound=float)  # int or float


class Plan(ABC, Generic[Number]):
    """The arguments of a run, and the table that it fills cell by cell: one for each n and ridge.

    `n` and `ridge` are dimensions of the table where sequences were given.
    """

    n: tuple[Number, ...]
    ridge: tuple[float, ...]
    n_is_sequence: bool
    ridge_is_sequence: bool
    simulator: ClassVar[str]
    """The function that simulates it, which is the kind of its tables."""

    @classmethod
    def arguments(cls) -> tuple[str, ...]:
        """Names of the arguments, in the order in which functions take them: n, sizes, ..."""
        named: Any = cls
        return tuple(f.name for f in fields(named) if not f.name.endswith("_is_sequence"))

    @abstractmethod
    def coordinates(self, trials: np.ndarray[Any, Any] | None = None) -> dict[str, Any]:
        """The coordinates of the table, each with its dimension."""

    @abstractmethod
    def attributes(self, kind: str) -> dict[str, Any]:
        """What, with the problem, repeats the run: strings, numbers and lists of numbers, which
        JSON and netCDF both hold."""

    @abstractmethod
    def cell(self, n: int = 0, ridge: int = 0) -> Any:
        """The arguments of the core at n and ridge number so and so."""

    @abstractmethod
    def grid(self, n: int = 0, ridge: int = 0) -> _core.Grid:
        """The grid of the core of which a worker holds as much."""

    @abstractmethod
    def measured(self, problem: Any) -> Arrays:
        """The table of the core without any trials."""

    def layout(self, problem: Any) -> dict[str, dict[str, int]]:
        """The variables that a simulation measures in one cell: name -> dimensions and their
        lengths, without the trials. `problem` is the core's."""
        return {
            name: dict(zip(dims[1:], array.shape[1:], strict=True))
            for name, (dims, array) in self.measured(problem).items()
        }

    def table(
        self,
        kind: str,
        block: Callable[[Number, float], Arrays],
        attributes: Mapping[str, Any],
    ) -> xr.Dataset:
        """The table of all cells; `block(n, ridge)` returns what the core does."""
        blocks = [[block(n, ridge) for ridge in self.ridge] for n in self.n]
        arrays = {
            name: (dims, np.array([[cell[name][1] for cell in row] for row in blocks]))
            for name, (dims, _) in blocks[0][0].items()
        }
        return self.dataset(kind, arrays, attributes)

    def outer_dims(self) -> tuple[str, ...]:
        """The dimensions that number the cells: n, ridge, both or none."""
        present = (("n", self.n_is_sequence), ("ridge", self.ridge_is_sequence))
        return tuple(dim for dim, is_present in present if is_present)

    def position(self, n: int, ridge: int) -> tuple[int, ...]:
        """Where cell (n, ridge) is in the outer dimensions."""
        found = {"n": n, "ridge": ridge}
        return tuple(found[dim] for dim in self.outer_dims())

    def dataset(
        self,
        kind: str,
        arrays: Arrays,
        attributes: Mapping[str, Any],
        trials: np.ndarray[Any, Any] | None = None,
    ) -> xr.Dataset:
        """The table of arrays that begin with the dimensions (n, ridge), which their names leave
        out, whether they are sequences or not."""
        found = {}
        for name, (dims, values) in arrays.items():
            array = values if self.ridge_is_sequence else values[:, 0]
            array = array if self.n_is_sequence else array[0]
            found[name] = ((*self.outer_dims(), *dims), array)
        return dataset(found, self.coordinates(trials), {**self.attributes(kind), **attributes})


@dataclass(frozen=True)
class Grid(Plan[Number]):
    """Validated axes of a run over sizes and nonzeros.

    n, sizes and nonzeros are integers, or real numbers for a problem of infinite size.
    """

    simulator = "simulate"

    n: tuple[Number, ...]
    sizes: tuple[Number, ...]
    nonzeros: tuple[Number, ...]
    rules: tuple[str, ...]
    retrain: bool
    ridge: tuple[float, ...]
    retrain_ridge: float
    compensate: bool
    loss: Loss
    n_is_sequence: bool
    ridge_is_sequence: bool
    penalties: tuple[float, ...] = ()
    """Of the rule lasso, (n, ridge, size, nonzeros) in C order; empty: the points of its paths."""

    @staticmethod
    def of(p: int, n: Any, sizes: Any, nonzeros: Any, **rest: Any) -> Grid[int]:
        """Checks the arguments of a run of p features, in the order in which `simulate` documents
        them; `rest` as `_grid` has them, with its defaults."""
        several = check.is_sequence(n)
        samples = check.increasing(n, "n") if several else [check.integer(n, "n", lowest=1)]
        trained = check.increasing(sizes, "sizes", highest=p)
        return _grid(
            samples, trained, check.increasing(nonzeros, "nonzeros", highest=p), several, **rest
        )

    @staticmethod
    def of_reals(total: float, n: Any, sizes: Any, nonzeros: Any, **rest: Any) -> Grid[float]:
        """The same in real numbers, for features of that total weight."""
        samples = check.increasing_reals(n, "n")
        trained = check.increasing_reals(sizes, "sizes", highest=total)
        kept = check.increasing_reals(nonzeros, "nonzeros", highest=total)
        return _grid(samples, trained, kept, check.is_sequence(n), **rest)

    def core(self, ridge: float | None = None, kind: type[Any] = _core.Grid) -> Any:
        """The grid of the core, at the first ridge or another one, without penalties."""
        return kind(
            sizes=self.sizes,
            nonzeros=self.nonzeros,
            rules=self.rules,
            retrain=self.retrain,
            ridge=self.ridge[0] if ridge is None else ridge,
            retrain_ridge=self.retrain_ridge,
            compensate=self.compensate,
            loss=core_loss(self.loss),
        )

    def cell(self, n: int = 0, ridge: int = 0) -> _core.Grid:
        core: _core.Grid = self.core(self.ridge[ridge])
        each = len(self.sizes) * len(self.nonzeros)
        first = (n * len(self.ridge) + ridge) * each
        core.penalties = list(self.penalties[first : first + each])
        return core

    grid = cell

    def with_penalties(self, penalties: Any) -> Grid[Number]:
        """The grid with given penalties of the rule lasso, in the dimensions of its tables."""
        if penalties is None:
            return self
        if not any(check.TRAITS[rule].trains_itself for rule in self.rules):
            raise ValueError(
                f"penalties must be None without the rule lasso, got rules {', '.join(self.rules)}"
            )
        values = np.asarray(check.plain_array(penalties, "penalties"), dtype=np.float64)
        points = (len(self.sizes), len(self.nonzeros))
        outer = tuple(
            len(axis)
            for axis, several in (
                (self.n, self.n_is_sequence),
                (self.ridge, self.ridge_is_sequence),
            )
            if several
        )
        whole = (len(self.n), len(self.ridge), *points)
        if values.shape in {(*outer, *points), (math.prod(whole),)}:
            values = values.reshape(whole)
        elif values.shape == points:
            values = np.broadcast_to(values, whole)
        else:
            raise ValueError(f"penalties must have shape {(*outer, *points)}, got {values.shape}")
        if (values < 0).any() or np.isinf(values).any():
            raise ValueError("penalties must be finite and at least 0, or NaN for no model")
        return replace(self, penalties=tuple(values.ravel().tolist()))

    def check_paths(self, targets: int) -> None:
        """Refuses the rule lasso for several targets, and warns of points that its paths do not
        reach, which are NaN."""
        own = [rule for rule in self.rules if check.TRAITS[rule].trains_itself]
        if own and targets != 1:
            raise ValueError(f'rules must not hold "{own[0]}" for {targets} targets, only for one')
        if not own or self.penalties or min(self.ridge) > 0:
            return
        points = [(n, k, s) for n in self.n for k in self.sizes for s in self.nonzeros]
        beyond = [(n, k, s) for n, k, s in points if n < s <= k]
        if beyond:
            n, size, s = beyond[0]
            others = f" (and {len(beyond) - 1} other points)" if len(beyond) > 1 else ""
            warnings.warn(
                f"a lasso of n = {n} rows without ridge has at most {n} nonzeros: "
                f"size {size}, nonzeros {s}{others} is NaN",
                UserWarning,
                stacklevel=3,
            )

    def check_loss(self, problem: Any) -> None:
        """Raises ValueError where the loss does not suit the core's problem or, without ridge, the
        sizes."""
        if self.loss.name == "square":
            return
        for n in self.n:
            for size in self.sizes:
                _core.check_loss(problem, core_loss(self.loss), n, size, min(self.ridge))
            if not self.retrain:
                continue
            for nonzeros in self.nonzeros:
                try:
                    _core.check_loss(problem, core_loss(self.loss), n, nonzeros, self.retrain_ridge)
                except ValueError as error:  # of the second training's ridge
                    raise ValueError(f"retrain_{error}") from None

    def measured(self, problem: Any) -> Arrays:
        return _core.simulated_table(problem, self.core())

    def coordinates(self, trials: np.ndarray[Any, Any] | None = None) -> dict[str, Any]:
        dtype = np.int64 if isinstance(self.sizes[0], int) else np.float64
        coordinates: dict[str, Any] = {
            "rule": ("rule", list(self.rules)),
            "size": ("size", np.array(self.sizes, dtype=dtype)),
            "nonzeros": ("nonzeros", np.array(self.nonzeros, dtype=dtype)),
        }
        if self.n_is_sequence:
            coordinates["n"] = ("n", np.array(self.n, dtype=dtype))
        if self.ridge_is_sequence:
            coordinates["ridge"] = ("ridge", np.array(self.ridge))
        if trials is not None:
            coordinates["trial"] = ("trial", trials)
        return coordinates

    def attributes(self, kind: str) -> dict[str, Any]:
        given = {"penalties": list(self.penalties)} if self.penalties else {}
        return {
            "kind": kind,
            "overprune_version": __version__,
            "n": list(self.n) if self.n_is_sequence else self.n[0],
            "sizes": list(self.sizes),
            "nonzeros": list(self.nonzeros),
            "rules": ",".join(self.rules),
            "retrain": int(self.retrain),
            "ridge": list(self.ridge) if self.ridge_is_sequence else self.ridge[0],
            "retrain_ridge": self.retrain_ridge,
            "compensate": int(self.compensate),
            **given,
            "loss": self.loss.label,
        }


ARGUMENTS = tuple(name for name in Grid.arguments() if name != "penalties")
"""Names of the arguments of a run over a grid."""


def _grid(
    n: Sequence[Number],
    sizes: Sequence[Number],
    nonzeros: Sequence[Number],
    several: bool,
    *,
    rules: Any = ("magnitude",),
    retrain: Any = True,
    ridge: Any = 0.0,
    retrain_ridge: Any = 0.0,
    compensate: Any = False,
    loss: Any = "square",
) -> Grid[Number]:
    """A grid on these axes; checks the rest, whose defaults are those of every function that runs a
    grid."""
    chosen = check.rules(rules)
    return Grid(
        n=tuple(n),
        sizes=tuple(sizes),
        nonzeros=tuple(nonzeros),
        rules=chosen,
        retrain=check.flag(retrain, "retrain"),
        ridge=_ridges(ridge),
        retrain_ridge=check.nonnegative(retrain_ridge, "retrain_ridge"),
        compensate=_compensates(compensate, chosen),
        loss=_loss(loss, chosen),
        n_is_sequence=several,
        ridge_is_sequence=check.is_sequence(ridge),
    )


def _loss(value: Any, rules: tuple[str, ...]) -> Loss:
    loss = as_loss(value)
    if loss.name != "square":
        check.cutting_rules(rules, f"loss {loss.name}")
    return loss


def _compensates(value: Any, rules: tuple[str, ...]) -> bool:
    compensates = check.flag(value, "compensate")
    if compensates:
        check.cutting_rules(rules, "compensation")
    return compensates


def _ridges(ridge: Any) -> tuple[float, ...]:
    """Distinct strengths, at least one."""
    ridges = list(ridge) if check.is_sequence(ridge) else [ridge]
    if not ridges:
        raise ValueError("ridge must not be empty")
    strengths = tuple(check.nonnegative(value, "ridge") for value in ridges)
    if len(set(strengths)) != len(strengths):
        raise ValueError(f"ridge must hold distinct values, got {list(strengths)}")
    return strengths


def long_name(name: str) -> str:
    """A variable in words."""
    if name == "draws":
        return "draws of the law"
    stage, _, rest = name.partition("_")
    quantity = rest.removesuffix("_stderr")
    text = f"{_LONG_NAMES[quantity]} of the {stage} model"
    return text if quantity == rest else f"standard error of the {text}"


def dataset(
    found: Arrays, coordinates: Mapping[str, Any], attributes: Mapping[str, Any]
) -> xr.Dataset:
    """What the core has found as a table; a first dimension of trials becomes the last."""
    import xarray as xr

    variables = {}
    for name, (dims, values) in found.items():
        if dims[:1] == ("trial",):
            dims, values = (*dims[1:], "trial"), np.moveaxis(values, 0, -1)
        array = values.astype(np.int64) if name == "draws" else values
        variables[name] = (dims, array, {"long_name": long_name(name)})
    return xr.Dataset(variables, coordinates, attributes)
