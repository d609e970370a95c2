"""Random features as a transformer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import _validation as check
from ..fits.features import random_features
from ..fits.random import standard_normal
from ..problems.functions import Function, core_function
from .arguments import in_numpy, seed_of, threads_of


class RandomFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Random features of the inputs: the hidden layer of a network that is not trained.

    ``phi(X @ weights_.T)`` with ``weights_ = standard_normal((n_components, d), seed) / sqrt(d)``
    for d input columns: bit for bit what `overprune.random_features` makes of the same, on every
    machine. An int `random_state` is the seed; the stream is 0. Component i is a function of (seed,
    d, i) alone, so that a larger layer begins with the smaller one, and training on the first k
    columns is training a layer of k.

    Parameters
    ----------
    n_components : int, default 100
        How many features, at least 1.
    activation : str or callable, default "relu"
        phi, as in `overprune.random_features`.
    random_state : int, RandomState or None, default None
        An int in [0, 2**64) is the seed; anything else draws one.
    n_jobs : int or None, default None
        Threads inside `fit` and `transform`, as in joblib: -1 is every core. None is every core
        that the process may use, but one inside a worker of joblib. Does not change the result.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components, d), of d columns of X
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        As everywhere in scikit-learn.

    Raises
    ------
    TypeError, ValueError
        In `fit`, if a parameter is not what is said above; in `transform`, if a callable returns
        anything but finite real numbers in the shape that it was given.

    References
    ----------
    Rahimi and Recht, *Random features for large-scale kernel machines*, NeurIPS 2007;
    docs/theory.md, section 7.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> from overprune.sklearn import RandomFeatures
    >>> X = op.standard_normal((5, 4), seed=0)
    >>> features = RandomFeatures(3, activation="tanh", random_state=1).fit_transform(X)
    >>> weights = op.standard_normal((3, 4), seed=1) / np.sqrt(4)
    >>> bool((features == op.random_features(X, weights, "tanh")).all())
    True
    """

    def __init__(
        self,
        n_components: int = 100,
        activation: Function = "relu",
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.activation = activation
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Any:
        """Draw the weights for as many input columns as X has.

        Parameters
        ----------
        X : array_like or sparse array of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self
        """
        count = check.integer(self.n_components, "n_components", lowest=1)
        core_function(self.activation, "activation")
        X = validate_data(self, X, accept_sparse="csr")
        d = X.shape[1]
        self._names = None  # of a compact transformer that is fitted again
        weights = standard_normal(
            (count, d), seed=seed_of(self.random_state), workers=threads_of(self.n_jobs)
        )
        self.weights_ = weights / math.sqrt(d)
        return self

    def transform(self, X: Any) -> Any:
        """Compute the features, in float32 where X is.

        Parameters
        ----------
        X : array_like or sparse array of shape (n_samples, n_features)
            A sparse X is made dense.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        X = in_numpy(validate_data(self, X, accept_sparse="csr", reset=False))
        rows = X.toarray() if sparse.issparse(X) else X
        features = random_features(
            rows, self.weights_, self.activation, workers=threads_of(self.n_jobs)
        )
        return features.astype(np.float32) if X.dtype == np.float32 else features

    def compact(self, support: Any) -> Any:
        """Return a fitted transformer that computes some of the features only.

        Parameters
        ----------
        support : array_like of bool of shape (n_components,) or of int
            A mask, or which components: those of a pruned model's `get_support`.

        Returns
        -------
        RandomFeatures
            Its features are those columns of `transform`, with their names; `fit` draws anew.
        """
        check_is_fitted(self)
        mask = np.asarray(support)
        chosen = np.flatnonzero(mask) if mask.dtype == bool else mask
        if mask.dtype == bool and mask.shape != (len(self.weights_),):
            raise ValueError(f"support must have shape ({len(self.weights_)},), got {mask.shape}")
        kept = check.indices(chosen, "support", size=len(self.weights_))
        part = type(self)(
            n_components=kept.size,
            activation=self.activation,
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )
        part.n_features_in_ = self.n_features_in_
        if hasattr(self, "feature_names_in_"):
            part.feature_names_in_ = self.feature_names_in_
        part.weights_, part._names = self.weights_[kept], self.get_feature_names_out()[kept]
        return part

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Return the names of the features: randomfeatures0, randomfeatures1, ...

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of str of shape (n_components,)
        """
        names = super().get_feature_names_out(input_features)
        return names if self._names is None else self._names

    @property
    def _n_features_out(self) -> int:
        return len(self.weights_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
