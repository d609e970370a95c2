"""Histograms of simulated coefficients, with their law as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validation as check
from .._validation import FloatArray
from ..fits.least_squares import as_data
from ..fits.prune_path import fitted_path
from ..losses import Loss
from ..problems.problem import Problem, as_problem
from ..theory.density import coefficient_density
from ..theory.laws import CheckedPoint, survival
from .panel import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELLS, _DRAWN_CELLS = 200, 100  # of the law's line: a closed form, and where draws are counted
_SHOWN = 0.999  # share of the coefficients that the axis must hold


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
    loss: str | Loss = "square",
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
    problem : Problem
    n : int
        Samples, at least 1.
    size : int
        In [1, p]: the first `size` features are trained.
    nonzeros : int
        Survivors, in [1, size].
    rule : str, default "magnitude"
        A pruning rule, as in `importance`.
    retrain : bool, default True
        Whether to draw the retrained model too.
    ridge, retrain_ridge : float, default 0.0
        Of the first and of the second training, at least 0.
    loss : {"square", "logistic", "hinge"} or Loss, default "square"
        Of both trainings; all but "square" need labels.
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
        without ridge at size == n, or after retraining at nonzeros == n; or if the equations of a
        classifier have not been solved.

    Examples
    --------
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem([0.5] * 40, op.spectra.isotropic(40), noise_std=0.3)
    >>> figure = op.plot.coefficients(problem, n=20, size=40, nonzeros=10)
    >>> [axes.get_title() for axes in figure.axes]
    ['dense: all 40', 'pruned: the 10 survivors', 'retrained survivors']
    """
    as_problem(problem)
    point = CheckedPoint.of(
        *(problem, n, size, nonzeros, rule, retrain, ridge, retrain_ridge, loss),
        user="plot.coefficients",
    )
    key = check.seed(seed)
    problem.check_run([point.n], [point.rule])
    which = check.integer(target, "target", lowest=0, highest=problem.targets - 1)
    count = check.integer(trials, "trials", lowest=1, highest=2**31)
    number = check.integer(draws, "draws", lowest=1, highest=2**31)
    cells = check.integer(bins, "bins", lowest=1, highest=10_000)
    values = simulated(problem, point, count, which, key)
    edges = _CELLS if _is_closed(point) else _DRAWN_CELLS
    grids = {stage: np.linspace(*_range(found), edges + 1) for stage, found in values.items()}
    densities = _laws(point, grids, which, number, key)
    return draw_stages(point, values, grids, densities, cells)


def _is_closed(point: CheckedPoint) -> bool:
    return point.linear.covariance.ndim == 1 and point.linear.targets == 1


def _laws(
    point: CheckedPoint, grids: dict[str, FloatArray], target: int, draws: int, seed: int
) -> list[FloatArray]:
    """Density of each stage in the cells of its own grid of edges."""
    edges = np.unique(np.concatenate(list(grids.values())))
    table = coefficient_density(
        point.linear,
        point.n,
        point.size,
        point.nonzeros,
        edges,
        rule=point.rule,
        retrain=point.retrain,
        ridge=point.ridge,
        retrain_ridge=point.retrain_ridge,
        loss=point.loss,
        draws=draws,
        seed=seed,
    )
    found = []
    for stage, grid in grids.items():
        mass = np.atleast_2d(table[stage].values)[target] * table.width.values
        below = np.concatenate([[0.0], np.cumsum(mass)])
        found.append(np.diff(below[np.searchsorted(edges, grid)]) / np.diff(grid))
    return found


def _threshold(at: CheckedPoint) -> float | None:
    """The |theta_i| that survivors exceed, where that is one number."""
    if at.rule != "magnitude" or at.linear.targets > 1 or at.nonzeros == at.size:
        return None
    found = survival(at.linear, at.n, at.size, at.nonzeros, ridge=at.ridge, loss=at.loss, draws=64)
    return float(found.threshold)


def simulated(
    problem: Problem, at: CheckedPoint, trials: int, target: int, seed: int
) -> dict[str, FloatArray]:
    """Coefficients of one target in all trials, for each stage: (trials, features or survivors)."""
    part = at.linear.restrict(at.size)
    variances = part.covariance if part.covariance.ndim == 1 else np.diagonal(part.covariance)
    found: dict[str, list[FloatArray]] = {"dense": [], "surviving": [], "retrained": []}
    for trial in range(trials):
        X, y = problem.sample(at.n, seed=seed, stream=trial)
        path = fitted_path(
            as_data(X[:, : at.size], y),
            [at.size],
            [at.nonzeros],
            rules=(at.rule,),
            retrain=at.retrain,
            ridge=at.ridge,
            retrain_ridge=at.retrain_ridge,
            loss=at.loss,
            curvature=None if problem.curvature == "sample" else variances,
            truth=np.linalg.norm(part.beta.reshape(at.size, -1), axis=1),
            seed=seed,
            stream=trial,
        )
        keep = path.support(at.rule, at.size, at.nonzeros)
        found["dense"].append(_of_target(path.dense[0], target))
        found["surviving"].append(found["dense"][-1][keep])
        if at.retrain:
            again = path.retrained(at.rule, at.size, at.nonzeros)
            found["retrained"].append(_of_target(again, target)[keep])
    return {stage: np.array(values) for stage, values in found.items() if values}


def _of_target(theta: FloatArray, target: int) -> FloatArray:
    return theta if theta.ndim == 1 else theta[:, target]


def draw_stages(
    at: CheckedPoint,
    values: dict[str, FloatArray],
    grids: dict[str, FloatArray],
    densities: list[FloatArray],
    bins: int,
) -> Figure:
    """One panel a stage: histogram as bars, law as a line, threshold as dotted lines."""
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from .notebook import PanelFigure

    figure, panels = plt.subplots(
        1,
        len(values),
        FigureClass=PanelFigure,
        figsize=(3.5 * len(values), 3.4),
        layout="constrained",
        squeeze=False,
    )
    threshold = _threshold(at)
    for ax, stage, density in zip(panels[0], values, densities, strict=True):
        _draw_panel(ax, stage, values[stage], grids[stage], density, bins)
        if threshold is not None and stage != "retrained":
            for x in (-threshold, threshold):
                if grids[stage][0] < x < grids[stage][-1]:
                    ax.axvline(x, color="#7f7f7f", lw=0.9, ls=":")
    panels[0, 0].set_ylabel("density")
    titles = {
        "dense": f"dense: all {at.size:,}",
        "surviving": f"pruned: the {at.nonzeros:,} survivors",
        "retrained": "retrained survivors",
    }
    for ax, stage in zip(panels[0], values, strict=True):
        ax.set_title(titles[stage], fontsize="medium")
    trials = len(values["dense"])
    grey = "#7f7f7f"
    entries: list[Any] = [
        Patch(facecolor=grey, alpha=0.35, label=f"simulated, {trials} trial{'s' * (trials > 1)}"),
        Line2D([], [], color=grey, lw=1.6, label="predicted law"),
    ]
    if threshold is not None:
        entries.append(Line2D([], [], color=grey, lw=0.9, ls=":", label="threshold of pruning"))
    figure.legend(
        handles=entries, loc="outside lower center", ncols=3, frameon=False, fontsize="small"
    )
    return figure


def _range(coefficients: FloatArray) -> tuple[float, float]:
    """Limits that hold nearly all coefficients, and zero."""
    tail = (1 - _SHOWN) / 2
    low, high = np.quantile(coefficients, [tail, 1 - tail])
    low, high = min(low, 0.0), max(high, 0.0)
    pad = 0.06 * (high - low) or 1.0
    return float(low - pad), float(high + pad)


def _draw_panel(
    ax: Axes,
    stage: str,
    coefficients: FloatArray,
    edges: FloatArray,
    density: FloatArray,
    bins: int,
) -> None:
    colour = COLOURS["pruned" if stage == "surviving" else stage]
    cuts = np.linspace(edges[0], edges[-1], bins + 1)
    counts, _ = np.histogram(coefficients, cuts)
    ax.stairs(
        counts / coefficients.size / np.diff(cuts), cuts, fill=True, color=colour, alpha=0.3, lw=0
    )
    ax.plot((edges[1:] + edges[:-1]) / 2, density, color=colour, lw=1.6)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(bottom=0)
    ax.set_xlabel("coefficient")
    ax.spines[["top", "right"]].set_visible(False)
