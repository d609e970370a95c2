"""Random features, elementwise."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import overprune as op
import problems
from feature_oracle import PHI


@pytest.mark.parametrize("shape", [(1, 1, 1), (7, 3, 5), (65, 40, 130), (3, 200, 17)])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("activation", PHI)
def test_against_numpy_and_scipy(activation, with_bias, shape):
    n, d, p = shape
    inputs, weights = problems.normal(n, d), problems.normal(p, d, seed=1)
    bias = problems.normal(p, seed=2) if with_bias else None
    expected = PHI[activation](inputs @ weights.T + (0.0 if bias is None else bias))
    found = op.random_features(inputs, weights, activation, bias)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * d)


@pytest.mark.parametrize("activation", PHI)
def test_elementary_functions_over_their_whole_range(activation):
    """One input, one weight of 1: phi itself, to a few units in the last place."""
    z = np.concatenate(
        [[0.0, -0.0], np.geomspace(1e-300, 1e5, 400), -np.geomspace(1e-300, 1e5, 400)]
    )
    found = op.random_features(z[:, None], [[1.0]], activation)[:, 0]
    # gelu's far tail multiplies the rounding of its argument by z^2.
    np.testing.assert_allclose(
        found,
        PHI[activation](z),
        rtol=1e-12 if activation == "gelu" else 4e-15,
        atol=1e-15 if activation == "cos" else 0,
    )


@pytest.mark.parametrize("activation", ["erf", "cos", "tanh", "gelu"])
def test_elementary_functions_to_the_last_places(activation):
    """Against 40 digits: a few units in the last place over the range that features have."""
    exact = {
        "erf": mpmath.erf,
        "cos": mpmath.cos,
        "tanh": mpmath.tanh,
        "gelu": lambda z: z * mpmath.ncdf(z),
    }[activation]
    spread = np.geomspace(1e-12, 8, 150)
    z = np.concatenate([problems.normal(200), 4 * problems.normal(100, seed=1), spread, -spread])
    z = np.concatenate([z, np.linspace(0.98, 1.02, 41), [3e4, -7e5, np.pi / 2, 1001 * np.pi / 2]])
    found = op.random_features(z[:, None], [[1.0]], activation)[:, 0]
    with mpmath.workdps(40):
        for value, at in zip(found.tolist(), z.tolist(), strict=True):
            expected = exact(mpmath.mpf(at))
            assert abs(value - expected) <= 1.5e-15 * abs(expected) + 1e-300, at


def test_sign_of_zero_is_zero_and_relu_is_the_default():
    zero = np.zeros((2, 3))
    assert not op.random_features(zero, np.ones((4, 3)), "sign").any()
    np.testing.assert_array_equal(op.random_features([[-1.0], [2.0]], [[1.0]]), [[0.0], [2.0]])


def test_layouts_and_dtypes_do_not_matter():
    inputs, weights = (
        np.round(9 * problems.normal(12, 8)),
        np.round(9 * problems.normal(6, 8, seed=1)),
    )
    expected = op.random_features(inputs, weights, "tanh")
    np.testing.assert_array_equal(
        op.random_features(np.asfortranarray(inputs), weights, "tanh"), expected
    )
    np.testing.assert_array_equal(
        op.random_features(inputs.astype(np.int32), weights.tolist(), "tanh"), expected
    )
    wide = np.repeat(inputs, 2, axis=1)[:, ::2]
    np.testing.assert_array_equal(
        op.random_features(wide, weights[::-1], "tanh"), expected[:, ::-1]
    )


def test_rows_do_not_depend_on_each_other():
    inputs, weights = problems.normal(50, 20), problems.normal(30, 20, seed=1)
    whole = op.random_features(inputs, weights, "erf")
    np.testing.assert_allclose(
        op.random_features(inputs[7:9], weights, "erf"), whole[7:9], rtol=1e-12, atol=1e-14
    )


def drawn(p, d, seed=5, stream=2):
    return op.standard_normal((p, d), seed=seed, stream=stream) * (1 / np.sqrt(d))


SHAPES = [(1, 1, 1), (3, 5, 7), (8, 3, 9), (70, 33, 51), (40, 90, 1300), (9, 3000, 1001)]
SHAPES += [(20, 1, 3000), (12, 30_000, 101), (5, 2100, 1003)]  # 2^20 numbers are drawn at a time


@pytest.mark.parametrize(("n", "d", "p"), SHAPES)
@pytest.mark.parametrize("activation", ["identity", "cos", lambda z: z**3])
def test_drawn_weights_are_those_that_are_given(n, d, p, activation):
    """Bit for bit, whatever is drawn at a time."""
    inputs, bias = problems.normal(n, d), np.arange(p) / p
    found = op.random_features(inputs, p, activation, bias, seed=5, stream=2)
    expected = op.random_features(inputs, drawn(p, d), activation, bias)
    np.testing.assert_array_equal(found, expected)


def test_drawn_weights_of_another_integer_and_layout():
    inputs = problems.normal(30, 8)
    expected = op.random_features(inputs, drawn(6, 8), "erf")
    few = op.random_features(
        np.asfortranarray(inputs), np.int8(6), "erf", seed=np.int64(5), stream=2
    )
    np.testing.assert_array_equal(few, expected)
    many = op.random_features(inputs.tolist(), 11, "erf", seed=5, stream=2)
    np.testing.assert_array_equal(many[:, :6], expected)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"weights": 0, "seed": 1}, ValueError, "weights must be at least 1, got 0"),
        ({"weights": True, "seed": 1}, TypeError, "weights must be an integer, got True"),
        ({"weights": 3}, TypeError, "seed must be given where weights are drawn, got 3 of them"),
        ({"weights": 3, "seed": -1}, ValueError, "seed must be between 0 and"),
        ({"weights": 3, "seed": 1, "stream": 0.5}, TypeError, "stream must be an integer, got 0.5"),
        ({"weights": 3, "seed": 1, "bias": [1.0]}, ValueError, "bias must have"),
        ({"weights": [[1.0, 2.0]], "seed": 1}, ValueError, "seed and stream must not be given"),
        ({"weights": [[1.0, 2.0]], "stream": 3}, ValueError, "array of weights.*got None and 3"),
    ],
)
def test_wrong_drawn_weights(arguments, error, message):
    with pytest.raises(error, match=message):
        op.random_features([[1.0, 2.0]], **arguments)
