"""Fitted pruned models select features, as scikit-learn's own selectors do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

pytest.importorskip("sklearn")

from sklearn.base import is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from overprune.sklearn import (
    PrunedLeastSquares,
    PrunedLeastSquaresClassifier,
    PrunedLeastSquaresClassifierCV,
    PrunedLeastSquaresCV,
)

FRAME, Y = load_diabetes(return_X_y=True, as_frame=True)
LABELS = (Y - Y.median() > 0).astype(int)
GRID = {"sizes": [10], "nonzeros": [4], "rules": "magnitude"}
MODELS = {
    "regressor": (PrunedLeastSquares(n_nonzeros=4), Y),
    "classifier": (PrunedLeastSquaresClassifier(n_nonzeros=4), LABELS),
    "search": (PrunedLeastSquaresCV(**GRID), Y),
    "search of classifiers": (PrunedLeastSquaresClassifierCV(**GRID), LABELS),
}


@pytest.mark.parametrize(("model", "y"), MODELS.values(), ids=MODELS)
def test_transform_keeps_the_surviving_columns_by_name(model: Any, y: Any) -> None:
    fitted = model.fit(FRAME, y)
    kept = np.flatnonzero(fitted.support_)
    assert kept.size == 4
    names = FRAME.columns[kept].tolist()
    assert fitted.get_feature_names_out().tolist() == names
    assert fitted.get_feature_names_out(FRAME.columns).tolist() == names
    np.testing.assert_array_equal(fitted.get_support(), fitted.support_)
    np.testing.assert_array_equal(fitted.get_support(indices=True), kept)
    np.testing.assert_array_equal(fitted.transform(FRAME), FRAME.to_numpy()[:, kept])
    framed = fitted.set_output(transform="pandas").transform(FRAME)
    pd.testing.assert_frame_equal(framed, FRAME[names])
    fitted.set_output(transform="default")
    back = fitted.inverse_transform(fitted.transform(FRAME))
    np.testing.assert_array_equal(back, np.where(fitted.support_, FRAME, 0.0))
    assert (is_regressor(fitted), is_classifier(fitted)) == (y is Y, y is not Y)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(FRAME[FRAME.columns[::-1]])


def test_arrays_have_the_names_that_scikit_learn_gives() -> None:
    rows = FRAME.to_numpy()
    fitted = PrunedLeastSquares(n_nonzeros=2).fit(rows, Y)
    kept = fitted.get_support(indices=True)
    assert fitted.get_feature_names_out().tolist() == [f"x{i}" for i in kept]
    found = fitted.transform(sparse.csr_array(rows))
    assert sparse.issparse(found)
    np.testing.assert_array_equal(found.toarray(), rows[:, kept])
    assert fitted.transform(rows.astype(np.float32)).dtype == np.float32
    with pytest.raises(ValueError, match="10 features"):
        fitted.transform(rows[:, :9])


def test_a_pruned_model_is_a_step_of_a_pipeline() -> None:
    pipeline = make_pipeline(
        StandardScaler(), PrunedLeastSquares(n_nonzeros=4), LinearRegression()
    ).fit(FRAME, Y)
    kept = pipeline[1].get_feature_names_out(FRAME.columns).tolist()
    assert pipeline[:-1].get_feature_names_out().tolist() == kept
    plain = LinearRegression().fit(StandardScaler().fit_transform(FRAME[kept].to_numpy()), Y)
    np.testing.assert_allclose(
        pipeline.predict(FRAME),
        plain.predict(StandardScaler().fit_transform(FRAME[kept].to_numpy())),
    )
    columns = ColumnTransformer(
        [("own", PrunedLeastSquares(n_nonzeros=2), ["age", "bmi", "bp"])],
        verbose_feature_names_out=False,
    ).fit(FRAME, Y)
    assert set(columns.get_feature_names_out()) < {"age", "bmi", "bp"}
    whole = PrunedLeastSquares(n_nonzeros=4).fit(FRAME, Y)
    chosen = SelectFromModel(whole, prefit=True, threshold=1e-12)
    np.testing.assert_array_equal(chosen.transform(FRAME.to_numpy()), whole.transform(FRAME))
    np.testing.assert_array_equal(
        PrunedLeastSquares(n_nonzeros=4).fit_transform(FRAME, Y), whole.transform(FRAME)
    )


def test_without_a_fit_there_is_nothing_to_select() -> None:
    rows = FRAME.to_numpy()
    for model in (PrunedLeastSquares(), PrunedLeastSquaresCV(**GRID, refit=False).fit(rows, Y)):
        for call in (model.get_support, model.get_feature_names_out):
            with pytest.raises(NotFittedError):
                call()
        with pytest.raises(NotFittedError):
            model.transform(rows)
