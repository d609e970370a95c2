"""Problems: described once, simulated and predicted alike."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .. import _core, _html
from .. import _validation as check
from .._validation import FloatArray
from .functions import qualified_name


def read_only(array: FloatArray) -> FloatArray:
    """`array` itself, no longer writeable."""
    array.flags.writeable = False
    return array


Made = TypeVar("Made")


def make_again(cls: type[Made], arguments: dict[str, Any]) -> Made:
    """A problem from its description, without the warnings of when it was made first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return cls(**arguments)


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<{value.shape}>"
    if isinstance(value, tuple):
        return f"<{len(value)} names>"
    return f"<{qualified_name(value)}>" if callable(value) else repr(value)


def _ranged(value: Any) -> str:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or not value.size:
        return _shown(value)
    return f"{value.shape}, from {value.min():.4g} to {value.max():.4g}"


class Problem:
    """What all problems have: a compiled twin, p features, m targets, and a description."""

    _core: Any
    curvature = "population"
    """What the rule hessian multiplies by unless told otherwise: "population" or "sample"."""

    _feature_names: check.Names | None = None

    @property
    def p(self) -> int:
        """Number of features."""
        return int(self._core.features)

    @property
    def feature_names(self) -> check.Names | None:
        """Names of the p features; None where they have none, as random features."""
        return self._feature_names

    def _names_described(self) -> dict[str, Any]:
        """The names as an argument, where there are any: tables without them stay as they were."""
        names = self.feature_names
        return {} if names is None else {"feature_names": names}

    @property
    def targets(self) -> int:
        """Number of targets m."""
        return int(self._core.targets)

    @property
    def null_risk(self) -> float:
        """Risk of theta = 0, summed over targets."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """The arguments that make this problem again, by name."""
        raise NotImplementedError

    def __reduce__(self) -> tuple[Any, ...]:
        return make_again, (type(self), self.describe())

    def __repr__(self) -> str:
        shown = (f"{name}={_shown(value)}" for name, value in self.describe().items())
        return f"{type(self).__name__}({', '.join(shown)})"

    def _repr_html_(self) -> str:
        facts = {
            "features p": self.p,
            "targets m": self.targets,
            "null risk": f"{self.null_risk:.6g}",
        }
        return _html.table(
            type(self).__name__,
            ("", "value"),
            [*((name, _ranged(value)) for name, value in self.describe().items()), *facts.items()],
        )

    def sample(self, n: int, *, seed: int, stream: int = 0) -> tuple[FloatArray, FloatArray]:
        """Draw a training set: trial number `stream` of `simulate` with that seed.

        Parameters
        ----------
        n : int
            Number of rows, at least 1; for a data set at most its training rows.
        seed : int
            In [0, 2**64).
        stream : int, default 0
            In [0, 2**64).

        Returns
        -------
        X : ndarray of shape (n, p)
        y : ndarray of shape (n,), or (n, m) with m > 1 targets

        Raises
        ------
        TypeError, ValueError
            If an argument is not an integer or out of range.
        """
        rows = check.integer(n, "n", lowest=1, highest=self._most_rows())
        X, y = self._core.sample(rows, check.seed(seed), check.seed(stream, "stream"))
        return X, (y[:, 0] if self.targets == 1 else y)

    def risk(self, theta: npt.ArrayLike) -> FloatArray:
        """Test risk of models of shape (..., p) or (..., p, m)."""
        raise NotImplementedError

    def judge(self, stream: int = 0) -> Callable[[npt.ArrayLike], dict[str, FloatArray]]:
        """A function of theta that measures models: their risk and, for classes, their accuracy."""
        check.seed(stream, "stream")
        return lambda theta: {"risk": self.risk(theta)}

    def check_run(
        self, rows: Sequence[int], rules: Sequence[str], compensate: bool = False
    ) -> None:
        """Raises ValueError where the problem cannot give so many rows or does not know what a run
        needs."""

    def _most_rows(self) -> int | None:
        return None

    def _models(self, theta: npt.ArrayLike) -> tuple[FloatArray, tuple[int, ...]]:
        """theta as (p, B m) columns for the core, and the shape (...) of the B models."""
        inner = (self.p,) if self.targets == 1 else (self.p, self.targets)
        array = check.float_array(theta, "theta", ndim=tuple(range(len(inner), 65)))
        outer = array.shape[: array.ndim - len(inner)]
        if array.shape[len(outer) :] != inner:
            expected = ", ".join(str(length) for length in inner)
            raise ValueError(f"theta must have shape (..., {expected}), got {array.shape}")
        if self.targets == 1:
            return array.reshape(-1, self.p).T, outer
        return array.reshape(-1, *inner).transpose(1, 0, 2).reshape(self.p, -1), outer


def as_problem(value: Any) -> Problem:
    """`value` if it is a problem; TypeError otherwise."""
    if not isinstance(value, Problem):
        raise TypeError(
            "problem must be a LinearGaussianProblem, LinearClassificationProblem, "
            "RandomFeatureProblem or DataProblem, "
            f"got {type(value).__name__}{getattr(value, '_instead', '')}"
        )
    return value


class LinearGaussianProblem(Problem):
    """A linear model with Gaussian features.

    ``x ~ N(0, Sigma)``, ``y = x'beta + noise_std z``, ``z ~ N(0, 1)``; with several targets the
    noise may have any covariance, ``y = beta'x + N(0, noise_covariance)``.

    Parameters
    ----------
    beta : array_like of shape (p,) or (p, m)
        True coefficients, of one or several targets.
    covariance : array_like of shape (p,) or (p, p)
        Sigma: the variances of independent features, at least 0, or a symmetric positive
        semidefinite matrix.
    noise_std : float, default 0.0
        Standard deviation of the noise, finite and at least 0: of every target, independently.
    noise_covariance : array_like of shape (m, m), optional
        Covariance of the noise of the m targets, symmetric and positive semidefinite, instead of
        noise_std.
    feature_names : sequence of str, optional
        p different names of the features, which tables and supports answer with; by default those
        of a covariance that is a data frame, or none.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real and finite, lengths differ, a variance or noise_std is negative,
        a matrix is not symmetric and positive semidefinite, both noise_std and noise_covariance
        are given, or feature_names are not p different texts.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), Definition 1; docs/theory.md, sections 1 and 9.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem(np.ones(4) / 2, op.spectra.isotropic(4), noise_std=0.5)
    >>> problem.null_risk
    1.25
    >>> X, y = problem.sample(3, seed=0)
    >>> X.shape, y.shape
    ((3, 4), (3,))
    >>> joint = [[2, 1], [1, 1]]
    >>> two = op.LinearGaussianProblem(np.eye(4)[:, :2], np.ones(4), noise_covariance=joint)
    >>> two.null_risk
    5.0
    """

    def __init__(
        self,
        beta: npt.ArrayLike,
        covariance: npt.ArrayLike,
        noise_std: float = 0.0,
        *,
        noise_covariance: npt.ArrayLike | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        coefficients = check.float_array(beta, "beta", ndim=(1, 2))
        p = coefficients.shape[0]
        sigma = check.float_array(covariance, "covariance", ndim=(1, 2), shape=(p, p))
        noise = check.nonnegative(noise_std, "noise_std")
        columns = coefficients.reshape(p, -1)
        joint = None
        if noise_covariance is not None:
            m = columns.shape[1]
            joint = check.float_array(noise_covariance, "noise_covariance", ndim=2, shape=(m, m))
            if noise != 0.0:
                raise ValueError(f"noise_std must be left out with noise_covariance, got {noise}")
        self._core = _core.LinearGaussianProblem(columns, sigma, noise, joint)
        self._shape = coefficients.shape
        self._joint_noise = joint is not None
        self._feature_names = check.feature_names(covariance, feature_names, p, "covariance")

    @classmethod
    def _of_core(
        cls,
        core: _core.LinearGaussianProblem,
        shape: tuple[int, ...] | None = None,
        names: check.Names | None = None,
    ) -> LinearGaussianProblem:
        """A problem that the core made, with beta of that shape: (p,) unless given."""
        problem = cls.__new__(cls)
        problem._core = core
        problem._shape = shape or (core.features,)
        problem._joint_noise = core.targets > 1
        problem._feature_names = names
        return problem

    @cached_property
    def beta(self) -> FloatArray:
        """True coefficients, (p,) or (p, m); read-only."""
        return read_only(self._core.beta.reshape(self._shape))

    @cached_property
    def covariance(self) -> FloatArray:
        """Variances (p,), or the matrix (p, p); read-only."""
        return read_only(self._core.variances if self._core.diagonal else self._core.covariance)

    @property
    def noise_std(self) -> float:
        """Standard deviation of the noise; its root mean square over targets, given a
        noise_covariance."""
        return float(self._core.noise_std)

    @cached_property
    def noise_covariance(self) -> FloatArray:
        """Covariance (m, m) of the noise: as given, or ``noise_std**2`` times the identity;
        read-only."""
        return read_only(self._core.noise_covariance)

    @property
    def null_risk(self) -> float:
        """Risk of theta = 0, summed over targets."""
        return float(self._core.null_risk)

    def describe(self) -> dict[str, Any]:
        known: dict[str, Any] = {"beta": self.beta, "covariance": self.covariance}
        if self._joint_noise:
            known["noise_covariance"] = self.noise_covariance
        else:
            known["noise_std"] = self.noise_std
        return known | self._names_described()

    def restrict(self, features: int | npt.ArrayLike) -> LinearGaussianProblem:
        """Form the problem of training on a subset D of the features.

        ``beta_D = Sigma_DD^{-1} Sigma_D: beta``; what the other features explain beyond D becomes
        noise, of covariance ``(beta - beta_D)' Sigma (beta - beta_D)`` (with beta_D zero outside D)
        on top of the problem's own. With several targets it is correlated: see noise_covariance of
        the result.

        Parameters
        ----------
        features : int, array_like of int or sequence of str
            An int k in [1, p]: the first k features. An array: distinct indices in [0, p), or
            names of feature_names.

        Returns
        -------
        LinearGaussianProblem
            With k features, and their names.

        Raises
        ------
        TypeError, ValueError
            If features is out of range or repeated, or a name is unknown.

        References
        ----------
        docs/theory.md, sections 1 and 9.

        Examples
        --------
        >>> import overprune as op
        >>> problem = op.LinearGaussianProblem([3.0, 4.0], [1.0, 1.0])
        >>> problem.restrict(1).noise_std
        4.0
        >>> named = op.LinearGaussianProblem([3.0, 4.0], [1.0, 1.0], feature_names=["age", "bmi"])
        >>> named.restrict(["bmi"]).feature_names
        ('bmi',)
        """
        chosen = check.positions(features, "features", self.feature_names)
        if check.is_sequence(chosen) or hasattr(chosen, "__dlpack__"):
            kept = check.indices(chosen, "features", size=self.p)
        else:
            kept = np.arange(check.integer(chosen, "features", lowest=1, highest=self.p))
        known = self.feature_names
        names = None if known is None else tuple(known[i] for i in kept)
        part = self._core.restrict(kept.tolist())
        return LinearGaussianProblem._of_core(part, (len(kept), *self._shape[1:]), names)

    def risk(self, theta: npt.ArrayLike) -> FloatArray:
        """Compute the population's test risk of one or many models.

        ``R(theta) = noise_std**2 + (theta - beta)' Sigma (theta - beta)``, summed over targets;
        with several, the trace of noise_covariance plus the trace of the quadratic form.

        Parameters
        ----------
        theta : array_like of shape (..., p) or (..., p, m)

        Returns
        -------
        ndarray of shape (...)

        Raises
        ------
        TypeError, ValueError
            If theta is not real and finite or its last dimensions are not those of beta.

        Examples
        --------
        >>> import overprune as op
        >>> problem = op.LinearGaussianProblem([3.0, 4.0], [1.0, 1.0], noise_std=1.0)
        >>> problem.risk([[0.0, 0.0], [3.0, 4.0]])
        array([26.,  1.])
        """
        models, outer = self._models(theta)
        risks: FloatArray = self._core.risk(models)
        return risks.reshape(outer)
