"""Linear classification: labels of a probit teacher."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._validation import FloatArray
from ..losses import Loss, core_loss
from .problem import LinearGaussianProblem, Problem

_MOST = 2 / math.pi  # the largest share of labels' variance that Gaussian features explain linearly


class LinearClassificationProblem(Problem):
    """Two classes, told apart by the sign of a linear function of Gaussian features.

    ``x ~ N(0, Sigma)``, ``y = sign(x'beta + noise_std z)``, ``z ~ N(0, 1)``: a probit teacher.

    Parameters
    ----------
    beta : array_like of shape (p,)
        Coefficients of the teacher. Only their ratios to noise_std matter.
    covariance : array_like of shape (p,) or (p, p)
        Sigma: the variances of independent features, at least 0, or a symmetric positive
        semidefinite matrix.
    noise_std : float, default 0.0
        Standard deviation of the noise inside the sign, finite and at least 0.
    feature_names : sequence of str, optional
        As in `LinearGaussianProblem`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real and finite, lengths differ, a variance or noise_std is negative,
        a matrix is not symmetric and positive semidefinite, or feature_names are not p different
        texts.

    References
    ----------
    docs/theory.md, section 11.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> problem = op.LinearClassificationProblem(np.ones(4) / 2, np.ones(4), noise_std=1.0)
    >>> X, y = problem.sample(3, seed=0)
    >>> X.shape, sorted(set(y)) in ([-1.0], [1.0], [-1.0, 1.0])
    ((3, 4), True)
    >>> round(problem.bayes_error, 6), problem.error(np.zeros(4)).item()
    (0.25, 0.5)
    """

    def __init__(
        self,
        beta: npt.ArrayLike,
        covariance: npt.ArrayLike,
        noise_std: float = 0.0,
        *,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        coefficients = check.float_array(beta, "beta", ndim=1)
        self._set(
            LinearGaussianProblem(coefficients, covariance, noise_std, feature_names=feature_names)
        )

    def _set(self, field: LinearGaussianProblem) -> None:
        self._field, self._feature_names = field, field.feature_names
        self._core = _core.LinearClassificationProblem(field._core)

    @classmethod
    def of_field(cls, field: LinearGaussianProblem) -> LinearClassificationProblem:
        """The labels are the signs of the responses of a linear Gaussian problem.

        Parameters
        ----------
        field : LinearGaussianProblem
            With one target.

        Returns
        -------
        LinearClassificationProblem

        Raises
        ------
        ValueError
            If field has several targets.
        """
        if field.targets > 1:
            raise ValueError(f"field must have one target, got {field.targets}")
        problem = cls.__new__(cls)
        problem._set(field)
        return problem

    @classmethod
    def of_regression(cls, regression: LinearGaussianProblem) -> LinearClassificationProblem:
        """The problem whose labels have the second moments of a linear Gaussian problem.

        ``beta = sqrt(pi/2) b / v`` and ``noise_std**2 = 1 - (pi/2) b'Sigma b / v**2`` for the
        regression's coefficients b and null risk v**2: the inverse of `regression`, with a field
        of variance 1.

        Parameters
        ----------
        regression : LinearGaussianProblem
            With one target, labels of size v.

        Returns
        -------
        LinearClassificationProblem

        Warns
        -----
        UserWarning
            Where the labels follow the features more closely than a probit allows, b'Sigma b / v**2
            above 2 / pi: then noise_std = 0.

        References
        ----------
        docs/theory.md, section 11.
        """
        if regression.targets > 1:
            raise ValueError(f"regression must have one target, got {regression.targets}")
        square = regression.null_risk
        noise = regression.noise_std**2
        share = max(0.0, 1.0 - noise / square) if square > 0.0 else 0.0
        if share > _MOST * (1 + 1e-9):
            warnings.warn(
                f"the features explain {share:.3f} of the labels' variance, more than the 2/pi = "
                f"{_MOST:.3f} that a probit teacher of Gaussian features allows; predictions are "
                "those of labels without noise",
                stacklevel=2,
            )
        scale = min(share, _MOST) / share if share > 0.0 else 1.0
        pull = math.sqrt(scale * math.pi / 2 / square) if square > 0.0 else 0.0
        left = math.sqrt(max(0.0, 1.0 - min(share, _MOST) / _MOST))
        if left < 1e-7:  # a rounding error of 0
            left = 0.0
        beta = pull * regression.beta.reshape(-1)
        names = regression.feature_names
        return cls.of_field(
            LinearGaussianProblem(beta, regression.covariance, left, feature_names=names)
        )

    @property
    def beta(self) -> FloatArray:
        """Coefficients of the teacher, (p,); read-only."""
        return self._field.beta.reshape(-1)

    @property
    def covariance(self) -> FloatArray:
        """Variances (p,), or the matrix (p, p); read-only."""
        return self._field.covariance

    @property
    def noise_std(self) -> float:
        """Standard deviation of the noise inside the sign."""
        return self._field.noise_std

    @property
    def field(self) -> LinearGaussianProblem:
        """The linear Gaussian problem whose responses' signs are the labels."""
        return self._field

    @cached_property
    def regression(self) -> LinearGaussianProblem:
        """The linear Gaussian problem with the second moments of x and y.

        Training with the square loss has its law; see docs/theory.md, section 11.
        """
        return LinearGaussianProblem._of_core(self._core.regression(), names=self.feature_names)

    @property
    def null_risk(self) -> float:
        """Mean square of the labels, 1."""
        return 1.0

    @property
    def bayes_error(self) -> float:
        """The least test error of all linear models, that of beta; 1/2 for beta = 0."""
        return float(self._core.bayes_error)

    def describe(self) -> dict[str, Any]:
        known = {"beta": self.beta, "covariance": self.covariance, "noise_std": self.noise_std}
        return known | self._names_described()

    def restrict(self, features: int | npt.ArrayLike) -> LinearClassificationProblem:
        """Form the problem of training on a subset of the features.

        What the other features explain becomes noise of the teacher's field, exactly so because
        the features are Gaussian.

        Parameters
        ----------
        features : int, array_like of int or sequence of str
            As in `LinearGaussianProblem.restrict`.

        Returns
        -------
        LinearClassificationProblem
            With k features.

        Raises
        ------
        TypeError, ValueError
            If features is out of range or repeated, or a name is unknown.

        Examples
        --------
        >>> import overprune as op
        >>> problem = op.LinearClassificationProblem([3.0, 4.0], [1.0, 1.0])
        >>> problem.restrict(1).noise_std
        4.0
        """
        return LinearClassificationProblem.of_field(self._field.restrict(features))

    def risk(self, theta: npt.ArrayLike) -> FloatArray:
        """Mean square of ``y - x'theta`` over labels y, of models of shape (..., p)."""
        return self.regression.risk(theta)

    def error(self, theta: npt.ArrayLike) -> FloatArray:
        """Compute the population's test error of one or many models.

        ``P(y x'theta < 0) = arccos(m / sqrt(q (rho0 + noise_std**2))) / pi`` with the overlaps
        ``m = theta'Sigma beta``, ``q = theta'Sigma theta`` and ``rho0 = beta'Sigma beta``.

        Parameters
        ----------
        theta : array_like of shape (..., p)

        Returns
        -------
        ndarray of shape (...)
            In [0, 1]; 1/2 where q = 0, as for theta = 0.

        Raises
        ------
        TypeError, ValueError
            If theta is not real and finite or its last dimension is not p.

        Examples
        --------
        >>> import overprune as op
        >>> problem = op.LinearClassificationProblem([1.0, 1.0], [1.0, 1.0])
        >>> problem.error([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]).round(3)
        array([0.  , 0.25, 0.5 ])
        """
        models, outer = self._models(theta)
        errors: FloatArray = self._core.error(models)
        return errors.reshape(outer)

    def overlaps(self, theta: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Compute what the error is made of, theta'Sigma beta and theta'Sigma theta.

        Parameters
        ----------
        theta : array_like of shape (..., p)

        Returns
        -------
        teacher_overlap, self_overlap : ndarray of shape (...)

        Raises
        ------
        TypeError, ValueError
            If theta is not real and finite or its last dimension is not p.
        """
        models, outer = self._models(theta)
        teacher, own = self._core.overlaps(models)
        return teacher.reshape(outer), own.reshape(outer)

    def judge(self, stream: int = 0) -> Callable[[npt.ArrayLike], dict[str, FloatArray]]:
        check.seed(stream, "stream")

        def measure(theta: npt.ArrayLike) -> dict[str, FloatArray]:
            teacher, own = self.overlaps(theta)
            return {
                "error": self.error(theta),
                "teacher_overlap": teacher,
                "self_overlap": own,
            }

        return measure

    def check_run(self, rows: Any, rules: Any, compensate: bool = False) -> None:
        if compensate:
            raise ValueError(
                "compensate must be False for a LinearClassificationProblem: it makes up for "
                "deleted features in the mean square, not in the error"
            )


def label_problem(problem: Any, loss: Loss) -> LinearClassificationProblem | None:
    """The classification problem by which a training with this loss is predicted; None where risks
    are predicted instead."""
    if isinstance(problem, LinearClassificationProblem):
        return problem
    if loss.name == "square":
        return None
    if isinstance(problem, LinearGaussianProblem):
        _core.check_loss(problem._core, core_loss(loss), 1, 1, 1.0)  # raises
    classes = getattr(problem, "classes", None)
    if classes is not None and len(classes) > 2:
        raise ValueError(
            f"problem must have two classes to be predicted with loss {loss.name}, got "
            f"{len(classes)}: give one against the rest, equivalent_labels(target)"
        )
    labels: LinearClassificationProblem = problem.equivalent_labels()
    return labels


def signs(rows: FloatArray, are_classes: bool, target: Any) -> FloatArray:
    """Labels -1 and 1 (N, 1) of one-hot rows (N, m): class `target` against the rest, of two
    classes the second; or the rows themselves where they are one column of labels."""
    if are_classes:
        if target is None and rows.shape[1] != 2:
            raise ValueError(
                f"target must be given for {rows.shape[1]} classes: the one against the rest"
            )
        last = rows.shape[1] - 1
        one = 1 if target is None else check.integer(target, "target", lowest=0, highest=last)
        return 2.0 * rows[:, [one]] - 1.0
    if target is not None or rows.shape[1] > 1 or (abs(rows) != 1.0).any():
        raise ValueError(
            "labels need targets that are classes or one column of -1 and 1, got "
            + (f"{rows.shape[1]} columns" if rows.shape[1] > 1 else "a column of other numbers")
        )
    return rows
