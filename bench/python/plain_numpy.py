"""The whole study as one would write it in numpy: draw, fit, prune, retrain, measure.

n rows of independent Gaussian features with known variances, y = beta'x + noise. At every size k
minimum-norm least squares on the first k features, the s largest by each rule, least squares again
on those, and the exact population risk of all three. bench_peers.py compares `simulate` with this,
and their answers.

Run from anywhere: python bench/python/plain_numpy.py
"""

import numpy as np


def trial(X, y, sizes, nonzeros, rules, beta, variances, noise_std):
    """Risks of one data set: dense (K,), pruned and retrained (R, K, S), NaN where s > k."""
    p = X.shape[1]
    dense = np.empty(len(sizes))
    pruned = np.full((len(rules), len(sizes), len(nonzeros)), np.nan)
    retrained = pruned.copy()

    def risk(support, coefficients):
        theta = np.zeros(p)
        theta[support] = coefficients
        return noise_std**2 + variances @ (theta - beta) ** 2

    for i, k in enumerate(sizes):
        theta = np.linalg.lstsq(X[:, :k], y, rcond=None)[0]
        dense[i] = risk(np.arange(k), theta)
        for r, rule in enumerate(rules):
            score = np.abs(theta) if rule == "magnitude" else theta**2 * variances[:k]
            order = np.argsort(-score, kind="stable")
            for j, s in enumerate(nonzeros):
                if s <= k:
                    keep = np.sort(order[:s])
                    again = np.linalg.lstsq(X[:, keep], y, rcond=None)[0]
                    pruned[r, i, j] = risk(keep, theta[keep])
                    retrained[r, i, j] = risk(keep, again)
    return dense, pruned, retrained


def main(n=300, p=1000, trials=3, seed=0):
    rng = np.random.default_rng(seed)
    beta, variances, noise_std = np.full(p, p**-0.5), np.linspace(0.5, 1.5, p), 0.3
    sizes, nonzeros = np.linspace(n // 6, p, 40).astype(int), [n // 6, n // 3, n // 2]
    rules = ["magnitude", "hessian"]
    found = []
    for _ in range(trials):
        X = rng.standard_normal((n, p)) * np.sqrt(variances)
        y = X @ beta + noise_std * rng.standard_normal(n)
        found.append(trial(X, y, sizes, nonzeros, rules, beta, variances, noise_std))
    for name, values in zip(
        ("dense", "pruned", "retrained"), zip(*found, strict=True), strict=True
    ):
        print(name, np.mean(values, axis=0).round(3).tolist())


if __name__ == "__main__":
    main()
