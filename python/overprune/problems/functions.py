"""Activations and links: named functions of one variable, or Python callables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _validation as check
from .._validation import FloatArray

# A name, or a function that maps float64 arrays to arrays of the same shape, element by element.
Function = str | Callable[[FloatArray], npt.ArrayLike]


class Checked:
    """A callable whose results are checked; what the core calls."""

    def __init__(self, function: Callable[[FloatArray], npt.ArrayLike], name: str) -> None:
        self._function, self._name = function, name

    def __call__(self, z: FloatArray) -> FloatArray:
        given = z.copy()  # the function may work in place
        name, images = (
            self._name,
            check.plain_array(self._function(z), f"the result of {self._name}"),
        )
        if images.dtype.kind not in "fiub":
            raise TypeError(f"{name} must return real numbers, got dtype {images.dtype}")
        if images.shape != given.shape:
            raise ValueError(
                f"{name} must return an array of the shape that it is given, {given.shape}; "
                f"got {images.shape}"
            )
        with np.errstate(over="ignore"):  # a long double may become infinite, which is refused
            result = np.asarray(images, dtype=np.float64)
        if not np.isfinite(result).all():
            i = int(np.argmin(np.isfinite(result)))
            raise ValueError(
                f"{name} must return finite numbers, got {result[i]} at z = {given[i]}"
            )
        return result


def core_function(value: Any, name: str, *, probe: bool = True) -> str | Checked:
    """A name or callable in the form that the core takes.

    `probe` tries a callable first, on the range of N(0, 1).
    """
    if isinstance(value, str):
        if value in check.ACTIVATIONS:
            return value
    elif callable(value):
        function = Checked(value, name)
        if probe:
            _probe(function, name)
        return function
    error = ValueError if isinstance(value, str) else TypeError
    raise error(
        f"{name} must be a callable or one of {', '.join(check.ACTIVATIONS)}; "
        f"got {check.shown(value)}"
    )


def _probe(function: Checked, name: str) -> None:
    z = np.linspace(-3.0, 3.0, 61)
    whole, part = function(z.copy()), function(z[17:26].copy())
    if not np.allclose(part, whole[17:26], rtol=1e-5, atol=1e-5 * np.abs(whole).max()):
        raise ValueError(
            f"{name} must be elementwise and always the same: its values at a part of an array "
            "differ from those at the whole"
        )


def qualified_name(function: Callable[..., Any]) -> str:
    """`module.qualname` of a function, or of the class of any other callable."""
    owner = (
        function
        if hasattr(function, "__qualname__") or hasattr(function, "__name__")
        else type(function)
    )
    name = getattr(owner, "__qualname__", None) or owner.__name__
    return f"{getattr(owner, '__module__', None) or type(function).__module__}.{name}"


def fingerprint(function: Callable[..., Any]) -> str:
    """Hash of a callable's values, to nine digits: tells lambdas of one name apart."""
    z = np.linspace(-4.0, 4.0, 65)
    text = " ".join(f"{value:.8e}" for value in Checked(function, "callable")(z))
    return hashlib.sha256(text.encode()).hexdigest()
