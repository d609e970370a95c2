"""
Retraining helps, and hurts
===========================

After pruning, the survivors can be trained again on the same data. Where few features matter (left)
this repairs what pruning broke. Where all of them matter (right) the large model had fitted the
data with all of its features; the survivors alone fit what they cannot explain as if it were
signal, and retraining hurts.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D

import overprune as op

p, n, s = 500, 150, 50
sparse = op.LinearGaussianProblem(
    np.repeat([0.2, 0.0], [25, 475]), op.spectra.isotropic(p), noise_std=0.3
)
dense = op.LinearGaussianProblem(np.full(p, p**-0.5), op.spectra.spiked(p, 50, 25.0), noise_std=0.3)
lines = np.union1d(np.arange(25, p + 1, 25), np.arange(n - 30, n + 31, 6))
points = [25, s, 75, 100, 120, 135, 165, 180, 225, 275, 350, 425, 500]

figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained")
gaps = {}
for ax, (name, problem) in zip(axes, {"sparse": sparse, "dense": dense}.items(), strict=True):
    predicted = op.predict(problem, n, lines, [s], rules=["hessian"])
    simulated = op.simulate(problem, n, points, [s], rules=["hessian"], trials=60)
    op.plot.risk(predicted, simulated, logy=True, legend=False, ax=ax)
    ax.set_title(f"{name} signal", pad=26)
    gaps[name] = predicted.sel(rule="hessian", nonzeros=s, size=p)
axes[1].set_ylabel("")
handles = [
    Line2D([], [], color=colour, label=name)
    for name, colour in {
        "dense": "#000000",
        "pruned": "#D55E00",
        "retrained": "#0072B2",
        f"train {s} directly": "#009E73",
    }.items()
]
handles.append(Line2D([], [], color="0.4", marker="o", ls="", label="simulated, 60 trials"))
figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize="small")

# %%
# Blue below orange: retraining helps. Blue above orange: it hurts. Near k = n it always helps, as
# the dense model is useless there.

for name, at in gaps.items():
    print(f"{name} signal, k = {p}: pruned {at.pruned_risk:.3f}, retrained {at.retrained_risk:.3f}")
