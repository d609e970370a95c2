"""The model of overprune.sklearn, written with numpy and scikit-learn alone: what tests compare
with."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


def minimiser(
    X: Any, y: Any, weights: Any, ridge: float, fit_intercept: bool = True
) -> tuple[Any, Any]:
    """theta and b of ``sum w (y - b - X theta)**2 / (2 sum w) + ridge |theta|**2 / 2``, of least
    |theta|."""
    share = np.asarray(weights, dtype=float) / np.sum(weights)
    x_mean, y_mean = (share @ X, share @ y) if fit_intercept else (0.0 * X[0], 0.0 * y[0])
    roots = np.sqrt(share).reshape(-1, 1)
    A, b = roots * (X - x_mean), (roots * (y - y_mean).reshape(len(y), -1)).reshape(y.shape)
    if ridge:
        theta = np.linalg.solve(A.T @ A + ridge * np.eye(X.shape[1]), A.T @ b)
    else:
        theta = np.linalg.pinv(A, rcond=1e-12) @ b
    return theta, y_mean - x_mean @ theta


def centred_reference(X: Any, y: Any, new: Any, weights: Any, ridge: float) -> Any:
    """Predictions at new rows by numpy.linalg.lstsq, for columns that are constant, nearly, or far
    from 0.

    The first row with weight is subtracted first, which is exact for all but ordinary columns.
    Those that vary by rounding of the largest alone are left out, and without ridge all others have
    length 1.
    """
    share = (np.ones(len(y)) if weights is None else weights) / (
        len(y) if weights is None else weights.sum()
    )
    origin, level = X[share > 0][0], y[share > 0][0]
    A, b = X - origin, y - level
    x_mean, y_mean = share @ A, share @ b
    A, b = (A - x_mean) * np.sqrt(share)[:, None], (b - y_mean) * np.sqrt(share)
    lengths = np.linalg.norm(A, axis=0)
    used = lengths > 1e-13 * lengths.max()
    A, lengths = A[:, used], lengths[used]
    if ridge:
        A, b = (
            np.vstack([A, np.sqrt(ridge) * np.eye(used.sum())]),
            np.append(b, np.zeros(used.sum())),
        )
        lengths = np.ones(used.sum())
    theta = np.linalg.lstsq(A / lengths, b, rcond=None)[0] / lengths
    return (new - origin - x_mean)[:, used] @ theta + y_mean + level


class PlainPruned(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Train on the first columns, prune, retrain."""

    def __init__(
        self,
        n_features_to_train: int = 1,
        n_nonzeros: int = 1,
        rule: str = "magnitude",
        retrain: bool = True,
        ridge: float = 0.0,
    ) -> None:
        self.n_features_to_train = n_features_to_train
        self.n_nonzeros = n_nonzeros
        self.rule = rule
        self.retrain = retrain
        self.ridge = ridge

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PlainPruned:
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        k = self.n_features_to_train
        theta, _ = minimiser(X[:, :k], y, weights, self.ridge)
        rows = theta.reshape(k, -1)
        scores = (rows**2).sum(axis=1)
        if self.rule == "hessian":
            mean = np.average(X[:, :k], axis=0, weights=weights)
            scores = scores * np.average((X[:, :k] - mean) ** 2, axis=0, weights=weights)
        self.kept_ = np.sort(np.argsort(-scores, kind="stable")[: self.n_nonzeros])
        again, _ = minimiser(X[:, self.kept_], y, weights, self.ridge)
        self.theta_ = np.zeros((X.shape[1], *theta.shape[1:]))
        self.theta_[self.kept_] = again if self.retrain else theta[self.kept_]
        self.intercept_ = np.average(y, axis=0, weights=weights)
        self.intercept_ = self.intercept_ - np.average(X, axis=0, weights=weights) @ self.theta_
        return self

    def predict(self, X: Any) -> Any:
        return X @ self.theta_ + self.intercept_
