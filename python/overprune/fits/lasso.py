"""The lasso and the elastic net along their whole path of penalties."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._validation import FloatArray, IntArray
from ..problems.centring import warn_uncentred_data
from .least_squares import as_data


@dataclass(frozen=True)
class LassoPath:
    """Models of a path; what `lasso_path` returns.

    Attributes
    ----------
    coefficients : ndarray of shape (L, p)
        The models; NaN where the path has none.
    penalty : ndarray of shape (L,)
        kappa of each model; NaN where there is none.
    nonzeros : ndarray of int of shape (L,)
        How many coefficients of each model are not 0; -1 where there is none.
    suboptimality : ndarray of shape (L,)
        The most by which a model misses a condition of optimality, relative to the largest
        ``|X'y| / n``.
    """

    coefficients: FloatArray
    penalty: FloatArray
    nonzeros: IntArray
    suboptimality: FloatArray


def lasso_path(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    nonzeros: Sequence[int] | None = None,
    *,
    penalties: npt.ArrayLike | None = None,
    ridge: float = 0.0,
) -> LassoPath:
    """The lasso, or with ridge the elastic net, at given nonzeros or at given penalties.

    Each model minimises ``|y - X theta|**2 / (2 n) + ridge |theta|**2 / 2 + penalty |theta|_1``,
    found along the path of penalties that fall from the largest on (a homotopy). The model for s
    nonzeros is the one of the smallest penalty down to which no model of the path has more than s.

    Parameters
    ----------
    X : array_like of shape (n, p)
        As in `least_squares`: data frames and sparse matrices, too.
    y : array_like of shape (n,)
        One target.
    nonzeros : sequence of int, optional
        Strictly increasing in [1, p]. A model may have fewer: where several features enter at once,
        and at the end of the path.
    penalties : array_like of shape (L,), optional
        kappa, each at least 0, in any order. Either these or nonzeros must be given.
    ridge : float, default 0.0
        At least 0.

    Returns
    -------
    LassoPath
        coefficients, penalty, nonzeros and suboptimality of the L models.

    Raises
    ------
    TypeError, ValueError
        If an array is not real and finite, shapes do not match, y has several targets, both or none
        of nonzeros and penalties are given, or a number is out of range.
    KeyboardInterrupt
        Within a second of Ctrl-C.

    Warns
    -----
    UserWarning
        Where nonzeros are above min(n, p) without ridge, which no path reaches: NaN. Where y is
        far from 0, as for `prune_path`.

    References
    ----------
    docs/theory.md, section 10.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> path = op.lasso_path(np.eye(3), [3.0, -2.0, 1.0], nonzeros=[1, 2])
    >>> path.penalty * 3
    array([2., 1.])
    >>> path.coefficients
    array([[ 1.,  0.,  0.],
           [ 2., -1.,  0.]])
    """
    design, response, single = as_data(X, y)
    if response.shape[1] != 1 or not single:
        raise ValueError(f"y must have shape ({len(design)},), got {np.shape(y)}")
    strength = check.nonnegative(ridge, "ridge")
    if (nonzeros is None) == (penalties is None):
        raise ValueError("one of nonzeros and penalties must be given, got both or none")
    if nonzeros is not None:
        n, p = design.shape
        counts = check.increasing(nonzeros, "nonzeros", highest=p)
        if strength == 0.0 and counts[-1] > n:
            warnings.warn(
                f"a lasso of n = {n} rows without ridge has at most {n} nonzeros: "
                f"nonzeros {counts[-1]} is NaN",
                UserWarning,
                stacklevel=2,
            )
        path = LassoPath(*_core.lasso_path(design, response, counts, strength))
    else:
        values = check.float_array(penalties, "penalties", ndim=(1,))
        path = LassoPath(*_core.lasso_at(design, response, values.tolist(), strength))
    warn_uncentred_data(design, response, stacklevel=2)
    return path
