"""PrunedLeastSquares and its classifier against the exact minimisers, and against RFE and
SelectFromModel."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy import sparse
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LinearRegression, Ridge, RidgeClassifier
from sklearn.utils.validation import check_is_fitted

import overprune as op
from overprune.sklearn import PrunedLeastSquares, PrunedLeastSquaresClassifier
from sklearn_tools import PlainPruned, minimiser

TALL, WIDE = (60, 20), (30, 80)


def data(shape, seed=0, targets=None):
    n, p = shape
    rng = np.random.default_rng(seed)
    X = rng.normal(size=shape) * np.linspace(0.5, 2.0, p) + rng.normal(size=p)
    beta = rng.normal(size=p if targets is None else (p, targets))
    return X, X @ beta + rng.normal(size=n if targets is None else (n, targets)) + 7.0


def whole(**parameters):
    """All features kept: plain least squares."""
    return PrunedLeastSquares(n_nonzeros=1.0, **parameters)


def test_wide_with_an_intercept_is_the_interpolation_of_least_norm():
    """Of all (theta, b) with X theta + b = y the least |theta|: by its optimality conditions."""
    X, y = data(WIDE)
    model = whole().fit(X, y)
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-10)
    # Least where theta is orthogonal to all v with X v = c 1 for some c: theta = X'u with sum(u) =
    # 0.
    u, *_ = np.linalg.lstsq(X.T, model.coef_, rcond=None)
    np.testing.assert_allclose(X.T @ u, model.coef_, atol=1e-12)
    assert abs(u.sum()) < 1e-12 * np.abs(u).sum() + 1e-13
    Z = np.column_stack([X, np.ones(len(X))])  # an appended column would make b part of the norm
    appended = np.linalg.pinv(Z) @ y
    assert np.linalg.norm(model.coef_) < np.linalg.norm(appended[:-1]) - 1e-3


@pytest.mark.parametrize("shape", [TALL, WIDE])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("targets", [None, 3])
def test_exact_minimisers(shape, ridge, weighted, fit_intercept, targets):
    X, y = data(shape, targets=targets)
    weights = np.random.default_rng(1).uniform(0.1, 3.0, shape[0]) if weighted else None
    model = whole(ridge=ridge, fit_intercept=fit_intercept, retrain=False).fit(X, y, weights)
    theta, b = minimiser(
        X, y, np.ones(len(y)) if weights is None else weights, ridge, fit_intercept
    )
    np.testing.assert_allclose(model.coef_, theta.T, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(model.intercept_, b, rtol=1e-8, atol=1e-9)
    assert np.shape(model.intercept_) == (() if targets is None else (targets,))


@pytest.mark.parametrize("shape", [TALL, WIDE])
@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
@pytest.mark.parametrize("retrain", [False, True])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("targets", [None, 2])
def test_the_whole_model(shape, rule, retrain, ridge, targets):
    X, y = data(shape, targets=targets)
    weights = np.random.default_rng(1).integers(0, 4, shape[0])
    parameters = {
        "n_features_to_train": shape[1] - 3,
        "n_nonzeros": 7,
        "rule": rule,
        "retrain": retrain,
        "ridge": ridge,
    }
    model = PrunedLeastSquares(**parameters).fit(X, y, weights)
    plain = PlainPruned(**parameters).fit(X, y, weights)
    np.testing.assert_array_equal(model.get_support(indices=True), plain.kept_)
    np.testing.assert_allclose(model.coef_, plain.theta_.T, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(model.predict(X), plain.predict(X), rtol=1e-8, atol=1e-8)
    assert (model.n_nonzeros_, model.n_features_trained_) == (7, shape[1] - 3)
    assert model.support_.sum() == 7


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("shape", [TALL, WIDE])
def test_integer_weights_are_repeated_rows(shape, ridge):
    X, y = data(shape)
    weights = np.random.default_rng(2).integers(0, 4, shape[0])
    assert (weights == 0).any()
    make = lambda: PrunedLeastSquares(n_nonzeros=8, rule="hessian", ridge=ridge)  # noqa: E731
    weighted = make().fit(X, y, weights)
    repeated = make().fit(X.repeat(weights, axis=0), y.repeat(weights))
    np.testing.assert_array_equal(weighted.support_, repeated.support_)
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-8)
    scaled = make().fit(X, y, 1e-6 * weights)  # only the ratios of weights count
    np.testing.assert_allclose(scaled.coef_, weighted.coef_, rtol=1e-8, atol=1e-11)


def test_a_shift_changes_the_intercept_alone():
    X, y = data(WIDE)
    model = PrunedLeastSquares(n_nonzeros=10).fit(X, y)
    moved = PrunedLeastSquares(n_nonzeros=10).fit(X + 100.0, y - 50.0)
    np.testing.assert_allclose(moved.coef_, model.coef_, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(moved.predict(X + 100.0), model.predict(X) - 50.0, rtol=1e-8)


class MinimumNorm(RegressorMixin, BaseEstimator):
    """scikit-learn's own least squares, of minimum norm on centred wide data, with a criterion."""

    def __init__(self, ridge=0.0, rule="magnitude"):
        self.ridge, self.rule = ridge, rule

    def fit(self, X, y):
        # Ridge's alpha is n times ours.
        model = Ridge(alpha=self.ridge * len(y), solver="svd") if self.ridge else LinearRegression()
        model.fit(X, y)
        self.coef_, self.intercept_ = model.coef_, model.intercept_
        scale = X.std(axis=0) if self.rule == "hessian" else 1.0
        self.criterion_ = np.abs(self.coef_ * scale)
        return self

    def predict(self, X):
        return X @ self.coef_ + self.intercept_


@pytest.mark.parametrize(("shape", "kept"), [(TALL, 9), (WIDE, 9), (WIDE, 40)])
@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_one_shot_selectors_of_scikit_learn_find_the_same_model(shape, kept, rule, ridge):
    X, y = data(shape)
    model = PrunedLeastSquares(n_nonzeros=kept, rule=rule, ridge=ridge).fit(X, y)
    peer = MinimumNorm(ridge, rule)
    eliminated = RFE(
        peer, n_features_to_select=kept, step=shape[1], importance_getter="criterion_"
    ).fit(X, y)
    chosen = SelectFromModel(
        peer, threshold=-np.inf, max_features=kept, importance_getter="criterion_"
    ).fit(X, y)
    np.testing.assert_array_equal(model.support_, eliminated.support_)
    np.testing.assert_array_equal(model.support_, chosen.get_support())
    again = peer.fit(chosen.transform(X), y)
    for theirs in (eliminated.estimator_, again):
        np.testing.assert_allclose(model.coef_[model.support_], theirs.coef_, rtol=1e-7, atol=1e-10)
        np.testing.assert_allclose(model.intercept_, theirs.intercept_, rtol=1e-7)
    np.testing.assert_allclose(model.predict(X), eliminated.predict(X), rtol=1e-7)


def test_the_random_rule_is_that_of_prune_path():
    X, y = data(WIDE)
    model = PrunedLeastSquares(50, 10, rule="random", random_state=5).fit(X, y)
    path = op.prune_path(X, y - y.mean(), [50], [10], rules=["random"], seed=5)
    expected = path.support("random", 50, 10)
    np.testing.assert_array_equal(model.get_support(indices=True), expected)
    state = np.random.RandomState(0)
    supports = [
        PrunedLeastSquares(50, 10, rule="random", random_state=state).fit(X, y).support_
        for _ in range(2)
    ]
    assert (supports[0] != supports[1]).any()


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("shape", [TALL, WIDE])
def test_the_classifier_codes_classes_as_the_ridge_classifier(classes, shape):
    X, y = data(shape)
    labels = np.array(["b", "a", "c"])[
        np.digitize(y, np.quantile(y, [1 / 3, 2 / 3] if classes == 3 else [0.5]))
    ]
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    ours = PrunedLeastSquaresClassifier(
        n_nonzeros=1.0, ridge=0.2, retrain=False, class_weight="balanced"
    )
    ours.fit(X, labels, weights)
    # RidgeClassifier counts the classes without the weights.
    of_class = np.array([weights[labels == label].sum() for label in labels])
    total = weights * weights.sum() / (classes * of_class)
    theirs = RidgeClassifier(alpha=0.2 * total.sum()).fit(X, labels, total)
    np.testing.assert_allclose(ours.coef_, np.atleast_2d(theirs.coef_), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.decision_function(X).shape == theirs.decision_function(X).shape


def test_classes_share_the_support_of_prune_path_over_several_targets():
    X, y = data(WIDE)
    labels = np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))
    model = PrunedLeastSquaresClassifier(n_nonzeros=12).fit(X, labels)
    assert (((model.coef_ != 0).sum(axis=0) > 0) == model.support_).all()
    assert model.support_.sum() == 12
    theta = np.linalg.pinv(X - X.mean(axis=0), rcond=1e-10) @ np.eye(3)[labels]  # a row too many
    np.testing.assert_array_equal(
        op.top_k(op.importance(theta, "magnitude"), 12), np.flatnonzero(model.support_)
    )


def test_several_labels():
    X, y = data(TALL, targets=3)
    labels = (y > y.mean(axis=0)).astype(int)
    model = PrunedLeastSquaresClassifier(n_nonzeros=15).fit(X, labels)
    assert model.predict(X).shape == labels.shape
    assert (model.predict(X) == labels).mean() > 0.9


def test_sparse_rows_give_the_dense_model():
    X, y = data(WIDE)
    X[X < 0.5] = 0.0
    dense = PrunedLeastSquares(60, 10).fit(X, y)
    for kind in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        model = PrunedLeastSquares(60, 10).fit(kind(X), y)
        np.testing.assert_allclose(model.coef_, dense.coef_, rtol=1e-12)
        np.testing.assert_allclose(model.predict(kind(X)), dense.predict(X), rtol=1e-12)


@pytest.mark.parametrize("targets", [None, 2])
def test_sparse_coefficients(targets):
    X, y = data(WIDE, targets=targets)
    model = PrunedLeastSquares(n_nonzeros=10).fit(X, y)
    dense, predictions = model.coef_, model.predict(X)
    assert np.count_nonzero(dense) == 10 * (targets or 1)
    assert model.sparse_coef_.nnz == 10 * (targets or 1)
    assert sparse.issparse(model.sparsify().coef_)
    np.testing.assert_allclose(model.predict(X), predictions, rtol=1e-12)
    np.testing.assert_allclose(model.predict(sparse.csr_array(X)), predictions, rtol=1e-12)
    assert model.sparsify().sparse_coef_.nnz == 10 * (targets or 1)
    np.testing.assert_array_equal(model.densify().coef_, dense)


def test_defaults():
    X, y = data(WIDE)
    assert PrunedLeastSquares().fit(X, y).n_nonzeros_ == 40
    assert PrunedLeastSquares(12).fit(X, y).n_nonzeros_ == 10
    assert PrunedLeastSquares(5).fit(X, y).n_nonzeros_ == 5
    model = PrunedLeastSquares(0.5, 0.25).fit(X, y)
    assert (model.n_features_trained_, model.n_nonzeros_) == (40, 10)
    assert model.rank_ == 29  # centred rows


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"n_nonzeros": 0},
            ValueError,
            "n_nonzeros must be an integer between 1 and the 80 features trained, a",
        ),
        (
            {"n_features_to_train": 79, "n_nonzeros": 81},
            ValueError,
            "n_nonzeros must be .*; got 81",
        ),
        (
            {"n_features_to_train": 5, "n_nonzeros": 6},
            ValueError,
            "n_nonzeros must be .* the 5 .*; got 6",
        ),
        (
            {"n_nonzeros": 1.5},
            ValueError,
            r"n_nonzeros must be .* fraction in \(0, 1\] or None; got 1.5",
        ),
        ({"n_nonzeros": "all"}, TypeError, "n_nonzeros must be .*; got 'all' of type str"),
        (
            {"n_features_to_train": 81},
            ValueError,
            "n_features_to_train must be .* 80 features of X.*; got 81",
        ),
        (
            {"n_features_to_train": True},
            TypeError,
            "n_features_to_train must be .*; got True of type bool",
        ),
        (
            {"rule": "oracle"},
            ValueError,
            "rule must be one of magnitude, hessian, random; got 'oracle'",
        ),
        ({"rule": None}, TypeError, "rule must be a string"),
        ({"retrain": "yes"}, TypeError, "retrain must be True or False, got 'yes'"),
        ({"ridge": -1.0}, ValueError, "ridge must be finite and at least 0, got -1.0"),
        (
            {"retrain_ridge": "x"},
            TypeError,
            "retrain_ridge must be a real number, got 'x' of type str",
        ),
        ({"fit_intercept": 1}, TypeError, "fit_intercept must be True or False, got 1"),
        ({"rule": "random", "random_state": -1}, ValueError, "random_state must be between 0 and"),
    ],
)
def test_wrong_parameters_are_named(parameters, error, message):
    X, y = data(WIDE)
    model = PrunedLeastSquares(**parameters)
    with pytest.raises(error, match=message):
        model.fit(X, y)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(30), "sample_weight must contain at least one number that is not zero"),
        (-np.ones(30), "sample_weight must not be negative, got -1.0 at index 0"),
        (np.ones((30, 2)), "sample_weight must have one dimension"),
        (np.ones(29), "inconsistent numbers of samples"),
        (np.full(30, np.nan), "sample_weight contains NaN"),
    ],
)
def test_wrong_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        PrunedLeastSquares().fit(*data(WIDE), weights)


def test_what_was_fitted_is_not_changed():
    X, y = data(WIDE)
    before = X.copy(), y.copy(), np.arange(30.0)
    model = PrunedLeastSquares(n_nonzeros=5).fit(X, y, before[2])
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])
    np.testing.assert_array_equal(before[2], np.arange(30.0))
    check_is_fitted(model)


def test_retraining_may_have_a_ridge_of_its_own():
    X, y = data(WIDE)
    model = PrunedLeastSquares(n_nonzeros=5, ridge=0.5, retrain_ridge=0.0).fit(X, y)
    kept = model.get_support(indices=True)
    np.testing.assert_allclose(
        model.coef_[kept], LinearRegression().fit(X[:, kept], y).coef_, rtol=1e-8
    )


def test_a_single_row_predicts_its_target():
    model = PrunedLeastSquares(n_nonzeros=1).fit([[1.0, 2.0]], [3.0])
    assert model.predict([[5.0, 5.0]]) == [3.0]
