"""scikit-learn's own checks of estimators: none fails, and none is skipped that its own estimators
pass."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

pytest.importorskip("sklearn")

from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import (
    LinearRegression,
    OrthogonalMatchingPursuitCV,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
)
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils.estimator_checks import (
    check_class_weight_balanced_linear_classifier,
    check_estimator,
    parametrize_with_checks,
)

from overprune.sklearn import (
    PrunedLeastSquares,
    PrunedLeastSquaresClassifier,
    PrunedLeastSquaresClassifierCV,
    PrunedLeastSquaresCV,
    RandomFeatures,
)


@parametrize_with_checks(
    [
        PrunedLeastSquares(),
        PrunedLeastSquares(n_nonzeros=0.5, rule="hessian", ridge=0.01),
        PrunedLeastSquares(
            0.8, 0.75, rule="random", retrain=False, fit_intercept=False, random_state=0
        ),
        PrunedLeastSquaresClassifier(),
        PrunedLeastSquaresCV(),
        PrunedLeastSquaresClassifierCV(),
        RandomFeatures(),
    ]
)
def test_checks(estimator, check):
    check(estimator)


# Run for subclasses of a private class of scikit-learn's only; below for ours.
PRIVATE = {"check_class_weight_balanced_linear_classifier"}


@pytest.mark.filterwarnings("ignore:The least populated class")  # the check asks for three folds
@pytest.mark.parametrize(
    "classifier", [PrunedLeastSquaresClassifier(), PrunedLeastSquaresClassifierCV()]
)
def test_balanced_classes(classifier):
    check_class_weight_balanced_linear_classifier(type(classifier).__name__, classifier)


def statuses(estimator):
    """Statuses of each check, by its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_fail=None, on_skip=None)
    found = {}
    for result in results:
        found.setdefault(result["check_name"], set()).add(result["status"])
    return found


@pytest.mark.parametrize(
    ("ours", "peers"),
    [
        (PrunedLeastSquares(), [Ridge(), LinearRegression()]),
        (PrunedLeastSquaresClassifier(), [RidgeClassifier()]),
        (PrunedLeastSquaresCV(), [RidgeCV(), OrthogonalMatchingPursuitCV()]),
        (PrunedLeastSquaresClassifierCV(), [RidgeClassifierCV()]),
        (RandomFeatures(), [RBFSampler(), PolynomialFeatures()]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_check_is_left_out_that_estimators_of_the_kind_pass(ours, peers):
    found = statuses(ours)
    passed = {name for name, seen in found.items() if seen == {"passed"}}
    for peer in peers:
        theirs = {name for name, seen in statuses(peer).items() if "passed" in seen}
        assert len(theirs) > 30
        assert theirs - PRIVATE <= passed
    assert not {name for name, seen in found.items() if not seen <= {"passed", "skipped"}}


def test_scikit_learn_is_asked_for_where_it_is_missing():
    script = "import sys; sys.modules['sklearn'] = None; import overprune.sklearn"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (
        "overprune.sklearn needs scikit-learn 1.6 or newer: pip install 'overprune[sklearn]'"
        in done.stderr
    )


def test_array_api_dispatch_changes_nothing():
    """Its check is skipped unless this variable is set before SciPy is imported."""
    script = """
import overprune.sklearn as s
from sklearn.utils.estimator_checks import estimator_checks_generator
names = "PrunedLeastSquares PrunedLeastSquaresClassifier PrunedLeastSquaresCV RandomFeatures"
kinds = [getattr(s, name) for name in names.split()]
count = 0
for kind in kinds:
    for estimator, check in estimator_checks_generator(kind()):
        if "array_api" in str(check):
            check(estimator)
            count += 1
print(count)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # scikit-learn before 1.9 has no check for estimators without support
    assert int(done.stdout) in (
        0,
        4,
    )
