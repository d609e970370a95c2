"""
Ridge: how much of the double descent is left?
==============================================

The peak at k = n belongs to training without a penalty. With a small ridge it shrinks; with the
best ridge for every size, which theory finds in milliseconds, it is gone, and more features always
help. The spiked problem at a third of its size, pruned by the Hessian rule.
"""

import matplotlib.pyplot as plt
import numpy as np

import overprune as op

p, n, s = 500, 150, 50
problem = op.LinearGaussianProblem(
    np.full(p, p**-0.5), op.spectra.spiked(p, s, 25.0), noise_std=0.3
)
lines = np.union1d(np.arange(s, p + 1, 10), np.arange(n - 20, n + 21, 2))
points = [s, 100, 125, 150, 175, 200, 250, 300, 400, 500]
ridges = {0.0: "#000000", 0.01: "#0072B2", 0.1: "#009E73", 1.0: "#D55E00"}
predicted = op.predict(problem, n, lines, [s], rules=["hessian"], ridge=list(ridges))
simulated = op.simulate(problem, n, points, [s], rules=["hessian"], ridge=list(ridges), trials=40)
best = {
    "dense": [op.tune_ridge(problem, n, k).risk for k in lines.tolist()],
    "pruned": [
        op.tune_ridge(problem, n, k, s, minimise="pruned", rule="hessian").risk
        for k in lines.tolist()
    ],
}

figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.6), sharey=True, layout="constrained")
for ax, stage in zip(axes, best, strict=True):
    for ridge, colour in ridges.items():
        line = predicted[f"{stage}_risk"].sel(ridge=ridge).squeeze(drop=True)
        at = simulated[f"{stage}_risk"].sel(ridge=ridge).squeeze(drop=True)
        ax.plot(lines, line, color=colour, label=f"ridge {ridge:g}")
        ax.plot(points, at.mean("trial"), "o", ms=4, color=colour)
    ax.plot(lines, best[stage], "--", color="#CC79A7", lw=2.2, label="best ridge for each size")
    ax.axvline(n, color="0.5", lw=1, ls=":")
    ax.text(
        n,
        1.01,
        f"k = n = {n}",
        color="0.4",
        size=8,
        ha="center",
        transform=ax.get_xaxis_transform(),
    )
    ax.set(yscale="log", ylim=(1, 15), xlabel="size k (features trained)")
    ax.set_title("dense model" if stage == "dense" else f"pruned to {s}", pad=16)
    ax.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("test risk")
handles, labels = axes[0].get_legend_handles_labels()
figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize="small")

# %%
# A ridge of 0.01 bounds the peak, one of 1 removes it. With the best ridge the small and the large
# model, pruned, differ by little: most of what overparameterization gains without ridge is
# regularization. Not tuning costs much only around k = n.

for stage, risks in best.items():
    plain = predicted[f"{stage}_risk"].sel(ridge=0.0).squeeze(drop=True)
    for k in (s, 100, 300, p):
        print(
            f"{stage}, k = {k}: without ridge {plain.sel(size=k):.3f}, "
            f"with the best {risks[lines.tolist().index(k)]:.3f}"
        )
