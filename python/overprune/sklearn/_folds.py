"""The scores of a whole grid on one fold, from one nested path for each ridge."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._prune_path import PrunePath, prune_path
from .._validate import FloatArray, IntArray
from ._arguments import retrain_ridge_of
from ._points import SearchGrid
from ._scoring import Score
from ._training import Training, dense_columns


@dataclass(frozen=True)
class Fold:
    """Where a fold's models are trained and tested: by `score` all of a size at once, or one by `scorer`."""

    search: Any
    grid: SearchGrid
    X: Any
    y: Any
    targets: FloatArray  # (n, m)
    weights: FloatArray | None  # (n,)
    train: IntArray
    test: IntArray
    seed: int
    score: Score | None
    scorer: Any

    def scores(self, ridge: float) -> FloatArray:
        """(sizes, nonzeros, retrain, rules); NaN where there is no model."""
        grid, search = self.grid, self.search
        retrain_ridge = retrain_ridge_of(search.retrain_ridge, ridge)
        largest = grid.sizes[-1]
        weights = None if self.weights is None else self.weights[self.train]
        training = Training.of(
            dense_columns(self.X[self.train], largest),
            self.targets[self.train],
            search._training_weights(self.y[self.train], weights),
            search.fit_intercept,
        )
        path = prune_path(
            training.design,
            training.response,
            grid.sizes,
            grid.nonzeros,
            rules=grid.rules,
            retrain=any(grid.retrain),
            ridge=ridge * training.scale,
            retrain_ridge=retrain_ridge * training.scale,
            seed=self.seed,
        )
        judge = self._one_by_one(training) if self.score is None else self._all_at_once(training)
        scores = np.full((len(grid.sizes), len(grid.nonzeros), len(grid.retrain), len(grid.rules)), np.nan)
        for (k, r), order, models in self._models(path):
            scores[k, : models.shape[1], :, r] = judge(order, models).T
        self._tie(scores, retrain_ridge == ridge)
        return scores

    def _tie(self, scores: FloatArray, same_ridge: bool) -> None:
        """Gives models that differ by rounding alone, because nothing was pruned, the same score."""
        for k, size in enumerate(self.grid.sizes):
            if size in self.grid.nonzeros:
                s = self.grid.nonzeros.index(size)
                scores[k, s] = scores[k, s, :1, :1] if same_ridge else scores[k, s, :, :1]

    def _models(self, path: PrunePath) -> Iterator[tuple[tuple[int, int], IntArray, FloatArray]]:
        """Position of each size and rule, features in order (c,), coefficients (retrain, A, c, m)."""
        for r, rule in enumerate(self.grid.rules):
            for k, size in enumerate(self.grid.sizes):
                order, pruned, retrained = path.models(rule, size)
                if order.size:
                    stages = {False: pruned, True: retrained}
                    yield (k, r), order, np.array([stages[t] for t in self.grid.retrain])

    def _all_at_once(self, training: Training) -> Any:
        """Scores (retrain, A) of coefficients (retrain, A, c, m)."""
        score = self.score
        assert score is not None
        weights = None if self.weights is None else self.weights[self.test]
        # One row a feature, so that the features in use are gathered whole.
        rows = dense_columns(self.X[self.test], len(training.x_centre.origin))
        features = np.ascontiguousarray(training.centred(rows).T)
        targets, means = np.ascontiguousarray(self.targets[self.test].T), training.y_centre
        intercepts = (means.origin + means.shift)[:, None]

        def judge(order: IntArray, models: FloatArray) -> FloatArray:
            stages, counts, features_used, outputs = models.shape
            rows = models.transpose(0, 1, 3, 2).reshape(-1, features_used)
            predictions = (rows @ features[order]).reshape(stages * counts, outputs, -1)
            return score(predictions + intercepts, targets, weights).reshape(stages, counts)

        return judge

    def _one_by_one(self, training: Training) -> Any:
        """The same by a scorer, which sees fitted models."""
        X, y, search = self.X[self.test], self.y[self.test], self.search
        given = {}
        if self.weights is not None and "sample_weight" in inspect.signature(self.scorer).parameters:
            given["sample_weight"] = self.weights[self.test]

        def judge(order: IntArray, models: FloatArray) -> FloatArray:
            scores = np.empty(models.shape[:2])
            for position in np.ndindex(*scores.shape):
                kept = order[: self.grid.nonzeros[position[1]]]
                theta = np.zeros((len(training.x_centre.origin), models.shape[3]))
                theta[kept] = models[position][: kept.size]
                scores[position] = self.scorer(search._candidate(theta, kept, training, y), X, y, **given)
            return scores

        return judge
