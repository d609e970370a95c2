"""Simulated classifiers against predicted ones, by z-scores over trials.

bench/python/check_classifiers.py runs more and larger problems.
"""

from __future__ import annotations

import pytest

import label_problems


@pytest.mark.slow
@pytest.mark.parametrize("number", range(10))
def test_simulated_errors_are_the_predicted_ones(number):
    assert label_problems.deviations(number, n=120, trials=40).max() < 4
