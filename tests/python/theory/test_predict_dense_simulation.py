"""Simulation against prediction for correlated features: z-scores over 30 problems of five kinds.

The tests take one problem of each kind, by fewer trials. All 30, for some minutes:

    python tests/python/theory/test_predict_dense_simulation.py

Last result: 1260 figures of 30 problems, 80 trials each: max |z| 3.09, mean z^2 0.97, mean z 0.12
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import overprune as op
from problems import normal

KINDS = ("autoregressive", "rank one plus identity", "block", "random features", "Wishart")
TRIALS = 80
RULES = ("magnitude", "hessian", "oracle", "random")
RIDGES = [(0.0, 0.0), (0.1, 0.0), (0.0, 0.2), (0.05, 0.1), (0.0, 0.0), (0.3, 0.3)]


def covariance(kind, p, version):
    i = np.arange(p)
    if kind == "autoregressive":
        scale = np.geomspace(0.5, 2.0, p)[np.argsort(normal(p, seed=version))]
        return (0.4 + 0.1 * version) ** abs(i[:, None] - i) * np.outer(scale, scale)
    if kind == "rank one plus identity":
        direction = normal(p, seed=version) * np.sqrt((version + 1) / 10)
        return np.eye(p) + np.outer(direction, direction)
    if kind == "block":
        same = i[:, None] // (5 * (version + 1)) == i // (5 * (version + 1))
        return np.where(same, 0.5, 0.0) + np.diag(np.where(i % 3 == 0, 2.0, 0.5))
    if kind == "random features":
        drawn = op.RandomFeatureProblem.draw(p, p // 3 + 40 * version, noise_std=0.3, seed=version)
        return drawn.equivalent().covariance
    root = normal(p, p * (version + 2) // 2, seed=version)
    return root @ root.T / root.shape[1]


def problem(number):
    """(problem, n, grid): six problems of each kind;
    sizes and nonzeros keep their distance from n."""
    kind, version = KINDS[number % 5], number // 5
    p, n = 300 + 36 * version, 140 + 12 * version
    signal = normal(p, seed=100 + number) / math.sqrt(p)
    if number % 2:  # a few strong coefficients instead
        signal = np.where(np.arange(p) % 6 == 0, 2.0, 0.1) * signal
    sigma = covariance(kind, p, version)
    signal *= math.sqrt(1.0 / (signal @ sigma @ signal))
    ridge, retrain_ridge = RIDGES[version]
    grid = {
        "sizes": [n * 2 // 3, p],
        "nonzeros": [n // 6, n // 2, n * 3 // 2],
        "rules": RULES,
        "ridge": ridge,
        "retrain_ridge": retrain_ridge,
    }
    return op.LinearGaussianProblem(signal, sigma, 0.2 + 0.1 * (number % 4)), n, grid


def z_scores(number, trials=TRIALS, draws=256):
    """All figures of a problem: simulated less predicted, over both standard errors."""
    linear, n, grid = problem(number)
    predicted = op.predict(linear, n, **grid, draws=draws)
    measured = op.simulate(linear, n, **grid, trials=trials, seed=number)
    z = []
    for name in ("dense_risk", "pruned_risk", "retrained_risk"):
        mean, spread = measured[name].mean("trial"), measured[name].std("trial", ddof=1)
        error = np.hypot(spread / math.sqrt(trials), predicted.get(f"{name}_stderr", 0.0))
        z.append(((mean - predicted[name]) / error).values.ravel())
    found = np.concatenate(z)
    return found[~np.isnan(found)]


@pytest.mark.parametrize("number", [0, 6, 12, 18, 24], ids=KINDS)
def test_simulation(number):
    z = z_scores(number, trials=40, draws=64)
    assert z.size == 42
    assert np.abs(z).max() < 4, z.round(1)


def main():
    every = []
    for number in range(30):
        z = z_scores(number)
        every.append(z)
        name = f"{KINDS[number % 5]} {number // 5}"
        print(
            f"{number:2} {name:26} max |z| {np.abs(z).max():.2f}, mean z^2 {np.mean(z**2):.2f}",
            flush=True,
        )
    z = np.concatenate(every)
    print(
        f"{z.size} figures of {len(every)} problems, {TRIALS} trials each: max |z| "
        f"{np.abs(z).max():.2f}, "
        f"mean z^2 {np.mean(z**2):.2f}, mean z {np.mean(z):.2f}"
    )


if __name__ == "__main__":
    main()
