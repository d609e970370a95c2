"""Pruned least squares as scikit-learn estimators, for Pipeline, GridSearchCV, clone and pickle.

`PrunedLeastSquares` and `PrunedLeastSquaresClassifier` train, prune and retrain once;
`PrunedLeastSquaresCV` and `PrunedLeastSquaresClassifierCV` pick size, nonzeros, rule, retraining
and ridge by cross-validation over nested paths; `RandomFeatures` makes the features. Fitted models
are selectors of features, too: `transform` keeps the surviving columns. All compute in
float64 on the processor: tensors of other libraries are read, NumPy arrays come back. The room
needs scikit-learn 1.6 (``pip install 'overprune[sklearn]'``) and may use `fits` and rooms below it.
"""

try:
    from sklearn.utils.validation import validate_data  # noqa: F401
except ImportError as error:
    raise ImportError(
        "overprune.sklearn needs scikit-learn 1.6 or newer: pip install 'overprune[sklearn]'",
        name="sklearn",
    ) from error

from .compact import CompactClassifier, CompactRegressor
from .display import ValidationCurve
from .estimators import PrunedLeastSquares, PrunedLeastSquaresClassifier
from .random_features import RandomFeatures
from .search import PrunedLeastSquaresClassifierCV, PrunedLeastSquaresCV

__all__ = [
    "CompactClassifier",
    "CompactRegressor",
    "PrunedLeastSquares",
    "PrunedLeastSquaresCV",
    "PrunedLeastSquaresClassifier",
    "PrunedLeastSquaresClassifierCV",
    "RandomFeatures",
    "ValidationCurve",
]
