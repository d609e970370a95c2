"""Frames of pandas, polars and pyarrow in the searches and compact models, as they were given: case
C3."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.model_selection import GridSearchCV, KFold

from overprune.sklearn import (
    PrunedLeastSquares,
    PrunedLeastSquaresClassifier,
    PrunedLeastSquaresClassifierCV,
    PrunedLeastSquaresCV,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 12))
Y = X @ RNG.normal(size=12) + RNG.normal(size=40)
LABELS = np.array(["a", "b"])[(Y > 0.5).astype(int)]


def plain(model, X, y):
    return model.score(X, y)


class Seeing(KFold):
    """Remembers of what types the data are that it splits."""

    def split(self, X, y=None, groups=None):
        self.seen = type(X), type(y), groups
        return super().split(np.zeros(len(Y)))


def frames():
    """Rows and targets by library."""
    found = {}
    columns = {f"c{i}": X[:, i] for i in range(12)}
    pandas = pytest.importorskip("pandas")
    found["pandas"] = (
        pandas.DataFrame(columns, index=np.arange(40)[::-1]),
        pandas.Series(Y, index=range(40)),
    )
    try:
        import polars

        found["polars"] = polars.DataFrame(columns), polars.Series(Y)
    except ImportError:
        pass
    try:
        import pyarrow

        found["pyarrow"] = pyarrow.table(columns), pyarrow.chunked_array([Y])
    except ImportError:
        pass
    return found


def test_c3_splitters_and_scorers_see_what_was_given():
    seen = []

    def looks(model, X, y):
        seen.append((type(X), type(y)))
        return model.score(X, y)

    expected = PrunedLeastSquaresCV([4, 12], [2, 4], cv=KFold(3), scoring=plain).fit(X, Y)
    for rows, y in (*frames().values(), (X.tolist(), Y.tolist()), (X, Y)):
        cv = Seeing(3)
        groups = list(range(40))
        search = PrunedLeastSquaresCV([4, 12], [2, 4], cv=cv, scoring=looks).fit(
            rows, y, groups=groups
        )
        assert cv.seen == (type(rows), type(y), groups)
        assert set(seen) == {(type(rows), type(y))}
        seen.clear()
        for name in ("mean_test_score", "rank_test_score"):
            np.testing.assert_allclose(search.cv_results_[name], expected.cv_results_[name])
        np.testing.assert_allclose(search.predict(rows), expected.predict(X))


def test_c3_a_scorer_sees_names_and_labels():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=[f"c{i}" for i in range(12)])

    def by_name(model, X, y):
        assert list(X.columns) == list(model.feature_names_in_)
        assert model.n_features_trained_ == model.n_features_to_train
        assert model.rank_ <= model.n_features_trained_
        return float((model.predict(X) == y.to_numpy()).mean() + X["c3"].mean())

    y = pandas.Series(LABELS)
    search = PrunedLeastSquaresClassifierCV([4, 12], [2, 3], cv=3, scoring=by_name).fit(frame, y)
    points = [{name: [v] for name, v in point.items()} for point in search.cv_results_["params"]]
    expected = GridSearchCV(PrunedLeastSquaresClassifier(), points, cv=3, scoring=by_name).fit(
        frame, y
    )
    for i in range(3):
        name = f"split{i}_test_score"
        np.testing.assert_allclose(search.cv_results_[name], expected.cv_results_[name], rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "y"), [(PrunedLeastSquares, Y), (PrunedLeastSquaresClassifier, LABELS)]
)
def test_c3_compact_models_take_frames_by_name(make, y):
    fitted = make(n_nonzeros=4).fit(frames()["pandas"][0], y)
    unnamed = make(n_nonzeros=4).fit(X, y)
    linear = "predict" if y is Y else "decision_function"
    expected = getattr(fitted, linear)(frames()["pandas"][0])
    names = fitted.compact().feature_names_in_.tolist()
    for rows, _ in frames().values():
        few = rows.select(names[::-1]) if hasattr(rows, "select") else rows[names[::-1]]
        for given in (rows, few):
            np.testing.assert_allclose(
                getattr(fitted.compact(), linear)(given), expected, rtol=1e-12
            )
        np.testing.assert_allclose(getattr(unnamed.compact(), linear)(rows), expected, rtol=1e-12)


def test_c3_compact_models_take_tables_as_pyarrow_has_them():
    """Whose `columns` are not names, and which are not indexed by lists; where pyarrow is missing,
    too."""

    class Table:
        def __init__(self, columns):
            self._of, self.column_names = columns, list(columns)
            self.columns, self.shape = list(columns.values()), (40, len(columns))

        def select(self, names):
            return Table({name: self._of[name] for name in names})

        def __array__(self, dtype=None, copy=None):
            return np.column_stack(self.columns)

    columns = {f"c{i}": X[:, i] for i in range(12)}
    pandas = pytest.importorskip("pandas")
    fitted = PrunedLeastSquares(n_nonzeros=4).fit(pandas.DataFrame(columns), Y)
    expected = fitted.predict(pandas.DataFrame(columns))
    np.testing.assert_allclose(fitted.compact().predict(Table(columns)), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"X must have the columns .*; missing: \["):
        fitted.compact().predict(Table({"c0": X[:, 0]}))
