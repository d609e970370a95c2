"""PrunedLeastSquaresCV and its twin against GridSearchCV, point by point."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from pathlib import Path
from runpy import run_path

import matplotlib
import matplotlib.pyplot as plt
from sklearn.exceptions import NotFittedError
from sklearn.metrics import get_scorer, make_scorer, mean_squared_error
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit, StratifiedKFold

import overprune.sklearn
from overprune.sklearn import (
    PrunedLeastSquares,
    PrunedLeastSquaresClassifier,
    PrunedLeastSquaresClassifierCV,
    PrunedLeastSquaresCV,
    ValidationCurve,
)
from sklearn_tools import PlainPruned

matplotlib.use("agg")

SIZES, NONZEROS = [4, 15, 50, 70], [2, 6, 15]


def data(n=45, p=70, targets=None, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.linspace(2.0, 0.5, p) + 1.0
    beta = rng.normal(size=p if targets is None else (p, targets)) * (np.arange(p) < 12).reshape(
        (p,) + (1,) * (targets is not None)
    )
    return X, X @ beta + rng.normal(size=n if targets is None else (n, targets)) + 3.0


def labels_of(y, count):
    """Classes of unequal shares."""
    return np.digitize(y, np.quantile(y, np.array([0.3, 0.55])[: count - 1]))


def grid_search(model, search, scoring, cv, **parameters):
    """GridSearchCV over the points of a search."""
    points = [{name: [v] for name, v in point.items()} for point in search.cv_results_["params"]]
    return GridSearchCV(model.set_params(**parameters), points, scoring=scoring, cv=cv)


def assert_same_results(search, other, rtol=1e-7):
    for name in (
        "mean_test_score",
        "std_test_score",
        *(f"split{i}_test_score" for i in range(other.n_splits_)),
    ):
        found, expected = search.cv_results_[name], other.cv_results_[name]
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-9)
    assert search.cv_results_["params"] == other.cv_results_["params"]
    np.testing.assert_allclose(search.best_score_, other.best_score_, rtol=rtol)
    size, nonzeros = (search.best_params_[name] for name in ("n_features_to_train", "n_nonzeros"))
    # else rounding decides
    if nonzeros < size and (search.cv_results_["rank_test_score"] == 1).sum() == 1:
        assert search.best_params_ == other.best_params_
    assert search.n_splits_ == other.n_splits_


@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize(
    "scoring", [None, "r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"]
)
def test_the_same_as_grid_search_over_numpy(targets, scoring):
    X, y = data(targets=targets)
    cv = KFold(4, shuffle=True, random_state=0)
    search = PrunedLeastSquaresCV(SIZES, NONZEROS, ridge=[0.0, 0.1], scoring=scoring, cv=cv).fit(
        X, y
    )
    other = grid_search(PlainPruned(), search, scoring or "neg_mean_squared_error", cv).fit(X, y)
    assert_same_results(search, other)
    np.testing.assert_allclose(search.coef_.T, other.best_estimator_.theta_, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(search.predict(X), other.predict(X), rtol=1e-8)
    ranks = search.cv_results_["rank_test_score"]
    assert ranks.min() == 1
    assert ranks.dtype == other.cv_results_["rank_test_score"].dtype


@pytest.mark.parametrize(
    "scoring", ["explained_variance", make_scorer(mean_squared_error, greater_is_better=False)]
)
def test_any_scorer(scoring):
    X, y = data()
    search = PrunedLeastSquaresCV(SIZES, [2, 6], rules="hessian", scoring=scoring, cv=3).fit(X, y)
    assert_same_results(search, grid_search(PrunedLeastSquares(), search, scoring, 3).fit(X, y))


def test_a_scorer_may_look_at_the_model():
    X, y = data()

    def few(model, X, y):
        return -float(np.count_nonzero(model.coef_)) + 0.1 * model.score(X, y)

    search = PrunedLeastSquaresCV(SIZES, NONZEROS, scoring=few, cv=3).fit(X, y)
    assert search.n_nonzeros_ == 2


@pytest.mark.parametrize(
    ("classes", "scoring", "class_weight"),
    [  # every pair of values
        (2, None, None),
        (2, "f1_macro", "balanced"),
        (3, None, "balanced"),
        (3, "f1_macro", None),
    ],
)
def test_the_classifier(classes, scoring, class_weight):
    X, y = data(60)
    y = np.array(["x", "y", "z"])[labels_of(y, classes)]
    cv = StratifiedKFold(4)
    search = PrunedLeastSquaresClassifierCV(
        SIZES, NONZEROS, scoring=scoring, cv=cv, class_weight=class_weight
    ).fit(X, y)
    model = PrunedLeastSquaresClassifier(class_weight=class_weight)
    other = grid_search(model, search, scoring or "accuracy", cv).fit(X, y)
    assert_same_results(search, other)
    np.testing.assert_array_equal(search.predict(X), other.predict(X))
    np.testing.assert_allclose(search.decision_function(X), other.decision_function(X), rtol=1e-10)


def test_a_scorer_of_decisions():
    X, y = data(60)
    labels = labels_of(y, 2)
    search = PrunedLeastSquaresClassifierCV(SIZES, [2, 6], rules="hessian", scoring="roc_auc", cv=3)
    search.fit(X, labels)
    other = grid_search(PrunedLeastSquaresClassifier(), search, "roc_auc", 3).fit(X, labels)
    assert_same_results(search, other)


def test_several_labels():
    X, y = data(targets=3)
    y = (y > y.mean(axis=0)).astype(int)
    search = PrunedLeastSquaresClassifierCV(SIZES, NONZEROS, cv=3).fit(X, y)
    assert_same_results(
        search, grid_search(PrunedLeastSquaresClassifier(), search, "accuracy", 3).fit(X, y)
    )


@pytest.mark.parametrize("scoring", ["neg_mean_squared_error", "r2", "explained_variance"])
def test_weights_count_rows_in_training_and_in_the_scores(scoring):
    X, y = data(30)
    weights = np.random.default_rng(0).integers(0, 4, 30)
    folds = np.arange(30) % 3
    assert all(weights[folds == i].any() for i in range(3))
    again = np.arange(30).repeat(weights)

    def splits(groups):
        return [(np.flatnonzero(groups != i), np.flatnonzero(groups == i)) for i in range(3)]

    grid = {"sizes": SIZES, "nonzeros": NONZEROS, "ridge": 0.1, "scoring": scoring}
    weighted = PrunedLeastSquaresCV(cv=splits(folds), **grid).fit(X, y, weights)
    repeated = PrunedLeastSquaresCV(cv=splits(folds[again]), **grid).fit(X[again], y[again])
    np.testing.assert_allclose(
        weighted.cv_results_["mean_test_score"], repeated.cv_results_["mean_test_score"], rtol=1e-7
    )
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-7, atol=1e-10)


def test_a_fold_without_weight_is_named():
    X, y = data()
    with pytest.raises(
        ValueError, match=r"sample_weight must not be zero in all rows .* in fold 0"
    ):
        PrunedLeastSquaresCV(cv=3).fit(X, y, np.arange(45) >= 15)


def test_fast_scores_are_those_of_the_scorers():
    """r2 of constant targets, which has a rule of its own, and weights."""
    from overprune.sklearn.scoring import score_of

    rng = np.random.default_rng(0)
    y, weights = rng.normal(size=(12, 2)), rng.uniform(size=12)
    y[:, 1] = 2.0
    predictions = rng.normal(size=(3, 2, 12))
    predictions[0, 1] = 2.0

    class Fixed:
        _estimator_type = "regressor"

        def __init__(self, rows):
            self.rows = rows

        def fit(self, X, y):
            return self

        def predict(self, X):
            return self.rows.T

    for name in (
        "r2",
        "neg_mean_squared_error",
        "neg_root_mean_squared_error",
        "neg_mean_absolute_error",
    ):
        for given in (None, weights):
            found = score_of(name, False, False)(predictions, y.T, given)
            metric = get_scorer(name)
            expected = [
                metric._sign * metric._score_func(y, Fixed(rows).predict(None), sample_weight=given)
                for rows in predictions
            ]
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_groups_and_splitters():
    X, y = data()
    groups = np.arange(45) // 9
    search = PrunedLeastSquaresCV(SIZES, NONZEROS, cv=GroupKFold(3)).fit(X, y, groups=groups)
    other = grid_search(PrunedLeastSquares(), search, "neg_mean_squared_error", GroupKFold(3))
    assert_same_results(search, other.fit(X, y, groups=groups))
    cv = ShuffleSplit(2, random_state=0)
    assert PrunedLeastSquaresCV(SIZES, NONZEROS, cv=cv).fit(X, y).n_splits_ == 2


def test_threads_and_the_random_rule():
    X, y = data()
    grid = {
        "sizes": SIZES,
        "nonzeros": NONZEROS,
        "rules": ["random", "magnitude"],
        "random_state": 3,
    }
    one = PrunedLeastSquaresCV(**grid, ridge=[0.0, 1.0]).fit(X, y)
    two = PrunedLeastSquaresCV(**grid, ridge=[0.0, 1.0], n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(
        one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"]
    )
    other = grid_search(PrunedLeastSquares(), one, "neg_mean_squared_error", 5, random_state=3).fit(
        X, y
    )
    assert_same_results(one, other)


def test_results_are_a_table_as_grid_search_has_it():
    pandas = pytest.importorskip("pandas")
    X, y = data()
    search = PrunedLeastSquaresCV(SIZES, NONZEROS).fit(X, y)
    table = pandas.DataFrame(search.cv_results_)
    assert len(table) == 2 * 2 * (1 + 3 + 3 + 3)
    assert (table.param_n_nonzeros <= table.param_n_features_to_train).all()
    assert table.loc[search.best_index_, "params"] == search.best_params_
    best = table.sort_values("rank_test_score").iloc[0]
    assert best.mean_test_score == search.best_score_
    again = PrunedLeastSquares(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(again.coef_, search.coef_)
    np.testing.assert_array_equal(search.best_estimator_.coef_, search.coef_)


def test_one_path_for_each_fold_and_ridge(monkeypatch):
    calls = []
    real = overprune.sklearn.folds.fitted_path
    monkeypatch.setattr(
        overprune.sklearn.folds, "fitted_path", lambda *a, **k: calls.append(1) or real(*a, **k)
    )
    PrunedLeastSquaresCV(SIZES, NONZEROS, ridge=[0.0, 0.5], cv=3).fit(*data())
    assert len(calls) == 6


@pytest.mark.parametrize("scoring", ["neg_mean_squared_error", "r2", "neg_mean_absolute_error"])
def test_rounding_does_not_pick_among_models_that_interpolate(scoring):
    """Folds whose rows are in training, too: in whichever order, the first of them is best."""
    X, y = data(12, 40)
    rows = np.arange(12)
    best = []
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(12)
        search = PrunedLeastSquaresCV([20, 30, 40], [5, 20], cv=[(rows, rows)], scoring=scoring)
        best.append(search.fit(X[order], y[order]).best_params_)
        assert search.best_score_ == (1.0 if scoring == "r2" else 0.0)
    assert all(found == best[0] for found in best)
    assert best[0]["n_features_to_train"] == best[0]["n_nonzeros"] == 20


def test_default_grids():
    search = PrunedLeastSquaresCV().fit(*data(45, 70))
    sizes = np.unique(search.cv_results_["param_n_features_to_train"].data)
    nonzeros = np.unique(search.cv_results_["param_n_nonzeros"].data)
    assert (sizes[0], sizes[-1], nonzeros[0], nonzeros[-1]) == (1, 70, 1, 18)
    # no more features than rows: the whole model is there
    search = PrunedLeastSquaresCV().fit(*data(45, 8))
    assert {"n_features_to_train": 8, "n_nonzeros": 8}.items() <= search.cv_results_["params"][
        -1
    ].items()


def test_refit():
    X, y = data()
    search = PrunedLeastSquaresCV(SIZES, NONZEROS).fit(X, y)
    search.set_params(refit=False).fit(X, y)
    assert not hasattr(search, "coef_")
    assert search.best_params_
    with pytest.raises(NotFittedError):
        search.predict(X)

    def sparsest(results):
        """The fewest nonzeros within a standard error of the best."""
        close = (
            results["mean_test_score"]
            >= (results["mean_test_score"] - results["std_test_score"]).max()
        )
        return int(np.flatnonzero(close)[results["param_n_nonzeros"].data[close].argmin()])

    chosen = search.set_params(refit=sparsest).fit(X, y)
    assert chosen.best_index_ == sparsest(chosen.cv_results_)
    assert chosen.n_nonzeros_ == chosen.best_params_["n_nonzeros"]


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"sizes": [5, 5]}, ValueError, "sizes must be strictly increasing, got 5 before 5"),
        ({"sizes": [71]}, ValueError, r"sizes\[0\] must be between 1 and 70, got 71"),
        ({"nonzeros": "few"}, TypeError, "nonzeros must be a sequence of integers, got 'few'"),
        (
            {"sizes": [5], "nonzeros": [6]},
            ValueError,
            "nonzeros must begin at or below .* size 5",
        ),
        (
            {"rules": "oracle"},
            ValueError,
            "rules must be one of magnitude, hessian, random; got 'oracle'",
        ),
        ({"rules": []}, ValueError, "rules must not be empty"),
        ({"retrain": [True, True]}, ValueError, r"retrain must be distinct, got \[True, True\]"),
        ({"ridge": [0.0, -1.0]}, ValueError, r"ridge\[1\] must be finite and at least 0, got -1.0"),
        ({"retrain_ridge": -1}, ValueError, "retrain_ridge must be finite"),
        ({"refit": "yes"}, TypeError, "refit must be True or False, got 'yes'"),
        ({"scoring": "beauty"}, ValueError, "scoring"),
        ({"cv": 1}, ValueError, "n_splits"),
    ],
)
def test_wrong_parameters_are_named(parameters, error, message):
    with pytest.raises(error, match=message):
        PrunedLeastSquaresCV(**parameters).fit(*data())


def test_validation_curve(tmp_path):
    X, y = data()
    search = PrunedLeastSquaresCV(SIZES, NONZEROS, cv=3).fit(X, y)
    display = search.plot_validation_curve()
    best = search.best_params_
    assert display.ax_.get_title() == f"rule {best['rule']}, s = {best['n_nonzeros']}"
    assert display.ax_.get_ylabel() == "mean squared error"
    stage = "retrained" if best["retrain"] else "pruned"
    line = display.lines_[stage]
    at = list(line.get_xdata()).index(best["n_features_to_train"])
    np.testing.assert_allclose(line.get_ydata()[at], -search.best_score_)
    _, ax = plt.subplots()
    other = ValidationCurve.from_search(search, ax=ax, nonzeros=15, rule="hessian")
    assert other.ax_ is ax
    assert other.lines_["pruned"].get_xdata().tolist() == [15, 50, 70]
    other.plot().figure_.savefig(tmp_path / "curve.png")
    plt.close("all")
    with pytest.raises(ValueError, match=r"nonzeros must be one of \[2, 6, 15\]; got 3"):
        search.plot_validation_curve(nonzeros=3)
    with pytest.raises(NotFittedError, match="search must be fitted"):
        PrunedLeastSquaresCV().plot_validation_curve()


def test_the_example_runs(tmp_path, capsys):
    main = run_path(str(Path(__file__).parents[3] / "examples" / "sklearn_pipeline.py"))["main"]
    main(str(tmp_path / "curve.png"), units=300)
    plt.close("all")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "of 300 features" in capsys.readouterr().out
