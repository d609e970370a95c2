"""Lasso and elastic net by theory: an oracle by quadrature, published numbers, special cases."""

import numpy as np
import pytest

import overprune as op
from lasso_oracle import random_problem
from sweep_lasso import errors_of

VARIABLES = ("pruned_risk", "retrained_risk", "pruned_penalty")


def at(problem, n, s, size=None, **options):
    table = op.predict(problem, n, [size or problem.p], [s], rules=["lasso"], **options)
    return [table[name].item() for name in VARIABLES]


@pytest.mark.parametrize("part", range(4))
def test_against_quadrature(part):
    """10 of 40 random problems; `sweep_lasso.py` does any number of them."""
    rng = np.random.default_rng([18, part])
    for _ in range(10):
        assert (errors_of(random_problem(rng)) < 1e-8).all()


PUBLISHED = {
    "spiked": (
        op.LinearGaussianProblem(np.full(500, 500**-0.5), op.spectra.spiked(500, 50, 25.0), 0.3),
        150,
        50,
        (1.660, 1.731),
    ),
    "polynomial": (
        op.LinearGaussianProblem(np.full(600, 0.2), np.arange(1.0, 601.0) ** -0.8, 0.1),
        200,
        60,
        (0.369, 0.424),
    ),
    "sparse": (
        op.LinearGaussianProblem(np.repeat([1 / 6, 0.0], [40, 560]), np.ones(600), 0.1**0.5),
        300,
        60,
        (0.375, 0.150),
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_numbers(name):
    problem, n, s, (lasso, refitted) = PUBLISHED[name]
    pruned, retrained, _ = at(problem, n, s)
    assert (round(pruned, 3), round(retrained, 3)) == (lasso, refitted)


def autoregressive():
    where = np.arange(300)
    beta = np.where(where % 10 == 0, 1.0, 0.0)
    return op.LinearGaussianProblem(beta, 0.6 ** abs(where[:, None] - where), 0.1**0.5)


@pytest.mark.parametrize("ridge", [0.0, 0.05])
@pytest.mark.parametrize("retrain_ridge", [0.0, 0.1])
def test_draws_agree_with_closed_forms(ridge, retrain_ridge):
    """Independent features whose covariance is given as a matrix go by draws."""
    variances = np.repeat([9.0, 1.0], [30, 170])
    beta = np.where(np.arange(200) % 4 == 0, 0.3, 0.0)
    options = {"rules": ["lasso"], "ridge": ridge, "retrain_ridge": retrain_ridge}
    dense = op.LinearGaussianProblem(beta, np.diag(variances), 0.5)
    exact = op.predict(
        op.LinearGaussianProblem(beta, variances, 0.5), 100, [60, 200], [10, 30, 90], **options
    )
    drawn = op.predict(dense, 100, [60, 200], [10, 30, 90], draws=256, **options)
    for name in ("pruned_risk", "retrained_risk"):
        error = drawn[f"{name}_stderr"].values
        z = (drawn[name] - exact[name]).values / np.hypot(error, 5e-3 * exact[name].values)
        there = np.isfinite(exact[name].values)
        assert (abs(z[there]) < 4).all(), (name, z)
        assert (error[there] < 0.05 * exact[name].values[there]).all()
    inside = exact.pruned_penalty.values > 0
    np.testing.assert_allclose(
        drawn.pruned_penalty.values[inside], exact.pruned_penalty.values[inside], rtol=0.05
    )


def test_draws_do_not_depend_on_workers():
    problem = autoregressive()
    one, two = (
        op.predict(problem, 150, [100, 300], [10, 30], rules=["lasso"], draws=32, workers=workers)
        for workers in (1, 2)
    )
    assert one.drop_attrs().equals(two.drop_attrs())


def test_a_spectrum_is_the_limit_of_problems():
    p = 400
    beta = np.where(np.arange(p) % 8 == 0, 0.4, 0.0)
    order = np.argsort(beta == 0, kind="stable")
    problem = op.LinearGaussianProblem(beta[order], np.full(p, 2.0), 0.3)
    spectrum = op.Spectrum([2.0, 2.0], [0.125, 0.875], [0.4 * p**0.5, 0.0], noise_std=0.3)
    pruned, retrained, penalty = at(problem, 100, 60)
    found = op.predict(spectrum, 0.25, [1.0], [0.15], rules=["lasso"])
    assert found.pruned_risk.item() == pytest.approx(pruned, rel=1e-11)
    assert found.retrained_risk.item() == pytest.approx(retrained, rel=1e-11)
    assert found.pruned_penalty.item() == pytest.approx(penalty * p**0.5, rel=1e-11)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_gaussian_coefficients_are_the_mean_over_them(ridge):
    """A Gaussian block against many atoms at the quantiles of its coefficients."""
    from scipy.stats import norm

    atoms = 4000
    quantiles = norm.ppf((np.arange(atoms) + 0.5) / atoms)
    quantiles *= 1 / quantiles.std()
    lam, n, s = np.repeat([4.0, 1.0], [atoms // 2, atoms // 2]), 0.5, 0.2
    signal = 1.5 * np.concatenate([quantiles[::2], quantiles[1::2]])
    many = op.Spectrum(lam, np.full(atoms, 1 / atoms), signal, noise_std=0.4)
    blocks = op.Spectrum([4.0, 1.0], [0.5, 0.5], [1.5, 1.5], noise_std=0.4, gaussian=[True, True])
    for options in ({}, {"retrain_ridge": 0.2}):
        left, right = (at(one, n, s, 1.0, ridge=ridge, **options) for one in (many, blocks))
        np.testing.assert_allclose(left, right, rtol=2e-3)


def test_when_nothing_is_pruned_it_is_the_dense_model():
    variances = np.linspace(1, 3, 50)
    problem = op.LinearGaussianProblem(np.linspace(-1, 1, 50), variances, 0.5)
    for n, ridge in ((80, 0.0), (80, 0.2), (30, 0.2)):
        table = op.predict(problem, n, [20, 50], [20, 50], rules=["lasso"], ridge=ridge)
        for size in (20, 50):
            point = table.sel(size=size, nonzeros=size, rule="lasso")
            assert point.pruned_risk.item() == point.dense_risk.item()
            assert point.pruned_penalty.item() == 0.0
    spectrum = op.Spectrum([1.0, 4.0], [0.5, 0.5], [1.0, 0.5], noise_std=0.5)
    near = op.predict(spectrum, 1.6, [1.0], [1 - 1e-9], rules=["lasso"], retrain_ridge=0.1)
    whole = op.predict(spectrum, 1.6, [1.0], [1.0], rules=["lasso"], retrain_ridge=0.1)
    for name in ("pruned_risk", "retrained_risk"):
        assert near[name].item() == pytest.approx(whole[name].item(), rel=1e-6)


def test_a_signal_is_recovered_without_noise():
    beta = np.where(np.arange(300) < 20, 1.0, 0.0)
    problem = op.LinearGaussianProblem(beta, np.ones(300), 0.0)
    pruned, retrained, penalty = at(problem, 150, 60)
    assert (pruned, retrained, penalty) == (0.0, 0.0, 0.0)
    noisy = op.LinearGaussianProblem(beta, np.ones(300), 1e-8)
    small = at(noisy, 150, 60)
    assert 1e-16 < small[0] < 1e-14
    # Beyond the phase transition nothing is.
    assert at(problem, 40, 30)[0] > 0.1
    # Ridge in the second training shrinks what is found.
    assert at(problem, 150, 60, retrain_ridge=0.1)[1] > 1e-3


def test_units_of_y_do_not_matter():
    beta, variances = np.where(np.arange(200) < 25, 0.3, 0.01), np.linspace(1, 4, 200)
    plain = np.array(at(op.LinearGaussianProblem(beta, variances, 0.2), 90, 40))
    for unit in (1e-100, 1e100):
        scaled = at(op.LinearGaussianProblem(beta * unit, variances, 0.2 * unit), 90, 40)
        np.testing.assert_allclose(scaled, plain * [unit**2, unit**2, unit], rtol=1e-9)


def test_out_of_reach():
    problem = op.LinearGaussianProblem(np.ones(60), np.ones(60), 0.5)
    with pytest.warns(UserWarning, match="at most 40 nonzeros: size 60, nonzeros 50"):
        table = op.predict(problem, 40, [30, 60], [20, 40, 50], rules=["lasso", "magnitude"])
    lasso = table.sel(rule="lasso")
    assert np.isnan(lasso.pruned_risk.sel(size=60, nonzeros=50))
    assert np.isfinite(lasso.pruned_risk.sel(size=60, nonzeros=40))
    assert np.isinf(lasso.retrained_risk.sel(size=60, nonzeros=40))
    assert np.isnan(table.pruned_penalty.sel(rule="magnitude")).all()
    assert np.isfinite(table.pruned_risk.sel(rule="magnitude", size=60)).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda problem: op.survival(problem, 10, 20, 5, rule="lasso"),
        lambda problem: op.sample_coefficients(problem, 10, 20, 5, rule="lasso"),
        lambda problem: op.predict_schedule(problem, 10, 20, [5], rules=["lasso"]),
        lambda problem: op.simulate_schedule(problem, 10, 20, [5], rules=["lasso"], trials=1),
        lambda problem: op.predict(problem, 10, [20], [5], rules=["lasso"], compensate=True),
        lambda _: op.importance([1.0], "lasso"),
        lambda _: op.prune([1.0, 2.0], 1, rule="lasso"),
    ],
)
def test_what_cuts_a_dense_model_refuses_the_lasso(call):
    problem = op.LinearGaussianProblem(np.ones(20), np.ones(20), 0.5)
    with pytest.raises(ValueError, match='got "lasso", which trains its own models'):
        call(problem)


def test_several_targets_are_refused():
    problem = op.LinearGaussianProblem(np.ones((20, 2)), np.ones(20), 0.5)
    with pytest.raises(ValueError, match='rules must not hold "lasso" for 2 targets'):
        op.predict(problem, 10, [20], [5], rules=["lasso"])


def test_advise_weighs_the_lasso_with_the_others():
    sparse = op.LinearGaussianProblem(
        np.where(np.arange(300) % 15 == 14, 0.5, 0.0), np.ones(300), 0.3
    )
    advice = op.advise(sparse, 150, 30, rules=["hessian", "lasso"], schedules=False, ridge="none")
    assert advice.best.rule == "lasso"
    assert str(advice.best).startswith("train 300 features by the lasso to 30, retrain")
    assert set(advice.costs["rule"]) == {"hessian", "lasso"}
    dense = op.LinearGaussianProblem(np.full(500, 500**-0.5), op.spectra.spiked(500, 50, 25.0), 0.3)
    advice = op.advise(dense, 150, 50, rules=["hessian", "lasso"], schedules=False, ridge="none")
    assert advice.best.rule == "hessian"
