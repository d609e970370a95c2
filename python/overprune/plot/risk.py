"""Figures of the tables of `simulate` and `predict`, and of the coefficients and their law."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from .. import _validation as check
from ..problems.problem import Problem, as_problem
from .curves import QUANTITIES, Curve, Selection, collect, direct_training, sample_sizes
from .histogram import Setting, draw_stages, simulated
from .panel import MARKERS, Limits, LogScale, distinct, draw, draw_marks, legend_entries, limits_of
from .phase_panel import draw_phase

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["coefficients", "phase", "risk", "risk_grid"]

_Y_LABELS = {"risk": "test risk", "accuracy": "test accuracy", "error": "test error (1 − accuracy)"}
_BELOW: dict[str, Any] = dict(loc="outside lower center", ncols=3, frameon=False, fontsize="small")  # noqa: C408
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
        "error" is 1 - accuracy; both need tables of a problem with class labels.
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
    ax.set_ylabel(_Y_LABELS[chosen.quantity])
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

    figure, panels = plt.subplots(
        len(rows),
        len(rows[0]),
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


def coefficients(
    problem: Problem,
    n: int,
    size: int,
    nonzeros: int,
    *,
    rule: str = "magnitude",
    retrain: bool = True,
    ridge: float = 0.0,
    retrain_ridge: float = 0.0,
    target: int = 0,
    trials: int = 10,
    draws: int = 2048,
    seed: int = 0,
    bins: int = 40,
) -> Figure:
    """Draws the coefficients of simulated models as histograms, and their law as lines.

    A panel for each stage: all coefficients of the dense model, those that survive pruning, and the
    same after retraining. The lines are `coefficient_density`, for which no data are drawn; dotted
    lines show the threshold of `survival` where it is one for all features.

    Parameters
    ----------
    problem : LinearGaussianProblem, RandomFeatureProblem or DataProblem
    n : int
        Samples, at least 1.
    size : int
        In [1, p]: the first `size` features are trained.
    nonzeros : int
        Survivors, in [1, size].
    rule : {"magnitude", "hessian", "oracle", "random"}, default "magnitude"
    retrain : bool, default True
        Whether to draw the retrained model too.
    ridge, retrain_ridge : float, default 0.0
        Of the first and of the second training, at least 0.
    target : int, default 0
        Which target's coefficients to draw, in [0, m).
    trials : int, default 10
        Simulated models, at least 1; their coefficients are pooled.
    draws : int, default 2048
        Draws of the law where it has no closed form, at least 1; see `coefficient_density`.
    seed : int, default 0
        In [0, 2**64): of the simulation and the draws.
    bins : int, default 40
        Of the histogram, at least 1.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, or coefficients have infinite variance:
        without ridge at size == n, or after retraining at nonzeros == n.

    Examples
    --------
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem([0.5] * 40, op.spectra.isotropic(40), noise_std=0.3)
    >>> figure = op.plot.coefficients(problem, n=20, size=40, nonzeros=10)
    >>> [axes.get_title() for axes in figure.axes]
    ['dense: all 40', 'pruned: the 10 survivors', 'retrained survivors']
    """
    as_problem(problem)
    features = check.integer(size, "size", lowest=1, highest=problem.p)
    setting = Setting(
        check.integer(n, "n", lowest=1),
        features,
        check.integer(nonzeros, "nonzeros", lowest=1, highest=features),
        check.choice(rule, "rule", check.RULES),
        check.flag(retrain, "retrain"),
        check.nonnegative(ridge, "ridge"),
        check.nonnegative(retrain_ridge, "retrain_ridge"),
        check.seed(seed),
    )
    problem.check_run([setting.n], [setting.rule])
    which = check.integer(target, "target", lowest=0, highest=problem.targets - 1)
    count = check.integer(trials, "trials", lowest=1, highest=2**31)
    number = check.integer(draws, "draws", lowest=1, highest=2**31)
    cells = check.integer(bins, "bins", lowest=1, highest=10_000)
    values = simulated(problem, setting, count, which)
    return draw_stages(problem, setting, values, which, number, cells)


def phase(
    table: xr.Dataset,
    *,
    versus: str = "direct",
    limit: float | None = None,
    regions: bool = True,
    colourbar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draws a phase diagram: where training large and pruning beats training s features directly.

    The colour is the ratio of the two risks on a logarithmic scale, blue where pruning wins and red
    where it loses; a black line marks where they are equal. Dotted lines part the regions of the
    best rule and stage.

    Parameters
    ----------
    table : xarray.Dataset
        Result of `overprune.phase`.
    versus : {"direct", "oracle"}, default "direct"
        Training the first s features, or the best s, which nobody knows.
    limit : float, optional
        Ratio at which the colours end (so do they at 1 / limit), above 1; by default one that most
        of the plane lies within.
    regions : bool, default True
        Whether to mark and name the best rule and stage.
    colourbar : bool, default True
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above; the message names it.

    Examples
    --------
    >>> import overprune as op
    >>> spectrum = op.Spectrum([25.0, 1.0], [0.1, 0.9], [1.0, 1.0], noise_std=0.3)
    >>> values = [0.1, 0.2, 0.3, 0.5]
    >>> table = op.phase(spectrum, ("n_over_p", values), ("nonzeros_over_p", values))
    >>> op.plot.phase(table).get_xlabel()
    'n / p (samples for each feature)'
    """
    import xarray as xr
    from matplotlib.axes import Axes

    if not isinstance(table, xr.Dataset) or table.attrs.get("kind") != "phase":
        came = (
            f"one of {table.attrs.get('kind')}"
            if isinstance(table, xr.Dataset)
            else check.shown(table)
        )
        raise TypeError(f"table must be a result of overprune.phase, got {came}")
    check.choice(versus, "versus", ("direct", "oracle"))
    if limit is not None and check.nonnegative(limit, "limit") <= 1.0:
        raise ValueError(f"limit must be above 1, got {limit}")
    if ax is not None and not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes, got {ax!r}")
    named, barred = check.flag(regions, "regions"), check.flag(colourbar, "colourbar")
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(6.0, 4.6), layout="constrained")
    draw_phase(ax, table, versus, limit, named, barred)
    return ax


def _draw_row(
    axes: Sequence[Axes],
    tables: Sequence[xr.Dataset],
    cells: Sequence[Selection],
    logy: LogScale,
    logx: bool,
) -> tuple[list[list[Curve]], dict[int, float]]:
    """Draws panels that share a vertical axis; returns their curves and the levels of direct
    training."""
    drawn = [collect(tables, cell, "risk_grid") for cell in cells]
    directs = [
        direct_training(tables, cell, curves) for cell, curves in zip(cells, drawn, strict=True)
    ]
    marks, quantity = sample_sizes(tables, cells[0]), cells[0].quantity
    pairs = list(zip(drawn, directs, strict=True))
    each = [limits_of(c, direct, marks, quantity, logy) for c, direct in pairs]
    if any(
        limits.log for limits in each
    ):  # then all: the linear panel's limit of 0 has no logarithm
        each = [limits_of(c, direct, marks, quantity, True) for c, direct in pairs]
    limits = reduce(Limits.union, each)
    for ax, pair in zip(axes, pairs, strict=True):
        draw(ax, *pair, limits, logx)
    axes[0].set_ylabel(_Y_LABELS[quantity])
    return drawn, {s: value for direct in directs for s, value in direct.items()}


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
