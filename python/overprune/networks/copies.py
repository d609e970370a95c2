"""Whole copies of networks, which share no tensor, function or hook with the original."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import CellType, FunctionType, ModuleType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from .randomness import seeded

Factory = Callable[[int], nn.Module]


def make(model: Factory, width: int, seed: int, device: torch.device) -> nn.Module:
    """A network of the width on the device, initialized by the seed, sharing nothing."""
    with seeded(seed, device):
        return clone(model(width)).to(device)


def clone(network: nn.Module) -> nn.Module:
    """A copy of all that a network holds: parameters, buffers, its own attributes, hooks of
    gradients.

    A state_dict holds less: no buffers that are not persistent, and no attributes. Modules of
    Python are no part of a network.
    """
    attributes = [value for module in network.modules() for value in vars(module).values()]
    memo: dict[int, Any] = {
        id(value): value for value in attributes if isinstance(value, ModuleType)
    }
    with _Activations():
        twin = copy.deepcopy(network, memo)
    for module in twin.modules():
        _rebind(module.__dict__, memo, set())
    for old, new in zip(network.parameters(), twin.parameters(), strict=True):
        for hook in (old._backward_hooks or {}).values():
            new.register_hook(_rebound(hook, memo))
        for hook in (getattr(old, "_post_accumulate_grad_hooks", None) or {}).values():
            new.register_post_accumulate_grad_hook(_rebound(hook, memo))
    return twin


def _rebind(holder: Any, memo: dict[int, Any], seen: set[int]) -> None:
    """Rebinds the functions in a dictionary or list of a copy, say hooks, to its layers."""
    seen.add(id(holder))
    for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
        if isinstance(value, FunctionType):
            holder[key] = _rebound(value, memo)
        elif isinstance(value, (dict, list)) and id(value) not in seen:
            _rebind(value, memo, seen)


def _rebound(value: Any, memo: dict[int, Any]) -> Any:
    """A function rebound to the copies of what it refers to, which deepcopy does not do."""
    if not isinstance(value, FunctionType):
        return memo.get(id(value), value)
    memo.setdefault(id(value), value)  # for functions that refer to themselves
    cells = value.__closure__ or ()
    found = [cell.cell_contents if _is_full(cell) else None for cell in cells]
    copies = [_rebound(one, memo) for one in found]
    defaults = tuple(memo.get(id(one), one) for one in value.__defaults__ or ())
    if all(
        a is b
        for a, b in zip((*found, *(value.__defaults__ or ())), (*copies, *defaults), strict=True)
    ):
        return value
    bound = tuple(
        c if a is b else CellType(b) for c, a, b in zip(cells, found, copies, strict=True)
    )
    twin = FunctionType(value.__code__, value.__globals__, value.__name__, defaults or None, bound)
    twin.__kwdefaults__ = value.__kwdefaults__
    twin.__dict__.update(value.__dict__)
    return twin


def _is_full(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # a variable that is not yet assigned
        return False


class _Activations(TorchFunctionMode):
    """Copies tensors that a forward pass has left in the network too, as values."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.__deepcopy__ and not args[0].is_leaf:
            return args[0].detach().clone()
        return func(*args, **(kwargs or {}))
