"""Whether a network can be trained, pruned and trained again: asked before a sweep trains anything.

Two parts: `check_layers` looks at the layers, and `rehearse` makes every step of a cell once, on two rows.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm

from . import pruning
from .data import NetworkData
from .models import check_materialized, count_prunable, named, sources_of, weight_layers
from .randomness import GlobalGenerators, seeded
from .training import Fit, Tensors, Training, is_finite, numbers, one_thread, to_device, train


def check_layers(network: nn.Module, width: int, rule: str) -> None:
    """Refuses layers whose weights cannot be deleted, with the reason."""
    check_materialized(network)
    layers = weight_layers(network)
    for name, layer in layers.items():
        reason = _computed(layer) or next(filter(None, map(_unfit, _own_sources(layer))), None)
        if reason:
            raise ValueError(f"model must have weights that can be pruned, but {named(name, layer)} {reason}")
    _check_shared(network)
    if rule == "hessian":
        for name, layer in network.named_modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.running_mean is None:
                raise ValueError(
                    f"model must treat rows one by one under rule hessian, but {named(name, layer)} "
                    "has no running statistics"
                )
    if count_prunable(network) == 0:
        raise ValueError(
            "model must have prunable weights, trained ones of Linear or convolution layers; "
            f"width {width} has none"
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
        return "is already pruned by torch.nn.utils.prune; its prune.remove makes the weight an ordinary one"
    if "weight_g" in layer._parameters:
        return "has the old torch.nn.utils.weight_norm; the one of torch.nn.utils.parametrizations is pruned"
    if any(isinstance(hook, SpectralNorm) for hook in layer._forward_pre_hooks.values()):
        return (
            "has the old torch.nn.utils.spectral_norm; the one of torch.nn.utils.parametrizations is pruned"
        )
    weight = getattr(layer, "weight", None)
    if isinstance(weight, torch.Tensor) and not weight.requires_grad:
        return None
    return "has a weight that is no parameter of its own but computed elsewhere"


def _unfit(parameter: nn.Parameter) -> str | None:
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
    """Refuses two parameters in one memory, and a parameter from which two layers compute their weights."""
    owners: dict[int, tuple[str, nn.Module]] = {}
    for name, layer in weight_layers(network).items():
        for source in _own_sources(layer):
            first, other = owners.setdefault(id(source), (name, layer))
            if first != name and any(parametrize.is_parametrized(one, "weight") for one in (layer, other)):
                raise ValueError(
                    f"model must parametrize a weight once, but {named(first, other)} and "
                    f"{named(name, layer)} compute theirs from the same parameter"
                )
    neighbours: dict[int, list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in network.named_parameters():
        if parameter.device.type != "meta" and parameter.layout == torch.strided and parameter.numel():
            neighbours.setdefault(parameter.untyped_storage().data_ptr(), []).append((name, parameter))
    for group in neighbours.values():
        for (name, one), (another, two) in itertools.combinations(group, 2):
            if (id(one) in owners or id(two) in owners) and _overlap([one, two]):
                raise ValueError(
                    "model must share a weight by sharing its parameter, but the parameters "
                    f"{name!r} and {another!r} are two in the same memory"
                )


def _overlap(parameters: list[nn.Parameter]) -> bool:
    """Whether two entries, of one parameter or of several in one storage, lie in the same place."""
    if len(parameters) == 1 and parameters[0].is_contiguous():
        return False
    ends = [
        p.storage_offset() + sum((n - 1) * step for n, step in zip(p.shape, p.stride(), strict=True)) + 1
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


def rehearse(
    network: nn.Module,
    data: NetworkData,
    width: int,
    settings: Training,
    *,
    rule: str,
    scope: str,
    device: str,
) -> bool:
    """Makes every step of a cell on two rows; returns whether forward passes draw from a global generator.

    What fails, fails here, with the name of the layer that was at work.
    """
    place = torch.device(device)
    inputs, targets = (part[:2] for part in (data.inputs, data.targets))
    rows = to_device({"rows": (inputs, targets)}, place)["rows"]
    network.to(place)
    with one_thread(), seeded(0, place):
        before = GlobalGenerators(place)
        _check_outputs(network, rows, data, width)
        _check_settings(rows[0], data, settings)
        _steps(network, rows, data, width, settings, rule, scope)
        return before.moved()


def _check_outputs(network: nn.Module, rows: Tensors, data: NetworkData, width: int) -> None:
    inputs, targets = rows
    network.eval()
    with torch.no_grad(), _blamed(network, f"take inputs of shape {tuple(inputs.shape)}", width):
        outputs: Any = network(numbers(inputs, network))
    wanted = data.classes or targets.shape[1]
    expected = f"model must return ({len(inputs)}, {wanted}) outputs"
    if not isinstance(outputs, torch.Tensor):
        raise ValueError(f"{expected} in one tensor, got a {type(outputs).__name__} at width {width}")
    if (
        tuple(outputs.shape[:1]) != (len(inputs),)
        or outputs.ndim != 2
        or (outputs.shape[1] < wanted if data.classes else outputs.shape[1] != wanted)
    ):
        raise ValueError(f"{expected}, got {tuple(outputs.shape)}")
    if not outputs.is_floating_point():
        raise ValueError(f"{expected} of real numbers, got {outputs.dtype} at width {width}")


def _check_settings(inputs: torch.Tensor, data: NetworkData, settings: Training) -> None:
    if settings.loss == "cross_entropy" and not data.classes:
        raise ValueError('loss must be "squared" for real targets, got "cross_entropy"')
    if inputs.ndim != 4 and "crop_flip" in (settings.augment, settings.retrain_augment):
        raise ValueError(f'augment "crop_flip" needs images, got rows of shape {tuple(inputs.shape[1:])}')


def _steps(
    network: nn.Module,
    rows: Tensors,
    data: NetworkData,
    width: int,
    settings: Training,
    rule: str,
    scope: str,
) -> None:
    """A step of training, scores, deleting half of the weights, another step, and whether they stay at 0."""
    generator = torch.Generator().manual_seed(0)
    once = dataclasses.replace(settings, epochs=1, retrain_epochs=1, learning_rate=1e-8, stop_loss=0.0)
    few = min(2, settings.batch, data.train_rows - data.validation_rows, len(rows[0]))
    parts = {"train": (rows[0][:few], rows[1][:few]), "validation": rows}
    with _blamed(network, "be one that trains", width):
        train(network, parts, Fit(once, generator))
    if not is_finite(network):
        return  # a cell of it is NaN, which the table says
    with _blamed(network, f"be one that rule {rule} scores", width):
        scores = pruning.scores_of(network, rule, rows, settings.loss, generator, outputs=1)
    scores = {name: score.nan_to_num() for name, score in scores.items()}
    kept = (sum(score.numel() for score in scores.values()) + 1) // 2
    with _blamed(network, "be one that can be pruned", width):
        masks = pruning.apply(network, scores, kept, scope)
    with _blamed(network, "be one that trains when pruned", width):
        train(network, parts, Fit(once, generator, retraining=True))
        network.eval()
        with torch.no_grad():
            network(numbers(rows[0], network))
        if is_finite(network):
            pruning.check_count(network, masks, kept)


@contextmanager
def _blamed(network: nn.Module, what: str, width: int) -> Iterator[None]:
    """Whatever the user's network raises, as one sentence that names the innermost layer at work."""
    try:
        yield
    except Exception as error:
        line = " ".join(str(error).split()) or type(error).__name__
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
