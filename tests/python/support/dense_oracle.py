"""A slow oracle of the theory of correlated features and several targets, with no formula of the
core's.

docs/theory.md, sections 6 ("General Sigma") and 9, as written there: symmetric square roots, a
matrix Q for every draw, plain draws without pairs. The two linear equations are not rearranged:
they are probed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize

GROUPS = 40


def positive_part(values):
    """Eigenvalues, with those that are zero up to rounding set to zero."""
    return np.where(values > 1e-11 * values.max(), values, 0.0)


def fixed_point(values, weight, n, ridge):
    """Root of ridge / tau + (1/n) sum weight values / (values + tau) = 1 by bracketing, or 0."""
    weight = weight * (values > 0)
    if ridge == 0 and weight.sum() <= n:
        return 0.0

    def excess(x):
        t = math.exp(x)
        return ridge / t + np.sum(weight * values / (values + t)) / n - 1

    return math.exp(optimize.brentq(excess, -40, 40, xtol=1e-15, rtol=1e-14))


def restricted(beta, sigma, noise, k):
    """Section 1's restriction to the first k features."""
    if not beta[k:].any():
        return beta[:k], sigma[:k, :k], noise
    inner = np.linalg.pinv(sigma[:k, :k], rcond=1e-11, hermitian=True)
    beta_k = inner @ sigma[:k] @ beta
    lost = beta.T @ sigma @ beta - beta_k.T @ sigma[:k, :k] @ beta_k
    return beta_k, sigma[:k, :k], noise + lost


@dataclass
class Result:
    """Values and Monte Carlo standard errors of one point; dense is exact."""

    dense: float
    pruned: tuple[float, float]
    retrained: tuple[float, float]
    compensated: tuple[float, float]


class DenseOracle:
    """The dense law of one size, and draws of it."""

    def __init__(self, problem, n, size, ridge=0.0, draws=400, seed=0):
        beta, sigma = problem.beta.reshape(problem.p, -1), problem.covariance
        sigma = np.diag(sigma) if sigma.ndim == 1 else sigma
        noise = problem.noise_std**2 * np.eye(beta.shape[1])
        if problem.noise_covariance is not None:
            noise = np.asarray(problem.noise_covariance)
        self.beta, self.sigma, self.noise = restricted(beta, sigma, noise, size)
        self.n, self.k, self.m = n, size, beta.shape[1]
        values, vectors = np.linalg.eigh(self.sigma)
        values = positive_part(values)
        self.root = (vectors * np.sqrt(values)) @ vectors.T  # symmetric
        self.tau = fixed_point(values, np.ones(size), n, ridge)
        inverse = np.where(values > 0, 1 / np.where(values > 0, values + self.tau, 1.0), 0.0)
        self.inverse = (vectors * inverse) @ vectors.T
        support = (vectors * (values > 0)) @ vectors.T
        self.D = support - self.root @ self.inverse @ self.root
        self.u = self.root @ self.beta
        A = support - self.D
        share = 1 - np.trace(A @ A) / n
        self.omega = (self.noise + self.u.T @ self.D @ self.D @ self.u) / share
        scale, axes = np.linalg.eigh(self.omega)
        omega_root = (axes * np.sqrt(np.maximum(scale, 0))) @ axes.T
        rng = np.random.default_rng(seed)
        self.uniform = rng.random((draws, size))
        self.e = [
            support @ rng.standard_normal((size, self.m)) @ omega_root / math.sqrt(n)
            for _ in range(draws)
        ]
        self.dense = float(np.trace(self.omega))

    def support(self, draw, theta, rule, s):
        if rule == "random":
            score = self.uniform[draw]
        elif rule == "oracle":
            score = np.sum(self.beta**2, axis=1) * np.diag(self.sigma)
        else:
            score = np.sum(theta**2, axis=1) * (np.diag(self.sigma) if rule == "hessian" else 1.0)
        return np.argsort(-score, kind="stable")[:s]

    def risks(self, rule, s, retrain_ridge=0.0):
        models = []
        for draw, e in enumerate(self.e):
            theta = self.inverse @ self.root @ (self.u + e)
            models.append((e, theta, self.support(draw, theta, rule, s)))
        tau2 = self.second_tau([S for _, _, S in models], retrain_ridge)
        pruned, compensated, forms = [], [], []
        for e, theta, S in models:
            kept = np.zeros_like(theta)
            kept[S] = theta[S]
            pruned.append(np.sum((self.root @ kept - self.u) ** 2))
            inner = np.linalg.pinv(self.sigma[np.ix_(S, S)], rcond=1e-11, hermitian=True)
            made_up = self.root[:, S] @ inner @ self.sigma[S] @ theta
            compensated.append(np.sum((made_up - self.u) ** 2))
            forms.append(self.forms(e, self.u + e - self.root @ theta, S, tau2))
        floor = np.trace(self.noise)
        return Result(
            self.dense,
            jackknife(pruned, lambda mean: floor + mean),
            jackknife(forms, lambda mean: float(np.trace(self.second_risk(mean)))),
            jackknife(compensated, lambda mean: floor + mean),
        )

    def second_tau(self, supports, ridge):
        values = []
        for S in supports:
            values.append(positive_part(np.linalg.eigvalsh(self.sigma[np.ix_(S, S)])))
        values = np.concatenate(values)
        return fixed_point(values, np.full(len(values), 1 / len(supports)), self.n, ridge)

    def forms(self, e, w, S, tau2):
        """tr Q, tr Q^2 and the products that the equations ask for, one after the other."""
        block = self.sigma[np.ix_(S, S)] + tau2 * np.eye(len(S))
        Q = self.root[:, S] @ np.linalg.pinv(block, rcond=1e-11, hermitian=True) @ self.root[S]
        u, v = self.u, self.u + e
        Qu, Qe, Qw = Q @ u, Q @ e, Q @ w
        error = v - w - u  # u1 - u
        parts = np.hstack([Qu - u, Qe, -Qw])
        products = [e.T @ Qu, e.T @ Qe, e.T @ Qw, error.T @ (Qu - u), error.T @ Qe, error.T @ Qw]
        return np.concatenate(
            [[np.trace(Q), np.sum(Q * Q)], *map(np.ravel, products), (parts.T @ parts).ravel()]
        )

    def second_risk(self, mean):
        """Omega2 (m, m) from the mean forms."""
        m, omega = self.m, self.omega
        b, B = mean[:2] / self.n
        eu, ee, ew, fu, fe, fw = mean[2 : 2 + 6 * m * m].reshape(6, m, m)
        gram = mean[2 + 6 * m * m :].reshape(3 * m, 3 * m)

        def residuals(x):
            rho, C = x.reshape(2, m, m)
            first = eu + ee @ rho - ew @ C - (1 - b) * omega @ C - b * omega @ rho
            second = self.noise + fu + fe @ rho - fw @ C - omega @ rho
            return np.concatenate([first.ravel(), second.ravel()])

        origin = residuals(np.zeros(2 * m * m))
        matrix = np.column_stack([residuals(x) - origin for x in np.eye(2 * m * m)])
        rho, C = np.linalg.lstsq(matrix, -origin, rcond=1e-11)[0].reshape(2, m, m)
        P = np.vstack([np.eye(m), rho, C])
        return (self.noise + P.T @ gram @ P - B * rho.T @ omega @ rho) / (1 - B)


def jackknife(values, statistic):
    """(statistic of the mean, its standard error by leaving out one of the groups at a time)."""
    values = np.asarray(values)
    groups = min(GROUPS, len(values))
    number = np.arange(len(values)) % groups
    without = np.array([statistic(values[number != g].mean(axis=0)) for g in range(groups)])
    error = math.sqrt((groups - 1) / groups * np.sum((without - without.mean()) ** 2))
    return statistic(values.mean(axis=0)), error
