"""Weights of samples and classes in the searches, and what a search has when it is fitted."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.feature_selection import RFE, SequentialFeatureSelector
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold

from overprune.sklearn import (
    PrunedLeastSquares,
    PrunedLeastSquaresClassifier,
    PrunedLeastSquaresClassifierCV,
    PrunedLeastSquaresCV,
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


@pytest.mark.parametrize(
    "select",
    [
        lambda model: RFE(model, n_features_to_select=3),
        lambda m: SequentialFeatureSelector(m, cv=2),
    ],
)
def test_c3_selectors_may_leave_fewer_features_than_nonzeros(select):
    X_few = X[:, :6]
    with pytest.warns(
        UserWarning, match=r"n_nonzeros must be at most the number of features of X, \d; got 5"
    ):
        found = select(PrunedLeastSquares(n_nonzeros=5, rule="hessian")).fit(X_few, Y)
    assert found.support_.sum() == 3
    with pytest.warns(
        UserWarning, match=r"nonzeros must be at most the number of .* got \[2, 5\]: \[\d\] is tr"
    ):
        found = select(PrunedLeastSquaresCV(nonzeros=[2, 5], cv=2)).fit(X_few, Y)
    assert found.support_.sum() == 3
    with pytest.raises(
        ValueError, match="n_nonzeros must be an integer between 1 and the 4 features trained"
    ):
        PrunedLeastSquares(n_features_to_train=4, n_nonzeros=5).fit(X_few, Y)


def test_c3_balanced_classes_are_counted_by_the_weights():
    counts = np.random.default_rng(1).integers(0, 3, 40)
    weights, kept = WEIGHTS * (counts > 0), counts > 0
    make = lambda: PrunedLeastSquaresClassifier(n_nonzeros=12, class_weight="balanced")  # noqa: E731
    labels = np.where(X[:, 0] > 0.7, "c", LABELS)
    expected = make().fit(X[kept], labels[kept], weights[kept])
    np.testing.assert_allclose(make().fit(X, labels, weights).coef_, expected.coef_, rtol=1e-12)
    repeated = np.arange(40).repeat(counts)
    expected = make().fit(X[repeated], labels[repeated])
    np.testing.assert_allclose(make().fit(X, labels, counts).coef_, expected.coef_, rtol=1e-9)
    several = np.column_stack([labels == "a", labels == "b"]).astype(int)
    expected = make().fit(X[repeated], several[repeated])
    np.testing.assert_allclose(make().fit(X, several, counts).coef_, expected.coef_, rtol=1e-9)
    search = PrunedLeastSquaresClassifierCV(
        [12], [4], cv=StratifiedKFold(3), class_weight="balanced"
    )
    assert search.fit(X, labels, weights).best_score_ > 0.5
    other = LogisticRegression(class_weight="balanced")
    same = (
        other.fit(X, LABELS, weights).coef_ - other.fit(X[kept], LABELS[kept], weights[kept]).coef_
    )
    assert np.abs(same).max() < 1e-3


def test_c3_a_single_target_has_one_dimension():
    for y in (Y, Y[:, None]):
        for model in (PrunedLeastSquares(n_nonzeros=4), PrunedLeastSquaresCV([12], [4], cv=3)):
            model.fit(X, y)
            assert model.coef_.shape == (12,)
            assert isinstance(model.intercept_, np.float64)
            assert isinstance(model.compact().intercept_, np.float64)
            assert model.predict(X).shape == model.compact().predict(X).shape == (40,)
            assert model.sparsify().predict(X).shape == (40,)
    two = PrunedLeastSquares(n_nonzeros=4).fit(X, np.column_stack([Y, Y]))
    assert (two.coef_.shape, two.intercept_.shape, two.predict(X).shape) == ((2, 12), (2,), (40, 2))


@BOTH
def test_c3_attributes_are_documented_and_there(kind):
    pandas = pytest.importorskip("pandas")
    search = kind[0]([12], [4], cv=GroupKFold(2))
    search.fit(pandas.DataFrame(X, columns=list("abcdefghijkl")), kind[2], groups=np.arange(40) % 4)
    wanted = {
        "multimetric_": False,
        "n_features_in_": 12,
        "feature_names_in_": list("abcdefghijkl"),
    }
    for name, value in wanted.items():
        assert re.search(rf"\b{name}\b", kind[0].__doc__)
        assert np.all(getattr(search, name) == value)
    assert SimpleNamespace(**search.get_params()).error_score is np.nan


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1.0, 1e307, 1.7e308])
def test_scores_take_weights_of_any_size(size):
    X = np.random.default_rng(0).standard_normal((40, 6))
    y = X[:, 0] + np.random.default_rng(1).standard_normal(40)
    shares = np.where(np.arange(40) % 3 == 0, 1.0, 0.5)
    for model, targets in (
        (PrunedLeastSquares(n_nonzeros=2), y),
        (PrunedLeastSquaresClassifier(n_nonzeros=2), y > 0),
    ):
        fitted = model.fit(X, targets, sample_weight=shares * size)
        for one in (fitted, fitted.compact()):
            expected = one.score(X, targets, sample_weight=shares)
            assert one.score(X, targets, sample_weight=shares * size) == pytest.approx(
                expected, rel=1e-3
            )


@pytest.mark.parametrize(
    "weight",
    [10**400, pytest.param(10**5000, id="huge"), "a", [1], 1j, -1, float("nan"), float("inf")],
)
@pytest.mark.parametrize("sample_weight", [None, np.ones(40)])
def test_class_weights_that_are_no_finite_numbers_are_refused_by_name(weight, sample_weight):
    X = np.random.default_rng(0).standard_normal((40, 6))
    model = PrunedLeastSquaresClassifier(n_nonzeros=2, class_weight={0: weight, 1: 1})
    with pytest.raises(ValueError, match="class_weight must"):
        model.fit(X, np.arange(40) % 2, sample_weight=sample_weight)
