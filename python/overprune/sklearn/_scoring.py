"""Scores of many models at once, for the metrics that pruning is tuned by; any other scorer one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._validate import FloatArray

# predictions (B, m, n), targets (m, n), weights (n,) or None -> scores (B,)
Score = Callable[[FloatArray, FloatArray, FloatArray | None], FloatArray]


def _mean(values: FloatArray, weights: FloatArray | None) -> FloatArray:
    """Over the last axis."""
    return np.asarray(values.mean(axis=-1) if weights is None else values @ (weights / weights.sum()))


def _squares(predictions: FloatArray, targets: FloatArray) -> FloatArray:
    errors = predictions - targets
    return errors * errors


def _mse(predictions: FloatArray, targets: FloatArray, weights: FloatArray | None) -> FloatArray:
    return np.asarray(-_mean(_squares(predictions, targets), weights).mean(axis=-1))


def _rmse(predictions: FloatArray, targets: FloatArray, weights: FloatArray | None) -> FloatArray:
    return np.asarray(-np.sqrt(_mean(_squares(predictions, targets), weights)).mean(axis=-1))


def _mae(predictions: FloatArray, targets: FloatArray, weights: FloatArray | None) -> FloatArray:
    return np.asarray(-_mean(np.abs(predictions - targets), weights).mean(axis=-1))


def _r2(predictions: FloatArray, targets: FloatArray, weights: FloatArray | None) -> FloatArray:
    """Of a constant target 1 where it is met exactly, else 0, as scikit-learn has it."""
    errors = _mean(_squares(predictions, targets), weights)
    spread = _mean(_squares(targets, _mean(targets, weights)[:, None]), weights)
    ratios = np.divide(errors, spread, out=(errors != 0.0).astype(np.float64), where=spread != 0.0)
    return np.asarray((1.0 - ratios).mean(axis=-1))


def _accuracy(predictions: FloatArray, targets: FloatArray, weights: FloatArray | None) -> FloatArray:
    """Of targets +1 and -1, one row a class, or one row for two classes."""
    if len(targets) == 1:
        right = (predictions[:, 0] > 0) == (targets[0] > 0)
    else:
        right = predictions.argmax(axis=1) == targets.argmax(axis=0)
    return _mean(right.astype(np.float64), weights)


def _subset_accuracy(predictions: FloatArray, targets: FloatArray, weights: FloatArray | None) -> FloatArray:
    """Of several labels, all of which must be right."""
    return _mean(((predictions > 0) == (targets > 0)).all(axis=1).astype(np.float64), weights)


_REGRESSION: dict[str, Score] = {
    "neg_mean_squared_error": _mse,
    "neg_root_mean_squared_error": _rmse,
    "neg_mean_absolute_error": _mae,
    "r2": _r2,
}


def score_of(scoring: Any, is_classifier: bool, is_multilabel: bool) -> Score | None:
    """The score of many models at once; None where the scorer has to see one fitted model after the other."""
    if not isinstance(scoring, str):
        return None
    if not is_classifier:
        return _REGRESSION.get(scoring)
    return {"accuracy": _subset_accuracy if is_multilabel else _accuracy}.get(scoring)
