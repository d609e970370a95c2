"""Problems given by a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from . import _validate as check
from ._functions import Function, core_function
from ._problem import LinearGaussianProblem, Problem, read_only
from ._validate import FloatArray


class DataProblem(Problem):
    """A data set: each trial draws training rows, and random features if asked; the risk is the test error.

    ``risk(theta) = mean over test rows of |y - x'theta|**2``, summed over targets.

    Parameters
    ----------
    inputs : array_like of shape (N, d)
        Training rows to draw from.
    targets : array_like of shape (N,) or (N, m)
        Real targets; or integers of shape (N,): class labels, which become one-hot rows and give an accuracy
        too.
    test_inputs : array_like of shape (N_test, d)
    test_targets : array_like of shape (N_test,) or (N_test, m)
        Of the same kind as targets.
    features : int, optional
        Number p of random features of the inputs, drawn anew in every trial with rows ``N(0, I/d)``; by
        default the inputs' own d columns are the features.
    activation : {"identity", "relu", "sign", "erf", "cos", "tanh", "gelu"} or callable, default "relu"
        Of the random features, as in `random_features`; "cos" gets phases uniform on [0, 2 pi).
    seed : int, default 0
        Of the random features: trial t uses the ones drawn from (seed, t), whatever the seed of the
        simulation.

    Raises
    ------
    TypeError, ValueError
        If an array is not real and finite, lengths differ, a test label is not among the training labels, or
        the activation is unknown.

    References
    ----------
    docs/theory.md, section 7.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> X, labels = op.standard_normal((50, 3), seed=0), np.arange(50) % 2
    >>> problem = op.DataProblem(X[:30], labels[:30], X[30:], labels[30:], features=8)
    >>> problem.p, problem.targets
    (8, 2)
    """

    curvature = "sample"

    def __init__(
        self,
        inputs: npt.ArrayLike,
        targets: npt.ArrayLike,
        test_inputs: npt.ArrayLike,
        test_targets: npt.ArrayLike,
        *,
        features: int | None = None,
        activation: Function = "relu",
        seed: int = 0,
    ) -> None:
        train = check.float_array(inputs, "inputs", ndim=2)
        test = check.float_array(test_inputs, "test_inputs", ndim=2, shape=(None, train.shape[1]))
        y, y_test, self.classes = _targets(targets, test_targets, train.shape[0], test.shape[0])
        self.features = None if features is None else check.integer(features, "features", lowest=1)
        self.activation, phi = activation, core_function(activation, "activation")
        self.seed = check.seed(seed)
        self._core = _core.DataProblem(
            train, y, test, y_test, self.classes is not None, self.features or 0, phi, self.seed
        )
        self.inputs, self.test_inputs = read_only(train.copy()), read_only(test.copy())
        self.target_rows, self.test_target_rows = read_only(y), read_only(y_test)

    def describe(self) -> dict[str, Any]:
        def as_given(rows: FloatArray) -> npt.NDArray[Any]:
            if self.classes is not None:
                return np.asarray(self.classes[rows.argmax(axis=1)])
            return rows[:, 0] if rows.shape[1] == 1 else rows

        return {
            "inputs": self.inputs,
            "targets": as_given(self.target_rows),
            "test_inputs": self.test_inputs,
            "test_targets": as_given(self.test_target_rows),
            "features": self.features,
            "activation": self.activation,
            "seed": self.seed,
        }

    @property
    def null_risk(self) -> float:
        """Test risk of theta = 0."""
        return float((self.test_target_rows**2).sum(axis=1).mean())

    def _most_rows(self) -> int:
        return int(self.inputs.shape[0])

    def check_run(self, rows: Sequence[int], rules: Sequence[str]) -> None:
        for n in rows:
            check.integer(n, "n", lowest=1, highest=self._most_rows())
        if "oracle" in rules:
            raise ValueError(
                'rules must not hold "oracle" for a DataProblem, whose true coefficients are unknown; '
                "use magnitude, hessian or random"
            )

    def judge(self, stream: int = 0) -> Callable[[npt.ArrayLike], dict[str, FloatArray]]:
        features, targets = self._test_features(stream), self.test_target_rows
        right = targets.argmax(axis=1)

        def measure(theta: npt.ArrayLike) -> dict[str, FloatArray]:
            models, outer = self._models(theta)
            outputs = (features @ models).reshape(len(features), *outer, self.targets)
            outputs = np.moveaxis(outputs, 0, -2)  # (..., N_test, m)
            found = {"risk": ((outputs - targets) ** 2).sum(axis=-1).mean(axis=-1)}
            if self.classes is not None:
                found["accuracy"] = (outputs.argmax(axis=-1) == right).mean(axis=-1)
            return found

        return measure

    def risk(self, theta: npt.ArrayLike, *, stream: int = 0) -> FloatArray:
        """Compute the test error of one or many models.

        Parameters
        ----------
        theta : array_like of shape (..., p) or (..., p, m)
        stream : int, default 0
            The trial whose random features the models were trained on.

        Returns
        -------
        ndarray of shape (...)

        Raises
        ------
        TypeError, ValueError
            If theta is not real and finite or its last dimensions do not fit.
        """
        return self.judge(stream)(theta)["risk"]

    def accuracy(self, theta: npt.ArrayLike, *, stream: int = 0) -> FloatArray:
        """Compute the fraction of test rows whose largest output is the right class; arguments as `risk`.

        Raises
        ------
        ValueError
            If the targets are not class labels.
        """
        if self.classes is None:
            raise ValueError("accuracy needs class labels: integer targets of one dimension")
        return self.judge(stream)(theta)["accuracy"]

    def _test_features(self, stream: int) -> FloatArray:
        features: FloatArray = self._core.test_features(check.seed(stream, "stream"), len(self.test_inputs))
        return features

    def equivalent(self, target: int | None = None) -> LinearGaussianProblem:
        """Form the linear Gaussian problem with the test set's second moments (the features of trial 0).

        ``Sigma = Z'Z / N_test``, ``beta = Sigma^+ Z'y / N_test``, with what remains as noise.

        Parameters
        ----------
        target : int, optional
            Which target, in [0, m); may be left out where there is one.

        Returns
        -------
        LinearGaussianProblem
            With a (p, p) covariance.

        Raises
        ------
        TypeError, ValueError
            If target is out of range.
        NotImplementedError
            For all of several targets at once, whose noise is correlated.

        References
        ----------
        docs/theory.md, section 7.
        """
        if target is None and self.targets > 1:
            raise NotImplementedError(
                f"equivalent() of all {self.targets} targets at once is not supported yet; "
                f"pass target=0, ..., {self.targets - 1}"
            )
        column = check.integer(0 if target is None else target, "target", lowest=0, highest=self.targets - 1)
        Z, y = self._test_features(0), self.test_target_rows[:, column]
        beta = np.linalg.lstsq(Z, y, rcond=None)[0]
        noise_std = float(np.sqrt(np.mean((y - Z @ beta) ** 2)))
        return LinearGaussianProblem(beta, Z.T @ Z / len(Z), noise_std)


def _targets(
    targets: npt.ArrayLike, test_targets: npt.ArrayLike, rows: int, test_rows: int
) -> tuple[FloatArray, FloatArray, npt.NDArray[Any] | None]:
    """Targets (N, m), test targets (N_test, m), and the class labels where the targets are classes."""
    train = check.plain_array(targets, "targets")
    test = check.plain_array(test_targets, "test_targets")
    labels = train.dtype.kind in "iub" and train.ndim == 1
    if not labels:
        y = check.float_array(train, "targets", ndim=(1, 2), shape=(rows,)).reshape(rows, -1)
        y_test = check.float_array(test, "test_targets", ndim=train.ndim, shape=(test_rows,)).reshape(
            test_rows, -1
        )
        if y.shape[1] != y_test.shape[1]:
            raise ValueError(f"test_targets must have {y.shape[1]} columns as targets, got {y_test.shape[1]}")
        return y.copy(), y_test.copy(), None
    check.float_array(train, "targets", ndim=1, shape=(rows,))
    check.float_array(test, "test_targets", ndim=1, shape=(test_rows,))
    if test.dtype.kind not in "iub":
        raise TypeError(f"test_targets must be integer class labels as targets are, got dtype {test.dtype}")
    classes = np.unique(train)
    unknown = np.setdiff1d(test, classes)
    if unknown.size:
        raise ValueError(f"test_targets must be labels found in targets, got {unknown[0]}")
    return _one_hot(train, classes), _one_hot(test, classes), classes


def _one_hot(labels: npt.NDArray[Any], classes: npt.NDArray[Any]) -> FloatArray:
    return np.asarray(labels[:, None] == classes, dtype=np.float64)
