"""Layers to prune, and plain numpy loops that prune them: slow, independent references."""

from __future__ import annotations

import numpy as np


def mixing(p, seed=0, decay=0.9, size=1.0):
    """B (p, p) whose rectified images ``max(z B, 0)`` have variances of very different size."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((p, p)))[0]
    return size * (basis * np.sqrt(np.arange(1.0, p + 1) ** -decay)) @ basis.T


def rectified(mix, n, seed):
    """Inputs (n, p) as a layer behind a rectifier has them."""
    rng = np.random.default_rng([7, seed])
    return np.maximum(rng.standard_normal((n, len(mix))) @ mix, 0.0)


def weights(m, p, seed=0):
    return np.random.default_rng([8, seed]).standard_normal((m, p)) / np.sqrt(p)


def moments(inputs):
    return inputs.T @ inputs / len(inputs)


def surgeon_row(row, hessian, keep, *, groups=None, quota=None):
    """Removes one weight at a time; the pruned row, the order of removal and what each cost."""
    row, inverse = row.copy(), np.linalg.inv(hessian)
    active, order, costs = np.ones(len(row), bool), [], []
    while active.sum() > keep:
        allowed = active.copy()
        if groups is not None:
            gone = np.bincount(groups[~active], minlength=groups.max() + 1)
            allowed &= (gone < quota)[groups]
        cost = np.where(allowed, row**2 / np.where(active, np.diag(inverse), 1.0), np.inf)
        j = int(np.argmin(cost))
        order.append(j)
        costs.append(cost[j])
        row -= inverse[:, j] * (row[j] / inverse[j, j])
        inverse -= np.outer(inverse[:, j], inverse[j]) / inverse[j, j]
        row[j], active[j] = 0.0, False
        inverse[j], inverse[:, j] = 0.0, 0.0
    return row, order, costs


def refit_row(row, hessian, support, damping=0.0):
    """The model on the support nearest to the row's outputs; of many, the one nearest to the
    row."""
    off = np.setdiff1d(np.arange(len(row)), support)
    pull = hessian[np.ix_(support, off)] @ row[off]
    block = hessian[np.ix_(support, support)]
    found = np.zeros(len(row))
    if damping:
        found[support] = row[support] + np.linalg.solve(
            block + damping * np.eye(len(support)), pull
        )
    else:
        found[support] = row[support] + np.linalg.lstsq(block, pull, rcond=1e-13)[0]
    return found


def losses(pruned, weight, hessian):
    """Mean squared error of each output."""
    error = pruned - weight
    return np.einsum("ij,jk,ik->i", error, hessian, error)
