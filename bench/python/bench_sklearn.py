"""overprune.sklearn against scikit-learn's own way: interleaved, one thread each, with agreeing
answers.

`PrunedLeastSquaresCV` against `GridSearchCV` over the same model written with numpy's lstsq: all
scores, the best parameters and the best model agree before a ratio is printed (`--share 0.02`
searches some points only and scales the time); what a search costs over a fit; how much faster a
compact model predicts.

Run from anywhere: python bench/python/bench_sklearn.py [--quick] [--share 1] [--runs 3]
"""

import timing  # isort: skip  # first: it pins the threads

import argparse
from collections.abc import Callable

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GridSearchCV, KFold

import overprune as op
from overprune.sklearn import PrunedLeastSquares, PrunedLeastSquaresCV

RULES = ["magnitude", "hessian"]


class PlainPruned(RegressorMixin, BaseEstimator):
    """Train, prune, retrain, as a user of numpy writes it."""

    def __init__(
        self, n_features_to_train=1, n_nonzeros=1, rule="magnitude", retrain=True, ridge=0.0
    ):
        self.n_features_to_train = n_features_to_train
        self.n_nonzeros = n_nonzeros
        self.rule = rule
        self.retrain = retrain
        self.ridge = ridge

    def fit(self, X, y):
        x_mean, y_mean = X.mean(axis=0), y.mean()
        X, y = X - x_mean, y - y_mean
        k, s = self.n_features_to_train, self.n_nonzeros
        theta = np.linalg.lstsq(X[:, :k], y, rcond=None)[0]
        scores = np.abs(theta)
        if self.rule == "hessian":
            scores = theta**2 * (X[:, :k] ** 2).mean(axis=0)
        kept = np.sort(np.argsort(-scores, kind="stable")[:s])
        self.coef_ = np.zeros(X.shape[1])
        self.coef_[kept] = (
            np.linalg.lstsq(X[:, kept], y, rcond=None)[0] if self.retrain else theta[kept]
        )
        self.intercept_ = y_mean - x_mean @ self.coef_
        return self

    def predict(self, X):
        return X @ self.coef_ + self.intercept_


class Setting:
    """One data set, its grid and its folds."""

    def __init__(self, n: int, p: int, count: int, nonzeros: list[int]) -> None:
        covariance = op.spectra.spiked(p, p // 10, 25.0)
        problem = op.LinearGaussianProblem(np.full(p, p**-0.5), covariance, noise_std=0.3)
        self.X, self.y = problem.sample(n, seed=0)
        self.cv = KFold(5)
        rows = n - n // 5
        sizes = np.unique(np.linspace(n // 6, p, count).astype(int))
        # not at the interpolation threshold
        self.sizes = [int(k) for k in sizes if abs(k - rows + 1) > 1]
        self.nonzeros, self.n, self.p = nonzeros, n, p
        points = f"{len(self.sizes)} sizes x {len(nonzeros)} nonzeros x 2 rules"
        self.name = f"{points} x 5 folds, n = {n}, p = {p}"

    def search(self) -> PrunedLeastSquaresCV:
        return PrunedLeastSquaresCV(
            self.sizes, self.nonzeros, RULES, retrain=True, cv=self.cv, n_jobs=1
        )

    def grid_search(self, model: BaseEstimator, points: list[dict]) -> GridSearchCV:
        grid = [{name: [value] for name, value in point.items()} for point in points]
        return GridSearchCV(model, grid, scoring="neg_mean_squared_error", cv=self.cv)


def compared(
    setting: Setting, ours: PrunedLeastSquaresCV, model: BaseEstimator, points: list[int]
) -> Callable[[int], float]:
    """Seconds of a grid search over some of our points, scaled to all; its scores must be ours."""
    results = ours.cv_results_
    params = [results["params"][i] for i in points]

    def peer(run: int) -> float:
        other = setting.grid_search(model, params)
        elapsed = timing.seconds(lambda: other.fit(setting.X, setting.y))
        for name in ("mean_test_score", "std_test_score"):
            np.testing.assert_allclose(other.cv_results_[name], results[name][points], rtol=1e-6)
        if len(points) == len(results["params"]):
            assert other.best_params_ == ours.best_params_, (other.best_params_, ours.best_params_)
            np.testing.assert_allclose(
                other.best_estimator_.coef_, ours.coef_, rtol=1e-6, atol=1e-9
            )
        return elapsed * len(results["params"]) / len(points)

    return peer


def search_rows(setting: Setting, share: float, least: float) -> list[timing.Row]:
    X, y = setting.X, setting.y
    ours = setting.search().fit(X, y)
    total = len(ours.cv_results_["params"])
    count = min(total, max(1, round(share * total)))
    points = np.unique(np.linspace(0, total - 1, count).astype(int)).tolist()

    def own(run: int) -> float:
        return timing.seconds(lambda: setting.search().fit(X, y), least)

    def over_fit(run: int) -> tuple[float, float]:
        one = timing.seconds(
            lambda: PrunedLeastSquares(n_nonzeros=setting.nonzeros[-1], n_jobs=1).fit(X, y), least
        )
        search = own(run)
        return search / one, search

    def over_plain(run: int) -> tuple[float, float]:
        plain = PlainPruned(setting.p, setting.nonzeros[-1])
        one = timing.seconds(lambda: plain.fit(X, y), least)
        search = own(run)
        return search / one, search

    scaled = "" if len(points) == total else f", {len(points)} of {total} points, scaled"
    rows = [
        timing.versus(
            setting.name,
            f"{name}{scaled}",
            bar,
            own,
            compared(setting, ours, model, points),
        )
        for name, bar, model in (
            ("GridSearchCV over numpy lstsq", 30.0, PlainPruned()),
            ("GridSearchCV over PrunedLeastSquares", None, PrunedLeastSquares(n_jobs=1)),
        )
    ]
    rows.append(
        timing.Row("the search", "one fit of ours, all features (cost over cost)", "", over_fit)
    )
    rows.append(timing.Row("the search", "one by numpy lstsq (cost over cost)", "", over_plain))
    return rows


def compact_rows(setting: Setting, least: float) -> list[timing.Row]:
    model = PrunedLeastSquares(n_nonzeros=setting.p // 20).fit(setting.X, setting.y)
    compact = model.compact()
    rows = []
    for count in (1, 1000):
        X = op.standard_normal((count, setting.p), seed=1)
        narrow = np.ascontiguousarray(X[:, model.get_support()])
        for name, given in (("all columns", X), ("the surviving columns", narrow)):
            np.testing.assert_allclose(
                compact.predict(given), model.predict(X), rtol=1e-9, atol=1e-9
            )
            rows.append(
                timing.versus(
                    f"compact model, {model.n_nonzeros_} of {setting.p} features, {count} rows, "
                    f"given {name}",
                    "the pruned model",
                    None,
                    lambda run, given=given: timing.seconds(lambda: compact.predict(given), least),
                    lambda run, X=X: timing.seconds(lambda: model.predict(X), least),
                )
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, help="interleaved runs of every row (default 3; 1 with --quick)"
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="of the grid that GridSearchCV searches"
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, whole grid: do the answers agree?"
    )
    options = parser.parse_args()
    if options.quick:
        setting, share, least = Setting(30, 60, 6, [2, 5]), 1.0, 1e-3
    else:
        setting, share, least = Setting(300, 1000, 40, [10, 25, 50, 80, 120]), options.share, 5e-2
    runs = options.runs or (1 if options.quick else 3)
    rows = [*search_rows(setting, share, least), *compact_rows(setting, least)]
    if options.quick:
        for row in rows:
            row.bar = ""  # it is about larger work
    timing.measure(rows, runs)
    versions = f"numpy {np.__version__}, scikit-learn {sklearn.__version__}"
    print(f"kernels {op.build_info()['kernel_level']}; {versions}; {runs} interleaved runs\n")
    timing.print_table(rows)


if __name__ == "__main__":
    main()
