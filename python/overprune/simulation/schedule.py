"""Iterative pruning, simulated: train, then prune and retrain in rounds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from .._schedule import Schedule
from ..problems.problem import Problem, as_problem
from .run import Simulation

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
    executor: Executor | None = None,
    progress: bool = False,
    store: str | os.PathLike[str] | None = None,
    memory_limit: int | None = None,
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
        Threads, at least 1; by default one per core that this process may use.
    executor : concurrent.futures.Executor, optional
        Runs blocks of trials instead of threads of this process, as in `simulate`. Neither it nor
        workers change the result.
    progress : bool, default False
        Show a progress bar with the time left once the run has taken two seconds.
    store : str or path, optional
        Zarr group, a directory of this machine, that receives each block of trials as it is
        finished, as in `simulate`. Where it exists, the run goes on with what is missing.
    memory_limit : int, optional
        Bytes that the run may take, at least 1, with an executor each of its workers: it uses fewer
        threads and shorter blocks to stay below. By default what is free in its control group.
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
        Its attributes repeat the run. A table of more than a quarter of the memory stays in the
        `store` and is read when it is used.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, or the rule "oracle" meets a
        DataProblem; or if the store holds anything but a part of this run, or is damaged, as in
        `simulate`.
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
    problem.check_run(plan.n, plan.rules)
    planned = Simulation.of(
        problem,
        plan,
        trials=trials,
        seed=seed,
        workers=workers,
        memory_limit=memory_limit,
        curvature=curvature,
        first_trial=first_trial,
    )
    return planned.run(store, executor, progress)
