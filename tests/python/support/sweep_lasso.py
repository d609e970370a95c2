"""The lasso's theory against its oracle on random problems: relative errors of every scalar.

python tests/python/support/sweep_lasso.py --problems 200
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import overprune as op
from lasso_oracle import random_problem


def errors_of(oracle):
    """Relative errors of q, kappa and the retrained risk."""
    expanded = np.repeat(np.arange(len(oracle.count)), oracle.count.astype(int))
    problem = op.LinearGaussianProblem(oracle.beta[expanded], oracle.lam[expanded], oracle.noise)
    table = op.predict(
        problem,
        int(oracle.n),
        [problem.p],
        [int(oracle.s)],
        rules=["lasso"],
        ridge=oracle.ridge,
        retrain_ridge=oracle.retrain_ridge,
    )
    names = ("pruned_risk", "pruned_penalty", "retrained_risk")
    found = np.array([table[name].item() for name in names])
    expected = np.array(oracle.solve())
    return abs(found / expected - 1)


def main():
    """Prints the largest errors; exits with 1 above 1e-8."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    worst = np.zeros(3)
    for i in range(arguments.problems):
        worst = np.maximum(worst, errors_of(random_problem(rng)))
        if i % 20 == 19:
            print(i + 1, "problems: q, kappa, retrained risk within", worst, flush=True)
    sys.exit(int(worst.max() > 1e-8))


if __name__ == "__main__":
    main()
