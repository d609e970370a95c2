"""Leave-one-out as a plain loop over the rows, each a path of its own."""

from __future__ import annotations

import numpy as np

import overprune as op


def risks(X, y, sizes, nonzeros, *, rules=("magnitude",), retrain=True, curvature=None, **options):
    """Squared errors of the rows left out, stage -> (n, ...) over (rule, size, nonzeros); NaN
    where nonzeros > size. Sums over targets."""
    n = len(X)
    points = (n, len(rules), len(sizes), len(nonzeros))
    found = {"dense": np.full((n, len(sizes)), np.nan), "pruned": np.full(points, np.nan)}
    if retrain:
        found["retrained"] = np.full(points, np.nan)
    for i in range(n):
        rest = np.delete(np.arange(n), i)
        own = (X[rest] ** 2).mean(axis=0) if curvature is None else curvature
        path = op.prune_path(
            X[rest], y[rest], sizes, nonzeros, rules=rules, curvature=own, retrain=retrain,
            workers=1, **options,
        )  # fmt: skip
        for k, size in enumerate(sizes):
            found["dense"][i, k] = ((y[i] - X[i] @ path.dense[k]) ** 2).sum()
            for r, rule in enumerate(rules):
                for s, count in enumerate(nonzeros):
                    if count > size:
                        continue
                    for stage in ("pruned", "retrained")[: 1 + retrain]:
                        theta = getattr(path, stage)(rule, size, count)
                        found[stage][i, r, k, s] = ((y[i] - X[i] @ theta) ** 2).sum()
    return found


def risk_table(squares):
    """Means, by the names of the table."""
    return {f"{stage}_risk": values.mean(axis=0) for stage, values in squares.items()}


def dependence(X, lam):
    """By how much the dependence of dense errors raises the standard error of their mean square."""
    n, p = X.shape
    if lam > 0 or p >= n:
        inverse = np.linalg.inv(X @ X.T + lam * np.eye(n))
    else:
        inverse = np.eye(n) - X @ np.linalg.pinv(X)
    square = inverse @ inverse
    return np.sqrt(n * np.trace(square @ square) / np.trace(square) ** 2)
