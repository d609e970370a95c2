"""tune_ridge: against closed forms, scans and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import overprune as op
import problems

NOISE = 0.5


def isotropic(p=600, lam=1.0):
    return op.LinearGaussianProblem(np.full(p, p**-0.5), np.full(p, lam), NOISE)


def isotropic_dense_risk(ridge, lam, noise, signal, n, k):
    """Dense risk with k features of variance lam, |beta|^2 = signal: the quadratic of tau in closed
    form."""
    # ridge / tau + (k/n) lam / (lam + tau) = 1
    half = (ridge + lam * (k / n - 1)) / 2
    tau = half + np.sqrt(half**2 + ridge * lam)
    shrink = tau / (lam + tau)
    return (noise + shrink**2 * lam * signal) / (1 - k / n * (1 - shrink) ** 2)


@pytest.mark.parametrize(
    ("n", "k", "lam"), [(300, 600, 1.0), (300, 300, 1.0), (300, 120, 4.0), (50, 450, 0.01)]
)
def test_isotropic_dense_optimum_is_the_closed_form(n, k, lam):
    p = 600
    tuned = op.tune_ridge(isotropic(p, lam), n, k)
    signal, noise = k / p, NOISE**2 + lam * (1 - k / p)
    assert tuned.ridge == pytest.approx(noise * k / (n * signal), rel=1e-4)
    assert tuned.risk == pytest.approx(
        isotropic_dense_risk(tuned.ridge, lam, noise, signal, n, k), rel=1e-12
    )
    by_scipy = minimize_scalar(
        lambda log: isotropic_dense_risk(np.exp(log), lam, noise, signal, n, k),
        bounds=(np.log(tuned.ridge) - 5, np.log(tuned.ridge) + 5),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert tuned.risk == pytest.approx(by_scipy.fun, rel=1e-8)
    assert not tuned.at_bound
    assert (tuned.stderr, tuned.minimise, tuned.rule, tuned.nonzeros) == (0.0, "dense", None, None)


def test_tuned_dense_risk_has_no_peak():
    sizes = [30, 100, 200, 280, 300, 320, 400, 600]
    problem = isotropic()
    tuned = [op.tune_ridge(problem, 300, k) for k in sizes]
    assert np.all(np.diff([t.risk for t in tuned]) < 0)
    plain = [t.risk_without_ridge for t in tuned]
    assert plain[4] == np.inf
    assert min(plain[3] / plain[0], plain[5] / plain[-1]) > 3
    assert np.array_equal(plain, op.predict(problem, 300, sizes, [30]).dense_risk)


@pytest.mark.parametrize("stage", ["pruned", "retrained"])
@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
def test_no_ridge_of_a_fine_scan_is_better(stage, rule):
    problem = op.LinearGaussianProblem(np.full(300, 0.2), op.spectra.power_law(300, 0.8), 0.5)
    tuned = op.tune_ridge(problem, 100, 280, 40, minimise=stage, rule=rule)
    scan = np.concatenate([[0.0], np.geomspace(1e-5, 1e3, 400)])
    table = op.predict(problem, 100, [280], [40], rules=(rule,), ridge=scan.tolist())
    risks = table[f"{stage}_risk"].values.ravel()
    assert tuned.risk <= risks.min() * (1 + 1e-9)
    assert tuned.risk == pytest.approx(risks.min(), rel=1e-3)
    again = op.predict(problem, 100, [280], [40], rules=(rule,), ridge=tuned.ridge)
    assert again[f"{stage}_risk"].item() == tuned.risk
    assert tuned.risk_without_ridge == risks[0] > tuned.risk
    assert tuned.tried[tuned.ridge] == tuned.risk == min(tuned.tried.values())


def test_simulation_agrees_and_neighbours_are_not_better():
    problem, n, k, s = isotropic(), 150, 300, 60
    for stage, nonzeros in (("dense", None), ("pruned", s)):
        tuned = op.tune_ridge(problem, n, k, nonzeros, minimise=stage)
        ridges = [tuned.ridge / 5, tuned.ridge, 5 * tuned.ridge]
        table = op.simulate(problem, n, [k], [s], ridge=ridges, retrain=False, trials=60, seed=4)
        risk = table[f"{stage}_risk"].values.reshape(3, -1)
        error = risk[1].std(ddof=1) / np.sqrt(60)
        assert abs(risk[1].mean() - tuned.risk) < 4 * error
        for other in (0, 2):  # the same data: differences of pairs
            worse = risk[other] - risk[1]
            assert worse.mean() > 4 * worse.std(ddof=1) / np.sqrt(60)


@pytest.mark.parametrize("name", ["correlated", "several targets", "joint noise", "relu features"])
def test_dense_risk_of_any_problem_is_that_of_its_eigenbasis(name):
    problem = problems.EVERY[name]()
    tuned = op.tune_ridge(problem, 15, 30)
    table = op.predict(
        problem, 15, [30], [30], retrain=False, ridge=[*list(tuned.tried)[:40:5], tuned.ridge]
    )
    expected = [tuned.tried[r] for r in table.ridge.values]
    np.testing.assert_allclose(table.dense_risk.values.ravel(), expected, rtol=1e-9)
    assert tuned.risk < tuned.risk_without_ridge
    assert tuned.stderr == 0.0


def test_drawn_risks_share_their_draws():
    problem = problems.correlated()
    tuned = op.tune_ridge(
        problem, 20, 35, 8, minimise="retrained", rule="hessian", draws=32, seed=3, workers=1
    )
    scan = [0.0, *np.geomspace(1e-3, 1e2, 30)]
    options = {"rules": ("hessian",), "draws": 32, "seed": 3}
    risks = op.predict(problem, 20, [35], [8], ridge=scan, **options).retrained_risk.values.ravel()
    assert tuned.risk <= risks.min() * 1.01
    assert tuned.stderr > 0.0
    again = op.predict(problem, 20, [35], [8], ridge=tuned.ridge, **options)
    assert again.retrained_risk.item() == pytest.approx(tuned.risk, rel=1e-12)
    assert (
        op.tune_ridge(
            problem, 20, 35, 8, minimise="retrained", rule="hessian", draws=32, seed=3, workers=3
        )
        == tuned
    )


def test_no_ridge_where_none_helps():
    noiseless = op.LinearGaussianProblem(np.ones(20), np.ones(20), 0.0)
    tuned = op.tune_ridge(noiseless, 30, 20)
    assert (tuned.ridge, tuned.risk, tuned.at_bound) == (0.0, 0.0, False)
    silent = op.LinearGaussianProblem(np.ones(5), np.zeros(5), 0.5)
    assert op.tune_ridge(silent, 3, 4).ridge == 0.0
    unmoved = op.tune_ridge(isotropic(60), 40, 60, 10, minimise="retrained", rule="random")
    assert (unmoved.ridge, unmoved.at_bound) == (0.0, False)


def test_pure_noise_wants_an_infinite_ridge():
    tuned = op.tune_ridge(op.LinearGaussianProblem(np.zeros(60), np.ones(60), 0.3), 20, 50)
    assert tuned.at_bound
    assert tuned.risk == pytest.approx(0.09, rel=1e-9)


def test_bounds_bound():
    tuned = op.tune_ridge(isotropic(), 300, 600, bounds=(1e-3, 0.1))
    assert (tuned.ridge, tuned.at_bound) == (pytest.approx(0.1), True)
    assert sorted(tuned.tried)[:2] == [0.0, pytest.approx(1e-3)]


def uneven(seed):
    """Variances over up to 120 decades, coefficients that matter at all of them;
    what is asked for."""
    rng = np.random.default_rng(seed)
    p, decades = int(rng.integers(5, 60)), rng.choice([1, 4, 8, 20, 60])
    clusters = 10.0 ** (decades * rng.choice([-1, 0, 1], p) + rng.uniform(-0.5, 0.5, p))
    variances = clusters if seed % 2 else 10.0 ** rng.uniform(-decades, decades, p)
    beta = rng.standard_normal(p) * variances ** -rng.choice([0.5, 0.5, 0.25, 0.6])
    problem = op.LinearGaussianProblem(beta, variances, rng.choice([0.01, 0.3, 1.0, 3.0]))
    n, nonzeros = int(rng.integers(max(2, p // 2), 2 * p)), int(rng.integers(1, p + 1))
    return problem, n, nonzeros, str(rng.choice(["dense", "pruned", "retrained"]))


@pytest.mark.parametrize("seed", range(60))
def test_no_ridge_of_a_fine_scan_is_better_for_uneven_variances(seed):
    problem, n, s, stage = uneven(seed)
    tuned = op.tune_ridge(problem, n, problem.p, s, minimise=stage, rule="hessian")
    least, largest = problem.covariance.min(), problem.covariance.max()
    scan = [0.0, *np.geomspace(1e-10 * least, 1e8 * largest, 1500).tolist()]
    table = op.predict(problem, n, [problem.p], [s], rules=["hessian"], ridge=scan)
    best = np.nanmin(table.dense_risk.values if stage == "dense" else table[f"{stage}_risk"].values)
    assert tuned.risk <= best * (1 + 1e-4)
    assert len(tuned.tried) < 500


def test_search_of_even_variances_stays_as_short_as_it_was():
    tuned = op.tune_ridge(isotropic(), 300, 600)
    assert (min(r for r in tuned.tried if r), max(tuned.tried)) == (
        pytest.approx(5e-5),
        pytest.approx(1e4),
    )
    assert len(tuned.tried) < 75


def test_advice_knows_ridges_of_the_least_variances():
    variances = op.spectra.power_law(200, 6)
    beta = np.random.default_rng(0).standard_normal(200) / variances**0.5
    problem = op.LinearGaussianProblem(beta, variances, 1.0)
    scan = [0.0, *np.geomspace(1e-22, 1.0, 600).tolist()]
    best = op.predict(problem, 400, [200], [200], ridge=scan).dense_risk.values.min()
    advice = op.advise(problem, 400, 200, ridge="tuned", schedules=False)
    assert advice.direct.ridge > 0.0
    assert advice.direct.risk == pytest.approx(best, rel=1e-4)


def test_the_least_ridge_tried_is_a_bound_too():
    problem = op.LinearGaussianProblem(np.full(20, 20**-0.5), np.ones(20), 1e-8)
    assert op.tune_ridge(problem, 20, 20, bounds=(1e-6, 1.0)).at_bound
    free = op.tune_ridge(problem, 20, 20)
    assert (free.ridge, free.at_bound) == (pytest.approx(1e-16, rel=1e-3), False)
    assert not op.tune_ridge(isotropic(60), 40, 60, bounds=(1e-9, 10.0)).at_bound


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"n": 0}, ValueError, "n must be at least 1, got 0"),
        ({"size": 61}, ValueError, "size must be between 1 and 60, got 61"),
        (
            {"minimise": "pruned"},
            ValueError,
            "nonzeros must be given to minimise the pruned risk, got None",
        ),
        ({"nonzeros": 31}, ValueError, "nonzeros must be between 1 and 30, got 31"),
        (
            {"minimise": "loss"},
            ValueError,
            "minimise must be one of dense, pruned, retrained; got 'loss'",
        ),
        ({"rule": "best"}, ValueError, "rule must be one of"),
        (
            {"retrain_ridge": -1.0},
            ValueError,
            "retrain_ridge must be finite and at least 0, got -1.0",
        ),
        ({"bounds": (1.0, 1.0)}, ValueError, "bounds must be increasing, got 1.0 before 1.0"),
        ({"bounds": (0.0, 1.0)}, ValueError, r"bounds\[0\] must be above 0, got 0.0"),
        ({"bounds": 1.0}, TypeError, "bounds must be a pair of numbers, got 1.0"),
        ({"draws": 0}, ValueError, "draws must be"),
        ({"rtol": 0.0}, ValueError, "rtol must be above 0"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"workers": 0}, ValueError, "workers must be"),
        ({"problem": 3}, TypeError, "problem must be a LinearGaussianProblem"),
    ],
)
def test_bad_input(arguments, kind, message):
    with pytest.raises(kind, match=message):
        op.tune_ridge(**{"problem": isotropic(60), "n": 20, "size": 30, **arguments})


def test_variances_that_nearly_underflow():
    problem = op.LinearGaussianProblem(np.ones(4), np.full(4, 1e-306), noise_std=0.0)
    found = op.tune_ridge(problem, 3, 4, 2)
    assert np.isfinite(found.ridge)


def test_few_draws_may_estimate_a_risk_below_zero():
    """A covariance of rank one up to rounding, and coefficients along its null space."""
    root = np.array([1.0746930984470656, 1.824488789287, -0.21173264, -0.19846895, -0.53705713])
    beta = [1.343992479589552e29, 3.404598310220889e29, 1.415523473318728e30, 2.3860032491585192e30]
    covariance = np.outer(root, root)[:4, :4]
    tuned = op.tune_ridge(
        op.LinearGaussianProblem(beta, covariance), 3, 4, 1, minimise="retrained", rule="random",
        bounds=(0.1, 10.0), draws=4, workers=1,
    )  # fmt: skip
    assert tuned.ridge in tuned.tried


def labels(p=20):
    return op.LinearClassificationProblem(
        np.full(p, p**-0.5), op.spectra.spiked(p, p // 5, 9.0), noise_std=0.3
    )


@pytest.mark.parametrize("loss", ["square", "logistic", "hinge"])
@pytest.mark.parametrize("stage", ["dense", "pruned", "retrained"])
def test_classifiers_have_the_ridge_of_least_error(loss, stage):
    n, size, s = 14, 20, 5
    options = {"loss": loss, "retrain_ridge": 0.1}
    tuned = op.tune_ridge(labels(), n, size, s, minimise=stage, **options)
    ridges = np.geomspace(1e-2, 1e3, 13)
    table = op.predict(labels(), n, [size], [s], ridge=[*ridges, tuned.ridge], **options)
    errors = table[f"{stage}_error"].values.ravel()
    assert tuned.quantity == "error"
    assert errors[-1] == tuned.risk == tuned.tried[tuned.ridge]
    assert tuned.risk <= errors[:-1].min() * (1 + 1e-9)
    assert tuned.risk == pytest.approx(errors[:-1].min(), rel=5e-3)
    without = op.predict(labels(), n, [size], [s], ridge=0.0) if loss == "square" else None
    if without is None:  # separable labels have no such model
        assert tuned.risk_without_ridge == np.inf
    elif stage != "retrained":
        assert tuned.risk_without_ridge == without[f"{stage}_error"].item()


def test_what_a_loss_cannot_do_is_said():
    with pytest.raises(ValueError, match="loss logistic needs labels -1 and 1"):
        op.tune_ridge(isotropic(), 300, 600, loss="logistic")
    with pytest.raises(ValueError, match="retrain_ridge must be above 0 for loss hinge"):
        op.tune_ridge(labels(), 14, 20, 5, minimise="retrained", loss="hinge")
    with pytest.raises(ValueError, match='in loss hinge, got "lasso", which trains its own'):
        op.tune_ridge(labels(), 14, 20, 5, minimise="pruned", rule="lasso", loss="hinge")
    with pytest.raises(ValueError, match="loss must be one of square, logistic, hinge"):
        op.tune_ridge(labels(), 14, 20, loss="probit")
