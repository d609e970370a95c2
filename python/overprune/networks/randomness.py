"""Global generators, which layers and forward passes draw from: seeded and put back."""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

_GLOBAL = threading.RLock()


def seed_of(*key: int | str) -> int:
    """A seed of 63 bits, a pure function of the key."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


@contextlib.contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seeds the global generators and puts them back afterwards; one thread at a time."""
    with undisturbed(device):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        yield


@contextlib.contextmanager
def undisturbed(device: torch.device) -> Iterator[None]:
    """The global generators are afterwards as they were; one thread at a time."""
    with _GLOBAL:
        before = GlobalGenerators(device)
        try:
            yield
        finally:
            before.restore()


class GlobalGenerators:
    """States of the global generators of torch (CPU and a CUDA device), Python and numpy."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        with _GLOBAL:
            self._torch = torch.get_rng_state()
            self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
            self._python = random.getstate()
            self._numpy = np.random.get_state()  # noqa: NPY002

    def restore(self) -> None:
        with _GLOBAL:
            torch.set_rng_state(self._torch)
            if self._cuda is not None:
                torch.cuda.set_rng_state(self._cuda, self._device)
            random.setstate(self._python)
            np.random.set_state(self._numpy)  # noqa: NPY002

    def moved(self) -> bool:
        """Whether a generator has been drawn from since."""
        return self._bits() != GlobalGenerators(self._device)._bits()

    def _bits(self) -> tuple[object, ...]:
        cuda = None if self._cuda is None else self._cuda.numpy().tobytes()
        name, keys, *rest = self._numpy
        return (
            self._torch.numpy().tobytes(),
            cuda,
            self._python,
            name,
            np.asarray(keys).tobytes(),
            *rest,
        )


class Draws(TorchDispatchMode):
    """Whether torch draws from a global generator, even where a forward pass resets it."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device, self.seen = device, False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.seen or torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **(kwargs or {}))
        before = GlobalGenerators(self._device)
        found = func(*args, **(kwargs or {}))
        self.seen = before.moved()  # dropout of nothing draws nothing
        return found
