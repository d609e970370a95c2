"""
Power law: variances that decay as 1 / i
========================================

The variance of feature i is 1 / i, as in many spectra of real data, and every feature carries the
same share of the signal: :math:`\\lambda_i \\beta_i^2` is constant. No feature is more informative
than another, the leading ones are only easier to learn.
"""

import numpy as np

import overprune as op

p, n, s = 800, 200, 60
variances = op.spectra.power_law(p, exponent=1.0)
problem = op.LinearGaussianProblem(np.sqrt(1 / (p * variances)), variances, noise_std=0.3)
lines = np.union1d(np.arange(20, p + 1, 20), np.arange(n - 24, n + 25, 4))
predicted = op.predict(problem, n, lines, [s], rules=["magnitude", "hessian"])
points = [20, 40, s, 100, 140, 170, 185, 215, 240, 300, 400, 550, 800]
simulated = op.simulate(problem, n, points, [s], rules=["magnitude", "hessian"], trials=40)
figure = op.plot.risk_grid(predicted, simulated)

# %%
# Both prunings of the large model beat training 60 features directly, and the plainer rule is the
# better one. The large model knows the tail's share of the signal, which the small one has to take
# for noise. Retraining takes that away again.

at = predicted.sel(size=p, nonzeros=s)
print(f"train the first {s} features directly: test risk {predicted.dense_risk.sel(size=s):.3f}")
for rule in ("magnitude", "hessian"):
    one = at.sel(rule=rule)
    print(
        f"train all {p}, prune by {rule}: {one.pruned_risk:.3f}, after retraining "
        f"{one.retrained_risk:.3f}"
    )
