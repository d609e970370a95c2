"""Iterative pruning, simulated: against a plain loop, against simulate, and what must not change
it."""

from __future__ import annotations

import numpy as np
import pytest

import overprune as op
from oracles import lstsq
from problems import EVERY, correlated, diagonal, labelled_data, rules_of
from tables import assert_same

RULES = ("magnitude", "hessian", "oracle", "random")
VARIABLES = ("pruned_risk", "retrained_risk")


def rounds_by_hand(problem, n, size, schedule, rule, trial, ridge, retrain_ridge):
    """Risks before and after retraining in every round, by numpy alone but for the data."""
    X, y = problem.sample(n, seed=5, stream=trial)
    X = X[:, :size]
    sigma = problem.covariance if problem.covariance.ndim == 2 else np.diag(problem.covariance)

    def risk(theta):
        error = np.zeros(problem.p)
        error[:size] = theta
        error -= problem.beta
        return problem.noise_std**2 + error @ sigma @ error

    theta = lstsq(X, y, ridge)
    support = np.arange(size)
    truth = np.linalg.solve(sigma[:size, :size], sigma[:size] @ problem.beta)
    pruned, retrained = [risk(theta)], [risk(theta)]
    for s in schedule:
        scores = {
            "magnitude": abs(theta),
            "hessian": theta**2 * np.diag(sigma)[:size],
            "oracle": truth**2 * np.diag(sigma)[:size],
        }[rule]
        support = support[np.argsort(-scores[support])[:s]]
        kept = np.zeros(size)
        kept[support] = theta[support]
        pruned.append(risk(kept))
        theta = np.zeros(size)
        theta[support] = lstsq(X[:, support], y, retrain_ridge)
        retrained.append(risk(theta))
    return np.array([pruned, retrained])


@pytest.mark.parametrize("rule", ["magnitude", "hessian", "oracle"])
@pytest.mark.parametrize("make", [diagonal, correlated])
@pytest.mark.parametrize(("ridge", "retrain_ridge"), [(0.0, 0.0), (0.1, 0.05)])
def test_rounds_agree_with_a_plain_loop(make, rule, ridge, retrain_ridge):
    problem = make()
    schedule = [30, 17, 9, 2]
    table = op.simulate_schedule(
        problem,
        20,
        38,
        schedule,
        rules=[rule],
        trials=3,
        seed=5,
        ridge=ridge,
        retrain_ridge=retrain_ridge,
    )
    for trial in range(3):
        expected = rounds_by_hand(problem, 20, 38, schedule, rule, trial, ridge, retrain_ridge)
        found = np.array([table[v].values[0, :, trial] for v in VARIABLES])
        np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("s", [40, 12])
def test_one_round_is_simulate_to_the_last_bit(name, s):
    problem = EVERY[name]()
    size = min(problem.p, 40)
    s = min(s, size)
    rules = rules_of(problem)
    grid = op.simulate(problem, 18, [size], [s], rules=rules, trials=3, seed=2)
    table = op.simulate_schedule(problem, 18, size, [s], rules=rules, trials=3, seed=2)
    assert set(table) == set(grid)
    for variable in table:
        if variable.startswith("dense"):
            np.testing.assert_array_equal(table[variable], grid[variable][0])
        else:
            np.testing.assert_array_equal(table[variable][:, 1], grid[variable][:, 0, 0])
            for r in range(len(rules)):
                dense = table[variable.replace(variable.split("_")[0], "dense")]
                np.testing.assert_array_equal(table[variable][r, 0], dense)


def test_workers_and_splits_change_nothing():
    problem = diagonal()
    arguments = {"rules": RULES, "seed": 3}
    whole = op.simulate_schedule(problem, 20, 40, [25, 10], trials=7, workers=1, **arguments)
    many = op.simulate_schedule(problem, 20, 40, [25, 10], trials=7, workers=4, **arguments)
    assert_same(whole, many)
    parts = [
        op.simulate_schedule(
            problem, 20, 40, [25, 10], trials=count, first_trial=first, **arguments
        )
        for first, count in ((0, 3), (3, 4))
    ]
    for variable in whole:
        joined = np.concatenate([part[variable].values for part in parts], axis=-1)
        np.testing.assert_array_equal(joined, whole[variable])


def test_the_table_says_what_repeats_it():
    problem = labelled_data()
    table = op.simulate_schedule(
        problem, 20, 25, [12, 5], rules=["random"], trials=2, ridge=0.1, seed=9
    )
    assert dict(table.sizes) == {"trial": 2, "rule": 1, "round": 3}
    assert table.pruned_accuracy.dims == ("rule", "round", "trial")
    assert table.nonzeros.values.tolist() == [25, 12, 5]
    assert table["round"].values.tolist() == [0, 1, 2]
    facts = table.attrs
    assert facts["kind"] == "simulate_schedule"
    assert (facts["n"], facts["size"], facts["schedule"], facts["ridge"]) == (20, 25, [12, 5], 0.1)
    again = op.simulate_schedule(
        problem,
        facts["n"],
        facts["size"],
        facts["schedule"],
        rules=facts["rules"],
        ridge=facts["ridge"],
        retrain_ridge=facts["retrain_ridge"],
        trials=facts["trials"],
        seed=int(facts["seed"]),
        first_trial=facts["first_trial"],
    )
    assert_same(again, table)


def test_random_supports_are_nested_and_uniform():
    # y depends on one feature alone: the risk says whether it survived.
    problem = op.LinearGaussianProblem(np.eye(20)[3], np.ones(20), noise_std=1e-3)
    table = op.simulate_schedule(problem, 200, 20, [10, 5], rules=["random"], trials=400)
    survived = table.retrained_risk.values[0] < 0.5
    assert not (survived[2] & ~survived[1]).any()
    for t, share in ((1, 0.5), (2, 0.25)):
        assert abs(survived[t].mean() - share) < 4 * np.sqrt(share * (1 - share) / 400)


@pytest.mark.parametrize("function", [op.simulate_schedule, op.predict_schedule])
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"schedule": []}, ValueError, "schedule must not be empty"),
        (
            {"schedule": [5, 10]},
            ValueError,
            "schedule must be strictly decreasing, got 5 before 10",
        ),
        (
            {"schedule": [10, 10]},
            ValueError,
            "schedule must be strictly decreasing, got 10 before 10",
        ),
        ({"schedule": [31]}, ValueError, r"schedule\[0\] must be between 1 and 30, got 31"),
        ({"schedule": [5, 0]}, ValueError, r"schedule\[1\] must be between 1 and 30, got 0"),
        ({"schedule": [5.5]}, TypeError, r"schedule\[0\] must be an integer, got 5.5"),
        ({"schedule": "ab"}, TypeError, "schedule must be a sequence of integers"),
        ({"size": 41}, ValueError, "size must be between 1 and 40, got 41"),
        ({"size": [30]}, TypeError, "size must be an integer"),
        ({"n": 0}, ValueError, "n must be at least 1, got 0"),
        ({"rules": "best"}, ValueError, r"rules\[0\] must be one of"),
        ({"ridge": -1.0}, ValueError, "ridge must be finite and at least 0, got -1.0"),
        ({"retrain_ridge": np.nan}, ValueError, "retrain_ridge must be finite"),
        ({"seed": -1}, ValueError, "seed must be between 0"),
        ({"problem": 3}, TypeError, "problem must be a LinearGaussianProblem"),
    ],
)
def test_bad_input_is_named(function, change, error, message):
    arguments = {"problem": diagonal(), "n": 20, "size": 30, "schedule": [10, 5]} | change
    with pytest.raises(error, match=message):
        function(**arguments)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"trials": 0}, ValueError, "trials must be between 1"),
        ({"workers": 0}, ValueError, "workers must be between 1"),
        ({"progress": 1}, TypeError, "progress must be True or False"),
        ({"curvature": "none"}, ValueError, "curvature must be one of sample"),
        ({"first_trial": -1}, ValueError, "first_trial must be between 0"),
    ],
)
def test_bad_trials_are_named(change, error, message):
    with pytest.raises(error, match=message):
        op.simulate_schedule(diagonal(), 20, 30, [10, 5], **change)


def test_the_oracle_needs_a_truth():
    with pytest.raises(ValueError, match="oracle"):
        op.simulate_schedule(labelled_data(), 20, 25, [10, 5], rules=["oracle"])
