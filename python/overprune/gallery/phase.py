"""
Phase diagrams: where does training large and pruning win?
==========================================================

A tenth of the features has a large variance, the others variance 1, and all coefficients are equal.
Each point of a diagram compares the best of several sizes, two rules, with and without retraining,
against training the first s features directly - by theory alone, thousands of problems in seconds.
"""

import matplotlib.pyplot as plt
import numpy as np

import overprune as op

# Of the features. The weights sum to 1: n, sizes and nonzeros are ratios to the number of features.
SHARE = 0.1


def spiked(spike: float, noise_std: float = 0.3) -> op.Spectrum:
    """A tenth of the features with the variance `spike`."""
    return op.Spectrum([spike, 1.0], [SHARE, 1.0 - SHARE], [1.0, 1.0], noise_std=noise_std)


shares = {
    "x": ("n_over_p", np.geomspace(0.05, 2.0, 60)),
    "y": ("nonzeros_over_p", np.geomspace(0.02, 0.9, 60)),
}
plain = op.phase(spiked(25.0), **shares)
tuned = op.phase(spiked(25.0), **shares, sizes=20, ridge=[0.0, *np.geomspace(1e-3, 10.0, 9)])
strength = op.phase(
    spiked,
    x=("noise_std", np.linspace(0.02, 2.0, 60)),
    y=("spike", np.geomspace(1.0, 100.0, 60)),
    n=0.3,
    nonzeros=SHARE,
)

figure, axes = plt.subplots(1, 3, figsize=(16.5, 4.8), layout="constrained")
op.plot.phase(plain, limit=2.5, ax=axes[0])
axes[0].set_title("(a) variance 25 on a tenth of the features, noise 0.3", fontsize="medium")
op.plot.phase(tuned, limit=1.3, ax=axes[1])
axes[1].set_title("(b) the same, both with their best ridge", fontsize="medium")
op.plot.phase(strength, limit=1.5, ax=axes[2])
axes[2].set_title("(c) n / p = 0.3, s / p = 0.1, no ridge", fontsize="medium")
axes[2].set_xlabel("standard deviation of the noise")
axes[2].set_ylabel("variance of the strong features")

# %%
# Blue is where pruning wins, red where it loses; the black line marks where the two are equal. The
# dark band of (a) is where training s features directly runs into its own peak, s = n, which a
# large model avoids. With the best ridge for both (b) little is left but gains. In (c) the strong
# features are few and known: training them directly wins where the noise is strong and the other
# features say little.

for name, table in {"(a)": plain, "(b)": tuned, "(c)": strength}.items():
    ratio = table.risk / table.direct_risk
    print(
        f"{name}: pruning wins on {float((ratio < 1).mean()):.0%} of the plane; best ratio "
        f"{ratio.min():.3f}"
    )
