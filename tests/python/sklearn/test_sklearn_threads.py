"""n_jobs of the estimators: threads inside one fit, as joblib has them."""

from __future__ import annotations

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone

from overprune import _validation as check
from overprune.sklearn import (
    PrunedLeastSquares,
    PrunedLeastSquaresClassifier,
    PrunedLeastSquaresCV,
    RandomFeatures,
)
from overprune.sklearn.arguments import threads_of

X = np.random.default_rng(0).standard_normal((300, 500))
y = X[:, 0] + 0.1 * X[:, 1]


def test_none_is_every_core_but_one_inside_a_worker_of_joblib(monkeypatch):
    monkeypatch.setattr(check, "workers", lambda value: 5)
    assert threads_of(None) == 5
    assert threads_of(3) == 3
    assert Parallel(n_jobs=2, prefer="threads")(delayed(threads_of)(None) for _ in range(2)) == [
        1,
        1,
    ]
    with parallel_config(n_jobs=2):
        assert threads_of(None) == 2


def test_in_a_process_of_joblib():
    found = Parallel(n_jobs=2, backend="loky")(delayed(threads_of)(None) for _ in range(2))
    assert found == [1, 1]


@pytest.mark.parametrize("bad", [0, "all", 1.5, True])
def test_bad_numbers(bad):
    with pytest.raises(ValueError, match="n_jobs must be None or an integer other than 0"):
        PrunedLeastSquares(n_jobs=bad).fit(X, y)


def test_the_model_does_not_depend_on_it():
    makers = [
        lambda n: PrunedLeastSquares(n_nonzeros=20, n_jobs=n).fit(X, y).coef_,
        lambda n: PrunedLeastSquaresClassifier(n_nonzeros=20, n_jobs=n).fit(X, y > 0).coef_,
        lambda n: RandomFeatures(900, random_state=1, n_jobs=n).fit_transform(X),
        lambda n: PrunedLeastSquaresCV([50, 500], [10], cv=2, n_jobs=n).fit(X, y).coef_,
    ]
    for make in makers:
        alone = make(1)
        for n_jobs in (None, 2, 3, -1):
            assert make(n_jobs).tobytes() == alone.tobytes()


def test_it_is_a_parameter():
    for estimator in (
        PrunedLeastSquares(n_jobs=2),
        PrunedLeastSquaresClassifier(n_jobs=2),
        PrunedLeastSquaresCV(n_jobs=2),
        RandomFeatures(n_jobs=2),
    ):
        assert clone(estimator).get_params()["n_jobs"] == 2
    search = PrunedLeastSquaresCV([50], [10], rules="magnitude", cv=2, n_jobs=2).fit(X, y)
    assert search.best_estimator_.n_jobs == 2
    assert RandomFeatures(9, n_jobs=2).fit(X).compact([1, 2]).n_jobs == 2
