"""Bad input: a TypeError or ValueError that names the argument, what was expected and what came."""

from __future__ import annotations

import numpy as np
import pytest

import overprune as op
from bad_input import (
    BETA,
    DATA,
    INF,
    LINEAR,
    NAN,
    X,
    Y,
    data_problem,
    feature_problem,
    with_entry,
)


def not_an_array_of_reals(good):
    """Every kind of bad array, whatever it stands for:
    (value, exception, pieces of the message)."""
    return {
        "nan": (with_entry(good, NAN), ValueError, ("must be finite", "got nan at index")),
        "inf": (with_entry(good, INF), ValueError, ("must be finite", "got inf at index")),
        "empty": (good[:0], ValueError, ("must not be empty", "got")),
        "complex": (good * 1j, TypeError, ("real numbers", "complex128")),
        "object": (np.full(good.shape, "a", dtype=object), TypeError, ("real numbers", "object")),
        "string": (np.full(good.shape, "a"), TypeError, ("real numbers", "<U1")),
        "none": (None, TypeError, ("real numbers", "object")),
        "ragged": ([[1.0, 2.0], [3.0]], ValueError, ("must be", "array", "lengths")),
        "5-D": (np.ones((1, 1, 1, 1, 1)), ValueError, ("dimension", "(1, 1, 1, 1, 1)")),
    }


# (a call with one argument replaced, the argument's name, a good value of it)
ARRAYS = [
    (lambda v: op.LinearGaussianProblem(v, np.ones(4)), "beta", BETA),
    (lambda v: op.LinearGaussianProblem(BETA, v), "covariance", np.ones(4)),
    (lambda v: op.LinearGaussianProblem(BETA, v), "covariance", np.eye(4)),
    (lambda v: feature_problem(weights=v), "weights", X),
    (lambda v: feature_problem(teacher=v), "teacher", BETA),
    (lambda v: feature_problem(bias=v), "bias", np.zeros(6)),
    (lambda v: data_problem(inputs=v), "inputs", X),
    (lambda v: data_problem(targets=v), "targets", Y),
    (lambda v: data_problem(test_inputs=v), "test_inputs", X),
    (lambda v: data_problem(test_targets=v), "test_targets", Y),
    (lambda v: op.least_squares(v, Y), "X", X),
    (lambda v: op.least_squares(X, v), "y", Y),
    (lambda v: op.least_squares_path(v, Y, [1]), "X", X),
    (lambda v: op.least_squares_path(X, v, [1]), "y", Y),
    (lambda v: op.retrain_path(v, Y, [0], [1]), "X", X),
    (lambda v: op.retrain_path(X, v, [0], [1]), "y", Y),
    (lambda v: op.prune_layer(v, X, nonzeros=1), "weight", X),
    (lambda v: op.estimate_risk(v, Y, [2], [1]), "X", X),
    (lambda v: op.estimate_risk(X, v, [2], [1]), "y", Y),
    (lambda v: op.estimate_risk(X, Y, [2], [1], curvature=v), "curvature", BETA),
    (lambda v: op.prune_path(v, Y, [2], [1]), "X", X),
    (lambda v: op.prune_path(X, v, [2], [1]), "y", Y),
    (lambda v: op.prune_path(X, Y, [2], [1], curvature=v), "curvature", BETA),
    (lambda v: op.prune_path(X, Y, [2], [1], rules="oracle", truth=v), "truth", BETA),
    (lambda v: op.importance(v, "magnitude"), "theta", BETA),
    (lambda v: op.importance(BETA, "hessian", curvature=v), "curvature", BETA),
    (lambda v: op.importance(BETA, "oracle", truth=v), "truth", BETA),
    (lambda v: op.prune(v, 1), "theta", BETA),
    (lambda v: op.prune(BETA, 1, rule="hessian", curvature=v), "curvature", BETA),
    (lambda v: op.random_features(v, X), "inputs", X),
    (lambda v: op.random_features(X, v), "weights", X),
    (lambda v: op.random_features(X, X, "relu", v), "bias", np.zeros(6)),
    (lambda v: op.fixed_point(v, 3), "eigenvalues", BETA),
    (LINEAR.risk, "theta", BETA),
    (DATA.risk, "theta", BETA),
]
OPTIONAL = {"bias", "curvature", "truth"}  # None means that it is not given
ANY_DEPTH = {"theta"}  # risk takes any number of leading dimensions


@pytest.mark.parametrize("kind", not_an_array_of_reals(BETA))
@pytest.mark.parametrize(("call", "name", "good"), ARRAYS)
def test_arrays(call, name, good, kind):
    value, error, pieces = not_an_array_of_reals(good)[kind]
    if kind == "none" and name in OPTIONAL:
        return
    if kind == "5-D" and name in ANY_DEPTH:
        pieces = ("(1, 1, 1, 1, 1)",)
    if kind == "empty" and good.ndim == 1:
        error, pieces = ValueError, ("(0,)",)
    elif kind == "empty":
        pieces = ("(0, 4)",)
    with pytest.raises(error) as caught:
        call(value)
    message = str(caught.value)
    assert message.startswith(name), message
    for piece in pieces:
        assert piece in message


# (a call with one integer replaced, the argument's name, lowest, highest)
INTEGERS = [
    (lambda v: LINEAR.sample(v, seed=0), "n", 1, None),
    (lambda v: DATA.sample(v, seed=0), "n", 1, 6),
    (lambda v: LINEAR.sample(3, seed=v), "seed", 0, 2**64 - 1),
    (lambda v: LINEAR.sample(3, seed=0, stream=v), "stream", 0, 2**64 - 1),
    (LINEAR.restrict, "features", 1, 4),
    (lambda v: op.RandomFeatureProblem.draw(v, 2, noise_std=0, seed=0), "features", 1, None),
    (lambda v: op.RandomFeatureProblem.draw(2, v, noise_std=0, seed=0), "dim", 1, None),
    (lambda v: op.RandomFeatureProblem.draw(2, 2, noise_std=0, seed=v), "seed", 0, 2**64 - 1),
    (lambda v: data_problem(features=v), "features", 1, None),
    (lambda v: data_problem(seed=v), "seed", 0, 2**64 - 1),
    (DATA.equivalent, "target", 0, 0),
    (lambda v: op.simulate(LINEAR, v, [2], [1]), "n", 1, None),
    (lambda v: op.simulate(DATA, v, [2], [1]), "n", 1, 6),
    (lambda v: op.simulate(LINEAR, 3, v, [1]), "sizes", 1, 4),
    (lambda v: op.simulate(LINEAR, 3, [2], v), "nonzeros", 1, 4),
    (lambda v: op.simulate(LINEAR, 3, [2], [1], trials=v), "trials", 1, 2**31),
    (lambda v: op.simulate(LINEAR, 3, [2], [1], seed=v), "seed", 0, 2**64 - 1),
    (lambda v: op.simulate(LINEAR, 3, [2], [1], workers=v), "workers", 1, 1024),
    (lambda v: op.simulate(LINEAR, 3, [2], [1], first_trial=v), "first_trial", 0, 2**62),
    (lambda v: op.predict(LINEAR, v, [2], [1]), "n", 1, None),
    (lambda v: op.predict(LINEAR, 3, v, [1]), "sizes", 1, 4),
    (lambda v: op.predict(LINEAR, 3, [2], v), "nonzeros", 1, 4),
    (lambda v: op.predict(LINEAR, 3, [2], [1], draws=v), "draws", 1, None),
    (lambda v: op.fixed_point(BETA, v), "n", 1, None),
    (lambda v: op.coefficient_law(LINEAR, v), "n", 1, None),
    (lambda v: op.least_squares_path(X, Y, v), "sizes", 1, 4),
    (lambda v: op.retrain_path(X, Y, [2, 1], v), "nonzeros", 1, 2),
    (lambda v: op.estimate_risk(X, Y, v, [1]), "sizes", 1, 4),
    (lambda v: op.estimate_risk(X, Y, [2], v), "nonzeros", 1, 4),
    (lambda v: op.estimate_risk(X, Y, [2], [1], stream=v), "stream", 0, 2**64 - 1),
    (lambda v: op.prune_path(X, Y, v, [1]), "sizes", 1, 4),
    (lambda v: op.prune_path(X, Y, [2], v), "nonzeros", 1, 4),
    (lambda v: op.prune_layer(X, X, nonzeros=v), "nonzeros", 1, 4),
    (lambda v: op.prune_layer(X, X, nonzeros=1, seed=v), "seed", 0, 2**64 - 1),
    (lambda v: op.prune_path(X, Y, [2], [1], seed=v), "seed", 0, 2**64 - 1),
    (lambda v: op.prune_path(X, Y, [2], [1], stream=v), "stream", 0, 2**64 - 1),
    (lambda v: op.importance(BETA, "random", seed=v), "seed", 0, 2**64 - 1),
    (lambda v: op.top_k(BETA, v), "k", 1, 4),
    (lambda v: op.prune(BETA, v), "nonzeros", 1, 4),
    (lambda v: op.standard_normal(v, seed=0), "shape", 1, None),
    (lambda v: op.standard_normal((2, v), seed=0), "shape", 1, None),
    (lambda v: op.standard_normal(2, seed=v), "seed", 0, 2**64 - 1),
    (lambda v: op.standard_normal(2, seed=0, stream=v), "stream", 0, 2**64 - 1),
    (op.spectra.isotropic, "p", 1, None),
    (lambda v: op.spectra.spiked(v, 1, 2.0), "p", 1, None),
    (lambda v: op.spectra.spiked(3, v, 2.0), "spikes", 0, 3),
    (lambda v: op.spectra.power_law(v, 1.0), "p", 1, None),
]


@pytest.mark.parametrize(("call", "name", "lowest", "highest"), INTEGERS)
def test_integers(call, name, lowest, highest):
    for value in (True, 2.0, "2", 1j, {2: 3}.get):
        with pytest.raises(TypeError) as caught:
            call(value)
        assert str(caught.value).startswith(name)
        assert "integer" in str(caught.value)
        assert repr(value)[:20] in str(caught.value)
    for value in [lowest - 1] + ([] if highest is None else [highest + 1]):
        with pytest.raises(ValueError, match=f"^{name}.*must be.*{lowest}.*got {value}$"):
            call(value)


LISTS = [
    (lambda v: op.simulate(LINEAR, 3, v, [1]), "sizes"),
    (lambda v: op.simulate(LINEAR, 3, [4], v), "nonzeros"),
    (lambda v: op.simulate(LINEAR, v, [4], [1]), "n"),
    (lambda v: op.predict(LINEAR, v, [4], [1]), "n"),
    (lambda v: op.predict(LINEAR, 3, v, [1]), "sizes"),
    (lambda v: op.predict(LINEAR, 3, [4], v), "nonzeros"),
    (lambda v: op.least_squares_path(X, Y, v), "sizes"),
    (lambda v: op.retrain_path(X, Y, [0, 1, 2, 3], v), "nonzeros"),
    (lambda v: op.prune_path(X, Y, v, [1]), "sizes"),
    (lambda v: op.prune_path(X, Y, [4], v), "nonzeros"),
]


@pytest.mark.parametrize(("call", "name"), LISTS)
def test_lists_of_sizes(call, name):
    for value, error, pattern in [
        ([], ValueError, "must not be empty"),
        ([3, 1], ValueError, "must be strictly increasing, got 3 before 1"),
        ([2, 2], ValueError, "must be strictly increasing, got 2 before 2"),
        ([1, 0], ValueError, r"\[1\] must be .*1.*got 0"),
        ([1, 2.5], TypeError, r"\[1\] must be an integer, got 2.5"),
        ([True, 2], TypeError, r"\[0\] must be an integer, got True"),
        (["1"], TypeError, r"\[0\] must be an integer, got '1'"),
        (np.array([1.0, 2.0]), TypeError, r"\[0\] must be an integer"),
        ([[1, 2]], TypeError, r"\[0\] must be an integer"),
        (None, TypeError, "must be .*integer.*, got None"),
        ("12", TypeError, "must be .*integer.*, got '12'"),
    ]:
        with pytest.raises(error, match=f"^{name}.*{pattern}"):
            call(value)


NONNEGATIVE = [
    (lambda v: op.LinearGaussianProblem(BETA, BETA, v), "noise_std"),
    (lambda v: feature_problem(noise_std=v), "noise_std"),
    (lambda v: op.RandomFeatureProblem.draw(2, 2, noise_std=v, seed=0), "noise_std"),
    (lambda v: op.least_squares(X, Y, ridge=v), "ridge"),
    (lambda v: op.least_squares_path(X, Y, [2], ridge=v), "ridge"),
    (lambda v: op.retrain_path(X, Y, [2], [1], ridge=v), "ridge"),
    (lambda v: op.prune_layer(X, X, nonzeros=2, damping=v), "damping"),
    (lambda v: op.estimate_risk(X, Y, [2], [1], ridge=v), "ridge"),
    (lambda v: op.estimate_risk(X, Y, [2], [1], retrain_ridge=v), "retrain_ridge"),
    (lambda v: op.prune_path(X, Y, [2], [1], ridge=v), "ridge"),
    (lambda v: op.prune_path(X, Y, [2], [1], retrain_ridge=v), "retrain_ridge"),
    (lambda v: op.simulate(LINEAR, 3, [2], [1], ridge=v), "ridge"),
    (lambda v: op.simulate(LINEAR, 3, [2], [1], ridge=[0.0, v]), "ridge"),
    (lambda v: op.simulate(LINEAR, 3, [2], [1], retrain_ridge=v), "retrain_ridge"),
    (lambda v: op.predict(LINEAR, 3, [2], [1], ridge=v), "ridge"),
    (lambda v: op.predict(LINEAR, 3, [2], [1], retrain_ridge=v), "retrain_ridge"),
    (lambda v: op.fixed_point(BETA, 3, ridge=v), "ridge"),
    (lambda v: op.coefficient_law(LINEAR, 3, ridge=v), "ridge"),
    (lambda v: op.spectra.spiked(3, 1, v), "value"),
    (lambda v: op.spectra.power_law(3, v), "exponent"),
]


@pytest.mark.parametrize(("call", "name"), NONNEGATIVE)
def test_numbers_that_may_not_be_negative(call, name):
    for value in (-0.1, -1, NAN, INF, -INF, np.float32(-2), 10**400):
        with pytest.raises(ValueError, match=f"^{name} must be finite and at least 0, got"):
            call(value)
    for value in (None, "1", True, 1j, np.complex64(1)):
        with pytest.raises(TypeError, match=f"^{name} must be a real number, got"):
            call(value)


CHOICES = [
    (lambda v: op.importance(BETA, v), "rule", "magnitude, hessian, oracle, random"),
    (lambda v: op.prune(BETA, 1, rule=v), "rule", "magnitude, hessian, oracle, random"),
    (
        lambda v: op.simulate(LINEAR, 3, [2], [1], rules=[v]),
        "rules",
        "magnitude, hessian, oracle, random, lasso",
    ),
    (
        lambda v: op.predict(LINEAR, 3, [2], [1], rules=[v]),
        "rules",
        "magnitude, hessian, oracle, random, lasso",
    ),
    (
        lambda v: op.prune_path(X, Y, [2], [1], rules=[v]),
        "rules",
        "magnitude, hessian, oracle, random, lasso",
    ),
    (lambda v: op.estimate_risk(X, Y, [2], [1], method=v), "method", "loo, gcv"),
    (
        lambda v: feature_problem(activation=v),
        "activation",
        "identity, relu, sign, erf, cos, tanh, gelu",
    ),
    (
        lambda v: data_problem(activation=v),
        "activation",
        "identity, relu, sign, erf, cos, tanh, gelu",
    ),
    (lambda v: feature_problem(link=v), "link", "identity, relu, sign, erf, cos, tanh, gelu"),
    (
        lambda v: op.random_features(X, X, v),
        "activation",
        "identity, relu, sign, erf, cos, tanh, gelu",
    ),
    (lambda v: op.simulate(LINEAR, 3, [2], [1], curvature=v), "curvature", "sample"),
]


@pytest.mark.parametrize(("call", "name", "allowed"), CHOICES)
def test_choices(call, name, allowed):
    for value, error in (
        ("nonsense", ValueError),
        ("RELU", ValueError),
        ("", ValueError),
        (3, TypeError),
    ):
        with pytest.raises(error, match=f"^{name}.* one of {allowed}; got {value!r}$"):
            call(value)
