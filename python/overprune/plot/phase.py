"""Phase diagrams: where training large and pruning wins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validation as check
from .panel import plain_ticks

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_LABELS = {
    "n": "n (samples)",
    "n_over_p": "n / p (samples for each feature)",
    "nonzeros": "s (features kept)",
    "nonzeros_over_p": "s / p (share of features kept)",
}
_RIVALS = {"direct": "training the first s directly", "oracle": "training the best s directly"}
_NONE = "#d9d9d9"  # where nothing is larger than s
_SMALLEST = math.log(1.1)  # the colours reach at least 10 % either way
_LARGEST = math.log(20.0)


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

    is_table = isinstance(table, xr.Dataset)
    kind = table.attrs.get("kind") if is_table else None
    if kind != "phase":
        came = f"one of {kind}" if is_table else check.shown(table)
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
    _draw_phase(ax, table, versus, limit, named, barred)
    return ax


def _draw_phase(
    ax: Axes, table: xr.Dataset, versus: str, limit: float | None, regions: bool, colourbar: bool
) -> None:
    from matplotlib.colors import TwoSlopeNorm
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    table = _plane(table, f"{versus}_risk")
    y_name, x_name = (str(d) for d in table["ratio"].dims)
    x, y = table[x_name].values, table[y_name].values
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(table["risk"].values / table[f"{versus}_risk"].values)
    ratio[np.isnan(ratio) & (table["risk"].values == 0)] = 0.0  # both are 0
    known = ratio[~np.isnan(ratio)]
    top = math.log(limit) if limit is not None else _limit(ratio)
    ax.set_facecolor(_NONE)
    mesh = ax.pcolormesh(
        _edges(x),
        _edges(y),
        np.clip(ratio, -top, top),
        cmap="RdBu_r",
        norm=TwoSlopeNorm(0.0, -top, top),
        rasterized=True,
    )
    for axis, values, set_scale in ((ax.xaxis, x, ax.set_xscale), (ax.yaxis, y, ax.set_yscale)):
        if _is_log(values):
            set_scale("log")
            plain_ticks(axis)
    if min(ratio.shape) > 1:
        if regions:
            _draw_regions(ax, x, y, table)
        if known.size and known.min() < 0 < known.max():
            clipped = np.clip(ratio, -top, top)
            lines = ax.contour(x, y, clipped, [0.0], colors="black", linewidths=1.8)
            ax.clabel(lines, fmt={0.0: "equal"}, fontsize="small")
    ax.set_xlabel(_LABELS.get(x_name, x_name.replace("_", " ")))
    ax.set_ylabel(_LABELS.get(y_name, y_name.replace("_", " ")))
    if colourbar:
        bar = ax.figure.colorbar(
            mesh, ax=ax, extend="both" if np.any(abs(known) > top) else "neither"
        )
        ticks = _ticks(top)
        bar.ax.yaxis.set_major_locator(FixedLocator([math.log(t) for t in ticks]))
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{math.exp(v):.3g}"))
        quantity = table.attrs.get("quantity", "risk")
        bar.set_label(
            f"{quantity} of training large and pruning\n÷ {quantity} of {_RIVALS[versus]}"
        )


def _plane(table: xr.Dataset, rival: str) -> xr.Dataset:
    """The table over two dimensions, of length one where a value was selected.

    Its coordinates n, nonzeros and p are no axes where they only follow from shares of p.
    """
    missing = [name for name in ("ratio", "risk", rival, "rule", "stage") if name not in table]
    if missing:
        raise ValueError(f"table must have {', '.join(missing)}, which it has not")
    empty = [str(dim) for dim, length in table.sizes.items() if length == 0]
    if empty:
        raise ValueError(f"table must not be empty, got one with no {', '.join(empty)}")
    dims = [str(dim) for dim in table["ratio"].dims]
    if len(dims) == 2:
        return table
    scalar = [str(name) for name in table.coords if table[name].ndim == 0]
    follow = {"p", *(name for name in ("n", "nonzeros") if f"{name}_over_p" in table.coords)}
    axes = [*dims, *(name for name in scalar if name not in follow)]
    if len(axes) != 2:
        raise ValueError(
            f"table must be over two dimensions, got ratio over {', '.join(dims) or 'none'}"
        )
    axes.sort(key=lambda name: not name.startswith("nonzeros"))  # the vertical axis first
    lost = [name for name in axes if name in scalar]
    kept = table.drop_vars([name for name in table.coords if name not in axes])
    return kept.expand_dims(lost).transpose(*axes)


def _limit(ratio: Any) -> float:
    """The ratio at which colours end: most of the plane lies within, the peak at s = n outside."""
    finite = np.abs(ratio[np.isfinite(ratio)])
    usual = float(np.quantile(finite, 0.85)) if finite.size else 0.0
    return min(max(usual, _SMALLEST), _LARGEST)


def _ticks(top: float) -> list[float]:
    """Round ratios for the colour bar: the coarsest scale with two on either side of 1."""
    inside = [math.exp(-top), 1.0, math.exp(top)]
    for ticks in (
        (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0),
        (0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.6, 2.0, 2.5),
        (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4),
        (0.9, 0.95, 1.0, 1.05, 1.1),
    ):
        found = [t for t in ticks if abs(math.log(t)) <= top * 1.0001]
        if sum(t > 1.0 for t in found) >= 2 <= sum(t < 1.0 for t in found):
            return found
    return inside


def _edges(values: Any) -> Any:
    """The cells' edges: midpoints between the centres, in the logarithm where the axis has one."""
    if len(values) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    centres = np.log(values) if _is_log(values) else values
    middle = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - middle[0], 2 * centres[-1] - middle[-1]
    edges = np.concatenate([[first], middle, [last]])
    return np.exp(edges) if _is_log(values) else edges


def _is_log(values: Any) -> bool:
    """Whether ratios are nearer to constant than differences."""
    if len(values) < 3 or values[0] <= 0:
        return False
    steps, ratios = np.diff(values), np.diff(np.log(values))
    return bool(ratios.std() / ratios.mean() < steps.std() / steps.mean())


def _draw_regions(ax: Axes, x: Any, y: Any, table: xr.Dataset) -> None:
    """Borders between the best ways to prune, and their names where there is room."""
    from matplotlib.patheffects import withStroke

    rules, stages = table["rule"].values, table["stage"].values
    names = np.char.add(np.char.add(rules.astype(str), "\n"), stages.astype(str))
    for name in np.unique(names):
        inside = names == name
        if not inside.all():
            ax.contour(x, y, inside, [0.5], colors="#333333", linewidths=0.7, linestyles=":")
        if name == "\n" or inside.mean() < 0.03:
            continue
        j, i = _middle(inside)
        text = ax.annotate(
            str(name),
            (x[i], y[j]),
            ha="center",
            va="center",
            fontsize="x-small",
            color="#222222",
            linespacing=0.95,
        )
        text.set_path_effects([withStroke(linewidth=2.2, foreground="white", alpha=0.75)])


def _middle(inside: Any) -> tuple[int, int]:
    """The cell of a region that is farthest from its border, found by peeling off layers."""
    core = inside
    while True:
        padded = np.pad(core, 1)
        peeled = core & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        if not peeled.any():
            break
        core = peeled
    cells = np.argwhere(core)
    j, i = cells[np.argmin(((cells - cells.mean(axis=0)) ** 2).sum(axis=1))]
    return int(j), int(i)
