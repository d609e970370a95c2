"""What the picture of `overprune explore` has room for."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("bokeh")

from explore_states import NAMES, STATES
from overprune.explore.curves import picture
from overprune.explore.figure import legend
from overprune.explore.state import State
from overprune.plot.panel import limits_of


@pytest.mark.parametrize("state", STATES, ids=NAMES)
def test_the_height_is_for_the_curves(state):
    """They take at least two thirds of it away from k = n, whatever the noise."""
    for noise_std in (0.0, 1e-3, 0.3):
        found = picture(state.with_(noise_std=noise_std))
        limits = limits_of(found.curves, {}, [state.n], "risk", True)
        shown = math.log(found.limits.high / found.limits.low)
        assert math.log(limits.high / limits.low) > 0.66 * shown
        assert found.limits.low <= limits.low
        assert found.limits.high >= limits.high


def test_reference_lines_that_are_far_away_are_named_in_the_legend():
    found = picture(State())
    assert found.of_truth < found.limits.low
    assert "noise floor: 0.09, below the picture" in legend(found, 0)
    noisy = picture(State().with_(noise_std=1.6))
    assert noisy.limits.low < noisy.of_truth
    assert "noise floor: 2.56<" in legend(noisy, 0)
