"""Predictions against 100 digits: random problems with extreme parameters, at every level of the
kernels."""

from __future__ import annotations

import json
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from scipy import integrate

import overprune as op
import sweep_theory
from exact_theory import Exact, drawn, fixed, mpf
from processes import environment


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_random_problems(first):
    errors = [sweep_theory.worst_error(number) for number in range(first, first + 20)]
    judged = [error for error in errors if error is not None]
    assert len(judged) > 15
    assert max(judged)[0] < 1e-10, max(judged)


def test_the_sweep_is_extreme():
    # What the random problems must contain for the test above to mean something.
    cases = [sweep_theory.draw(number) for number in range(100)]
    assert any(gaussian.any() and not gaussian.all() for _, gaussian, *_ in cases)
    assert sum(problem[3] == 0.0 for problem, *_ in cases) > 10
    assert (
        max(problem[0].max() / problem[0].min() for problem, *_ in cases if problem[0].min() > 0)
        > 1e13
    )
    assert sum(0 < abs(n / size - 1) < 1e-3 for _, _, n, size, *_ in cases) > 5
    assert sum(0 < abs(n / s - 1) < 1e-3 for _, _, n, _, s, *_ in cases) > 5
    for rest in ([r > 0 for *_, r, _ in cases], [r > 0 for *_, r in cases]):
        assert 20 < sum(rest) < 60


LEVELS = """
import json, sweep_theory
print(json.dumps([sweep_theory.core(sweep_theory.draw(number)) for number in range(60)]))
"""


def test_levels_agree():
    """The level changes rounding only."""
    found = {}
    for level in op.build_info()["kernel_levels"]:
        run = subprocess.run(
            [sys.executable, "-c", LEVELS],
            env=environment(OVERPRUNE_KERNEL=level),
            capture_output=True,
            text=True,
        )
        if run.returncode and "OVERPRUNE_KERNEL must be one of" in run.stderr:
            continue  # this processor does not run it
        assert run.returncode == 0, run.stderr
        problems = json.loads(run.stdout)
        found[level] = np.array(
            [list(values) for problem in problems for values in problem.values()]
        )
    first = found.pop(op.build_info()["kernel_level"])
    assert np.isfinite(first).mean() > 0.9
    assert not np.isnan(first).any()
    for other in found.values():
        np.testing.assert_allclose(other, first, rtol=1e-10)


# --- the oracle itself


@pytest.mark.parametrize(("u", "sd", "T"), [(0.7, 0.4, 0.9), (1.3, 0.5, 0.2), (0.0, 1.0, 2.5)])
def test_moments_by_quadrature(u, sd, T):
    def moment(m):
        pieces = [
            mpmath.quad(lambda v: v**m * mpmath.npdf(v, u, sd), part)
            for part in ([T, 20], [-20, -T])
        ]
        return sum(pieces)

    found = fixed(mpf(u), mpf(sd), mpf(T))
    expected = [moment(m) for m in range(3)]
    for value, wanted in zip(
        (found.share, found.uv, found.vv), (expected[0], u * expected[1], expected[2]), strict=True
    ):
        assert float(value) == pytest.approx(float(wanted), abs=1e-12)
    assert float(found.uu) == pytest.approx(u * u * float(expected[0]), abs=1e-12)


@pytest.mark.parametrize(("spread", "sd", "T"), [(0.7, 0.4, 0.9), (2.0, 0.3, 0.5), (0.1, 1.0, 2.0)])
def test_random_coefficients_are_the_mean_over_fixed_ones(spread, sd, T):
    def mean(name):
        def integrand(u):
            value = float(getattr(fixed(mpf(u), mpf(sd), mpf(T)), name))
            return value * np.exp(-0.5 * (u / spread) ** 2) / (spread * np.sqrt(2 * np.pi))

        return 2 * integrate.quad(integrand, 0, 9 * spread, epsabs=1e-10, limit=60)[0]

    found = drawn(mpf(spread), mpf(sd), mpf(T))
    for name in ("share", "uu", "uv", "vv"):
        assert float(getattr(found, name)) == pytest.approx(mean(name), rel=1e-7), name


def test_against_the_double_precision_oracle():
    from theory_oracle import GROUPS

    theory = Exact(
        list(GROUPS.count), list(GROUPS.lam), list(GROUPS.beta), [False] * 5, GROUPS.noise, GROUPS.n
    )
    for rule in ("magnitude", "hessian"):
        expected, _ = GROUPS.risks(40, rule, 0.1, 0.2)
        np.testing.assert_allclose(
            [float(x) for x in theory.risks(40, rule, 0.1, 0.2)], expected, rtol=1e-9
        )
