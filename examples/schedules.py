"""One-shot against gradual pruning, on a sparse signal and on a dense one: predicted and simulated.

python examples/schedules.py [schedules.png]
"""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

import overprune as op

N, SIZE, TRIALS = 300, 600, 200
SCHEDULES = {(60,): "#D55E00", (180, 60): "#009E73", (220, 150, 100, 60): "#0072B2"}
SPARSE = op.LinearGaussianProblem(
    np.repeat([1 / 6, 0.0], [40, 560]), op.spectra.isotropic(SIZE), noise_std=0.1**0.5
)
DENSE = op.LinearGaussianProblem(np.full(SIZE, 0.2), op.spectra.power_law(SIZE, 0.7), noise_std=0.05**0.5)
PANELS = [
    (SPARSE, "magnitude", "sparse signal: gradual wins", "40 of 600 equal features matter; magnitude"),
    (
        DENSE,
        "hessian",
        "dense signal: gradual loses",
        r"all features matter, $\lambda_i = i^{-0.7}$; hessian",
    ),
]


def draw(ax: Axes, problem: op.LinearGaussianProblem, rule: str) -> None:
    """The risk after every round against the features left: lines predicted, points simulated."""
    for schedule, colour in SCHEDULES.items():
        theory = op.predict_schedule(problem, N, SIZE, schedule, rules=rule)
        trials = op.simulate_schedule(problem, N, SIZE, schedule, rules=rule, trials=TRIALS)
        risk = theory.retrained_risk.sel(rule=rule)
        ax.plot(theory.nonzeros, risk, color=colour, lw=2)
        points(ax, trials.retrained_risk.sel(rule=rule), colour)
    direct = op.predict_schedule(problem, N, SIZE, [60], rules="oracle").retrained_risk[0, 1]
    ax.axhline(float(direct), color="0.45", lw=1.2, ls="--")


def points(ax: Axes, risk: xr.DataArray, colour: str) -> None:
    error = risk.std("trial", ddof=1) / np.sqrt(risk.sizes["trial"])
    ax.errorbar(
        risk.nonzeros, risk.mean("trial"), error, color=colour, fmt="o", ms=5.5, capsize=3, mec="white"
    )


def main(path: str) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
    for ax, (problem, rule, title, subtitle) in zip(axes, PANELS, strict=True):
        draw(ax, problem, rule)
        ax.set_title(f"{title}\n", fontsize=12)
        ax.text(
            0.5, 1.02, subtitle, transform=ax.transAxes, ha="center", va="bottom", fontsize=9, color="0.3"
        )
        ax.set_xscale("log")
        ax.set_xlim(660, 54)
        ax.set_xticks([600, 220, 180, 150, 100, 60], ["600", "220", "180", "150", "100", "60"])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_ylim(0)
        ax.set_xlabel("features left (pruned and retrained in rounds, left to right)")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("test risk after retraining")
    handles = [
        Line2D([], [], color=colour, lw=2, label=" → ".join(map(str, (SIZE, *schedule))))
        for schedule, colour in SCHEDULES.items()
    ]
    handles += [
        Line2D([], [], color="0.45", lw=1.2, ls="--", label="train the best 60 directly"),
        Line2D([], [], color="0.3", lw=2, label="predicted"),
        Line2D(
            [], [], color="0.3", marker="o", ls="", label=f"simulated, {TRIALS} trials: mean ± standard error"
        ),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["schedules.png"]))
