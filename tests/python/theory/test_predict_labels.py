"""Predicted classifiers against published numbers, today's theory of regression, and limits."""

import warnings

import numpy as np
import pytest

import overprune as op

P = 600
VARIANCES = np.repeat([9.0, 1.0], [60, 540])
SETTING = {"ridge": 0.1, "retrain_ridge": 0.1}


@pytest.fixture
def spiked():
    return op.LinearClassificationProblem(np.full(P, P**-0.5), VARIANCES, noise_std=0.3)


# docs/theory.md, section 11. Those of the hinge loss are the plain code's of label_oracle.py.
PUBLISHED = [
    ("logistic", 150, "magnitude", 0.3202),
    ("logistic", 60, "hessian", 0.3207),
    ("hinge", 150, "magnitude", 0.3558),
    ("hinge", 60, "hessian", 0.3380),
    ("square", 60, "hessian", 0.3512),
]


@pytest.mark.parametrize(("loss", "s", "rule", "expected"), PUBLISHED)
def test_published_numbers_of_independent_features(spiked, loss, s, rule, expected):
    table = op.predict(spiked, 300, [P], [s], rules=[rule], loss=loss, **SETTING)
    assert table.retrained_error.item() == pytest.approx(expected, abs=5.1e-5)


AR = 0.6 ** abs(np.subtract.outer(np.arange(400), np.arange(400)))
CORRELATED = [
    ("square", 50, "magnitude", 0.1, 0.2356, 0.2086),
    ("logistic", 50, "magnitude", 0.1, 0.1678, 0.1106),
    ("logistic", 100, "hessian", 0.05, 0.1697, 0.1419),
]


@pytest.mark.parametrize(("loss", "s", "rule", "ridge", "dense", "retrained"), CORRELATED)
def test_published_numbers_of_correlated_features(loss, s, rule, ridge, dense, retrained):
    beta = np.repeat([40**-0.5, 0.0], [40, 360])
    problem = op.LinearClassificationProblem(beta, AR, noise_std=0.3)
    table = op.predict(
        problem,
        240,
        [400],
        [s],
        rules=[rule],
        loss=loss,
        ridge=ridge,
        retrain_ridge=ridge,
        draws=40,
        workers=2,
    )
    assert table.dense_error.item() == pytest.approx(dense, abs=5.1e-5)
    error = table.retrained_error_stderr.item()
    assert 0 < error < 0.01
    assert table.retrained_error.item() == pytest.approx(retrained, abs=4 * error)


def random_problem(seed, p=60):
    generator = np.random.default_rng(seed)
    variances = generator.choice([0.3, 1.0, 4.0], p)
    beta = generator.choice([0.0, 0.2, -0.5], p)
    return op.LinearClassificationProblem(beta, variances, generator.uniform(0.1, 1.0))


def implied_risk(problem, table, stage):
    """E (y - x'theta)^2 by the overlaps."""
    field = problem.field.null_risk
    pull = np.sqrt(2 / np.pi / field)
    return 1 - 2 * pull * table[f"{stage}_teacher_overlap"] + table[f"{stage}_self_overlap"]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("ridges", [(0.0, 0.0), (0.2, 0.0), (0.05, 0.3), (1e-3, 10.0)])
def test_square_loss_is_the_regression_on_labels(seed, ridges):
    problem = random_problem(seed)
    grid = {
        "n": 40,
        "sizes": [20, 30, 50, 60],
        "nonzeros": [5, 20, 30, 50],
        "rules": op._table.check.CUTTING_RULES,
        "ridge": ridges[0],
        "retrain_ridge": ridges[1],
    }
    labels = op.predict(problem, **grid)
    numbers = op.predict(problem.regression, **grid)
    for stage in ("dense", "pruned", "retrained"):
        ours = implied_risk(problem, labels, stage)
        np.testing.assert_allclose(ours, numbers[f"{stage}_risk"], rtol=1e-9, err_msg=stage)


@pytest.mark.parametrize("loss", ["square", "logistic", "hinge"])
def test_nothing_pruned_is_dense(spiked, loss):
    table = op.predict(
        spiked, 300, [200, P], [200, P], rules=op._table.check.CUTTING_RULES, loss=loss, **SETTING
    )
    for size in (200, P):
        for stage in ("pruned", "retrained"):
            whole = table[f"{stage}_error"].sel(size=size, nonzeros=size)
            np.testing.assert_array_equal(whole, table.dense_error.sel(size=size).item())


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_known_supports_are_trained_as_if_for_the_first_time(spiked, loss):
    kept = np.arange(60)  # the oracle's: largest beta^2 lam
    table = op.predict(spiked, 300, [P], [60], rules=["oracle"], loss=loss, **SETTING)
    direct = op.predict(spiked.restrict(kept), 300, [60], [60], loss=loss, **SETTING)
    np.testing.assert_allclose(table.retrained_error.item(), direct.dense_error.item(), rtol=1e-10)


@pytest.mark.parametrize("loss", ["square", "logistic", "hinge"])
def test_diagonal_matrix_agrees_with_independent_features(loss):
    problem = random_problem(3)
    dense = op.LinearClassificationProblem(
        problem.beta, np.diag(problem.covariance), problem.noise_std
    )
    grid = {"n": 40, "sizes": [30, 60], "nonzeros": [10, 25], "ridge": 0.1, "retrain_ridge": 0.2}
    exact = op.predict(problem, loss=loss, rules=op._table.check.CUTTING_RULES, **grid)
    drawn = op.predict(
        dense, loss=loss, rules=op._table.check.CUTTING_RULES, draws=128, workers=2, **grid
    )
    np.testing.assert_allclose(drawn.dense_error, exact.dense_error, rtol=1e-9)
    oracle = {"rule": "oracle"}
    np.testing.assert_allclose(
        drawn.retrained_error.sel(oracle), exact.retrained_error.sel(oracle), rtol=1e-9
    )
    for stage in ("pruned", "retrained"):
        # The number of survivors above a threshold varies: a bias of order 1 / p.
        np.testing.assert_allclose(drawn[f"{stage}_error"], exact[f"{stage}_error"], rtol=0.05)


RIDGES = [(mu, mu) for mu in (1e-6, 1e-3, 0.1, 10.0, 1e3)] + [(1e-6, 1e3)]


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
@pytest.mark.parametrize("noise", [0.0, None, 30.0])
@pytest.mark.parametrize("n", [6, 25, 150, 600])
def test_wide_range_of_ridges(loss, noise, n):
    problem = random_problem(1 if n < 100 else 2)
    if noise is not None:
        problem = op.LinearClassificationProblem(problem.beta, problem.covariance, noise)
    for ridge, retrain_ridge in RIDGES:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # says where equations have not been solved
            table = op.predict(
                problem,
                n,
                [20, 60],
                [3, 40, 59],
                loss=loss,
                ridge=ridge,
                retrain_ridge=retrain_ridge,
                rules=["magnitude", "random"],
                workers=1,
            )
        valid = table.nonzeros <= table["size"]
        for stage in ("dense", "pruned", "retrained"):
            error = table[f"{stage}_error"]
            if stage != "dense":
                error = error.where(valid, 0.5)
            assert ((error > problem.bayes_error - 1e-12) & (error <= 0.5)).all(), stage
            overlap = table[f"{stage}_self_overlap"]
            assert (overlap.where(valid, 1.0) > 0).all()


def test_a_pruned_model_that_is_not_along_the_dense_one():
    # One strong common factor: the overlap of the two is far from the pruned model's own.
    covariance = np.eye(80) + np.ones((80, 80))
    problem = op.LinearClassificationProblem(np.repeat([0.3, 0.0], [10, 70]), covariance, 0.3)
    table = op.predict(
        problem, 60, [80], [15], loss="logistic", draws=8, workers=1, ridge=0.1, retrain_ridge=0.1
    )
    assert problem.bayes_error < table.retrained_error.item() < 0.5


def test_small_ridges_have_a_limit(spiked):
    # Separable data: the hinge's models tend to that of the largest margin.
    found = [
        op.predict(spiked, 300, [P], [60, 200], loss="hinge", ridge=ridge, retrain_ridge=ridge)
        for ridge in (1e-4, 1e-6)
    ]
    np.testing.assert_allclose(found[0].dense_error, found[1].dense_error, rtol=1e-9)
    np.testing.assert_allclose(found[0].retrained_error, found[1].retrained_error, rtol=1e-3)


def test_ridge_orders_the_norms(spiked):
    found = [
        op.predict(spiked, 300, [P], [60], loss="logistic", ridge=ridge).dense_self_overlap.item()
        for ridge in (1e-4, 1e-2, 1.0, 100.0)
    ]
    assert found == sorted(found, reverse=True)


def test_beta_of_zero_is_a_coin(recwarn):
    problem = op.LinearClassificationProblem(np.zeros(30), np.ones(30), 1.0)
    for loss in ("square", "logistic", "hinge"):
        table = op.predict(problem, 20, [30], [10], loss=loss, **SETTING)
        assert table.dense_error == table.pruned_error == table.retrained_error == 0.5


def test_own_loss_is_what_it_copies(spiked):
    mine = op.Loss(
        lambda y, f: np.logaddexp(0.0, -y * f), op.losses.logistic.prox, name="my logistic"
    )
    own = op.predict(spiked, 300, [P], [150], loss=mine, **SETTING)
    ours = op.predict(spiked, 300, [P], [150], loss="logistic", **SETTING)
    for name in ("dense_error", "pruned_error", "retrained_error"):
        np.testing.assert_allclose(own[name], ours[name], rtol=1e-6)
    assert own.attrs["loss"].startswith("my logistic ")


def test_reproduce_and_workers(spiked):
    table = op.predict(spiked, [200, 300], [100, P], [60], loss="logistic", **SETTING, workers=1)
    assert table.attrs["loss"] == "logistic"
    again = op.reproduce(table, workers=2)
    for name in table.data_vars:
        np.testing.assert_array_equal(again[name], table[name])


BAD = [
    ({"loss": "log"}, ValueError, "loss must be one of square, logistic, hinge"),
    ({"loss": lambda y, f: 0}, TypeError, "without its proximal operator"),
    ({"loss": "logistic", "ridge": 0.0}, ValueError, "ridge must be above 0 for loss logistic"),
    ({"loss": "hinge", "ridge": 0.0}, ValueError, "ridge must be above 0 for loss hinge"),
    ({"compensate": True}, ValueError, "compensate must be"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_input(spiked, arguments, error, message):
    with pytest.raises(error, match=message):
        op.predict(spiked, 300, [P], [60], **{**SETTING, **arguments})


def test_regression_takes_the_square_loss_only():
    problem = op.LinearGaussianProblem(np.ones(10), np.ones(10))
    with pytest.raises(ValueError, match="loss logistic needs labels -1 and 1"):
        op.predict(problem, 20, [10], [5], loss="logistic", ridge=0.1)


def test_random_features_with_labels():
    problem = op.RandomFeatureProblem.draw(60, 20, noise_std=0.0, link="sign", seed=1)
    labels = problem.equivalent_labels()
    # E[y x] is that of the features' own labels.
    np.testing.assert_allclose(
        labels.regression.beta, problem.equivalent().beta, rtol=1e-9, atol=1e-12
    )
    table = op.predict(problem, 40, [60], [20], loss="logistic", ridge=0.05, retrain_ridge=0.05)
    assert 0 < table.dense_error < 0.5
    with pytest.raises(ValueError, match='link="sign"'):
        op.RandomFeatureProblem.draw(60, 20, noise_std=0.1, seed=1).equivalent_labels()


def test_data_with_labels():
    source = random_problem(4, p=12)
    X, y = source.sample(4000, seed=3)
    problem = op.DataProblem(X[:100], (y[:100] > 0).astype(int), X, (y > 0).astype(int))
    labels = problem.equivalent_labels()
    np.testing.assert_allclose(labels.regression.beta, source.regression.beta, atol=0.05)
    found = op.predict(problem, 100, [12], [6], loss="logistic", ridge=0.1, retrain_ridge=0.1)
    truth = op.predict(source, 100, [12], [6], loss="logistic", ridge=0.1, retrain_ridge=0.1)
    assert abs(found.dense_error - truth.dense_error) < 0.02
    clear = op.LinearGaussianProblem([1.0], [1.0], 0.1)
    with pytest.warns(UserWarning, match="more than the 2/pi"):
        op.LinearClassificationProblem.of_regression(clear)


@pytest.mark.parametrize("loss", ["square", "logistic", "hinge"])
@pytest.mark.parametrize("ridge", [0.05, 5.0])
def test_laws_have_the_overlaps_of_the_table(loss, ridge):
    problem = random_problem(5)
    table = op.predict(problem, 40, [60], [20], loss=loss, ridge=ridge, retrain=False)
    mean, variance = op.coefficient_law(problem, 40, loss=loss, ridge=ridge)
    teacher = (problem.covariance * problem.beta * mean).sum()
    own = (problem.covariance * (mean**2 + variance)).sum()
    np.testing.assert_allclose(teacher, table.dense_teacher_overlap.item(), rtol=1e-9)
    np.testing.assert_allclose(own, table.dense_self_overlap.item(), rtol=1e-9)
    survivors = op.survival(problem, 40, 60, 20, loss=loss, ridge=ridge)
    np.testing.assert_allclose(survivors.probability.sum(), 20, rtol=1e-9)
    dense = op.LinearClassificationProblem(
        problem.beta, np.diag(problem.covariance), problem.noise_std
    )
    again, spread = op.coefficient_law(dense, 40, loss=loss, ridge=ridge)
    np.testing.assert_allclose(again, mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.diag(spread), variance, rtol=1e-9)


def test_what_has_no_theory_of_labels_is_named():
    X, classes = op.standard_normal((40, 3), seed=0), np.arange(40) % 3
    three = op.DataProblem(X, classes, X, classes)
    run = {"loss": "logistic", "ridge": 0.1, "retrain_ridge": 0.1}
    with pytest.raises(ValueError, match=r"problem must have two classes .* logistic, got 3"):
        op.predict(three, 10, [3], [2], **run)
    numbers = op.DataProblem(X, X[:, 0], X, X[:, 0])
    with pytest.raises(ValueError, match="-1 and 1, got a column of other numbers"):
        op.predict(numbers, 10, [3], [2], **run)
    labels = op.LinearClassificationProblem(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match='in the theory of labels, got "lasso"'):
        op.predict(labels, 10, [3], [2], rules=["lasso"])
    with pytest.raises(ValueError, match="retrain_ridge must be above 0 for loss hinge"):
        op.predict(labels, 10, [3], [2], loss="hinge", ridge=0.1)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_draws_of_nearly_complete_supports(loss):
    """What sampling adds to the overlaps is more than what pruning has taken away."""
    p = 40
    covariance = 0.6 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    problem = op.LinearClassificationProblem(np.repeat([0.5, 0.0], [4, p - 4]), covariance, 0.3)
    nonzeros = [16, 24, 30, 34, 37, 38, 39, p]
    table = op.predict(
        problem, 24, [p], nonzeros, loss=loss, ridge=0.1, retrain_ridge=0.1, draws=16, rtol=1.0
    )
    errors = table.retrained_error.values.ravel()
    assert np.isfinite(errors).all()
    np.testing.assert_allclose(errors[-3:], table.dense_error.item(), rtol=0.02)
    np.testing.assert_allclose(errors[-1], table.dense_error.item(), rtol=1e-12)
