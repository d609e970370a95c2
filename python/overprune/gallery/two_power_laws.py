"""
Two power laws: the setting of a follow-up paper
================================================

Variances decay as :math:`\\lambda_i = i^{-2}` and the signal more slowly, :math:`\\lambda_i
\\beta_i^2 = i^{-1.5}`, with p = 500 features and n = 200 samples: the setting of Ildiz et al.
(2024), *High-dimensional analysis of knowledge distillation: weak-to-strong generalization and
scaling laws*. The noise and the number of features kept are ours.
"""

import numpy as np

import overprune as op

p, n, s = 500, 200, 50
i = np.arange(1, p + 1)
variances = i**-2.0
problem = op.LinearGaussianProblem(np.sqrt(i**-1.5 / variances), variances, noise_std=0.1)
lines = np.union1d(np.arange(10, p + 1, 10), np.arange(n - 24, n + 25, 4))
predicted = op.predict(problem, n, lines, [s], rules=["magnitude", "hessian"])
points = [10, 30, s, 90, 120, 150, 175, 225, 250, 300, 350, 425, 500]
simulated = op.simulate(problem, n, points, [s], rules=["magnitude", "hessian"], trials=40)
figure = op.plot.risk_grid(predicted, simulated)

# %%
# The variances differ by more than five orders of magnitude, and magnitude pruning fails
# altogether: large coefficients belong to features without variance. By the Hessian rule the
# interpolating model, pruned to 50, is slightly better than the first 50 features trained alone;
# the dense model is far better than either.

print(f"train the first {s} features directly: test risk {predicted.dense_risk.sel(size=s):.3f}")
at = predicted.sel(nonzeros=s, size=p)
print(f"train all {p}: {at.dense_risk:.3f}")
for rule in ("hessian", "magnitude"):
    print(f"pruned to {s} by {rule}: {at.pruned_risk.sel(rule=rule):.3f}")
