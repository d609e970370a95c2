"""
Random features: when pruning hidden units pays
===============================================

The first layer of the network is random and stays as it is; the second is trained. The size k is
the width of the hidden layer, and pruning removes hidden units. Both panels have 50 inputs and 180
training rows. Left: tanh of the inputs, the sign of a linear teacher, and noise. Right: relu, the
linear teacher itself, and little noise.
"""

import matplotlib.pyplot as plt
import numpy as np

import overprune as op

width, inputs, n, s = 500, 50, 180, 60
draw = op.RandomFeatureProblem.draw
problems = {
    "a noisy sign: pruning loses": draw(
        width, inputs, noise_std=0.3, activation="tanh", link="sign", seed=0
    ),
    "a linear teacher: pruning wins": draw(
        width, inputs, noise_std=0.1, activation="relu", link="identity", seed=0
    ),
}
lines = np.union1d(np.arange(20, width + 1, 20), [150, 165, 172, 188, 195, 210])
points = [20, 40, s, 100, 130, 150, 165, 200, 215, 240, 280, 330, 400, 500]

figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.6), layout="constrained")
found = {}
for ax, (name, problem) in zip(axes, problems.items(), strict=True):
    predicted = op.predict(problem, n, lines, [s], draws=48)
    simulated = op.simulate(problem, n, points, [s], trials=40)
    op.plot.risk(predicted, simulated, logy=True, legend=False, ax=ax)
    ax.set_title(name, pad=26)
    found[name] = predicted, simulated
axes[1].set_ylabel("")
for colour, name in {
    "#000000": "dense",
    "#D55E00": "pruned",
    "#0072B2": "retrained",
    "#009E73": f"train {s} directly",
}.items():
    axes[0].plot([], [], color=colour, label=name)
axes[0].plot([], [], "o", color="0.4", label="simulated, 40 trials")
figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize="small")

# %%
# Pruning hidden units without retraining is costly in both, because all units share the work.
# Retraining repairs it and removes the peak. Whether it is worth the detour depends on whether
# there are good units to find, and whether 180 rows can tell them. A linear teacher is told best by
# the units whose weights point along it or against it. Among 500 there are better ones than among
# the first 60, and with little noise the trained coefficients show which: pruned and retrained they
# have less than half the risk. Much of the sign of the teacher no combination of units can tell,
# which is noise to the training, as the noise is. It blurs the coefficients, the choice is nearly
# random, and is paid for twice with the same rows.
#
# Where the model is near n the points lie a few per cent beside the lines: the theory is that of
# large n, and that of Gaussian features with the same second moments.

for name, (predicted, simulated) in found.items():
    at = {"rule": "magnitude", "nonzeros": s, "size": width}
    told, measured = predicted.sel(**at), simulated.sel(**at).mean("trial")
    tuned = op.tune_ridge(problems[name], n, s).risk
    print(
        f"{name}: all {width} units {told.dense_risk:.3f} (simulated {measured.dense_risk:.3f}); "
        f"pruned to {s} {told.pruned_risk:.3f} ({measured.pruned_risk:.3f}), retrained "
        f"{told.retrained_risk:.3f} ({measured.retrained_risk:.3f}); {s} units trained directly "
        f"{predicted.dense_risk.sel(size=s):.3f}, with the best ridge {tuned:.3f}"
    )
