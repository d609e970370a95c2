"""Special limits of the predictions, the effective ridge to the last digit, the law of the
coefficients."""

from __future__ import annotations

import decimal
import math

import mpmath
import numpy as np
import pytest
from scipy import special

import overprune as op
from theory_oracle import GROUPS, risks

# --- special limits


def test_interpolation_threshold():
    lam, beta, noise = GROUPS.expanded()
    problem = op.LinearGaussianProblem(beta, lam, noise)
    table = op.predict(
        problem, 120, [119, 120, 121, 400], [40, 120], rules=["magnitude", "hessian", "random"]
    )
    assert math.isinf(float(table.dense_risk.sel(size=120)))
    assert np.isinf(table.pruned_risk.sel(size=120)).all()
    assert np.isinf(table.retrained_risk.sel(size=[120, 121, 400], nonzeros=120)).all()
    # The retrained risk has a limit there; the next sizes are 1/n away from it.
    at = table.retrained_risk.sel(nonzeros=40)
    assert np.isfinite(at).all()
    assert (np.abs(at.sel(size=[119, 121]) / at.sel(size=120) - 1) < 0.15).all()


def test_interpolation_threshold_limit_is_continuous():
    # Fractions of a sample do not exist; a ridge tending to 0 approaches k = n just as well.
    lam, beta, noise = GROUPS.expanded()
    limit = risks(lam, beta, noise, 400, 400, 100, "hessian")[2]
    near = [
        risks(lam, beta, noise, 400, 400, 100, "hessian", ridge)[2]
        for ridge in (1e-8, 1e-12, 1e-16)
    ]
    errors = np.abs(np.array(near) / limit - 1)
    assert errors[2] < 1e-5
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


def test_no_noise():
    lam, beta = np.full(200, 2.0), np.r_[np.linspace(0.1, 0.5, 50), np.zeros(150)]
    dense, pruned, retrained = risks(lam, beta, 0.0, 100, 80, 30)
    lost = 2.0 * np.sum(np.sort(beta[:50])[:20] ** 2)
    assert dense == 0.0
    assert pruned == pytest.approx(lost, rel=1e-13)
    assert retrained == pytest.approx(lost * 100 / 70, rel=1e-13)
    # Everything is recovered where the whole signal is kept, also at k == n and at s == n.
    assert risks(lam, beta, 0.0, 100, 80, 60) == (0.0, 0.0, 0.0)
    assert risks(lam, beta, 0.0, 100, 100, 60) == (0.0, 0.0, 0.0)


def test_no_noise_ties_are_shared():
    # 10 equal coefficients compete for 4 places; their variances differ.
    lam = np.r_[np.full(5, 1.0), np.full(5, 3.0), np.ones(30)]
    beta = np.r_[np.full(10, 0.3), np.zeros(30)]
    _, pruned, retrained = risks(lam, beta, 0.0, 60, 40, 4, "magnitude")
    assert pruned == pytest.approx(0.09 * (5 + 15) * 0.6, rel=1e-13)
    assert retrained == pytest.approx(pruned * 60 / 56, rel=1e-13)
    assert risks(lam, beta, 0.0, 60, 40, 5, "hessian")[1] == pytest.approx(0.09 * 5, rel=1e-13)


@pytest.mark.parametrize("noise", [1e-3, 1e-6, 1e-9, 1e-12, 1e-15, 1e-18, 1e-100, 1e-170])
@pytest.mark.parametrize(("rule", "s"), [("hessian", 5), ("hessian", 10), ("magnitude", 10)])
def test_noise_tends_to_none(rule, s, noise):
    lam = np.r_[np.full(5, 1.0), np.full(5, 3.0), np.ones(30)]
    beta = np.r_[np.full(10, 0.3), np.zeros(30)]
    limit = risks(lam, beta, 0.0, 60, 40, s, rule)
    np.testing.assert_allclose(
        risks(lam, beta, noise, 60, 40, s, rule), limit, rtol=1e-14, atol=9 * noise**2
    )


def test_ties_broken_by_little_noise():
    # Which equal coefficients survive is decided by the noise, however little: retraining remembers
    # it.
    lam, beta = np.full(40, 2.0), np.full(40, 0.3)
    for s in (3, 20, 36):
        limit = risks(lam, beta, 1e-6, 60, 40, s)
        assert (limit[2] == pytest.approx(limit[1] / (1 - s / 60), rel=1e-3)) is (s == 20)
        for noise in (1e-7, 1e-9, 1e-12):
            found = risks(lam, beta, noise, 60, 40, s)
            np.testing.assert_allclose(found[1:], limit[1:], rtol=1e-5)


@pytest.mark.parametrize("noise", [1e-5, 1e-8, 1e-11, 1e-14, 1e-17])
def test_little_noise_keeps_exactly_s(noise):
    # All coefficients are equal: the share that is kept, hence the risk, is s / p however small the
    # noise.
    for s in (1, 7, 39):
        pruned = risks(np.full(40, 2.0), np.full(40, 0.3), noise, 60, 40, s)[1]
        assert pruned == pytest.approx(0.18 * (40 - s), rel=10 * noise)


@pytest.mark.parametrize(("size", "dense"), [(50, 0.5), (300, 0.375)])
def test_no_signal(size, dense):
    found = risks(np.ones(300), np.zeros(300), 0.5, 100, size, 20)
    assert found[0] == pytest.approx(dense, rel=1e-13)
    assert 0.25 < found[1] < dense
    # the selected fit the noise better than any 20 would
    assert 0.25 / (1 - 20 / 100) < found[2] < np.inf
    assert risks(np.ones(300), np.zeros(300), 0.0, 100, size, 20) == (0.0, 0.0, 0.0)


def padded(lam, beta):
    """The same problem with a feature of variance 0 after each feature."""
    return np.column_stack([lam, 0 * lam]).ravel(), np.column_stack([beta, 0 * beta + 7.0]).ravel()


@pytest.mark.parametrize("rule", ["magnitude", "hessian", "oracle"])
def test_features_without_variance_go_first(rule):
    lam, beta, noise = GROUPS.expanded()
    for s in (40, 150, 199):
        found = risks(*padded(lam, beta), noise, 120, 800, s, rule)
        np.testing.assert_allclose(found, risks(lam, beta, noise, 120, 400, s, rule), rtol=1e-12)


def test_features_without_variance_are_nothing_to_prune():
    lam, beta, noise = GROUPS.expanded()
    dense, pruned, retrained = risks(*padded(lam, beta), noise, 120, 800, 600, retrain_ridge=0.3)
    assert pruned == dense
    assert retrained == risks(lam, beta, noise, 120, 400, 400, ridge=0.3)[0]
    assert risks(np.zeros(5), np.ones(5), 0.5, 3, 5, 3) == (0.25, 0.25, 0.25)


def test_random_pruning_wastes_places_on_features_without_variance():
    lam, beta, noise = GROUPS.expanded()
    found = risks(*padded(lam, beta), noise, 120, 800, 80, "random")
    np.testing.assert_allclose(found, risks(lam, beta, noise, 120, 400, 40, "random"), rtol=1e-12)


@pytest.mark.parametrize("rule", ["magnitude", "hessian", "oracle", "random"])
def test_wide_spectrum_gives_finite_ordered_numbers(rule):
    rng = np.random.default_rng(2)
    lam, beta = (
        10.0 ** rng.uniform(-12, 4, 300),
        rng.standard_normal(300) * 10.0 ** rng.uniform(-6, 2, 300),
    )
    problem = op.LinearGaussianProblem(beta, lam, 0.1)
    nonzeros = [1, 2, 50, 99, 101, 299]
    for ridge in (0.0, 1e-9, 1.0):
        table = op.predict(
            problem, 100, [99, 101, 300], nonzeros, rules=rule, ridge=ridge, retrain_ridge=ridge
        )
        for name in ("pruned_risk", "retrained_risk"):
            value = table[name].where(table.nonzeros <= table["size"], 1.0)
            assert (value >= 0.01).all(), name
            assert np.isfinite(value).all(), name


# --- effective ridge and the law


def exact_tau(lam, n, ridge=0.0):
    """Bisection in 60 digits."""
    with decimal.localcontext(decimal.Context(prec=60)):
        values, ridge = [decimal.Decimal(float(x)) for x in lam], decimal.Decimal(ridge)
        low, high = decimal.Decimal(10) ** -60, ridge + sum(values)
        for _ in range(260):
            tau = (low * high).sqrt()
            if ridge / tau + sum(x / (x + tau) for x in values) / n > 1:
                low = tau
            else:
                high = tau
        return float(tau)


@pytest.mark.parametrize("ridge", [0.0, 1e-10, 0.3])
@pytest.mark.parametrize("n", [1, 12, 39])
def test_fixed_point_is_exact_over_sixteen_decades(n, ridge):
    for lam in (
        np.logspace(-16, 0, 40),
        np.r_[np.ones(n), np.full(40 - n, 1e-16)],
        np.full(40, 3.0),
    ):
        assert op.fixed_point(lam, n, ridge=ridge) == pytest.approx(
            exact_tau(lam, n, ridge), rel=1e-14
        )


def wide_spectrum(rng, decades):
    """Eigenvalues near 1, most of them, and some up to so many decades away on either side."""
    p = int(rng.integers(2, 8))
    far = rng.random(p) < rng.choice([0.3, 0.6, 1.0])
    return 10.0 ** (rng.uniform(-1, 1, p) + far * rng.uniform(-decades, decades, p))


@pytest.mark.parametrize("seed", range(60))
def test_fixed_point_is_exact_over_any_number_of_decades(seed):
    rng = np.random.default_rng(seed)
    lam = wide_spectrum(rng, 285)
    n = int(rng.integers(1, lam.size))
    ridge = float(10.0 ** rng.uniform(-285, 285)) if seed % 2 else 0.0
    with mpmath.workdps(640):  # sums of numbers so far apart
        values, push = [mpmath.mpf(x) for x in lam.tolist()], mpmath.mpf(ridge)
        low, high = mpmath.mpf(10) ** -300, push + sum(values)
        for _ in range(62):
            tau = mpmath.sqrt(low * high)
            if push / tau + sum(x / (x + tau) for x in values) / n > 1:
                low = tau
            else:
                high = tau
        expected = float(tau)
    assert op.fixed_point(lam, n, ridge=ridge) == pytest.approx(expected, rel=1e-14)
    table = op.predict(
        op.LinearGaussianProblem(np.zeros(lam.size), lam, 1.0), n, [lam.size], [1], ridge=ridge
    )
    law = [float(mpmath.mpf(x) / (mpmath.mpf(x) + tau)) for x in lam.tolist()]
    share = ridge / expected + sum(a * (1 - a) for a in law) / n
    if share > 1e-3:  # what is left of smaller shares is their rounding here
        assert table.dense_risk.item() == pytest.approx(1 / share, rel=1e-11)


@pytest.mark.parametrize("decades", [3, 30, 140])
@pytest.mark.parametrize("seed", range(20))
def test_survivors_of_noise_over_any_number_of_decades(seed, decades):
    """Without signal a coefficient survives where |h| > t lam^(1/2), and adds E[h^2; kept] / (n -
    p)."""
    rng = np.random.default_rng(seed)
    lam = wide_spectrum(rng, decades)
    p, s = lam.size, int(rng.integers(1, lam.size))
    low, high = -400.0, 400.0
    for _ in range(80):
        middle = (low + high) / 2
        size = np.minimum(np.exp(middle) * np.sqrt(lam), 1e3)
        kept, dropped = special.erfc(size / 2**0.5), special.erf(size / 2**0.5)
        surplus = kept.sum() - s if 2 * s <= p else (p - s) - dropped.sum()
        low, high = (middle, high) if surplus > 0 else (low, middle)
    square = kept + 2 * size * np.exp(-0.5 * size * size) / (2 * np.pi) ** 0.5
    table = op.predict(
        op.LinearGaussianProblem(np.zeros(p), lam, 1.0), p + 5, [p], [s], rules=["magnitude"]
    )
    assert table.pruned_risk.item() == pytest.approx(1 + square.sum() / 5, rel=1e-11)


def test_fixed_point_limits():
    assert op.fixed_point(np.ones(100), 100) == 0.0
    assert op.fixed_point([1.0, 0.0, 0.0], 2) == 0.0
    assert op.fixed_point(np.zeros(3), 2, ridge=0.4) == 0.4
    assert op.fixed_point(np.ones(900), 300) == 2.0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([-1.0], 2), ValueError, "eigenvalues"),
        (([math.nan], 2), ValueError, "eigenvalues"),
        (([[1.0]], 2), ValueError, "eigenvalues"),
        (([1.0], 0), ValueError, "n must"),
        (([1.0], 1.5), TypeError, "n must"),
    ],
)
def test_fixed_point_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        op.fixed_point(*arguments)
    with pytest.raises(ValueError, match="ridge"):
        op.fixed_point([1.0], 2, ridge=-1.0)


def test_law_gives_the_dense_risk():
    lam, beta, noise = GROUPS.expanded()
    problem = op.LinearGaussianProblem(beta, lam, noise)
    for n in (120, 500):
        for ridge in (0.0, 0.3):
            mean, variance = op.coefficient_law(problem, n, ridge=ridge)
            risk = noise**2 + np.sum(lam * ((mean - beta) ** 2 + variance))
            assert risk == pytest.approx(
                risks(lam, beta, noise, n, 400, 1, ridge=ridge)[0], rel=1e-12
            )


def test_law_of_correlated_features():
    rng = np.random.default_rng(1)
    basis, _ = np.linalg.qr(rng.standard_normal((60, 60)))
    lam, beta = rng.uniform(0.1, 3, 60), rng.standard_normal(60)
    straight = op.LinearGaussianProblem(basis.T @ beta, lam, 0.4)
    rotated = op.LinearGaussianProblem(beta, (basis * lam) @ basis.T, 0.4)
    for n in (30, 90):
        mean, variance = op.coefficient_law(straight, n)
        turned, covariance = op.coefficient_law(rotated, n)
        np.testing.assert_allclose(turned, basis @ mean, atol=1e-11)
        np.testing.assert_allclose(covariance, (basis * variance) @ basis.T, atol=1e-11)
        np.testing.assert_array_equal(covariance, covariance.T)


def test_law_of_rank_deficient_covariance():
    # Two copies of one feature share its coefficient.
    problem = op.LinearGaussianProblem(
        [1.0, 1.0, 0.5], [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]], 0.3
    )
    mean, covariance = op.coefficient_law(problem, 10)
    np.testing.assert_allclose(mean, [1.0, 1.0, 0.5], atol=1e-12)
    assert covariance[0, 0] == pytest.approx(0.09 / (1 - 2 / 10) / 10 / 4, rel=1e-12)


def test_law_at_the_interpolation_threshold():
    _, variance = op.coefficient_law(op.LinearGaussianProblem(np.ones(5), np.ones(5), 0.3), 5)
    assert (variance == np.inf).all()
    covariance = 0.5 * np.eye(5) + 0.5
    _, spread = op.coefficient_law(op.LinearGaussianProblem(np.ones(5), covariance, 0.3), 5)
    assert (np.diag(spread) == np.inf).all()
    assert np.isinf(spread).all()
    assert spread[0, 1] == -np.inf  # positively correlated features compete
    _, none = op.coefficient_law(op.LinearGaussianProblem(np.ones(5), np.ones(5), 0.0), 5)
    assert (none == 0.0).all()
