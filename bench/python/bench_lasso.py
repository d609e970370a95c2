"""Lasso paths against scikit-learn's `lars_path`, and skglm where it is there, to the same penalty:
answers are compared, then times by turns.

Run from anywhere: python bench/python/bench_lasso.py [--runs 7]
"""

import argparse

from timing import measure, print_table, seconds, versus  # before numpy

# isort: split
import numpy as np
from sklearn.base import clone
from sklearn.linear_model import lars_path

import overprune as op

try:
    from skglm import ElasticNet
except ImportError:
    ElasticNet = None

SHAPES = ((300, 1000, 60), (300, 1000, 150), (1000, 300, 100), (200, 5000, 100))
PENALTIES = 20  # of skglm's paths, from the largest down to that of ours
TOLERANCE = 1e-8  # of optimality, relative to the largest |X'y| / n


def data(n, p, seed=0):
    """Correlated features, a third of the signal in a tenth of them."""
    rng = np.random.default_rng(seed)
    X = np.asfortranarray(rng.normal(size=(n, p)) + 0.5 * rng.normal(size=(n, 1)))
    beta = np.where(rng.random(p) < 0.1, rng.normal(size=p), 0.02)
    return X, X @ beta + rng.normal(size=n)


def missed(X, y, theta, kappa):
    """How far the conditions of optimality are missed, relative to the largest |X'y| / n."""
    gradient = X.T @ (y - X @ theta) / len(y)
    on = theta != 0
    worst = np.where(on, abs(gradient - kappa * np.sign(theta)), abs(gradient) - kappa).max()
    return worst / abs(X.T @ y / len(y)).max()


def skglm(X, y, kappa):
    """Its solver to the tolerance, and what a path down to kappa takes."""
    largest = abs(X.T @ y / len(y)).max()
    solver = ElasticNet(
        alpha=kappa, l1_ratio=1.0, tol=TOLERANCE * largest, fit_intercept=False, warm_start=True
    )
    return solver, np.geomspace(largest, kappa, PENALTIES)


def main():
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    rows = []
    for n, p, s in SHAPES:
        X, y = data(n, p)
        own = op.lasso_path(X, y, [s])
        kappa, theta = own.penalty[0], own.coefficients[0]
        assert missed(X, y, theta, kappa) < TOLERANCE
        peer = lars_path(X, y, alpha_min=kappa, method="lasso")[2][:, -1]
        assert missed(X, y, peer, kappa) < TOLERANCE
        assert abs(peer - theta).max() < 1e-6 * abs(theta).max()
        work = f"n = {n}, p = {p}, the path to {s} nonzeros"

        def ours(_, X=X, y=y, s=s):
            return seconds(lambda: op.lasso_path(X, y, [s]), 0.2)

        def theirs(_, X=X, y=y, kappa=kappa):
            return seconds(lambda: lars_path(X, y, alpha_min=kappa, method="lasso"), 0.2)

        rows.append(versus(work, "scikit-learn's lars_path", 3, ours, theirs))
        if ElasticNet is None:
            continue
        solver, penalties = skglm(X, y, kappa)
        fitted = solver.path(X, y, penalties)[1][:, -1]
        assert abs(fitted - theta).max() < 1e-5 * abs(theta).max()

        def whole(_, X=X, y=y, solver=solver, penalties=penalties):
            return seconds(lambda: solver.path(X, y, penalties), 0.2)

        def last(_, X=X, y=y, solver=solver):
            return seconds(lambda: clone(solver).fit(X, y), 0.2)

        rows.append(versus(work, f"skglm, a path of {PENALTIES} penalties", 3, ours, whole))
        rows.append(versus(work, "skglm, its last model alone", None, ours, last))
    measure(rows, runs)
    print_table(rows)


if __name__ == "__main__":
    main()
