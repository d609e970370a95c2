"""Fitted pruned models, and how regressors and classifiers read their targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import _validation as check
from .._validation import FloatArray, IntArray
from .arguments import in_numpy, in_range, weights_of
from .compact import CompactClassifier, CompactRegressor
from .offsets import Offsets, linear
from .predictions import Classification, Regression, is_multilabel
from .training import Training


class PrunedLinearModel(SelectorMixin, BaseEstimator):
    """A fitted linear model with few coefficients: `coef_`, `intercept_`, `support_`.

    It selects the survivors as scikit-learn's selectors of features do: `get_support`, `transform`,
    `inverse_transform`, `get_feature_names_out`.
    """

    coef_: Any
    intercept_: Any
    _offsets: Offsets | None

    def _linear(self, X: Any) -> FloatArray:
        """``X @ coef_.T + intercept_`` of rows that are checked here."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        return linear(in_numpy(X), self.coef_, self.intercept_, self._offsets)

    def _set_model(
        self,
        theta: FloatArray,
        support: IntArray,
        training: Training,
        n_features: int,
        single: bool,
    ) -> None:
        """Keeps theta (k, m) of a training, zero-padded; in one dimension where `single`."""
        size, targets = theta.shape
        coef = np.zeros((targets, n_features))
        coef[:, :size] = theta.T
        intercept, left = training.intercept(theta)
        self.coef_, self.intercept_ = (coef[0], intercept[0]) if single else (coef, intercept)
        self._offsets = training.offsets(theta, left)
        self.support_ = np.zeros(n_features, dtype=bool)
        self.support_[support] = True
        self.n_nonzeros_ = int(support.size)

    @property
    def sparse_coef_(self) -> Any:
        """`coef_` as a SciPy sparse array (CSR) of shape (n_targets, n_features)."""
        check_is_fitted(self)
        return sparse.csr_array(np.atleast_2d(self._dense_coef()))

    def _dense_coef(self) -> FloatArray:
        """`coef_` as a dense array, whichever way it is kept now."""
        check_is_fitted(self)
        if not sparse.issparse(self.coef_):
            dense: FloatArray = self.coef_
            return dense
        rows: FloatArray = self.coef_.toarray()
        return rows[0] if np.ndim(self.intercept_) == 0 else rows

    def sparsify(self) -> Any:
        """Keep `coef_` as a sparse array (CSR) and return the estimator; see `densify`."""
        self.coef_ = self.sparse_coef_
        return self

    def densify(self) -> Any:
        """Keep `coef_` as a dense array again, as `fit` leaves it, and return the estimator."""
        self.coef_ = self._dense_coef()
        return self

    def _get_support_mask(self) -> Any:
        check_is_fitted(self)
        return self.support_

    def _survivors(self) -> dict[str, Any]:
        """The arguments of a compact model."""
        check_is_fitted(self)
        kept = self.get_support(indices=True)
        names = getattr(self, "feature_names_in_", None)
        return {
            "coef": self._dense_coef()[..., kept],
            "intercept": self.intercept_,
            "offsets": None if self._offsets is None else self._offsets.within(kept),
            "features": kept,
            "n_features_full": self.support_.size,
            "names": None if names is None else names[kept],
        }


class PrunedRegression(Regression, PrunedLinearModel):
    """Real targets, one or several."""

    def _targets(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[Any, Any, FloatArray, FloatArray | None]:
        """Checked X and y, y as (n, m), and the weights (n,) of the rows."""
        if sparse.issparse(y):
            raise TypeError(
                f"y must be a dense array, got a {type(y).__name__}; y.toarray() is one"
            )
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, y_numeric=True
        )
        X, y = in_numpy(X), np.asarray(y, dtype=np.float64)
        return X, y, y.reshape(len(y), -1), weights_of(sample_weight, X)

    def _training_weights(
        self, y: Any, weights: FloatArray | None, rows: Any = slice(None)
    ) -> FloatArray | None:
        return None if weights is None else weights[rows]

    def _of_fold(
        self, y: Any, targets: FloatArray, train: IntArray, test: IntArray
    ) -> tuple[FloatArray, FloatArray, dict[str, Any]]:
        """Targets of training and test, and what a model of the fold is given as an attribute."""
        return targets[train], targets[test], {}

    @staticmethod
    def _is_single(y: Any) -> bool:
        return bool(y.ndim == 1 or y.shape[1] == 1)

    def compact(self) -> CompactRegressor:
        """Return a fitted model of the surviving features alone; see `CompactRegressor`."""
        model: CompactRegressor = CompactRegressor._of(**self._survivors())
        return model


class PrunedClassification(Classification, PrunedLinearModel):
    """Class labels: one-vs-rest with targets +1 and -1, as scikit-learn's RidgeClassifier."""

    def _targets(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[Any, Any, FloatArray, FloatArray | None]:
        """Checked X and y, y as +1 and -1 of shape (n, m), and the weights (n,) of the rows."""
        X, y = map(
            in_numpy, validate_data(self, X, y, accept_sparse=["csr", "csc"], multi_output=True)
        )
        check_classification_targets(y)
        is_sparse = sparse.issparse(y)
        if y.ndim == 2 and type_of_target(y).startswith("multilabel"):
            # The binarizer writes -1 into an array of the same dtype.
            y = np.asarray(y.toarray() if is_sparse else y, dtype=np.int64)
        self._binarizer, coded = _coded(y)
        self._binarizer.sparse_input_ = is_sparse  # predictions are sparse where the targets are
        self.classes_ = self._binarizer.classes_
        if not is_multilabel(self._binarizer):
            y = column_or_1d(y, warn=True)
        return X, y, coded, weights_of(sample_weight, X)

    def _of_fold(
        self, y: Any, targets: FloatArray, train: IntArray, test: IntArray
    ) -> tuple[FloatArray, FloatArray, dict[str, Any]]:
        """As in a regression; where training lacks a class, as of a model that never saw it.

        A test row of such a class has targets 0: no model gets it right.
        """
        trained, tested = targets[train], targets[test]
        if is_multilabel(self._binarizer):
            return trained, tested, {}
        is_there = (trained > 0).any(axis=0)
        if len(self.classes_) < 3:  # one column for both
            is_there = np.append(is_there, (trained < 0).any())
        if is_there.all():
            return trained, tested, {}
        binarizer, trained = _coded(y[train])
        classes, first = np.unique(y[train], return_index=True)
        # A model of one class predicts no other: of its two codes the first is the larger.
        codes = trained[first] if len(classes) > 1 else np.array([[1.0, -1.0]])
        nearest = np.searchsorted(classes, y[test]).clip(max=len(classes) - 1)
        tested = np.where((classes[nearest] == y[test])[:, None], codes[nearest], 0.0)
        return trained, tested, {"_binarizer": binarizer, "classes_": binarizer.classes_}

    def _training_weights(
        self, y: Any, weights: FloatArray | None, rows: Any = slice(None)
    ) -> FloatArray | None:
        """The weights of `rows` of all that have targets y, times those of their classes."""
        weights = None if weights is None else weights[rows]
        if self.class_weight is None:
            return weights
        if isinstance(self.class_weight, str):
            of_classes = _balanced(self.class_weight, y[rows], weights)
        else:  # classes with a weight may have no rows here
            of_classes = _of_rows(self.class_weight, y)[rows]
        if weights is not None:
            of_classes = np.where(weights > 0.0, of_classes, 0.0)
        if not of_classes.min() >= 0.0 or not np.isfinite(of_classes).all():
            raise ValueError(
                "class_weight must be finite and not negative, got "
                f"{check.shown(self.class_weight)}"
            )
        product = (
            in_range(of_classes) if weights is None else in_range(weights) * in_range(of_classes)
        )
        if not product.any():
            raise ValueError(
                "class_weight must leave weight to at least one training row, got "
                f"{self.class_weight!r}"
            )
        return product

    @staticmethod
    def _is_single(y: Any) -> bool:
        return False

    def compact(self) -> CompactClassifier:
        """Return a fitted model of the surviving features alone; see `CompactClassifier`."""
        model: CompactClassifier = CompactClassifier._of(
            **self._survivors(), binarizer=self._binarizer
        )
        return model


def _coded(y: Any) -> tuple[LabelBinarizer, FloatArray]:
    """Classes, or indicators of labels, as +1 and -1 of shape (n, m)."""
    binarizer = LabelBinarizer(pos_label=1, neg_label=-1)
    return binarizer, np.asarray(binarizer.fit_transform(y), dtype=np.float64)


def _balanced(class_weight: str, y: Any, weights: FloatArray | None) -> FloatArray:
    """The weight of the class of each row, where a row of weight 2 counts like two."""
    if weights is None or class_weight != "balanced":
        return _of_rows(class_weight, y)
    counted = np.flatnonzero(weights)
    product = np.ones(len(y))
    for column in np.asarray(y).reshape(len(y), -1).T:
        classes, members = np.unique(column[counted], return_inverse=True)
        totals = np.bincount(members, weights=in_range(weights[counted]))
        product[counted] *= (totals.sum() / (len(classes) * totals))[members]
    return product


def _of_rows(class_weight: Any, y: Any) -> FloatArray:
    """The weight of each row's class, if they are numbers that float64 holds."""
    try:
        weights: FloatArray = compute_sample_weight(class_weight, y)
    except (OverflowError, TypeError, ValueError) as error:
        if "class_weight" in str(error):
            raise
        expected = "class_weight must hold numbers, finite and not negative"
        raise ValueError(f"{expected}; got {check.shown(class_weight)}") from None
    return weights
