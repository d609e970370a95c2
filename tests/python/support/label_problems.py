"""Random classification problems, and how far their simulated errors are from the predicted."""

from __future__ import annotations

import numpy as np

import overprune as op

LOSSES = ("square", "logistic", "hinge")
RULES = ("magnitude", "hessian", "random")


def case(number, n):
    """Problem number ...: spectrum, teacher, loss, ridges, rule, size on both sides of n."""
    rng = np.random.default_rng([number, 18])
    p = int(n * rng.choice([0.5, 1.5, 3.0]))
    share = rng.uniform(0.05, 0.4)
    variances = [
        np.where(np.arange(p) < share * p, rng.uniform(2, 20), 1.0),
        np.arange(1, p + 1) ** -rng.uniform(0.2, 0.8),
        np.ones(p),
    ][number % 3]
    beta = [np.full(p, 1.0), np.arange(1, p + 1) ** -0.5, 1.0 * (np.arange(p) < share * p)][
        number // 3 % 3
    ]
    signal = np.sqrt(beta**2 @ variances)
    problem = op.LinearClassificationProblem(beta / signal, variances, rng.uniform(0.0, 0.8))
    ridges = {"ridge": 10 ** rng.uniform(-2, 0.5), "retrain_ridge": 10 ** rng.uniform(-2, 0.5)}
    size = p if number % 2 else max(2, int(0.7 * p))
    nonzeros = max(1, int(rng.choice([0.1, 0.3]) * min(size, n)))
    loss, rule = LOSSES[(number + number // 3) % len(LOSSES)], RULES[number // 2 % len(RULES)]
    return problem, size, nonzeros, {"loss": loss, "rules": [rule], **ridges}


def independent_error(problem, n, size, nonzeros, arguments, supports=4):
    """What the retrained error would be were the support independent of the data: classifiers
    trained for the first time on supports drawn from their law."""
    given = {name: arguments[name] for name in ("loss", "ridge", "retrain_ridge")}
    drawn = op.sample_coefficients(
        problem,
        n,
        size,
        nonzeros,
        rule=arguments["rules"][0],
        retrain=False,
        draws=supports,
        workers=1,
        **given,
    )
    given["ridge"] = arguments["retrain_ridge"]
    errors = [
        op.predict(
            problem.restrict(kept), n, [nonzeros], [nonzeros], workers=1, **given
        ).dense_error
        for kept in drawn.support.values
    ]
    return float(np.mean(errors))


def deviations(number, n, trials):
    """z of the dense, pruned and retrained error, and of the retrained one were its support
    independent of the data: by how much the mean of the trials is off beyond 2 / n of itself, in
    its standard errors; NaN where it is not predicted."""
    problem, size, nonzeros, arguments = case(number, n)
    predicted = op.predict(problem, n, [size], [nonzeros], **arguments)
    simulated = op.simulate(problem, n, [size], [nonzeros], trials=trials, seed=number, **arguments)
    stages = ("dense_error", "pruned_error", "retrained_error")
    expected = [(name, predicted[name].item()) for name in stages]
    expected += [("retrained_error", independent_error(problem, n, size, nonzeros, arguments))]
    found = []
    for name, value in expected:
        trial = simulated[name].values.ravel()
        off = abs(trial.mean() - value) - 2 / n * value
        found.append(
            np.maximum(0.0, off) / max(trial.std(ddof=1) / trials**0.5, 1e-12)
        )  # keeps NaN
    return np.array(found)
