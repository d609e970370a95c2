"""Scores, scorers, weights, splitters and frames in the searches, as in GridSearchCV: cases B3 and
C3."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.metrics import make_scorer, max_error
from sklearn.model_selection import GridSearchCV, LeaveOneOut

from overprune.sklearn import (
    PrunedLeastSquares,
    PrunedLeastSquaresClassifier,
    PrunedLeastSquaresClassifierCV,
    PrunedLeastSquaresCV,
    ValidationCurve,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 12))
Y = X @ RNG.normal(size=12) + RNG.normal(size=40)
LABELS = np.array(["a", "b"])[(Y > 0.5).astype(int)]
WEIGHTS = RNG.uniform(0.5, 2.0, size=40)
KINDS = {
    "regressor": (PrunedLeastSquaresCV, PrunedLeastSquares, Y),
    "classifier": (PrunedLeastSquaresClassifierCV, PrunedLeastSquaresClassifier, LABELS),
}
BOTH = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def both(kind, *, X=X, cv=3, given=None, fit=None, **parameters):
    """A search of ours and GridSearchCV over its points, each with the warnings of its fit, by
    category."""
    make, model, y = kind
    y = y if given is None else given
    searches = [make([4, 12], [2, 4], "magnitude", cv=cv, **parameters)]
    points = [
        {"n_features_to_train": [size], "n_nonzeros": [s], "retrain": [retrain]}
        for size in (4, 12)
        for s in (2, 4)
        for retrain in (True, False)
    ]
    parameters.setdefault("scoring", make._default_scoring)
    searches.append(GridSearchCV(model(), points, cv=cv, **parameters))
    seen = []
    for search in searches:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            search.fit(X, y, **(fit or {}))
        seen.append({(w.category, str(w.message).split(":")[0]) for w in caught})
    return *searches, *seen


def assert_same(found, expected, metrics=("score",)):
    for metric in metrics:
        for name in (f"mean_test_{metric}", f"std_test_{metric}", f"split0_test_{metric}"):
            np.testing.assert_allclose(
                found.cv_results_[name], expected.cv_results_[name], rtol=1e-7
            )
        # Models without pruning are equal but for rounding.
        if np.isnan(found.cv_results_[f"mean_test_{metric}"]).any():
            np.testing.assert_array_equal(
                *(search.cv_results_[f"rank_test_{metric}"] for search in (found, expected))
            )
    assert found.multimetric_ == expected.multimetric_
    for name in ("best_score_", "best_index_", "best_params_"):
        assert hasattr(found, name) == hasattr(expected, name)
    if hasattr(expected, "best_score_"):
        np.testing.assert_allclose(found.best_score_, expected.best_score_, rtol=1e-7)


NON_FINITE = (UserWarning, "One or more of the test scores are non-finite")


def test_b3_r2_of_single_rows_is_not_a_number():
    found, expected, seen, theirs = both(KINDS["regressor"], scoring="r2", cv=LeaveOneOut())
    assert_same(found, expected)
    assert np.isnan(found.cv_results_["mean_test_score"]).all()
    assert seen == theirs
    assert {category for category, _ in seen} == {UserWarning, UndefinedMetricWarning}


@BOTH
def test_b3_scores_that_are_not_numbers_come_with_a_warning(kind):
    found, expected, seen, theirs = both(kind, scoring=lambda model, X, y: np.nan)
    assert_same(found, expected)
    assert found.cv_results_["rank_test_score"].tolist() == [1] * 8
    assert seen == theirs == {NON_FINITE}


@BOTH
@pytest.mark.parametrize("bad", [np.nan, np.float32("nan"), np.array(np.nan), -np.inf])
def test_b3_what_is_not_a_number_ranks_with_the_worst(kind, bad):
    def sometimes(model, X, y):
        return (
            bad
            if model.retrain
            else model.coef_.any(axis=0).sum() + 1.0 + model.n_features_to_train
        )

    found, expected, seen, _ = both(kind, scoring=sometimes)
    assert_same(found, expected)
    assert NON_FINITE in seen
    ranks = found.cv_results_["rank_test_score"]
    retrained = found.cv_results_["param_retrain"].data.astype(bool)
    assert ranks[retrained].min() > ranks[~retrained].max()
    assert not found.best_params_["retrain"]


@BOTH
@pytest.mark.parametrize("error_score", [np.nan, -7.0])
def test_b3_scorers_that_fail(kind, error_score):
    def fails(model, X, y):
        if model.retrain:
            raise RuntimeError("no score")
        return 1.0

    found, expected, seen, theirs = both(kind, scoring=fails, error_score=error_score)
    assert_same(found, expected)
    assert (
        {category for category, _ in seen} == {category for category, _ in theirs} == {UserWarning}
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind[0]([4, 12], [2], cv=3, scoring=fails, error_score=error_score).fit(X, kind[2])
    # once, not for each model
    found = [str(w.message) for w in caught if "Scoring failed" in str(w.message)]
    reason = "the first failure: RuntimeError: no score"
    assert found == [f"Scoring failed for 12 models, whose scores are {error_score}; {reason}"]
    with pytest.raises(RuntimeError, match="no score"):
        kind[0](cv=3, scoring=fails, error_score="raise").fit(X, kind[2])


@BOTH
def test_b3_a_score_must_be_a_number(kind):
    with pytest.raises(ValueError, match="scoring must return a number, got 'good' as score"):
        kind[0](scoring=lambda model, X, y: "good").fit(X, kind[2])
    with pytest.raises(ValueError, match=r"scoring must return a number, got array.* as a$"):
        kind[0](scoring=lambda model, X, y: {"a": np.ones(2)}, refit="a").fit(X, kind[2])
    with pytest.raises(ValueError, match="error_score must be \"raise\" or a number, got 'no'"):
        kind[0](error_score="no").fit(X, kind[2])


def of_two(model, X, y):
    return {"a": model.score(X, y), "b": -float(model.n_nonzeros)}


MULTIMETRIC = {
    "list": (
        {"regressor": ["r2", "explained_variance"], "classifier": ["f1_macro", "accuracy"]},
        None,
    ),
    "tuple": (
        {"regressor": ("r2", "neg_mean_squared_error"), "classifier": ("roc_auc", "accuracy")},
        None,
    ),
    "dict": (
        {name: {"a": "r2" if name == "regressor" else "accuracy", "b": of_two} for name in KINDS},
        "a",
    ),
    "function": (dict.fromkeys(KINDS, of_two), "b"),
}
MULTIMETRIC["dict"][0]["regressor"]["b"] = make_scorer(max_error, greater_is_better=False)
MULTIMETRIC["dict"][0]["classifier"]["b"] = make_scorer(lambda y, found: float((y == found).sum()))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("form", MULTIMETRIC)
def test_c3_several_metrics(name, form):
    scorings, refit = MULTIMETRIC[form]
    scoring, kind = scorings[name], KINDS[name]
    metrics = ["a", "b"] if refit else list(scoring)
    for chosen in (refit or metrics[0], False, lambda results: 3):
        found, expected, seen, _ = both(kind, scoring=scoring, refit=chosen)
        assert not seen
        assert_same(found, expected, metrics)
        assert found.multimetric_
    assert found.best_index_ == 3
    if form != "function":
        assert list(found.scorer_) == metrics
    with pytest.raises(
        ValueError, match=r"refit must be False, a function or the metric that picks .* got True"
    ):
        kind[0](scoring=scoring, cv=3).fit(X, kind[2])
    with pytest.raises(ValueError, match=r"refit must be .*; got 'beauty'"):
        kind[0](scoring=scoring, refit="beauty", cv=3).fit(X, kind[2])


def test_c3_a_function_of_several_metrics_may_fail():
    def fails(model, X, y):
        if model.retrain or len(y) == 14:  # the first fold
            raise RuntimeError("no score")
        return of_two(model, X, y)

    with pytest.warns(UserWarning, match="Scoring failed for 8 models, whose scores are -9.0"):
        found = PrunedLeastSquaresCV(
            [12], [4], cv=3, scoring=fails, refit="a", error_score=-9.0
        ).fit(X, Y)
    expected = PrunedLeastSquaresCV([12], [4], cv=3, scoring=of_two, refit="a").fit(X, Y)
    for name in ("a", "b"):
        wanted = [expected.cv_results_[f"split{i}_test_{name}"] for i in range(3)]
        wanted = np.where(found.cv_results_["param_retrain"].data, -9.0, wanted)
        wanted[0] = -9.0
        np.testing.assert_array_equal(
            [found.cv_results_[f"split{i}_test_{name}"] for i in range(3)], wanted
        )


@pytest.mark.parametrize("scoring", [[], ["r2", "r2"], {}, {1: "r2"}, [max_error]])
def test_c3_wrong_metrics_are_named(scoring):
    with pytest.raises(
        ValueError, match="scoring must be a scorer, a list of different names of scorers or a"
    ):
        PrunedLeastSquaresCV(scoring=scoring).fit(X, Y)


def test_c3_the_curve_of_one_of_several_metrics():
    search = PrunedLeastSquaresCV(
        [4, 12], [2], cv=3, scoring=["r2", "neg_mean_squared_error"], refit="r2"
    )
    search.fit(X, Y)
    assert search.plot_validation_curve().ax_.get_ylabel() == "r2"
    drawn = ValidationCurve.from_search(search, metric="neg_mean_squared_error")
    assert drawn.ax_.get_ylabel() == "mean squared error"
    with pytest.raises(
        ValueError, match="metric must be one of r2, neg_mean_squared_error; got 'mae'"
    ):
        search.plot_validation_curve(metric="mae")
    search.set_params(refit=False).fit(X, Y)
    assert search.plot_validation_curve().ax_.get_ylabel() == "r2"
    with pytest.raises(NotFittedError):
        search.predict(X)


def plain(model, X, y):
    return model.score(X, y)


@BOTH
@pytest.mark.parametrize(
    "scoring", [plain, make_scorer(lambda y, found: float((y == found).mean()))]
)
def test_c3_a_scorer_without_weights_counts_all_rows_alike(kind, scoring):
    """GridSearchCV does so, too, with a warning from scikit-learn 1.9 on."""
    found, expected, seen, _ = both(kind, scoring=scoring, fit={"sample_weight": WEIGHTS})
    assert_same(found, expected)
    assert [category for category, _ in seen] == [UserWarning]
    with pytest.warns(
        UserWarning, match=r"the scorer .* takes no sample_weight: its scores count all rows"
    ):
        kind[0](scoring=scoring).fit(X, kind[2], WEIGHTS)


def test_c3_each_of_several_scorers_takes_weights_or_not():
    scoring = {"weighted": "explained_variance", "not": plain, "fast": "r2"}
    with pytest.warns(UserWarning, match="takes no sample_weight") as caught:
        found = PrunedLeastSquaresCV([12], [4], cv=3, scoring=scoring, refit="not").fit(
            X, Y, WEIGHTS
        )
    assert len(caught) == 1
    for name, alone in scoring.items():
        if name != "not":
            expected = PrunedLeastSquaresCV([12], [4], cv=3, scoring=alone).fit(X, Y, WEIGHTS)
            np.testing.assert_array_equal(
                found.cv_results_[f"mean_test_{name}"], expected.cv_results_["mean_test_score"]
            )


def test_c3_a_scorer_that_asks_for_no_weights_gets_none():
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = make_scorer(max_error, greater_is_better=False)
        asked = make_scorer(sklearn.metrics.mean_squared_error).set_score_request(
            sample_weight=False
        )
        for scoring in (scorer, asked):
            with pytest.warns(UserWarning, match="takes no sample_weight"):
                PrunedLeastSquaresCV([12], [4], cv=3, scoring=scoring).fit(X, Y, WEIGHTS)


@BOTH
def test_c3_folds_given_by_masks(kind):
    masks = [(np.arange(40) % 3 != i, np.arange(40) % 3 == i) for i in range(3)]
    found, expected, *_ = both(kind, cv=masks)
    assert_same(found, expected)
    rows = [tuple(map(np.flatnonzero, parts)) for parts in masks]
    same = kind[0]([4, 12], [2, 4], cv=rows).fit(X, kind[2])
    assert found.n_samples_train_ == same.n_samples_train_ == 26
    lists = kind[0]([4, 12], [2, 4], cv=[(a.tolist(), b.tolist()) for a, b in rows]).fit(X, kind[2])
    np.testing.assert_array_equal(
        lists.cv_results_["mean_test_score"], same.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([], "cv must give at least one fold, got none"),
        ([([0, 1, 2], [])], "cv must give indices of rows, at least one, .* in test of fold 0"),
        (
            [([0, 1, 2], [3]), ([0, 40], [1])],
            "cv must give indices between 0 and 39, got 0 to 40 in training",
        ),
        (
            [(np.ones(39, dtype=bool), [3])],
            r"a mask of the 40 rows; got .* \(39,\) and dtype bool in training",
        ),
    ],
)
def test_c3_wrong_folds_are_named(folds, message):
    with pytest.raises(ValueError, match=message):
        PrunedLeastSquaresCV(cv=folds).fit(X, Y)
