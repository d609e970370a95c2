"""
A layer of a network: the double descent of calibration
=======================================================

One-shot pruning chooses weights of a layer and fits them again from a few calibration rows. Here
the inputs are rectified and correlated, 60 of 180 weights of each output are kept by the Hessian
rule (Wanda), and the loss on fresh rows is measured and predicted from the calibration rows alone.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator

import overprune as op

p, outputs, s, draws = 180, 30, 60, 8
rng = np.random.default_rng(0)
basis = np.linalg.qr(rng.standard_normal((p, p)))[0]
mix = (basis * np.sqrt(np.arange(1.0, p + 1) ** -0.9)) @ basis.T
weight = rng.standard_normal((outputs, p)) / np.sqrt(p)


def inputs(n, draw):
    return np.maximum(op.standard_normal((n, p), seed=draw) @ mix, 0.0)


many = inputs(20_000, draws)
fresh_moment = many.T @ many / len(many)
power = np.einsum("ij,jk,ik->", weight, fresh_moment, weight)


def losses(n, **options):
    """Measured and predicted loss on fresh rows over the outputs' power: medians of draws."""
    measured, predicted = [], []
    for draw in range(draws):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the rows are fewer than the weights
            layer = op.prune_layer(weight, inputs(n, draw), nonzeros=s, rule="hessian", **options)
        error = layer.weight - weight
        measured.append(np.einsum("ij,jk,ik->", error, fresh_moment, error) / power)
        predicted.append(layer.predicted_loss.sum() / power)
    return np.median(measured), np.median(predicted)


rows = [15, 25, 35, 45, 52, 57, 60, 63, 68, 75, 90, 120, 180, 300, 600, 1200]
unit = np.trace(fresh_moment) / p
ways = {
    "not refitted": ({"refit": False}, "0.5"),
    "refitted": ({}, "#000000"),
    "damping 0.01": ({"damping": 0.01 * unit}, "#0072B2"),
    "best damping": ({"damping": "auto"}, "#D55E00"),
}
found = {name: np.array([losses(n, **how) for n in rows]) for name, (how, _) in ways.items()}

# %%
# Refitting with about as many rows as weights kept is the peak of a double descent, and far worse
# than not refitting. The prediction knows it: the loss on the calibration rows over (1 - df/n)^2.
# At n = s itself the loss has no mean; the point is above the figure.

figure, ax = plt.subplots(figsize=(7.2, 4.8), layout="constrained")
for name, (_, colour) in ways.items():
    ax.plot(rows, found[name][:, 1], color=colour, lw=2, label=name)
    ax.plot(rows, found[name][:, 0], "o", ms=4.5, color=colour, mec="w")
ax.plot([], [], "o", ms=4.5, color="0.4", label=f"measured, {draws} draws; lines: predicted")
ax.axvline(s, color="0.5", lw=1, ls=":")
ax.text(
    s, 1.01, f"n = s = {s}", color="0.4", size=8, ha="center", transform=ax.get_xaxis_transform()
)
ax.set(xscale="log", yscale="log", ylim=(0.07, 20), xlabel="calibration rows n")
ax.set_ylabel("loss on fresh rows, relative to the outputs' power")
ax.set_xticks([15, 30, 60, 120, 300, 1200], ["15", "30", "60", "120", "300", "1200"])
ax.xaxis.set_minor_locator(NullLocator())
ax.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, fontsize="small", loc="upper right")

# %%
# The advice in one sentence: take at least three times as many rows as weights are kept of an
# output, or let `damping="auto"` find the damping, with which fewer rows do.

for n in (25, 60, 90, 180, 600):
    at = rows.index(n)
    print(
        f"n = {n}: "
        + ", ".join(
            f"{name} {values[at, 0]:.3f} (predicted {values[at, 1]:.3f})"
            for name, values in found.items()
        )
    )
layer = op.prune_layer(weight, inputs(600, 0), nonzeros=s, rule="hessian")
print(f"{layer.rows_needed(0.5)} rows bring the refit within 50 % of its limit")
