"""
Spiked spectrum: train the informative features, or everything?
===============================================================

A tenth of the features, the first 150 of 1,500, has variance 25, the others have variance 1, and
all coefficients are equal. A model of 150 features can be trained on the informative ones directly.
Or all 1,500 are trained, past the point where 450 samples are interpolated, and pruned back to 150.
This is the run of ``overprune demo``.
"""

import numpy as np

import overprune as op

p, n, s = 1500, 450, 150
problem = op.LinearGaussianProblem(
    beta=np.full(p, p**-0.5), covariance=op.spectra.spiked(p, spikes=s, value=25.0), noise_std=0.3
)
lines = np.union1d(np.arange(50, p + 1, 25), np.arange(n - 48, n + 49, 8))
predicted = op.predict(problem, n, lines, [s], rules=["magnitude", "hessian"])
points = [50, 100, s, 250, 300, 350, 400, 425, 490, 550, 650, 800, 1000, 1250, 1500]
simulated = op.simulate(problem, n, points, [s], rules=["magnitude", "hessian"], trials=10)
figure = op.plot.risk_grid(predicted, simulated)

# %%
# Lines are exact asymptotics, points are means of 10 trials. The dense model has its double
# descent, with the peak at k = n. Pruning by the Hessian rule follows it down on the far side,
# below the green line: the large model, pruned, beats the small one that was trained on the right
# features. Pruning by magnitude does not: it keeps coefficients that are large because their
# features hardly vary.

at = predicted.sel(rule="hessian", nonzeros=s, size=p)
print(
    f"train the {s} informative features directly: test risk {predicted.dense_risk.sel(size=s):.3f}"
)
print(f"train all {p} and prune by the Hessian rule: {at.pruned_risk:.3f}")
print(
    "the same, pruned by magnitude: "
    f"{predicted.pruned_risk.sel(rule='magnitude', size=p).item():.3f}"
)
print(
    f"simulated: {simulated.pruned_risk.sel(rule='hessian', size=p).mean():.3f} by the Hessian rule"
)
