"""What bad input is given to: small problems and data."""

from __future__ import annotations

import numpy as np

import overprune as op
import problems

X, Y = problems.normal(6, 4), problems.normal(6, seed=1)


BETA, NAN, INF = np.ones(4), float("nan"), float("inf")


LINEAR = op.LinearGaussianProblem(BETA, np.ones(4), 0.1)


DATA = op.DataProblem(X, Y, X, Y)


INDEFINITE = np.array([[1.0, 2.0], [2.0, 1.0]])


LOPSIDED = np.array([[1.0, 0.5], [0.1, 1.0]])


def with_entry(array, value):
    changed = np.array(array, dtype=np.result_type(array, type(value)))
    changed[(1,) * changed.ndim] = value
    return changed


def feature_problem(**changes):
    arguments = {
        "weights": X,
        "teacher": BETA,
        "noise_std": 0.1,
        "activation": "relu",
        "bias": np.zeros(6),
    }
    return op.RandomFeatureProblem(**{**arguments, **changes})


def data_problem(**changes):
    arguments = {"inputs": X, "targets": Y, "test_inputs": X, "test_targets": Y}
    return op.DataProblem(**{**arguments, **changes})
