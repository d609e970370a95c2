"""`overprune explore` without a browser: states, their pictures, configs, addresses and points;
errors."""

from __future__ import annotations

import math
import socket
import sys
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import overprune as op
from cli_tools import call, fails
from overprune.experiments.config import ConfigError, load, parse
from overprune.explore.controls import CONTROLS, highest, is_used, moved
from overprune.explore.curves import measured, picture
from overprune.explore.points import Points, Report
from overprune.explore.state import RULES, SIGNALS, SPECTRA, State, of_config

pytestmark = pytest.mark.usefixtures("unpainted")

ROOT = Path(__file__).parents[3]
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
)


@st.composite
def states(draw):
    """Wherever the sliders and choices of the page can be, moved one after the other."""
    state = State()
    choices = {"spectrum": list(SPECTRA), "signal": list(SIGNALS), "retrain": [True, False]}
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
    return state


@settings(max_examples=80, deadline=None)
@given(states())
def test_every_position_of_the_sliders_has_a_picture(state):
    found = picture(state)
    sizes = np.array(state.sizes())
    assert sizes[0] <= 2
    assert sizes[-1] == state.p
    assert set(found.simulated_sizes()) <= set(state.sizes())
    assert 0 < found.limits.low < found.limits.high < math.inf
    assert math.isfinite(found.null_risk)
    assert found.answer.endswith(".")
    for curve in found.curves:
        poles = np.zeros(sizes.size, bool)
        if curve.stage != "retrained" and state.ridge == 0:
            poles |= sizes == state.n
        if curve.stage != "dense":
            poles |= sizes < state.nonzeros  # no such model
        if curve.stage == "retrained" and state.retrain_ridge == 0 and state.nonzeros == state.n:
            poles[:] = True
        if curve.rule == "lasso" and state.ridge == 0 and state.nonzeros >= state.n:
            poles |= sizes >= state.nonzeros  # beyond its path
        assert np.isfinite(curve.centre[~poles]).all(), curve
        least = state.noise_std**2 * (1 - 1e-9) - 1e-12 * found.null_risk
        assert (curve.centre[~poles] >= least).all()
    stages = {curve.stage for curve in found.curves}
    assert stages == {"dense", "pruned", *(["retrained"] if state.retrain else [])}


@given(states())
def test_an_address_gives_its_state_again(state):
    assert State.of_query(dict(parse_qsl(state.query())), State()) == state


@pytest.mark.parametrize("state", STATES, ids=lambda s: s.spectrum)
def test_a_saved_config_predicts_the_curves_of_the_page(state, tmp_path, monkeypatch):
    """What `overprune run` writes for the file, point for point, and simulated points."""
    monkeypatch.chdir(tmp_path)
    Path("explore.toml").write_text(state.toml())
    result = call("run", "explore.toml")
    assert result.exit_code == 0, result.output
    stored = xr.open_datatree("overprune-explore/risk.zarr", engine="zarr")
    found = picture(state)
    predicted, simulated = stored["predict"].to_dataset(), stored["simulate"].to_dataset()
    assert predicted["size"].values.tolist() == state.sizes()
    for name in found.table.data_vars:
        np.testing.assert_array_equal(predicted[name].values, found.table[name].values)
    table = finished(found)
    for name in table.data_vars:
        kept = simulated[name].sel(size=table["size"])
        values = kept.transpose(*table[name].dims).values
        np.testing.assert_allclose(values, table[name].values, rtol=1e-9)  # rounded on another grid


@pytest.mark.parametrize("state", STATES, ids=lambda s: s.spectrum)
def test_a_config_gives_its_state_again(state):
    assert of_config(parse(state.toml(), "x", ROOT))[0].toml() == state.toml()


def test_the_examples_open_or_say_why_not():
    state, notes = of_config(load(ROOT / "examples/spiked.toml"))
    assert (state.p, state.n, state.nonzeros, state.spikes, notes) == (1500, 450, 150, 150, [])
    state, notes = of_config(load(ROOT / "examples/correlated.toml"))
    assert (state.spectrum, state.signal, state.count, state.nonzeros) == ("ar", "sparse", 70, 50)
    assert notes == ["of run.nonzeros = [50, 100, 200] the first is shown"]
    with pytest.raises(
        ConfigError, match=r'problem\.kind must be "linear_gaussian" to explore, got "data"'
    ):
        of_config(load(ROOT / "examples/digits.toml"))


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
    ],
)
def test_a_wrong_address_is_named(arguments, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        State.of_query(arguments, State())
    assert str(caught.value).startswith(message)


def test_counts_follow_p():
    state = State().with_(p=100)
    assert (state.nonzeros, state.spikes, state.count) == (100, 100, 100)
    assert moved(State(), "spectrum", "ar").p == 400


def test_positions_and_values_of_the_sliders_agree():
    for control in CONTROLS.values():
        start, end, _ = control.track()
        assert control.value(start) == control.lowest
        assert control.value(end) == pytest.approx(control.high)
        for position in np.linspace(start, end, 11):
            value = control.value(position)
            assert control.value(control.position(value)) == value


def test_controls_that_do_not_matter_are_hidden():
    shown = {
        name for name in CONTROLS if is_used(SMALL.with_(spectrum="power_law", retrain=False), name)
    }
    assert shown == set(CONTROLS) - {"spikes", "value", "rho", "count", "retrain_ridge"}


def test_the_answer_names_the_better_way():
    found = picture(State())
    assert found.best == (1500, pytest.approx(1.344, abs=1e-3))
    assert "better to train k = 1500 features, prune by hessian without retraining" in found.answer
    assert found.direct == pytest.approx(1.485, abs=1e-3)
    assert found.null_risk == pytest.approx(0.09 + (150 * 25 + 1350) / 1500)


def test_direct_training_may_diverge():
    found = picture(SMALL.with_(nonzeros=20))
    assert not math.isfinite(found.direct)
    assert found.answer.endswith("to train the 20 features directly gives inf.")


def test_no_noise_and_hardly_any_risk():
    """Risks of 0, or below it by rounding, have no place on a logarithmic axis, but an answer."""
    found = picture(SMALL.with_(spectrum="ar", rho=-0.99, noise_std=0.0, signal="sparse", count=1))
    assert 0 < found.limits.low < found.limits.high
    assert found.answer.startswith("For s = 10 ")


def finished(found) -> xr.Dataset:
    reports: list[Report] = []
    points = Points(found, reports.append)
    assert points.join(60)
    assert [r.error for r in reports] == [""] * len(reports)
    assert reports[-1].done == reports[-1].total == found.state.trials
    return reports[-1].table


def test_points_are_the_first_trials_of_simulate():
    found = picture(SMALL)
    table = finished(found)
    problem = op.LinearGaussianProblem(np.full(60, 60**-0.5), op.spectra.spiked(60, 10, 25.0), 0.3)
    expected = op.simulate(problem, 20, found.simulated_sizes(), 10, rules=RULES, trials=6, seed=0)
    xr.testing.assert_equal(table, expected)
    curves, text = measured(found, table)
    assert {curve.trials for curve in curves} == {6}
    assert text.count("simulated") == 2


def test_points_end_within_a_moment_when_cancelled():
    """A trial of this problem takes many seconds; nothing is reported once it was cancelled."""
    reports: list[Report] = []
    points = Points(picture(State().with_(p=3000, n=3000, trials=100)), reports.append)
    points.cancel()
    assert points.join(20)
    assert reports == []


def test_points_say_what_is_wrong(monkeypatch):
    def refuse(*_, **__):
        raise MemoryError("one trial needs 8 GB")

    monkeypatch.setattr("overprune.explore.points.plan", refuse)
    reports: list[Report] = []
    assert Points(picture(SMALL), reports.append).join(20)
    assert reports == [Report(0, 6, error="one trial needs 8 GB")]


def test_without_bokeh_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "overprune.explore.server", raising=False)
    for name in [name for name in sys.modules if name.split(".")[0] == "bokeh"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "bokeh", None)
    assert (
        fails("explore", "--no-browser") == "explore needs Bokeh: pip install 'overprune[explore]'"
    )


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_a_bad_port_is_named(port):
    assert (
        fails("explore", "--port", port)
        == f"--port must be an integer from 0 to 65535, got '{port}'"
    )


def test_a_port_in_use_is_named():
    pytest.importorskip("bokeh")
    with socket.socket() as other:
        other.bind(("localhost", 0))
        other.listen()
        port = other.getsockname()[1]
        message = fails("explore", "--no-browser", "--port", str(port))
    assert message == f"port {port} of localhost cannot be had: Address already in use"


def test_a_host_that_is_not_ours_is_named():
    pytest.importorskip("bokeh")
    assert fails("explore", "--no-browser", "--host", "192.0.2.1").startswith(
        "host 192.0.2.1 cannot be had: "
    )


def test_a_config_that_cannot_be_shown_is_named():
    message = fails("explore", "--no-browser", ROOT / "examples/digits.toml")
    assert message.endswith('problem.kind must be "linear_gaussian" to explore, got "data"')
