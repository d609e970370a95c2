"""Histograms of trained, pruned and retrained coefficients against their law, on the demo problem.

python examples/coefficients.py [OUTPUT.png]
"""

import sys

import numpy as np

import overprune as op

p, n, s = 1500, 450, 150
problem = op.LinearGaussianProblem(np.full(p, p**-0.5), op.spectra.spiked(p, s, 25.0), noise_std=0.3)
figure = op.plot.coefficients(problem, n, size=p, nonzeros=s, rule="magnitude", trials=20, bins=60)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "coefficients.png", dpi=150)
