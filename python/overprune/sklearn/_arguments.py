"""Checks of the estimators' parameters, which happen in `fit`, as scikit-learn has it."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import check_cv
from sklearn.utils import check_array, check_consistent_length, check_random_state

from .. import _validate as check
from .._validate import FloatArray

RULES = ("magnitude", "hessian", "random")  # the oracle needs the truth, which an estimator never has


def count_of(value: Any, name: str, total: int, whole: str, *, default: int) -> int:
    """An int in [1, total], a fraction of it in (0, 1] or None, as a number of features."""
    if value is None:
        return default
    expected = f"{name} must be an integer between 1 and the {total} {whole}, a fraction in (0, 1] or None"
    is_number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    if not is_number:
        raise TypeError(f"{expected}; got {check.shown(value)} of type {type(value).__name__}")
    if isinstance(value, Integral):
        count = int(value)
        if not 1 <= count <= total:
            raise ValueError(f"{expected}; got {count}")
        return count
    if not 0.0 < value <= 1.0:
        raise ValueError(f"{expected}; got {value}")
    return max(1, int(value * total))


def in_numpy(X: Any) -> Any:
    """Validated rows that are not sparse as a NumPy array, whichever array library they come from."""
    return X if sparse.issparse(X) else np.asarray(X)


def rule_of(value: Any, name: str = "rule") -> str:
    return check.choice(value, name, RULES)


def retrain_ridge_of(value: Any, ridge: float) -> float:
    return ridge if value is None else check.nonnegative(value, "retrain_ridge")


def splitter_of(cv: Any, y: Any, classes: bool) -> Any:
    """The folds that `cv` asks for; None: 5, or fewer where a class has fewer members."""
    if cv is None and classes and np.ndim(y) == 1:
        cv = int(np.clip(np.unique(y, return_counts=True)[1].min(), 2, 5))
    return check_cv(cv, y, classifier=classes)


def seed_of(random_state: Any) -> int:
    """An int is the seed itself; anything else that scikit-learn takes draws one."""
    if isinstance(random_state, Integral) and not isinstance(random_state, bool):
        return check.seed(random_state, "random_state")
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def weights_of(sample_weight: Any, X: Any) -> FloatArray | None:
    """Weights (n,), finite, not negative and not all zero, `in_range`; None where every row counts alike."""
    if sample_weight is None:
        return None
    n = X.shape[0]
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n, float(sample_weight))
    weights: FloatArray = check_array(
        np.asarray(sample_weight), ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weights.ndim != 1:
        raise ValueError(f"sample_weight must have one dimension, got shape {weights.shape}")
    check_consistent_length(X, weights)
    if weights.min() < 0:
        where = int(weights.argmin())
        raise ValueError(f"sample_weight must not be negative, got {weights[where]} at index {where}")
    if not weights.any():
        raise ValueError("sample_weight must contain at least one number that is not zero")
    return in_range(weights)


def in_range(weights: FloatArray) -> FloatArray:
    """Weights whose sums and products neither overflow nor lose digits: scaled by a power of two, if at all.

    Only the ratios of weights count.
    """
    _, exponent = np.frexp(weights.max())
    return weights if abs(exponent) < 400 else np.ldexp(weights, -exponent)
