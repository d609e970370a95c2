"""Predictions against formulas that others published, coded here from their papers, and against
identities.

Every comparison is made for independent features (closed forms of the core) and for the same
problem in rotated coordinates, given by a full covariance. The risks of Hastie et al. leave out the
noise floor: it is added.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize

import overprune as op
from problems import normal

EXACT = {"rel": 1e-9}
SPECTRA = {
    "isotropic": np.full(120, 1.7),
    "two values": np.where(np.arange(120) < 30, 9.0, 0.5),
    "power law": op.spectra.power_law(120, 1.1),
    "spread": np.logspace(-4, 1, 120),
}


def rotation(p):
    return np.linalg.qr(normal(p, p, seed=p))[0]


def both_forms(beta, values, noise_std):
    """The problem with independent features, and the same one with its features rotated."""
    basis = rotation(len(beta))
    sigma = (basis * values) @ basis.T
    return (
        op.LinearGaussianProblem(beta, values, noise_std),
        op.LinearGaussianProblem(basis @ beta, (sigma + sigma.T) / 2, noise_std),
    )


def dense_risk(problem, n, ridge=0.0):
    table = op.predict(problem, n, [problem.p], [problem.p], retrain=False, ridge=ridge)
    return float(table.dense_risk.item())


@pytest.fixture(params=SPECTRA)
def values(request):
    return SPECTRA[request.param]


# --- Hastie, Montanari, Rosset, Tibshirani, Annals of Statistics 50 (2022), arXiv 1903.08560


def isotropic_excess(gamma, r2, s2):
    """Proposition 2 (gamma < 1) and Theorem 1 (gamma > 1), Sigma = I."""
    return s2 * gamma / (1 - gamma) if gamma < 1 else r2 * (1 - 1 / gamma) + s2 / (gamma - 1)


@pytest.mark.parametrize("p", [1, 30, 119, 121, 180, 1200])
def test_hastie_isotropic(p):
    n, s2 = 120, 0.16
    beta = normal(p, seed=1) / 4
    expected = s2 + isotropic_excess(p / n, beta @ beta, s2)
    problems = both_forms(beta, np.ones(p), math.sqrt(s2))
    for problem in problems if p <= 200 else problems[:1]:
        assert dense_risk(problem, n) == pytest.approx(expected, **EXACT)


@pytest.mark.parametrize("snr", [0.3, 0.9, 1.0, 1.5, 4.0, 25.0])
def test_hastie_interior_minimum(snr):
    """For gamma > 1 the risk has a minimum inside, at sqrt(SNR) / (sqrt(SNR) - 1), if and only if
    SNR > 1."""
    n, s2 = 60, 0.5
    r2 = snr * s2
    best = math.sqrt(snr) / (math.sqrt(snr) - 1) if snr > 1 else math.inf
    counts = np.unique(np.geomspace(n + 1, 20 * n, 50).astype(int))
    if snr > 1:
        counts = np.unique(np.r_[counts, np.arange(-5, 6) + round(best * n)])
    risk = np.array(
        [
            dense_risk(
                op.LinearGaussianProblem(np.full(p, math.sqrt(r2 / p)), np.ones(p), s2**0.5), n
            )
            for p in counts
        ]
    )
    step = np.diff(risk)
    if snr <= 1:
        assert (step < 0).all()
        assert (risk > s2 + r2).all()  # the null risk from above
        return
    assert counts[risk.argmin()] / n == pytest.approx(best, abs=1.01 / n)
    assert (step[: risk.argmin()] < 0).all()
    assert (step[risk.argmin() :] > 0).all()
    assert risk.min() >= s2 + isotropic_excess(best, r2, s2) - 1e-12
    assert risk.min() < s2 + r2


@pytest.mark.parametrize("n", [20, 60, 110])
def test_hastie_general_covariance(values, n):
    """Definition 1: predicted bias and variance of the min-norm fit by c0, for any covariance and
    signal."""
    p, s2 = len(values), 0.3
    beta, gamma = normal(p, seed=2) / 5, p / n

    def excess(x):
        return np.mean(1 / (1 + math.exp(x) * gamma * values)) - (1 - 1 / gamma)

    c = math.exp(optimize.brentq(excess, -40, 40, xtol=1e-14)) * gamma  # c0 gamma
    weight = beta**2 / (beta @ beta)
    inflation = (
        c * np.mean(values**2 / (1 + c * values) ** 2) / np.mean(values / (1 + c * values) ** 2)
    )
    bias = (beta @ beta) * (1 + inflation) * np.sum(weight * values / (1 + c * values) ** 2)
    for problem in both_forms(beta, values, math.sqrt(s2)):
        assert dense_risk(problem, n) == pytest.approx(s2 + bias + s2 * inflation, **EXACT)


@pytest.mark.parametrize(("n", "ridge"), [(20, 0.0), (110, 0.0), (60, 1e-3), (60, 0.5), (300, 0.1)])
def test_deterministic_equivalent(values, n, ridge):
    """kappa: sum l / (l + kappa) = n (1 - ridge / kappa); bias and variance over 1 - df2 / n.

    Bach, SIAM J. Math. Data Sci. 6 (2024), Proposition 3; the same as Canatar, Bordelon, Pehlevan,
    Nature Communications 12 (2021), with kappa for their kappa and gamma for df2 / n.
    """
    s2, beta = 0.3, normal(len(values), seed=3) / 5

    def excess(x):
        return np.sum(values / (values + math.exp(x))) - n * (1 - ridge / math.exp(x))

    kappa = math.exp(optimize.brentq(excess, -30, 30, xtol=1e-15, rtol=1e-15))
    df2 = np.sum((values / (values + kappa)) ** 2)
    bias = kappa**2 * np.sum(values * beta**2 / (values + kappa) ** 2)
    for problem in both_forms(beta, values, math.sqrt(s2)):
        assert dense_risk(problem, n, ridge) == pytest.approx((s2 + bias) / (1 - df2 / n), **EXACT)
        if problem.covariance.ndim == 1:
            assert op.fixed_point(values, n, ridge=ridge) == pytest.approx(kappa, **EXACT)


# --- Dobriban and Wager, Annals of Statistics 46 (2018), arXiv 1507.03003


def silverstein(values, gamma, lam):
    """v(-lam), the companion Stieltjes transform, and its derivative,
    from Silverstein's equation."""

    def excess(x):
        v = math.exp(x)
        return 1 / v - lam - gamma * np.mean(values / (1 + values * v))

    v = math.exp(optimize.brentq(excess, -40, 40, xtol=1e-15, rtol=1e-15))
    return v, 1 / (1 / v**2 - gamma * np.mean(values**2 / (1 + values * v) ** 2))


@pytest.mark.parametrize("n", [40, 300])
@pytest.mark.parametrize("lam", [0.01, 0.3, 5.0])
def test_dobriban_wager_ridge_risk(values, n, lam):
    """Theorem 2.1: predictive risk for unit noise, signal strength alpha^2 spread evenly over
    features."""
    p, alpha2 = len(values), 2.3
    gamma = p / n
    v, slope = silverstein(values, gamma, lam)
    expected = (1 + (lam * alpha2 / gamma - 1) * (1 - lam * slope / v)) / (lam * v)
    beta = np.sign(normal(p, seed=4)) * math.sqrt(alpha2 / p)
    for problem in both_forms(beta, values, 1.0):
        assert dense_risk(problem, n, lam) == pytest.approx(expected, **EXACT)


def test_dobriban_wager_best_ridge(values):
    """The same theorem: lam = gamma / alpha^2 is the best ridge,
    and its risk is 1 / (lam v(-lam))."""
    p, n, alpha2 = len(values), 80, 2.3
    best = p / n / alpha2
    v, _ = silverstein(values, p / n, best)
    for problem in both_forms(np.full(p, math.sqrt(alpha2 / p)), values, 1.0)[:1]:
        assert dense_risk(problem, n, best) == pytest.approx(1 / (best * v), **EXACT)
        for other in (0.9, 1.1):
            assert dense_risk(problem, n, other * best) > dense_risk(problem, n, best)


@pytest.mark.parametrize("n", [40, 100, 300])
def test_dobriban_wager_at_ridge_zero(values, n):
    """As lam -> 0: alpha^2 / (gamma v) + v' / v^2 at v(0) above gamma = 1,
    1 / (1 - gamma) below."""
    p, alpha2 = len(values), 2.3
    gamma = p / n
    if gamma > 1:
        v, slope = silverstein(values, gamma, 0.0)
        expected = alpha2 / (gamma * v) + slope / v**2
    else:
        expected = 1 / (1 - gamma)
    for problem in both_forms(np.full(p, math.sqrt(alpha2 / p)), values, 1.0):
        assert dense_risk(problem, n) == pytest.approx(expected, **EXACT)


# --- Loureiro, Gerbelot, Cui, Goldt, Krzakala, Mezard, Zdeborova, NeurIPS 2021, arXiv 2102.08127


def state_evolution(values, beta, s2, n, ridge):
    """Their saddle-point equations of ridge regression, iterated in (V, q, m) and their conjugates.

    Inputs are divided by sqrt(p) there, so that weights are sqrt(p) theta and lambda is ridge n /
    p; the teacher sees the student's features and adds noise of variance s2.
    """
    p = len(values)
    alpha, lam, teacher = n / p, ridge * n / p, p * beta**2
    rho = np.mean(values * teacher)
    V, q, m = 1.0, 1.0, 0.0
    for _ in range(100_000):
        before = V, q, m
        V_hat = m_hat = alpha / (1 + V)
        q_hat = alpha * (s2 + rho - 2 * m + q) / (1 + V) ** 2
        V = np.mean(values / (lam + V_hat * values))
        m = m_hat * np.mean(teacher * values**2 / (lam + V_hat * values))
        q = np.mean(
            (q_hat * values**2 + m_hat**2 * teacher * values**3) / (lam + V_hat * values) ** 2
        )
        if np.allclose((V, q, m), before, rtol=1e-14, atol=0):
            return s2 + rho - 2 * m + q
    raise AssertionError("the iteration did not converge")


@pytest.mark.parametrize("n", [40, 60, 300])
def test_state_evolution(values, n):
    """At a ridge of 1e-7 it is the ridgeless value to 1e-6 where eigenvalues are of order one.

    For small ones 1e-7 is not little: there the first-order effect of the ridge is taken out, by
    its value at 1e-6.
    """
    s2, beta = 0.2, normal(len(values), seed=5) / 5
    at = {ridge: state_evolution(values, beta, s2, n, ridge) for ridge in (1e-7, 1e-6, 0.05)}
    ridgeless = at[1e-7] if values.min() > 0.1 else (10 * at[1e-7] - at[1e-6]) / 9
    for problem in both_forms(beta, values, math.sqrt(s2)):
        for ridge, expected in at.items():
            assert dense_risk(problem, n, ridge) == pytest.approx(expected, **EXACT)
        if values.min() > 1e-3:
            assert dense_risk(problem, n) == pytest.approx(ridgeless, rel=1e-6)


# --- Chang, Li, Oymak, Thrampoulidis, AAAI 2021, arXiv 2012.08749


@pytest.mark.parametrize("n", [20, 60, 110])
def test_chang_gamma_is_the_dense_risk(values, n):
    """Their xi and gamma: the variance in the law of the coefficients is the risk of the dense
    model."""
    p, s2 = len(values), 0.25
    beta, kappa = normal(p, seed=6) / 6, p / n

    def excess(x):
        return np.mean(1 / (1 + 1 / (math.exp(x) * values))) - 1 / kappa

    xi = math.exp(optimize.brentq(excess, -40, 40, xtol=1e-15, rtol=1e-15))
    signal = np.mean(p * values * beta**2 / (1 + xi * values) ** 2)
    gamma = (s2 + signal) / (1 - kappa * np.mean(1 / (1 + 1 / (xi * values)) ** 2))
    straight, rotated = both_forms(beta, values, math.sqrt(s2))
    assert dense_risk(straight, n) == pytest.approx(gamma, **EXACT)
    assert dense_risk(rotated, n) == pytest.approx(gamma, **EXACT)
    mean, variance = op.coefficient_law(straight, n)
    np.testing.assert_allclose(mean, beta / (1 + 1 / (xi * values)), rtol=1e-9)
    spread = gamma / n / (1 + 1 / (xi * values)) ** 2 / values
    np.testing.assert_allclose(variance, spread, rtol=1e-9)
    _, covariance = op.coefficient_law(rotated, n)
    basis = rotation(p)
    expected = (basis * spread) @ basis.T
    np.testing.assert_allclose(covariance, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


# --- identities


@pytest.mark.parametrize("n", [60, 200])
def test_oracle_retraining_is_training_on_the_support(values, n):
    """sigma_S^2 n / (n - s): the truth chose the support, so the data may be used again."""
    s, s2 = 25, 0.2
    beta = normal(len(values), seed=7) / 5
    for problem in both_forms(beta, values, math.sqrt(s2)):
        sigma = np.diag(values) if problem.covariance.ndim == 1 else problem.covariance
        S = np.argsort(-(problem.beta**2) * np.diag(sigma))[:s]
        explained = sigma[S] @ problem.beta
        outside = s2 + problem.beta @ sigma @ problem.beta
        outside -= explained @ np.linalg.solve(sigma[np.ix_(S, S)], explained)
        table = op.predict(problem, n, [len(values)], [s], rules="oracle")
        assert float(table.retrained_risk.item()) == pytest.approx(outside * n / (n - s), **EXACT)


@pytest.mark.parametrize("ridge", [0.0, 0.2])
def test_keeping_everything_is_dense(values, ridge):
    rules, beta = ("magnitude", "hessian", "oracle", "random"), normal(len(values), seed=8) / 5
    for problem in both_forms(beta, values, 0.4):
        table = op.predict(
            problem, 50, [30, 120], [30, 120], rules=rules, ridge=ridge, retrain_ridge=ridge
        )
        for k in (30, 120):
            for stage in ("pruned_risk", "retrained_risk"):
                same = table[stage].sel(size=k, nonzeros=k) / table.dense_risk.sel(size=k)
                np.testing.assert_allclose(same, 1.0, rtol=1e-12)


@pytest.mark.parametrize("s", [10, 45, 70])
def test_magnitude_is_hessian_for_isotropic_features(s):
    values, beta = SPECTRA["isotropic"], normal(120, seed=9) / 5
    for problem in both_forms(beta, values, 0.4):
        table = op.predict(problem, 50, [80, 120], [s], rules=("magnitude", "hessian"))
        for stage in ("pruned_risk", "retrained_risk"):
            magnitude, hessian = (table[stage].sel(rule=rule) for rule in ("magnitude", "hessian"))
            np.testing.assert_allclose(magnitude, hessian, rtol=1e-9)


def test_supports_that_ignore_the_data_leave_no_memory():
    """c = 0 for random pruning: (sigma^2 + E left out) n / (n - s), in closed form for independent
    features.

    With isotropic features it does not matter which s are drawn, so the rotated form is exact but
    for the finite number of supports.
    """
    values, beta, s, n = SPECTRA["isotropic"], normal(120, seed=10) / 5, 20, 50
    expected = (0.16 + 1.7 * beta @ beta * (1 - s / 120)) * n / (n - s)
    straight, rotated = both_forms(beta, values, 0.4)
    found = op.predict(straight, n, [120], [s], rules="random").retrained_risk
    assert float(found.item()) == pytest.approx(expected, **EXACT)
    drawn = op.predict(rotated, n, [120], [s], rules="random", draws=512)
    error = float(drawn.retrained_risk_stderr.item())
    assert error < 0.01 * expected
    assert abs(float(drawn.retrained_risk.item()) - expected) < 4 * error


# --- Chang, Li, Oymak, Thrampoulidis (2021): retraining and correlation


@pytest.mark.parametrize("simulated", [False, True])
@pytest.mark.parametrize("rule", ["magnitude", "hessian", "oracle"])
def test_rank_one_features_say_all_there_is_once_they_are_trained_again(rule, simulated):
    p, n, kept = 40, 25, [1, 4, 20, 40]
    scale, beta = np.linspace(2.0, 0.5, p), normal(p, seed=3)
    problem = op.LinearGaussianProblem(beta, np.outer(scale, scale))
    arguments = (problem, n, [p], kept)
    if simulated:
        table = op.simulate(*arguments, rules=[rule], trials=2).mean("trial")
    else:
        table = op.predict(*arguments, rules=[rule], draws=4)
    zeta = np.cumsum(scale**2)[np.array(kept) - 1] / np.sum(scale**2)
    null = (scale @ beta) ** 2
    found = table.squeeze()
    if rule != "oracle":  # which looks at beta, not at lambda alone, and keeps other features
        np.testing.assert_allclose(found.pruned_risk / null, (1 - zeta) ** 2, atol=1e-12)
    np.testing.assert_allclose(found.retrained_risk / null, 0.0, atol=1e-12)


def test_correlation_turns_retraining_from_a_loss_into_a_gain():
    p, n, s = 200, 100, 34
    distance = np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    gains = []
    for r in (0.0, 0.5, 0.9, 0.98):
        problem = op.LinearGaussianProblem(normal(p, seed=0) / p**0.5, r**distance, noise_std=0.1)
        table = op.predict(problem, n, [p], [s], draws=256).squeeze()
        gains.append(1 - float(table.retrained_risk / table.pruned_risk))
    assert gains[0] < -0.15
    assert gains[-1] > 0.6
    assert gains == sorted(gains)
