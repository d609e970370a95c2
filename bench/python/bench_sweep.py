"""The package's work against what users do today, interleaved, one thread each, with agreeing answers.

One data set, 40 sizes k from 50 to p: fit on the first k columns, prune to three values of s, retrain each,
measure the risk. Run from anywhere: python bench/python/bench_sweep.py [--n 300] [--p 1000] [--runs 5]
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = (
        "1"  # before numpy: two threads made lstsq slower, not faster, where this was measured
    )

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import scipy.linalg

import overprune as op


def lstsq(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(X, y, rcond=None)[0]


def pinv(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.pinv(X) @ y


def gram_cholesky(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    n, k = X.shape
    if k <= n:
        return scipy.linalg.cho_solve(scipy.linalg.cho_factor(X.T @ X), X.T @ y)
    return X.T @ scipy.linalg.cho_solve(scipy.linalg.cho_factor(X @ X.T), y)


def by_loop(solve: Callable[..., np.ndarray], X, y, sizes, nonzeros, problem) -> np.ndarray:
    """(K, 1 + 2 S) dense, pruned and retrained risks, the way a notebook does it."""
    p = X.shape[1]
    risks = np.full((len(sizes), 1 + 2 * len(nonzeros)), np.nan)

    def risk(support, coefficients):
        theta = np.zeros(p)
        theta[support] = coefficients
        return problem.noise_std**2 + problem.covariance @ (theta - problem.beta) ** 2

    for i, k in enumerate(sizes):
        theta = solve(X[:, :k], y)
        risks[i, 0] = risk(slice(k), theta)
        order = np.argsort(-np.abs(theta), kind="stable")
        for j, s in enumerate(nonzeros):
            if s <= k:
                keep = np.sort(order[:s])
                risks[i, 1 + 2 * j] = risk(keep, theta[keep])
                risks[i, 2 + 2 * j] = risk(keep, solve(X[:, keep], y))
    return risks


def by_path(X, y, sizes, nonzeros, problem, trial) -> np.ndarray:
    """The same by one trial of `simulate`, which draws the data too."""
    table = op.simulate(problem, len(y), sizes, nonzeros, trials=1, first_trial=trial, workers=1)
    columns = [table.dense_risk.values]
    for s in nonzeros:
        columns += [table[f"{stage}_risk"].sel(nonzeros=s).values[0] for stage in ("pruned", "retrained")]
    return np.concatenate(columns, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--p", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--slow", action="store_true", help="also lstsq and pinv, which take seconds")
    options = parser.parse_args()
    n, p = options.n, options.p
    sizes = np.unique(np.linspace(50, p, 40).astype(int))
    sizes = sizes[np.abs(sizes - n) > 1].tolist()  # at k = n the normal equations lose every digit
    nonzeros = [50, 100, 150]
    problem = op.LinearGaussianProblem(np.full(p, p**-0.5), op.spectra.isotropic(p), 0.3)
    peers = {"Gram + Cholesky": gram_cholesky}
    if options.slow:
        peers |= {"numpy lstsq": lstsq, "numpy pinv": pinv}

    ratios: dict[str, list[float]] = {name: [] for name in peers}
    own: list[float] = []
    by_path(*problem.sample(n, seed=0), sizes, nonzeros, problem, 0)  # warm up
    for run in range(options.runs):
        X, y = problem.sample(n, seed=0, stream=run)
        for name, solve in peers.items():
            start = time.perf_counter()
            expected = by_loop(solve, X, y, sizes, nonzeros, problem)
            middle = time.perf_counter()
            found = by_path(X, y, sizes, nonzeros, problem, run)
            end = time.perf_counter()
            np.testing.assert_allclose(found, expected, rtol=1e-6)
            own.append(end - middle)
            ratios[name].append((middle - start) / (end - middle))
    info = op.build_info()
    print(f"n = {n}, p = {p}, {len(sizes)} sizes, nonzeros {nonzeros}; kernels {info['kernel_level']}")
    print(f"one trial of simulate (drawing included): median {statistics.median(own) * 1e3:.1f} ms")
    for name, values in ratios.items():
        spread = f"{min(values):.1f} to {max(values):.1f}"
        print(f"{name:>16}: {statistics.median(values):6.1f} times as long ({spread}, {len(values)} runs)")


if __name__ == "__main__":
    main()
