"""The ridge of the first training that minimises a predicted risk."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .. import _core
from .. import _validation as check
from .._table import STAGES
from .._validation import FloatArray
from ..losses import Loss
from ..problems.problem import LinearGaussianProblem, Problem, as_problem
from .judged import Judged
from .predict import number_of_draws, predict
from .ridge_search import Interval, best_ridge, is_at_bound, minimise_over_ridges, natural_bounds

_STAGES = tuple(stage for stage in STAGES if stage != "compensated")


@dataclass(frozen=True)
class TunedRidge:
    """The ridge that `tune_ridge` found, and what it is worth.

    Attributes
    ----------
    ridge : float
        Of the first training; 0 where no ridge lowers the risk.
    risk : float
        Predicted risk with it, of the stage that was minimised; of classifiers the error.
    risk_without_ridge : float
        The same without ridge; infinite where size == n, and where a loss of labels has no model
        without ridge.
    stderr, stderr_without_ridge : float
        Their standard errors: 0 where they are exact.
    at_bound : bool
        Whether the largest ridge tried does equally well, so that an infinite one may be best; or
        the smallest one above 0, better than 0, so that one between them may be best.
    minimise, rule, size, nonzeros, n
        What was asked for; rule and nonzeros are None for the dense risk.
    quantity : {"risk", "error"}
        What was minimised.
    tried : dict
        All ridges that were tried and their risks, by rising ridge.
    """

    ridge: float
    risk: float
    risk_without_ridge: float
    stderr: float
    stderr_without_ridge: float
    at_bound: bool
    minimise: str
    rule: str | None
    size: int
    nonzeros: int | None
    n: int
    quantity: str
    tried: dict[float, float] = field(repr=False)


def tune_ridge(
    problem: Problem,
    n: int,
    size: int,
    nonzeros: int | None = None,
    *,
    minimise: str = "dense",
    rule: str = "magnitude",
    retrain_ridge: float = 0.0,
    loss: str | Loss = "square",
    bounds: tuple[float, float] | None = None,
    draws: int | str = 64,
    rtol: float = 0.005,
    seed: int = 0,
    workers: int | None = None,
) -> TunedRidge:
    """Find the ridge of the first training that minimises a dense, pruned or retrained risk.

    Of classifiers the predicted error is minimised in its place. Ridge 0, the minimum-norm limit,
    is among the candidates, unless labels may be separable (any loss but the square, at size >= n,
    and the hinge loss at any size). The others form a grid of three a
    decade, refined between the neighbours of its best point, and of other points of it that are
    better than both neighbours where a better ridge may lie beside them; a negative ridge, which
    may be better still, is not considered. For the dense risk of features of equal variance lam and
    coefficients beta_i the answer is

        ridge* = (noise_std**2 + sum_{i >= size} lam beta_i**2) size / (n sum_{i < size} beta_i**2).

    Parameters
    ----------
    problem : Problem
        A LinearClassificationProblem, and with a loss of labels random features with link="sign"
        and data of two classes, are judged by their error.
    n : int
        Samples, at least 1.
    size : int
        Features that are trained, the first ones, in [1, p].
    nonzeros : int, optional
        Features that are kept, in [1, size]; needed unless the dense risk is minimised, not read
        otherwise.
    minimise : {"dense", "pruned", "retrained"}, default "dense"
        Whose risk. For "retrained" a large ridge is often best: it selects features by their
        correlation with the target.
    rule : str, default "magnitude"
        A pruning rule, as in `importance`.
    retrain_ridge : float, default 0.0
        Of the second training, at least 0; stays as it is.
    loss : {"square", "logistic", "hinge"} or Loss, default "square"
        Of both trainings; all but "square" need labels -1 and 1.
    bounds : (float, float), optional
        Least and largest positive ridge to try, ``0 < least < largest``; by default a wide interval
        around the ridge* of features of equal variance with this problem's noise and signal, and
        around the least and the largest variance, widened by up to 36 decades while the best ridge
        lies at its end; of classifiers the ridge* of the square loss, four decades to either side.
    draws, rtol, seed, workers : optional
        As in `predict`, for correlated features or several targets. All ridges share their draws,
        so that their risks differ by far less than the standard errors.

    Returns
    -------
    TunedRidge
        With the attributes ridge, risk, risk_without_ridge, stderr, stderr_without_ridge, at_bound,
        quantity, tried.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, nonzeros is missing, the loss needs
        labels that the problem lacks, or the equations of a classifier have been solved at no
        ridge.
    KeyboardInterrupt
        As in `predict`.

    References
    ----------
    Dobriban, Wager (2018) for the isotropic optimum; docs/theory.md, sections 3 to 6, for the
    risks.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem(np.full(600, 600**-0.5), np.ones(600), noise_std=0.5)
    >>> tuned = op.tune_ridge(problem, 300, 600)
    >>> print(f"{tuned.ridge:.4f} {tuned.risk:.4f} {tuned.risk_without_ridge:.4f}")
    0.5000 0.8904 1.0000
    >>> tuned = op.tune_ridge(problem, 300, 600, 100, minimise="pruned")
    >>> print(f"{tuned.risk:.4f} {tuned.risk_without_ridge:.4f}")
    1.1117 1.1996

    A classifier:

    >>> labels = op.LinearClassificationProblem(np.full(60, 60**-0.5), np.ones(60), noise_std=0.5)
    >>> tuned = op.tune_ridge(labels, 90, 60, loss="logistic")
    >>> tuned.quantity, tuned.risk < tuned.risk_without_ridge
    ('error', True)
    """
    as_problem(problem)
    rows = check.integer(n, "n", lowest=1)
    features = check.integer(size, "size", lowest=1, highest=problem.p)
    stage = check.choice(minimise, "minimise", _STAGES)
    if nonzeros is None and stage != "dense":
        raise ValueError(f"nonzeros must be given to minimise the {stage} risk, got None")
    kept = nonzeros
    if kept is not None:
        kept = check.integer(kept, "nonzeros", lowest=1, highest=features)
    kind = check.choice(rule, "rule", check.RULES)
    second = check.nonnegative(retrain_ridge, "retrain_ridge")
    given = None if bounds is None else _bounds(bounds)
    options: dict[str, Any] = {
        "draws": number_of_draws(draws) or "auto",
        "rtol": check.positive(rtol, "rtol"),
        "seed": check.seed(seed),
        "workers": check.workers(workers),
    }
    judged = Judged.of(problem, loss)
    part = judged.restrict(features)
    spectrum = part
    if stage == "dense" and not judged.of_labels:
        if not judged.is_exact:
            equivalent = LinearGaussianProblem._of_core(_core.dense_equivalent(part.field._core))
            judged = Judged(equivalent, judged.loss)
        spectrum = judged
    interval = given or natural_bounds(part.regression, rows, spectrum.regression)
    if judged.of_labels:
        interval = interval.inner()
    shared = {"rules": (kind,), "retrain_ridge": second, "loss": judged.loss, **options}
    evaluate = partial(_values, judged, rows, features, kept or features, stage, shared)
    exact = judged.is_exact or (kind == "oracle" and not judged.of_labels)
    widen = given is None and not judged.of_labels
    found = minimise_over_ridges(evaluate, interval, exact=exact, widen=widen)
    ridge = best_ridge(found)
    if judged.of_labels and not math.isfinite(found[ridge][0]):
        raise ValueError(
            f"retrain_ridge must be larger: the equations of the {stage} error have been solved at "
            f"no ridge of the first training, got {second}"
        )
    return TunedRidge(
        ridge=ridge,
        risk=found[ridge][0],
        risk_without_ridge=found[0.0][0],
        stderr=found[ridge][1],
        stderr_without_ridge=found[0.0][1],
        at_bound=is_at_bound(found, ridge),
        minimise=stage,
        rule=None if stage == "dense" else kind,
        size=features,
        nonzeros=None if stage == "dense" else kept,
        n=rows,
        quantity=judged.quantity,
        tried={r: found[r][0] for r in sorted(found)},
    )


def _values(
    judged: Judged,
    n: int,
    size: int,
    nonzeros: int,
    stage: str,
    shared: dict[str, Any],
    ridges: Sequence[float],
) -> tuple[FloatArray, FloatArray]:
    """Predicted values of a stage and their standard errors, infinite where there is no model."""
    usable = [ridge for ridge in ridges if ridge > 0.0 or not judged.needs_ridge(n, size)]
    kept = [size if stage == "dense" else nonzeros]
    with warnings.catch_warnings():
        # What has no value at a ridge, beyond a path of the lasso or not solved, is not the best.
        warnings.simplefilter("ignore", UserWarning)
        retrain = stage == "retrained"
        table = predict(judged.problem, n, [size], kept, retrain=retrain, ridge=usable, **shared)
    found, errors = (values.reshape(-1) for values in judged.values(table, stage))
    left_out = np.zeros(len(ridges) - len(usable))  # ridge 0, the first
    risks = np.nan_to_num(found, nan=np.inf, posinf=np.inf)
    return np.append(left_out + np.inf, risks), np.append(left_out, errors)


def _bounds(value: Any) -> Interval:
    if not check.is_sequence(value) or len(value) != 2:
        raise TypeError(f"bounds must be a pair of numbers, got {check.shown(value)}")
    low, high = (check.positive(v, f"bounds[{i}]") for i, v in enumerate(value))
    if low >= high:
        raise ValueError(f"bounds must be increasing, got {low} before {high}")
    return Interval(low, high, low, high)
