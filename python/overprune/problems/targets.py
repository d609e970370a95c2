"""Targets: class labels or real numbers, by one rule for all problems that are given data."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _validation as check
from .._validation import FloatArray

TASKS = ("classification", "regression")

_MANY = 20  # more different integers than this are not plainly classes


class Targets(NamedTuple):
    """Targets of the training and of the test rows, and what they are."""

    train: npt.NDArray[Any]
    """Class labels (N,), integer or bool; or real numbers (N, m), float64."""
    test: npt.NDArray[Any]
    task: str
    """"classification" or "regression"."""
    doubt: str | None
    """Why they could be either, in words; None where they are plainly what they are taken for."""
    said: bool
    """Whether the caller said which."""

    def warn(self, *, stacklevel: int = 2) -> None:
        """Warns where the task is a guess; `stacklevel` counts from the caller."""
        if self.doubt is not None and not self.said:
            warnings.warn(
                f'{self.doubt}; say task="classification" if they are labels, task="regression" if '
                "they are numbers",
                stacklevel=stacklevel + 1,
            )


def read_targets(
    targets: npt.ArrayLike, test_targets: npt.ArrayLike, rows: int, test_rows: int, task: Any = None
) -> Targets:
    """Targets of `rows` training and `test_rows` test rows, checked.

    Without a `task`, integers and bools of one dimension are class labels and everything else is
    real numbers. That is a guess where integers are of one column in two dimensions, or not plainly
    classes: two of any kind, or 0, 1, ... or 1, 2, ... up to 20 of them, each in two rows at least.

    Raises
    ------
    TypeError, ValueError
        If an array is not of real and finite numbers in the right shape, or the two differ in kind.
    """
    if task is not None:
        check.choice(task, "task", TASKS)
    train, test = (
        check.plain_array(targets, "targets"),
        check.plain_array(test_targets, "test_targets"),
    )
    _refuse_names(targets, train, "targets")
    _refuse_names(test_targets, test, "test_targets")
    if task == "regression" or (
        task is None and (train.dtype.kind not in "iub" or train.ndim != 1)
    ):
        y = check.float_array(train, "targets", ndim=(1, 2), shape=(rows,)).reshape(rows, -1)
        y_test = check.float_array(test, "test_targets", ndim=train.ndim, shape=(test_rows,))
        y_test = y_test.reshape(test_rows, -1)
        if y.shape[1] != y_test.shape[1]:
            raise ValueError(
                f"test_targets must have {y.shape[1]} columns as targets, got {y_test.shape[1]}"
            )
        return Targets(y, y_test, "regression", _doubt_of_numbers(train), task is not None)
    labels = _labels(train, "targets", rows, task)
    test_labels = _labels(test, "test_targets", test_rows, task)
    return Targets(
        labels, test_labels, "classification", _doubt_of_labels(labels), task is not None
    )


def _refuse_names(value: Any, array: npt.NDArray[Any], name: str) -> None:
    if array.dtype.kind not in "OUST":
        return
    expected = f"{name} must be an array of real numbers or of integer class labels"
    if array.ndim == 0:
        raise TypeError(f"{expected}, got dtype {array.dtype}, of type {type(value).__name__}")
    raise TypeError(
        f"{expected}, got dtype {array.dtype}; "
        "numpy.unique(labels, return_inverse=True)[1] numbers labels that are names"
    )


def _labels(array: npt.NDArray[Any], name: str, rows: int, task: str | None) -> npt.NDArray[Any]:
    """Labels (rows,), integer or bool; where the task was said, also from whole floats and from a
    column."""
    if task is not None and array.ndim == 2:
        if array.shape[1] != 1:
            raise ValueError(
                f'{name} must be labels of one dimension for task="classification", got shape '
                f"{array.shape}; argmax(axis=1) makes labels of one-hot rows"
            )
        array = array[:, 0]
    numbers = check.float_array(array, name, ndim=1, shape=(rows,))
    if array.dtype.kind in "iub":
        return array
    if task is None:
        raise TypeError(
            f"{name} must be integer class labels as targets are, got dtype {array.dtype}; "
            'say task="regression" if targets are numbers'
        )
    whole = (numbers == np.rint(numbers)) & (abs(numbers) < 2**53)
    if not whole.all():
        where = int(whole.argmin())
        raise ValueError(
            f'{name} must be whole numbers below 2**53 for task="classification", got '
            f"{numbers[where]} at index {where}"
        )
    return numbers.astype(np.int64)


def _doubt_of_labels(labels: npt.NDArray[Any]) -> str | None:
    if labels.dtype.kind == "b":
        return None
    values, counts = np.unique(labels, return_counts=True)
    first, last, c = int(values[0]), int(values[-1]), len(values)
    is_usual = (first in (0, 1) and last - first == c - 1) or (first, last, c) == (-1, 1, 2)
    if c <= 2 and (is_usual or counts.min() > 1):
        return None
    if is_usual and c <= _MANY and counts.min() > 1:
        return None
    return (
        f"targets are integers, {c} different ones in {len(labels)} rows from {first} to {last}, "
        "and are taken for class labels"
    )


def _doubt_of_numbers(targets: npt.NDArray[Any]) -> str | None:
    if targets.dtype.kind not in "iub" or targets.shape[1:] != (1,):
        return None
    return (
        f"targets are a column of integers, of shape {targets.shape}, and are taken for real "
        "numbers, as labels have one dimension"
    )


def one_hot_targets(found: Targets) -> tuple[FloatArray, FloatArray, npt.NDArray[Any]]:
    """Labels as one-hot rows (N, c) and (N_test, c), and the c classes."""
    classes = np.unique(found.train)
    unknown = np.setdiff1d(found.test, classes)
    if unknown.size:
        hint = (
            ""
            if found.said or found.doubt is None
            else '; say task="regression" if targets are numbers'
        )
        raise ValueError(f"test_targets must be labels found in targets, got {unknown[0]}{hint}")
    return _one_hot(found.train, classes), _one_hot(found.test, classes), classes


def _one_hot(labels: npt.NDArray[Any], classes: npt.NDArray[Any]) -> FloatArray:
    return np.asarray(labels[:, None] == classes, dtype=np.float64)
