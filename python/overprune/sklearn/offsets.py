"""Predictions from columns that lie far from 0, to the accuracy of the others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import safe_sparse_dot

from .._validation import FloatArray, IntArray


@dataclass(frozen=True)
class Offsets:
    """Origins near which some columns lie, far from 0.

    With a column at 1e9 both x coef and the intercept have an ulp of 1e-7, which their sum keeps.
    Instead ``(x - origin) coef`` is added to ``origin coef + intercept``, whose products are summed
    exactly.
    """

    columns: IntArray
    origin: FloatArray
    left: FloatArray  # (m,): what rounding left over of the intercept

    def within(self, kept: IntArray) -> Offsets | None:
        """The offsets of the columns `kept`, ascending and renumbered."""
        here = np.isin(self.columns, kept)
        if not here.any():
            return None
        return Offsets(np.searchsorted(kept, self.columns[here]), self.origin[here], self.left)

    def linear(self, X: Any, coef: FloatArray, intercept: FloatArray) -> FloatArray:
        """``X @ coef.T + intercept`` (n, m) of coef (m, p) and intercept (m,)."""
        own = coef[:, self.columns]
        others = coef.copy()
        others[:, self.columns] = 0.0
        far = X[:, self.columns]
        far = np.asarray(far.toarray() if sparse.issparse(far) else far, dtype=np.float64)
        values = safe_sparse_dot(X, others.T, dense_output=True) + (far - self.origin) @ own.T
        return np.asarray(values + self._level(own, intercept))

    def _level(self, coef: FloatArray, intercept: FloatArray) -> FloatArray:
        high, low = products(self.origin, coef)
        terms = np.column_stack([high, low, intercept, self.left])
        return np.array([math.fsum(row) for row in terms])


def linear(X: Any, coef: Any, intercept: Any, offsets: Offsets | None) -> FloatArray:
    """``X @ coef.T + intercept``: (n,) of coef (p,), or of a float intercept; else (n, m)."""
    single = np.ndim(intercept) == 0
    if offsets is None:
        values = safe_sparse_dot(X, coef.T, dense_output=True)
        return np.asarray((values.ravel() if single else values) + intercept)
    dense = np.atleast_2d(coef.toarray() if sparse.issparse(coef) else coef)
    values = offsets.linear(X, dense, np.atleast_1d(intercept))
    return values.ravel() if single else values


def products(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``a * b`` and its rounding error, after Dekker (1971); 0 where halves would overflow."""
    high = np.asarray(a * b)
    with np.errstate(over="ignore", invalid="ignore"):
        (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
        low = ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low
    return high, np.where(np.isfinite(low), low, 0.0)


def _halves(a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two numbers of 26 bits each whose sum is a."""
    shifted = 134217729.0 * a  # 2**27 + 1
    high = shifted - (shifted - a)
    return high, a - high
