"""Linear classifiers against slow fits, scikit-learn, and the conditions of their optimality."""

from __future__ import annotations

import numpy as np
import pytest

import classifier_oracle as oracle
import overprune as op


def data(n, p, seed=0, noise=0.3, scale=1.0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    y = np.where(X @ rng.standard_normal(p) / p**0.5 + noise * rng.standard_normal(n) < 0, -1.0, 1)
    return scale * X, y


def designs():
    X, y = data(40, 15)
    yield "tall", X, y
    X, y = data(40, 30)
    yield "nearly square", X, y
    X, y = data(30, 80)
    yield "wide", X, y
    yield "separable, tall", *data(40, 5, noise=0.0)
    X, y = data(20, 8)
    yield "duplicate rows", np.vstack([X, X]), np.concatenate([y, y])
    yield "contradicting rows", np.vstack([X, X]), np.concatenate([y, -y])
    yield "duplicate columns", X[:, [0, 1, 2, 0, 3, 4, 4]], y
    yield "zero columns", X * (np.arange(8) % 3 > 0), y
    X, y = data(12, 30)
    yield "wide, duplicate rows", np.vstack([X, X]), np.concatenate([y, y])
    yield "wide, contradicting rows", np.vstack([X, X]), np.concatenate([y, -y])
    yield "wide, duplicate columns", X[:, np.arange(40) % 20], y
    yield "large scale", *data(25, 10, scale=10.0)
    yield "small scale, wide", *data(25, 60, scale=1e-3)
    yield "one class", data(20, 6)[0], np.ones(20)
    yield "one row", data(1, 5)[0], np.ones(1)
    yield "all zero", np.zeros((6, 4)), np.array([1.0, 1, 1, -1, -1, 1])


DESIGNS = {name: (X, y) for name, X, y in designs()}
RIDGES = (1e-6, 1e-3, 0.1, 10.0, 1e3)


@pytest.mark.parametrize("ridge", RIDGES)
@pytest.mark.parametrize("name", DESIGNS)
def test_logistic_models_are_optimal(name, ridge):
    X, y = DESIGNS[name]
    sizes = sorted({max(1, X.shape[1] // 3), max(1, X.shape[1] // 2), X.shape[1]})
    theta = op.classifier_path(X, y, sizes, ridge=ridge)
    for size, model in zip(sizes, theta, strict=True):
        assert oracle.logistic_residual(X[:, :size], y, ridge, model[:size]) < 1e-10
        assert not model[size:].any()


@pytest.mark.parametrize("ridge", RIDGES)
@pytest.mark.parametrize("name", DESIGNS)
def test_hinge_models_are_optimal(name, ridge):
    X, y = DESIGNS[name]
    sizes = sorted({max(1, X.shape[1] // 3), max(1, X.shape[1] // 2), X.shape[1]})
    theta, _, gaps = op._core.classifier_path(X, y[:, None], sizes, "hinge", ridge)
    for size, model, gap in zip(sizes, theta[:, :, 0], gaps, strict=True):
        # a ridge of 1e-6 on features of size 10 is one of 1e-8
        assert abs(gap) < (1e-9 if name == "large scale" else 1e-10)
        assert oracle.hinge_gap(X[:, :size], y, ridge, model[:size]) < 1e-9


@pytest.mark.parametrize("ridge", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize("name", ["tall", "nearly square", "wide", "duplicate rows"])
def test_agrees_with_slow_fits(name, ridge):
    X, y = DESIGNS[name]
    slow = oracle.logistic(X, y, ridge)
    np.testing.assert_allclose(
        op.fit_classifier(X, y, ridge=ridge), slow, rtol=0, atol=1e-10 * abs(slow).max()
    )
    slow = oracle.hinge(X, y, ridge)
    np.testing.assert_allclose(
        op.fit_classifier(X, y, loss="hinge", ridge=ridge),
        slow,
        rtol=0,
        atol=1e-7 * abs(slow).max(),
    )


@pytest.mark.parametrize(("n", "p"), [(60, 20), (40, 90)])
def test_agrees_with_scikit_learn(n, p):
    linear = pytest.importorskip("sklearn.linear_model")
    svm = pytest.importorskip("sklearn.svm")
    X, y = data(n, p, seed=3)
    ridge = 0.05
    arguments = {"C": 1 / (n * ridge), "fit_intercept": False, "max_iter": 100000}
    theirs = linear.LogisticRegression(tol=1e-12, **arguments).fit(X, y).coef_[0]
    np.testing.assert_allclose(op.fit_classifier(X, y, ridge=ridge), theirs, atol=1e-6)
    theirs = svm.LinearSVC(loss="hinge", tol=1e-10, **arguments).fit(X, y).coef_[0]
    ours = op.fit_classifier(X, y, loss="hinge", ridge=ridge)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_square_loss_is_least_squares():
    X, y = data(20, 50)
    np.testing.assert_array_equal(
        op.classifier_path(X, y, [5, 20, 50], loss="square", ridge=0.1),
        op.least_squares_path(X, y, [5, 20, 50], ridge=0.1),
    )
    path, plain = (
        op.prune_path(X, y, [9, 50], [4], ridge=0.1, **kw) for kw in ({"loss": "square"}, {})
    )
    np.testing.assert_array_equal(
        path.retrained("magnitude", 50, 4), plain.retrained("magnitude", 50, 4)
    )


@pytest.mark.parametrize("p", [10, 60])
def test_a_loss_of_ones_own(p):
    """The squared hinge, which is smooth, as a pair of functions."""
    X, y = data(30, p, seed=5)

    def value(y, f):
        return np.maximum(0, 1 - y * f) ** 2 / 2

    def prox(y, field, V):
        return field + y * np.maximum(0, 1 - y * field) * V / (1 + V)

    ridge = 0.05
    theta = op.fit_classifier(X, y, loss=op.Loss(value, prox, "squared hinge"), ridge=ridge)
    gradient = -X.T @ (y * np.maximum(0, 1 - y * (X @ theta))) / 30 + ridge * theta
    assert abs(gradient).max() < 1e-10
    again = op.Loss(op.losses.logistic.value, op.losses.logistic.prox, "again")
    np.testing.assert_allclose(
        op.fit_classifier(X, y, loss=again, ridge=ridge),
        op.fit_classifier(X, y, ridge=ridge),
        atol=1e-8,
    )


def test_models_do_not_depend_on_their_neighbours_or_on_threads():
    X, y = data(40, 90)
    for loss in ("logistic", "hinge"):
        path = op.classifier_path(X, y, [10, 30, 60, 90], loss=loss, ridge=0.05)
        alone = op.fit_classifier(X[:, :60], y, loss=loss, ridge=0.05)
        np.testing.assert_allclose(path[2, :60], alone, atol=1e-11)
        for workers in (1, 3):
            again = op.classifier_path(
                X, y, [10, 30, 60, 90], loss=loss, ridge=0.05, workers=workers
            )
            np.testing.assert_array_equal(path, again)


def test_several_targets_are_one_classifier_each():
    X, _ = data(30, 50)
    labels = np.random.default_rng(1).integers(0, 3, 30)
    y = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)
    for loss in ("logistic", "hinge"):
        theta = op.classifier_path(X, y, [10, 50], loss=loss, ridge=0.1)
        for target in range(3):
            one = op.classifier_path(X, y[:, target], [10, 50], loss=loss, ridge=0.1)
            np.testing.assert_allclose(theta[:, :, target], one, atol=1e-12)
        both = op.classifier_path(X, y[:, :1] * [1, -1], [10, 50], loss=loss, ridge=0.1)
        np.testing.assert_array_equal(both[..., 0], -both[..., 1])


def test_pruned_and_retrained_models():
    X, y = data(40, 90)
    for loss in ("logistic", "hinge"):
        path = op.prune_path(
            X, y, [20, 90], [3, 30, 60], rules=("magnitude", "hessian"), ridge=0.1,
            retrain_ridge=0.02, loss=loss,
        )  # fmt: skip
        assert abs(path.gap).max() < 1e-10
        for rule in ("magnitude", "hessian"):
            for size, nonzeros in ((20, 3), (90, 3), (90, 30), (90, 60)):
                kept = path.support(rule, size, nonzeros)
                alone = op.fit_classifier(X[:, kept], y, loss=loss, ridge=0.02)
                model = path.retrained(rule, size, nonzeros)
                np.testing.assert_allclose(model[kept], alone, atol=1e-10)
                pruned = path.pruned(rule, size, nonzeros)
                dense = op.fit_classifier(X[:, :size], y, loss=loss, ridge=0.1)
                np.testing.assert_allclose(pruned[kept], dense[kept], atol=1e-10)
                assert np.count_nonzero(pruned) == nonzeros


def test_without_a_ridge():
    X, y = data(60, 4, noise=2.0)
    theta = op.fit_classifier(X, y)
    assert oracle.logistic_residual(X, y, 0.0, theta) < 1e-12
    # one of many minimisers where columns repeat, zero where they are
    wide = np.hstack([X, X[:, :1], np.zeros((60, 1))])
    model = op.fit_classifier(wide, y)
    assert model[5] == 0
    np.testing.assert_allclose(X @ theta, wide @ model, atol=1e-9)
    contradicting = np.vstack([data(9, 7)[0]] * 2)
    np.testing.assert_allclose(
        op.fit_classifier(contradicting, np.repeat([1.0, -1], 9)), np.zeros(7), atol=1e-12
    )


@pytest.mark.parametrize(
    ("p", "why"), [(3, "separate the"), (19, "separate the"), (20, "are at"), (200, "are at")]
)
def test_separable_data_need_a_ridge(p, why):
    X, y = data(20 if p > 3 else 60, p, noise=0.0)
    with pytest.raises(
        ValueError, match=f"ridge must be above 0 where the first {p} features {why}"
    ):
        op.fit_classifier(X, y)
    with pytest.raises(ValueError, match="retrain_ridge must be above 0 where the first"):
        op.prune_path(X, y, [p], [p], ridge=0.1, loss="logistic")


def test_all_but_one_row_on_the_margin_of_separation():
    """Separable, but not strictly: a row of zeros stays at 0 whatever the model."""
    X, y = data(30, 3, noise=0.0)
    X[4] = 0
    with pytest.raises(ValueError, match="ridge must be above 0 where the first 3 features sep"):
        op.fit_classifier(X, y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": [0.0, 1.0]}, "y must hold the labels -1 and 1 alone with loss logistic, got 0 in"),
        ({"y": [2.0, 1.0]}, "y must hold the labels -1 and 1 alone with loss logistic, got 2 in"),
        ({"loss": "huber"}, "loss must be one of square, logistic, hinge, or a Loss; got 'huber'"),
        ({"loss": "hinge", "ridge": 0.0}, 'ridge must be above 0 with loss "hinge"'),
        ({"ridge": -1.0}, "ridge must be"),
        ({"sizes": [3]}, r"sizes\[0\] must be between 1 and 2, got 3"),
        ({"y": [1.0]}, "y must have"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    given = {"X": [[1.0, 2.0], [2.0, -1.0]], "y": [1.0, -1.0], "sizes": [2], "ridge": 1.0}
    with pytest.raises(ValueError, match=message):
        op.classifier_path(**{**given, **arguments})
    if "sizes" not in arguments:
        both = {**given, "loss": "logistic", "nonzeros": [1], "retrain_ridge": 1.0, **arguments}
        with pytest.raises(ValueError, match=message):
            op.prune_path(**both)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((abs, abs), TypeError, r"value must take \(y, f\), got one of \(x, /\)"),
        ((np.subtract, lambda y, f: f), TypeError, r"prox must take \(y, field, V\), got one of"),
        ((3, abs), TypeError, "value must be callable, got 3"),
        ((np.subtract, lambda *_: 0, "two\nlines"), ValueError, "name must be of printable char"),
        ((np.subtract, lambda *_: 0, ""), ValueError, "name must be of printable characters, got"),
    ],
)
def test_functions_that_are_no_loss(arguments, error, message):
    with pytest.raises(error, match=message):
        op.Loss(*arguments)
