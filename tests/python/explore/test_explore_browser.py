"""`overprune explore` in a headless Chromium: what a visitor does, and what the page asks of the
network."""

from __future__ import annotations

import re
import signal
import tomllib
from pathlib import Path

import numpy as np
import pytest

from explore_browser import END, HOME, LEFT, RIGHT, served
from overprune.experiments.config import parse
from overprune.experiments.run import run
from overprune.explore.controls import CONTROLS


def test_it_answers_at_once(page):
    assert "it is better to train" in page.text("answer")
    assert len(page.curve()) > 50
    assert set(page.curve("pruned, magnitude")) < set(page.curve())
    assert re.fullmatch(r".*Theory for \d+ sizes in \d+ ms\..*", page.text("status"))


def test_keys_and_mouse_move_the_curves(page):
    before, painted = page.curve(), page.pixels()
    page.keys("slider n", RIGHT * 3)
    page.until(lambda: page.value("number n") == 63 and page.curve() != before)
    page.until(lambda: page.pixels() != painted)
    assert 63 not in page.curve()
    page.keys("slider n", LEFT * 3)
    page.until(lambda: page.curve() == before)
    page.until(lambda: page.pixels() == painted)
    page.drag("slider noise_std", 40)
    noise = page.until(
        lambda: page.value("number noise_std") > 0.35 and page.value("number noise_std")
    )
    page.until(lambda: min(page.curve().values()) > noise**2)


def test_numbers_choices_and_switches(page):
    page.enter("number ridge", "0.0123")
    page.until(lambda: 60 in page.curve())
    assert page.value("number ridge") == 0.0123
    page.choose("spectrum", "power law")
    page.until(
        lambda: page.value("row exponent", "visible") and not page.value("row spikes", "visible")
    )
    page.choose("signal", "sparse")
    page.until(lambda: page.value("row count", "visible"))
    page.tick("rules", 2)
    page.until(lambda: page.curve("retrained, oracle"))
    for i in range(3):
        page.tick("rules", i)
    page.until(lambda: "rules must be one or several of magnitude, " in page.text("status"))
    assert page.value("rules", "active") == [2]
    page.tick("retrain", 0)
    page.until(lambda: not page.curve("retrained, oracle"))
    assert page.curve("pruned, oracle")
    page.enter("number n", "99999")
    page.until(lambda: "n must be an integer from 1 to 20000, got 99999" in page.text("status"))
    assert page.value("number n") == 60


def test_a_loss_of_labels_makes_it_a_classification_problem(page):
    rules = page.value("rules", "labels")
    page.choose("loss", "labels, logistic loss")
    page.until(lambda: "test error" in page.text("answer"))
    assert max(page.curve().values()) < 0.5
    assert page.value("number ridge") == page.value("number retrain_ridge") == 0.01
    assert page.value("rules", "labels") == [rule for rule in rules if rule != "lasso"]
    assert "The lasso is for numbers only." in page.text("limits")
    page.until(lambda: "run.loss=%22logistic%22" in page.run("return location.search"))
    page.choose("loss", "numbers, least squares")
    page.until(lambda: "test risk" in page.text("answer"))
    assert page.value("rules", "labels") == rules
    assert not page.value("limits", "visible")


@pytest.mark.parametrize("spectrum", ["spiked", "correlated"])
def test_every_slider_goes_from_end_to_end(page, spectrum):
    page.choose("spectrum", spectrum)
    page.until(lambda: page.value("row rho", "visible") == (spectrum == "correlated"))
    page.choose("signal", "sparse")
    page.until(lambda: page.value("row count", "visible"))
    for name in ("rho",) if spectrum == "correlated" else CONTROLS:
        if page.value(f"row {name}", "visible"):
            go_to_both_ends(page, name)


def go_to_both_ends(page, name):
    """Number and slider follow each other only when the server has answered."""
    control, slider, number = CONTROLS[name], f"slider {name}", f"number {name}"
    kept = page.value(number)
    for key, end in ((END, "end"), (HOME, "start")):
        there = control.value(page.value(slider, end))
        page.keys(slider, key)
        page.until(lambda there=there: page.value(number) == there)
        assert page.curve()
        assert 'role="alert"' not in page.text("status")
    page.enter(number, str(kept))
    page.until(lambda: control.value(page.value(slider)) == kept)


def points(page) -> int:
    script = """
    const found = Bokeh.documents[0].get_model_by_name("points dense")
    return found.visible ? found.data_source.data.k.length : 0
    """
    return page.run(script)


def test_simulated_points_come_and_go(page):
    page.click("simulate")
    page.until(lambda: "simulated, 3 trials" in page.text("legend"))
    assert points(page) > 10
    assert page.text("answer").count("(simulated") == 2
    page.keys("slider n", RIGHT)
    page.until(lambda: points(page) == 0 and "simulated" not in page.text("answer"))


def test_a_simulation_can_be_cancelled_or_replaced(page):
    page.enter("number trials", "9999")
    page.until(lambda: "trials=9999" in page.value("shared", "data")["query"][0])
    page.click("simulate")
    page.until(lambda: page.value("simulate", "label") == "Cancel the simulation" and points(page))
    page.click("simulate")
    page.until(lambda: page.value("simulate", "label") == "Add simulated points")
    page.click("simulate")
    page.until(lambda: page.value("simulate", "label") == "Cancel the simulation")
    page.keys("slider p", RIGHT)  # the page is alive, and the old points are of no use
    page.until(
        lambda: page.value("simulate", "label") == "Add simulated points" and points(page) == 0
    )


def test_a_saved_config_runs_and_opens_again(page, tmp_path):
    page.keys("slider noise_std", RIGHT * 2)
    page.until(lambda: page.value("number noise_std") == 0.32)
    page.click("save")
    path = page.downloads / "explore.toml"
    text = page.until(lambda: path.exists() and path.read_text())
    assert tomllib.loads(text)["problem"]["noise_std"] == 0.32
    table = run(parse(text, "explore.toml", Path()), simulate=False).tables["predict"]
    risks = table.pruned_risk.sel(rule="hessian", nonzeros=20)
    finite = risks["size"].values[np.isfinite(risks.values)].tolist()
    predicted = dict(zip(finite, risks.sel(size=finite).values.tolist(), strict=True))
    # The numbers show a change before the picture does.
    page.until(lambda: page.curve("pruned, hessian") == predicted)

    other = tmp_path / "mine.toml"
    other.write_text(text.replace("n = 60", "n = 77"))
    page.element("open", "input").send_keys(str(other))
    page.until(lambda: page.value("number n") == 77)
    page.until(lambda: "mine.toml opened." in page.text("status"))
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text.replace("n = 60", 'n = "<b>many</b>"'))
    page.element("open", "input").send_keys(str(wrong))
    page.until(lambda: "wrong.toml: run.n: expected an integer" in page.text("status"))
    assert "&lt;b&gt;" in page.text("status")
    assert page.value("number n") == 77


def test_the_address_holds_the_state(page, address):
    before = page.curve("pruned, magnitude")
    page.enter("number nonzeros", "33")
    shared = page.until(
        lambda: "run.nonzeros=33" in page.driver.current_url and page.driver.current_url
    )
    curve = page.until(
        lambda: page.curve("pruned, magnitude") != before and page.curve("pruned, magnitude")
    )
    page.go(shared)
    assert page.value("number nonzeros") == 33
    page.until(lambda: page.curve("pruned, magnitude") == curve)
    page.go(f"{address}?p=many")
    assert "In the address: p must be an integer from 1 to 20000, got 'many'." in page.text(
        "status"
    ).replace("&#x27;", "'")
    assert page.value("number p") == 1500


def test_a_choice_and_back_restores_what_was_there(page):
    page.enter("number p", "1200")
    page.enter("number nonzeros", "500")
    page.until(lambda: "to train the 500 features directly" in page.text("answer"))
    before = page.curve()
    page.choose("spectrum", "correlated")
    page.until(lambda: max(page.curve()) == page.value("number p") == 400, 60)
    assert page.value("number nonzeros") == 400
    page.choose("spectrum", "spiked")
    page.until(lambda: page.curve() == before)
    assert page.value("number nonzeros") == 500


def test_a_copied_link_opens_the_same_page(page, address):
    page.choose("spectrum", "power law")
    page.choose("signal", "Gaussian")
    page.enter("number exponent", "0.75")
    page.tick("rules", 3)
    page.until(lambda: page.curve("pruned, random"))
    curves = page.until(lambda: page.value("number exponent") == 0.75 and page.curve())
    link = page.copied("copy link")
    assert link.startswith(f"{address}?problem.kind=%22linear_gaussian%22&")
    config = page.copied("copy config")
    assert config == page.value("shared", "data")["toml"][0]
    assert tomllib.loads(config)["problem"]["spectrum"] == {"kind": "power_law", "exponent": 0.75}
    with served() as (other, _):
        page.go(link.replace(address, other))
        assert page.value("shared", "data")["toml"][0] == config
        page.until(lambda: page.curve() == curves)
        page.driver.get("about:blank")
    page.requests()  # of the other server
    page.go(link)
    page.until(lambda: page.curve() == curves)


def test_a_hostile_link_shows_no_more_than_a_sentence(page, address):
    page.go(f"{address}?problem.kind=%22%3Cimg%20src=//evil.example/x%20onerror=alert(1)%3E%22")
    assert "In the address: problem.kind: expected one of" in page.text("status")
    assert page.value("number p") == 1500


def test_a_config_is_where_it_begins(window, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[problem]\nkind = "linear_gaussian"\np = 40\n'
        "[run]\nn = [15, 30]\nsizes = [5, 40]\nnonzeros = 5\n"
    )
    with served(str(path)) as (address, process):
        window.go(address)
        assert [window.value(f"number {name}") for name in ("p", "n", "nonzeros")] == [40, 15, 5]
        assert "of run.n = [15, 30] the first is shown" in window.text("status")
        window.enter("number trials", "10000")
        window.until(lambda: "trials=10000" in window.value("shared", "data")["query"][0])
        window.click("simulate")
        window.until(lambda: window.value("simulate", "label") == "Cancel the simulation")
        process.send_signal(signal.SIGINT)  # Ctrl-C while a simulation runs
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
        window.until(lambda: "has ended: start overprune explore again" in window.text("status"))
    window.driver.get("about:blank")
    window.complaints()
    window.requests()
