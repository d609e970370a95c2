"""The weights of a network that `prune_model` prunes, where each stands and what goes into it."""

from __future__ import annotations

import difflib
import fnmatch
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from .. import _validation as check
from .checks import ALREADY_PRUNED, COMPUTED, why_unfit
from .models import LAYERS, check_materialized, named
from .unfold import rows_of_weight, weight_of_rows


@dataclass(frozen=True, eq=False)
class Source:
    """A module in whose calls a weight meets its inputs, and which of them these are."""

    module: nn.Module
    # "input" of a layer; "query", "key" or "value" of an attention, or what its output projection
    # is given: "attended".
    role: str = "input"


@dataclass(frozen=True, eq=False)
class Target:
    """One weight that is pruned, with all modules that have it.

    The weight is rows [first, last) of a parameter; of a joint input projection a third of them.
    """

    name: str
    layer: nn.Module | None  # a Linear or convolution layer; None: an attention's input projection
    parameter: nn.Parameter
    first: int
    last: int
    bias: nn.Parameter | None = None  # where it can be fitted again, rows as those of the weight
    bias_first: int = 0
    sources: list[Source] = field(default_factory=list)
    owners: list[tuple[nn.Module, str]] = field(default_factory=list)

    def rows(self) -> torch.Tensor:
        """The weight as (groups, outputs of a group, p)."""
        return rows_of_weight(self.layer, self.parameter.detach()[self.first : self.last])

    @property
    def shape(self) -> tuple[int, int, int]:
        groups, outputs, p = self.rows().shape
        return groups, outputs, p

    @property
    def size(self) -> int:
        return self.rows().numel()

    def from_rows(self, rows: torch.Tensor) -> torch.Tensor:
        """(groups, outputs of a group, p) in the shape of the weight."""
        shape = (self.last - self.first, *self.parameter.shape[1:])
        found: torch.Tensor = weight_of_rows(self.layer, rows, shape)
        return found

    def write(self, rows: torch.Tensor, bias: torch.Tensor | None) -> None:
        """Puts new values into the parameters."""
        with torch.no_grad():
            self.parameter[self.first : self.last] = self.from_rows(rows).to(self.parameter)
            if bias is not None and self.bias is not None:
                self.own_bias(self.bias).copy_(bias)

    def own_bias(self, bias: torch.Tensor) -> torch.Tensor:
        outputs = self.shape[0] * self.shape[1]
        return bias.detach()[self.bias_first : self.bias_first + outputs]


def targets_of(model: nn.Module) -> dict[str, Target]:
    """Every weight of Linear and convolution layers and of attentions' projections, by name.

    A weight that several layers share is there once, under the first one's name.
    """
    check_materialized(model)
    finder = _Finder()
    for name, module in model.named_modules():
        if is_attention(module):
            finder.add_attention(name, module)
        elif isinstance(module, LAYERS):
            finder.add_layer(name, module)
    if not finder.found:
        raise ValueError(
            "model must have Linear, convolution or MultiheadAttention layers, got "
            f"{type(model).__name__} with none"
        )
    found = {target.name: target for target in finder.found.values()}
    return _with_own_biases(model, found)


def is_attention(module: nn.Module) -> bool:
    """Whether a module is an attention with torch's own forward pass."""
    return (
        isinstance(module, nn.MultiheadAttention)
        and type(module).forward is nn.MultiheadAttention.forward
    )


class _Finder:
    def __init__(self) -> None:
        self.found: dict[tuple[int, int], Target] = {}
        self._seen: set[int] = set()

    def add_layer(self, name: str, layer: nn.Module) -> None:
        if id(layer) in self._seen:
            return
        _refuse_unfit(name, layer, "weight")
        weight: Any = layer.weight
        bias: Any = layer.bias
        target = Target(name or type(layer).__name__, layer, weight, 0, len(weight), bias)
        self._add(target, Source(layer), (layer, "weight"))

    def add_attention(self, name: str, attention: Any) -> None:
        out = attention.out_proj
        self._seen.add(id(out))
        prefix = f"{name}." if name else ""
        joint = attention.in_proj_weight
        size = attention.embed_dim
        for i, role in enumerate(("query", "key", "value")):
            attribute = "in_proj_weight" if joint is not None else f"{role[0]}_proj_weight"
            _refuse_unfit(name, attention, attribute)
            weight, first = getattr(attention, attribute), i * size if joint is not None else 0
            target = Target(
                f"{prefix}{role[0]}_proj", None, weight, first, first + size,
                attention.in_proj_bias, i * size,
            )  # fmt: skip
            self._add(target, Source(attention, role), (attention, attribute))
        _refuse_unfit(f"{prefix}out_proj", out, "weight")
        target = Target(f"{prefix}out_proj", out, out.weight, 0, size, out.bias)
        self._add(target, Source(attention, "attended"), (out, "weight"))

    def _add(self, target: Target, source: Source, owner: tuple[nn.Module, str]) -> None:
        key = (id(target.parameter), target.first)
        known = self.found.setdefault(key, target)
        known.sources.append(source)
        known.owners.append(owner)


def _refuse_unfit(name: str, module: nn.Module, attribute: str) -> None:
    """Refuses a weight into which no values can be written, with the reason."""
    parameter = module._parameters.get(attribute)
    if parametrize.is_parametrized(module, attribute):
        reason: str | None = (
            f"has a {attribute} that is computed; torch.nn.utils.parametrize."
            "remove_parametrizations makes it an ordinary one"
        )
    elif parameter is None:
        reason = ALREADY_PRUNED if f"{attribute}_mask" in module._buffers else COMPUTED
    else:
        reason = why_unfit(parameter)
    if reason:
        raise ValueError(
            f"model must have weights that can be pruned, but {named(name, module)} {reason}"
        )


def _with_own_biases(model: nn.Module, found: dict[str, Target]) -> dict[str, Target]:
    """Without the biases that something else has, too: fitting them would change that."""
    uses: dict[int, int] = {}
    for module in model.modules():
        for parameter in module._parameters.values():
            if parameter is not None:
                uses[id(parameter)] = uses.get(id(parameter), 0) + 1
    kept = {}
    for name, target in found.items():
        is_own = target.bias is not None and uses.get(id(target.bias), 0) == 1
        if not is_own or len(target.owners) > 1 or why_unfit(target.bias):
            target = replace(target, bias=None)
        kept[name] = target
    return kept


def names_that_fit(pattern: Any, names: list[str], argument: str) -> list[str]:
    """The layers of a name, or of a pattern with * and ?; at least one."""
    if not isinstance(pattern, str):
        raise TypeError(f"{argument} must have names of layers as keys, got {check.shown(pattern)}")
    found = [pattern] if pattern in names else fnmatch.filter(names, pattern)
    if found:
        return found
    near = difflib.get_close_matches(pattern, names, 3)
    hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    few = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    raise ValueError(
        f"{argument} must name layers of the model ({few}), got {check.shown(pattern)}{hint}"
    )
