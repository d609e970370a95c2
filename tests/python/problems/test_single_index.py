"""Teachers y = g(teacher'a) + noise learnt through random features."""

from __future__ import annotations

import numpy as np
import pytest

import overprune as op
import problems
from feature_oracle import PHI, expectation, moments, pair_moment


def hinge(z):
    return np.maximum(1.0 - z, 0.0)


def steps(z):
    return np.floor(2 * z + 0.25)


def name_of(function):
    return getattr(function, "__name__", function)


LINKS = {
    **PHI,
    "hinge": hinge,
    "steps": steps,
    "square": np.square,
    "sin 3z": lambda z: np.sin(3 * z),
}


def problem_with(activation, link, *, with_bias=True, p=14, d=4, noise_std=0.3):
    """Rows of several lengths; one is parallel, one nearly opposite to the teacher."""
    weights = problems.normal(p, d) * np.linspace(0.3, 1.5, p)[:, None]
    teacher = problems.normal(d, seed=1) * 0.7
    weights[1] = teacher * 0.5
    weights[2] = -teacher + 1e-3 * weights[0]
    bias = 0.8 * problems.normal(p, seed=2) if with_bias else None
    return op.RandomFeatureProblem(weights, teacher, noise_std, activation, bias, link=link)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("activation", PHI)
def test_moments_against_samples(activation, link):
    """E[y x] and E[y^2] within five standard errors, from the problem's own samples."""
    n = 200_000
    problem = problem_with(activation, link if link in PHI else LINKS[link])
    X, y = problem.sample(n, seed=3)
    _, cross, power = moments(problem)
    error = np.sqrt((X**2 * y[:, None] ** 2).mean(axis=0) / n)
    assert (abs(y @ X / n - cross) < 5 * error).all()
    assert abs((y**2).mean() - power) < 5 * (y**2).std() / np.sqrt(n)
    assert power == pytest.approx(problem.null_risk, rel=1e-12)


@pytest.mark.parametrize("link", PHI)
@pytest.mark.parametrize("activation", PHI)
def test_moments_against_quadrature(activation, link):
    """E[y x] over the plane of row and teacher, E[y^2] over the line."""
    weights, teacher = problems.normal(6, 4) * 0.8, problems.normal(4, seed=1) * 0.7
    weights[0], weights[1] = teacher * 0.5, -teacher
    bias = 0.8 * problems.normal(6, seed=2)
    phi, g = PHI[activation], PHI[link]
    problem = op.RandomFeatureProblem(weights, teacher, 0.3, activation, bias, link=link)
    _, cross, power = moments(problem)
    expected = [pair_moment(phi, r, teacher, b, 0.0, g) for r, b in zip(weights, bias, strict=True)]
    np.testing.assert_allclose(cross, expected, atol=2e-11)
    length = np.linalg.norm(teacher)
    assert power == pytest.approx(expectation(lambda u: g(length * u) ** 2, 0.0) + 0.09, rel=1e-12)


def test_closed_forms():
    """Labels sign(w'a), |w'a| and (w'a)^2 seen through features whose moments have closed forms."""
    R, w = problems.normal(30, 5), problems.normal(5, seed=1)
    R[0], R[1] = 3 * w, -w / 2
    norm, length = np.linalg.norm(R, axis=1), np.linalg.norm(w)
    rho = np.clip(R @ w / (norm * length), -1, 1)

    root = np.sqrt(1 - rho**2)
    cases = {
        ("identity", "sign"): norm * rho * np.sqrt(2 / np.pi),
        ("relu", "sign"): norm * rho / np.sqrt(2 * np.pi),
        ("sign", "sign"): 2 / np.pi * np.arcsin(rho),
        ("erf", "sign"): 2 / np.pi * np.arcsin(np.sqrt(2) * norm * rho / np.sqrt(1 + 2 * norm**2)),
        ("relu", "relu"): norm * length * (root + (np.pi - np.arccos(rho)) * rho) / (2 * np.pi),
        ("relu", np.abs): norm * length * (root + rho * np.arcsin(rho)) / np.pi,
        ("relu", np.square): norm * length**2 * (1 + rho**2) / np.sqrt(2 * np.pi),
        ("identity", lambda z: z**3): norm * rho * 3 * length**3,
    }
    for (activation, link), expected in cases.items():
        found = moments(op.RandomFeatureProblem(R, w, 0.0, activation, link=link))[1]
        np.testing.assert_allclose(found, expected, atol=1e-7)  # arcsin and arccos near 1


@pytest.mark.parametrize("linear", ["identity", lambda z: z])
@pytest.mark.parametrize("activation", ["relu", "tanh", hinge])
def test_a_linear_link_is_none(activation, linear):
    problem, none = (problem_with(activation, link) for link in (linear, None))
    for one, other in zip(moments(problem), moments(none), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-11)
    for one, other in zip(problem.sample(9, seed=1), none.sample(9, seed=1), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("link", ["sign", "gelu", steps, np.square], ids=name_of)
@pytest.mark.parametrize("activation", ["relu", "tanh", hinge], ids=name_of)
def test_risk_is_that_of_fresh_draws(activation, link):
    """Fixed models, measured on 200 000 fresh rows; `simulate` measures the same."""
    problem = op.RandomFeatureProblem.draw(
        30, 8, noise_std=0.2, activation=activation, link=link, seed=1
    )
    X, y = problem.sample(60, seed=5)
    linear = problem.equivalent()
    theta = np.stack([op.least_squares(X, y, ridge=0.1), np.zeros(30), linear.beta])
    n = 200_000
    fresh, answers = problem.sample(n, seed=6)
    losses = (answers - theta @ fresh.T) ** 2
    error = losses.std(axis=1) / np.sqrt(n)
    assert (abs(losses.mean(axis=1) - problem.risk(theta)) < 4.5 * error).all()
    assert problem.risk(theta[1]) == pytest.approx(problem.null_risk, rel=1e-12)
    assert problem.risk(linear.beta) == pytest.approx(linear.noise_std**2)
    assert linear.noise_std > problem.noise_std
    table = op.simulate(problem, 60, [30], [30], ridge=0.1, trials=1, seed=5)
    assert float(table.dense_risk.squeeze()) == pytest.approx(
        float(problem.risk(theta[0])), rel=1e-9
    )
    assert table.attrs["null_risk"] == problem.null_risk
    assert table.attrs["noise_floor"] == pytest.approx(0.04)


@pytest.mark.parametrize("name", ["relu", "tanh", "sign", "gelu"])
@pytest.mark.parametrize("noise_std", [0.0, 0.3])
def test_a_teacher_among_the_features_leaves_the_noise(name, noise_std):
    """y = phi(r_3'a) is explained by feature 3: nothing but noise is left, and no negative
    variance."""
    weights = problems.normal(12, 4)
    for activation, link in ((name, name), (PHI[name], name), (name, PHI[name])):
        problem = op.RandomFeatureProblem(weights, weights[3], noise_std, activation, link=link)
        linear = problem.equivalent()
        np.testing.assert_allclose(linear.beta, np.arange(12) == 3, atol=1e-8)
        assert linear.noise_std == pytest.approx(noise_std, abs=1e-6)


def test_samples_are_links_of_a_linear_teacher():
    draw = op.RandomFeatureProblem.draw
    for link, g in (("sign", np.sign), (np.square, np.square), ("gelu", PHI["gelu"])):
        linear = draw(7, 5, noise_std=0.0, seed=3).sample(40, seed=1, stream=2)[1]
        noiseless = draw(7, 5, noise_std=0.0, link=link, seed=3).sample(40, seed=1, stream=2)[1]
        noisy = draw(7, 5, noise_std=0.5, link=link, seed=3).sample(40, seed=1, stream=2)[1]
        plain = draw(7, 5, noise_std=0.5, seed=3).sample(40, seed=1, stream=2)[1]
        np.testing.assert_allclose(noiseless, g(linear), rtol=1e-13)
        np.testing.assert_allclose(noisy - noiseless, plain - linear, atol=1e-13)


def test_a_zero_teacher_is_constant():
    problem = op.RandomFeatureProblem(
        problems.normal(5, 3), np.zeros(3), 0.1, link=lambda z: z + 2.0
    )
    assert problem.null_risk == pytest.approx(4.01, rel=1e-14)
    means = np.linalg.norm(problem.weights, axis=1) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(moments(problem)[1], 2 * means, rtol=1e-10)
