"""Which weights go: scores by rule, masks by torch.nn.utils.prune, counts that are checked."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.utils import prune

from .models import prunable
from .training import Tensors, numbers

RULES = ("magnitude", "hessian", "random")
SCOPES = ("global", "layer")

Scores = dict[str, torch.Tensor]


def scores_of(model: nn.Module, rule: str, rows: Tensors, loss: str, generator: torch.Generator) -> Scores:
    """The score of every prunable weight, by layer: ``|w|``, ``h w**2 / 2`` or uniform random numbers.

    h is the diagonal of the Gauss-Newton matrix of the mean loss over the rows; see `curvatures`.
    """
    layers = prunable(model)
    weights = {name: layer.weight.detach() for name, layer in layers.items()}
    if rule == "magnitude":
        return {name: w.abs() for name, w in weights.items()}
    if rule == "hessian":
        found = curvatures(model, rows, loss)
        return {name: 0.5 * found[name] * w**2 for name, w in weights.items()}
    return {name: torch.rand(w.shape, generator=generator).to(w.device) for name, w in weights.items()}


def curvatures(model: nn.Module, rows: Tensors, loss: str, chunk: int = 16) -> Scores:
    """The diagonal of the Gauss-Newton matrix, for every prunable weight.

    ``h_i = (1/N) sum_n sum_cd (df_c/dw_i) M_cd (df_d/dw_i)``, f the outputs and M the Hessian of the loss in
    them: 2 I for squared loss. For cross-entropy it is diag(p) - p p', and as its gradient is p - e_y,

    ``h_i = (1/N) sum_n sum_c p_c (d log p_c / dw_i)**2``,

    the Fisher information with labels drawn from the model, here summed over all c. Batch normalization
    keeps its running statistics.
    """
    layers = prunable(model)
    parameters = {
        f"{name}.weight" if name else "weight": layer.weight.detach() for name, layer in layers.items()
    }
    fixed = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    fixed = {name: value.detach() for name, value in fixed.items() if name not in parameters}
    model.eval()

    def outputs(weights: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, {**fixed, **weights}, (x[None],))[0]

    def one(weights: Mapping[str, torch.Tensor], x: torch.Tensor, c: int) -> torch.Tensor:
        f = outputs(weights, x)
        return f[c] if loss == "squared" else torch.log_softmax(f, dim=0)[c]

    slopes = torch.func.vmap(torch.func.grad(one), in_dims=(None, 0, None))
    total = {name: torch.zeros_like(value) for name, value in parameters.items()}
    inputs = rows[0]
    for first in range(0, len(inputs), chunk):
        x = numbers(inputs[first : first + chunk], model)
        with torch.no_grad():
            f = model(x)
        weight = torch.full_like(f, 2.0) if loss == "squared" else torch.softmax(f, dim=1)
        for c in range(f.shape[1]):
            for name, g in slopes(parameters, x, c).items():
                total[name] += torch.einsum("n,n...->...", weight[:, c], g**2)
    return {name: total[key] / len(inputs) for name, key in zip(layers, parameters, strict=True)}


def apply(model: nn.Module, scores: Scores, keep: int, scope: str) -> Scores:
    """Deletes all but the `keep` weights of the highest scores, in place; returns the masks.

    scope "global" takes the highest of all layers; "layer" keeps the part keep / all of every layer,
    rounded so that the total is right (largest remainders first).
    """
    layers = prunable(model)
    total = sum(layer.weight.numel() for layer in layers.values())
    if scope == "global":
        prune.global_unstructured(
            [(layer, "weight") for layer in layers.values()],
            prune.L1Unstructured,
            importance_scores={(layer, "weight"): scores[name] for name, layer in layers.items()},
            amount=total - keep,
        )
    else:
        for (name, layer), kept in zip(layers.items(), _shares(layers, keep, total), strict=True):
            gone = layer.weight.numel() - kept
            prune.l1_unstructured(layer, "weight", amount=gone, importance_scores=scores[name])
    check_count(model, keep)
    return {name: layer.weight_mask.detach().clone() for name, layer in layers.items()}


def mask(model: nn.Module, masks: Scores) -> None:
    """Deletes in place what the masks delete, and keeps it deleted through later training."""
    for name, layer in prunable(model).items():
        prune.custom_from_mask(layer, "weight", masks[name])


def check_count(model: nn.Module, keep: int) -> int:
    """The number of weights that the masks keep, after checking it, and that the others are zero."""
    kept = nonzero = 0
    for layer in prunable(model).values():
        weight = layer.weight_mask * layer.weight_orig  # what the next forward pass uses
        kept += int(torch.count_nonzero(layer.weight_mask))
        nonzero += int(torch.count_nonzero(weight))
    if kept != keep or nonzero > keep:
        raise RuntimeError(
            f"{keep} weights were to be kept, but the masks keep {kept} and {nonzero} are not 0"
        )
    return kept


def _shares(layers: Mapping[str, nn.Module], keep: int, total: int) -> list[int]:
    exact = [keep * layer.weight.numel() / total for layer in layers.values()]
    shares = [int(part) for part in exact]
    order = sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])
    for i in order[: keep - sum(shares)]:
        shares[i] += 1
    return shares
