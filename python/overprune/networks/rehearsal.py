"""Whether a network can be trained, pruned and trained again: every step of a cell, tried on a row
or two.

What fails, fails here, before a sweep trains anything, with the name of the layer that was at work.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from .. import _validation as check
from . import pruning
from .copies import clone
from .data import NetworkData
from .models import named
from .randomness import Draws, GlobalGenerators, seeded
from .training import (
    MEASURED,
    Fit,
    Tensors,
    Training,
    at_least_single,
    batches,
    is_finite,
    largest,
    numbers,
    one_thread,
    to_device,
    train,
)


def rehearse(
    made: nn.Module,
    data: NetworkData,
    width: int,
    settings: Training,
    *,
    rule: str,
    scope: str,
    device: str,
) -> bool:
    """Makes every step of a cell with a copy; returns whether forward passes draw globally."""
    place = torch.device(device)
    rows = to_device({"rows": _two_rows(data)}, place)["rows"]
    with _blamed(made, "be one that copy.deepcopy copies", width):
        network = clone(made)
    with _blamed(network, "be one that goes to the device, to train() and to eval()", width):
        network.to(place).train()
        network.eval()
    parameters = _parameters(network)
    with one_thread(), seeded(0, place):
        before = GlobalGenerators(place)
        with Draws(place) as draws:
            _check_outputs(network, rows, data, width)
            one = rows[0][:1], rows[1][:1]
            if pruning.uses_curvature(rule):
                _check_outputs(
                    network, one, data, width, f"treat rows one by one under rule {rule}"
                )
            elif _measures_one(data):
                _check_outputs(network, one, data, width)
        _check_parameters(network, parameters)
        _check_copy(network, made, rows[0], width)
        _check_settings(network, rows[0], data, settings)
        if pruning.uses_curvature(rule) and not (draws.seen or before.moved()):
            _check_rows(network, rows[0], width, rule)
        with draws:
            _steps(network, rows, data, width, settings, rule, scope)
        _check_parameters(network, parameters)
        return draws.seen or before.moved()


def _two_rows(data: NetworkData) -> tuple[Any, Any]:
    """The first row and, where there is one, another that differs from it."""
    first = data.inputs[:1000]
    others = np.flatnonzero((first != first[:1]).reshape(len(first), -1).any(axis=1))
    chosen = [0, int(others[0]) if others.size else 1][: len(first)]
    return data.inputs[chosen], data.targets[chosen]


def _measures_one(data: NetworkData) -> bool:
    """Whether rows are measured in parts of which one has one row."""
    counts = (data.train_rows - data.validation_rows, data.validation_rows, len(data.test_inputs))
    return any(count % MEASURED == 1 for count in counts)


def _check_outputs(
    network: nn.Module, rows: Tensors, data: NetworkData, width: int, what: str | None = None
) -> None:
    inputs, targets = rows
    network.eval()
    with (
        torch.no_grad(),
        _blamed(network, what or f"take inputs of shape {tuple(inputs.shape)}", width),
    ):
        outputs: Any = network(numbers(inputs, network))
    wanted = data.classes or targets.shape[1]
    expected = f"model must return ({len(inputs)}, {wanted}) outputs"
    if not isinstance(outputs, torch.Tensor):
        raise ValueError(
            f"{expected} in one tensor, got a {type(outputs).__name__} at width {width}"
        )
    if (
        tuple(outputs.shape[:1]) != (len(inputs),)
        or outputs.ndim != 2
        or (outputs.shape[1] < wanted if data.classes else outputs.shape[1] != wanted)
    ):
        raise ValueError(f"{expected}, got {tuple(outputs.shape)}")
    if not outputs.is_floating_point():
        raise ValueError(f"{expected} of real numbers, got {outputs.dtype} at width {width}")


def _check_settings(
    network: nn.Module, inputs: torch.Tensor, data: NetworkData, settings: Training
) -> None:
    if settings.loss == "cross_entropy" and not data.classes:
        raise ValueError('loss must be "squared" for real targets, got "cross_entropy"')
    if inputs.ndim != 4 and "crop_flip" in (settings.augment, settings.retrain_augment):
        raise ValueError(
            f'augment "crop_flip" needs images, got rows of shape {tuple(inputs.shape[1:])}'
        )
    if settings.weight_decay > largest(network):
        raise ValueError(
            "weight_decay must be a number of the weights' precision, at most "
            f"{largest(network):.4g}, got {settings.weight_decay}"
        )


def _parameters(network: nn.Module) -> dict[str, nn.Parameter]:
    return dict(network.named_parameters(remove_duplicate=False))


def _check_parameters(network: nn.Module, before: dict[str, nn.Parameter]) -> None:
    """Refuses parameters that come with a forward pass: no optimizer knows them."""
    after = _parameters(network)
    for name in {**before, **after}:
        if before.get(name) is not after.get(name):
            raise ValueError(
                "model must have its parameters from the beginning, but a forward pass makes "
                f"{name!r}: run the network on a row once in the function that makes it"
            )


def _check_copy(network: nn.Module, made: nn.Module, inputs: torch.Tensor, width: int) -> None:
    """Refuses a copy whose outputs depend on the parameters of the original network."""
    foreign = {
        name: parameter for name, parameter in made.named_parameters() if parameter.requires_grad
    }
    with _blamed(network, "be one that trains", width):
        outputs = network(numbers(inputs, network))
        slopes = [None] * len(foreign)
        if outputs.requires_grad and foreign:
            slopes = torch.autograd.grad(outputs.sum(), list(foreign.values()), allow_unused=True)
    used = [name for name, slope in zip(foreign, slopes, strict=True) if slope is not None]
    if used:
        raise ValueError(
            f"model must be one that copy.deepcopy copies, but a copy uses {used[0]!r} of the "
            "network itself: a function or hook in it must take layers from the module that it "
            "is called with"
        )


class _Call(NamedTuple):
    """The first tensors that a layer took and returned."""

    name: str
    layer: nn.Module
    taken: torch.Tensor | None
    given: torch.Tensor | None


def _check_rows(network: nn.Module, inputs: torch.Tensor, width: int, rule: str) -> None:
    """Refuses networks whose outputs for a row depend on others, for a rule with curvatures."""
    apart = clone(network)
    with torch.no_grad():
        for parameter in apart.parameters():
            if not bool(parameter.any()):  # a readout that begins at zero hides what is before it
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view_as(parameter))
    with _blamed(network, f"treat rows one by one under rule {rule}", width):
        together = _calls(apart, inputs)
        alone = [_calls(apart, inputs[i : i + 1]) for i in range(len(inputs))]
    for i, calls in enumerate(alone):
        if _agree(together[-1].given, calls[-1].given, i):
            continue
        pairs = zip(together, calls, strict=False)
        mixing = [
            a for a, b in pairs if _agree(a.taken, b.taken, i) and not _agree(a.given, b.given, i)
        ]
        call = mixing[0] if mixing else together[-1]
        raise ValueError(
            f"model must treat rows one by one under rule {rule}, but what "
            f"{named(call.name, call.layer)} makes of a row depends on the others"
        )


def _calls(network: nn.Module, inputs: torch.Tensor) -> list[_Call]:
    """The calls of all layers in the order in which they end; the network's own is the last."""
    found: list[_Call] = []

    def first(values: Any) -> torch.Tensor | None:
        values = values if isinstance(values, (tuple, list)) else (values,)
        return next((value.clone() for value in values if isinstance(value, torch.Tensor)), None)

    handles = [
        layer.register_forward_hook(
            lambda layer, args, outputs, name=name: found.append(
                _Call(name, layer, first(args), first(outputs))
            )
        )
        for name, layer in network.named_modules()
    ]
    network.eval()
    try:
        with torch.no_grad():
            network(numbers(inputs, network))
    finally:
        for handle in handles:
            handle.remove()
    return found


def _agree(together: torch.Tensor | None, alone: torch.Tensor | None, row: int) -> bool:
    """Whether a row's output is the same alone and among others; only finite values count."""
    if together is None or alone is None or not (together.ndim and alone.ndim):
        return True
    if together.shape[1:] != alone.shape[1:] or len(together) <= row or not len(alone):
        return False
    a, b = at_least_single(together[row].detach()), at_least_single(alone[0].detach())
    eps = torch.finfo(together.dtype).eps if together.is_floating_point() else 0.0
    largest = max(float(b.abs().max()), float(a.abs().max())) if a.numel() else 0.0
    return not float((a - b).abs().max() if a.numel() else 0.0) > eps**0.5 * largest


def _steps(
    network: nn.Module,
    rows: Tensors,
    data: NetworkData,
    width: int,
    settings: Training,
    rule: str,
    scope: str,
) -> None:
    """Trains, scores, deletes half of the weights, trains again: they must stay at 0."""
    generator = torch.Generator().manual_seed(0)
    once = dataclasses.replace(
        settings, epochs=1, retrain_epochs=1, learning_rate=1e-8, stop_loss=0.0
    )
    sizes = _batch_sizes(network, data, settings, len(rows[0]))

    def fit(network: nn.Module, retraining: bool) -> nn.Module:
        for few in sizes:
            parts = {"train": (rows[0][:few], rows[1][:few]), "validation": rows}
            network, _ = train(network, parts, Fit(once, generator, retraining))
        return network

    with _blamed(network, "be one that trains", width):
        network = fit(network, retraining=False)
    if not is_finite(network):
        return  # a cell of it is NaN, which the table says
    with _blamed(network, f"be one that rule {rule} scores", width):
        scores = pruning.scores_of(clone(network), rule, rows, settings.loss, generator, outputs=1)
    scores = {name: score.nan_to_num() for name, score in scores.items()}
    kept = (sum(score.numel() for score in scores.values()) + 1) // 2
    with _blamed(network, "be one that can be pruned", width):
        masks = pruning.apply(network, scores, kept, scope)
    with _blamed(network, "be one that trains when pruned", width):
        network = fit(network, retraining=True)
        network.eval()
        with torch.no_grad():
            network(numbers(rows[0], network))
        if is_finite(network):
            pruning.check_count(network, masks, kept)


def _batch_sizes(network: nn.Module, data: NetworkData, settings: Training, most: int) -> list[int]:
    """Two rows, or one, or both, as minibatches have many rows, or one, or the last one has."""
    count = data.train_rows - data.validation_rows
    if settings.optimizer == "gradient_descent":
        return [min(count, most)]
    last = count - batches(count, settings, network)[-1]
    return sorted({min(settings.batch, count, most), min(settings.batch, last, most)}, reverse=True)


@contextmanager
def _blamed(network: nn.Module, what: str, width: int) -> Iterator[None]:
    """What the user's network raises, as a sentence that names the innermost layer at work."""
    try:
        yield
    except Exception as error:
        line = check.one_line(str(error)) or type(error).__name__
        at = _layer_at_work(network, error)
        where = "" if at is None else f", {at}"
        line = line if len(line) <= 200 else f"{line[:197]}..."
        raise ValueError(f"model must {what}; at width {width}{where}: {line}") from None


def _layer_at_work(network: nn.Module, error: BaseException) -> str | None:
    names = {id(layer): name for name, layer in network.named_modules()}
    found, trace = None, error.__traceback__
    while trace is not None:
        layer = trace.tb_frame.f_locals.get("self")
        if isinstance(layer, nn.Module) and id(layer) in names:
            found = named(names[id(layer)], layer)
        trace = trace.tb_next
    return found
