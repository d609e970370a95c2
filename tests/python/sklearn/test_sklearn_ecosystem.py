"""The estimators among others: pipelines, searches, names, routing, pickles, data frames; compact
models."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import overprune as op
from overprune.sklearn import (
    CompactRegressor,
    PrunedLeastSquares,
    PrunedLeastSquaresClassifier,
    PrunedLeastSquaresClassifierCV,
    PrunedLeastSquaresCV,
    RandomFeatures,
)

ESTIMATORS = [
    PrunedLeastSquares(n_nonzeros=5),
    PrunedLeastSquaresCV([10, 20], [3, 5], cv=3),
    PrunedLeastSquaresClassifier(n_nonzeros=5),
    PrunedLeastSquaresClassifierCV([10, 20], [3, 5], cv=3),
]
MODELS = pytest.mark.parametrize("model", ESTIMATORS, ids=lambda model: type(model).__name__)


def data(model=None, n=40, p=20):
    X = op.standard_normal((n, p), seed=0)
    y = X @ op.standard_normal(p, seed=1) + 0.1 * op.standard_normal(n, seed=2) + 2.0
    return X, (np.digitize(y, [0.0, 4.0]) if "Classifier" in type(model).__name__ else y)


def frame(X):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(X, columns=[f"gene {i}" for i in range(X.shape[1])])


def test_a_pipeline_in_a_grid_search():
    X, y = data()
    features = RandomFeatures(100, activation="tanh", random_state=0)
    pipeline = make_pipeline(StandardScaler(), features, PrunedLeastSquares(n_nonzeros=10))
    grid = {
        "prunedleastsquares__n_features_to_train": [20, 100],
        "randomfeatures__activation": ["relu", "erf"],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_[-1].n_nonzeros_ == 10
    assert cross_val_score(pipeline, X, y, cv=3).shape == (3,)


@MODELS
def test_clone_and_pickle(model):
    X, y = data(model)
    fitted = clone(model).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    copy = clone(fitted)
    assert str(copy.get_params()) == str(model.get_params())
    with pytest.raises(NotFittedError):
        copy.predict(X)


@MODELS
def test_names(model):
    X, y = data(model)
    named = frame(X)
    fitted = clone(model).fit(named, y)
    assert fitted.n_features_in_ == 20
    assert fitted.feature_names_in_.tolist() == named.columns.tolist()
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(named[named.columns[::-1]])
    kept = fitted.get_support(indices=True)
    compact = fitted.compact()
    assert compact.feature_names_in_.tolist() == [f"gene {i}" for i in kept]
    some = named[[f"gene {i}" for i in kept[::-1]]]  # by name, so in any order
    np.testing.assert_allclose(compact.predict(some), fitted.predict(named))
    np.testing.assert_allclose(compact.predict(named), fitted.predict(named))
    with pytest.raises(ValueError, match=rf"missing: \['gene {kept[0]}'\]"):
        compact.predict(named.drop(columns=f"gene {kept[0]}"))


@MODELS
def test_compact_models(model):
    X, y = data(model)
    fitted = clone(model).fit(X, y)
    compact = pickle.loads(pickle.dumps(fitted.compact()))
    kept = fitted.get_support(indices=True)
    assert (compact.n_features_in_, compact.n_features_full_) == (kept.size, 20)
    assert compact.coef_.shape[-1] == kept.size < 20
    expected = fitted.predict(X)
    for given in (X, X[:, kept], X.tolist(), sparse.csr_array(X), sparse.csc_matrix(X[:, kept])):
        np.testing.assert_allclose(compact.predict(given), expected, rtol=1e-12)
    unknown = np.where(fitted.support_, X, np.nan)  # what did not survive need not be measured
    np.testing.assert_allclose(compact.predict(unknown), expected, rtol=1e-12)
    assert compact.score(X, y) == pytest.approx(fitted.score(X, y))
    if hasattr(fitted, "classes_"):
        np.testing.assert_allclose(
            compact.decision_function(X), fitted.decision_function(X), rtol=1e-12
        )
        np.testing.assert_array_equal(compact.classes_, fitted.classes_)
    assert clone(compact) is compact.fit(X, y) is compact
    assert (
        make_pipeline(StandardScaler(with_mean=False), compact).fit(X, y).predict(X).shape
        == y.shape
    )
    np.testing.assert_allclose(fitted.sparsify().compact().predict(X), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=rf"the {kept.size} surviving features or all 20, got 19"):
        compact.predict(X[:, :19])
    with pytest.raises(ValueError, match="X must have 2 dimensions, got shape"):
        compact.predict(X[0])
    with pytest.raises(ValueError, match="NaN"):
        compact.predict(np.full_like(X, np.nan))


def test_a_compact_model_is_made_by_a_pruned_one():
    with pytest.raises(NotFittedError, match="compact"):
        CompactRegressor().predict(np.ones((2, 2)))
    with pytest.raises(NotFittedError):
        PrunedLeastSquares().compact()


def test_a_compact_pipeline_computes_the_surviving_features_only():
    X, y = data()
    features = RandomFeatures(200, random_state=0).fit(X)
    model = PrunedLeastSquares(n_nonzeros=15).fit(features.transform(X), y)
    small = make_pipeline(features.compact(model.support_), model.compact())
    assert small[0].weights_.shape == (15, 20)
    np.testing.assert_allclose(small.predict(X), model.predict(features.transform(X)), rtol=1e-12)
    kept = model.get_support(indices=True)
    names = [f"randomfeatures{i}" for i in kept]
    assert small[0].get_feature_names_out().tolist() == names
    np.testing.assert_array_equal(features.compact(kept).weights_, small[0].weights_)
    assert small[0].fit(X).get_feature_names_out().tolist() == [
        f"randomfeatures{i}" for i in range(15)
    ]
    with pytest.raises(ValueError, match=r"support must have shape \(200,\), got \(20,\)"):
        features.compact(np.ones(20, dtype=bool))


@pytest.mark.parametrize("activation", ["relu", "cos", np.square])
def test_random_features_are_those_of_the_package(activation):
    X, _ = data()
    model = RandomFeatures(30, activation=activation, random_state=7).fit(X)
    weights = op.standard_normal((30, 20), seed=7) / np.sqrt(20)
    np.testing.assert_array_equal(model.transform(X), op.random_features(X, weights, activation))
    np.testing.assert_array_equal(model.transform(sparse.csr_array(X)), model.transform(X))
    larger = RandomFeatures(50, activation=activation, random_state=7).fit(X)
    np.testing.assert_array_equal(larger.weights_[:30], model.weights_)
    assert model.transform(X.astype(np.float32)).dtype == np.float32


def test_random_features_with_other_seeds():
    X, _ = data()
    state = np.random.RandomState(0)
    one, two = (RandomFeatures(3, random_state=state).fit(X).weights_ for _ in range(2))
    assert (one != two).all()
    np.testing.assert_array_equal(
        RandomFeatures(3, random_state=np.random.RandomState(0)).fit(X).weights_, one
    )


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_components": 0}, ValueError, "n_components must be at least 1, got 0"),
        ({"n_components": 2.5}, TypeError, "n_components must be an integer"),
        (
            {"activation": "swish"},
            ValueError,
            "activation must be a callable or one of identity, .*; got 'swish'",
        ),
        ({"random_state": -1}, ValueError, "random_state must be between 0"),
    ],
)
def test_wrong_parameters_of_random_features(parameters, error, message):
    with pytest.raises(error, match=message):
        RandomFeatures(**parameters).fit(data()[0])


def test_data_frames_out():
    X, y = data()
    named = frame(X)
    features = RandomFeatures(4, random_state=0).set_output(transform="pandas")
    out = features.fit_transform(named)
    assert out.columns.tolist() == [f"randomfeatures{i}" for i in range(4)]
    assert (out.index == named.index).all()
    pipeline = make_pipeline(features, PrunedLeastSquares(n_nonzeros=2)).fit(named, y)
    assert pipeline[-1].compact().feature_names_in_.size == 2


@pytest.mark.parametrize("model", ESTIMATORS[:2], ids=lambda model: type(model).__name__)
def test_weights_are_routed(model):
    X, y = data()
    weights = np.linspace(0.0, 2.0, 40)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = clone(model).set_fit_request(sample_weight=True)
        routed = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asking)
        routed.fit(X, y, sample_weight=weights)
        scored = GridSearchCV(
            asking.set_score_request(sample_weight=True), {"ridge": [0.0, 1.0]}, cv=3
        ).fit(X, y, sample_weight=weights)
    direct = clone(model).fit(StandardScaler().fit_transform(X), y, weights)
    np.testing.assert_allclose(routed[-1].coef_, direct.coef_, rtol=1e-12)
    plain = clone(model).set_params(ridge=scored.best_params_["ridge"]).fit(X, y, weights)
    np.testing.assert_array_equal(scored.best_estimator_.coef_, plain.coef_)


def test_tensors_give_numpy_models_under_dispatch_too():
    """scikit-learn asks for the variable before SciPy is imported."""
    pytest.importorskip("torch")
    pytest.importorskip("sklearn", minversion="1.7")  # which brings array_api_compat
    script = """
import numpy as np, sklearn, torch
import overprune as op
from overprune.sklearn import *
X = op.standard_normal((40, 20), seed=0)
y, weights = X @ np.arange(20.0), np.linspace(0.0, 1.0, 40)
tensor = torch.from_numpy
models = [
    (PrunedLeastSquares(n_nonzeros=5), y),
    (PrunedLeastSquaresCV(), y),
    (PrunedLeastSquaresClassifier(n_nonzeros=5), np.digitize(y, [-1.0, 1.0])),
    (PrunedLeastSquaresClassifierCV(cv=3), np.digitize(y, [-1.0, 1.0])),
]
for model, targets in models:
    expected = model.fit(X, targets, weights).predict(X)
    with sklearn.config_context(array_api_dispatch=True):
        found = model.fit(tensor(X), tensor(targets), tensor(weights)).predict(tensor(X))
        compact = model.compact().predict(tensor(X))
    assert isinstance(found, np.ndarray) and isinstance(compact, np.ndarray)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(compact, expected, rtol=1e-12)
with sklearn.config_context(array_api_dispatch=True):
    assert isinstance(RandomFeatures(3).fit_transform(tensor(X)), np.ndarray)
"""
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_arrays_of_other_libraries():
    torch = pytest.importorskip("torch")
    X, y = data()
    model = PrunedLeastSquares(n_nonzeros=5).fit(torch.from_numpy(X), torch.from_numpy(y))
    np.testing.assert_array_equal(model.coef_, PrunedLeastSquares(n_nonzeros=5).fit(X, y).coef_)
    predictions = model.predict(torch.from_numpy(X))
    assert isinstance(predictions, np.ndarray)
    np.testing.assert_array_equal(predictions, model.predict(X))
