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
    """Full-batch gradient descent with Nesterov's momentum and restarts; returns the number of steps.

    ``w' = v - g(v) / L, v = w' + (t - 1) / t' (w' - w)``, restarted where the last step went uphill
    (O'Donoghue and Candes 2015). L is the largest curvature of the loss at the start, by power iteration.
    Every step is a combination of gradients, so that least squares from zero ends in the minimum-norm
    solution. It ends where the gradient's norm is below `tolerance` times the first one's or not finite, or
    after `steps`.
    """
    model.eval()
    body, head = _frozen_part(model, inputs)
    weights = [p for p in model.parameters() if p.requires_grad]

    def gradient(at: list[torch.Tensor]) -> list[torch.Tensor]:
        with torch.no_grad():
            for parameter, value in zip(weights, at, strict=True):
                parameter.copy_(value)
        return list(torch.autograd.grad(loss(head(body)), weights))

    here = [p.detach().clone() for p in weights]
    ahead, slope = here, gradient(here)
    first = _norm(slope)
    if first == 0.0 or not math.isfinite(first):
        return 0
    size = 1.0 / _curvature(lambda: loss(head(body)), weights)
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


def _frozen_part(model: nn.Module, inputs: torch.Tensor) -> tuple[torch.Tensor, Callable[..., torch.Tensor]]:
    """Inputs and the part of the network that acts on them: features that are frozen are found once."""
    if hasattr(model, "features") and hasattr(model, "readout"):
        with torch.no_grad():
            return model.features(inputs), model.readout
    return inputs, model


def _norm(values: list[torch.Tensor]) -> float:
    return sum(float((v**2).sum()) for v in values) ** 0.5


def _curvature(loss: Callable[[], torch.Tensor], weights: list[torch.Tensor]) -> float:
    """The largest eigenvalue of the loss's Hessian, from below by at most a few per cent, and 5 % more."""
    slope = torch.autograd.grad(loss(), weights, create_graph=True)
    # Started along the gradient, which has a part in every direction that the descent can take.
    direction, value = [g.detach() / _norm([s.detach() for s in slope]) for g in slope], 0.0
    for _ in range(100):
        product = torch.autograd.grad(slope, weights, direction, retain_graph=True)
        before, value = value, _norm(list(product))
        if value == 0.0 or abs(value - before) < 1e-3 * value:
            break
        direction = [p / value for p in product]
    return 1.05 * value if value > 0 else 1.0
