"""Scores by rule, masks that every use of a weight sees, and checked counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from .. import _validation as check
from .._validation import RULES_OF_DATA
from .copies import clone
from .models import named, prunable, weight_of
from .training import Tensors, at_least_single, numbers

RULES = RULES_OF_DATA
SCOPES = ("global", "layer")

Scores = dict[str, torch.Tensor]
Masks = dict[str, torch.Tensor]


def scores_of(
    model: nn.Module,
    rule: str,
    rows: Tensors,
    loss: str,
    generator: torch.Generator,
    outputs: int | None = None,
) -> Scores:
    """The score of every prunable weight, by layer: ``|w|``, ``h**q w**2 / 2`` or random numbers.

    q is the rule's power of the curvature, 1 for "hessian"; h is the diagonal of the Gauss-Newton
    matrix of the mean loss over the rows, see `curvatures`.
    """
    weights = {name: at_least_single(weight_of(layer)) for name, layer in prunable(model).items()}
    traits = check.TRAITS[rule]
    if not traits.scores_coefficients:
        return {
            name: torch.rand(w.shape, generator=generator).to(w.device)
            for name, w in weights.items()
        }
    power = traits.curvature_power
    if power == 0:
        return {name: w.abs() for name, w in weights.items()}
    found = curvatures(model, rows, loss, outputs=outputs)
    return {name: 0.5 * found[name] ** power * w**2 for name, w in weights.items()}


def uses_curvature(rule: str) -> bool:
    """Whether a rule's scores take derivatives row by row."""
    return check.TRAITS[rule].curvature_power > 0


def curvatures(
    model: nn.Module, rows: Tensors, loss: str, chunk: int = 16, outputs: int | None = None
) -> Scores:
    """The diagonal of the Gauss-Newton matrix, for every prunable weight.

    ``h_i = (1/N) sum_n sum_cd (df_c/dw_i) M_cd (df_d/dw_i)``, f the outputs and M the Hessian of
    the loss in them: 2 I for squared loss. For cross-entropy it is diag(p) - p p', and as its
    gradient is p - e_y,

    ``h_i = (1/N) sum_n sum_c p_c (d log p_c / dw_i)**2``,

    the Fisher information with labels drawn from the model, here summed over all c, or over the
    first `outputs` of them. Batch normalization keeps its running statistics.
    """
    model.eval()
    with _shifts(model) as parameters:
        slots = _slots(model)
        layer_of = {id(parameter): name for name, parameter in parameters.items()}
        uses = {slot: layer_of[id(value)] for slot, value in slots.items() if id(value) in layer_of}
        fixed = {slot: value.detach() for slot, value in slots.items() if slot not in uses}
        weights = {name: parameter.detach() for name, parameter in parameters.items()}
        shadow = clone(model)  # what torch.func leaves in a network is of no use outside

        def swapped(weights: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
            values = {**fixed, **{slot: weights[name] for slot, name in uses.items()}}
            found: torch.Tensor = torch.func.functional_call(
                shadow, values, (x[None],), tie_weights=False
            )
            return found

        def one(f: torch.Tensor, c: int) -> torch.Tensor:
            f = at_least_single(f[0])
            return f[c] if loss == "squared" else torch.log_softmax(f, dim=0)[c]

        def alone(x: torch.Tensor, c: int) -> dict[str, torch.Tensor]:
            slope = torch.autograd.grad(
                one(model(x[None].clone()), c), list(parameters.values()), allow_unused=True
            )
            return {
                name: torch.zeros_like(p) if g is None else g
                for (name, p), g in zip(parameters.items(), slope, strict=True)
            }

        own = dict(shadow.named_parameters(remove_duplicate=False))
        row = numbers(rows[0][:1], model)[0]
        unseen = _unseen(lambda: swapped(weights, row), [own[slot] for slot in uses])
        slopes = _slopes(None if unseen else lambda w, x, c: one(swapped(w, x), c), alone)
        total = {name: torch.zeros_like(at_least_single(value)) for name, value in weights.items()}
        inputs = rows[0]
        for first in range(0, len(inputs), chunk):
            x = numbers(inputs[first : first + chunk], model)
            with torch.no_grad():
                f = at_least_single(model(x.clone()))
            weight = torch.full_like(f, 2.0) if loss == "squared" else torch.softmax(f, dim=1)
            for c in range(min(f.shape[1], outputs or f.shape[1])):
                for name, g in slopes(weights, x, c).items():
                    squares = at_least_single(g) ** 2
                    total[name] += torch.einsum(
                        "n,n...->...", weight[:, c].to(squares.dtype), squares
                    )
    return {name: h / len(inputs) for name, h in total.items()}


def _slots(model: nn.Module) -> dict[str, torch.Tensor]:
    """Every place of a parameter or buffer, once, whatever other names its layer goes by."""
    found: dict[str, torch.Tensor] = {}
    for prefix, layer in model.named_modules():
        own = [
            *layer.named_parameters(recurse=False, remove_duplicate=False),
            *layer.named_buffers(recurse=False, remove_duplicate=False),
        ]
        found |= {f"{prefix}.{name}" if prefix else name: value for name, value in own}
    return found


class _Shift(nn.Module):
    """Adds zeros, in which the network's derivative is that in the weight."""

    def __init__(self, like: torch.Tensor) -> None:
        super().__init__()
        self.zeros = nn.Parameter(torch.zeros_like(like))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + self.zeros


@contextmanager
def _shifts(model: nn.Module) -> Iterator[dict[str, nn.Parameter]]:
    """The parameters to differentiate in, by layer: weights, or shifts of computed ones."""
    found: dict[str, nn.Parameter] = {}
    shifted: list[Any] = []
    try:
        for name, layer in prunable(model).items():
            if parametrize.is_parametrized(layer, "weight"):
                shift = _Shift(weight_of(layer))
                parametrize.register_parametrization(layer, "weight", shift, unsafe=True)
                shifted.append(layer.parametrizations.weight)
                found[name] = shift.zeros
            else:
                found[name] = layer.weight
        yield found
    finally:
        for steps in shifted:
            del steps[len(steps) - 1]


Slopes = Callable[[Mapping[str, torch.Tensor], torch.Tensor, int], dict[str, torch.Tensor]]


def _unseen(swapped: Callable[[], torch.Tensor], parameters: list[nn.Parameter]) -> bool:
    """Whether outputs made of other values in every known place still depend on the parameters, or
    none are.

    A network may hold its weights in lists and closures, too.
    """
    try:
        outputs = swapped()
        if not outputs.requires_grad:
            return False
        return any(
            g is not None for g in torch.autograd.grad(outputs.sum(), parameters, allow_unused=True)
        )
    except Exception:  # a network that torch.func cannot call
        return True


def _slopes(
    one: Callable[..., torch.Tensor] | None,
    alone: Callable[[torch.Tensor, int], dict[str, torch.Tensor]],
) -> Slopes:
    """Derivatives for every row: of `one`, all rows at once, where there is one and torch.func
    knows its operations; otherwise row by row."""
    together = None
    if one is not None:
        together = torch.func.vmap(
            torch.func.grad(one), in_dims=(None, 0, None), randomness="different"
        )

    def slopes(
        weights: Mapping[str, torch.Tensor], x: torch.Tensor, c: int
    ) -> dict[str, torch.Tensor]:
        nonlocal together
        if together is not None:
            try:
                return together(weights, x.clone(), c)
            # Branches on values, counters, operations that torch.func does not know.
            except Exception:
                together = None
        rows = [alone(row, c) for row in x]
        return {name: torch.stack([row[name] for row in rows]) for name in weights}

    return slopes


def apply(model: nn.Module, scores: Scores, keep: int, scope: str) -> Masks:
    """Deletes all but the `keep` weights of the highest scores, in place; returns the masks.

    scope "global" takes the highest of all layers; "layer" keeps the part keep / all of every
    layer, rounded so that the total is right (largest remainders first). Ties go to the first
    weight.
    """
    flat = {name: score.reshape(-1) for name, score in scores.items()}
    sizes = [score.numel() for score in flat.values()]
    if scope == "global":
        chosen = list(torch.split(_highest(torch.cat(list(flat.values())), keep), sizes))
    else:
        shares = _shares(sizes, keep)
        chosen = [_highest(score, kept) for score, kept in zip(flat.values(), shares, strict=True)]
    masks = {
        name: part.reshape(scores[name].shape) for name, part in zip(flat, chosen, strict=True)
    }
    mask(model, masks)
    check_count(model, masks, keep)
    return masks


def _highest(scores: torch.Tensor, keep: int) -> torch.Tensor:
    kept = torch.zeros(scores.shape, dtype=torch.bool, device=scores.device)
    kept[torch.argsort(scores, descending=True, stable=True)[:keep]] = True
    return kept


class _Masked(nn.Module):
    """The last step of a weight that is computed: what is deleted is 0, and has no derivative."""

    def __init__(self, kept: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("kept", kept, persistent=False)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return torch.where(self.kept, weight, 0.0)


def mask(model: nn.Module, masks: Masks) -> None:
    """Deletes in place what the masks delete, and keeps it deleted through later training.

    The parameter itself is zeroed, so that layers and functions that share it see the same zeros.
    Its gradient is 0 there, and with it every step, momentum and decay of an optimizer that begins
    afterwards.
    """
    for name, layer in prunable(model).items():
        kept = masks[name].bool()
        if bool(kept.all()):
            continue  # and the network computes as before, to the last bit
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.register_parametrization(layer, "weight", _Masked(kept), unsafe=True)
            continue
        weight: Any = layer.weight
        with torch.no_grad():
            weight.masked_fill_(~kept, 0.0)
        weight.register_hook(lambda slope, gone=~kept: slope.masked_fill(gone, 0.0))


def check_count(model: nn.Module, masks: Masks, keep: int) -> None:
    """Checks how many weights the masks keep, and that the others are 0 in the network."""
    kept = sum(int(torch.count_nonzero(part)) for part in masks.values())
    if kept != keep:
        raise RuntimeError(f"{keep} weights were to be kept, but the masks keep {kept}")
    for name, layer in prunable(model).items():
        revived = int(torch.count_nonzero(weight_of(layer)[~masks[name].bool()]))
        if revived:
            raise RuntimeError(
                f"{named(name, layer)} must keep deleted weights at 0, but {revived} are not: "
                "something in the network writes to them"
            )


def _shares(sizes: list[int], keep: int) -> list[int]:
    exact = [keep * size / sum(sizes) for size in sizes]
    shares = [int(part) for part in exact]
    order = sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])
    for i in order[: keep - sum(shares)]:
        shares[i] += 1
    return shares
