"""Where a table comes from: attributes that make its problem again, and by what and when it was
made."""

from __future__ import annotations

import base64
import contextlib
import datetime
import functools
import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from . import _core
from . import _validation as check
from .problems.classification import LinearClassificationProblem
from .problems.data_problem import DataProblem
from .problems.feature_problem import RandomFeatureProblem
from .problems.functions import fingerprint, qualified_name
from .problems.problem import LinearGaussianProblem, Problem, make_again
from .problems.spectrum import Spectrum

_CLASSES: dict[str, type[Problem | Spectrum]] = {
    cls.__name__: cls
    for cls in (
        LinearGaussianProblem,
        LinearClassificationProblem,
        RandomFeatureProblem,
        DataProblem,
        Spectrum,
    )
}
# Arrays that take more than this, compressed (eight times as much before), are named by their hash
# instead.
_LARGEST = 2**20
_HASHED = 2**26


def describe(problem: Problem | Spectrum, seed: int | None = None) -> dict[str, Any]:
    """Attributes of a table: the problem as JSON, its hash, the levels that plots draw, names of
    features as JSON where there are some, and `provenance`.

    The JSON holds every argument of the problem. Arrays are compressed; ones that stay above a
    megabyte (a data set, a large dense covariance) are only hashed, and callables named and their
    values hashed: enough to tell the table from another problem's.
    """
    text, digest = _encoded(problem)
    attributes = {
        "problem": text,
        "problem_hash": digest,
        "null_risk": problem.null_risk,
        "provenance": provenance(seed, digest),
    }
    if isinstance(problem, Problem) and problem.feature_names is not None:
        attributes["feature_names"] = json.dumps(problem.feature_names)
    if isinstance(problem, LinearGaussianProblem):
        attributes["noise_floor"] = problem._core.noise_floor
    elif isinstance(problem, LinearClassificationProblem):
        attributes |= {"null_error": 0.5, "bayes_error": problem.bayes_error}
    elif isinstance(problem, RandomFeatureProblem):
        attributes["noise_floor"] = problem.targets * problem.noise_std**2
    elif isinstance(problem, Spectrum):
        attributes["noise_floor"] = problem.noise_std**2
    return attributes


# A problem does not change: its text and hash serve every table of it.
_KNOWN: WeakKeyDictionary[Problem | Spectrum, tuple[str, str]] = WeakKeyDictionary()


def _encoded(problem: Problem | Spectrum) -> tuple[str, str]:
    """The problem as JSON, and its hash."""
    if (known := _KNOWN.get(problem)) is not None:
        return known
    arguments = problem.describe()
    digest = hashlib.sha256(type(problem).__name__.encode())
    encoded = {}
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            encoded[name] = _encode(value)
            digest.update(encoded[name]["sha256"].encode())
        elif callable(value):
            encoded[name] = {"callable": qualified_name(value), "sha256": fingerprint(value)}
            digest.update(f"{name}={encoded[name]}".encode())
        else:
            digest.update(f"{name}={value!r}".encode())
            encoded[name] = value
    text = json.dumps({"class": type(problem).__name__, "arguments": encoded})
    found = text, digest.hexdigest()
    if not any(map(callable, arguments.values())):  # what a callable computes may change
        _KNOWN[problem] = found
    return found


def provenance(seed: int | None = None, problem_hash: str | None = None) -> str:
    """By what, when and where a table is made, as JSON; null for what does not apply."""
    facts = _core.build_info()
    return json.dumps(
        {
            "overprune_version": facts["version"],
            "kernel_level": facts["kernel_level"],
            "compiler": facts["compiler"],
            "seed": None if seed is None else str(seed),
            "problem_hash": problem_hash,
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "git_commit": _commit(_here()),
        }
    )


def _here() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # the directory has been removed
        return None


@functools.lru_cache(maxsize=8)
def _commit(directory: str | None) -> str | None:
    """The commit that a directory is at, ending in "-dirty" where tracked files have changed; or
    None."""
    if directory is None:
        return None
    import subprocess

    command = [
        "git",
        "-C",
        directory,
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=2.0, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def facts_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """By what, when and where a table was made; ValueError where the attribute is missing or
    damaged."""
    text = attributes.get("provenance")
    found: Any = None
    moment = None
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        found = json.loads(text) if isinstance(text, str) else None
        moment = datetime.datetime.fromisoformat(found["time"])
    kinds: dict[str, Any] = {
        "git_commit": (str, type(None)),
        "overprune_version": str,
        "kernel_level": str,
        "time": str,
    }
    if (
        moment is None
        or not isinstance(found, dict)
        or not all(isinstance(found.get(name), kind) for name, kind in kinds.items())
    ):
        raise ValueError(
            f"provenance must say when and by what the table was made, got {check.shown(text)}"
        )
    return found


def check_problem(attributes: Mapping[str, Any], expected: str) -> None:
    """Raises ValueError where the attribute `problem` does not describe the problem that `expected`
    does.

    Their compressed arrays may differ, by whichever library has compressed them, if they hold the
    same.
    """
    if attributes.get("problem") == expected:
        return
    cls, encoded = _description(attributes)
    wanted_cls, wanted = _description({"problem": expected})
    if (cls, _without_data(encoded)) != (wanted_cls, _without_data(wanted)):
        raise ValueError("the attribute problem is damaged")
    for name, value in encoded.items():
        if (
            isinstance(value, dict)
            and "data" in value
            and array_hash(_decode(name, value)) != value["sha256"]
        ):
            raise ValueError(f"{name} is damaged in the attribute problem")


def _without_data(encoded: Mapping[str, Any]) -> str:
    kept = {
        name: {k: v for k, v in value.items() if k != "data"} if isinstance(value, dict) else value
        for name, value in encoded.items()
    }
    return json.dumps(kept, sort_keys=True)


def kind_of_problem(attributes: Mapping[str, Any]) -> str:
    """The class of a table's problem; ValueError where the attribute is missing or damaged."""
    return _description(attributes)[0].__name__


def _description(attributes: Mapping[str, Any]) -> tuple[type[Problem | Spectrum], dict[str, Any]]:
    """The class of the problem, and its arguments as they are kept."""
    try:
        description = json.loads(attributes["problem"])
        return _CLASSES[description["class"]], dict(description["arguments"])
    except (KeyError, TypeError, ValueError, RecursionError):
        raise ValueError("the attribute problem is missing or damaged") from None


def problem_of(attributes: dict[str, Any]) -> Problem | Spectrum:
    """The problem of a table with these attributes; ValueError where they hold hashes only, or a
    callable."""
    cls, encoded = _description(attributes)
    arguments = {name: _decode(name, value) for name, value in encoded.items()}
    return make_again(cls, arguments)


def array_hash(array: np.ndarray[Any, Any]) -> str:
    """SHA-256 of an array's dtype, shape and values, the same on every machine."""
    dtype = array.dtype.newbyteorder("<")
    digest = hashlib.sha256(f"{dtype.str}{array.shape}".encode())
    step = max(1, _HASHED * len(array) // max(array.nbytes, 1))
    for first in range(0, len(array), step):  # in parts, between which Ctrl-C is seen
        digest.update(np.ascontiguousarray(array[first : first + step], dtype=dtype).data)
    return digest.hexdigest()


def _encode(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    dtype = array.dtype.newbyteorder("<")
    facts = {"dtype": dtype.str, "shape": list(array.shape), "sha256": array_hash(array)}
    packed = (
        _pack(np.ascontiguousarray(array, dtype=dtype)) if array.nbytes <= 8 * _LARGEST else b""
    )
    if packed:
        facts["data"] = base64.b64encode(packed).decode("ascii")
    return facts


def _pack(array: np.ndarray[Any, Any]) -> bytes:
    """Compressed, or nothing as soon as that is too large: data that does not shrink would cost a
    trial's time."""
    compressor, packed, chunk = zlib.compressobj(6), bytearray(), 1 << 16
    data = array.reshape(-1).data.cast("B")
    for first in range(0, len(data), chunk):
        packed += compressor.compress(data[first : first + chunk])
        if len(packed) > _LARGEST:
            return b""
    packed += compressor.flush()
    return bytes(packed) if len(packed) <= _LARGEST else b""


def _decode(name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "callable" in value:
        raise ValueError(
            f"{name} was a Python callable, of which the table keeps the name alone: "
            f"{value['callable']}"
        )
    if "data" not in value and "sha256" in value:
        raise ValueError(
            f"{name} was too large to keep in the table: only its hash {value['sha256']} is known"
        )
    try:
        dtype = np.dtype(value["dtype"])
        unpacker, most = zlib.decompressobj(), 8 * _LARGEST
        raw = unpacker.decompress(base64.b64decode(value["data"]), most + 1)
        if dtype.kind not in "biuf" or len(raw) > most or not unpacker.eof:
            raise ValueError(name)
        return np.frombuffer(raw, dtype=dtype).reshape(value["shape"])
    except (KeyError, TypeError, ValueError, zlib.error):
        raise ValueError(f"{name} is damaged in the attribute problem") from None
