"""Checks of the estimators' parameters, which happen in `fit`, as scikit-learn has it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sized
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from scipy import sparse
from sklearn.model_selection import LeaveOneOut, check_cv
from sklearn.utils import check_array, check_consistent_length, check_random_state

from .. import _validation as check
from .._validation import FloatArray, IntArray


def count_of(value: Any, name: str, total: int, whole: str, *, default: int) -> int:
    """An int in [1, total], a fraction of it in (0, 1] or None, as a number of features."""
    if value is None:
        return default
    expected = (
        f"{name} must be an integer between 1 and the {total} {whole}, a fraction in (0, 1] or None"
    )
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


def nonzeros_of(value: Any, size: int, is_limited_by_X: bool) -> int:
    """`n_nonzeros` of `size` features trained; all of them, with a warning, where X has too few.

    A selection of features that fits the model to fewer and fewer of them comes to that.
    """
    is_count = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    if is_limited_by_X and is_count and value > size:
        warnings.warn(
            f"n_nonzeros must be at most the number of features of X, {size}; got {value}: all "
            "are kept",
            UserWarning,
            stacklevel=3,
        )
        return size
    half = min(size, max(size // 2, 10))
    return count_of(value, "n_nonzeros", size, "features trained", default=half)


def in_numpy(X: Any) -> Any:
    """Validated rows as a NumPy array, whichever array library they come from, or sparse."""
    return X if sparse.issparse(X) else np.asarray(X)


def rule_of(value: Any, name: str = "rule") -> str:
    return check.choice(value, name, check.RULES_OF_DATA)


def retrain_ridge_of(value: Any, ridge: float) -> float:
    return ridge if value is None else check.nonnegative(value, "retrain_ridge")


def threads_of(n_jobs: Any) -> int:
    """Threads of one fit: None is every core that the process may use, but one inside a worker of
    joblib, and as many as a `parallel_config` around it says."""
    if n_jobs is not None:
        if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0:
            raise ValueError(
                "n_jobs must be None or an integer other than 0, as in joblib; "
                f"got {check.shown(n_jobs)}"
            )
        return int(effective_n_jobs(int(n_jobs)))
    backend, jobs = get_active_backend()
    if backend.nesting_level > 0:
        return 1
    return check.workers(None) if jobs is None else int(effective_n_jobs(None))


def splits_of(splitter: Any, given: Any, groups: Any, n: int) -> list[tuple[IntArray, IntArray]]:
    """Indices of the rows of X and y in training and in test of each fold."""
    splits = []
    for i, pair in enumerate(splitter.split(*given, groups)):
        train, test = _pair(pair, i)
        splits.append(
            (_rows_of(train, n, f"training of fold {i}"), _rows_of(test, n, f"test of fold {i}"))
        )
    if not splits:
        raise ValueError("cv must give at least one fold, got none")
    return splits


def _pair(fold: Any, i: int) -> Any:
    if not isinstance(fold, Sized) or isinstance(fold, (str, bytes)) or len(fold) != 2:
        raise ValueError(
            f"cv must give pairs of the rows in training and in test, got {check.shown(fold)} as "
            f"fold {i}"
        )
    return fold


def _rows_of(part: Any, n: int, where: str) -> IntArray:
    """A part of a fold, given by indices or by a mask."""
    rows = np.asarray(part)
    if rows.dtype == bool and rows.shape == (n,):
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or rows.size == 0 or rows.dtype.kind not in "iu":
        raise ValueError(
            f"cv must give indices of rows, at least one, or a mask of the {n} rows; got an "
            f"array of shape {rows.shape} and dtype {rows.dtype} in {where}"
        )
    if rows.min() < -n or rows.max() >= n:
        raise ValueError(
            f"cv must give indices between 0 and {n - 1}, got {rows.min()} to {rows.max()} in "
            f"{where}"
        )
    return rows.astype(np.int64) % n


def splitter_of(cv: Any, y: Any, classes: bool) -> Any:
    """The folds that `cv` asks for; None: 5, or fewer where a class has fewer members; "loo": every
    row by itself."""
    if isinstance(cv, str):
        check.choice(cv, "cv", ("loo",))
        return LeaveOneOut()
    if cv is None and classes and np.ndim(y) == 1:
        cv = int(np.clip(np.unique(y, return_counts=True)[1].min(), 2, 5))
    if isinstance(cv, Iterable) and not isinstance(cv, str) and not hasattr(cv, "split"):
        cv = [_pair(fold, i) for i, fold in enumerate(cv)]
    return check_cv(cv, y, classifier=classes)


def seed_of(random_state: Any) -> int:
    """An int is the seed itself; anything else that scikit-learn takes draws one."""
    if isinstance(random_state, Integral) and not isinstance(random_state, bool):
        return check.seed(random_state, "random_state")
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def weights_of(sample_weight: Any, X: Any) -> FloatArray | None:
    """Checked weights (n,), `in_range`; None where every row counts alike."""
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
        raise ValueError(
            f"sample_weight must not be negative, got {weights[where]} at index {where}"
        )
    if not weights.any():
        raise ValueError("sample_weight must contain at least one number that is not zero")
    return in_range(weights)


def in_range(weights: FloatArray) -> FloatArray:
    """Weights scaled by a power of two, if needed: sums and products do not overflow.

    Only the ratios of weights count.
    """
    _, exponent = np.frexp(weights.max())
    return weights if abs(exponent) < 400 else np.ldexp(weights, -exponent)


def weights_of_score(sample_weight: Any) -> Any:
    """Weights for a score, `in_range`; what else may be wrong with them, scikit-learn says."""
    weights = np.asarray(sample_weight)
    if weights.dtype.kind not in "fiu" or weights.size == 0:  # None, too
        return sample_weight
    return in_range(weights)
