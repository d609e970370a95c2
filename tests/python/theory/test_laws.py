"""Laws of the models: coefficients, survival, draws, densities - against closed forms and
simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import overprune as op
import problems
from laws_tools import CASES, grouped, matrix, score, simulated
from theory_oracle import GROUPS

pytestmark = pytest.mark.filterwarnings("ignore:equivalent")  # small test sets
RULES = ("magnitude", "hessian", "oracle", "random")
EDGES = np.linspace(-0.6, 0.6, 61)


# --- coefficient_law


@pytest.mark.parametrize("name", ["several targets", "joint noise"])
@pytest.mark.parametrize(("n", "ridge"), [(15, 0.0), (60, 0.0), (15, 0.2)])
def test_every_target_has_the_law_of_its_own_problem(name, n, ridge):
    problem = problems.EVERY[name]()
    mean, spread = op.coefficient_law(problem, n, ridge=ridge)
    noise = np.sqrt(np.diag(problem.noise_covariance))
    for t in range(3):
        alone = op.LinearGaussianProblem(problem.beta[:, t], problem.covariance, noise[t])
        expected_mean, expected = op.coefficient_law(alone, n, ridge=ridge)
        np.testing.assert_allclose(mean[:, t], expected_mean, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(spread[..., t], expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", ["correlated", "several targets", "joint noise", "labelled data"])
def test_law_gives_the_dense_risk(name):
    problem = problems.EVERY[name]()
    linear = problem if isinstance(problem, op.LinearGaussianProblem) else problem.equivalent()
    mean, spread = op.coefficient_law(problem, 15, ridge=0.1)
    m = linear.targets
    gap = (mean - linear.beta).reshape(linear.p, m)
    if linear.covariance.ndim == 1:
        spread = np.stack([np.diag(column) for column in spread.reshape(linear.p, m).T], axis=2)
    sigma = np.diag(linear.covariance) if linear.covariance.ndim == 1 else linear.covariance
    total = np.trace(gap.T @ sigma @ gap) + np.einsum(
        "ij,ijt->", sigma, spread.reshape(linear.p, linear.p, m)
    )
    dense = float(
        op.predict(problem, 15, [linear.p], [1], retrain=False, ridge=0.1, draws=2).dense_risk[0]
    )
    assert total + linear._core.noise_floor == pytest.approx(dense, rel=1e-9)


def test_infinite_law_of_several_targets():
    blocks = np.kron(np.eye(2), [[1.0, 0.5], [0.5, 1.0]])
    problem = op.LinearGaussianProblem(np.ones((4, 2)), blocks, 0.3)
    _, spread = op.coefficient_law(problem, 4)
    assert (spread[0, 1] == -np.inf).all()
    assert (spread[0, 2] == 0.0).all()  # independent features stay so
    assert (spread[0, 0] == np.inf).all()


# --- survival


@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
@pytest.mark.parametrize(("s", "ridge"), [(20, 0.0), (150, 0.2)])
def test_survival_is_the_gaussian_tail(rule, s, ridge):
    lam, beta, noise = GROUPS.expanded()
    problem = op.LinearGaussianProblem(beta, lam, noise)
    table = op.survival(problem, 120, 400, s, rule=rule, ridge=ridge)
    mean, variance = op.coefficient_law(problem, 120, ridge=ridge)
    scale = np.sqrt(lam) if rule == "hessian" else 1.0
    t, sd = float(table.threshold) / scale, np.sqrt(variance)
    tails = stats.norm.sf(t, mean, sd) + stats.norm.cdf(-t, mean, sd)
    np.testing.assert_allclose(table.probability, tails, rtol=1e-10)
    assert tails.sum() == pytest.approx(s, rel=1e-12)
    kept = op.top_k(beta**2 * lam, s)
    assert float(table.overlap) == pytest.approx(tails[kept].sum() / s, rel=1e-12)
    np.testing.assert_array_equal(np.flatnonzero(table.oracle), kept)
    assert table.attrs["draws"] == 0


@pytest.mark.parametrize("name", problems.EVERY)
@pytest.mark.parametrize("rule", RULES)
def test_identities(name, rule):
    problem = problems.EVERY[name]()
    k = min(problem.p, 30) if name != "regression data" else problem.p
    counts = [1, k // 3, k]
    table = op.survival(problem, 18, k, counts, rule=rule, draws=30)
    assert table.probability.dims == ("nonzeros", "feature")
    np.testing.assert_allclose(table.probability.sum("feature"), counts, rtol=1e-9)
    assert (table.oracle.sum("feature") == counts).all()
    assert (table.probability.diff("nonzeros") >= -1e-12).all()
    assert (table.probability.sel(nonzeros=k) == 1).all()
    assert float(table.overlap.sel(nonzeros=k)) == pytest.approx(1.0, rel=1e-12)
    if rule == "random":
        np.testing.assert_allclose(table.probability[1], counts[1] / k)
        np.testing.assert_allclose(table.overlap[1], counts[1] / k)
    if rule == "oracle":
        assert set(np.unique(table.probability)) == {0.0, 1.0}
        assert (table.overlap == 1.0).all()
    one = op.survival(problem, 18, k, counts[1], rule=rule, draws=30, workers=2)
    assert one.probability.dims == ("feature",)
    np.testing.assert_array_equal(one.probability, table.probability[1])
    np.testing.assert_array_equal(one.overlap, table.overlap[1])


@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
def test_draws_agree_with_the_closed_form(rule):
    problem = grouped()
    exact = op.survival(problem, 120, 300, [30, 120], rule=rule)
    drawn = op.survival(matrix(problem), 120, 300, [30, 120], rule=rule, draws=4096, seed=3)
    groups = drawn.probability.values.reshape(2, 3, 100).mean(axis=2)
    expected = exact.probability.values.reshape(2, 3, 100).mean(axis=2)
    np.testing.assert_allclose(groups, expected, atol=2e-3)  # the threshold varies: of order 1/p
    often = (exact.probability > 0.01).values
    z = ((drawn.probability - exact.probability) / drawn.probability_stderr).values[often]
    assert np.mean(z**2) < 1.35
    np.testing.assert_allclose(drawn.threshold, exact.threshold, rtol=4e-3)
    np.testing.assert_allclose(drawn.overlap, exact.overlap, atol=4e-3)
    assert (drawn.overlap_stderr < 2e-3).all()
    assert drawn.attrs["draws"] == 4096


def test_standard_errors_are_those_of_the_draws():
    problem = problems.correlated()
    runs = [op.survival(problem, 18, 40, 10, draws=200, seed=seed) for seed in range(40)]
    for name in ("probability", "threshold", "overlap"):
        values = np.array([run[name] for run in runs])
        claimed = np.array([run[f"{name}_stderr"] for run in runs])
        ratio = values.var(axis=0, ddof=1).mean() / (claimed**2).mean()
        assert 0.6 < ratio < 1.6, name


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
def test_simulated_supports(case, rule):
    problem, trials, s = CASES[case](), 60, 60
    _, supports, _ = simulated(problem, 150, 300, s, rule, trials)
    table = op.survival(problem, 150, 300, s, rule=rule)
    kept = np.zeros((trials, 300))
    np.put_along_axis(kept, supports, 1.0, axis=1)
    p = table.probability.values
    clear = (p > 0.02) & (p < 0.98)
    z = (kept.mean(axis=0) - p)[clear] / np.sqrt(p * (1 - p) / trials)[clear]
    assert np.mean(z**2) < 1.3
    # Six groups of rising probability, by other draws: ranked by its own, an estimate's errors line
    # up.
    others = op.survival(problem, 150, 300, s, rule=rule, seed=1).probability.values
    ranks = np.argsort(np.argsort(others)) // 50
    for group in range(6):
        counts = kept[:, ranks == group].sum(axis=1)
        if counts.std() > 0:
            assert abs(score(counts, p[ranks == group].sum())) < 4
    overlap = kept[:, table.oracle.values].sum(axis=1) / s
    assert abs(score(overlap, float(table.overlap))) < 4


def test_features_without_variance_go_first():
    lam = np.repeat([1.0, 0.0], 20)
    problem = op.LinearGaussianProblem(np.full(40, 0.3), lam, 0.2)
    for given in (problem, matrix(problem)):
        table = op.survival(given, 12, 40, [10, 20, 25], draws=50)
        assert (table.probability[:2, 20:] == 0).all()
        assert (table.probability[1:, :20] == 1).all()
        np.testing.assert_array_equal(table.probability[2, 20:], np.repeat([1.0, 0.0], [5, 15]))
    models = op.sample_coefficients(problem, 12, 40, 25, draws=2, ridge=0.1, retrain_ridge=0.1)
    assert (models.support == np.arange(25)).all()
    assert (models.retrained[:, 20:] == 0).all()


def test_survival_where_the_limit_diverges_or_is_certain():
    problem = grouped(60)
    table = op.survival(problem, 60, 60, 12)  # the noise is infinite: signals do not matter
    np.testing.assert_allclose(table.probability[:20], table.probability[0])
    assert float(table.threshold) == math.inf
    drawn = op.survival(matrix(problem), 60, 60, 12, draws=2000)
    groups = drawn.probability.values.reshape(3, 20).mean(axis=1)
    np.testing.assert_allclose(groups, table.probability.values[::20], atol=0.02)
    certain = op.LinearGaussianProblem(np.linspace(1, 2, 20), np.ones(20))
    for given in (certain, matrix(certain)):
        table = op.survival(given, 30, 20, 5, draws=4)
        np.testing.assert_allclose(table.probability, np.repeat([0.0, 1.0], [15, 5]))
        assert float(table.overlap) == 1.0


def test_spectrum_is_the_problem_in_blocks():
    spectrum = op.Spectrum([1.0, 0.4, 1.5], [100, 100, 100], [0.15, 0.08, 0.0], 0.3)
    for rule in ("magnitude", "hessian", "random"):
        blocks = op.survival(spectrum, 120, 300, [30, 90], rule=rule, ridge=0.1)
        features = op.survival(grouped(), 120, 300, [30, 90], rule=rule, ridge=0.1)
        assert blocks.probability.dims == ("nonzeros", "block")
        np.testing.assert_allclose(blocks.probability, features.probability[:, ::100], rtol=1e-10)
        np.testing.assert_allclose(blocks.threshold, features.threshold, rtol=1e-10)
        np.testing.assert_allclose(blocks.overlap, features.overlap, rtol=1e-6)
    one = op.survival(spectrum, 120.5, 250.0, 40.5)
    assert one.probability.dims == ("block",)
    assert float(one.probability.sum()) * 100 == pytest.approx(40.5)
    with pytest.raises(ValueError, match="nonzeros"):
        op.survival(spectrum, 120, 250.0, 251.0)


# --- draws of models


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rule", RULES)
def test_risk_of_the_draws_is_the_predicted_one(case, rule):
    problem = CASES[case]()
    linear = problem.equivalent() if case == "relu" else problem
    ridges = {"ridge": 0.05, "retrain_ridge": 0.1} if rule == "hessian" else {}
    models = op.sample_coefficients(problem, 150, 300, 60, rule=rule, draws=64, seed=5, **ridges)
    table = op.predict(problem, 150, [300], [60], rules=rule, draws=512, seed=6, **ridges)
    for stage, values in (("pruned", models.surviving), ("retrained", models.retrained)):
        theta = np.zeros((64, 300, linear.targets))
        rows = values.values.reshape(64, 60, -1)
        np.put_along_axis(theta, models.support.values[:, :, None], rows, axis=1)
        risks = linear.risk(theta if linear.targets > 1 else theta[..., 0])
        pairs = risks.reshape(32, 2).mean(axis=1)
        error = float(table.get(f"{stage}_risk_stderr", table.dense_risk * 0).squeeze())
        # random supports remember by the mean over four of them
        bias = 0.004 * float(table[f"{stage}_risk"].squeeze())
        gap = abs(pairs.mean() - float(table[f"{stage}_risk"].squeeze())) - bias
        assert gap < 4 * math.sqrt(pairs.var(ddof=1) / 32 + error**2), stage


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("case", ["independent", "correlated", "several targets"])
def test_joint_law_of_both_trainings(case, rule):
    problem, trials = CASES[case](), 60
    ridges = {"ridge": 0.1, "retrain_ridge": 0.05}
    dense, supports, retrained = simulated(problem, 150, 250, 100, rule, trials, **ridges)
    surviving = np.take_along_axis(dense, supports[:, :, None], axis=1)
    models = op.sample_coefficients(problem, 150, 250, 100, rule=rule, draws=128, **ridges)
    before, after = (
        models[name].values.reshape(128, 100, -1) for name in ("surviving", "retrained")
    )
    for a, b, c, d in (
        (surviving, surviving, before, before),
        (retrained, retrained, after, after),
        (surviving, retrained, before, after),
    ):
        measured, drawn = (a * b).sum(axis=(1, 2)), (c * d).sum(axis=(1, 2))
        assert abs(score(measured, drawn.mean(), drawn.var(ddof=1) / 128)) < 4


@pytest.mark.parametrize("case", CASES)
def test_retraining_all_features_changes_nothing(case):
    models = op.sample_coefficients(
        CASES[case](), 150, 200, 200, ridge=0.1, retrain_ridge=0.1, draws=3
    )
    assert (models.support == np.arange(200)).all()
    scale = float(abs(models.dense).max())
    np.testing.assert_allclose(models.retrained, models.dense, atol=1e-9 * scale)


@pytest.mark.parametrize("name", ["correlated", "several targets"])
def test_draws_are_numbered(name):
    problem = problems.EVERY[name]()
    many = op.sample_coefficients(problem, 18, 40, 10, draws=21, seed=4, workers=1)
    few = op.sample_coefficients(problem, 18, 40, 10, draws=6, seed=4, workers=2)
    for stage in ("dense", "support", "surviving", "retrained"):
        np.testing.assert_array_equal(many[stage][:6], few[stage])
    mean, _ = op.coefficient_law(problem, 18)
    np.testing.assert_allclose(few.dense[2:4].mean("draw"), mean, atol=1e-12)
    assert (few.support.diff("survivor") > 0).all()
    other = op.sample_coefficients(problem, 18, 40, 10, draws=6, seed=5, retrain=False)
    assert "retrained" not in other
    assert not np.allclose(other.dense, few.dense)
    assert few.retrained.dims == ("draw", "survivor", "target")[: few.dense.ndim]


def test_drawn_coefficients_have_their_covariance():
    problem = problems.correlated(12)
    mean, covariance = op.coefficient_law(problem, 8)
    theta = op.sample_coefficients(problem, 8, 12, 3, draws=8000, retrain=False).dense.values[::2]
    root = np.linalg.cholesky(covariance + 1e-15 * np.eye(12))
    white = np.linalg.lstsq(root, (theta - mean).T, rcond=1e-10)[0]
    assert np.linalg.matrix_rank(covariance) == 12
    np.testing.assert_allclose(white @ white.T / 4000, np.eye(12), atol=5 * math.sqrt(2 / 4000))
    assert stats.kstest(white.ravel(), "norm").pvalue > 1e-3


# --- bad input


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"problem": 3}, TypeError, "problem must"),
        ({"n": 0}, ValueError, "n must be at least 1, got 0"),
        ({"size": 41}, ValueError, "size must be between 1 and 40, got 41"),
        ({"nonzeros": 31}, ValueError, r"nonzeros.* must be between 1 and 30, got 31"),
        ({"nonzeros": 0}, ValueError, "nonzeros"),
        ({"rule": "hessain"}, ValueError, "rule must be one of"),
        ({"ridge": -1.0}, ValueError, "ridge must"),
        ({"draws": 0}, ValueError, "draws must be at least 1|draws must be between 1"),
        ({"seed": -1}, ValueError, "seed must"),
        ({"workers": 0}, ValueError, "workers must"),
    ],
)
def test_refuses(change, error, message):
    given = {"problem": problems.diagonal(), "n": 20, "size": 30, "nonzeros": 5, **change}
    for function in (op.survival, op.sample_coefficients):
        with pytest.raises(error, match=message):
            function(**given)
    with pytest.raises(error, match=message):
        op.coefficient_density(**given, edges=EDGES)


def test_refuses_what_only_some_take():
    problem = problems.correlated()
    with pytest.raises(ValueError, match="nonzeros must be strictly increasing"):
        op.survival(problem, 20, 30, [5, 5])
    with pytest.raises(TypeError, match="nonzeros must be an integer"):
        op.sample_coefficients(problem, 20, 30, [5])
    with pytest.raises(TypeError, match="retrain must be True or False"):
        op.sample_coefficients(problem, 20, 30, 5, retrain=1)
    for edges in ([0.0], [0.0, 0.0], [1.0, 0.0], [[0.0, 1.0]]):
        with pytest.raises(ValueError, match="edges must"):
            op.coefficient_density(problem, 20, 30, 5, edges)
    with pytest.raises(ValueError, match="features must lie between 0 and 29, got 30"):
        op.coefficient_density(problem, 20, 30, 5, EDGES, features=[30])
    for function in (op.sample_coefficients, lambda *args: op.coefficient_density(*args, EDGES)):
        with pytest.raises(
            ValueError, match="trained coefficients have infinite variance, got n = 30"
        ):
            function(problem, 30, 30, 5)
        with pytest.raises(
            ValueError, match="retrained coefficients have infinite variance, got n = 5"
        ):
            function(problem, 5, 30, 5)
