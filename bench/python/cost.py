"""What one trial costs: operations, bytes and memory, by n, sizes, nonzeros and rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BATCH = (
    8  # sizes k > n whose products with X are formed together, where p is at least so many times n
)
DOUBLE = 8  # bytes


def lq(n: float, k: float) -> float:
    """Householder LQ of (k, n), k <= n: 2 n k^2 - 2/3 k^3."""
    return 2 * n * k**2 - 2 / 3 * k**3


def triangle(n: float, p: float) -> float:
    """L with L L' = X X', X (n, p), p > n: an LQ of the first n columns, 2 n^2 for each one
    appended."""
    return lq(n, n) + 2 * n**2 * (p - n)


def gram(n: float, s: float, new: float = 1.0) -> float:
    """Products of s columns: n s^2 for all pairs, or 2 n s for each new one if those are less than
    half."""
    return n * s**2 * min(1.0, 2 * new)


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
    new: float = (
        1.0  # fraction of a support's columns that the last size's had not; 1: nothing is reused
    )

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
        """One LQ for k <= n and one growing triangle for k > n; at every k > n theta = X'a, its
        residual y - X theta and a correction X'b: 6 n k, and 8 n^2 for the triangular solves."""
        wide = [k for k in self.sizes if k > self.n]
        total = lq(self.n, self._tall) + (triangle(self.n, self.p) if wide else 0.0)
        return total + sum(6.0 * self.n * k + 8.0 * self.n**2 for k in wide)

    def retrain_flops(self) -> float:
        """Every (size, rule): a Gram matrix and a Cholesky factor of the largest s; every s <= n a
        corrected step, 4 n s for the residual and its image and 6 s^2 for the triangular solves."""
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
        """Traffic that no cache of less than X avoids: X is written once, copied into the factors
        once, read twice for every batch of sizes k > n; the triangle is read and written at every
        such size; the new columns of every support are gathered, all of them read for the products
        and the correction."""
        wide = [k for k in self.sizes if k > self.n]
        x = self.n * self.p
        batch = self._batch()
        products = (
            2.0 * self.n * sum(wide[batch - 1 :: batch] + wide[-1:] * (len(wide) % batch > 0))
        )
        triangles = 2.0 * self.n**2 * len(wide)
        gathered = sum(4.0 * self.n * active[-1] for active in self._points())
        return DOUBLE * (3.0 * x + products + triangles + gathered)

    def _batch(self) -> int:
        return min(max(self.p // self.n, 1), BATCH)

    def memory(self) -> float:
        """Bytes of one worker: X; the triangles of a batch, whose memory the LQ for k <= n had
        before; all thetas and one batch of corrections; a support's columns and those entering,
        their products twice over and the factor."""
        n, p, batch = self.n, self.p, self._batch() if self.p > self.n else 0
        most = max((active[-1] for active in self._points()), default=0)
        triangles = max(n * self._tall, batch * n**2)
        return DOUBLE * (
            n * p + triangles + p * (len(self.sizes) + batch) + 1.5 * n * most + 2.5 * most**2
        )
