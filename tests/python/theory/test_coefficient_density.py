"""Densities of coefficients: against truncated Gaussians, simulation and draws of models."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import overprune as op
import problems
from laws_tools import CASES, grouped, matrix, simulated

RULES = ("magnitude", "hessian", "oracle", "random")
EDGES = np.linspace(-0.6, 0.6, 61)


@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
def test_one_feature_survives_with_a_truncated_gaussian(rule):
    problem, i = grouped(), 150
    law = op.coefficient_density(
        problem, 120, 300, 60, EDGES, features=[i], rule=rule, retrain=False
    )
    mean, variance = (float(values[i]) for values in op.coefficient_law(problem, 120))
    table = op.survival(problem, 120, 300, 60, rule=rule)
    t = float(table.threshold) / (math.sqrt(0.4) if rule == "hessian" else 1.0)

    def above(x):  # P(theta <= x and |theta| > t)
        below = stats.norm.cdf(np.minimum(x, -t), mean, variance**0.5)
        return below + np.maximum(
            0, stats.norm.cdf(x, mean, variance**0.5) - stats.norm.cdf(t, mean, variance**0.5)
        )

    expected = np.diff(above(EDGES)) / np.diff(EDGES) / float(table.probability[i])
    np.testing.assert_allclose(law.surviving, expected, rtol=1e-9, atol=1e-12)
    dense = np.diff(stats.norm.cdf(EDGES, mean, variance**0.5)) / law.width
    np.testing.assert_allclose(law.dense, dense, rtol=1e-9, atol=1e-12)
    assert "retrained" not in law


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", RULES)
def test_densities_of_simulated_coefficients(case, rule):
    problem, trials = CASES[case](), 40
    ridges = {"ridge": 0.05, "retrain_ridge": 0.1} if rule == "hessian" else {}
    dense, supports, retrained = simulated(problem, 150, 300, 60, rule, trials, **ridges)
    stages = {"dense": dense, "retrained": retrained}
    stages["surviving"] = np.take_along_axis(dense, supports[:, :, None], axis=1)
    edges = np.linspace(-1, 1, 31) * max(np.abs(values).max() for values in stages.values()) * 1.01
    law = op.coefficient_density(problem, 150, 300, 60, edges, rule=rule, **ridges)
    for stage, values in stages.items():
        expected = np.atleast_2d(law[stage])[-1] * law.width.values
        assert expected.sum() == pytest.approx(1, abs=2e-3)
        shares = np.array([np.histogram(x[:, -1], edges)[0] / x.shape[0] for x in values])
        often = expected * trials * values.shape[1] > 20
        z = (shares.mean(axis=0) - expected)[often] / (
            shares.std(axis=0, ddof=1)[often] / math.sqrt(trials)
        )
        assert np.mean(z**2) < 3.5, stage  # finite size and the draws' own error included


@pytest.mark.parametrize("name", ["correlated", "several targets"])
def test_drawn_density_is_that_of_the_draws(name):
    problem = problems.EVERY[name]()
    chosen = [0, 3, 20]
    edges = np.linspace(-3, 3, 41)
    law = op.coefficient_density(problem, 18, 40, 10, edges, features=chosen, draws=60, seed=2)
    models = op.sample_coefficients(problem, 18, 40, 10, draws=60, seed=2)
    kept = np.isin(models.support, chosen)
    values = models.surviving.values.reshape(60, 10, -1)[kept][:, 0]
    counts, _ = np.histogram(values, edges)
    np.testing.assert_allclose(
        np.atleast_2d(law.surviving)[0], counts / len(values) / law.width, atol=1e-12
    )


def test_density_of_random_features_of_nobody():
    problem = op.LinearGaussianProblem([5.0] * 3 + [0.0] * 30, np.ones(33), 0.01)
    law = op.coefficient_density(matrix(problem), 50, 33, 3, EDGES, features=[10], draws=20)
    assert np.isnan(law.surviving).all()  # it never survives
    assert np.isnan(law.retrained).all()
