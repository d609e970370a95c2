"""Test risk against size: one panel (`risk`) or one for each rule or nonzeros (`risk_grid`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from .. import _validation as check
from .curves import (
    QUANTITIES,
    Curve,
    Selection,
    collect,
    direct_training,
    main_quantity,
    sample_sizes,
)
from .panel import MARKERS, Limits, LogScale, distinct, draw, draw_marks, legend_entries, limits_of

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_Y_LABELS = {"risk": "test risk", "accuracy": "test accuracy", "error": "test error (1 − accuracy)"}
_BELOW: dict[str, Any] = {
    **{"loc": "outside lower center", "ncols": 3},
    **{"frameon": False, "fontsize": "small"},
}
_INSIDE: dict[str, Any] = {"loc": "best", "fontsize": "small", "framealpha": 0.85}


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

    The colour tells the stage (dense, pruned, compensated, retrained), marker and dashes tell the
    rule or the number of nonzeros. Thin vertical lines mark k = s and k = n; a horizontal one shows
    the risk of training s features directly, which is the dense risk at size s where the tables
    hold that size. The peak at k = n does not rule the scale: points above the axis are drawn as
    triangles at its upper edge.

    Parameters
    ----------
    *tables : xarray.Dataset
        Results of `simulate` and `predict`, at least one.
    stages : str or sequence of str, optional
        Of "dense", "pruned", "compensated", "retrained"; every stage in the tables if not given.
    rule, nonzeros : optional
        Which rules and numbers of nonzeros to draw, one or several; all if not given.
    n, ridge : int, float, optional
        Which n or ridge to draw, where a table has that dimension.
    quantity : {"risk", "accuracy", "error"}
        "error" is 1 - accuracy, or the error itself of classifiers; both need tables of a problem
        with class labels.
    statistic : {"mean", "median"}
        Centre of the points over trials. Error bars are the standard error of the mean, or the
        order statistics at ranks T/2 -+ sqrt(T)/2 of T trials: a 68 % interval of the median that
        heavy tails do not spoil.
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
    draw(ax, curves, direct, limits_of(curves, direct, marks, chosen.quantity, scale), logx)
    draw_marks([ax], [distinct(c.nonzeros for c in curves)], marks)
    ax.set_ylabel(_y_label(tables, chosen.quantity))
    if legend:
        entries = legend_entries(curves, direct, chosen.statistic)
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

    One column for each rule if there are several, else for each number of nonzeros; a row for each
    quantity (and number of nonzeros, where both vary).

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
        raise TypeError(
            f"quantity must be one or several of {', '.join(QUANTITIES)}; got {quantity!r}"
        )
    quantities = [quantity] if isinstance(quantity, str) else list(quantity)
    if not quantities:
        raise ValueError(f"quantity must not be empty; allowed: {', '.join(QUANTITIES)}")
    scale, logx = _log_scale(logy), check.flag(logx, "logx")
    views = [Selection.of(stages, rule, nonzeros, n, ridge, q, statistic) for q in quantities]
    found = [c for view in views for c in collect(tables, view, "risk_grid")]
    rules, counts = distinct(c.rule for c in found), distinct(c.nonzeros for c in found)
    if len(rules) > 1:
        rows = [
            [view.narrowed(rule=r, nonzeros=s) for r in rules] for view in views for s in counts
        ]
    else:
        rows = [[view.narrowed(nonzeros=s) for s in counts or [None]] for view in views]

    import matplotlib.pyplot as plt

    from .notebook import PanelFigure

    figure, panels = plt.subplots(
        len(rows),
        len(rows[0]),
        FigureClass=PanelFigure,
        figsize=(max(3.7 * len(rows[0]), 7.4), 0.9 + 3.1 * len(rows)),
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
    counts_shown = [distinct(c.nonzeros for c in curves) for curves in drawn]
    levels = draw_marks(panels.ravel().tolist(), counts_shown, sample_sizes(tables, rows[0][0]))
    for ax, curves in zip(panels.flat, drawn, strict=True):
        ax.set_title(_title(curves), fontsize="medium", pad=4 + 9 * levels)
    for above, below in zip(panels[:-1].flat, panels[1:].flat, strict=True):
        above.set_xlabel("")
        if below.get_title() == above.get_title():
            below.set_title("")
    figure.legend(handles=legend_entries(found, lines, statistic, one_style=True), **_BELOW)
    return figure


def _draw_row(
    axes: Sequence[Axes],
    tables: Sequence[xr.Dataset],
    cells: Sequence[Selection],
    logy: LogScale,
    logx: bool,
) -> tuple[list[list[Curve]], dict[int, float]]:
    """Draws panels that share a vertical axis; returns curves and levels of direct training."""
    drawn = [collect(tables, cell, "risk_grid") for cell in cells]
    directs = [
        direct_training(tables, cell, curves) for cell, curves in zip(cells, drawn, strict=True)
    ]
    marks, quantity = sample_sizes(tables, cells[0]), cells[0].quantity
    pairs = list(zip(drawn, directs, strict=True))
    each = [limits_of(c, direct, marks, quantity, logy) for c, direct in pairs]
    if any(limits.log for limits in each):  # then all: a linear panel's limit of 0 has no logarithm
        each = [limits_of(c, direct, marks, quantity, True) for c, direct in pairs]
    limits = reduce(Limits.union, each)
    for ax, pair in zip(axes, pairs, strict=True):
        draw(ax, *pair, limits, logx)
    axes[0].set_ylabel(_y_label(tables, quantity))
    return drawn, {s: value for direct in directs for s, value in direct.items()}


def _y_label(tables: Sequence[xr.Dataset], quantity: str) -> str:
    """The quantity in words; tables of classifiers hold the error itself."""
    if quantity == "error" and main_quantity(tables) == "error":
        return "test error"
    return _Y_LABELS[quantity]


def _log_scale(logy: Any) -> LogScale:
    if isinstance(logy, str) and logy == "auto":
        return "auto"
    if isinstance(logy, str):
        raise ValueError(f'logy must be True, False or "auto"; got {logy!r}')
    return check.flag(logy, "logy")


def _refuse_clutter(curves: Sequence[Curve]) -> None:
    styles = len({c.style for c in curves if c.style is not None})
    if styles > len(MARKERS):
        raise ValueError(
            f"one panel holds at most {len(MARKERS)} pairs of rule and nonzeros, got {styles}; "
            "choose some by rule= and nonzeros=, or use risk_grid"
        )


def _title(curves: Sequence[Curve]) -> str:
    rules, counts = distinct(c.rule for c in curves), distinct(c.nonzeros for c in curves)
    return ", ".join([*rules, *(f"s = {s}" for s in counts)])
