"""Where does training large and pruning win? Phase diagrams of a problem with strong and weak features.

Each point is the best of 40 sizes, two rules, with and without retraining, by theory alone:

    python examples/phase.py [phase.png]
"""

import sys

import matplotlib
import numpy as np

import overprune as op

matplotlib.use("agg")
import matplotlib.pyplot as plt

# A tenth of the features has the variance `spike`, the others 1; all coefficients are equal. Weights that sum
# to 1 make n, sizes and nonzeros ratios to the number of features.
SHARE = 0.1


def spiked(spike: float, noise_std: float = 0.3) -> op.Spectrum:
    return op.Spectrum([spike, 1.0], [SHARE, 1.0 - SHARE], [1.0, 1.0], noise_std=noise_std)


def main(target: str = "phase.png", points: int = 60) -> None:
    shares = {
        "x": ("n_over_p", np.geomspace(0.05, 2.0, points)),
        "y": ("nonzeros_over_p", np.geomspace(0.02, 0.9, points)),
    }
    plain = op.phase(spiked(25.0), **shares)
    tuned = op.phase(spiked(25.0), **shares, sizes=20, ridge=[0.0, *np.geomspace(1e-3, 10.0, 9)])
    strength = op.phase(
        spiked,
        x=("noise_std", np.linspace(0.02, 2.0, points)),
        y=("spike", np.geomspace(1.0, 100.0, points)),
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
    figure.savefig(target, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
