"""Figures of the tables of `simulate` and `predict`: points with error bars, and lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import _validate as check
from ._curves import QUANTITIES, STAGES, Curve, Selection, collect, direct_training, sample_sizes

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["risk", "risk_grid"]

# Okabe and Ito's palette: told apart with every common form of colour blindness, and in print.
_COLOURS = {"dense": "#000000", "pruned": "#D55E00", "retrained": "#0072B2", "direct": "#009E73"}
_MARKERS = ("o", "s", "^", "D", "v", "P")
_DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (1, 3)))
_Y_LABELS = {"risk": "test risk", "accuracy": "test accuracy", "error": "test error (1 − accuracy)"}
_SPREADS = {"mean": "mean ± standard error", "median": "median, 68 % interval of the median"}
_BELOW: dict[str, Any] = dict(loc="outside lower center", ncols=3, frameon=False, fontsize="small")  # noqa: C408
_INSIDE: dict[str, Any] = {"loc": "best", "fontsize": "small", "framealpha": 0.85}

LogScale = bool | Literal["auto"]


@dataclass(frozen=True)
class _Limits:
    low: float
    high: float
    log: bool

    def union(self, other: _Limits) -> _Limits:
        return _Limits(min(self.low, other.low), max(self.high, other.high), self.log or other.log)


def risk(
    *tables: xr.Dataset,
    stages: str | Iterable[str] | None = None,
    rule: str | Iterable[str] | None = None,
    nonzeros: int | Iterable[int] | None = None,
    n: int | None = None,
    ridge: float | None = None,
    quantity: str = "risk",
    statistic: str = "mean",
    logy: LogScale = "auto",
    logx: bool = False,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draws test risk against size k: simulations as points with error bars, predictions as lines.

    The colour tells the stage (dense, pruned, retrained), marker and dashes tell the rule or the number
    of nonzeros. Thin vertical lines mark k = s and k = n; a horizontal one shows the risk of training s
    features directly, which is the dense risk at size s where the tables hold that size. The peak at k = n
    does not rule the scale: points above the axis are drawn as triangles at its upper edge.

    Parameters
    ----------
    *tables : xarray.Dataset
        Results of `simulate` and `predict`, at least one.
    stages : str or sequence of str, optional
        Of "dense", "pruned", "retrained"; every stage in the tables if not given.
    rule, nonzeros : optional
        Which rules and numbers of nonzeros to draw, one or several; all if not given.
    n, ridge : int, float, optional
        Which n or ridge to draw, where a table has that dimension.
    quantity : {"risk", "accuracy", "error"}
        "error" is 1 - accuracy; both need tables of a problem with class labels.
    statistic : {"mean", "median"}
        Centre of the points over trials. Error bars are the standard error of the mean, or the order
        statistics at ranks T/2 -+ sqrt(T)/2 of T trials: a 68 % interval of the median that heavy tails
        do not spoil.
    logy : bool or "auto"
        Logarithmic risk axis; "auto" takes one where the peak needs it.
    logx : bool
        Logarithmic size axis.
    legend : bool
        Whether to draw a legend.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above; the message names it, and what the tables hold.

    Examples
    --------
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem([0.5] * 40, op.spectra.isotropic(40), noise_std=0.3)
    >>> grid = dict(n=20, sizes=[10, 15, 30, 40], nonzeros=[10])
    >>> simulated = op.simulate(problem, **grid, trials=5)
    >>> axes = op.plot.risk(simulated, op.predict(problem, **grid), stages=("dense", "pruned"))
    >>> axes.get_ylabel()
    'test risk'
    >>> axes.figure.savefig("risk.png", dpi=150)  # doctest: +SKIP
    """
    from matplotlib.axes import Axes

    check.flag(legend, "legend")
    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes, got {ax!r}")
    chosen = Selection.of(stages, rule, nonzeros, n, ridge, quantity, statistic)
    scale, logx = _log_scale(logy), check.flag(logx, "logx")
    curves = collect(tables, chosen, "risk")
    _refuse_clutter(curves)
    own = ax is None
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(7.2, 4.8), layout="constrained")
    direct = direct_training(tables, chosen, curves)
    marks = sample_sizes(tables, chosen)
    _draw(ax, curves, direct, _limits(curves, direct, marks, chosen.quantity, scale), logx)
    _draw_marks([ax], [_distinct(c.nonzeros for c in curves)], marks)
    ax.set_ylabel(_Y_LABELS[chosen.quantity])
    if legend:
        entries = _legend_entries(curves, direct, chosen.statistic)
        where = ax.figure if own else ax
        where.legend(handles=entries, **(_BELOW if own else _INSIDE))
    return ax


def risk_grid(
    *tables: xr.Dataset,
    quantity: str | Sequence[str] = "risk",
    stages: str | Iterable[str] | None = None,
    rule: str | Iterable[str] | None = None,
    nonzeros: int | Iterable[int] | None = None,
    n: int | None = None,
    ridge: float | None = None,
    statistic: str = "mean",
    logy: LogScale = "auto",
    logx: bool = False,
) -> Figure:
    """Draws a panel like `risk` for each rule or number of nonzeros, on shared axes.

    One column for each rule if there are several, else for each number of nonzeros; a row for each quantity
    (and number of nonzeros, where both vary).

    Parameters
    ----------
    *tables : xarray.Dataset
        Results of `simulate` and `predict`, at least one.
    quantity : str or sequence of str
        Of "risk", "accuracy", "error".
    stages, rule, nonzeros, n, ridge, statistic, logy, logx : optional
        As in `risk`.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above; the message names it, and what the tables hold.

    Examples
    --------
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem([0.5] * 40, op.spectra.isotropic(40), noise_std=0.3)
    >>> predicted = op.predict(problem, 20, [10, 30, 40], [10], rules=("magnitude", "oracle"))
    >>> figure = op.plot.risk_grid(predicted)
    >>> [axes.get_title() for axes in figure.axes]
    ['magnitude, s = 10', 'oracle, s = 10']
    """
    if not isinstance(quantity, Iterable):
        raise TypeError(f"quantity must be one or several of {', '.join(QUANTITIES)}; got {quantity!r}")
    quantities = [quantity] if isinstance(quantity, str) else list(quantity)
    if not quantities:
        raise ValueError(f"quantity must not be empty; allowed: {', '.join(QUANTITIES)}")
    scale, logx = _log_scale(logy), check.flag(logx, "logx")
    views = [Selection.of(stages, rule, nonzeros, n, ridge, q, statistic) for q in quantities]
    found = [c for view in views for c in collect(tables, view, "risk_grid")]
    rules, counts = _distinct(c.rule for c in found), _distinct(c.nonzeros for c in found)
    if len(rules) > 1:
        rows = [[view.narrowed(rule=r, nonzeros=s) for r in rules] for view in views for s in counts]
    else:
        rows = [[view.narrowed(nonzeros=s) for s in counts or [None]] for view in views]

    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(
        len(rows),
        len(rows[0]),
        figsize=(max(3.7 * len(rows[0]), 5.5), 0.9 + 3.1 * len(rows)),
        squeeze=False,
        sharex=True,
        sharey="row",
        layout="constrained",
    )
    lines: dict[int, float] = {}
    drawn: list[list[Curve]] = []
    for cells, axes in zip(rows, panels, strict=True):
        in_row, directs = _draw_row(axes, tables, cells, scale, logx)
        drawn += in_row
        lines |= directs
    counts_shown = [_distinct(c.nonzeros for c in curves) for curves in drawn]
    levels = _draw_marks(panels.ravel().tolist(), counts_shown, sample_sizes(tables, rows[0][0]))
    for ax, curves in zip(panels.flat, drawn, strict=True):
        ax.set_title(_title(curves), fontsize="medium", pad=4 + 9 * levels)
    for above, below in zip(panels[:-1].flat, panels[1:].flat, strict=True):
        above.set_xlabel("")
        if below.get_title() == above.get_title():
            below.set_title("")
    figure.legend(handles=_legend_entries(found, lines, statistic, one_style=True), **_BELOW)
    return figure


def _draw_row(
    axes: Sequence[Axes], tables: Sequence[xr.Dataset], cells: Sequence[Selection], logy: LogScale, logx: bool
) -> tuple[list[list[Curve]], dict[int, float]]:
    """Draws panels that share a vertical axis; returns their curves and the levels of direct training."""
    drawn = [collect(tables, cell, "risk_grid") for cell in cells]
    directs = [direct_training(tables, cell, curves) for cell, curves in zip(cells, drawn, strict=True)]
    marks, quantity = sample_sizes(tables, cells[0]), cells[0].quantity
    pairs = list(zip(drawn, directs, strict=True))
    limits = reduce(_Limits.union, (_limits(c, direct, marks, quantity, logy) for c, direct in pairs))
    for ax, pair in zip(axes, pairs, strict=True):
        _draw(ax, *pair, limits, logx)
    axes[0].set_ylabel(_Y_LABELS[quantity])
    return drawn, {s: value for direct in directs for s, value in direct.items()}


def _log_scale(logy: Any) -> LogScale:
    if isinstance(logy, str) and logy == "auto":
        return "auto"
    if isinstance(logy, str):
        raise ValueError(f'logy must be True, False or "auto"; got {logy!r}')
    return check.flag(logy, "logy")


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(v for v in values if v is not None))


def _refuse_clutter(curves: Sequence[Curve]) -> None:
    styles = len({c.style for c in curves if c.style is not None})
    if styles > len(_MARKERS):
        raise ValueError(
            f"one panel holds at most {len(_MARKERS)} pairs of rule and nonzeros, got {styles}; "
            "choose some by rule= and nonzeros=, or use risk_grid"
        )


def _limits(
    curves: Sequence[Curve], direct: dict[int, float], marks: Sequence[int], quantity: str, logy: LogScale
) -> _Limits:
    """Limits by the points away from k = n, so that neither the peak nor one stray value rules the scale."""
    x = np.concatenate([c.size for c in curves])
    y = np.concatenate([c.centre for c in curves])
    usable = np.isfinite(y) & ((y > 0) | (logy is not True))
    x, y = x[usable], y[usable]
    if y.size == 0:
        return _Limits(0.1, 1.0, logy is True)
    away = np.all([np.abs(x / m - 1) > 0.1 for m in marks], axis=0) if marks else np.ones(x.size, bool)
    calm = np.append(y[away] if away.any() else y, list(direct.values()))
    top = min(calm.max(), 10 * np.quantile(calm, 0.9))
    bottom = max(y.min(), np.quantile(calm, 0.1) / 30)
    needs_log = bottom > 0 and (y.max() > 3 * top or top > 15 * bottom)
    if logy is True or (logy == "auto" and quantity == "risk" and needs_log):
        return _Limits(float(bottom / 1.15), float(min(y.max() * 1.15, 5 * top)), True)
    if quantity != "risk":
        pad = 0.05 * (y.max() - y.min()) + 1e-3
        return _Limits(max(0.0, float(y.min() - pad)), min(1.0, float(y.max() + pad)), False)
    high = float(min(y.max(), 1.5 * top))
    low = 0.0 if bottom < 0.5 * high else float(bottom - 0.05 * (high - bottom))
    return _Limits(low, high + 0.05 * (high - low) + 1e-12, False)


def _draw(ax: Axes, curves: Sequence[Curve], direct: dict[int, float], limits: _Limits, logx: bool) -> None:
    """Draws one panel, without the marks at k = s and k = n."""
    sizes = np.concatenate([c.size for c in curves])
    lowest, highest = float(sizes.min()), float(sizes.max())
    if logx:
        ax.set_xscale("log")
        _plain_ticks(ax.xaxis)
        ax.set_xlim(lowest / 1.1, highest * 1.1)
    else:
        pad = 0.02 * (highest - lowest) or 0.5
        ax.set_xlim(lowest - pad, highest + pad)
    if limits.log:
        ax.set_yscale("log")
        _plain_ticks(ax.yaxis)
    ax.set_ylim(limits.low, limits.high)
    styles = _distinct(c.style for c in curves)
    counts = _distinct(c.nonzeros for c in curves)
    for s, value in direct.items():
        ax.axhline(value, color=_COLOURS["direct"], lw=1.2, ls=_DASHES[counts.index(s) % 6], zorder=1.5)
    alone = not any(c.is_prediction for c in curves)
    for curve in curves:
        which = styles.index(curve.style) if curve.style is not None else 0
        _draw_curve(ax, curve, which, limits.high, alone)
    ax.set_xlabel("size k (features trained)")
    ax.spines[["top", "right"]].set_visible(False)


def _plain_ticks(axis: Axis) -> None:
    """Plain numbers at 1, 2 and 5 times the powers of ten of a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _draw_curve(ax: Axes, curve: Curve, which: int, high: float, alone: bool) -> None:
    """A prediction as a line; a simulation as points, joined where there is no prediction."""
    colour = _COLOURS[curve.stage]
    if curve.is_prediction:
        x, y = curve.broken()
        ax.plot(x, y, color=colour, ls=_DASHES[which], lw=1.5, zorder=2)
        return
    ax.errorbar(
        curve.size,
        curve.centre,
        yerr=np.stack([curve.below, curve.above]),
        color=colour,
        marker=_MARKERS[which],
        ms=3.2,
        ls=_DASHES[which] if alone else "none",
        lw=0.7,
        elinewidth=0.9,
        zorder=3,
    )
    over = curve.size[np.isfinite(curve.centre) & (curve.centre > high)]
    if over.size:
        edge = ax.get_xaxis_transform()
        ax.plot(over, np.full(over.size, 0.985), color=colour, marker="^", ls="none", ms=5, transform=edge)


def _draw_marks(panels: Sequence[Axes], counts: Sequence[Sequence[int]], sample_sizes: Sequence[int]) -> int:
    """Thin lines at k = s (the counts of each panel) and k = n, labelled above the frames of all panels.

    Labels too close take rows of their own: the same row in all panels. Returns the number of rows.
    """
    steps: list[list[tuple[int, str] | None]] = [[(m, f"k = n = {m}")] * len(panels) for m in sample_sizes]
    steps += [[(s, f"k = s = {s}") if s is not None else None for s in step] for step in zip_longest(*counts)]
    rows: list[list[list[tuple[float, float]]]] = []  # for each row and panel, the ends of its labels
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


def _span(ax: Axes, value: int, text: str) -> tuple[float, float] | None:
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


def _title(curves: Sequence[Curve]) -> str:
    rules, counts = _distinct(c.rule for c in curves), _distinct(c.nonzeros for c in curves)
    return ", ".join([*rules, *(f"s = {s}" for s in counts)])


def _legend_entries(
    curves: Sequence[Curve], direct: dict[int, float], statistic: str, *, one_style: bool = False
) -> list[Any]:
    from matplotlib.lines import Line2D

    def entry(label: str, **style: Any) -> Line2D:
        return Line2D([], [], label=label, **style)

    stages = [s for s in STAGES if any(c.stage == s for c in curves)]
    entries = [entry(s, color=_COLOURS[s], lw=3) for s in stages]
    styles, counts = _distinct(c.style for c in curves), _distinct(c.nonzeros for c in curves)
    several = len(styles) > 1 and not one_style
    for i, s in enumerate(direct):
        dash = _DASHES[counts.index(s) % 6]
        if not one_style or i == 0:
            label = (
                "train s features directly" if one_style and len(direct) > 1 else f"train s = {s} directly"
            )
            entries.append(entry(label, color=_COLOURS["direct"], lw=1.2, ls=dash))
    if several:
        rules = {rule for rule, _ in styles}
        for i, (rule, s) in enumerate(styles):
            label = f"{rule}, s = {s}" if len(rules) > 1 and len(counts) > 1 else rule
            label = f"s = {s}" if len(rules) == 1 else label
            entries.append(entry(label, color="#7f7f7f", marker=_MARKERS[i], ms=4, ls=_DASHES[i], lw=1.2))
    measured = {c.label: c for c in curves if not c.is_prediction}
    for text, curve in measured.items():
        label = f"{text}: {_SPREADS[statistic]}" if curve.trials > 1 else text
        entries.append(entry(label, color="#7f7f7f", marker="o", ms=4, ls="none"))
    if any(c.is_prediction for c in curves):
        entries.append(entry("predicted", color="#7f7f7f", lw=1.5))
    return entries
