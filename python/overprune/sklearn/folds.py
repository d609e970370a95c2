"""The scores of a whole grid on one fold, from one nested path for each ridge."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._validation import FloatArray, IntArray
from .._validation.frames import rows_of
from ..fits.least_squares import as_data
from ..fits.prune_path import fitted_path
from ..fits.pruned_path import PrunePath
from .arguments import retrain_ridge_of
from .points import SearchGrid
from .scoring import ONE, Metrics
from .training import Training, dense_columns


@dataclass
class Found:
    """Scores by metric, each (sizes, nonzeros, retrain, rules), NaN without a model; errors."""

    shape: tuple[int, ...]
    scores: dict[Any, FloatArray] = field(default_factory=dict)
    failed: list[tuple[Any, tuple[int, ...]]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def of(self, name: Any) -> FloatArray:
        return self.scores.setdefault(name, np.full(self.shape, np.nan))

    def known(self, name: Any) -> FloatArray:
        """The scores of a metric, or those of all where a function failed."""
        return self.of(name if name in self.scores else ONE)

    def settle(self, metrics: Metrics) -> None:
        """Gives `error_score` to what failed, in all metrics that the function returns."""
        for scorer, position in self.failed:
            for name in [scorer] if metrics.several else list(self.scores) or [scorer]:
                self.of(name)[position] = metrics.error_score


@dataclass(frozen=True)
class Fold:
    """The training and test of one fold: scores of all models of a size at once, or of one."""

    search: Any
    grid: SearchGrid
    X: Any
    y: Any
    given: tuple[Any, Any]  # X and y as the user gave them
    targets: FloatArray  # (n, m)
    weights: FloatArray | None  # (n,)
    train: IntArray
    test: IntArray
    seed: int
    threads: int  # of one fold
    metrics: Metrics
    weighted: frozenset[Any]  # scorers that get the weights

    def scores(self, ridge: float) -> Found:
        """Scores of all models of one ridge."""
        grid, search = self.grid, self.search
        retrain_ridge = retrain_ridge_of(search.retrain_ridge, ridge)
        largest = grid.sizes[-1]
        trained, tested, attributes = search._of_fold(self.y, self.targets, self.train, self.test)
        training = Training.of(
            dense_columns(self.X[self.train], largest),
            trained,
            search._training_weights(self.y, self.weights, self.train),
            search.fit_intercept,
        )
        path = fitted_path(
            as_data(training.design, training.response),
            grid.sizes,
            grid.nonzeros,
            rules=grid.rules,
            retrain=any(grid.retrain),
            ridge=ridge * training.scale,
            retrain_ridge=retrain_ridge * training.scale,
            seed=self.seed,
            workers=self.threads,
        )
        found = Found((len(grid.sizes), len(grid.nonzeros), len(grid.retrain), len(grid.rules)))
        if self.metrics.scores:
            self._all_at_once(training, path, tested, found)
        if self.metrics.scorers:
            self._one_by_one(training, path, ridge, attributes, found)
        twins = self._twins(path)
        for name, scores in found.scores.items():
            self._tie(scores, twins, retrain_ridge == ridge, unseen=name in self.metrics.scores)
        return found

    def _twins(self, path: PrunePath) -> tuple[IntArray, ...]:
        """Sizes, nonzeros and rules whose models are those of an earlier rule, and that rule.

        It keeps the same features, in whichever order.
        """
        orders = path._order
        rules, sizes, most = orders.shape
        last = np.array([s - 1 for s in self.grid.nonzeros if s <= most])
        first = np.zeros((sizes, last.size, rules), dtype=np.int64) + np.arange(rules)
        rows = np.arange(sizes)[:, None]
        for q in reversed(range(rules - 1)):  # the first comes last
            place = np.full((sizes, self.grid.sizes[-1]), most)
            # Backwards, as the order of a size below `most` ends with -1, which the last feature
            # overwrites.
            place[rows, orders[q, :, ::-1]] = np.arange(most)[::-1]
            for r in range(q + 1, rules):
                # The first s of rule r are the first s of q where none of them comes later there.
                latest = np.maximum.accumulate(place[rows, orders[r]], axis=1)
                first[:, :, r][latest[:, last] == last] = q
        where: tuple[IntArray, ...] = np.nonzero(first != np.arange(rules))
        return (*where, first[where])

    def _tie(
        self, scores: FloatArray, twins: tuple[IntArray, ...], same_ridge: bool, *, unseen: bool
    ) -> None:
        """Gives models that differ by rounding alone the same score, that of the first.

        A scorer that saw the models may have told them apart by something else than their
        predictions.
        """

        def give(where: Any, tied: FloatArray) -> None:
            alike = unseen or np.isclose(scores[where], tied, rtol=1e-7, atol=1e-12)
            scores[where] = np.where(alike, tied, scores[where])

        k, s, r, q = twins
        if k.size:
            give((k, s, slice(None), r), scores[k, s, :, q])
        if same_ridge:  # where nothing was pruned, retraining changes nothing
            for i, size in enumerate(self.grid.sizes):
                if size in self.grid.nonzeros:
                    j = self.grid.nonzeros.index(size)
                    give((i, j), scores[i, j, :1, :1])

    def _models(self, path: PrunePath) -> Iterator[tuple[tuple[int, int], IntArray, FloatArray]]:
        """Position of each size and rule, ordered features (c,), models (retrain, A, c, m)."""
        for r, rule in enumerate(self.grid.rules):
            for k, size in enumerate(self.grid.sizes):
                order, pruned, retrained = path.models(rule, size)
                if order.size:
                    stages = {False: pruned, True: retrained}
                    yield (k, r), order, np.array([stages[t] for t in self.grid.retrain])

    def _all_at_once(
        self, training: Training, path: PrunePath, tested: FloatArray, found: Found
    ) -> None:
        """Scores by metrics that see the predictions of many models."""
        weights = None if self.weights is None else self.weights[self.test]
        # One row a feature, so that the features in use are gathered whole.
        rows = dense_columns(self.X[self.test], len(training.x_centre.origin))
        features = np.ascontiguousarray(training.centred(rows).T)
        targets, means = np.ascontiguousarray(tested.T), training.y_centre
        intercepts = (means.origin + means.shift)[:, None]
        for (k, r), order, models in self._models(path):
            stages, counts, features_used, outputs = models.shape
            thetas = models.transpose(0, 1, 3, 2).reshape(-1, features_used)
            predictions = (thetas @ features[order]).reshape(stages * counts, outputs, -1)
            predictions += intercepts
            for name, score in self.metrics.scores.items():
                scores = score(predictions, targets, weights).reshape(stages, counts)
                found.of(name)[k, :counts, :, r] = scores.T

    def _one_by_one(
        self,
        training: Training,
        path: PrunePath,
        ridge: float,
        attributes: dict[str, Any],
        found: Found,
    ) -> None:
        """Scores by scorers, which see fitted models and rows as the user gave them."""
        X, y = (rows_of(values, self.test) for values in self.given)
        weights = {} if self.weights is None else {"sample_weight": self.weights[self.test]}
        for (k, r), order, models in self._models(path):
            for stage, s in np.ndindex(*models.shape[:2]):
                kept = order[: self.grid.nonzeros[s]]
                theta = np.zeros((len(training.x_centre.origin), models.shape[3]))
                theta[kept] = models[stage, s][: kept.size]
                model = self.search._candidate(
                    self.grid.point(k, s, stage, ridge, r), self.seed, attributes
                )
                self.search._fill(model, theta, kept, training, self.y, int(path.rank[k]))
                for name in self.metrics.scorers:
                    given = weights if name in self.weighted else {}
                    judged = self.metrics.judge(name, model, X, y, given)
                    if isinstance(judged, str):
                        found.failed.append((name, (k, s, stage, r)))
                        found.reasons.append(judged)
                        continue
                    for metric, value in judged.items():
                        found.of(metric)[k, s, stage, r] = value
        found.settle(self.metrics)


def collected(found: list[Found], metrics: Metrics) -> dict[Any, FloatArray]:
    """Scores by metric, (folds and ridges, *shape); a warning where a scorer failed."""
    reasons = [reason for one in found for reason in one.reasons]
    if reasons:
        warnings.warn(
            f"Scoring failed for {len(reasons)} models, whose scores are {metrics.error_score}; "
            f"the first failure: {reasons[0]}",
            UserWarning,
            stacklevel=4,
        )
    if metrics.several:
        names = list(metrics.scorer)
    else:  # a function that fails on a whole fold does not show there which scores it has
        shown = list(dict.fromkeys(name for one in found for name in one.scores))
        names = [name for name in shown if name is not ONE] or shown
    return {name: np.array([one.known(name) for one in found]) for name in names}
