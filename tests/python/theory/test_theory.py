"""Predictions against printed numbers, closed forms and the slow oracle,
and the form of the table."""

from __future__ import annotations

import math

import numpy as np
import pytest

import overprune as op
from theory_oracle import GROUPS, Oracle, risks

# --- the slow oracle


@pytest.mark.parametrize("rule", ["magnitude", "hessian", "random"])
@pytest.mark.parametrize("s", [1, 40, 119, 121, 250, 399])
def test_slow_oracle(rule, s):
    expected, _ = GROUPS.risks(s, rule)
    lam, beta, noise = GROUPS.expanded()
    np.testing.assert_allclose(risks(lam, beta, noise, 120, 400, s, rule), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("n", "s", "ridge", "retrain_ridge"),
    [
        (120, 40, 0.1, 0.0),
        (120, 40, 0.0, 0.2),
        (120, 250, 0.1, 0.05),
        (120, 250, 0.3, 0.0),
        (450, 100, 0.1, 0.2),
    ],
)
@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
def test_slow_oracle_with_ridge(rule, n, s, ridge, retrain_ridge):
    oracle = Oracle(GROUPS.count, GROUPS.lam, GROUPS.beta, GROUPS.noise, n)
    expected, _ = oracle.risks(s, rule, ridge, retrain_ridge)
    lam, beta, noise = oracle.expanded()
    found = risks(lam, beta, noise, n, 400, s, rule, ridge, retrain_ridge)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_slow_oracle_underparameterized():
    oracle = Oracle(GROUPS.count, GROUPS.lam, GROUPS.beta, GROUPS.noise, 500)
    lam, beta, noise = oracle.expanded()
    for s in (1, 150, 399):
        expected, _ = oracle.risks(s, "magnitude")
        np.testing.assert_allclose(risks(lam, beta, noise, 500, 400, s), expected, rtol=1e-9)


def test_strong_signal_thirty_deviations_out():
    oracle = Oracle(np.array([20.0, 380.0]), np.ones(2), np.array([5.0, 0.0]), 0.5, 500)
    lam, beta, noise = oracle.expanded()
    sd = math.sqrt(0.25 / (1 - 400 / 500) / 500)
    assert 5.0 / sd > 30
    for s in (10, 19, 20, 21):
        expected, _ = oracle.risks(s, "magnitude")
        np.testing.assert_allclose(risks(lam, beta, noise, 500, 400, s), expected, rtol=1e-7)


# --- printed numbers


ISOTROPIC = {
    60: (1.0278, 1.1564, 1.4204),
    150: (1.0278, 1.1063, 1.4665),
    450: (1.0278, 1.0412, 1.1302),
}
POLYNOMIAL = {
    ("magnitude", 60): (0.2575, 0.5282, 0.6484),
    ("magnitude", 150): (0.2575, 0.4023, 0.5411),
    ("hessian", 60): (0.2575, 0.3819, 0.4578),
    ("hessian", 150): (0.2575, 0.3214, 0.4423),
}


@pytest.mark.parametrize("s", ISOTROPIC)
def test_isotropic_table(s):
    # The draw behind the printed table: its squared norm is 0.97922, its null risk 1.2292.
    beta = np.random.default_rng(1).standard_normal(900) / 30
    assert beta @ beta + 0.25 == pytest.approx(1.2292, abs=5e-5)
    np.testing.assert_allclose(
        risks(np.ones(900), beta, 0.5, 300, 900, s), ISOTROPIC[s], atol=5.1e-5
    )


@pytest.mark.parametrize(("rule", "s"), POLYNOMIAL)
def test_polynomial_table(rule, s):
    lam = np.arange(1, 901) ** -0.8
    found = risks(lam, np.full(900, 0.2), 0.1, 300, 900, s, rule)
    np.testing.assert_allclose(found, POLYNOMIAL[rule, s], atol=5.1e-5)


def demo():
    return op.LinearGaussianProblem(
        np.full(1500, 1500**-0.5), op.spectra.spiked(1500, 150, 25.0), 0.3
    )


def test_demo_problem():
    table = op.predict(demo(), 450, [150, 1000, 1500], [150], rules=["magnitude", "hessian"])
    assert float(table.dense_risk.sel(size=1500)) == pytest.approx(1.1334520663960304, abs=1e-12)
    assert float(table.dense_risk.sel(size=150)) == pytest.approx(1.485, abs=1e-12)
    at = {"nonzeros": 150, "size": 1500}
    np.testing.assert_allclose(table.pruned_risk.sel(at), [2.474, 1.344], atol=5e-4)
    np.testing.assert_allclose(table.retrained_risk.sel(at), [3.196, 1.644], atol=5e-4)
    assert float(
        table.retrained_risk.sel(rule="hessian", nonzeros=150, size=1000)
    ) == pytest.approx(1.853, abs=5e-4)


# --- identities


def test_nothing_pruned_is_dense():
    table = op.predict(
        demo(), 450, [100, 450, 1000], [100, 450, 1000], rules=["magnitude", "random"]
    )
    for k in (100, 450, 1000):
        dense = float(table.dense_risk.sel(size=k))
        for stage in ("pruned_risk", "retrained_risk"):
            assert (table[stage].sel(size=k, nonzeros=k) == dense).all()
    assert np.isnan(table.pruned_risk.sel(size=100, nonzeros=[450, 1000])).all()
    assert not np.isnan(table.pruned_risk.sel(size=1000)).any()


def test_retraining_everything_is_training_with_the_second_ridge():
    lam, beta, noise = GROUPS.expanded()
    retrained = risks(lam, beta, noise, 120, 400, 400, ridge=0.2, retrain_ridge=0.7)[2]
    assert retrained == risks(lam, beta, noise, 120, 400, 400, ridge=0.7)[0]


def test_magnitude_is_hessian_for_isotropic_features():
    beta = np.linspace(-0.1, 0.2, 300)
    for s in (20, 99, 150):
        magnitude = risks(np.full(300, 1.7), beta, 0.3, 100, 300, s, "magnitude")
        np.testing.assert_allclose(
            magnitude, risks(np.full(300, 1.7), beta, 0.3, 100, 300, s, "hessian"), rtol=1e-12
        )


def test_oracle_retraining_is_direct_training():
    rng = np.random.default_rng(3)
    lam, beta = rng.uniform(0.2, 3.0, 400), rng.standard_normal(400) / 20
    salience = np.sort(lam * beta**2)
    for s in (10, 100, 119):
        outside = 0.09 + salience[: 400 - s].sum()
        retrained = risks(lam, beta, 0.3, 120, 400, s, "oracle")[2]
        assert retrained == pytest.approx(outside * 120 / (120 - s), rel=1e-12)


def test_oracle_ties_go_to_the_lower_index():
    # Of the 10 features without signal, the oracle keeps the first two: those of variance 4.
    lam, beta = np.array([1.0] * 5 + [4.0] * 2 + [1.0] * 8), np.array([1.0] * 5 + [0.0] * 10)
    first, other = np.full(7, 1.0), np.ones(7)
    first[5:] = 4.0
    for variances, equal in ((first, True), (other, False)):
        direct = risks(variances, np.r_[np.ones(5), 0, 0], 0.5, 10, 7, 7, ridge=0.4)[0]
        kept = risks(lam, beta, 0.5, 10, 15, 7, "oracle", retrain_ridge=0.4)[2]
        assert (kept == pytest.approx(direct, rel=1e-12)) is equal


def test_random_support_is_independent_of_the_data():
    _, c = GROUPS.risks(40, "random")
    assert abs(c) < 1e-12
    lam, beta, noise = GROUPS.expanded()
    signal = np.sum(lam * beta**2)
    expected = (noise**2 + signal * (1 - 40 / 400)) / (1 - 40 / 120)
    assert risks(lam, beta, noise, 120, 400, 40, "random")[2] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("p", [60, 119, 121, 400])
def test_isotropic_dense_closed_form(p):
    # Hastie, Montanari, Rosset, Tibshirani (2022), Theorem 1, plus the noise floor.
    beta, sigma2, gamma = np.full(p, 0.1), 0.16, p / 120
    if gamma < 1:
        excess = sigma2 * gamma / (1 - gamma)
    else:
        excess = beta @ beta * (1 - 1 / gamma) + sigma2 / (gamma - 1)
    assert risks(np.ones(p), beta, 0.4, 120, p, p)[0] == pytest.approx(sigma2 + excess, rel=1e-12)


@pytest.mark.parametrize("s", [40, 200])
@pytest.mark.parametrize("rule", ["magnitude", "oracle"])
def test_ridge_tends_to_none(rule, s):
    lam, beta, noise = GROUPS.expanded()
    limit = np.array(risks(lam, beta, noise, 120, 400, s, rule))
    near = [np.array(risks(lam, beta, noise, 120, 400, s, rule, x, x)) for x in (1e-4, 1e-8, 1e-12)]
    errors = [np.abs(x / limit - 1).max() for x in near]
    assert errors[0] < 1e-2
    assert errors[1] < 1e-6
    assert errors[2] < 1e-10


def test_sign_and_order_inside_do_not_matter():
    rng = np.random.default_rng(0)
    lam, beta = rng.uniform(0.5, 2, 200), rng.standard_normal(200) / 10
    order, sign = rng.permutation(200), rng.choice([-1, 1], 200)
    for rule in ("magnitude", "hessian", "oracle", "random"):
        here = risks(lam, beta, 0.3, 80, 200, 30, rule)
        there = risks(lam[order], (sign * beta)[order], 0.3, 80, 200, 30, rule)
        np.testing.assert_allclose(here, there, rtol=1e-12)


def test_scaling():
    lam, beta, noise = GROUPS.expanded()
    here = np.array(risks(lam, beta, noise, 120, 400, 40, ridge=0.1, retrain_ridge=0.2))
    units = risks(lam * 1e12, beta, noise * 1e6, 120, 400, 40, ridge=0.1e12, retrain_ridge=0.2e12)
    np.testing.assert_allclose(units, here * 1e12, rtol=1e-11)


def test_restriction_moves_signal_to_the_noise():
    lam, beta, noise = GROUPS.expanded()
    outside = np.sum(lam[100:] * beta[100:] ** 2)
    direct = risks(lam[:100], beta[:100], math.sqrt(noise**2 + outside), 60, 100, 30)
    np.testing.assert_allclose(risks(lam, beta, noise, 60, 100, 30), direct, rtol=1e-13)


def test_simulation_agrees():
    rng = np.random.default_rng(4)
    lam, beta = rng.uniform(0.3, 2.0, 300), rng.standard_normal(300) / 15
    problem = op.LinearGaussianProblem(beta, lam, 0.3)
    grid = {
        "n": 150,
        "sizes": [75, 300],
        "nonzeros": [50, 200],
        "rules": ("magnitude", "hessian", "random"),
    }
    for ridges in ({}, {"ridge": 0.1, "retrain_ridge": 0.05}):
        theory = op.predict(problem, **grid, **ridges)
        measured = op.simulate(problem, **grid, **ridges, trials=200, seed=1)
        for name in theory.data_vars:
            error = measured[name].std("trial", ddof=1) / math.sqrt(200)
            bias = 2 / 150 * theory[name]  # of order 1/n
            gap = np.abs(measured[name].mean("trial") - theory[name]) - bias
            assert float((gap / error).max()) < 4, name


# --- the Python surface


def test_table_has_a_dimension_for_every_sequence():
    table = op.predict(
        demo(), [100, 450], [150, 1500], 20, ridge=[0.0, 0.1], rules=("oracle", "random")
    )
    assert table.retrained_risk.dims == ("n", "ridge", "rule", "size", "nonzeros")
    assert table.dense_risk.dims == ("n", "ridge", "size")
    one = op.predict(demo(), 450, 1500, 20, ridge=0.1, rules="random")
    assert float(
        table.pruned_risk.sel(n=450, ridge=0.1, rule="random", size=1500, nonzeros=20)
    ) == float(one.pruned_risk.squeeze())
    assert table.attrs["n"] == [100, 450]
    assert table.attrs["seed"] == "0"


def test_without_retraining():
    table = op.predict(demo(), 450, [150, 1500], 20, retrain=False)
    assert set(table.data_vars) == {"dense_risk", "pruned_risk"}


def test_predict_wants_a_problem():
    with pytest.raises(TypeError, match="LinearGaussianProblem"):
        op.predict(np.ones(3), 5, 3, 1)
    with pytest.raises(TypeError, match="problem"):
        op.coefficient_law(np.ones(3), 5)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n": 0}, ValueError, "n must"),
        ({"sizes": [3, 2]}, ValueError, "sizes"),
        ({"sizes": [1501]}, ValueError, "sizes"),
        ({"nonzeros": [0]}, ValueError, "nonzeros"),
        ({"rules": "hessain"}, ValueError, "rules"),
        ({"ridge": -1.0}, ValueError, "ridge"),
        ({"retrain_ridge": math.inf}, ValueError, "retrain_ridge"),
        ({"retrain": 1}, TypeError, "retrain"),
        ({"draws": 0}, ValueError, "draws"),
        ({"draws": "many"}, TypeError, 'draws must be an integer or "auto"'),
        ({"rtol": 0.0}, ValueError, "rtol must be above 0, got 0"),
        ({"seed": -1}, ValueError, "seed"),
        ({"workers": 0}, ValueError, "workers"),
    ],
)
def test_predict_refuses(change, error, message):
    arguments = {"n": 10, "sizes": [20], "nonzeros": [5], **change}
    with pytest.raises(error, match=message):
        op.predict(demo(), **arguments)


def test_a_target_without_signal_or_noise_has_no_variance_where_the_limit_diverges():
    problem = op.LinearGaussianProblem(
        np.array([[1.0, 0.0], [2.0, 0.0]]), np.ones(2), noise_std=0.0
    )
    _, variance = op.coefficient_law(problem, 1)
    assert np.isfinite(variance).all()
    problem = op.LinearGaussianProblem(np.array([[1.0, 0.0]]), np.ones(1), noise_std=0.0)
    _, variance = op.coefficient_law(problem, 1)
    assert not np.isnan(variance).any()
