"""Problems, simulated models and z-scores for the tests of the laws."""

from __future__ import annotations

import math

import numpy as np

import overprune as op
import problems


def matrix(problem):
    """The same problem with its covariance written as a matrix: laws by draws instead of closed
    forms."""
    return op.LinearGaussianProblem(problem.beta, np.diag(problem.covariance), problem.noise_std)


def grouped(p=300):
    """Three kinds of features, a hundred each."""
    beta, lam = np.repeat([0.15, 0.08, 0.0], p // 3), np.repeat([1.0, 0.4, 1.5], p // 3)
    return op.LinearGaussianProblem(beta, lam, 0.3)


def simulated(problem, n, k, s, rule, trials, **ridges):
    """Dense and retrained models (trials, k, m), and supports (trials, s)."""
    linear = problem if isinstance(problem, op.LinearGaussianProblem) else problem.equivalent()
    part = linear.restrict(k)
    variances = part.covariance if part.covariance.ndim == 1 else np.diag(part.covariance)
    norms = np.linalg.norm(part.beta.reshape(k, -1), axis=1)
    paths = []
    for trial in range(trials):
        X, y = problem.sample(n, seed=1, stream=trial)
        given = {"curvature": variances, "truth": norms, "seed": 1, "stream": trial}
        paths.append(op.prune_path(X[:, :k], y, [k], [s], rules=(rule,), **given, **ridges))
    shape = (trials, k, -1)
    supports = np.array([path.support(rule, k, s) for path in paths])
    dense = np.array([path.dense[0] for path in paths]).reshape(shape)
    retrained = np.array([path.retrained(rule, k, s) for path in paths]).reshape(shape)
    return dense, supports, np.take_along_axis(retrained, supports[:, :, None], axis=1)


def score(measured, expected, variance=0.0):
    """z of a sample of trials against a mean, known or estimated with that variance."""
    error = measured.var(ddof=1) / len(measured) + variance
    return (measured.mean() - expected) / math.sqrt(error)


CASES = {
    "independent": grouped,
    "correlated": lambda: op.LinearGaussianProblem(
        problems.normal(300) / 15 * (np.arange(300) < 90),
        0.6 ** abs(np.arange(300)[:, None] - np.arange(300)),
        0.3,
    ),
    "several targets": lambda: problems.several_targets(300),
    "relu": lambda: problems.relu_features(300, 60),
}
