"""Small problems of every kind, shared by the tests."""

from __future__ import annotations

import functools

import numpy as np

import overprune as op


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def diagonal(p=40, noise_std=0.3):
    return op.LinearGaussianProblem(normal(p) / np.sqrt(p), op.spectra.power_law(p, 0.5), noise_std)


def correlated(p=40, noise_std=0.3):
    i = np.arange(p)
    return op.LinearGaussianProblem(normal(p) / np.sqrt(p), 0.7 ** abs(i[:, None] - i), noise_std)


def several_targets(p=40, m=3, noise_std=0.3):
    return op.LinearGaussianProblem(
        normal(p, m) / np.sqrt(p), op.spectra.spiked(p, 5, 9.0), noise_std
    )


def joint_noise(p=40, m=3):
    root = normal(m, m, seed=9)
    i = np.arange(p)
    return op.LinearGaussianProblem(
        normal(p, m) / np.sqrt(p), 0.7 ** abs(i[:, None] - i), noise_covariance=root @ root.T / 10
    )


def relu_features(p=40, d=12, noise_std=0.2):
    return op.RandomFeatureProblem.draw(p, d, noise_std=noise_std, seed=3)


def labels_of_a_teacher(p=40, d=12, noise_std=0.2):
    return op.RandomFeatureProblem.draw(
        p, d, noise_std=noise_std, activation="gelu", link="sign", seed=3
    )


def regression_data(features=None, activation="relu"):
    inputs, truth = normal(60, 25, seed=1), normal(25, seed=2) / 5
    test = normal(35, 25, seed=4)
    return op.DataProblem(
        inputs, inputs @ truth, test, test @ truth, features=features, activation=activation
    )


def labelled_data(features=None, activation="relu"):
    centres = normal(3, 25, seed=5)
    labels, test_labels = np.arange(60) % 3, np.arange(35) % 3
    inputs = centres[labels] + normal(60, 25, seed=6)
    test = centres[test_labels] + normal(35, 25, seed=7)
    return op.DataProblem(
        inputs, labels, test, test_labels, features=features, activation=activation, seed=8
    )


EVERY = {
    "diagonal": diagonal,
    "correlated": correlated,
    "several targets": several_targets,
    "joint noise": joint_noise,
    "relu features": relu_features,
    "labels of a teacher": labels_of_a_teacher,
    "regression data": regression_data,
    "labelled data": labelled_data,
    "features of labelled data": lambda: labelled_data(features=40),
    "cos features of data": lambda: regression_data(features=40, activation="cos"),
}


def rules_of(problem):
    """The rules that a problem allows."""
    rules = ("magnitude", "hessian", "oracle", "random")
    return tuple(r for r in rules if r != "oracle" or not isinstance(problem, op.DataProblem))


@functools.cache
def mnist():
    """Images and labels of `load_mnist`, which reads them for three seconds."""
    return op.datasets.load_mnist()


def no_small_pivot(n, kind):
    """Numerically singular triangles without a small pivot, which a plain QR does not reveal."""
    if kind == "wilkinson":
        return np.eye(n) - np.triu(np.ones((n, n)), 1)
    s, c = np.sin(1.2), np.cos(1.2)
    return np.diag(s ** np.arange(n)) @ (np.eye(n) - c * np.triu(np.ones((n, n)), 1))
