"""One panel of a figure: its limits, curves, marks and legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._table import STAGES
from .curves import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

# Okabe and Ito's palette: told apart with every common form of colour blindness, and in print.
COLOURS = {
    "dense": "#000000",
    "pruned": "#D55E00",
    "compensated": "#CC79A7",
    "retrained": "#0072B2",
    "direct": "#009E73",
}
MARKERS = ("o", "s", "^", "D", "v", "P")
_DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (1, 3)))
_BAND: dict[str, Any] = {"lw": 4.0, "alpha": 0.4, "zorder": 1.5}
_MARKER = 3.2  # points
_SPREADS = {"mean": "mean ± standard error", "median": "median, 68 % interval of the median"}

LogScale = bool | Literal["auto"]


def distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(v for v in values if v is not None))


@dataclass(frozen=True)
class Limits:
    low: float
    high: float
    log: bool

    def union(self, other: Limits) -> Limits:
        """The union of limits on the same scale."""
        return Limits(min(self.low, other.low), max(self.high, other.high), self.log)


def limits_of(
    curves: Sequence[Curve],
    direct: dict[int, float],
    marks: Sequence[float],
    quantity: str,
    logy: LogScale,
) -> Limits:
    """Limits by the points away from k = n: neither the peak nor one value sets the scale."""
    x = np.concatenate([c.size for c in curves])
    y = np.concatenate([c.centre for c in curves])
    usable = np.isfinite(y) & ((y > 0) | (logy is not True))
    x, y = x[usable], y[usable]
    if y.size == 0:
        return Limits(0.1, 1.0, logy is True)
    away = np.ones(x.size, bool)
    for mark in marks:
        away &= np.abs(x / mark - 1) > 0.1
    calm = np.append(y[away] if away.any() else y, list(direct.values()))
    top = min(calm.max(), 10 * np.quantile(calm, 0.9))
    bottom = max(y.min(), np.quantile(calm, 0.1) / 30)
    needs_log = bottom > 0 and (y.max() > 3 * top or top > 15 * bottom)
    if logy is True or (logy == "auto" and quantity == "risk" and needs_log):
        return Limits(float(bottom / 1.15), float(min(y.max() * 1.15, 5 * top)), True)
    if quantity != "risk":
        pad = 0.05 * (y.max() - y.min()) + 1e-3
        return Limits(max(0.0, float(y.min() - pad)), min(1.0, float(y.max() + pad)), False)
    high = float(min(y.max(), 1.5 * top))
    low = 0.0 if bottom < 0.5 * high else float(bottom - 0.05 * (high - bottom))
    return Limits(low, high + 0.05 * (high - low) + 1e-12, False)


def draw(
    ax: Axes, curves: Sequence[Curve], direct: dict[int, float], limits: Limits, logx: bool
) -> None:
    """Draws one panel, without the marks at k = s and k = n."""
    sizes = np.concatenate([c.size for c in curves])
    lowest, highest = float(sizes.min()), float(sizes.max())
    if logx:
        ax.set_xscale("log")
        plain_ticks(ax.xaxis)
        ax.set_xlim(lowest / 1.1, highest * 1.1)
    else:
        pad = 0.02 * (highest - lowest) or 0.5
        ax.set_xlim(lowest - pad, highest + pad)
    if limits.log:
        ax.set_yscale("log")
        plain_ticks(ax.yaxis)
    ax.set_ylim(limits.low, limits.high)
    styles = distinct(c.style for c in curves)
    counts = distinct(c.nonzeros for c in curves)
    for s, value in direct.items():
        # A wide pale band below the curves: one that lies on it leaves both to be seen.
        ax.axhline(value, color=COLOURS["direct"], **_BAND, ls=_DASHES[counts.index(s) % 6])
    alone = not any(c.is_prediction for c in curves)
    for curve in curves:
        which = styles.index(curve.style) if curve.style is not None else 0
        _draw_curve(ax, curve, which, limits.high, alone)
    ax.set_xlabel("size k (features trained)")
    ax.spines[["top", "right"]].set_visible(False)


def plain_ticks(axis: Axis) -> None:
    """Plain numbers at 1, 2 and 5 times the powers of ten of a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _draw_curve(ax: Axes, curve: Curve, which: int, high: float, alone: bool) -> None:
    """A prediction as a line; a simulation as points, joined where there is no prediction."""
    colour = COLOURS[curve.stage]
    if curve.is_prediction:
        x, y = curve.broken()
        alone = np.isfinite(y).sum() == 1  # no line without a second point
        marker = MARKERS[which] if alone else "None"
        ax.plot(x, y, color=colour, ls=_DASHES[which], lw=1.5, marker=marker, ms=_MARKER, zorder=2)
        return
    shown = slice(None) if alone else _apart(ax, curve)
    ax.errorbar(
        curve.size[shown],
        curve.centre[shown],
        yerr=np.stack([curve.below, curve.above])[:, shown],
        color=colour,
        marker=MARKERS[which],
        ms=_MARKER,
        ls=_DASHES[which] if alone else "none",
        lw=0.7,
        elinewidth=0.9,
        zorder=3,
    )
    over = curve.size[np.isfinite(curve.centre) & (curve.centre > high)]
    if over.size:
        edge = ax.get_xaxis_transform()
        ax.plot(
            over,
            np.full(over.size, 0.985),
            color=colour,
            marker="^",
            ls="none",
            ms=5,
            transform=edge,
        )


def _apart(ax: Axes, curve: Curve) -> list[int]:
    """Positions of the points to mark: each at least one and a half markers from the last one."""
    at = ax.transData.transform(np.stack([curve.size, curve.centre], axis=1))
    least = 1.5 * _MARKER * ax.figure.dpi / 72
    shown: list[int] = []
    for i, point in enumerate(at):
        if not shown or not np.hypot(*(point - at[shown[-1]])) < least:
            shown.append(i)
    return shown


def draw_marks(
    panels: Sequence[Axes], counts: Sequence[Sequence[int]], sample_sizes: Sequence[float]
) -> int:
    """Thin lines at k = s (counts of each panel) and k = n, labelled above the frames.

    Labels too close take rows of their own: the same row in all panels. Returns the number of rows.
    """
    steps: list[list[tuple[float, str] | None]] = [
        [(m, f"k = n = {m}")] * len(panels) for m in sample_sizes
    ]
    steps += [
        [(s, f"k = s = {s}") if s is not None else None for s in step]
        for step in zip_longest(*counts)
    ]
    rows: list[list[list[tuple[float, float]]]] = []  # for each row and panel, its labels' ends
    for step in steps:
        spans = [_span(ax, *mark) if mark else None for ax, mark in zip(panels, step, strict=True)]
        if not any(spans):
            continue
        row = next((i for i, taken in enumerate(rows) if _is_free(taken, spans)), len(rows))
        if row == len(rows):
            rows.append([[] for _ in panels])
        for ax, mark, span, taken in zip(panels, step, spans, rows[row], strict=True):
            if mark is None or span is None:
                continue
            taken.append(span)
            ax.axvline(mark[0], color="#7f7f7f", lw=0.8, ls=(0, (2, 2)), zorder=1)
            ax.annotate(
                mark[1],
                (mark[0], 1.0),
                xycoords=ax.get_xaxis_transform(),
                xytext=(0, 2 + 9 * row),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize="x-small",
                color="#555555",
            )
    return len(rows)


def _span(ax: Axes, value: float, text: str) -> tuple[float, float] | None:
    """Both ends of a label, in fractions of the axis; None where its mark is not on the axis."""
    at = float((ax.transScale + ax.transLimits).transform((value, ax.get_ylim()[1]))[0])
    if not -0.01 <= at <= 1.01:
        return None
    width = 0.0115 * len(text) * 6.0 / max(ax.get_window_extent().width / ax.figure.dpi, 1.0)
    return at - width / 2, at + width / 2


def _is_free(
    taken: Sequence[Sequence[tuple[float, float]]], spans: Sequence[tuple[float, float] | None]
) -> bool:
    """Whether a row has room for one more label in each panel."""
    return not any(
        span is not None and span[0] < end and start < span[1]
        for labels, span in zip(taken, spans, strict=True)
        for start, end in labels
    )


def legend_entries(
    curves: Sequence[Curve], direct: dict[int, float], statistic: str, *, one_style: bool = False
) -> list[Any]:
    from matplotlib.lines import Line2D

    def entry(label: str, **style: Any) -> Line2D:
        return Line2D([], [], label=label, **style)

    stages = [s for s in STAGES if any(c.stage == s for c in curves)]
    entries = [entry(s, color=COLOURS[s], lw=3) for s in stages]
    styles, counts = distinct(c.style for c in curves), distinct(c.nonzeros for c in curves)
    several = len(styles) > 1 and not one_style
    for i, s in enumerate(direct):
        dash = _DASHES[counts.index(s) % 6]
        if not one_style or i == 0:
            is_one_of_several = one_style and len(direct) > 1
            label = f"train {'s features' if is_one_of_several else f's = {s}'} directly"
            entries.append(entry(label, color=COLOURS["direct"], **_BAND, ls=dash))
    if several:
        rules = {rule for rule, _ in styles}
        for i, (rule, s) in enumerate(styles):
            label = f"{rule}, s = {s}" if len(rules) > 1 and len(counts) > 1 else rule
            label = f"s = {s}" if len(rules) == 1 else label
            entries.append(
                entry(label, color="#7f7f7f", marker=MARKERS[i], ms=4, ls=_DASHES[i], lw=1.2)
            )
    measured = {c.label: c for c in curves if not c.is_prediction}
    for text, curve in measured.items():
        label = f"{text}: {_SPREADS[statistic]}" if curve.trials > 1 else text
        entries.append(entry(label, color="#7f7f7f", marker="o", ms=4, ls="none"))
    if any(c.is_prediction for c in curves):
        entries.append(entry("predicted", color="#7f7f7f", lw=1.5))
    return entries
