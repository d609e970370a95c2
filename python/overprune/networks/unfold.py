"""What a layer's weight is multiplied with: its inputs as rows, those of convolutions unfolded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

# Numbers that are unfolded at once.
_PIECE = 2**22

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def is_convolution(layer: nn.Module) -> bool:
    """Whether a layer's inputs are unfolded."""
    return hasattr(layer, "kernel_size")


def rows_of(layer: nn.Module, inputs: torch.Tensor, outputs: torch.Tensor) -> Iterator[Any]:
    """The rows that a layer's weight meets in one call, in pieces (groups, n, p) of doubles.

    A row of a Linear layer is an input's last dimension; of a convolution it is one group's
    channels under the kernel at one position of the outputs, padding included. A row of a
    transposed convolution is the same of the inputs with zeros between them.
    """
    if not is_convolution(layer):
        yield from rows_of_lines(inputs)
        return
    if not outputs.numel():
        return
    conv: Any = layer
    windows = _windows(conv, inputs, outputs)
    dims = len(conv.kernel_size)
    lines = windows.movedim(1, 1 + dims)  # (samples, *positions, channels, *kernel)
    for piece in _pieces(lines, 1 + dims):
        flat = _double(piece).reshape(math.prod(piece.shape[: 1 + dims]), conv.groups, -1)
        yield flat.transpose(0, 1)


def rows_of_lines(inputs: torch.Tensor) -> Iterator[torch.Tensor]:
    """Rows along the last dimension, in pieces (1, n, p) of doubles."""
    lines = inputs.reshape(-1, inputs.shape[-1])
    for piece in _pieces(lines, 1):
        yield _double(piece)[None]


def rows_of_weight(layer: nn.Module | None, weight: torch.Tensor) -> torch.Tensor:
    """A weight as (groups, outputs of a group, p), in the order of the rows."""
    if layer is None or not is_convolution(layer):
        return weight[None]
    conv: Any = layer
    if isinstance(layer, _TRANSPOSED):
        kernel = tuple(range(2, weight.ndim))
        split = weight.flip(kernel).reshape(conv.groups, -1, *weight.shape[1:])
        return split.transpose(1, 2).flatten(3).flatten(2)
    return weight.reshape(conv.groups, weight.shape[0] // conv.groups, -1)


def weight_of_rows(layer: nn.Module | None, rows: torch.Tensor, shape: Sequence[int]) -> Any:
    """The inverse of `rows_of_weight`."""
    if layer is None or not isinstance(layer, _TRANSPOSED):
        return rows.reshape(*shape)
    groups, outputs, _ = rows.shape
    split = rows.reshape(groups, outputs, -1, *shape[2:]).transpose(1, 2)
    return split.reshape(*shape).flip(tuple(range(2, len(shape))))


def _windows(conv: Any, inputs: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    """Views of padded inputs, (samples, channels, *positions, *kernel)."""
    dims = len(conv.kernel_size)
    if inputs.ndim == dims + 1:  # no samples
        inputs, outputs = inputs[None], outputs[None]
    reach = [d * (k - 1) for k, d in zip(conv.kernel_size, conv.dilation, strict=True)]
    if isinstance(conv, _TRANSPOSED):
        found, steps = _stuffed(conv, inputs, outputs, reach), (1,) * dims
    else:
        found, steps = _padded(conv, inputs, reach), conv.stride
    for i, (step, dilation) in enumerate(zip(steps, conv.dilation, strict=True)):
        found = found.unfold(2 + i, reach[i] + 1, step)[..., ::dilation]
    return found


def _padded(conv: Any, inputs: torch.Tensor, reach: list[int]) -> torch.Tensor:
    if conv.padding == "valid":
        return inputs
    if conv.padding == "same":
        pads = [(own // 2, own - own // 2) for own in reach]
    else:
        pads = [(own, own) for own in conv.padding]
    mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode
    flat = [side for pair in reversed(pads) for side in pair]  # the last dimension comes first
    return functional.pad(inputs, flat, mode=mode) if any(flat) else inputs


def _stuffed(
    conv: Any, inputs: torch.Tensor, outputs: torch.Tensor, reach: list[int]
) -> torch.Tensor:
    """The inputs of a transposed convolution, whose strides are zeros between them."""
    lengths = [(n - 1) * s + 1 for n, s in zip(inputs.shape[2:], conv.stride, strict=True)]
    spread = inputs.new_zeros(*inputs.shape[:2], *lengths)
    spread[(..., *(slice(None, None, step) for step in conv.stride))] = inputs
    flat: list[int] = []
    for i in reversed(range(len(reach))):
        left = reach[i] - conv.padding[i]
        flat += [left, outputs.shape[2 + i] + reach[i] - left - lengths[i]]
    return functional.pad(spread, flat)


def _pieces(lines: torch.Tensor, dims: int) -> Iterator[torch.Tensor]:
    """Parts of the first dims dimensions that are small enough, where there is one to cut."""
    at = next((i for i in range(dims) if lines.shape[i] > 1), None)
    if lines.numel() <= _PIECE or at is None:
        yield lines
        return
    parts = min(math.ceil(lines.numel() / _PIECE), lines.shape[at])
    for part in lines.tensor_split(parts, dim=at):
        yield from _pieces(part, dims)


def _double(values: torch.Tensor) -> torch.Tensor:
    """In double precision, on the CPU where the device has none."""
    if values.device.type == "mps":
        values = values.cpu()
    return values.to(torch.float64)
