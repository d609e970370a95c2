"""Random features of Gaussian inputs, with a teacher that looks along one direction."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._validation import FloatArray
from .classification import LinearClassificationProblem
from .functions import Function, core_function
from .problem import LinearGaussianProblem, Problem, read_only


class RandomFeatureProblem(Problem):
    """A linear or single-index teacher learnt through random features.

    ``a ~ N(0, I_d)``, ``x = phi(weights a + bias)``, ``y = g(a'teacher) + noise_std z``, ``z ~ N(0,
    1)``.

    Parameters
    ----------
    weights : array_like of shape (p, d)
        Rows r_i; none of them zero.
    teacher : array_like of shape (d,)
    noise_std : float, default 0.0
        Standard deviation of the noise, finite and at least 0.
    activation : str or callable, default "relu"
        phi, as in `random_features`. A callable must be piecewise smooth and defined on the whole
        line. Several threads may call it.
    bias : array_like of shape (p,), optional
        None by default.
    link : callable or str, optional
        g: a callable as for activation, or one of its names. By default the teacher is linear, g(z)
        = z.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real and finite, lengths differ, noise_std is negative, the activation
        or link is unknown, or a row of weights is zero; if a callable is not elementwise or not
        piecewise smooth, or returns anything but finite real numbers in the shape that it was
        given; or if weights, bias or teacher are so large that the activation or link cannot be
        resolved in double precision.
    Exception
        Whatever a callable raises.

    Notes
    -----
    The second moments are closed forms for identity, relu, sign, erf and cos with a linear teacher.
    Otherwise phi and g are replaced by piecewise polynomials, which find their kinks and jumps, and
    integrated by Hermite expansions and, for nearly parallel rows, quadrature in two dimensions;
    they err by some 1e-13, relative to ``sqrt(E[x_i**2] E[x_j**2])``.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), section "Random features"; docs/theory.md, section 7.

    Examples
    --------
    >>> import overprune as op
    >>> problem = op.RandomFeatureProblem.draw(40, 10, noise_std=0.1, seed=0)
    >>> problem.p
    40

    A classifier's labels, learnt through features of one's own:

    >>> import numpy as np
    >>> problem = op.RandomFeatureProblem.draw(
    ...     40, 10, noise_std=0, activation=lambda z: np.log1p(np.exp(z)), link="sign", seed=0
    ... )
    >>> round(problem.null_risk, 12)
    1.0
    """

    def __init__(
        self,
        weights: npt.ArrayLike,
        teacher: npt.ArrayLike,
        noise_std: float = 0.0,
        activation: Function = "relu",
        bias: npt.ArrayLike | None = None,
        *,
        link: Function | None = None,
    ) -> None:
        self.weights = read_only(check.float_array(weights, "weights", ndim=2).copy())
        p, d = self.weights.shape
        self.teacher = read_only(check.float_array(teacher, "teacher", ndim=1, shape=(d,)).copy())
        self.noise_std = check.nonnegative(noise_std, "noise_std")
        self.activation, phi = activation, core_function(activation, "activation")
        self.link, g = link, core_function("identity" if link is None else link, "link")
        self.bias = (
            None
            if bias is None
            else read_only(check.float_array(bias, "bias", ndim=1, shape=(p,)).copy())
        )
        self._core = _core.RandomFeatureProblem(
            self.weights, self.teacher, self.noise_std, phi, self.bias, g
        )

    @classmethod
    def draw(
        cls,
        features: int,
        dim: int,
        *,
        noise_std: float,
        activation: Function = "relu",
        link: Function | None = None,
        seed: int,
    ) -> RandomFeatureProblem:
        """Draw weights with rows ``N(0, I/dim)`` and a teacher of length one in a random direction.

        Parameters
        ----------
        features, dim : int
            p and d, at least 1.
        noise_std : float
            Finite and at least 0.
        activation : str or callable, default "relu"
            As for the class; "cos" also gets phases uniform on [0, 2 pi).
        link : callable or str, optional
            As for the class.
        seed : int
            In [0, 2**64).

        Returns
        -------
        RandomFeatureProblem

        Raises
        ------
        TypeError, ValueError
            As the class.
        """
        p = check.integer(features, "features", lowest=1)
        d = check.integer(dim, "dim", lowest=1)
        key = check.seed(seed)
        weights = _core.standard_normal(p * d, key, 0, _core.PURPOSE_FEATURES).reshape(
            p, d
        ) / math.sqrt(d)
        direction = _core.standard_normal(d, key, 1, _core.PURPOSE_FEATURES)
        phases = (
            _core.uniform(p, key, 0, _core.PURPOSE_BIAS)
            if isinstance(activation, str) and activation == "cos"
            else None
        )
        bias = None if phases is None else 2 * math.pi * phases
        return cls(
            weights, direction / np.linalg.norm(direction), noise_std, activation, bias, link=link
        )

    def describe(self) -> dict[str, Any]:
        return {
            "weights": self.weights,
            "teacher": self.teacher,
            "noise_std": self.noise_std,
            "activation": self.activation,
            "bias": self.bias,
            "link": self.link,
        }

    def equivalent(self) -> LinearGaussianProblem:
        """Form the linear Gaussian problem with the same second moments.

        ``Sigma = E[x x']``, ``beta = Sigma^{-1} E[y x]`` and ``noise_std**2 = E[y**2] - E[yx]'
        Sigma^{-1} E[yx]``. Its risk is this problem's risk for every theta, exactly.

        Returns
        -------
        LinearGaussianProblem
            With a (p, p) covariance.

        References
        ----------
        docs/theory.md, section 7.

        Examples
        --------
        >>> import overprune as op
        >>> problem = op.RandomFeatureProblem.draw(40, 10, noise_std=0.1, seed=0)
        >>> problem.equivalent().covariance.shape
        (40, 40)
        """
        return self._equivalent

    def equivalent_labels(self) -> LinearClassificationProblem:
        """Form the classification problem whose labels have the same second moments.

        Where the link is "sign" and there is no noise, this problem's responses are labels, and
        features that were Gaussian would make them those of a probit teacher.

        Returns
        -------
        LinearClassificationProblem
            With a (p, p) covariance.

        Raises
        ------
        ValueError
            If responses are not labels: link="sign" and noise_std=0 make them so.

        References
        ----------
        docs/theory.md, section 11.
        """
        if not self._core.has_labels:
            raise ValueError(
                'labels need link="sign" and noise_std=0, so that responses are -1 and 1; got '
                f"link={self.link!r} and noise_std={self.noise_std}"
            )
        return LinearClassificationProblem.of_regression(self._equivalent)

    @cached_property
    def _equivalent(self) -> LinearGaussianProblem:
        return LinearGaussianProblem._of_core(self._core.equivalent())

    @property
    def null_risk(self) -> float:
        """Risk of theta = 0: ``E[y**2] = E[g(a'teacher)**2] + noise_std**2``."""
        return float(self._core.null_risk)

    def risk(self, theta: npt.ArrayLike) -> FloatArray:
        """Compute the population's test risk of models of shape (..., p); see
        LinearGaussianProblem.risk."""
        return self._equivalent.risk(theta)
