"""Masks of torch.nn.utils.prune on the weights that were pruned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.utils import prune

from .targets import Target


class _Remask:
    """Computes the masked weight of an output projection before every call of its attention.

    The attention uses the weight without calling the projection, whose own hook never runs.
    """

    def __call__(self, attention: Any, args: Any) -> None:
        out = attention.out_proj
        for hook in out._forward_pre_hooks.values():
            if isinstance(hook, prune.BasePruningMethod):
                hook(out, args)


def attach_masks(masks: Sequence[tuple[Target, torch.Tensor]]) -> None:
    """Masks every module that has one of the weights; the others' weights stay whole."""
    whole: dict[tuple[int, str], tuple[nn.Module, torch.Tensor]] = {}
    for target, mask in masks:
        for module, attribute in target.owners:
            _, own = whole.setdefault(
                (id(module), attribute), (module, torch.ones_like(getattr(module, attribute)))
            )
            own[target.first : target.last] = mask.to(own.dtype)
    for (_, attribute), (module, own) in whole.items():
        prune.custom_from_mask(module, attribute, own)
    for target, _ in masks:
        for source in target.sources:
            if source.role == "attended":
                source.module.register_forward_pre_hook(_Remask())
