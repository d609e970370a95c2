"""What `prune_model` does with the rule magnitude, from activations that are kept whole.

No moments, no unfolding.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn


def rows_of(layer, inputs):
    """The rows (groups, n, p) that a layer's weight meets, found by weights that are one-hot."""
    if isinstance(layer, nn.Linear):
        return inputs.reshape(1, -1, inputs.shape[-1])
    twin = copy.deepcopy(layer).double()
    twin._forward_hooks.clear()
    twin._forward_pre_hooks.clear()
    twin.bias = None
    groups, size = layer.groups, int(np.prod(layer.kernel_size))
    is_transposed = layer.transposed
    channels = layer.in_channels // groups
    p = channels * size
    unit = torch.eye(p, dtype=torch.float64).reshape(p, channels, *layer.kernel_size)
    if is_transposed:
        unit = unit.transpose(0, 1)
    twin.out_channels = groups * p
    twin.weight = nn.Parameter(unit.repeat(groups, *(1,) * (unit.ndim - 1)), requires_grad=False)
    found = twin(inputs.double())
    dims = len(layer.kernel_size)
    if found.ndim == dims + 1:
        found = found[None]
    return found.movedim(1, -1).reshape(-1, groups, p).transpose(0, 1)


def weight_rows(layer, weight):
    """A weight as (groups, outputs, p), with p in the order of `rows_of`."""
    if isinstance(layer, nn.Linear):
        return weight[None]
    if layer.transposed:
        split = weight.reshape(layer.groups, -1, *weight.shape[1:]).transpose(1, 2)
        return split.reshape(layer.groups, split.shape[1], -1)
    return weight.reshape(layer.groups, weight.shape[0] // layer.groups, -1)


def refitted(weight, rows, keep, bias):
    """Rows of a weight with the largest entries kept and fitted again: weight, bias, losses."""
    out, shift, losses = np.zeros_like(weight), np.zeros(len(weight)), []
    means = rows.mean(axis=0) if bias else np.zeros(rows.shape[1])
    centred = rows - means
    for i, w in enumerate(weight):
        kept = np.sort(np.argsort(-np.abs(w), kind="stable")[:keep])
        gone = np.setdiff1d(np.arange(len(w)), kept)
        pull = np.linalg.lstsq(centred[:, kept], centred[:, gone] @ w[gone], rcond=None)[0]
        out[i, kept] = w[kept] + pull
        shift[i] = (w - out[i]) @ means
        losses.append(np.mean((centred @ (w - out[i])) ** 2))
    return out, shift, float(np.mean(losses))


def inputs_of(model, layer, batches):
    """All that goes into a layer, call by call."""
    seen = []
    handle = layer.register_forward_pre_hook(lambda module, args: seen.append(args[0].detach()))
    with torch.no_grad():
        for batch in batches:
            model(batch)
    handle.remove()
    return seen


def prune_in_order(model, names, batches, keep, intercept=True):
    """A pruned copy and the training loss of each layer, one after another."""
    model = copy.deepcopy(model).eval()
    losses = {}
    for name in names:
        layer = model.get_submodule(name)
        parts = [rows_of(layer, x).double().numpy() for x in inputs_of(model, layer, batches)]
        rows = np.concatenate(parts, axis=1)
        weight = weight_rows(layer, layer.weight.detach().double()).numpy()
        has_bias = intercept and layer.bias is not None
        found = [
            refitted(w, x, keep(w.shape[1]), has_bias) for w, x in zip(weight, rows, strict=True)
        ]
        put(layer, np.stack([f[0] for f in found]))
        if has_bias:
            with torch.no_grad():
                layer.bias += torch.from_numpy(np.concatenate([f[1] for f in found]))
        losses[name] = float(np.mean([f[2] for f in found]))
    return model, losses


def put(layer, rows):
    """Writes (groups, outputs, p) into a layer."""
    values = torch.from_numpy(rows)
    with torch.no_grad():
        if not isinstance(layer, nn.Linear) and layer.transposed:
            channels, outputs = layer.in_channels // layer.groups, layer.out_channels
            split = values.reshape(
                layer.groups, outputs // layer.groups, channels, *layer.kernel_size
            )
            values = split.transpose(1, 2)
        layer.weight.copy_(values.reshape(layer.weight.shape))


def half(p):
    return max(round(0.5 * p), 1)
