"""Leave-one-out of a path against the path itself and against a plain loop over the rows: answers
are compared on some rows, then times by turns. Times are the processor's, on one thread.

Run from anywhere: python bench/python/bench_estimate.py [--runs 5] [--quick]
"""

import argparse
import time

from timing import measure, print_table, seconds, versus  # before numpy

# isort: split
import numpy as np

import overprune as op

ROWS, FEATURES, NONZEROS = 300, 1000, ((25, 50, 100), (60, 120, 240))
LOOPED = 5  # rows of the loop that are run


def data(n, p, seed=0):
    """Isotropic features and a dense signal."""
    rng = np.random.default_rng(seed)
    X = np.asfortranarray(rng.standard_normal((n, p)))
    return X, X @ rng.standard_normal(p) / np.sqrt(p) + 0.5 * rng.standard_normal(n)


def loop(X, y, sizes, nonzeros):
    """The first folds of the plain loop."""
    paths = []
    for i in range(LOOPED):
        rest = np.delete(np.arange(len(y)), i)
        paths.append(op.prune_path(X[rest], y[rest], sizes, nonzeros, workers=1))
    return paths


def compare(n=40, p=90):
    """A small problem against all of its folds."""
    X, y = data(n, p, 1)
    found = op.estimate_risk(X, y, [20, 39, 60, 90], [10, 30])
    for size in (20, 39, 60, 90):
        errors = []
        for i in range(n):
            rest = np.delete(np.arange(n), i)
            path = op.prune_path(X[rest], y[rest], [size], [10])
            errors.append(y[i] - X[i] @ path.retrained("magnitude", size, 10))
        own = found.retrained_risk.sel(size=size, nonzeros=10).item()
        assert abs(np.mean(np.square(errors)) / own - 1) < 1e-9


def main():
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tiny problem")
    options = parser.parse_args()
    compare()
    rows, clock = [], time.process_time
    n, p, counts = (30, 60, ((5, 10),)) if options.quick else (ROWS, FEATURES, NONZEROS)
    sizes = np.linspace(p // 4 if options.quick else 25, p, 40).astype(int).tolist()
    sizes = sorted(set(sizes))
    X, y = data(n, p)
    for nonzeros in counts:
        work = f"n = {n}, p = {p}, {len(sizes)} sizes, nonzeros {nonzeros}"

        def own(run, nonzeros=nonzeros):
            return seconds(lambda: op.estimate_risk(X, y, sizes, nonzeros, workers=1), 0.0, clock)

        def path(run, nonzeros=nonzeros):
            return seconds(lambda: op.prune_path(X, y, sizes, nonzeros, workers=1), 0.3, clock)

        def plain(run, nonzeros=nonzeros):
            return seconds(lambda: loop(X, y, sizes, nonzeros), 0.0, clock) * n / LOOPED

        rows.append(versus(work, "the path itself (1/60)", 1 / 60, own, path))
        rows.append(versus(work, f"the loop ({LOOPED} of its {n} rows)", 5, own, plain))
    measure(rows, options.runs)
    print_table(rows)


if __name__ == "__main__":
    main()
