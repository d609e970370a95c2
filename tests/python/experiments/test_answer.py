"""The answer in one sentence."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from cli_tools import CONFIG
from overprune import tune_ridge
from overprune.experiments import answer as _answer
from overprune.experiments import run as _demo


def answer(direct: list[float], pruned: list[list[float]], predicted: bool = False) -> str:
    """The sentence for tables of s = 1: values of direct training, and of pruning from k = 2, 3,
    ..."""
    sizes = [1, *range(2, 2 + len(pruned))]
    trials = len(direct)
    dense = np.array([direct, *([9.0] * trials for _ in pruned)])
    cut = np.array([[np.nan] * trials, *pruned])[None, :, None]
    dims = ("rule", "size", "nonzeros")
    coords = {"rule": ["magnitude"], "size": sizes, "nonzeros": [1]}
    attributes = {"n": 50, "ridge": 0.0}
    simulated = xr.Dataset(
        {"dense_risk": (("size", "trial"), dense), "pruned_risk": ((*dims, "trial"), cut)},
        coords,
        {"kind": "simulate", **attributes},
    )
    tables = {"simulate": simulated}
    if predicted:
        tables["predict"] = simulated.mean("trial").assign_attrs(kind="predict", **attributes)
    return _answer.summary(tables).splitlines()[-1]


def test_equal_risks_are_called_equal() -> None:
    text = answer([0.75], [[0.75000001]])
    assert text == (
        "For s = 1 both do equally well, within the last digit shown: to train the 1 feature "
        "directly gives "
        "test risk 0.75; to train k = 2 features, prune by magnitude without retraining gives 0.75."
    )
    assert "better" in answer([0.75], [[0.7498]])
    assert "equally well, within the last digit shown" in answer([0.0], [[0.0]])


@pytest.mark.parametrize("predicted", [False, True])
def test_differences_below_one_standard_error_are_called_equal(predicted: bool) -> None:
    # Each has the standard error 0.1, their difference 0.1414.
    near, far = (
        answer([1.0, 1.2], [[1.13, 1.33]], predicted),
        answer([1.0, 1.2], [[1.15, 1.35]], predicted),
    )
    assert near.startswith(
        "For s = 1 both do equally well, within one standard error: to train the 1 feature"
    )
    assert far.startswith("For s = 1 it is better to train the 1 feature directly: test risk 1.1")


def test_the_answer_says_of_how_many_sizes_k_is_the_best() -> None:
    pruned = [[0.5, 0.6], [0.4, 0.5], [0.6, 0.7]]
    text = answer([1.0, 1.2], pruned)
    assert text.startswith("For s = 1 it is better to train k = 3 features")
    assert text.endswith(" (Best of 3 sizes, chosen by the simulated values quoted.)")
    assert "Best of" not in answer([1.0, 1.2], pruned[:1])  # nothing was chosen
    assert "Best of" not in answer([1.0, 1.2], pruned, predicted=True)  # chosen by the predictions


def test_the_best_k_is_that_of_the_predictions(config: Path) -> None:
    results = _demo.run(_demo.parse(CONFIG, "c", Path()))
    tables = dict(results.tables)
    moved = tables["simulate"].copy(deep=True)
    moved["pruned_risk"].loc[{"size": 30}] = 1e-6  # the best of the simulated ones, by luck
    row = next(
        v for v in _answer.summary(tables).splitlines() if v.startswith("magnitude, pruned")
    ).split()[2]
    tables["simulate"] = moved
    assert (
        next(
            v for v in _answer.summary(tables).splitlines() if v.startswith("magnitude, pr")
        ).split()[2]
        == row
    )


def test_both_ways_are_compared_with_their_best_ridge() -> None:
    results = _demo.run(_demo.parse(CONFIG, "c", Path()), simulate=False)
    plain, told = (
        _answer.summary(results.tables),
        _answer.summary(results.tables, problem=results.problem),
    )
    tuned = "With the best ridge for each"
    lines = [line for line in told.splitlines() if line.startswith(tuned)]
    assert [line for line in told.splitlines() if line not in lines] == plain.splitlines()
    table = results.tables["predict"]
    for s, line in zip(table.nonzeros.values.tolist(), lines, strict=True):
        _, small = (float(value) for value in re.findall(r"\d+\.\d+", line))
        assert small == pytest.approx(
            tune_ridge(results.problem, table.attrs["n"], s).risk, rel=1e-3
        )
        assert small <= table.dense_risk.sel(size=s) * 1.001
    ridged = table.assign_attrs(ridge=0.1)
    assert tuned not in _answer.summary({"predict": ridged}, problem=results.problem)


LABELS = (
    CONFIG.replace("linear_gaussian", "linear_classification")
    + 'loss = "logistic"\nretrain_ridge = 0.1\n'
)


def test_classifiers_are_answered_in_errors() -> None:
    """Whole sentences of errors, whose numbers are those of the table."""
    text = LABELS.replace("[run]", "[run]\nridge = 0.1")
    results = _demo.run(_demo.parse(text, "c", Path()))
    said = _answer.summary(results.tables, problem=results.problem)
    listed = _answer.listing(results.tables["predict"])
    assert "risk" not in said + listed
    table = results.tables["predict"]
    s = int(table.nonzeros[0])
    sentence = next(line for line in said.splitlines() if line.startswith(f"For s = {s} "))
    assert re.search(r"test error 0\.\d+ \(simulated 0\.\d+ ± 0\.\d+\); to ", sentence)
    assert sentence.endswith(".")
    direct = table.dense_error.sel(size=s).item()
    assert f"{direct:.4g} (simulated" in sentence
    assert f"{direct:.5g}" in listed


@pytest.mark.parametrize(
    ("plot", "message"),
    [
        ('quantity = "risk"', "plot.quantity: expected error, which classifiers are judged by"),
        ('quantity = ["error", "accuracy"]', "judged by, got 'accuracy'"),
    ],
)
def test_risks_of_classifiers_cannot_be_drawn(plot: str, message: str) -> None:
    text = LABELS.replace("[run]", "[run]\nridge = 0.1") + f"[plot]\n{plot}\n"
    with pytest.raises(_demo.ConfigError, match=re.escape(message)):
        _demo.run(_demo.parse(text, "c", Path()))


def test_a_figure_of_one_s_is_titled_by_what_it_finds() -> None:
    tables = _demo.run(_demo.parse(CONFIG, "c", Path()), simulate=False).tables
    assert _answer.headline(tables, {}) == ""  # several s
    one = {name: table.isel(nonzeros=[0]) for name, table in tables.items()}
    title = _answer.headline(one, {})
    predicted, s = one["predict"], one["predict"].nonzeros.values[0]
    direct = predicted.dense_risk.sel(size=s).item()
    stages = [predicted[f"{stage}_risk"] for stage in ("pruned", "retrained")]
    best = min(float(risk.where(predicted["size"] > s).min()) for risk in stages)
    assert f"test risk {best:.3g}; train the {s} features directly: {direct:.3g}" in title
    alone = {name: table.isel(size=[0]) for name, table in one.items()}
    assert _answer.headline(alone, {}) == ""  # nothing to compare


def test_the_lasso_trains_and_does_not_prune() -> None:
    text = CONFIG.replace('"magnitude", "oracle"', '"lasso"')
    results = _demo.run(_demo.parse(text, "c", Path()), simulate=False)
    sentence = _answer.answer(results.tables, 5)[0]
    assert re.search(
        r"train k = \d+ features by the lasso (and retrain|without retraining)", sentence
    )
    assert "prune" not in sentence
