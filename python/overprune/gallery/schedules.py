"""
Rounds: pruning at once, or gradually?
======================================

A model of 600 features is pruned to 60 in one, two or four rounds, with retraining after each.
Where few features matter, rounds win: each retraining makes the next choice better. Where all
matter, they lose: the data are fitted again and again by ever fewer features.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

import overprune as op

n, size, trials = 300, 600, 60
schedules = {(60,): "#D55E00", (180, 60): "#009E73", (220, 150, 100, 60): "#0072B2"}
sparse = op.LinearGaussianProblem(
    np.repeat([1 / 6, 0.0], [40, 560]), op.spectra.isotropic(size), noise_std=0.1**0.5
)
dense = op.LinearGaussianProblem(
    np.full(size, 0.2), op.spectra.power_law(size, 0.7), noise_std=0.05**0.5
)
panels = [
    (sparse, "magnitude", "sparse signal: 40 of 600 equal features matter"),
    (dense, "hessian", r"dense signal: all matter, $\lambda_i = i^{-0.7}$"),
]

figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
for ax, (problem, rule, title) in zip(axes, panels, strict=True):
    for schedule, colour in schedules.items():
        theory = op.predict_schedule(problem, n, size, schedule, rules=rule)
        drawn = op.simulate_schedule(problem, n, size, schedule, rules=rule, trials=trials)
        risk = drawn.retrained_risk.sel(rule=rule)
        error = risk.std("trial", ddof=1) / trials**0.5
        ax.plot(theory.nonzeros, theory.retrained_risk.sel(rule=rule), color=colour, lw=2)
        ax.errorbar(
            risk.nonzeros,
            risk.mean("trial"),
            error,
            color=colour,
            fmt="o",
            ms=5.5,
            capsize=3,
            mec="w",
        )
    direct = op.predict_schedule(problem, n, size, [60], rules="oracle").retrained_risk[0, 1]
    ax.axhline(float(direct), color="0.45", lw=1.2, ls="--")
    ax.set_title(f"{title} ({rule} rule)", fontsize="medium")
    ax.set(xscale="log", xlim=(660, 54), xlabel="features left, from left to right")
    ax.set_xticks([600, 220, 150, 100, 60], ["600", "220", "150", "100", "60"])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_ylim(0)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("test risk after retraining")
handles = [
    Line2D([], [], color=colour, lw=2, label=" → ".join(map(str, (size, *schedule))))
    for schedule, colour in schedules.items()
]
handles += [
    Line2D([], [], color="0.45", lw=1.2, ls="--", label="train the best 60 directly"),
    Line2D([], [], color="0.3", lw=2, label="predicted"),
    Line2D(
        [],
        [],
        color="0.3",
        marker="o",
        ls="",
        label=f"simulated, {trials} trials: mean ± standard error",
    ),
]
figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize="small")

# %%
# Theory follows the rounds one by one: the points, means of simulated models, lie on its lines.
# With the sparse signal two rounds do nearly what four do.

for problem, rule, title in panels:
    ends = [
        op.predict_schedule(problem, n, size, schedule, rules=rule).retrained_risk.sel(rule=rule)[
            -1
        ]
        for schedule in schedules
    ]
    print(
        f"{title.split(':')[0]}: "
        + ", ".join(
            f"{len(s)} round{'s' * (len(s) > 1)} {e:.3f}"
            for s, e in zip(schedules, ends, strict=True)
        )
    )
