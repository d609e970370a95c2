"""Least squares against numpy's and scipy's solvers; against exact arithmetic: test_accuracy.py."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import overprune as op
from oracles import EPS, assert_solves, lstsq
from problems import no_small_pivot


def gaussian(n, p, seed=0):
    return np.random.default_rng(seed).standard_normal((n, p))


def conditioned(n, p, condition, seed=0):
    """Random singular vectors, singular values from 1 to 1/condition."""
    rng = np.random.default_rng(seed)
    r = min(n, p)
    left = np.linalg.qr(rng.standard_normal((n, r)))[0]
    right = np.linalg.qr(rng.standard_normal((p, r)))[0]
    return left * np.geomspace(1, 1 / condition, r) @ right.T


def low_rank(n, p, rank):
    return gaussian(n, rank) @ gaussian(rank, p, seed=1)


DESIGNS = {
    "tall": gaussian(40, 12),
    "square": gaussian(25, 25),
    "wide": gaussian(15, 60),
    "very wide": gaussian(3, 700),
    "one row": gaussian(1, 9),
    "one column": gaussian(9, 1),
    "one entry": np.array([[-2.0]]),
    "tall, condition 1e6": conditioned(50, 20, 1e6),
    "square, condition 1e6": conditioned(30, 30, 1e6),
    "wide, condition 1e6": conditioned(20, 50, 1e6),
    "wide, condition 1e10": conditioned(20, 50, 1e10),
    "vandermonde": np.vander(np.linspace(0.5, 1.5, 40), 8),
    "wide vandermonde": np.vander(np.linspace(0.5, 1.5, 8), 40),
    "duplicate columns": gaussian(20, 9)[:, [0, 1, 2, 0, 3, 4, 4, 5, 6, 7, 8]],
    "wide, duplicate columns": gaussian(12, 20)[:, np.arange(40) % 20],
    "zero columns": gaussian(20, 8) * (np.arange(8) % 3 > 0),
    "zero first column, wide": gaussian(6, 30) * (np.arange(30) > 0),
    "duplicate rows": gaussian(6, 5)[[0, 1, 2, 3, 4, 5, 0, 1]],
    "wide, duplicate rows": gaussian(6, 40)[[0, 1, 2, 3, 4, 5, 0, 1]],
    "wide, zero row": gaussian(6, 40) * (np.arange(6) != 3)[:, None],
    "rank < p < n": low_rank(30, 20, 7),
    "rank < n < p": low_rank(15, 40, 6),
    "all zero": np.zeros((4, 6)),
}


@pytest.mark.parametrize("targets", [None, 3])
@pytest.mark.parametrize("name", DESIGNS)
def test_agrees_with_numpy_and_scipy(name, targets):
    X = DESIGNS[name]
    y = np.random.default_rng(5).standard_normal(len(X) if targets is None else (len(X), targets))
    theta = op.least_squares(X, y)
    gelsd = scipy.linalg.lstsq(X, y, lapack_driver="gelsd", cond=EPS * max(X.shape))[0]
    assert_solves(X, y, theta, reference=np.linalg.lstsq(X, y, rcond=None)[0])
    assert_solves(X, y, theta, reference=gelsd)


@pytest.mark.parametrize("order", [1, -1], ids=["forward", "backward"])
@pytest.mark.parametrize("shape", [(30, 12), (12, 30), (20, 20)])
def test_hilbert_matrix_is_fitted_no_worse_than_by_numpy(shape, order):
    """Numerically singular: where the rank is cut is a choice,
    how well the data are fitted is not."""
    X, y = scipy.linalg.hilbert(max(shape))[: shape[0], : shape[1]][::order], np.ones(shape[0])
    theta, reference = op.least_squares(X, y), lstsq(X, y)
    assert np.linalg.norm(X @ theta - y) <= 3 * np.linalg.norm(X @ reference - y) + 1e-10
    assert np.linalg.norm(theta) <= 1e3 * np.linalg.norm(reference)


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("kind", ["wilkinson", "kahan"])
def test_hidden_rank_deficiency_is_revealed(kind, transpose):
    X = no_small_pivot(90, kind)
    X = np.vstack([X, np.zeros((5, 90))])
    X, y = (X.T if transpose else X), gaussian(90 if transpose else 95, 1)[:, 0]
    reference, p = lstsq(X, y), X.shape[1]
    for theta in (op.least_squares(X, y), op.retrain_path(X, y, range(p), [p])[0]):
        assert np.linalg.norm(theta) <= 10 * np.linalg.norm(reference)
        assert np.linalg.norm(X @ theta - y) <= 1.01 * np.linalg.norm(X @ reference - y) + 1e-8


@pytest.mark.parametrize("scale", [1e-200, 1e200, 1e-300, 1e300])
@pytest.mark.parametrize("shape", [(20, 6), (6, 20)])
def test_tiny_and_huge_arrays(shape, scale):
    X, y = gaussian(*shape), gaussian(shape[0], 1)[:, 0]
    expected = lstsq(X, y)
    np.testing.assert_allclose(op.least_squares(X * scale, y * scale), expected, rtol=1e-12)
    np.testing.assert_allclose(op.least_squares(X, y * scale) / scale, expected, rtol=1e-12)
    np.testing.assert_allclose(op.least_squares(X * scale, y) * scale, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(20, 6), (6, 20)])
@pytest.mark.parametrize("scale", [1e-100, 1e-20, 1e-6, 1.0, 1e6, 1e200])
def test_ridge_of_any_size_beside_the_data(shape, scale):
    """Whichever of ridge and data is lost beside the other, theta loses no digit: by singular
    values of X."""
    X, y = gaussian(*shape), gaussian(shape[0], 1)[:, 0]
    left, s, right = np.linalg.svd(X, full_matrices=False)
    expected = right.T @ (left.T @ y / (s + 0.7 * len(X) / scale / s / scale)) / scale
    np.testing.assert_allclose(op.least_squares(X * scale, y, ridge=0.7), expected, rtol=1e-11)
    retrained = op.retrain_path(X * scale, y, range(shape[1]), [shape[1]], ridge=0.7)[0]
    np.testing.assert_allclose(retrained, expected, rtol=1e-11)


def test_badly_scaled_columns():
    """Columns that numpy's threshold drops get zero;
    columns above it are solved to full accuracy."""
    X, y = gaussian(30, 8), gaussian(30, 1)[:, 0]
    X[:, 3] *= 1e-200
    theta = op.least_squares(X, y)
    np.testing.assert_allclose(theta, lstsq(X, y), rtol=1e-10, atol=1e-12)
    graded = gaussian(30, 8) * 10.0 ** -np.arange(8)
    assert_solves(graded, y, op.least_squares(graded, y))


def test_layouts_and_dtypes_do_not_matter():
    big, y = np.round(8 * gaussian(60, 80)), np.round(8 * gaussian(60, 2))
    X = np.ascontiguousarray(big[::3, ::4])
    expected = op.least_squares(X, y[::3])
    for variant in (
        np.asfortranarray(X),
        big[::3, ::4],
        X[::-1][::-1],
        X.astype(np.float32),
        X.astype(np.int16),
    ):
        np.testing.assert_array_equal(op.least_squares(variant, y[::3]), expected)
    np.testing.assert_array_equal(op.least_squares(X.tolist(), np.asfortranarray(y)[::3]), expected)
    flipped = op.least_squares(X[::-1, ::-1], y[::3][::-1])
    np.testing.assert_allclose(flipped[::-1], expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(op.least_squares(X, y[::3, 1]), expected[:, 1], rtol=1e-12)


def test_arguments_are_left_as_they_are():
    X, y = gaussian(10, 30), gaussian(10, 2)
    before = X.copy(), y.copy()
    X.flags.writeable = y.flags.writeable = False
    op.least_squares_path(X, y, [5, 10, 20], ridge=0.1)
    op.retrain_path(X, y, np.arange(30)[::-1], [3, 12])
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("ridge", [1e-14, 1e-6, 0.1, 10.0])
@pytest.mark.parametrize("shape", [(40, 15), (15, 40), (20, 20), (1, 5), (5, 1)])
def test_ridge_is_the_minimiser(shape, ridge):
    """The normal equations, in the smaller of the two dimensions; a tiny ridge by stacking."""
    X, y = gaussian(*shape), gaussian(shape[0], 2, seed=3)
    n, p = shape
    theta = op.least_squares(X, y, ridge=ridge)
    if ridge < 1e-10:
        expected = lstsq(X, y, ridge)
    elif p <= n:
        expected = np.linalg.solve(X.T @ X + n * ridge * np.eye(p), X.T @ y)
    else:
        expected = X.T @ np.linalg.solve(X @ X.T + n * ridge * np.eye(n), y)
    np.testing.assert_allclose(theta, expected, rtol=1e-9, atol=1e-11)
    gradient = X.T @ (X @ theta - y) / n + ridge * theta
    assert np.abs(gradient).max() <= 1e-12 * np.linalg.norm(X, 2) * np.linalg.norm(y)


@pytest.mark.parametrize(
    "name", ["duplicate columns", "wide, duplicate rows", "rank < n < p", "all zero"]
)
@pytest.mark.parametrize("ridge", [1e-9, 0.3])
def test_ridge_on_singular_designs(name, ridge):
    X = DESIGNS[name]
    y = gaussian(len(X), 1)[:, 0]
    assert_solves(X, y, op.least_squares(X, y, ridge=ridge), ridge)


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
@pytest.mark.parametrize("targets", [None, 2])
def test_path_is_the_single_solves(ridge, targets):
    n, p = 23, 75
    X, y = gaussian(n, p), gaussian(n, targets or 1, seed=1)
    y = y if targets else y[:, 0]
    sizes = [1, 2, 7, n - 2, n - 1, n, n + 1, n + 2, n + 9, 50, p]
    path = op.least_squares_path(X, y, sizes, ridge=ridge)
    assert path.shape == (len(sizes), p, *y.shape[1:])
    for theta, k in zip(path, sizes, strict=True):
        assert not theta[k:].any()
        assert_solves(X[:, :k], y, theta[:k], ridge)
        assert_solves(X[:, :k], y, op.least_squares(X[:, :k], y, ridge=ridge), ridge)


@pytest.mark.parametrize(
    "name", ["wide, duplicate columns", "rank < n < p", "wide, duplicate rows", "zero columns"]
)
def test_path_where_the_rank_stops_growing(name):
    X = DESIGNS[name]
    y = gaussian(len(X), 1)[:, 0]
    for theta, k in zip(
        op.least_squares_path(X, y, range(1, X.shape[1] + 1)), range(1, 1000), strict=False
    ):
        assert_solves(X[:, :k], y, theta[:k])


def test_a_subset_of_the_sizes_gives_the_same_solutions():
    X, y = gaussian(20, 200), gaussian(20, 1)[:, 0]
    every = op.least_squares_path(X, y, range(1, 201))
    for sizes in ([200], [19, 21], [5, 20, 40, 199]):
        some = op.least_squares_path(X, y, sizes)
        np.testing.assert_allclose(some, every[np.array(sizes) - 1], rtol=1e-9, atol=1e-12)


def test_long_path_stays_accurate():
    """Hundreds of updates of one factor do not drift."""
    n, p = 25, 1500
    X = gaussian(n, p) * np.arange(1.0, p + 1) ** -0.5
    y = gaussian(n, 1)[:, 0]
    path = op.least_squares_path(X, y, range(n + 1, p + 1))
    for k in (n + 1, 40, 400, p):
        assert_solves(X[:, :k], y, path[k - n - 1, :k])


@pytest.mark.parametrize("targets", [None, 3])
@pytest.mark.parametrize("ridge", [0.0, 1e-12, 0.05])
def test_retrain_path_is_least_squares_on_the_gathered_columns(ridge, targets):
    n, p = 30, 90
    X, y = gaussian(n, p), gaussian(n, targets or 1, seed=2)
    y = y if targets else y[:, 0]
    order = np.random.default_rng(0).permutation(p)[:70]
    nonzeros = [1, 2, 10, 28, 29, 30, 31, 32, 50, 70]
    found = op.retrain_path(X, y, order, nonzeros, ridge=ridge)
    assert found.shape == (len(nonzeros), p, *y.shape[1:])
    for theta, s in zip(found, nonzeros, strict=True):
        keep = order[:s]
        assert not np.delete(theta, keep, axis=0).any()
        assert_solves(X[:, keep], y, theta[keep], ridge)


@pytest.mark.parametrize("ridge", [0.0, 1e-9])
@pytest.mark.parametrize("gap", [1e-5, 1e-7, 1e-8, 1e-10, 0.0])
def test_retraining_on_near_duplicate_columns(gap, ridge):
    """Where the Gram matrix loses what the columns still tell (condition 1/gap)."""
    n, s = 60, 30
    X, noise = gaussian(n, s), gaussian(n, s, seed=1)
    X[:, s // 2 :] = X[:, : s - s // 2] + gap * noise[:, s // 2 :]
    y = X[:, : s // 2].sum(axis=1) + 0.1 * noise[:, 0]
    found = op.retrain_path(X, y, np.arange(s), [s // 2, s // 2 + 1, s], ridge=ridge)
    for theta, k in zip(found, [s // 2, s // 2 + 1, s], strict=True):
        reference = lstsq(X[:, :k], y, ridge)

        def loss(values, k=k):
            return np.sum((y - X[:, :k] @ values) ** 2) + n * ridge * np.sum(values**2)

        rounding = 20 * EPS * np.linalg.norm(theta) * np.sqrt(n * loss(reference))
        assert loss(theta[:k]) <= loss(reference) * (1 + 1e-9) + rounding
        assert np.linalg.norm(theta) <= 1.01 * np.linalg.norm(reference)


@pytest.mark.parametrize("order", [[2, 0], np.array([2, 0], dtype=np.uint8), range(3)])
def test_order_may_be_any_sequence_of_integers(order):
    X, y = gaussian(6, 3), gaussian(6, 1)[:, 0]
    keep = list(order)[:2]
    np.testing.assert_allclose(
        op.retrain_path(X, y, order, [2])[0, keep], lstsq(X[:, keep], y), rtol=1e-12
    )


def test_coefficients_beyond_doubles_are_refused():
    X, y = np.ones((6, 1)) * 2e-323, np.arange(6.0)
    for call in (
        lambda: op.least_squares(X, y),
        lambda: op.retrain_path(X, y, [0], [1]),
        lambda: op.prune_path(X, y, [1], [1]),
    ):
        with pytest.raises(ValueError, match="a solution leaves the range of double precision"):
            call()
