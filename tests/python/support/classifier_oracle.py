"""Slow, independent fits of linear classifiers, and conditions of their optimality."""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.special


def logistic(X, y, ridge):
    """Newton's method on the coefficients, with steps halved until the objective falls."""
    theta = np.zeros(X.shape[1])
    for _ in range(300):
        slope, curvature = logistic_rows(X @ theta, y)
        gradient = X.T @ slope / len(y) + ridge * theta
        hessian = (X.T * curvature) @ X / len(y) + ridge * np.eye(X.shape[1])
        step = -np.linalg.solve(hessian, gradient)
        length, start = 1.0, logistic_objective(X, y, ridge, theta)
        while logistic_objective(X, y, ridge, theta + length * step) > start + 1e-15:
            length /= 2
            if length < 1e-10:
                break
        theta = theta + length * step
        if abs(X @ step).max() < 1e-13:
            break
    return theta


def logistic_rows(z, y):
    wrong = scipy.special.expit(-y * z)
    return -y * wrong, wrong * (1 - wrong)


def logistic_objective(X, y, ridge, theta):
    return np.logaddexp(0, -y * (X @ theta)).mean() + ridge / 2 * theta @ theta


def logistic_residual(X, y, ridge, theta):
    """Gradient of the objective, relative to the size that it has where nothing cancels."""
    slope, _ = logistic_rows(X @ theta, y)
    size = abs(X).T @ abs(slope) / len(y) + ridge * abs(theta)
    gradient = X.T @ slope / len(y) + ridge * theta
    return abs(gradient).max() / max(size.max(), 1e-300)


def hinge(X, y, ridge, steps=40000):
    """The dual by projected gradients with momentum, begun anew where it leads uphill."""
    rows = X * y[:, None]
    scale = len(y) * ridge
    products = rows @ rows.T / scale
    length = 1 / np.linalg.eigvalsh(products)[-1]
    alpha = ahead = np.full(len(y), 0.5)
    momentum = 1.0
    for _ in range(steps):
        new = np.clip(ahead - length * (products @ ahead - 1), 0, 1)
        if (ahead - new) @ (new - alpha) > 0:
            momentum = 1.0
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / following * (new - alpha)
        alpha, momentum = new, following
    return rows.T @ alpha / scale


def hinge_gap(X, y, ridge, theta):
    """How far the objective is above the best dual bound that the margins admit."""
    margin = y * (X @ theta)
    primal = np.maximum(0, 1 - margin).mean() + ridge / 2 * theta @ theta
    # Multipliers: 1 below the margin, 0 above, and on it what makes theta a combination of rows.
    on = abs(1 - margin) < 1e-7
    alpha = (margin < 1).astype(float)
    wanted = len(y) * ridge * theta - X.T @ (y * np.where(on, 0, alpha))
    if on.any():
        found = scipy.optimize.lsq_linear((X[on] * y[on, None]).T, wanted, bounds=(0, 1), tol=1e-14)
        alpha[on] = found.x
    combined = X.T @ (y * alpha)
    dual = alpha.mean() - combined @ combined / (2 * len(y) ** 2 * ridge)
    return primal - dual
