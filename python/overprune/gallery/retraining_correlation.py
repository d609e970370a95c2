"""
Retraining and correlation
==========================

Whether retraining helps depends on the correlation of the features. All 300 features carry a random
signal, and the model is trained on 150 rows, pruned to 50 and retrained. Left: how much of the
pruned model's risk retraining takes away, for features that are like their neighbours,
:math:`\\Sigma_{ij} = r^{|i-j|}`, and for features that are all alike,
:math:`\\Sigma = (1 - r) I + r 1 1'`. Right: the limit of full correlation,
:math:`\\Sigma = \\lambda \\lambda'` without noise, where everything is known exactly.
"""

import matplotlib.pyplot as plt
import numpy as np

import overprune as op

p, n, s = 300, 150, 50
beta = np.random.default_rng(0).standard_normal(p) / p**0.5
distance = np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
families = {
    "neighbours, $r^{|i-j|}$": (lambda r: r**distance, "#0072B2"),
    "all, $(1 - r) I + r 11'$": (lambda r: (1 - r) * np.eye(p) + r, "#D55E00"),
}
lines = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.94, 0.97, 0.98]
points = [0.0, 0.3, 0.6, 0.8, 0.9, 0.98]


def gain(table):
    """The part of the pruned model's risk that retraining takes away, in per cent."""
    pruned, retrained = table.pruned_risk.squeeze(), table.retrained_risk.squeeze()
    if "trial" in pruned.dims:
        pruned, retrained = pruned.mean("trial"), retrained.mean("trial")
    return 100 * (1 - float(retrained) / float(pruned))


figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2), layout="constrained")
gains = {}
for name, (covariance, colour) in families.items():
    problems = {r: op.LinearGaussianProblem(beta, covariance(r), noise_std=0.1) for r in lines}
    told = [gain(op.predict(problems[r], n, [p], [s], draws=1024)) for r in lines]
    seen = [gain(op.simulate(problems[r], n, [p], [s], trials=200)) for r in points]
    left.plot(lines, told, color=colour, label=name)
    left.plot(points, seen, "o", color=colour, ms=5)
    gains[name] = dict(zip(lines, told, strict=True))
left.axhline(0.0, color="0.5", lw=1, ls=":")
left.set(xlabel="correlation r", ylabel="risk taken away by retraining, per cent", ylim=(-40, 100))
left.legend(frameon=False, fontsize="small", title="lines predicted, points simulated")

scale = np.arange(1, p + 1) ** -0.4  # lambda
alike = op.LinearGaussianProblem(beta, np.outer(scale, scale))
kept = [1, 3, 10, 30, 60, 100, 150, 200, 250, 300]
table = op.simulate(alike, n, [p], kept, trials=3).squeeze()
zeta = np.cumsum(scale**2) / np.sum(scale**2)
right.plot(np.arange(1, p + 1), (1 - zeta) ** 2, color="#000000", label="pruned: $(1 - \\zeta)^2$")
null = alike.null_risk
right.plot(kept, table.pruned_risk.mean("trial") / null, "o", color="#000000", ms=5)
right.plot(kept, table.retrained_risk.mean("trial") / null, "o", color="#0072B2", ms=5)
right.plot([1, p], [0, 0], color="#0072B2", label="retrained: 0")
right.set(xlabel="nonzeros s", ylabel="risk, as part of the null risk", xscale="log")
right.legend(frameon=False, fontsize="small", title="rank one")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)

# %%
# Where the features are independent, retraining hurts: what the deleted ones explained is noise to
# the survivors, and fitting s of them to n rows multiplies it by about n / (n - s). Where they are
# correlated, it helps: the survivors can say what the deleted ones said, but the dense model had
# split the weight among all of them, and pruning threw most of it away. With rank one every feature
# says all there is. The dense model gives feature i the weight
# :math:`\lambda_i \lambda'\beta / |\lambda|^2`, so that pruning leaves :math:`(1 - \zeta)^2` of the
# null risk, :math:`\zeta = |\lambda_S|^2 / |\lambda|^2`, and retraining leaves nothing.
#
# Many draws and trials are needed for features that are all alike: the risk of a pruned model
# depends on one sum, that of its coefficients, which fluctuates whatever the size.

for name, found in gains.items():
    row = ", ".join(f"{found[r]:+.0f} at r = {r:g}" for r in points)
    print(f"{name}: {row}")
exact = (1 - zeta[np.array(kept) - 1]) ** 2
gap = float(np.abs(table.pruned_risk.mean("trial") / null - exact).max())
print(f"rank one: the pruned risk is (1 - zeta)^2 of the null risk, up to {gap:.0e}")
