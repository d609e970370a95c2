"""One decision about the rank, numpy's, for dense models, paths and supports, whatever the columns'
sizes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import overprune as op
from oracles import EPS, lstsq, truncated_least_squares
from overprune.sklearn import PrunedLeastSquares
from problems import no_small_pivot


def fitted(X, theta):
    """X theta in extended precision, for terms may be far larger than their sum."""
    return (X.astype(np.longdouble) @ theta.astype(np.longdouble)).astype(float)


def assert_truncated(X, y, theta):
    """theta fits as the minimum-norm solution at numpy's rank does, and is no longer; False where
    the rank is a matter of rounding."""
    fit, shortest, near = truncated_least_squares(X, y)
    if near:
        return False
    np.testing.assert_allclose(fitted(X, theta), fit, rtol=0, atol=1e-8 * np.linalg.norm(y))
    assert np.linalg.norm(theta) <= np.linalg.norm(shortest) * (1 + 1e-8)
    return True


def test_a_negligible_column_is_negligible_to_retraining_too():
    """Case A2: with lstsq the coefficient is 5e-17, and 8.5e12 without a threshold."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 3))
    X[:, 1] *= 1e-15
    y = rng.standard_normal(12)
    reference = np.linalg.lstsq(X, y, rcond=None)[0]
    path = op.prune_path(X, y, [3], [1, 3], rules=["magnitude", "hessian", "random"])
    assert path.rank.tolist() == [2]
    for theta in (op.least_squares(X, y), op.retrain_path(X, y, range(3), [3])[0], path.dense[0]):
        np.testing.assert_allclose(theta, reference, rtol=1e-9, atol=1e-15)
    for rule in ("magnitude", "hessian", "random"):
        np.testing.assert_array_equal(path.retrained(rule, 3, 3), path.dense[0])


def test_nothing_pruned_is_the_dense_model_where_the_covariance_decays():
    """Case A2: eigenvalues exp(-i); simulated dense and retrained were .148 and .254."""
    problem = op.LinearGaussianProblem(np.zeros(100), np.exp(-np.arange(100.0)), noise_std=0.3)
    rules = ["magnitude", "hessian", "random"]
    grid = [50, 100], [20, 50, 100]
    table = op.simulate(problem, 150, *grid, rules=rules, trials=10, seed=1)
    rounds = op.simulate_schedule(problem, 150, 100, [100, 40], rules=rules, trials=10, seed=1)
    for k in grid[0]:
        dense = table.dense_risk.sel(size=k)
        for rule in rules:
            np.testing.assert_array_equal(
                table.retrained_risk.sel(rule=rule, size=k, nonzeros=k), dense
            )
    for rule in rules:
        np.testing.assert_array_equal(
            rounds.retrained_risk.sel(rule=rule, round=1), table.dense_risk.sel(size=100)
        )
    predicted = op.predict(problem, 150, *grid, rules=rules)
    whole = predicted.retrained_risk.sel(size=100, nonzeros=100)
    np.testing.assert_allclose(whole, float(predicted.dense_risk.sel(size=100)), rtol=1e-12)
    assert float(predicted.dense_risk.sel(size=100)) == pytest.approx(0.27)
    assert float(table.dense_risk.sel(size=100).mean()) == pytest.approx(0.15, abs=0.02)
    X, y = problem.sample(150, seed=3)
    path = op.prune_path(X, y, *grid)
    np.testing.assert_allclose(path.rank, [50, np.linalg.matrix_rank(X)], atol=1)
    shuffled = np.random.default_rng(0).permutation(100)
    np.testing.assert_array_equal(op.retrain_path(X, y, shuffled, [100])[0], op.least_squares(X, y))


def test_supports_of_any_scale_against_an_accurate_svd():
    """500 supports, column scales from 1e-20 to 1e20 (case A2): fitted values to 1e-8, norms no
    larger. lstsq itself loses up to all digits of a fit there, so that it is the reference only
    where it can be one."""
    rng = np.random.default_rng(7)
    judged = compared = 0
    for _ in range(500):
        n, k = int(rng.integers(5, 40)), int(rng.integers(2, 16))
        s = int(rng.integers(1, k + 1))
        X, y = rng.standard_normal((n, k)) * 10.0 ** rng.uniform(-20, 20, k), rng.standard_normal(n)
        order = rng.permutation(k)[:s]
        retrained = op.retrain_path(X, y, order, [s])[0]
        assert not np.delete(retrained, order).any()
        inside = np.sort(order)
        support, theta = X[:, inside], retrained[inside]
        # Whatever side of the threshold a singular value is taken to lie on, all take the same.
        dense = op.least_squares(support, y)
        np.testing.assert_allclose(fitted(support, theta), fitted(support, dense), atol=1e-8)
        if not assert_truncated(support, y, theta):
            continue
        judged += 1
        U, values, _ = np.linalg.svd(support, full_matrices=False)
        kept = values > EPS * max(support.shape) * values[0]
        if values[kept][-1] > 1e-6 * values[0]:
            compared += 1
            peer = np.linalg.lstsq(support, y, rcond=None)[0]
            if np.linalg.norm(fitted(support, peer) - U[:, kept] @ (U[:, kept].T @ y)) < 1e-9:
                np.testing.assert_allclose(fitted(support, theta), fitted(support, peer), atol=1e-8)
                assert np.linalg.norm(theta) <= np.linalg.norm(peer) * (1 + 1e-8)
    assert judged > 300
    assert compared > 100


@pytest.mark.parametrize(
    "scales", [(1e-100, 1e100), (1e100, 1e-100), (1e-300, 1e150), (1e-150, 1e-300, 1e300)]
)
def test_paths_over_columns_of_very_different_size(scales):
    """Case A4: the first of columns 1e-100 and 1e100 was off by 268 %, and ranks were too high."""
    X = op.standard_normal((9, len(scales)), seed=1)
    y = op.standard_normal(9, seed=2)
    sizes = range(1, len(scales) + 1)
    # The largest of the columns so far is all there is.
    path, ranks = (
        op.least_squares_path(X * scales, y, sizes),
        op.prune_path(X * scales, y, sizes, [1]).rank,
    )
    assert ranks.tolist() == [1] * len(scales)
    retrained = op.retrain_path(X * scales, y, range(len(scales)), sizes)
    for k in sizes:
        top = int(np.argmax(scales[:k]))
        expected = (X[:, top] @ y) / (X[:, top] @ X[:, top]) / scales[top]
        for models in (path, retrained):
            assert models[k - 1, top] == pytest.approx(expected, rel=1e-12)
            assert np.abs(models[k - 1]).max() == abs(models[k - 1, top])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 7), st.sampled_from([20, 60, 150]))
def test_every_path_takes_numpys_rank(seed, n, k, decades):
    """Nothing pruned equals dense, at any scale; ranks and fits are an accurate SVD's."""
    rng = np.random.default_rng(seed)
    exponents = np.round(rng.uniform(-decades, decades, k) * np.log2(10))
    X, y = rng.standard_normal((n, k)), rng.standard_normal(n)
    if rng.random() < 0.3 and k > 1:
        X[:, 0] = X[:, -1]
    sizes = range(1, k + 1)
    scaled = np.ldexp(X, exponents.astype(int))
    path = op.prune_path(scaled, y, sizes, sizes, rules=["magnitude", "random"])
    np.testing.assert_array_equal(path.dense, op.least_squares_path(scaled, y, sizes))
    order = rng.permutation(k)
    retrained = op.retrain_path(scaled, y, order, sizes)
    for size in sizes:
        for rule in ("magnitude", "random"):
            np.testing.assert_array_equal(path.retrained(rule, size, size), path.dense[size - 1])
        for columns, theta in (
            (np.arange(size), path.dense[size - 1]),
            (order[:size], retrained[size - 1]),
        ):
            # In units in which the oracle's squares stay within range.
            unit = exponents[columns].max()
            near_one = np.ldexp(X[:, columns], (exponents[columns] - unit).astype(int))
            judged = assert_truncated(near_one, y, np.ldexp(theta[columns], int(unit)))
        if judged and (columns == np.arange(size)).all():
            assert path.rank[size - 1] == np.linalg.matrix_rank(
                near_one[:, np.argsort(-exponents[columns])]
            )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 5))
def test_ridge_needs_no_rank(seed, n, k):
    """Columns and ridges of any size, against rational arithmetic."""
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((n, k)) * 10.0 ** rng.uniform(-120, 120, k), rng.standard_normal(n)
    ridge = 10.0 ** rng.uniform(-200, 100)
    sizes = range(1, k + 1)
    models = (
        op.least_squares_path(X, y, sizes, ridge=ridge),
        op.retrain_path(X, y, range(k), sizes, ridge=ridge),
    )
    rows = [[Fraction(value) for value in row] for row in X.tolist()]
    response = [Fraction(value) for value in y.tolist()]
    for size in sizes:
        exact = _rational_ridge([row[:size] for row in rows], response, n * Fraction(ridge))
        for theta in models:
            errors = [
                Fraction(t) - e for t, e in zip(theta[size - 1].tolist(), exact, strict=False)
            ]
            off = [float(sum(x * e for x, e in zip(row, errors, strict=False))) for row in rows]
            assert np.linalg.norm(off) <= 1e-10 * np.linalg.norm(y)


def _rational_ridge(rows, response, penalty):
    """(X'X + penalty I)^{-1} X'y by Gaussian elimination over the rationals."""
    k = len(rows[0])
    system = [
        [sum(r[i] * r[j] for r in rows) + (penalty if i == j else 0) for j in range(k)]
        + [sum(r[i] * v for r, v in zip(rows, response, strict=True))]
        for i in range(k)
    ]
    for i in range(k):
        system[i] = [value / system[i][i] for value in system[i]]
        for other in range(k):
            if other != i:
                factor = system[other][i]
                system[other] = [
                    a - factor * b for a, b in zip(system[other], system[i], strict=True)
                ]
    return [row[-1] for row in system]


@pytest.mark.parametrize("leading", [1e-300, 1e-200, 1e-150])
def test_data_sets_with_leading_columns_of_negligible_size(leading):
    """Case A4 in simulate: sizes that hold only tiny columns give the risks of the same columns
    near one."""
    X, y = op.standard_normal((300, 6), seed=1), op.standard_normal(300, seed=2)
    scale = np.ldexp(1.0, int(np.log2(leading)))

    def table(factor):
        Z = X * np.array([factor] * 3 + [1.0] * 3)
        problem = op.DataProblem(Z[:150], y[:150], Z[150:], y[150:])
        return op.simulate(problem, 30, [1, 2, 3], [1, 2], rules=["hessian", "magnitude"], trials=4)

    tiny, ordinary = table(scale), table(1.0)
    for name in ("dense_risk", "pruned_risk", "retrained_risk"):
        np.testing.assert_allclose(tiny[name], ordinary[name], rtol=1e-10)


def hidden(rng):
    """A triangle that is singular to rounding, without a small pivot or a small column."""
    kind = rng.choice(["graded", "wilkinson", "kahan"])
    if kind != "graded":
        return no_small_pivot(
            int(rng.integers(*((60, 80) if kind == "wilkinson" else (90, 100)))), kind
        )
    size = int(rng.integers(18, 30))
    return np.eye(size) - 10 * np.eye(size, k=1)


def behind_other_blocks(rng, coupling):
    """(design, its rank) of blocks side by side: a few plain columns, then one or two that hide a
    zero."""
    blocks = [rng.choice([0.5, 0.01, 1e-4]) * np.eye(int(rng.integers(1, 4)))]
    blocks += [hidden(rng) for _ in range(rng.integers(1, 3))]
    X = scipy.linalg.block_diag(*blocks)
    first = len(blocks[0])
    X[:first, first:] = coupling * rng.standard_normal((first, len(X) - first))
    rank = len(X) - len(blocks) + 1
    X = np.vstack([X, np.zeros((int(rng.integers(1, 5)), len(X)))])
    if rng.random() < 0.5:
        X = np.linalg.qr(rng.standard_normal((len(X), len(X))))[0] @ X
    X = X if rng.random() < 0.5 else X.T
    return X * 2.0 ** rng.integers(-20, 20), rank


@pytest.mark.parametrize("coupling", [0.0, 1e-9, 1e-6, 1.0])
@pytest.mark.parametrize("seed", range(12))
def test_a_hidden_zero_is_found_behind_columns_orthogonal_to_it(coupling, seed):
    """An estimate that follows the growing triangle stays in an earlier block: rank 21 for 20,
    theta 2e17."""
    rng = np.random.default_rng([seed, int(coupling * 1e9)])
    X, rank = behind_other_blocks(rng, coupling)
    y, p = rng.standard_normal(len(X)), X.shape[1]
    assert np.linalg.matrix_rank(X) == rank
    expected = lstsq(X, y)
    sizes = [1, p // 2, p - 1, p]
    path = op.prune_path(X, y, sizes, [p])
    assert path.rank.tolist() == [np.linalg.matrix_rank(X[:, :k]) for k in sizes]
    models = [
        path.dense[-1],
        op.least_squares(X, y),
        op.retrain_path(X, y, range(p), sizes)[-1],
        op.retrain_path(X, y, range(p)[::-1], [p])[0],
    ]
    for theta in models:
        np.testing.assert_allclose(theta, expected, rtol=0, atol=1e-8 * np.linalg.norm(expected))
    model = PrunedLeastSquares(n_nonzeros=p, fit_intercept=False).fit(X, y)
    assert model.rank_ == rank


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_supports_of_integers_whose_products_are_exact(blocks):
    """Corrections of a factor without rounding errors are tiny, whatever its condition."""
    block = np.eye(18) - 10 * np.eye(18, k=1)
    X = scipy.linalg.block_diag(np.eye(3), *[block] * blocks)
    p = len(X)
    y = X @ np.ones(p)
    sizes = [3, 10, 20, p]
    for s, theta in zip(sizes, op.retrain_path(X, y, range(p), sizes), strict=True):
        np.testing.assert_allclose(theta[:s], lstsq(X[:, :s], y), atol=1e-9)
