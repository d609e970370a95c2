"""Rows and columns of arrays, sparse arrays, lists and data frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from .._validation.frames import library_of


def column_names(X: Any) -> list[Any] | None:
    """Names of a frame's columns; None for anything else."""
    names = getattr(X, "column_names", None)  # pyarrow, whose `columns` are the columns themselves
    if names is None:
        names = getattr(X, "columns", None)
    return None if names is None else list(names)


def columns_of(X: Any, names: Sequence[Any]) -> Any:
    """Columns of a frame by their names, as a frame."""
    return X.select(list(names)) if hasattr(X, "column_names") else X[list(names)]


def as_given(value: Any, checked: Any) -> Any:
    """`value` where rows can be taken of it, which splitters and scorers see; else `checked`."""
    if sparse.issparse(value):
        return value.tocsr()
    is_known = isinstance(value, (np.ndarray, list, tuple)) or library_of(value) in (
        "pandas",
        "polars",
        "pyarrow",
    )
    return value if is_known or hasattr(value, "iloc") else checked
