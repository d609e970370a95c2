"""Simulated classifiers: against the steps by hand, numbers of theory, stores and data sets."""

from __future__ import annotations

import numpy as np
import pytest

import overprune as op

RIDGES = {"ridge": 0.1, "retrain_ridge": 0.1}


def problem(p=600):
    variances = np.where(np.arange(p) < p // 10, 9.0, 1.0)
    return op.LinearClassificationProblem(np.full(p, p**-0.5), variances, noise_std=0.3)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_a_trial_is_sample_prune_path_and_error(loss):
    teacher, n = problem(90), 40
    sizes, nonzeros, rules = [20, 90], [3, 30], ("magnitude", "hessian")
    grid = {"rules": rules, "loss": loss, **RIDGES}
    table = op.simulate(teacher, n, sizes, nonzeros, trials=2, seed=7, **grid)
    for trial in (0, 1):
        X, y = teacher.sample(n, seed=7, stream=trial)
        path = op.prune_path(X, y, sizes, nonzeros, curvature=teacher.covariance, **grid)
        one = table.isel(trial=trial)
        for k, size in enumerate(sizes):
            error = teacher.error(path.dense[k]).item()
            assert one.dense_error.values[k] == pytest.approx(error, abs=1e-12)
            for rule in rules:
                for s in [s for s in nonzeros if s <= size]:
                    point = one.sel(rule=rule, size=size, nonzeros=s)
                    pruned, again = path.pruned(rule, size, s), path.retrained(rule, size, s)
                    assert point.pruned_error == pytest.approx(
                        teacher.error(pruned).item(), abs=1e-12
                    )
                    assert point.retrained_error == pytest.approx(
                        teacher.error(again).item(), abs=1e-10
                    )


# docs/theory.md, section 11: n = 300, p = 600, ridge 0.1, noise 0.3.
@pytest.mark.parametrize(
    ("loss", "nonzeros", "rule", "predicted"),
    [
        ("logistic", 150, "magnitude", 0.3202),
        ("logistic", 60, "hessian", 0.3207),
        ("hinge", 150, "magnitude", 0.3566),
        ("hinge", 60, "hessian", 0.3382),
        ("square", 60, "hessian", 0.3512),
    ],
)
def test_retrained_errors_are_those_of_theory(loss, nonzeros, rule, predicted):
    table = op.simulate(
        problem(), 300, [600], [nonzeros], rules=[rule], loss=loss, trials=24, seed=1, **RIDGES
    )
    errors = table.retrained_error.squeeze()
    deviation = abs(float(errors.mean()) - predicted) - 2 / 300
    assert deviation < 4 * float(errors.std(ddof=1)) / 24**0.5


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_workers_blocks_and_stores_change_no_bit(loss, tmp_path):
    arguments = {"loss": loss, "seed": 3, "rules": ("magnitude", "random"), **RIDGES}
    whole = op.simulate(problem(50), 30, [10, 25, 50], [4, 20], trials=6, workers=1, **arguments)
    threads = op.simulate(problem(50), 30, [10, 25, 50], [4, 20], trials=6, workers=3, **arguments)
    store = tmp_path / "store"
    op.simulate(problem(50), 30, [10, 25, 50], [4, 20], trials=2, store=store, **arguments)
    kept = op.simulate(problem(50), 30, [10, 25, 50], [4, 20], trials=6, store=store, **arguments)
    for name in whole.data_vars:
        np.testing.assert_array_equal(whole[name], threads[name])
        np.testing.assert_array_equal(whole[name], kept[name].transpose(*whole[name].dims))
    other = {**arguments, "loss": "square"}
    with pytest.raises(ValueError, match="loss"):
        op.simulate(problem(50), 30, [10, 25, 50], [4, 20], trials=6, store=store, **other)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
@pytest.mark.parametrize("count", [2, 3])
def test_classes_of_data_one_against_the_rest(loss, count):
    X = op.standard_normal((90, 20), seed=0)
    labels = (X[:, :count] + 0.5 * op.standard_normal((90, count), seed=1)).argmax(axis=1)
    data = op.DataProblem(X[:40], labels[:40], X[40:], labels[40:])
    table = op.simulate(data, 40, [8, 20], [4], trials=1, loss=loss, **RIDGES)
    y = np.where(labels[:40, None] == np.arange(count), 1.0, -1.0)
    path = op.prune_path(X[:40], y, [8, 20], [4], loss=loss, **RIDGES)
    for k, size in enumerate([8, 20]):
        for name, model in (
            ("dense", path.dense[k]),
            ("pruned", path.pruned("magnitude", size, 4)),
            ("retrained", path.retrained("magnitude", size, 4)),
        ):
            wrong = ((X[40:] @ model).argmax(axis=1) != labels[40:]).mean()
            found = table[f"{name}_error"].isel(size=k).values.item()
            assert found == pytest.approx(wrong, abs=1e-12)
    assert not any("risk" in name or "overlap" in name for name in table.data_vars)


def test_data_with_targets_of_minus_one_and_one():
    X = op.standard_normal((60, 12), seed=0)
    y = np.where(X[:, 0] + X[:, 1] > 0, 1.0, -1.0)
    data = op.DataProblem(X[:30], y[:30], X[30:], y[30:])
    table = op.simulate(data, 30, [12], [2], trials=1, loss="logistic", **RIDGES)
    model = op.fit_classifier(X[:30], y[:30], ridge=0.1)
    wrong = (y[30:] * (X[30:] @ model) < 0).mean()
    assert table.dense_error.item() == pytest.approx(wrong, abs=1e-12)


def test_what_cannot_be_trained_is_refused():
    linear = op.LinearGaussianProblem(np.ones(4), np.ones(4), noise_std=0.1)
    with pytest.raises(ValueError, match="labels -1 and 1"):
        op.simulate(linear, 9, [4], [2], trials=1, loss="logistic", **RIDGES)
    with pytest.raises(ValueError, match="ridge must be above 0"):
        op.simulate(problem(50), 30, [50], [4], trials=1, loss="logistic")
    with pytest.raises(ValueError, match="ridge must be above 0"):
        op.simulate(problem(50), 30, [20], [4], trials=1, loss="hinge")
    easy = op.LinearClassificationProblem(np.ones(5), np.ones(5))
    with pytest.raises(ValueError, match="ridge must be above 0 where the first 5 features sepa"):
        op.simulate(easy, 30, [5], [2], trials=1, loss="logistic", retrain_ridge=0.1)
