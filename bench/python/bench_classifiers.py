"""A simulated sweep of classifiers against a loop of scikit-learn's fits: interleaved, one thread
each, with agreeing answers.

One trial: for every size k a logistic fit with ridge on the first k features, pruned to each s by
magnitude and fitted again. Ours is a trial of a batch of `simulate`, with the data drawn and the
errors measured. Theirs is a loop of `LogisticRegression` over the same data, without; of its
solvers the fastest that is as exact is taken, for the dense and for the retrained models apart. All
coefficients agree to 1e-6 before a ratio is printed.

Run from anywhere: python bench/python/bench_classifiers.py [--quick] [--runs 5] [--loss hinge]
"""

import timing  # isort: skip  # first: it pins the threads

import argparse
import warnings
from collections.abc import Callable

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

import overprune as op

RIDGE = 0.1
SOLVERS = {
    "dense": {"lbfgs": 1e-8, "liblinear": 1e-8, "newton-cg": 1e-8},
    "retrained": {"lbfgs": 1e-8, "liblinear": 1e-8, "newton-cg": 1e-8, "newton-cholesky": 1e-8},
}
"""Solvers with a tolerance at which coefficients are within 1e-6; at ten times it some are not."""

Fit = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Setting:
    """One problem, its grid and a trial's data."""

    def __init__(self, n: int, p: int, count: int, nonzeros: list[int], loss: str) -> None:
        beta = np.arange(1, p + 1) ** -0.5
        variances = np.where(np.arange(p) < p // 10, 9.0, 1.0)
        self.problem = op.LinearClassificationProblem(beta, variances, noise_std=0.3)
        self.sizes = np.unique(np.linspace(n // 6, p, count).astype(int)).tolist()
        self.nonzeros, self.n, self.loss = nonzeros, n, loss
        self.X, self.y = self.problem.sample(n, seed=0)
        self.path = op.prune_path(
            self.X, self.y, self.sizes, nonzeros, ridge=RIDGE, retrain_ridge=RIDGE, loss=loss
        )

    def ours(self, trials: int) -> None:
        op.simulate(
            self.problem, self.n, self.sizes, self.nonzeros, ridge=RIDGE, retrain_ridge=RIDGE,
            loss=self.loss, trials=trials, seed=0, workers=1,
        )  # fmt: skip

    def dense(self, fit: Fit) -> None:
        for i, size in enumerate(self.sizes):
            found = fit(self.X[:, :size], self.y)
            np.testing.assert_allclose(found, self.path.dense[i, :size], rtol=0, atol=1e-6)

    def retrained(self, fit: Fit) -> None:
        for size in self.sizes:
            dense = self.path.dense[self.path.sizes.index(size), :size]
            order = np.argsort(-abs(dense), kind="stable")
            for nonzeros in self.nonzeros:
                if nonzeros > size:
                    continue
                kept = order[:nonzeros]
                found = fit(self.X[:, kept], self.y)
                ours = self.path.retrained("magnitude", size, nonzeros)[kept]
                np.testing.assert_allclose(found, ours, rtol=0, atol=1e-6)


def peer(setting: Setting, solver: str, tol: float) -> Fit:
    arguments = {"C": 1 / (setting.n * RIDGE), "fit_intercept": False, "max_iter": 100000}
    if setting.loss == "hinge":
        model = LinearSVC(loss="hinge", tol=tol, **arguments)
    else:
        model = LogisticRegression(solver=solver, tol=tol, **arguments)
    return lambda X, y: model.fit(X, y).coef_[0].copy()


def fastest(setting: Setting, stage: str) -> tuple[str, Fit]:
    """The solver that is fastest here."""
    if setting.loss == "hinge":
        return "liblinear", peer(setting, "liblinear", 1e-9)
    fits = {name: peer(setting, name, tol) for name, tol in SOLVERS[stage].items()}
    times = {
        name: timing.seconds(lambda f=f: getattr(setting, stage)(f)) for name, f in fits.items()
    }
    best = min(times, key=times.__getitem__)
    return best, fits[best]


def sweep_row(setting: Setting, trials: int, bar: float | None) -> timing.Row:
    (first, dense), (second, small) = fastest(setting, "dense"), fastest(setting, "retrained")

    def theirs(run: int) -> float:
        return timing.seconds(lambda: (setting.dense(dense), setting.retrained(small)))

    def own(run: int) -> float:
        return timing.seconds(lambda: setting.ours(trials)) / trials

    points = f"{len(setting.sizes)} sizes x {len(setting.nonzeros)} nonzeros"
    work = f"{setting.loss}: {points}, n = {setting.n}, p = {setting.sizes[-1]}"
    return timing.versus(work, f"scikit-learn ({first}, retrained {second})", bar, own, theirs)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="interleaved runs")
    parser.add_argument("--loss", choices=("logistic", "hinge"), default="logistic")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: do the answers agree?")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.quick:
        setting, bar, trials = Setting(40, 90, 5, [3, 6], options.loss), None, 1
    else:
        setting, trials = Setting(300, 1000, 40, [25, 50, 100], options.loss), 5
        bar = 10.0 if options.loss == "logistic" else None
    row = sweep_row(setting, trials, bar)
    timing.measure([row], 1 if options.quick else options.runs)
    versions = f"numpy {np.__version__}, scikit-learn {sklearn.__version__}"
    print(f"kernels {op.build_info()['kernel_level']}; {versions}; {len(row.ratios)} runs\n")
    timing.print_table([row])


if __name__ == "__main__":
    main()
