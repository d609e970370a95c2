"""Predictions for correlated features: the slow oracle, limits, standard errors,
printed numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

import overprune as op
from covariances import COVARIANCES, RULES, STAGES, as_dense, autoregressive, dense, scaled
from dense_oracle import DenseOracle
from problems import normal
from tables import assert_same

# --- the slow oracle: covariance, n, size, nonzeros, ridge, second ridge

ORACLE_CASES = [
    ("AR", 20, 48, 8, 0.0, 0.0),
    ("AR", 20, 48, 34, 0.0, 0.0),
    ("AR", 20, 36, 12, 0.1, 0.0),
    ("AR", 20, 48, 12, 0.0, 0.2),
    ("AR", 20, 48, 32, 0.1, 0.2),
    ("AR", 20, 48, 32, 0.2, 0.0),
    ("AR", 80, 48, 20, 0.0, 0.0),
    ("AR", 40, 30, 10, 0.0, 0.1),
    ("AR", 30, 30, 10, 0.0, 0.0),
    ("block", 20, 48, 10, 0.0, 0.0),
    ("block", 24, 48, 40, 0.05, 0.1),
    ("singular", 20, 48, 10, 0.0, 0.0),
    ("singular", 20, 48, 40, 0.0, 0.0),
    ("singular", 36, 48, 24, 0.0, 0.0),
    ("singular", 20, 48, 40, 0.1, 0.1),
    ("duplicates", 16, 48, 10, 0.0, 0.0),
    ("duplicates", 16, 48, 36, 0.0, 0.1),
    ("duplicates", 30, 48, 20, 0.0, 0.0),
]


def compare(problem, n, size, s, ridge, retrain_ridge, *, draws=120, seed=0, rules=RULES):
    """z-scores of every rule and stage; the dense risk, exact on both sides, must agree."""
    table = op.predict(
        problem,
        n,
        [size],
        [s],
        rules=rules,
        ridge=ridge,
        retrain_ridge=retrain_ridge,
        compensate=True,
        draws=1024,
        seed=seed,
    )
    threshold = size == n and ridge == 0.0  # the oracle's numbers need a law that is finite
    oracle = DenseOracle(problem, n, size, 1e-13 if threshold else ridge, draws=draws, seed=seed)
    if not threshold:
        assert float(table.dense_risk.squeeze()) == pytest.approx(oracle.dense, rel=1e-9)
    z = []
    for rule in rules:
        expected = oracle.risks(rule, s, retrain_ridge)
        for stage in STAGES:
            if threshold and stage != "retrained":
                continue
            value, error = getattr(expected, stage)
            found = float(table[f"{stage}_risk"].sel(rule=rule).squeeze())
            own = float(table[f"{stage}_risk_stderr"].sel(rule=rule).squeeze())
            # 1e-9: where both are exact
            z.append((found - value) / (math.hypot(error, own) + 1e-9 * abs(value)))
    return z


def test_slow_oracle():
    found = {}
    for seed, case in enumerate(ORACLE_CASES):
        found[case] = compare(dense(case[0]), *case[1:], seed=seed)
    for case, z in found.items():
        assert np.abs(z).max() < 4, (case, np.round(z, 2))
    every = np.concatenate(list(found.values()))
    assert every.size > 180
    assert np.mean(every**2) < 1.8  # figures of one case share their draws


def test_slow_oracle_without_noise_and_without_signal():
    for seed, problem in enumerate((dense("AR", noise_std=0.0), dense("AR", signal=0.0))):
        for n, size, s in ((20, 48, 10), (20, 48, 34)):
            z = compare(problem, n, size, s, 0.0, 0.0, seed=seed)
            assert np.abs(z).max() < 4, (seed, s, np.round(z, 2))


# --- limits


def independent(p=80, noise_std=0.3):
    return op.LinearGaussianProblem(
        np.linspace(0.0, 0.3, p)[::-1], op.spectra.power_law(p, 0.6), noise_std=noise_std
    )


@pytest.mark.parametrize(
    ("n", "ridge", "retrain_ridge"), [(40, 0.0, 0.0), (40, 0.1, 0.05), (120, 0.0, 0.0)]
)
def test_diagonal_given_as_dense_is_the_diagonal_path(n, ridge, retrain_ridge):
    problem = independent(160)
    grid = {"sizes": [20, 100, 160], "nonzeros": [10, 36, 90], "rules": RULES}
    ridges = {"ridge": ridge, "retrain_ridge": retrain_ridge}
    exact = op.predict(problem, n, **grid, **ridges)
    drawn = op.predict(as_dense(problem), n, **grid, **ridges, draws=512)
    np.testing.assert_allclose(drawn.dense_risk, exact.dense_risk, rtol=1e-12)
    for stage in ("pruned", "retrained"):
        value, error = drawn[f"{stage}_risk"], drawn[f"{stage}_risk_stderr"]
        assert (np.isnan(value) == np.isnan(exact[f"{stage}_risk"])).all()
        gap = abs(value - exact[f"{stage}_risk"]) - 1e-10 * value
        # The draws keep exactly s features, the limit s on average: of order 1/p apart.
        allowed = 4 * error + xr_where_drawn(error, value / 160)
        assert (gap <= allowed).where(value.notnull(), True).all(), (
            stage,
            float((gap - allowed).max()),
        )
    oracle = {"rule": "oracle"}
    assert (drawn.pruned_risk_stderr.sel(oracle).fillna(0) == 0).all()


def xr_where_drawn(error, value):
    return value.where(error > 0, 0.0)


@pytest.mark.parametrize("n", [15, 30, 48, 60])
@pytest.mark.parametrize("name", COVARIANCES)
def test_nan_and_infinity_only_where_they_belong(name, n):
    sizes, nonzeros = [1, 15, 29, 30, 48], [1, 15, 30, 48]
    table = op.predict(dense(name), n, sizes, nonzeros, rules=RULES, compensate=True, draws=8)
    size, s = table["size"], table["nonzeros"]
    for stage in STAGES:
        value, error = table[f"{stage}_risk"], table[f"{stage}_risk_stderr"]
        assert (np.isnan(value) == (s > size)).all(), stage
        assert (np.isnan(error) == (s > size)).all(), stage
        assert (error.where(s <= size, 0.0) >= 0).all(), stage
        assert (error.where(np.isinf(value), 0.0) == 0).all(), stage
        assert (value.where(s <= size, 1.0) >= 0.09).all(), stage
    rank = np.array([np.linalg.matrix_rank(COVARIANCES[name][:k, :k]) for k in sizes])
    assert (np.isinf(table.dense_risk).values == (rank == n)).all()
    pruned = table.pruned_risk.transpose("rule", "nonzeros", "size")
    assert (np.isinf(pruned) == np.isinf(table.dense_risk)).where((s <= size), True).all()
    whole = table.pruned_risk.where(s == size)
    assert (whole == table.dense_risk).where(s == size, True).all()


@pytest.mark.parametrize("n", [20, 30, 60])
def test_infinities_are_those_of_the_diagonal_path(n):
    problem = independent(60)
    grid = {"sizes": [10, 20, 30, 45, 60], "nonzeros": [5, 20, 30, 45, 60], "rules": RULES}
    exact = op.predict(problem, n, **grid)
    drawn = op.predict(as_dense(problem), n, **grid, draws=16)
    for name in ("dense_risk", "pruned_risk", "retrained_risk"):
        for test in (np.isnan, np.isinf):
            np.testing.assert_array_equal(test(drawn[name]), test(exact[name]), err_msg=name)


@pytest.mark.parametrize("rule", RULES)
def test_one_feature(rule):
    """The second feature is correlated with the first and adds to its noise."""
    problem = op.LinearGaussianProblem([1.0, 2.0], [[4.0, 1.0], [1.0, 3.0]], 0.5)
    slope = 1.0 + 2.0 / 4.0
    noise = 0.25 + (4 + 12 + 4) - 4 * slope**2
    table = op.predict(problem, 10, [1], [1], rules=rule)
    for stage in ("pruned", "retrained"):
        assert float(table[f"{stage}_risk"].squeeze()) == pytest.approx(
            noise / (1 - 1 / 10), rel=1e-12
        )
        assert float(table[f"{stage}_risk_stderr"].squeeze()) == 0.0


def test_no_noise():
    """Below n everything is known: the support, what it loses, and n / (n - s) of that after
    retraining."""
    problem = dense("AR", noise_std=0.0)
    beta, sigma = problem.beta, problem.covariance
    table = op.predict(problem, 60, [48], [10], rules=("magnitude", "hessian"))
    assert float(table.dense_risk.squeeze()) == 0.0
    for rule, score in (("magnitude", abs(beta)), ("hessian", beta**2 * np.diag(sigma))):
        lost = np.where(np.argsort(np.argsort(-score)) < 10, 0.0, beta)
        at = table.sel(rule=rule)
        assert float(at.pruned_risk.squeeze()) == pytest.approx(lost @ sigma @ lost, rel=1e-12)
        S, L = np.flatnonzero(lost == 0), np.flatnonzero(lost)
        schur = sigma[np.ix_(L, L)] - sigma[np.ix_(L, S)] @ np.linalg.solve(
            sigma[np.ix_(S, S)], sigma[np.ix_(S, L)]
        )
        left = beta[L] @ schur @ beta[L]
        assert float(at.retrained_risk.squeeze()) == pytest.approx(left / (1 - 10 / 60), rel=1e-10)
        assert (at.retrained_risk_stderr == 0).all()
    # Also at the threshold, where what is left to fit decides: nothing, or the signal of other
    # features.
    tail = op.LinearGaussianProblem(np.r_[beta[:30], np.zeros(18)], sigma, 0.0)
    table = op.predict(tail, 40, [20, 30, 40, 48], [5], draws=4)
    assert (table.dense_risk[1:3] == 0).all()
    assert (table.dense_risk[[0, 3]] > 0.01).all()
    silent = op.LinearGaussianProblem(np.zeros(48), sigma, 0.0)
    nothing = op.predict(silent, 20, [10, 30, 48], [5, 25], rules=RULES, draws=4)
    for name in ("dense_risk", "pruned_risk", "retrained_risk"):
        assert (nothing[name].fillna(0) == 0).all()


def test_oracle_retraining_is_direct_training():
    problem = dense("AR")
    sigma, beta = problem.covariance, problem.beta
    S = np.argsort(-(beta**2) * np.diag(sigma))[:12]
    inner = np.linalg.solve(sigma[np.ix_(S, S)], sigma[S] @ beta)
    outside = 0.09 + beta @ sigma @ beta - inner @ sigma[np.ix_(S, S)] @ inner
    table = op.predict(problem, 20, [48], [12], rules="oracle")
    assert float(table.retrained_risk.squeeze()) == pytest.approx(outside * 20 / 8, rel=1e-10)


def test_random_support_ignores_the_data():
    """c = 0: the mean over supports of what they leave unexplained, times n / (n - s)."""
    problem = dense("block")
    sigma, beta, left = problem.covariance, problem.beta, []
    rng = np.random.default_rng(0)
    for _ in range(2000):
        S = rng.permutation(48)[:10]
        inner = np.linalg.solve(sigma[np.ix_(S, S)], sigma[S] @ beta)
        left.append(0.09 + beta @ sigma @ beta - inner @ sigma[np.ix_(S, S)] @ inner)
    table = op.predict(problem, 20, [48], [10], rules="random", draws=2000)
    error = math.hypot(
        np.std(left) / math.sqrt(2000) * 2, float(table.retrained_risk_stderr.squeeze())
    )
    assert abs(float(table.retrained_risk.squeeze()) - 2 * np.mean(left)) < 4 * error


# --- workers, draws, standard errors


@pytest.mark.parametrize("draws", [7, 50, "auto"])
def test_workers_do_not_change_a_bit(draws):
    grid = {
        "sizes": [20, 40, 48],
        "nonzeros": [8, 20, 30],
        "rules": RULES,
        "compensate": True,
        "rtol": 0.02,
    }
    one, *others = (
        op.predict(dense("AR"), 24, **grid, retrain_ridge=0.05, draws=draws, seed=5, workers=w)
        for w in (1, 2, 3)
    )
    for other in others:
        for name in one.data_vars:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_a_point_does_not_depend_on_the_rest_of_the_grid():
    grid = {"draws": 32, "seed": 2}
    whole = op.predict(dense("AR"), 24, [20, 40, 48], [8, 20, 30], rules=RULES, **grid)
    alone = op.predict(dense("AR"), 24, [40], [20], rules="hessian", **grid)
    at = {"size": [40], "nonzeros": [20], "rule": ["hessian"]}
    for name in ("pruned_risk", "retrained_risk", "retrained_risk_stderr"):
        np.testing.assert_allclose(whole[name].sel(at), alone[name], rtol=1e-10)


def test_draws_and_seeds():
    problem, grid = dense("AR"), {"n": 24, "sizes": [48], "nonzeros": [10]}
    assert int(op.predict(problem, **grid, draws=64).draws.item()) == 64
    assert int(op.predict(problem, **grid, draws=7).draws.item()) == 8
    one = op.predict(problem, **grid, draws=1)
    # one pair says nothing about the spread
    assert math.isinf(float(one.retrained_risk_stderr.item()))
    here, again, other = (op.predict(problem, **grid, seed=seed) for seed in (1, 1, 2))
    assert_same(here, again)
    assert float(here.retrained_risk.item()) != float(other.retrained_risk.item())


@pytest.fixture(scope="module")
def twenty_seeds():
    """Predictions of one problem by 64 and by 512 draws, as (seed, draws, figure): values and
    errors."""
    problem = op.LinearGaussianProblem(normal(80, seed=1) / 10, scaled(autoregressive(80)), 0.3)
    values, errors = [], []
    for seed in range(20):
        tables = [
            op.predict(
                problem, 30, [80], [10, 20, 45], rules=("magnitude", "hessian"), draws=d, seed=seed
            )
            for d in (64, 512)
        ]
        for found, end in ((values, ""), (errors, "_stderr")):
            found.append([np.ravel([t[f"{s}_risk{end}"] for s in STAGES[:2]]) for t in tables])
    return np.array(values), np.array(errors)


def test_standard_errors_are_honest(twenty_seeds):
    values, errors = twenty_seeds
    ratio = values.std(axis=0, ddof=1) / np.sqrt((errors**2).mean(axis=0))
    assert ratio.shape == (2, 12)
    assert (ratio > 0.55).all(), ratio.round(2)  # a ratio of 20 seeds has itself an error of 16 %
    assert (ratio < 1.6).all(), ratio.round(2)
    assert 0.7 < np.exp(np.log(ratio).mean()) < 1.4


def test_standard_errors_fall_as_one_over_root_draws(twenty_seeds):
    _, errors = twenty_seeds
    ratio = errors[:, 0].mean(axis=0) / errors[:, 1].mean(axis=0)
    np.testing.assert_allclose(ratio, 8**0.5, rtol=0.2)


def test_pairs_are_worth_many_plain_draws():
    problem, n = dense("AR"), 20
    oracle = DenseOracle(problem, n, 48, draws=400)
    table = op.predict(problem, n, [48], [13, 15], draws=400)
    for s in (13, 15):  # over 24 seeds at most 0.70; elsewhere a few draws of large risk decide
        plain = oracle.risks("magnitude", s).retrained[1]
        assert float(table.retrained_risk_stderr.sel(nonzeros=s).item()) < 0.75 * plain


@pytest.mark.parametrize("rtol", [0.02, 0.005])
def test_auto_reaches_its_tolerance(rtol):
    problem, grid = dense("AR"), {"n": 24, "sizes": [30, 48], "nonzeros": [10, 20], "rules": RULES}
    table = op.predict(problem, **grid, draws="auto", rtol=rtol)
    for stage in ("pruned", "retrained"):
        relative = table[f"{stage}_risk_stderr"] / table[f"{stage}_risk"]
        assert (relative <= rtol).all()
    assert (table.draws >= 64).all()
    assert table.attrs["draws"] == "auto"


# --- input and interruption


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"draws": 0}, ValueError, "draws must be at least 1, got 0"),
        ({"draws": 2.5}, TypeError, "draws"),
        ({"draws": "many"}, TypeError, "draws.*'many'"),
        ({"rtol": 0.0}, ValueError, "rtol must be above 0"),
        ({"rtol": -1.0}, ValueError, "rtol"),
        ({"rtol": math.nan}, ValueError, "rtol"),
        ({"seed": -1}, ValueError, "seed"),
        ({"workers": 0}, ValueError, "workers must be between 1 .* got 0"),
        ({"n": 0}, ValueError, "n must be at least 1, got 0"),
        ({"sizes": [0]}, ValueError, "sizes"),
        ({"sizes": [49]}, ValueError, "sizes"),
        ({"nonzeros": [5, 5]}, ValueError, "nonzeros"),
        ({"rules": "best"}, ValueError, "rules"),
        ({"ridge": -0.1}, ValueError, "ridge"),
        ({"retrain_ridge": math.inf}, ValueError, "retrain_ridge"),
    ],
)
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        op.predict(dense("AR"), **({"n": 10, "sizes": [48], "nonzeros": [5]} | arguments))


# --- printed numbers


def test_printed_autoregressive():
    """docs/theory.md, Numbers: theory by 512 draws, and a simulation of 40 trials."""
    beta = np.zeros(700)
    beta[:70] = 70**-0.5
    problem = op.LinearGaussianProblem(beta, autoregressive(700), math.sqrt(0.1))
    table = op.predict(problem, 300, [700], [50, 100, 200], draws=200)
    assert float(table.dense_risk.item()) == pytest.approx(0.3732, abs=5.1e-5)
    printed = {"pruned": [0.786, 0.247, 0.318], "retrained": [0.320, 0.165, 0.321]}
    simulated = {"pruned": [0.782, 0.247, 0.319], "retrained": [0.320, 0.167, 0.323]}
    errors = {"pruned": [0.007, 0.003, 0.004], "retrained": [0.006, 0.002, 0.003]}
    for stage in printed:
        found = table[f"{stage}_risk"].values.ravel()
        own = table[f"{stage}_risk_stderr"].values.ravel()
        assert (abs(found - printed[stage]) < 4 * np.sqrt(2) * own + 1e-3).all(), (stage, found)
        assert (abs(found - simulated[stage]) < 3 * np.hypot(own, errors[stage])).all(), (
            stage,
            found,
        )


def test_printed_relu_features():
    """The same section: d = 100, p = 900. Features and teacher are another draw, 11 % lower when
    pruned; a simulation of this draw is the sharper test."""
    problem = op.RandomFeatureProblem.draw(900, 100, noise_std=0.3, seed=1)
    predicted = op.predict(problem, 300, [900], [100], draws=4096)
    printed = {"dense_risk": 0.273, "pruned_risk": 0.679, "retrained_risk": 0.515}
    measured = op.simulate(problem, 300, [900], [100], trials=40, seed=0)
    for name, value in printed.items():
        found = float(predicted[name].item())
        assert found == pytest.approx(value, rel=0.12)
        error = float(measured[name].std(ddof=1)) / math.sqrt(40)
        own = float(predicted[f"{name}_stderr"].item()) if name != "dense_risk" else 0.0
        gap = abs(float(measured[name].mean()) - found) - 2 / 300 * found
        assert gap < 4 * math.hypot(error, own), name
