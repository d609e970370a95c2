"""Rows of a data set: read, named and centred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _validation as check
from .._validation import FloatArray
from .centring import means, warn_uncentred
from .problem import read_only
from .targets import Targets, one_hot_targets, read_targets


@dataclass(frozen=True)
class DataRows:
    """Training and test rows as they were given, read-only, and what centring subtracts."""

    inputs: FloatArray  # (N, d)
    targets: FloatArray  # (N, m); of classes one-hot
    test_inputs: FloatArray  # (N_test, d)
    test_targets: FloatArray  # (N_test, m)
    classes: npt.NDArray[Any] | None
    names: check.Names | None  # of the d columns
    center: bool
    input_means: FloatArray  # (d,), zeros where nothing is subtracted
    target_means: FloatArray  # (m,)
    _found: Targets

    @classmethod
    def read(
        cls,
        inputs: Any,
        targets: Any,
        test_inputs: Any,
        test_targets: Any,
        task: Any,
        center: Any,
        feature_names: Any,
    ) -> DataRows:
        """Checks the arguments of a DataProblem in the order in which it has them."""
        train = check.float_array(inputs, "inputs", ndim=2)
        test = check.float_array(test_inputs, "test_inputs", ndim=2, shape=(None, train.shape[1]))
        names = check.feature_names(inputs, feature_names, train.shape[1], "inputs")
        check.same_columns(test_inputs, inputs, "test_inputs", "inputs")
        found = read_targets(targets, test_targets, train.shape[0], test.shape[0], task)
        classes: npt.NDArray[Any] | None = None
        if found.task == "regression":
            y, y_test = found.train.copy(), found.test.copy()
        else:
            y, y_test, classes = one_hot_targets(found)
        centres = check.flag(center, "center")
        rows = train.copy()  # of one layout, on which the last bits of means depend
        moves_targets = centres and classes is None
        return cls(
            inputs=read_only(rows),
            targets=read_only(y),
            test_inputs=read_only(test.copy()),
            test_targets=read_only(y_test),
            classes=classes,
            names=names,
            center=centres,
            input_means=read_only(means(rows) if centres else np.zeros(rows.shape[1])),
            target_means=read_only(means(y) if moves_targets else np.zeros(y.shape[1])),
            _found=found,
        )

    @property
    def task(self) -> str:
        return self._found.task

    @property
    def is_doubtful(self) -> bool:
        """Whether the task does not show in the targets."""
        return self._found.doubt is not None

    def centred(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Inputs, targets, test inputs and test targets without the means of the training rows."""
        rows = (self.inputs, self.targets, self.test_inputs, self.test_targets)
        if not self.center:
            return rows
        x, y = self.input_means, self.target_means
        with np.errstate(over="ignore"):  # what overflows is refused by the core
            return rows[0] - x, rows[1] - y, rows[2] - x, rows[3] - y

    def as_given(self, rows: FloatArray) -> npt.NDArray[Any]:
        """Targets (N, m) in the form in which they came: labels, one column or several."""
        if self.classes is not None:
            return np.asarray(self.classes[rows.argmax(axis=1)])
        return rows[:, 0] if rows.shape[1] == 1 else rows

    def warn(self, *, stacklevel: int) -> None:
        """Warns of a task that is a guess and of targets far from 0; counts from the caller."""
        self._found.warn(stacklevel=stacklevel + 1)
        if self.classes is None and not self.center:
            warn_uncentred(
                self.targets,
                self.inputs,
                ("targets", "inputs"),
                "pass center=True, or give inputs a column of ones",
                stacklevel=stacklevel + 1,
            )
