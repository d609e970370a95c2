"""Checks of arguments: each returns the value in the form the core takes or raises naming the
argument.

Messages have one shape everywhere: the argument, what was expected, what came.
"""

from __future__ import annotations

import itertools
import math
import operator
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import numpy.typing as npt

from .. import _core
from .arrays import FloatArray, float_array, is_plain, plain_array, real_array
from .names import Names, feature_names, names_of, positions, same_columns
from .words import missing_package, one_line, printable, shown

__all__ = [
    "FloatArray",
    "Names",
    "feature_names",
    "float_array",
    "is_plain",
    "missing_package",
    "names_of",
    "one_line",
    "plain_array",
    "positions",
    "printable",
    "real_array",
    "same_columns",
    "shown",
]

IntArray = npt.NDArray[np.int64]

# No machine holds more numbers, and the core's arithmetic does not overflow below it.
_LARGEST = 2**48


class RuleTraits(NamedTuple):
    """What the core knows of a pruning rule; pruning.hpp says what each field means."""

    name: str
    scores_coefficients: bool
    curvature_power: int
    needs_truth: bool
    needs_seed: bool
    trains_itself: bool


TRAITS = {name: RuleTraits(*fields) for name, fields in _core.RULES.items()}
RULES = tuple(TRAITS)
# Rules that cut down a dense model: all that scoring, schedules, laws and networks know.
CUTTING_RULES = tuple(rule for rule, traits in TRAITS.items() if not traits.trains_itself)
# Those of them for estimators and data sets, whose true coefficients are unknown.
RULES_OF_DATA = tuple(rule for rule in CUTTING_RULES if not TRAITS[rule].needs_truth)
ACTIVATIONS = _core.ACTIVATIONS


def is_sequence(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether `value` holds several values: an array with dimensions, or a list, tuple or range."""
    if type(value) in (int, tuple, list):
        return type(value) is not int
    if hasattr(value, "ndim"):
        return bool(value.ndim > 0)
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def integer(value: Any, name: str, *, lowest: int, highest: int | None = None) -> int:
    """`value` as an int in [lowest, highest]."""
    if type(value) is int and lowest <= value <= (_LARGEST if highest is None else highest):
        return value
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be an integer, got {shown(value)}")
    try:
        result = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{name} must be an integer, got {shown(value)} of type {type(value).__name__}"
        ) from None
    if highest is None and result < lowest:
        raise ValueError(f"{name} must be at least {lowest}, got {result}")
    most = _LARGEST if highest is None else highest
    if not lowest <= result <= most:
        raise ValueError(f"{name} must be between {lowest} and {most}, got {result}")
    return result


def seed(value: Any, name: str = "seed") -> int:
    """A seed or stream: an int in [0, 2**64)."""
    if type(value) is int and 0 <= value < 2**64:
        return value
    return integer(value, name, lowest=0, highest=2**64 - 1)


# Operations of work that the core never shares among threads (cpp/src/base/team.cpp).
_ALONE = 2_000_000


def workers(value: Any, work: float = math.inf) -> int:
    """A number of threads; None: one per core that this process may use, and one without asking
    the system where so little work needs no more."""
    if value is not None:
        return integer(value, "workers", lowest=1, highest=1024)
    if work < _ALONE:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def nonnegative(value: Any, name: str) -> float:
    """`value` as a finite float that is not negative."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(
            f"{name} must be a real number, got {shown(value)} of type {type(value).__name__}"
        )
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result) or result < 0:
        raise ValueError(f"{name} must be finite and at least 0, got {result}")
    return result


def positive(value: Any, name: str, *, highest: float = math.inf) -> float:
    """`value` as a finite float above 0 and at most `highest`, but for rounding."""
    result = nonnegative(value, name)
    if result == 0.0:
        raise ValueError(f"{name} must be above 0, got {result}")
    if result > highest * (1.0 + 1e-12):
        raise ValueError(f"{name} must be at most {highest}, got {result}")
    return result


def increasing_reals(values: Any, name: str, *, highest: float = math.inf) -> list[float]:
    """Numbers in (0, highest], strictly increasing, at least one; a number is a list of one."""
    if not is_sequence(values):
        values = [values]
    result = [positive(v, f"{name}[{i}]", highest=highest) for i, v in enumerate(values)]
    if not result:
        raise ValueError(f"{name} must not be empty")
    for before, after in itertools.pairwise(result):
        if after <= before:
            raise ValueError(f"{name} must be strictly increasing, got {before} before {after}")
    return result


def flag(value: Any, name: str) -> bool:
    """`value` as a bool; numbers and strings are refused."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def increasing(values: Any, name: str, *, lowest: int = 1, highest: int | None = None) -> list[int]:
    """Integers in [lowest, highest], strictly increasing, at least one; a lone int is a list of
    one."""
    result = _integers(values, name, lowest, highest)
    for before, after in itertools.pairwise(result):
        if after <= before:
            raise ValueError(f"{name} must be strictly increasing, got {before} before {after}")
    return result


def decreasing(values: Any, name: str, *, lowest: int = 1, highest: int | None = None) -> list[int]:
    """The same, strictly decreasing."""
    result = _integers(values, name, lowest, highest)
    for before, after in itertools.pairwise(result):
        if after >= before:
            raise ValueError(f"{name} must be strictly decreasing, got {before} before {after}")
    return result


def _integers(values: Any, name: str, lowest: int, highest: int | None) -> list[int]:
    if not is_sequence(values) and isinstance(values, (int, np.integer, np.ndarray)):
        values = [values]
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of integers, got {shown(values)}")
    result = [
        integer(v, f"{name}[{i}]", lowest=lowest, highest=highest) for i, v in enumerate(values)
    ]
    if not result:
        raise ValueError(f"{name} must not be empty")
    return result


def indices(values: Any, name: str, *, size: int) -> IntArray:
    """Distinct integers in [0, size), at least one, as an int64 array of one dimension."""
    array = plain_array(values, name)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"{name} must be a non-empty array of one dimension, got shape {array.shape}"
        )
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an array of integers, got dtype {array.dtype}")
    # before the cast, which would wrap large unsigned ones
    if array.min() < 0 or array.max() >= size:
        bad = int(array.min() if array.min() < 0 else array.max())
        raise ValueError(f"{name} must lie between 0 and {size - 1}, got {bad}")
    result = array.astype(np.int64)
    if np.unique(result).size != result.size:
        raise ValueError(f"{name} must be distinct, got repeated indices")
    return result


def features(values: Any, name: str, *, size: int, names: Names | None) -> IntArray:
    """Distinct features, given by indices in [0, size) or by their names, as indices."""
    return indices(positions(values, name, names), name, size=size)


def choice(value: Any, name: str, allowed: Sequence[str]) -> str:
    """`value` if it is one of the allowed strings."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, one of {', '.join(allowed)}; got {shown(value)}")
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {shown(value)}")
    return value


def cutting_rule(rule: Any, where: str, name: str = "rule") -> str:
    """The name of a rule that cuts down a dense model, for a function that knows no other."""
    if isinstance(rule, str) and rule in RULES and rule not in CUTTING_RULES:
        *others, last = CUTTING_RULES
        raise ValueError(
            f'{name} must be {", ".join(others)} or {last} in {where}, got "{rule}", which trains '
            "its own models: predict, simulate and prune_path have it, for least squares"
        )
    return choice(rule, name, CUTTING_RULES)


def traits(rule: Any, where: str) -> RuleTraits:
    """What the core knows of a rule that cuts down a dense model, by its name."""
    return TRAITS[cutting_rule(rule, where)]


def cutting_rules(values: Any, where: str) -> tuple[str, ...]:
    """Distinct rules that cut down a dense model, at least one."""
    return tuple(cutting_rule(rule, where, "rules") for rule in rules(values))


def rules(values: Any, name: str = "rules") -> tuple[str, ...]:
    """Distinct pruning rules, at least one; also a string with commas, as tables keep them."""
    if isinstance(values, str):
        values = tuple(value.strip() for value in values.split(","))
    if not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        raise TypeError(
            f"{name} must be a sequence of rules, each one of {', '.join(RULES)}; "
            f"got {shown(values)}"
        )
    result = tuple(choice(v, f"{name}[{i}]", RULES) for i, v in enumerate(values))
    if not result:
        raise ValueError(f"{name} must not be empty; allowed: {', '.join(RULES)}")
    if len(set(result)) != len(result):
        raise ValueError(f"{name} must be distinct, got {result}")
    return result
