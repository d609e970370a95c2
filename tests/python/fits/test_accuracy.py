"""Relative errors of theta against exact rational arithmetic: at most four times those of numpy's
pinv."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import overprune as op
from oracles import exact_least_squares, exact_minimum_norm, on_grid

N, P = 30, 90
SPECTRA = ["isotropic", "i^-2", "i^-4", "spiked 1e8"]


def gaussian(n, p, seed=0):
    return np.random.default_rng(seed).standard_normal((n, p))


def design(name, n=N, p=P, seed=0):
    """Independent features of that spectrum and a response, with entries that exact arithmetic can
    hold."""
    i = np.arange(1.0, p + 1)
    values = {
        "isotropic": np.ones(p),
        "i^-2": i**-2,
        "i^-4": i**-4,
        "spiked 1e8": np.where(i <= n // 2, 1e8, 1.0),
    }[name]
    return on_grid(gaussian(n, p, seed) * np.sqrt(values)), on_grid(
        gaussian(n, 1, seed + 100)[:, 0]
    )


def around(n, p):
    """Both ends of the path, and the interpolation threshold."""
    return [1, 2, n - 2, n - 1, n, n + 1, n + 2, n + 8, p - 1, p]


def error(theta, exact):
    return np.linalg.norm(theta - exact) / np.linalg.norm(exact)


def bar(X, y, exact):
    """Four times pinv's error, which is luck for one order of rows and columns: the worst of four
    orders."""
    turned = slice(None, None, -1)
    errors = [
        error(np.linalg.pinv(X[rows, columns]) @ y[rows], exact[columns])
        for rows in (slice(None), turned)
        for columns in (slice(None), turned)
    ]
    return 4 * max(*errors, 1e-15)


def test_the_reference_is_right():
    """Exact rational arithmetic against mpmath's QR decomposition with 60 digits."""
    X, y = design("i^-4", 6, 15)
    with mpmath.workdps(60):
        for k in (4, 6, 15):
            A, b = mpmath.matrix(X[:, :k].tolist()), mpmath.matrix(y.tolist())
            theta = mpmath.qr_solve(A, b)[0] if k <= 6 else A.T * mpmath.lu_solve(A * A.T, b)
            np.testing.assert_allclose(
                exact_least_squares(X[:, :k], y),
                np.array(theta.tolist(), dtype=float)[:, 0],
                rtol=1e-15,
            )
            if k >= 6:  # full row rank: U = I; the integers of X y = (c X)(y / c) have many bits
                c = 2.0**44
                again = exact_minimum_norm(np.eye(6), X[:, :k] * c, y * c)
                np.testing.assert_allclose(again, exact_least_squares(X[:, :k], y), rtol=1e-15)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", SPECTRA)
def test_as_accurate_as_pinv_at_both_ends_and_around_the_threshold(name, seed):
    """Whatever the steps from size to size: every size, a few, each on its own,
    and as a support."""
    X, y = design(name, seed=seed)
    sizes = around(N, P)
    every = op.least_squares_path(X, y, range(1, P + 1))
    few = op.least_squares_path(X, y, sizes)
    far = op.least_squares_path(X, y, [1, N, P])
    order = np.random.default_rng(seed).permutation(P)
    shuffled = np.empty_like(X)
    shuffled[:, order] = X
    retrained = op.retrain_path(shuffled, y, order, sizes)
    for i, k in enumerate(sizes):
        exact = exact_least_squares(X[:, :k], y)
        found = {
            "every size": every[k - 1, :k],
            "few sizes": few[i, :k],
            "alone": op.least_squares(X[:, :k], y),
            "path of one": op.least_squares_path(X, y, [k])[0, :k],
            "retrained": retrained[i, order[:k]],
        }
        if k in (1, N, P):
            found["far apart"] = far[[1, N, P].index(k), :k]
        allowed = bar(X[:, :k], y, exact)
        errors = {way: error(theta, exact) for way, theta in found.items()}
        assert max(errors.values()) <= allowed, (k, errors, allowed)


@pytest.mark.parametrize("ridge", [0.0, 1e-6])
@pytest.mark.parametrize("name", [*SPECTRA, "scaled rows"])
def test_large_steps_are_as_accurate(name, ridge):
    """Steps of more than 2 n columns go by a Gram matrix where that is good enough,
    and only there."""
    p = 200
    X, y = design("isotropic" if name == "scaled rows" else name, p=p)
    if name == "scaled rows":  # conditions on both sides of what a Gram matrix may be trusted with
        X = on_grid(X * np.logspace(0, -4.5, N)[:, None])
    sizes = [N + 1, 100, p]
    found = op.least_squares_path(X, y, sizes, ridge=ridge)
    for i, k in enumerate(sizes):
        wide, tall = X[:, :k], np.vstack([X[:, :k], np.sqrt(N * ridge) * np.eye(k)])
        if ridge == 0.0:
            exact = exact_least_squares(wide, y)
            assert error(found[i, :k], exact) <= bar(wide, y, exact), k
        else:
            reference = np.linalg.lstsq(tall, np.append(y, np.zeros(k)), rcond=None)[0]
            assert error(found[i, :k], reference) <= 1e-15 * np.linalg.cond(tall) + 1e-13, k


def test_the_bar_tells_the_normal_equations_apart():
    """They lose the square of the condition number, of which the designs have enough."""
    for name, least in (("i^-2", 5e2), ("i^-4", 1e4), ("spiked 1e8", 2e5)):
        X, y = design(name)
        X = X[:, : N + 1]
        exact = exact_least_squares(X, y)
        assert least < np.linalg.cond(X) < 1e7
        assert error(X.T @ np.linalg.solve(X @ X.T, y), exact) > 10 * bar(X, y, exact)


def integers(n, p, seed):
    return np.random.default_rng(seed).integers(-9, 10, (n, p)).astype(float)


def selection(chosen, count):
    """(count, k): column j is unit vector number chosen[j], or zero where that is negative."""
    return np.array([[float(c == row) for c in chosen] for row in range(count)])


DEFICIENT = {  # U, V of integers: the design is U V, exactly
    "duplicate columns": (integers(20, 15, 0), selection(np.arange(45) % 15, 15)),
    "neighbouring duplicates": (integers(20, 15, 1), selection(np.arange(45) // 3, 15)),
    "zero columns": (
        integers(20, 15, 2),
        selection(np.where(np.arange(45) % 3, -1, np.arange(45) // 3), 15),
    ),
    "rank < n < k": (integers(20, 12, 3), integers(12, 50, 4)),
    "rank 1": (integers(20, 1, 5), integers(1, 30, 6)),
    "duplicate rows": (selection(np.arange(20) % 14, 14).T, integers(14, 50, 7)),
    "duplicates beyond n": (np.eye(12), integers(12, 20, 8)[:, np.arange(40) // 2]),
}


def factors(U, V, k):
    """U V with all but the first k columns dropped, as a product of full-rank factors."""
    V = V[:, :k]
    used = V.any(axis=1)
    U, V = U[:, used], V[used]
    rank = np.linalg.matrix_rank(V)
    if rank == len(V):
        return U, V
    columns = []  # of a basis of U V, taken greedily: few enough for numpy to see the rank
    X = U @ V
    for j in range(k):
        if np.linalg.matrix_rank(X[:, [*columns, j]]) > len(columns):
            columns.append(j)
    coefficients = np.round(np.linalg.lstsq(X[:, columns], X, rcond=None)[0])
    np.testing.assert_array_equal(X[:, columns] @ coefficients, X)
    return X[:, columns], coefficients


@pytest.mark.parametrize("name", DEFICIENT)
def test_minimum_norm_and_rank_where_the_rank_is_deficient(name):
    U, V = DEFICIENT[name]
    X, n, p = U @ V, len(U), V.shape[1]
    y = integers(n, 1, 9)[:, 0]
    full = np.linalg.matrix_rank(X)
    sizes = sorted(
        {1, 2, 3, full - 1, full, full + 1, n - 2, n - 1, n, n + 1, n + 2, p - 1, p} - {0}
    )
    path = op.least_squares_path(X, y, sizes)
    ranks = op.prune_path(X, y, sizes, [1], retrain=False).rank
    order = np.arange(p)[::-1]
    retrained = op.retrain_path(X[:, ::-1], y, order, sizes)
    deficient = 0
    for i, k in enumerate(sizes):
        if not X[:, :k].any():
            continue
        left, right = factors(U, V, k)
        deficient += right.shape[0] < min(n, k)
        assert ranks[i] == right.shape[0], k
        exact = exact_minimum_norm(left, right, y)
        allowed = bar(X[:, :k], y, exact)
        for theta in (path[i, :k], op.least_squares(X[:, :k], y), retrained[i, order[:k]]):
            assert error(theta, exact) <= allowed, k
    assert deficient > 0


@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("gap", [1e-6, 1e-8])
def test_retraining_on_near_duplicate_columns(gap, noise):
    """Condition up to 1e8, where a Gram matrix holds nothing of what tells the columns apart."""
    n, half = 40, 12
    X = gaussian(n, half)
    X = on_grid(np.hstack([X, X + gap * gaussian(n, half, seed=1)]))
    y = on_grid(X[:, :half].sum(axis=1) + noise * gaussian(n, 1, seed=2)[:, 0])
    order = np.random.default_rng(0).permutation(2 * half)
    nonzeros = [half, half + 4, 2 * half - 1, 2 * half]
    assert np.linalg.cond(X) > 0.5 / gap
    found = op.retrain_path(X, y, order, nonzeros)
    for theta, s in zip(found, nonzeros, strict=True):
        keep = order[:s]
        exact = exact_least_squares(X[:, keep], y)
        assert error(theta[keep], exact) <= bar(X[:, keep], y, exact)
        risks = [np.sum((value - 1.0) ** 2) for value in (theta[keep], exact)]
        np.testing.assert_allclose(risks[0], risks[1], rtol=1e-5)
