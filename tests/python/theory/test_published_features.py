"""Random features against published limits,
and against simulation through the equivalent problem."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import overprune as op

MU1, MU_STAR_SQUARED = 1 / 2, 1 / 4 - 1 / (2 * np.pi)  # of relu; its mean is 1 / sqrt(2 pi)


def dense_risk(problem, n, ridge=0.0):
    """Predicted test risk of the model trained on n samples."""
    table = op.predict(problem, n, problem.p, problem.p, ridge=ridge, retrain=False)
    return table.dense_risk.item()


def averaged_dense_risk(problem, n, ridge=0.0):
    """The same, averaged over the directions of the teacher of relu features, E[a x'] = weights' /
    2."""
    cross = (
        problem.weights / 2 * np.linalg.norm(problem.teacher) / np.sqrt(problem.weights.shape[1])
    )
    return limit(problem.equivalent().covariance, cross, problem.null_risk, n, ridge)


def limit(covariance, cross, power, n, ridge):
    """The fixed point for E[y x] = one of the columns of cross, summed over columns; `power` is
    E[y^2]."""
    values, basis = np.linalg.eigh(covariance)
    kept = values > 1e-12 * values[-1]
    values, image = values[kept], basis.T[kept] @ cross
    signal = (image**2).sum(axis=1) / values  # of beta in the eigenbasis, times its variance
    tau = 0.0
    if len(values) > n or ridge > 0:
        excess = lambda t: ridge * np.exp(-t) + (values / (values + np.exp(t))).sum() / n - 1  # noqa: E731
        tau = np.exp(optimize.brentq(excess, -60.0, 60.0, xtol=1e-13))
    left = tau / (values + tau)
    return (power - signal.sum() + (left**2 * signal).sum()) / (1 - ((1 - left) ** 2).sum() / n)


def mei_montanari(psi1, psi2, signal, noise, ridge=0.0):
    """Test error of relu features in the limit features / d -> psi1, samples / d -> psi2.

    Mei and Montanari (2022), "The generalization error of random features regression", Definition 1
    and Theorems 2 and 3, for a linear target of power `signal` and noise of variance `noise`; ours
    is theirs plus the noise. Their penalty N lambda / d is our ridge.
    """
    zeta = MU1 / np.sqrt(MU_STAR_SQUARED)
    z2 = zeta**2
    if ridge == 0.0:
        psi = min(psi1, psi2)
        middle = psi * z2 - z2 - 1
        chi = -(np.sqrt(middle**2 + 4 * z2 * psi) + middle) / (2 * z2)
    else:
        # On the imaginary axis nu1 = i a and nu2 = i b with positive a and b.
        height = np.sqrt(psi2 * ridge / MU_STAR_SQUARED)
        a = b = 1.0
        for _ in range(20_000):
            shared = 1 + z2 / (1 + z2 * a * b)
            a, b = (a + psi1 / (height + b * shared)) / 2, (b + psi2 / (height + a * shared)) / 2
        chi = -a * b
    e0 = (
        -(chi**5) * z2**3
        + 3 * chi**4 * z2**2
        + (psi1 * psi2 - psi2 - psi1 + 1) * chi**3 * z2**3
        - 2 * chi**3 * z2**2
        - 3 * chi**3 * z2
        + (psi1 + psi2 - 3 * psi1 * psi2 + 1) * chi**2 * z2**2
        + 2 * chi**2 * z2
        + chi**2
        + 3 * psi1 * psi2 * chi * z2
        - psi1 * psi2
    )
    e1 = psi2 * chi**3 * z2**2 - psi2 * chi**2 * z2 + psi1 * psi2 * chi * z2 - psi1 * psi2
    e2 = (
        chi**5 * z2**3
        - 3 * chi**4 * z2**2
        + (psi1 - 1) * chi**3 * z2**3
        + 2 * chi**3 * z2**2
        + 3 * chi**3 * z2
        - (psi1 + 1) * chi**2 * z2**2
        - 2 * chi**2 * z2
        - chi**2
    )
    return noise + (signal * e1 + noise * e2) / e0


LIMITS = [  # features / d, samples / d, noise variance, ridge
    (3, 1.5, 0.1, 0.0),
    (1, 2, 0.1, 0.0),
    (0.5, 3, 0.3, 0.0),
    (2, 0.7, 0.05, 0.0),
    (4, 2, 0.1, 0.05),
    (1, 2, 0.2, 0.02),
    (2, 2, 0.2, 0.1),
]


@pytest.mark.parametrize("dim", [100, 300])
@pytest.mark.parametrize(("psi1", "psi2", "noise", "ridge"), LIMITS)
def test_relu_features_tend_to_the_limit_of_mei_and_montanari(psi1, psi2, noise, ridge, dim):
    """The distance falls as 1 / d. The mean of the features is one large eigenvalue, which costs 1
    / n."""
    problem = op.RandomFeatureProblem.draw(round(psi1 * dim), dim, noise_std=np.sqrt(noise), seed=1)
    found = averaged_dense_risk(problem, round(psi2 * dim), ridge)
    assert found == pytest.approx(mei_montanari(psi1, psi2, 1.0, noise, ridge), rel=3 / dim)


@pytest.mark.parametrize("dim", [50, 150])
def test_predictions_scatter_around_the_limit(dim):
    draws = 20
    problems = [
        op.RandomFeatureProblem.draw(3 * dim, dim, noise_std=0.3, seed=s) for s in range(draws)
    ]
    risks = np.array([dense_risk(problem, 3 * dim // 2) for problem in problems])
    error = risks.std(ddof=1) / np.sqrt(draws)
    expected = mei_montanari(3, 1.5, 1.0, 0.09)
    assert abs(risks.mean() - expected) < 4 * error + 3 / dim * expected
    assert error < 0.05 * expected


def test_the_limit_without_ridge_is_that_of_small_ridge():
    for psi1, psi2 in ((3, 1.5), (1, 2), (0.4, 0.9)):
        assert mei_montanari(psi1, psi2, 1.0, 0.1, 1e-10) == pytest.approx(
            mei_montanari(psi1, psi2, 1.0, 0.1), rel=1e-4
        )


def softplus(z):
    return np.logaddexp(0.0, z)


def bent(z):
    """Kinks and a jump, all away from zero."""
    return np.where(z < 0.4, np.maximum(z, -0.9), 1.0)


FEATURES = [
    ("relu", None),
    ("tanh", None),
    ("gelu", None),
    ("gelu", "sign"),
    (softplus, None),
    (softplus, "tanh"),
    (bent, None),
    ("sign", np.square),
    ("relu", bent),
]


@pytest.mark.parametrize(("dim", "trials"), [(50, 80), (120, 40)])
@pytest.mark.parametrize(("activation", "link"), FEATURES)
def test_simulation_agrees_with_the_limit(activation, link, dim, trials):
    """z-scores, with a finite-size bias that falls as 1 / d: 2 % at d = 50."""
    problem = op.RandomFeatureProblem.draw(
        3 * dim, dim, noise_std=0.3, activation=activation, link=link, seed=3
    )
    n, p = round(1.4 * dim), 3 * dim
    for ridge in (0.0, 0.1):
        table = op.simulate(problem, n, [p], [p], retrain=False, ridge=ridge, trials=trials, seed=5)
        risks, expected = table.dense_risk.values.ravel(), dense_risk(problem, n, ridge)
        error = risks.std(ddof=1) / np.sqrt(trials)
        assert abs(risks.mean() - expected) < 3 * error + expected / dim
        assert error < 0.03 * expected
