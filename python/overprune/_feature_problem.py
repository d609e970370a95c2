"""Random features of Gaussian inputs, with a linear teacher."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from . import _validate as check
from ._problem import LinearGaussianProblem, Problem, read_only
from ._validate import FloatArray


class RandomFeatureProblem(Problem):
    """A linear teacher learnt through random features.

    ``a ~ N(0, I_d)``, ``x = phi(weights a + bias)``, ``y = a'teacher + noise_std z``.

    Parameters
    ----------
    weights : array_like of shape (p, d)
        Rows r_i; none of them zero.
    teacher : array_like of shape (d,)
    noise_std : float, default 0.0
        Standard deviation of the noise, finite and at least 0.
    activation : {"identity", "relu", "sign", "erf", "cos", "tanh"}, default "relu"
    bias : array_like of shape (p,), optional
        None by default.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real and finite, lengths differ, noise_std is negative, the activation is
        unknown or a row of weights is zero.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), section "Random features"; docs/theory.md, section 7.

    Examples
    --------
    >>> import overprune as op
    >>> problem = op.RandomFeatureProblem.draw(40, 10, noise_std=0.1, seed=0)
    >>> problem.p
    40
    """

    def __init__(
        self,
        weights: npt.ArrayLike,
        teacher: npt.ArrayLike,
        noise_std: float = 0.0,
        activation: str = "relu",
        bias: npt.ArrayLike | None = None,
    ) -> None:
        self.weights = read_only(check.float_array(weights, "weights", ndim=2).copy())
        p, d = self.weights.shape
        self.teacher = read_only(check.float_array(teacher, "teacher", ndim=1, shape=(d,)).copy())
        self.noise_std = check.nonnegative(noise_std, "noise_std")
        self.activation = check.choice(activation, "activation", check.ACTIVATIONS)
        self.bias = (
            None if bias is None else read_only(check.float_array(bias, "bias", ndim=1, shape=(p,)).copy())
        )
        self._core = _core.RandomFeatureProblem(
            self.weights, self.teacher, self.noise_std, self.activation, self.bias
        )

    @classmethod
    def draw(
        cls, features: int, dim: int, *, noise_std: float, activation: str = "relu", seed: int
    ) -> RandomFeatureProblem:
        """Draw weights with rows ``N(0, I/dim)`` and a teacher of length one in a random direction.

        Parameters
        ----------
        features, dim : int
            p and d, at least 1.
        noise_std : float
            Finite and at least 0.
        activation : str, default "relu"
            As for the class; "cos" also gets phases uniform on [0, 2 pi).
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
        weights = _core.standard_normal(p * d, key, 0, _core.PURPOSE_FEATURES).reshape(p, d) / math.sqrt(d)
        direction = _core.standard_normal(d, key, 1, _core.PURPOSE_FEATURES)
        phases = _core.uniform(p, key, 0, _core.PURPOSE_BIAS) if activation == "cos" else None
        bias = None if phases is None else 2 * math.pi * phases
        return cls(weights, direction / np.linalg.norm(direction), noise_std, activation, bias)

    def describe(self) -> dict[str, Any]:
        return {
            "weights": self.weights,
            "teacher": self.teacher,
            "noise_std": self.noise_std,
            "activation": self.activation,
            "bias": self.bias,
        }

    def equivalent(self) -> LinearGaussianProblem:
        """Form the linear Gaussian problem with the same second moments.

        ``Sigma = E[x x']``, ``beta = Sigma^{-1} E[y x]`` and
        ``noise_std**2 = E[y**2] - E[yx]' Sigma^{-1} E[yx]``. Its risk is this problem's risk for every theta,
        exactly.

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
        >>> op.RandomFeatureProblem.draw(40, 10, noise_std=0.1, seed=0).equivalent().covariance.shape
        (40, 40)
        """
        return self._equivalent

    @cached_property
    def _equivalent(self) -> LinearGaussianProblem:
        beta, covariance, noise_std = self._core.equivalent()
        return LinearGaussianProblem(beta[:, 0], covariance, noise_std)

    @property
    def null_risk(self) -> float:
        """Risk of theta = 0: ``E[y**2] = |teacher|**2 + noise_std**2``."""
        return float(self.teacher @ self.teacher + self.noise_std**2)

    def risk(self, theta: npt.ArrayLike) -> FloatArray:
        """Compute the population's test risk of models of shape (..., p); see LinearGaussianProblem.risk."""
        return self._equivalent.risk(theta)
