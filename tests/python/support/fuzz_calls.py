"""What fuzzed calls must do: return something sound, or raise a TypeError or ValueError that names
one."""

from __future__ import annotations

import collections
import copy
import faulthandler
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np
import xarray as xr

import overprune as op
from strategies import junk, spoilt

SECONDS_OF_A_HANG = 60

# What good arguments may be refused for.
REFUSALS = re.compile(
    r"infinite variance|no zero row|1e-?150|less different size|finite risk of theta|finite "
    r"square|overflow"
    r"|positive semidefinite|must be finite, got inf|in double precision|at z = -?(nan|inf)"
    r"|one row for each feature"
)

called: collections.Counter[str] = collections.Counter()
succeeded: collections.Counter[str] = collections.Counter()


@dataclass
class Call:
    """A function, its arguments by name, and what a result must look like.

    `plain` names the arguments that are arrays of numbers: their layout and dtype must not matter.
    """

    function: Callable[..., Any]
    arguments: dict[str, Any]
    check: Callable[[Any], None]
    plain: tuple[str, ...] = ()
    rounded: bool = False  # whether another layout may round otherwise
    infinite: bool = False  # whether limits may diverge
    honest: bool = True
    subject: Any = None  # the object whose method the function is


@st.composite
def perhaps_wrong(draw: st.DrawFn, good: st.SearchStrategy[Call]) -> Call:
    """The call, with one argument replaced by something wrong - or merely odd - in four of ten
    cases."""
    call = draw(good)
    return call if not call.arguments or draw(st.integers(0, 9)) >= 4 else _wrong(draw, call)


@st.composite
def both(draw: st.DrawFn, good: st.SearchStrategy[Call]) -> list[Call]:
    """The call, and the same with one argument replaced:
    most of the time goes into drawing them."""
    call = draw(good)
    return [call, _wrong(draw, call)] if call.arguments else [call]


def _wrong(draw: st.DrawFn, call: Call) -> Call:
    name = draw(st.sampled_from(sorted(set(call.arguments) - {"store"})))  # junk might be a path
    value = call.arguments[name]
    bad = draw(spoilt(value)) if name in call.plain and draw(st.booleans()) else draw(junk)
    return Call(
        call.function, {**call.arguments, name: bad}, lambda _: None, infinite=True, honest=False,
        subject=call.subject,
    )  # fmt: skip


def is_extreme(value: Any, large: float = 1e100) -> bool:
    """Whether a value holds numbers so large or small that a result may overflow."""
    if isinstance(value, op.LinearGaussianProblem):
        return is_extreme(value.beta) or is_extreme(value.covariance) or is_extreme(value.noise_std)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            numbers = abs(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return False
    return bool(((numbers > large) | ((numbers > 0) & (numbers < 1 / large))).any())


def sound(result: Any, infinite: bool, name: str = "result") -> None:
    """No NaN but where a table documents it, and no infinity unless allowed."""
    if isinstance(result, xr.Dataset):
        for key, variable in result.data_vars.items():
            sound_variable(variable, infinite, str(key))
            # below zero only an estimate by few draws may be
            if str(key).endswith(("risk", "stderr")):
                assert not ((variable < 0) & (result.get(f"{key}_stderr", 0) == 0)).any(), (
                    f"{key} is negative"
                )
    elif isinstance(result, np.ndarray) and result.dtype.kind == "f":
        assert not np.isnan(result).any(), f"{name} holds NaN: {result}"
        assert infinite or np.isfinite(result).all(), f"{name} holds infinity: {result}"
    elif isinstance(result, float):
        sound(np.array(result), infinite, name)
    elif isinstance(result, (tuple, list)):
        for i, part in enumerate(result):
            sound(part, infinite, f"{name}[{i}]")


def sound_variable(variable: xr.DataArray, infinite: bool, name: str) -> None:
    if variable.dtype.kind != "f" or (
        name in ("surviving", "retrained") and "cell" in variable.dims
    ):
        return  # a density of survivors is NaN where none of the features survives
    if name.startswith("threshold") or {"risk", "size", "ratio", "ridge"} & {name}:
        return  # documented: no threshold of random; no large model at a point of a diagram
    values = variable
    if {"size", "nonzeros"} <= set(variable.dims):
        fits = variable.nonzeros <= variable["size"]
        assert np.isnan(values.where(~fits, drop=False).where(~fits, np.nan)).all(), name
        assert np.isnan(variable.where(~fits)).all(), f"{name} beyond the size is a number"
        values = variable.where(fits, 0.0)
    sound(values.values, infinite, name)


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal, NaN being equal to NaN."""
    if isinstance(a, xr.Dataset):
        return bool(a.equals(b))
    if isinstance(a, np.ndarray):
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, op.LinearGaussianProblem):
        return (
            same(a.beta, b.beta) and same(a.covariance, b.covariance) and a.noise_std == b.noise_std
        )
    if isinstance(a, op.PrunePath):
        return same([a.dense, a.rank, a.condition], [b.dense, b.rank, b.condition])
    if is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    return bool(a == b) or not isinstance(a, (int, float, str))


def frozen(value: Any) -> Any:
    """A copy to compare with after the call."""
    if isinstance(value, np.ndarray):
        return (
            value.dtype,
            value.shape,
            value.strides,
            value.copy().tobytes() if value.dtype != object else None,
        )
    return copy.deepcopy(value) if isinstance(value, (list, dict, set)) else None


def run(name: str, call: Call) -> None:
    """Makes the call and asserts all that must hold of it."""
    called[name] += 1
    before = {key: frozen(value) for key, value in call.arguments.items()}
    faulthandler.dump_traceback_later(SECONDS_OF_A_HANG, exit=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", message=r"equivalent\(\) takes", category=UserWarning)
            # a guess
            warnings.filterwarnings("ignore", message="targets are", category=UserWarning)
            judge(name, call)
    finally:
        faulthandler.cancel_dump_traceback_later()
    for key, value in call.arguments.items():
        assert repr(frozen(value)) == repr(before[key]), f"{name} changed its argument {key}"


def judge(name: str, call: Call) -> None:
    extreme = is_extreme(call.subject) or any(
        is_extreme(value) for value in call.arguments.values()
    )
    try:
        result = call.function(**call.arguments)
    except MemoryError as error:
        assert call.arguments.get("memory_limit") is not None, (
            f"{name} wants too much memory: {error}"
        )
        assert "memory_limit" in str(error), error
        return
    except (TypeError, ValueError) as error:
        message = str(error)
        assert type(error) in (TypeError, ValueError), f"{name} raised {error!r}"
        words = "|".join(
            map(
                re.escape,
                [*call.arguments, "X", "problem", "covariance", "rules", "truth", "tables"],
            )
        )
        assert re.search(rf"\b({words})\b", message), f"{name}: no argument is named by {message!r}"
        assert "\n" not in message.strip(), message
        if call.honest:
            assert REFUSALS.search(message), f"{name} refused good arguments: {message}"
        return
    succeeded[name] += 1
    call.check(result)
    sound(result, call.infinite or extreme, name)
    if call.honest and call.plain:
        plain = {
            key: np.array(value, dtype=np.float64, order="C")
            if key in call.plain and value is not None
            else value
            for key, value in call.arguments.items()
        }
        try:
            again = call.function(**plain)
        except ValueError as error:  # in another order a sum of huge numbers may overflow
            assert extreme, f"{name}: another layout is refused: {error}"
            assert REFUSALS.search(str(error)), f"{name}: another layout is refused: {error}"
            return
        if not call.rounded:
            assert same(again, result), f"{name}: another layout, another result"
        elif not any(is_extreme(value, 1e6) for value in plain.values()):
            np.testing.assert_allclose(
                again, result, rtol=1e-9, atol=1e-9 * max(1.0, abs(result).max())
            )
