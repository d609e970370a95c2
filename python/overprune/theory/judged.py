"""What searches minimise: the risk of a linear Gaussian problem, or the error of a classifier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core
from .._validation import FloatArray, IntArray
from ..fits.pruning import top_k
from ..losses import Loss, as_loss, core_loss
from ..problems.classification import LinearClassificationProblem, label_problem
from ..problems.problem import LinearGaussianProblem, Problem, as_problem
from .predict import grouped, linear_gaussian


@dataclass(frozen=True)
class Judged:
    """The problem whose predictions are compared, and the loss of every training."""

    problem: LinearGaussianProblem | LinearClassificationProblem
    loss: Loss

    @classmethod
    def of(cls, problem: Problem, loss: Any) -> Judged:
        """The problem itself or its equivalent: of labels where the loss or the problem has them.

        Raises
        ------
        TypeError, ValueError
            If the problem or the loss is none, or the loss needs labels that the problem lacks.
        """
        given = as_loss(loss)
        labels = label_problem(as_problem(problem), given)
        return cls(linear_gaussian(problem) if labels is None else labels, given)

    @property
    def of_labels(self) -> bool:
        return isinstance(self.problem, LinearClassificationProblem)

    @property
    def quantity(self) -> str:
        """What is minimised, as tables name it: "risk" or "error"."""
        return "error" if self.of_labels else "risk"

    @property
    def is_exact(self) -> bool:
        """Whether predictions need no draws."""
        if self.of_labels:
            return self.problem.covariance.ndim == 1
        return grouped(self.problem) is not None

    @property
    def field(self) -> LinearGaussianProblem:
        """The linear Gaussian problem of the same features and truth."""
        known = self.problem
        return known.field if isinstance(known, LinearClassificationProblem) else known

    @property
    def regression(self) -> LinearGaussianProblem:
        """The linear Gaussian problem with the second moments of x and y."""
        known = self.problem
        return known.regression if isinstance(known, LinearClassificationProblem) else known

    @property
    def of_nothing(self) -> float:
        """Risk or error of theta = 0."""
        return 0.5 if self.of_labels else float(self.problem.null_risk)

    @property
    def of_truth(self) -> float:
        """Risk or error of the true coefficients."""
        known = self.problem
        if isinstance(known, LinearClassificationProblem):
            return known.bayes_error
        return float(known._core.noise_floor)

    def restrict(self, features: int | IntArray) -> Judged:
        """The same of a part of the features."""
        return Judged(self.problem.restrict(features), self.loss)

    def best_features(self, s: int) -> IntArray:
        """The s features that the rule oracle keeps, ascending."""
        return np.sort(top_k(self.field._core.oracle_scores(self.problem.p), s))

    def needs_ridge(self, n: int, size: int) -> bool:
        """Whether there may be no trained model of this size without ridge."""
        try:
            _core.check_loss(self.problem._core, core_loss(self.loss), n, size, 0.0)
        except ValueError:
            return True
        return False

    def values(self, table: Any, stage: str) -> tuple[FloatArray, FloatArray]:
        """A stage's predicted values and their standard errors, 0 where they are exact."""
        found = table[f"{stage}_{self.quantity}"].values
        errors = table.get(f"{stage}_{self.quantity}_stderr")
        return found, np.zeros_like(found) if errors is None else errors.values
