"""Iterative pruning, predicted: training, then pruning and retraining in rounds, in the limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import _core
from .. import _validation as check
from .._progress import Part
from .._provenance import describe
from .._schedule import Schedule
from .._table import Arrays
from ..problems.problem import LinearGaussianProblem, Problem
from .by_size import joined, part_of
from .predict import linear_gaussian, number_of_draws

if TYPE_CHECKING:
    import xarray as xr


def predict_schedule(
    problem: Problem,
    n: int,
    size: int,
    schedule: Sequence[int],
    *,
    rules: Sequence[str] = ("magnitude",),
    ridge: float = 0.0,
    retrain_ridge: float = 0.0,
    draws: int | Literal["auto"] = "auto",
    rtol: float = 0.005,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Predict iterative pruning: the risk after every round of pruning and retraining.

    The limit, for many samples and features in fixed proportion, of what `simulate_schedule`
    measures. The model of round t is ``1{S_t} (v_t - sum_{l<t} c_tl w_l)`` in the features' units,
    ``v_t`` the truth seen through Gaussian noise that is correlated between rounds and ``w_l`` what
    round l left unexplained: every round has seen the same data. The expectations behind c and the
    risks are means over random draws.

    Parameters
    ----------
    problem : LinearGaussianProblem, RandomFeatureProblem or DataProblem
        Of any covariance and number of targets. The last two are replaced by their equivalent
        linear Gaussian problem.
    n : int
        Samples, at least 1.
    size : int
        Features of the dense model, in [1, p].
    schedule : sequence of int
        Nonzeros s_1, s_2, ... after each round: strictly decreasing in [1, size].
    rules : sequence of str, default ("magnitude",)
        As in `simulate_schedule`.
    ridge : float, default 0.0
        Of the dense training, at least 0.
    retrain_ridge : float, default 0.0
        Of every later training, at least 0.
    draws : int or "auto", default "auto"
        Random draws of every coordinate, at least 32, rounded up to a multiple of 32. "auto"
        doubles them until `rtol` is met, six times at most. Independent features and one target
        need none for one round, or for the rules oracle and random.
    rtol : float, default 0.005
        Standard errors that "auto" aims at, relative to the risks, above 0.
    seed : int, default 0
        Of the draws, in [0, 2**64).
    workers : int, optional
        Threads for the draws, at least 1; by default one per core that this process may use. Does
        not change the result.
    progress : bool, default False
        Show a progress bar with the time left, by rules, once the prediction has taken two seconds.

    Returns
    -------
    xarray.Dataset
        dense_risk (); pruned_risk, retrained_risk (rule, round), both the dense risk in round 0, in
        the units of y squared; pruned_risk_stderr, retrained_risk_stderr, the standard errors of
        the draws. Infinite where the limit diverges: as many features as samples and no ridge. The
        coordinate nonzeros (round) is size, s_1, s_2, ... Its attributes repeat the run and say how
        many draws each rule took.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.
    KeyboardInterrupt
        Within a second of Ctrl-C, but for the eigendecomposition of a dense covariance.

    References
    ----------
    This project's own: docs/theory.md, iterative pruning.

    Examples
    --------
    A sparse signal is found better in two rounds than in one:

    >>> import numpy as np
    >>> import overprune as op
    >>> beta = np.repeat([1 / 6, 0.0], [40, 560])
    >>> problem = op.LinearGaussianProblem(beta, np.ones(600), noise_std=0.1**0.5)
    >>> table = op.predict_schedule(problem, 300, 600, [60])
    >>> print(table.retrained_risk.values.round(3))
    [[0.756 0.282]]
    >>> table = op.predict_schedule(problem, 300, 600, [180, 60])
    >>> print(table.retrained_risk.values.round(3))
    [[0.756 0.381 0.182]]
    """
    linear = linear_gaussian(problem)
    plan = Schedule.of(
        linear.p, n, size, schedule, rules=rules, ridge=ridge, retrain_ridge=retrain_ridge
    )
    count = number_of_draws(draws, lowest=_core.LEAST_SCHEDULE_DRAWS)
    tolerance = check.positive(rtol, "rtol")
    key = check.seed(seed)
    options = _core.DrawOptions(
        draws=count, rtol=tolerance, seed=key, workers=check.workers(workers)
    )
    with part_of(progress) as part:
        found = _by_rule(linear, plan, options, part)
    _, draws_used = found.pop("draws")
    used = draws_used.astype(np.int64).tolist()
    attributes: dict[str, Any] = {"draws": count or "auto", "draws_used": used, "rtol": tolerance}
    attributes |= {"seed": str(key), **describe(problem, key)}
    return plan.table("predict_schedule", lambda *_: found, attributes)


def _by_rule(
    linear: LinearGaussianProblem, plan: Schedule, options: _core.DrawOptions, part: Part
) -> dict[str, Any]:
    """The figures of all rules; where they are shown, of one after the other."""
    each = [(rule,) for rule in plan.rules] if part.is_shown else [plan.rules]
    part.expect(float(len(each)))
    tables: list[Arrays] = []
    for rules in each:
        own = replace(plan, rules=rules).cell()
        tables.append(_core.predict_schedule(linear._core, plan.n[0], own, options))
        part.count(1.0)
    return dict(joined(tables, "rule"))
