"""The same for problems, their theory and simulation, tables and plots."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import hypothesis.strategies as st
import numpy as np
import xarray as xr

import overprune as op
from fuzz_calls import REFUSALS, Call
from fuzz_targets import disguised_doubles, shaped, tail, targets
from strategies import (
    ACTIVATIONS,
    RULES,
    arrays,
    covariances,
    distinct,
    increasing,
    ridges,
    rules,
    rules_of_data,
    seeds,
)

lengths = st.integers(1, 6)
PROBLEM_TARGETS: dict[str, st.SearchStrategy[Call]] = {}
workers = st.sampled_from([1, 1, 2])


def target(function: Any) -> Any:
    PROBLEM_TARGETS[function.__name__] = st.composite(function)()
    return function


def nothing(_: Any) -> None:
    """No more to say of a result."""


def described(problem: Any) -> None:
    """A problem can be shown, copied, sent to another process, and has a null risk."""
    assert type(problem).__name__ in repr(problem)
    assert pickle.loads(pickle.dumps(problem)).null_risk == copy.copy(problem).null_risk
    assert problem.null_risk >= 0


def _linear(draw: st.DrawFn, m: int | None = None) -> dict[str, Any]:
    p = draw(lengths)
    covariance = draw(arrays(p, positive=True) | covariances(p).flatmap(disguised_doubles))
    arguments = {"beta": draw(arrays(p, *tail(m))), "covariance": covariance}
    if m and draw(st.booleans()):
        return {**arguments, "noise_covariance": draw(covariances(m))}
    return {**arguments, "noise_std": draw(st.sampled_from([0, 0.0, 0.3, 1, 1e150]))}


@target
def linear_gaussian_problem(draw: st.DrawFn) -> Call:
    arguments = _linear(draw, draw(targets))
    plain = tuple(name for name in arguments if name != "noise_std")
    return Call(op.LinearGaussianProblem, arguments, described, plain)


@target
def random_feature_problem(draw: st.DrawFn) -> Call:
    d, p = draw(st.integers(1, 3)), draw(lengths)
    arguments = {
        "weights": draw(arrays(p, d)),
        "teacher": draw(arrays(d)),
        "noise_std": draw(st.sampled_from([0, 0.3])),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "bias": draw(st.none() | arrays(p)),
        "link": draw(st.sampled_from([None, None, None, "sign", "identity"])),
    }
    return Call(op.RandomFeatureProblem, arguments, described, ("weights", "teacher", "bias"))


@target
def draw_random_feature_problem(draw: st.DrawFn) -> Call:
    arguments = {
        "features": draw(lengths),
        "dim": draw(lengths),
        "noise_std": 0.1,
        "seed": draw(seeds),
    }
    arguments["activation"] = draw(st.sampled_from(ACTIVATIONS))
    return Call(op.RandomFeatureProblem.draw, arguments, described)


def _data(draw: st.DrawFn) -> dict[str, Any]:
    n, d, rows, m = draw(lengths), draw(st.integers(1, 4)), draw(lengths), draw(targets)
    labels = m is None and draw(st.booleans())
    known = np.arange(n) % 3
    return {
        "inputs": draw(arrays(n, d)),
        "targets": known if labels else draw(arrays(n, *tail(m))),
        "test_inputs": draw(arrays(rows, d)),
        "test_targets": known[np.arange(rows) % n] if labels else draw(arrays(rows, *tail(m))),
        "features": draw(st.none() | lengths),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "seed": draw(seeds),
        "center": draw(st.booleans()),
        "feature_names": draw(st.none() | st.just([f"x{i}" for i in range(d)])),
    }


@target
def data_problem(draw: st.DrawFn) -> Call:
    arguments = _data(draw)
    # of integers they would be labels, which must be known
    for name in (
        "targets",
        "test_targets",
    ):
        if (
            np.asarray(arguments[name]).dtype.kind in "iub"
            and arguments["targets"] is not arguments[name]
        ):
            arguments[name] = np.asarray(arguments[name], dtype=np.float64)
    if np.asarray(arguments["targets"]).dtype.kind in "iub":
        arguments["test_targets"] = np.full(
            len(arguments["test_inputs"]), np.asarray(arguments["targets"]).flat[0]
        )
        if np.ndim(arguments["targets"]) == 2:
            arguments["targets"] = np.asarray(arguments["targets"], dtype=np.float64)
            arguments["test_targets"] = np.zeros(
                (len(arguments["test_inputs"]), arguments["targets"].shape[1])
            )
    return Call(op.DataProblem, arguments, nothing)


@st.composite
def linears(draw: st.DrawFn, several: bool = True) -> op.LinearGaussianProblem:
    arguments = _linear(draw, draw(targets) if several else None)
    try:
        return op.LinearGaussianProblem(**arguments)
    except ValueError as error:
        assert REFUSALS.search(str(error)), error
        return op.LinearGaussianProblem(np.ones(3), np.ones(3), 0.1)


INPUTS = np.linspace(-1, 1, 24).reshape(8, 3)
DATA = [
    op.DataProblem(INPUTS, np.arange(8) % 2, INPUTS[::-1], np.arange(8) % 2),
    op.DataProblem(INPUTS, INPUTS[:, :2], INPUTS[::-1], INPUTS[:, :2], features=5, seed=3),
]
FEATURES = [
    op.RandomFeatureProblem.draw(5, 3, noise_std=0.2, activation=name, seed=1)
    for name in ("relu", "cos", "tanh")
]
SPECTRUM = op.Spectrum([25.0, 1.0], [0.1, 0.9], [1.0, 1.0], noise_std=0.3, gaussian=[True, False])
problems = st.one_of(linears(), linears(), st.sampled_from(FEATURES), st.sampled_from(DATA))


def rules_for(draw: st.DrawFn, problem: Any) -> list[str]:
    return list(draw(rules_of_data if isinstance(problem, op.DataProblem) else rules))


@target
def problem_methods(draw: st.DrawFn) -> Call:
    problem = draw(problems)
    if draw(st.booleans()):
        n = draw(lengths)
        arguments: dict[str, Any] = {"n": n, "seed": draw(seeds), "stream": draw(seeds)}

        def check(pair: Any) -> None:
            shaped(n, problem.p)(pair[0])
            assert len(pair[1]) == n

        return Call(problem.sample, arguments, check, subject=problem)
    outer = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    inner = (problem.p,) if problem.targets == 1 else (problem.p, problem.targets)
    theta = draw(arrays(*outer, *inner))
    return Call(problem.risk, {"theta": theta}, shaped(*outer), ("theta",), subject=problem)


@target
def restrict(draw: st.DrawFn) -> Call:
    problem = draw(linears())
    kept = draw(st.integers(1, problem.p) | distinct(problem.p))
    return Call(problem.restrict, {"features": kept}, described, subject=problem)


@target
def equivalent(draw: st.DrawFn) -> Call:
    problem = draw(st.sampled_from(DATA))
    arguments = {
        "target": draw(st.none() | st.integers(0, problem.targets - 1)),
        "shrinkage": draw(st.sampled_from([None, 0, 0.1, 1.0])),
        "stream": draw(seeds),
    }
    return Call(problem.equivalent, arguments, described)


def _spectrum(draw: st.DrawFn) -> dict[str, Any]:
    blocks = draw(st.integers(1, 4))
    return {
        "eigenvalues": draw(arrays(blocks, positive=True)),
        "weights": np.random.default_rng(draw(st.integers(0, 99))).random(blocks) + 0.01,
        "signal": draw(arrays(blocks)),
        "noise_std": draw(st.sampled_from([0.0, 0.3])),
        "gaussian": draw(st.booleans() | st.just([True] * blocks)),
    }


@target
def spectrum(draw: st.DrawFn) -> Call:
    return Call(op.Spectrum, _spectrum(draw), described, ("eigenvalues", "weights", "signal"))


@target
def spectrum_problem(draw: st.DrawFn) -> Call:
    return Call(SPECTRUM.problem, {"p": draw(lengths), "seed": draw(seeds)}, described)


@target
def coefficient_law(draw: st.DrawFn) -> Call:
    arguments = {"problem": draw(problems), "n": draw(lengths), "ridge": draw(ridges)}
    return Call(op.coefficient_law, arguments, nothing, infinite=True, subject=arguments["problem"])


def tabled(result: Any) -> None:
    assert isinstance(result, xr.Dataset)


def _grid(draw: st.DrawFn, problem: Any) -> dict[str, Any]:
    return {
        "problem": problem,
        "n": draw(lengths | increasing(6)),
        "sizes": draw(increasing(problem.p)),
        "nonzeros": draw(increasing(problem.p)),
        "rules": rules_for(draw, problem),
        "retrain": draw(st.booleans()),
        "ridge": draw(ridges | st.just([0.0, 0.1])),
        "retrain_ridge": draw(ridges),
        "compensate": draw(st.sampled_from([False, False, True])),
        "seed": draw(seeds),
        "workers": draw(workers),
    }


@target
def simulate(draw: st.DrawFn) -> Call:
    arguments = _grid(draw, draw(problems))
    if isinstance(arguments["problem"], op.DataProblem):
        arguments["compensate"] = False
    arguments |= {"trials": draw(st.integers(1, 3)), "executor": None}
    arguments["memory_limit"] = draw(st.sampled_from([None, None, 2**40]))
    if draw(st.integers(0, 19)):
        return Call(op.simulate, arguments, tabled, subject=arguments["problem"])
    # no path
    arguments["store"] = draw(st.sampled_from([0, 1.5, b"x", [], ("a",), object(), np.zeros(2)]))
    return Call(op.simulate, arguments, nothing, honest=False, subject=arguments["problem"])


@target
def predict(draw: st.DrawFn) -> Call:
    arguments = _grid(draw, draw(st.one_of(linears(), st.sampled_from(FEATURES))))
    arguments["draws"] = draw(st.integers(1, 8))
    return Call(op.predict, arguments, tabled, infinite=True, subject=arguments["problem"])


@target
def predict_spectrum(draw: st.DrawFn) -> Call:
    shares = st.sets(st.sampled_from([0.05, 0.1, 0.25, 0.5, 1.0]), min_size=1).map(sorted)
    arguments = {
        "problem": SPECTRUM, "n": draw(st.sampled_from([0.1, 0.5, 2, [0.2, 0.4]])),
        "sizes": draw(shares),
        "nonzeros": draw(shares), "rules": draw(rules), "ridge": draw(ridges),
        "retrain_ridge": draw(ridges),
    }  # fmt: skip
    return Call(op.predict, arguments, tabled, infinite=True)


def _point(draw: st.DrawFn, problem: Any) -> dict[str, Any]:
    size = draw(st.integers(1, problem.p))
    return {
        "problem": problem,
        "n": draw(lengths),
        "size": size,
        "nonzeros": draw(st.integers(1, size)),
        "rule": draw(st.sampled_from(RULES)),
        "ridge": draw(ridges),
        "draws": draw(st.integers(1, 8)),
        "seed": draw(seeds),
        "workers": draw(workers),
    }


@target
def survival(draw: st.DrawFn) -> Call:
    arguments = _point(draw, draw(linears()))
    return Call(op.survival, arguments, tabled, infinite=True, subject=arguments["problem"])


@target
def sample_coefficients(draw: st.DrawFn) -> Call:
    arguments = {
        **_point(draw, draw(linears())),
        "retrain": draw(st.booleans()),
        "retrain_ridge": draw(ridges),
    }
    return Call(op.sample_coefficients, arguments, tabled, subject=arguments["problem"])


@target
def coefficient_density(draw: st.DrawFn) -> Call:
    arguments = _point(draw, draw(linears()))
    arguments["edges"] = draw(
        st.sampled_from([[-1.0, 0.0, 1.0], np.linspace(-3, 3, 7)[::2], [0, 1]])
    )
    return Call(op.coefficient_density, arguments, tabled, subject=arguments["problem"])


def _schedule(draw: st.DrawFn, problem: Any) -> dict[str, Any]:
    size = draw(st.integers(1, problem.p))
    return {
        "problem": problem, "n": draw(lengths), "size": size,
        "schedule": draw(increasing(size))[::-1],
        "rules": rules_for(draw, problem), "ridge": draw(ridges), "retrain_ridge": draw(ridges),
        "seed": draw(seeds), "workers": draw(workers),
    }  # fmt: skip


@target
def simulate_schedule(draw: st.DrawFn) -> Call:
    arguments = {**_schedule(draw, draw(problems)), "trials": draw(st.integers(1, 3))}
    arguments["memory_limit"] = draw(st.sampled_from([None, None, 2**40]))
    return Call(op.simulate_schedule, arguments, tabled, subject=arguments["problem"])


@target
def predict_schedule(draw: st.DrawFn) -> Call:
    arguments = {**_schedule(draw, draw(linears())), "draws": 32}
    return Call(op.predict_schedule, arguments, tabled, infinite=True, subject=arguments["problem"])


@target
def phase(draw: st.DrawFn) -> Call:
    arguments = {
        "problem": draw(st.just(SPECTRUM) | linears(several=False)),
        "x": ("n_over_p", draw(st.sampled_from([[0.2, 0.8], [0.5], np.array([0.1, 1.0])]))),
        "y": ("nonzeros_over_p", draw(st.sampled_from([[0.2, 0.6], [1.0]]))),
        "sizes": draw(st.integers(1, 3)), "rules": draw(rules), "retrain": draw(st.booleans()),
        "ridge": draw(ridges), "draws": 4, "workers": draw(workers),
    }  # fmt: skip
    return Call(op.phase, arguments, tabled, infinite=True, subject=arguments["problem"])


@target
def tune_ridge(draw: st.DrawFn) -> Call:
    problem = draw(linears(several=False))
    size = draw(st.integers(1, problem.p))
    arguments = {
        "problem": problem, "n": draw(lengths), "size": size, "nonzeros": draw(st.integers(1,
        size)),
        "minimise": draw(st.sampled_from(["dense", "pruned", "retrained"])),
        "rule": draw(st.sampled_from(RULES)),
        "bounds": draw(st.sampled_from([None, (0.1, 10.0)])), "draws": 4, "workers": 1,
    }  # fmt: skip
    return Call(op.tune_ridge, arguments, nothing, infinite=True, subject=problem)


@target
def advise(draw: st.DrawFn) -> Call:
    variances = draw(
        st.sampled_from([np.ones(6), np.arange(6), np.geomspace(1e-3, 1e3, 6), np.zeros(6)])
    )
    problem = op.LinearGaussianProblem(np.ones(6), variances, 0.5)
    arguments = {
        "problem": problem, "n": draw(lengths), "nonzeros": draw(lengths),
        "sizes": draw(st.none() | increasing(6)),
        "rules": ["magnitude"], "retrain": draw(st.booleans()),
        "ridge": draw(st.sampled_from(["none", 0.1])),
        "schedules": False, "draws": 2, "workers": 1,
    }  # fmt: skip
    return Call(op.advise, arguments, nothing, infinite=True, subject=problem)


@target
def split(draw: st.DrawFn) -> Call:
    arguments = {
        "inputs": draw(arrays(6, 2)), "targets": draw(st.sampled_from([[0, 1] * 3,
        np.arange(6.0)])),
        "test_size": draw(st.integers(1, 5)), "seed": draw(seeds),
    }  # fmt: skip
    return Call(op.datasets.split, arguments, nothing)
