"""Bad values: the whole message of a TypeError or ValueError, argument by argument."""

from __future__ import annotations

import numpy as np
import pytest

import overprune as op
import problems
from bad_input import (
    BETA,
    DATA,
    INDEFINITE,
    LINEAR,
    LOPSIDED,
    NAN,
    X,
    Y,
    data_problem,
    feature_problem,
)

VALUES = [
    (
        lambda: op.LinearGaussianProblem(BETA, np.ones(3)),
        "covariance must have length 4 along axis 0, got shape (3,)",
    ),
    (
        lambda: op.LinearGaussianProblem(BETA, np.ones((4, 3))),
        "covariance must have length 4 along axis 1, got shape (4, 3)",
    ),
    (
        lambda: op.LinearGaussianProblem([1, 2], [1, -3]),
        "covariance must not be negative, got -3 at index 1",
    ),
    (
        lambda: op.LinearGaussianProblem([1, 2], LOPSIDED),
        "covariance must be symmetric, got 0.5 at (0, 1) and 0.1 at (1, 0)",
    ),
    (
        lambda: op.LinearGaussianProblem([1, 2], INDEFINITE),
        "covariance must be positive semidefinite, got an eigenvalue of -1",
    ),
    (
        lambda: op.LinearGaussianProblem([1, 2], -np.eye(2)),
        "covariance must be positive semidefinite, got an eigenvalue of -1",
    ),
    (lambda: LINEAR.restrict([0, 4]), "features must lie between 0 and 3, got 4"),
    (lambda: LINEAR.restrict([-1, 2]), "features must lie between 0 and 3, got -1"),
    (lambda: LINEAR.restrict([1, 1]), "features must be distinct"),
    (lambda: LINEAR.restrict(np.array([], dtype=int)), "features must be a non-empty array"),
    (lambda: LINEAR.risk(np.ones(5)), "theta must have shape (..., 4), got (5,)"),
    (
        lambda: problems.several_targets(p=5).risk(np.ones((5, 2))),
        "theta must have shape (..., 5, 3), got (5, 2)",
    ),
    (
        lambda: feature_problem(weights=X * (np.arange(6) != 2)[:, None]),
        "weights must have no zero row, got one at index 2",
    ),
    (
        lambda: feature_problem(teacher=np.ones(3)),
        "teacher must have length 4 along axis 0, got shape (3,)",
    ),
    (
        lambda: feature_problem(bias=np.ones(3)),
        "bias must have length 6 along axis 0, got shape (3,)",
    ),
    (lambda: data_problem(targets=Y[:5]), "targets must have length 6 along axis 0"),
    (lambda: data_problem(test_targets=Y[:5]), "test_targets must have length 6"),
    (
        lambda: data_problem(test_inputs=X[:, :3]),
        "test_inputs must have length 4 along axis 1, got shape (6, 3)",
    ),
    (
        lambda: data_problem(targets=np.ones((6, 2)) / 2, test_targets=np.ones((6, 3)) / 2),
        "test_targets must have 2 columns as targets, got 3",
    ),
    (
        lambda: data_problem(targets=np.arange(6), test_targets=np.arange(6) + 1),
        "test_targets must be labels found in targets, got 6",
    ),
    (
        lambda: op.simulate(DATA, 3, [2], [1], rules=["magnitude", "oracle"]),
        'rules must not hold "oracle" for a DataProblem',
    ),
    (lambda: op.simulate(DATA, [2, 7], [2], [1]), "n must be between 1 and 6, got 7"),
    (
        lambda: op.simulate(LINEAR, 3, [2], [1], rules=[]),
        "rules must not be empty; allowed: magnitude",
    ),
    (
        lambda: op.simulate(LINEAR, 3, [2], [1], rules=["random", "random"]),
        "rules must be distinct, got ('random', 'random')",
    ),
    (lambda: op.simulate(LINEAR, 3, [2], [1], ridge=[]), "ridge must not be empty"),
    (
        lambda: op.prune_path(X, Y, [2], [1], rules="oracle"),
        'truth must be given for rule "oracle"',
    ),
    (
        lambda: op.prune_path(X, Y, [2], [1], rules="oracle", truth=np.ones((3, 4))),
        "truth must have shape (4,), (4, 1) or (1, 4), got (3, 4)",
    ),
    (
        lambda: op.prune_path(X, Y, [2], [1], curvature=[1, 1, -2, 1]),
        "curvature must not be negative, got -2.0 at index 2",
    ),
    (
        lambda: op.estimate_risk(X, Y, [2], [1], rules="oracle"),
        'rules must not need the truth, which the training data lack, got "oracle"',
    ),
    (
        lambda: op.estimate_risk(X, Y, [2], [1], rules="lasso"),
        "rules must be magnitude, hessian, oracle or random in estimate_risk",
    ),
    (lambda: op.estimate_risk(X[:1], Y[:1], [2], [1]), "X (rows) must be at least 2, got 1"),
    (
        lambda: op.estimate_risk(X, np.ones((6, 2)), [2], [1], method="gcv"),
        'y must have one target for method "gcv", got 2',
    ),
    (
        lambda: op.prune_path(
            X, np.sign(Y), [2], [1], loss="hinge", ridge=1.0, retrain_ridge=1.0, estimate="loo"
        ),
        "loss must be square to estimate a risk, got hinge",
    ),
    (lambda: op.least_squares(X, Y[:5]), "y must have length 6 along axis 0, got shape (5,)"),
    (lambda: op.retrain_path(X, Y, [1, 1], [1]), "order must be distinct"),
    (lambda: op.retrain_path(X, Y, [9], [1]), "order must lie between 0 and 3, got 9"),
    (lambda: op.retrain_path(X, Y, [0, 1], [3]), "nonzeros[0] must be between 1 and 2, got 3"),
    (lambda: op.importance(BETA, "hessian"), 'curvature must be given for rule "hessian"'),
    (lambda: op.importance(BETA, "oracle"), 'truth must be given for rule "oracle"'),
    (lambda: op.importance(BETA, "random"), 'seed must be given for rule "random"'),
    (
        lambda: op.importance(BETA, "oracle", truth=np.ones(3)),
        "truth must have length 4 along axis 0, got shape (3,)",
    ),
    (lambda: op.top_k([1, NAN], 1), "scores must not be NaN, got NaN at index 1"),
    (lambda: op.top_k([[1, 2]], 1), "scores must be a non-empty array of one dimension"),
    (lambda: op.top_k([], 1), "scores must be a non-empty array of one dimension, got shape (0,)"),
    (lambda: op.top_k([[1], [1, 2]], 1), "scores must be an array"),
    (lambda: op.fixed_point([1, -1], 3), "eigenvalues"),
]

VALUES += [  # found by fuzzing: a crash, an endless loop, NaN or an error that named nothing
    (
        lambda: feature_problem(teacher=[-2e-310, 0, 0, 0], link="sign"),
        "teacher must have a length of 0 or 1e-150",
    ),
    (lambda: feature_problem(bias=[1e160] * 6), "bias must be below 1e150"),
    (lambda: op.LinearGaussianProblem([1e200], [1.0]), "beta must have a finite risk of theta = 0"),
    (lambda: op.LinearGaussianProblem([1.0], [1.0], 1e200), "noise_std must have a finite square"),
    (lambda: data_problem(inputs=X * 1e200), "inputs must be at most 1e150 in size"),
    (lambda: op.random_features([[1e300]], [[1e300]], "cos"), "inputs must have finite features"),
    (lambda: op.datasets.split([[1.0]] * 3, [[1.0], [2.0, 3.0]], 1), "targets must be an array"),
    (
        lambda: feature_problem(bias=[1e29] * 6, activation="gelu"),
        "weights, bias and teacher must be smaller or nearer to each other: on [1e+29, 1e+29]",
    ),
    (lambda: op.fixed_point([1.7e308, 1.7e308], 1), "eigenvalues and ridge must be smaller"),
    (
        lambda: op.survival(op.LinearGaussianProblem([[0.1, 0.2]] * 2, [1.7e308] * 2), 1, 2, 1),
        "problem must have variances and coefficients of less different size: its risk at size 2",
    ),
    (
        lambda: op.prune_path(X * 1e-300, Y, [2], [1], ridge=0.0, retrain_ridge=0.1),
        "X must have entries of less different size, or y or the ridge be nearer to them",
    ),
    (
        lambda: op.prune_path(X, Y, [2], [1]).support("magnitude", 2, np.array([[1.0]])),
        "nonzeros must be one of 1; got array([[1.]])",
    ),
]


TYPES = [
    (lambda: op.simulate(BETA, 3, [2], [1]), "problem must be a LinearGaussianProblem"),
    (lambda: op.predict("LGP", 3, [2], [1]), "problem must be a LinearGaussianProblem"),
    (lambda: LINEAR.restrict([0.0, 1.0]), "features must be an array of integers"),
    (lambda: LINEAR.restrict([True] * 4), "features must be an array of integers"),
    (lambda: op.retrain_path(X, Y, [0.0], [1]), "order must be an array of integers"),
    (lambda: op.top_k([1j], 1), "scores must be an array of real numbers"),
    (
        lambda: data_problem(targets=np.arange(6), test_targets=np.arange(6.0)),
        "test_targets must be integer class labels",
    ),
    (lambda: op.simulate(LINEAR, 3, [2], [1], retrain=1), "retrain must be True or False, got 1"),
    (lambda: op.simulate(LINEAR, 3, [2], [1], progress="yes"), "progress must be True or False"),
    (lambda: op.simulate(LINEAR, 3, [2], [1], rules=3), "rules must be a sequence of rules"),
]


PAIRS = [(ValueError, *pair) for pair in VALUES] + [(TypeError, *pair) for pair in TYPES]


@pytest.mark.parametrize(
    ("error", "call", "message"), PAIRS, ids=[message for _, _, message in PAIRS]
)
def test_messages(error, call, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(message)
