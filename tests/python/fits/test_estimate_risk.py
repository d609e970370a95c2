"""Risks from the training data alone: against a plain loop over the rows, and against the truth."""

from __future__ import annotations

import numpy as np
import pytest

import leave_one_out
import overprune as op
from overprune.sklearn import PrunedLeastSquaresCV

SIZES, NONZEROS = [1, 5, 20, 29, 30, 31, 45, 70], [1, 5, 20, 29, 30, 45]


def data(n=30, p=70, targets=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p))
    y = X[:, :6] @ np.full((6, targets), 0.4) + 0.5 * rng.standard_normal((n, targets))
    return X, y[:, 0] if targets == 1 else y


def assert_is_the_loop(X, y, sizes=SIZES, nonzeros=NONZEROS, **options):
    found = op.estimate_risk(X, y, sizes, nonzeros, **options)
    expected = leave_one_out.risk_table(leave_one_out.risks(X, y, sizes, nonzeros, **options))
    assert set(found) == set(expected) | {f"{name}_stderr" for name in expected}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-9, err_msg=name)
    return found


@pytest.mark.parametrize("ridges", [(0.0, 0.0), (0.1, 0.2), (0.3, 0.0), (1e-9, 1e-9)])
def test_leave_one_out_is_a_plain_loop_over_the_rows(ridges):
    X, y = data()
    rules = ("magnitude", "hessian", "random")
    assert_is_the_loop(X, y, rules=rules, ridge=ridges[0], retrain_ridge=ridges[1])


def test_several_targets_are_summed():
    assert_is_the_loop(*data(targets=2), rules=("magnitude", "hessian"))


def test_a_given_curvature_is_that_of_every_fold():
    X, y = data()
    assert_is_the_loop(X, y, [20, 70], [5], rules=("hessian",), curvature=np.arange(1.0, 71.0))


def test_without_retraining():
    X, y = data()
    assert "retrained_risk" not in assert_is_the_loop(X, y, [20, 70], [5], retrain=False)


def test_columns_of_any_size():
    X, y = data()
    assert_is_the_loop(X * np.logspace(0, -4, 70), y, rules=("magnitude", "hessian"))


def _twice(X):
    X[:, 7] = X[:, 3]


def _no_rows(X):
    X[5] = X[6]


def _leverage_one(X):
    X[:, 3] = 0.0
    X[4, 3] = 1e4


@pytest.mark.parametrize("spoil", [_twice, _no_rows, _leverage_one])
def test_folds_that_cannot_be_downdated_are_solved_by_themselves(spoil):
    X, y = data()
    spoil(X)
    assert_is_the_loop(X, y, [10, 29, 30, 70], [8, 20])


def test_numbers_of_any_size():
    X, y = data()
    small = op.estimate_risk(X, y, [20, 70], [5])
    large = op.estimate_risk(X, 1e140 * y, [20, 70], [5])
    for name in small:
        np.testing.assert_allclose(large[name] / 1e280, small[name], rtol=1e-12)
    with pytest.raises(ValueError, match="leaves the range of double precision"):
        op.estimate_risk(X, 1e200 * y, [20, 70], [5])


def test_results_do_not_depend_on_workers():
    X, y = data()
    one = op.estimate_risk(X, y, SIZES, NONZEROS, rules=("hessian", "random"), workers=1)
    three = op.estimate_risk(X, y, SIZES, NONZEROS, rules=("hessian", "random"), workers=3)
    assert one.identical(three)


def test_a_path_can_be_asked_for_its_risk():
    X, y = data()
    path = op.prune_path(X, y, [20, 70], [5], ridge=0.1, estimate="loo")
    assert path.estimated_risk.identical(op.estimate_risk(X, y, [20, 70], [5], ridge=0.1))
    assert op.prune_path(X, y, [20, 70], [5]).estimated_risk is None


def test_a_search_leaves_rows_out():
    X, y = data()
    search = PrunedLeastSquaresCV(
        sizes=[20, 70], nonzeros=[5], rules="magnitude", fit_intercept=False, cv="loo"
    ).fit(X, y)
    found = op.estimate_risk(X, y, [20, 70], [5])
    results = search.cv_results_
    for at, parameters in enumerate(results["params"]):
        stage = "retrained_risk" if parameters["retrain"] else "pruned_risk"
        risk = found[stage].sel(size=parameters["n_features_to_train"]).item()
        assert -results["mean_test_score"][at] == pytest.approx(risk, rel=1e-9)
    with pytest.raises(ValueError, match="cv must be one of loo"):
        PrunedLeastSquaresCV(cv="five").fit(X, y)


@pytest.mark.parametrize("method", ["loo", "gcv"])
@pytest.mark.parametrize(("size", "ridge"), [(45, 0.0), (45, 0.1), (20, 0.0), (20, 0.1)])
def test_standard_errors_know_that_errors_depend_on_one_another(size, ridge, method):
    X, y = data()
    found = op.estimate_risk(X, y, [size], [size], ridge=ridge, retrain_ridge=ridge, method=method)
    squares = leave_one_out.risks(X, y, [size], [size], ridge=ridge)["dense"][:, 0]
    alone = squares.std(ddof=1) / squares.mean() / np.sqrt(30)
    expected = alone * leave_one_out.dependence(X[:, :size], 30 * ridge)
    for stage in ("dense", "pruned", "retrained"):  # which all are the dense model
        error = (found[f"{stage}_risk_stderr"] / found[f"{stage}_risk"]).item()
        # 16 random vectors; by the closed form, errors that are generalised cross-validation's.
        assert error == pytest.approx(expected, rel=0.25)


# The closed form.


def test_the_closed_form_without_pruning_is_generalised_cross_validation():
    X, y = data()
    for ridge in (0.0, 0.1, 1e-9):
        found = op.estimate_risk(X, y, [10, 60], [10, 60], ridge=ridge, retrain_ridge=ridge,
                                 method="gcv")  # fmt: skip
        for size in (10, 60):
            kernel = X[:, :size] @ X[:, :size].T + 30 * max(ridge, 1e-10) * np.eye(30)
            inverse = np.linalg.inv(kernel)
            loo = inverse @ y / (np.trace(inverse) / 30)
            for stage in ("dense", "pruned", "retrained"):
                risk = found[f"{stage}_risk"].sel(size=size)
                risk = risk if stage == "dense" else risk.sel(nonzeros=size)
                assert risk.item() == pytest.approx((loo**2).mean(), rel=1e-4)


@pytest.mark.parametrize("retrain_ridge", [0.0, 0.2])
def test_what_comes_and_goes_with_a_feature(retrain_ridge):
    """The terms of the choice of the support, by fits with and without each feature."""
    from overprune.fits import closed_estimate

    X, y = data(40, 60)
    n, lam = 40, 40 * retrain_ridge
    first = closed_estimate._fit(X, y, 0.0, 1)
    for count in (10, 50):  # less and more than the rows
        order = np.argsort(-np.abs(first.theta), kind="stable")
        near, _ = closed_estimate._kernel(np.abs(first.theta), order, count, fixed=False)
        kept = order[:count]
        second = closed_estimate._fit(X[:, kept], y, retrain_ridge, 1)
        small = max(lam, 1e-7)  # where the model interpolates both sides are limits
        total = 0.0
        for i in np.flatnonzero(near):
            others = np.setdiff1d(kept, [i])
            kernel = X[:, others] @ X[:, others].T + small * np.eye(n)
            rest = small * np.linalg.solve(kernel, X[:, i])
            coefficient = rest @ y / (rest @ X[:, i] + small)
            total += near[i] * np.sign(first.theta[i]) * (first.mapping[i] @ rest) * coefficient
        everything = X[:, kept] @ X[:, kept].T + small * np.eye(n)
        expected = total / (small * np.trace(np.linalg.inv(everything)))
        found = closed_estimate._drift(X, y, kept, near, first, second, lam)
        assert found == pytest.approx(expected, rel=1e-4)


def mean_and_error(problem, sizes, nonzeros, method, trials):
    found = []
    for trial in range(trials):
        X, y = problem.sample(150, seed=1, stream=trial)
        table = op.estimate_risk(X, y, sizes, nonzeros, method=method)
        found.append([table[f"{stage}_risk"].item() for stage in ("dense", "pruned", "retrained")])
    values = np.array(found)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(trials)


@pytest.mark.parametrize("method", ["loo", "gcv"])
def test_the_mean_over_data_sets_is_the_risk(method):
    """The isotropic problem of docs/theory.md, section 14, at half its size."""
    beta = op.standard_normal(450, seed=0) / np.sqrt(450)
    problem = op.LinearGaussianProblem(beta, [1.0] * 450, noise_std=0.5)
    truth = op.predict(problem, 150, [450], [30])
    mean, error = mean_and_error(problem, [450], [30], method, 40)
    expected = [truth[f"{stage}_risk"].item() for stage in ("dense", "pruned", "retrained")]
    # Besides chance, 4 %: a fold has one row less, and the theory is a limit.
    assert (np.abs(mean - expected) < 3.5 * error + 0.04 * np.array(expected)).all()
    X, y = problem.sample(150, seed=1)
    path = op.prune_path(X, y, [450], [30])
    residual = y - X @ path.retrained("magnitude", 450, 30)
    plain = (residual**2).mean() / (1 - 30 / 150) ** 2
    assert plain < 0.7 * expected[2]  # what plain generalised cross-validation would say


def unaligned(array):
    memory = np.zeros(array.nbytes + 1, dtype=np.uint8)[1:]
    copy = memory.view(np.float64).reshape(array.shape)
    copy[...] = array
    return copy


@pytest.mark.parametrize("method", ["loo", "gcv"])
@pytest.mark.parametrize(
    "lay", [np.asfortranarray, unaligned, lambda a: np.repeat(a, 2, axis=-1)[..., ::2]]
)
def test_how_the_numbers_lie_in_memory_does_not_matter(method, lay):
    X, y = data(15, 9)
    curvature = np.arange(1.0, 10.0)
    for own in (None, curvature):
        found, again = (
            op.estimate_risk(
                f(X), f(y), [4, 9], [2, 4], rules=["hessian"], method=method,
                curvature=None if own is None else f(own),
            )
            for f in (np.array, lay)
        )  # fmt: skip
        for name in found.data_vars:
            assert found[name].values.tobytes() == again[name].values.tobytes()


def test_columns_whose_squares_overflow_are_refused_in_a_sentence():
    X, y = data(6, 6)
    with pytest.raises(ValueError, match="the range of double precision"):
        op.estimate_risk(X * 1e200, y * 1e200, [3], [2], rules=["hessian"], method="gcv")
