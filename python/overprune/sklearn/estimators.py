"""Train on the first columns, prune, train again: one model."""

from __future__ import annotations

from typing import Any

from .. import _validation as check
from ..fits.least_squares import as_data
from ..fits.prune_path import fitted_path
from .arguments import count_of, nonzeros_of, retrain_ridge_of, rule_of, seed_of, threads_of
from .linear import PrunedClassification, PrunedLinearModel, PrunedRegression
from .training import Training, dense_columns


class PrunedFit(PrunedLinearModel):
    """The fit of one size, number of nonzeros and rule, for regressors and classifiers."""

    _targets: Any
    _training_weights: Any
    _is_single: Any

    def __init__(
        self,
        n_features_to_train: int | float | None = None,
        n_nonzeros: int | float | None = None,
        rule: str = "magnitude",
        retrain: bool = True,
        ridge: float = 0.0,
        retrain_ridge: float | None = None,
        fit_intercept: bool = True,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_features_to_train = n_features_to_train
        self.n_nonzeros = n_nonzeros
        self.rule = rule
        self.retrain = retrain
        self.ridge = ridge
        self.retrain_ridge = retrain_ridge
        self.fit_intercept = fit_intercept
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train, prune and retrain.

        Parameters
        ----------
        X : array_like or sparse array of shape (n_samples, n_features)
            Of a sparse X the columns that are trained are made dense.
        y : array_like of shape (n_samples,) or (n_samples, n_targets)
            Real targets for a regressor; for a classifier class labels, or indicators of several
            labels, which may be sparse.
        sample_weight : array_like of shape (n_samples,) or float, optional
            Not negative; a row of weight 2 counts like two rows, one of weight 0 like none. Only
            their ratios count.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            If a parameter or an array is not what is said above.
        """
        ridge = check.nonnegative(self.ridge, "ridge")
        retrain_ridge = retrain_ridge_of(self.retrain_ridge, ridge)
        rule, retrain = rule_of(self.rule), check.flag(self.retrain, "retrain")
        intercept = check.flag(self.fit_intercept, "fit_intercept")
        X, y, targets, weights = self._targets(X, y, sample_weight)
        p = X.shape[1]
        size = count_of(
            self.n_features_to_train, "n_features_to_train", p, "features of X", default=p
        )
        nonzeros = nonzeros_of(self.n_nonzeros, size, size == p)
        training = Training.of(
            dense_columns(X, size), targets, self._training_weights(y, weights), intercept
        )
        path = fitted_path(
            as_data(training.design, training.response),
            [size],
            [nonzeros],
            rules=[rule],
            retrain=retrain,
            ridge=ridge * training.scale,
            retrain_ridge=retrain_ridge * training.scale,
            seed=seed_of(self.random_state) if check.TRAITS[rule].needs_seed else 0,
            workers=threads_of(self.n_jobs),
        )
        find = path.retrained if retrain else path.pruned
        self._set_model(
            find(rule, size, nonzeros),
            path.support(rule, size, nonzeros),
            training,
            p,
            self._is_single(y),
        )
        self.n_features_trained_, self.rank_ = size, int(path.rank[0])
        return self


class PrunedLeastSquares(PrunedFit, PrunedRegression):
    """Least squares on the first columns of X, pruned to a few features and trained again on those.

    ``theta`` minimises ``sum_i w_i |y_i - b - x_i'theta|**2 / (2 sum w) + ridge |theta|**2 / 2``
    over the first `n_features_to_train` columns; the `n_nonzeros` features with the largest scores
    are kept, and theta is fitted again on them.

    Without ridge, and with more features than rows, theta is the interpolating model of minimum l2
    norm. The intercept b is never part of that norm: X and y are centred first, so that neither a
    shift of y nor one of X changes theta. A column that is constant in training has coefficient 0.

    Parameters
    ----------
    n_features_to_train : int, float or None, default None
        The size k: how many columns, from the first, are trained; a fraction of them in (0, 1], or
        None: all.
    n_nonzeros : int, float or None, default None
        How many of them survive, in [1, k]; a fraction of k in (0, 1]; or None: half of k, but 10
        at least (all where k is less). Where all columns are trained and X has fewer than
        `n_nonzeros`, as in `RFE` or `SequentialFeatureSelector`, all survive, with a warning.
    rule : str, default "magnitude"
        A rule of `overprune.importance` that needs no truth. The curvature of "hessian" is the
        (weighted) sample variance, or second moment without an intercept. With several targets
        ``|theta_i|`` is the l2 norm of the feature's coefficients.
    retrain : bool, default True
        Whether to train again on the survivors; else they keep their coefficients.
    ridge : float, default 0.0
        At least 0.
    retrain_ridge : float or None, default None
        Of the second training, at least 0; None: the same.
    fit_intercept : bool, default True
        Whether to fit b; else it is 0.
    random_state : int, RandomState or None, default None
        Of the rule "random". An int in [0, 2**64) is the `seed` of `prune_path`, whose supports are
        the same.
    n_jobs : int or None, default None
        Threads inside one fit, as in joblib: -1 is every core. None is every core that the process
        may use, but one inside a worker of joblib. Does not change the result.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Zero but for the survivors; of one dimension for a single target; after `sparsify` a sparse
        array.
    sparse_coef_ : sparse array of shape (n_targets, n_features)
    intercept_ : float or ndarray of shape (n_targets,)
    support_ : ndarray of bool of shape (n_features,)
        The survivors.
    n_nonzeros_, n_features_trained_ : int
        How many survive, and of how many.
    rank_ : int
        Numerical rank of the (centred) columns that were trained; with ridge their number.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Raises
    ------
    TypeError, ValueError
        In `fit`, if a parameter is not what is said above.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), Eqs. (2) and (3); docs/theory.md, sections 1 and 2.

    Examples
    --------
    >>> from overprune.sklearn import PrunedLeastSquares
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(30, 100, n_informative=3, random_state=0)
    >>> model = PrunedLeastSquares(n_nonzeros=10).fit(X, y)
    >>> model.coef_.shape, int((model.coef_ != 0).sum()), bool(model.score(X, y) > 0.8)
    ((100,), 10, True)
    >>> model.compact().coef_.shape
    (10,)
    """


class PrunedLeastSquaresClassifier(PrunedFit, PrunedClassification):
    """Classifier by least squares on +1 and -1, pruned to a few features and retrained.

    One column of targets for each class, +1 in its rows and -1 in the others, or one column for two
    classes, as in scikit-learn's `RidgeClassifier`; with an intercept, one-hot targets would give
    half of each coefficient and the same classes. All classes share the support. The rest is as in
    `PrunedLeastSquares`.

    Parameters
    ----------
    n_features_to_train : int, float or None, default None
        The size k: how many columns, from the first, are trained; a fraction of them in (0, 1], or
        None: all.
    n_nonzeros : int, float or None, default None
        How many of them survive, in [1, k]; a fraction of k in (0, 1]; or None: half of k, but 10
        at least (all where k is less). More than there are columns are as in `PrunedLeastSquares`.
    rule : str, default "magnitude"
        As in `PrunedLeastSquares`; a feature's size is the l2 norm of its coefficients over the
        classes.
    retrain : bool, default True
        Whether to train again on the survivors; else they keep their coefficients.
    ridge : float, default 0.0
        At least 0.
    retrain_ridge : float or None, default None
        Of the second training, at least 0; None: the same.
    fit_intercept : bool, default True
        Whether to fit intercepts; else they are 0.
    class_weight : dict, "balanced" or None, default None
        Weights of the classes, by which those of their rows are multiplied; "balanced": inverse to
        their frequencies, in which a row of weight 2 counts like two.
    random_state : int, RandomState or None, default None
        Of the rule "random", as in `PrunedLeastSquares`.
    n_jobs : int or None, default None
        As in `PrunedLeastSquares`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    coef_ : ndarray of shape (n_classes, n_features), or (1, n_features) for two classes
        Zero but for the survivors; after `sparsify` a sparse array.
    intercept_ : ndarray of shape (n_classes,) or (1,)
    sparse_coef_, support_, n_nonzeros_, n_features_trained_, rank_, n_features_in_,
    feature_names_in_
        As in `PrunedLeastSquares`.

    Raises
    ------
    TypeError, ValueError
        In `fit`, if a parameter is not what is said above.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), Eqs. (2) and (3); docs/theory.md, sections 1 and 2.

    Examples
    --------
    >>> from overprune.sklearn import PrunedLeastSquaresClassifier
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = PrunedLeastSquaresClassifier(n_nonzeros=2).fit(X, y)
    >>> model.get_support(indices=True)
    array([1, 3])
    >>> model.predict(X[[0, 60, 149]])
    array([0, 1, 2])
    """

    def __init__(
        self,
        n_features_to_train: int | float | None = None,
        n_nonzeros: int | float | None = None,
        rule: str = "magnitude",
        retrain: bool = True,
        ridge: float = 0.0,
        retrain_ridge: float | None = None,
        fit_intercept: bool = True,
        class_weight: Any = None,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(
            n_features_to_train,
            n_nonzeros,
            rule,
            retrain,
            ridge,
            retrain_ridge,
            fit_intercept,
            random_state,
            n_jobs,
        )
        self.class_weight = class_weight
