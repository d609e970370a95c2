"""Layers: the loss predicted for fresh rows against that on very many, over draws of the rows."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import layers
import overprune as op

P, OUTPUTS, DRAWS = 120, 24, 20
MIX, WEIGHT = layers.mixing(P), layers.weights(OUTPUTS, P)
FRESH = layers.moments(layers.rectified(MIX, 40_000, 10_000))


def ratios(n, case=(MIX, WEIGHT, FRESH), **options):
    """Predicted over fresh loss of the layer, of each draw of n rows."""
    mix, weight, fresh = case
    found = []
    for draw in range(DRAWS):
        layer = op.prune_layer(weight, layers.rectified(mix, n, draw), **options)
        truth = layers.losses(layer.weight, weight, fresh).sum()
        found.append(layer.predicted_loss.sum() / truth)
    return np.array(found)


@pytest.fixture(scope="module")
def larger():
    """A layer of 240 inputs, of which 80 are kept: the formula's error falls with the size."""
    mix = layers.mixing(240)
    return mix, layers.weights(OUTPUTS, 240), layers.moments(layers.rectified(mix, 20_000, 99))


@pytest.mark.parametrize(("n", "tolerance"), [(240, 0.04), (400, 0.04), (120, 0.15)])
@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
def test_the_formula_where_the_mask_does_not_depend_on_the_rows(rule, n, tolerance, larger):
    found = ratios(n, larger, nonzeros=80, rule=rule)
    assert abs(found.mean() - 1.0) < tolerance


@pytest.mark.parametrize("damping", [0.05, "auto"])
def test_damped_and_tuned_refits(damping, larger):
    found = ratios(160, larger, nonzeros=80, rule="hessian", damping=damping)
    assert abs(found.mean() - 1.0) < 0.06


@pytest.mark.parametrize("n", [60, 90, 150, 300])
def test_the_surgeon_with_its_selection_repeated(n):
    found = ratios(n, nonzeros=40)
    assert abs(found.mean() - 1.0) < 0.08
    formula = ratios(n, nonzeros=40, folds=0)
    assert formula.mean() < found.mean() - 0.15


def test_the_plain_formula_flatters_the_surgeon_as_in_the_theory(larger):
    """docs/theory.md, section 12: p = 240, s = 80, n = 900."""
    mix, weight, fresh = larger
    found = {"formula": [], "folds": [], "hessian": []}
    for draw in range(3):
        inputs = layers.rectified(mix, 900, draw)
        for name, options in (
            ("formula", {"folds": 0}),
            ("folds", {}),
            ("hessian", {"rule": "hessian"}),
        ):
            layer = op.prune_layer(weight, inputs, nonzeros=80, **options)
            truth = layers.losses(layer.weight, weight, fresh).sum()
            found[name].append(layer.predicted_loss.sum() / truth)
            assert layer.prediction == ("folds" if name == "folds" else "formula")
    assert 0.72 < np.mean(found["formula"]) < 0.84
    assert abs(np.mean(found["folds"]) - 1.0) < 0.08
    assert abs(np.mean(found["hessian"]) - 1.0) < 0.04


@pytest.mark.parametrize("rule", ["hessian", "surgeon"])
def test_rows_needed(rule):
    """The loss at that number of rows is where it was promised, in excess of that of very many."""

    def fresh(layer):
        return layers.losses(layer.weight, WEIGHT, FRESH).sum()

    options = {"nonzeros": 40, "rule": rule}
    limit = fresh(op.prune_layer(WEIGHT, layers.rectified(MIX, 30_000, 77), folds=0, **options))
    needed = [
        op.prune_layer(WEIGHT, layers.rectified(MIX, 300, draw), **options).rows_needed(0.2)
        for draw in range(8)
    ]
    n = round(np.mean(needed))
    excess = np.mean(
        [
            fresh(op.prune_layer(WEIGHT, layers.rectified(MIX, n, draw), folds=0, **options))
            / limit
            for draw in range(100, 120)
        ]
    )
    # The excess is k / (n - k): rows that are 15 % off make it as much larger or smaller.
    assert 0.2 / 1.2 < excess - 1.0 < 0.2 * 1.25


def test_rows_needed_is_the_formula_for_rows_with_one_number_of_weights():
    layer = op.prune_layer(WEIGHT, layers.rectified(MIX, 200, 0), nonzeros=40, rule="magnitude")
    for excess in (0.05, 0.5, 3.0):
        assert layer.rows_needed(excess) == int(np.ceil(40 * (1 + excess) / excess - 1e-6))
    with pytest.raises(ValueError, match="excess must be above 0"):
        layer.rows_needed(0.0)


def test_the_best_damping_is_the_one_of_least_predicted_loss():
    inputs = layers.rectified(MIX, 50, 3)
    options = {"nonzeros": 40, "rule": "hessian"}
    best = op.prune_layer(WEIGHT, inputs, damping="auto", **options)
    for factor in (0.7, 1.4):
        other = op.prune_layer(WEIGHT, inputs, damping=best.damping * factor, **options)
        assert other.predicted_loss.sum() > best.predicted_loss.sum()
    plain = op.prune_layer(WEIGHT, inputs, refit=False, **options)
    assert best.predicted_loss.sum() < plain.predicted_loss.sum()


def test_folds_see_rows_that_depend_on_one_another():
    """Each row three times: a third of the rows count, which the formula does not know."""
    rows = [layers.rectified(MIX, 200, draw) for draw in range(6)]
    predicted = {}
    for folds in (0, 5):
        layers_found = [
            op.prune_layer(
                WEIGHT, np.repeat(own, 3, axis=0), nonzeros=40, rule="hessian", folds=folds
            )
            for own in rows
        ]
        fresh = [layers.losses(layer.weight, WEIGHT, FRESH).sum() for layer in layers_found]
        predicted[folds] = np.mean(
            [
                layer.predicted_loss.sum() / own
                for layer, own in zip(layers_found, fresh, strict=True)
            ]
        )
    assert predicted[0] < 0.85
    assert abs(predicted[5] - 1.0) < 0.08


def test_the_peak_of_the_double_descent():
    """About as many rows as weights are the worst; damping removes the peak."""

    def mean_fresh(n, **options):
        found = []
        for draw in range(8):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that the rows are few
                layer = op.prune_layer(
                    WEIGHT, layers.rectified(MIX, n, draw), nonzeros=40, rule="hessian", **options
                )
            found.append(layers.losses(layer.weight, WEIGHT, FRESH).sum())
        return np.mean(found)

    fewer, peak, more = (mean_fresh(n) for n in (12, 40, 200))
    assert peak > 5 * fewer > 5 * more
    for n in (12, 40, 200):
        assert mean_fresh(n, damping="auto") < mean_fresh(n, refit=False)
        assert mean_fresh(n, damping="auto") < 1.02 * mean_fresh(n)
