"""How large a hidden layer, and how many of its units? Cross-validation of a scikit-learn pipeline.

ReLU random features of scikit-learn's small images of digits, pruned to a few; then the same
classifier with nothing in it but the features that survived:

    python examples/sklearn_pipeline.py [sklearn_pipeline.png]
"""

import sys

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from overprune.sklearn import PrunedLeastSquaresClassifierCV, RandomFeatures

matplotlib.use("agg")

ROWS = 400  # in training: the layer may have many more units than that


def main(target: str = "sklearn_pipeline.png", units: int = 2000) -> None:
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, train_size=ROWS, stratify=y, random_state=0)
    search = PrunedLeastSquaresClassifierCV(
        sizes=np.unique(np.geomspace(50, units, 16).astype(int)),
        nonzeros=[25, 50, 100],
        ridge=[1e-4, 1e-3, 1e-2],
    )
    pipeline = make_pipeline(MinMaxScaler(), RandomFeatures(units, random_state=0), search).fit(
        X, y
    )
    best = search.best_params_
    print(f"best: {best}, accuracy {search.best_score_:.3f} in cross-validation")
    print(f"accuracy on {len(y_test)} other images: {pipeline.score(X_test, y_test):.3f}")

    scaler, features, model = (step for _, step in pipeline.steps)
    small = make_pipeline(scaler, features.compact(model.support_), model.compact())
    assert (small.predict(X_test) == pipeline.predict(X_test)).all()
    print(f"the compact pipeline computes {len(small[1].weights_)} of {units} features")

    search.plot_validation_curve().figure_.savefig(target, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
