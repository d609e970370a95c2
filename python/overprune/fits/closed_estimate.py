"""The closed form of the risk from the training data (docs/theory.md, section 13)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .. import _validation as check
from .._table import Arrays, Grid
from .._validation import FloatArray, IntArray

_WIDTH = 0.25  # of the kernel, relative to the threshold
_LEAST_SCALE = 1e-12  # of a column that the others leave something of


class Fit(NamedTuple):
    """A ridge or minimum-norm fit with the map that made it.

    With lam = n ridge and K = XX' + lam I, where ``lam K^-1`` and its trace are too small to be
    told from 0 they are divided by lam, which cancels in every ratio.
    """

    mapping: FloatArray  # (k, n) y -> theta
    theta: FloatArray  # (k,)
    residual: FloatArray  # (n,)
    loo: FloatArray  # (n,) K^-1 y / (tr K^-1 / n)
    left: FloatArray  # (n, n) I - X mapping; K^-1 where the fit interpolates
    share: float  # tr(left) / n
    lam: float
    interpolates: bool

    @property
    def dependence(self) -> float:
        """By how much the dependence of the errors on one another raises the standard error of
        their mean square: the root of ``n tr B**4 / (tr B**2)**2``, B being K^-1."""
        inverse = self.left if self.lam == 0.0 else self.left.T @ self.left
        if self.lam > 0.0:
            inverse = inverse + self.lam * (self.mapping.T @ self.mapping)
        traces = float((inverse**2).sum()), float(((inverse @ inverse) ** 2).sum())
        n = len(inverse)
        own_rows = traces[0] ** 2 / traces[1] if traces[1] > 0.0 else 0.0
        return math.sqrt(max(n / own_rows, 1.0)) if own_rows >= 1.0 else math.sqrt(n)


def estimate(
    design: FloatArray,
    response: FloatArray,
    grid: Grid[int],
    curvature: FloatArray,
    uniform: FloatArray,
    workers: int,
) -> Arrays:
    """Risks and their standard errors by name, as the core has them by leaving rows out."""
    n = len(design)
    y = response[:, 0]
    dense = np.full((2, len(grid.sizes)), np.nan)
    points = (2, len(grid.rules), len(grid.sizes), len(grid.nonzeros))
    pruned, retrained = np.full(points, np.nan), np.full(points, np.nan)
    for k, size in enumerate(grid.sizes):
        X = design[:, :size]
        first = _fit(X, y, grid.ridge[0], workers)
        dense[:, k] = _risk(first.loo, first, 1.0)
        gain = np.einsum("in,ni->i", first.mapping, X)
        for r, rule in enumerate(grid.rules):
            counts = [count for count in grid.nonzeros if count <= size]
            if not counts:
                continue
            unit = np.ones(size)
            if check.TRAITS[rule].curvature_power:
                unit = curvature[:size] ** (check.TRAITS[rule].curvature_power / 2)
            scored = check.TRAITS[rule].scores_coefficients
            scores = unit * np.abs(first.theta) if scored else uniform[:size]
            order = np.argsort(-scores, kind="stable")
            for s, count in enumerate(counts):
                near, at = _kernel(scores, order, count, fixed=not scored)
                kept = order[:count]
                pull = (gain[kept].sum() + at * (gain * near).sum()) / n
                cut = y - X[:, kept] @ first.theta[kept]
                pruned[:, r, k, s] = _risk(cut + pull * first.loo, first, 1.0)
                if grid.retrain:
                    second = _fit(X[:, kept], y, grid.retrain_ridge, workers)
                    drift = _drift(X, y, kept, near * unit, first, second, n * grid.retrain_ridge)
                    rest = np.sqrt(n / (n - count)) if count < n else first.dependence
                    errors = second.loo + drift * first.loo
                    retrained[:, r, k, s] = _risk(errors, first, rest)
    found: dict[str, tuple[tuple[str, ...], np.ndarray[Any, Any]]] = {}
    for at_error, name in enumerate(("", "_stderr")):
        found[f"dense_risk{name}"] = (("size",), dense[at_error])
        axes = ("rule", "size", "nonzeros")
        found[f"pruned_risk{name}"] = (axes, pruned[at_error])
        if grid.retrain:
            found[f"retrained_risk{name}"] = (axes, retrained[at_error])
    return found


def _risk(errors: FloatArray, dense: Fit, rest: float) -> tuple[float, float]:
    """Mean square, and its standard error: the part along the dense errors depends on one another
    as these do, the rest by a factor of its own."""
    squares = errors**2
    mean = float(squares.mean())
    along, other = float(errors @ dense.loo), float(dense.loo @ dense.loo)
    share = min(along / mean / len(errors) * (along / other), 1.0) if mean > 0 < other else 0.0
    factor = share * dense.dependence + (1.0 - share) * rest
    return mean, factor * float(squares.std(ddof=1) / np.sqrt(len(squares)))


def _fit(X: FloatArray, y: FloatArray, ridge: float, workers: int) -> Fit:
    n, k = X.shape
    lam = n * ridge
    mapping: FloatArray = _core.least_squares_path(X, np.eye(n), [k], ridge, False, workers)[0][0]
    theta = mapping @ y
    residual = y - X @ theta
    left = np.eye(n) - X @ mapping
    interpolates = lam == 0.0 and bool(np.trace(left) < 0.5)
    if interpolates:
        inverse = mapping.T @ mapping
        loo = n / np.trace(inverse) * (mapping.T @ theta)
        return Fit(mapping, theta, residual, loo, inverse, float(np.trace(inverse)) / n, lam, True)
    # lam K^-1 = lam M'M + left'left, whose terms do not cancel.
    share = (lam * float((mapping**2).sum()) + float((left**2).sum())) / n
    loo = (lam * (mapping.T @ theta) + left.T @ residual) / share
    return Fit(mapping, theta, residual, loo, left, share, lam, False)


def _kernel(
    scores: FloatArray, order: IntArray, count: int, *, fixed: bool
) -> tuple[FloatArray, float]:
    """Weights of the scores near the threshold, and the threshold; none where every feature is
    kept, or the scores do not depend on the data."""
    near = np.zeros(len(scores))
    if fixed or count == len(scores):
        return near, 0.0
    at = 0.5 * float(scores[order[count - 1]] + scores[order[count]])
    if at <= 0.0:
        return near, 0.0
    width = _WIDTH * at
    close = np.abs(scores - at) < width
    near[close] = 0.75 / width * (1.0 - ((scores[close] - at) / width) ** 2)
    return near, at


def _drift(
    X: FloatArray,
    y: FloatArray,
    kept: IntArray,
    near: FloatArray,
    first: Fit,
    second: Fit,
    lam: float,
) -> float:
    """How the retrained model follows the rows through the choice of its support: the mean over
    features near the threshold of what comes and goes with them."""
    n = len(y)
    close = np.flatnonzero(near > 0.0)
    if close.size == 0:
        return 0.0
    place = {int(feature): at for at, feature in enumerate(kept)}
    inverse = None
    if lam > 0.0 and len(kept) < n:
        gram = X[:, kept].T @ X[:, kept] + lam * np.eye(len(kept))
        inverse = np.linalg.pinv(gram, hermitian=True)
    total = 0.0
    for i in close.tolist():
        column = X[:, i]
        if i in place:  # what the others leave of the column, and its coefficient
            row = second.mapping[place[i]]
            if len(kept) >= n or second.interpolates:
                scale = 1.0 - float(row @ column)
            elif inverse is not None:
                scale = float(inverse[place[i], place[i]])
            else:
                scale = float(row @ row)
            if scale <= _LEAST_SCALE:
                continue
            if len(kept) >= n and not second.interpolates:
                scale /= lam
            rest, coefficient = row / scale, float(second.theta[place[i]])
        else:
            rest = second.left @ column
            own = float(rest @ column) + (1.0 if second.interpolates else lam)
            if own <= 0.0:
                continue
            coefficient = float(rest @ y) / own
        sign = float(np.sign(first.theta[i]))
        total += near[i] * sign * float(first.mapping[i] @ rest) * coefficient
    return total / n / second.share
