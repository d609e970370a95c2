"""Survival probabilities: against 100 digits, simulation and large draws."""

from __future__ import annotations

import math

import numpy as np
import pytest

import overprune as op
from exact_theory import Exact, mpf
from overprune import _core
from theory_oracle import GROUPS

RULES = ("magnitude", "hessian", "oracle", "random")


def grouped(problem):
    return _core.GroupedFeatures(problem.covariance, problem.beta, problem.noise_std)


def groups():
    lam, beta, noise = GROUPS.expanded()
    return op.LinearGaussianProblem(beta, lam, noise)


def mixed():
    return op.Spectrum(
        [4.0, 0.5, 0.0, 1.0, 1.0],
        [0.2, 0.3, 0.05, 0.25, 0.2],
        [1.5, 1.0, 1.0, 0.0, 2.0],
        0.5,
        gaussian=[False, True, False, False, True],
    )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_probabilities_add_up(rule, ridge):
    features = grouped(groups())
    for k in (50, 120, 399):
        for s in (1, 7, 50):
            probability, _, overlap = _core.grouped_survival(features, 120, k, s, rule, ridge)
            assert probability.shape == (400,)
            assert probability.sum() == pytest.approx(s, rel=1e-12)
            assert (probability[k:] == 0).all()
            assert ((probability >= 0) & (probability <= 1)).all()
            assert 0 <= overlap <= 1
            assert (overlap == 1) is (rule == "oracle" or s == k)
    spectrum = mixed()
    for s in (0.001, 0.3, 0.93, 0.97):
        probability, _, _ = _core.grouped_survival(spectrum._core, 0.6, 1.0, s, rule, ridge)
        assert probability @ spectrum.weights == pytest.approx(s, rel=1e-12)


@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
def test_the_probability_is_M0(rule):
    spectrum, n, s = mixed(), 0.6, 0.3
    theory = Exact(
        list(spectrum.weights),
        list(spectrum.eigenvalues),
        list(spectrum.signal),
        list(spectrum.gaussian),
        0.5,
        n,
    )
    tau = theory.tau(theory.weight, 0.0)
    q = op.predict(spectrum, n, 1.0, s).dense_risk.item()
    kept = theory.survivors(
        mpf(s), rule, [lam / (lam + tau) for lam in theory.lam], mpf(math.sqrt(q / n))
    )
    probability, _, _ = _core.grouped_survival(spectrum._core, n, 1.0, s, rule, 0.0)
    np.testing.assert_allclose(
        probability[[0, 1, 3, 4]], [float(m.share) for m in kept], rtol=1e-12
    )
    assert probability[2] == 0.0  # without variance


def test_oracle_keeps_the_first_of_equals():
    # 3 of the last 4, which tie with the silent second one.
    problem = op.LinearGaussianProblem([2.0, 9.0, 0.0, 0.0, 0.0], [1.0, 0.0, 1.0, 2.0, 1.0], 0.1)
    probability, threshold, overlap = _core.grouped_survival(
        grouped(problem), 10, 5, 3, "oracle", 0.0
    )
    np.testing.assert_array_equal(probability, [1, 1, 1, 0, 0])
    assert (threshold, overlap) == (0.0, 1.0)
    np.testing.assert_array_equal(
        _core.grouped_survival(grouped(problem), 10, 5, 1, "oracle", 0.0)[0], [1, 0, 0, 0, 0]
    )
    equal = op.LinearGaussianProblem([1.0] * 6, [1.0] * 6, 0.1)
    np.testing.assert_array_equal(
        _core.grouped_survival(grouped(equal), 10, 5, 2, "oracle", 0.0)[0], [1, 1, 0, 0, 0, 0]
    )


def test_silent_features_survive_last():
    problem = op.LinearGaussianProblem([2.0, 9.0, 1.0, 0.0], [1.0, 0.0, 1.0, 0.0], 0.1)
    np.testing.assert_allclose(
        _core.grouped_survival(grouped(problem), 10, 4, 3, "magnitude", 0.0)[0], [1, 0.5, 1, 0.5]
    )


@pytest.mark.parametrize("rule", ["magnitude", "hessian", "random"])
@pytest.mark.parametrize(("n", "ridge"), [(120, 0.0), (120, 0.2), (600, 0.0)])
def test_training_keeps_that_many(rule, n, ridge):
    problem, k, s, trials = groups(), 400, 60, 150
    probability, threshold, overlap = _core.grouped_survival(grouped(problem), n, k, s, rule, ridge)
    truth = np.abs(problem.beta) * np.sqrt(problem.covariance)
    best = np.zeros(k, bool)
    best[op.top_k(truth, s)] = True
    counts, shared, cutoff = [], [], []
    for trial in range(trials):
        X, y = problem.sample(n, seed=1, stream=trial)
        theta = op.least_squares(X, y, ridge=ridge)
        scores = op.importance(theta, rule, curvature=problem.covariance, seed=trial)
        kept = np.zeros(k, bool)
        kept[op.top_k(scores, s)] = True
        counts.append(
            [part.sum() for part in np.split(kept, np.cumsum(GROUPS.count).astype(int)[:-1])]
        )
        shared.append((kept & best).sum() / s)
        cutoff.append(np.sort(scores)[-s])

    def z(values, expected, least=0.0):
        """Allowing a bias of 4/n; `least` bounds the variance below, for counts that are 0
        throughout."""
        values = np.asarray(values, float)
        gap = np.maximum(np.abs(values.mean(0) - expected) - 4 / n * np.abs(expected), 0)
        return gap / np.sqrt(np.maximum(values.var(0, ddof=1), least) / trials)

    expected = [
        part.sum() for part in np.split(probability, np.cumsum(GROUPS.count).astype(int)[:-1])
    ]
    assert z(counts, np.array(expected), least=np.array(expected) + 1e-9).max() < 4
    assert z(shared, overlap) < 4
    if rule != "random":
        level = np.sqrt(cutoff) if rule == "hessian" else cutoff
        assert z(level, threshold) < 4


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("s", [0.05, 0.3, 0.6, 0.96])
def test_overlap_of_gaussian_blocks_is_that_of_a_large_draw(rule, s):
    p, spectrum = 200_000, mixed()
    large = grouped(spectrum.problem(p, seed=5))
    for n in (0.6, 3.0):
        _, threshold, overlap = _core.grouped_survival(spectrum._core, n, 1.0, s, rule, 0.05)
        _, drawn_threshold, drawn_overlap = _core.grouped_survival(
            large, n * p, p, round(s * p), rule, 0.05
        )
        assert overlap == pytest.approx(drawn_overlap, abs=0.01)
        if threshold > 0 and rule != "random":
            assert drawn_threshold * math.sqrt(p) == pytest.approx(threshold, rel=0.02)


def test_overlap_in_the_limits():
    spectrum = op.Spectrum([1.0], [1.0], [1.0], 1e-9, gaussian=True)
    for rule in ("magnitude", "hessian"):
        assert _core.grouped_survival(spectrum._core, 2.0, 1.0, 0.2, rule, 0.0)[2] == pytest.approx(
            1.0, abs=1e-6
        )
        exact = op.Spectrum([1.0], [1.0], [1.0], 0.0, gaussian=True)
        assert _core.grouped_survival(exact._core, 2.0, 1.0, 0.2, rule, 0.0)[2] == pytest.approx(
            1.0, rel=1e-12
        )
        # Pure noise in v at size == n: as good as random.
        assert _core.grouped_survival(spectrum._core, 1.0, 1.0, 0.2, rule, 0.0)[2] == pytest.approx(
            0.2, rel=1e-12
        )
    assert _core.grouped_survival(spectrum._core, 2.0, 1.0, 0.2, "random", 0.0)[2] == pytest.approx(
        0.2, rel=1e-12
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 5, 2, "random", 0.0), "n must be finite and above 0"),
        ((5, 401, 2, "random", 0.0), "sizes must be at most"),
        ((5, 5, 6, "random", 0.0), "nonzeros must be at most size 5, got 6"),
        ((5, 5, 0, "random", 0.0), "nonzeros must be finite and above 0"),
        ((5, 5, 2, "best", 0.0), "best"),
        ((5, 5, 2, "random", -1.0), "ridge"),
    ],
)
def test_survival_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        _core.grouped_survival(grouped(groups()), *arguments)
