"""Several targets with noise of any covariance: draws, risk, restriction."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import overprune as op
import problems

VARIANCES = op.spectra.power_law(12, 0.6)
AUTOREGRESSIVE = 0.7 ** abs(np.subtract.outer(np.arange(12), np.arange(12)))
ROOT = problems.normal(3, 3, seed=4)
NOISE = {
    "definite": ROOT @ ROOT.T,
    "rank one": np.outer(ROOT[0], ROOT[0]),
    "scales apart": np.diag([1e-8, 1.0, 1e6]) @ (ROOT @ ROOT.T) @ np.diag([1e-8, 1.0, 1e6]),
    "zero": np.zeros((3, 3)),
}


def full(covariance):
    return np.diag(covariance) if covariance.ndim == 1 else covariance


@pytest.fixture(params=NOISE)
def noise(request):
    return NOISE[request.param]


@pytest.fixture(params=["independent", "correlated"])
def covariance(request):
    return VARIANCES if request.param == "independent" else AUTOREGRESSIVE


def test_draws_have_the_covariance(covariance, noise):
    n, beta = 60_000, problems.normal(12, 3)
    problem = op.LinearGaussianProblem(beta, covariance, noise_covariance=noise)
    X, y = problem.sample(n, seed=3)
    left = y - X @ beta
    scale = np.sqrt(np.outer(np.diag(noise), np.diag(noise)) + noise**2)
    assert (abs(left.T @ left / n - noise) <= 5 * scale / np.sqrt(n) + 1e-12).all()
    sizes = np.sqrt(np.outer(np.diag(full(covariance)), np.diag(noise)))
    assert (abs(X.T @ left / n) <= 5 * sizes / np.sqrt(n) + 1e-12).all()


def test_noise_of_equal_size_draws_the_same_as_noise_std():
    """One stream of normals, whichever way the noise is given."""
    beta = problems.normal(12, 3)
    a = op.LinearGaussianProblem(beta, VARIANCES, 0.5)
    b = op.LinearGaussianProblem(beta, VARIANCES, noise_covariance=np.eye(3) / 4)
    for left, right in zip(a.sample(20, seed=1), b.sample(20, seed=1), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-14, atol=1e-14)
    tables = [op.simulate(x, 10, [4, 12], [2, 4], rules=("oracle",), trials=3) for x in (a, b)]
    for name in tables[0]:
        np.testing.assert_allclose(tables[0][name], tables[1][name], rtol=1e-10)


def test_risk_and_attributes(covariance, noise):
    beta, theta = problems.normal(12, 3), problems.normal(5, 12, 3, seed=1)
    problem = op.LinearGaussianProblem(beta, covariance, noise_covariance=noise)
    difference = theta - beta
    expected = np.trace(noise) + np.einsum(
        "bit,ij,bjt->b", difference, full(covariance), difference
    )
    np.testing.assert_allclose(problem.risk(theta), expected, rtol=1e-12)
    assert problem.null_risk == pytest.approx(float(problem.risk(np.zeros((12, 3)))))
    np.testing.assert_array_equal(problem.noise_covariance, noise)
    assert problem.noise_std == pytest.approx(np.sqrt(np.trace(noise) / 3))
    with pytest.raises(ValueError, match="read-only"):
        problem.noise_covariance[0] = 1.0


def test_measured_errors_average_to_the_risk():
    beta, theta = problems.normal(12, 3), problems.normal(12, 3, seed=1)
    problem = op.LinearGaussianProblem(beta, AUTOREGRESSIVE, noise_covariance=NOISE["definite"])
    X, y = problem.sample(40_000, seed=2)
    errors = ((y - X @ theta) ** 2).sum(axis=1)
    assert abs(errors.mean() - problem.risk(theta)) < 4.5 * errors.std() / np.sqrt(len(errors))


@pytest.mark.parametrize("features", [1, 7, 12, [8, 2, 5]], ids=str)
def test_restriction(covariance, noise, features):
    beta, sigma = problems.normal(12, 3), full(covariance)
    part = op.LinearGaussianProblem(beta, covariance, noise_covariance=noise).restrict(features)
    kept = np.arange(features) if isinstance(features, int) else np.asarray(features)
    block = sigma[np.ix_(kept, kept)]
    expected = np.linalg.solve(block, sigma[kept] @ beta)
    np.testing.assert_allclose(part.beta, expected, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(full(part.covariance), block)
    left = noise + beta.T @ sigma @ beta - expected.T @ block @ expected
    np.testing.assert_allclose(part.noise_covariance, left, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(part.noise_covariance, part.noise_covariance.T)


def test_restricted_risk_is_the_risk_of_the_padded_model():
    problem = problems.joint_noise(p=12)
    theta = np.zeros((12, 3))
    theta[[8, 1, 5]] = problems.normal(3, 3, seed=1)
    part = problem.restrict([8, 1, 5])
    assert float(part.risk(theta[[8, 1, 5]])) == pytest.approx(float(problem.risk(theta)))


def test_restriction_joins_the_noise_of_targets_that_share_what_is_left_out():
    problem = op.LinearGaussianProblem([[1.0, 2.0], [3.0, -1.0]], [1.0, 4.0], noise_std=0.5)
    part = problem.restrict([0])
    np.testing.assert_allclose(part.noise_covariance, [[0.25 + 36, -12], [-12, 0.25 + 4]])
    again = part.restrict(1)
    np.testing.assert_array_equal(again.noise_covariance, part.noise_covariance)


def test_restriction_where_one_target_is_explained_up_to_rounding():
    """What rounding leaves must not make the noise look indefinite."""
    sigma = AUTOREGRESSIVE
    beta = problems.normal(12, 3)
    beta[4:, 0] = 0.0
    part = op.LinearGaussianProblem(beta, sigma).restrict(4)
    assert part.noise_covariance[0, 0] < 1e-25
    assert part.noise_covariance[1, 1] > 0.1


def test_one_target():
    a = op.LinearGaussianProblem(np.ones(4), np.ones(4), noise_covariance=[[0.25]])
    b = op.LinearGaussianProblem(np.ones(4), np.ones(4), 0.5)
    assert a.noise_std == b.noise_std == 0.5
    for left, right in zip(a.sample(5, seed=0), b.sample(5, seed=0), strict=True):
        np.testing.assert_array_equal(left, right)
    assert a.restrict(2).noise_std == b.restrict(2).noise_std
    columns = op.LinearGaussianProblem(np.ones((4, 1)), np.ones(4)).restrict(2)
    assert columns.beta.shape == (2, 1)


def test_pickle_and_repr():
    problem = problems.joint_noise()
    again = pickle.loads(pickle.dumps(problem))
    np.testing.assert_array_equal(again.noise_covariance, problem.noise_covariance)
    assert repr(problem).endswith("noise_covariance=<(3, 3)>)")
    assert "noise_covariance" not in repr(problems.several_targets())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.eye(2), r"noise_covariance must have length 3 along axis 0, got shape \(2, 2\)"),
        (np.ones((3, 2)), r"noise_covariance must have length 3 along axis 1"),
        (np.ones(3), r"noise_covariance must have 2 dimension"),
        (np.triu(np.ones((3, 3))), r"noise_covariance must be symmetric, got 1 at \(0, 1\) and 0"),
        (np.diag([1.0, 1.0, -1.0]), r"noise_covariance must be positive semidefinite"),
        (np.full((3, 3), np.nan), r"noise_covariance must be finite, got nan"),
    ],
)
def test_wrong_input_is_named(value, message):
    with pytest.raises(ValueError, match=message):
        op.LinearGaussianProblem(np.ones((4, 3)), np.ones(4), noise_covariance=value)


def test_noise_is_given_once():
    with pytest.raises(
        ValueError, match=r"noise_std must be left out with noise_covariance, got 0.5"
    ):
        op.LinearGaussianProblem(np.ones((4, 3)), np.ones(4), 0.5, noise_covariance=np.eye(3))
