"""Gradient descent on all rows to convergence, for networks that are linear in what is trained."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn


def descend(
    model: nn.Module,
    inputs: torch.Tensor,
    loss: Callable[[torch.Tensor], torch.Tensor],
    *,
    steps: int,
    tolerance: float,
    tell: Callable[[int, int], None],
) -> int:
    """Full-batch gradient descent with Nesterov's momentum and restarts; returns the steps.

    ``w' = v - g(v) / L, v = w' + (t - 1) / t' (w' - w)``, restarted where the last step went uphill
    (O'Donoghue and Candes 2015). L is the largest curvature of the loss at the start, by power
    iteration. Every step is a combination of gradients, so that least squares from zero ends in the
    minimum-norm solution. It ends where the gradient's norm is below `tolerance` times the first
    one's or not finite, or after `steps`.
    """
    model.eval()
    body, head = _frozen_part(model, inputs)
    weights = [p for p in model.parameters() if p.requires_grad]
    writes = _writes(head, body)

    def value() -> torch.Tensor:
        return loss(head(body.clone() if writes else body))

    curvature, unit = _curvature_and_unit(value, weights)

    def gradient(at: list[torch.Tensor]) -> list[torch.Tensor]:
        with torch.no_grad():
            for parameter, values in zip(weights, at, strict=True):
                parameter.copy_(values)
        return list(torch.autograd.grad(value(), weights, unit))

    here = [p.detach().clone() for p in weights]
    ahead, slope = here, gradient(here)
    first = _norm(slope)
    if first == 0.0:
        return 0
    if not 0.0 < curvature < math.inf:
        gradient([torch.full_like(v, math.nan) for v in here])  # as a training that diverges
        return 0
    size = 1.0 / curvature
    momentum, step = 1.0, 0
    for step in range(1, steps + 1):
        there = [v - size * g for v, g in zip(ahead, slope, strict=True)]
        moved = [b - a for a, b in zip(here, there, strict=True)]
        uphill = sum(float((g * m).sum()) for g, m in zip(slope, moved, strict=True)) > 0
        following = 1.0 if uphill else 0.5 + (0.25 + momentum**2) ** 0.5
        factor = 0.0 if uphill else (momentum - 1.0) / following
        here, ahead = there, [b + factor * m for b, m in zip(there, moved, strict=True)]
        momentum = following
        slope = gradient(ahead)
        if step % 100 == 0:
            tell(step, steps)
        length = _norm(slope)
        if length <= tolerance * first or not math.isfinite(length):
            here = ahead
            break
    gradient(here)
    return step


def _frozen_part(
    model: nn.Module, inputs: torch.Tensor
) -> tuple[torch.Tensor, Callable[..., torch.Tensor]]:
    """Inputs and the network on them; where features are frozen, the features and the rest."""
    if hasattr(model, "features") and hasattr(model, "readout"):
        with torch.no_grad():
            return model.features(inputs), model.readout
    return inputs, model


def _writes(head: Callable[..., torch.Tensor], body: torch.Tensor) -> bool:
    """Whether the network changes what it is given."""
    given = body.clone()
    with torch.no_grad():
        head(given)
    return not torch.equal(given, body)


def _norm(values: list[torch.Tensor]) -> float:
    """The Euclidean norm, of numbers whose squares are 0 or infinite too."""
    total = sum(float((v**2).sum()) for v in values)
    if _least(values[0].dtype) < total < math.inf or math.isnan(total):
        return total**0.5
    largest = max(float(v.abs().max()) for v in values if v.numel())
    if largest in (0.0, math.inf):
        return largest
    return largest * sum(float(((v.double() / largest) ** 2).sum()) for v in values) ** 0.5


def _curvature_and_unit(
    loss: Callable[[], torch.Tensor], weights: list[torch.Tensor]
) -> tuple[float, torch.Tensor | None]:
    """The loss's curvature, and the unit of the loss; None is 1.

    Inputs in units that are far from 1 have curvatures that no number holds, unless the loss has
    others.
    """
    plain = torch.ones_like(loss())
    kind = torch.finfo(plain.dtype)
    far = round(0.8 * math.log2(kind.max))
    found = _curvature(loss, weights, None)
    for unit in (None, plain * 2.0**-far, plain * 2.0**far):
        curvature = found if unit is None else _curvature(loss, weights, unit)
        if kind.tiny / kind.eps < curvature < kind.max * kind.eps:
            return curvature, unit
    return found, None


def _curvature(
    loss: Callable[[], torch.Tensor], weights: list[torch.Tensor], unit: torch.Tensor | None
) -> float:
    """An upper bound of the largest eigenvalue of the loss's Hessian: an estimate plus 5 %."""
    slope = torch.autograd.grad(loss(), weights, unit, create_graph=True)
    # Started along the gradient, which has a part in every direction that the descent can take.
    length = _norm([s.detach() for s in slope])
    if length == 0.0 or not math.isfinite(length):
        return length
    direction, value = [s.detach() / length for s in slope], 0.0
    for _ in range(100):
        product = torch.autograd.grad(slope, weights, direction, retain_graph=True)
        before, value = value, _norm(list(product))
        if value in (0.0, math.inf) or math.isnan(value) or abs(value - before) < 1e-3 * value:
            break
        direction = [p / value for p in product]
    return 1.05 * value


def _least(kind: torch.dtype) -> float:
    """The sum of squares from which on it does not matter that some squares are 0."""
    if kind not in (torch.float32, torch.float64):
        return math.inf
    info = torch.finfo(kind)
    return float(info.tiny / info.eps**2)
