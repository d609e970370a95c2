"""
Tutorial: train small, or train large and prune?
================================================

You may keep 50 features. Should you train a model of 50 features from the beginning, or train a
large model and prune it to 50? This page answers the question step by step for one problem, first
by drawing data, then by theory. It takes ten minutes to read, and a few seconds to run.

1. The problem
--------------

There are p = 500 features, independent and Gaussian, and n = 150 samples. The first 50 features are
strong: their variance is 25, that of the others is 1. All coefficients are equal, so that every
feature matters, the strong ones more. The first k features make a model of **size** k; a small
model is given the strong ones first, which is as good a start as it can have.
"""

import matplotlib.pyplot as plt
import numpy as np

import overprune as op

p, n, s = 500, 150, 50
problem = op.LinearGaussianProblem(
    beta=np.full(p, p**-0.5), covariance=op.spectra.spiked(p, spikes=50, value=25.0), noise_std=0.3
)

# %%
# The **test risk** of a model is its expected squared error on a new sample. Two numbers frame it:
# a model that says nothing, and one that knows the truth.

table = op.predict(problem, n, [s], [s])
print(f"null risk {table.attrs['null_risk']:.2f}, noise floor {table.attrs['noise_floor']:.2f}")

# %%
# 2. Train: the double descent
# ----------------------------
#
# ``simulate`` draws data sets, trains models of all sizes on each, and measures their risk. Up to k
# = n a model is trained by least squares; beyond, many models fit the data exactly, and the one of
# least norm is taken, as gradient descent would find it. We prune later: for now keep all features
# that were trained.

sizes = [10, 25, 50, 75, 100, 120, 135, 145, 155, 165, 180, 200, 250, 300, 400, 500]
simulated = op.simulate(problem, n, sizes, [s], rules=["magnitude", "hessian"], trials=40, seed=0)
axes = op.plot.risk(simulated, stages="dense", rule="hessian")

# %%
# The risk falls to k = 50, rises to a peak where the model just interpolates, k = n, and falls a
# second time. The largest model is better than the one of the 50 strong features.

dense = simulated.dense_risk.mean("trial")
print(
    f"train the 50 strong features: {dense.sel(size=50):.3f}; "
    f"train all 500: {dense.sel(size=500):.3f}"
)

# %%
# The table is an ``xarray.Dataset``: its dimensions have names, and it remembers how it was made.

print(dict(simulated.sizes))
print(simulated.pruned_risk.dims)

# %%
# 3. Prune
# --------
#
# But 50 features is all you may keep. Of each model the 50 coefficients of highest score stay, and
# the others are set to zero. The score is \|theta_i\| by the rule ``magnitude``, and theta_i²
# Sigma_ii by the rule ``hessian``, also known as optimal brain damage: what the loss changes when
# theta_i is removed.

figure = op.plot.risk_grid(simulated, stages=["dense", "pruned"])

# %%
# Pruned by magnitude the large model is useless. Pruned by the Hessian rule it follows the second
# descent, and ends below the green line, the risk of the 50 strong features that were trained
# directly. That is the paper's point: **training more than you keep, even features that are worse,
# makes the kept ones better.**

pruned = simulated.pruned_risk.mean("trial").sel(nonzeros=s, size=500)
for rule in ("magnitude", "hessian"):
    print(f"train all 500, prune to 50 by {rule}: {pruned.sel(rule=rule):.3f}")

# %%
# 4. Retrain?
# -----------
#
# The survivors can be trained again on the same data. It helps where the dense model is bad, near
# its peak, and hurts the large models: there the survivors had learnt beside features that
# explained the rest.

axes = op.plot.risk(simulated, rule="hessian")

# %%
# 5. The same, predicted
# ----------------------
#
# None of this needs data. ``predict`` takes the same arguments and gives the same table, from the
# limit of many features and samples; it knows, too, what retraining does on a support that was
# chosen by the very same data. Lines are theory, points are the simulation above.

fine = np.union1d(np.arange(10, p + 1, 10), np.arange(n - 24, n + 25, 4))
predicted = op.predict(problem, n, fine, [s], rules=["magnitude", "hessian"])
figure = op.plot.risk_grid(predicted, simulated)

# %%
# How far apart are they? Apart from the sizes next to n, where a few trials decide the mean:

away = [k for k in sizes if abs(k / n - 1) > 0.2]
both = op.predict(problem, n, away, [s], rules=["magnitude", "hessian"])
measured = simulated.sel(size=away).mean("trial")
for stage in ("dense", "pruned", "retrained"):
    ratio = measured[f"{stage}_risk"] / both[f"{stage}_risk"]
    print(f"{stage}: simulated / predicted between {ratio.min():.3f} and {ratio.max():.3f}")

# %%
# 6. Why?
# -------
#
# The law of the trained coefficients says it. ``survival`` is the probability that a feature is
# kept:

for rule in ("magnitude", "hessian"):
    law = op.survival(problem, n, p, s, rule=rule)
    strong, weak = law.probability[0], law.probability[-1]
    print(
        f"{rule}: a strong feature is kept with probability {strong:.2f}, "
        f"a weak one with {weak:.3f}"
    )

# %%
# The Hessian rule finds the strong features in the large model nearly always. Magnitude finds them
# less than half of the time: a weak feature has a large coefficient by chance, because a
# coefficient of it costs little. And among the strong ones the large model has better coefficients
# than the small, since it does not have to explain by 50 features what 500 cause.

# %%
# 7. What should I do?
# --------------------
#
# ``advise`` searches sizes, rules, retraining, ridges and schedules of several rounds by theory,
# and says what each choice costs.

advice = op.advise(problem, n, s)
print(advice)

# %%
# And where does it hold? ``phase`` draws the plane: blue where training large and pruning wins.

diagram = op.phase(
    op.Spectrum([25.0, 1.0], [0.1, 0.9], [1.0, 1.0], noise_std=0.3),
    ("n_over_p", np.geomspace(0.05, 2.0, 40)),
    ("nonzeros_over_p", np.geomspace(0.02, 0.9, 40)),
    sizes=20,
)
axes = op.plot.phase(diagram, limit=2.5)
plt.show()

# %%
# Where to go on: the :doc:`gallery </gallery/index>` has other spectra, random features and real
# digits; :doc:`/howto/own_data` begins with your own arrays; :doc:`/theory` derives every line
# above.
