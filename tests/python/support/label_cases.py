"""Random classification problems at 30 digits: `python tests/python/support/label_cases.py`
compares 200 of them with what `predict` says."""

from __future__ import annotations

import mpmath as mp
import numpy as np

from label_oracle import (
    Case,
    Digits,
    Floats,
    dense_scalars,
    pruned_scalars,
    retrained_scalars,
    threshold,
)


def solve(step, start):
    """A fixed point by damped iteration, then Newton's method, in doubles; with its derivatives."""
    x = np.array(start, dtype=float)
    for _ in range(25):
        x = (x + np.array(step(x), dtype=float)) / 2
    for _ in range(12):
        r = np.array(step(x), dtype=float) - x
        J = np.empty((len(x), len(x)))
        for j in range(len(x)):
            h = 1e-6 * max(abs(x[j]), 1e-3)
            up = x.copy()
            up[j] += h
            down = x.copy()
            down[j] -= h
            J[:, j] = (np.array(step(up), dtype=float) - np.array(step(down), dtype=float)) / (
                2 * h
            )
        J -= np.eye(len(x))
        change = np.linalg.solve(J, r)
        x = x - change
        if (abs(change) <= 1e-10 * abs(x)).all():
            break
    return x, J


def refined(step, x, J):
    """x after a correction by the residual of 30 digits."""
    at = [mp.mpf(float(value)) for value in x]
    r = [a - b for a, b in zip(step(at), at, strict=True)]
    change = np.linalg.solve(J, np.array([float(value) for value in r]))
    return [a - mp.mpf(float(c)) for a, c in zip(at, change, strict=True)]


def solution(case, start=(0.5, 1.0, 1.0)):
    """(m, q) of the dense, the pruned and the retrained model, to some 15 digits."""
    x, J = solve(lambda v: dense_scalars(case, Floats, *v)[0], start)
    one = refined(lambda v: dense_scalars(case, Digits, *v)[0], x, J)
    one = refined(lambda v: dense_scalars(case, Digits, *v)[0], one, J)
    hats = dense_scalars(case, Digits, *one)[1]
    t = threshold(case, Digits, hats)
    pruned = pruned_scalars(case, Digits, hats, t)
    one_f, hats_f, t_f = [float(v) for v in one], [float(v) for v in hats], float(t)
    m, q = (float(v) for v in pruned)
    begin = (m, q, q, one_f[2], 0.0)
    x, J = solve(lambda v: retrained_scalars(case, Floats, one_f, hats_f, t_f, v), begin)
    two = refined(lambda v: retrained_scalars(case, Digits, one, hats, t, v), x, J)
    return {"dense": one[:2], "pruned": pruned, "retrained": (two[0], two[2])}


def random_case(number):
    """Random problem `number`: a pure function of it."""
    generator = np.random.default_rng([18, number])
    count = tuple(int(c) for c in generator.integers(10, 60, 3))
    p = sum(count)
    return Case(
        lam=tuple(float(v) for v in np.exp(generator.uniform(-1.0, 1.5, 3)).round(3)),
        beta=tuple(float(v) for v in generator.uniform(0.0, 0.4, 3).round(3)),
        count=count,
        noise=round(float(generator.uniform(0.1, 1.0)), 3),
        n=int(generator.integers(p // 3, 2 * p)),
        loss=("logistic", "hinge")[number % 2],
        ridge=float(np.exp(generator.uniform(-3.0, 2.0)).round(4)),
        retrain_ridge=float(np.exp(generator.uniform(-3.0, 2.0)).round(4)),
        rule=("magnitude", "hessian")[number // 2 % 2],
        s=int(generator.integers(p // 8, p // 2)),
    )


def largest_error(case):
    """The largest relative error of what `predict` says about a case, and where."""
    import overprune as op

    repeated = [np.repeat(values, case.count) for values in (case.beta, case.lam)]
    problem = op.LinearClassificationProblem(*repeated, case.noise)
    p = sum(case.count)
    table = op.predict(
        problem,
        case.n,
        [p],
        [case.s],
        rules=[case.rule],
        loss=case.loss,
        ridge=case.ridge,
        retrain_ridge=case.retrain_ridge,
        workers=1,
    )
    overlap = [table[f"dense_{name}_overlap"].item() for name in ("teacher", "self")]
    found = solution(case, (*overlap, 1.0))
    worst = (0.0, "")
    for stage, values in found.items():
        for name, value in zip(("teacher_overlap", "self_overlap"), values, strict=True):
            ours = table[f"{stage}_{name}"].item()
            error = float(abs(mp.mpf(ours) - value) / abs(value))
            worst = max(worst, (error, f"{stage}_{name}"))
    return worst


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Compare predictions with 30 digits.")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    for number in range(arguments.first, arguments.first + arguments.cases):
        print(number, *largest_error(random_case(number)), flush=True)
