"""Compensated pruning (optimal brain surgeon): the function, the simulated stage, how it is
retraining."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import overprune as op
import problems
from tables import assert_same

AUTOREGRESSIVE = 0.7 ** abs(np.subtract.outer(np.arange(12), np.arange(12)))


def psd(p, rank, seed=0):
    root = problems.normal(p, rank, seed=seed)
    return root @ root.T / rank


def by_least_squares(theta, support, hessian):
    """The same as a least-squares problem in a root of the Hessian, by the smallest move."""
    values, basis = np.linalg.eigh(hessian)
    root = np.sqrt(np.clip(values, 0, None))[:, None] * basis.T
    pruned = np.zeros_like(theta)
    pruned[support] = theta[support]
    pruned[support] += np.linalg.lstsq(root[:, support], root @ (theta - pruned), rcond=1e-7)[0]
    return pruned


@pytest.mark.parametrize("rank", [40, 12, 5])
@pytest.mark.parametrize("shape", [(12,), (12, 3)])
def test_the_nearest_model_on_the_support(rank, shape):
    theta, hessian = problems.normal(*shape), psd(12, rank, seed=1)
    for support in ([3], [0, 1, 2], [11, 4, 7, 0], np.arange(12)):
        found = op.compensate(theta, support, hessian)
        assert found.shape == shape
        np.testing.assert_allclose(
            found, by_least_squares(theta, support, hessian), rtol=1e-6, atol=1e-8
        )
        assert not np.delete(found, support, axis=0).any()


def test_with_its_diagonal_the_survivors_stay():
    theta = problems.normal(12, 2)
    expected = np.zeros((12, 2))
    expected[[1, 5]] = theta[[1, 5]]
    np.testing.assert_array_equal(op.compensate(theta, [5, 1], np.arange(12.0)), expected)
    np.testing.assert_allclose(op.compensate(theta, [5, 1], np.diag(np.arange(12.0))), expected)


def test_keeping_all_changes_nothing():
    theta = problems.normal(12)
    np.testing.assert_array_equal(op.compensate(theta, np.arange(12), psd(12, 30)), theta)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
@pytest.mark.parametrize(("n", "p"), [(40, 25), (40, 90)])
def test_with_the_training_rows_own_hessian_it_is_retraining(n, p, ridge):
    """Deleting at once: one step of the inverse Hessian lands on the least-squares solution of the
    support.

    With more survivors than rows on the one of minimum norm: the move, as the trained model, is in
    the span of the rows.
    """
    X, y = problems.normal(n, p), problems.normal(n, 2, seed=1)
    theta = op.least_squares(X, y, ridge=ridge)
    hessian = X.T @ X / n + ridge * np.eye(p)
    for s in (s for s in (3, 20, 60) if s < p):
        support = op.top_k(op.importance(theta, "magnitude"), s)
        retrained = op.least_squares(X[:, support], y, ridge=ridge)
        found = op.compensate(theta, support, hessian)[support]
        np.testing.assert_allclose(found, retrained, rtol=1e-8, atol=1e-9)


def test_deleting_in_rounds_ends_where_deleting_at_once_does():
    theta, hessian = problems.normal(12), psd(12, 30)
    at_once = op.compensate(theta, [2, 9, 4], hessian)
    rounds = theta
    for support in ([2, 9, 4, 0, 1, 7, 5], [2, 9, 4, 7], [2, 9, 4]):
        rounds = op.compensate(rounds, support, hessian)
    np.testing.assert_allclose(rounds, at_once, rtol=1e-10, atol=1e-12)


def test_deleting_one_by_one_by_the_surgeons_score_is_backward_elimination():
    """The score theta_i^2 / (H^-1)_ii is the rise of the training error, found here by training
    without i."""
    X, y = problems.normal(60, 10), problems.normal(60, seed=1)
    hessian, theta, alive = X.T @ X / 60, op.least_squares(X, y), list(range(10))
    for _ in range(7):
        inverse = np.linalg.inv(hessian[np.ix_(alive, alive)])
        scores = theta[alive] ** 2 / np.diag(inverse)
        loss = [
            ((y - X[:, rest] @ np.linalg.lstsq(X[:, rest], y, rcond=None)[0]) ** 2).mean()
            for rest in ([j for j in alive if j != i] for i in alive)
        ]
        full = ((y - X @ theta) ** 2).mean()
        np.testing.assert_allclose(scores, np.array(loss) - full, rtol=1e-9, atol=1e-12)
        del alive[int(np.argmin(scores))]
        theta = op.compensate(theta, alive, hessian)
    np.testing.assert_allclose(
        theta[alive], np.linalg.lstsq(X[:, alive], y, rcond=None)[0], rtol=1e-9
    )


@pytest.mark.parametrize(
    "name", ["diagonal", "correlated", "several targets", "joint noise", "relu features"]
)
def test_simulated_trials_are_the_compensated_models(name):
    problem = problems.EVERY[name]()
    linear = problem.equivalent() if name == "relu features" else problem
    sigma = linear.covariance
    sizes, nonzeros, rules = [8, 20, 40], [3, 8, 12], ("magnitude", "hessian", "random")
    arguments = {"rules": rules, "trials": 3, "seed": 4}
    table = op.simulate(problem, 20, sizes, nonzeros, compensate=True, **arguments)
    plain = op.simulate(problem, 20, sizes, nonzeros, **arguments)
    xr.testing.assert_identical(
        table.drop_vars("compensated_risk").drop_attrs(), plain.drop_attrs()
    )
    curvature = sigma if sigma.ndim == 1 else np.diag(sigma)
    for t in range(3):
        X, y = problem.sample(20, seed=4, stream=t)
        path = op.prune_path(
            X, y, sizes, nonzeros, rules=rules, curvature=curvature, seed=4, stream=t
        )
        for rule in rules:
            for i, k in enumerate(sizes):
                for s in (s for s in nonzeros if s <= k):
                    support = path.support(rule, k, s)
                    model = op.compensate(path.dense[i], support, sigma)
                    measured = table.compensated_risk.sel(
                        rule=rule, size=k, nonzeros=s, trial=t
                    ).item()
                    assert measured == pytest.approx(float(problem.risk(model)), rel=1e-9)
    assert table.compensated_risk.sel(size=8, nonzeros=12).isnull().all()
    same = table.compensated_risk.sel(size=8, nonzeros=8).values
    np.testing.assert_array_equal(
        same, np.broadcast_to(table.dense_risk.sel(size=8).values, same.shape)
    )
    if sigma.ndim == 1:
        np.testing.assert_array_equal(table.compensated_risk, table.pruned_risk)


@pytest.mark.parametrize("rank", [4, 20, 40])
def test_singular_covariances(rank):
    problem = op.LinearGaussianProblem(problems.normal(40), psd(40, rank), 0.3)
    table = op.simulate(problem, 15, [40], [2, 10, 30], compensate=True, trials=4, retrain=False)
    for t in range(4):
        theta = op.least_squares(*problem.sample(15, seed=0, stream=t))
        for s in (2, 10, 30):
            model = by_least_squares(theta, op.top_k(abs(theta), s), problem.covariance)
            measured = table.compensated_risk.sel(size=40, nonzeros=s, trial=t).item()
            assert measured == pytest.approx(float(problem.risk(model)), rel=1e-6)


def test_excess_over_the_best_model_on_the_support_is_at_most_the_trained_models():
    """The projection does not lengthen: R - sigma_S^2 <= R_dense - sigma^2,
    whatever the support."""
    problem = problems.correlated()
    for t in range(20):
        theta = op.least_squares(*problem.sample(20, seed=1, stream=t))
        support = op.top_k(abs(theta), 10)
        model = op.compensate(theta, support, problem.covariance)
        excess = float(problem.risk(model)) - problem.restrict(support).noise_std ** 2
        assert 0 <= excess <= float(problem.risk(theta)) - problem.noise_std**2


def test_it_differs_from_retraining_and_from_plain_pruning():
    table = op.simulate(
        problems.relu_features(p=300, d=40), 100, [300], [30], compensate=True, trials=60
    )
    for other in (table.pruned_risk, table.retrained_risk):
        apart = (other - table.compensated_risk).values.ravel()
        assert apart.mean() > 4 * apart.std() / np.sqrt(apart.size)


def test_workers_do_not_change_a_bit():
    run = {"sizes": [20, 40], "nonzeros": [5, 10], "compensate": True, "trials": 6}
    tables = [op.simulate(problems.correlated(), 20, **run, workers=w) for w in (1, 3)]
    assert_same(*tables)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: op.compensate([1.0, 2.0], [], np.eye(2)),
            ValueError,
            "support must be a non-empty array",
        ),
        (
            lambda: op.compensate([1.0, 2.0], [2], np.eye(2)),
            ValueError,
            "support must lie between 0 and 1",
        ),
        (
            lambda: op.compensate([1.0, 2.0], [1, 1], np.eye(2)),
            ValueError,
            "support must be distinct",
        ),
        (
            lambda: op.compensate([1.0, 2.0], [0.5], np.eye(2)),
            TypeError,
            "support must be an array of int",
        ),
        (
            lambda: op.compensate([1.0, 2.0], [0], np.eye(3)),
            ValueError,
            "hessian must have length 2",
        ),
        (
            lambda: op.compensate([1.0, 2.0], [0], [1.0, -2.0]),
            ValueError,
            "hessian must not be negative",
        ),
        (
            lambda: op.compensate([1.0, 2.0], [0], [[1, 2], [0, 1]]),
            ValueError,
            "hessian must be symmetric",
        ),
        (lambda: op.compensate([np.nan, 2.0], [0], np.eye(2)), ValueError, "theta must be finite"),
        (
            lambda: op.simulate(problems.labelled_data(), 20, [9], [3], compensate=True),
            ValueError,
            r"compensate must be False for a DataProblem.*compensating is retraining",
        ),
        (
            lambda: op.simulate(problems.diagonal(), 20, [9], [3], compensate=1),
            TypeError,
            "compensate must be True or False, got 1",
        ),
    ],
)
def test_wrong_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
