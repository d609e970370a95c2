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


def deviations(number, n, trials):
    """z of the dense, pruned and retrained error: by how much the mean of the trials is off beyond
    2 / n of itself, in its standard errors; NaN where it is not predicted."""
    problem, size, nonzeros, arguments = case(number, n)
    predicted = op.predict(problem, n, [size], [nonzeros], **arguments)
    simulated = op.simulate(problem, n, [size], [nonzeros], trials=trials, seed=number, **arguments)
    found = []
    for name in ("dense_error", "pruned_error", "retrained_error"):
        trial = simulated[name].values.ravel()
        off = abs(trial.mean() - predicted[name].item()) - 2 / n * predicted[name].item()
        found.append(
            np.maximum(0.0, off) / max(trial.std(ddof=1) / trials**0.5, 1e-12)
        )  # keeps NaN
    return np.array(found)
