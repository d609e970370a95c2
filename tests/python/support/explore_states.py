"""States of the page of `overprune explore`: a few, and wherever its controls can be."""

from __future__ import annotations

from hypothesis import strategies as st

from overprune.explore.chosen import Chosen
from overprune.explore.controls import CONTROLS, highest
from overprune.explore.state import LOSSES, RULES, SIGNALS, SPECTRA, State

SMALL = State().with_(p=60, n=20, nonzeros=10, spikes=10, rules=RULES, trials=6)
STATES = (
    SMALL,
    SMALL.with_(spectrum="power_law", exponent=1.5, ridge=0.01, retrain=False),
    SMALL.with_(
        spectrum="isotropic",
        signal="sparse",
        count=7,
        scale=0.2,
        retrain_ridge=0.1,
        rules=["random"],
    ),
    SMALL.with_(spectrum="ar", rho=-0.5, signal="normal", beta_seed=3, seed=5, noise_std=0.0),
    SMALL.with_(loss="logistic", ridge=0.1, retrain_ridge=0.2, rules=["magnitude", "hessian"]),
    SMALL.with_(loss="square", spectrum="ar", rho=0.5, p=30, nonzeros=5, retrain=False),
)
NAMES = [f"{state.spectrum}-{state.loss}" for state in STATES]


def moved(state, name, value):
    return Chosen.of(state).moved(name, value).state


@st.composite
def states(draw, losses=tuple(LOSSES)):
    """Wherever the sliders and choices of the page can be, moved one after the other."""
    state = State()
    choices = {
        "spectrum": list(SPECTRA),
        "signal": list(SIGNALS),
        "loss": losses,
        "retrain": [True, False],
    }
    rules = st.lists(st.sampled_from(RULES), min_size=1, unique=True)
    for name in draw(st.permutations([*CONTROLS, *choices, "rules"])):
        if name == "rules":
            value = draw(rules)
        elif name in choices:
            value = draw(st.sampled_from(choices[name]))
        else:
            control = CONTROLS[name]
            start, _, step = control.track()
            end = control.track()[1] if control.log else highest(state, name)
            steps = draw(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)))
            value = control.value(min(end, start + round(steps * (end - start) / step) * step))
        state = moved(state, name, value)
    if state.spectrum == "ar":  # the same at any size, and slower
        state = moved(state, "p", min(state.p, 120))
    if state.has_labels:  # two features that are nearly one take the hinge loss half a minute
        state = moved(state, "p", min(state.p, 60))
        state = moved(state, "rho", min(max(state.rho, -0.9), 0.9))
    return state
