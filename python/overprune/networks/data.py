"""Data sets for networks, of the user's own arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _validation as check
from .._provenance import array_hash
from ..problems.targets import read_targets

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class NetworkData:
    """Rows to train, select and test networks on, made by `from_arrays` or a function named after
    data.

    Parameters
    ----------
    inputs : array of shape (N, ...)
        Pool of training rows: bytes, float32 or float64.
    targets : array of shape (N,) or (N, m)
        Class labels, or real numbers.
    test_inputs : array of shape (N_test, ...)
    test_targets : array of shape (N_test,) or (N_test, m)
    classes : int
        0 where the targets are real numbers.
    name : str
    train_rows : int
        Rows of a repeat, validation rows among them.
    validation : float
        Part of a repeat's rows that validate.
    label_noise : float
        Part of the training labels that are wrong.
    seed : int
        Of the draws.

    Raises
    ------
    TypeError
        If an argument is missing; nothing else is checked here, `from_arrays` checks.

    Examples
    --------
    >>> from overprune import networks
    >>> sorted(networks.digits(validation=0.1).draw(seed=0, repeat=0))
    ['test', 'train', 'validation']
    """

    inputs: Array
    targets: Array
    test_inputs: Array
    test_targets: Array
    classes: int
    name: str
    train_rows: int
    validation: float
    label_noise: float
    seed: int

    @property
    def validation_rows(self) -> int:
        """Rows of a repeat that validate."""
        return round(self.validation * self.train_rows)

    def draw(self, seed: int, repeat: int) -> dict[str, tuple[Array, Array]]:
        """The rows of one repeat: "train", "test" and, where there is a validation split,
        "validation".

        A pure function of (seed, repeat): which rows are drawn, which of them validate, and which
        of the remaining ones get a wrong label. Validation and test labels are left as they are.
        """
        rng = np.random.default_rng([self.seed, seed, repeat, 0x64617461])
        rows = rng.permutation(len(self.inputs))[: self.train_rows]
        held = self.validation_rows
        train = np.sort(rows[held:])
        targets = self.targets[train]
        if self.label_noise:
            targets = targets.copy()
            wrong = rng.permutation(len(train))[: round(self.label_noise * len(train))]
            shifts = rng.integers(1, self.classes, len(wrong))
            targets[wrong] = (targets[wrong] + shifts) % self.classes
        parts = {"train": (self.inputs[train], targets)}
        if held:
            chosen = np.sort(rows[:held])
            parts["validation"] = (self.inputs[chosen], self.targets[chosen])
        parts["test"] = (self.test_inputs, self.test_targets)
        return parts

    def describe(self) -> dict[str, Any]:
        """Attributes of a table: name, numbers and the hash of all arrays."""
        arrays = (self.inputs, self.targets, self.test_inputs, self.test_targets)
        return {
            "data": self.name,
            "data_hash": "".join(array_hash(array)[:16] for array in arrays),
            "train_rows": self.train_rows,
            "test_rows": len(self.test_inputs),
            "classes": self.classes,
            "validation": self.validation,
            "label_noise": self.label_noise,
            "data_seed": str(self.seed),
        }


def from_arrays(
    inputs: npt.ArrayLike,
    targets: npt.ArrayLike,
    test_inputs: npt.ArrayLike,
    test_targets: npt.ArrayLike,
    *,
    name: str = "arrays",
    train_rows: int | None = None,
    validation: float = 0.0,
    label_noise: float = 0.0,
    seed: int = 0,
    task: str | None = None,
) -> NetworkData:
    """Make a data set of the user's own arrays.

    Every repeat of a sweep draws ``train_rows`` rows from the inputs, sets the part ``validation``
    of them aside and gives the part ``label_noise`` of the rest another label, uniform over the
    wrong ones.

    Parameters
    ----------
    inputs : array_like of shape (N, d) or (N, channels, height, width)
        Pool of training rows. Bytes are kept as bytes and become numbers in [0, 1].
    targets : array_like of shape (N,) or (N, m)
        Class labels in [0, classes), of shape (N,), or real numbers.
    test_inputs : array_like of shape (N_test, ...)
    test_targets : array_like of shape (N_test,) or (N_test, m)
    name : str, default "arrays"
        Kept in the table's attributes.
    train_rows : int, optional
        Rows of a repeat, validation rows among them; all of the pool, in every repeat the same, by
        default.
    validation : float, default 0.0
        Part of a repeat's rows, in [0, 1), for model selection.
    label_noise : float, default 0.0
        Part of the training labels, in [0, 1], that are wrong; only for class labels.
    seed : int, default 0
        Of the draws, with the seed of the sweep and the number of the repeat.
    task : {"classification", "regression"}, optional
        What the targets are. By default integers and bools of shape (N,) are class labels and
        everything else is real targets, as in `DataProblem`, with its warning where that is a
        guess.

    Returns
    -------
    NetworkData

    Warns
    -----
    UserWarning
        Without a task, where integers could be either; see `DataProblem`.

    Raises
    ------
    TypeError, ValueError
        If an array is not real and finite, lengths differ, or a number is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from overprune import networks
    >>> x, y = np.eye(6), [0, 1, 2, 0, 1, 2]
    >>> data = networks.from_arrays(x, y, x, y, train_rows=4)
    >>> data.classes, data.draw(seed=0, repeat=1)["train"][0].shape
    (3, (4, 6))
    """
    pool, test = _inputs(inputs, "inputs"), _inputs(test_inputs, "test_inputs")
    if pool.shape[1:] != test.shape[1:]:
        raise ValueError(
            f"test_inputs must have rows of shape {pool.shape[1:]}, got {test.shape[1:]}"
        )
    found = read_targets(targets, test_targets, len(pool), len(test), task)
    y, y_test = found.train, found.test
    if found.task == "classification":
        y, y_test = _labels(y, "targets"), _labels(y_test, "test_targets")
    classes = int(max(y.max(), y_test.max())) + 1 if y.ndim == 1 else 0
    rows = len(pool) if train_rows is None else train_rows
    rows = check.integer(rows, "train_rows", lowest=1, highest=len(pool))
    held, noise = _part(validation, "validation"), _part(label_noise, "label_noise")
    if round(held * rows) >= rows:
        raise ValueError(f"validation must leave a row to train on, got {held} of {rows} rows")
    if noise and classes < 2:
        raise ValueError(
            f"label_noise needs class labels of at least two classes, got {classes} classes"
        )
    found.warn()
    return NetworkData(
        pool, y, test, y_test, classes, str(name), rows, held, noise, check.seed(seed)
    )


def _inputs(value: npt.ArrayLike, name: str) -> Array:
    array = check.real_array(value, name)
    if array.ndim not in (2, 4) or array.size == 0:
        raise ValueError(
            f"{name} must be rows (N, d) or images (N, channels, height, width), got shape "
            f"{array.shape}"
        )
    if array.dtype == np.uint8:
        return array
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return np.asarray(array, dtype=np.float64 if array.dtype == np.float64 else np.float32)


def _labels(labels: Array, name: str) -> Array:
    """Labels from 0 up, as int64."""
    if labels.min() < 0 or labels.max() > 10**6:
        raise ValueError(
            f"{name} must be class labels from 0 up, got {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int64)


def _part(value: Any, name: str) -> float:
    part = check.nonnegative(value, name)
    if part > 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {part}")
    return part
