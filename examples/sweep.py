"""The test risk over the size, simulated and predicted; cpp/sweep.cpp prints the same."""

import numpy as np

import overprune as op

p, n, trials = 300, 90, 20
# 30 strong features in front of 270 weak ones.
problem = op.LinearGaussianProblem(
    np.full(p, p**-0.5), op.spectra.spiked(p, spikes=30, value=25.0), 0.3
)
grid = {"sizes": [30, 60, 85, 120, 200, 300], "nonzeros": [30], "rules": ["magnitude", "hessian"]}
measured = op.simulate(problem, n, **grid, trials=trials, seed=1, workers=2).mean("trial")
predicted = op.predict(problem, n, **grid)

print("rule       size  dense  pruned  predicted  retrained  predicted")
for rule in grid["rules"]:
    for size in grid["sizes"]:
        point = {"rule": rule, "size": size, "nonzeros": 30}
        numbers = [
            measured.dense_risk.sel(size=size),
            measured.pruned_risk.sel(point),
            predicted.pruned_risk.sel(point),
            measured.retrained_risk.sel(point),
            predicted.retrained_risk.sel(point),
        ]
        print(f"{rule:9}  {size:4}", *(f"{number:.6f}" for number in numbers), sep="  ")
