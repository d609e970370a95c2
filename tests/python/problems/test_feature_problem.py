"""Random-feature problems: the equivalent problem against closed forms, quadrature and samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import overprune as op
import problems
from feature_oracle import ACTIVATIONS, PHI, expectation, moments, pair_moment, problem_with


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_second_moments_against_quadrature(activation, with_bias):
    """Every pair and every cross moment."""
    problem = problem_with(activation, with_bias=with_bias, p=6)
    R, phi = problem.weights, PHI[activation]
    bias = np.zeros(problem.p) if problem.bias is None else problem.bias
    sigma, cross, _ = moments(problem)
    for i in range(problem.p):
        for j in range(i + 1):
            assert sigma[i, j] == pytest.approx(
                pair_moment(phi, R[i], R[j], bias[i], bias[j]), abs=1e-11
            )
        norm = np.linalg.norm(R[i])
        slope = (
            expectation(lambda u, i=i, norm=norm: u * phi(norm * u + bias[i]), -bias[i] / norm)
            / norm
        )
        assert cross[i] == pytest.approx(slope * R[i] @ problem.teacher, abs=1e-11)


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_second_moments_against_samples(activation, with_bias):
    """The problem's own samples, within five standard errors in every entry."""
    n, problem = 200_000, problem_with(activation, with_bias=with_bias)
    X, y = problem.sample(n, seed=3)
    sigma, cross, power = moments(problem)
    for found, expected in ((X.T @ X / n, sigma), (y @ X / n, cross), ((y**2).mean(), power)):
        spread = np.sqrt(((X**2).T @ X**2 / n).max()) if found.ndim == 2 else (y**2).mean() * 3
        assert abs(found - expected).max() < 5 * spread / np.sqrt(n) * 1.5


def test_closed_forms_of_the_theory():
    problem = problem_with("relu", with_bias=False)
    R, w = problem.weights, problem.teacher
    norm, inner = np.linalg.norm(R, axis=1), problem.weights @ problem.weights.T
    outer = np.outer(norm, norm)
    angle = np.arccos(np.clip(inner / outer, -1, 1))
    scaled = np.sqrt(np.outer(1 + 2 * norm**2, 1 + 2 * norm**2))
    b = problems.normal(len(R), seed=2) * 0.8
    near, far = (np.exp(-((R[:, None] - s * R[None]) ** 2).sum(axis=2) / 2) for s in (1, -1))
    expected = {
        "identity": (inner, R @ w, None),
        "relu": (
            outer * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi),
            R @ w / 2,
            None,
        ),
        "sign": (
            2 / np.pi * np.arcsin(np.clip(inner / outer, -1, 1)),
            np.sqrt(2 / np.pi) * R @ w / norm,
            None,
        ),
        "erf": (
            2 / np.pi * np.arcsin(2 * inner / scaled),
            2 / np.sqrt(np.pi) * R @ w / np.sqrt(1 + 2 * norm**2),
            None,
        ),
        "cos": (
            (near * np.cos(b[:, None] - b) + far * np.cos(b[:, None] + b)) / 2,
            -R @ w * np.sin(b) * np.exp(-(norm**2) / 2),
            b,
        ),
    }
    for activation, (sigma, cross, bias) in expected.items():
        found = moments(op.RandomFeatureProblem(R, w, 0.3, activation, bias))
        np.testing.assert_allclose(found[0], sigma, atol=1e-7)  # arccos and arcsin near 1
        np.testing.assert_allclose(found[1], cross, atol=1e-9)
        assert found[2] == pytest.approx(w @ w + 0.09)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_risk_is_that_of_a_big_fresh_sample(activation):
    problem = op.RandomFeatureProblem.draw(30, 8, noise_std=0.2, activation=activation, seed=1)
    X, y = problem.sample(60, seed=5)
    theta = np.stack([op.least_squares(X, y, ridge=0.1), np.zeros(30), problem.equivalent().beta])
    n = 200_000
    fresh, answers = problem.sample(n, seed=6)
    losses = (answers - theta @ fresh.T) ** 2
    error = losses.std(axis=1) / np.sqrt(n)
    assert (abs(losses.mean(axis=1) - problem.risk(theta)) < 5 * error).all()
    assert problem.null_risk == pytest.approx(1.04)
    np.testing.assert_array_equal(problem.risk(theta), problem.equivalent().risk(theta))


def test_the_equivalent_is_the_best_linear_model():
    """Its noise floor is the risk of beta, and no other theta has less."""
    problem = problems.relu_features()
    linear = problem.equivalent()
    floor = float(problem.risk(linear.beta))
    assert floor == pytest.approx(linear.noise_std**2)
    assert floor > problem.noise_std**2
    assert (problem.risk(linear.beta + 0.01 * problems.normal(50, problem.p)) > floor).all()


def test_identity_features_with_more_features_than_inputs():
    """A singular covariance: everything is explained, and only the noise is left."""
    problem = op.RandomFeatureProblem.draw(30, 6, noise_std=0.2, activation="identity", seed=2)
    assert problem.equivalent().noise_std == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize("activation", ["relu", "sign", "erf", "tanh", "gelu"])
def test_a_bias_of_zero_is_no_bias(activation):
    problem = problem_with(activation, with_bias=False)
    other = op.RandomFeatureProblem(
        problem.weights, problem.teacher, problem.noise_std, activation, np.full(problem.p, 1e-13)
    )
    for a, b in zip(moments(problem), moments(other), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-11)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nearly_parallel_rows(activation):
    """Where closed forms divide by the sine of the angle: duplicates, multiples, opposites."""
    phi, base = PHI[activation], problems.normal(5)
    length, signs = np.linalg.norm(base), [1, 1, 1, -1]
    weights = np.stack(
        [base, base * (1 + 1e-9), base + 1e-9 * problems.normal(5, seed=1), -base * (1 + 1e-12)]
    )
    for bias in (np.zeros(4), np.array([0.5, 0.5, 0.5, -0.5]), np.array([0.5, -0.2, 0.1, 0.3])):
        features = [
            lambda u, s=s, b=b: phi(s * length * u + b) for s, b in zip(signs, bias, strict=True)
        ]
        kinks = [-s * b / length for s, b in zip(signs, bias, strict=True)]
        sigma = (
            op.RandomFeatureProblem(weights, base, 0.1, activation, bias).equivalent().covariance
        )
        for i, f in enumerate(features):
            for j, g in enumerate(features):
                expected = expectation(lambda u, f=f, g=g: f(u) * g(u), kinks[i], kinks[j])
                assert sigma[i, j] == pytest.approx(expected, abs=4e-9)  # of rows 1e-9 apart


def test_draw():
    problem = op.RandomFeatureProblem.draw(2000, 50, noise_std=0.1, seed=4)
    assert problem.weights.shape == (2000, 50)
    assert np.linalg.norm(problem.teacher) == pytest.approx(1)
    assert problem.weights.var() == pytest.approx(1 / 50, rel=5 * np.sqrt(2 / 1e5))
    assert problem.bias is None
    phases = op.RandomFeatureProblem.draw(500, 3, noise_std=0.1, activation="cos", seed=4).bias
    assert phases.min() >= 0
    assert phases.max() < 2 * np.pi
    assert stats.kstest(phases / (2 * np.pi), "uniform").pvalue > 1e-3
    small = op.RandomFeatureProblem.draw(20, 50, noise_std=0.1, seed=4)
    np.testing.assert_array_equal(small.weights, problem.weights[:20])


def test_attributes_are_copies_and_read_only():
    weights = problems.normal(3, 2)
    problem = op.RandomFeatureProblem(weights, [1.0, 0.0], bias=[0.1, 0.2, 0.3])
    weights[0, 0] = 77.0
    assert problem.weights[0, 0] != 77.0
    for array in (problem.weights, problem.teacher, problem.bias):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0


def test_sample_is_the_features_of_gaussian_inputs():
    """With an identity problem of the same seed the inputs themselves can be seen."""
    d, problem = 6, op.RandomFeatureProblem.draw(20, 6, noise_std=0.0, activation="tanh", seed=9)
    inputs, _ = op.RandomFeatureProblem(np.eye(d), np.ones(d), 0.0, "identity").sample(
        30, seed=2, stream=5
    )
    X, y = problem.sample(30, seed=2, stream=5)
    np.testing.assert_allclose(X, op.random_features(inputs, problem.weights, "tanh"), rtol=1e-12)
    np.testing.assert_allclose(y, inputs @ problem.teacher, rtol=1e-12)


def test_more_features_than_dimensions_simulate_as_their_equivalent_does():
    """Identity features of 10 inputs are singular in 40: no rounding error may be sampled as a
    direction."""
    problem = op.RandomFeatureProblem.draw(40, 10, noise_std=0.3, activation="identity", seed=0)
    means = []
    for twin in (problem, problem.equivalent()):
        table = op.simulate(twin, 20, [40], [8], trials=200)
        for name in ("dense_risk", "pruned_risk", "retrained_risk"):
            values = table[name].values.ravel()
            means.append((values.mean(), values.std() / np.sqrt(len(values))))
    for (a, a_error), (b, b_error) in zip(means[:3], means[3:], strict=True):
        assert abs(a - b) < 4 * np.hypot(a_error, b_error)


@pytest.mark.parametrize("length", [1e70, 1e80, 1e100, 1e140])
def test_erf_of_very_long_weights_is_sign(length):
    """Products of squared lengths beyond 1e77 overflow: correlations were 0, then NaN."""
    weights = length * np.array([[-0.84, 0.36], [0.0, -1.5], [0.3, 0.2]])
    erf, sign = (
        op.RandomFeatureProblem(weights, [1.0, 0.5], 0.1, a).equivalent() for a in ("erf", "sign")
    )
    np.testing.assert_allclose(erf.covariance, sign.covariance, rtol=1e-14)
    np.testing.assert_allclose(erf.beta, sign.beta, rtol=1e-13)
