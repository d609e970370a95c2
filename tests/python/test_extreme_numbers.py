"""Numbers so large or small that results may overflow: they are right or refused, never NaN."""

from __future__ import annotations

import numpy as np
import pytest

import overprune as op
from test_bad_input import DATA, LINEAR

INF = float("inf")


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
        op.phase(tiny, ("n", [2]), ("nonzeros", [1]), sizes=1, rules="magnitude", retrain=False).ratio
    ).any()
    # A restricted problem's noise has few digits where it lies below the normal numbers.
    last = [-1.0187499215906593e-160, 9.067753683783652e-161, 3.5405004236667965e-161]
    assert op.LinearGaussianProblem([[0.0] * 3, last], [0.17, 0.4674728732684044]).restrict([0]).p == 1
    wide = op.LinearGaussianProblem([0.0, 1e-160], [1.7e308, 1.7e308], 1.0)
    with pytest.raises(ValueError, match=r"^problem must have .* leaves the range of double precision$"):
        op.tune_ridge(wide, 3, 2)


def test_models_without_a_share_of_samples_left_are_refused():
    """A ridge of 1e-42 of the variance, and one sample for one feature: the share rounds to zero."""
    problem = op.LinearGaussianProblem([1.0, -2.0], np.array([[2.5, -1.3], [-1.3, 0.8]]) * 1e30, 0.3)
    for function, more in ((op.sample_coefficients, {}), (op.coefficient_density, {"edges": [0.0, 1.0]})):
        with pytest.raises(ValueError, match="its retrained model at size 1 leaves the range"):
            function(problem, 1, 1, 1, rule="oracle", ridge=1e-12, retrain_ridge=1e-12, draws=2, **more)


def test_risks_at_subnormal_variances_are_those_at_variance_one():
    def tables(variance, beta, rules):
        problem = op.LinearGaussianProblem([beta] * 4, [variance] * 4, 0.3)
        yield op.simulate(problem, 6, [1, 2, 4], [1, 2, 4], rules=rules, trials=3)
        yield op.simulate_schedule(problem, 6, 4, [2, 1], rules=rules, trials=3)

    for rules in (["magnitude"], ["hessian"], ["random"]):
        for tiny, ordinary in zip(tables(1e-320, 1e-2, rules), tables(1.0, 1e-162, rules), strict=True):
            for name in ("dense_risk", "pruned_risk", "retrained_risk"):
                np.testing.assert_allclose(tiny[name], ordinary[name], rtol=1e-3)  # of few digits


def test_what_is_not_in_the_grid_alone_is_nan():
    table = op.simulate(op.LinearGaussianProblem([1.0] * 4, [1.0] * 4, 1e150), 4, [1, 2], [1, 2], trials=3)
    assert np.isnan(table.pruned_risk.sel(size=1, nonzeros=2)).all()
    assert table.pruned_risk.sel(size=2).notnull().all()
