"""Predictions in any units: features on scales that lie many powers of ten apart (field case A3).

Without ridge and with n >= k no risk of the rules hessian, random and oracle depends on the
features' units, nor does the dense risk of any. With ridge, or more features than samples, it does:
there the references are the formulas in many digits.
"""

from __future__ import annotations

import hypothesis.strategies as st
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings

import overprune as op
import strategies  # noqa: F401  (the settings' profile)
from problems import normal

UNIT_FREE = ("hessian", "random", "oracle")
RISKS = ("dense_risk", "pruned_risk", "retrained_risk", "compensated_risk")


def wishart(p, seed=0):
    root = normal(p, p, seed=seed)
    return root @ root.T / p + 0.3 * np.eye(p)


def in_units(beta, covariance, units, noise_std=1.0):
    """The same problem where feature i is measured in units 1 / units[i]."""
    if covariance.ndim == 1:
        return op.LinearGaussianProblem(beta / units, covariance * units**2, noise_std)
    return op.LinearGaussianProblem(beta / units, covariance * np.outer(units, units), noise_std)


def pair(seed, p=24, decades=60):
    """A problem, the same in other units, and these."""
    units = 10.0 ** np.random.default_rng(seed).uniform(-decades, decades, p)
    beta, covariance = normal(p, seed=seed + 1), wishart(p, seed + 2)
    return in_units(beta, covariance, np.ones(p)), in_units(beta, covariance, units), units


def same_risks(left, right, rtol=1e-8):
    for name in set(RISKS) & set(left.data_vars):
        np.testing.assert_allclose(left[name], right[name], rtol=rtol, atol=0, err_msg=name)


def test_a3_the_example():
    random = np.random.default_rng(0)
    A = random.standard_normal((30, 30))
    covariance, beta = A @ A.T / 30 + 0.3 * np.eye(30), random.standard_normal(30)
    units = np.ones(30)
    units[-10:] = 1e-7
    table = op.predict(
        in_units(beta, covariance, units), 60, [30], [8], rules=["hessian"], draws=1024
    )
    assert table.dense_risk.item() == pytest.approx(2.0, rel=1e-12)  # 1 / (1 - 30 / 60)
    assert abs(table.retrained_risk.item() - 11.9) < max(
        4 * table.retrained_risk_stderr.item(), 0.1
    )


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**20),
    p=st.integers(2, 30),
    more=st.integers(1, 30),
    decades=st.sampled_from([1, 3, 7, 15, 60, 120]),
)
def test_a3_unit_free_risks_of_correlated_features(seed, p, more, decades):
    plain, other, _ = pair(seed, p, decades)
    grid = {"sizes": sorted({max(1, p // 2), p}), "nonzeros": sorted({1, max(1, p // 3), p})}
    options = {"rules": UNIT_FREE, "compensate": True, "draws": 64, "seed": seed}
    same = op.predict(other, p + more, **grid, **options)
    reference = op.predict(plain, p + more, **grid, **options)
    np.testing.assert_allclose(same.dense_risk, reference.dense_risk, rtol=1e-9)
    for name in RISKS[1:]:  # exact for random (pruned) and oracle, drawn for the others
        error = np.hypot(same[f"{name}_stderr"], reference[f"{name}_stderr"])
        distance = abs(same[name] - reference[name])
        assert (
            distance.fillna(0) <= 4 * error.fillna(0) + 1e-8 * abs(reference[name].fillna(0))
        ).all(), name


@settings(max_examples=40)
@given(seed=st.integers(0, 2**20), p=st.integers(2, 40), more=st.integers(1, 30))
def test_a3_unit_free_risks_of_independent_features(seed, p, more):
    random = np.random.default_rng(seed)
    beta, variances = random.standard_normal(p), random.uniform(0.1, 4, p)
    units = 10.0 ** random.uniform(-60, 60, p)
    grid = {"sizes": sorted({max(1, p // 2), p}), "nonzeros": sorted({1, max(1, p // 3), p})}
    plain = op.predict(in_units(beta, variances, np.ones(p)), p + more, **grid, rules=UNIT_FREE)
    same_risks(
        op.predict(in_units(beta, variances, units), p + more, **grid, rules=UNIT_FREE), plain
    )


def test_a3_magnitude_depends_on_units_but_the_dense_risk_does_not():
    plain, other, _ = pair(5, decades=2)
    left, right = (
        op.predict(x, 40, [24], [6], rules="magnitude", draws=256) for x in (plain, other)
    )
    assert left.dense_risk.item() == pytest.approx(right.dense_risk.item(), rel=1e-12)
    assert abs(left.pruned_risk.item() - right.pruned_risk.item()) > 0.2 * left.pruned_risk.item()


@pytest.mark.parametrize("decades", [0, 3, 8, 30])
def test_a3_nothing_is_pruned(decades):
    """s = k: the dense risk in every stage, whatever the units, the size and the ridge."""
    _, other, units = pair(7, decades=decades)
    for n in (10, 40):
        for ridge in (0.0, float(np.median(units) ** 2)):
            table = op.predict(
                other, n, [12, 24], [12, 24], ridge=ridge, retrain_ridge=ridge, draws=8
            )
            for stage in ("pruned_risk", "retrained_risk"):
                for k in (12, 24):
                    assert (
                        table[stage].sel(size=k, nonzeros=k).item()
                        == table.dense_risk.sel(size=k).item()
                    )


def test_a2_predicted_dense_is_predicted_retrained_for_falling_variances():
    variances = np.exp(-np.arange(100.0))
    beta = normal(100) / np.sqrt(variances)
    for covariance in (variances, np.diag(variances)):
        problem = op.LinearGaussianProblem(beta, covariance, 0.3)
        table = op.predict(problem, 150, [100], [100])
        assert table.dense_risk.item() == pytest.approx(0.27, rel=1e-12)
        assert table.retrained_risk.item() == table.dense_risk.item()


# --- where units matter: the formulas in many digits


def exact_law(beta, covariance, noise_std, n, ridge):
    """tau by bisection, the dense risk, mean and covariance of theta: docs/theory.md, sections 3
    and 4."""
    p = len(beta)
    sigma, b = mpmath.matrix(covariance.tolist()), mpmath.matrix([mpmath.mpf(x) for x in beta])
    values, vectors = mpmath.eigsy(sigma)
    tau = mpmath.mpf(0)
    if ridge > 0 or p > n:
        low, high = mpmath.mpf(10) ** -140, ridge + sum(values) / n
        while high / low > 1 + mpmath.mpf(10) ** -40:
            middle = mpmath.sqrt(low * high)
            if ridge / middle + sum(x / (x + middle) for x in values) / n > 1:
                low = middle
            else:
                high = middle
        tau = low
    d = [tau / (x + tau) for x in values]
    rotated = vectors.T * b
    error = mpmath.mpf(noise_std) ** 2 + sum(
        d[i] ** 2 * values[i] * rotated[i] ** 2 for i in range(p)
    )
    risk = error / (1 - sum((1 - x) ** 2 for x in d) / n)
    inverse = (sigma + tau * mpmath.eye(p)) ** -1
    return risk, inverse * sigma * b, inverse * sigma * inverse * risk / n


@pytest.mark.parametrize("decades", [2, 5, 8, 30])
@pytest.mark.parametrize(("n", "ridge"), [(8, 0.0), (8, 1.0), (20, 1.0)])
def test_a3_law_with_an_effective_ridge(decades, n, ridge):
    """Every coefficient's mean and variance, relative to its own standard deviation."""
    with mpmath.workdps(150):
        for seed in range(2):
            _, problem, units = pair(seed, 12, decades)
            own = ridge * float(np.median(units) ** 2)
            risk, mean, spread = exact_law(problem.beta, problem.covariance, 1.0, n, own)
            found, covariance = op.coefficient_law(problem, n, ridge=own)
            deviation = [mpmath.sqrt(spread[i, i]) for i in range(12)]
            assert max(abs(found[i] - mean[i]) / deviation[i] for i in range(12)) < 1e-9
            assert (
                max(
                    abs(covariance[i, j] - spread[i, j]) / deviation[i] / deviation[j]
                    for i in range(12)
                    for j in range(12)
                )
                < 1e-9
            )
            table = op.predict(problem, n, [12], [5], ridge=own, rules="oracle", retrain=False)
            assert table.dense_risk.item() == pytest.approx(float(risk), rel=1e-10)
            kept = np.argsort(-abs(problem.beta) * np.sqrt(np.diag(problem.covariance)))[:5]
            sigma = mpmath.matrix(problem.covariance.tolist())
            rest = mpmath.matrix([-mpmath.mpf(x) for x in problem.beta])
            for i in kept:
                rest[int(i)] += mean[int(i)]
            excess = (rest.T * sigma * rest)[0] + sum(
                sigma[int(i), int(j)] * spread[int(i), int(j)] for i in kept for j in kept
            )
            assert table.pruned_risk.item() == pytest.approx(float(1 + excess), rel=1e-9)


@pytest.mark.parametrize(("n", "ridge", "again"), [(60, 0.3, 0.2), (25, 0.3, 0.0), (60, 0.0, 0.5)])
def test_a3_drawn_with_an_effective_ridge_agrees_with_closed_forms(n, ridge, again):
    units = 10.0 ** np.random.default_rng(3).uniform(-4, 4, 200)
    beta, size = normal(200, seed=4) / units, float(np.median(units) ** 2)
    options = {
        "ridge": ridge * size,
        "retrain_ridge": again * size,
        "rules": ("magnitude", *UNIT_FREE),
    }
    exact = op.predict(
        op.LinearGaussianProblem(beta, units**2, 1.0), n, [200], [20, 150], **options
    )
    drawn = op.predict(
        op.LinearGaussianProblem(beta, np.diag(units**2), 1.0),
        n,
        [200],
        [20, 150],
        draws=256,
        **options,
    )
    np.testing.assert_allclose(drawn.dense_risk, exact.dense_risk, rtol=1e-12)
    for name in ("pruned_risk", "retrained_risk"):
        np.testing.assert_allclose(drawn[name], exact[name], rtol=0.06, err_msg=name)


# --- everything else that decomposes a covariance


@pytest.mark.parametrize("rule", UNIT_FREE)
def test_a3_schedules(rule):
    plain, other, _ = pair(11)
    left, right = (
        op.predict_schedule(x, 40, 24, [12, 5], rules=[rule], draws=256, seed=3)
        for x in (other, plain)
    )
    np.testing.assert_allclose(left.dense_risk, right.dense_risk, rtol=1e-10)
    for name in ("pruned_risk", "retrained_risk"):
        error = np.hypot(left[f"{name}_stderr"], right[f"{name}_stderr"])
        assert (abs(left[name] - right[name]) <= 4 * error + 1e-8 * right[name]).all(), name


@pytest.mark.parametrize("size", [24, 18])
def test_a3_laws_and_survival(size):
    plain, other, units = pair(13)
    left, right = (x.restrict(size) for x in (other, plain))
    mean, covariance = op.coefficient_law(left, 40)
    reference, spread = op.coefficient_law(right, 40)
    units = units[:size]
    np.testing.assert_allclose(mean * units, reference, rtol=1e-9)
    np.testing.assert_allclose(covariance * np.outer(units, units), spread, rtol=1e-8, atol=1e-12)
    here, there = (op.survival(x, 40, size, [6], rule="hessian", draws=2000) for x in (left, right))
    for name in ("probability", "threshold", "overlap"):
        error = np.hypot(here[f"{name}_stderr"], there[f"{name}_stderr"])
        assert (abs(here[name] - there[name]) <= 5 * error + 1e-8).all(), name


def test_a3_restriction():
    plain, other, units = pair(17)
    for features in (7, [3, 20, 1, 14, 8]):
        left, right = other.restrict(features), plain.restrict(features)
        own = units[features] if isinstance(features, list) else units[:features]
        assert left.noise_std == pytest.approx(right.noise_std, rel=1e-10)
        np.testing.assert_allclose(left.beta * own, right.beta, rtol=1e-9)
        theta = normal(4, len(own), seed=2)
        np.testing.assert_allclose(left.risk(theta / own), right.risk(theta), rtol=1e-10)


@pytest.mark.parametrize("decades", [7, 60, 120])
def test_a3_compensation(decades):
    plain, other, units = pair(19, decades=decades)
    theta, support = normal(24, seed=1), [1, 4, 5, 11, 20]
    left = op.compensate(theta / units, support, other.covariance)
    np.testing.assert_allclose(
        left * units, op.compensate(theta, support, plain.covariance), rtol=1e-8
    )


def test_a3_compensation_on_dependent_features_moves_least():
    """H_SS^+ also where H_SS is singular and its features lie powers of ten apart."""
    support, others = [0, 1, 3, 4], [2, 5]
    for scale in (np.ones(6), 10.0 ** np.array([0.0, 3, -3, 2, -1, 4])):
        root, theta = scale[:, None] * normal(6, 3, seed=2), normal(6, seed=3) / scale
        # the least |x| with H_SS x = H_SR theta_R lies in the span of root_S
        with mpmath.workdps(60):
            kept = mpmath.matrix(root[support].tolist())
            move = (
                kept
                * (kept.T * kept) ** -1
                * mpmath.matrix(root[others].T.tolist())
                * mpmath.matrix(theta[others])
            )
            expected = [float(theta[i] + move[j]) for j, i in enumerate(support)]
        found = op.compensate(theta, support, root @ root.T)[support]
        np.testing.assert_allclose(
            found * scale[support], expected * scale[support], rtol=1e-6, atol=1e-9
        )


def data(units=1.0):
    """A regression data set of 20 correlated columns, ten of them in other units."""
    mixing, truth = normal(20, 20, seed=1) / 4 + np.eye(20), normal(20, seed=2)
    scale = np.ones(20)
    scale[-10:] = units

    def rows(count, seed):
        x = normal(count, 20, seed=seed) @ mixing
        return x * scale, x @ truth + 2.0 * normal(count, seed=seed + 100)

    return op.DataProblem(*rows(200, 3), *rows(400, 4))


@pytest.mark.parametrize("units", [1e-7, 1e6, 1e-20])
def test_a3_data_and_advice(units):
    plain, other = data(), data(units)
    grid = {"n": 50, "sizes": [20], "nonzeros": [6], "rules": ["hessian"], "draws": 1024}
    left, right = op.predict(other, **grid), op.predict(plain, **grid)
    np.testing.assert_allclose(left.dense_risk, right.dense_risk, rtol=1e-8)
    for name in ("pruned_risk", "retrained_risk"):
        error = np.hypot(left[f"{name}_stderr"], right[f"{name}_stderr"])
        assert (abs(left[name] - right[name]) <= 4 * error + 1e-8 * right[name]).all(), name
    options = {"sizes": [12, 20], "rules": ["hessian"], "ridge": "none", "draws": 512}
    found, expected = (op.advise(x, 50, 6, **options) for x in (other, plain))
    assert found.best.risk == pytest.approx(expected.best.risk, rel=0.05)


def test_a3_ridge_and_phase_in_other_units():
    """Without ridge as in any units; ridge shares the draws of the model without it."""
    plain, other, _ = pair(23)
    options = {"minimise": "retrained", "rule": "hessian", "draws": 512, "seed": 1}
    left, right = (op.tune_ridge(x, 40, 24, 6, **options) for x in (other, plain))
    error = 4 * np.hypot(left.stderr_without_ridge, right.stderr_without_ridge)
    assert (
        abs(left.risk_without_ridge - right.risk_without_ridge)
        <= error + 1e-8 * right.risk_without_ridge
    )
    tiny = op.predict(other, 40, [24], [6], rules="hessian", ridge=[0.0, 1e-300], draws=64)
    assert tiny.retrained_risk.values[0] == pytest.approx(tiny.retrained_risk.values[1], rel=1e-9)


def test_a3_prediction_agrees_with_simulation():
    _, other, _ = pair(29, decades=6)
    grid = {"n": 60, "sizes": [24], "nonzeros": [8], "rules": ["hessian"]}
    predicted = op.predict(other, **grid, draws=1024)
    simulated = op.simulate(other, **grid, trials=200, seed=4)
    for name in ("dense_risk", "pruned_risk", "retrained_risk"):
        values = simulated[name].values.ravel()
        error = np.hypot(values.std() / np.sqrt(len(values)), 0.03 * values.mean())
        assert abs(predicted[name].item() - values.mean()) < 4 * error, name
