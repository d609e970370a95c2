"""
Rules: what to prune by
=======================

The same large model pruned to every number of nonzeros by four rules: magnitude, Hessian (optimal
brain damage), the oracle that knows the truth, and chance. Variances of three kinds, equal
coefficients.
"""

import matplotlib.pyplot as plt
import numpy as np

import overprune as op

p, n = 500, 150
variances = np.repeat([25.0, 4.0, 1.0], [25, 75, 400])
problem = op.LinearGaussianProblem(np.full(p, p**-0.5), variances, noise_std=0.3)
rules = {"random": "#CC79A7", "magnitude": "#D55E00", "hessian": "#0072B2", "oracle": "#009E73"}
kept = np.unique(np.geomspace(5, p, 60).round().astype(int))
points = [5, 10, 20, 40, 80, 160, 320]
predicted = op.predict(problem, n, [p], kept, rules=list(rules), retrain=False)
simulated = op.simulate(problem, n, [p], points, rules=list(rules), retrain=False, trials=60)

figure, ax = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
for rule, colour in rules.items():
    ax.plot(kept, predicted.pruned_risk.sel(rule=rule).squeeze(), color=colour, lw=2, label=rule)
    at = simulated.pruned_risk.sel(rule=rule).squeeze().mean("trial")
    ax.plot(points, at, "o", color=colour, mec="w", ms=5.5)
dense = predicted.dense_risk.item()
ax.axhline(dense, color="0.3", lw=1.2, ls="--", label="not pruned")
ax.plot([], [], "o", color="0.4", ms=5.5, label="simulated, 60 trials")
ax.set(
    xscale="log",
    ylim=(0, None),
    xlabel="nonzeros s that are kept",
    ylabel="test risk after pruning",
)
ax.set_xticks([5, 10, 20, 50, 100, 200, 500], ["5", "10", "20", "50", "100", "200", "500"])
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, fontsize="small")

# %%
# The Hessian rule, which knows nothing but the variances and the trained model, stays close to the
# oracle. Where few are kept, magnitude is closer to chance than to either. The oracle ranks
# features one by one; with 97 of them the Hessian rule, which sees this model's errors, is a little
# better.

for s in (25, 100):
    near = int(kept[np.abs(kept - s).argmin()])
    at = predicted.pruned_risk.sel(nonzeros=near).squeeze()
    print(
        f"s = {near}: "
        + ", ".join(f"{rule} {at.sel(rule=rule):.3f}" for rule in rules)
        + f"; not pruned {dense:.3f}"
    )
