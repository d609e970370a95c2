"""Predictions of targets or classes from the linear part of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.preprocessing import LabelBinarizer

from .._validation import FloatArray
from .arguments import weights_of_score


def is_multilabel(binarizer: LabelBinarizer) -> bool:
    """Whether the labels are a matrix of indicators."""
    return str(binarizer.y_type_).startswith("multilabel")


class Predicting:
    """What regressors and classifiers share: sparse X, and scores with weights of any size.

    The weights of scikit-learn's mixins overflow.
    """

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute R^2, averaged over targets, or of a classifier the accuracy.

        Only the ratios of weights count, as in `fit`.

        Parameters
        ----------
        X : array_like or sparse array of shape (n_samples, n_features)
        y : array_like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array_like of shape (n_samples,), optional

        Returns
        -------
        float
        """
        return float(
            super().score(X, y, weights_of_score(sample_weight))  # type: ignore[misc]
        )

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.sparse = True
        return tags


class Regression(Predicting, MultiOutputMixin, RegressorMixin):
    """Predicts what `_linear` computes."""

    _linear: Any

    def predict(self, X: Any) -> FloatArray:
        """Predict targets: ``X @ coef_.T + intercept_``.

        Parameters
        ----------
        X : array_like or sparse array of shape (n_samples, n_features)
            For a compact model, the surviving columns alone will do.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        targets: FloatArray = self._linear(X)
        return targets


class Classification(Predicting, ClassifierMixin):
    """Predicts the class whose column of `_linear` is largest; of two, by the sign of one."""

    _linear: Any
    _binarizer: LabelBinarizer
    classes_: Any

    def decision_function(self, X: Any) -> FloatArray:
        """Compute the fitted targets of each class: ``X @ coef_.T + intercept_``.

        Parameters
        ----------
        X : array_like or sparse array of shape (n_samples, n_features)
            For a compact model, the surviving columns alone will do.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes one number, above 0 for ``classes_[1]``.
        """
        values: FloatArray = self._linear(X)
        return values.ravel() if values.shape[1] == 1 else values

    def predict(self, X: Any) -> Any:
        """Predict class labels: the class with the largest `decision_function`.

        Parameters
        ----------
        X : array_like or sparse array of shape (n_samples, n_features)
            For a compact model, the surviving columns alone will do.

        Returns
        -------
        ndarray of shape (n_samples,), or (n_samples, n_labels) for a multilabel problem
        """
        decision = self.decision_function(X)
        if is_multilabel(self._binarizer):
            return self._binarizer.inverse_transform(np.where(decision > 0, 1.0, -1.0))
        if decision.ndim == 2:
            return self.classes_[decision.argmax(axis=1)]
        return self.classes_[((decision > 0) & (len(self.classes_) > 1)).astype(int)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
