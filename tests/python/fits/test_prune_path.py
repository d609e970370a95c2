"""The whole grid on one data set, against a plain loop of lstsq, stable argsort, lstsq."""

from __future__ import annotations

import numpy as np
import pytest

import overprune as op
import problems
from oracles import assert_solves, lstsq

RULES = ("magnitude", "hessian", "oracle", "random")


def stable_top(scores, count):
    """Indices of the largest scores, ascending; ties to the lower index."""
    return np.sort(np.argsort(-scores, kind="stable")[:count])


def scores_of(rule, theta, *, curvature, truth, uniform):
    rows = np.linalg.norm(theta.reshape(len(theta), -1), axis=1)
    truth = np.linalg.norm(truth.reshape(len(truth), -1), axis=1)
    return {
        "magnitude": rows,
        "hessian": rows**2 * curvature,
        "oracle": truth**2 * curvature,
        "random": uniform,
    }[rule]


@pytest.mark.parametrize("curvature_given", [False, True])
@pytest.mark.parametrize(("ridge", "retrain_ridge"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.05)])
@pytest.mark.parametrize("targets", [None, 3])
def test_against_a_plain_loop(targets, ridge, retrain_ridge, curvature_given):
    n, p, sizes, nonzeros = 20, 60, [6, 19, 20, 21, 45, 60], [3, 18, 20, 23, 45]
    X = problems.normal(n, p) * np.linspace(0.5, 2, p)
    y = problems.normal(n, targets or 1, seed=1)
    beta = problems.normal(p, targets or 1, seed=2)
    y, beta = (y, beta) if targets else (y[:, 0], beta[:, 0])
    curvature = np.linspace(2, 1, p) if curvature_given else None
    path = op.prune_path(
        X,
        y,
        sizes,
        nonzeros,
        rules=RULES,
        ridge=ridge,
        retrain_ridge=retrain_ridge,
        curvature=curvature,
        truth=beta,
        seed=4,
    )
    weights = (X**2).mean(axis=0) if curvature is None else curvature
    uniform = op.importance(np.ones(p), "random", seed=4)
    for i, k in enumerate(sizes):
        dense = path.dense[i]
        assert not dense[k:].any()
        assert_solves(X[:, :k], y, dense[:k], ridge)
        for rule in RULES:
            scores = scores_of(
                rule, dense[:k], curvature=weights[:k], truth=beta[:k], uniform=uniform[:k]
            )
            for s in [s for s in nonzeros if s <= k]:
                keep = path.support(rule, k, s)
                np.testing.assert_array_equal(keep, stable_top(scores, s))
                pruned, retrained = path.pruned(rule, k, s), path.retrained(rule, k, s)
                np.testing.assert_array_equal(pruned[keep], dense[keep])
                assert not np.delete(pruned, keep, axis=0).any()
                assert_solves(X[:, keep], y, retrained[keep], retrain_ridge)
                assert not np.delete(retrained, keep, axis=0).any()


def singular(n, p):
    X = problems.normal(n, p)
    X[:, 5], X[:, 9] = X[:, 2], 0.0
    return X


DESIGNS = {
    "gaussian": problems.normal(20, 50),
    "tall": problems.normal(60, 12),
    "graded": problems.normal(20, 50) * 10.0 ** -np.linspace(0, 4, 50),
    "singular": singular(20, 50),
    "low rank": problems.normal(20, 6) @ problems.normal(6, 50, seed=1),
    "duplicate rows": problems.normal(20, 50)[np.arange(20) % 14],
    "zero": np.zeros((4, 7)),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_rank_and_condition(name):
    X = DESIGNS[name]
    n, p = X.shape
    sizes = [k for k in (1, 4, 8, 12, n - 1, n, n + 1, n + 2, 30, p) if k <= p]
    sizes = sorted(set(sizes))
    path = op.prune_path(X, X[:, 0] + 0.1, sizes, [1])
    for k, rank, condition in zip(sizes, path.rank, path.condition, strict=True):
        s = np.linalg.svd(X[:, :k], compute_uv=False)
        assert rank == np.linalg.matrix_rank(X[:, :k])
        if rank > 0:
            assert 0.1 < condition / (s[0] / s[rank - 1]) < 10


def test_rank_with_ridge_is_that_of_the_regularised_problem():
    path = op.prune_path(DESIGNS["low rank"], np.ones(20), [4, 20, 50], [1], ridge=0.1)
    np.testing.assert_array_equal(path.rank, [4, 20, 50])
    assert (path.condition >= 1).all()


@pytest.mark.parametrize("shape", [(15,), (15, 1), (15, 3)])
def test_dense_alone_is_the_least_squares_path(shape):
    X, y = problems.normal(15, 40), problems.normal(*shape, seed=1)
    sizes = [5, 15, 16, 40]
    path = op.prune_path(X, y, sizes, [2], retrain=False)
    np.testing.assert_array_equal(path.dense, op.least_squares_path(X, y, sizes))


def test_keeping_all_is_the_dense_model():
    X, y = problems.normal(15, 30), problems.normal(15, seed=1)
    path = op.prune_path(X, y, [10, 30], [10, 30], rules=("magnitude", "random"))
    for i, k in enumerate([10, 30]):
        np.testing.assert_array_equal(path.pruned("random", k, k), path.dense[i])
        np.testing.assert_allclose(
            path.retrained("magnitude", k, k), path.dense[i], rtol=1e-9, atol=1e-12
        )


def test_hessian_is_magnitude_where_the_curvature_is_flat():
    X, y = problems.normal(25, 60), problems.normal(25, seed=1)
    path = op.prune_path(
        X, y, [20, 60], [10], rules=("magnitude", "hessian"), curvature=np.full(60, 3.0)
    )
    for k in (20, 60):
        np.testing.assert_array_equal(
            path.support("magnitude", k, 10), path.support("hessian", k, 10)
        )


def test_truth_may_differ_from_size_to_size():
    X, y, truth = problems.normal(10, 6), problems.normal(10, seed=1), np.zeros((2, 6))
    truth[0, 1] = truth[1, 4] = 1.0
    path = op.prune_path(X, y, [3, 6], [1], rules="oracle", truth=truth)
    assert path.support("oracle", 3, 1) == [1]
    assert path.support("oracle", 6, 1) == [4]


@pytest.mark.parametrize("name", problems.EVERY)
def test_risk_is_the_problems_risk_of_every_model(name):
    problem = problems.EVERY[name]()
    X, y = problem.sample(15, seed=1, stream=2)
    sizes, nonzeros = [4, 14, 25], [3, 10, 20]
    path = op.prune_path(X, y, sizes, nonzeros, rules=("magnitude", "random"), retrain_ridge=0.1)
    table = path.risk(problem, stream=2)
    judge = problem.judge(2)
    for i, k in enumerate(sizes):
        assert float(table.dense_risk.sel(size=k)) == pytest.approx(
            float(judge(path.dense[i])["risk"])
        )
        for stage, models in (("pruned", path.pruned), ("retrained", path.retrained)):
            for quantity in judge(path.dense[0]):
                figures = table[f"{stage}_{quantity}"].sel(rule="random", size=k)
                for s in nonzeros:
                    value = float(figures.sel(nonzeros=s))
                    if s > k:
                        assert np.isnan(value)
                    else:
                        assert value == pytest.approx(
                            float(judge(models("random", k, s))[quantity])
                        )


def test_risk_has_every_variable_even_where_no_point_is_on_the_grid():
    problem = problems.labelled_data()
    X, y = problem.sample(15, seed=1)
    table = op.prune_path(X, y, [2, 3], [4, 5]).risk(problem)
    assert set(table) == {
        f"{s}_{q}" for s in ("dense", "pruned", "retrained") for q in ("risk", "accuracy")
    }
    assert np.isnan(table.pruned_risk).all()
    assert np.isnan(table.retrained_accuracy).all()


def test_without_retraining():
    problem = problems.diagonal()
    X, y = problem.sample(15, seed=1)
    path = op.prune_path(X, y, [10, 40], [4], retrain=False)
    assert "retrained_risk" not in path.risk(problem)
    with pytest.raises(ValueError, match="retrain=True"):
        path.retrained("magnitude", 10, 4)


@pytest.mark.parametrize("targets", [None, 2])
@pytest.mark.parametrize("retrain", [False, True])
def test_models_are_those_of_the_points(targets, retrain):
    X = problems.normal(20, 40)
    y = problems.normal(20, targets or 1, seed=1)
    y = y if targets else y[:, 0]
    path = op.prune_path(
        X, y, [4, 30], [2, 4, 9, 31], rules=("magnitude", "hessian"), retrain=retrain
    )
    for rule in path.rules:
        for size, counts in ((4, [2, 4]), (30, [2, 4, 9])):
            order, *stages = path.models(rule, size)
            assert order.shape == (counts[-1],)
            for models, point in zip(stages, (path.pruned, path.retrained), strict=True):
                if models is None:
                    assert not retrain
                    continue
                assert len(models) == len(counts)
                for s, coefficients in zip(counts, models, strict=True):
                    theta = np.zeros_like(path.dense[0])
                    theta[order] = coefficients
                    np.testing.assert_array_equal(theta, point(rule, size, s))
    order, pruned, _ = op.prune_path(X, y, [4], [9]).models("magnitude", 4)
    assert (order.size, len(pruned)) == (0, 0)


def test_points_off_the_grid_are_named():
    path = op.prune_path(problems.normal(9, 6), problems.normal(9, seed=1), [2, 6], [1, 3])
    with pytest.raises(ValueError, match=r"rule must be one of magnitude; got 'hessian'"):
        path.support("hessian", 6, 3)
    with pytest.raises(ValueError, match=r"size must be one of 2, 6; got 5"):
        path.pruned("magnitude", 5, 3)
    with pytest.raises(ValueError, match=r"nonzeros must be one of 1, 3; got 2"):
        path.retrained("magnitude", 6, 2)
    with pytest.raises(ValueError, match=r"nonzeros must be at most the size 2, got 3"):
        path.pruned("magnitude", 2, 3)


def test_risk_needs_a_problem_of_the_same_shape():
    path = op.prune_path(problems.normal(9, 6), problems.normal(9, seed=1), [2], [1])
    with pytest.raises(ValueError, match=r"problem must have 6 features and 1 target"):
        path.risk(problems.diagonal(p=7))
    with pytest.raises(ValueError, match=r"got 6 and 3"):
        path.risk(problems.several_targets(p=6))


def test_lstsq_of_the_gathered_columns_is_what_the_user_would_write():
    """The README's loop, once, literally."""
    X, y = problems.normal(20, 50), problems.normal(20, seed=1)
    theta = lstsq(X, y)
    keep = np.sort(np.argsort(-abs(theta), kind="stable")[:8])
    retrained = lstsq(X[:, keep], y)
    path = op.prune_path(X, y, [50], [8])
    np.testing.assert_array_equal(path.support("magnitude", 50, 8), keep)
    np.testing.assert_allclose(path.retrained("magnitude", 50, 8)[keep], retrained, rtol=1e-11)


@pytest.mark.parametrize("scale", [1e-170, 1e160])
def test_huge_and_tiny_data(scale):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((8, 12)), rng.standard_normal(8)
    arguments = {
        "sizes": [5, 12],
        "nonzeros": [3],
        "rules": ["magnitude", "hessian", "oracle"],
        "truth": y.sum() * X[0],
    }
    base, scaled = op.prune_path(X, y, **arguments), op.prune_path(X * scale, y, **arguments)
    np.testing.assert_allclose(scaled.dense * scale, base.dense, rtol=1e-12)
    np.testing.assert_array_equal(scaled.rank, base.rank)
    np.testing.assert_allclose(scaled.condition, base.condition, rtol=1e-6)
    for rule in base.rules:
        np.testing.assert_array_equal(scaled.support(rule, 12, 3), base.support(rule, 12, 3))
        np.testing.assert_allclose(
            scaled.retrained(rule, 12, 3) * scale, base.retrained(rule, 12, 3), rtol=1e-12
        )


@pytest.mark.parametrize("scale", [1e-155, 1e-150, 1e150])
@pytest.mark.parametrize(("ridge", "retrain_ridge"), [(0.0, 0.1), (0.1, 0.0)])
def test_huge_and_tiny_data_with_one_ridge(scale, ridge, retrain_ridge):
    """X has to be large enough for its squares,
    and the ridge beside it small enough for its own."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((8, 12)), rng.standard_normal(8)
    path = op.prune_path(X * scale, y, [5], [3], ridge=ridge, retrain_ridge=retrain_ridge)

    def solved(kept, own):
        gram, cross = X[:, kept].T @ X[:, kept] / 8, X[:, kept].T @ y / 8
        if own > 0.0 and scale < 1.0:  # beside which the Gram matrix is nothing
            return cross / own * scale
        return np.linalg.solve(gram, cross) / scale

    support = path.support("magnitude", 5, 3)
    np.testing.assert_allclose(path.dense[0, :5], solved(np.arange(5), ridge), rtol=1e-11)
    retrained = path.retrained("magnitude", 5, 3)[support]
    np.testing.assert_allclose(retrained, solved(support, retrain_ridge), rtol=1e-11)


def test_truth_that_may_mean_two_things_is_refused():
    X = np.random.default_rng(0).standard_normal((6, 3))
    with pytest.raises(ValueError, match="one row for each feature or one for each size"):
        op.prune_path(X, X, [1, 2, 3], [1], rules=["oracle"], truth=np.ones((3, 3)))


def test_the_table_names_the_problem_it_was_judged_by():
    problem = op.LinearGaussianProblem([1.0, 2.0], [1.0, 1.0])
    path = op.prune_path(*problem.sample(5, seed=0), [2], [1])
    assert "LinearGaussianProblem" in path.risk(problem).attrs["problem"]
    with pytest.raises(TypeError, match="problem must be a problem of this package, got NoneType"):
        path.risk(None)
