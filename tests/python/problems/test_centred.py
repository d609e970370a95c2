"""Data far from 0: the warning, and center=True in simulation and prediction alike."""

from __future__ import annotations

import pickle
import re
import warnings
from typing import Any

import numpy as np
import pytest

import overprune as op
import problems
from overprune._provenance import describe, problem_of
from overprune.experiments.config import build_problem, parse
from overprune.problems.centring import means

N, D = 90, 6
X = problems.normal(N, D) + np.arange(D)
Y = 100 + X @ np.arange(1.0, D + 1) + 0.5 * problems.normal(N, seed=1)
X_TEST = problems.normal(200, D, seed=2) + np.arange(D)
Y_TEST = 100 + X_TEST @ np.arange(1.0, D + 1) + 0.5 * problems.normal(200, seed=3)
DATA = (X, Y, X_TEST, Y_TEST)
MEANS = (X.mean(axis=0), Y.mean())
BY_HAND = (X - MEANS[0], Y - MEANS[1], X_TEST - MEANS[0], Y_TEST - MEANS[1])
FAR = "targets have a mean of .* no constant column: .* pass center=True"


def close(one: Any, other: Any) -> None:
    for name in one.data_vars:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-8, err_msg=name)


@pytest.mark.parametrize("features", [None, 40])
def test_centred_data_are_those_centred_by_hand(features: int | None) -> None:
    """By the means of all training rows: in the test rows, in every trial and in random features of
    the inputs."""
    mine = op.DataProblem(*DATA, center=True, features=features)
    hand = op.DataProblem(*BY_HAND, features=features)
    p = features or D
    grid: Any = (30, [4, p], [2, 3])
    rules = ["magnitude", "hessian"]
    close(*(op.simulate(q, *grid, rules=rules, trials=3) for q in (mine, hand)))
    close(*(op.predict(q, *grid, rules=rules, draws=8) for q in (mine, hand)))
    close(*(op.simulate_schedule(q, 30, p, [4, 2], trials=2) for q in (mine, hand)))
    for stream in (0, 1):
        for a, b in zip(*(q.sample(20, seed=4, stream=stream) for q in (mine, hand)), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)
    assert mine.null_risk == pytest.approx(hand.null_risk, rel=1e-12)
    np.testing.assert_allclose(mine.risk(np.ones(p)), hand.risk(np.ones(p)), rtol=1e-12)


def test_the_risk_is_that_of_predictions_with_the_means() -> None:
    problem = op.DataProblem(*DATA, center=True)
    np.testing.assert_allclose(problem.input_means, MEANS[0], rtol=1e-14)
    np.testing.assert_allclose(problem.target_means, [MEANS[1]], rtol=1e-14)
    theta = np.arange(1.0, D + 1)
    predicted = problem.target_means + (X_TEST - problem.input_means) @ theta
    assert problem.risk(theta) == pytest.approx(((predicted - Y_TEST) ** 2).mean(), rel=1e-12)
    assert problem.null_risk == pytest.approx(((Y_TEST - Y.mean()) ** 2).mean(), rel=1e-12)
    np.testing.assert_array_equal(problem.inputs, X)  # as they were given
    np.testing.assert_array_equal(problem.test_target_rows[:, 0], Y_TEST)
    plain = op.DataProblem(*BY_HAND)
    assert not plain.input_means.any()
    assert not plain.target_means.any()


def test_several_targets_are_centred_each_by_its_own_mean() -> None:
    Y2, Y2_test = np.column_stack([Y, -3 * Y + 7]), np.column_stack([Y_TEST, -3 * Y_TEST + 7])
    problem = op.DataProblem(X, Y2, X_TEST, Y2_test, center=True)
    np.testing.assert_allclose(problem.target_means, Y2.mean(axis=0), rtol=1e-14)
    first = op.DataProblem(*DATA, center=True)
    theta = np.arange(1.0, D + 1)
    both = problem.risk(np.column_stack([theta, -3 * theta]))
    assert both == pytest.approx(10 * float(first.risk(theta)), rel=1e-12)


def test_classes_stay_one_hot_and_their_inputs_are_centred() -> None:
    labels, test_labels = np.arange(N) % 3, np.arange(200) % 3
    mine = op.DataProblem(X, labels, X_TEST, test_labels, center=True)
    hand = op.DataProblem(BY_HAND[0], labels, BY_HAND[2], test_labels)
    close(*(op.simulate(q, 30, [6], [3], trials=3) for q in (mine, hand)))
    assert not mine.target_means.any()
    assert mine.null_risk == 1.0


def test_constant_columns_become_zeros() -> None:
    ones = np.full((N, 1), 0.1)
    rows = np.hstack([ones, X, 1e9 + 0.3 * ones])
    assert (means(rows)[[0, -1]] == rows[0, [0, -1]]).all()
    problem = op.DataProblem(rows, Y, rows, Y, center=True)
    features = problem.sample(40, seed=1)[0]
    assert not features[:, [0, -1]].any()
    np.testing.assert_allclose(features[:, 1:-1].mean(axis=0), 0.0, atol=1.0)


def test_means_do_not_depend_on_the_layout() -> None:
    one, two = (
        op.DataProblem(change(X), Y, change(X_TEST), Y_TEST, center=True)
        for change in (np.ascontiguousarray, np.asfortranarray)
    )
    np.testing.assert_array_equal(one.input_means, two.input_means)
    np.testing.assert_array_equal(one.sample(30, seed=1)[0], two.sample(30, seed=1)[0])


def test_means_of_any_size() -> None:
    large = np.array([[1e308, -1e308], [1.5e308, 1e308]])
    np.testing.assert_allclose(means(large), [1.25e308, 0.0], rtol=1e-12)
    with pytest.raises(ValueError, match="inputs must be "):
        op.DataProblem(
            np.array([[1.7e308], [-1.7e308], [-1.7e308]]), np.eye(3)[0], [[1.0]], [1.0],
            center=True,
        )  # fmt: skip


@pytest.mark.parametrize("features", [None, 120])
def test_simulation_and_prediction_of_centred_data_agree(features: int | None) -> None:
    """z-scores of the mean risks over trials that draw their rows from the very rows whose moments
    theory takes; far from 0, where without centring both would be of another problem."""
    d, rows = 60, 6000
    covariance = 0.5 ** abs(np.subtract.outer(np.arange(d), np.arange(d)))
    inputs = problems.normal(rows, d, seed=5) @ np.linalg.cholesky(covariance).T
    y = inputs @ problems.normal(d, seed=6) * d**-0.5 + 0.5 * problems.normal(rows, seed=7)
    inputs, y = inputs + 3.0 * problems.normal(d, seed=8), y + 40.0
    problem = op.DataProblem(
        inputs, y, inputs, y, features=features, activation="tanh", center=True
    )
    p = features or d
    grid: Any = {"sizes": [p // 3, p], "nonzeros": [p // 6], "rules": ["magnitude", "hessian"]}
    trials = 200
    measured = op.simulate(problem, 50, **grid, trials=trials, seed=9)
    predicted = op.predict(problem, 50, **grid, draws=512)
    scores = []
    for name in ("dense_risk", "pruned_risk", "retrained_risk"):
        mean, error = measured[name].mean("trial"), measured[name].std("trial") / trials**0.5
        # What theory leaves out falls as 1 / n: 2 % at n = 50.
        spread = np.hypot(error, 0.02 * predicted[name])
        if f"{name}_stderr" in predicted:
            spread = np.hypot(spread, predicted[f"{name}_stderr"])
        scores += ((mean - predicted[name]) / spread).values.ravel().tolist()
    assert len(scores) == 2 + 4 + 4
    assert np.abs(scores).max() < 4, np.round(scores, 2)
    assert predicted.null_risk == pytest.approx(float(y.var()), rel=1e-12)


def test_diabetes_as_it_comes_ends_in_sensible_advice() -> None:
    """Of scikit-learn, whose columns are centred and whose targets are not."""
    load = pytest.importorskip("sklearn.datasets").load_diabetes
    frame, y = load(return_X_y=True, as_frame=True)
    with pytest.warns(UserWarning, match=f"{FAR}, or give inputs a column of ones"):
        plain = op.DataProblem(frame, y, frame, y)
    centred = op.DataProblem(frame, y, frame, y, center=True)
    assert centred.null_risk == pytest.approx(y.var(ddof=0))
    advice = op.advise(centred, 200, 5, schedules=False, seed=0)
    assert round(centred.null_risk) == 5930
    assert advice.best.risk < 0.55 * centred.null_risk
    assert set(advice.names(advice.oracle_features)) >= {"bmi", "s5"}
    # What the mean costs without: nothing explains it.
    uncentred = op.advise(plain, 200, 5, schedules=False, seed=0)
    assert uncentred.best.risk > 4 * centred.null_risk


def test_a_centred_problem_comes_back_from_its_table() -> None:
    problem = op.DataProblem(*DATA, center=True)
    table = op.simulate(problem, 20, [6], [2], trials=2)
    for twin in (problem_of(dict(table.attrs)), pickle.loads(pickle.dumps(problem))):
        np.testing.assert_array_equal(twin.input_means, problem.input_means)
        np.testing.assert_array_equal(twin.inputs, problem.inputs)
    np.testing.assert_array_equal(op.reproduce(table).dense_risk, table.dense_risk)
    hashes = {
        describe(op.DataProblem(*BY_HAND, center=center))["problem_hash"]
        for center in (False, True)
    }
    assert len(hashes) == 2
    assert "center" not in op.DataProblem(*BY_HAND).describe()


CONFIG = """
[problem]
kind = "data"
dataset = "npz"
path = "mine.npz"
center = true
feature_names = ["a", "b", "c", "d", "e", "f"]
[run]
n = 20
sizes = [6]
nonzeros = [2]
"""


def test_a_config_centres_and_names(tmp_path: Any) -> None:
    np.savez(tmp_path / "mine.npz", inputs=X, targets=Y)
    problem: Any = build_problem(parse(CONFIG, "c.toml", tmp_path))
    assert problem.input_means.all()
    assert problem.feature_names == tuple("abcdef")
    wrong = CONFIG.replace('"f"]', "]")
    with pytest.raises(ValueError, match=re.escape("problem.feature_names must name the 6")):
        build_problem(parse(wrong, "c.toml", tmp_path))
    with pytest.raises(ValueError, match=r"problem.center: expected true or false"):
        parse(CONFIG.replace("center = true", 'center = "yes"'), "c.toml", tmp_path)


# --- the warning


def warned(call: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(w.filename == __file__ for w in caught)
    return [str(w.message) for w in caught]


SPREAD = np.tile([-1.0, 1.0], 30)  # variance 1
ROWS = problems.normal(60, 3)
CASES: dict[str, tuple[Any, Any, bool]] = {
    "centred": (ROWS, SPREAD, False),
    "at the threshold": (ROWS, SPREAD + 1.0, False),
    "above it": (ROWS, SPREAD - 1.01, True),
    "far above": (ROWS, SPREAD + 1e9, True),
    "a constant": (ROWS, np.full(60, 3.0), False),
    "zeros": (ROWS, np.zeros(60), False),
    "huge": (ROWS, 1e149 * (SPREAD + 2.0), True),
    "tiny": (ROWS, 1e-149 * (SPREAD + 2.0), True),
    "a column of ones": (np.hstack([ROWS, np.ones((60, 1))]), SPREAD + 9.0, False),
    "a column of zeros": (np.hstack([ROWS, np.zeros((60, 1))]), SPREAD + 9.0, True),
    "the second target": (ROWS, np.column_stack([SPREAD, SPREAD + 9.0]), True),
    "ten rows, by chance": (ROWS[:10], SPREAD[:10] + 1.5, False),
    "ten rows, surely": (ROWS[:10], SPREAD[:10] + 1.6, True),
    "nine rows": (ROWS[:9], SPREAD[:9] + 99.0, False),
    "one row": (ROWS[:1], np.ones(1), False),
}


@pytest.mark.parametrize(("rows", "y", "expected"), CASES.values(), ids=CASES)
def test_what_takes_targets_warns_of_a_mean_far_above_their_spread(
    rows: Any, y: Any, expected: bool
) -> None:
    said = warned(lambda: op.DataProblem(rows, y, rows, y))
    assert [bool(re.match(FAR, text)) for text in said] == [True] * expected
    if y.ndim > 1 and said:
        assert "in column 1" in said[0]
    assert not warned(lambda: op.DataProblem(rows, y, rows, y, center=True))
    calls: list[Any] = [lambda: op.prune_path(rows, y, [1], [1])]
    if len(y) > 1:
        calls.append(lambda: op.estimate_risk(rows, y, [1], [1], ridge=1.0))
    if y.ndim == 1:
        calls.append(lambda: op.lasso_path(rows, y, [1]))
    for call in calls if abs(y).max() < 1e100 else []:
        said = warned(call)
        assert len(said) == expected
        assert not expected or re.match("y has a mean of .* and X no constant column: ", said[0])


def test_no_warning_where_there_is_nothing_to_centre() -> None:
    labels = np.tile([0, 1, 1, 1], 15)
    assert not warned(lambda: op.DataProblem(ROWS, labels, ROWS, labels))
    signs = np.ones(60)
    signs[0] = -1.0
    assert not warned(lambda: op.prune_path(ROWS, signs, [3], [1], loss="logistic", ridge=1.0,
                                            retrain_ridge=1.0))  # fmt: skip


def test_a_problem_that_is_made_again_does_not_warn_again() -> None:
    with pytest.warns(UserWarning, match=FAR):
        problem = op.DataProblem(ROWS, SPREAD + 9.0, ROWS, SPREAD + 9.0)
    table = op.simulate(problem, 20, [3], [2], trials=2)
    assert not warned(lambda: (pickle.loads(pickle.dumps(problem)), op.reproduce(table)))


def test_estimators_fit_an_intercept_and_do_not_warn() -> None:
    estimators = pytest.importorskip("overprune.sklearn")
    for intercept in (True, False):
        for kind in ("PrunedLeastSquares", "PrunedLeastSquaresCV"):
            model = getattr(estimators, kind)(fit_intercept=intercept)
            assert not warned(lambda model=model: model.fit(ROWS, SPREAD + 9.0))


def test_center_is_a_flag() -> None:
    with pytest.raises(TypeError, match="center must be True or False, got 'yes'"):
        op.DataProblem(*DATA, center="yes")


def test_labels_are_told_by_their_signs_wherever_their_mean_is():
    rng = np.random.default_rng(8)
    inputs, labels = rng.normal(size=(60, 3)), np.where(rng.random(60) < 0.05, 1.0, -1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        op.DataProblem(inputs, labels, inputs, labels)
    with pytest.warns(UserWarning, match="targets have a mean of"):
        op.DataProblem(inputs, 2.0 * labels, inputs, 2.0 * labels)
