"""Simulated classifiers against predicted ones, by z-scores over trials.

bench/python/check_classifiers.py runs more and larger problems.
"""

from __future__ import annotations

import numpy as np
import pytest

import label_problems
import overprune as op


@pytest.mark.slow
@pytest.mark.parametrize("number", range(10))
def test_simulated_errors_are_the_predicted_ones(number):
    assert label_problems.deviations(number, n=120, trials=40)[:3].max() < 4


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["square", "logistic", "hinge"])
def test_supports_are_not_independent_of_the_data(loss):
    # Theory of section 11's numbers; by more than ten standard errors of the trials.
    problem = op.LinearClassificationProblem(
        np.full(600, 600**-0.5), np.repeat([9.0, 1.0], [60, 540]), 0.3
    )
    given = {"loss": loss, "rules": ["magnitude"], "ridge": 0.1, "retrain_ridge": 0.1}
    simulated = op.simulate(problem, 300, [600], [150], trials=30, **given)
    trials = simulated.retrained_error.values.ravel()
    independent = label_problems.independent_error(problem, 300, 600, 150, given)
    assert abs(trials.mean() - independent) > 10 * trials.std(ddof=1) / len(trials) ** 0.5
    predicted = op.predict(problem, 300, [600], [150], **given).retrained_error.item()
    assert abs(trials.mean() - predicted) < 4 * trials.std(ddof=1) / len(trials) ** 0.5 + 0.003
