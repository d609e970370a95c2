"""Whether layers have weights that can be pruned: looked at before a sweep trains anything."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm

from .models import LAYERS, check_materialized, count_prunable, named, sources_of, weight_layers

ALREADY_PRUNED = (
    "is already pruned by torch.nn.utils.prune; its prune.remove makes the weight an ordinary one"
)
COMPUTED = "has a weight that is no parameter of its own but computed elsewhere"


def check_layers(network: nn.Module, width: int) -> None:
    """Refuses layers whose weights cannot be deleted, with the reason."""
    check_materialized(network)
    _check_scripted(network)
    layers = weight_layers(network)
    for name, layer in layers.items():
        reason = _computed(layer) or next(filter(None, map(why_unfit, _own_sources(layer))), None)
        if reason:
            raise ValueError(
                f"model must have weights that can be pruned, but {named(name, layer)} {reason}"
            )
    _check_shared(network)
    if count_prunable(network) == 0:
        raise ValueError(
            "model must have prunable weights, trained ones of Linear or convolution layers; "
            f"width {width} has none"
        )


def _check_scripted(network: nn.Module) -> None:
    """Refuses what would be a layer to prune, were it not compiled."""
    kinds = {kind.__name__ for kind in LAYERS}
    for name, layer in network.named_modules():
        compiled = isinstance(layer, torch.jit.ScriptModule) and layer.original_name in kinds
        if compiled and any(parameter.requires_grad for parameter in layer.parameters()):
            raise ValueError(
                f"model must have weights that can be pruned, but {named(name, layer)} is a "
                f"{layer.original_name} compiled by torch.jit.script; give the layer itself"
            )


def _own_sources(layer: nn.Module) -> list[nn.Parameter]:
    found = sources_of(layer)
    return found if any(parameter.requires_grad for parameter in found) else []


def _computed(layer: nn.Module) -> str | None:
    """Why a weight that is no parameter cannot be masked."""
    if "weight" in layer._parameters or parametrize.is_parametrized(layer, "weight"):
        return None
    if sources_of(layer) and not _own_sources(layer):
        return None
    if "weight_mask" in layer._buffers:
        return ALREADY_PRUNED
    if "weight_g" in layer._parameters:
        return (
            "has the old torch.nn.utils.weight_norm; the one of torch.nn.utils.parametrizations "
            "is pruned"
        )
    if any(isinstance(hook, SpectralNorm) for hook in layer._forward_pre_hooks.values()):
        return (
            "has the old torch.nn.utils.spectral_norm; the one of "
            "torch.nn.utils.parametrizations is pruned"
        )
    weight = getattr(layer, "weight", None)
    if isinstance(weight, torch.Tensor) and not weight.requires_grad:
        return None
    return COMPUTED


def why_unfit(parameter: nn.Parameter) -> str | None:
    """Why a parameter's entries cannot be set to 0 one by one."""
    if parameter.device.type == "meta":
        return "is on the meta device, where weights have no values"
    if parameter.layout != torch.strided:
        return f"has a weight of the layout {parameter.layout}, and only strided ones are pruned"
    if not parameter.is_floating_point():
        return f"has a weight of {parameter.dtype}, and only real numbers are pruned"
    if _overlap([parameter]):
        return "has a weight whose entries share memory with one another"
    return None


def _check_shared(network: nn.Module) -> None:
    """Refuses parameters that share memory, and one that two layers compute weights from."""
    owners: dict[int, tuple[str, nn.Module]] = {}
    for name, layer in weight_layers(network).items():
        for source in _own_sources(layer):
            first, other = owners.setdefault(id(source), (name, layer))
            if first != name and any(
                parametrize.is_parametrized(one, "weight") for one in (layer, other)
            ):
                raise ValueError(
                    f"model must parametrize a weight once, but {named(first, other)} and "
                    f"{named(name, layer)} compute theirs from the same parameter"
                )
    _check_originals(network)
    neighbours: dict[int, list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in network.named_parameters():
        if (
            parameter.device.type != "meta"
            and parameter.layout == torch.strided
            and parameter.numel()
        ):
            neighbours.setdefault(parameter.untyped_storage().data_ptr(), []).append(
                (name, parameter)
            )
    for group in neighbours.values():
        for (name, one), (another, two) in itertools.combinations(group, 2):
            if (id(one) in owners or id(two) in owners) and _overlap([one, two]):
                raise ValueError(
                    "model must share a weight by sharing its parameter, but the parameters "
                    f"{name!r} and {another!r} are two in the same memory"
                )


def _check_originals(network: nn.Module) -> None:
    """Refuses a parametrized weight whose original another layer uses and would keep dense."""
    for name, layer in weight_layers(network).items():
        if not parametrize.is_parametrized(layer, "weight"):
            continue
        steps: Any = layer.parametrizations.weight
        originals = {id(parameter) for parameter in steps.parameters(recurse=False)}
        for other, module in network.named_modules():
            if module is not steps and originals & {id(p) for p in module._parameters.values()}:
                raise ValueError(
                    "model must share a weight as it is parametrized, but "
                    f"{named(other, module)} has the one from which "
                    f"{named(name, layer)} computes its own"
                )


def _overlap(parameters: list[nn.Parameter]) -> bool:
    """Whether two entries, of one parameter or of several in one storage, lie in the same place."""
    if len(parameters) == 1 and parameters[0].is_contiguous():
        return False
    ends = [
        p.storage_offset()
        + sum((n - 1) * step for n, step in zip(p.shape, p.stride(), strict=True))
        + 1
        for p in parameters
    ]
    if len(parameters) == 2:
        one, two = parameters
        if ends[0] <= two.storage_offset() or ends[1] <= one.storage_offset():
            return False
    places = torch.arange(max(ends))
    used = torch.cat(
        [places.as_strided(p.shape, p.stride(), p.storage_offset()).flatten() for p in parameters]
    )
    return len(used.unique()) < len(used)
