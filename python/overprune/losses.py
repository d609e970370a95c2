"""Losses of a training: square, logistic, hinge, and ones of your own."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from . import _validation as check
from ._validation import FloatArray

NAMES: tuple[str, ...] = _core.LOSSES
"""The names of the losses that the package knows."""


class Loss:
    """A convex loss ``l(y, f)`` of a response y and a fitted value f, with its proximal operator.

    ``prox(y, field, V) = argmin_f l(y, f) + (f - field)**2 / (2 V)``. A model is trained by
    ``min (1/n) sum_i l(y_i, x_i'theta) + (ridge/2) |theta|**2``.

    Parameters
    ----------
    value : callable
        ``value(y, f)``: arrays of one shape, y of labels -1 and 1, to an array of that shape.
    prox : callable
        ``prox(y, field, V)``: the same arrays and a number V above 0 to an array of that shape.
        Several threads may call both.
    name : str, optional
        What messages and tables call it; by default the name of `value`.

    Raises
    ------
    TypeError, ValueError
        If value or prox cannot be called or returns anything but finite real numbers, the loss is
        not convex in f, or prox does not minimise: on a grid of labels -1 and 1, f in [-8, 8] and
        V from 1e-3 to 1e3.

    References
    ----------
    docs/theory.md, section 11.

    Examples
    --------
    Squares of what the margin lacks:

    >>> import numpy as np
    >>> import overprune as op
    >>> def value(y, f):
    ...     return np.maximum(0.0, 1.0 - y * f) ** 2 / 2
    >>> def prox(y, field, V):
    ...     return field + y * np.maximum(0.0, 1.0 - y * field) * V / (1.0 + V)
    >>> op.losses.Loss(value, prox, name="squared hinge")
    Loss(squared hinge)
    """

    def __init__(
        self,
        value: Callable[[FloatArray, FloatArray], npt.ArrayLike],
        prox: Callable[[FloatArray, FloatArray, float], npt.ArrayLike],
        name: str | None = None,
    ) -> None:
        _check_function(value, "value", ("y", "f"))
        _check_function(prox, "prox", ("y", "field", "V"))
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a string, got {check.shown(name)}")
        if name is not None and not (name and name.isprintable()):
            raise ValueError(f"name must be of printable characters, got {name!r}")
        self.name: str = getattr(value, "__name__", "loss") if name is None else name
        if self.name in NAMES:
            raise ValueError(f"name must not be that of a loss of the package, got {self.name!r}")
        self._functions = value, prox
        _core.check_convex(self)

    def value(self, y: npt.ArrayLike, f: npt.ArrayLike) -> FloatArray:
        """The loss of each response and fitted value, two arrays of one shape."""
        labels, fitted = _pair(y, f)
        return self._checked("value", self._functions[0](labels, fitted), fitted)

    def prox(self, y: npt.ArrayLike, field: npt.ArrayLike, V: float) -> FloatArray:
        """The proximal operator at each response and field, two arrays of one shape, and V > 0."""
        labels, fields = _pair(y, field)
        width = check.positive(V, "V")
        return self._checked("prox", self._functions[1](labels, fields, width), fields)

    def _checked(self, what: str, result: Any, given: FloatArray) -> FloatArray:
        images = check.plain_array(result, f"the result of {what}")
        if images.dtype.kind not in "fiub" or images.shape != given.shape:
            raise ValueError(
                f"{what} of loss {self.name} must return real numbers of the shape that it is "
                f"given, {given.shape}, got {images.dtype} of shape {images.shape}"
            )
        return np.asarray(images, dtype=np.float64)

    def __repr__(self) -> str:
        return f"Loss({self.name})"

    @property
    def label(self) -> str:
        """What tables call it: its name and a hash of its values."""
        f = np.linspace(-4.0, 4.0, 65)
        values = np.concatenate([self.value(np.full(65, y), f) for y in (-1.0, 1.0)])
        text = " ".join(f"{value:.8e}" for value in values)
        return f"{self.name} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


class _Named(Loss):
    """A loss that the package knows, as functions."""

    def __init__(self, name: str) -> None:
        self.name = name

    def value(self, y: npt.ArrayLike, f: npt.ArrayLike) -> FloatArray:
        labels, fitted = _pair(y, f)
        found: FloatArray = _core.loss_value(self.name, labels.ravel(), fitted.ravel())
        return found.reshape(fitted.shape)

    def prox(self, y: npt.ArrayLike, field: npt.ArrayLike, V: float) -> FloatArray:
        labels, fields = _pair(y, field)
        width = check.positive(V, "V")
        found: FloatArray = _core.loss_prox(self.name, labels.ravel(), fields.ravel(), width)
        return found.reshape(fields.shape)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Named, (self.name,)

    @property
    def label(self) -> str:
        return self.name


square = _Named("square")
"""``(y - f)**2 / 2``"""
logistic = _Named("logistic")
"""``log(1 + exp(-y f))`` of labels -1 and 1"""
hinge = _Named("hinge")
"""``max(0, 1 - y f)`` of labels -1 and 1"""
_BY_NAME = {loss.name: loss for loss in (square, logistic, hinge)}


def as_loss(value: Any) -> Loss:
    """A loss of its name or as it is; TypeError or ValueError otherwise."""
    if isinstance(value, Loss):
        return value
    if isinstance(value, str):
        if value in _BY_NAME:
            return _BY_NAME[value]
        raise ValueError(f"loss must be one of {', '.join(NAMES)}, or a Loss; got {value!r}")
    what = "a function without its proximal operator" if callable(value) else check.shown(value)
    raise TypeError(
        f"loss must be one of {', '.join(NAMES)}, or a Loss, made of the loss and its proximal "
        f"operator; got {what}"
    )


def core_loss(loss: Loss) -> Any:
    """The loss in the form that the core takes."""
    return loss.name if isinstance(loss, _Named) else loss


def _check_function(function: Any, argument: str, taken: tuple[str, ...]) -> None:
    """Whether a function can be called with these arguments, as far as it tells."""
    if not callable(function):
        raise TypeError(f"{argument} must be callable, got {check.shown(function)}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
        return
    try:
        signature.bind(*taken)
    except TypeError:
        raise TypeError(
            f"{argument} must take ({', '.join(taken)}), got one of {signature}"
        ) from None


def _pair(y: npt.ArrayLike, f: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Two arrays of one shape, by broadcasting."""
    dims = tuple(range(65))
    labels, fitted = np.broadcast_arrays(
        check.float_array(y, "y", ndim=dims), check.float_array(f, "f", ndim=dims)
    )
    return labels, fitted
