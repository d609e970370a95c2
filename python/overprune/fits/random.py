"""Random numbers from the counter-based generator of the core."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .. import _core
from .. import _validation as check
from .._validation import FloatArray

_USER = _core.PURPOSE_USER
_MANY = 10_000  # numbers that take longer to draw than their arguments to check


def standard_normal(
    shape: int | Sequence[int], *, seed: int, stream: int = 0, workers: int | None = None
) -> FloatArray:
    """Draw standard normals, bitwise the same on every machine.

    ``z_i ~ N(0, 1)`` independent; element i of the flattened result is a pure function of
    ``(seed, stream, i)``. The generator is Philox4x32-10 with 53 bits and the Box-Muller transform.

    Parameters
    ----------
    shape : int or sequence of int
        Shape of the result; every length at least 1.
    seed : int
        In [0, 2**64).
    stream : int, default 0
        In [0, 2**64); different streams of one seed are independent.
    workers : int, optional
        Threads; one per core that the process may use by default. Little work stays on one. Does
        not change the result.

    Returns
    -------
    ndarray of float64 of that shape

    Raises
    ------
    TypeError, ValueError
        If a length, the seed, the stream or workers is not an integer or out of range.

    References
    ----------
    Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC 2011.

    Examples
    --------
    >>> import overprune as op
    >>> z = op.standard_normal((2, 3), seed=1)
    >>> z.shape
    (2, 3)
    >>> bool((z.ravel()[:2] == op.standard_normal(2, seed=1)).all())
    True
    """
    few = shape if type(shape) is int else _product(shape)
    if (
        0 < few < _MANY
        and type(seed) is type(stream) is int
        and (workers is None or check.workers(workers))
    ):
        try:
            drawn = _core.standard_normal(few, seed, stream, _USER)
            return drawn if few is shape else drawn.reshape(shape)
        except TypeError:  # the core takes integers in [0, 2**64): one of the two is none
            check.seed(seed)
            check.seed(stream, "stream")
            raise
    key, number = check.seed(seed), check.seed(stream, "stream")
    if not check.is_sequence(shape):
        count = check.integer(shape, "shape", lowest=1)
        return _core.standard_normal(count, key, number, _USER, check.workers(workers))
    sizes = [check.integer(length, "shape", lowest=1) for length in shape]
    count = math.prod(sizes)
    threads = check.workers(workers, 10 * count)
    return _core.standard_normal(count, key, number, _USER, threads).reshape(sizes)


def _product(shape: int | Sequence[int]) -> int:
    """Of a tuple of positive ints; 0 where there is something to be checked first."""
    if type(shape) is not tuple:
        return 0
    count = 1
    for length in shape:
        if type(length) is not int or length < 1:
            return 0
        count *= length
    return count
