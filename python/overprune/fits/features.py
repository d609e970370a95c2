"""Random features."""

from __future__ import annotations

import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._validation import FloatArray
from ..problems.functions import Function, core_function


def random_features(
    inputs: npt.ArrayLike,
    weights: npt.ArrayLike,
    activation: Function = "relu",
    bias: npt.ArrayLike | None = None,
    *,
    workers: int | None = None,
) -> FloatArray:
    """Compute random features of inputs.

    ``X = phi(inputs @ weights.T + bias)``, elementwise phi.

    Parameters
    ----------
    inputs : array_like of shape (n, d)
        Rows a, in an array, a data frame or a sparse matrix, as in `least_squares`.
    weights : array_like of shape (p, d)
        Rows r_i of R.
    activation : str or callable, default "relu"
        phi: "identity", "relu", "sign" (``sign(0) = 0``), "erf", "cos", "tanh" or "gelu"
        (``z P(N(0, 1) < z)``). A callable maps float64 arrays of one dimension to arrays of the
        same shape, element by element.
    bias : array_like of shape (p,), optional
        Added before phi; none by default.
    workers : int, optional
        Threads; one per core that the process may use by default. Little work stays on one. Does
        not change the result.

    Returns
    -------
    ndarray of shape (n, p)

    Raises
    ------
    TypeError, ValueError
        If an array is not real and finite, shapes do not match, the activation is unknown, a
        callable returns anything but finite real numbers in the shape that it was given, or workers
        is not a positive integer.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), section "Random features"; docs/theory.md, section 7.

    Examples
    --------
    >>> import overprune as op
    >>> op.random_features([[1.0, -2.0]], [[1.0, 0.0], [0.0, 1.0]])
    array([[1., 0.]])
    >>> op.random_features([[1.0, -2.0]], [[1.0, 0.0], [0.0, 1.0]], lambda z: z**2)
    array([[1., 4.]])
    """
    # The core refuses what is not finite; an array that needs nothing else is read once.
    a = inputs if check.is_plain(inputs, 2) else check.float_array(inputs, "inputs", ndim=2)
    if check.is_plain(weights, 2) and weights.shape[1] == a.shape[1]:
        r = weights
    else:
        r = check.float_array(weights, "weights", ndim=2, shape=(None, a.shape[1]))
    phi = core_function(activation, "activation", probe=False)
    b = None if bias is None else check.float_array(bias, "bias", ndim=1, shape=(r.shape[0],))
    threads = check.workers(workers, a.size * r.shape[0])
    features: FloatArray = _core.random_features(a, r, phi, b, threads)
    return features
