"""The store of a pruned model: each finished layer with its weights."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .._validation import shown
from ..simulation.store_files import StoreDamageError, checksum
from .store import CellStore

Arrays = dict[str, npt.NDArray[Any]]
Form = tuple[str, tuple[int, ...]]  # an array's dtype and shape


class LayerStore(CellStore):
    """Keeps the values and arrays of finished steps, numbered from 0.

    The values are a cell, the arrays the bytes of `layer-NUMBER.bin`, whose checksum the cell has:
    they are written first, so that a cell has its arrays or is not there.
    """

    _MEMBERS = re.compile(r"cell-\d+-0\.json|layer-\d+\.bin")

    def __init__(self, path: str | os.PathLike[str], identity: Mapping[str, Any]) -> None:
        super().__init__(path, identity, "model")

    def read_layer(
        self, number: int, names: set[str], forms: Mapping[str, Form]
    ) -> tuple[dict[str, float], Arrays] | None:
        """A step's values and arrays; None where they are not there or, with a warning, damaged."""
        found = self.read(number, 0, lambda values: _misfit(values, names))
        if found is None:
            return None
        member = _member(number)
        try:
            content = self.read_part(member, _size(forms))
            if checksum({"arrays": content}) != found.pop("arrays"):
                raise ValueError("its checksum is wrong")
            return found, _arrays(content, forms)
        except StoreDamageError as error:
            self.warn_again(member, error.what)
        except ValueError as error:
            self.warn_again(member, shown(error))
        return None

    def write_layer(self, number: int, values: Mapping[str, float], arrays: Arrays) -> None:
        """Keeps a step."""
        content = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
        self.write_part(_member(number), content)
        self.write(number, 0, {**values, "arrays": checksum({"arrays": content})})


def _member(number: int) -> str:
    return f"layer-{number}.bin"


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
