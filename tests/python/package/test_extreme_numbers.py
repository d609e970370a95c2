"""Numbers so large or small that results may overflow: they are right or refused, never NaN."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

import overprune as op
import problems

INF = float("inf")
LINEAR = op.LinearGaussianProblem(np.ones(4), np.ones(4), 0.1)
X, Y = problems.normal(6, 4), problems.normal(6, seed=1)
DATA = op.DataProblem(X, Y, X, Y)


def test_huge_numbers_leave_no_nan():
    assert op.importance([1e300, 1.0], "hessian", curvature=[0.0, 1.0]).tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="a solution leaves the range of double precision"):
        op.least_squares([[1e-300, 0.0]], [1e100])
    found = op.compensate([1.7e308, 1e300], [0], [[2.0, 1.0], [1.0, 2.0]])
    assert not np.isnan(found).any()
    assert LINEAR.risk([1e200] * 4) == INF
    assert DATA.risk([1e200] * 4) == INF


def test_what_underflows_or_overflows_on_the_way_leaves_no_nan():
    noisy = op.LinearGaussianProblem([1.0, 1.0, 0.0], [1e-300, 0.4, 1.7e308], 1e150)
    assert np.isinf(op.coefficient_law(noisy, 1, ridge=0.1)[1]).all()
    dense = op.LinearGaussianProblem([0.3, 0.5], np.array([[2.0, 0.5], [0.5, 1.0]]) * 1e-30, 1e150)
    assert np.isinf(op.coefficient_law(dense, 3)[1]).all()
    tiny = op.LinearGaussianProblem([0.3, 0.8], [0.9, 2e-310])
    assert np.isinf(
        op.phase(
            tiny, ("n", [2]), ("nonzeros", [1]), sizes=1, rules="magnitude", retrain=False
        ).ratio
    ).any()
    # A restricted problem's noise has few digits where it lies below the normal numbers.
    last = [-1.0187499215906593e-160, 9.067753683783652e-161, 3.5405004236667965e-161]
    assert (
        op.LinearGaussianProblem([[0.0] * 3, last], [0.17, 0.4674728732684044]).restrict([0]).p == 1
    )
    wide = op.LinearGaussianProblem([0.0, 1e-160], [1.7e308, 1.7e308], 1.0)
    with pytest.raises(
        ValueError, match=r"^problem must have .* leaves the range of double precision$"
    ):
        op.tune_ridge(wide, 3, 2)


def test_models_without_a_share_of_samples_left_are_refused():
    """A ridge of 1e-42 of the variance, and one sample for one feature:
    the share rounds to zero."""
    problem = op.LinearGaussianProblem(
        [1.0, -2.0], np.array([[2.5, -1.3], [-1.3, 0.8]]) * 1e30, 0.3
    )
    for function, more in (
        (op.sample_coefficients, {}),
        (op.coefficient_density, {"edges": [0.0, 1.0]}),
    ):
        with pytest.raises(ValueError, match="its retrained model at size 1 leaves the range"):
            function(
                problem, 1, 1, 1, rule="oracle", ridge=1e-12, retrain_ridge=1e-12, draws=2, **more
            )


def test_risks_at_subnormal_variances_are_those_at_variance_one():
    def tables(variance, beta, rules):
        problem = op.LinearGaussianProblem([beta] * 4, [variance] * 4, 0.3)
        yield op.simulate(problem, 6, [1, 2, 4], [1, 2, 4], rules=rules, trials=3)
        yield op.simulate_schedule(problem, 6, 4, [2, 1], rules=rules, trials=3)

    for rules in (["magnitude"], ["hessian"], ["random"]):
        for tiny, ordinary in zip(
            tables(1e-320, 1e-2, rules), tables(1.0, 1e-162, rules), strict=True
        ):
            for name in ("dense_risk", "pruned_risk", "retrained_risk"):
                np.testing.assert_allclose(tiny[name], ordinary[name], rtol=1e-3)  # of few digits


def test_what_is_not_in_the_grid_alone_is_nan():
    table = op.simulate(
        op.LinearGaussianProblem([1.0] * 4, [1.0] * 4, 1e150), 4, [1, 2], [1, 2], trials=3
    )
    assert np.isnan(table.pruned_risk.sel(size=1, nonzeros=2)).all()
    assert table.pruned_risk.sel(size=2).notnull().all()


exponents = st.lists(st.integers(-290, 290), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    exponents,
    st.sampled_from([(12, 3), (8, 8), (6, 20)]),
    st.sampled_from([0.0, 0.1]),
    st.integers(0, 99),
)
def test_a_target_keeps_its_digits_beside_others_of_any_size(decades, shape, ridge, seed):
    """One scale for all left those 1e300 times smaller none."""
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal(shape), rng.standard_normal((shape[0], len(decades)))
    p, units = shape[1], 10.0 ** np.array(decades, dtype=float)
    options = {"rules": ["random"], "ridge": ridge, "retrain_ridge": ridge}
    alone, path = (
        op.prune_path(X, y, [p], [2], **options),
        op.prune_path(X, y * units, [p], [2], **options),
    )
    pairs = [
        (path.dense, alone.dense),
        (path.retrained("random", p, 2), alone.retrained("random", p, 2)),
        (op.least_squares(X, y * units, ridge=ridge), op.least_squares(X, y, ridge=ridge)),
        (
            op.retrain_path(X, y * units, range(p), [p], ridge=ridge),
            op.retrain_path(X, y, range(p), [p], ridge=ridge),
        ),
        (op.compensate(y * units, [0, 2], X @ X.T), op.compensate(y, [0, 2], X @ X.T)),
    ]
    for found, expected in pairs:
        for t, unit in enumerate(units):
            off = np.abs(found[..., t] / unit - expected[..., t]).max()
            assert off <= 1e-10 * np.abs(expected[..., t]).max()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(exponents, st.integers(0, 99))
def test_scores_are_norms_over_the_targets_as_they_are(decades, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((30, 9)) * 10.0 ** rng.uniform(-2, 2, 9)
    y = X @ rng.standard_normal((9, len(decades))) * 10.0 ** np.array(decades, dtype=float)
    path = op.prune_path(X, y, [9], [4], rules=["magnitude", "hessian"])
    norms = [sum(Fraction(value) ** 2 for value in row) for row in path.dense[0].tolist()]
    curvature = [sum(Fraction(value) ** 2 for value in column) for column in X.T.tolist()]
    for rule, weights in (("magnitude", [1] * 9), ("hessian", curvature)):
        scores = [norm * weight for norm, weight in zip(norms, weights, strict=True)]
        best = sorted(range(9), key=lambda i: -scores[i])[:4]
        assert path.support(rule, 9, 4).tolist() == sorted(best)


def test_features_of_a_tiny_target_alone_come_before_those_of_none():
    """Each target has a feature of its own, one 1e400 times larger than another."""
    y = np.zeros((8, 3))
    y[[6, 1, 4], range(3)] = 1e-200, 1.0, 1e200
    path = op.prune_path(np.eye(8), y, [8], [1, 2, 3], rules=["magnitude", "hessian"])
    for rule in path.rules:
        assert [path.support(rule, 8, s).tolist() for s in (1, 2, 3)] == [[4], [1, 4], [1, 4, 6]]


def test_a_large_target_does_not_hide_that_another_needs_a_correction():
    """Its columns are orthogonal to the others', which are at condition 1e6: errors of 8e-9 and of
    2e-10."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        left, right = (np.linalg.qr(rng.standard_normal((rows, 20)))[0] for rows in (30, 20))
        X = scipy.linalg.block_diag(
            rng.standard_normal((10, 2)), left * np.geomspace(1, 1e-6, 20) @ right.T
        )
        y = scipy.linalg.block_diag(
            rng.standard_normal((10, 1)), 1e-20 * rng.standard_normal((30, 1))
        )
        together = op.retrain_path(X, y, range(22), range(1, 23))[..., 1]
        alone = op.retrain_path(X, y[:, 1], range(22), range(1, 23))
        off, size = np.linalg.norm(together - alone, axis=1), np.linalg.norm(alone, axis=1)
        assert (off <= 1e-9 * size).all()
