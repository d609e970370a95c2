"""Random features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._validation import FloatArray
from ..problems.functions import Function, core_function


def random_features(
    inputs: npt.ArrayLike,
    weights: npt.ArrayLike | int,
    activation: Function = "relu",
    bias: npt.ArrayLike | None = None,
    *,
    seed: int | None = None,
    stream: int = 0,
    workers: int | None = None,
) -> FloatArray:
    """Compute random features of inputs.

    ``X = phi(inputs @ weights.T + bias)``, elementwise phi.

    Parameters
    ----------
    inputs : array_like of shape (n, d)
        Rows a, in an array, a data frame or a sparse matrix, as in `least_squares`.
    weights : array_like of shape (p, d) or int
        Rows r_i of R, or their number p, at least 1. Then R is
        ``standard_normal((p, d), seed=seed, stream=stream) * (1 / sqrt(d))``, so that its rows are
        N(0, I / d). It is drawn while it is used and never held, which takes less time and memory.
        More features begin with the same ones, and other inputs get the same R.
    activation : str or callable, default "relu"
        phi: "identity", "relu", "sign" (``sign(0) = 0``), "erf", "cos", "tanh" or "gelu"
        (``z P(N(0, 1) < z)``). A callable maps float64 arrays of one dimension to arrays of the
        same shape, element by element.
    bias : array_like of shape (p,), optional
        Added before phi; none by default.
    seed : int, optional
        Of weights that are drawn, in [0, 2**64); only for them, and needed there.
    stream : int, default 0
        Of weights that are drawn, in [0, 2**64); only for them.
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
        callable returns anything but finite real numbers in the shape that it was given, workers
        is not a positive integer, or seed or stream is no such integer or given for an array of
        weights.

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
    >>> op.random_features([[1.0, -2.0]], 3, seed=1).shape
    (1, 3)
    """
    # The core refuses what is not finite; an array that needs nothing else is read once.
    a = inputs if check.is_plain(inputs, 2) else check.float_array(inputs, "inputs", ndim=2)
    r: FloatArray | None = None
    if isinstance(weights, (int, np.integer)):
        p = check.integer(weights, "weights", lowest=1)
        if seed is None:
            raise TypeError(f"seed must be given where weights are drawn, got {p} of them without")
        key, number = check.seed(seed), check.seed(stream, "stream")
    else:
        r = _given(weights, a.shape[1], seed, stream)
        p = r.shape[0]
    phi = core_function(activation, "activation", probe=False)
    b = None if bias is None else check.float_array(bias, "bias", ndim=1, shape=(p,))
    threads = check.workers(workers, a.size * p)
    if r is None:
        return _core.drawn_features(a, p, key, number, phi, b, threads)
    return _core.random_features(a, r, phi, b, threads)


def _given(weights: npt.ArrayLike, d: int, seed: int | None, stream: int) -> FloatArray:
    """Weights that are not drawn."""
    if seed is not None or type(stream) is not int or stream != 0:
        raise ValueError(
            "seed and stream must not be given with an array of weights, which is not drawn; "
            f"got {check.shown(seed)} and {check.shown(stream)}"
        )
    if check.is_plain(weights, 2) and weights.shape[1] == d:
        return weights
    return check.float_array(weights, "weights", ndim=2, shape=(None, d))
