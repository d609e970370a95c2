"""
Identity covariance: a sparse signal among equal features
=========================================================

All features have variance 1; 40 of 400 carry the signal, and they come first. Where all variances
are equal the rules magnitude and hessian are one and the same, and no feature looks special before
it is trained.
"""

import numpy as np

import overprune as op

p, n, s = 400, 200, 40
problem = op.LinearGaussianProblem(
    np.repeat([s**-0.5, 0.0], [s, p - s]), op.spectra.isotropic(p), noise_std=0.3
)
lines = np.union1d(np.arange(20, p + 1, 10), np.arange(n - 24, n + 25, 4))
predicted = op.predict(problem, n, lines, [s], rules=["magnitude", "oracle"])
points = [20, s, 70, 100, 140, 160, 180, 220, 240, 280, 320, 360, 400]
simulated = op.simulate(problem, n, points, [s], rules=["magnitude", "oracle"], trials=60)
figure = op.plot.risk_grid(predicted, simulated)

# %%
# Here growing the model never pays: further features are only noise, and the best model is the one
# of the 40 that matter. After the peak at k = n the risk falls, reaches a minimum and rises again.
# Retraining repairs much of what pruning loses; with the right support (oracle) it repairs
# everything.

at = predicted.sel(nonzeros=s, size=p)
print(f"train the {s} that matter: test risk {predicted.dense_risk.sel(size=s):.3f}")
beyond = predicted.dense_risk.sel(size=slice(n + 1, None))
best = int(beyond.idxmin())
print(f"beyond k = {n} the best is k = {best}: {beyond.min():.3f}; all {p}: {at.dense_risk:.3f}")
for rule in ("magnitude", "oracle"):
    one = at.sel(rule=rule)
    print(f"pruned by {rule}: {one.pruned_risk:.3f}, and retrained: {one.retrained_risk:.3f}")
