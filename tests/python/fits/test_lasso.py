"""Lasso and elastic net: optimality, the point of the path, ties, drops, scales."""

import numpy as np
import pytest
from sklearn.linear_model import lars_path

import overprune as op


def missed(X, y, theta, kappa, ridge=0.0):
    """How far the conditions of optimality are missed, relative to the largest |X'y| / n."""
    n = len(y)
    gradient = X.T @ (y - X @ theta) / n - ridge * theta
    on = theta != 0
    worst = np.where(on, abs(gradient - kappa * np.sign(theta)), abs(gradient) - kappa).max()
    return max(worst, 0.0) / abs(X.T @ y / n).max()


def design(family, seed):
    rng = np.random.default_rng(seed)
    if family == "wide":
        X = rng.normal(size=(30, 80))
    elif family == "tall":
        X = rng.normal(size=(80, 30))
    elif family == "correlated":
        X = rng.normal(size=(40, 60)) + 2.0 * rng.normal(size=(40, 1))
    elif family == "duplicates":
        X = np.repeat(rng.normal(size=(40, 15)), 3, axis=1)[:, rng.permutation(45)]
    elif family == "opposite":
        X = rng.normal(size=(40, 20))
        X = np.hstack([X, -X])
    elif family == "dependent":
        X = rng.normal(size=(40, 12))
        X = np.hstack([X, X @ rng.normal(size=(12, 12)), X[:, :6] + X[:, 6:]])
    elif family == "orthogonal":
        X = np.linalg.qr(rng.normal(size=(40, 40)))[0][:, :24]
    elif family == "zeros":
        X = rng.normal(size=(30, 50)) * (rng.random(50) < 0.6)
    elif family == "signs":
        X = rng.choice([-1.0, 1.0], size=(16, 24))
    else:
        X = rng.normal(size=(40, 30)) * 10.0 ** rng.uniform(-4, 4, 30)
    n, p = X.shape
    beta = np.where(rng.random(p) < 0.3, rng.normal(size=p), 0.0)
    if family == "orthogonal":  # equal correlations, both signs
        y = X @ rng.choice([-2.0, -1.0, 1.0, 2.0], size=p)
    elif family == "signs":
        y = rng.choice([-1.0, 1.0], size=n)
    else:
        y = X @ beta + rng.normal(size=n)
    return X, y


FAMILIES = (
    "wide",
    "tall",
    "correlated",
    "duplicates",
    "opposite",
    "dependent",
    "orthogonal",
    "zeros",
    "signs",
    "scaled",
)


@pytest.mark.parametrize("ridge", [0.0, 0.05])
@pytest.mark.parametrize("family", FAMILIES)
def test_models_are_optimal_at_their_penalties(family, ridge):
    for seed in range(6):
        X, y = design(family, seed)
        largest = abs(X.T @ y).max() / len(y)
        penalties = largest * np.array([1.5, 1.0, 0.9, 0.5, 0.1, 1e-2, 1e-4, 0.0])
        given = op.lasso_path(X, y, penalties=penalties, ridge=ridge)
        limit = min(X.shape)
        path = op.lasso_path(X, y, nonzeros=range(1, limit + 1), ridge=ridge)
        for found in (given, path):
            for theta, kappa, count in zip(
                found.coefficients, found.penalty, found.nonzeros, strict=True
            ):
                assert missed(X, y, theta, kappa, ridge) < 1e-9, (seed, kappa)
                assert np.count_nonzero(theta) == count
            assert (found.suboptimality < 1e-9).all()
        assert (path.nonzeros <= np.arange(1, limit + 1)).all()
        assert (np.diff(path.penalty) <= 1e-12 * largest).all()
        assert (given.coefficients[0] == 0).all()


@pytest.mark.parametrize("family", ["wide", "tall", "correlated", "zeros"])
def test_the_model_for_s_is_the_last_one_before_the_path_has_more(family):
    for seed in range(5):
        X, y = design(family, seed)
        alphas, _, coefficients = lars_path(X, y, method="lasso")
        inside = (coefficients[:, :-1] + coefficients[:, 1:]) / 2  # between two kinks
        counts = np.count_nonzero(inside, axis=0)
        wanted = range(1, min(X.shape) // 2)
        path = op.lasso_path(X, y, nonzeros=wanted)
        for s, kappa, theta in zip(wanted, path.penalty, path.coefficients, strict=True):
            first = int(np.argmax(counts > s))
            assert kappa == pytest.approx(alphas[first], rel=1e-8)
            np.testing.assert_allclose(theta, coefficients[:, first], rtol=1e-6, atol=1e-9)


def test_drops_are_followed():
    """A path that has as many nonzeros twice: more kinks than features."""
    drops = 0
    for seed in range(8):
        X, y = design("correlated", seed)
        alphas, _, coefficients = lars_path(X, y, method="lasso")
        grid = np.geomspace(alphas[1], alphas[-1] + 1e-4 * alphas[0], 40)
        found = op.lasso_path(X, y, penalties=grid)
        drops += int((np.diff(np.count_nonzero(coefficients, axis=0)) < 0).sum())
        expected = [np.interp(grid, alphas[::-1], row[::-1]) for row in coefficients]
        np.testing.assert_allclose(found.coefficients, np.array(expected).T, atol=1e-8)
    assert drops > 5


def test_orthogonal_columns_are_soft_thresholded():
    X, y = design("orthogonal", 3)
    n, scores = len(y), X.T @ y
    for ridge in (0.0, 0.3):
        found = op.lasso_path(X, y, penalties=[0.03, 0.01, 0.0], ridge=ridge)
        for theta, kappa in zip(found.coefficients, found.penalty, strict=True):
            soft = np.sign(scores) * np.maximum(abs(scores) - n * kappa, 0.0)
            np.testing.assert_allclose(theta, soft / (1 + n * ridge), atol=1e-13)
    # All twos enter together, so that no model has only some of them.
    twos = int((abs(scores) > 1.5).sum())
    path = op.lasso_path(X, y, nonzeros=[twos - 1, twos])
    assert path.nonzeros.tolist() == [0, twos]


def test_at_penalty_zero_it_is_least_squares_or_the_interpolator_of_least_l1_norm():
    X, y = design("tall", 1)
    expected = np.linalg.lstsq(X, y, rcond=None)[0]
    np.testing.assert_allclose(op.lasso_path(X, y, [30]).coefficients[0], expected, rtol=1e-9)
    ridge = op.least_squares(X, y, ridge=0.2)
    found = op.lasso_path(X, y, penalties=[0.0], ridge=0.2).coefficients[0]
    np.testing.assert_allclose(found, ridge, rtol=1e-9)
    X, y = design("wide", 1)
    (theta,) = op.lasso_path(X, y, [30]).coefficients
    np.testing.assert_allclose(X @ theta, y, atol=1e-9)
    assert abs(theta).sum() < abs(np.linalg.pinv(X) @ y).sum()


@pytest.mark.parametrize("scale", [1e-150, 1e-60, 1e60, 1e150])
def test_scales_change_nothing_else(scale):
    X, y = design("wide", 5)
    plain = op.lasso_path(X, y, [3, 9, 20])
    for a, b in ((scale, 1.0), (1.0, scale), (scale, scale)):
        found = op.lasso_path(a * X, b * y, [3, 9, 20])
        np.testing.assert_allclose(found.coefficients * (a / b), plain.coefficients, rtol=1e-9)
        if a == 1.0:
            np.testing.assert_allclose(found.penalty / b, plain.penalty, rtol=1e-9)


def test_columns_of_very_different_scales():
    X, y = design("tall", 2)
    scales = 10.0 ** np.array([-120.0, 0.0, 120.0] * 10)
    found = op.lasso_path(X * scales, y, [10, 30])
    assert found.nonzeros.tolist() == [10, 30]
    expected = np.linalg.lstsq(X, y, rcond=None)[0]
    np.testing.assert_allclose(found.coefficients[1] * scales, expected, rtol=1e-8)


def test_nonzeros_beyond_the_end_of_the_path_are_nan():
    X, y = design("wide", 0)
    with pytest.warns(UserWarning, match="at most 30 nonzeros"):
        path = op.lasso_path(X, y, [5, 30, 31])
    assert np.isnan(path.coefficients[2]).all()
    assert np.isnan(path.penalty[2])
    assert path.nonzeros.tolist() == [5, 30, -1]
    assert not np.isnan(path.coefficients[:2]).any()
    assert op.lasso_path(X, y, [80], ridge=0.1).nonzeros.tolist() == [80]


def test_nothing_to_explain():
    X, _ = design("wide", 0)
    path = op.lasso_path(X, np.zeros(30), [1, 5])
    assert (path.coefficients == 0).all()
    assert path.nonzeros.tolist() == [0, 0]
    assert (path.penalty == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of nonzeros and penalties must be given"),
        ({"nonzeros": [1], "penalties": [0.1]}, "one of nonzeros and penalties must be given"),
        ({"nonzeros": [2, 1]}, "nonzeros must be strictly increasing"),
        ({"nonzeros": [4]}, "must be between 1 and 3, got 4"),
        ({"penalties": [-0.1]}, "penalties must be finite and at least 0"),
        ({"penalties": []}, "penalties must not be empty"),
        ({"nonzeros": [1], "ridge": -1.0}, "ridge must be"),
        ({"y": np.ones((4, 2)), "nonzeros": [1]}, r"y must have shape \(4,\)"),
    ],
)
def test_bad_input(arguments, message):
    given = {"X": np.eye(4, 3), "y": np.ones(4), **arguments}
    with pytest.raises(ValueError, match=message):
        op.lasso_path(**given)
