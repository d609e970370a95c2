"""Second moments of the rows of a data set, and what they carry."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .. import _core
from .. import _validation as check
from .._validation import FloatArray

# Sizes of columns whose squares an eigendecomposition of their covariance would still tell from
# rounding.
_FAR_APART = 2.0**10

# Multiplications of one product: a few tenths of a second, after which Ctrl-C is seen.
_PRODUCT = 5 * 10**9


class Moments(NamedTuple):
    """The linear Gaussian problem with the second moments of rows, in parts."""

    beta: FloatArray  # (p, m)
    covariance: FloatArray  # (p, p)
    noise: FloatArray  # (m, m)
    lost: int  # directions that rounding hides

    @classmethod
    def of(cls, features: FloatArray, targets: FloatArray, shrinkage: float | None) -> Moments:
        """Of features (N, p), which are overwritten, and targets (N, m); None: by Ledoit, Wolf."""
        rows, p = features.shape
        a = ledoit_wolf(features) if shrinkage is None else shrinkage
        covariance = (1 - a) * gram(features) / rows
        ridge = a * float((features**2).mean())
        covariance[np.diag_indices(p)] += ridge
        refuse_underflow(features, covariance)
        lost = lost_directions(features, covariance)
        # Ridge regression on the features as they are mixed: it also gives the noise as a sum of
        # squares.
        features *= math.sqrt(1 - a)
        beta = regression(features, targets, ridge)
        left = targets - features @ beta
        return cls(beta, covariance, left.T @ left / rows + penalty(beta, ridge), lost)


def intensity(value: float | str | None) -> float | None:
    """The intensity of a shrinkage, None where it is to be estimated."""
    if value is None:
        return 0.0
    if isinstance(value, str):
        check.choice(value, "shrinkage", ("ledoit-wolf",))
        return None
    found = check.nonnegative(value, "shrinkage")
    if found > 1:
        raise ValueError(f"shrinkage must be at most 1, got {found}")
    return found


def gram(features: FloatArray) -> FloatArray:
    """X'X, in parts of the rows of X (n, p)."""
    rows, p = features.shape
    step = max(256, _PRODUCT // p**2)
    result: FloatArray = features[:step].T @ features[:step]
    for first in range(step, rows, step):
        result += features[first : first + step].T @ features[first : first + step]
    return result


def product(left: FloatArray, right: FloatArray) -> FloatArray:
    """The matrix product, in parts of the columns on the right."""
    step = max(16, _PRODUCT // left.size)
    result = np.empty((left.shape[0], right.shape[1]))
    for first in range(0, right.shape[1], step):
        np.matmul(left, right[:, first : first + step], out=result[:, first : first + step])
    return result


def regression(features: FloatArray, targets: FloatArray, ridge: float) -> FloatArray:
    """Least squares in which a column does not count as zero because it is small beside others.

    Ridge and minimum norm are in the columns' own units. Where these lie so far apart that small
    columns would be taken for rounding errors of large ones, there is no ridge to respect.
    """
    sizes = abs(features).max(axis=0)
    some = sizes[sizes > 0.0]
    if ridge > 0.0 or some.size == 0 or some.max() < _FAR_APART * some.min():
        return _minimum_norm(features, targets, ridge)
    units = np.where(
        sizes > 0.0, np.exp2(np.round(np.log2(np.where(sizes > 0.0, sizes, 1.0)))), 1.0
    )
    beta: FloatArray = _minimum_norm(features / units, targets, 0.0) / units[:, None]
    return beta


def _minimum_norm(features: FloatArray, targets: FloatArray, ridge: float) -> FloatArray:
    theta: FloatArray = _core.least_squares_path(
        features, targets, [features.shape[1]], ridge, False
    )[0][0]
    return theta


def penalty(beta: FloatArray, ridge: float) -> FloatArray:
    """ridge beta'beta (m, m); where the squares of beta (p, m) alone would overflow, too."""
    if ridge == 0.0:
        return np.zeros((beta.shape[1], beta.shape[1]))
    unit = np.exp2(np.frexp(abs(beta).max())[1] - 1.0)
    scaled = beta / unit
    square = scaled.T @ scaled
    result: FloatArray = (ridge * unit * unit) * square
    return result


def refuse_underflow(features: FloatArray, covariance: FloatArray) -> None:
    """ValueError where a feature that is not 0 has a variance (p, p) without all its digits."""
    variances = covariance.diagonal()
    if variances.min() >= _SMALLEST:
        return
    for j in np.flatnonzero(variances < _SMALLEST):
        size = abs(features[:, j]).max()
        if size > 0.0:
            raise ValueError(
                "inputs must be larger, as the mean square of a feature underflows, got at most "
                f"{size:.3g} in feature {j}: multiply them by a number"
            )


_SMALLEST = np.finfo(np.float64).tiny


def lost_directions(features: FloatArray, covariance: FloatArray) -> int:
    """How many directions the features (N, p) have, each brought to size 1, that their moments
    cannot carry.

    Sums of p products round by about p epsilon of the features' squares: what is left of a feature
    beside others is lost where it is smaller, and wrong by a percent at a hundred times that. The
    core takes variances for 0 from p^2 epsilon down.
    """
    sizes = np.sqrt(covariance.diagonal())
    some = sizes > 0.0
    p = int(some.sum())
    epsilon = np.finfo(np.float64).eps
    carried = max(p, 100) * p * epsilon
    correlations = covariance[np.ix_(some, some)] / sizes[some] / sizes[some, None]
    correlations[np.diag_indices(p)] -= 2.0 * carried
    try:
        np.linalg.cholesky(correlations)
    except np.linalg.LinAlgError:
        rows = len(features)
        triangle = np.linalg.qr(features[:, some] / (sizes[some] * rows**0.5), mode="r")
        values = np.linalg.svd(triangle, compute_uv=False)
        seen = values > 8 * max(p, 8) * epsilon * values[0]
        return int((seen & (values**2 < carried)).sum())
    return 0


def ledoit_wolf(features: FloatArray) -> float:
    try:
        from sklearn.covariance import ledoit_wolf_shrinkage
    except ImportError:
        raise ImportError(
            check.missing_package('shrinkage="ledoit-wolf"', "scikit-learn")
        ) from None
    return float(ledoit_wolf_shrinkage(features, assume_centered=True))
