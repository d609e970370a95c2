"""Columns that are constant, nearly constant or far from 0, and weights of any size: cases A1 and
A5."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

import hypothesis.strategies as st
from hypothesis import given, settings
from scipy import sparse
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge

from overprune.sklearn import (
    PrunedLeastSquares,
    PrunedLeastSquaresClassifier,
    PrunedLeastSquaresClassifierCV,
    PrunedLeastSquaresCV,
)
from sklearn_tools import centred_reference

X, Y = load_diabetes(return_X_y=True)
LABELS = np.digitize(Y, np.quantile(Y, [0.4, 0.7]))
UNIFORM = np.random.default_rng(0).uniform(size=len(X))
WEIGHTS = {
    "none": None,
    "uniform": UNIFORM,
    "integer": (4 * UNIFORM).astype(int),
    "steep": np.exp(20 * UNIFORM),
    "huge": 1e307 * UNIFORM,
    "tiny": 1e-320 * (1 + (1000 * UNIFORM).astype(int)),
}
CONSTANTS = [0.1, 1.0, 2023.0, 1.7e9 + 0.123, -1e300, 5e-324]


def error(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def least_squares(weights):
    """scikit-learn's model of the data without more columns, with weights that it can add."""
    return LinearRegression().fit(X, Y, None if weights is None else weights / weights.max())


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("constant", CONSTANTS)
def test_a1_a_constant_has_no_part_in_a_model(constant, weights):
    Z = np.insert(X, 3, constant, axis=1)
    expected = least_squares(weights).predict(X)
    for model in (
        PrunedLeastSquares(n_nonzeros=11),
        PrunedLeastSquares(n_nonzeros=10, retrain=False),
    ):
        model.fit(Z, Y, weights)
        assert model.coef_[3] == 0.0
        assert error(model.predict(Z), expected) < 1e-10
        assert error(model.compact().predict(Z), expected) < 1e-10
    assert model.rank_ == 10
    assert not model.support_[3]
    few = PrunedLeastSquares(n_nonzeros=5).fit(Z, Y, weights)
    without = PrunedLeastSquares(n_nonzeros=5).fit(X, Y, weights)
    np.testing.assert_array_equal(np.delete(few.support_, 3), without.support_)
    assert error(few.predict(Z), without.predict(X)) < 1e-10


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize(
    "make",
    [
        lambda **given: PrunedLeastSquaresClassifier(n_nonzeros=6, **given),
        lambda **given: PrunedLeastSquaresClassifierCV([4, 11], [4, 6], cv=3, **given),
    ],
)
def test_a1_a_constant_has_no_part_in_a_classifier(make, weights, class_weight):
    Z = np.insert(X, 3, 1.0, axis=1)
    model = make(class_weight=class_weight).fit(Z, LABELS, weights)
    assert not model.coef_[:, 3].any()
    assert np.abs(model.coef_).max() < 1e3
    plain = PrunedLeastSquaresClassifier(n_nonzeros=10, class_weight=class_weight).fit(
        X, LABELS, weights
    )
    whole = PrunedLeastSquaresClassifier(n_nonzeros=11, class_weight=class_weight).fit(
        Z, LABELS, weights
    )
    assert error(whole.decision_function(Z), plain.decision_function(X)) < 1e-10


@pytest.mark.parametrize("scoring", ["neg_mean_squared_error", "explained_variance"])
@pytest.mark.parametrize("constant", CONSTANTS[:4])
def test_a1_a_column_that_varies_in_the_test_rows_alone(constant, scoring):
    """No part of the model, and none of the score of the fold."""
    train, test = np.arange(0, 300), np.arange(300, len(X))
    column = np.full(len(X), constant)
    column[test[::7]] *= 3.0
    Z = np.insert(X, 3, column, axis=1)
    grid = {"rules": "magnitude", "scoring": scoring}
    found = PrunedLeastSquaresCV([11], [6, 11], cv=[(train, test)], **grid).fit(Z, Y)
    expected = PrunedLeastSquaresCV([10], [6, 10], cv=[(train, test)], **grid).fit(X, Y)
    np.testing.assert_allclose(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], rtol=1e-9
    )
    model = PrunedLeastSquares(n_nonzeros=11).fit(Z[train], Y[train])
    assert (
        error(model.predict(Z[test]), LinearRegression().fit(X[train], Y[train]).predict(X[test]))
        < 1e-10
    )


def in_steps(values):
    """Of 2**-20, so that an offset of up to 2**32 is added without rounding."""
    return np.round(values * 2**20) / 2**20


@pytest.mark.parametrize("weights", [None, UNIFORM], ids=["none", "uniform"])
@pytest.mark.parametrize("offset", [2.0**10, 1e8, 1e9, 2.0**32])
def test_a1_an_offset_costs_no_digit(offset, weights):
    plain = in_steps(X)
    moved = plain.copy()
    moved[:, [2, 5]] += offset
    expected = LinearRegression().fit(plain, Y, weights)
    model = PrunedLeastSquares(n_nonzeros=10).fit(moved, Y, weights)
    assert error(model.coef_, expected.coef_) < 1e-13
    for rows in (moved, sparse.csr_array(moved), sparse.csc_array(moved), np.asfortranarray(moved)):
        again = PrunedLeastSquares(n_nonzeros=10).fit(rows, Y, weights)
        assert error(again.coef_, expected.coef_) < 1e-13
        for fitted in (again, again.compact(), again.sparsify()):
            assert error(fitted.predict(rows), expected.predict(plain)) < 1e-13
    search = {"sizes": [5, 10], "nonzeros": [4, 8], "cv": 3}
    for scoring in ("neg_mean_squared_error", "explained_variance"):
        found = PrunedLeastSquaresCV(**search, scoring=scoring).fit(moved, Y, weights)
        same = PrunedLeastSquaresCV(**search, scoring=scoring).fit(plain, Y, weights)
        np.testing.assert_allclose(
            found.cv_results_["mean_test_score"], same.cv_results_["mean_test_score"], rtol=1e-11
        )
        assert error(found.predict(moved), same.predict(plain)) < 1e-11
    labels = [
        PrunedLeastSquaresClassifier(n_nonzeros=6).fit(rows, LABELS, weights)
        for rows in (plain, moved)
    ]
    assert error(labels[1].decision_function(moved), labels[0].decision_function(plain)) < 1e-12
    assert (
        error(labels[1].compact().decision_function(moved), labels[0].decision_function(plain))
        < 1e-12
    )


def test_a1_a_changed_coefficient_or_intercept_counts_in_predictions_far_from_0():
    moved = in_steps(X) + 1e9
    model = PrunedLeastSquares(n_nonzeros=10).fit(moved, Y)
    before = model.predict(moved)
    model.intercept_ += 2.0**20
    np.testing.assert_allclose(model.predict(moved) - before, 2.0**20, rtol=1e-12)
    model.coef_[2] = 0.0
    np.testing.assert_allclose(
        model.predict(moved), moved @ model.coef_ + model.intercept_, rtol=1e-12
    )


def test_a1_a_distant_row_of_next_to_no_weight_costs_no_digit():
    for place in (0, len(X)):
        rows, y = np.insert(in_steps(X) + 1e6, place, -1e6, axis=0), np.insert(Y, place, 0.0)
        weights = np.insert(np.ones(len(X)), place, 1e-40)
        model = PrunedLeastSquares(n_nonzeros=10, retrain=False).fit(rows, y, weights)
        assert error(model.coef_, LinearRegression().fit(in_steps(X), Y).coef_) < 1e-12


def design(seed):
    """Training rows, targets, weights, new rows: ordinary columns, constants, near-constants and
    offsets."""
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(12, 60)), int(rng.integers(3, 9))
    rows = rng.standard_normal((n + 10, p))
    y = (
        rows @ rng.standard_normal(p)
        + 0.3 * rng.standard_normal(n + 10)
        + rng.choice([0.0, 5.0, 1e6])
    )
    for j in range(1, p):
        constant = float(rng.choice([0.1, 1.0, 2023.0, 1.7e9 + 0.123, -3e-5, 1e8 / 3]))
        kind = rng.choice(["plain", "plain", "offset", "constant", "neighbours", "rounded"])
        if kind == "offset":
            rows[:, j] += 10.0 ** rng.uniform(1, 9)
        elif kind == "constant":
            rows[:, j] = constant
        elif kind == "neighbours":
            # their ulps are far from the rank's limit
            constant = float(rng.choice([0.1, 1.7e9 + 0.123, -3e-5]))
            rows[:, j] = constant + np.spacing(constant) * rng.integers(-2, 3, n + 10)
        elif kind == "rounded":
            rows[:, j] = np.where(rng.random(n + 10) < 0.5, 0.1 + 0.2, 0.3)
    weights = [None, rng.uniform(size=n), rng.integers(0, 4, n).astype(float)][seed % 3]
    return rows[:n], y[:n], weights, rows[n:]


def test_a1_200_designs():
    """Within 1e-8 of least squares on all; scikit-learn's models on most: they centre by one
    rounded mean."""
    theirs = []
    for seed in range(200):
        rows, y, weights, new = design(seed)
        for ridge in (0.0, 0.1):
            expected = centred_reference(rows, y, new, weights, ridge)
            for retrain in (False, True):
                model = PrunedLeastSquares(n_nonzeros=1.0, retrain=retrain, ridge=ridge).fit(
                    rows, y, weights
                )
                assert error(model.predict(new), expected) < 1e-8
            total = len(y) if weights is None else weights.sum()
            peer = Ridge(ridge * total, solver="svd") if ridge else LinearRegression()
            theirs.append(error(peer.fit(rows, y, weights).predict(new), expected))
    assert np.median(theirs) < 1e-12
    assert np.mean(np.array(theirs) < 1e-8) > 0.75


@pytest.mark.parametrize("scale", [1e307, 1e-200, 1e-320])
def test_a5_weights_of_any_size(scale):
    weights = (1 + (4 * UNIFORM).astype(int)).astype(float)
    scaled = scale * weights
    makes = [
        (lambda: PrunedLeastSquares(n_nonzeros=5), Y),
        (lambda: PrunedLeastSquaresCV([5, 10], [3, 5], cv=3), Y),
        (lambda: PrunedLeastSquaresCV([5, 10], [3, 5], cv=3, scoring="explained_variance"), Y),
        (lambda: PrunedLeastSquaresClassifier(n_nonzeros=5, class_weight="balanced"), LABELS),
        (lambda: PrunedLeastSquaresClassifierCV([5, 10], [3, 5], cv=3), LABELS),
    ]
    for make, targets in makes:
        found, expected = make().fit(X, targets, scaled), make().fit(X, targets, weights)
        np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9, atol=1e-9)
        if hasattr(found, "cv_results_"):
            np.testing.assert_allclose(
                found.cv_results_["mean_test_score"],
                expected.cv_results_["mean_test_score"],
                rtol=1e-9,
            )


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({0: -1.0, 1: 1.0, 2: 1.0}, r"class_weight must be finite and not negative, got \{0: -1.0"),
        ({0: np.inf, 1: 1.0, 2: 1.0}, "class_weight must be finite and not negative"),
        ({0: 0.0, 1: 0.0, 2: 0.0}, "class_weight must leave weight to at least one training row"),
    ],
)
@pytest.mark.parametrize("weights", [None, UNIFORM], ids=["none", "uniform"])
def test_a5_wrong_class_weights_are_named(class_weight, message, weights):
    with pytest.raises(ValueError, match=message):
        PrunedLeastSquaresClassifier(class_weight=class_weight).fit(X, LABELS, weights)


@st.composite
def moved_problems(draw):
    """Rows in steps of 1/8, weights, exact offsets, a constant and where it goes, a scale of the
    weights."""
    n, p = draw(st.integers(3, 14)), draw(st.integers(1, 5))
    steps = st.lists(st.integers(-64, 64), min_size=(n + 2) * p, max_size=(n + 2) * p)
    rows = np.array(draw(steps)).reshape(n + 2, p) / 8.0
    y = np.array(draw(st.lists(st.integers(-64, 64), min_size=n, max_size=n))) / 8.0
    weight = st.floats(0.01, 100.0) | st.just(0.0)
    weights = np.array(draw(st.lists(weight, min_size=n, max_size=n)))
    weights[0] = weights[-1] = 1.0
    offset = np.array(
        draw(st.lists(st.integers(-(2**40), 2**40), min_size=p, max_size=p)), dtype=float
    )
    constant = draw(st.floats(-1e300, 1e300))
    scale = draw(st.floats(1e-290, 1e290))
    return (
        rows,
        y,
        weights,
        offset,
        constant,
        draw(st.integers(0, p)),
        scale,
        draw(st.sampled_from([0.0, 0.1])),
    )


@settings(derandomize=True, deadline=None, max_examples=100, database=None)
@given(moved_problems())
def test_a1_a5_offsets_constants_and_scales_of_weights_change_nothing(problem):
    rows, y, weights, offset, constant, place, scale, ridge = problem
    train, new = rows[:-2], rows[-2:]
    model = PrunedLeastSquares(n_nonzeros=1.0, ridge=ridge).fit(train, y, weights)
    expected, size = model.predict(new), 1.0 + np.abs(y).max() + np.abs(model.coef_).sum() * 16.0
    moved = np.insert(train + offset, place, constant, axis=1)
    for here, there in (
        (moved, np.insert(new + offset, place, constant, axis=1)),
        (
            sparse.csr_array(moved),
            sparse.csr_array(np.insert(new + offset, place, constant, axis=1)),
        ),
        (moved, np.insert(new + offset, place, 0.5, axis=1)),
    ):
        other = PrunedLeastSquares(n_nonzeros=1.0, ridge=ridge).fit(here, y, scale * weights)
        assert other.coef_[place] == 0.0
        np.testing.assert_allclose(other.predict(there), expected, rtol=0.0, atol=1e-10 * size)
        np.testing.assert_allclose(
            other.compact().predict(there), expected, rtol=0.0, atol=1e-10 * size
        )
