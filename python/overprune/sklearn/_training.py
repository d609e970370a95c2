"""What the core is given: rows that carry the weights, and no longer the means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .._validate import FloatArray


def dense_columns(X: Any, count: int) -> FloatArray:
    """The first `count` columns of validated rows, in float64."""
    columns = X[:, :count]
    return np.asarray(columns.toarray() if sparse.issparse(columns) else columns, dtype=np.float64)


@dataclass(frozen=True)
class Training:
    """Least squares with weights and an intercept, as least squares without either.

    ``sum_i w_i |y_i - b - x_i'theta|**2 / (2 sum w) + ridge |theta|**2 / 2`` is least (with the least norm,
    where that leaves a choice) at the theta of ``|response - design theta|**2 / (2 rows) + (ridge scale)
    |theta|**2 / 2`` and at the intercept ``y_mean - x_mean'theta``.
    """

    design: FloatArray  # (rows, k)
    response: FloatArray  # (rows, m)
    x_mean: FloatArray  # (k,)
    y_mean: FloatArray  # (m,)
    scale: float

    @staticmethod
    def of(X: FloatArray, Y: FloatArray, weights: FloatArray | None, fit_intercept: bool) -> Training:
        """X (n, k), Y (n, m), weights (n,) not negative, not all zero; none of them is changed."""
        if weights is not None:
            kept = np.flatnonzero(weights)
            X, Y, weights = X[kept], Y[kept], weights[kept] / weights[kept].mean()
        n = X.shape[0]
        x_mean, y_mean = np.zeros(X.shape[1]), np.zeros(Y.shape[1])
        if fit_intercept:
            x_mean, y_mean = np.average(X, axis=0, weights=weights), np.average(Y, axis=0, weights=weights)
            X, Y = X - x_mean, Y - y_mean
        roots = np.ones(n)
        if weights is not None:
            roots = np.sqrt(weights)
            X, Y = X * roots[:, None], Y * roots[:, None]
        if fit_intercept and n > 1:
            X, Y = _contrasts(X, roots), _contrasts(Y, roots)
        return Training(X, Y, x_mean, y_mean, n / X.shape[0])


def _contrasts(rows: FloatArray, roots: FloatArray) -> FloatArray:
    """The n - 1 orthonormal contrasts of n rows that are orthogonal to `roots`; overwrites the rows.

    Centred rows have rank n - 1 at most, so that no wide problem of n of them has full rank, and each would
    need the rank-revealing solver. The reflection that takes roots to the first axis leaves nothing in the
    first row; the others have the same inner products, hence the same solutions, and full rank.
    """
    direction = roots / np.linalg.norm(roots)
    shares = direction / (1.0 + direction[0])
    step = max(1, 2**15 // rows.shape[1])  # products that stay in the cache
    for first in range(1, len(rows), step):
        rows[first : first + step] -= np.outer(shares[first : first + step], rows[0])
    return rows[1:]
