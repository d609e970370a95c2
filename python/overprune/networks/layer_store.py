"""The store of a pruned model: each finished layer with its weights."""

from __future__ import annotations

import hashlib
import math
import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .._validation import paths as _paths
from .._validation import shown
from .files import read_regular
from .store import CellStore

Arrays = dict[str, npt.NDArray[Any]]
Form = tuple[str, tuple[int, ...]]  # an array's dtype and shape


class LayerStore:
    """Keeps the values and arrays of finished steps, numbered from 0.

    The values are a cell of a `CellStore`, the arrays the bytes of `layer-NUMBER.bin`, whose
    SHA-256 the cell has: they are written first, so that a cell has its arrays or is not there.
    """

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, Any]) -> None:
        self._cells = CellStore(path, identity, "prune_model")

    def __enter__(self) -> LayerStore:
        return self

    def __exit__(self, *error: object) -> None:
        self._cells.close()

    def read(
        self, number: int, names: set[str], forms: Mapping[str, Form]
    ) -> tuple[dict[str, float], Arrays] | None:
        """A step's values and arrays; None where they are not there or, with a warning, damaged."""
        found = self._cells.read(number, 0, lambda values: _misfit(values, names))
        if found is None:
            return None
        path = self._path(number)
        try:
            content = read_regular(path, _size(forms), follow=False)
            if hashlib.sha256(content).hexdigest() != found.pop("arrays"):
                raise ValueError("its checksum is wrong")
            return found, _arrays(content, forms)
        except (OSError, ValueError) as error:
            warnings.warn(
                f"{path} is damaged and its layer is pruned again: {shown(error)}", stacklevel=4
            )
            return None

    def write(self, number: int, values: Mapping[str, float], arrays: Arrays) -> None:
        """Keeps a step."""
        content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
        with _paths.replacing(self._path(number)) as part, open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        digest = hashlib.sha256(content).hexdigest()
        self._cells.write(number, 0, {**values, "arrays": digest})

    def _path(self, number: int) -> Any:
        return self._cells.path / f"layer-{number}.bin"


def _misfit(values: Any, names: set[str]) -> str | None:
    if not isinstance(values, dict) or set(values) != names | {"arrays"}:
        return "its values have other names"
    if not all(type(values[name]) is float for name in names):
        return "a value is no number"
    return None


def _size(forms: Mapping[str, Form]) -> int:
    return sum(np.dtype(kind).itemsize * math.prod(shape) for kind, shape in forms.values())


def _arrays(content: bytes, forms: Mapping[str, Form]) -> Arrays:
    if len(content) != _size(forms):
        raise ValueError(f"it has {len(content)} bytes and not {_size(forms)}")
    found, at = {}, 0
    for name, (kind, shape) in forms.items():
        count = math.prod(shape)
        found[name] = np.frombuffer(content, kind, count, at).reshape(shape).copy()
        at += found[name].nbytes
        if kind[1] == "f" and not np.isfinite(found[name]).all():
            raise ValueError(f"{name} is not finite")
    return found
