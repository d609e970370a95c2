"""Iterative pruning, simulated: train, then prune and retrain in rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .. import _validation as check
from .._progress import Progress
from .._provenance import describe
from .._table import Schedule
from ..problems.problem import Problem, as_problem

if TYPE_CHECKING:
    import xarray as xr


def simulate_schedule(
    problem: Problem,
    n: int,
    size: int,
    schedule: Sequence[int],
    *,
    rules: Sequence[str] = ("magnitude",),
    ridge: float = 0.0,
    retrain_ridge: float = 0.0,
    trials: int = 100,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = False,
    curvature: str | None = None,
    first_trial: int = 0,
) -> xr.Dataset:
    """Simulate iterative pruning: the measured risk after every round of pruning and retraining.

    Each trial draws n rows and trains on the first `size` features (round 0). Round t keeps, among
    the survivors of round t - 1, the s_t features with the largest scores of the latest model, and
    trains them again on the same rows. Test risks ``R(theta) = E (y - x'theta)**2`` are measured
    before and after.

    Parameters
    ----------
    problem : LinearGaussianProblem, RandomFeatureProblem or DataProblem
    n : int
        Training rows, at least 1.
    size : int
        Features of the dense model, in [1, p].
    schedule : sequence of int
        Nonzeros s_1, s_2, ... after each round: strictly decreasing in [1, size].
    rules : sequence of str, default ("magnitude",)
        Pruning rules, as in `importance`. "oracle" and "random" score once, at `size`, so their
        supports are nested: oracle by the truth of the problem restricted to the first `size`
        features, random uniformly.
    ridge : float, default 0.0
        Of the dense training, at least 0.
    retrain_ridge : float, default 0.0
        Of every later training, at least 0.
    trials : int, default 100
        At least 1.
    seed : int, default 0
        In [0, 2**64). Trial t has the data of trial t of `simulate` with this seed.
    workers : int, optional
        Threads, at least 1; by default one per core that this process may use. Does not change the
        result.
    progress : bool, default False
        Show a progress bar with the time left once the run has taken two seconds.
    curvature : {None, "sample"}, default None
        What "hessian" multiplies by, as in `simulate`.
    first_trial : int, default 0
        Number of the first trial: two runs over parts of a range of trials give the table of the
        whole.

    Returns
    -------
    xarray.Dataset
        dense_risk (trial); pruned_risk, retrained_risk (rule, round, trial), before and after
        retraining, both the dense risk in round 0; with class labels also dense_accuracy,
        pruned_accuracy, retrained_accuracy. The coordinate nonzeros (round) is size, s_1, s_2, ...
        Its attributes repeat the run.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, or the rule "oracle" meets a
        DataProblem.
    KeyboardInterrupt
        Within a second of Ctrl-C.

    References
    ----------
    docs/theory.md, iterative pruning.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> beta = np.repeat([0.5, 0.0], [8, 52])
    >>> problem = op.LinearGaussianProblem(beta, np.ones(60), noise_std=0.3)
    >>> table = op.simulate_schedule(problem, 30, 60, [20, 8], trials=5)
    >>> dict(table.retrained_risk.sizes)
    {'rule': 1, 'round': 3, 'trial': 5}
    >>> table.nonzeros.values
    array([60, 20,  8])
    """
    as_problem(problem)
    plan = Schedule.of(
        problem.p, n, size, schedule, rules=rules, ridge=ridge, retrain_ridge=retrain_ridge
    )
    problem.check_run((plan.n,), plan.rules)
    count = check.integer(trials, "trials", lowest=1, highest=2**31)
    key = check.seed(seed)
    threads = check.workers(workers)
    show = check.flag(progress, "progress")
    if curvature is not None:
        check.choice(curvature, "curvature", ("sample",))
    first = check.integer(first_trial, "first_trial", lowest=0, highest=2**62)
    with Progress(count, "trials", show) as bar:
        found = _core.simulate_schedule(
            problem._core,
            plan.core(),
            _core.Trials(
                n=plan.n,
                first=first,
                count=count,
                seed=key,
                workers=threads,
                sample_curvature=curvature == "sample",
            ),
            bar.callback(),
        )
        bar.finish_block(count)
    attributes: dict[str, Any] = {"trials": count, "first_trial": first, "seed": str(key)}
    attributes |= {"curvature": curvature or problem.curvature, **describe(problem, key)}
    return plan.table("simulate_schedule", found, attributes, np.arange(first, first + count))
