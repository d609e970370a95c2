"""Arrays of the caller as arrays of the core: converted, and checked, once."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from .. import _core
from . import frames, tensors
from .words import one_line, shown

FloatArray = npt.NDArray[np.float64]
_FLOAT64 = np.dtype(np.float64)


def plain_array(value: Any, name: str) -> npt.NDArray[Any]:
    """`value`, of any type that holds numbers, as an array of any dtype.

    The whole package converts here.

    Data frames and columns of pandas, polars and pyarrow become arrays of numbers column by column,
    whatever their dtypes; sparse matrices become dense; tensors and whatever else has DLPack's
    protocol are read where they are, in the processor's memory. ValueError for sequences of unequal
    lengths, missing values and sparse matrices that the memory has no room for; TypeError for what
    no array can be made of.
    """
    if type(value) is np.ndarray and value.dtype.kind != "O":
        plain: npt.NDArray[Any] = value
        return plain
    is_nested = isinstance(value, (list, tuple))
    if _is_masked(value, is_nested):
        raise TypeError(
            f"{name} must be a plain array, got a masked one, whose mask would be lost; "
            "fill it or drop the masked rows"
        )
    try:
        return frames.numbers(np.asarray(value)) if is_nested else _converted(value, name)
    except (MemoryError, _Huge):
        raise
    except frames.MissingValue as missing:
        where = f"at index {missing.row}"
        if frames.columns(value) is not None:
            where = f"in column {shown(missing.label)} at row {missing.row}"
        raise ValueError(
            f"{name} must have no missing values, got one {where}; fill it or drop the row"
        ) from None
    except Exception as error:  # another library's own
        if is_nested and "inhomogeneous" in str(error):
            raise ValueError(
                f"{name} must be an array, got nested sequences of unequal lengths"
            ) from None
        reason = one_line(str(error))
        raise TypeError(
            f"{name} must be an array, got a {type(value).__name__} that no array can be made of: "
            f"{reason}"
        ) from None


def _is_masked(value: Any, is_nested: bool) -> bool:
    if is_nested and value and isinstance(value[0], np.ndarray):
        return any(isinstance(row, np.ma.MaskedArray) for row in value)
    return isinstance(value, np.ma.MaskedArray)


class _Huge(ValueError):
    """Sparse data whose numbers, zeros and all, have no room in the memory."""


def _converted(value: Any, name: str) -> npt.NDArray[Any]:
    by_dlpack = tensors.array_of(value)
    if by_dlpack is not None:
        return by_dlpack
    if frames.is_sparse(value):
        _refuse_huge(value, name)
        return np.asarray(value.toarray())
    if frames.is_plain(value):
        return np.asarray(value)
    named = frames.columns(value)
    if named is None:
        return frames.column_array(value)
    _refuse_huge(value, name)
    array = frames.frame_array(named, len(value))
    return np.asarray(value) if array is None else array


def _refuse_huge(value: Any, name: str) -> None:
    """Raises where sparse data has no room in memory as the dense array that the solvers need."""
    needed = 8 * math.prod(value.shape)
    if needed < 2**24:
        return
    from .memory import available, megabytes

    room = available()
    if room is not None and needed > room:
        raise _Huge(
            f"{name} must fit into the memory as a dense array, got a {type(value).__name__} of "
            f"shape {value.shape}, which takes {megabytes(needed)} of the {megabytes(room)} that "
            "are free"
        )


def real_array(value: Any, name: str) -> npt.NDArray[Any]:
    """`value` as an array of a real dtype."""
    array = plain_array(value, name)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of real numbers, {_unreal(value, array)}")
    return array


def _unreal(value: Any, array: npt.NDArray[Any]) -> str:
    """What of `value` is no array of real numbers, in words."""
    named = frames.columns(value)
    if named is not None:
        label, contents = frames.not_numeric(named)
        return f"but column {shown(label)} {contents}"
    if array.ndim == 0 and array.dtype == object:
        return f"got dtype object, of type {type(value).__name__}"
    return f"got dtype {getattr(value, 'dtype', array.dtype)}"


def _place(value: Any, where: tuple[int, ...]) -> str:
    """Where in `value` an entry is, in words: its column by name, if columns have names."""
    named = frames.columns(value)
    if named is None or len(where) != 2:
        return f"at index {where}"
    return f"in column {shown(named[where[1]][0])} at row {where[0]}"


def _fits(lengths: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    for axis, length in enumerate(shape[: len(lengths)]):
        if length is not None and lengths[axis] != length:
            return False
    return True


def is_plain(value: Any, ndim: int) -> TypeGuard[FloatArray]:
    """Whether `value` is exactly a non-empty float64 array of that many dimensions."""
    return (
        type(value) is np.ndarray
        and value.dtype is _FLOAT64
        and value.ndim == ndim
        and value.size > 0
    )


def float_array(
    value: Any,
    name: str,
    *,
    ndim: int | tuple[int, ...],
    shape: tuple[int | None, ...] | None = None,
) -> FloatArray:
    """`value` as a finite, non-empty float64 array with one of the given numbers of dimensions.

    `shape` gives the expected lengths of the leading dimensions; None leaves one open.
    """
    found = _core.finite_doubles(value)  # dimensions, or 0 where more is to be looked at
    if (
        found
        and (found == ndim or (isinstance(ndim, tuple) and found in ndim))
        and (shape is None or _fits(value.shape, shape))
    ):
        checked: FloatArray = value
        return checked
    array = real_array(value, name)
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in allowed:
        expected = " or ".join(str(d) for d in allowed)
        raise ValueError(
            f"{name} must have {expected} dimension(s), got an array of shape {array.shape}"
        )
    for axis, length in enumerate(shape or ()):
        if length is not None and axis < array.ndim and array.shape[axis] != length:
            raise ValueError(
                f"{name} must have length {length} along axis {axis}, got shape {array.shape}"
            )
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got an array of shape {array.shape}")
    with np.errstate(over="ignore"):  # a long double may become infinite, which is refused
        result = np.asarray(array, dtype=np.float64)
    if not np.isfinite(result).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        raise ValueError(f"{name} must be finite, got {result[where]} {_place(value, where)}")
    return result
