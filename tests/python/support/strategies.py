"""Hypothesis strategies for fuzzing: numbers of every size, arrays of every layout and dtype, and
junk.

Numbers come from a drawn seed, so that an example is drawn in microseconds and shrinks to a small
shape. `HYPOTHESIS_PROFILE=long` draws many more examples than the default, "ci", which draws the
same every time.
"""

from __future__ import annotations

import os
from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, Phase, settings

_COMMON: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "print_blob": True,
    "suppress_health_check": list(HealthCheck),
}
settings.register_profile("ci", derandomize=True, max_examples=25, **_COMMON)
settings.register_profile("long", max_examples=1000, phases=[Phase.generate], **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

_ROUGH = np.array([0.0, -0.0, 5e-324, -2e-310, 2.3e-308, 1e300, -1e300, 1.7e308, 1e-300, 1.0])
_SCALES = (1e-300, 1e-160, 1e-30, 1e30, 1e160, 1e300)
_DTYPES = ("<f8", ">f8", "<f4", "<f2", ">f4", "longdouble", "<i8", "<i4", ">i2", "<u1", "<u8", "?")


@st.composite
def numbers(draw: st.DrawFn, shape: tuple[int, ...], *, positive: bool = False) -> np.ndarray:
    """A plain float64 array: mostly moderate numbers, at times ties, zeros, or ones of unusual
    size.

    A matrix may also have columns of very different sizes, columns that are constant, or too little
    rank.
    """
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    kind = draw(
        st.sampled_from(
            ["normal"] * 6 + ["ties"] * 3 + ["zeros", "scaled", "rough"] + ["design"] * 2
        )
    )
    if kind == "zeros":
        values = np.zeros(shape)
    elif kind == "ties":
        values = random.integers(-2, 3, shape).astype(float)
    elif kind == "rough":
        values = np.where(
            random.random(shape) < 0.5, random.standard_normal(shape), random.choice(_ROUGH, shape)
        )
    elif kind == "design" and len(shape) == 2:
        values = random.standard_normal(shape)
        odd = random.random(shape[1]) < 0.5
        change = draw(st.sampled_from(["units", "constant", "offset", "rank"]))
        if change == "units":
            values *= 10.0 ** random.integers(-99, 99, shape[1])
        elif change == "constant":
            values[:, odd] = random.choice([1.0, 0.1, -2023.0])
        elif change == "offset":
            values[:, odd] += random.choice([1e8, 1.7e9 + 0.123])
        else:  # columns that repeat, with another sign and size
            values[:, odd] = values[:, [0]] * random.choice([1.0, -3.0, 1e-12])
    else:
        values = random.standard_normal(shape)
        if kind == "scaled":
            values *= draw(st.sampled_from(_SCALES))
    return np.asarray(abs(values) if positive else values)


@st.composite
def covariances(draw: st.DrawFn, p: int) -> np.ndarray:
    """A symmetric positive semidefinite (p, p) matrix, at times singular."""
    rank = draw(st.integers(1, p + 2))
    root = np.random.default_rng(draw(st.integers(0, 2**20))).standard_normal((p, rank))
    product = root @ root.T * draw(st.sampled_from([1.0] * 8 + [1e-30, 1e30]))
    return np.asarray((product + product.T) / 2)


@st.composite
def disguised(draw: st.DrawFn, array: np.ndarray) -> Any:
    """The same numbers - if a narrow dtype changes them,
    then the changed ones - in another dress."""
    if draw(st.integers(0, 3)) == 0:
        return array.tolist()
    if draw(st.booleans()):
        dtype = np.dtype(draw(st.sampled_from(_DTYPES)))
        fits = np.isfinite(array).all() and abs(array).max(initial=0) < 60000
        if dtype.kind in "iub":
            fits = (
                fits
                and (array == np.round(array)).all()
                and (dtype.kind == "i" or (array >= 0).all())
            )
            fits = fits and (dtype.kind != "b" or abs(array).max(initial=0) <= 1)
        if dtype.itemsize >= 8 and dtype.kind == "f":
            fits = True
        if fits:
            array = array.astype(dtype)
    layout = draw(
        st.sampled_from(["C", "F", "strided", "reversed", "record", "read-only", "misaligned"])
    )
    if array.ndim == 0 or layout == "C":
        return array
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "strided":
        wide = np.zeros(tuple(3 * length for length in array.shape), dtype=array.dtype)
        view = wide[tuple(slice(1, None, 3) for _ in array.shape)]
        view[...] = array
        return view
    if layout == "reversed":
        back = tuple(slice(None, None, -1) for _ in array.shape)
        return np.ascontiguousarray(array[back])[back]
    if layout == "record":  # strides that are no multiple of the item's size
        record = np.zeros(array.shape, dtype=[("pad", "u1"), ("value", array.dtype)])
        record["value"] = array
        return record["value"]
    if layout == "misaligned":
        memory = np.zeros(array.nbytes + 1, dtype=np.uint8)[1:]
        view = memory.view(array.dtype).reshape(array.shape)
        view[...] = array
        return view
    frozen = array.copy()
    frozen.flags.writeable = False
    return frozen


def arrays(*shape: int, positive: bool = False) -> st.SearchStrategy[Any]:
    """Numbers of that shape in any dress; at times one row or column repeated by a stride of
    zero."""
    plain = numbers(shape, positive=positive)
    repeated = numbers((1, *shape[1:]), positive=positive).map(lambda a: np.broadcast_to(a, shape))
    return st.one_of(*[plain.flatmap(disguised)] * 7, repeated)


def spoilt(array: Any) -> st.SearchStrategy[Any]:
    """The array with something wrong: a NaN, an infinity, a wrong shape, dtype or sign."""
    plain = np.array(array, dtype=np.float64, ndmin=1)

    @st.composite
    def changed(draw: st.DrawFn) -> Any:
        kind = draw(st.sampled_from(["number", "shape", "dtype", "sign"]))
        if kind == "number" and plain.size:
            values = plain.copy()
            values.flat[draw(st.integers(0, plain.size - 1))] = draw(
                st.sampled_from([np.nan, np.inf, -np.inf])
            )
            return values
        if kind == "shape":
            changes = [
                plain[None],
                plain[:0],
                plain[:-1],
                np.concatenate([plain, plain]),
                plain.ravel(),
                plain.T,
            ]
            return draw(st.sampled_from([*changes, plain[..., None], plain.reshape(-1, 1)]))
        if kind == "dtype":
            return draw(
                st.sampled_from(
                    [plain * 1j, plain.astype(object), plain.astype(str), plain.astype("S8")]
                )
            )
        return -plain - 1.0

    return changed()


class Unusable:
    """Not a number, and every attempt to make one of it fails in its own way."""

    def __float__(self) -> float:
        raise ZeroDivisionError("no number")

    def __repr__(self) -> str:
        return "Unusable()"


# Sizes between a million and 2**48 are left out: with them an honest call may run out of memory.
JUNK: list[Any] = [
    None, True, False, -1, 0, 1, 2, 3, 2**63 - 1, 2**63, 2**64, -(2**63), 10**400, -(10**400),
    0.0, -0.5, 0.5, 2.5, 1e300, 1e-320, float("nan"), float("inf"), -float("inf"), 1j,
    "", "magnitude", "hessian", "oracle", "random", "relu", "auto", "tuned", "dense", "\0", "é",
    b"x",
    [], [[]], [1], [2, 1], [1, 1], [1, 2], [[1.0, 2.0], [3.0]], ["magnitude", "random"], [None],
    [1, 10**30],
    (), (1, 2), {}, {1: 2}, {3, 4}, range(1, 3), object(), Unusable(), abs, lambda *_: None,
    slice(None), ...,
    np.float64(np.nan), np.float32(0.5), np.int8(2), np.uint64(2**64 - 1), np.bool_(True),
    np.str_("random"),
    np.array(2), np.array(0.5), np.array([]), np.zeros((2, 0)), np.zeros((0, 3)), np.ones((1,) * 5),
    np.arange(3),
    np.array(["a", "b"]), np.array([None, 1]), np.array([1j]),
    np.array(["2020-01-01"], dtype="datetime64[D]"),
    np.zeros(2, dtype=[("a", "f8")]), np.ma.masked_array([1.0, 2.0], mask=[True, False]),
    np.array([np.nan] * 3),
    np.array([2**63], dtype=np.uint64), np.longdouble("1e4000") * np.ones(3), np.ones(4,
    dtype=np.float16),
]  # fmt: skip

junk = st.sampled_from(range(len(JUNK))).map(JUNK.__getitem__)


def increasing(most: int) -> st.SearchStrategy[list[int]]:
    """Strictly increasing integers in [1, most]."""
    return st.sets(st.integers(1, most), min_size=1, max_size=3).map(sorted)


def distinct(most: int) -> st.SearchStrategy[Any]:
    """Distinct indices in [0, most), in any order, as a list or an array of some integer dtype."""
    order = st.permutations(range(most)).flatmap(
        lambda o: st.integers(1, most).map(lambda k: list(o[:k]))
    )
    dtypes = st.sampled_from([None, "<i8", ">i4", "u1", "<u8"])
    return st.tuples(order, dtypes).map(
        lambda pair: pair[0] if pair[1] is None else np.array(pair[0], pair[1])
    )


RULES = ("magnitude", "hessian", "oracle", "random")
ACTIVATIONS = ("identity", "relu", "sign", "erf", "cos", "tanh", "gelu")
ridges = st.sampled_from([0.0, 0.0, 0, 0.1, 1, 1e-12, 1e12, np.float32(0.5)])
seeds = st.sampled_from([0, 1, 2**32, 2**64 - 1, np.int64(5)])
rules = st.sets(st.sampled_from(RULES), min_size=1).map(sorted)
rules_of_data = st.sets(st.sampled_from(["magnitude", "hessian", "random"]), min_size=1).map(sorted)
