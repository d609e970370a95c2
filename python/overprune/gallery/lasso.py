"""
Pruning or the lasso?
=====================

At the same number of nonzeros: a dense model pruned by its Hessian, retrained or not; the lasso,
refitted on its support or not; and least squares on the best small support, which knows the truth.
From a sparse signal on the left to a dense one on the right, all of the same strength.
"""

import matplotlib.pyplot as plt
import numpy as np

import overprune as op

p, n, s, strength, noise = 600, 300, 60, 1.1, 0.3
variances = np.repeat([4.0, 1.0], [150, 450])
ways = {  # rule, stage: colour, label
    ("lasso", "pruned"): ("#0072B2", "lasso"),
    ("lasso", "retrained"): ("#56B4E9", "lasso, refitted"),
    ("hessian", "pruned"): ("#D55E00", "dense, pruned"),
    ("hessian", "retrained"): ("#E69F00", "dense, pruned, retrained"),
}


def problem_of(active):
    """A signal on every (p / active)-th feature, of the same null risk whatever their number."""
    where = np.linspace(0, p - 1, active).round().astype(int)
    beta = np.zeros(p)
    beta[where] = 1.0
    return op.LinearGaussianProblem(
        beta * np.sqrt(strength / (variances @ beta**2)), variances, noise
    )


def small(problem):
    """The problem of the s features of largest true salience alone."""
    return problem.restrict(np.sort(op.top_k(problem.beta**2 * variances, s)))


lines = np.unique(np.geomspace(10, p, 60).round().astype(int))
points = [10, 20, 40, 80, 160, 300, 600]
rules = ["lasso", "hessian"]
curves = {active: op.predict(problem_of(active), n, [p], [s], rules=rules) for active in lines}
trials, best = {}, {}
for active in points:
    problem = problem_of(active)
    at = op.predict(problem, n, [p], [s], rules=["lasso"]).pruned_penalty.values[0]
    trials[active] = op.simulate(problem, n, [p], [s], rules=rules, penalties=at, trials=20)
    best[active] = op.simulate(small(problem), n, [s], [s], trials=20).dense_risk.squeeze()

figure, ax = plt.subplots(figsize=(7.6, 4.8), layout="constrained")
for (rule, stage), (colour, label) in ways.items():
    name = f"{stage}_risk"
    line = [curves[a][name].sel(rule=rule).item() for a in lines]
    ax.plot(lines, line, color=colour, lw=2, label=label)
    found = [trials[a][name].sel(rule=rule).squeeze() for a in points]
    error = [f.std("trial").item() / np.sqrt(f.sizes["trial"]) for f in found]
    ax.errorbar(
        points, [f.mean("trial").item() for f in found], error, fmt="o", ms=4.5, color=colour
    )
ax.plot(
    lines,
    [op.predict(small(problem_of(a)), n, [s], [s]).dense_risk.item() for a in lines],
    "--",
    color="#009E73",
    label="best small model",
)
spread = [best[a].std().item() / np.sqrt(best[a].size) for a in points]
ax.errorbar(
    points, [best[a].mean().item() for a in points], spread, fmt="o", ms=4.5, color="#009E73"
)
ax.axhline(strength + noise**2, color="0.6", lw=1, ls=":", label="predicting 0")
ax.set(
    xscale="log",
    yscale="log",
    xlabel=f"features with signal, of {p}",
    ylabel=f"test risk of a model of {s} nonzeros",
)
ax.set_xticks([10, 20, 50, 100, 200, 600], ["10", "20", "50", "100", "200", "600"])
ax.set_yticks([0.1, 0.2, 0.5, 1.0], ["0.1", "0.2", "0.5", "1"])
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, fontsize="small")

# %%
# Where few features carry the signal, the lasso finds them, and it or its refit is nearly the
# best small model: a dense interpolator that is only pruned has up to four times its risk. Where
# the signal is dense, there is nothing to find. The lasso still pays for its penalty and its
# search, and plain pruning, which keeps what a dense fit has learnt together, is ahead of it, in
# the end even of the best small model. Retraining helps in the first case and harms in the
# second.

for active in (10, 40, 160, 600):
    near = int(lines[np.abs(lines - active).argmin()])
    risks = {
        label: curves[near][f"{stage}_risk"].sel(rule=rule).item()
        for (rule, stage), (_, label) in ways.items()
    }
    print(f"{near} active: " + ", ".join(f"{label} {risk:.3f}" for label, risk in risks.items()))
