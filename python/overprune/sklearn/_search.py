"""Size, nonzeros, rule, retraining and ridge by cross-validation."""

from __future__ import annotations

from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring

from .. import _validate as check
from .._validate import FloatArray, IntArray
from ._arguments import retrain_ridge_of, seed_of, splitter_of
from ._display import ValidationCurve
from ._estimators import PrunedLeastSquares, PrunedLeastSquaresClassifier
from ._folds import Fold
from ._linear import PrunedClassification, PrunedLinearModel, PrunedRegression
from ._points import SearchGrid
from ._predictions import is_multilabel
from ._scoring import score_of
from ._training import Training

# What a refitted search takes over from its best model, to be such a model itself.
_FITTED = ("coef_", "intercept_", "support_", "n_nonzeros_", "n_features_trained_", "rank_", "_offsets")


class PrunedSearch(PrunedLinearModel):
    """Search over a grid by nested paths, whatever the targets stand for."""

    _estimator: Any  # the class that is refitted
    _default_scoring: str
    _targets: Any
    _is_single: Any

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

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Any:
        """Score the whole grid on every fold, and fit the best point to all rows.

        Parameters
        ----------
        X : array_like or sparse array of shape (n_samples, n_features)
            A sparse X is made dense.
        y : array_like of shape (n_samples,) or (n_samples, n_targets)
            Real targets for a regressor; class labels, or indicators of several labels, for a classifier.
        sample_weight : array_like of shape (n_samples,) or float, optional
            Not negative; of rows in training and in the scores.
        groups : array_like of shape (n_samples,), optional
            For a `cv` that splits by groups.

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
        if not callable(self.refit):
            check.flag(self.refit, "refit")
        for name in ("best_estimator_", *_FITTED):
            self.__dict__.pop(name, None)  # of an earlier fit, where this one is not refitted
        rows, labels, targets, weights = self._targets(X, y, sample_weight)
        splits = self._splits(rows, labels, weights, groups)
        self.n_samples_train_ = min(len(train) for train, _ in splits)
        grid = SearchGrid.of(self, rows.shape[1], self.n_samples_train_)
        seed = seed_of(self.random_state) if "random" in grid.rules else 0
        scoring = self._default_scoring if self.scoring is None else self.scoring
        several = is_classifier(self) and is_multilabel(self._binarizer)
        shared = {
            "search": self,
            "grid": grid,
            "X": rows,
            "y": labels,
            "targets": targets,
            "weights": weights,
            "seed": seed,
            "score": score_of(scoring, is_classifier(self), several),
            "scorer": check_scoring(self, scoring=scoring),
        }
        folds = [Fold(train=train, test=test, **shared) for train, test in splits]
        found = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(fold.scores)(ridge) for fold in folds for ridge in grid.ridges
        )
        scores = np.array(found).reshape(len(folds), len(grid.ridges), *found[0].shape)
        self.cv_results_ = grid.results(np.moveaxis(scores, 1, 4))
        self.scorer_, self.n_splits_ = shared["scorer"], len(splits)
        self._choose()
        if self.refit:
            best = self._estimator(**self._shared_parameters(seed), **self.best_params_)
            self.best_estimator_ = best.fit(X, y, sample_weight)
            for name in _FITTED:
                setattr(self, name, getattr(best, name))
        return self

    def _splits(self, X: Any, y: Any, weights: FloatArray | None, groups: Any) -> list[Any]:
        """Rows in training and test of each fold."""
        splits = list(splitter_of(self.cv, y, is_classifier(self)).split(X, y, groups))
        for i, rows in enumerate(splits):
            if weights is not None and not all(weights[part].any() for part in rows):
                raise ValueError(
                    f"sample_weight must not be zero in all rows of training or test, as it is in fold {i}"
                )
        return splits

    def _choose(self) -> None:
        results = self.cv_results_
        if callable(self.refit):
            self.best_index_ = check.integer(
                self.refit(results), "the result of refit", lowest=0, highest=len(results["params"]) - 1
            )
        else:
            self.best_index_ = int(results["rank_test_score"].argmin())
        self.best_params_ = results["params"][self.best_index_]
        self.best_score_ = float(results["mean_test_score"][self.best_index_])

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")

    def _shared_parameters(self, seed: int) -> dict[str, Any]:
        """Of every model of the search."""
        names = ("retrain_ridge", "fit_intercept", "class_weight")
        parameters = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return {**parameters, "random_state": seed}

    def _candidate(self, theta: FloatArray, support: IntArray, training: Training, y: Any) -> Any:
        """A fitted model for a scorer."""
        model = self._estimator()
        for name in ("n_features_in_", "classes_", "_binarizer"):
            if hasattr(self, name):
                setattr(model, name, getattr(self, name))
        model._set_model(theta, support, training, self.n_features_in_, self._is_single(y))
        return model

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


class PrunedLeastSquaresCV(PrunedSearch, PrunedRegression):
    """`PrunedLeastSquares` whose size, nonzeros, rule, retraining and ridge are picked by cross-validation.

    For each fold and ridge one nested path (`overprune.prune_path`) holds the models of the whole grid, so
    that the search costs a small multiple of one fit. It is itself the best model, fitted to all rows.

    Parameters
    ----------
    sizes : sequence of int or None, default None
        Sizes k, strictly increasing in [1, n_features]; None: up to 20, evenly spaced on a logarithmic axis
        from a fiftieth of the features to all. The features come in their order in X.
    nonzeros : sequence of int or None, default None
        Strictly increasing in [1, n_features]; None: up to 10, evenly spaced on a logarithmic axis from 1 to
        all features, or to half of the training rows where there are more features than rows. Points with
        nonzeros > size are left out; nonzeros == size is the model without pruning.
    rules : str or sequence of {"magnitude", "hessian", "random"}, default ("magnitude", "hessian")
    retrain : bool or sequence of bool, default (True, False)
    ridge : float or sequence of float, default 0.0
        At least 0; each takes a path of its own.
    retrain_ridge : float or None, default None
        Of the second training; None: the ridge of the first.
    fit_intercept : bool, default True
    scoring : str, callable or None, default None
        Any scorer of scikit-learn; None: "neg_mean_squared_error". That, its root, the mean absolute error
        and "r2" are computed for a whole grid at once; others see one model after the other, which takes
        longer.
    cv : int, splitter, iterable or None, default None
        As in `GridSearchCV`; None: 5 folds, for a classifier fewer where a class has fewer members.
    refit : bool or callable, default True
        Whether to fit the best model to all rows; a function of `cv_results_` that returns an index picks it.
    n_jobs : int or None, default None
        Threads over folds and ridges; as in joblib, whose backend for threads runs them.
    random_state : int, RandomState or None, default None
        Of the rule "random".

    Attributes
    ----------
    cv_results_ : dict
        As `GridSearchCV` has it, in the same order: `params`, `param_n_features_to_train`,
        `param_n_nonzeros`, `param_rule`, `param_retrain`, `param_ridge`, `split0_test_score`, ...,
        `mean_test_score`, `std_test_score`, `rank_test_score`; no times, because the models share factors.
    best_params_, best_score_, best_index_, best_estimator_, n_splits_, scorer_
        As in `GridSearchCV`; `PrunedLeastSquares(**best_params_)` is the best model.
    n_samples_train_ : int
        Rows in training in the smallest fold.
    coef_, intercept_, support_, sparse_coef_, n_nonzeros_, n_features_trained_, rank_
        Of the refitted model, as in `PrunedLeastSquares`.

    Raises
    ------
    TypeError, ValueError
        In `fit`, if a parameter is not what is said above.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021); docs/theory.md, sections 1 and 2.

    Examples
    --------
    >>> from overprune.sklearn import PrunedLeastSquaresCV
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(60, 200, n_informative=5, shuffle=False, noise=1.0, random_state=0)
    >>> search = PrunedLeastSquaresCV(sizes=[5, 20, 100, 200], nonzeros=[5, 10], rules="magnitude").fit(X, y)
    >>> search.best_params_["n_features_to_train"], search.best_params_["n_nonzeros"]
    (5, 5)
    >>> len(search.cv_results_["params"]), search.get_support(indices=True)
    (14, array([0, 1, 2, 3, 4]))
    """

    _estimator = PrunedLeastSquares
    _default_scoring = "neg_mean_squared_error"


class PrunedLeastSquaresClassifierCV(PrunedSearch, PrunedClassification):
    """`PrunedLeastSquaresClassifier` whose size, nonzeros, rule, retraining and ridge cross-validation picks.

    As `PrunedLeastSquaresCV`, with folds that keep the shares of the classes.

    Parameters
    ----------
    sizes, nonzeros, rules, retrain, ridge, retrain_ridge : optional
        As in `PrunedLeastSquaresCV`.
    fit_intercept : bool, default True
    class_weight : dict, "balanced" or None, default None
        As in `PrunedLeastSquaresClassifier`; of the rows in training, not in the scores.
    scoring : str, callable or None, default None
        Any scorer of scikit-learn; None: "accuracy", which is computed for a whole grid at once; others see
        one model after the other, which takes longer.
    cv, refit, n_jobs, random_state : optional
        As in `PrunedLeastSquaresCV`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    cv_results_, best_params_, best_score_, best_index_, best_estimator_, n_splits_, scorer_, n_samples_train_
        As in `PrunedLeastSquaresCV`.
    coef_, intercept_, support_, sparse_coef_, n_nonzeros_, n_features_trained_, rank_
        Of the refitted model, as in `PrunedLeastSquaresClassifier`.

    Raises
    ------
    TypeError, ValueError
        In `fit`, if a parameter is not what is said above.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021); docs/theory.md, sections 1 and 2.

    Examples
    --------
    >>> from overprune.sklearn import PrunedLeastSquaresClassifierCV
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> search = PrunedLeastSquaresClassifierCV(rules="magnitude").fit(X, y)
    >>> bool(search.best_score_ > 0.8), search.classes_
    (True, array([0, 1, 2]))
    """

    _estimator = PrunedLeastSquaresClassifier
    _default_scoring = "accuracy"

    def __init__(
        self,
        sizes: Any = None,
        nonzeros: Any = None,
        rules: Any = ("magnitude", "hessian"),
        retrain: Any = (True, False),
        ridge: Any = 0.0,
        retrain_ridge: float | None = None,
        fit_intercept: bool = True,
        class_weight: Any = None,
        scoring: Any = None,
        cv: Any = None,
        refit: Any = True,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            sizes=sizes,
            nonzeros=nonzeros,
            rules=rules,
            retrain=retrain,
            ridge=ridge,
            retrain_ridge=retrain_ridge,
            fit_intercept=fit_intercept,
            scoring=scoring,
            cv=cv,
            refit=refit,
            n_jobs=n_jobs,
            random_state=random_state,
        )
        self.class_weight = class_weight
