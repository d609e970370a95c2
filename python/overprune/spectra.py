"""Spectra: the variances of independent features, for `LinearGaussianProblem(beta,
covariance=...)`."""

from __future__ import annotations

import numpy as np

from . import _validation as check
from ._validation import FloatArray

__all__ = ["isotropic", "power_law", "spiked"]


def isotropic(p: int) -> FloatArray:
    """Equal variances, ``lambda_i = 1``.

    Parameters
    ----------
    p : int
        Number of features, at least 1.

    Returns
    -------
    ndarray of shape (p,)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.

    Examples
    --------
    >>> import overprune as op
    >>> op.spectra.isotropic(3)
    array([1., 1., 1.])
    """
    return np.ones(check.integer(p, "p", lowest=1))


def spiked(p: int, spikes: int, value: float) -> FloatArray:
    """A few large variances: ``lambda_i = value`` for ``i < spikes``, 1 elsewhere.

    Parameters
    ----------
    p : int
        Number of features, at least 1.
    spikes : int
        Number of leading features with variance `value`, in [0, p].
    value : float
        Their variance, finite and at least 0.

    Returns
    -------
    ndarray of shape (p,)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.

    Examples
    --------
    >>> import overprune as op
    >>> op.spectra.spiked(4, spikes=2, value=25.0)
    array([25., 25.,  1.,  1.])
    """
    variances = isotropic(p)
    variances[: check.integer(spikes, "spikes", lowest=0, highest=variances.size)] = (
        check.nonnegative(value, "value")
    )
    return variances


def power_law(p: int, exponent: float) -> FloatArray:
    """Polynomially decaying variances, ``lambda_i = i**-exponent`` for ``i = 1, ..., p``.

    Parameters
    ----------
    p : int
        Number of features, at least 1.
    exponent : float
        Finite and at least 0; 0 is isotropic.

    Returns
    -------
    ndarray of shape (p,)

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.

    Examples
    --------
    >>> import overprune as op
    >>> op.spectra.power_law(3, exponent=2.0).round(3)
    array([1.   , 0.25 , 0.111])
    """
    i = np.arange(1, check.integer(p, "p", lowest=1) + 1, dtype=np.float64)
    return np.asarray(i ** -check.nonnegative(exponent, "exponent"))
