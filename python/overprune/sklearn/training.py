"""What the core is given: rows that carry the weights, and no longer the means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .._validation import FloatArray, IntArray
from .offsets import Offsets, products

# By how many spreads a column's mean may exceed 0: above the first, its rounding needs a second
# look; above the second, products with the column round away digits of the others.
_NEAR, _FAR = 8.0, 1024.0


def dense_columns(X: Any, count: int) -> FloatArray:
    """The first `count` columns of validated rows, in float64."""
    columns = X[:, :count]
    return np.asarray(columns.toarray() if sparse.issparse(columns) else columns, dtype=np.float64)


@dataclass(frozen=True)
class Centre:
    """Means of columns as an origin near the mean and the rest, which their sum would lose."""

    origin: FloatArray  # (k,)
    shift: FloatArray  # (k,)
    far: IntArray  # columns that lie far from 0, by their spread

    @staticmethod
    def zero(count: int) -> Centre:
        return Centre(np.zeros(count), np.zeros(count), np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class Training:
    """Least squares with weights and an intercept, as least squares without either.

    ``sum_i w_i |y_i - b - x_i'theta|**2 / (2 sum w) + ridge |theta|**2 / 2`` is least (with the
    least norm, where that leaves a choice) at the theta of ``|response - design theta|**2 / (2
    rows) + (ridge scale) |theta|**2 / 2`` and at the intercept ``y_mean - x_mean'theta``.

    A column without variation is exactly zero in the design, and an offset of a column changes
    neither the design nor theta, but for the rounding of the column itself.
    """

    design: FloatArray  # (rows, k)
    response: FloatArray  # (rows, m)
    x_centre: Centre
    y_centre: Centre
    scale: float

    @staticmethod
    def of(
        X: FloatArray, Y: FloatArray, weights: FloatArray | None, fit_intercept: bool
    ) -> Training:
        """X (n, k), Y (n, m), weights (n,) not negative, not all zero; none of them is changed."""
        if weights is not None:
            kept = np.flatnonzero(weights)
            if kept.size < weights.size:
                X, Y, weights = X[kept], Y[kept], weights[kept]
        n = X.shape[0]
        if fit_intercept:
            rows = _Rows.of(weights, n)
            design, x_centre = rows.contrasts(X)
            response, y_centre = rows.contrasts(Y)
        else:
            design, response = X, Y
            x_centre, y_centre = Centre.zero(X.shape[1]), Centre.zero(Y.shape[1])
            if weights is not None:
                roots = np.sqrt(weights / weights.mean())[:, None]
                design, response = X * roots, Y * roots
        return Training(design, response, x_centre, y_centre, n / design.shape[0])

    def intercept(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``y_mean - x_mean'theta`` (m,) of theta (k, m), and its rounding error."""
        x, y = self.x_centre, self.y_centre
        near = y.shift - x.shift @ theta
        far = x.far[theta[x.far].any(axis=1)]
        if far.size == 0:
            return y.origin + (near - x.origin @ theta), np.zeros(theta.shape[1])
        rest = x.origin.copy()
        rest[far] = 0.0
        high, low = products(x.origin[far, None], -theta[far])
        terms = np.vstack([y.origin, near, -(rest @ theta), high, low])
        intercept = np.array([math.fsum(column) for column in terms.T])
        left = np.array(
            [math.fsum([*column, -b]) for column, b in zip(terms.T, intercept, strict=True)]
        )
        return intercept, left

    def offsets(self, theta: FloatArray, left: FloatArray) -> Offsets | None:
        """The columns far from 0 that theta (k, m) uses, with the intercept's rounding error."""
        far = self.x_centre.far[theta[self.x_centre.far].any(axis=1)]
        return Offsets(far, self.x_centre.origin[far], left) if far.size else None

    def centred(self, X: FloatArray) -> FloatArray:
        """Other rows (r, k) about the means; a copy."""
        rows = X - self.x_centre.origin
        if self.x_centre.shift.any():
            rows -= self.x_centre.shift
        return rows


@dataclass(frozen=True)
class _Rows:
    """The n - 1 orthonormal contrasts of n weighted rows.

    Centred rows have rank n - 1 at most, so that no wide problem of n of them has full rank, and
    each would need the rank-revealing solver. The reflection that takes the roots of the weights to
    the first axis leaves nothing in the first row; the others have the same inner products, hence
    the same solutions, and full rank.
    """

    shares: FloatArray | None  # (n,), of sum 1; None: all alike
    roots: FloatArray  # (n,)

    @staticmethod
    def of(weights: FloatArray | None, n: int) -> _Rows:
        """Weights (n,) above 0, or None: all alike."""
        if weights is None:
            return _Rows(None, np.ones(n))
        relative = weights / weights.mean()
        return _Rows(relative / n, np.sqrt(relative))

    def contrasts(self, rows: FloatArray) -> tuple[FloatArray, Centre]:
        """Rows (n, k) centred, and the means of their columns; a single row becomes zeros."""
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused by the core
            centred, centre = self._centred(rows)
        if self.shares is not None:
            centred *= self.roots[:, None]
        return self._reflected(centred) if len(rows) > 1 else centred, centre

    def _centred(self, rows: FloatArray) -> tuple[FloatArray, Centre]:
        origin, shift = self._mean(rows), np.zeros(rows.shape[1])
        doubtful = self._doubtful(rows, origin)
        if doubtful.size == 0:
            return rows - origin, Centre(origin, shift, doubtful)
        everything = doubtful.size == rows.shape[1]
        columns = rows if everything else rows[:, doubtful]
        # No rounding takes the mean out of the column's range: a constant is its own mean.
        means = np.clip(origin[doubtful], columns.min(axis=0), columns.max(axis=0))
        columns = columns - means
        shifts = self._mean(columns)
        columns -= shifts
        origin[doubtful], shift[doubtful] = means, shifts
        centred = columns if everything else rows - origin
        if not everything:
            centred[:, doubtful] = columns
        spread = np.sqrt(self._mean(columns * columns))
        return centred, Centre(
            origin, shift, doubtful[(np.abs(means) > _FAR * spread) & (spread > 0.0)]
        )

    def _doubtful(self, rows: FloatArray, means: FloatArray) -> IntArray:
        """Columns whose means may be rounded by more than a few ulps of what varies, by some of the
        rows.

        With weights all of them: rows that hardly count may be as far away as they like.
        """
        if self.shares is not None:
            return np.arange(rows.shape[1])
        sample = rows[:: max(1, len(rows) // 16)]
        return np.flatnonzero(~(np.abs(means) < _NEAR * (sample.max(axis=0) - sample.min(axis=0))))

    def _mean(self, rows: FloatArray) -> FloatArray:
        """(k,) of rows (n, k), also where their sum overflows."""
        if self.shares is not None:
            means: FloatArray = np.einsum("i,ij->j", self.shares, rows)
            return means
        means = rows.mean(axis=0)
        if not np.isfinite(means).all():
            means = (rows / len(rows)).sum(axis=0)
        return means

    def _reflected(self, rows: FloatArray) -> FloatArray:
        """Of centred rows, which are overwritten."""
        # The heaviest row is nearest its mean: as the first, it takes no digits from the others.
        direction, swapped = self.roots / np.linalg.norm(self.roots), [0, int(self.roots.argmax())]
        for values in (direction, rows):
            values[swapped] = values[swapped[::-1]]
        shares = direction / (1.0 + direction[0])
        step = max(1, 2**15 // rows.shape[1])  # products that stay in the cache
        for first in range(1, len(rows), step):
            rows[first : first + step] -= np.outer(shares[first : first + step], rows[0])
        return rows[1:]
