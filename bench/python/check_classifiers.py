"""Simulated classifiers against predicted ones: z-scores of random problems.

Spectra, teachers, losses, ridges, rules and sizes on both sides of n; the errors of the dense, the
pruned and the retrained model. A score is by how many standard errors the mean of the trials is off
beyond 2 / n of itself. The last column is the score of the retrained error that theory would
predict were the support independent of the data.

Run from anywhere: python bench/python/check_classifiers.py [--problems 40] [--first 0] [--n 300]
    [--trials 100]
"""

import timing  # isort: skip  # noqa: F401  first: it pins the threads

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/python/support"))

import label_problems


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--trials", type=int, default=100)
    options = parser.parse_args()
    print(
        "| problem | loss | rule | n, k, s | ridges | z dense | pruned | retrained | independent |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    scores = []
    for number in range(options.first, options.first + options.problems):
        _, size, nonzeros, arguments = label_problems.case(number, options.n)
        z = label_problems.deviations(number, options.n, options.trials)
        scores.append(z)
        ridges = f"{arguments['ridge']:.3g}, {arguments['retrain_ridge']:.3g}"
        print(
            f"| {number} | {arguments['loss']} | {arguments['rules'][0]} | {options.n}, {size}, "
            f"{nonzeros} | {ridges} | {z[0]:.2f} | {z[1]:.2f} | {z[2]:.2f} "
            f"| {z[3]:.2f} |",
            flush=True,
        )
    found = np.array(scores)[:, :3]
    print(f"\nlargest {found.max():.2f}, means {found.mean(axis=0).round(2)}")


if __name__ == "__main__":
    main()
