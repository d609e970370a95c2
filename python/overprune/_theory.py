"""The exact high-dimensional limit: effective ridge, law of the coefficients, predicted risks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import _core
from . import _validate as check
from ._grid import Grid
from ._problem import LinearGaussianProblem, Problem, as_problem
from ._provenance import describe
from ._spectrum import Spectrum
from ._validate import FloatArray

if TYPE_CHECKING:
    import xarray as xr


def fixed_point(eigenvalues: npt.ArrayLike, n: int, *, ridge: float = 0.0) -> float:
    """Compute the effective ridge that n samples put on a problem with these eigenvalues.

    ``ridge / tau + (1/n) sum_i lam_i / (lam_i + tau) = 1``, and ``tau = 0`` where there is no ridge and at
    most n eigenvalues are positive. Accurate to rounding for any spectrum
    between 1e-290 and 1e290.

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
        If an eigenvalue is negative or not finite, or n or ridge is out of range.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), whose xi is 1 / tau; docs/theory.md, Eq. (5).

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


def coefficient_law(problem: Problem, n: int, *, ridge: float = 0.0) -> tuple[FloatArray, FloatArray]:
    """Compute the Gaussian law of the trained coefficients.

    ``theta ~ N((Sigma + tau)^-1 Sigma beta, (omega^2 / n) (Sigma + tau)^-1 Sigma (Sigma + tau)^-1)`` with
    tau of `fixed_point` and omega^2 the test risk of the trained model. It holds for averages over many
    coordinates in the limit of many samples and features.

    Parameters
    ----------
    problem : LinearGaussianProblem, RandomFeatureProblem or DataProblem
        With one target. The last two are replaced by their equivalent linear Gaussian problem.
    n : int
        Samples, at least 1.
    ridge : float, default 0.0
        Of the training, at least 0.

    Returns
    -------
    mean : ndarray of shape (p,)
    variance : ndarray of shape (p,) or (p, p)
        The variances where the features are independent (so are the coefficients then), else the covariance.
        Infinite where as many features as samples vary and there is no ridge.

    Raises
    ------
    TypeError, ValueError
        If problem is none, or n or ridge is out of range.
    NotImplementedError
        With several targets.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), the distributional characterization; docs/theory.md, Eq. (8).

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem(np.full(900, 1 / 30), np.ones(900), noise_std=0.5)
    >>> mean, variance = op.coefficient_law(problem, 300)
    >>> print(f"{30 * mean[0]:.4f} {900 * variance[0]:.4f}")
    0.3333 0.3472
    """
    linear = _linear_gaussian(problem)
    samples = check.integer(n, "n", lowest=1)
    strength = check.nonnegative(ridge, "ridge")
    if linear.targets > 1:
        raise NotImplementedError(
            f"coefficient_law supports one target, got {linear.targets}; pass the problem of one target"
        )
    beta = linear.beta.reshape(-1)
    if linear.covariance.ndim == 1:
        mean, variance = _core.coefficient_law(linear.covariance, beta, linear.noise_std, samples, strength)
        return mean, variance
    # In the eigenbasis of the covariance the coordinates are independent.
    eigenvalues, basis = np.linalg.eigh(linear.covariance)
    rounding = linear.p * np.finfo(np.float64).eps * max(float(eigenvalues[-1]), 0.0)
    eigenvalues[eigenvalues <= rounding] = 0.0
    mean, variance = _core.coefficient_law(eigenvalues, basis.T @ beta, linear.noise_std, samples, strength)
    return basis @ mean, _rotated(basis, variance, eigenvalues)


def _linear_gaussian(problem: Any) -> LinearGaussianProblem:
    if isinstance(problem, LinearGaussianProblem):
        return problem
    equivalent: LinearGaussianProblem = as_problem(problem).equivalent()  # type: ignore[attr-defined]
    return equivalent


def _rotated(basis: FloatArray, variance: FloatArray, eigenvalues: FloatArray) -> FloatArray:
    """Covariance with these variances in the basis; infinite with the sign of its limit where divergent."""
    diverges = np.isinf(variance)
    if not diverges.any():
        root = basis * np.sqrt(variance)
        return root @ root.T
    # Divergence means tau = 0: the variances are in proportion to 1 / eigenvalue.
    root = basis[:, diverges] / np.sqrt(eigenvalues[diverges])
    direction = root @ root.T
    return np.where(direction == 0.0, 0.0, np.copysign(np.inf, direction))


def predict(
    problem: LinearGaussianProblem | Spectrum,
    n: float | Sequence[float],
    sizes: Sequence[float],
    nonzeros: Sequence[float],
    *,
    rules: Sequence[str] = ("magnitude",),
    retrain: bool = True,
    ridge: float | Sequence[float] = 0.0,
    retrain_ridge: float = 0.0,
    draws: int = 64,
    seed: int = 0,
) -> xr.Dataset:
    """Predict the risk of dense, pruned and retrained models, without any data.

    The limit, for many samples and features in fixed proportion, of the test risk
    ``R(theta) = E (y - x'theta)**2`` that `simulate` measures, in a table of the same form. The retrained
    risk takes account of the support having been chosen with the data that it is trained on again.

    Parameters
    ----------
    problem : LinearGaussianProblem or Spectrum
        With independent features (a covariance of shape (p,)) and one target. Of a Spectrum, n, sizes and
        nonzeros are real numbers above 0 in the unit of its weights.
    n : int or increasing sequence of int
        Samples, at least 1; a sequence adds the dimension n to the table.
    sizes : sequence of int
        Strictly increasing in [1, p]: the first k features are trained.
    nonzeros : sequence of int
        Strictly increasing in [1, p]. nonzeros == size: pruned equals dense; nonzeros > size: NaN.
    rules : sequence of {"magnitude", "hessian", "oracle", "random"}, default ("magnitude",)
    retrain : bool, default True
        Whether to train again on the support.
    ridge : float or sequence of float, default 0.0
        Of the first training, at least 0; a sequence adds the dimension ridge.
    retrain_ridge : float, default 0.0
        Of the second training, at least 0.
    draws : int, default 64
        At least 1. Reserved for correlated features: independent ones need no random draws.
    seed : int, default 0
        In [0, 2**64). Reserved like draws.

    Returns
    -------
    xarray.Dataset
        dense_risk (size); pruned_risk, retrained_risk (rule, size, nonzeros), in the units of y squared.
        Infinite where the limit diverges: dense and pruned at size == n without ridge, retrained at
        nonzeros == n without ridge. Its attributes repeat the run.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.
    NotImplementedError
        With correlated features, several targets, random features or a data set.
    KeyboardInterrupt
        Within a second of Ctrl-C.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021) for dense and pruned, docs/theory.md, Eqs. (7) and (13); retrained
    is this project's own, Eqs. (16)-(18).

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> variances = op.spectra.spiked(1500, 150, 25.0)
    >>> problem = op.LinearGaussianProblem(np.full(1500, 1500**-0.5), variances, noise_std=0.3)
    >>> table = op.predict(problem, 450, [150, 1500], [150], rules=("magnitude", "hessian"))
    >>> print(table.dense_risk.values.round(3))
    [1.485 1.133]
    >>> print(table.pruned_risk.sel(size=1500, nonzeros=150).values.round(3))
    [2.474 1.344]
    >>> print(table.retrained_risk.sel(size=1500, nonzeros=150).values.round(3))
    [3.196 1.644]
    """
    axes = {"rules": rules, "retrain": retrain, "ridge": ridge, "retrain_ridge": retrain_ridge}
    grid: Grid[int] | Grid[float]
    if isinstance(problem, Spectrum):
        grid = Grid.of_reals(problem.p, n, sizes, nonzeros, **axes)
        features = problem._core
    else:
        _require_independent(problem)
        grid = Grid.of(problem.p, n, sizes, nonzeros, **axes)
        features = _core.GroupedFeatures(problem.covariance, problem.beta.reshape(-1), problem.noise_std)
    count = check.integer(draws, "draws", lowest=1)
    key = check.seed(seed)

    def block(samples: float, strength: float) -> dict[str, FloatArray]:
        risks: dict[str, FloatArray] = _core.predict(
            features,
            samples,
            grid.sizes,
            grid.nonzeros,
            grid.rules,
            grid.retrain,
            strength,
            grid.retrain_ridge,
        )
        return risks

    return grid.table("predict", block, {"draws": count, "seed": str(key), **describe(problem)})


def _require_independent(problem: Any) -> None:
    """Says what `predict` supports, and what to do with the rest."""
    supported = "predict supports a LinearGaussianProblem with independent features and one target"
    if not isinstance(as_problem(problem), LinearGaussianProblem):
        raise NotImplementedError(f"{supported}, got a {type(problem).__name__}; use simulate")
    if problem.targets > 1:
        raise NotImplementedError(f"{supported}, got beta of shape {problem.beta.shape}; use simulate")
    if problem.covariance.ndim == 2:
        raise NotImplementedError(
            f"{supported} (a covariance of shape (p,), the variances), got a covariance of shape "
            f"{problem.covariance.shape}; use simulate"
        )
