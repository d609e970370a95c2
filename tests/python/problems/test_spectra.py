"""Spectra against their formulas."""

from __future__ import annotations

import numpy as np
import pytest

import overprune as op


def test_isotropic():
    np.testing.assert_array_equal(op.spectra.isotropic(4), [1.0, 1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("spikes", "expected"), [(0, [1, 1, 1]), (1, [9, 1, 1]), (2, [9, 9, 1]), (3, [9, 9, 9])]
)
def test_spiked(spikes, expected):
    np.testing.assert_array_equal(op.spectra.spiked(3, spikes, 9), expected)


@pytest.mark.parametrize("exponent", [0, 0.5, 1, 2.5])
def test_power_law(exponent):
    expected = [1.0, 2.0**-exponent, 3.0**-exponent, 4.0**-exponent]
    np.testing.assert_allclose(op.spectra.power_law(4, exponent), expected, rtol=1e-15)


@pytest.mark.parametrize(
    "values", [op.spectra.isotropic(1), op.spectra.spiked(1, 1, 0.0), op.spectra.power_law(1, 3)]
)
def test_each_call_gives_a_float_array_of_its_own(values):
    assert values.dtype == np.float64
    assert values.shape == (1,)
    assert values.flags.writeable
    assert values.base is None
    assert op.LinearGaussianProblem(np.ones(1), values).p == 1
