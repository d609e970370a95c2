"""
Laws of the coefficients: trained, pruned, retrained
====================================================

The coefficients of a trained model are random, and their law is known: it says which of them
survive pruning, and what retraining makes of those. Histograms are of 20 simulated models of the
spiked problem, lines are the law, for which no data are drawn.
"""

import numpy as np

import overprune as op

p, n, s = 1500, 450, 150
problem = op.LinearGaussianProblem(
    np.full(p, p**-0.5), op.spectra.spiked(p, s, 25.0), noise_std=0.3
)
figure = op.plot.coefficients(problem, n, size=p, nonzeros=s, rule="magnitude", trials=20, bins=60)

# %%
# Pruning keeps what exceeds the threshold in absolute value, mostly on the side of the truth,
# 0.026. After retraining the weak features gather in the tall peak near 0.03; the broad shoulder
# belongs to features of variance 1, whose coefficients the data hardly determine.

kept = op.survival(problem, n, p, [s])
print(
    f"threshold {kept.threshold.item():.4f}; {kept.overlap.item():.0%} of the survivors are the "
    "oracle's"
)
for name, feature in {"variance 25": 0, "variance 1": p - 1}.items():
    print(f"{name}: survives with probability {kept.probability.squeeze()[feature]:.3f}")
