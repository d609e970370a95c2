"""Which way to a model of s features has the least predicted risk?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _validation as check
from .._progress import Stages
from ..losses import Loss
from ..problems.problem import Problem, as_problem
from .advice import Advice, decisions, least
from .judged import Judged
from .predict import number_of_draws
from .search import Search


def advise(
    problem: Problem,
    n: int,
    nonzeros: int,
    *,
    sizes: Sequence[int] | None = None,
    rules: Sequence[str] | None = None,
    retrain: bool = True,
    ridge: str | float | Sequence[str | float] | None = None,
    retrain_ridge: float = 0.0,
    loss: str | Loss = "square",
    schedules: bool = True,
    draws: int | str = 64,
    rtol: float = 0.005,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = False,
) -> Advice:
    """Find the best way to a model of s features, by predicted risk, and what each decision costs.

    Classifiers are compared by their predicted error.

    Compares training s features directly with training k > s of them, pruning to s and perhaps
    training again, at once or in rounds, over sizes, rules and ridges: by theory alone, without any
    data.

    Parameters
    ----------
    problem : Problem
        A LinearClassificationProblem, and with a loss of labels random features with link="sign"
        and data of two classes, are judged by their error.
    n : int
        Samples, at least 1.
    nonzeros : int
        Features to keep, s, in [1, p].
    sizes : sequence of int, optional
        Strictly increasing in [1, p]: the sizes k to try, of which those above s count. By default
        some between s and p, and more around the best of them.
    rules : sequence of str, optional
        Pruning rules, as in `importance`, and "lasso", whose own models of s nonzeros (with ridge
        the elastic net) are weighed with the others. By default magnitude and hessian, and lasso
        where its risks are exact: for independent features, one target and no labels. The rule
        oracle is listed, but not recommended.
    retrain : bool, default True
        Whether the pruned model may be trained again.
    ridge : "none", "tuned", float or sequence of them, optional
        Ridges of the first training to try: none, the best (as by `tune_ridge`, for each choice),
        or given ones of at least 0. By default none and the best; only the best where models of a
        loss of labels need a ridge.
    retrain_ridge : float, default 0.0
        Of every later training, at least 0.
    loss : {"square", "logistic", "hinge"} or Loss, default "square"
        Of every training; all but "square" need labels -1 and 1.
    schedules : bool, default True
        Whether to try pruning in two and four rounds; only with retrain, for nonzeros < n, and not
        for classifiers.
    draws, rtol, seed : optional
        As in `predict`, for correlated features or several targets: the best choices take that many
        draws, the others a quarter of them.
    workers : int, optional
        Threads, at least 1; by default one per core that this process may use. Does not change the
        result.
    progress : bool, default False
        Show a progress bar with the time left once the search has taken two seconds. The time is
        an estimate, as what is tried depends on what is found.

    Returns
    -------
    Advice
        With best, direct, direct_best, choices, costs and table, and the problem's feature_names;
        `print` shows it in words.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.
    KeyboardInterrupt
        Within a second of Ctrl-C.

    References
    ----------
    docs/theory.md, sections 3 to 6 and 8 to 11.

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
    judged = Judged.of(problem, loss)
    rows = check.integer(n, "n", lowest=1)
    s = check.integer(nonzeros, "nonzeros", lowest=1, highest=problem.p)
    given = None if sizes is None else check.increasing(sizes, "sizes", highest=problem.p)
    if ridge is None:
        ridge = "tuned" if judged.needs_ridge(rows, problem.p) else ("none", "tuned")
    tune, strengths = _ridges(ridge)
    search = Search(
        judged=judged,
        n=rows,
        s=s,
        rules=_default_rules(judged) if rules is None else check.rules(rules),
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
        shown=Stages(check.flag(progress, "progress")),
    )
    search.run(given, in_rounds=check.flag(schedules, "schedules"))
    direct = search.direct(judged)
    oracle = judged.best_features(s)
    known = least(search.direct(judged.restrict(oracle)))
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
        costs=decisions(honest, best, problem.p),
        table=search.table(),
        n=rows,
        nonzeros=s,
        p=problem.p,
        null_risk=judged.of_nothing,
        noise_floor=judged.of_truth,
        quantity=judged.quantity,
        feature_names=problem.feature_names,
        oracle_features=tuple(oracle.tolist()),
    )


def _default_rules(judged: Judged) -> tuple[str, ...]:
    by_lasso = judged.is_exact and not judged.of_labels
    return ("magnitude", "hessian", "lasso") if by_lasso else ("magnitude", "hessian")


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
