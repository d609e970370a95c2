"""The same for what is trained on another objective than least squares: classifiers, the lasso."""

from __future__ import annotations

import warnings
from typing import Any

import hypothesis.strategies as st
import numpy as np

import overprune as op
from fuzz_calls import Call
from fuzz_problem_targets import described
from fuzz_targets import shaped, tail
from strategies import arrays, covariances, increasing, ridges, seeds

LOSS_TARGETS: dict[str, st.SearchStrategy[Call]] = {}
lengths = st.integers(1, 8)
moderate = st.floats(1e-3, 1e3)
positive_ridges = st.sampled_from([1e-3, 0.1, 1.0, 100.0])


def target(function: Any) -> Any:
    LOSS_TARGETS[function.__name__] = st.composite(function)()
    return function


@target
def lasso_path(draw: st.DrawFn) -> Call:
    n, p = draw(lengths), draw(lengths)
    arguments: dict[str, Any] = {
        "X": draw(arrays(n, p)),
        "y": draw(arrays(n)),
        "ridge": draw(ridges),
    }
    if draw(st.booleans()):
        arguments["nonzeros"] = draw(increasing(min(n, p)))
        count = len(arguments["nonzeros"])
    else:
        count = draw(lengths)
        arguments["penalties"] = draw(arrays(count, positive=True))

    def check(path: op.LassoPath) -> None:
        shaped(count, p)(path.coefficients)
        for values in (path.coefficients, path.penalty):
            assert not np.isnan(values).any()
        assert (path.nonzeros == np.count_nonzero(path.coefficients, axis=1)).all()

    return Call(op.lasso_path, arguments, check, ("X", "y"))


def _labels(draw: st.DrawFn, n: int, m: int | None) -> np.ndarray:
    bits = np.random.default_rng(draw(seeds)).integers(0, 2, size=(n, *tail(m)))
    return 2.0 * bits - 1.0


@target
def fit_classifier(draw: st.DrawFn) -> Call:
    n, p, m = draw(lengths), draw(lengths), draw(st.sampled_from([None, None, 1, 3]))
    arguments = {
        "X": draw(arrays(n, p)),
        "y": _labels(draw, n, m),
        "loss": draw(st.sampled_from(op.losses.NAMES)),
        "ridge": draw(positive_ridges),
    }
    return Call(op.fit_classifier, arguments, shaped(p, *tail(m)), ("X", "y"))


@target
def classifier_path(draw: st.DrawFn) -> Call:
    n, p, m = draw(lengths), draw(lengths), draw(st.sampled_from([None, None, 1, 3]))
    sizes = draw(increasing(p))
    arguments = {
        "X": draw(arrays(n, p)),
        "y": _labels(draw, n, m),
        "sizes": sizes,
        "loss": draw(st.sampled_from(op.losses.NAMES)),
        "ridge": draw(positive_ridges),
    }
    return Call(op.classifier_path, arguments, shaped(len(sizes), p, *tail(m)), ("X", "y"))


@target
def linear_classification_problem(draw: st.DrawFn) -> Call:
    p = draw(lengths)
    arguments = {
        "beta": draw(arrays(p)),
        "covariance": draw(arrays(p, positive=True) | covariances(p)),
        "noise_std": draw(st.sampled_from([0, 0.0, 0.3, 1, 1e150])),
    }
    return Call(op.LinearClassificationProblem, arguments, described, ("beta", "covariance"))


def _value(y: Any, f: Any) -> Any:
    return np.maximum(0.0, 1.0 - y * f) ** 2 / 2


def _prox(y: Any, field: Any, V: float) -> Any:
    return field + y * np.maximum(0.0, 1.0 - y * field) * V / (1.0 + V)


@target
def loss(draw: st.DrawFn) -> Call:
    arguments = {
        "value": _value,
        "prox": _prox,
        "name": draw(st.none() | st.sampled_from(["squared hinge", 'Huber, "rounded"'])),
    }

    def check(made: op.Loss) -> None:
        assert made.label.startswith(made.name)
        np.testing.assert_allclose(made.prox(np.ones(3), np.zeros(3), 1.0), 0.5)

    return Call(op.Loss, arguments, check)


@target
def predict_labels(draw: st.DrawFn) -> Call:
    p = draw(st.integers(1, 6))
    arguments = {
        "problem": op.LinearClassificationProblem(
            np.array(draw(st.lists(moderate, min_size=p, max_size=p))),
            np.array(draw(st.lists(moderate, min_size=p, max_size=p))),
            draw(st.sampled_from([0.0, 0.3])),
        ),
        "n": draw(st.integers(1, 9)),
        "sizes": draw(increasing(p)),
        "nonzeros": draw(increasing(p)),
        "loss": draw(st.sampled_from(op.losses.NAMES)),
        "ridge": draw(positive_ridges),
        "retrain_ridge": draw(positive_ridges),
    }
    return Call(_predicted, arguments, lambda table: None)


def _predicted(**arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the equations of", category=UserWarning)
        return op.predict(**arguments)
