"""Which way to a model of s features has the least predicted risk?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validation as check
from ..fits.pruning import top_k
from ..problems.problem import Problem, as_problem
from .advice import Advice, decisions, least
from .predict import linear_gaussian, number_of_draws
from .search import Search

if TYPE_CHECKING:
    pass


def advise(
    problem: Problem,
    n: int,
    nonzeros: int,
    *,
    sizes: Sequence[int] | None = None,
    rules: Sequence[str] = ("magnitude", "hessian"),
    retrain: bool = True,
    ridge: str | float | Sequence[str | float] = ("none", "tuned"),
    retrain_ridge: float = 0.0,
    schedules: bool = True,
    draws: int | str = 64,
    rtol: float = 0.005,
    seed: int = 0,
    workers: int | None = None,
) -> Advice:
    """Find the best way to a model of s features, by predicted risk, and what each decision costs.

    Compares training s features directly with training k > s of them, pruning to s and perhaps
    training again, at once or in rounds, over sizes, rules and ridges: by theory alone, without any
    data.

    Parameters
    ----------
    problem : LinearGaussianProblem, RandomFeatureProblem or DataProblem
    n : int
        Samples, at least 1.
    nonzeros : int
        Features to keep, s, in [1, p].
    sizes : sequence of int, optional
        Strictly increasing in [1, p]: the sizes k to try, of which those above s count. By default
        some between s and p, and more around the best of them.
    rules : sequence of str, default ("magnitude", "hessian")
        Pruning rules, as in `importance`, and "lasso", whose own models of s nonzeros (with ridge
        the elastic net) are weighed with the others. The rule oracle is listed, but not
        recommended.
    retrain : bool, default True
        Whether the pruned model may be trained again.
    ridge : "none", "tuned", float or sequence of them, default ("none", "tuned")
        Ridges of the first training to try: none, the best (as by `tune_ridge`, for each choice),
        or given ones of at least 0.
    retrain_ridge : float, default 0.0
        Of every later training, at least 0.
    schedules : bool, default True
        Whether to try pruning in two and four rounds; only with retrain, and for nonzeros < n.
    draws, rtol, seed : optional
        As in `predict`, for correlated features or several targets: the best choices take that many
        draws, the others a quarter of them.
    workers : int, optional
        Threads, at least 1; by default one per core that this process may use. Does not change the
        result.

    Returns
    -------
    Advice
        With best, direct, direct_best, choices, costs and table; `print` shows it in words.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.
    KeyboardInterrupt
        Within a second of Ctrl-C.

    References
    ----------
    docs/theory.md, sections 3 to 6, 8 and 9.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> variances = op.spectra.spiked(1500, 150, 25.0)
    >>> problem = op.LinearGaussianProblem(np.full(1500, 1500**-0.5), variances, noise_std=0.3)
    >>> advice = op.advise(problem, 450, 150, ridge="none")
    >>> print(advice.best)
    train 1500 features, prune to 150 by hessian, do not retrain
    >>> print(f"{advice.best.risk:.3f}, directly {advice.direct.risk:.3f}")
    1.344, directly 1.485
    """
    as_problem(problem)
    linear = linear_gaussian(problem)
    rows = check.integer(n, "n", lowest=1)
    s = check.integer(nonzeros, "nonzeros", lowest=1, highest=problem.p)
    given = None if sizes is None else check.increasing(sizes, "sizes", highest=problem.p)
    tune, strengths = _ridges(ridge)
    search = Search(
        problem=linear,
        n=rows,
        s=s,
        rules=check.rules(rules),
        stages=("pruned", "retrained") if check.flag(retrain, "retrain") else ("pruned",),
        tune=tune,
        strengths=strengths,
        retrain_ridge=check.nonnegative(retrain_ridge, "retrain_ridge"),
        draws=number_of_draws(draws),
        options={
            "rtol": check.positive(rtol, "rtol"),
            "seed": check.seed(seed),
            "workers": check.workers(workers),
        },
    )
    in_rounds = check.flag(schedules, "schedules")
    search.scan(given)
    search.refine()
    if in_rounds and "retrained" in search.stages and s < rows:
        search.try_schedules()
    direct = search.direct(linear)
    kept = np.sort(top_k(linear._core.oracle_scores(linear.p), s))
    known = least(search.direct(linear.restrict(kept)))
    choices = sorted([*search.choices.values(), *direct], key=lambda c: (c.risk, c.simplicity()))
    honest = [c for c in choices if not c.knows_the_truth]
    best, straight = least(honest), least(direct)
    assert best is not None  # the direct ones are always there
    assert straight is not None
    assert known is not None
    return Advice(
        best=best,
        direct=straight,
        direct_best=known,
        choices=tuple(choices),
        costs=decisions(honest, best, linear.p),
        table=search.table(),
        n=rows,
        nonzeros=s,
        p=linear.p,
        null_risk=float(linear.null_risk),
        noise_floor=float(linear._core.noise_floor),
    )


def _ridges(value: Any) -> tuple[bool, tuple[float, ...]]:
    """Whether to tune, and the ridges to try besides."""
    items = list(value) if check.is_sequence(value) else [value]
    if not items:
        raise ValueError(
            'ridge must not be empty; allowed: "none", "tuned" and numbers of at least 0'
        )
    named = [v for v in items if isinstance(v, str)]
    for name in named:
        check.choice(name, "ridge", ("none", "tuned"))
    numbers = {check.nonnegative(v, "ridge") for v in items if not isinstance(v, str)}
    return "tuned" in named, tuple(sorted(numbers | ({0.0} if "none" in named else set())))
