"""Iterative pruning: train, then prune and retrain in rounds - simulated, and predicted in the
limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .. import _core
from .. import _validation as check
from .._provenance import describe
from .._validation import FloatArray
from .._version import __version__
from ..problems.problem import Problem, as_problem
from ..theory.predict import linear_gaussian, number_of_draws
from .progress import Progress

if TYPE_CHECKING:
    import xarray as xr

_LEAST_DRAWS = 32


@dataclass(frozen=True)
class _Schedule:
    """Validated arguments that both functions share, and the table they fill."""

    n: int
    size: int
    nonzeros: list[int]
    rules: tuple[str, ...]
    ridge: float
    retrain_ridge: float

    @classmethod
    def of(
        cls, p: int, n: Any, size: Any, schedule: Any, *, rules: Any, ridge: Any, retrain_ridge: Any
    ) -> _Schedule:
        """Checks the arguments, for p features, in the order in which they are documented."""
        rows = check.integer(n, "n", lowest=1)
        features = check.integer(size, "size", lowest=1, highest=p)
        return cls(
            n=rows,
            size=features,
            nonzeros=check.decreasing(schedule, "schedule", highest=features),
            rules=check.rules(rules),
            ridge=check.nonnegative(ridge, "ridge"),
            retrain_ridge=check.nonnegative(retrain_ridge, "retrain_ridge"),
        )

    def table(
        self,
        kind: str,
        found: dict[str, FloatArray],
        attributes: dict[str, Any],
        trials: np.ndarray[Any, Any] | None = None,
    ) -> xr.Dataset:
        """`found` by name, with the dimensions (rule, round), for dense none, and a last one over
        trials."""
        import xarray as xr

        tail = () if trials is None else ("trial",)
        variables = {}
        for name, values in found.items():
            stage, quantity, *error = name.split("_")
            text = (
                f"{'standard error of the ' if error else ''}test {quantity} of the {stage} model"
            )
            dims = tail if stage == "dense" else ("rule", "round", *tail)
            variables[name] = (dims, values, {"long_name": text})
        coordinates: dict[str, Any] = {
            "rule": ("rule", list(self.rules)),
            "round": ("round", np.arange(len(self.nonzeros) + 1)),
            "nonzeros": ("round", np.array([self.size, *self.nonzeros], dtype=np.int64)),
        }
        if trials is not None:
            coordinates["trial"] = ("trial", trials)
        own = {
            "kind": kind,
            "overprune_version": __version__,
            "n": self.n,
            "size": self.size,
            "schedule": list(self.nonzeros),
            "rules": ",".join(self.rules),
            "ridge": self.ridge,
            "retrain_ridge": self.retrain_ridge,
        }
        return xr.Dataset(variables, coordinates, {**own, **attributes})


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
    >>> problem = op.LinearGaussianProblem(np.repeat([0.5, 0.0], [8, 52]), np.ones(60), noise_std=0.3)
    >>> table = op.simulate_schedule(problem, 30, 60, [20, 8], trials=5)
    >>> dict(table.retrained_risk.sizes)
    {'rule': 1, 'round': 3, 'trial': 5}
    >>> table.nonzeros.values
    array([60, 20,  8])
    """
    as_problem(problem)
    plan = _Schedule.of(
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
            plan.n,
            plan.size,
            plan.nonzeros,
            plan.rules,
            plan.ridge,
            plan.retrain_ridge,
            curvature == "sample",
            first,
            count,
            key,
            threads,
            bar.callback(),
        )
        bar.finish_block(count)
    attributes: dict[str, Any] = {"trials": count, "first_trial": first, "seed": str(key)}
    attributes |= {"curvature": curvature or problem.curvature, **describe(problem, key)}
    risks = {name: np.moveaxis(values, 0, -1) for name, values in found.items()}
    return plan.table("simulate_schedule", risks, attributes, np.arange(first, first + count))


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
) -> xr.Dataset:
    """Predict iterative pruning: the risk after every round of pruning and retraining, without any
    data.

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
    plan = _Schedule.of(
        linear.p, n, size, schedule, rules=rules, ridge=ridge, retrain_ridge=retrain_ridge
    )
    count = number_of_draws(draws, lowest=_LEAST_DRAWS)
    tolerance = check.positive(rtol, "rtol")
    key = check.seed(seed)
    found = _core.predict_schedule(
        linear._core,
        plan.n,
        plan.size,
        plan.nonzeros,
        plan.rules,
        plan.ridge,
        plan.retrain_ridge,
        count,
        tolerance,
        key,
        check.workers(workers),
    )
    used = found.pop("draws")
    attributes: dict[str, Any] = {"draws": count or "auto", "draws_used": used, "rtol": tolerance}
    attributes |= {"seed": str(key), **describe(problem, key)}
    return plan.table("predict_schedule", found, attributes)
