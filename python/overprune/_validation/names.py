"""Names of features: read from what holds the data, checked, and turned into positions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import frames
from .words import shown

Names = tuple[str, ...]


def names_of(value: Any) -> Names | None:
    """The names that the columns of `value` have: of a data frame of pandas, polars or pyarrow, or
    of an array of xarray of two dimensions whose second one has a coordinate of texts.

    Columns that are numbered, as those of a data frame made of an array, have none.
    """
    labels = frames.labels(value)
    if labels is None:
        labels = _labels_of_array(value)
    if labels is None or not any(isinstance(label, str) for label in labels):
        return None
    return tuple(str(label) for label in labels)


def _labels_of_array(value: Any) -> list[Any] | None:
    """The coordinate of the second dimension of an array of xarray."""
    kind = type(value)
    if not (hasattr(kind, "dims") and hasattr(kind, "coords") and hasattr(kind, "ndim")):
        return None
    if value.ndim != 2 or value.dims[1] not in value.coords:
        return None
    coordinate: list[Any] = value.coords[value.dims[1]].values.tolist()
    return coordinate


def feature_names(value: Any, given: Any, columns: int, name: str) -> Names | None:
    """The names of the `columns` of `value`, the argument `name`: those given as feature_names, or
    its own; None where it has none.

    Raises
    ------
    TypeError, ValueError
        If they are not that many different texts.
    """
    if given is None:
        own = names_of(value)
        if own is not None:
            _refuse_twins(own, f"{name} must have columns of different names", "; rename one")
        return own
    is_several = isinstance(given, Iterable) and getattr(given, "ndim", 1) == 1
    if isinstance(given, (str, bytes)) or not is_several:
        raise TypeError(f"feature_names must be a sequence of texts, got {shown(given)}")
    names = list(given)
    for i, label in enumerate(names):
        if not isinstance(label, str):
            raise TypeError(
                f"feature_names must be texts, got {shown(label)} of type {type(label).__name__} "
                f"at index {i}"
            )
    if len(names) != columns:
        raise ValueError(
            f"feature_names must name the {columns} columns of {name}, got {len(names)} names"
        )
    _refuse_twins(names, "feature_names must be distinct")
    return tuple(map(str, names))


def _refuse_twins(names: Sequence[str], expected: str, way_out: str = "") -> None:
    label, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{expected}, got {shown(label)} {count} times{way_out}")


def same_columns(value: Any, other: Any, name: str, of: str) -> None:
    """Raises ValueError where the columns of the argument `name` have other names than those of
    the argument `of`, or another order; where one of them has no names there is nothing to say."""
    mine, theirs = names_of(value), names_of(other)
    if mine is None or theirs is None or mine == theirs:
        return
    for at, (had, wanted) in enumerate(zip(mine, theirs, strict=False)):
        if had != wanted:
            raise ValueError(
                f"{name} must have the columns of {of} in their order, got {shown(had)} where "
                f"{of} has {shown(wanted)} (column {at})"
            )


def positions(values: Any, name: str, known: Names | None) -> Any:
    """Names of features, in any sequence, as their indices; what holds no text, as it is.

    Raises
    ------
    TypeError, ValueError
        If features have no names, or a name is unknown.
    """
    labels = _texts(values)
    if labels is None:
        return values
    if known is None:
        raise TypeError(
            f"{name} must be integers, got {shown(labels[0])}: the features have no names; give "
            "data as a data frame, or feature_names"
        )
    places = {label: i for i, label in enumerate(known)}
    for label in labels:
        if label not in places:
            raise ValueError(
                f"{name} must be names of features, {_listed(known)}; got {shown(label)}"
            )
    return np.array([places[label] for label in labels], dtype=np.int64)


def _texts(values: Any) -> list[str] | None:
    """The entries of a sequence where the first is a text; a text is a sequence of one."""
    if isinstance(values, str):
        return [values]
    if isinstance(values, np.ndarray) and values.dtype.kind not in "OUT":
        return None
    entries: npt.NDArray[Any] | list[Any] = (
        list(values) if isinstance(values, (list, tuple)) else np.asarray(values).ravel()
    )
    texts = [entry for entry in entries if isinstance(entry, str)]
    return list(map(str, entries)) if texts else None


def _listed(names: Names, most: int = 12) -> str:
    few = ", ".join(map(shown, names[:most]))
    return few if len(names) <= most else f"{few}, ... ({len(names)} in all)"
