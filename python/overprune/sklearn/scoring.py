"""Scores: of many models at once for the usual metrics, one by one for other scorers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from inspect import signature
from numbers import Number, Real
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import check_scoring

from .. import _validation as check
from .._validation import FloatArray

# The metric of a scorer that has one score, without a name.
ONE: Any = object()

# predictions (B, m, n), targets (m, n), weights (n,) or None -> scores (B,)
Score = Callable[[FloatArray, FloatArray, FloatArray | None], FloatArray]


def _mean(values: FloatArray, weights: FloatArray | None) -> FloatArray:
    """The weighted mean over the last axis."""
    return np.asarray(
        values.mean(axis=-1) if weights is None else values @ (weights / weights.sum())
    )


def _squares(predictions: FloatArray, targets: FloatArray) -> FloatArray:
    errors = predictions - targets
    return errors * errors


# Errors of this size, relative to the largest target, are rounding: models that interpolate the
# rows of a test score 0 alike, so that rounding does not pick the best of them.
_ROUNDING = 2.0**-40


def _settled(errors: FloatArray, targets: FloatArray, power: int) -> FloatArray:
    """Errors (B, m) of targets (m, n), to that power, without those that rounding explains."""
    least = (_ROUNDING * np.abs(targets).max(axis=1)) ** power
    return np.asarray(np.where(errors <= least, 0.0, errors))


def _mean_squares(
    predictions: FloatArray, targets: FloatArray, weights: FloatArray | None
) -> FloatArray:
    return _settled(_mean(_squares(predictions, targets), weights), targets, 2)


def _mse(predictions: FloatArray, targets: FloatArray, weights: FloatArray | None) -> FloatArray:
    return np.asarray(-_mean_squares(predictions, targets, weights).mean(axis=-1))


def _rmse(predictions: FloatArray, targets: FloatArray, weights: FloatArray | None) -> FloatArray:
    return np.asarray(-np.sqrt(_mean_squares(predictions, targets, weights)).mean(axis=-1))


def _mae(predictions: FloatArray, targets: FloatArray, weights: FloatArray | None) -> FloatArray:
    errors = _mean(np.abs(predictions - targets), weights)
    return np.asarray(-_settled(errors, targets, 1).mean(axis=-1))


def _r2(predictions: FloatArray, targets: FloatArray, weights: FloatArray | None) -> FloatArray:
    """R^2, as scikit-learn has it: of a constant target 1 if met exactly, else 0; of a row NaN."""
    if targets.shape[1] < 2:
        warnings.warn(
            "R^2 score is not well-defined with less than two samples.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return np.full(len(predictions), np.nan)
    errors = _mean(_squares(predictions, targets), weights)
    means = np.clip(_mean(targets, weights), targets.min(axis=1), targets.max(axis=1))
    spread = _mean(_squares(targets, means[:, None]), weights)
    unexplained = (errors != 0.0).astype(np.float64)
    errors = _settled(errors, targets, 2)
    ratios = np.divide(errors, spread, out=unexplained, where=spread != 0.0)
    return np.asarray((1.0 - ratios).mean(axis=-1))


def _accuracy(
    predictions: FloatArray, targets: FloatArray, weights: FloatArray | None
) -> FloatArray:
    """Of targets +1 and -1, one row a class, or one row for two classes; 0: of none of these."""
    if len(targets) == 1:
        right = (predictions[:, 0] > 0) == (targets[0] > 0)
    else:
        right = predictions.argmax(axis=1) == targets.argmax(axis=0)
    right &= targets[0] != 0.0
    return _mean(right.astype(np.float64), weights)


def _subset_accuracy(
    predictions: FloatArray, targets: FloatArray, weights: FloatArray | None
) -> FloatArray:
    """Of several labels, all of which must be right."""
    return _mean(((predictions > 0) == (targets > 0)).all(axis=1).astype(np.float64), weights)


_REGRESSION: dict[str, Score] = {
    "neg_mean_squared_error": _mse,
    "neg_root_mean_squared_error": _rmse,
    "neg_mean_absolute_error": _mae,
    "r2": _r2,
}


def score_of(scoring: Any, is_classifier: bool, is_multilabel: bool) -> Score | None:
    """The score of many models at once; None where the scorer must see fitted models."""
    if not isinstance(scoring, str):
        return None
    if not is_classifier:
        return _REGRESSION.get(scoring)
    return {"accuracy": _subset_accuracy if is_multilabel else _accuracy}.get(scoring)


@dataclass(frozen=True)
class Metrics:
    """What a search is scored by: by name, scores of all models of a size, or scorers of one."""

    scores: dict[Any, Score]
    scorers: dict[Any, Any]
    scorer: Any  # the one scorer, or a dict of all
    error_score: float | None  # of a scorer that fails; None: its exception is raised
    taking: frozenset[Any]  # scorers that take weights

    @staticmethod
    def of(search: Any, is_classifier: bool, is_multilabel: bool) -> Metrics:
        """The metrics `scoring` names: `ONE`, or those of a list or dict."""
        scoring = search._default_scoring if search.scoring is None else search.scoring
        several = isinstance(scoring, (list, tuple, set, frozenset, dict))
        named = _named(scoring) if several else {ONE: scoring}
        found = {
            name: score_of(value, is_classifier, is_multilabel) for name, value in named.items()
        }
        scorers = {name: check_scoring(search, scoring=value) for name, value in named.items()}
        slow = {name: scorer for name, scorer in scorers.items() if found[name] is None}
        return Metrics(
            {name: score for name, score in found.items() if score is not None},
            slow,
            scorers if several else scorers[ONE],
            _error_score_of(search.error_score),
            frozenset(name for name in slow if _takes_weights(named[name], slow[name], search)),
        )

    @property
    def several(self) -> bool:
        """Whether there are several for sure; a function may return several scores, too."""
        return isinstance(self.scorer, dict)

    def weighted(self, given: bool) -> frozenset[Any]:
        """Which scorers get weights, where there are some; a warning for each that takes none."""
        if not given:
            return frozenset()
        for name in self.scorers.keys() - self.taking:
            warnings.warn(
                f"the scorer {self.scorers[name]!r} takes no sample_weight: its scores count all "
                "rows alike",
                UserWarning,
                stacklevel=4,
            )
        return self.taking

    def judge(
        self, name: Any, model: Any, X: Any, y: Any, given: dict[str, Any]
    ) -> dict[Any, float] | str:
        """What a scorer says of a fitted model, by metric; of a failure the reason."""
        try:
            found = self.scorers[name](model, X, y, **given)
        except Exception as error:
            if self.error_score is None:
                raise
            return f"{type(error).__name__}: {error}"
        if isinstance(found, dict) and not self.several:
            return {key: _number(value, key) for key, value in found.items()}
        return {name: _number(found, name)}


def _named(scoring: Any) -> dict[str, Any]:
    """Scorers by name, of a list of names or a dict."""
    if isinstance(scoring, dict):
        named = scoring
    elif all(isinstance(name, str) for name in scoring):
        named = dict.fromkeys(scoring)
        named = {name: name for name in named} if len(named) == len(scoring) else {}
    else:
        named = {}
    if not named or not all(isinstance(name, str) for name in named):
        raise ValueError(
            "scoring must be a scorer, a list of different names of scorers or a dict of scorers "
            f"by name, got {check.shown(scoring)}"
        )
    return named


def _takes_weights(scoring: Any, scorer: Any, search: Any) -> bool:
    """A scorer of a metric does where the metric does, unless its routing says that it should not.

    Of None it is the models' own `score`, which is that of the search.
    """
    if scoring is None:
        function, routing = search.score, BaseEstimator.get_metadata_routing(search)
    else:
        function = getattr(scorer, "_score_func", scorer)
        routing = scorer.get_metadata_routing() if hasattr(scorer, "get_metadata_routing") else None
    if (
        get_config()["enable_metadata_routing"]
        and routing is not None
        and routing.score.requests.get("sample_weight") is False
    ):
        return False
    try:
        return "sample_weight" in signature(function).parameters
    except (TypeError, ValueError):  # some functions of C have no signature
        return False


def _number(value: Any, name: Any) -> float:
    """A score; an array, tensor or column of one number is that number."""
    if hasattr(value, "item"):
        with suppress(ValueError, RuntimeError):  # of several
            value = value.item()
    if not isinstance(value, Number) or isinstance(value, complex):
        shown = "score" if name is ONE else name
        raise ValueError(f"scoring must return a number, got {check.shown(value)} as {shown}")
    return float(value)  # type: ignore[arg-type]


def _error_score_of(value: Any) -> float | None:
    if isinstance(value, str) and value == "raise":
        return None
    if not isinstance(value, Real) or isinstance(value, bool):
        raise ValueError(f'error_score must be "raise" or a number, got {check.shown(value)}')
    return float(value)
