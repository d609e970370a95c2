"""Linear Gaussian problems: restriction, samples, risk."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import overprune as op
import problems
from overprune import _core

SEED = {"seed": 7}


def wishart(p, seed=0):
    rows = np.random.default_rng(seed).standard_normal((2 * p, p))
    return rows.T @ rows / (2 * p)


COVARIANCES = {
    "variances": np.linspace(0.2, 3.0, 12),
    "variances with zeros": np.arange(12) % 3 * 1.0,
    "wishart": wishart(12),
    "correlated": 0.8 ** abs(np.subtract.outer(np.arange(12), np.arange(12))),
    "ill-conditioned": np.diag(10.0 ** -np.arange(12))
    @ wishart(12)
    @ np.diag(10.0 ** -np.arange(12)),
    "singular": problems.normal(12, 5) @ problems.normal(12, 5).T,
    "a repeated feature": wishart(12)[np.ix_(np.arange(12) % 11, np.arange(12) % 11)],
    "zero": np.zeros((12, 12)),
}
NAMES = list(COVARIANCES)


def matrix(covariance):
    return np.diag(covariance) if covariance.ndim == 1 else covariance


@pytest.fixture(params=NAMES)
def covariance(request):
    return COVARIANCES[request.param]


@pytest.mark.parametrize("shape", [(12,), (12, 1), (12, 3)])
def test_risk_is_the_quadratic_form(covariance, shape):
    beta, sigma = problems.normal(*shape), matrix(covariance)
    problem = op.LinearGaussianProblem(beta, covariance, noise_std=0.5)
    m = shape[1] if len(shape) > 1 else 1
    rows = (4, 2, 12) if m == 1 else (4, 2, 12, m)
    theta = problems.normal(*rows, seed=1)
    difference = (theta - (beta.ravel() if m == 1 else beta)).reshape(4, 2, 12, m)
    expected = m * 0.25 + np.einsum("abit,ij,abjt->ab", difference, sigma, difference)
    np.testing.assert_allclose(problem.risk(theta), expected, rtol=1e-11)
    np.testing.assert_allclose(problem.risk(theta[0, 0]), expected[0, 0], rtol=1e-11)
    assert problem.risk(theta[0, 0]).shape == ()
    columns = beta.reshape(12, m)
    assert problem.null_risk == pytest.approx(m * 0.25 + np.trace(columns.T @ sigma @ columns))


def test_attributes(covariance):
    beta = problems.normal(12)
    problem = op.LinearGaussianProblem(beta, covariance, 0.25)
    assert problem.p == 12
    assert problem.noise_std == 0.25
    np.testing.assert_array_equal(problem.beta, beta)
    np.testing.assert_array_equal(problem.covariance, covariance)
    for array in (problem.beta, problem.covariance):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_a_problem_does_not_follow_later_changes_of_its_arguments():
    beta, covariance = np.ones(3), np.ones(3)
    problem = op.LinearGaussianProblem(beta, covariance)
    beta[0], covariance[1] = 100.0, 100.0
    assert problem.null_risk == 3.0
    np.testing.assert_array_equal(problem.beta, np.ones(3))


@pytest.mark.parametrize(
    "features", [1, 5, 12, [3], [7, 0, 4], np.array([11, 10, 2, 5], dtype=np.int16)], ids=str
)
def test_restriction(covariance, features):
    beta, sigma = problems.normal(12), matrix(covariance)
    part = op.LinearGaussianProblem(beta, covariance, 0.3).restrict(features)
    kept = np.arange(features) if isinstance(features, int) else np.asarray(features)
    block, cross = sigma[np.ix_(kept, kept)], sigma[kept] @ beta
    np.testing.assert_allclose(matrix(part.covariance), block)
    assert part.covariance.ndim == covariance.ndim
    # What the features explain is unique even where beta_D is not.
    np.testing.assert_allclose(block @ part.beta, cross, rtol=1e-7, atol=1e-9 * abs(sigma).max())
    scale = np.sqrt(np.where(np.diag(block) > 0, np.diag(block), 1.0))
    correlation = block / np.outer(scale, scale)
    explained = (
        cross / scale @ np.linalg.pinv(correlation, rcond=1e-12, hermitian=True) @ (cross / scale)
    )
    noise = 0.09 + beta @ sigma @ beta - explained
    assert part.noise_std**2 == pytest.approx(noise, rel=1e-6, abs=1e-10 * (1 + abs(sigma).max()))


def test_restriction_to_all_features_without_noise_leaves_none(covariance):
    problem = op.LinearGaussianProblem(problems.normal(12), covariance)
    part = problem.restrict(12)
    assert part.noise_std**2 <= 1e-12 * max(problem.null_risk, 1e-300)
    assert part.null_risk == pytest.approx(problem.null_risk, rel=1e-6)


def test_restriction_of_diagonal_problems_is_exact():
    problem = op.LinearGaussianProblem([3.0, 4.0, 2.0], [1.0, 4.0, 9.0], noise_std=1.0)
    part = problem.restrict([2, 0])
    np.testing.assert_array_equal(part.beta, [2.0, 3.0])
    np.testing.assert_array_equal(part.covariance, [9.0, 1.0])
    assert part.noise_std**2 == pytest.approx(1 + 64)


def test_restricted_risk_is_the_risk_of_the_padded_model():
    problem = problems.correlated(p=12)
    theta = np.zeros(12)
    theta[[8, 1, 5]] = problems.normal(3)
    part = problem.restrict([8, 1, 5])
    assert part.risk(theta[[8, 1, 5]]) == pytest.approx(float(problem.risk(theta)))


def test_sample_has_the_covariance(covariance):
    n, beta, sigma = 60_000, problems.normal(12), matrix(covariance)
    X, y = op.LinearGaussianProblem(beta, covariance, noise_std=0.7).sample(n, **SEED)
    scale = np.sqrt(np.outer(np.diag(sigma), np.diag(sigma)) + sigma**2)
    error = abs(X.T @ X / n - sigma)
    assert (error <= 5 * scale / np.sqrt(n) + 1e-12 * abs(sigma).max()).all()
    noise = y - X @ beta
    assert noise.std() == pytest.approx(0.7, rel=5 / np.sqrt(2 * n))
    assert (abs(noise @ X / n) <= 5 * 0.7 * np.sqrt(np.diag(sigma) / n) + 1e-12).all()


@pytest.mark.parametrize("name", problems.EVERY)
def test_samples_are_keyed_by_seed_and_stream(name):
    problem = problems.EVERY[name]()
    X, y = problem.sample(9, seed=1, stream=2)
    assert X.shape == (9, problem.p)
    assert y.shape == ((9,) if problem.targets == 1 else (9, problem.targets))
    again = problem.sample(9, seed=1, stream=2)
    np.testing.assert_array_equal(X, again[0])
    np.testing.assert_array_equal(y, again[1])
    for other in ({"seed": 2, "stream": 2}, {"seed": 1, "stream": 3}):
        assert (problem.sample(9, **other)[0] != X).any()


def test_without_noise_the_response_is_exact():
    problem = problems.correlated(noise_std=0.0)
    X, y = problem.sample(20, **SEED)
    np.testing.assert_allclose(y, X @ problem.beta, rtol=1e-12, atol=1e-13)


def test_several_targets():
    n, problem = 50_000, problems.several_targets(p=6)
    X, y = problem.sample(n, **SEED)
    assert y.shape == (n, 3)
    noise = y - X @ problem.beta
    np.testing.assert_allclose(
        noise.T @ noise / n, 0.09 * np.eye(3), atol=5 * 0.09 * np.sqrt(2 / n)
    )
    np.testing.assert_array_equal(problem.noise_covariance, 0.3**2 * np.eye(3))


def test_a_matrix_that_is_diagonal_is_the_variances():
    variances = np.linspace(0.5, 2, 8)
    a = op.LinearGaussianProblem(problems.normal(8), variances, 0.1)
    b = op.LinearGaussianProblem(problems.normal(8), np.diag(variances), 0.1)
    for X, Y in zip(a.sample(5, **SEED), b.sample(5, **SEED), strict=True):
        np.testing.assert_allclose(X, Y, rtol=1e-13)
    theta = problems.normal(3, 8)
    np.testing.assert_allclose(a.risk(theta), b.risk(theta), rtol=1e-13)


def test_slightly_unsymmetric_and_slightly_indefinite_matrices_pass():
    sigma = COVARIANCES["singular"] * (1 + 1e-13 * np.triu(np.ones((12, 12))))
    assert op.LinearGaussianProblem(np.ones(12), sigma).p == 12


@pytest.mark.parametrize("name", ["diagonal", "correlated", "relu features"])
def test_oracle_scores_are_those_of_the_restriction(name):
    problem = problems.EVERY[name]()
    linear = problem.equivalent() if name == "relu features" else problem
    for k in (1, 7, problem.p):
        part = linear.restrict(k)
        expected = abs(part.beta) * np.sqrt(np.diag(matrix(part.covariance)))  # as ranked
        np.testing.assert_allclose(problem._core.oracle_scores(k), expected, rtol=1e-6, atol=1e-12)


def test_a_problem_is_one_object_in_the_core():
    assert isinstance(problems.diagonal()._core, _core.LinearGaussianProblem)


def test_samples_of_a_singular_covariance_have_its_rank():
    sigma = COVARIANCES["singular"]  # 12 features in 5 dimensions
    X, _ = op.LinearGaussianProblem(np.ones(12), sigma).sample(9, seed=0)
    values = np.linalg.svd(X, compute_uv=False)
    assert (values > 1e-6 * values[0]).sum() == 5
    assert values[5] < 1e-13 * values[0]


@pytest.mark.parametrize("name", list(problems.EVERY))
def test_problems_survive_pickle_and_show_themselves(name):
    problem = problems.EVERY[name]()
    again = pickle.loads(pickle.dumps(problem))
    for a, b in zip(problem.sample(5, seed=1), again.sample(5, seed=1), strict=True):
        np.testing.assert_array_equal(a, b)
    assert repr(problem).startswith(type(problem).__name__ + "(")
    assert len(repr(problem)) < 300


def test_what_no_memory_holds_is_an_error():
    problem = op.LinearGaussianProblem(np.ones(4), np.ones(4))
    with pytest.raises(MemoryError, match=r"not enough memory for \d+ x 4 numbers"):
        problem.sample(2**47, seed=0)
    with pytest.raises(ValueError, match="n must be between 1 and"):
        problem.sample(2**62, seed=0)
