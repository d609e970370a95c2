"""Iterative pruning, predicted: against simulation, a plain Monte Carlo of the equations, closed
forms."""

from __future__ import annotations

import numpy as np
import pytest

import overprune as op
from problems import correlated, diagonal, regression_data, relu_features, several_targets
from tables import assert_same

RULES = ("magnitude", "hessian", "oracle", "random")
VARIABLES = ("pruned_risk", "retrained_risk")


def sparse():
    return op.LinearGaussianProblem(
        np.repeat([1 / 6, 0.0], [40, 560]), np.ones(600), noise_std=0.1**0.5
    )


def polynomial():
    return op.LinearGaussianProblem(
        np.full(600, 0.2), op.spectra.power_law(600, 0.7), noise_std=0.05**0.5
    )


def ar(p, spikes, rho=0.7):
    i = np.arange(p)
    beta = np.repeat([spikes**-0.5, 0.0], [spikes, p - spikes])
    return op.LinearGaussianProblem(beta, rho ** abs(i[:, None] - i), noise_std=0.1**0.5)


# docs/theory.md, iterative pruning: theory with some thousand paths a coordinate, and simulation
# (80 trials).
TABLE = [
    (sparse, "magnitude", [60], [0.756, 0.281]),
    (sparse, "magnitude", [180, 60], [0.756, 0.383, 0.183]),
    (sparse, "magnitude", [220, 150, 100, 60], [0.756, 0.494, 0.436, 0.296, 0.183]),
    (polynomial, "hessian", [60], [0.373, 0.705]),
    (polynomial, "hessian", [180, 60], [0.373, 0.645, 0.861]),
    (polynomial, "hessian", [220, 150, 100, 60], [0.373, 0.645, 0.735, 0.882, 0.965]),
]


@pytest.mark.parametrize(("make", "rule", "schedule", "expected"), TABLE)
def test_the_table_of_the_theory(make, rule, schedule, expected):
    table = op.predict_schedule(make(), 300, 600, schedule, rules=[rule])
    np.testing.assert_allclose(table.retrained_risk[0], expected, rtol=0.006, atol=0.0005)
    assert (table.retrained_risk_stderr < 0.005 * table.retrained_risk).all()
    assert (table.pruned_risk_stderr < 0.005 * table.pruned_risk).all()


def assert_agrees(problem, n, size, schedule, trials, **arguments):
    """|z| < 3.5 in every round, for a bias of 1 / n beside the standard errors."""
    theory = op.predict_schedule(problem, n, size, schedule, **arguments)
    arguments.pop("draws", None)
    measured = op.simulate_schedule(problem, n, size, schedule, trials=trials, seed=11, **arguments)
    for variable in VARIABLES:
        trial = measured[variable]
        error = trial.std("trial", ddof=1) / np.sqrt(trials)
        # n / (n - s) of a random support is n / (n - s - 1) where n is finite.
        s = np.minimum(theory.nonzeros, n - 2)
        bias = theory[variable] * 2 / (n - s).where(s < 0.9 * n, n)
        z = (trial.mean("trial") - theory[variable]) / np.sqrt(
            error**2 + bias**2 / 9 + theory[variable + "_stderr"] ** 2
        )
        assert (abs(z) < 3.5).all(), (variable, z.values)
        assert (error < 0.08 * theory[variable]).all()  # or the test would not see much


def test_independent_features_without_ridge():
    assert_agrees(polynomial(), 300, 600, [220, 150, 60], 60, rules=RULES)


def test_independent_features_with_ridge_and_more_features_than_samples():
    assert_agrees(
        polynomial(), 200, 500, [400, 300, 80], 60, rules=RULES, ridge=0.05, retrain_ridge=0.02
    )


def test_independent_features_interpolating_in_the_second_round():
    assert_agrees(polynomial(), 200, 600, [400, 300, 60], 80, rules=("magnitude", "hessian"))


def test_a_first_round_that_only_changes_the_ridge():
    assert_agrees(polynomial(), 200, 400, [400, 150, 60], 60, retrain_ridge=0.1)


def test_correlated_features():
    assert_agrees(ar(300, 30), 150, 300, [100, 40], 80, rules=RULES, draws=512)


def test_correlated_features_with_ridge():
    assert_agrees(
        ar(240, 30), 120, 220, [160, 60], 80, rules=RULES, ridge=0.1, retrain_ridge=0.05, draws=256
    )


def test_a_spiked_covariance_interpolating_in_the_second_round():
    rng = np.random.default_rng(0)
    spikes = rng.standard_normal((240, 6)) / 4
    problem = op.LinearGaussianProblem(
        np.repeat([0.2, 0.0], [60, 180]), np.eye(240) + spikes @ spikes.T, noise_std=0.3
    )
    assert_agrees(problem, 120, 240, [170, 60], 80, rules=("hessian",), draws=256)


def test_random_features():
    problem = op.RandomFeatureProblem.draw(300, 40, noise_std=0.3, seed=2)
    assert_agrees(problem, 120, 300, [70, 30], 80, draws=256)


def test_several_targets():
    rng = np.random.default_rng(1)
    beta = rng.standard_normal((240, 2)) / 15 * np.repeat([4.0, 0.4], [24, 216])[:, None]
    noise = np.array([[0.2, 0.1], [0.1, 0.3]])
    i = np.arange(240)
    problem = op.LinearGaussianProblem(beta, 0.5 ** abs(i[:, None] - i), noise_covariance=noise)
    assert_agrees(problem, 120, 240, [80, 30], 80, draws=256)
    assert_agrees(
        op.LinearGaussianProblem(beta, np.ones(240), 0.3), 120, 240, [80, 30], 80, draws=256
    )


@pytest.mark.parametrize("make", [sparse, polynomial])
@pytest.mark.parametrize(("size", "s"), [(600, 60), (600, 450), (200, 60)])
@pytest.mark.parametrize(("ridge", "retrain_ridge"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.05)])
def test_one_round_is_predict(make, size, s, ridge, retrain_ridge):
    arguments = {"rules": RULES, "ridge": ridge, "retrain_ridge": retrain_ridge}
    grid = op.predict(make(), 300, [size], [s], **arguments)
    table = op.predict_schedule(make(), 300, size, [s], **arguments)
    for variable in VARIABLES:
        np.testing.assert_allclose(table[variable][:, 1], grid[variable][:, 0, 0], rtol=1e-9)
        assert (table[variable + "_stderr"] == 0).all()
    np.testing.assert_allclose(table.dense_risk, grid.dense_risk[0], rtol=1e-12)


@pytest.mark.parametrize("make", [correlated, several_targets])
@pytest.mark.parametrize(("ridge", "retrain_ridge"), [(0.0, 0.0), (0.1, 0.05)])
def test_one_round_is_predict_within_the_errors_of_draws(make, ridge, retrain_ridge):
    problem = make()
    p = problem.p
    arguments = {"rules": RULES, "ridge": ridge, "retrain_ridge": retrain_ridge, "draws": 512}
    grid = op.predict(problem, p // 2, [p], [p // 3], **arguments)
    table = op.predict_schedule(problem, p // 2, p, [p // 3], **arguments)
    np.testing.assert_allclose(table.dense_risk, grid.dense_risk[0], rtol=1e-10)
    for variable in VARIABLES:
        one, other = table[variable][:, 1], grid[variable][:, 0, 0]
        error = np.hypot(table[variable + "_stderr"][:, 1], grid[variable + "_stderr"][:, 0, 0])
        assert (np.abs(one - other) < 4 * error + 1e-9 * other).all()
        # The oracle's support is known: no draws.
        assert error[RULES.index("oracle")] == 0


def plain_monte_carlo(lam, beta, noise, n, schedule, paths):
    """The equations of docs/theory.md with an indicator for every path, no ridge,
    nonzeros below n."""
    rng = np.random.default_rng(0)
    u = np.sqrt(lam) * beta
    p = len(u)
    tau = op.fixed_point(lam, n)
    d = tau / (lam + tau)
    omega = np.array([[(noise + d**2 @ u**2) / (1 - ((1 - d) ** 2).sum() / n)]])
    half = rng.standard_normal((paths // 2, p))
    e = [np.sqrt(omega[0, 0] / n) * np.concatenate([half, -half])]
    w = [d * (u + e[0])]
    models = [(1 - d) * (u + e[0])]
    kept = np.ones((paths, p), bool)
    risks = [omega[0, 0]]

    def mean(values):
        return values.sum(1).mean()

    for t, s in enumerate(schedule, 1):
        scores = np.where(kept, abs(models[-1] / np.sqrt(lam)), -1)
        kept = scores > np.partition(scores.ravel(), -s * paths)[-s * paths - 1]
        b = s / n
        A, right = np.zeros((2 * t, 2 * t)), np.zeros(2 * t)
        for i in range(t):
            for j in range(t):
                A[i, j] = b * omega[i, j] - mean(kept * e[i] * e[j])
                A[i, t + j] = (1 - b) * omega[i, j] + mean(kept * e[i] * w[j])
                A[t + i, j] = omega[i, j] - mean((models[i] - u) * kept * e[j])
                A[t + i, t + j] = mean((models[i] - u) * kept * w[j])
            right[i] = mean(kept * e[i] * u)
            right[t + i] = noise + mean((models[i] - u) * (kept * u - u))
        rho, c = np.linalg.solve(A, right).reshape(2, t)
        mu, k = (
            sum(r * x for r, x in zip(rho, e, strict=True)),
            sum(r * x for r, x in zip(c, w, strict=True)),
        )
        memory = rho @ omega @ rho
        risk = (noise + mean((kept * (u + mu - k) - u) ** 2) - b * memory) / (1 - b)
        half = rng.standard_normal((paths // 2, p))
        e.append(mu + np.sqrt((risk - memory) / n) * np.concatenate([half, -half]))
        models.append(kept * (u + e[-1] - k))
        w.append(u + e[-1] - models[-1])
        cross = omega @ rho
        omega = np.block([[omega, cross[:, None]], [cross[None, :], np.array([[risk]])]])
        risks.append(risk)
    return risks


def test_the_paths_agree_with_a_plain_monte_carlo():
    lam, beta = op.spectra.power_law(300, 0.5), np.repeat([0.3, 0.05], [40, 260])
    problem = op.LinearGaussianProblem(beta, lam, noise_std=0.3)
    schedule = [120, 70, 30]
    expected = plain_monte_carlo(lam, beta, 0.09, 150, schedule, 3000)
    table = op.predict_schedule(problem, 150, 300, schedule, rtol=0.002)
    np.testing.assert_allclose(table.retrained_risk[0], expected, rtol=0.01)


@pytest.mark.parametrize("make", [sparse, polynomial])
def test_supports_that_do_not_see_the_data_are_closed_forms(make):
    problem, n, schedule = make(), 300, [200, 120, 60]
    table = op.predict_schedule(problem, n, 600, schedule, rules=("oracle", "random"))
    salience = problem.covariance * problem.beta**2
    noise = problem.noise_std**2
    for t, s in enumerate(schedule, 1):
        best = np.sort(salience)[::-1]
        oracle = (noise + best[s:].sum()) * n / (n - s)
        random = (noise + salience.sum() * (1 - s / 600)) * n / (n - s)
        np.testing.assert_allclose(table.retrained_risk[:, t], [oracle, random], rtol=1e-10)
    assert table.attrs["draws_used"] == [0, 0]


@pytest.mark.parametrize("arguments", [{}, {"ridge": 0.05, "retrain_ridge": 0.1}])
def test_a_diagonal_matrix_is_independent_features(arguments):
    variances, beta = op.spectra.power_law(200, 0.6), np.repeat([0.3, 0.1], [50, 150])
    one = op.LinearGaussianProblem(beta, variances, 0.3)
    other = op.LinearGaussianProblem(beta, np.diag(variances), 0.3)
    for schedule in ([60, 25], [150, 130, 40]):
        a = op.predict_schedule(one, 100, 190, schedule, rules=RULES, rtol=0.002, **arguments)
        b = op.predict_schedule(other, 100, 190, schedule, rules=RULES, draws=256, **arguments)
        np.testing.assert_allclose(b.dense_risk, a.dense_risk, rtol=1e-10)
        for variable in VARIABLES:
            error = np.hypot(a[variable + "_stderr"], b[variable + "_stderr"])
            # tau is found once, from few supports: a tenth of a percent.
            assert (abs(b[variable] - a[variable]) < 4 * error + 0.002 * a[variable]).all(), (
                variable
            )
        np.testing.assert_allclose(
            b.sel(rule="oracle").retrained_risk, a.sel(rule="oracle").retrained_risk, rtol=1e-9
        )


def test_rounds_that_prune_nothing_change_nothing():
    # Two thirds of the features have no variance, or repeat others.
    flat = op.LinearGaussianProblem(np.full(90, 0.2), np.repeat([1.0, 0.0], [30, 60]), 0.5)
    assert_same_rounds(op.predict_schedule(flat, 60, 90, [90, 80, 30, 10]), 3)
    matrix = op.LinearGaussianProblem(flat.beta, np.diag(flat.covariance), 0.5)
    assert_same_rounds(op.predict_schedule(matrix, 20, 90, [90, 80, 30, 10], draws=64), 3)
    factor = np.random.default_rng(0).standard_normal((90, 20))
    spanned = op.LinearGaussianProblem(np.full(90, 0.1), factor @ factor.T / 20, 0.5)
    assert_same_rounds(
        op.predict_schedule(spanned, 60, 90, [70, 40, 10], draws=64), 2, pruned=False
    )


def assert_same_rounds(table, count, pruned=True):
    variables = VARIABLES if pruned else VARIABLES[1:]
    for variable in variables:
        np.testing.assert_allclose(table[variable][0, : count + 1], table.dense_risk, rtol=1e-9)
    assert table.retrained_risk[0, count + 1] > 1.01 * table.dense_risk
    assert table.retrained_risk_stderr[0, count + 1] < 0.1 * table.retrained_risk[0, count + 1]


def test_as_many_features_as_samples_diverge_and_later_rounds_do_not():
    problem = diagonal(60)
    table = op.predict_schedule(problem, 30, 60, [30, 10], rules=RULES)
    assert np.isinf(table.retrained_risk[:, 1]).all()
    assert np.isinf(table.pruned_risk[:, 2]).all()
    assert np.isfinite(table.retrained_risk[:, 2]).all()
    grid = op.predict(problem, 60, [60], [20], rules=RULES)
    table = op.predict_schedule(problem, 60, 60, [20], rules=RULES)
    assert np.isinf(table.dense_risk)
    np.testing.assert_allclose(table.retrained_risk[:, 1], grid.retrained_risk[:, 0, 0], rtol=1e-6)


def test_without_noise_the_signal_is_found():
    problem = op.LinearGaussianProblem(np.repeat([1.0, 0.0], [10, 90]), np.ones(100))
    table = op.predict_schedule(problem, 200, 100, [50, 10, 5])
    np.testing.assert_allclose(
        table.retrained_risk[0], [0, 0, 0, 5 * 200 / 195], rtol=1e-5, atol=1e-10
    )


def test_units_do_not_matter():
    problem = diagonal(60)
    scaled = op.LinearGaussianProblem(
        problem.beta * 1e60, problem.covariance * 1e-160, 1e-20 * problem.noise_std
    )
    a = op.predict_schedule(problem, 30, 60, [20, 10], rules=RULES)
    b = op.predict_schedule(scaled, 30, 60, [20, 10], rules=RULES)
    for variable in VARIABLES:
        np.testing.assert_allclose(1e40 * b[variable], a[variable], rtol=1e-7)


def test_results_do_not_depend_on_workers():
    problems = [(polynomial(), 300, 600, [180, 60], "auto"), (correlated(), 20, 40, [25, 10], 64)]
    for problem, n, size, schedule, draws in problems:
        tables = [
            op.predict_schedule(
                problem, n, size, schedule, rules=RULES, draws=draws, workers=workers
            )
            for workers in (1, 3)
        ]
        assert_same(tables[0], tables[1])


def test_other_seeds_differ_by_the_standard_error():
    problem = correlated()
    tables = [
        op.predict_schedule(problem, 20, 40, [25, 10], draws=256, seed=seed) for seed in (0, 1)
    ]
    difference = abs(tables[0].retrained_risk - tables[1].retrained_risk)
    error = np.hypot(*(table.retrained_risk_stderr for table in tables))
    assert (difference[0, 1:] > 0).all()
    assert (difference <= 4 * error).all()


def test_more_draws_shrink_the_standard_error():
    few = op.predict_schedule(polynomial(), 300, 600, [220, 150, 60], draws=32)
    many = op.predict_schedule(polynomial(), 300, 600, [220, 150, 60], draws=1024)
    assert many.retrained_risk_stderr[0, 3] < 0.5 * few.retrained_risk_stderr[0, 3]
    assert few.attrs["draws_used"] == [32]
    assert op.predict_schedule(polynomial(), 300, 600, [180, 60], draws=33).attrs["draws_used"] == [
        64
    ]


@pytest.mark.filterwarnings("ignore:equivalent")  # 35 test rows are few
@pytest.mark.parametrize(
    "make", [diagonal, correlated, several_targets, relu_features, regression_data]
)
def test_the_table_has_the_form_of_the_simulated_one(make):
    problem = make()
    theory = op.predict_schedule(problem, 15, 24, [12, 6], draws=32)
    measured = op.simulate_schedule(problem, 15, 24, [12, 6], trials=2)
    for variable in ("dense_risk", *VARIABLES):
        assert theory[variable].dims == measured[variable].dims[:-1]
        assert np.isfinite(theory[variable]).all()
    assert theory.nonzeros.identical(measured.nonzeros)
    assert theory.attrs["kind"] == "predict_schedule"
    for name in (
        "n",
        "size",
        "schedule",
        "rules",
        "ridge",
        "retrain_ridge",
        "problem",
        "problem_hash",
    ):
        assert theory.attrs[name] == measured.attrs[name]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"draws": 31}, ValueError, "draws must be at least 32, got 31"),
        ({"draws": 64.0}, TypeError, "draws must be an integer"),
        ({"draws": "many"}, TypeError, 'draws must be an integer or "auto"'),
        ({"rtol": 0.0}, ValueError, "rtol must be above 0"),
        ({"rtol": "small"}, TypeError, "rtol must be a real number"),
    ],
)
def test_bad_draws_are_named(change, error, message):
    with pytest.raises(error, match=message):
        op.predict_schedule(diagonal(), 20, 30, [10, 5], **change)


def test_the_scale_of_the_responses_is_free():
    """A standard error of huge risks does not square them."""
    root = np.random.default_rng(0).standard_normal((4, 5))
    grid = {"n": 9, "size": 3, "schedule": [2, 1], "rules": ["magnitude", "hessian"], "draws": 64}
    beta, scale = np.array([1.0, -0.5, 0.3, 0.8]), 2.0**498
    one = op.predict_schedule(op.LinearGaussianProblem(beta, root @ root.T, 0.3), **grid)
    huge = op.predict_schedule(
        op.LinearGaussianProblem(beta * scale, root @ root.T, 0.3 * scale), **grid
    )
    assert (one.retrained_risk_stderr > 0).any()
    for name in one:
        if name.endswith(("risk", "stderr")):
            np.testing.assert_allclose(huge[name] / scale / scale, one[name], rtol=1e-9)


def test_risks_beyond_double_precision_are_refused():
    root = np.random.default_rng(0).standard_normal((4, 5))
    problem = op.LinearGaussianProblem(np.ones(4), root @ root.T, 1e150)
    with pytest.raises(
        ValueError, match=r"^problem must have variances and coefficients of less different"
    ):
        op.predict_schedule(problem, 2, 3, [2, 1], draws=32)
