"""Figures of the tables of `width_sweep`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validation as check
from ..plot.panel import COLOURS, MARKERS, plain_ticks
from .table import check_table, summarize

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STAGES = ("dense", "pruned", "retrained")
_TITLES = {
    "equal_nonzeros": "equal nonzeros: every width keeps P(s) weights",
    "width_ratio": "width ratio: width k keeps P(k) s/k weights",
}
_SHADES = (1.0, 0.62, 0.38, 0.25)
_NAME_HEIGHT = 0.075  # of two lines of small text, as a part of a panel's height


def plot(
    *tables: xr.Dataset,
    predicted: xr.Dataset | None = None,
    stages: str | Iterable[str] | None = None,
    nonzeros: int | Iterable[int] | None = None,
    quantity: str | Iterable[str] = "test_error",
    logy: bool = False,
    interpolation: float | None = None,
) -> Figure:
    """Draw error against width: means over repeats, standard errors, a panel for each table.

    The colour tells the stage - dense, pruned, retrained - and, with several s, shade and marker
    the s. A dashed line is the dense network of width s, which pruned networks of equal nonzeros
    are to beat. A dotted one marks the least width that interpolates: whose mean training error is
    below 1 %, or as given.

    Parameters
    ----------
    *tables : xarray.Dataset
        Of `width_sweep`, at least one.
    predicted : xarray.Dataset, optional
        Of `predict_sweep`, drawn as lines into every panel; the tables are points then.
    stages : str or sequence of str, optional
        Of "dense", "pruned", "retrained"; dense and retrained by default, all with `predicted`.
    nonzeros : int or sequence of int, optional
        Which s; all by default.
    quantity : str or sequence of str, default "test_error"
        Or "test_loss", "train_error", ...; several make a row of panels each.
    logy : bool, default False
        Logarithmic error axis.
    interpolation : float, optional
        The width to mark instead; of random features the number of training rows.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    TypeError, ValueError
        If an argument is not what is said above.

    Examples
    --------
    >>> import functools
    >>> from overprune import networks
    >>> model = functools.partial(networks.two_layer, inputs=64)
    >>> data, training = networks.digits(train_rows=100), networks.Training(epochs=1)
    >>> table = networks.width_sweep(model, data, [2, 4], [2], training=training, repeats=2)
    >>> networks.plot(table).axes[0].get_xlabel()
    'width k'
    """
    if not tables:
        raise ValueError("tables must not be empty")
    for table in (*tables, *(() if predicted is None else (predicted,))):
        check_table(table)
    default = STAGES if predicted is not None else ("dense", "retrained")
    names = default if stages is None else (stages,) if isinstance(stages, str) else tuple(stages)
    for i, stage in enumerate(names):
        check.choice(stage, f"stages[{i}]", STAGES)
    quantities = (quantity,) if isinstance(quantity, str) else tuple(quantity)
    _check_quantities(quantities, tables[0])
    kept = tables[0].nonzeros.values.tolist()
    if nonzeros is not None:
        kept = check.increasing(nonzeros, "nonzeros")
    missing = [s for s in kept for table in tables if s not in table.nonzeros.values]
    if missing:
        raise ValueError(f"nonzeros must be in the tables, got {missing[0]}")
    check.flag(logy, "logy")

    import matplotlib.pyplot as plt

    from ..plot.notebook import PanelFigure

    count, rows = len(tables), len(quantities)
    figure, panels = plt.subplots(
        rows,
        count,
        FigureClass=PanelFigure,
        figsize=(max(6.4, 5.2 * count), 1.6 + 3.2 * rows),
        squeeze=False,
        sharey="row",
        layout="constrained",
    )
    for row, name in zip(panels, quantities, strict=True):
        for ax, table in zip(row, tables, strict=True):
            joined = predicted is None
            _draw(ax, summarize(table), names, kept, name, points=True, joined=joined)
            if predicted is not None:
                _draw(ax, summarize(predicted), names, kept, name, points=False, joined=True)
            _mark(ax, table, interpolation)
            _dress(ax, table, logy)
            if count > 1 and name == quantities[0]:
                ax.set_title(_title(table, tables), fontsize="medium")
        row[0].set_ylabel(_label(name, tables[0]))
        for ax, table in zip(row, tables, strict=True):  # once the axis that they share is final
            _direct(ax, table if predicted is None else predicted, kept, name)
    for ax in panels[-1]:
        ax.set_xlabel("width k")
    _legend(figure, panels[0][0], predicted is not None)
    return figure


def _check_quantities(quantities: tuple[str, ...], table: xr.Dataset) -> None:
    names = [str(name) for name in table.data_vars]
    known = [name.removeprefix("dense_") for name in names if name.startswith("dense_")]
    if not quantities:
        raise ValueError("quantity must not be empty")
    for one in quantities:
        check.choice(one, "quantity", tuple(known))


def _title(table: xr.Dataset, tables: tuple[xr.Dataset, ...]) -> str:
    """What tells a table from the others."""
    keys = ("model", "rule", "scope", "retrain")
    differing = [key for key in keys if len({t.attrs[key] for t in tables}) > 1]
    parts = [f"{key} {str(table.attrs[key]).rpartition('.')[2]}" for key in differing]
    if len({t.attrs["keep"] for t in tables}) > 1 or not parts:
        parts.append(_TITLES[str(table.attrs["keep"])])
    return ", ".join(parts)


def _draw(
    ax: Axes,
    means: xr.Dataset,
    stages: Iterable[str],
    kept: list[int],
    quantity: str,
    *,
    points: bool,
    joined: bool,
) -> None:
    width = means.width.values
    for stage in stages:
        name = f"{stage}_{quantity}"
        for i, s in enumerate([None] if stage == "dense" else kept):
            chosen = means if s is None else means.sel(nonzeros=s)
            y = chosen[name].values
            error = np.nan_to_num(chosen[f"{name}_stderr"].values)
            label = stage if s is None else f"{stage}, s = {s}"
            style: dict[str, Any] = {"color": _shade(COLOURS[stage], i), "lw": 1.4}
            if points:
                style |= {
                    "ls": "-" if joined else "",
                    "marker": MARKERS[i % 6],
                    "ms": 4.5,
                    "capsize": 2,
                }
                ax.errorbar(width, y, yerr=error, label=label, zorder=3, **style)
            else:
                ax.plot(*_broken_at(width, y, means), zorder=2, **style)


def _broken_at(width: Any, y: Any, means: xr.Dataset) -> tuple[Any, Any]:
    """A predicted line with a gap at the number of training rows, where risks diverge."""
    rows = float(means.attrs["train_rows"])
    at = int(np.searchsorted(width, rows))
    return np.insert(width.astype(float), at, rows), np.insert(y, at, np.nan)


def _shade(colour: str, i: int) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    part = _SHADES[min(i, len(_SHADES) - 1)]
    red, green, blue = (1 - part * (1 - channel) for channel in to_rgb(colour))
    return red, green, blue


def _direct(ax: Axes, table: xr.Dataset, kept: list[int], quantity: str) -> None:
    """Lines at the error of dense networks of width s, where the table has them."""
    lines = []
    for i, s in enumerate(kept):
        if s in table.width.values:
            value = float(table[f"dense_{quantity}"].sel(width=s).mean("repeat"))
            ax.axhline(value, color=_shade(COLOURS["direct"], i), ls=(0, (5, 2)), lw=1.1, zorder=1)
            lines.append((value, s))
    for group in _close_together(ax, sorted(line for line in lines if np.isfinite(line[0]))):
        middle = sum(value for value, _ in group) / len(group)
        names = ", ".join(str(s) for s in sorted(s for _, s in group))
        ax.annotate(
            f"dense,\nk = {names}", (1.0, middle), xycoords=("axes fraction", "data"),
            xytext=(4, 0), textcoords="offset points", ha="left", va="center", fontsize="x-small",
            color=_shade(COLOURS["direct"], 0),
        )  # fmt: skip


def _close_together(ax: Axes, lines: list[tuple[float, int]]) -> list[list[tuple[float, int]]]:
    """Lines in groups whose names would lie over one another."""
    groups: list[list[tuple[float, int]]] = []
    to_axes = ax.transScale + ax.transLimits
    last = -np.inf
    for value, s in lines:
        height = to_axes.transform((1.0, value))[1]
        if height - last < _NAME_HEIGHT:
            groups[-1].append((value, s))
        else:
            groups.append([(value, s)])
        last = height
    return groups


def _mark(ax: Axes, table: xr.Dataset, interpolation: float | None) -> None:
    if interpolation is None:
        fitted = table.dense_train_error.mean("repeat").values < 0.01
        if not fitted.any() or not table.attrs["classes"]:
            return
        interpolation = float(table.width.values[fitted.argmax()])
    ax.axvline(interpolation, color="0.55", ls=":", lw=1.2, zorder=1)
    room = table.width.values.max() > 2 * interpolation  # to the right of the line
    ax.annotate(
        "interpolation", (interpolation, 1.0), xycoords=("data", "axes fraction"),
        xytext=(3 if room else -3, -3), textcoords="offset points", ha="left" if room else "right",
        va="top", fontsize="x-small", color="0.35",
    )  # fmt: skip


def _dress(ax: Axes, table: xr.Dataset, logy: bool) -> None:
    width = table.width.values
    ax.set_xscale("log")
    plain_ticks(ax.xaxis)
    ax.set_xlim(width.min() / 1.15, width.max() * 1.15)
    if logy:
        ax.set_yscale("log")
        plain_ticks(ax.yaxis)
    ax.spines[["top", "right"]].set_visible(False)


def _label(quantity: str, table: xr.Dataset) -> str:
    part, _, what = quantity.partition("_")
    squared = what == "error" and not table.attrs["classes"]
    return f"{part} {'squared error' if squared else what}"


def _legend(figure: Figure, ax: Axes, with_lines: bool) -> None:
    handles, labels = ax.get_legend_handles_labels()
    title = "mean ± standard error over repeats" + ("; lines: predict" if with_lines else "")
    figure.legend(
        handles, labels, title=title, title_fontsize="small", loc="outside lower center",
        ncols=min(5, len(labels)),
        frameon=False, fontsize="small",
    )  # fmt: skip
