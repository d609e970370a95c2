"""Size, nonzeros, rule, retraining and ridge by cross-validation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .estimators import PrunedLeastSquares, PrunedLeastSquaresClassifier
from .grid_search import PrunedSearch
from .linear import PrunedClassification, PrunedRegression


class PrunedLeastSquaresCV(PrunedSearch, PrunedRegression):
    """`PrunedLeastSquares` with size, nonzeros, rule, retraining and ridge cross-validated.

    For each fold and ridge one nested path (`overprune.prune_path`) holds the models of the whole
    grid, so that the search costs a small multiple of one fit. It is itself the best model, fitted
    to all rows.

    Parameters
    ----------
    sizes : sequence of int or None, default None
        Sizes k, strictly increasing in [1, n_features]; None: up to 20, evenly spaced on a
        logarithmic axis from a fiftieth of the features to all. The features come in their order in
        X.
    nonzeros : sequence of int or None, default None
        Strictly increasing in [1, n_features]; None: up to 10, evenly spaced on a logarithmic axis
        from 1 to all features, or to half of the training rows where there are more features than
        rows. Points with nonzeros > size are left out; nonzeros == size is the model without
        pruning.
    rules : str or sequence of str, default ("magnitude", "hessian")
        As `rule` of `PrunedLeastSquares`.
    retrain : bool or sequence of bool, default (True, False)
    ridge : float or sequence of float, default 0.0
        At least 0; each takes a path of its own.
    retrain_ridge : float or None, default None
        Of the second training; None: the ridge of the first.
    fit_intercept : bool, default True
    scoring : str, callable, list, dict or None, default None
        Any scorer of scikit-learn; None: "neg_mean_squared_error". That, its root, the mean
        absolute error and "r2" are computed for a whole grid at once; others see one model after
        the other, which takes longer. Several, as a list of names, a dict by name or a function
        that returns a dict, are as in `GridSearchCV`: `refit` says which of them picks the best
        point.
    cv : int, splitter, iterable, "loo" or None, default None
        As in `GridSearchCV`; None: 5 folds, for a classifier fewer where a class has fewer members;
        "loo": a fold for every row. Its `mean_test_score` is minus the retrained_risk and
        pruned_risk of `overprune.estimate_risk` without intercept, which takes a fraction of the
        time. For choosing, 5 folds do as well.
        Splitters and scorers see X and y as they were given: frames stay frames.
    refit : bool, str or callable, default True
        Whether to fit the best model to all rows; a function of `cv_results_` that returns an index
        picks it; of several metrics the name of the one that does, or False. The name of a single
        metric is like True.
    n_jobs : int or None, default None
        Threads over folds and ridges; as in joblib, whose backend for threads runs them. None: one
        after the other, each and the last fit on every core that the process may use, but on one
        inside a worker of joblib.
    random_state : int, RandomState or None, default None
        Of the rule "random".
    error_score : "raise" or float, default nan
        The score of a model whose scorer fails, with a warning, as in `GridSearchCV`; "raise": its
        exception.

    Attributes
    ----------
    cv_results_ : dict
        As `GridSearchCV` has it, in the same order: `params`, `param_n_features_to_train`,
        `param_n_nonzeros`, `param_rule`, `param_retrain`, `param_ridge`, `split0_test_score`, ...,
        `mean_test_score`, `std_test_score`, `rank_test_score`, or with the names of several metrics
        for `score`; no times, because the models share factors. Models that are the same, as those
        of two rules that keep the same features, have the same score, so that the first of them is
        the best, whatever rounding says. Scores that are not finite come with a warning, and NaN
        ranks no better than the worst.
    best_params_, best_score_, best_index_, best_estimator_, n_splits_, scorer_
        As in `GridSearchCV`; `PrunedLeastSquares(**best_params_)` is the best model.
    multimetric_ : bool
        Whether there are several metrics.
    n_samples_train_ : int
        Rows in training in the smallest fold.
    coef_, intercept_, support_, sparse_coef_, n_nonzeros_, n_features_trained_, rank_
        Of the refitted model, as in `PrunedLeastSquares`.
    n_features_in_ : int
        Number of features of X.
    feature_names_in_ : ndarray of str of shape (n_features,)
        Their names, where X is a frame with names.

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
    >>> search = PrunedLeastSquaresCV(sizes=[5, 20, 100, 200], nonzeros=[5, 10], rules="magnitude")
    >>> search = search.fit(X, y)
    >>> search.best_params_["n_features_to_train"], search.best_params_["n_nonzeros"]
    (5, 5)
    >>> len(search.cv_results_["params"]), search.get_support(indices=True)
    (14, array([0, 1, 2, 3, 4]))
    """

    _estimator = PrunedLeastSquares
    _default_scoring = "neg_mean_squared_error"


class PrunedLeastSquaresClassifierCV(PrunedSearch, PrunedClassification):
    """`PrunedLeastSquaresClassifier` with all of its choices cross-validated.

    As `PrunedLeastSquaresCV`, with folds that keep the shares of the classes. A class that is
    missing from the training rows of a fold is unknown to the models of that fold, as in
    `GridSearchCV`.

    Parameters
    ----------
    sizes, nonzeros, rules, retrain, ridge, retrain_ridge : optional
        As in `PrunedLeastSquaresCV`.
    fit_intercept : bool, default True
    class_weight : dict, "balanced" or None, default None
        As in `PrunedLeastSquaresClassifier`; of the rows in training, not in the scores.
    scoring : str, callable, list, dict or None, default None
        Any scorer of scikit-learn, or several; None: "accuracy", which is computed for a whole grid
        at once; others see one model after the other, which takes longer.
    cv, refit, n_jobs, random_state, error_score : optional
        As in `PrunedLeastSquaresCV`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    cv_results_, best_params_, best_score_, best_index_, best_estimator_, n_splits_, scorer_,
    multimetric_, n_samples_train_, n_features_in_, feature_names_in_
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
        error_score: Any = np.nan,
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
            error_score=error_score,
        )
        self.class_weight = class_weight
