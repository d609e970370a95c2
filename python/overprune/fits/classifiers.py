"""Linear classifiers of any convex loss: one problem, and the path over its first k columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._validation import FloatArray
from ..losses import Loss, as_loss, core_loss
from .least_squares import as_data, threads


def check_labels(response: FloatArray, loss: Loss) -> None:
    """Raises ValueError where a loss of labels gets anything but -1 and 1."""
    if loss.name == "square":
        return
    wrong = np.argwhere(abs(response) != 1.0)
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(
            f"y must hold the labels -1 and 1 alone with loss {loss.name}, got "
            f"{response[row, column]:g} in row {row}"
        )


def fit_classifier(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    loss: str | Loss = "logistic",
    ridge: float = 0.0,
    workers: int | None = None,
) -> FloatArray:
    """Fit a linear classifier: the model of least loss with a ridge, without intercept.

    ``theta`` minimises ``(1/n) sum_i l(y_i, x_i'theta) + (ridge/2) |theta|**2``. A smooth loss is
    minimised by Newton's method; any other by Newton's method on its Moreau envelopes, until the
    duality gap is lost to rounding.

    Parameters
    ----------
    X : array_like of shape (n, p)
        Any layout and real dtype, a data frame or a sparse matrix; computed in float64, dense.
    y : array_like of shape (n,) or (n, m)
        Labels -1 and 1; m columns are m classifiers, as of classes one against the rest. With loss
        "square" any finite numbers.
    loss : {"logistic", "hinge", "square"} or Loss, default "logistic"
        "square" is `least_squares`.
    ridge : float, default 0.0
        Finite and at least 0; above 0 but for "square" and "logistic".
    workers : int, optional
        Threads; one per core that the process may use by default. Little work stays on one. Does
        not change the result.

    Returns
    -------
    ndarray of shape (p,) or (p, m)

    Raises
    ------
    TypeError, ValueError
        As `least_squares`, and if y holds other labels, the loss is unknown, or the ridge is 0
        where no model has the least loss: with another loss than "square" and "logistic", and with
        "logistic" where the columns of X separate the labels or are as many as the rows. If the
        gap stays above a millionth of the loss of a model of zeros.

    References
    ----------
    docs/theory.md, section 11.

    Examples
    --------
    The margins of a logistic fit of two opposite rows solve ``z = 2 / (1 + exp(z))`` with ridge
    1/2:

    >>> import overprune as op
    >>> op.fit_classifier([[1.0], [-1.0]], [1.0, -1.0], ridge=0.5).round(6)
    array([0.674832])
    >>> op.fit_classifier([[1.0], [-1.0]], [1.0, -1.0], loss="hinge", ridge=0.5)
    array([1.])
    """
    columns = np.shape(X)[1] if np.ndim(X) == 2 else 1
    path = classifier_path(X, y, [columns], loss=loss, ridge=ridge, workers=workers)
    theta: FloatArray = path[0]
    return theta


def classifier_path(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sizes: Sequence[int],
    *,
    loss: str | Loss = "logistic",
    ridge: float = 0.0,
    workers: int | None = None,
) -> FloatArray:
    """Fit linear classifiers on the first k columns, for every k of `sizes`, each from the last.

    Each is the minimiser that `fit_classifier` has, zero-padded. For k small beside n its Hessian
    is one of k x k, else of n x n, from products of the rows that grow from size to size.

    Parameters
    ----------
    X : array_like of shape (n, p)
        Any layout and real dtype, a data frame or a sparse matrix; computed in float64, dense.
    y : array_like of shape (n,) or (n, m)
        As in `fit_classifier`.
    sizes : sequence of int
        Strictly increasing in [1, p].
    loss : {"logistic", "hinge", "square"} or Loss, default "logistic"
    ridge : float, default 0.0
        As in `fit_classifier`.
    workers : int, optional
        Threads; one per core that the process may use by default. Little work stays on one. Does
        not change the result.

    Returns
    -------
    ndarray of shape (len(sizes), p) or (len(sizes), p, m)

    Raises
    ------
    TypeError, ValueError
        As `fit_classifier`, and if sizes are not strictly increasing integers in [1, p].

    References
    ----------
    docs/theory.md, section 11.

    Examples
    --------
    >>> import overprune as op
    >>> X, y = [[1.0, 1.0], [-1.0, -1.0]], [1.0, -1.0]
    >>> op.classifier_path(X, y, [1, 2], loss="hinge", ridge=0.5)
    array([[1. , 0. ],
           [0.5, 0.5]])
    """
    design, response, single = as_data(X, y)
    ks = check.increasing(sizes, "sizes", highest=design.shape[1])
    chosen = as_loss(loss)
    check_labels(response, chosen)
    ridge = check.nonnegative(ridge, "ridge")
    theta: FloatArray = _core.classifier_path(
        design, response, ks, core_loss(chosen), ridge, threads(workers, design)
    )[0]
    return theta[:, :, 0] if single else theta
