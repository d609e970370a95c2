"""
More data can hurt: risk over the number of samples
===================================================

The large model has 400 features, whatever the number of samples: the double descent is now one over
n. Pruned to 40 it is compared with the 40 informative features, trained directly.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator

import overprune as op

p, s = 400, 40
problem = op.LinearGaussianProblem(
    np.full(p, p**-0.5), op.spectra.spiked(p, s, 25.0), noise_std=0.3
)
samples = np.unique([*range(20, 801, 10), *range(s - 8, s + 9, 2), *range(p - 16, p + 17, 4)])
predicted = op.predict(problem, samples, [s, p], [s], rules=["hessian"])
points = [25, 60, 100, 150, 200, 250, 300, 350, 375, 425, 450, 500, 600, 800]
simulated = op.simulate(problem, points, [s, p], [s], rules=["hessian"], trials=20)

# %%
# Each model has its peak where n meets the number of its features: the small one at 40, the large
# one at 400.

figure, ax = plt.subplots(figsize=(7.2, 4.8), layout="constrained")
curves = {
    f"train {s} directly": ("dense_risk", s, "#009E73"),
    f"train {p}": ("dense_risk", p, "#000000"),
    f"train {p}, prune to {s}": ("pruned_risk", p, "#D55E00"),
    f"train {p}, prune to {s}, retrain": ("retrained_risk", p, "#0072B2"),
}
for name, (risk, size, colour) in curves.items():
    line = predicted[risk].sel(size=size).squeeze(drop=True)
    at = simulated[risk].sel(size=size).squeeze(drop=True).mean("trial")
    ax.plot(samples, line, color=colour, lw=2, label=name)
    ax.plot(points, at, "o", ms=4.5, color=colour, mec="w")
ax.plot([], [], "o", ms=4.5, color="0.4", label="simulated, 20 trials")
ax.set(xscale="log", yscale="log", ylim=(0.15, 12), xlabel="samples n", ylabel="test risk")
ax.set_xticks([20, 40, 100, 200, 400, 800], ["20", "40", "100", "200", "400", "800"])
ax.xaxis.set_minor_locator(NullLocator())
ax.set_yticks([0.2, 0.5, 1, 2, 5, 10], ["0.2", "0.5", "1", "2", "5", "10"])
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, fontsize="small", loc="lower left")

# %%
# From 60 to 300 samples the large model, pruned, has the smaller risk, by far where n is near 40;
# near n = 400 it has the larger one, and 300 samples are better for it than 400.

for n in (40, 60, 100, 200, 300, 380, 800):
    small = predicted.dense_risk.sel(n=n, size=s).item()
    pruned = predicted.pruned_risk.sel(n=n, size=p).item()
    print(f"n = {n}: train {s} directly {small:.2f}, train {p} and prune {pruned:.2f}")
