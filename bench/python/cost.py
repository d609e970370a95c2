"""What one trial costs: operations, bytes and memory as functions of (n, sizes, nonzeros, rules)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BATCH = 8  # sizes k > n whose products with X are formed together
DOUBLE = 8  # bytes


def qr(n: float, k: float) -> float:
    """Householder QR of (n, k), k <= n: 2 n k^2 - 2/3 k^3."""
    return 2 * n * k**2 - 2 / 3 * k**3


def triangle(n: float, p: float) -> float:
    """R with R'R = X X', X (n, p), p > n: the first n columns like a QR, 2 n^2 for each one appended."""
    return qr(n, n) + 2 * n**2 * (p - n)


def gram(n: float, s: float, new: float = 1.0) -> float:
    """Lower triangle of the Gram matrix of s columns: n s^2, less what old pairs of columns share."""
    return n * s**2 * (1 - (1 - new) ** 2)


def cholesky(s: float) -> float:
    """s^3 / 3."""
    return s**3 / 3


@dataclass(frozen=True)
class Trial:
    """One trial of `simulate`, one target, risks of independent features."""

    n: int
    sizes: Sequence[int]
    nonzeros: Sequence[int]
    rules: int = 1
    new: float = 1.0  # fraction of a support's columns that the last size's had not; 1: nothing is reused

    @property
    def p(self) -> int:
        return self.sizes[-1]

    @property
    def _tall(self) -> int:
        """The largest size that is at most n, or 0."""
        return max((k for k in self.sizes if k <= self.n), default=0)

    def _points(self) -> list[list[int]]:
        """The nonzeros of every (size, rule) that has any."""
        found = ([s for s in self.nonzeros if s <= k] for k in self.sizes)
        return [active for active in found if active for _ in range(self.rules)]

    def dense_flops(self) -> float:
        """One QR for k <= n and one growing triangle for k > n; at every k > n theta = X'a, its residual
        y - X theta and a correction X'b: 6 n k, and 8 n^2 for the triangular solves."""
        wide = [k for k in self.sizes if k > self.n]
        total = qr(self.n, self._tall) + (triangle(self.n, self.p) if wide else 0.0)
        return total + sum(6.0 * self.n * k + 8.0 * self.n**2 for k in wide)

    def retrain_flops(self) -> float:
        """Every (size, rule): a Gram matrix and a Cholesky factor of the largest s; every s <= n a corrected
        step, 4 n s for the residual and its image and 6 s^2 for the triangular solves."""
        total = 0.0
        for index, active in enumerate(self._points()):
            total += gram(self.n, active[-1], 1.0 if index < self.rules else self.new)
            total += cholesky(active[-1]) + sum(4.0 * self.n * s + 6.0 * s**2 for s in active)
        return total

    def flops(self) -> float:
        return self.dense_flops() + self.retrain_flops()

    def normals(self) -> int:
        """n p for X, n for the noise."""
        return self.n * (self.p + 1)

    def bytes_moved(self) -> float:
        """Traffic that no cache of less than X avoids: X is written once, copied into the factors once, read
        three times for every batch of sizes k > n; the triangle is read and copied at every such size; the
        columns of every support are gathered, then read for the Gram matrix and the correction."""
        wide = [k for k in self.sizes if k > self.n]
        x = self.n * self.p
        products = 3.0 * self.n * sum(wide[BATCH - 1 :: BATCH] + wide[-1:] * (len(wide) % BATCH > 0))
        triangles = 2.0 * self.n**2 * len(wide)
        gathered = sum(4.0 * self.n * active[-1] for active in self._points())
        return DOUBLE * (3.0 * x + products + triangles + gathered)

    def memory(self) -> float:
        """Bytes of one worker: X; the QR's copy of the first columns; the triangle and its copies, as many as
        fit into the memory of X and at most eight; all thetas and one batch of corrections; one support's
        columns and its Gram matrix."""
        n, p, tall = self.n, self.p, self._tall
        batch = min(max(p // n, 1), BATCH) if p > n else 0
        most = max((active[-1] for active in self._points()), default=0)
        triangles = (1 + batch) * n**2 if p > n else 0
        thetas = p * (len(self.sizes) + batch)
        return DOUBLE * (n * p + n * tall + triangles + thetas + n * most + most**2)
