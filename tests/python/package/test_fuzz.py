"""Random calls of every public function, good and bad; `nox -s fuzz` makes many
more."""

from __future__ import annotations

import inspect
import os

import pytest
from hypothesis import given, settings

import fuzz_calls
import overprune as op
from fuzz import SLOW, TARGETS

COUNT = settings.default.max_examples  # type: ignore[union-attr]


@pytest.mark.parametrize("name", TARGETS)
def test_calls(name):
    @settings(max_examples=max(2, COUNT // SLOW.get(name, 1)))
    @given(fuzz_calls.perhaps_wrong(TARGETS[name]))
    def make_calls(call):
        fuzz_calls.run(name, call)

    make_calls()


def test_every_public_function_is_called():
    """By its own name, or as said here."""
    elsewhere = {
        "DataProblem": "data_problem",
        "LassoPath": "lasso_path",
        "LinearClassificationProblem": "linear_classification_problem",
        "LinearGaussianProblem": "linear_gaussian_problem",
        "Loss": "loss",
        "PrunePath": "prune_path_methods",
        "PrunedLayer": "prune_layer",
        "RandomFeatureProblem": "random_feature_problem",
        "Spectrum": "spectrum",
        "build_info": "build",
        "get_cmake_dir": "build",
        "get_include": "build",
        "get_pkgconfig_dir": "build",
    }
    for name in op.__all__:
        thing = getattr(op, name)
        if not inspect.ismodule(thing) and callable(thing):
            assert elsewhere.get(name, name) in TARGETS, name


def test_the_harness_sees_what_is_wrong():
    def call(function, check=lambda result: None, honest=True, **arguments):
        return fuzz_calls.Call(function, arguments, check, honest=honest)

    def refuse(message, error=ValueError):
        raise error(message)

    for bad in (
        call(lambda x: float("nan"), x=1),
        call(lambda x: float("inf"), x=1),
        call(lambda x: refuse("nothing is named"), x=1, honest=False),
        call(lambda x: refuse("x is refused"), x=1),
        call(lambda x: refuse("x", UnicodeError), x=1, honest=False),
        call(lambda x: x.append(1), x=[]),
    ):
        with pytest.raises(AssertionError):
            fuzz_calls.run("a test", bad)
    with pytest.raises(RuntimeError):
        fuzz_calls.run("a test", call(lambda x: refuse("x", RuntimeError), x=1))
    fuzz_calls.run("a test", call(lambda x: refuse("x must be 2", TypeError), x=1, honest=False))


def test_profile():
    """In CI the examples are the same every time."""
    if os.environ.get("HYPOTHESIS_PROFILE", "ci") == "ci":
        assert settings.default.derandomize  # type: ignore[union-attr]
