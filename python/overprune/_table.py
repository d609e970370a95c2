"""The grid of one run - n, sizes, nonzeros, rules, ridge - and the table it fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from . import _validation as check
from ._version import __version__

if TYPE_CHECKING:
    import xarray as xr

# Name of each quantity of the table -> dimensions of one block of it (one n, one ridge).
_DIMS = {
    "dense": ("size",),
    "pruned": ("rule", "size", "nonzeros"),
    "retrained": ("rule", "size", "nonzeros"),
    "compensated": ("rule", "size", "nonzeros"),
    "draws": ("size",),
}
_LONG_NAMES = {
    "risk": "test risk",
    "accuracy": "test accuracy",
    "risk_stderr": "standard error of the test risk",
    "accuracy_stderr": "standard error of the test accuracy",
}

Number = TypeVar("Number", bound=float)  # int or float


@dataclass(frozen=True)
class Grid(Generic[Number]):
    """Validated axes of a run; `n` and `ridge` become dimensions of the table where sequences were
    given.

    n, sizes and nonzeros are integers, or real numbers for a problem of infinite size.
    """

    n: tuple[Number, ...]
    sizes: tuple[Number, ...]
    nonzeros: tuple[Number, ...]
    rules: tuple[str, ...]
    retrain: bool
    ridge: tuple[float, ...]
    retrain_ridge: float
    compensate: bool
    n_is_sequence: bool
    ridge_is_sequence: bool

    @staticmethod
    def of(p: int, n: Any, sizes: Any, nonzeros: Any, **rest: Any) -> Grid[int]:
        """Checks the arguments, for p features, in the order in which `simulate` documents them."""
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

    def table(
        self,
        kind: str,
        block: Callable[[Number, float], Mapping[str, np.ndarray[Any, Any]]],
        attributes: Mapping[str, Any],
    ) -> xr.Dataset:
        """The table of all blocks.

        `block(n, ridge)` returns arrays named `<stage>_<quantity>` (`dense_risk`,
        `pruned_accuracy`, ...) with the dimensions of the stage: (size,) or (rule, size, nonzeros).
        """
        blocks = [[dict(block(n, ridge)) for ridge in self.ridge] for n in self.n]
        arrays = {
            name: np.array([[cell[name] for cell in row] for row in blocks])
            for name in blocks[0][0]
        }
        return self.dataset(kind, arrays, attributes)

    def dims(self, name: str) -> tuple[str, ...]:
        """The dimensions of a variable within a block of one n and one ridge."""
        return _DIMS[name.partition("_")[0]]

    def outer_dims(self) -> tuple[str, ...]:
        """The dimensions that number the blocks: n, ridge, both or none."""
        present = (("n", self.n_is_sequence), ("ridge", self.ridge_is_sequence))
        return tuple(dim for dim, is_present in present if is_present)

    def long_name(self, name: str) -> str:
        """A variable in words."""
        stage, _, quantity = name.partition("_")
        return f"{_LONG_NAMES[quantity]} of the {stage} model" if quantity else "draws of the law"

    def dataset(
        self,
        kind: str,
        arrays: Mapping[str, np.ndarray[Any, Any]],
        attributes: Mapping[str, Any],
        trials: np.ndarray[Any, Any] | None = None,
    ) -> xr.Dataset:
        """The table of arrays that begin with the dimensions (n, ridge), whether they are sequences
        or not, and end with one over `trials` where those are given."""
        import xarray as xr

        tail = () if trials is None else ("trial",)
        variables = {}
        for name, values in arrays.items():
            array = values if self.ridge_is_sequence else values[:, 0]
            array = array if self.n_is_sequence else array[0]
            dims = (*self.outer_dims(), *self.dims(name), *tail)
            variables[name] = (dims, array, {"long_name": self.long_name(name)})
        return xr.Dataset(
            variables, self.coordinates(trials), {**self.attributes(kind), **attributes}
        )

    def coordinates(self, trials: np.ndarray[Any, Any] | None = None) -> dict[str, Any]:
        """The coordinates of the table, each with its dimension."""
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
        """What, with the problem, repeats the run: strings, numbers and lists of numbers, which
        JSON and netCDF both hold."""
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
        }


def _grid(
    n: Sequence[Number],
    sizes: Sequence[Number],
    nonzeros: Sequence[Number],
    several: bool,
    *,
    rules: Any,
    retrain: Any,
    ridge: Any,
    retrain_ridge: Any,
    compensate: Any = False,
) -> Grid[Number]:
    """A grid on these axes; checks the rest."""
    return Grid(
        n=tuple(n),
        sizes=tuple(sizes),
        nonzeros=tuple(nonzeros),
        rules=check.rules(rules),
        retrain=check.flag(retrain, "retrain"),
        ridge=_ridges(ridge),
        retrain_ridge=check.nonnegative(retrain_ridge, "retrain_ridge"),
        compensate=check.flag(compensate, "compensate"),
        n_is_sequence=several,
        ridge_is_sequence=check.is_sequence(ridge),
    )


def _ridges(ridge: Any) -> tuple[float, ...]:
    """Distinct strengths, at least one."""
    ridges = list(ridge) if check.is_sequence(ridge) else [ridge]
    if not ridges:
        raise ValueError("ridge must not be empty")
    strengths = tuple(check.nonnegative(value, "ridge") for value in ridges)
    if len(set(strengths)) != len(strengths):
        raise ValueError(f"ridge must hold distinct values, got {list(strengths)}")
    return strengths
