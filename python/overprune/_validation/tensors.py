"""Arrays of other libraries by DLPack, the protocol by which they hand over their memory."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

# Kinds of devices whose memory the processor reads: its own, and what graphics cards have pinned.
_READABLE = (1, 3, 11)


def array_of(value: Any) -> npt.NDArray[Any] | None:
    """What hands over its numbers by DLPack alone, as an array that shares them; None for anything
    else, which NumPy converts.

    Raises
    ------
    TypeError
        If the numbers lie on another device, or are followed for gradients.
    """
    kind = type(value)
    if isinstance(value, np.ndarray) or not hasattr(kind, "__dlpack__"):
        return None
    if getattr(value, "requires_grad", False) is True:
        raise TypeError("it requires grad, and gradients end here: pass its detach()")
    device = None
    with suppress(Exception):  # what NumPy says of it is clearer
        device = tuple(map(int, value.__dlpack_device__()))
    if device is not None and device[0] not in _READABLE:
        where = getattr(value, "device", f"device {device}")
        raise TypeError(
            f"it lies on {where}: copy it to the processor's memory first, as cpu() or get() does"
        )
    return None if hasattr(kind, "__array__") else np.from_dlpack(value)
