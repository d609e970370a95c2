"""What users solve least squares with today, and the loop around it that a notebook holds."""

from __future__ import annotations

import timing  # isort: skip  # first: it pins the threads

from collections.abc import Callable, Sequence

import numpy as np
import scipy.linalg

try:
    import torch

    torch.set_num_threads(1)
except ImportError:
    torch = None

import overprune as op

Solver = Callable[[np.ndarray, np.ndarray], np.ndarray]


def lstsq(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(X, y, rcond=None)[0]


def pinv(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.pinv(X) @ y


def gelsy(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return scipy.linalg.lstsq(X, y, lapack_driver="gelsy")[0]


def gram_cholesky(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    n, k = X.shape
    if k <= n:
        return scipy.linalg.cho_solve(scipy.linalg.cho_factor(X.T @ X), X.T @ y)
    return X.T @ scipy.linalg.cho_solve(scipy.linalg.cho_factor(X @ X.T), y)


def torch_gels(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    design, response = torch.from_numpy(X), torch.from_numpy(y)[:, None]
    return torch.linalg.lstsq(design, response, driver="gels").solution[:, 0].numpy()


SOLVERS: dict[str, Solver] = {
    "Gram + Cholesky": gram_cholesky,
    "torch gels": torch_gels,
    "scipy gelsy": gelsy,
    "numpy lstsq": lstsq,
    "numpy pinv": pinv,
}
if torch is None:
    del SOLVERS["torch gels"]


class Sweep:
    """A fit on the first k columns for 40 sizes k, pruned to several s, retrained, and all risks.

    Sizes within one of n are left out: at the interpolation threshold the normal equations lose
    every digit.
    """

    def __init__(self, n: int, p: int, count: int = 40, trials: int = 8) -> None:
        sizes = np.unique(np.linspace(max(n // 6, 1), p, count).astype(int))
        self.n, self.p, self.trials = n, p, trials
        self.sizes: list[int] = sizes[np.abs(sizes - n) > 1].tolist()
        self.three = [n // 6, n // 3, n // 2]
        self.every = list(range(1, n // 2 + 1))
        self.problem = op.LinearGaussianProblem(np.full(p, p**-0.5), op.spectra.isotropic(p), 0.3)
        self.name = f"n = {n}, p = {p}"

    def data(self, run: int) -> tuple[np.ndarray, np.ndarray]:
        """Trial number run modulo trials, as `simulate` draws it."""
        return self.problem.sample(self.n, seed=0, stream=run % self.trials)

    def loop(self, solve: Solver, X, y, nonzeros: Sequence[int]) -> np.ndarray:
        """(K, 1 + 2 S) dense, then pruned and retrained risks of each s, the way a notebook does
        it."""
        problem = self.problem
        risks = np.full((len(self.sizes), 1 + 2 * len(nonzeros)), np.nan)

        def risk(support, coefficients):
            theta = np.zeros(self.p)
            theta[support] = coefficients
            return problem.noise_std**2 + problem.covariance @ (theta - problem.beta) ** 2

        for i, k in enumerate(self.sizes):
            theta = solve(X[:, :k], y)
            risks[i, 0] = risk(slice(k), theta)
            order = np.argsort(-np.abs(theta), kind="stable")
            for j, s in enumerate(nonzeros):
                if s <= k:
                    keep = np.sort(order[:s])
                    risks[i, 1 + 2 * j] = risk(keep, theta[keep])
                    risks[i, 2 + 2 * j] = risk(keep, solve(X[:, keep], y))
        return risks

    def simulate(self, nonzeros: Sequence[int], workers: int = 1):
        """All trials, drawing included."""
        return op.simulate(
            self.problem, self.n, self.sizes, nonzeros, trials=self.trials, workers=workers, seed=0
        )

    def fit(self, X, y, nonzeros: Sequence[int]):
        """The same on given data."""
        return op.prune_path(X, y, self.sizes, nonzeros, workers=1).risk(self.problem)

    @staticmethod
    def columns(table, nonzeros: Sequence[int], trial: int | None = None) -> np.ndarray:
        """A table of risks as `loop` arranges them."""
        if trial is not None:
            table = table.sel(trial=trial)
        stages = [
            table[f"{stage}_risk"].sel(rule="magnitude", nonzeros=s).values
            for s in nonzeros
            for stage in ("pruned", "retrained")
        ]
        return np.stack([table.dense_risk.values, *stages], axis=1)

    def per_trial(self, nonzeros: Sequence[int], workers: int = 1) -> float:
        """Seconds of one trial of a batch."""
        return timing.seconds(lambda: self.simulate(nonzeros, workers)) / self.trials
