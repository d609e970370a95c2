"""The grid of a search, and its table of results."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from .. import _validation as check
from .._validation import FloatArray
from .arguments import rule_of


def default_sizes(p: int) -> list[int]:
    """Up to 20 sizes, evenly spaced on a logarithmic axis from p / 50 to p."""
    return _spaced(max(1, p // 50), p, 20)


def default_nonzeros(p: int, n: int) -> list[int]:
    """Up to 10 integers, evenly spaced in the logarithm from 1 to p, or n / 2 if p > n."""
    return _spaced(1, p if p <= n else max(1, n // 2), 10)


def _spaced(lowest: int, highest: int, count: int) -> list[int]:
    return [int(k) for k in np.unique(np.geomspace(lowest, highest, count).round())]


@dataclass(frozen=True)
class SearchGrid:
    """Axes of a search, in the order of scikit-learn's ParameterGrid."""

    sizes: list[int]
    nonzeros: list[int]
    retrain: list[bool]
    ridges: list[float]
    rules: list[str]

    @staticmethod
    def of(search: Any, p: int, n: int) -> SearchGrid:
        """The parameters of a search, for p features and n training rows in the smallest fold."""
        sizes, nonzeros = search.sizes, search.nonzeros
        grid = SearchGrid(
            default_sizes(p) if sizes is None else check.increasing(sizes, "sizes", highest=p),
            default_nonzeros(p, n)
            if nonzeros is None
            else _up_to(check.increasing(nonzeros, "nonzeros"), p),
            _distinct(search.retrain, "retrain", lambda value, name: check.flag(value, name)),
            _distinct(search.ridge, "ridge", check.nonnegative),
            _distinct(search.rules, "rules", rule_of),
        )
        if grid.nonzeros[0] > grid.sizes[-1]:
            raise ValueError(
                f"nonzeros must begin at or below the largest size {grid.sizes[-1]}, got "
                f"{grid.nonzeros}"
            )
        return grid

    @property
    def shape(self) -> tuple[int, ...]:
        axes = (self.sizes, self.nonzeros, self.retrain, self.ridges, self.rules)
        return tuple(len(axis) for axis in axes)

    @property
    def fitting(self) -> Any:
        """A mask of the grid's points: nonzeros up to the size."""
        smaller = np.array(self.nonzeros) <= np.array(self.sizes)[:, None]
        return np.broadcast_to(smaller[:, :, None, None, None], self.shape)

    def candidates(self) -> list[dict[str, Any]]:
        """The grid's points as parameters of a model."""
        return [
            self.point(k, s, t, self.ridges[i], r) for k, s, t, i, r in np.argwhere(self.fitting)
        ]

    def point(self, k: int, s: int, t: int, ridge: float, r: int) -> dict[str, Any]:
        """Parameters of a model, by positions on the axes but for the ridge."""
        return {
            "n_features_to_train": self.sizes[k],
            "n_nonzeros": self.nonzeros[s],
            "retrain": self.retrain[t],
            "ridge": ridge,
            "rule": self.rules[r],
        }

    def results(self, scores: dict[str, FloatArray]) -> dict[str, Any]:
        """`cv_results_` of scores (folds, *shape) by metric."""
        params = self.candidates()
        results: dict[str, Any] = {
            f"param_{name}": np.ma.MaskedArray(
                [point[name] for point in params],
                mask=False,
                dtype=object if name == "rule" else None,
            )
            for name in params[0]
        }
        results["params"] = params
        for metric, values in scores.items():
            table = values[:, self.fitting]
            results |= {f"split{i}_test_{metric}": row for i, row in enumerate(table)}
            with np.errstate(invalid="ignore"):  # of infinite scores
                means, spreads = table.mean(axis=0), table.std(axis=0)
            if not np.isfinite(means).all():
                warnings.warn(
                    f"One or more of the test scores are non-finite: {means}",
                    UserWarning,
                    stacklevel=3,
                )
            results[f"mean_test_{metric}"], results[f"std_test_{metric}"] = means, spreads
            results[f"rank_test_{metric}"] = _ranks(means)
        return results


def _up_to(nonzeros: list[int], p: int) -> list[int]:
    """The counts that there are features for; where there are too few for any, all features."""
    if nonzeros[-1] <= p:
        return nonzeros
    smaller = [s for s in nonzeros if s <= p] or [p]
    warnings.warn(
        f"nonzeros must be at most the number of features of X, {p}; got {nonzeros}: {smaller} "
        "is tried",
        UserWarning,
        stacklevel=4,
    )
    return smaller


def _ranks(means: FloatArray) -> Any:
    """Ranks from 1, the best; equal scores share the smallest, and NaN is like the worst."""
    known = means[~np.isnan(means)]
    worst = known.min() - 1.0 if known.size else 0.0
    return rankdata(-np.where(np.isnan(means), worst, means), method="min").astype(np.int32)


def _distinct(values: Any, name: str, checked: Any) -> list[Any]:
    """Distinct values, at least one; a single value is a list of one."""
    if not check.is_sequence(values):
        return [checked(values, name)]
    found: Sequence[Any] = [checked(value, f"{name}[{i}]") for i, value in enumerate(values)]
    if not found:
        raise ValueError(f"{name} must not be empty")
    if len(set(found)) != len(found):
        raise ValueError(f"{name} must be distinct, got {list(found)}")
    return list(found)
