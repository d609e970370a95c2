"""Laws of classifiers' coefficients: against the table, simulation and the square loss."""

from __future__ import annotations

import math

import numpy as np
import pytest

import overprune as op
from laws_tools import score

RULES = ("magnitude", "hessian", "oracle", "random")
N, P, S = 100, 160, 40
RIDGES = {"ridge": 0.05, "retrain_ridge": 0.1}


def independent():
    beta, variances = np.repeat([0.3, 0.1, 0.0], [40, 40, 80]), np.repeat([1.0, 3.0], 80)
    return op.LinearClassificationProblem(beta, variances, 0.3)


def correlated():
    covariance = 0.6 ** abs(np.subtract.outer(np.arange(P), np.arange(P)))
    return op.LinearClassificationProblem(np.repeat([0.3, 0.0], [30, P - 30]), covariance, 0.3)


PROBLEMS = {"independent": independent, "correlated": correlated}


def matrix_of(problem):
    values = problem.covariance
    return np.diag(values) if values.ndim == 1 else values


def spread_out(models):
    """The retrained models (draw, feature), zero where pruned."""
    theta = np.zeros(models.dense.shape)
    np.put_along_axis(theta, models.support.values, models.retrained.values, axis=1)
    return theta


def of_pairs(values):
    """Means of the antithetic pairs, which are independent of each other."""
    return values.reshape(-1, 2).mean(axis=1)


@pytest.mark.parametrize("case", PROBLEMS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_draws_have_the_overlaps_of_the_table(case, rule, loss):
    problem = PROBLEMS[case]()
    given = {"loss": loss, **RIDGES}
    table = op.predict(problem, N, [P], [S], rules=[rule], draws=256, workers=1, **given)
    models = op.sample_coefficients(problem, N, P, S, rule=rule, draws=200, workers=1, **given)
    sigma = matrix_of(problem)
    kept = np.zeros(models.dense.shape)
    np.put_along_axis(kept, models.support.values, models.surviving.values, axis=1)
    stages = {"dense": models.dense.values, "pruned": kept, "retrained": spread_out(models)}
    for stage, theta in stages.items():
        teacher = of_pairs(theta @ sigma @ problem.beta)
        own = of_pairs(np.einsum("di,ij,dj->d", theta, sigma, theta))
        for name, values in (("teacher", teacher), ("self", own)):
            expected = table[f"{stage}_{name}_overlap"].item()
            # A fixed number of survivors is not a fixed threshold: of order 1 / p.
            bias = 0.01 * expected
            assert abs(score(values, expected, (bias / 2) ** 2)) < 4.5, (stage, name)


@pytest.mark.parametrize("case", PROBLEMS)
@pytest.mark.parametrize(("loss", "rule"), [("logistic", "magnitude"), ("hinge", "hessian")])
def test_densities_of_simulated_classifiers(case, loss, rule):
    problem, trials = PROBLEMS[case](), 40
    found = {"dense": [], "surviving": [], "retrained": []}
    for trial in range(trials):
        X, y = problem.sample(N, seed=1, stream=trial)
        path = op.prune_path(
            X,
            y,
            [P],
            [S],
            rules=(rule,),
            loss=loss,
            curvature=np.diag(matrix_of(problem)),
            **RIDGES,
        )
        support = path.support(rule, P, S)
        found["dense"].append(path.dense[0])
        found["surviving"].append(path.dense[0][support])
        found["retrained"].append(path.retrained(rule, P, S)[support])
    largest = max(np.abs(values).max() for values in found.values())
    edges = np.linspace(-1.01, 1.01, 25) * largest
    law = op.coefficient_density(problem, N, P, S, edges, loss=loss, rule=rule, workers=1, **RIDGES)
    for stage, values in found.items():
        expected = law[stage].values * law.width.values
        assert expected.sum() == pytest.approx(1, abs=2e-3)
        shares = np.array([np.histogram(x, edges)[0] / x.size for x in values])
        often = expected * trials * values[0].size > 20
        z = (shares.mean(axis=0) - expected)[often] / (
            shares.std(axis=0, ddof=1)[often] / math.sqrt(trials)
        )
        assert np.mean(z**2) < 4.0, stage  # finite size and the draws' own error included


def own_square():
    return op.Loss(
        lambda y, f: 0.5 * (y - f) ** 2, lambda y, field, V: (field + V * y) / (1 + V), name="mine"
    )


@pytest.mark.parametrize("case", PROBLEMS)
def test_square_loss_is_the_regression_on_labels(case):
    problem = PROBLEMS[case]()
    given = {"rule": "magnitude", "draws": 32, "workers": 1, **RIDGES}
    labels = op.sample_coefficients(problem, N, P, S, **given)
    numbers = op.sample_coefficients(problem.regression, N, P, S, **given)
    mine = op.sample_coefficients(problem, N, P, S, loss=own_square(), **given)
    for name in ("dense", "support", "retrained"):
        np.testing.assert_allclose(labels[name], numbers[name], rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(mine.dense, numbers.dense, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(mine.support, numbers.support)
    # The regression's memory comes from draws, that of labels too or from atoms.
    error = np.linalg.norm(mine.retrained - numbers.retrained) / np.linalg.norm(numbers.retrained)
    assert error < 0.03
    edges = np.linspace(-1, 1, 41)
    law = {"rule": "magnitude", "workers": 1, **RIDGES}
    ours = op.coefficient_density(problem, N, P, S, edges, **law)
    theirs = op.coefficient_density(problem.regression, N, P, S, edges, **law)
    for name in ("dense", "surviving", "retrained"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("case", PROBLEMS)
@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_nothing_pruned_is_dense(case, loss):
    problem = PROBLEMS[case]()
    given = {"loss": loss, "ridge": 0.1, "retrain_ridge": 0.1, "workers": 1}
    law = op.coefficient_density(problem, N, P, P, np.linspace(-1, 1, 21), **given)
    for name in ("surviving", "retrained"):
        np.testing.assert_allclose(law[name], law.dense, rtol=1e-9, atol=1e-12)
    models = op.sample_coefficients(problem, N, P, P, draws=4, **given)
    size = float(abs(models.dense).mean())
    np.testing.assert_allclose(models.retrained, models.dense, atol=1e-3 * size)


def test_one_feature_has_the_law_of_its_own_coefficient():
    problem = independent()
    mean, variance = op.coefficient_law(problem, N, loss="logistic", ridge=0.05)
    edges = np.linspace(-8, 8, 4001)
    law = op.coefficient_density(
        problem, N, P, S, edges, features=[3], loss="logistic", retrain=False, ridge=0.05
    )
    mass = law.dense * law.width
    assert float((mass * law.cell).sum()) == pytest.approx(mean[3], rel=1e-6)
    second = float((mass * (law.cell - mean[3]) ** 2).sum())
    assert second == pytest.approx(variance[3], rel=1e-3)  # cells are wide
    table = op.survival(problem, N, P, S, loss="logistic", ridge=0.05)
    beyond = abs(law.cell) > float(table.threshold) - 0.002  # with the cells that hold it
    assert float((law.surviving * law.width).where(beyond).sum()) == pytest.approx(1)


def test_laws_of_features_with_labels():
    features = op.RandomFeatureProblem.draw(60, 20, noise_std=0.0, link="sign", seed=1)
    given = {"loss": "logistic", "ridge": 0.05, "retrain_ridge": 0.05, "draws": 16, "workers": 1}
    own = op.sample_coefficients(features, 40, 60, 20, **given)
    equivalent = op.sample_coefficients(features.equivalent_labels(), 40, 60, 20, **given)
    np.testing.assert_array_equal(own.retrained, equivalent.retrained)
    assert own.attrs["loss"] == "logistic"


def test_workers_do_not_change_the_draws():
    given = {"loss": "logistic", "draws": 12, **RIDGES}
    one = op.sample_coefficients(correlated(), N, P, S, workers=1, **given)
    two = op.sample_coefficients(correlated(), N, P, S, workers=2, **given)
    for name in ("dense", "support", "retrained"):
        np.testing.assert_array_equal(one[name], two[name])


BAD = [
    ({"loss": "log"}, ValueError, "loss must be one of square, logistic, hinge"),
    ({"loss": "hinge", "ridge": 0.0}, ValueError, "ridge must be above 0 for loss hinge"),
    ({"loss": "logistic", "retrain_ridge": 0.0, "nonzeros": 120}, ValueError, "at size 120"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_input(arguments, error, message):
    given = {"n": N, "size": P, "nonzeros": S, **RIDGES, **arguments}
    with pytest.raises(error, match=message):
        op.sample_coefficients(independent(), **given)
    with pytest.raises(error, match=message):
        op.coefficient_density(independent(), edges=[0.0, 1.0], **given)


def test_regression_takes_the_square_loss_only():
    problem = op.LinearGaussianProblem(np.ones(10), np.ones(10))
    with pytest.raises(ValueError, match="loss logistic needs labels -1 and 1"):
        op.sample_coefficients(problem, 20, 10, 5, loss="logistic", ridge=0.1)
