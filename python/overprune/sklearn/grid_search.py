"""Cross-validation over nested paths: what both searches share."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import is_classifier
from sklearn.utils import metadata_routing
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.parallel import Parallel, delayed

from .. import _validation as check
from .._validation import FloatArray, IntArray
from .arguments import retrain_ridge_of, seed_of, splits_of, splitter_of, threads_of
from .display import ValidationCurve
from .folds import Fold, collected
from .frames import as_given
from .linear import PrunedLinearModel
from .points import SearchGrid
from .predictions import is_multilabel
from .scoring import ONE, Metrics
from .training import Training

# What a search picks, where it does.
_CHOSEN = ("best_index_", "best_params_", "best_score_")

# What a refitted search takes over from its best model, to be such a model itself.
_FITTED = (
    "coef_",
    "intercept_",
    "support_",
    "n_nonzeros_",
    "n_features_trained_",
    "rank_",
    "_offsets",
)


class PrunedSearch(PrunedLinearModel):
    """Search over a grid by nested paths, for regressors and classifiers."""

    _estimator: Any  # the class that is refitted
    _default_scoring: str
    _targets: Any
    _is_single: Any

    # Groups are the splitter's, as `get_metadata_routing` says.
    __metadata_request__fit: ClassVar = {"groups": metadata_routing.UNUSED}

    def __init__(
        self,
        sizes: Any = None,
        nonzeros: Any = None,
        rules: Any = ("magnitude", "hessian"),
        retrain: Any = (True, False),
        ridge: Any = 0.0,
        retrain_ridge: float | None = None,
        fit_intercept: bool = True,
        scoring: Any = None,
        cv: Any = None,
        refit: Any = True,
        n_jobs: int | None = None,
        random_state: Any = None,
        error_score: Any = np.nan,
    ) -> None:
        self.sizes = sizes
        self.nonzeros = nonzeros
        self.rules = rules
        self.retrain = retrain
        self.ridge = ridge
        self.retrain_ridge = retrain_ridge
        self.fit_intercept = fit_intercept
        self.scoring = scoring
        self.cv = cv
        self.refit = refit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.error_score = error_score

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Any:
        """Score the whole grid on every fold, and fit the best point to all rows.

        Parameters
        ----------
        X : array_like or sparse array of shape (n_samples, n_features)
            A sparse X is made dense.
        y : array_like of shape (n_samples,) or (n_samples, n_targets)
            Real targets for a regressor; for a classifier class labels, or indicators of several
            labels, which may be sparse.
        sample_weight : array_like of shape (n_samples,) or float, optional
            Not negative; of rows in training and in the scores. A scorer that takes no weights
            counts all rows alike, with a warning.
        groups : array_like of shape (n_samples,), optional
            For a `cv` that splits by groups, to which scikit-learn's metadata routing hands them,
            too.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If a parameter or an array is not what is said above.
        """
        check.flag(self.fit_intercept, "fit_intercept")
        retrain_ridge_of(self.retrain_ridge, 0.0)
        for name in (*_CHOSEN, "best_estimator_", *_FITTED):
            self.__dict__.pop(name, None)  # of an earlier fit
        rows, labels, targets, weights = self._targets(X, y, sample_weight)
        several_labels = is_classifier(self) and is_multilabel(self._binarizer)
        metrics = Metrics.of(self, is_classifier(self), several_labels)
        if metrics.several or not callable(self.scoring):
            self._check_refit(list(metrics.scorer) if metrics.several else None)
        given = as_given(X, rows), as_given(y, labels)
        splits = self._splits(given, labels, weights, groups)
        self.n_samples_train_ = min(len(train) for train, _ in splits)
        grid = SearchGrid.of(self, rows.shape[1], self.n_samples_train_)
        seed = 0
        if any(check.TRAITS[rule].needs_seed for rule in grid.rules):
            seed = seed_of(self.random_state)
        shared = {
            "search": self,
            "grid": grid,
            "X": rows,
            "y": labels,
            "given": given,
            "targets": targets,
            "weights": weights,
            "seed": seed,
            "threads": max(1, threads_of(self.n_jobs) // effective_n_jobs(self.n_jobs)),
            "metrics": metrics,
            "weighted": metrics.weighted(weights is not None),
        }
        folds = [Fold(train=train, test=test, **shared) for train, test in splits]
        scores = self._scores(folds, grid, metrics)
        self.multimetric_ = list(scores) != [ONE]
        self._check_refit(list(scores) if self.multimetric_ else None)
        if not self.multimetric_:
            scores = {"score": scores[ONE]}
        self.cv_results_ = grid.results(scores)
        self.scorer_, self.n_splits_ = metrics.scorer, len(splits)
        self._choose()
        if self.refit:
            best = self._estimator(**self._shared_parameters(seed), **self.best_params_)
            self.best_estimator_ = best.fit(X, y, sample_weight)
            for name in _FITTED:
                setattr(self, name, getattr(best, name))
        return self

    def _scores(
        self, folds: list[Fold], grid: SearchGrid, metrics: Metrics
    ) -> dict[Any, FloatArray]:
        """Scores by metric, each (folds, *grid.shape)."""
        found = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(fold.scores)(ridge) for fold in folds for ridge in grid.ridges
        )
        scores = {}
        for name, values in collected(found, metrics).items():
            table = values.reshape(len(folds), len(grid.ridges), *values.shape[1:])
            scores[name] = np.moveaxis(table, 1, 4)
        return scores

    def _check_refit(self, metrics: list[Any] | None) -> None:
        """Checks `refit` against the names of several metrics; None where there is one metric."""
        named = isinstance(self.refit, str)
        if callable(self.refit) or (metrics and named and self.refit in metrics):
            return
        if metrics is None:
            scoring = self._default_scoring if self.scoring is None else self.scoring
            if not (
                named
                and (self.refit == "score" or (isinstance(scoring, str) and self.refit == scoring))
            ):
                check.flag(self.refit, "refit")
        elif not (isinstance(self.refit, (bool, np.bool_)) and not self.refit):
            raise ValueError(
                f"refit must be False, a function or the metric that picks the best point, one of "
                f"{', '.join(map(str, metrics))}; got {check.shown(self.refit)}"
            )

    def _splits(self, given: Any, y: Any, weights: FloatArray | None, groups: Any) -> list[Any]:
        """The rows of training and test of each fold; the splitter sees the data as given."""
        splits = splits_of(splitter_of(self.cv, y, is_classifier(self)), given, groups, len(y))
        for i, rows in enumerate(splits):
            if weights is not None and not all(weights[part].any() for part in rows):
                raise ValueError(
                    "sample_weight must not be zero in all rows of training or test, as it is "
                    f"in fold {i}"
                )
        return splits

    def _choose(self) -> None:
        results = self.cv_results_
        if self.multimetric_ and not self.refit:
            return
        metric = self.refit if self.multimetric_ else "score"
        if callable(self.refit):
            self.best_index_ = check.integer(
                self.refit(results),
                "the result of refit",
                lowest=0,
                highest=len(results["params"]) - 1,
            )
        else:
            self.best_index_ = int(results[f"rank_test_{metric}"].argmin())
        self.best_params_ = results["params"][self.best_index_]
        if f"mean_test_{metric}" in results:
            self.best_score_ = float(results[f"mean_test_{metric}"][self.best_index_])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")

    def _shared_parameters(self, seed: int) -> dict[str, Any]:
        """Parameters of every model of the search."""
        names = ("retrain_ridge", "fit_intercept", "class_weight", "n_jobs")
        parameters = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return {**parameters, "random_state": seed}

    def _candidate(self, parameters: dict[str, Any], seed: int, attributes: dict[str, Any]) -> Any:
        """A model for a scorer, which `_fill` fits; `attributes` are its fold's own."""
        model = self._estimator(**self._shared_parameters(seed), **parameters)
        for name in ("n_features_in_", "feature_names_in_", "classes_", "_binarizer"):
            if hasattr(self, name):
                setattr(model, name, attributes.get(name, getattr(self, name)))
        return model

    def _fill(
        self,
        model: Any,
        theta: FloatArray,
        support: IntArray,
        training: Training,
        y: Any,
        rank: int,
    ) -> None:
        model._set_model(theta, support, training, self.n_features_in_, self._is_single(y))
        model.n_features_trained_, model.rank_ = model.n_features_to_train, rank

    def get_metadata_routing(self) -> MetadataRouter:
        """Get what scikit-learn routes where: weights to `fit` and `score`, groups to the splitter.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
        """
        splits = MethodMapping().add(caller="fit", callee="split")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(splitter=self.cv, method_mapping=splits)

    def plot_validation_curve(self, ax: Any = None, **kwargs: Any) -> ValidationCurve:
        """Draw the scores over the size: `ValidationCurve.from_search` of this search.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if not given.
        **kwargs
            As in `ValidationCurve.from_search`.

        Returns
        -------
        ValidationCurve
        """
        return ValidationCurve.from_search(self, ax=ax, **kwargs)
