"""Slow, independent ways to the same numbers, shared by the tests."""

from __future__ import annotations

import numpy as np

EPS = np.finfo(float).eps


def lstsq(X, y, ridge=0.0):
    """Minimum-norm least squares by the singular value decomposition; ridge by stacking sqrt(n
    ridge) I."""
    return np.linalg.lstsq(*_stacked(X, y, ridge), rcond=None)[0]


def forward_bound(X, y, theta, ridge=0.0, slack=200.0):
    """How far two backward-stable solvers may lie apart, relative to theta: Wedin's bound."""
    X, y = _stacked(X, y, ridge)
    s = np.linalg.svd(X, compute_uv=False)
    s = s[s > EPS * max(X.shape) * s[0]]
    kappa = s[0] / s[-1]
    residual = np.linalg.norm(y - X @ theta) / (s[0] * np.linalg.norm(theta))
    return slack * EPS * kappa * (1 + kappa * residual)


def assert_solves(X, y, theta, ridge=0.0, reference=None):
    """theta agrees with a reference solution as well as the problem's condition allows."""
    reference = lstsq(X, y, ridge) if reference is None else reference
    assert theta.shape == reference.shape
    if not reference.any():
        assert not theta.any()
        return
    error = np.linalg.norm(theta - reference) / np.linalg.norm(reference)
    assert error <= forward_bound(X, y, reference, ridge)


def _stacked(X, y, ridge):
    n, p = X.shape
    if ridge == 0:
        return X, y
    return np.vstack([X, np.sqrt(n * ridge) * np.eye(p)]), np.concatenate(
        [y, np.zeros((p, *y.shape[1:]))]
    )


def exact_least_squares(X, y):
    """(X^+ y) in exact rational arithmetic, rounded once; X of full rank with entries on a binary
    grid."""
    A, b = _integers(X), _integers(y[:, None])
    wide = len(A) < len(A[0])
    transposed = [list(row) for row in zip(*A, strict=True)]
    if wide:  # X' (X X')^{-1} y
        numerators, determinant = _bareiss(_product(A, transposed), b)
        numerators = _product(transposed, numerators)
    else:  # (X'X)^{-1} X'y
        numerators, determinant = _bareiss(_product(transposed, A), _product(transposed, b))
    return np.array([row[0] / determinant for row in numerators])


def exact_minimum_norm(U, V, y):
    """(X^+ y) for X = U V, exactly and rounded once; U, V, y of integers, U of full column and V of
    full row rank: X^+ = V' (V V')^{-1} (U'U)^{-1} U'."""
    A, B, b = ([[int(value) for value in row] for row in M] for M in (U, V, y[:, None]))
    At, Bt = ([list(row) for row in zip(*M, strict=True)] for M in (A, B))
    inner, first = _bareiss(_product(At, A), _product(At, b))
    outer, second = _bareiss(_product(B, Bt), inner)
    return np.array([row[0] / (first * second) for row in _product(Bt, outer)])


def on_grid(X, bits=44):
    """X rounded to multiples of 2**-bits, so that exact arithmetic with it stays small."""
    return np.round(X * 2.0**bits) / 2.0**bits


def _integers(X, bits=44):
    scaled = X * 2.0**bits
    assert (scaled == np.round(scaled)).all()
    return [[int(value) for value in row] for row in scaled]


def _product(A, B):
    columns = list(zip(*B, strict=True))
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in A
    ]


def _bareiss(A, b):
    """Integer matrices: (numerators, determinant) with A^{-1} b = numerators / determinant,
    exactly."""
    n = len(A)
    M = [row + extra for row, extra in zip(A, b, strict=True)]
    previous = 1
    for k in range(n):
        pivot = next(i for i in range(k, n) if M[i][k] != 0)
        M[k], M[pivot] = M[pivot], ([-v for v in M[k]] if pivot != k else M[k])
        for i in range(n):
            if i != k:
                M[i] = [
                    (M[k][k] * v - M[i][k] * w) // previous for v, w in zip(M[i], M[k], strict=True)
                ]
        previous = M[k][k]
    return [row[n:] for row in M], previous


def jacobi_svd(A):
    """U (n, r), s (r,) falling, V (k, r) with A = U s V', by one-sided Jacobi rotations (Hestenes):
    accurate for every singular value where the columns of A are of any size, as LAPACK's drivers
    are not."""
    order = np.argsort(-np.linalg.norm(A, axis=0), kind="stable")
    B, V = A[:, order].T.copy(), np.eye(A.shape[1])  # rows are columns
    for _ in range(60):
        turned = False
        for i in range(len(B) - 1):
            for j in range(i + 1, len(B)):
                a, b, c = B[i] @ B[i], B[j] @ B[j], B[i] @ B[j]
                if a == 0 or b == 0 or abs(c) <= 4 * EPS * np.sqrt(a) * np.sqrt(b):
                    continue
                turned = True
                zeta = (b - a) / (2 * c)
                t = 1 / (abs(zeta) + np.hypot(1, zeta)) * (1 if zeta >= 0 else -1)
                cosine = 1 / np.hypot(1, t)
                for M in (B, V):
                    M[i], M[j] = cosine * (M[i] - t * M[j]), cosine * (t * M[i] + M[j])
        if not turned:
            break
    s = np.linalg.norm(B, axis=1)
    falling = np.argsort(-s)[: min(A.shape)]
    found = np.empty((A.shape[1], len(falling)))
    found[order] = V[falling].T
    return (B[falling] / np.where(s[falling] > 0, s[falling], 1)[:, None]).T, s[falling], found


def truncated_least_squares(A, y):
    """(fitted values, theta, whether a singular value lies within a factor of ten of numpy's
    threshold)."""
    U, s, V = jacobi_svd(A)
    threshold = EPS * max(A.shape) * s[0]
    kept = s > threshold
    share = U[:, kept].T @ y
    near = bool(((s > threshold / 10) & (s < threshold * 10)).any())
    return U[:, kept] @ share, V[:, kept] @ (share / s[kept]), near
