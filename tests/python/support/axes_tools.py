"""Made-up tables, whose every value is known, and what is drawn of them in the Axes."""

from __future__ import annotations

import matplotlib.lines
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

N = 100


SIZES = np.array([10, 20, 40, 80, 96, 100, 104, 150, 200, 400])


DIMS = ("rule", "size", "nonzeros")


def dense(sizes: np.ndarray = SIZES) -> np.ndarray:
    """A double descent: infinite at k = n."""
    with np.errstate(divide="ignore"):
        return 1.0 / np.abs(1 - np.minimum(sizes, N) / np.maximum(sizes, N)) ** 0.5 + 10.0 / sizes


def table(
    kind: str,
    rules: tuple[str, ...] = ("magnitude",),
    nonzeros: tuple[int, ...] = (20,),
    trials: int = 25,
    labels: bool = False,
    retrain: bool = True,
) -> xr.Dataset:
    """A table like those of simulate (finite at k = n, with noise) or predict."""
    middle = dense()
    if kind == "simulate":
        middle = np.where(np.isinf(middle), 1e6, middle)
    shift = 1 + 0.1 * np.arange(len(rules))[:, None, None] + 0.01 * np.array(nonzeros)
    pruned = np.where(SIZES[:, None] >= np.array(nonzeros), middle[:, None] * shift, np.nan)
    values = {"dense_risk": (("size",), middle), "pruned_risk": (DIMS, pruned)}
    if retrain:
        values["retrained_risk"] = (DIMS, np.where(np.isnan(pruned), np.nan, 1.5))
    if labels:
        values["dense_accuracy"] = (("size",), 1 / (1 + middle))
        values["pruned_accuracy"] = (DIMS, 1 / (1 + pruned))
    if kind == "simulate":
        noise = 1 + 0.1 * np.random.default_rng(0).standard_normal(trials)
        values = {
            k: (
                (*dims, "trial"),
                array[..., None] * (noise if k.endswith("risk") else np.ones(trials)),
            )
            for k, (dims, array) in values.items()
        }
    attributes = {"kind": kind, "n": N, "ridge": 0.0}
    return xr.Dataset(
        values, {"rule": list(rules), "size": SIZES, "nonzeros": list(nonzeros)}, attributes
    )


def points(ax: Axes) -> list[ErrorbarContainer]:
    return [c for c in ax.containers if isinstance(c, ErrorbarContainer)]


def curves(ax: Axes) -> list[matplotlib.lines.Line2D]:
    """The drawn predictions: solid lines without markers that are not straight marks."""
    return [line for line in ax.lines if line.get_marker() == "None" and len(line.get_xdata()) > 2]


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def legend_texts(ax: Axes) -> list[str]:
    legend = ax.get_legend() or ax.figure.legends[0]
    return [text.get_text() for text in legend.get_texts()]
