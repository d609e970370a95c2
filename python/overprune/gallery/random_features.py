"""
Random features of a single-index teacher
=========================================

The first layer of the network is random and stays as it is, tanh of 50 inputs; the second is
trained on the sign of a linear teacher. The size k is the width of the hidden layer, and pruning
removes hidden units.
"""

import numpy as np

import overprune as op

width, inputs, n, s = 500, 50, 180, 60
problem = op.RandomFeatureProblem.draw(
    width, inputs, noise_std=0.3, activation="tanh", link="sign", seed=0
)
lines = np.union1d(np.arange(20, width + 1, 20), [150, 165, 172, 188, 195, 210])
predicted = op.predict(problem, n, lines, [s], draws=48)
points = [20, 40, s, 100, 130, 150, 165, 200, 215, 240, 280, 330, 400, 500]
simulated = op.simulate(problem, n, points, [s], trials=60)
axes = op.plot.risk(predicted, simulated)

# %%
# Pruning hidden units without retraining is costly, because all units share the work; retraining
# repairs it, and removes the peak. Points lie a few percent beside the lines where the model is
# near n: the theory is that of large n, and that of Gaussian features with the same second moments.
# Of 60 units the best are those that were trained alone: random features are all alike, and there
# are none to find.

at = {"rule": "magnitude", "nonzeros": s, "size": width}
told, measured = predicted.sel(**at), simulated.sel(**at).mean("trial")
for stage in ("dense", "pruned", "retrained"):
    name = f"{stage}_risk"
    print(f"all {width} units, {stage}: predicted {told[name]:.3f}, simulated {measured[name]:.3f}")
print(f"{s} units trained directly: {predicted.dense_risk.sel(size=s):.3f}")
