"""Histograms of coefficients against their law."""

from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import overprune as op
import problems
from overprune.plot.panel import COLOURS

matplotlib.use("agg")
pytestmark = pytest.mark.filterwarnings("ignore:equivalent")  # small test sets


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def bars_and_line(ax):
    (bars,) = [patch for patch in ax.patches if hasattr(patch, "get_data")]
    return bars.get_data(), ax.lines[0].get_data()


@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_panels_show_histogram_and_law(rule, loss):
    p = 300
    kind = op.LinearGaussianProblem if loss == "square" else op.LinearClassificationProblem
    problem = kind(np.full(p, 0.06), op.spectra.spiked(p, 30, 4.0), 0.3)
    ridges = {} if loss == "square" else {"ridge": 0.1, "retrain_ridge": 0.1}
    figure = op.plot.coefficients(problem, 150, p, 60, rule=rule, trials=20, loss=loss, **ridges)
    titles = ["dense: all 300", "pruned: the 60 survivors", "retrained survivors"]
    assert [ax.get_title() for ax in figure.axes] == titles
    ridge = ridges.get("ridge", 0.0)
    table = op.survival(problem, 150, p, 60, rule=rule, loss=loss, ridge=ridge)
    threshold = float(table.threshold)
    for ax, stage in zip(figure.axes, ("dense", "pruned", "retrained"), strict=True):
        (heights, edges, _), (x, density) = bars_and_line(ax)
        width = x[1] - x[0]
        assert 0.99 < np.sum(heights * np.diff(edges)) <= 1.0
        assert 0.99 < np.sum(density) * width <= 1.0
        # The law's distribution function goes through the histogram's, at most 1,200 coefficients a
        # panel.
        law = np.interp(
            edges,
            np.append(x[0] - width / 2, x + width / 2),
            np.append(0, np.cumsum(density) * width),
        )
        measured = np.append(0, np.cumsum(heights * np.diff(edges)))
        assert np.abs(law - measured).max() < 0.06
        assert ax.lines[0].get_color() == COLOURS[stage]
        dotted = sorted(line.get_xdata()[0] for line in ax.lines[1:])
        shown = rule == "magnitude" and stage != "retrained"
        np.testing.assert_allclose(dotted, [-threshold, threshold] if shown else [], rtol=1e-9)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:2] == ["simulated, 20 trials", "predicted law"]
    assert ("threshold of pruning" in labels) == (rule == "magnitude")


@pytest.mark.parametrize("name", problems.EVERY)
def test_every_problem(name):
    problem = problems.EVERY[name]()
    size = problem.p - 5
    for rule in problems.rules_of(problem):
        figure = op.plot.coefficients(
            problem,
            18,
            size,
            6,
            rule=rule,
            retrain=rule != "random",
            ridge=0.1,
            trials=2,
            draws=20,
            target=problem.targets - 1,
            bins=10,
        )
        assert len(figure.axes) == (2 if rule == "random" else 3)
        for ax in figure.axes:
            (heights, _, _), (_, density) = bars_and_line(ax)
            assert heights.size == 10
            assert np.isfinite(density).all()
        plt.close(figure)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"problem": 3}, TypeError, "problem must"),
        ({"n": 0}, ValueError, "n must"),
        ({"size": 41}, ValueError, "size must"),
        ({"nonzeros": 31}, ValueError, "nonzeros must"),
        ({"rule": "best"}, ValueError, "rule must"),
        ({"trials": 0}, ValueError, "trials must"),
        ({"draws": 0}, ValueError, "draws must"),
        ({"bins": 0}, ValueError, "bins must"),
        ({"target": 1}, ValueError, "target must be between 0 and 0, got 1"),
        ({"retrain": 1}, TypeError, "retrain must"),
        ({"n": 30}, ValueError, "infinite variance, got n = 30"),
    ],
)
def test_refuses(change, error, message):
    given = {"problem": problems.diagonal(), "n": 20, "size": 30, "nonzeros": 5, **change}
    with pytest.raises(error, match=message):
        op.plot.coefficients(**given)
    with pytest.raises(ValueError, match="oracle"):
        op.plot.coefficients(problems.regression_data(), 20, 20, 5, rule="oracle")
