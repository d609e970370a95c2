"""Layers: masks, weights and refits against plain numpy loops."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import layers
import overprune as op
from overprune import _core

real = _core.prune_layer_rows


def pruned(weight, inputs, **options):
    return op.prune_layer(weight, inputs, **{"folds": 0, **options})


@pytest.mark.parametrize("damping", [0.0, 0.05])
def test_the_surgeons_mask_and_weights_are_those_of_a_plain_loop(damping):
    for trial in range(25):
        p = 20 + 3 * trial
        inputs = layers.rectified(layers.mixing(p, trial), 3 * p, trial)
        weight = layers.weights(3, p, trial)
        keep = 1 + (trial * 7) % (p - 1)
        found = pruned(weight, inputs, nonzeros=keep, damping=damping)
        metric = layers.moments(inputs) + damping * np.eye(p)
        for t, row in enumerate(weight):
            expected, _, _ = layers.surgeon_row(row, metric, keep)
            np.testing.assert_array_equal(found.mask[t], expected != 0)
            np.testing.assert_allclose(found.weight[t], expected, rtol=0, atol=1e-8)


def test_the_surgeon_where_the_inverse_loses_its_digits():
    """Conditions of up to 1e10: the inverse is made afresh on the way."""
    for trial in range(4):
        rng = np.random.default_rng(trial)
        root = rng.standard_normal((400, 60)) @ np.diag(np.logspace(0, -1, 60))
        root[:, 30:] = root[:, :30] + 1e-4 * root[:, 30:]
        weight = layers.weights(2, 60, trial)
        found = pruned(weight, root, nonzeros=12)
        for t, row in enumerate(weight):
            best, left = row, list(range(60))
            hessian = layers.moments(root)
            while len(left) > 12:  # every removal from an inverse of its own
                inverse = np.linalg.inv(hessian[np.ix_(left, left)])
                del left[int(np.argmin(best[left] ** 2 / np.diag(inverse)))]
                best = layers.refit_row(row, hessian, np.array(left))
            np.testing.assert_array_equal(np.flatnonzero(found.mask[t]), left)


@pytest.mark.parametrize("damping", [0.0, 1e-3, 0.3])
@pytest.mark.parametrize("rule", ["hessian", "magnitude", "random"])
def test_masks_by_scores_and_refits(rule, damping):
    p, keep = 37, 11
    inputs = layers.rectified(layers.mixing(p), 150, 0)
    weight, hessian = layers.weights(20, p), layers.moments(inputs)
    found = pruned(weight, inputs, nonzeros=keep, rule=rule, damping=damping, seed=5)
    expected = np.array(
        [
            layers.refit_row(row, hessian, np.flatnonzero(mask), damping)
            for row, mask in zip(weight, found.mask, strict=True)
        ]
    )
    np.testing.assert_allclose(found.weight, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        found.training_loss, layers.losses(expected, weight, hessian), rtol=1e-9
    )
    np.testing.assert_allclose(
        found.output_power, ((inputs @ weight.T) ** 2).mean(axis=0), rtol=1e-10
    )
    if rule == "random":
        assert len({tuple(mask) for mask in found.mask}) == 20
        return
    scores = abs(weight) * (np.sqrt(np.diag(hessian)) if rule == "hessian" else 1.0)
    for mask, own in zip(found.mask, scores, strict=True):
        np.testing.assert_array_equal(np.flatnonzero(mask), op.top_k(own, keep))


def test_degrees_of_freedom_and_the_formula():
    p, n, damping = 30, 80, 0.02
    inputs = layers.rectified(layers.mixing(p), n, 1)
    weight, hessian = layers.weights(4, p), layers.moments(inputs)
    found = pruned(weight, inputs, nonzeros=13, rule="magnitude", damping=damping)
    for t in range(4):
        block = hessian[np.ix_(found.mask[t], found.mask[t])]
        degrees = np.trace(block @ np.linalg.inv(block + damping * np.eye(13)))
        assert found.degrees_of_freedom[t] == pytest.approx(degrees, rel=1e-10)
    np.testing.assert_allclose(
        found.predicted_loss,
        found.training_loss / (1 - found.degrees_of_freedom / n) ** 2,
        rtol=1e-12,
    )
    plain = pruned(weight, inputs, nonzeros=13, rule="magnitude", refit=False)
    np.testing.assert_array_equal(plain.weight, np.where(plain.mask, weight, 0.0))
    np.testing.assert_array_equal(plain.predicted_loss, plain.training_loss)
    held = pruned(weight, inputs, nonzeros=13, rule="magnitude", damping=1e9)
    np.testing.assert_allclose(held.weight, plain.weight, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("n", [6, 20, 31, 60])
@pytest.mark.parametrize("rule", ["magnitude", "surgeon"])
@pytest.mark.filterwarnings("ignore:inputs must")  # few rows, and dead ones where these are six
def test_singular_moments(rule, n):
    """Fewer rows than weights, and inputs that others determine."""
    p, keep = 48, 31
    inputs = layers.rectified(layers.mixing(p), n, 2)
    inputs[:, 40:] = inputs[:, :8] @ np.ones((8, 8)) + inputs[:, 8:16]
    weight, hessian = layers.weights(5, p), layers.moments(inputs)
    found = pruned(weight, inputs, nonzeros=keep, rule=rule)
    assert (found.mask.sum(axis=1) == keep).all()
    for t, row in enumerate(weight):
        support = np.flatnonzero(found.mask[t])
        expected = layers.refit_row(row, hessian, support)
        assert found.rank[t] == np.linalg.matrix_rank(inputs[:, support])
        np.testing.assert_allclose(found.weight[t], expected, rtol=1e-6, atol=1e-7)
        if rule == "surgeon":  # what costs nothing goes first
            best = layers.losses(found.weight, weight, hessian)[t]
            assert best <= 1e-10 if np.linalg.matrix_rank(inputs) <= keep else best > 1e-10


def test_refits_that_interpolate_have_the_limit_of_vanishing_damping():
    """|K^-1 y|^2 / n over (tr K^-1 / n)^2, with K = X_S X_S' / n and y what the pruned weights
    did."""
    p, keep = 60, 40
    for n in (20, 40):
        inputs, weight = layers.rectified(layers.mixing(p), n, 3), layers.weights(6, p)
        with pytest.warns(UserWarning, match="inputs must have more rows than the 40"):
            found = pruned(weight, inputs, nonzeros=keep, rule="magnitude")
        with pytest.warns(UserWarning, match="inputs must have more rows than the 40"):
            moments = op.prune_layer(
                weight,
                second_moment=layers.moments(inputs),
                rows=n,
                nonzeros=keep,
                rule="magnitude",
            )
        np.testing.assert_allclose(moments.predicted_loss, found.predicted_loss, rtol=1e-5)
        np.testing.assert_allclose(moments.weight, found.weight, rtol=1e-6, atol=1e-8)
        for t, mask in enumerate(found.mask):
            inverse = np.linalg.inv(inputs[:, mask] @ inputs[:, mask].T / n)
            missing = inputs[:, ~mask] @ weight[t, ~mask]
            limit = ((inverse @ missing) ** 2).mean() / (np.trace(inverse) / n) ** 2
            assert found.predicted_loss[t] == pytest.approx(limit, rel=1e-5)
        np.testing.assert_allclose(found.degrees_of_freedom, n, rtol=1e-6)
        assert (found.training_loss < 1e-12 * found.output_power).all()
    near = pruned(weight, inputs[:20], nonzeros=keep, rule="magnitude", damping=3e-6)
    with pytest.warns(UserWarning, match="inputs must have more rows"):
        found = pruned(weight, inputs[:20], nonzeros=keep, rule="magnitude")
    np.testing.assert_allclose(found.predicted_loss, near.predicted_loss, rtol=0.02)


@pytest.mark.parametrize("pattern", ["2:4", (2, 4), (1, 2), (3, 8)])
def test_patterns(pattern):
    p = 48
    inputs = layers.rectified(layers.mixing(p), 200, 4)
    weight, hessian = layers.weights(6, p), layers.moments(inputs)
    kept, group = (2, 4) if pattern == "2:4" else pattern
    groups = np.repeat(np.arange(p // group), group)
    for rule in ("surgeon", "hessian", "magnitude", "random"):
        found = pruned(weight, inputs, pattern=pattern, rule=rule)
        assert (found.mask.reshape(6, -1, group).sum(axis=2) == kept).all()
        for t, row in enumerate(weight):
            if rule == "surgeon":
                expected, _, _ = layers.surgeon_row(
                    row, hessian, p // group * kept, groups=groups, quota=group - kept
                )
                np.testing.assert_allclose(found.weight[t], expected, atol=1e-8)
            elif rule != "random":
                scores = abs(row) * (np.sqrt(np.diag(hessian)) if rule == "hessian" else 1.0)
                best = [group * g + op.top_k(scores[groups == g], kept) for g in range(p // group)]
                np.testing.assert_array_equal(np.flatnonzero(found.mask[t]), np.concatenate(best))


@pytest.mark.parametrize("rule", ["hessian", "magnitude"])
def test_rows_compete_for_the_weights_of_the_layer(rule):
    inputs = layers.rectified(layers.mixing(24), 200, 5)
    weight = layers.weights(8, 24) * np.arange(1, 9)[:, None]
    found = pruned(weight, inputs, nonzeros=6, scope="layer", rule=rule)
    scores = abs(weight) * np.sqrt((inputs**2).mean(axis=0) if rule == "hessian" else 1.0)
    np.testing.assert_array_equal(np.flatnonzero(found.mask), op.top_k(scores.ravel(), 48))
    assert found.mask.sum(axis=1).min() < 6 < found.mask.sum(axis=1).max()


def test_the_surgeon_takes_the_cheapest_removals_of_the_layer():
    inputs = layers.rectified(layers.mixing(16), 200, 6)
    weight = layers.weights(5, 16) * np.arange(1, 6)[:, None]
    hessian = layers.moments(inputs)
    found = pruned(weight, inputs, sparsity=0.5, scope="layer")
    paths = [layers.surgeon_row(row, hessian, 0)[1:] for row in weight]
    taken = np.zeros(5, int)
    for _ in range(40):
        taken[np.argmin([costs[at] for (_, costs), at in zip(paths, taken, strict=True)])] += 1
    for t, (order, _) in enumerate(paths):
        np.testing.assert_array_equal(np.flatnonzero(~found.mask[t]), np.sort(order[: taken[t]]))
    even = pruned(weight, inputs, sparsity=0.5)
    assert found.training_loss.sum() < even.training_loss.sum()


def test_second_moments_and_rows_are_the_same_layer():
    inputs, weight = layers.rectified(layers.mixing(20), 90, 7), layers.weights(4, 20)
    by_rows = pruned(weight, inputs, nonzeros=7)
    by_moment = op.prune_layer(weight, second_moment=layers.moments(inputs), rows=90, sparsity=0.65)
    np.testing.assert_array_equal(by_moment.mask, by_rows.mask)
    for name in ("weight", "training_loss", "predicted_loss"):
        np.testing.assert_allclose(getattr(by_moment, name), getattr(by_rows, name), rtol=1e-8)
    assert (by_rows.prediction, by_moment.prediction) == ("formula", "formula")


def test_single_precision_and_any_layout_are_computed_in_double():
    inputs, weight = layers.rectified(layers.mixing(20), 90, 8), layers.weights(4, 20)
    single = pruned(weight.astype(np.float32), inputs.astype(np.float32), nonzeros=7)
    double = pruned(
        np.asfortranarray(weight.astype(np.float32).astype(float)),
        np.repeat(inputs.astype(np.float32).astype(float), 2, axis=1)[:, ::2],
        nonzeros=7,
    )
    assert single.weight.dtype == np.float64
    np.testing.assert_array_equal(single.weight, double.weight)


@pytest.mark.parametrize("scale", [1e-120, 1e90])
def test_scales_are_the_users(scale):
    """Powers of two bring rows and weights near one, so that no square leaves the range."""
    inputs, weight = layers.rectified(layers.mixing(20), 90, 8), layers.weights(4, 20)
    plain, scaled = (
        pruned(weight * b, inputs * a, nonzeros=7) for a, b in ((1.0, 1.0), (scale, 1 / scale))
    )
    np.testing.assert_array_equal(scaled.mask, plain.mask)
    np.testing.assert_allclose(scaled.weight, plain.weight / scale, rtol=1e-9)
    np.testing.assert_allclose(scaled.predicted_loss, plain.predicted_loss, rtol=1e-9)


def test_dead_inputs_are_said_and_set_to_zero():
    inputs, weight = layers.rectified(layers.mixing(16), 90, 9), layers.weights(4, 16)
    live = np.array([0, 1, 2, 4, 6, 7, 8, 9, 10, 11, 12, 14, 15])
    inputs[:, [3, 5, 13]] = 0.0
    with pytest.warns(UserWarning, match=r"zero in all rows at 3, 5, 13: the weights there"):
        found = op.prune_layer(weight, inputs, nonzeros=9)
    np.testing.assert_array_equal(found.dead, [3, 5, 13])
    alone = op.prune_layer(weight[:, live], inputs[:, live], nonzeros=9)
    np.testing.assert_array_equal(found.weight[:, live], alone.weight)
    assert not found.weight[:, found.dead].any()
    for options in ({"pattern": "2:4"}, {"nonzeros": 15, "scope": "layer"}, {"nonzeros": 15}):
        for rule in ("surgeon", "magnitude"):
            with pytest.warns(UserWarning, match="zero in all rows"):
                found = op.prune_layer(weight, inputs, rule=rule, **options)
            assert not found.mask[:, [3, 5, 13]].any()
    with pytest.warns(UserWarning, match="zero in all rows at 0, 1, 2, 3, 4 and 11 more"):
        found = op.prune_layer(weight, 0 * inputs, nonzeros=3)
    assert not found.weight.any()
    assert not found.predicted_loss.any()


@pytest.mark.parametrize("rule", ["surgeon", "magnitude"])
def test_inputs_that_are_dead_without_a_fold(rule):
    """The folds' own moments are singular there; few rows make them so anyway."""
    for n in (30, 12):
        inputs, weight = layers.rectified(layers.mixing(16), n, 9), layers.weights(4, 16)
        inputs[:, [3, 8]] = 0.0
        inputs[0, 3], inputs[-1, 8] = 1.0, 2.0
        found = op.prune_layer(weight, inputs, nonzeros=10, rule=rule, folds=4)
        assert np.isfinite(found.predicted_loss).all()
        assert found.selection_factor > 0


@pytest.mark.parametrize("scope", ["row", "layer"])
@pytest.mark.parametrize("rule", ["surgeon", "hessian", "random"])
def test_workers_do_not_change_a_bit(rule, scope):
    inputs, weight = layers.rectified(layers.mixing(70), 300, 10), layers.weights(40, 70)
    options = {"nonzeros": 20, "rule": rule, "scope": scope, "damping": "auto", "folds": 3}
    one, several = (op.prune_layer(weight, inputs, **options, workers=w) for w in (1, 3))
    for name in ("weight", "mask", "training_loss", "predicted_loss", "damping"):
        np.testing.assert_array_equal(getattr(one, name), getattr(several, name))


def test_the_memory_decides_how_many_work(monkeypatch):
    module = importlib.import_module("overprune.fits.prune_layer")
    options = _core.LayerOptions(rule="surgeon", nonzeros=2)
    one, three = (_core.prune_layer_bytes(2, 4, options, w) for w in (1, 3))
    used = []
    monkeypatch.setattr(
        module._core,
        "prune_layer_rows",
        lambda *arguments: used.append(arguments[-1]) or real(*arguments),
    )
    for room in (one + 1, three - 1, three + 1):
        monkeypatch.setattr(module, "available", lambda room=room: room)
        pruned(W, X, nonzeros=2, workers=3)
    assert used == [1, 2, 3]
    monkeypatch.setattr(module, "available", lambda: one - 1)
    with pytest.raises(MemoryError, match=r"a layer of shape \(2, 4\) takes .* more than"):
        pruned(W, X, nonzeros=2, workers=3)


NAN = np.full((3, 4), np.nan)
X, W = layers.rectified(layers.mixing(4), 9, 0), layers.weights(2, 4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"inputs": X[:0]}, ValueError, "inputs must not be empty"),
        ({"inputs": NAN}, ValueError, "inputs must be finite, got nan"),
        ({"inputs": X[:, :3]}, ValueError, "inputs must have length 4 along axis 1"),
        ({"inputs": None}, ValueError, "one of inputs and second_moment.* got neither"),
        ({"second_moment": np.eye(4)}, ValueError, "one of inputs and second_moment.* got both"),
        ({"rows": 9}, ValueError, "rows must be given with second_moment alone"),
        ({"inputs": None, "second_moment": np.eye(4)}, ValueError, "rows must be given with"),
        (
            {"inputs": None, "second_moment": np.triu(np.ones((4, 4))), "rows": 9},
            ValueError,
            "second_moment must be symmetric",
        ),
        (
            {"inputs": None, "second_moment": -np.eye(4), "rows": 9},
            ValueError,
            "second_moment must be positive semidefinite",
        ),
        (
            {"inputs": None, "second_moment": np.ones((4, 4)) - 0.5 * np.eye(4), "rows": 9},
            ValueError,
            "second_moment must be positive semidefinite",
        ),
        (
            {"inputs": None, "second_moment": np.eye(4), "rows": 9, "folds": 3},
            ValueError,
            "folds must be 0 without inputs, got 3",
        ),
        ({"nonzeros": 5}, ValueError, "nonzeros must be between 1 and 4, got 5"),
        ({"nonzeros": None}, ValueError, "one of nonzeros, sparsity and pattern.*none of them"),
        ({"sparsity": 0.5}, ValueError, "one of nonzeros, sparsity and pattern.*nonzeros and"),
        ({"nonzeros": None, "sparsity": 1.0}, ValueError, "sparsity must be below 1"),
        ({"nonzeros": None, "pattern": "2:3"}, ValueError, "pattern must divide the 4 inputs"),
        ({"nonzeros": None, "pattern": "4:2"}, ValueError, r"pattern\[0\] must be between 1 and 2"),
        ({"nonzeros": None, "pattern": "two"}, ValueError, "pattern must be a string such as"),
        ({"nonzeros": None, "pattern": ("2", "4")}, ValueError, "pattern must be a string such"),
        (
            {"nonzeros": None, "pattern": "2:4", "scope": "layer"},
            ValueError,
            'scope must be "row" with a pattern',
        ),
        ({"rule": "oracle"}, ValueError, "rule must be one of surgeon, hessian, magnitude, random"),
        ({"scope": "all"}, ValueError, "scope must be one of row, layer"),
        ({"damping": -1.0}, ValueError, "damping must be finite and at least 0"),
        ({"damping": "best"}, TypeError, "damping must be a real number, got 'best'"),
        ({"folds": 1}, ValueError, "folds must be between 2 and 9, got 1"),
        ({"folds": 10}, ValueError, "folds must be between 2 and 9, got 10"),
        ({"refit": 1}, TypeError, "refit must be True or False"),
        ({"seed": -1}, ValueError, "seed must be between 0"),
        ({"workers": 0}, ValueError, "workers must be between 1"),
    ],
)
def test_wrong_input_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        op.prune_layer(**{"weight": W, "inputs": X, "nonzeros": 2, **arguments})
