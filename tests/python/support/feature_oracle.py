"""Moments of random features by quadrature, and their activations by numpy and scipy."""

from __future__ import annotations

import itertools

import numpy as np
import scipy.special

import overprune as op
import problems

PHI = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "sign": np.sign,
    "erf": scipy.special.erf,
    "cos": np.cos,
    "tanh": np.tanh,
    "gelu": lambda z: z * scipy.special.ndtr(z),
}


ACTIVATIONS = list(PHI)


def problem_with(activation, *, with_bias, p=14, d=4, noise_std=0.3):
    weights = problems.normal(p, d) * np.linspace(0.3, 1.5, p)[:, None]
    weights[1] = weights[0] * 0.5  # parallel
    weights[2] = -weights[0]  # opposite
    bias = 0.8 * problems.normal(p, seed=2) if with_bias else None
    return op.RandomFeatureProblem(weights, problems.normal(d, seed=1), noise_std, activation, bias)


def moments(problem):
    """Sigma, E[y x] and E[y^2] back from the equivalent problem."""
    linear = problem.equivalent()
    return linear.covariance, linear.covariance @ linear.beta, linear.null_risk


LEGENDRE = np.polynomial.legendre.leggauss(100)


def expectation(function, *kinks):
    """E f(u), u ~ N(0, 1), of functions smooth but for kinks or jumps at known places."""
    nodes, weights = LEGENDRE
    points = sorted({-9.0, 9.0, *np.clip(kinks, -9.0, 9.0)})
    total = 0.0
    for a, b in itertools.pairwise(points):
        u = (a + b) / 2 + (b - a) / 2 * nodes
        total += (b - a) / 2 * weights @ (function(u) * np.exp(-(u**2) / 2)) / np.sqrt(2 * np.pi)
    return total


def pair_moment(phi, r, s, b, c, psi=None):
    """E phi(r'a + b) psi(s'a + c), by quadrature over r'a and, given it, over s'a; psi is phi by
    default."""
    psi = psi or phi
    length, other = np.linalg.norm(r), np.linalg.norm(s)
    rho = np.clip(r @ s / (length * other), -1, 1)
    left = np.sqrt(max(1 - rho**2, 0.0))
    if left < 1e-7:
        sign = np.sign(rho)
        return expectation(
            lambda u: phi(length * u + b) * psi(sign * other * u + c),
            -b / length,
            -sign * c / other,
        )

    def given(u):
        return expectation(
            lambda v: psi(other * (rho * u + left * v) + c), -(c / other + rho * u) / left
        )

    return expectation(lambda u: phi(length * u + b) * np.array([given(x) for x in u]), -b / length)
