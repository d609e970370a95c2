"""Least squares: one problem, the path over its first k columns, the path over a support."""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._validation import FloatArray


def as_data(X: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray, bool]:
    """X (n, p), y (n, m), and whether y came with one dimension."""
    design = check.float_array(X, "X", ndim=2)
    response = check.float_array(y, "y", ndim=(1, 2), shape=(design.shape[0],))
    return design, response.reshape(design.shape[0], -1), response.ndim == 1


def threads(workers: int | None, design: FloatArray) -> int:
    """Threads for the factors of a design."""
    return check.workers(workers, design.size * min(design.shape))


def least_squares(
    X: npt.ArrayLike, y: npt.ArrayLike, *, ridge: float = 0.0, workers: int | None = None
) -> FloatArray:
    """Solve least squares, with minimum l2 norm where the solution is not unique.

    ``theta = X^+ y``; with ridge > 0 the minimiser of
    ``|y - X theta|**2 / (2 n) + ridge |theta|**2 / 2``. Without ridge, singular values below
    ``max(n, p) * 2.2e-16`` of the largest count as zero, as in numpy.

    Parameters
    ----------
    X : array_like of shape (n, p)
        Any layout and real dtype, a data frame or a sparse matrix; computed in float64, dense.
    y : array_like of shape (n,) or (n, m)
        One or several targets.
    ridge : float, default 0.0
        Finite and at least 0.
    workers : int, optional
        Threads; one per core that the process may use by default. Little work stays on one. Does
        not change the result.

    Returns
    -------
    ndarray of shape (p,) or (p, m)

    Raises
    ------
    TypeError, ValueError
        If an array is not real and finite, is empty, has the wrong number of dimensions or length,
        a value or column of a data frame is missing or no number (it is named), the ridge is
        negative, workers is not a positive integer, or a coefficient overflows.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), Eq. (2); docs/theory.md, section 1.

    Examples
    --------
    >>> import overprune as op
    >>> op.least_squares([[3.0, 4.0]], [25.0])
    array([3., 4.])
    """
    design, response, single = as_data(X, y)
    ridge = check.nonnegative(ridge, "ridge")
    theta: FloatArray = _core.least_squares_path(
        design, response, [design.shape[1]], ridge, False, threads(workers, design)
    )[0][0]
    return theta[:, 0] if single else theta


def least_squares_path(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sizes: Sequence[int],
    *,
    ridge: float = 0.0,
    workers: int | None = None,
) -> FloatArray:
    """Solve least squares on the first k columns, for every k of `sizes`, from shared factors.

    ``theta_k = (X[:, :k])^+ y``, zero-padded; ridge as in `least_squares`.

    Parameters
    ----------
    X : array_like of shape (n, p)
        Any layout and real dtype, a data frame or a sparse matrix; computed in float64, dense.
    y : array_like of shape (n,) or (n, m)
        One or several targets.
    sizes : sequence of int
        Strictly increasing in [1, p].
    ridge : float, default 0.0
        Finite and at least 0.
    workers : int, optional
        Threads; one per core that the process may use by default. Little work stays on one. Does
        not change the result.

    Returns
    -------
    ndarray of shape (len(sizes), p) or (len(sizes), p, m)

    Raises
    ------
    TypeError, ValueError
        As `least_squares`, and if sizes are not strictly increasing integers in [1, p].

    References
    ----------
    docs/theory.md, section 1.

    Examples
    --------
    >>> import overprune as op
    >>> op.least_squares_path([[3.0, 4.0]], [25.0], [1, 2]).round(3)
    array([[8.333, 0.   ],
           [3.   , 4.   ]])
    """
    design, response, single = as_data(X, y)
    ks = check.increasing(sizes, "sizes", highest=design.shape[1])
    ridge = check.nonnegative(ridge, "ridge")
    theta: FloatArray = _core.least_squares_path(
        design, response, ks, ridge, False, threads(workers, design)
    )[0]
    return theta[:, :, 0] if single else theta


def retrain_path(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    order: npt.ArrayLike,
    nonzeros: Sequence[int],
    *,
    ridge: float = 0.0,
    workers: int | None = None,
) -> FloatArray:
    """Solve least squares on the first s columns of `order`, for every s of `nonzeros`.

    All share their factors.
    ``theta_S = (X[:, S])^+ y`` with ``S = order[:s]``, zero elsewhere; ridge and rank as in
    `least_squares`.

    Parameters
    ----------
    X : array_like of shape (n, p)
        Any layout and real dtype, a data frame or a sparse matrix; computed in float64, dense.
    y : array_like of shape (n,) or (n, m)
        One or several targets.
    order : array_like of int
        Distinct indices in [0, p), most important first; at least max(nonzeros) of them.
    nonzeros : sequence of int
        Strictly increasing, at least 1.
    ridge : float, default 0.0
        Finite and at least 0.
    workers : int, optional
        Threads; one per core that the process may use by default. Little work stays on one. Does
        not change the result.

    Returns
    -------
    ndarray of shape (len(nonzeros), p) or (len(nonzeros), p, m)

    Raises
    ------
    TypeError, ValueError
        As `least_squares`, and if order or nonzeros is not as above.

    References
    ----------
    docs/theory.md, section 2.

    Examples
    --------
    >>> import overprune as op
    >>> op.retrain_path([[3.0, 4.0]], [25.0], [1, 0], [1, 2])
    array([[0.  , 6.25],
           [3.  , 4.  ]])
    """
    design, response, single = as_data(X, y)
    indices = check.indices(order, "order", size=design.shape[1])
    counts = check.increasing(nonzeros, "nonzeros", highest=indices.size)
    ridge = check.nonnegative(ridge, "ridge")
    theta: FloatArray = _core.retrain_path(
        design, response, indices.tolist(), counts, ridge, threads(workers, design)
    )
    return theta[:, :, 0] if single else theta
