"""Problems of correlated features: autoregressive, in blocks, singular, with duplicates."""

from __future__ import annotations

import math

import numpy as np

import overprune as op
from problems import normal

RULES = ("magnitude", "hessian", "oracle", "random")
STAGES = ("pruned", "retrained", "compensated")


def autoregressive(p, correlation=0.7):
    i = np.arange(p)
    return correlation ** abs(i[:, None] - i)


def scaled(sigma):
    """The same correlations with variances from 0.25 to 4: magnitude and hessian then differ."""
    scale = np.geomspace(0.5, 2.0, len(sigma))[np.argsort(normal(len(sigma), seed=3))]
    return sigma * np.outer(scale, scale)


def blocks(p, size=5, correlation=0.6):
    same = np.arange(p)[:, None] // size == np.arange(p) // size
    return np.where(same, correlation, 0.0) + (1 - correlation) * np.eye(p)


def low_rank(p, rank):
    root = normal(p, rank, seed=5) / math.sqrt(rank)
    return root @ root.T


def duplicated(p):
    """Every feature of the first half again in the second."""
    return np.kron(np.ones((2, 2)), scaled(autoregressive(p // 2)))


COVARIANCES = {
    "AR": scaled(autoregressive(48)),
    "block": scaled(blocks(48)),
    "singular": low_rank(48, 30),
    "duplicates": duplicated(48),
}


def dense(name, noise_std=0.3, signal=1.0):
    sigma = COVARIANCES[name]
    return op.LinearGaussianProblem(signal * normal(len(sigma), seed=11) / 7, sigma, noise_std)


def as_dense(problem):
    """The same independent features, given as a matrix."""
    return op.LinearGaussianProblem(problem.beta, np.diag(problem.covariance), problem.noise_std)
