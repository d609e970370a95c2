"""Targets, folds and scorers of every kind in the searches, as GridSearchCV over the same models
has them."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import hypothesis.strategies as st
import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn
from hypothesis import given
from scipy import sparse
from sklearn.datasets import make_regression
from sklearn.feature_selection import RFE
from sklearn.linear_model import LassoCV, LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import strategies  # noqa: F401, registers the profile
from overprune.sklearn import (
    PrunedLeastSquares,
    PrunedLeastSquaresClassifier,
    PrunedLeastSquaresClassifierCV,
    PrunedLeastSquaresCV,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6))
Y = X @ RNG.normal(size=6) + RNG.normal(size=60)
INDICATORS = (X[:, :3] + 0.3 * RNG.normal(size=(60, 3)) > 0.2).astype(int)
WEIGHTS = RNG.uniform(0.5, 2.0, size=60)
GRID = {"sizes": [3, 6], "nonzeros": [2, 3], "rules": ["magnitude", "hessian"]}
LIBRARIES = {
    "bool": INDICATORS.astype(bool),
    "lists": INDICATORS.astype(bool).tolist(),
    "floats": INDICATORS * 1.0,
    "sparse": sparse.csr_array(INDICATORS),
    "sparse bools": sparse.csr_array(INDICATORS.astype(bool)),
    **{kind: INDICATORS.astype(kind) for kind in ("int8", "uint8", "uint16", "uint64", "float32")},
}


def grid_search(search, X, y, **parameters):
    """GridSearchCV over the points of a fitted search."""
    names = ("fit_intercept", "class_weight")
    shared = {name: getattr(search, name) for name in names if hasattr(search, name)}
    points = [
        {name: [value] for name, value in point.items()} for point in search.cv_results_["params"]
    ]
    parameters.setdefault("scoring", search.scoring or search._default_scoring)
    parameters = {"cv": search.cv, "refit": search.refit, **parameters}
    return GridSearchCV(search._estimator(**shared), points, **parameters).fit(X, y)


def assert_same(found, expected):
    """All scores of all metrics; GridSearchCV leaves it to rounding which of two equal models ranks
    first."""
    names = [
        name for name in expected.cv_results_ if "test_" in name and not name.startswith("rank")
    ]
    assert names == [n for n in found.cv_results_ if "test_" in n and not n.startswith("rank")]
    for name in names:
        np.testing.assert_allclose(
            found.cv_results_[name], expected.cv_results_[name], rtol=1e-7, atol=1e-12, err_msg=name
        )
    assert found.multimetric_ == expected.multimetric_


def quietly(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


@pytest.mark.parametrize("class_weight", [None, "balanced", [{0: 1.0, 1: 2.0}] * 3])
@pytest.mark.parametrize("y", LIBRARIES.values(), ids=LIBRARIES)
def test_indicators_of_any_dtype_are_what_their_numbers_are(y, class_weight):
    make = lambda: PrunedLeastSquaresClassifier(n_nonzeros=3, class_weight=class_weight)  # noqa: E731
    for weights, scoring in ((None, None), (WEIGHTS, "f1_macro")):
        found, expected = make().fit(X, y, weights), make().fit(X, INDICATORS, weights)
        np.testing.assert_array_equal(found.coef_, expected.coef_)
        predicted = found.predict(X)
        assert sparse.issparse(predicted) == sparse.issparse(y)
        dense = predicted.toarray() if sparse.issparse(y) else predicted
        np.testing.assert_array_equal(dense, expected.predict(X))
        assert 0.5 < found.score(X, y) < 1.0
        assert (found.compact().predict(X) != predicted).sum() == 0
        grid = {"sizes": [6], "nonzeros": [3], "cv": 3, "class_weight": class_weight}
        searches = [PrunedLeastSquaresClassifierCV(**grid, scoring=scoring) for _ in range(2)]
        one, other = (s.fit(X, t, weights) for s, t in zip(searches, (y, INDICATORS), strict=True))
        np.testing.assert_array_equal(
            one.cv_results_["mean_test_score"], other.cv_results_["mean_test_score"]
        )
        np.testing.assert_array_equal(one.coef_, other.coef_)


@pytest.mark.parametrize("make", [PrunedLeastSquares, PrunedLeastSquaresCV])
def test_sparse_real_targets_are_refused_by_name(make):
    with pytest.raises(
        TypeError, match=r"^y must be a dense array, got a csr_array; y\.toarray\(\) is one$"
    ):
        make().fit(X, sparse.csr_array(Y[:, None]))


@given(
    st.integers(0, 2**20),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from([None, "roc_auc", "f1_macro", "top"]),
)
def test_folds_that_lack_a_class(seed, classes, fit_intercept, scoring):
    """A model that never saw a class has no column for it, and does not get it right."""
    random = np.random.default_rng(seed)
    labels = np.array(["d", "a", "c", "b"])[random.integers(0, classes, 60)]
    cv = []
    for _ in range(3):  # training of rows of a few classes
        some = random.permutation(np.flatnonzero(np.isin(labels, random.choice(list("abcd"), 3))))
        half = max(1, some.size // 2)
        if some.size:
            cv.append((some[:half], np.setdiff1d(np.arange(60), some[:half])))
    cv = cv or KFold(3)
    if scoring == "top":
        scoring = lambda model, X, y: len(model.classes_) + np.ndim(model.decision_function(X)) / 8  # noqa: E731
    search = PrunedLeastSquaresClassifierCV(
        [3, 6], [2], cv=cv, scoring=scoring, fit_intercept=fit_intercept
    )
    assert_same(*quietly(lambda: (search.fit(X, labels), grid_search(search, X, labels))))


def test_a_classifier_of_one_class_predicts_no_other():
    for fit_intercept in (True, False):
        model = PrunedLeastSquaresClassifier(fit_intercept=fit_intercept).fit(X, ["a"] * 60)
        assert set(model.predict(X)) == set(model.compact().predict(X)) == {"a"}
        search = PrunedLeastSquaresClassifierCV(**GRID, cv=KFold(3), fit_intercept=fit_intercept)
        assert search.fit(X, ["a"] * 60).best_score_ == 1.0


@pytest.mark.parametrize("refit", [False, "score", lambda results: 2])
@pytest.mark.parametrize(
    "scoring",
    [
        lambda model, X, y: {"score": model.score(X, y)},
        lambda model, X, y: {"score": model.score(X, y), "b": float(model.n_nonzeros)},
        lambda model, X, y: {"b": 1.0, "score": float(model.n_nonzeros)},
        {"score": "r2", "b": "explained_variance"},
    ],
)
def test_a_metric_may_be_called_score(scoring, refit):
    search = PrunedLeastSquaresCV(**GRID, cv=3, scoring=scoring, refit=refit).fit(X, Y)
    assert search.multimetric_
    assert_same(search, grid_search(search, X, Y))


def test_a_function_of_a_metric_called_score_may_fail():
    def fails(model, X, y):
        if model.n_nonzeros == 2 or X[0, 0] == 0.0:
            raise RuntimeError("no score")
        return {"score": 1.0, "b": 2.0}

    rows = X.copy()
    rows[0, 0] = 0.0  # of the first fold, which fails whole
    with pytest.warns(UserWarning, match="Scoring failed"):
        search = PrunedLeastSquaresCV(
            **GRID, cv=3, scoring=fails, refit="score", error_score=-5.0
        ).fit(rows, Y)
    assert (
        set(search.cv_results_["split0_test_score"])
        == set(search.cv_results_["split0_test_b"])
        == {-5.0}
    )
    assert set(search.cv_results_["split1_test_score"]) == {1.0, -5.0}
    assert set(search.cv_results_["split1_test_b"]) == {2.0, -5.0}


@pytest.mark.parametrize(
    "class_weight", [{"a": 1.0, "b": 2.0, "c": 3.0}, {"c": 5.0}, {"b": 0.0, "c": 5.0}]
)
def test_classes_with_a_weight_need_no_rows(class_weight):
    labels = np.array(["a", "b", "c"])[np.arange(60) // 20]
    weights = WEIGHTS * (labels != "c")
    LogisticRegression(class_weight=class_weight).fit(X, labels, weights)
    found = PrunedLeastSquaresClassifier(class_weight=class_weight).fit(X, labels, weights)
    factors = np.array([class_weight.get(label, 1.0) for label in labels])
    expected = PrunedLeastSquaresClassifier().fit(X, labels, weights * factors)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9, atol=1e-12)
    search = PrunedLeastSquaresClassifierCV(**GRID, cv=KFold(3), class_weight=class_weight).fit(
        X, labels
    )
    for i, (train, test) in enumerate(KFold(3).split(X)):
        for j, point in enumerate(search.cv_results_["params"]):
            model = PrunedLeastSquaresClassifier(**point).fit(
                X[train], labels[train], factors[train]
            )
            assert search.cv_results_[f"split{i}_test_score"][j] == model.score(
                X[test], labels[test]
            )
    with pytest.raises(ValueError, match="not in class_weight"):
        PrunedLeastSquaresClassifier(class_weight={"d": 1.0}).fit(X, labels)


def test_the_own_score_of_the_models_takes_weights():
    scoring = {"own": None, "r2": "r2", "ev": "explained_variance"}
    search = PrunedLeastSquaresCV(**GRID, cv=3, scoring=scoring, refit="own")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(X, Y, WEIGHTS)
    results = search.cv_results_
    np.testing.assert_allclose(results["mean_test_own"], results["mean_test_r2"], rtol=1e-12)
    search.fit(X, Y)
    assert_same(search, grid_search(search, X, Y))
    with sklearn.config_context(enable_metadata_routing=True):
        search.set_score_request(sample_weight=False)
        with pytest.warns(UserWarning, match="takes no sample_weight"):
            search.fit(X, Y, WEIGHTS)


@pytest.mark.parametrize("scoring", ["neg_mean_squared_error", "explained_variance"])
def test_of_models_that_are_the_same_the_first_wins(scoring):
    """Two rules that keep the same features make the same models, whatever rounding makes of their
    scores."""
    for seed in range(8):
        rows, y = make_regression(40, 6, n_informative=3, noise=5.0, random_state=seed)
        search = PrunedLeastSquaresCV(
            [3, 6], [2, 3], ["hessian", "random", "magnitude"], scoring=scoring, cv=3
        )
        search.set_params(random_state=seed).fit(rows, y)
        points = search.cv_results_["params"]
        for i, (train, _) in enumerate(KFold(3).split(rows)):
            seen = {}
            for point, score in zip(
                points, search.cv_results_[f"split{i}_test_score"], strict=True
            ):
                model = PrunedLeastSquares(**point, random_state=seed).fit(rows[train], y[train])
                key = (
                    point["n_features_to_train"],
                    point["retrain"],
                    *model.get_support(indices=True),
                )
                assert seen.setdefault(key, score) == score
            assert len(seen) < len(points)


def test_compact_models_take_frames_of_sparse_columns():
    pandas = pytest.importorskip("pandas")
    values = np.where(X > 0.5, X, 0.0)
    frame = pandas.DataFrame(values, columns=list("abcdef")).astype(pandas.SparseDtype(float, 0.0))
    model = PrunedLeastSquares(n_nonzeros=3).fit(frame, Y)
    compact, expected = model.compact(), model.predict(frame)
    for rows in (frame, frame[compact.feature_names_in_[::-1]]):
        np.testing.assert_allclose(compact.predict(rows), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "score",
    [
        lambda value: np.array([value]),
        lambda value: np.array([[value]]),
        lambda value: pytest.importorskip("pandas").Series([value]),
        lambda value: pytest.importorskip("torch").tensor(value),
        np.float32,
    ],
)
def test_a_score_may_come_in_an_array_of_one(score):
    scoring = lambda model, X, y: score(float(model.n_nonzeros))  # noqa: E731
    search = PrunedLeastSquaresCV(**GRID, cv=3, scoring=scoring).fit(X, Y)
    assert_same(search, grid_search(search, X, Y))
    assert search.n_nonzeros_ == 3


def test_refit_may_name_the_one_metric():
    for scoring, refit in ((None, "neg_mean_squared_error"), ("r2", "r2"), ("r2", "score")):
        search = PrunedLeastSquaresCV(**GRID, cv=3, scoring=scoring, refit=refit).fit(X, Y)
        assert_same(search, grid_search(search, X, Y))
        assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    for refit in ("mse", ""):
        with pytest.raises(TypeError, match=f"^refit must be True or False, got '{refit}'"):
            PrunedLeastSquaresCV(**GRID, scoring="r2", refit=refit).fit(X, Y)
    with pytest.raises(ValueError, match=r"refit must be .*, one of 1, b; got 'a'"):
        PrunedLeastSquaresCV(scoring=lambda model, X, y: {1: 1.0, "b": 2.0}, refit="a").fit(X, Y)


@pytest.mark.parametrize("cv", [[1, 2], [([0, 1], [2], [3])], ["ab"], [None], iter([3.0])])
def test_folds_that_are_no_pairs_are_named(cv):
    with pytest.raises(
        ValueError, match=r"^cv must give pairs of the rows in training and in test, got .* 0$"
    ):
        PrunedLeastSquaresCV(cv=cv).fit(X, Y)
    splitter = SimpleNamespace(split=lambda *_: iter([3]), get_n_splits=lambda *_: 1)
    with pytest.raises(ValueError, match=r"^cv must give pairs of .*, got 3 as fold 0$"):
        PrunedLeastSquaresCV(cv=splitter).fit(X, Y)


def test_groups_are_routed_to_the_splitter():
    groups = np.arange(60) % 6
    expected = PrunedLeastSquaresCV(**GRID, cv=GroupKFold(3)).fit(
        StandardScaler().fit_transform(X), Y, groups=groups
    )
    with sklearn.config_context(enable_metadata_routing=True):
        for make in (
            lambda: PrunedLeastSquaresCV(**GRID, cv=GroupKFold(3)),
            lambda: LassoCV(cv=GroupKFold(3)),
        ):
            found = make_pipeline(StandardScaler(), make()).fit(X, Y, groups=groups)
        found = make_pipeline(StandardScaler(), PrunedLeastSquaresCV(**GRID, cv=GroupKFold(3)))
        found.fit(X, Y, groups=groups)
        np.testing.assert_array_equal(
            found[-1].cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
        )
        nested = cross_validate(
            PrunedLeastSquaresCV(**GRID, cv=GroupKFold(2)),
            X,
            Y,
            cv=GroupKFold(3),
            params={"groups": groups},
        )
        assert np.isfinite(nested["test_score"]).all()
        folds = KFold(3).split(X)  # can be read once
        assert make_pipeline(PrunedLeastSquaresCV(**GRID, cv=folds)).fit(X, Y)[-1].n_splits_ == 3
        weighted = PrunedLeastSquaresCV(**GRID).set_fit_request(sample_weight=True)
        assert make_pipeline(weighted).fit(X, Y, sample_weight=WEIGHTS)[-1].n_splits_ == 5
        with pytest.raises(TypeError, match="groups"):
            make_pipeline(PrunedLeastSquaresCV(cv=KFold(3))).fit(X, Y, groups=groups)


@pytest.mark.parametrize("make", [PrunedLeastSquares, PrunedLeastSquaresClassifier])
@pytest.mark.parametrize("trained", [None, 1.0])
def test_where_all_columns_are_trained_fewer_may_be_left(make, trained):
    selection = RFE(make(n_features_to_train=trained, n_nonzeros=4), n_features_to_select=3)
    with pytest.warns(
        UserWarning, match="n_nonzeros must be at most the number of features of X, 3; got 4"
    ):
        selection.fit(X, Y > 0)
    assert selection.support_.sum() == 3
