"""Hashes of what torch holds: the state of a network, and batches."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn


def entries(value: Any) -> npt.NDArray[Any]:
    """A tensor's values as an array: bytes where numpy lacks the type, text of others."""
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, torch.Tensor):
        return np.frombuffer(repr(value).encode(), np.uint8)
    flat = value.detach().cpu().reshape(-1)
    try:
        return flat.numpy()
    except TypeError:
        return flat.view(torch.uint8).numpy()


def state_text(network: nn.Module) -> str:
    """The names and hashes of all values of a network."""
    from .._provenance import array_hash

    state = network.state_dict()
    return "".join(f"{name}{array_hash(entries(value))}" for name, value in state.items())


def hash_of(value: Any) -> str:
    """SHA-256 of a tensor, an array, or tuples, lists and mappings of such."""
    from .._provenance import array_hash

    if isinstance(value, Mapping):
        value = [part for pair in value.items() for part in pair]
    if isinstance(value, (tuple, list)):
        inner = "".join(hash_of(part) for part in value)
        return hashlib.sha256(f"{len(value)}:{inner}".encode()).hexdigest()
    shape = tuple(value.shape) if isinstance(value, torch.Tensor) else ()
    return hashlib.sha256(f"{shape}{array_hash(entries(value))}".encode()).hexdigest()
