"""Checks of arguments: each returns the value in the form the core takes or raises naming the
argument.

Messages have one shape everywhere: the argument, what was expected, what came.
"""

from __future__ import annotations

import itertools
import math
import operator
import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from .. import _core
from . import frames

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# More than any machine holds, and small enough for the core's arithmetic.
_LARGEST = 2**48
_FLOAT64 = np.dtype(np.float64)

RULES = tuple(_core.RULES)
# Those that can score an estimator or a data set, whose truth nobody knows.
RULES_OF_DATA = tuple(rule for rule, traits in _core.RULES.items() if not traits.needs_truth)
ACTIVATIONS = _core.ACTIVATIONS


def shown(value: Any) -> str:
    """`value` in one short line, for messages."""
    try:
        line = " ".join(repr(value).split())
    except ValueError:  # an int of thousands of digits
        line = f"a {type(value).__name__} too long to show"
    return line if len(line) <= 200 else f"{line[:197]}..."


def printable(text: str) -> str:
    """`text` with its control characters escaped, for messages that echo what others wrote."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """`text` as one printable line."""
    return printable(" ".join(text.split()))


def plain_array(value: Any, name: str) -> npt.NDArray[Any]:
    """`value` as an array of any dtype, from whatever holds numbers: the one conversion of the
    package.

    Data frames and columns of pandas, polars and pyarrow become arrays of numbers column by column,
    whatever their dtypes; sparse matrices become dense. ValueError for sequences of unequal
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
    except Exception as error:  # whatever another library says of its own arrays
        if is_nested and "inhomogeneous" in str(error):
            raise ValueError(
                f"{name} must be an array, got nested sequences of unequal lengths"
            ) from None
        reason = one_line(str(error))
        raise TypeError(
            f"{name} must be an array, got a {type(value).__name__} that no array can be made of: {reason}"
        ) from None


def _is_masked(value: Any, is_nested: bool) -> bool:
    if is_nested and value and isinstance(value[0], np.ndarray):
        return any(isinstance(row, np.ma.MaskedArray) for row in value)
    return isinstance(value, np.ma.MaskedArray)


class _Huge(ValueError):
    """Sparse data whose numbers, zeros and all, have no room in the memory."""


def _converted(value: Any, name: str) -> npt.NDArray[Any]:
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
    """Sparse columns may have room for what no dense array has; the solvers of this package are
    dense."""
    needed = 8 * math.prod(value.shape)
    if needed < 2**24:
        return
    from .memory import available, megabytes

    room = available()
    if room is not None and needed > room:
        raise _Huge(
            f"{name} must fit into the memory as a dense array, got a {type(value).__name__} of shape "
            f"{value.shape}, which takes {megabytes(needed)} of the {megabytes(room)} that are free"
        )


def real_array(value: Any, name: str) -> npt.NDArray[Any]:
    """`value` as an array of a real dtype."""
    array = plain_array(value, name)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be an array of real numbers, got {_unreal(value, array)}")
    return array


def _unreal(value: Any, array: npt.NDArray[Any]) -> str:
    """What of `value` is no array of real numbers, in words."""
    named = frames.columns(value)
    if named is not None:
        label, dtype = frames.not_numeric(named)
        return f"column {shown(label)} of dtype {dtype}; drop it or encode it by numbers"
    if array.ndim == 0 and array.dtype == object:
        return f"dtype object, of type {type(value).__name__}"
    return f"dtype {getattr(value, 'dtype', array.dtype)}"


def _place(value: Any, where: tuple[int, ...]) -> str:
    """Where in `value` an entry is, in words: its column by name, if columns have names."""
    named = frames.columns(value)
    if named is None or len(where) != 2:
        return f"at index {where}"
    return f"in column {shown(named[where[1]][0])} at row {where[0]}"


def is_sequence(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether `value` holds several values: an array with dimensions, or a list, tuple or range."""
    if type(value) is int:
        return False
    if hasattr(value, "ndim"):
        return bool(value.ndim > 0)
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _fits(
    array: FloatArray, ndim: int | tuple[int, ...], shape: tuple[int | None, ...] | None
) -> bool:
    if array.ndim not in ndim if isinstance(ndim, tuple) else array.ndim != ndim:
        return False
    for expected, length in zip(shape or (), array.shape, strict=False):
        if expected is not None and expected != length:
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
    if _core.finite_doubles(value) and _fits(value, ndim, shape):
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


def integer(value: Any, name: str, *, lowest: int, highest: int | None = None) -> int:
    """`value` as an int in [lowest, highest]."""
    if type(value) is int and lowest <= value <= (_LARGEST if highest is None else highest):
        return value
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {shown(value)}")
    try:
        result = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{name} must be an integer, got {shown(value)} of type {type(value).__name__}"
        ) from None
    if highest is None and result < lowest:
        raise ValueError(f"{name} must be at least {lowest}, got {result}")
    most = _LARGEST if highest is None else highest
    if not lowest <= result <= most:
        raise ValueError(f"{name} must be between {lowest} and {most}, got {result}")
    return result


def seed(value: Any, name: str = "seed") -> int:
    """A seed or stream: an int in [0, 2**64)."""
    if type(value) is int and 0 <= value < 2**64:
        return value
    return integer(value, name, lowest=0, highest=2**64 - 1)


def workers(value: Any) -> int:
    """A number of threads; None: one per core that this process may use."""
    if value is not None:
        return integer(value, "workers", lowest=1, highest=1024)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def nonnegative(value: Any, name: str) -> float:
    """`value` as a finite float that is not negative."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(
            f"{name} must be a real number, got {shown(value)} of type {type(value).__name__}"
        )
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result) or result < 0:
        raise ValueError(f"{name} must be finite and at least 0, got {result}")
    return result


def positive(value: Any, name: str, *, highest: float = math.inf) -> float:
    """`value` as a finite float above 0 and at most `highest`, but for rounding."""
    result = nonnegative(value, name)
    if result == 0.0:
        raise ValueError(f"{name} must be above 0, got {result}")
    if result > highest * (1.0 + 1e-12):
        raise ValueError(f"{name} must be at most {highest}, got {result}")
    return result


def increasing_reals(values: Any, name: str, *, highest: float = math.inf) -> list[float]:
    """Numbers in (0, highest], strictly increasing, at least one; a lone number is a list of one.
    """
    if not is_sequence(values):
        values = [values]
    result = [positive(v, f"{name}[{i}]", highest=highest) for i, v in enumerate(values)]
    if not result:
        raise ValueError(f"{name} must not be empty")
    for before, after in itertools.pairwise(result):
        if after <= before:
            raise ValueError(f"{name} must be strictly increasing, got {before} before {after}")
    return result


def flag(value: Any, name: str) -> bool:
    """`value` as a bool; numbers and strings are refused."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def increasing(values: Any, name: str, *, lowest: int = 1, highest: int | None = None) -> list[int]:
    """Integers in [lowest, highest], strictly increasing, at least one; a lone int is a list of
    one."""
    result = _integers(values, name, lowest, highest)
    for before, after in itertools.pairwise(result):
        if after <= before:
            raise ValueError(f"{name} must be strictly increasing, got {before} before {after}")
    return result


def decreasing(values: Any, name: str, *, lowest: int = 1, highest: int | None = None) -> list[int]:
    """The same, strictly decreasing."""
    result = _integers(values, name, lowest, highest)
    for before, after in itertools.pairwise(result):
        if after >= before:
            raise ValueError(f"{name} must be strictly decreasing, got {before} before {after}")
    return result


def _integers(values: Any, name: str, lowest: int, highest: int | None) -> list[int]:
    if not is_sequence(values) and isinstance(values, (int, np.integer, np.ndarray)):
        values = [values]
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of integers, got {shown(values)}")
    result = [
        integer(v, f"{name}[{i}]", lowest=lowest, highest=highest) for i, v in enumerate(values)
    ]
    if not result:
        raise ValueError(f"{name} must not be empty")
    return result


def indices(values: Any, name: str, *, size: int) -> IntArray:
    """Distinct integers in [0, size), at least one, as an int64 array of one dimension."""
    array = plain_array(values, name)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"{name} must be a non-empty array of one dimension, got shape {array.shape}"
        )
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an array of integers, got dtype {array.dtype}")
    # before the cast, which would wrap large unsigned ones
    if array.min() < 0 or array.max() >= size:
        bad = int(array.min() if array.min() < 0 else array.max())
        raise ValueError(f"{name} must lie between 0 and {size - 1}, got {bad}")
    result = array.astype(np.int64)
    if np.unique(result).size != result.size:
        raise ValueError(f"{name} must be distinct, got repeated indices")
    return result


def choice(value: Any, name: str, allowed: Sequence[str]) -> str:
    """`value` if it is one of the allowed strings."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, one of {', '.join(allowed)}; got {shown(value)}")
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {shown(value)}")
    return value


def traits(rule: Any) -> _core.RuleTraits:
    """What the core knows of a pruning rule, by its name."""
    return _core.RULES[choice(rule, "rule", RULES)]


def rules(values: Any, name: str = "rules") -> tuple[str, ...]:
    """Distinct pruning rules, at least one; also a string with commas, as tables keep them."""
    if isinstance(values, str):
        values = tuple(value.strip() for value in values.split(","))
    if not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        raise TypeError(
            f"{name} must be a sequence of rules, each one of {', '.join(RULES)}; got {shown(values)}"
        )
    result = tuple(choice(v, f"{name}[{i}]", RULES) for i, v in enumerate(values))
    if not result:
        raise ValueError(f"{name} must not be empty; allowed: {', '.join(RULES)}")
    if len(set(result)) != len(result):
        raise ValueError(f"{name} must be distinct, got {result}")
    return result


def missing_package(what: str, package: str) -> str:
    """What to say where `what` lacks an optional package."""
    return f"{what} needs the package {package}: pip install 'overprune[data]', or '.[data]' in a checkout"
