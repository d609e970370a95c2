"""A pruned regression on data of one's own; cpp/pruned_regression.cpp does the same with Eigen's
matrices."""

import numpy as np

import overprune as op


def measure(n: int, p: int, stream: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy responses to ten of the p columns."""
    x = op.standard_normal((n, p), seed=3, stream=stream)
    return x, x[:, :10].sum(axis=1) + 0.5 * op.standard_normal((n,), seed=3, stream=stream + 1)


def error(data: tuple[np.ndarray, np.ndarray], theta: np.ndarray) -> float:
    x, y = data
    return float(np.mean((y - x @ theta) ** 2))


train, test = measure(80, 200, 0), measure(1000, 200, 2)

dense = op.least_squares(*train)  # the minimum-norm interpolator
curvature = np.mean(train[0] ** 2, axis=0)
support = op.top_k(op.importance(dense, "hessian", curvature=curvature), 20)
pruned = op.prune(dense, 20, rule="hessian", curvature=curvature)
retrained = op.retrain_path(*train, support, [20])[0]
print(f"of the dense model      {error(test, dense):.6f}")
print(f"pruned to 20            {error(test, pruned):.6f}")
print(f"retrained               {error(test, retrained):.6f}")

# The whole grid at once, with all factors shared.
grid = {"sizes": [50, 100, 200], "nonzeros": [10, 20], "rules": ["magnitude", "hessian"]}
path = op.prune_path(train[0][:60], train[1][:60], **grid)
for rule in grid["rules"]:
    for size in grid["sizes"]:
        for s in grid["nonzeros"]:
            print(
                f"{rule:9} {size:4} to {s:2}      {error(test, path.retrained(rule, size, s)):.6f}"
            )
