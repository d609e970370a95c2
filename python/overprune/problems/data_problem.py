"""Problems given by a data set."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._validation import FloatArray
from .classification import LinearClassificationProblem, signs
from .data_rows import DataRows
from .functions import Function, core_function
from .moments import Moments, intensity, product
from .problem import LinearGaussianProblem, Problem, read_only


class DataProblem(Problem):
    """A data set, from which each trial draws training rows, and random features if asked.

    The risk is the test error:
    ``risk(theta) = mean over test rows of |y - x'theta|**2``, summed over targets. Models have no
    intercept: `center` takes the means out of x and y.

    Parameters
    ----------
    inputs : array_like of shape (N, d)
        Training rows to draw from: arrays, data frames or sparse matrices, which become dense.
        Columns of data frames, and of xarray with a coordinate of names, name the features.
    targets : array_like of shape (N,) or (N, m)
        Real targets; or class labels of shape (N,), which become one-hot rows and give an accuracy
        too.
    test_inputs : array_like of shape (N_test, d)
    test_targets : array_like of shape (N_test,) or (N_test, m)
        Of the same kind as targets.
    features : int, optional
        Number p of random features of the inputs, drawn anew in every trial with rows ``N(0,
        I/d)``; by default the inputs' own d columns are the features.
    activation : str or callable, default "relu"
        Of the random features, as in `random_features`; "cos" gets phases uniform on [0, 2 pi).
    seed : int, default 0
        Of the random features: trial t uses the ones drawn from (seed, t), whatever the seed of the
        simulation.
    task : {"classification", "regression"}, optional
        What the targets are. By default integers and bools of shape (N,) are class labels and
        everything else is real targets; with "classification" whole floats and a column (N, 1) may
        be labels too.
    center : bool, default False
        Whether to subtract from training and test rows alike the means of inputs and of real
        targets over all N training rows. Every trial subtracts the same, not the means of its own
        n rows: these stay draws from one centred population, which is what `predict` knows of. An
        intercept fitted to n rows would cost about 1 + 1/n times the risk. Random features are made
        of the centred inputs, and keep means of their own. One-hot rows stay as they are.
    feature_names : sequence of str, optional
        d different names of the columns of inputs, in place of those that inputs have.

    Attributes
    ----------
    task : {"classification", "regression"}
        What the targets were taken for.
    classes : ndarray of shape (c,) or None
        The different labels, ascending; None for real targets.
    input_means, target_means : ndarray of shape (d,) and (m,)
        What `center` subtracts, zeros without: a row x is predicted by ``target_means + (x -
        input_means) @ theta``.
    input_names : tuple of str or None
        Names of the columns of inputs; `feature_names` are the same, and None of random features.

    Warns
    -----
    UserWarning
        Without a task, where that is a guess: for integers of shape (N,), unless they are two
        labels, or 0, 1, ... or 1, 2, ... up to 20 of them, each in at least two rows; and for
        integers of shape (N, 1).
        Without center, where real targets have a mean whose square is above their variance (of 10
        to 24 rows, above 25 / N of it; of fewer, never) and no column of inputs is constant.

    Raises
    ------
    TypeError, ValueError
        If an array is not real and finite, or has missing values or columns that are not numeric
        (they are named), lengths differ, a test label is not among the training labels, the
        activation or task is unknown, names are not d different texts, or test_inputs have other
        columns than inputs, or in another order.

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
    >>> heights = 170 + 8 * X[:, 0]
    >>> names = ["age", "sex", "bmi"]
    >>> problem = op.DataProblem(X, heights, X, heights, center=True, feature_names=names)
    >>> problem.equivalent().restrict(["age"]).noise_std < 1e-6
    True
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
        task: str | None = None,
        center: bool = False,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        given = (inputs, targets, test_inputs, test_targets)
        rows = DataRows.read(*given, task, center, feature_names)
        self._rows, self.task, self.classes = rows, rows.task, rows.classes
        self.features = None if features is None else check.integer(features, "features", lowest=1)
        self.activation, phi = activation, core_function(activation, "activation")
        self.seed = check.seed(seed)
        train, y, test, y_test = rows.centred()
        self._core = _core.DataProblem(
            train, y, test, y_test, self.classes is not None, self.features or 0, phi, self.seed
        )
        self.inputs, self.test_inputs = rows.inputs, rows.test_inputs
        self.target_rows, self.test_target_rows = rows.targets, rows.test_targets
        self.input_means, self.target_means = rows.input_means, rows.target_means
        self._test_targets = read_only(y_test)
        self.input_names = rows.names
        self._feature_names = rows.names if self.features is None else None
        rows.warn(stacklevel=2)

    def describe(self) -> dict[str, Any]:
        rows = self._rows
        known: dict[str, Any] = {
            "inputs": rows.inputs,
            "targets": rows.as_given(rows.targets),
            "test_inputs": rows.test_inputs,
            "test_targets": rows.as_given(rows.test_targets),
            "features": self.features,
            "activation": self.activation,
            "seed": self.seed,
        }
        # Left out where they say nothing: tables of earlier versions have the same hash.
        if rows.classes is not None and rows.is_doubtful:
            known["task"] = rows.task
        if rows.center:
            known["center"] = True
        if rows.names is not None:
            known["feature_names"] = rows.names
        return known

    @property
    def null_risk(self) -> float:
        """Test risk of theta = 0."""
        return float((self._test_targets**2).sum(axis=1).mean())

    def _most_rows(self) -> int:
        return int(self.inputs.shape[0])

    def check_run(
        self, rows: Sequence[int], rules: Sequence[str], compensate: bool = False
    ) -> None:
        for n in rows:
            check.integer(n, "n", lowest=1, highest=self._most_rows())
        for rule in rules:
            if check.TRAITS[rule].needs_truth:
                *others, last = (r for r in check.RULES if not check.TRAITS[r].needs_truth)
                raise ValueError(
                    f'rules must not hold "{rule}" for a DataProblem, whose true coefficients are '
                    f"unknown; use {', '.join(others)} or {last}"
                )
        if compensate:
            raise ValueError(
                "compensate must be False for a DataProblem, whose population covariance is "
                "unknown; with the second moments of the training rows, compensating is "
                "retraining: use retrain=True"
            )

    def judge(self, stream: int = 0) -> Callable[[npt.ArrayLike], dict[str, FloatArray]]:
        features, targets = self._test_features(stream), self._test_targets
        right = targets.argmax(axis=1)

        def measure(theta: npt.ArrayLike) -> dict[str, FloatArray]:
            models, outer = self._models(theta)
            # the risk of huge coefficients is infinite
            with np.errstate(over="ignore", invalid="ignore"):
                outputs = product(features, models).reshape(len(features), *outer, self.targets)
                outputs = np.moveaxis(outputs, 0, -2)  # (..., N_test, m)
                risk = ((outputs - targets) ** 2).sum(axis=-1).mean(axis=-1)
            found = {"risk": np.where(np.isnan(risk), np.inf, risk)}
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
        """Compute the fraction of test rows whose largest output is the right class; arguments as
        `risk`.

        Raises
        ------
        ValueError
            If the targets are not class labels.
        """
        if self.classes is None:
            raise ValueError("accuracy needs class labels: integer targets of one dimension")
        return self.judge(stream)(theta)["accuracy"]

    def _test_features(self, stream: int) -> FloatArray:
        features: FloatArray = self._core.test_features(
            check.seed(stream, "stream"), len(self.test_inputs)
        )
        return features

    @property
    def enough_test_rows(self) -> bool:
        """Whether the test set has at least five rows a feature, for second moments worth
        predicting from."""
        return len(self.test_inputs) >= 5 * self.p

    def equivalent(
        self, target: int | None = None, *, shrinkage: float | str | None = None, stream: int = 0
    ) -> LinearGaussianProblem:
        """Form the linear Gaussian problem with the test set's second moments.

        ``Sigma = Z'Z / N``, ``beta = Sigma^+ Z'y / N``, and what remains of ``y'y / N`` as the
        noise's covariance, Z (N, p) the features of the N test rows. Its risk is this problem's,
        for every theta.

        Parameters
        ----------
        target : int, optional
            Only this target, in [0, m), as a problem of one target; by default all of them.
        shrinkage : float in [0, 1] or "ledoit-wolf", optional
            The part a of the features' variance that is taken to be independent noise of equal size
            mu in all features: ``Sigma = (1 - a) Z'Z / N + a mu I``, mu = tr Z'Z / (N p), ``beta =
            (1 - a)**0.5 Sigma^{-1} Z'y / N``, noise as before; "ledoit-wolf" estimates a (needs
            scikit-learn). None or 0: the moments as they are.
        stream : int, default 0
            The trial whose random features are used.

        Returns
        -------
        LinearGaussianProblem
            With a (p, p) covariance, the names of the features and, of several targets, a (m, m)
            noise_covariance. Its null risk is this problem's, with shrinkage too.

        Warns
        -----
        UserWarning
            Without shrinkage, where the test rows are fewer than 5 p; and where the second moments
            lose to rounding what is left of columns beside the others: of two columns or more whose
            means are more than about 10^6 times their standard deviations, or that are nearly
            combinations of others.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range, or a feature is so small that its mean square
            underflows.
        ImportError
            For "ledoit-wolf" without scikit-learn.

        Notes
        -----
        The population of this problem is the test rows, so theory sees a model trained on n rows as
        right about n of these N: for models that interpolate it predicts about 1 - n / N times the
        risk on fresh rows. Where training rows are drawn from the test rows themselves, prediction
        and simulation agree; elsewhere the test set should be many times larger than n. Shrinkage
        does not cure this; it fills a singular Sigma. On MNIST (one-hot, 600 ReLU features, n =
        200; 0.635 measured on 3,000 fresh rows) the dense risk predicted from N = 300, 600, 1500
        and 3000 rows is 0.184, 0.414, 0.530 and 0.570, with "ledoit-wolf" (a = 0.008, ..., 0.001)
        0.216, 0.417, 0.530 and 0.570, and divided by 1 - n / N it is 0.65, 0.63, 0.61 and 0.61.

        References
        ----------
        docs/theory.md, section 7; Ledoit, Wolf, *A well-conditioned estimator for large-dimensional
        covariance matrices*, J. Multivariate Analysis 2004.

        Examples
        --------
        >>> import numpy as np
        >>> import overprune as op
        >>> X, labels = op.standard_normal((80, 3), seed=0), np.arange(80) % 2
        >>> problem = op.DataProblem(X[:30], labels[:30], X[30:], labels[30:])
        >>> problem.equivalent().noise_covariance.shape, problem.equivalent(1).targets
        ((2, 2), 1)
        """
        chosen = self._test_targets
        if target is not None:
            chosen = chosen[
                :, [check.integer(target, "target", lowest=0, highest=self.targets - 1)]
            ]
        return self._gaussian(chosen, shrinkage, stream)

    def equivalent_labels(
        self, target: int | None = None, *, shrinkage: float | str | None = None, stream: int = 0
    ) -> LinearClassificationProblem:
        """Form the classification problem with the test set's second moments, a heuristic.

        Labels are targets of -1 and 1, the second of two classes, or class `target`.

        Parameters
        ----------
        target : int, optional
            A class, in [0, m); needed where there are more than two.
        shrinkage, stream : optional
            As for `equivalent`.

        Returns
        -------
        LinearClassificationProblem
            With a (p, p) covariance.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range, or targets are neither classes nor -1 and 1.

        Warns
        -----
        UserWarning
            As `equivalent`, and where labels follow the features more closely than a probit allows.
        """
        labels = signs(self._test_targets, self.classes is not None, target)
        return LinearClassificationProblem.of_regression(self._gaussian(labels, shrinkage, stream))

    def _gaussian(
        self, chosen: FloatArray, shrinkage: float | str | None, stream: int
    ) -> LinearGaussianProblem:
        """The linear Gaussian problem with the second moments of the test features and these
        targets (N, m)."""
        mixed = intensity(shrinkage)
        Z = self._test_features(stream)
        rows, p = Z.shape
        if shrinkage is None and not self.enough_test_rows:
            warnings.warn(
                f"equivalent() takes {p} x {p} second moments from {rows} test rows, fewer than "
                f"5 p = {5 * p}: what is predicted for n training rows is low by about n / {rows} "
                "of itself; give more test rows or fewer features, or pass shrinkage",
                stacklevel=3,
            )
        found = Moments.of(Z, chosen, mixed)
        if found.lost > 0:
            warnings.warn(
                f"equivalent() takes second moments in which rounding hides {found.lost} of the "
                f"{p} directions of the test rows, so that what is predicted is wrong: centre the "
                "columns of inputs and test_inputs, or leave out those that are nearly "
                "combinations of others",
                stacklevel=3,
            )
        if chosen.shape[1] == 1:
            beta, noise = found.beta[:, 0], math.sqrt(found.noise[0, 0])
            return LinearGaussianProblem(
                beta, found.covariance, noise, feature_names=self.feature_names
            )
        return LinearGaussianProblem(
            found.beta,
            found.covariance,
            noise_covariance=found.noise,
            feature_names=self.feature_names,
        )
