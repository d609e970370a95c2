"""Problems given by a data set."""

from __future__ import annotations

import numpy as np
import pytest

import overprune as op
import problems

# Rows are told apart by targets that number them.
pytestmark = pytest.mark.filterwarnings("ignore:targets have a mean")


def data(n=80, n_test=50, d=10, seed=0):
    return problems.normal(n, d, seed=seed), problems.normal(n_test, d, seed=seed + 1)


def rows_of(X, inputs):
    """Which rows of the inputs the rows of X are."""
    return [int(np.flatnonzero((inputs == row).all(axis=1))[0]) for row in X]


@pytest.mark.parametrize("shape", [(), (1,), (3,)], ids=["1-D", "one column", "three columns"])
def test_regression_risk_is_the_test_error(shape):
    inputs, test = data()
    y, y_test = problems.normal(80, *shape, seed=2), problems.normal(50, *shape, seed=3)
    problem = op.DataProblem(inputs, y, test, y_test)
    m = shape[0] if shape else 1
    assert (problem.p, problem.targets) == (10, m)
    theta = problems.normal(*((4, 6, 10) if m == 1 else (4, 6, 10, m)), seed=4)
    outputs = np.einsum("np,abpm->abnm", test, theta.reshape(4, 6, 10, m))
    expected = ((outputs - y_test.reshape(50, m)) ** 2).sum(axis=3).mean(axis=2)
    np.testing.assert_allclose(problem.risk(theta), expected, rtol=1e-12)
    assert problem.risk(theta[0, 0]).shape == ()
    assert problem.null_risk == pytest.approx((y_test**2).sum() / 50)
    assert problem.null_risk == pytest.approx(float(problem.risk(np.zeros_like(theta[0, 0]))))
    with pytest.raises(ValueError, match="accuracy needs class labels"):
        problem.accuracy(theta)


def test_samples_are_distinct_training_rows_with_their_targets():
    inputs, test = data()
    problem = op.DataProblem(inputs, np.arange(80.0), test, np.arange(50.0))
    X, y = problem.sample(80, seed=1)
    assert sorted(y) == list(range(80))
    np.testing.assert_array_equal(inputs[y.astype(int)], X)
    X, y = problem.sample(30, seed=1, stream=4)
    assert len(set(rows_of(X, inputs))) == 30
    np.testing.assert_array_equal(inputs[y.astype(int)], X)


def test_every_row_is_drawn_equally_often():
    inputs, test = data(n=12)
    problem = op.DataProblem(inputs, np.arange(12.0), test, np.zeros(50))
    counts = np.zeros(12)
    for t in range(600):
        counts[problem.sample(5, seed=3, stream=t)[1].astype(int)] += 1
    assert ((counts - 250) ** 2 / 250).sum() < 32  # chi-squared, 11 degrees of freedom: p = 0.001


@pytest.mark.parametrize(
    "labels", [np.array([7, -2, 7, 30]), np.array([3, 3, 1, 2], dtype=np.uint8)], ids=str
)
def test_labels_become_one_hot(labels):
    inputs, test = problems.normal(4, 3), problems.normal(4, 3, seed=1)
    problem = op.DataProblem(inputs, labels, test, labels[::-1], task="classification")
    classes = np.unique(labels)
    np.testing.assert_array_equal(problem.classes, classes)
    X, y = problem.sample(4, seed=0)
    np.testing.assert_array_equal(y, labels[rows_of(X, inputs)][:, None] == classes)
    assert problem.null_risk == 1.0


def test_two_boolean_classes():
    inputs, test = data()
    problem = op.DataProblem(inputs, inputs[:, 0] > 0, test, test[:, 0] > 0)
    theta = np.zeros((10, 2))
    theta[0] = [-1.0, 1.0]
    assert problem.accuracy(theta) == 1.0
    assert problem.accuracy(-theta) == 0.0


def test_accuracy():
    problem = problems.labelled_data()
    theta = problems.normal(5, 25, 3)
    outputs = np.einsum("np,bpm->bnm", problem.test_inputs, theta)
    expected = (outputs.argmax(axis=2) == np.arange(35) % 3).mean(axis=1)
    np.testing.assert_array_equal(problem.accuracy(theta), expected)
    # a draw is the first class
    assert problem.accuracy(np.zeros((25, 3))) == pytest.approx(12 / 35)


def test_simulated_accuracy_is_that_of_the_models():
    problem = problems.labelled_data()
    table = op.simulate(problem, 30, [20], [5], trials=3, seed=2)
    assert set(table) == {
        f"{s}_{q}" for s in ("dense", "pruned", "retrained") for q in ("risk", "accuracy")
    }
    for t in range(3):
        X, y = problem.sample(30, seed=2, stream=t)
        theta = np.zeros((25, 3))
        theta[:20] = np.linalg.lstsq(X[:, :20], y, rcond=None)[0]
        assert float(table.dense_accuracy.sel(trial=t, size=20)) == float(problem.accuracy(theta))
        keep = np.argsort(-np.linalg.norm(theta, axis=1))[:5]
        retrained = np.zeros((25, 3))
        retrained[keep] = np.linalg.lstsq(X[:, keep], y, rcond=None)[0]
        figure = table.retrained_accuracy.sel(trial=t, size=20, nonzeros=5).item()
        assert figure == float(problem.accuracy(retrained))


@pytest.mark.parametrize("activation", ["identity", "relu", "sign", "erf", "cos", "tanh", "gelu"])
def test_random_features_are_functions_of_the_inputs(activation):
    """Rows of equal inputs have equal features; training and test set share the weights of the
    trial."""
    inputs = problems.normal(20, 4)
    problem = op.DataProblem(
        inputs,
        np.arange(20.0),
        inputs,
        np.arange(20.0),
        features=300,
        activation=activation,
        seed=5,
    )
    assert problem.p == 300
    X, y = problem.sample(20, seed=1, stream=6)
    at_test = problem._core.test_features(6, 20)
    np.testing.assert_allclose(X, at_test[y.astype(int)], rtol=1e-12, atol=1e-14)
    theta = op.least_squares(X, y)
    if activation != "identity":  # 300 features interpolate 20 rows
        assert problem.risk(theta, stream=6) < 1e-15
        assert problem.risk(theta, stream=7) > 0.1


def test_features_are_drawn_anew_in_every_trial_from_the_problems_seed():
    def drawn(seed, stream, sample_seed=1):
        inputs = np.vstack([np.eye(4), -np.eye(4)])
        problem = op.DataProblem(
            inputs, np.arange(8.0), inputs, np.arange(8.0), features=6, seed=seed
        )
        X, y = problem.sample(8, seed=sample_seed, stream=stream)
        return X[np.argsort(y)]

    np.testing.assert_array_equal(drawn(5, 2), drawn(5, 2, sample_seed=9))
    for other in ((5, 3), (6, 2)):
        assert (drawn(5, 2) != drawn(*other)).any()
    weights = (drawn(5, 2)[:4] - drawn(5, 2)[4:]).T  # relu(w) - relu(-w) = w
    expected = op.RandomFeatureProblem.draw(6, 4, noise_std=0, seed=5).weights
    np.testing.assert_allclose((drawn(5, 0)[:4] - drawn(5, 0)[4:]).T, expected, rtol=1e-12)
    assert weights.shape == (6, 4)


@pytest.mark.parametrize(("d", "p"), [(6, 5), (6, 8), (6, 9), (40, 700), (3000, 1001)])
def test_weights_are_numbers_of_the_trials_stream(d, p):
    """However many of them are drawn at a time; the last case takes three blocks."""
    inputs = problems.normal(30, d)
    problem = op.DataProblem(
        inputs, np.arange(30.0), inputs, np.arange(30.0), features=p, activation="relu", seed=5
    )
    X, y = problem.sample(20, seed=1, stream=6)
    drawn = op._core.standard_normal(p * d, 5, 6, op._core.PURPOSE_FEATURES)
    weights = drawn.reshape(p, d) * (1 / np.sqrt(d))
    expected = np.maximum(inputs @ weights.T, 0)
    np.testing.assert_allclose(X, expected[y.astype(int)], atol=1e-13 * d**0.5)
    np.testing.assert_allclose(problem._core.test_features(6, 30), expected, atol=1e-13 * d**0.5)


def test_fewer_features_are_the_first_of_more():
    inputs, test = data()
    few, many = (
        op.DataProblem(
            inputs, np.arange(80.0), test, np.arange(50.0), features=p, activation="cos", seed=3
        )
        for p in (7, 20)
    )
    np.testing.assert_allclose(
        few.sample(9, seed=1)[0], many.sample(9, seed=1)[0][:, :7], rtol=1e-12
    )


def test_weights_have_variance_one_over_the_dimension():
    d = 16
    problem = op.DataProblem(
        np.eye(d), np.zeros(d), np.eye(d), np.zeros(d), features=4000, activation="identity", seed=1
    )
    weights = problem.sample(d, seed=0)[0]
    assert weights.var() == pytest.approx(1 / d, rel=5 * np.sqrt(2 / weights.size))


def test_hessian_uses_the_training_rows():
    inputs, test = data()
    problem = op.DataProblem(inputs * np.geomspace(0.1, 10, 10), inputs[:, 0], test, test[:, 0])
    table = op.simulate(problem, 30, [10], [4], rules="hessian", trials=1, seed=1)
    X, y = problem.sample(30, seed=1)
    theta = np.linalg.lstsq(X, y, rcond=None)[0]
    pruned = op.prune(theta, 4, rule="hessian", curvature=(X**2).mean(axis=0))
    assert float(table.pruned_risk.squeeze()) == pytest.approx(float(problem.risk(pruned)))


def test_arguments_are_copied_and_read_only():
    inputs, test = data()
    y, y_test = np.arange(80.0), np.arange(50.0)
    problem = op.DataProblem(inputs, y, test, y_test)
    before = float(problem.risk(np.ones(10)))
    inputs[:], test[:], y[:], y_test[:] = 0, 0, 0, 0
    assert problem.risk(np.ones(10)) == before
    assert problem.inputs.any()
    assert problem.target_rows.any()
    with pytest.raises(ValueError, match="read-only"):
        problem.test_target_rows[0] = 1


def test_layouts_and_dtypes_do_not_matter():
    inputs, test = (np.round(9 * values) for values in data())
    labels, test_labels = np.arange(80) % 4, np.arange(50) % 4
    expected = op.DataProblem(inputs, labels, test, test_labels).sample(20, seed=0)[0]
    for change in (
        np.asfortranarray,
        np.float32,
        np.int16,
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    ):
        problem = op.DataProblem(
            change(inputs), labels.astype(np.int8), change(test), test_labels.tolist()
        )
        np.testing.assert_array_equal(problem.sample(20, seed=0)[0], expected)
