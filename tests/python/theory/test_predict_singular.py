"""Predictions by draws where supports differ in rank, and in any unit: nothing is NaN, limits are
kept."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import overprune as op
from covariances import RULES, STAGES, dense
from problems import normal

VARIANCES = np.r_[np.ones(10), np.zeros(10), np.full(10, 2.0)]


@pytest.mark.parametrize("n", range(9, 19))
def test_ranks_that_vary_about_n(n):
    """20 of 30 features, a third of them without variance: the rank of a random support is 13.3 on
    average.

    The second effective ridge is small there, and the risk near its divergence.
    """
    beta = normal(30)
    exact = op.predict(
        op.LinearGaussianProblem(beta, VARIANCES, 0.3), n, [30], [20], rules="random"
    )
    problem = op.LinearGaussianProblem(beta, np.diag(VARIANCES), 0.3)
    for draws in (64, 1024):
        drawn = op.predict(problem, n, [30], [20], rules="random", draws=draws)
        value, error = (float(drawn[f"retrained_risk{end}"].item()) for end in ("", "_stderr"))
        assert abs(value - float(exact.retrained_risk.item())) < 4 * error, draws
        assert 0 < error < value


def test_standard_error_is_infinite_where_the_risk_is_without_one_draw():
    """Of two pairs of supports of two features one has rank 2 = n: alone it predicts an infinite
    risk."""
    beta = [[1.0, -1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 2.0]]
    problem = op.LinearGaussianProblem(beta, [1.0, 1.0, 0.0, 1.0])
    table = op.predict(problem, 2, [2, 3, 4], [2], rules="random", draws=3, seed=2**64 - 1)
    assert np.isinf(table.retrained_risk_stderr.sel(size=4)).all()
    assert np.isfinite(table.retrained_risk.sel(size=4)).all()
    assert not np.isnan(table.retrained_risk_stderr).any()


def test_a_risk_of_zero_is_not_below_zero():
    """Without noise the survivor, which alone has signal,
    explains everything once it is retrained."""
    covariance = [[4.653098767461498, 3.8748933403581205], [3.8748933403581205, 3.6756541205360307]]
    problem = op.LinearGaussianProblem([0.0, 1.0], covariance)
    table = op.predict(problem, 6, [2], [1], ridge=0.1, draws=7, seed=1)
    assert table.retrained_risk.item() == 0.0


@pytest.mark.parametrize("n", [5, 9, 13, 20])
@pytest.mark.parametrize("draws", [2, 32])
def test_ill_conditioned_covariance(n, draws):
    """A Hilbert matrix, whose rank is about 13 of 30 up to rounding."""
    at = np.arange(30)
    problem = op.LinearGaussianProblem(normal(30), 1.0 / (1 + at[:, None] + at), 0.1)
    table = op.predict(
        problem, n, [1, 20, 30], [1, 5, 10, 14, 25], rules=RULES, compensate=True, draws=draws
    )
    for stage in STAGES:
        assert (np.isnan(table[f"{stage}_risk"]) == (table["nonzeros"] > table["size"])).all(), (
            stage
        )
    assert (table.dense_risk >= 0.01).all()


def test_no_variance_at_all():
    problem = op.LinearGaussianProblem(np.ones(5), np.zeros((5, 5)), 0.5)
    table = op.predict(problem, 3, [2, 5], [1, 2, 3], rules=RULES, compensate=True)
    for name in ("dense_risk", *(f"{stage}_risk" for stage in STAGES)):
        assert (table[name].fillna(0.25) == 0.25).all()


@pytest.mark.parametrize("power", [-400, -100, -30, 30, 400])
def test_units(power):
    """Powers of two are exact, so that everything but the numbers' exponents stays the same."""
    problem, unit = dense("AR"), 2.0**power
    grid = {
        "n": 20,
        "sizes": [30, 48],
        "nonzeros": [10, 28],
        "rules": RULES,
        "compensate": True,
        "draws": 8,
    }
    here = op.predict(problem, **grid, ridge=0.01, retrain_ridge=0.1)
    features = op.LinearGaussianProblem(
        problem.beta, problem.covariance * unit, problem.noise_std * unit**0.5
    )
    there = op.predict(features, **grid, ridge=0.01 * unit, retrain_ridge=0.1 * unit)
    targets = op.LinearGaussianProblem(
        problem.beta * unit**0.5, problem.covariance, problem.noise_std * unit**0.5
    )
    louder = op.predict(targets, **grid, ridge=0.01, retrain_ridge=0.1)
    for name in ("dense_risk", *(f"{stage}_risk" for stage in STAGES)):
        np.testing.assert_allclose(there[name] / unit, here[name], rtol=1e-9)
        np.testing.assert_allclose(louder[name] / unit, here[name], rtol=1e-9)


@pytest.mark.parametrize("rule", ["magnitude", "hessian", "random"])
def test_accuracies_where_the_retrained_risk_diverges(rule):
    """Nonzeros equal to n without ridge: no accuracy there, and the others as without them."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(300, 30))
    labels = (inputs @ rng.normal(size=(30, 3)) + 0.5 * rng.normal(size=(300, 3))).argmax(1)
    parts = inputs[:200], labels[:200], inputs[200:], labels[200:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem = op.DataProblem(*parts, features=60, seed=1)
        grid = {"n": 20, "sizes": [10, 20, 60], "rules": [rule], "draws": 8, "seed": 2}
        both = op.predict(problem, nonzeros=[5, 20], **grid)
        one = op.predict(problem, nonzeros=[5], **grid)
    assert np.isinf(both.retrained_risk.sel(size=60, nonzeros=20)).all()
    assert np.isnan(both.retrained_accuracy.sel(size=60, nonzeros=20)).all()
    assert np.isfinite(both.pruned_accuracy.sel(size=60)).all()
    for name in ("pruned_accuracy", "retrained_accuracy"):
        np.testing.assert_array_equal(both[name].sel(nonzeros=5), one[name].sel(nonzeros=5))
