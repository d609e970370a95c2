"""Models of the surviving features of a pruned one."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array

from .._validation import FloatArray, IntArray
from .frames import column_names, columns_of
from .offsets import Offsets, linear
from .predictions import Classification, Regression


class CompactModel(BaseEstimator):
    """Surviving features, coefficients and intercept; made by `compact()` of a pruned model."""

    @classmethod
    def _of(
        cls,
        coef: FloatArray,
        intercept: Any,
        offsets: Offsets | None,
        features: IntArray,
        n_features_full: int,
        names: Any,
        binarizer: Any = None,
    ) -> Any:
        model = cls()
        model.coef_, model.intercept_ = np.ascontiguousarray(coef), intercept
        model._offsets = offsets
        model.features_, model.n_features_full_ = features, int(n_features_full)
        model.n_features_in_ = int(features.size)
        if names is not None:
            model.feature_names_in_ = names
        if binarizer is not None:
            model._binarizer, model.classes_ = binarizer, binarizer.classes_
        return model

    def fit(self, X: Any = None, y: Any = None, **params: Any) -> Any:
        """Do nothing: the model is fitted, and stays as it is (so does a `FrozenEstimator`)."""
        return self

    def __sklearn_clone__(self) -> Any:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")

    def _columns(self, X: Any) -> Any:
        """The surviving columns of X, checked; what the others hold does not matter."""
        names, given = getattr(self, "feature_names_in_", None), column_names(X)
        if given is not None:
            if names is not None:
                missing = [name for name in names if name not in given]
                if missing:
                    raise ValueError(f"X must have the columns {list(names)}; missing: {missing}")
            elif len(given) == self.n_features_full_ and len(set(given)) == len(given):
                names = [given[i] for i in self.features_]
            X = X if names is None else columns_of(X, names)
            X = check_array(X, accept_sparse="csr", estimator=type(self).__name__, input_name="X")
        X = X.tocsr() if sparse.issparse(X) else np.asarray(X)
        if X.ndim != 2:
            raise ValueError(
                f"X must have 2 dimensions, got shape {X.shape}; X.reshape(1, -1) is a single row"
            )
        if X.shape[1] == self.n_features_full_:
            X = X[:, self.features_] if sparse.issparse(X) else X.take(self.features_, axis=1)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X must have the {self.n_features_in_} surviving features or all "
                f"{self.n_features_full_}, got {X.shape[1]}"
            )
        return check_array(X, accept_sparse="csr", estimator=type(self).__name__, input_name="X")

    def _linear(self, X: Any) -> FloatArray:
        if not hasattr(self, "coef_"):
            raise NotFittedError(f"{type(self).__name__} is made by compact() of a fitted model")
        return linear(self._columns(X), self.coef_, self.intercept_, self._offsets)


class CompactRegressor(Regression, CompactModel):
    """Regressor that holds only the surviving features of a pruned one; what its `compact()`
    returns.

    ``predict(X)`` takes either all columns that the pruned model was fitted with, of which it reads
    the surviving ones, or the surviving columns alone, in their order; of a data frame it takes
    them by name. It never looks at the others, which need not be measured any more. It can be
    pickled, and `fit` and `clone` leave it as it is.

    Attributes
    ----------
    coef_ : ndarray of shape (n_nonzeros,) or (n_targets, n_nonzeros)
    intercept_ : float or ndarray of shape (n_targets,)
    features_ : ndarray of int of shape (n_nonzeros,)
        Which columns survive, ascending.
    n_features_in_ : int
        Number of surviving features.
    n_features_full_ : int
        Number of features of the pruned model.
    feature_names_in_ : ndarray of str of shape (n_nonzeros,)
        Names of the survivors, where the pruned model was fitted to named features.
    """


class CompactClassifier(Classification, CompactModel):
    """Classifier that holds only the surviving features of a pruned one; what its `compact()`
    returns.

    It takes the same X as `CompactRegressor`, and has the same attributes, with `coef_` of shape
    (n_classes, n_nonzeros), or (1, n_nonzeros) for two classes, and besides:

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    """
