"""Numbers out of data frames, nullable columns and sparse matrices, by no library's own types."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from .words import shown

_REAL = "fiub"
_NUMBERS = (Real, Decimal, np.bool_)


class MissingValue(ValueError):
    """A column lacks the value of a row; `row` is its position, of several dimensions a tuple."""

    def __init__(self, row: Any, label: Any = None) -> None:
        super().__init__(row, label)
        self.row, self.label = row, label


def columns(value: Any) -> list[tuple[Any, Any]] | None:
    """Names and columns of a data frame of pandas, polars or pyarrow; None for anything else."""
    if _is_of_polars(value):
        return list(zip(value.columns, value.iter_columns(), strict=True))
    if _is_of_pyarrow(value):
        return list(zip(value.column_names, value.itercolumns(), strict=True))
    return list(value.items()) if _is_pandas_like(value) else None


def labels(value: Any) -> list[Any] | None:
    """The names alone, without looking at the columns."""
    if _is_of_pyarrow(value):
        return list(value.column_names)
    return list(value.columns) if _is_of_polars(value) or _is_pandas_like(value) else None


# Of the type: a property may cost, or warn, on an object that has other work to do first.
def _is_of_polars(value: Any) -> bool:
    return hasattr(type(value), "iter_columns")


def _is_of_pyarrow(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "column_names") and hasattr(kind, "itercolumns")


def _is_pandas_like(value: Any) -> bool:
    kind = type(value)
    return (
        hasattr(kind, "dtypes")
        and hasattr(kind, "items")
        and hasattr(kind, "ndim")
        and value.ndim == 2
    )


def library_of(value: Any) -> str:
    """The package that the type of `value` comes from."""
    return type(value).__module__.partition(".")[0]


def rows_of(value: Any, rows: npt.NDArray[np.integer[Any]]) -> Any:
    """Rows of an array, a list, a sparse matrix or a data frame, of the same type."""
    if hasattr(value, "iloc"):
        return value.iloc[rows]
    if isinstance(value, (list, tuple)):
        return [value[i] for i in rows]
    return value.take(rows) if library_of(value) == "pyarrow" else value[rows]


def is_plain(value: Any) -> bool:
    """Whether a data frame of pandas holds plain integers and floats alone, which it converts best
    itself."""
    return _is_pandas_like(value) and all(
        isinstance(dtype, np.dtype) and dtype.kind in "fiu" for dtype in set(value.dtypes)
    )


def is_sparse(value: Any) -> bool:
    """Whether `value` is a sparse matrix or array, of SciPy or with its methods."""
    return hasattr(value, "nnz") and hasattr(value, "shape") and hasattr(value, "toarray")


def column_array(column: Any) -> npt.NDArray[Any]:
    """One column as an array: of a numeric dtype wherever its values are numbers.

    Raises
    ------
    MissingValue
        If a value is missing that the dtype of an array has no sign for.
    """
    dtype = getattr(column, "dtype", None)
    if isinstance(dtype, np.dtype):
        return numbers(np.asarray(column))
    if hasattr(column, "isna"):  # an extension of pandas: nullable, of Arrow or sparse
        if getattr(dtype, "kind", "O") not in _REAL:
            return numbers(np.asarray(column))
        _refuse_missing(column.isna())
        plain = getattr(dtype, "numpy_dtype", None) or getattr(dtype, "subtype", None)
        return np.asarray(
            column.to_numpy(dtype=plain) if hasattr(column, "to_numpy") else column, plain
        )
    if hasattr(column, "is_null") and hasattr(column, "null_count"):
        _refuse_missing(column.is_null())
    return numbers(_array_of(column))


def _array_of(value: Any) -> npt.NDArray[Any]:
    """`value` as an array; a tensor of floats that NumPy has no dtype for in double precision."""
    try:
        return np.asarray(value)
    except TypeError:
        if not (hasattr(value, "double") and hasattr(value, "is_floating_point")):
            raise
        with suppress(Exception):  # the first error says more
            if value.is_floating_point():
                return np.asarray(value.double())
        raise


def numbers(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array of Python's numbers by the dtype that holds them; any other array as it is.

    Integers and bools have their own kinds; fractions, decimals and mixtures are float64.

    Raises
    ------
    MissingValue
        If there are numbers, but not everywhere.
    """
    if array.dtype.kind != "O":
        return array
    values = array.ravel().tolist()
    kinds = set(map(type, values))
    missing = {kind for kind in kinds if kind is type(None) or kind.__name__ == "NAType"}
    if kinds == missing or not all(issubclass(kind, _NUMBERS) for kind in kinds - missing):
        return array
    if missing:
        raise MissingValue(_first_of(missing, values, array.shape))
    if all(issubclass(kind, (Integral, np.bool_)) for kind in kinds):
        whole = np.array(values).reshape(array.shape)
        if whole.dtype.kind in _REAL:
            return whole
    return array.astype(np.float64)


def _first_of(kinds: set[type], values: list[Any], shape: tuple[int, ...]) -> Any:
    """The index of the first value of one of the kinds, in an array of that shape."""
    first = next(i for i, value in enumerate(values) if type(value) in kinds)
    where = tuple(int(i) for i in np.unravel_index(first, shape))
    return where[0] if len(where) == 1 else where


def frame_array(named: list[tuple[Any, Any]], rows: int) -> npt.NDArray[Any] | None:
    """The columns of a data frame side by side; None where one of them holds anything but real
    numbers.

    Raises
    ------
    MissingValue
        As `column_array`, with the column's name.
    """
    arrays = []
    for label, column in named:
        try:
            arrays.append(column_array(column))
        except MissingValue as missing:
            raise MissingValue(missing.row, label) from None
        if arrays[-1].dtype.kind not in _REAL:
            return None
    return np.stack(arrays, axis=1) if arrays else np.empty((rows, 0))


def not_numeric(named: list[tuple[Any, Any]]) -> tuple[Any, str]:
    """Name of the first column that holds anything but real numbers, and what is to be said of
    it."""
    for label, column in named:
        array = column_array(column)
        if array.dtype.kind not in _REAL:
            return label, _contents(array, getattr(column, "dtype", array.dtype))
    raise AssertionError("every column is numeric")


def _contents(array: npt.NDArray[Any], dtype: Any) -> str:
    """What a column holds that is not numeric, and the way out."""
    values = array.tolist() if array.dtype.kind in "OUT" else []
    texts = [isinstance(value, str) for value in values]
    if not any(texts):
        return f"is of dtype {dtype}; drop it or encode it by numbers"
    if not any(isinstance(value, _NUMBERS) and value == value for value in values):
        return "holds text: encode it first"
    row = texts.index(True)
    return f"mixes numbers and text, {shown(values[row])} at row {row}: make it one kind first"


def _refuse_missing(missing: Any) -> None:
    mask = np.asarray(missing, dtype=bool)
    if mask.any():
        raise MissingValue(int(mask.argmax()))
