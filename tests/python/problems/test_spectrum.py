"""Spectrum: blocks of real-valued weight, against finite problems, quadrature and simulation."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import overprune as op
from overprune._provenance import describe, problem_of
from tables import assert_same

RULES = ("magnitude", "hessian", "oracle", "random")
STAGES = ("dense_risk", "pruned_risk", "retrained_risk")


def spiked(gaussian=False):
    """The demo problem, per feature: a tenth of the features has variance 25."""
    return op.Spectrum([25.0, 1.0], [0.1, 0.9], [1.0, 1.0], noise_std=0.3, gaussian=gaussian)


def mixed():
    return op.Spectrum(
        [4.0, 0.5, 0.0, 1.0, 1.0],
        [0.2, 0.3, 0.05, 0.25, 0.2],
        [1.5, 1.0, 1.0, 0.0, 2.0],
        noise_std=0.5,
        gaussian=[False, True, False, False, True],
    )


def risks(problem, n, size, s, rule, **options):
    table = op.predict(problem, n, size, s, rules=rule, **options)
    return np.array([float(table[name].squeeze()) for name in STAGES])


@pytest.mark.parametrize("rule", RULES)
def test_ratios_are_the_finite_problem(rule):
    p = 1500
    finite = op.LinearGaussianProblem(np.full(p, p**-0.5), op.spectra.spiked(p, 150, 25.0), 0.3)
    for n, k, s in ((450, 1500, 150), (450, 1000, 600), (900, 700, 33), (450, 100, 100)):
        for ridge in (0.0, 0.2):
            expected = risks(finite, n, k, s, rule, ridge=ridge, retrain_ridge=ridge / 2)
            found = risks(spiked(), n / p, k / p, s / p, rule, ridge=ridge, retrain_ridge=ridge / 2)
            np.testing.assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize("rule", ["magnitude", "hessian", "random"])
def test_gaussian_coefficients_are_a_mixture_of_fixed_ones(rule):
    # A fine grid of quantiles, each a block: the same law of |beta|, with an error of order 1 /
    # blocks^2.
    gaps = []
    for blocks in (200, 800):
        inner = stats.norm.ppf(np.linspace(0.5, 1, 4 * blocks + 1)[1:-1:2])
        weights = np.full(inner.size, 1 / inner.size)
        inner *= np.sqrt(1 / np.sum(weights * inner**2))
        fixed = op.Spectrum(np.ones(inner.size), 0.6 * weights, 1.3 * inner, 0.4)
        exact = op.Spectrum([1.0], [0.6], [1.3], 0.4, gaussian=True)
        # No size in between: blocks come in order, and all of them here.
        found = risks(fixed, 0.4, 0.6, 0.2, rule, retrain_ridge=0.05)
        expected = risks(exact, 0.4, 0.6, 0.2, rule, retrain_ridge=0.05)
        gaps.append(np.abs(found / expected - 1).max())
    assert gaps[1] < 2e-4
    assert rule == "random" or gaps[1] < gaps[0] / 2


@pytest.mark.parametrize("s", [0.02, 0.2, 0.45, 0.7, 0.94])
def test_oracle_of_gaussian_blocks_is_that_of_a_large_draw(s):
    p, spectrum = 400_000, mixed()
    found = risks(spectrum, 0.75, 1.0, s, "oracle", ridge=0.1, retrain_ridge=0.1)
    large = risks(
        spectrum.problem(p, seed=3),
        int(0.75 * p),
        p,
        round(s * p),
        "oracle",
        ridge=0.1,
        retrain_ridge=0.1,
    )
    np.testing.assert_allclose(found, large, rtol=0.02)


def test_oracle_support_is_independent_of_the_noise():
    # c = 0: the closed form of a support that was given, with E beta^2 of the dropped in closed
    # form.
    spectrum = op.Spectrum([1.0], [1.0], [2.0], 0.5, gaussian=True)
    for s in (0.1, 0.5, 0.9):
        t = stats.norm.isf(s / 2)
        dropped = 4.0 * (1 - s - 2 * t * stats.norm.pdf(t))
        assert risks(spectrum, 0.95, 0.97, 0.97 * s, "oracle")[2] == pytest.approx(
            (0.25 + 4.0 * 0.03 + 0.97 * dropped) / (1 - 0.97 * s / 0.95), rel=1e-12
        )


@pytest.mark.parametrize("p", [200, 600])
def test_simulation_of_a_finite_draw_agrees(p):
    # Over problems as well as data: the coefficients are drawn anew in every trial.
    spectrum, trials = mixed(), 60
    grid = {"sizes": [0.45, 1.0], "nonzeros": [0.15, 0.4]}
    theory = op.predict(spectrum, 0.6, **grid, rules=RULES, ridge=0.0, retrain_ridge=0.0)
    found = {name: [] for name in STAGES}
    for trial in range(trials):
        table = op.simulate(
            spectrum.problem(p, seed=trial),
            int(0.6 * p),
            [round(k * p) for k in grid["sizes"]],
            [round(s * p) for s in grid["nonzeros"]],
            rules=RULES,
            trials=1,
            seed=trial,
        )
        for name in STAGES:
            found[name].append(table[name].isel(trial=0).values)
    for name in STAGES:
        values = np.array(found[name])
        error = values.std(0, ddof=1) / math.sqrt(trials)
        gap = np.abs(values.mean(0) - theory[name].values)
        assert (np.maximum(gap - 4 / p * theory[name].values, 0) / error).max() < 4, name


# --- limits


@pytest.mark.parametrize("rule", RULES)
def test_divergence_and_its_neighbourhood(rule):
    for spectrum in (spiked(), spiked(True), mixed()):
        assert math.isinf(risks(spectrum, 0.1, 0.1, 0.05, rule)[0])
        # random keeps features without variance too
        if rule != "random" or spectrum.eigenvalues.all():
            assert math.isinf(risks(spectrum, 0.25, 0.7, 0.25, rule)[2])
        for shift in (1e-3, 1e-6, 1e-9, 1e-12):
            for n in (0.1 - shift, 0.1 + shift):
                near = risks(spectrum, n, 0.1, 0.05, rule)
                assert np.isfinite(near).all()
                assert near[0] * shift == pytest.approx(0.1 * near_limit(spectrum), rel=0.2)


def near_limit(spectrum):
    """omega^2 |1 - k/n| at k = n = 0.1: the noise of what the first tenth leaves unexplained."""
    inside = np.minimum(np.cumsum(spectrum.weights), 0.1) - np.minimum(
        np.r_[0, np.cumsum(spectrum.weights)[:-1]], 0.1
    )
    outside = spectrum.weights - inside
    return spectrum.noise_std**2 + np.sum(outside * spectrum.eigenvalues * spectrum.signal**2)


def test_almost_everything_or_nothing_kept():
    spectrum = mixed()
    for rule in RULES:
        whole = risks(spectrum, 0.6, 1.0, 1.0, rule)
        assert whole[1] == pytest.approx(whole[0], rel=1e-14)
        for s in (1e-300, 1e-30, 1e-9):
            found = risks(spectrum, 0.6, 1.0, s, rule)
            assert found[1:] == pytest.approx(spectrum.null_risk, rel=1e-6)
        alive = 0.95 if rule in ("magnitude", "hessian") else 1.0
        assert risks(spectrum, 0.6, 1.0, alive * (1 - 1e-9), rule)[1] == pytest.approx(
            whole[0], rel=1e-6
        )


def test_no_signal_and_no_noise():
    nothing = op.Spectrum([1.0, 2.0], [0.5, 0.5], [0.0, 0.0], gaussian=[True, False])
    for rule in RULES:
        assert risks(nothing, 0.3, 1.0, 0.2, rule).tolist() == [0.0, 0.0, 0.0]
    # Without noise and fewer features than samples the truth is known, and the largest of it is
    # kept.
    exact = op.Spectrum([1.0, 2.0], [0.5, 0.5], [1.0, 1.0], gaussian=True)
    assert risks(exact, 1.5, 1.0, 0.3, "hessian") == pytest.approx(
        risks(exact, 1.5, 1.0, 0.3, "oracle"), rel=1e-12
    )
    for noise in (1e-3, 1e-6, 1e-12, 1e-150):
        little = op.Spectrum([1.0, 2.0], [0.5, 0.5], [1.0, 1.0], noise, gaussian=True)
        for rule in ("magnitude", "hessian"):
            assert risks(little, 1.5, 1.0, 0.3, rule) == pytest.approx(
                risks(exact, 1.5, 1.0, 0.3, rule), rel=10 * noise**2 + 1e-12, abs=10 * noise**2
            )


def test_tiny_and_huge_weights():
    def scaled(weights, n, s):
        total = sum(weights)
        return risks(
            op.Spectrum([4.0, 1.0, 1.0], weights, [1.0, 0.5, 0.0], 0.3), n, total, s, "magnitude"
        )

    for unit in (2.0**-900, 2.0**-30, 2.0**30, 2.0**900):
        # The energy of each block, lam beta^2 weight, stays.
        weights = [0.25 * unit, 0.5 * unit, 0.25 * unit]
        with_energy = op.Spectrum(
            [4.0, 1.0, 1.0], weights, np.array([1.0, 0.5, 0.0]) / math.sqrt(unit), 0.3
        )
        expected = risks(
            op.Spectrum([4.0, 1.0, 1.0], [0.25, 0.5, 0.25], [1.0, 0.5, 0.0], 0.3),
            0.5,
            1.0,
            0.2,
            "magnitude",
        )
        np.testing.assert_allclose(
            risks(with_energy, 0.5 * unit, unit, 0.2 * unit, "magnitude"), expected, rtol=1e-12
        )
    # A block that weighs nothing changes nothing.
    np.testing.assert_allclose(
        scaled([0.25, 0.5, 1e-300], 0.5, 0.2), scaled([0.25, 0.5, 1e-18], 0.5, 0.2), rtol=1e-14
    )


# --- the finite problem


def test_problem_rounds_and_scales():
    spectrum = op.Spectrum([3.0, 2.0, 1.0], [0.2, 0.3, 0.5], [1.0, -2.0, 0.5], 0.1)
    problem = spectrum.problem(10)
    np.testing.assert_array_equal(problem.covariance, [3] * 2 + [2] * 3 + [1] * 5)
    np.testing.assert_allclose(
        problem.beta, np.r_[[1.0] * 2, [-2.0] * 3, [0.5] * 5] / math.sqrt(10)
    )
    assert problem.noise_std == 0.1
    assert problem.null_risk == pytest.approx(spectrum.null_risk, rel=1e-14)
    for p in (1, 3, 7, 11, 999):
        assert spectrum.problem(p).p == p
    np.testing.assert_array_equal(
        np.unique(spectrum.problem(7).covariance, return_counts=True)[1], [4, 2, 1]
    )
    counts = op.Spectrum([3.0, 1.0], [4, 6], [1.0, 0.5])
    np.testing.assert_array_equal(counts.problem(10).beta, [1.0] * 4 + [0.5] * 6)


def test_problem_draws_gaussian_coefficients():
    spectrum = op.Spectrum([1.0, 1.0], [0.5, 0.5], [2.0, 3.0], gaussian=[True, False])
    beta = math.sqrt(20_000) * spectrum.problem(20_000, seed=1).beta
    assert beta[:10_000].std() == pytest.approx(2.0, rel=0.03)
    assert abs(beta[:10_000].mean()) < 0.08
    np.testing.assert_allclose(beta[10_000:], 3.0)
    again, other = spectrum.problem(20_000, seed=1), spectrum.problem(20_000, seed=2)
    assert (again.beta == spectrum.problem(20_000, seed=1).beta).all()
    assert (again.beta[:10] != other.beta[:10]).all()
    assert not np.isin(beta[:10] / 2, op.standard_normal(20_000, seed=1)).any()


# --- the Python surface


def test_table():
    table = op.predict(
        mixed(), [0.3, 0.6], [0.5, 1.0], [0.1, 0.2, 0.7], rules=RULES, ridge=[0.0, 0.1]
    )
    assert table.retrained_risk.dims == ("n", "ridge", "rule", "size", "nonzeros")
    for axis, values in (("n", [0.3, 0.6]), ("size", [0.5, 1.0]), ("nonzeros", [0.1, 0.2, 0.7])):
        assert table[axis].dtype == np.float64
        np.testing.assert_array_equal(table[axis], values)
    assert np.isnan(table.pruned_risk.sel(size=0.5, nonzeros=0.7)).all()
    assert not np.isnan(table.pruned_risk.sel(size=1.0)).any()
    assert table.attrs["null_risk"] == mixed().null_risk
    assert table.attrs["noise_floor"] == 0.25


def test_description_pickle_and_provenance():
    spectrum = mixed()
    assert spectrum.p == pytest.approx(1.0)
    energy = np.sum(spectrum.weights * spectrum.eigenvalues * spectrum.signal**2)
    assert spectrum.null_risk == pytest.approx(0.25 + energy, rel=1e-14)
    assert repr(spectrum) == (
        "Spectrum(eigenvalues=<(5,)>, weights=<(5,)>, signal=<(5,)>, noise_std=0.5, "
        "gaussian=<(5,)>)"
    )
    twin = pickle.loads(pickle.dumps(spectrum))
    table = op.predict(spectrum, 0.5, [0.5, 1.0], 0.2)
    attributes = json.loads(json.dumps(table.attrs))
    for other in (twin, problem_of(attributes)):
        assert isinstance(other, op.Spectrum)
        assert describe(other) == describe(spectrum)
        assert_same(op.predict(other, 0.5, [0.5, 1.0], 0.2), table)
    assert describe(spiked())["problem_hash"] != describe(spiked(True))["problem_hash"]
    with pytest.raises(ValueError, match="read-only"):
        spectrum.weights[0] = 1.0


def test_a_table_of_ratios_can_be_drawn_and_stored(tmp_path):
    table = op.predict(
        spiked(), 0.3, np.linspace(0.05, 1, 9), [0.1], rules=("magnitude", "hessian")
    )
    lines = [line.get_xdata() for line in op.plot.risk(table).lines]
    assert any(set(table["size"].values) <= set(np.asarray(x)) for x in lines)
    table.to_zarr(tmp_path / "table.zarr", zarr_format=2, consolidated=False)
    with xr.open_zarr(tmp_path / "table.zarr", consolidated=False) as stored:
        xr.testing.assert_equal(stored.load(), table)


def test_only_predict_takes_a_spectrum():
    for call in (lambda: op.simulate(spiked(), 10, 5, 2), lambda: op.coefficient_law(spiked(), 10)):
        with pytest.raises(TypeError, match=r"got Spectrum.*\.problem\(p\)"):
            call()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"eigenvalues": [1.0, -1.0]},
            ValueError,
            "eigenvalues must be finite and at least 0, got -1",
        ),
        (
            {"weights": [1.0, 0.0]},
            ValueError,
            "weights must be finite and above 0, got 0 at index 1",
        ),
        ({"weights": [1.0]}, ValueError, "weights must have length 2"),
        ({"signal": [1.0, math.nan]}, ValueError, "signal must be finite, got nan"),
        ({"signal": "ab"}, TypeError, "signal must be an array of real numbers"),
        ({"noise_std": -0.1}, ValueError, "noise_std"),
        ({"gaussian": 1}, TypeError, "gaussian must be a bool or an array of bool"),
        ({"gaussian": [True]}, ValueError, r"gaussian must have shape \(2,\), got \(1,\)"),
        ({"eigenvalues": []}, ValueError, "eigenvalues must not be empty"),
    ],
)
def test_spectrum_refuses(change, error, message):
    arguments = {"eigenvalues": [1.0, 2.0], "weights": [1.0, 1.0], "signal": [1.0, 1.0], **change}
    with pytest.raises(error, match=message):
        op.Spectrum(**arguments)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n": 0.0}, ValueError, r"n\[0\] must be above 0"),
        ({"n": "a"}, TypeError, r"n\[0\] must be a real number"),
        (
            {"sizes": [0.5, 0.2]},
            ValueError,
            "sizes must be strictly increasing, got 0.5 before 0.2",
        ),
        ({"sizes": [1.1]}, ValueError, r"sizes\[0\] must be at most 1.0, got 1.1"),
        ({"nonzeros": []}, ValueError, "nonzeros must not be empty"),
        ({"nonzeros": [math.inf]}, ValueError, "nonzeros"),
        ({"rules": "hessain"}, ValueError, "rules"),
        ({"ridge": [0.1, 0.1]}, ValueError, "ridge must hold distinct values"),
    ],
)
def test_predict_refuses(change, error, message):
    arguments = {"n": 0.5, "sizes": [1.0], "nonzeros": [0.2], **change}
    with pytest.raises(error, match=message):
        op.predict(spiked(), **arguments)
