"""The picture as a Bokeh figure whose lines and points are replaced, never made again."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LinearAxis,
    PrintfTickFormatter,
    Range1d,
    Span,
)
from bokeh.plotting import figure

from ..plot.curves import Curve
from ..plot.panel import COLOURS, Limits
from .curves import Picture
from .state import RULES

_DASHES = dict(
    zip(
        RULES,
        itertools.cycle([[], [8, 4], [2, 3], [9, 3, 2, 3], [14, 3, 2, 3, 2, 3]]),
        strict=False,
    )
)
_MARKERS = dict(
    zip(
        RULES,
        itertools.cycle(["circle", "square", "triangle", "diamond", "inverted_triangle"]),
        strict=False,
    )
)
_LEVELS = {  # names of the reference lines
    "risk": ("null risk", "noise floor"),
    "error": ("guessing", "the truth's error"),
}
_GREY = "#767676"
_NULL, _NOISE = [10, 5], [1, 4]

Key = tuple[str, str | None]  # stage and rule
_KEYS: list[Key] = [("dense", None), *itertools.product(("pruned", "retrained"), RULES)]


class RiskFigure:
    """Risk over size: lines for every stage and rule, reference lines, simulated points."""

    def __init__(self) -> None:
        self.figure = figure(
            y_axis_type="log",
            x_range=Range1d(0, 1),
            y_range=Range1d(0.1, 1),
            x_axis_label="size k (features trained)",
            y_axis_label="test risk",
            tools="pan,box_zoom,wheel_zoom,reset,save",
            active_scroll=None,
            sizing_mode="stretch_both",
            name="risk",
            stylesheets=[":host { filter: var(--picture) }"],
        )
        _dress(self.figure)
        self._top = LinearAxis(
            ticker=FixedTicker(ticks=[]),
            axis_line_color=None,
            major_tick_line_color=None,
            major_label_text_color="#555555",
        )
        self.figure.add_layout(self._top, "above")
        self._limits = Limits(0.1, 1.0, True)
        self.lines = {key: self._line(key) for key in _KEYS}
        self.points = {key: self._points(key) for key in _KEYS}
        self._best = self.figure.scatter(
            [],
            [],
            size=15,
            fill_alpha=0,
            line_color="#000000",
            line_width=1.6,
            level="overlay",
            name="best",
        )
        self._levels = {
            "direct": self._span("width", COLOURS["direct"], [], 1.6),
            "null": self._span("width", _GREY, _NULL, 1.2),
            "noise": self._span("width", _GREY, _NOISE, 1.6),
        }
        self._marks = [self._span("height", "#999999", [2, 3], 1.0) for _ in "ns"]
        self._hover = HoverTool(
            renderers=[line for line, _ in self.lines.values()],
            tooltips=_tooltips("risk"),
            mode="mouse",
            line_policy="nearest",
        )
        self.figure.add_tools(self._hover)

    def draw(self, found: Picture) -> None:
        """Puts a picture's curves and lines in place, and takes the points away."""
        state, limits = found.state, found.limits
        self._limits = limits
        self.figure.x_range.update(start=0, end=1.02 * state.p)
        self.figure.y_range.update(start=limits.low, end=limits.high)
        curves = {(c.stage, c.rule): c for c in found.curves}
        for key, (line, source) in self.lines.items():
            curve = curves.get(key)
            line.visible = curve is not None
            _fill(source, {"k": [], "risk": []} if curve is None else _line_data(curve))
        self.figure.yaxis.axis_label = f"test {found.quantity}"
        self._hover.tooltips = _tooltips(found.quantity)
        levels = {"direct": found.direct, "null": found.of_nothing, "noise": found.of_truth}
        for name, span in self._levels.items():
            span.update(location=levels[name], visible=bool(levels[name] > 0))
        self._mark(state.n, state.nonzeros, state.p)
        self.figure.yaxis.ticker.ticks = _ticks(limits)
        best = found.best
        _fill(
            self._best.data_source,
            {"x": [], "y": []} if best is None else {"x": [best[0]], "y": [best[1]]},
        )
        self.draw_points([])

    def clear(self) -> None:
        """Takes everything away but the axes."""
        for line, source in self.lines.values():
            line.visible = False
            _fill(source, {"k": [], "risk": []})
        for span in (*self._levels.values(), *self._marks):
            span.visible = False
        self._top.ticker.ticks = []
        _fill(self._best.data_source, {"x": [], "y": []})
        self.draw_points([])

    def draw_points(self, curves: Sequence[Curve]) -> None:
        """Replaces the simulated points; those above the picture are triangles at its edge."""
        found = {(c.stage, c.rule): c for c in curves}
        for key, (scatter, source) in self.points.items():
            curve = found.get(key)
            scatter.visible = curve is not None
            _fill(source, _point_data(curve, self._limits.high, key))

    def _line(self, key: Key) -> tuple[Any, ColumnDataSource]:
        source = ColumnDataSource({"k": [], "risk": []})
        line = self.figure.line(
            "k",
            "risk",
            source=source,
            color=COLOURS[key[0]],
            line_dash=_DASHES[key[1] or "magnitude"],
            line_width=2.2,
            name=label(key),
        )
        return line, source

    def _points(self, key: Key) -> tuple[Any, ColumnDataSource]:
        source = ColumnDataSource(_point_data(None, 1.0, key))
        colour = COLOURS[key[0]]
        self.figure.segment("k", "low", "k", "high", source=source, color=colour, line_width=1.2)
        scatter = self.figure.scatter(
            "k",
            "risk",
            source=source,
            marker="marker",
            size=6.5,
            fill_color="white",
            line_color=colour,
            name=f"points {label(key)}",
        )
        scatter.glyph.line_width = 1.5
        return scatter, source

    def _span(self, dimension: Any, colour: str, dash: list[int], width: float) -> Span:
        span = Span(
            dimension=dimension,
            line_color=colour,
            line_dash=dash,
            line_width=width,
            level="underlay",
        )
        self.figure.add_layout(span)
        return span

    def _mark(self, n: int, s: int, p: int) -> None:
        """Thin lines at k = n and k = s, named at the upper edge; names too close take two rows."""
        marks = {at: f"k = {name} = {at}" for at, name in ((s, "s"), (n, "n"))}
        if s == n:
            marks = {n: f"k = s = n = {n}"}
        elif abs(s - n) < 0.25 * p:
            marks[n] += "\n "
        shown = {at: text for at, text in marks.items() if at <= 1.02 * p}
        self._top.ticker.ticks = list(shown)
        self._top.major_label_overrides = shown
        for span, at in zip(self._marks, (n, s), strict=True):
            span.update(location=at, visible=at in shown)


def label(key: Key) -> str:
    """A curve in words."""
    return "dense" if key[1] is None else f"{key[0]}, {key[1]}"


def legend(found: Picture, trials: int) -> str:
    """The legend as HTML, which wraps where the window is narrow."""
    entries = [
        _entry(COLOURS[c.stage], _DASHES[c.rule or "magnitude"], label((c.stage, c.rule)))
        for c in found.curves
        if np.isfinite(c.centre).any()
    ]
    s = found.state.nonzeros
    if np.isfinite(found.direct):
        entries.append(_entry(COLOURS["direct"], [], f"train s = {s} directly: {found.direct:.4g}"))
    values = (found.of_nothing, _NULL), (found.of_truth, _NOISE)
    for name, (value, dash) in zip(_LEVELS[found.quantity], values, strict=True):
        where = _beyond(value, found.limits)
        entries.append(_entry(_GREY, dash, f"{name}: {value:.4g}{where}"))
    if found.best is not None:
        entries.append(_entry("#000000", None, "best size to prune from"))
    if trials:
        entries.append(
            _entry(_GREY, None, f"simulated, {trials} trial{'s' * (trials > 1)}: mean ± s.e.", 4)
        )
    return f'<div class="legend">{"".join(entries)}</div>'


def _beyond(value: float, limits: Limits) -> str:
    """Where a reference line is that is not in the picture."""
    if value < limits.low:
        return ", below the picture"
    return ", above the picture" if value > limits.high else ""


def _fill(source: ColumnDataSource, data: dict[str, Any]) -> None:
    """Replaces a source's columns, but empty ones by empty ones: every source is a message."""
    if any(map(len, data.values())) or any(map(len, source.data.values())):
        source.data = data


def _tooltips(quantity: str) -> list[tuple[str, str]]:
    return [("", "$name"), ("k", "@k{0}"), (quantity, "@risk{0.0000}")]


def _entry(colour: str, dash: list[int] | None, text: str, radius: int = 6) -> str:
    if dash is None:
        sample = (
            f'<circle cx="15" cy="7" r="{radius}" fill="none" stroke="{colour}" '
            'stroke-width="1.6"/>'
        )
    else:
        dashes = " ".join(map(str, dash))
        sample = (
            f'<line x1="1" y1="7" x2="29" y2="7" stroke="{colour}" stroke-width="2.2" '
            f'stroke-dasharray="{dashes}"/>'
        )
    return f'<span><svg width="30" height="14">{sample}</svg>{html.escape(text)}</span>'


def _line_data(curve: Curve) -> dict[str, Any]:
    k, risk = curve.broken()
    # 0 has no place on a logarithmic axis.
    return {"k": k, "risk": np.where(risk > 0, risk, np.nan)}


def _point_data(curve: Curve | None, high: float, key: Key) -> dict[str, Any]:
    if curve is None:
        return {name: [] for name in ("k", "risk", "low", "high", "marker")}
    shown = np.isfinite(curve.centre) & (curve.centre > 0)
    k, centre = curve.size[shown], curve.centre[shown]
    over = centre > high
    low = np.maximum(centre - curve.below[shown], 1e-3 * centre)
    return {
        "k": k,
        "risk": np.where(over, 0.96 * high, centre),
        "low": np.where(over, np.nan, low),
        "high": np.where(over, np.nan, centre + curve.above[shown]),
        "marker": np.where(over, "triangle", _MARKERS[key[1] or "magnitude"]).tolist(),
    }


def _dress(plot: Any) -> None:
    """A quiet frame."""
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.outline_line_color = None
    plot.min_border_top, plot.min_border_right = 36, 40  # two rows of names, and half of one
    plot.yaxis.ticker = FixedTicker()
    plot.yaxis.formatter = PrintfTickFormatter(format="%g")
    plot.background_fill_alpha = plot.border_fill_alpha = 0
    plot.grid.grid_line_color = "#e8e8e8"
    plot.axis.axis_line_color = "#888888"
    plot.axis.minor_tick_line_color = None
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.axis_label_text_font_size = "14px"
    plot.axis.major_label_text_font_size = "13px"


def _ticks(limits: Limits) -> list[float]:
    """Powers of ten, and where there is room twice and five times them; even steps where limits
    are close."""
    if limits.high < 4 * limits.low:
        rough = (limits.high - limits.low) / 5
        power = math.floor(math.log10(rough))
        step = next(f for f in (1, 2, 5, 10) if f * 10.0**power >= rough)
        within = itertools.count(math.ceil(limits.low / step / 10.0**power))
        ticks = (float(f"{i * step}e{power}") for i in within)
        return list(itertools.takewhile(lambda tick: tick <= limits.high, ticks))
    first, last = math.floor(math.log10(limits.low)), math.ceil(math.log10(limits.high))
    factors = (1, 2, 5) if last - first <= 4 else (1,)
    step = max(1, (last - first) // 8)
    return [float(f"{f}e{power}") for power in range(first, last + 1, step) for f in factors]
