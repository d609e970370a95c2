"""
Which features survive?
=======================

The probability that a feature is among the 60 of 400 that pruning keeps, by theory and counted in
simulated models. Variances decay as :math:`i^{-0.7}` and all coefficients are equal, so that the
oracle keeps the first 60 features.
"""

import matplotlib.pyplot as plt
import numpy as np

import overprune as op

p, n, s, trials = 400, 150, 60, 300
variances = op.spectra.power_law(p, exponent=0.7)
problem = op.LinearGaussianProblem(np.full(p, 0.2), variances, noise_std=0.2)

# %%
# Simulated models are made with the package's parts: normal data, the minimum-norm solution,
# pruning.

rules = {"magnitude": "#D55E00", "hessian": "#0072B2"}
counts = {rule: np.zeros(p) for rule in rules}
for trial in range(trials):
    z = op.standard_normal((n, p + 1), seed=1, stream=trial)
    X = z[:, :p] * np.sqrt(variances)
    theta = op.least_squares(X, X @ problem.beta + 0.2 * z[:, p])
    for rule in rules:
        kept = op.prune(theta, s, rule=rule, curvature=variances if rule == "hessian" else None)
        counts[rule] += kept != 0

# %%
# Theory needs none of that.

figure, ax = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
order, groups = np.arange(1, p + 1), np.array_split(np.arange(p), 40)
middle = [order[group].mean() for group in groups]
laws = {rule: op.survival(problem, n, p, s, rule=rule) for rule in rules}
for rule, colour in rules.items():
    share = counts[rule] / trials
    ax.plot(order, laws[rule].probability, color=colour, lw=2, label=f"{rule}, predicted")
    ax.plot(
        middle,
        [share[g].mean() for g in groups],
        "o",
        ms=5,
        color=colour,
        mec="w",
        label=f"{rule}, simulated",
    )
ax.axvspan(1, s, color="0.92", zorder=0)
ax.text(s / 2, 1.01, "the oracle's 60", ha="center", color="0.4", size=9)
ax.set(xlim=(0, p + 2), ylim=(0, 1), xlabel="feature i", ylabel="probability of survival")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)

# %%
# The Hessian rule keeps the first feature almost surely, and more than half of its survivors are
# right. Magnitude spreads its choice over all of them: where a model interpolates, features of
# little variance have coefficients that are as large by chance.

for rule, law in laws.items():
    print(
        f"{rule}: {law.overlap:.0%} of the survivors are those of the oracle; probability of "
        "survival "
        f"{law.probability[0]:.2f} for the first feature, {law.probability[-1]:.2f} for the last"
    )
