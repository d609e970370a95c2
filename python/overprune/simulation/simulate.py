"""Simulation: draw, train, prune, retrain, measure - over trials, in the compiled core."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from .._table import Grid
from ..losses import Loss
from ..problems.problem import Problem, as_problem
from .run import Simulation

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
    loss: str | Loss = "square",
    trials: int = 100,
    seed: int = 0,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: bool = False,
    store: str | os.PathLike[str] | None = None,
    memory_limit: int | None = None,
    curvature: str | None = None,
    first_trial: int = 0,
    penalties: npt.ArrayLike | None = None,
) -> xr.Dataset:
    """Simulate a problem: the measured risk of dense, pruned and retrained models in every trial.

    Each trial draws n rows, trains on the first k features for every k of `sizes` (minimum norm for
    k > n), keeps the s features with the largest scores for every rule and every s of `nonzeros`,
    trains again on them, and measures the test risk ``R(theta) = E (y - x'theta)**2`` of each.

    Parameters
    ----------
    problem : LinearGaussianProblem, RandomFeatureProblem or DataProblem
    n : int or increasing sequence of int
        Training rows, at least 1; a sequence adds the dimension n to the table.
    sizes : sequence of int
        Strictly increasing in [1, p].
    nonzeros : sequence of int
        Strictly increasing in [1, p]. nonzeros == size: pruned equals dense; nonzeros > size: NaN.
    rules : sequence of str, default ("magnitude",)
        Pruning rules, as in `predict`; above n nonzeros the lasso without ridge is NaN and warns.
    retrain : bool, default True
        Whether to train again on the support.
    ridge : float or sequence of float, default 0.0
        Of the first training, at least 0; a sequence adds the dimension ridge.
    retrain_ridge : float, default 0.0
        Of the second training, at least 0.
    compensate : bool, default False
        Whether to measure, too, pruned models whose survivors make up for the deleted features:
        `compensate` with the population's covariance, which a DataProblem does not know.
    loss : {"square", "logistic", "hinge"} or Loss, default "square"
        Of both trainings; all but "square" need labels -1 and 1.
    trials : int, default 100
        At least 1.
    seed : int, default 0
        In [0, 2**64). Trial t is a pure function of (problem, grid, n, seed, t).
    workers : int, optional
        Threads, at least 1; by default one per core that this process may use.
    executor : concurrent.futures.Executor, optional
        Runs blocks of trials instead of threads of this process: a ProcessPoolExecutor, a Dask
        client's, mpi4py's, loky's. Blocks of lost workers are run again. Neither it nor workers
        change the result.
    progress : bool, default False
        Show a progress bar with the time left once the run has taken two seconds.
    store : str or path, optional
        Zarr group, a directory of this machine, that receives each block of trials as it is
        finished; xarray opens it at any moment, with NaN where nothing is yet. Where it exists, the
        run goes on with what is missing.
    memory_limit : int, optional
        Bytes that the run may take, at least 1, with an executor each of its workers: it uses fewer
        threads and shorter blocks to stay below. By default what is free in its control group.
    curvature : {None, "sample"}, default None
        What "hessian" multiplies by: None is the population's Sigma_ii where the problem knows it,
        "sample" is ``(X'X)_ii / n``, as for a DataProblem.
    first_trial : int, default 0
        Number of the first trial: runs over parts of a range of trials make up the whole table.
    penalties : array_like of shape (len(sizes), len(nonzeros)), optional
        kappa of the lasso (n, ridge first where sequences; NaN: none), such as predict's
        pruned_penalty, where theory is judged. By default as `lasso_path` has it for s nonzeros.

    Returns
    -------
    xarray.Dataset
        dense_risk (size, trial); pruned_risk, retrained_risk (rule, size, nonzeros, trial); with
        the rule "lasso" also pruned_penalty (rule, size, nonzeros, trial), NaN for other rules;
        with class labels also accuracies, with compensate compensated_risk; errors and overlaps of
        classifiers, as in `predict`. Its attributes repeat the run. A table of more than a quarter
        of the memory stays in the `store` and is read when it is used.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, or the rule "oracle" or compensate=True
        meets a DataProblem; or if the store holds anything but a part of this run: another problem,
        grid, seed, version or kernel level. The message lists what differs. Also if the store is
        an address (``s3://...``, ``file://...``), or is damaged: the message names the member.
    BlockingIOError
        If another run has the store open.
    OSError
        If the store cannot be read or written; what was finished is kept.
    MemoryError
        If one trial does not fit into the memory.
    RuntimeError
        If the executor loses its workers for good, or they have another version or kernel level.
    KeyboardInterrupt
        Within a second of Ctrl-C; what the store has is kept.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), section "Experiments"; docs/theory.md, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem(np.ones(40) / 6, op.spectra.isotropic(40), noise_std=0.3)
    >>> table = op.simulate(problem, n=20, sizes=[10, 40], nonzeros=[10], trials=5)
    >>> dict(table.pruned_risk.sizes)
    {'rule': 1, 'size': 2, 'nonzeros': 1, 'trial': 5}
    """
    planned = plan(
        problem,
        n,
        sizes,
        nonzeros,
        rules=rules,
        retrain=retrain,
        ridge=ridge,
        retrain_ridge=retrain_ridge,
        compensate=compensate,
        loss=loss,
        trials=trials,
        seed=seed,
        workers=workers,
        memory_limit=memory_limit,
        curvature=curvature,
        first_trial=first_trial,
        penalties=penalties,
    )
    return planned.run(store, executor, progress)


def plan(
    problem: Problem,
    n: Any,
    sizes: Any,
    nonzeros: Any,
    *,
    trials: Any,
    seed: Any,
    workers: Any,
    memory_limit: Any,
    curvature: Any,
    first_trial: Any = 0,
    penalties: Any = None,
    **rest: Any,
) -> Simulation:
    """Checks the arguments of `simulate`."""
    as_problem(problem)
    grid = Grid.of(problem.p, n, sizes, nonzeros, **rest).with_penalties(penalties)
    grid.check_paths(problem.targets)
    grid.check_loss(problem._core)
    problem.check_run(grid.n, grid.rules, grid.compensate)
    return Simulation.of(
        problem,
        grid,
        trials=trials,
        seed=seed,
        workers=workers,
        memory_limit=memory_limit,
        curvature=curvature,
        first_trial=first_trial,
    )
