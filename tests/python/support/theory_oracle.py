"""A slow oracle of the theory that shares no formula with the core, and one point of the core's
grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import integrate, optimize, stats

import overprune as op


def risks(lam, beta, noise_std, n, size, s, rule="magnitude", ridge=0.0, retrain_ridge=0.0):
    """(dense, pruned, retrained) at one point of the grid."""
    problem = op.LinearGaussianProblem(beta, lam, noise_std)
    table = op.predict(problem, n, size, s, rules=rule, ridge=ridge, retrain_ridge=retrain_ridge)
    return tuple(
        float(table[name].squeeze()) for name in ("dense_risk", "pruned_risk", "retrained_risk")
    )


@dataclass
class Oracle:
    """theory.md's formulas as written there, by quadrature and bracketing; one entry per coordinate
    group."""

    count: np.ndarray
    lam: np.ndarray
    beta: np.ndarray
    noise: float
    n: int

    def tau(self, weight, ridge):
        if ridge == 0 and weight.sum() <= self.n:
            return 0.0

        def excess(x):
            t = math.exp(x)
            return ridge / t + np.sum(weight * self.lam / (self.lam + t)) / self.n - 1

        return math.exp(optimize.brentq(excess, -60, 60, xtol=1e-15, rtol=1e-15))

    def moments(self, u, sd, T):
        """E v^m 1{|v| > T} for m = 0, 1, 2 by quadrature over the two outer intervals."""

        def moment(m):
            total = 0.0
            for low, high in (
                (max(T, u - 12 * sd), u + 12 * sd),
                (u - 12 * sd, min(-T, u + 12 * sd)),
            ):
                if low < high:
                    density = lambda v: v**m * stats.norm.pdf(v, u, sd)  # noqa: E731
                    middle = [x for x in (u,) if low < x < high]
                    total += integrate.quad(
                        density, low, high, points=middle, epsabs=1e-15, limit=200
                    )[0]
            return total

        return np.array([moment(m) for m in range(3)])

    def risks(self, s, rule, ridge=0.0, retrain_ridge=0.0):
        w, lam, n = self.count, self.lam, self.n
        u = np.sqrt(lam) * self.beta
        tau = self.tau(w, ridge)
        d = tau / (lam + tau)
        a = 1 - d
        q = (self.noise**2 + np.sum(w * d**2 * u**2)) / (1 - np.sum(w * a**2) / n)
        sd = math.sqrt(q / n)
        M0, M1, M2 = self.survivors(s, rule, u, sd, tau)
        pruned = self.noise**2 + np.sum(w * (a**2 * M2 - 2 * u * a * M1 + u**2))
        tau2 = self.tau(w * M0, retrain_ridge)
        g = lam / (lam + tau2)
        b, B = np.sum(w * g * M0) / n, np.sum(w * g**2 * M0) / n

        def residuals(x):
            rho, c = x
            al, be = (1 - rho) * u, rho - c * d
            first = (
                np.sum(w * g * (al * (M1 - u * M0) + be * (M2 - u * M1))) / q
                - rho * b
                - c * (1 - b)
            )
            inner = d * u**2 + g * (al * (a * M1 - u * M0) + be * (a * M2 - u * M1))
            return np.array([first, (self.noise**2 + np.sum(w * inner)) / q - rho])

        origin = residuals((0.0, 0.0))
        matrix = np.column_stack([residuals((1.0, 0.0)) - origin, residuals((0.0, 1.0)) - origin])
        rho, c = np.linalg.solve(matrix, -origin)
        al, be = (1 - rho) * u, rho - c * d
        square = g**2 * (al**2 * M0 + 2 * al * be * M1 + be**2 * M2)
        error = (
            self.noise**2
            - B * rho**2 * q
            + np.sum(w * (square - 2 * u * g * (al * M0 + be * M1) + u**2))
        )
        return (q, pruned, error / (1 - B)), c

    def survivors(self, s, rule, u, sd, tau):
        if rule == "random":
            share = np.full(len(u), s / self.count.sum())
            return share, share * u, share * (u**2 + sd**2)
        ratio = (self.lam + tau) / (np.sqrt(self.lam) if rule == "magnitude" else self.lam)

        def excess(t):
            T = t * ratio
            return (
                np.sum(self.count * (stats.norm.sf((T - u) / sd) + stats.norm.cdf((-T - u) / sd)))
                - s
            )

        t = optimize.brentq(excess, 0, 1e3, xtol=1e-16, rtol=1e-14)
        return np.array([self.moments(*x) for x in zip(u, [sd] * len(u), t * ratio, strict=True)]).T

    def expanded(self):
        count = self.count.astype(int)
        return np.repeat(self.lam, count), np.repeat(self.beta, count), self.noise


GROUPS = Oracle(
    count=np.array([10.0, 30, 60, 100, 200]),
    lam=np.array([4.0, 0.5, 2.0, 1.0, 0.2]),
    beta=np.array([0.3, 0.2, -0.1, 0.05, 0.0]),
    noise=0.4,
    n=120,
)
