"""Rows of bench_peers.py about whole sweeps: three s, every s, all of `simulate`, scikit-learn."""

from __future__ import annotations

import timing  # isort: skip  # first: it pins the threads

from argparse import Namespace
from collections.abc import Callable, Sequence

import numpy as np
import plain_numpy
from solvers import SOLVERS, Solver, Sweep, gram_cholesky, lstsq

import overprune as op

BARS = {  # by n and p: how many times as long each must take
    (300, 1000): {
        "Gram + Cholesky": 6.0,
        "torch gels": 11.0,
        "numpy lstsq": 45.0,
        "numpy pinv": 80.0,
    },
    (300, 3000): {
        "Gram + Cholesky": 8.0,
        "torch gels": 20.0,
        "numpy lstsq": 60.0,
        "numpy pinv": 120.0,
    },
    (2000, 8000): {"Gram + Cholesky": 6.0, "torch gels": 14.0},
}


def sweeps(options: Namespace) -> list[Sweep]:
    """The sizes that the bars are about, those of --sizes, or tiny ones."""
    if options.quick:
        return [Sweep(24, 80, count=8, trials=2), Sweep(30, 120, count=8, trials=2)]
    if options.sizes:
        return [Sweep(n, p) for n, p in options.sizes]
    return [Sweep(300, 1000), Sweep(300, 3000)] + (
        [Sweep(2000, 8000, trials=2)] if options.slow else []
    )


def bar_of(sweep: Sweep, bar: float) -> float | None:
    return bar if (sweep.n, sweep.p) == (300, 1000) else None


def agree(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def checked_loop(
    sweep: Sweep, solve: Solver, nonzeros: Sequence[int], expected: list[np.ndarray]
) -> Callable[[int], float]:
    """Seconds of a peer's loop over the data of trial `run`, whose answer must be ours."""

    def peer(run: int) -> float:
        X, y = sweep.data(run)
        answers = []
        elapsed = timing.seconds(lambda: answers.append(sweep.loop(solve, X, y, nonzeros)))
        agree(answers[-1], expected[run % sweep.trials])
        return elapsed

    return peer


def answers_of(sweep: Sweep, nonzeros: Sequence[int]) -> list[np.ndarray]:
    """Our risks of every trial of the batch; this warms up, too."""
    table = sweep.simulate(nonzeros)
    return [sweep.columns(table, nonzeros, trial) for trial in range(sweep.trials)]


def sweep_rows(options: Namespace) -> list[timing.Row]:
    rows = []
    for sweep in sweeps(options):
        three, work = sweep.three, f"sweep, {sweep.name}, a trial of simulate"
        expected = answers_of(sweep, three)
        if sweep.n < 1000:  # every trial of the batch, by the quickest of the peers
            for trial in range(sweep.trials):
                agree(sweep.loop(gram_cholesky, *sweep.data(trial), three), expected[trial])
        X, y = sweep.data(0)
        agree(sweep.columns(sweep.fit(X, y, three), three), expected[0])
        bars = BARS.get((sweep.n, sweep.p), {})
        for name, solve in SOLVERS.items():
            solve(np.eye(4), np.ones(4))  # warms up
            if sweep.n >= 1000 and name not in ("Gram + Cholesky", "torch gels"):
                continue  # half an hour each
            rows.append(
                timing.versus(
                    work,
                    name,
                    bars.get(name),
                    lambda run, sweep=sweep: sweep.per_trial(sweep.three),
                    checked_loop(sweep, solve, three, expected),
                )
            )
        rows.append(
            timing.versus(
                f"sweep, {sweep.name}, prune_path and .risk on given data",
                "Gram + Cholesky",
                None,
                lambda run, sweep=sweep, X=X, y=y: timing.seconds(
                    lambda: sweep.fit(X, y, sweep.three)
                ),
                checked_loop(sweep, gram_cholesky, three, expected),
            )
        )
    return rows


def every_rows(options: Namespace) -> list[timing.Row]:
    """All s = 1, ..., n / 2. The peers solve every tenth s (5, 15, ...), and its cost is counted
    tenfold."""
    sweep = sweeps(options)[0]
    stride = 3 if options.quick else 10
    some = sweep.every[stride // 2 - 1 :: stride] if stride > 3 else sweep.every[1::stride]
    weight = len(sweep.every) / len(some)
    table = sweep.simulate(sweep.every)
    expected = [sweep.columns(table, some, trial) for trial in range(sweep.trials)]

    def own(run: int) -> float:
        return sweep.per_trial(sweep.every)

    def whole(solve: Solver) -> Callable[[int], float]:
        part = checked_loop(sweep, solve, some, expected)
        dense = checked_loop(sweep, solve, [], [answers[:, :1] for answers in expected])

        def scaled(run: int) -> float:
            first = dense(run)
            return first + weight * max(part(run) - first, 0.0)

        return scaled

    def cost(run: int) -> tuple[float, float]:
        three, every = sweep.per_trial(sweep.three), own(run)
        return every / three, every

    work = f"every s = 1..{sweep.every[-1]}, {sweep.name}"
    return [
        timing.Row(work, "ours with three s (cost over cost)", "at most 1.5", cost),
        timing.versus(
            work,
            f"Gram + Cholesky, one s in {stride}, scaled",
            bar_of(sweep, 25.0),
            own,
            whole(gram_cholesky),
        ),
        timing.versus(
            work, f"numpy lstsq, one s in {stride}, scaled", bar_of(sweep, 230.0), own, whole(lstsq)
        ),
    ]


def simulate_rows(options: Namespace) -> list[timing.Row]:
    """All of `simulate` against plain_numpy.py, of which two trials are run and scaled."""
    sweep = sweeps(options)[0]
    n, p, trials = sweep.n, sweep.p, 4 if options.quick else 100
    rules = ["magnitude", "hessian"]
    problem = op.LinearGaussianProblem(np.full(p, p**-0.5), np.linspace(0.5, 1.5, p), 0.3)
    tables = []

    def own(run: int) -> float:
        return timing.seconds(
            lambda: tables.append(
                op.simulate(
                    problem,
                    n,
                    sweep.sizes,
                    sweep.three,
                    rules=rules,
                    trials=trials,
                    workers=1,
                    seed=0,
                )
            )
        )

    own(0)

    def peer(run: int) -> float:
        numbers = [2 * run % trials, (2 * run + 1) % trials]
        found = {}

        def work() -> None:
            for t in numbers:
                X, y = problem.sample(n, seed=0, stream=t)
                found[t] = plain_numpy.trial(
                    X,
                    y,
                    sweep.sizes,
                    sweep.three,
                    rules,
                    problem.beta,
                    problem.covariance,
                    problem.noise_std,
                )

        elapsed = timing.seconds(work)
        for t in numbers:
            ours = tables[-1].sel(trial=t)
            for name, values in zip(("dense", "pruned", "retrained"), found[t], strict=True):
                agree(ours[f"{name}_risk"].values, values)
        return elapsed * trials / len(numbers)

    work = f"simulate, {trials} trials, two rules, {sweep.name}"
    return [
        timing.versus(work, "plain_numpy.py, two trials, scaled", bar_of(sweep, 40.0), own, peer)
    ]


def sklearn_rows(options: Namespace) -> list[timing.Row]:
    """One pruning job in scikit-learn: fit, keep the s largest coefficients, fit again."""
    try:
        from sklearn.feature_selection import RFE, SelectFromModel
        from sklearn.linear_model import LinearRegression
    except ImportError:
        print("skipped: scikit-learn is not installed (pip install scikit-learn)")
        return []
    rows = []
    for sweep in [sweeps(options)[0]]:
        X, y = sweep.data(0)
        p, s = sweep.p, sweep.three[-1]

        def own_theta(X=X, y=y, p=p, s=s) -> np.ndarray:
            return op.prune_path(X, y, [p], [s], workers=1).retrained("magnitude", p, s)

        def recursive(X=X, y=y, p=p, s=s) -> np.ndarray:
            chosen = RFE(
                LinearRegression(fit_intercept=False), n_features_to_select=s, step=p - s
            ).fit(X, y)
            theta = np.zeros(p)
            theta[chosen.support_] = chosen.estimator_.coef_
            return theta

        def from_model(X=X, y=y, p=p, s=s) -> np.ndarray:
            model = LinearRegression(fit_intercept=False)
            chosen = SelectFromModel(model, threshold=-np.inf, max_features=s).fit(X, y)
            theta = np.zeros(p)
            theta[chosen.get_support()] = model.fit(chosen.transform(X), y).coef_
            return theta

        for name, call in (
            ("scikit-learn RFE", recursive),
            ("scikit-learn SelectFromModel", from_model),
        ):
            np.testing.assert_allclose(call(), own_theta(), rtol=1e-8, atol=1e-10)
            rows.append(
                timing.versus(
                    f"prune {p} to {s} and retrain, n = {sweep.n}",
                    name,
                    None,
                    lambda run, call=own_theta: timing.seconds(call, options.least),
                    lambda run, call=call: timing.seconds(call, options.least),
                )
            )
    return rows
