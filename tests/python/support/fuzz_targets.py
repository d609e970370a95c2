"""Every public function with good arguments, for `fuzz_calls` to spoil: functions of arrays."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import hypothesis.strategies as st
import numpy as np

import overprune as op
from fuzz_calls import Call
from strategies import (
    ACTIVATIONS,
    RULES,
    arrays,
    covariances,
    distinct,
    increasing,
    ridges,
    rules,
    seeds,
)

lengths = st.integers(1, 9)
targets = st.sampled_from([None, None, None, 1, 2, 3])
ARRAY_TARGETS: dict[str, st.SearchStrategy[Call]] = {}


def target(function: Any) -> Any:
    """Registers a composite strategy of calls under the name of what it calls."""
    ARRAY_TARGETS[function.__name__] = st.composite(function)()
    return function


def tail(m: int | None) -> tuple[int, ...]:
    return () if m is None else (m,)


def shaped(*shape: int, dtype: Any = np.float64) -> Any:
    def check(result: Any) -> None:
        assert isinstance(result, np.ndarray)
        assert result.shape == shape, (result.shape, shape)
        assert result.dtype == dtype

    return check


@target
def least_squares(draw: st.DrawFn) -> Call:
    n, p, m = draw(lengths), draw(lengths), draw(targets)
    arguments = {"X": draw(arrays(n, p)), "y": draw(arrays(n, *tail(m))), "ridge": draw(ridges)}
    return Call(op.least_squares, arguments, shaped(p, *tail(m)), ("X", "y"))


@target
def least_squares_path(draw: st.DrawFn) -> Call:
    n, p, m = draw(lengths), draw(lengths), draw(targets)
    sizes = draw(increasing(p))
    arguments = {
        "X": draw(arrays(n, p)),
        "y": draw(arrays(n, *tail(m))),
        "sizes": sizes,
        "ridge": draw(ridges),
    }
    return Call(op.least_squares_path, arguments, shaped(len(sizes), p, *tail(m)), ("X", "y"))


@target
def retrain_path(draw: st.DrawFn) -> Call:
    n, p, m = draw(lengths), draw(lengths), draw(targets)
    order = draw(distinct(p))
    nonzeros = draw(increasing(len(order)))
    arguments = {
        "X": draw(arrays(n, p)),
        "y": draw(arrays(n, *tail(m))),
        "order": order,
        "nonzeros": nonzeros,
    }
    check = shaped(len(nonzeros), p, *tail(m))
    return Call(op.retrain_path, {**arguments, "ridge": draw(ridges)}, check, ("X", "y"))


def _without_warnings(**arguments: Any) -> op.PrunedLayer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dead inputs and of few rows
        return op.prune_layer(**arguments)


@target
def prune_layer(draw: st.DrawFn) -> Call:
    n, p, m = draw(lengths), draw(lengths), draw(lengths)
    arguments: dict[str, Any] = {
        "weight": draw(arrays(m, p)),
        "inputs": draw(arrays(n, p)),
        "nonzeros": draw(st.integers(1, p)),
        "rule": draw(st.sampled_from(["surgeon", "hessian", "magnitude", "random"])),
        "scope": draw(st.sampled_from(["row", "layer"])),
        "refit": draw(st.booleans()),
        "damping": draw(st.just("auto") | ridges),
        "folds": draw(st.none() | st.just(0)),
        "seed": draw(seeds),
    }

    def check(layer: op.PrunedLayer) -> None:
        for values in (layer.weight, layer.mask):
            assert values.shape == (m, p)
        assert not layer.weight[~layer.mask].any()
        assert layer.mask.sum() <= m * arguments["nonzeros"]
        for values in (layer.weight, layer.training_loss, layer.predicted_loss):
            assert np.isfinite(values).all()
        assert layer.rows_needed(0.1) >= 1

    return Call(_without_warnings, arguments, check, ("weight", "inputs"))


@target
def prune_path(draw: st.DrawFn) -> Call:
    n, p, m = draw(lengths), draw(lengths), draw(targets)
    sizes, chosen = draw(increasing(p)), draw(rules)
    arguments: dict[str, Any] = {
        "X": draw(arrays(n, p)),
        "y": draw(arrays(n, *tail(m))),
        "sizes": sizes,
        "nonzeros": draw(increasing(p)),
        "rules": chosen,
        "retrain": draw(st.booleans()),
        "ridge": draw(ridges),
        "retrain_ridge": draw(ridges),
        "curvature": draw(st.none() | arrays(p, positive=True)),
        "truth": draw(arrays(p)) if "oracle" in chosen else None,
        "seed": draw(seeds),
        "stream": draw(seeds),
        "feature_names": draw(st.none() | st.just([f"x{i}" for i in range(p)])),
    }

    def check(path: op.PrunePath) -> None:
        shaped(len(sizes), p, *tail(m))(path.dense)
        assert not np.isnan(path.dense).any()
        assert not np.isnan(path.condition).any()
        for rule in chosen:
            for s in arguments["nonzeros"]:
                if s > sizes[-1]:
                    continue
                support = path.support(rule, sizes[-1], s)
                assert len(set(support.tolist())) == s
                assert 0 <= support.min() <= support.max() < sizes[-1]
                models = [path.pruned(rule, sizes[-1], s)]
                models += [path.retrained(rule, sizes[-1], s)] if arguments["retrain"] else []
                for model in models:
                    shaped(p, *tail(m))(model)
                    assert not np.isnan(model).any()
                    assert not np.delete(model, support, axis=0).any()

    return Call(op.prune_path, arguments, check, ("X", "y", "curvature", "truth"))


@target
def estimate_risk(draw: st.DrawFn) -> Call:
    n, p, m = draw(st.integers(2, 9)), draw(lengths), draw(targets)
    method = draw(st.sampled_from(["loo", "gcv"])) if m in (None, 1) else "loo"
    sizes, counts = draw(increasing(p)), draw(increasing(p))
    kinds = draw(st.sampled_from([["magnitude"], ["hessian", "magnitude"], ["random"]]))
    arguments: dict[str, Any] = {
        "X": draw(arrays(n, p)),
        "y": draw(arrays(n, *tail(m))),
        "sizes": sizes,
        "nonzeros": counts,
        "rules": kinds,
        "retrain": draw(st.booleans()),
        "ridge": draw(ridges),
        "retrain_ridge": draw(ridges),
        "method": method,
        "curvature": draw(st.none() | arrays(p, positive=True)),
        "seed": draw(seeds),
        "stream": draw(seeds),
    }

    def check(table: Any) -> None:
        fits = np.array(counts) <= np.array(sizes)[:, None]
        assert ("retrained_risk" in table) == arguments["retrain"]
        for name, values in table.items():
            found = values.to_numpy()
            assert (np.isfinite(found) == (fits if "nonzeros" in values.dims else True)).all(), name
            assert not (found < 0).any()

    return Call(op.estimate_risk, arguments, check, ("X", "y", "curvature"))


PATH = op.prune_path(np.eye(4), np.arange(4.0), [2, 4], [1, 2, 3], rules=["magnitude", "random"])


@target
def prune_path_methods(draw: st.DrawFn) -> Call:
    size = draw(st.sampled_from([2, 4]))
    arguments = {
        "rule": draw(st.sampled_from(["magnitude", "random"])),
        "size": size,
        "nonzeros": draw(st.integers(1, min(size, 3))),
    }
    method = draw(st.sampled_from([PATH.support, PATH.pruned, PATH.retrained]))
    return Call(method, arguments, lambda result: None)


@target
def prune_path_risk(draw: st.DrawFn) -> Call:
    problem = op.LinearGaussianProblem(
        draw(st.sampled_from([np.ones(4), np.arange(4)])), np.ones(4), 0.5
    )
    return Call(PATH.risk, {"problem": problem, "stream": draw(seeds)}, lambda table: None)


def _scored(draw: st.DrawFn) -> tuple[int, int | None, dict[str, Any]]:
    p, m, rule = draw(st.integers(1, 12)), draw(targets), draw(st.sampled_from(RULES))
    arguments = {
        "theta": draw(arrays(p, *tail(m))),
        "rule": rule,
        "curvature": draw(arrays(p, positive=True))
        if rule == "hessian" or draw(st.booleans())
        else None,
        "truth": draw(arrays(p, *tail(m))) if rule == "oracle" else None,
        "seed": draw(seeds),
    }
    return p, m, arguments


@target
def importance(draw: st.DrawFn) -> Call:
    p, _, arguments = _scored(draw)
    return Call(op.importance, arguments, shaped(p), ("theta", "curvature", "truth"))


@target
def prune(draw: st.DrawFn) -> Call:
    p, m, arguments = _scored(draw)
    s = draw(st.integers(1, p))

    def check(theta: np.ndarray) -> None:
        shaped(p, *tail(m))(theta)
        assert np.count_nonzero(theta.reshape(p, -1).any(axis=1)) <= s

    return Call(op.prune, {**arguments, "nonzeros": s}, check, ("theta", "curvature", "truth"))


@target
def top_k(draw: st.DrawFn) -> Call:
    p = draw(st.integers(1, 12))
    k = draw(st.integers(1, p))
    scores = draw(arrays(p) | st.just(np.array([np.inf] * p)))
    return Call(op.top_k, {"scores": scores, "k": k}, shaped(k, dtype=np.int64), ("scores",))


@target
def compensate(draw: st.DrawFn) -> Call:
    p, m = draw(st.integers(1, 8)), draw(targets)
    hessian = draw(arrays(p, positive=True) | covariances(p).flatmap(disguised_doubles))
    arguments = {
        "theta": draw(arrays(p, *tail(m))),
        "support": draw(distinct(p)),
        "hessian": hessian,
    }
    return Call(op.compensate, arguments, shaped(p, *tail(m)), ("theta", "hessian"))


def disguised_doubles(array: np.ndarray) -> st.SearchStrategy[Any]:
    """In another layout, but not in a narrower dtype, whose rounding may spoil what holds of the
    numbers."""
    return st.sampled_from(
        [array, array.tolist(), np.asfortranarray(array), array[::-1].copy()[::-1]]
    )


@target
def random_features(draw: st.DrawFn) -> Call:
    n, d, p = draw(lengths), draw(lengths), draw(lengths)
    arguments = {
        "inputs": draw(arrays(n, d)),
        "weights": draw(arrays(p, d)),
        "activation": draw(st.sampled_from([*ACTIVATIONS, np.tanh, np.sign])),
        "bias": draw(st.none() | arrays(p)),
    }
    if draw(st.booleans()):
        arguments |= {"weights": p, "seed": draw(seeds), "stream": draw(seeds)}
    jumps = arguments["activation"] in ("sign", np.sign)  # which rounding may cross
    plain = () if jumps else ("inputs", "bias") + ("weights",) * ("seed" not in arguments)
    return Call(op.random_features, arguments, shaped(n, p), plain, rounded=True)


@target
def standard_normal(draw: st.DrawFn) -> Call:
    shape = draw(lengths | st.lists(lengths, max_size=3) | st.tuples(lengths, lengths))
    expected = (shape,) if isinstance(shape, int) else tuple(shape)
    arguments = {"shape": shape, "seed": draw(seeds), "stream": draw(seeds)}
    return Call(op.standard_normal, arguments, shaped(*expected))


@target
def spectra(draw: st.DrawFn) -> Call:
    p = draw(lengths)
    function, rest = draw(
        st.sampled_from(
            [
                (op.spectra.isotropic, {}),
                (op.spectra.spiked, {"spikes": p // 2, "value": 25}),
                (op.spectra.power_law, {"exponent": np.float32(1.5)}),
            ]
        )
    )
    return Call(function, {"p": p, **rest}, shaped(p))


@target
def fixed_point(draw: st.DrawFn) -> Call:
    p = draw(lengths)
    arguments = {
        "eigenvalues": draw(arrays(p, positive=True)),
        "n": draw(lengths),
        "ridge": draw(ridges),
    }

    def check(tau: Any) -> None:
        assert isinstance(tau, float)
        assert tau >= 0

    return Call(op.fixed_point, arguments, check, ("eigenvalues",))


@target
def build(draw: st.DrawFn) -> Call:
    function = draw(
        st.sampled_from([op.build_info, op.get_include, op.get_cmake_dir, op.get_pkgconfig_dir])
    )
    assert not inspect.signature(function).parameters
    return Call(function, {}, lambda result: None)
