"""The same for functions of tables: made again from attributes that are damaged, and drawn."""

from __future__ import annotations

import functools
import json
from typing import Any

import hypothesis.strategies as st
import matplotlib.pyplot as plt
import xarray as xr

import overprune as op
from fuzz_calls import Call
from fuzz_problem_targets import SPECTRUM, nothing, tabled
from strategies import RULES, junk

TABLE_TARGETS: dict[str, st.SearchStrategy[Call]] = {}
LINEAR = op.LinearGaussianProblem([1.0, -0.5, 0.0], [1.0, 2.0, 0.5], noise_std=0.3)
STAGES = ("dense", "pruned", "retrained")


def target(function: Any) -> Any:
    TABLE_TARGETS[function.__name__] = st.composite(function)()
    return function


@functools.cache
def tables() -> list[xr.Dataset]:
    return [
        op.simulate(LINEAR, 4, [2, 3], [1, 2], rules=["magnitude", "oracle"], trials=2),
        op.simulate(LINEAR, [3, 5], [3], [1], ridge=[0.0, 0.1], compensate=True, trials=2),
        op.predict(LINEAR, 4, [2, 3], [1, 2], draws=4),
        op.simulate_schedule(LINEAR, 4, 3, [2, 1], trials=2),
        op.predict_schedule(LINEAR, 4, 3, [2, 1], draws=32),
        op.predict(SPECTRUM, 0.5, [0.5, 1.0], [0.1]),
        op.phase(LINEAR, ("n", [2, 4]), ("nonzeros", [1, 2]), draws=4, workers=1),
    ]


@st.composite
def damaged(draw: st.DrawFn, table: xr.Dataset) -> xr.Dataset:
    """The table with an attribute too few or wrong, or a problem whose description is damaged."""
    table = table.copy()
    attributes = table.attrs
    name = draw(st.sampled_from(sorted(set(attributes) - {"provenance", "null_risk"})))
    kind = draw(st.sampled_from(["missing", "junk", "problem", "text", "none"]))
    if kind == "missing":
        del attributes[name]
    elif kind == "junk":
        attributes[name] = draw(junk)
    elif kind == "none":
        table.attrs = {}
    elif "problem" in attributes and kind == "text":
        text = attributes["problem"]
        at = draw(st.integers(0, len(text) - 1))
        attributes["problem"] = (
            text[:at] + draw(st.sampled_from(["", "7", '"', "{", "A"])) + text[at + 1 :]
        )
    elif "problem" in attributes:
        description = json.loads(attributes["problem"])
        place = description if draw(st.booleans()) else description["arguments"]
        key = draw(st.sampled_from([*place, "other"]))
        place[key] = draw(
            st.sampled_from([None, 1, -1.5, "x", [], {}, {"data": "A", "dtype": "<f8"}])
        )
        attributes["problem"] = json.dumps(description)
    return table


@target
def reproduce(draw: st.DrawFn) -> Call:
    table = draw(st.sampled_from(tables()[:6]))
    whole = draw(st.booleans())
    arguments = {
        "table": table if whole else draw(damaged(table)),
        "workers": draw(st.sampled_from([1, 2])),
    }
    return Call(op.reproduce, arguments, tabled if whole else nothing, infinite=True, honest=whole)


def _drawn(function: Any) -> Any:
    """The plot, whose figure is closed again; without its Axes, which nothing more is said of."""

    def plot(**arguments: Any) -> None:
        first = arguments.pop("table")
        try:
            function(first, **arguments)
        finally:
            plt.close("all")

    return plot


def _curves(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "table": draw(st.sampled_from([tables()[0], tables()[2]])),
        "stages": draw(st.sampled_from([None, "pruned", *map(list, (STAGES, STAGES[:1]))])),
        "rule": draw(st.sampled_from([None, "magnitude", ["magnitude"]])),
        "nonzeros": draw(st.sampled_from([None, 1, 2, [1, 2]])),
        "n": None, "ridge": None, "quantity": "risk",
    }  # fmt: skip


@target
def plot_risk(draw: st.DrawFn) -> Call:
    return Call(_drawn(op.plot.risk), _curves(draw), nothing)


@target
def plot_risk_grid(draw: st.DrawFn) -> Call:
    return Call(_drawn(op.plot.risk_grid), _curves(draw), nothing)


@target
def plot_phase(draw: st.DrawFn) -> Call:
    arguments = {
        "table": tables()[6],
        "versus": "direct",
        "limit": None,
        "regions": draw(st.booleans()),
    }
    return Call(_drawn(op.plot.phase), arguments, nothing)


@target
def plot_coefficients(draw: st.DrawFn) -> Call:
    arguments = {
        "problem": LINEAR, "n": 4, "size": 3, "nonzeros": draw(st.integers(1, 3)),
        "rule": draw(st.sampled_from(RULES)), "ridge": draw(st.sampled_from([0.0, 0.1])),
    }  # fmt: skip

    def plot(**arguments: Any) -> None:
        try:
            op.plot.coefficients(**arguments)
        finally:
            plt.close("all")

    return Call(plot, arguments, nothing)
