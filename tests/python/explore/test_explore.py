"""`overprune explore` without a browser: states, their pictures, configs and points; errors."""

from __future__ import annotations

import math
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import Phase, given, settings

import overprune as op
from cli_tools import call, fails
from explore_states import NAMES, SMALL, STATES, moved, states
from overprune.experiments.config import ConfigError, load, parse
from overprune.explore.controls import CONTROLS, is_used, lowest
from overprune.explore.curves import measured, picture
from overprune.explore.points import Points, Report
from overprune.explore.state import LEAST_RIDGE, LOSSES, RULES, State, of_config

pytestmark = pytest.mark.usefixtures("unpainted")

ROOT = Path(__file__).parents[3]


@settings(max_examples=80, deadline=None)
@given(states(["regression"]))
def test_every_position_of_the_sliders_has_a_picture(state):
    check_picture(state)


@settings(max_examples=5, deadline=None, phases=[Phase.generate])  # each may take seconds
@given(states([loss for loss in LOSSES if loss != "regression"]))
def test_every_position_has_a_picture_of_labels(state):
    check_picture(state)


def check_picture(state):
    found = picture(state)
    sizes = np.array(state.sizes())
    assert sizes[0] <= 2
    assert sizes[-1] == state.p
    assert set(found.simulated_sizes()) <= set(state.sizes())
    assert 0 < found.limits.low < found.limits.high < math.inf
    assert math.isfinite(found.of_nothing)
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
        least = found.of_truth * (1 - 1e-9) - 1e-12 * found.of_nothing
        assert (curve.centre[~poles] >= least).all()
    stages = {curve.stage for curve in found.curves}
    assert stages == {"dense", "pruned", *(["retrained"] if state.retrain else [])}


@pytest.mark.parametrize("state", STATES, ids=NAMES)
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


@pytest.mark.parametrize("state", STATES, ids=NAMES)
def test_a_config_gives_its_state_again(state):
    assert of_config(parse(state.toml(), "x", ROOT))[0].toml() == state.toml()


def test_the_examples_open_or_say_why_not():
    state, notes = of_config(load(ROOT / "examples/spiked.toml"))
    assert (state.p, state.n, state.nonzeros, state.spikes, notes) == (1500, 450, 150, 150, [])
    state, notes = of_config(load(ROOT / "examples/correlated.toml"))
    assert (state.spectrum, state.signal, state.count, state.nonzeros) == ("ar", "sparse", 70, 50)
    assert notes == ["of run.nonzeros = [50, 100, 200] the first is shown"]
    state, notes = of_config(load(ROOT / "examples/classifier.toml"))
    assert (state.loss, state.spectrum, state.ridge, notes) == ("logistic", "ar", 0.1, [])
    with pytest.raises(
        ConfigError,
        match=r'must be "linear_gaussian" or "linear_classification" to explore, got "data"',
    ):
        of_config(load(ROOT / "examples/digits.toml"))


def test_counts_follow_p():
    state = State().with_(p=100)
    assert (state.nonzeros, state.spikes, state.count) == (100, 100, 100)
    assert moved(State(), "spectrum", "ar").p == 400


@pytest.mark.parametrize("loss", ["square", "logistic", "hinge"])
def test_labels_are_judged_by_their_errors(loss):
    """The state's problem is that of its config; errors lie between the truth's and guessing."""
    state = moved(SMALL, "loss", loss)
    assert "lasso" not in state.rules
    assert {"ridge", "retrain_ridge"} <= set(CONTROLS)
    found = picture(state)
    problem = op.LinearClassificationProblem(
        np.full(60, 60**-0.5), op.spectra.spiked(60, 10, 25.0), 0.3
    )
    expected = op.predict(
        problem,
        20,
        state.sizes(),
        10,
        rules=state.rules,
        loss=loss,
        ridge=state.ridge,
        retrain_ridge=state.retrain_ridge,
    )
    for curve in found.curves:
        at = {} if curve.rule is None else {"rule": curve.rule, "nonzeros": 10}
        values = expected[f"{curve.stage}_error"].sel(at).values
        np.testing.assert_array_equal(curve.centre, values)
        assert np.nanmin(values) > problem.bayes_error == found.of_truth
        assert np.nanmax(values) < 0.5 == found.of_nothing
    assert "test error" in found.answer
    assert "risk" not in found.answer


def test_losses_that_need_a_ridge_have_one():
    for loss in LOSSES:
        state = moved(State(), "loss", loss)
        needs = loss in ("logistic", "hinge")
        assert (state.ridge, state.retrain_ridge) == ((LEAST_RIDGE,) * 2 if needs else (0.0, 0.0))
        assert lowest(state, "ridge") == state.ridge
        assert lowest(state, "n") == CONTROLS["n"].low
    assert moved(state, "ridge", 0.0).ridge == LEAST_RIDGE
    assert moved(state, "ridge", 0.5).ridge == 0.5


def test_rules_that_labels_lack_are_left_out():
    assert State().with_(rules=["lasso"], loss="hinge").rules == ("magnitude",)
    assert State().with_(rules=RULES, loss="square").rules == RULES[:-1]
    text = SMALL.toml().replace("linear_gaussian", "linear_classification")
    assert of_config(parse(text, "x", ROOT))[1] == ["the rule lasso is left out"]
    text = SMALL.toml().replace("retrain = true", 'loss = "hinge"')
    with pytest.raises(ConfigError, match=r'must be "linear_classification" for run.loss = "hing'):
        of_config(parse(text, "x", ROOT))


def test_the_lasso_is_a_rule_with_curves_of_its_own():
    found = picture(State().with_(rules=["lasso", "hessian"]))
    curves = {(c.stage, c.rule): c.centre for c in found.curves}
    problem = op.LinearGaussianProblem(
        np.full(1500, 1500**-0.5), op.spectra.spiked(1500, 150, 25.0), 0.3
    )
    at = found.state.sizes().index(1500)
    told = op.predict(problem, 450, [1500], [150], rules=["lasso"])
    for stage in ("pruned", "retrained"):
        value = told[f"{stage}_risk"].item()
        assert curves[stage, "lasso"][at] == pytest.approx(value, rel=1e-12)
        assert curves[stage, "hessian"][at] != pytest.approx(value, rel=1e-3)


def test_positions_and_values_of_the_sliders_agree():
    for control in CONTROLS.values():
        start, end, _ = control.track()
        assert control.value(start) == control.lowest
        assert control.value(end) == pytest.approx(control.high)
        for position in np.linspace(start, end, 11):
            value = control.value(position)
            assert control.value(control.position(value)) == value


def test_screen_readers_are_told_the_values_of_logarithmic_sliders():
    for control in CONTROLS.values():
        texts = control.texts()
        assert len(texts) == (201 if control.log else 0)
        for position, text in enumerate(texts):
            assert float(text) == control.value(position)
    assert CONTROLS["ridge"].texts()[0] == "0"


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
    assert found.of_nothing == pytest.approx(0.09 + (150 * 25 + 1350) / 1500)


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
    message = fails("explore", "--port", port)  # Typer 0.17 names an environment variable, too
    assert message.startswith("Invalid value for '--port'")
    assert f": must be an integer from 0 to 65535, got '{port}'" in message


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
    assert message.endswith('or "linear_classification" to explore, got "data"')
