"""Simulation: draw, train, prune, retrain, measure - over trials, in the compiled core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from . import _validate as check
from ._grid import Grid
from ._problem import Problem, as_problem
from ._progress import Progress
from ._provenance import describe
from ._validate import FloatArray

if TYPE_CHECKING:
    import xarray as xr


def simulate(
    problem: Problem,
    n: int | Sequence[int],
    sizes: Sequence[int],
    nonzeros: Sequence[int],
    *,
    rules: Sequence[str] = ("magnitude",),
    retrain: bool = True,
    ridge: float | Sequence[float] = 0.0,
    retrain_ridge: float = 0.0,
    compensate: bool = False,
    trials: int = 100,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = False,
    curvature: str | None = None,
    first_trial: int = 0,
) -> xr.Dataset:
    """Simulate a problem: the measured risk of dense, pruned and retrained models in every trial.

    Each trial draws n rows, trains on the first k features for every k of `sizes` (minimum norm for k > n),
    keeps the s features with the largest scores for every rule and every s of `nonzeros`, trains again on
    them, and measures the test risk ``R(theta) = E (y - x'theta)**2`` of each.

    Parameters
    ----------
    problem : LinearGaussianProblem, RandomFeatureProblem or DataProblem
    n : int or increasing sequence of int
        Training rows, at least 1; a sequence adds the dimension n to the table.
    sizes : sequence of int
        Strictly increasing in [1, p].
    nonzeros : sequence of int
        Strictly increasing in [1, p]. nonzeros == size: pruned equals dense; nonzeros > size: NaN.
    rules : sequence of {"magnitude", "hessian", "oracle", "random"}, default ("magnitude",)
    retrain : bool, default True
        Whether to train again on the support.
    ridge : float or sequence of float, default 0.0
        Of the first training, at least 0; a sequence adds the dimension ridge.
    retrain_ridge : float, default 0.0
        Of the second training, at least 0.
    compensate : bool, default False
        Whether to measure, too, pruned models whose survivors make up for the deleted features: `compensate`
        with the population's covariance. Not for a DataProblem, which does not know it.
    trials : int, default 100
        At least 1.
    seed : int, default 0
        In [0, 2**64). Trial t is a pure function of (problem, grid, n, seed, t).
    workers : int, optional
        Threads, at least 1; by default one per core that this process may use. Does not change the result.
    progress : bool, default False
        Show a progress bar with the time left once the run has taken two seconds.
    curvature : {None, "sample"}, default None
        What "hessian" multiplies by: None is the population's Sigma_ii where the problem knows it, "sample"
        is ``(X'X)_ii / n``, which a DataProblem always uses.
    first_trial : int, default 0
        Number of the first trial: two runs over parts of a range of trials give the table of the whole.

    Returns
    -------
    xarray.Dataset
        dense_risk (size, trial); pruned_risk, retrained_risk (rule, size, nonzeros, trial); with class labels
        also dense_accuracy, pruned_accuracy, retrained_accuracy; with compensate also compensated_risk (rule,
        size, nonzeros, trial). Its attributes repeat the run.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, or the rule "oracle" or compensate=True meets a
        DataProblem.
    KeyboardInterrupt
        Within a second of Ctrl-C.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), section "Experiments"; docs/theory.md, sections 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem(np.ones(40) / 6, op.spectra.isotropic(40), noise_std=0.3)
    >>> table = op.simulate(problem, n=20, sizes=[10, 40], nonzeros=[10], trials=5)
    >>> dict(table.pruned_risk.sizes)
    {'rule': 1, 'size': 2, 'nonzeros': 1, 'trial': 5}
    """
    as_problem(problem)
    grid = Grid.of(
        problem.p,
        n,
        sizes,
        nonzeros,
        rules=rules,
        retrain=retrain,
        ridge=ridge,
        retrain_ridge=retrain_ridge,
        compensate=compensate,
    )
    problem.check_run(grid.n, grid.rules, grid.compensate)
    count = check.integer(trials, "trials", lowest=1, highest=2**31)
    key = check.seed(seed)
    threads = check.workers(workers)
    show = check.flag(progress, "progress")
    if curvature is not None:
        check.choice(curvature, "curvature", ("sample",))
    first = check.integer(first_trial, "first_trial", lowest=0, highest=2**62)

    with Progress(len(grid.n) * len(grid.ridge) * count, "trials", show) as bar:

        def block(rows: int, strength: float) -> dict[str, FloatArray]:
            found = _core.simulate(
                problem._core,
                rows,
                grid.sizes,
                grid.nonzeros,
                grid.rules,
                grid.retrain,
                strength,
                grid.retrain_ridge,
                grid.compensate,
                curvature == "sample",
                first,
                count,
                key,
                threads,
                bar.callback(),
            )
            bar.finish_block(count)
            return {name: np.moveaxis(values, 0, -1) for name, values in found.items()}

        attributes: dict[str, Any] = {"trials": count, "first_trial": first, "seed": str(key)}
        attributes |= {"curvature": curvature or problem.curvature, **describe(problem)}
        return grid.table("simulate", block, attributes, np.arange(first, first + count))
