"""
Correlated features
===================

Neighbouring features are alike, :math:`\\Sigma_{ij} = 0.7^{|i-j|}`, and 30 features spread over all
300 carry the signal. A model of the first k features sees the others through those that it has. The
theory has no closed form here: the lines are averages over draws of the law of the coefficients.
"""

import numpy as np

import overprune as op

p, n, s = 300, 130, 60
distance = np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
beta = np.zeros(p)
beta[::10] = 30**-0.5
problem = op.LinearGaussianProblem(beta, covariance=0.7**distance, noise_std=0.3)
lines = np.union1d(np.arange(15, p + 1, 15), [112, 116, 122, 126, 134, 138, 144])
predicted = op.predict(problem, n, lines, [s], rules=["magnitude"], draws=48)
points = [15, 30, s, 90, 105, 115, 145, 155, 170, 210, 240, 300]
simulated = op.simulate(problem, n, points, [s], rules=["magnitude"], trials=60)
axes = op.plot.risk(predicted, simulated)

# %%
# The largest model, pruned to 60 and retrained, has less than a third of the risk of the first 60
# features alone: the signal is spread over all features, and only the large model can see it. The
# points lie on the lines.

at = predicted.sel(rule="magnitude", nonzeros=s, size=p)
print(f"train the first {s} features directly: test risk {predicted.dense_risk.sel(size=s):.3f}")
print(
    f"train all {p}: {at.dense_risk:.3f}; pruned {at.pruned_risk:.3f}, retrained "
    f"{at.retrained_risk:.3f}"
)
measured = simulated.retrained_risk.sel(rule="magnitude", nonzeros=s, size=p)
print(f"simulated: {measured.mean():.3f} ± {measured.std(ddof=1) / 60**0.5:.3f}")
