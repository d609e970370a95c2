"""C4: data frames, nullable and sparse columns and whatever else holds numbers are what their
numbers are."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import sparse

import overprune as op
import problems
import strategies  # noqa: F401, registers the profile
from overprune import _validation as check

NAMES = ["on", "real", "count", "even"]
NUMBERS = np.column_stack(
    [
        np.arange(12) % 3 > 0,
        problems.normal(12),
        np.arange(12) * 7 % 5 - 2,
        [2.0 * (i % 4 == 1) for i in range(12)],
    ]
)
Y = problems.normal(12, seed=1)
FRAME = pd.DataFrame(NUMBERS, columns=NAMES)

DRESSES: dict[str, Any] = {
    "floats": FRAME,
    "bool and float": FRAME.astype({"on": bool}),
    "bool, integers and float": FRAME.astype({"on": bool, "count": "int8", "even": "uint16"}),
    "nullable": FRAME.astype(
        {"on": "boolean", "real": "Float64", "count": "Int64", "even": "UInt8"}
    ),
    "all Float64": FRAME.astype("Float64"),
    "guessed dtypes": FRAME.convert_dtypes(),
    "sparse columns": FRAME.astype({"on": pd.SparseDtype(bool), "even": pd.SparseDtype(float)}),
    "all sparse": FRAME.astype(pd.SparseDtype(float)),
    "one name for two columns": FRAME.set_axis(["a", "a", "b", "b"], axis=1).astype(
        {"b": "Float64"}
    ),
    "xarray": xr.DataArray(NUMBERS, dims=("row", "column")),
    "lists": NUMBERS.tolist(),
    "objects": FRAME.astype(object),
    "one column of objects": FRAME.astype({"count": object}),
    "bools as objects": FRAME.astype({"on": bool}).astype({"on": object, "even": int}),
    "an array of objects": NUMBERS.astype(object),
    "decimals": [[decimal.Decimal(float(value)) for value in row] for row in NUMBERS],
    "fractions": FRAME.assign(count=[Fraction(int(value)) for value in NUMBERS[:, 2]]),
    "long double": NUMBERS.astype(np.longdouble),
    **{
        f"SciPy's {kind.__name__}": kind(NUMBERS)
        for kind in (
            sparse.csr_matrix,
            sparse.csc_array,
            sparse.coo_array,
            sparse.lil_array,
        )
    },
}
# Every public function that takes data: (call, what the frame stands for).
CALLS: dict[str, Callable[[Any], Any]] = {
    "least_squares": lambda X: op.least_squares(X, Y),
    "least_squares_path": lambda X: op.least_squares_path(X, Y, [1, 3]),
    "retrain_path": lambda X: op.retrain_path(X, Y, [2, 0, 1], [1, 3]),
    "prune_layer": lambda X: op.prune_layer(np.ones((2, 4)), X, nonzeros=2).weight,
    "prune_path": lambda X: op.prune_path(X, Y, [2, 4], [1, 2], rules=["hessian"]).retrained(
        "hessian", 4, 2
    ),
    "targets": lambda y: op.least_squares(NUMBERS, y),
    "DataProblem": lambda X: op.DataProblem(X, Y, X, Y).sample(5, seed=0)[0],
    "several targets": lambda y: op.DataProblem(NUMBERS, y, NUMBERS, y).target_rows,
    "random_features": lambda X: op.random_features(X, np.eye(4)),
    "weights": lambda W: op.random_features(np.eye(4), W),
    "importance": lambda theta: op.importance(theta, "magnitude"),
    "prune": lambda theta: op.prune(theta, 3),
    "split": lambda X: op.datasets.split(X, Y, 4).inputs.astype(float),
    "risk": lambda theta: op.LinearGaussianProblem(np.ones(4), np.ones(4)).risk(theta),
}


# What answers with names has no use for two columns of one: tests/python/package/test_names.py.
BY_NAME = ("prune_path", "DataProblem")


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dress", DRESSES)
def test_c4_the_dress_does_not_matter(dress: str, name: str) -> None:
    call, X = CALLS[name], DRESSES[dress]
    if name in BY_NAME and dress.startswith("one name"):
        with pytest.raises(ValueError, match="must have columns of different names, got 'a' 2"):
            call(X)
    else:
        np.testing.assert_array_equal(call(X), call(NUMBERS))


COLUMNS: dict[str, Any] = {
    "Float64": pd.Series(NUMBERS[:, 1], dtype="Float64"),
    "array of pandas": pd.array(NUMBERS[:, 1], dtype="Float64"),
    "index": pd.Index(NUMBERS[:, 1]),
    "objects": pd.Series(NUMBERS[:, 1], dtype=object),
    "decimals": pd.Series([decimal.Decimal(float(value)) for value in NUMBERS[:, 1]]),
    "sparse": pd.Series(NUMBERS[:, 1], dtype=pd.SparseDtype(float)),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_c4_columns_are_vectors(column: Any) -> None:
    plain = NUMBERS[:, 1].copy()
    np.testing.assert_array_equal(
        op.least_squares(NUMBERS, column), op.least_squares(NUMBERS, plain)
    )
    np.testing.assert_array_equal(op.top_k(column, 5), op.top_k(plain, 5))
    order = pd.Series([2, 0], dtype="Int64")
    np.testing.assert_array_equal(
        op.retrain_path(NUMBERS, column, order, [2]), op.retrain_path(NUMBERS, plain, [2, 0], [2])
    )


def test_c4_nullable_labels_are_labels() -> None:
    labels = np.arange(12) % 3
    for given_labels in (
        pd.Series(labels, dtype="Int64"),
        pd.Series(labels, dtype="Int8"),
        pd.Index(labels),
    ):
        problem = op.DataProblem(FRAME, given_labels, FRAME, given_labels)
        np.testing.assert_array_equal(problem.classes, [0, 1, 2])
    assert (
        op.DataProblem(FRAME, pd.Series(labels > 0, dtype="boolean"), FRAME, labels > 0).targets
        == 2
    )


def _with(dtype: Any, row: int, column: str, value: Any) -> pd.DataFrame:
    frame = FRAME.astype({column: dtype})
    frame.loc[row, column] = value
    return frame


class Stubborn:
    """An array of a library that does not hand its numbers over."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> None:
        raise RuntimeError("lies on\nanother \x1b[31mdevice")


REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "NA": (
        _with("Float64", 3, "real", pd.NA),
        ValueError,
        "X must have no missing values, got one in column 'real' at row 3; fill it or drop the row",
    ),
    "NA of integers": (
        _with("Int64", 5, "count", pd.NA),
        ValueError,
        "X must have no missing values, got one in column 'count' at row 5; fill it or drop the "
        "row",
    ),
    "NaN": (
        _with(float, 3, "real", np.nan),
        ValueError,
        "X must be finite, got nan in column 'real' at row 3",
    ),
    "infinite": (
        _with("float32", 0, "even", np.inf).astype({"on": bool}),
        ValueError,
        "X must be finite, got inf in column 'even' at row 0",
    ),
    "objects": (
        FRAME.assign(count=[*range(11), 1j]),
        TypeError,
        "X must be an array of real numbers, but column 'count' is of dtype ",
    ),
    "numbers and names": (
        FRAME.assign(count=[*range(11), "a"]),
        TypeError,
        "X must be an array of real numbers, but column 'count' mixes numbers and text, 'a' at row "
        "11: make it one kind first",
    ),
    "None among numbers": (
        FRAME.assign(count=np.array([*range(11), None], dtype=object)),
        ValueError,
        "X must have no missing values, got one in column 'count' at row 11; fill it or drop the "
        "row",
    ),
    "None in an array of objects": (
        np.array([[1, 2], [decimal.Decimal(3), None]], dtype=object),
        ValueError,
        "X must have no missing values, got one at index (1, 1); fill it or drop the row",
    ),
    "nothing but None": (
        np.array([[None]]),
        TypeError,
        "X must be an array of real numbers, got dtype object",
    ),
    "names": (
        FRAME.assign(on=list("abcabcabcabc")),
        TypeError,
        "X must be an array of real numbers, but column 'on' holds text: encode it first",
    ),
    "dates": (
        FRAME.assign(real=pd.date_range("2020-01-01", periods=12)),
        TypeError,
        "X must be an array of real numbers, but column 'real' is of dtype datetime64",
    ),
    "complex": (
        FRAME.assign(real=NUMBERS[:, 1] * 1j),
        TypeError,
        "X must be an array of real numbers, but column 'real' is of dtype complex128",
    ),
    "a hostile name": (
        FRAME.rename(columns={"on": "\x1b[31m"}).assign(**{"\x1b[31m": "a"}),
        TypeError,
        "X must be an array of real numbers, but column '\\x1b[31m' holds text",
    ),
    "no columns": (FRAME[[]], ValueError, "X must not be empty, got an array of shape (12, 0)"),
    "dates without names": (
        NUMBERS.astype("M8[s]"),
        TypeError,
        "X must be an array of real numbers, got dtype datetime64[s]",
    ),
    "masked": (
        np.ma.masked_less(NUMBERS, 0),
        TypeError,
        "X must be a plain array, got a masked one",
    ),
    "masked rows": (
        list(np.ma.masked_less(NUMBERS, 0)),
        TypeError,
        "X must be a plain array, got a masked one",
    ),
    "one masked row": (
        [NUMBERS[0], np.ma.masked_less(NUMBERS[1], 0)],
        TypeError,
        "X must be a plain array, got a masked one",
    ),
    "a number": (3.0, ValueError, "X must have 2 dimension(s), got an array of shape ()"),
    "an iterator": (
        iter(NUMBERS),
        TypeError,
        "X must be an array of real numbers, got dtype object, of type iterator",
    ),
    "ragged": (
        [[1.0, 2.0], [3.0]],
        ValueError,
        "X must be an array, got nested sequences of unequal length",
    ),
    "decimals that are none": (
        [[decimal.Decimal("nan")]],
        ValueError,
        "X must be finite, got nan at index (0, 0)",
    ),
    "an integer without end": (
        [[10**400, 1]],
        TypeError,
        "X must be an array, got a list that no array can be made of: int too large",
    ),
    "a data set": (
        xr.Dataset({"a": ("x", Y)}),
        TypeError,
        "X must be an array, got a Dataset that no array can be made of: cannot directly convert",
    ),
    "another device": (
        Stubborn(),
        TypeError,
        "X must be an array, got a Stubborn that no array can be made of: lies on another "
        "\\x1b[31mdevice",
    ),
    "more than fits": (
        sparse.csr_array((10**9, 10**7)),
        ValueError,
        "X must fit into the memory as a dense array, got a csr_array of shape (1000000000, "
        "10000000), which",
    ),
}


@pytest.mark.parametrize(("X", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_c4_refusals_name_the_column(X: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        op.least_squares(X, Y)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_c4_a_missing_target_is_named() -> None:
    y = pd.Series(Y, dtype="Float64")
    y[4] = pd.NA
    with pytest.raises(ValueError, match=r"^y must have no missing values, got one at index 4"):
        op.least_squares(FRAME, y)
    with pytest.raises(
        ValueError, match=r"^targets must have no missing values, got one at index 4"
    ):
        op.DataProblem(FRAME, y, FRAME, Y)


def test_c4_tensors() -> None:
    torch = pytest.importorskip("torch")
    expected = op.least_squares(NUMBERS, Y)
    np.testing.assert_array_equal(op.least_squares(torch.tensor(NUMBERS), Y), expected)
    for dtype in (torch.float16, torch.bfloat16, torch.float8_e5m2):  # NumPy knows the first alone
        tensor = torch.tensor(NUMBERS).to(dtype)
        found = op.least_squares(tensor, Y)
        np.testing.assert_array_equal(found, op.least_squares(tensor.double().numpy(), Y))
    for tensor, reason in (
        (torch.tensor(NUMBERS, requires_grad=True), "requires grad"),
        (torch.tensor(NUMBERS).to_sparse(), "to_dense"),
    ):
        with pytest.raises(
            TypeError, match=f"^X must be an array, got a Tensor that no .*{reason}"
        ):
            op.least_squares(tensor, Y)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([True, False], "b"),
        ([1, 2**62], "i"),
        ([2**63, 2**63 + 2048], "u"),
        ([1, 0.5], "f"),
        ([-1, 2**64], "f"),
    ],
)
def test_c4_numbers_of_objects_keep_their_kind(column: list[Any], kind: str) -> None:
    array = check.plain_array(np.array(column, dtype=object), "X")
    assert array.dtype.kind == kind
    assert array.tolist() == column
    assert check.plain_array(pd.Series(column, dtype=object), "X").dtype == array.dtype


def test_c4_labels_of_objects_are_labels() -> None:
    labels = np.arange(12) % 3
    problem = op.DataProblem(FRAME, pd.Series(labels, dtype=object), FRAME, labels.astype(object))
    np.testing.assert_array_equal(problem.classes, [0, 1, 2])


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_c4_columns_of_decimals(library: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    values = [decimal.Decimal(i * i) / 4 for i in range(12)]
    if library == "polars":
        polars = pytest.importorskip("polars")
        column, frame = polars.Series(values), polars.DataFrame({"a": values})
    elif library == "pyarrow":
        column, frame = pyarrow.array(values), pyarrow.table({"a": values})
    else:
        column = pd.Series(values, dtype=pd.ArrowDtype(pyarrow.decimal128(10, 2)))
        frame = pd.DataFrame({"a": column})
    plain = np.array([float(value) for value in values])
    np.testing.assert_array_equal(
        op.least_squares(frame, column), op.least_squares(plain[:, None], plain)
    )
    found = op.DataProblem(frame, column, frame, column)
    np.testing.assert_array_equal(found.target_rows[:, 0], plain)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_c4_frames_of_other_libraries(library: str) -> None:
    module = pytest.importorskip(library)
    columns = {
        "on": NUMBERS[:, 0] > 0,
        "real": NUMBERS[:, 1],
        "count": NUMBERS[:, 2].astype(np.int8),
    }
    frame = module.DataFrame(columns) if library == "polars" else module.table(columns)
    np.testing.assert_array_equal(op.least_squares(frame, Y), op.least_squares(NUMBERS[:, :3], Y))
    holed = {**columns, "on": [None, *columns["on"][1:].tolist()]}
    frame = module.DataFrame(holed) if library == "polars" else module.table(holed)
    with pytest.raises(
        ValueError, match=r"^X must have no missing values, got one in column 'on' at row 0"
    ):
        op.least_squares(frame, Y)
