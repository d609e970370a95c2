"""The theory's cost: against one simulated trial of the same grid, in the number of features, over
a phase diagram, and for correlated features. Answers are compared before times are printed.

Run from anywhere: python bench/python/bench_theory.py [--runs 5] [--quick]
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

import overprune as op

RULES = ("magnitude", "hessian", "oracle")
STAGES = ("pruned_risk", "retrained_risk")


class Demo:
    """The demo's problem: 40 sizes, 3 rules, 3 nonzeros, all stages; theory, and one trial of
    `simulate`."""

    n, nonzeros = 450, [75, 150, 300]

    def __init__(self) -> None:
        self.problem = op.LinearGaussianProblem(
            np.full(1500, 1500**-0.5), op.spectra.spiked(1500, 150, 25.0), 0.3
        )
        self.sizes = np.linspace(50, 1500, 40).astype(int).tolist()
        self.trial = 0

    def predict(self):
        return op.predict(self.problem, self.n, self.sizes, self.nonzeros, rules=RULES)

    def simulate(self, trials=1):
        self.trial += trials
        return op.simulate(
            self.problem,
            self.n,
            self.sizes,
            self.nonzeros,
            rules=RULES,
            trials=trials,
            first_trial=self.trial,
            workers=1,
        )

    def check(self) -> None:
        """The mean of 30 trials is within five standard errors and 2/n, 10 % away from the
        thresholds."""
        theory, trials = self.predict(), self.simulate(30)
        near = [k for k in self.sizes if abs(k - self.n) > 0.1 * self.n]
        for name in ("dense_risk", *STAGES):
            measured = trials[name].sel(size=near)
            error = measured.std("trial", ddof=1) / 30**0.5
            gap = abs(measured.mean("trial") - theory[name].sel(size=near))
            allowed = 5 * error + 2 / self.n * theory[name].sel(size=near)
            assert bool((gap <= allowed).where(gap.notnull(), True).all()), name


def features(p: int) -> op.LinearGaussianProblem:
    """p distinct atoms: variances over two decades and coefficients of two sizes, none twice."""
    at = (np.arange(p) + 0.5) / p
    beta = np.where(np.arange(p) % 10 == 0, 2.0, 0.2) * (1 + at) / p**0.5
    return op.LinearGaussianProblem(beta, 0.1 * 100**at, 0.3)


def large(problem: op.LinearGaussianProblem):
    """40 sizes, 3 rules, 3 nonzeros, all stages."""
    p = problem.p
    sizes = np.linspace(p // 30, p, 40).astype(int).tolist()
    return op.predict(problem, p // 3, sizes, [p // 30, p // 20, p // 10], rules=RULES)


def check_large(p: int) -> None:
    """p features that differ in the last digits only, against the p / 1000 atoms that they round
    to."""
    at = (np.arange(p // 1000) + 0.5) / (p // 1000)
    values, beta = np.repeat(0.1 * 100**at, 1000), np.repeat((1 + np.sin(50 * at)) / p**0.5, 1000)
    jitter = 1 + 1e-12 * (np.arange(p) % 1000)
    tables = [
        op.predict(
            op.LinearGaussianProblem(beta * factor, values * factor, 0.3),
            p // 3,
            [p],
            [p // 20, p // 10, p // 5],
            rules=RULES,
        )
        for factor in (1.0, jitter)
    ]
    assert len(np.unique(values * jitter)) == p
    for name in ("dense_risk", *STAGES):
        np.testing.assert_allclose(tables[1][name], tables[0][name], rtol=1e-8)


class Phase:
    """A phase diagram over n and s: the least risk over 40 sizes and 2 rules at every point, p =
    1000."""

    rules = ("magnitude", "hessian")

    def __init__(self, side: int) -> None:
        self.problem = features(1000)
        self.sizes = np.linspace(25, 1000, 40).astype(int).tolist()
        self.n = np.unique(np.geomspace(50, 2000, side).astype(int))
        self.s = np.unique(np.linspace(5, 900, side).astype(int))

    @property
    def points(self) -> int:
        return self.n.size * self.s.size

    def run(self):
        axes = ("n", self.n), ("nonzeros", self.s)
        return op.phase(self.problem, *axes, sizes=self.sizes, rules=self.rules, workers=2)

    def check(self) -> None:
        """One point is the least of its table."""
        n, s = int(self.n[1]), int(self.s[1])
        table = op.predict(self.problem, n, self.sizes, [s], rules=self.rules).sel(
            size=slice(s + 1, None)
        )
        found = self.run().risk.sel(n=n, nonzeros=s).item()
        np.testing.assert_allclose(
            found, min(float(table[name].min()) for name in STAGES), rtol=1e-12
        )


def correlated():
    """p = 1000, n = 300, AR(0.7): one size, three nonzeros, to 0.5 % on two threads."""
    i = np.arange(1000)
    beta = np.where(i < 100, 0.1, 0.0)
    problem = op.LinearGaussianProblem(beta, 0.7 ** abs(i[:, None] - i), 0.3)
    return op.predict(problem, 300, [1000], [50, 100, 200], draws="auto", workers=2)


def check_correlated() -> None:
    """The tolerance is kept, and the answer is that of other draws."""
    first = correlated()
    for name in STAGES:
        assert bool((first[f"{name}_stderr"] <= 0.005 * first[name]).all())
    i = np.arange(1000)
    problem = op.LinearGaussianProblem(np.where(i < 100, 0.1, 0.0), 0.7 ** abs(i[:, None] - i), 0.3)
    other = op.predict(problem, 300, [1000], [50, 100, 200], draws=256, seed=1)
    for name in STAGES:
        error = np.hypot(first[f"{name}_stderr"], other[f"{name}_stderr"])
        assert bool((abs(first[name] - other[name]) < 4.5 * error).all()), name


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="p up to 10^5, and few points of the phase diagram"
    )
    options = parser.parse_args()
    top = 10**5 if options.quick else 10**6
    demo, phase = Demo(), Phase(8 if options.quick else 100)
    demo.check()
    check_large(top)
    phase.check()
    check_correlated()
    print("answers agree; timing", flush=True)

    counts = [top // 100, top // 10, top]
    calls: dict[str, Callable[[], object]] = {
        "theory": demo.predict,
        "trial": demo.simulate,
        "phase": phase.run,
        "correlated": correlated,
        **{f"p = {p:,}": partial(large, features(p)) for p in counts},
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(options.runs):  # interleaved: a busy machine slows all alike
        for name, call in calls.items():
            times[name].append(seconds(call))
    middle = {name: statistics.median(values) for name, values in times.items()}

    def row(what: str, name: str) -> None:
        low, high = min(times[name]), max(times[name])
        print(f"| {what} | {middle[name]:.3g} s ({low:.3g} to {high:.3g}) |")

    ratios = [a / b for a, b in zip(times["theory"], times["trial"], strict=True)]
    print(
        f"kernels {op.build_info()['kernel_level']}, medians of {options.runs} interleaved runs\n"
    )
    print("| work | time (smallest to largest) |\n|---|---|")
    row("the demo's grid by theory, one thread", "theory")
    row("the same by one simulated trial, one thread", "trial")
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"| theory over trial, run by run | {statistics.median(ratios):.2f} ({spread}) |")
    for p in counts:
        row(f"a grid of that shape for {p:,} distinct atoms, one thread", f"p = {p:,}")
    growth = middle[f"p = {top:,}"] / middle[f"p = {top // 10:,}"] / 10
    print(f"| growth of the cost per atom from {top // 10:,} to {top:,} | {growth:.2f} |")
    row(
        f"{phase.points:,} points of a phase diagram, two threads",
        "phase",
    )
    row("correlated, p = 1,000, to 0.5 %, two threads", "correlated")


if __name__ == "__main__":
    main()
