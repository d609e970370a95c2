"""The address of a page, which is a config; and what a visitor chose before, which comes back."""

from __future__ import annotations

import tomllib
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_states import NAMES, SMALL, STATES, states
from overprune.explore.chosen import Chosen
from overprune.explore.state import LOSSES, RULES, SIGNALS, SPECTRA, State, of_query


@given(states())
def test_an_address_gives_its_page_again(state):
    """All that is shown; what a choice hides is at its default."""
    shown, notes = of_query(dict(parse_qsl(state.query())), SMALL)
    assert shown.toml() == state.toml()
    assert notes == []


@pytest.mark.parametrize("state", STATES, ids=NAMES)
def test_an_address_is_the_saved_config(state):
    """Line for line, but for the sizes, which follow from it, and the plot."""
    lines = [f"{key} = {value}" for key, value in parse_qsl(state.query())]
    linked, saved = tomllib.loads("\n".join(lines)), tomllib.loads(state.toml())
    assert saved["run"].pop("sizes") == state.sizes()
    assert {**linked, "plot": saved["plot"]} == saved


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=30), max_size=4))
def test_an_address_of_anything_is_a_state_or_a_sentence(arguments):
    if not arguments:
        assert of_query(arguments, SMALL) == (SMALL, [])
    else:  # no such address is one, but for a chance that no machine draws
        with pytest.raises(ValueError, match=r"^In the address: ") as caught:
            of_query(arguments, SMALL)
        assert len(str(caught.value)) < 1000


LINK = dict(parse_qsl(SMALL.query()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"p": "x"}, "p must be an integer from 1 to 20000, got 'x'"),
        ({"n": "0"}, "n must be an integer from 1 to 20000, got '0'"),
        ({"noise_std": "nan"}, "noise_std must be a number from 0 to 10**6, got 'nan'"),
        (
            {"rules": "best"},
            "rules must be 'magnitude', 'hessian', 'oracle', 'random' or 'lasso', got 'best'",
        ),
        ({"q": "1"}, "q is unknown; allowed: p, n, "),
        ({"p": "1" * 101}, "'p' must have at most 100 characters"),
        ({"run.n": "10"}, "problem is missing: expected a table with kind = linear_gaussian, "),
        ({**LINK, "run.n": "10.5"}, "run.n: expected an integer from 1 to 10**8 or an increasing"),
        ({**LINK, "run.n": "30000"}, "to explore, n must be an integer from 1 to 20000, got 30000"),
        ({**LINK, "run.m": "1"}, "run.m: unknown key"),
        ({**LINK, "p": "1"}, "p: unknown key; allowed: problem, run, plot"),
        ({**LINK, "run.n": "1\n[plot]\nlogy = 3\n[x]"}, "x: unknown key; allowed: problem"),
        ({**LINK, "run.seed": "1\nn = 2"}, "n: unknown key; allowed: problem, run, plot"),
        ({**LINK, "problem.noise_std": "inf"}, "problem.noise_std: expected a finite number"),
        ({**LINK, "problem.kind": '"data"'}, "problem.p: unknown key"),
        ({**LINK, "run.rules": '["<b>"]'}, "run.rules[0]: expected one of magnitude, "),
        ({".".join("a" * 40): "1"}, "a key must have at most 16 parts"),
        ({**LINK, "run.n": "[" * 90}, "not valid TOML"),
        ({"problem.kind": '"data"', "problem.dataset": '"npz"', "problem.path": '"/etc/passwd"',
          "run.n": "9", "run.nonzeros": "3"}, "problem.kind must be"),
    ],
)  # fmt: skip
def test_a_wrong_address_is_named(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        of_query(arguments, State())
    assert str(caught.value).startswith(f"In the address: {message}")


def test_an_address_of_a_list_shows_the_first():
    state, notes = of_query({**LINK, "run.n": "[30, 40]"}, State())
    assert (state.n, notes) == (30, ["of run.n = [30, 40] the first is shown"])


@pytest.mark.parametrize("name", ["spectrum", "signal", "loss"])
def test_a_choice_and_back_restores_what_was_there(name):
    """A large p, counts above that of correlated features, the rule lasso, no ridge."""
    begun = Chosen.of(State().with_(nonzeros=700, spikes=900, count=800, rules=RULES))
    options = {"spectrum": SPECTRA, "signal": SIGNALS, "loss": LOSSES}[name]
    chosen = begun
    for option in [*options, getattr(begun.state, name)]:
        chosen = chosen.moved(name, option)
    assert chosen == begun


def test_correlated_features_have_a_p_of_their_own():
    chosen = Chosen.of(State().with_(nonzeros=700)).moved("spectrum", "ar")
    assert (chosen.state.p, chosen.state.nonzeros) == (400, 400)
    chosen = chosen.moved("p", 600).moved("spectrum", "isotropic")
    assert (chosen.state.p, chosen.state.nonzeros) == (1500, 700)
    assert chosen.moved("spectrum", "ar").state.p == 600
    small = chosen.moved("p", 300).moved("nonzeros", 50)
    assert small.moved("spectrum", "ar").moved("p", 40).state.nonzeros == 40
    again = Chosen.of(State().with_(spectrum="ar", p=350)).moved("spectrum", "spiked")
    assert again.state.p == 350


def test_what_is_changed_meanwhile_stays():
    begun = Chosen.of(State().with_(rules=["lasso", "magnitude"]))
    labels = begun.moved("loss", "logistic").moved("ridge", 0.5).moved("rules", ["hessian"])
    assert labels.state.rules == ("hessian",)
    back = labels.moved("loss", "regression").state
    assert (back.ridge, back.retrain_ridge) == (0.5, 0.0)
    assert back.rules == ("hessian", "lasso")
    wide = begun.moved("p", 20).moved("p", 1500)
    assert wide == begun
    with pytest.raises(ValueError, match="rules must be one or several of"):
        labels.moved("rules", [])
