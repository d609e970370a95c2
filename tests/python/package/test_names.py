"""Own data by name: names of columns come in with the data and out with the answers."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import overprune as op
import problems
from overprune._provenance import problem_of

NAMES = ("age", "sex", "bmi", "bp", "s1")
X = problems.normal(60, 5)
Y = X @ [0.0, 3.0, 0.0, -2.0, 0.1] + 0.1 * problems.normal(60, seed=1)


def dressed(library: str, rows: np.ndarray = X, names: tuple[str, ...] = NAMES) -> Any:
    """The rows with named columns."""
    if library == "pandas":
        return pd.DataFrame(rows, columns=list(names))
    if library == "xarray":
        return xr.DataArray(rows, dims=("patient", "measure"), coords={"measure": list(names)})
    module = pytest.importorskip(library)
    columns = {name: rows[:, i] for i, name in enumerate(names)}
    return module.DataFrame(columns) if library == "polars" else module.table(columns)


LIBRARIES = ("pandas", "polars", "pyarrow", "xarray")


def named(**changes: Any) -> op.DataProblem:
    frame = dressed("pandas")
    return op.DataProblem(frame, Y, frame, Y, **changes)


@pytest.mark.parametrize("library", LIBRARIES)
def test_names_come_from_the_data_and_change_no_number(library: str) -> None:
    frame = dressed(library)
    path = op.prune_path(frame, Y, [3, 5], [1, 2])
    plain = op.prune_path(X, Y, [3, 5], [1, 2])
    assert path.feature_names == NAMES
    assert plain.feature_names is None
    np.testing.assert_array_equal(path.dense, plain.dense)
    problem = op.DataProblem(frame, Y, frame, Y)
    assert problem.feature_names == problem.input_names == NAMES
    parts = op.datasets.split(frame, Y, 20, seed=3)
    same = op.datasets.split(X, Y, 20, seed=3)
    split = op.DataProblem(*parts)
    assert split.feature_names == NAMES
    np.testing.assert_array_equal(split.inputs, same.inputs)
    np.testing.assert_array_equal(split.test_inputs, same.test_inputs)
    assert op.DataProblem(*op.datasets.split(frame, Y, "all")).feature_names == NAMES


def test_numbered_columns_have_no_names_and_given_names_win() -> None:
    for plain in (X, pd.DataFrame(X), X.tolist(), xr.DataArray(X), xr.DataArray(X[0])):
        if np.ndim(plain) == 2:
            assert op.prune_path(plain, Y, [5], [2]).feature_names is None
    path = op.prune_path(dressed("pandas"), Y, [5], [2], feature_names=np.array(list("abcde")))
    assert path.feature_names == tuple("abcde")
    assert all(type(name) is str for name in path.feature_names)
    mixed = pd.DataFrame(X, columns=["a", 1, 2, "b", 3.5])
    assert op.prune_path(mixed, Y, [5], [2]).feature_names == ("a", "1", "2", "b", "3.5")


@pytest.mark.parametrize("rule", ["magnitude", "hessian", "lasso"])
def test_supports_answer_with_names(rule: str) -> None:
    path = op.prune_path(dressed("polars"), Y, [3, 5], [1, 2], rules=[rule])
    assert path.support_names(rule, 5, 2) == ("sex", "bp")
    for size in (3, 5):
        for s in (1, 2):
            indices = path.support(rule, size, s)
            assert indices.dtype == np.int64
            assert path.support_names(rule, size, s) == tuple(NAMES[i] for i in indices)


def test_laws_have_a_coordinate_of_names() -> None:
    problem, plain = named(), op.DataProblem(X, Y, X, Y)
    table, other = (op.survival(p, 40, 4, [1, 2], draws=256) for p in (problem, plain))
    assert table.feature.values.tolist() == list(NAMES[:4])
    assert other.feature.values.tolist() == [0, 1, 2, 3]
    assert float(table.probability.sel(feature="sex", nonzeros=1)) > 0.99
    np.testing.assert_array_equal(table.probability.values, other.probability.values)
    models = op.sample_coefficients(problem, 40, 5, 2, draws=4)
    assert models.dense.sel(feature="sex").shape == (4,)
    assert set(models.feature[models.support].values.ravel().tolist()) == {"sex", "bp"}
    edges = np.linspace(-5, 5, 21)
    one, two = (
        op.coefficient_density(problem, 40, 4, 2, edges, features=f, draws=64)
        for f in (["bp", "age"], [3, 0])
    )
    xr.testing.assert_equal(one, two)


def test_the_equivalent_problems_and_their_parts_keep_the_names() -> None:
    linear = named().equivalent()
    assert linear.feature_names == NAMES
    assert linear.restrict(2).feature_names == NAMES[:2]
    by_name, by_index = linear.restrict(["bp", "age"]), linear.restrict([3, 0])
    assert by_name.feature_names == by_index.feature_names == ("bp", "age")
    np.testing.assert_array_equal(by_name.beta, by_index.beta)
    assert linear.restrict("bmi").feature_names == ("bmi",)
    assert linear.restrict(pd.Index(["bmi"])).feature_names == ("bmi",)
    frame, signs = dressed("pandas"), np.sign(Y + 5 * problems.normal(60, seed=4))
    labels = op.DataProblem(frame, signs, frame, signs).equivalent_labels()
    assert labels.feature_names == labels.regression.feature_names == NAMES
    assert labels.restrict(["sex"]).feature_names == ("sex",)
    assert labels.restrict(["sex"]).field.feature_names == ("sex",)
    covariance = pd.DataFrame(np.eye(2), columns=["a", "b"], index=["a", "b"])
    assert op.LinearGaussianProblem([1.0, 2.0], covariance).feature_names == ("a", "b")


def test_random_features_have_no_names_but_their_inputs_do() -> None:
    problem = named(features=7, center=True)
    assert problem.feature_names is None
    assert problem.input_names == NAMES
    assert problem.equivalent(shrinkage=0.1).feature_names is None


MADE: dict[str, Callable[[], Any]] = {
    "data": named,
    "centred": lambda: named(center=True),
    "random features": lambda: named(features=6),
    "linear": lambda: named().equivalent(),
    "labels": lambda: op.LinearClassificationProblem(
        np.ones(5), np.ones(5), 0.5, feature_names=NAMES
    ),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_names_survive_tables_and_pickles(make: Callable[[], Any]) -> None:
    problem = make()
    table = op.simulate(problem, 20, [2, 5], [1], trials=2)
    twin = problem_of(json.loads(json.dumps(table.attrs)))
    assert type(twin) is type(problem)
    for again in (twin, pickle.loads(pickle.dumps(problem))):
        assert again.feature_names == problem.feature_names
        assert getattr(again, "input_names", None) == getattr(problem, "input_names", None)
        assert repr(again) == repr(problem)
    assert "<5 names>" in repr(problem)
    reproduced = op.reproduce(table)
    xr.testing.assert_equal(reproduced, table)
    kept = table.attrs.get("feature_names")
    assert kept == (None if problem.feature_names is None else json.dumps(NAMES))
    assert reproduced.attrs["problem_hash"] == table.attrs["problem_hash"]


def test_schedules_and_predictions_carry_the_names() -> None:
    problem = named()
    for table in (
        op.predict(problem, 20, [5], [2], draws=8),
        op.simulate_schedule(problem, 20, 5, [3, 2], trials=2),
        op.predict_schedule(problem, 20, 5, [3, 2], draws=32),
        op.survival(problem, 20, 5, 2, draws=8),
    ):
        assert json.loads(table.attrs["feature_names"]) == list(NAMES)


def test_a_store_goes_on_with_named_features(tmp_path: Path) -> None:
    place = tmp_path / "run.zarr"
    first = op.simulate(named(), 20, [5], [2], trials=3, store=place)
    table = op.simulate(named(), 20, [5], [2], trials=6, store=place)
    xr.testing.assert_equal(table.isel(trial=slice(3)), first)
    with xr.open_zarr(place, consolidated=False) as opened:
        assert json.loads(opened.attrs["feature_names"]) == list(NAMES)
    with pytest.raises(ValueError, match="problem"):
        op.simulate(op.DataProblem(X, Y, X, Y), 20, [5], [2], trials=3, store=place)


def test_unnamed_problems_have_the_hash_they_always_had() -> None:
    table = op.simulate(op.DataProblem(X, Y, X, Y), 20, [5], [2], trials=1)
    assert "feature_names" not in table.attrs
    assert set(json.loads(table.attrs["problem"])["arguments"]) == {
        "inputs", "targets", "test_inputs", "test_targets", "features", "activation", "seed",
    }  # fmt: skip


def test_advice_names_the_features() -> None:
    advice = op.advise(named().equivalent(), 40, 2, schedules=False, draws=16)
    assert advice.feature_names == NAMES
    assert advice.names(advice.oracle_features) == ("sex", "bp")
    assert "directly [age, sex]" in str(advice) or "ridge" in str(advice)
    assert "[sex, bp] (it knows the truth)" in str(advice)
    assert "[age, sex]" in str(advice)
    facts = advice.to_dict()
    assert (facts["feature_names"], facts["oracle_features"]) == (list(NAMES), [1, 3])
    assert json.loads(advice.dataset().attrs["feature_names"]) == list(NAMES)
    plain = op.advise(op.DataProblem(X, Y, X, Y), 40, 2, schedules=False, draws=16)
    assert plain.best == advice.best
    assert "[" not in str(plain).partition("What each")[0]
    with pytest.raises(ValueError, match="names need a problem with feature_names"):
        plain.names([0])


FRAME = dressed("pandas")
BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "text": (
        lambda: op.DataProblem(FRAME.assign(sex="male"), Y, FRAME, Y),
        TypeError,
        "inputs must be an array of real numbers, but column 'sex' holds text: encode it first",
    ),
    "text with gaps": (
        lambda: op.prune_path(FRAME.assign(sex=["male", None] * 30), Y, [5], [2]),
        TypeError,
        "X must be an array of real numbers, but column 'sex' holds text: encode it first",
    ),
    "categories": (
        lambda: op.prune_path(FRAME.assign(sex=pd.Categorical(["f", "m"] * 30)), Y, [5], [2]),
        TypeError,
        "X must be an array of real numbers, but column 'sex' holds text: encode it first",
    ),
    "numbers and text": (
        lambda: op.prune_path(FRAME.assign(bp=[1.5, "high"] * 30), Y, [5], [2]),
        TypeError,
        "X must be an array of real numbers, but column 'bp' mixes numbers and text, 'high' at "
        "row 1: make it one kind first",
    ),
    "twins": (
        lambda: op.prune_path(FRAME.set_axis(["a", "b", "a", "c", "d"], axis=1), Y, [5], [2]),
        ValueError,
        "X must have columns of different names, got 'a' 2 times; rename one",
    ),
    "twins of inputs": (
        lambda: op.DataProblem(FRAME.set_axis(["a", "b", "a", "c", "d"], axis=1), Y, X, Y),
        ValueError,
        "inputs must have columns of different names, got 'a' 2 times; rename one",
    ),
    "given twins": (
        lambda: op.prune_path(X, Y, [5], [2], feature_names=["a", "b", "a", "c", "d"]),
        ValueError,
        "feature_names must be distinct, got 'a' 2 times",
    ),
    "too few": (
        lambda: named(feature_names=["a", "b"]),
        ValueError,
        "feature_names must name the 5 columns of inputs, got 2 names",
    ),
    "too many for a covariance": (
        lambda: op.LinearGaussianProblem([1.0], [1.0], feature_names=["a", "b"]),
        ValueError,
        "feature_names must name the 1 columns of covariance, got 2 names",
    ),
    "numbers for names": (
        lambda: op.prune_path(X, Y, [5], [2], feature_names=range(5)),
        TypeError,
        "feature_names must be texts, got 0 of type int at index 0",
    ),
    "one text": (
        lambda: op.prune_path(X, Y, [5], [2], feature_names="abcde"),
        TypeError,
        "feature_names must be a sequence of texts, got 'abcde'",
    ),
    "an array of no dimension": (
        lambda: op.prune_path(X, Y, [5], [2], feature_names=np.array("abcde")),
        TypeError,
        "feature_names must be a sequence of texts, got array('abcde'",
    ),
    "not a sequence": (
        lambda: op.prune_path(X, Y, [5], [2], feature_names=5),
        TypeError,
        "feature_names must be a sequence of texts, got 5",
    ),
    "another order": (
        lambda: op.DataProblem(FRAME, Y, FRAME[["age", "bmi", "sex", "bp", "s1"]], Y),
        ValueError,
        "test_inputs must have the columns of inputs in their order, got 'bmi' where inputs has "
        "'sex' (column 1)",
    ),
    "an unknown name": (
        lambda: named().equivalent().restrict(["bmi", "weight"]),
        ValueError,
        "features must be names of features, 'age', 'sex', 'bmi', 'bp', 's1'; got 'weight'",
    ),
    "a name twice": (
        lambda: named().equivalent().restrict(["bmi", "bmi"]),
        ValueError,
        "features must be distinct, got repeated indices",
    ),
    "names where there are none": (
        lambda: op.DataProblem(X, Y, X, Y).equivalent().restrict(["bmi"]),
        TypeError,
        "features must be integers, got 'bmi': the features have no names",
    ),
    "an untrained name": (
        lambda: op.coefficient_density(named(), 40, 2, 1, [0, 1], features=["s1"]),
        ValueError,
        "features must be names of features, 'age', 'sex'; got 's1'",
    ),
    "an unknown rule": (
        lambda: op.prune_path(FRAME, Y, [5], [2]).support_names("bmi", 5, 2),
        ValueError,
        "rule must be one of magnitude; got 'bmi'",
    ),
    "a support without names": (
        lambda: op.prune_path(X, Y, [5], [2]).support_names("magnitude", 5, 2),
        ValueError,
        "support_names needs names of the features, got a path without",
    ),
}


@pytest.mark.parametrize(("call", "error", "message"), BAD.values(), ids=BAD)
def test_bad_names_are_one_sentence(
    call: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_text_of_other_libraries_is_named(library: str) -> None:
    module = pytest.importorskip(library)
    columns = {"age": X[:, 0], "sex": ["m"] * 60}
    frame = module.DataFrame(columns) if library == "polars" else module.table(columns)
    with pytest.raises(TypeError, match="column 'sex' holds text: encode it first"):
        op.prune_path(frame, Y, [2], [1])
