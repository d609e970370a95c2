"""Predictions where the signal is far above the noise, and in any units of the targets.

Where every feature that carries the signal survives for certain, risks are in proportion to the
noise's variance, however small that is; and a survivor's own variance is of no account.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import overprune as op

P, TRUE = 24, 5
RULES = ("magnitude", "hessian", "oracle")


def covariance(kind, rng):
    if kind == "independent":
        return rng.uniform(0.3, 3.0, P)
    root = rng.standard_normal((P, P))
    return root @ root.T / P + 0.3 * np.eye(P)


def sparse_problem(kind, noise, targets=1, seed=0):
    rng = np.random.default_rng(seed)
    sigma = covariance(kind, rng)
    beta = np.zeros((P, targets))
    beta[:TRUE] = rng.choice([-1.0, 1.0], (TRUE, targets)) * rng.uniform(1.0, 3.0, (TRUE, targets))
    if targets == 1:
        return op.LinearGaussianProblem(beta[:, 0], sigma, noise)
    return op.LinearGaussianProblem(
        beta, sigma, noise_covariance=noise**2 * np.diag(1.0 + np.arange(targets))
    )


def agree(one, other, name, rtol):
    """To rounding, or within four standard errors where other draws were rejected or kept."""
    a, b = one[name].values, other[name].values
    error = 0.0
    if f"{name}_stderr" in one:
        error = 4.0 * np.hypot(one[f"{name}_stderr"].values, other[f"{name}_stderr"].values)
    assert np.all(np.isfinite(a) == np.isfinite(b))
    good = np.isfinite(a)
    np.testing.assert_array_less(np.abs(a - b)[good], (rtol * np.abs(b) + error + 1e-300)[good])


def in_units(table, unit):
    """The table with risks and their errors in units of `unit`."""
    return table.map(lambda risk: risk / unit if risk.dtype.kind == "f" else risk)


KINDS = [("independent", 1), ("dense", 1), ("independent", 3), ("dense", 3)]
RIDGES = [{}, {"ridge": 1e-4}, {"retrain_ridge": 1e-4}]


@pytest.mark.parametrize(("kind", "targets"), KINDS)
@pytest.mark.parametrize("ridges", RIDGES, ids=str)
@pytest.mark.parametrize("noise", [1e-6, 1e-8, 1e-11])
def test_risks_are_in_proportion_to_the_noise(kind, targets, ridges, noise):
    """At noise 0.001 the survivors are certain already, and nothing cancels yet."""

    def predicted(noise):
        ridge = {name: value * noise for name, value in ridges.items()}
        problem = sparse_problem(kind, noise, targets)
        table = op.predict(problem, 40, [P], [TRUE, 9], rules=RULES, compensate=True, **ridge)
        return in_units(table, noise**2)

    one, other = predicted(noise), predicted(1e-3)
    for name in ("dense_risk", "pruned_risk", "retrained_risk", "compensated_risk"):
        agree(one, other, name, 1e-3 if ridges else 1e-6)


@pytest.mark.parametrize(("kind", "targets"), KINDS)
@pytest.mark.parametrize("ridges", RIDGES, ids=str)
@pytest.mark.parametrize("rule", RULES)
def test_schedules_too(kind, targets, ridges, rule):
    def predicted(noise):
        ridge = {name: value * noise for name, value in ridges.items()}
        problem = sparse_problem(kind, noise, targets)
        table = op.predict_schedule(problem, 40, P, [16, 9, TRUE], rules=rule, **ridge)
        return in_units(table, noise**2)

    one, other = predicted(1e-9), predicted(1e-3)
    for name in ("pruned_risk", "retrained_risk"):
        agree(one, other, name, 1e-3 if ridges else 1e-6)


@given(
    kind=st.sampled_from(["independent", "dense"]),
    decades=st.floats(4.0, 30.0),
    n=st.sampled_from([9, 30]),
    ridges=st.sampled_from([{}, {"retrain_ridge": 0.1}, {"ridge": 0.1}]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=25, deadline=None)
def test_how_strong_a_certain_survivor_is_makes_no_difference(kind, decades, n, ridges, seed):
    """An independent feature of great variance, of which no rule loses sight and no ridge takes
    anything."""
    rng = np.random.default_rng(seed)
    others = (
        rng.uniform(0.3, 3.0, 12) if kind == "independent" else covariance("dense", rng)[:12, :12]
    )
    beta = np.append(rng.standard_normal(12), 5.0)

    def problem(variance):
        if kind == "independent":
            return op.LinearGaussianProblem(beta, np.append(others, variance), 1.0)
        sigma = np.zeros((13, 13))
        sigma[:12, :12], sigma[12, 12] = others, variance
        return op.LinearGaussianProblem(beta, sigma, 1.0)

    strong, stronger = problem(1e8), problem(1e8 * 10.0**decades)
    arguments = {"rules": ["hessian", "oracle"], **ridges}
    one, other = (op.predict(at, n, [13], [4, 8], **arguments) for at in (stronger, strong))
    for name in ("dense_risk", "pruned_risk", "retrained_risk"):
        agree(one, other, name, 1e-5)
    one, other = (op.predict_schedule(at, n, 13, [8, 4], **arguments) for at in (stronger, strong))
    for name in ("pruned_risk", "retrained_risk"):
        agree(one, other, name, 1e-5)


def test_simulations_say_the_same():
    problem = sparse_problem("dense", 1e-8)
    predicted = op.predict(problem, 40, [P], [9], rules=["hessian"])
    simulated = op.simulate(problem, 40, [P], [9], rules=["hessian"], trials=4000)
    for name in ("pruned_risk", "retrained_risk"):
        trials = simulated[name].values.ravel()
        error = np.hypot(trials.std() / np.sqrt(trials.size), predicted[f"{name}_stderr"].item())
        # Finite sizes are off by a few percent of the excess.
        assert (
            abs(trials.mean() - predicted[name].item()) < 4.0 * error + 0.1 * predicted[name].item()
        )


def test_advice_does_not_depend_on_how_far_the_noise_is_below():
    def advised(noise):
        rng = np.random.default_rng(1)
        root = rng.standard_normal((40, 40))
        beta = np.append(np.ones(25), np.zeros(15))
        problem = op.LinearGaussianProblem(beta, root @ root.T / 40 + 0.3 * np.eye(40), noise)
        return op.advise(problem, 80, 25, ridge=0.0)

    low, high = advised(1e-7).best, advised(1e-3).best
    assert (low.stage, low.size, low.rule) == (high.stage, high.size, high.rule)
    assert low.risk / 1e-14 == pytest.approx(high.risk / 1e-6, rel=1e-3)


@given(power=st.integers(-400, 400), targets=st.sampled_from([1, 3]), seed=st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_units_of_the_targets_are_of_no_account(power, targets, seed):
    """Risks are squares: at a power of two of the targets they are the same bits,
    times its square."""
    unit = 2.0**power

    def predicted(unit):
        rng = np.random.default_rng(seed)
        sigma = covariance("dense", rng)
        beta = rng.standard_normal((P, targets)) * unit
        if targets == 1:
            problem = op.LinearGaussianProblem(beta[:, 0], sigma, 0.5 * unit)
        else:
            problem = op.LinearGaussianProblem(
                beta, sigma, noise_covariance=0.25 * unit**2 * np.eye(targets)
            )
        return op.predict(problem, 40, [16, P], [5, 12], rules=["magnitude", "hessian", "oracle"])

    one, other = in_units(predicted(unit), unit**2), predicted(1.0)
    for name in ("dense_risk", "pruned_risk", "retrained_risk", "retrained_risk_stderr"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-9)
