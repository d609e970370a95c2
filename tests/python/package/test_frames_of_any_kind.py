"""Data frames of any dtypes and containers: case C4."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import given
from scipy import sparse

import overprune as op
import strategies  # noqa: F401, registers the profile

_WHOLE = ("bool", "int8", "int16", "int64", "uint8", "float32", "float64")


_NULLABLE = ("boolean", "Int8", "Int16", "Int64", "UInt8", "Float32", "Float64")


@st.composite
def frames(draw: st.DrawFn) -> tuple[np.ndarray, pd.DataFrame]:
    """Numbers, and a frame of columns of any dtypes that hold them exactly."""
    rows, columns = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    dressed, plain = [], []
    for _ in range(columns):
        at = draw(st.integers(0, len(_WHOLE) - 1))
        values = random.integers(0, 2 if at == 0 else 100, rows).astype(_WHOLE[at])
        if at >= 5:
            values = random.standard_normal(rows).astype(_WHOLE[at])
        plain.append(values.astype(float))
        kind = draw(st.sampled_from(["plain", "nullable", "sparse", "objects"]))
        dtype = {
            "plain": _WHOLE[at],
            "nullable": _NULLABLE[at],
            "sparse": pd.SparseDtype(_WHOLE[at]),
            "objects": object,
        }[kind]
        dressed.append(pd.Series(values).astype(dtype))
    return np.column_stack(plain), pd.concat(dressed, axis=1)


@given(frames(), st.integers(0, 2**20), st.sampled_from(["frame", "csr", "coo", "lists", "xarray"]))
def test_c4_any_dtypes_and_containers(
    drawn: tuple[np.ndarray, pd.DataFrame], seed: int, holder: str
) -> None:
    numbers, frame = drawn
    y = np.random.default_rng(seed).standard_normal(len(numbers))
    dressed = {
        "frame": lambda: frame,
        "csr": lambda: sparse.csr_array(numbers),
        "coo": lambda: sparse.coo_matrix(numbers),
        "lists": lambda: [list(row) for row in frame.itertuples(index=False)],
        "xarray": lambda: xr.DataArray(numbers),
    }[holder]()
    np.testing.assert_array_equal(op.least_squares(dressed, y), op.least_squares(numbers, y))
    sizes = sorted({1, numbers.shape[1]})
    one, two = (op.prune_path(X, y, sizes, [1], ridge=0.1) for X in (dressed, numbers))
    np.testing.assert_array_equal(one.dense, two.dense)
    problem = op.DataProblem(dressed, pd.Series(y, dtype="Float64"), dressed, y)
    np.testing.assert_array_equal(problem.inputs, numbers)
    np.testing.assert_array_equal(problem.target_rows[:, 0], y)
