"""The exact high-dimensional limit: effective ridge, law of the coefficients."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._validation import FloatArray
from ..losses import Loss
from ..problems.problem import Problem, as_problem
from .predict import trained_as


def fixed_point(eigenvalues: npt.ArrayLike, n: int, *, ridge: float = 0.0) -> float:
    """Compute the effective ridge that n samples put on a problem with these eigenvalues.

    ``ridge / tau + (1/n) sum_i lam_i / (lam_i + tau) = 1``, and ``tau = 0`` where there is no ridge
    and at most n eigenvalues are positive. Accurate to rounding for any spectrum between 1e-290 and
    1e290.

    Parameters
    ----------
    eigenvalues : array_like of shape (p,)
        Of the covariance of the features, each at least 0.
    n : int
        Samples, at least 1.
    ridge : float, default 0.0
        At least 0, the coefficient in ``|y - X theta|^2 / (2 n) + ridge |theta|^2 / 2``.

    Returns
    -------
    float
        tau, in the units of the eigenvalues.

    Raises
    ------
    TypeError, ValueError
        If an eigenvalue is negative or not finite, n or ridge is out of range, or their sum
        overflows.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), whose xi is 1 / tau; docs/theory.md, Eq. (8).

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> op.fixed_point(np.ones(900), 300)
    2.0
    >>> op.fixed_point(np.ones(100), 300)
    0.0
    """
    values = check.float_array(eigenvalues, "eigenvalues", ndim=1)
    samples = check.integer(n, "n", lowest=1)
    return float(_core.fixed_point(values, samples, check.nonnegative(ridge, "ridge")))


def coefficient_law(
    problem: Problem, n: int, *, ridge: float = 0.0, loss: str | Loss = "square"
) -> tuple[FloatArray, FloatArray]:
    """Compute the Gaussian law of the trained coefficients.

    ``theta ~ N((Sigma + tau)^-1 Sigma beta, (omega^2 / n) (Sigma + tau)^-1 Sigma (Sigma +
    tau)^-1)`` with tau of `fixed_point` and omega^2 the test risk of the trained model. It holds
    for averages over many coordinates in the limit of many samples and features. With several
    targets every one has this law, with its own beta and omega^2.

    Parameters
    ----------
    problem : Problem
        RandomFeatureProblem and DataProblem are replaced by their equivalent Gaussian problem.
    n : int
        Samples, at least 1.
    ridge : float, default 0.0
        Of the training, at least 0.
    loss : {"square", "logistic", "hinge"} or Loss, default "square"
        Of the training; all but "square" need labels. A classifier's coefficients have the law of
        a regression's: docs/theory.md, Eq. (81).

    Returns
    -------
    mean : ndarray of shape (p,), or (p, m) with m > 1 targets
    variance : ndarray of shape (p,) or (p, p); with several targets (p, m) or (p, p, m)
        The variances where the features are independent (so are the coefficients of one target
        then), else the covariance of each target's coefficients. Infinite where as many features as
        samples vary and there is no ridge.

    Raises
    ------
    TypeError, ValueError
        If problem is none, or n or ridge is out of range.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), the distributional characterization; docs/theory.md, Eq.
    (11), and section 9 for several targets.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem(np.full(900, 1 / 30), np.ones(900), noise_std=0.5)
    >>> mean, variance = op.coefficient_law(problem, 300)
    >>> print(f"{30 * mean[0]:.4f} {900 * variance[0]:.4f}")
    0.3333 0.3472
    """
    samples = check.integer(n, "n", lowest=1)
    linear, strength = trained_as(
        problem, samples, as_problem(problem).p, check.nonnegative(ridge, "ridge"), loss
    )
    if linear.covariance.ndim == 1 and linear.targets == 1:
        beta = linear.beta.reshape(-1)
        mean, variance = _core.coefficient_law(
            linear.covariance, beta, linear.noise_std, samples, strength
        )
        return mean, variance
    mean, spread, omega, finite = _core.model_law(linear._core, samples, strength)
    # Cov(theta_it, theta_jr) = spread_ij omega_tr, of which the part with t == r is returned.
    unexplained = np.diagonal(omega)
    # An infinite spread of what is explained without rest; a variance beyond double precision.
    with np.errstate(invalid="ignore", over="ignore"):
        variance = np.where(unexplained == 0.0, 0.0, spread[..., None] * unexplained)
    if not finite:
        variance = np.where(variance == 0.0, 0.0, np.copysign(np.inf, variance))
    return (mean, variance) if linear.targets > 1 else (mean[:, 0], variance[..., 0])
