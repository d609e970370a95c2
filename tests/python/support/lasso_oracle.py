"""The lasso's theory by its definition alone: integrals over the noise by Gauss-Legendre rules.

Nothing is shared with the library's closed forms: models, supports and the second training's mean
are functions of h, whose expectations are taken piece by piece between the thresholds.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(120)
_FAR = 39.0  # standard deviations that count


def _rule(low, high):
    """Nodes and weights of the normal law between two points."""
    low, high = max(low, -_FAR), min(high, _FAR)
    if low >= high:
        return np.zeros(0), np.zeros(0)
    cuts = np.unique(np.clip([low, high, *np.arange(-8.0, 8.5, 1.0)], low, high))
    half = np.diff(cuts) / 2
    h = (cuts[:-1] + half)[:, None] + half[:, None] * _NODES
    weight = half[:, None] * _WEIGHTS * np.exp(-0.5 * h * h) / np.sqrt(2 * np.pi)
    return h.ravel(), weight.ravel()


@dataclass
class LassoOracle:
    """A problem: atoms (count, lam, beta), the noise, n, s, and the ridges of both trainings."""

    count: np.ndarray
    lam: np.ndarray
    beta: np.ndarray
    noise: float
    n: float
    s: float
    ridge: float = 0.0
    retrain_ridge: float = 0.0
    kept: list = field(default_factory=list)

    def _integrate(self, q, kappa):
        """Survivors of each atom with the nodes at which they are kept and at which not."""
        scale = np.sqrt(q / self.n)
        u = np.sqrt(self.lam) * self.beta
        threshold = kappa / np.sqrt(self.lam)
        self.kept = []
        for one, t in zip(u, threshold, strict=True):
            low, high = (-t - one) / scale, (t - one) / scale
            above, below, inside = _rule(high, np.inf), _rule(-np.inf, low), _rule(low, high)
            kept = tuple(np.concatenate(pair) for pair in zip(above, below, strict=True))
            self.kept.append((kept, inside))
        return np.array([kept[1].sum() for kept, _ in self.kept])

    def _kappa(self, q):
        def excess(log):
            return self.count @ self._integrate(q, np.exp(log)) - self.s

        far = np.sqrt(self.lam) * (abs(np.sqrt(self.lam) * self.beta) + 12 * np.sqrt(q / self.n))
        return np.exp(brentq(excess, np.log(far.max()) - 30, np.log(far.max()), xtol=1e-14))

    def _tau(self, share, ridge):
        if ridge == 0.0 and self.s <= self.n:
            return 0.0

        def balance(log):
            tau = np.exp(log)
            return ridge / tau + self.count * share @ (self.lam / (self.lam + tau)) / self.n - 1

        return np.exp(brentq(balance, -60.0, 60.0, xtol=1e-15))

    def _right_side(self, q):
        self.kappa = self._kappa(q)
        share = self._integrate(q, self.kappa)
        self.tau = self._tau(share, self.ridge)
        self.b = self.count * share @ (self.lam / (self.lam + self.tau)) / self.n
        error = self.mean(q, lambda h, on, m: (m.model - m.u) ** 2)
        return self.noise**2 + error

    def mean(self, q, value):
        """Sum over coordinates of the mean of value(h, kept, model)."""
        scale = np.sqrt(q / self.n)
        total = 0.0
        for count, lam, beta, pieces in zip(
            self.count, self.lam, self.beta, self.kept, strict=True
        ):
            for on, (h, weight) in zip((1.0, 0.0), pieces, strict=True):
                model = _Model(h, on, lam, beta, scale, self.kappa, self.tau)
                total += count * float(weight @ (value(h, on, model) + 0.0 * h))
        return total

    def solve(self):
        """q, kappa and the risk after least squares on the support."""
        low = np.log(max(self.noise**2, 1e-12))
        null = self.noise**2 + self.count @ (self.lam * self.beta**2)
        high = np.log(null) + 0.1
        while self._right_side(np.exp(high)) > np.exp(high):
            high += 1.0
        log = brentq(
            lambda x: np.log(self._right_side(np.exp(x))) - x, low - 1e-12, high, xtol=1e-14
        )
        q = float(np.exp(log))
        self._right_side(q)
        kappa = self.kappa * (1 - self.b)
        return q, kappa, self._retrained(q)

    def _retrained(self, q):
        share = np.array([kept[1].sum() for kept, _ in self.kept])
        tau2 = self._tau(share, self.retrain_ridge)
        b = self.count * share @ (self.lam / (self.lam + tau2)) / self.n
        B = self.count * share @ (self.lam / (self.lam + tau2)) ** 2 / self.n

        def bar(m, on, rho, c):
            return on * m.lam / (m.lam + tau2) * (m.u + rho * m.e - c * m.w)

        def divergence(rho, c):
            inner = self.mean(q, lambda h, on, m: m.e * bar(m, on, rho, c))
            return inner / q - rho * b - c * (1 - b)

        def covariance(rho, c):
            inner = self.mean(q, lambda h, on, m: (m.model - m.u) * (bar(m, on, rho, c) - m.u))
            return self.noise**2 + inner - rho * q

        # Both are linear in (rho, c).
        equations = (divergence, covariance)
        origin = np.array([f(0.0, 0.0) for f in equations])
        system = np.array(
            [[f(*x) - o for x in np.eye(2)] for f, o in zip(equations, origin, strict=True)]
        )
        rho, c = np.linalg.solve(system, -origin)
        error = self.mean(q, lambda h, on, m: (bar(m, on, rho, c) - m.u) ** 2)
        return (self.noise**2 + error - B * rho**2 * q) / (1 - B)


class _Model:
    """The first stage at given noise: v = u + e, the model u1 = a soft(v, T), w = v - u1."""

    def __init__(self, h, on, lam, beta, scale, kappa, tau):
        self.lam, self.u = lam, np.sqrt(lam) * beta
        self.e = scale * h
        v = self.u + self.e
        self.model = on * lam / (lam + tau) * (v - np.sign(v) * kappa / np.sqrt(lam))
        self.w = v - self.model


def random_problem(rng):
    """A problem with a few atoms; some sparse, some dense, on either side of n."""
    atoms = int(rng.integers(2, 6))
    count = rng.integers(5, 200, atoms).astype(float)
    lam = 10.0 ** rng.uniform(-2, 2, atoms)
    beta = rng.normal(size=atoms) * 10.0 ** rng.uniform(-1, 0.5, atoms) / np.sqrt(count)
    if rng.random() < 0.7:
        beta[int(rng.integers(1, atoms)) :] = 0.0
    n = float(rng.integers(max(10, int(count.sum() * 0.2)), int(count.sum() * 1.5) + 20))
    ridges = [0.0, 0.0] if rng.random() < 0.5 else list(10.0 ** rng.uniform(-3, 0.5, 2))
    if rng.random() < 0.2:
        ridges[0] = 0.0
    most = min(n, count.sum()) if ridges[0] == 0.0 else count.sum()
    s = float(np.floor(rng.uniform(0.03, 0.9) * most)) + 1.0
    noise = float(10.0 ** rng.uniform(-1.5, 0.5))
    return LassoOracle(count, lam, beta, noise, n, s, *ridges)
