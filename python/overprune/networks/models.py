"""Networks of any width: random features, two layers, a small convolutional network, ResNet-20."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from .. import _validation as check
from .randomness import seeded

# The layers whose weights are pruned.
LAYERS = (
    nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d,
    nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d,
)  # fmt: skip
_ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "gelu": functional.gelu,
    "identity": lambda x: x,
}


class RandomFeatureNetwork(nn.Module):
    """``readout(phi(W x))`` with W frozen, the `features`; see `random_feature_network`."""

    def __init__(self, width: int, inputs: int, outputs: int, activation: str) -> None:
        super().__init__()
        weights = torch.randn(width, inputs, dtype=torch.float64) / inputs**0.5
        self.register_buffer("weights", weights)
        self.readout = nn.Linear(width, outputs, bias=False, dtype=torch.float64)
        nn.init.zeros_(self.readout.weight)
        self.activation = activation

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return _ACTIVATIONS[self.activation](functional.linear(x.flatten(1), self.weights))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.readout(self.features(x))


def random_feature_network(
    width: int, inputs: int = 784, outputs: int = 1, activation: str = "tanh"
) -> RandomFeatureNetwork:
    """Make a network whose first layer is random and frozen: the bridge to the linear theory.

    ``f(x) = A phi(W x)``, the rows of W drawn from N(0, I/inputs) and frozen, A zero and trained.
    Gradient descent on squared loss from zero converges to the minimum-norm solution, which the
    theory describes.

    Parameters
    ----------
    width : int
        Random features k, at least 1.
    inputs : int, default 784
        Length of an input, flattened.
    outputs : int, default 1
    activation : {"tanh", "relu", "erf", "gelu", "identity"}, default "tanh"

    Returns
    -------
    torch.nn.Module
        In double precision; only the readout's ``outputs * width`` weights are trained and
        prunable.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.count_prunable(networks.random_feature_network(40, inputs=10))
    40
    """
    width = check.integer(width, "width", lowest=1)
    inputs = check.integer(inputs, "inputs", lowest=1)
    outputs = check.integer(outputs, "outputs", lowest=1)
    check.choice(activation, "activation", tuple(_ACTIVATIONS))
    return RandomFeatureNetwork(width, inputs, outputs, activation)


def two_layer(width: int, inputs: int = 784, outputs: int = 10, bias: bool = True) -> nn.Module:
    """Make a two-layer ReLU network, both layers trained.

    ``f(x) = A relu(W x + b) + c`` with torch's initial weights: uniform, of variance 1/(3 fan-in).

    Parameters
    ----------
    width : int
        Hidden units k, at least 1.
    inputs : int, default 784
        Length of an input, flattened.
    outputs : int, default 10
    bias : bool, default True

    Returns
    -------
    torch.nn.Module
        With ``(inputs + outputs) * width`` prunable weights.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.count_prunable(networks.two_layer(16, inputs=64))
    1184
    """
    width = check.integer(width, "width", lowest=1)
    inputs = check.integer(inputs, "inputs", lowest=1)
    outputs = check.integer(outputs, "outputs", lowest=1)
    check.flag(bias, "bias")
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(inputs, width, bias=bias),
        nn.ReLU(),
        nn.Linear(width, outputs, bias=bias),
    )


def small_conv(width: int, num_classes: int = 10, in_channels: int = 1) -> nn.Module:
    """Make a small convolutional network: two 3 x 3 convolutions, k and 2 k filters, and a readout.

    Batch normalization and pooling follow each convolution; the readout sees the mean over
    positions, so images of any size from 4 x 4 will do.

    Parameters
    ----------
    width : int
        Filters k of the first convolution, at least 1.
    num_classes : int, default 10
    in_channels : int, default 1

    Returns
    -------
    torch.nn.Module
        With ``9 in_channels k + 18 k**2 + 2 num_classes k`` prunable weights.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.count_prunable(networks.small_conv(4))
    404
    """
    k = check.integer(width, "width", lowest=1)
    classes = check.integer(num_classes, "num_classes", lowest=1)
    channels = check.integer(in_channels, "in_channels", lowest=1)
    return nn.Sequential(
        *_convolution(channels, k, 3, 1), nn.ReLU(), nn.MaxPool2d(2),
        *_convolution(k, 2 * k, 3, 1), nn.ReLU(), nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * k, classes),
    )  # fmt: skip


class _Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut, a 1 x 1 convolution where the shape changes."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(before, after, 3, stride), nn.ReLU(), *_convolution(after, after, 3, 1)
        )
        same = before == after and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(before, after, 1, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet20(width: int, num_classes: int = 10, in_channels: int = 3) -> nn.Module:
    """Make a ResNet-20 (version 1) of width k: filters k, 2 k, 4 k in three stages of three blocks.

    A 7 x 7 convolution, nine blocks of two 3 x 3 convolutions, the mean over positions and a
    readout. Every convolution has a bias and, but for the 1 x 1 projections of the two shortcuts
    that change the shape, is followed by batch normalization: ``1054 k**2 + 322 k + 10`` trained
    parameters for 3 channels and 10 classes.

    Parameters
    ----------
    width : int
        Filters k of the first stage, at least 1; He et al.'s network has 16.
    num_classes : int, default 10
    in_channels : int, default 3

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    References
    ----------
    He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, CVPR 2016. The 7 x 7 stem
    is the one with which the parameters are the 27,970 (k = 5), 274,986 (16) and 2,651,110 (50) of
    Chang et al. (2021).

    Examples
    --------
    >>> from overprune import networks
    >>> networks.count_parameters(networks.resnet20(5))
    27970
    """
    k = check.integer(width, "width", lowest=1)
    classes = check.integer(num_classes, "num_classes", lowest=1)
    channels = check.integer(in_channels, "in_channels", lowest=1)
    blocks = [_Block(k, k, 1) for _ in range(3)]
    for before, after in ((k, 2 * k), (2 * k, 4 * k)):
        blocks += [_Block(before, after, 2), _Block(after, after, 1), _Block(after, after, 1)]
    return nn.Sequential(
        *_convolution(channels, k, 7, 1), nn.ReLU(), *blocks,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * k, classes),
    )  # fmt: skip


def _convolution(before: int, after: int, size: int, stride: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(before, after, size, stride, size // 2), nn.BatchNorm2d(after)


def count_parameters(model: nn.Module) -> int:
    """Count the trained parameters of a network, biases and batch normalization with them.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If the model is not a torch module.
    ValueError
        If a lazy layer has no weights yet.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.count_parameters(networks.two_layer(16, inputs=64))
    1210
    """
    _check_module(model)
    check_materialized(model)
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def prunable(model: nn.Module) -> dict[str, nn.Module]:
    """The layers whose weights pruning may delete, by name: every trained weight of `LAYERS`.

    A weight that several layers have is there once, under the name of the first.
    """
    found, seen = {}, set()
    for name, layer in weight_layers(model).items():
        sources = sources_of(layer)
        key = tuple(id(parameter) for parameter in sources)
        if key not in seen and any(parameter.requires_grad for parameter in sources):
            seen.add(key)
            found[name] = layer
    return found


def weight_layers(model: nn.Module) -> dict[str, nn.Module]:
    """All Linear and convolution layers, trained or frozen, by name."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, LAYERS)}


def sources_of(layer: nn.Module) -> list[nn.Parameter]:
    """The parameters that a layer's weight is, or is computed from by torch's own utilities."""
    own: dict[str, Any] = dict(layer.named_parameters(recurse=False))
    if "weight" in own:
        return [own["weight"]]
    if parametrize.is_parametrized(layer, "weight"):
        return list(layer.parametrizations.weight.parameters())
    # As the hooks of torch.nn.utils.prune, spectral_norm and weight_norm call them.
    return [own[name] for name in ("weight_orig", "weight_g", "weight_v") if name in own]


def weight_of(layer: nn.Module) -> torch.Tensor:
    """The weight as forward passes use it, detached; the layer stays as it is."""
    if not parametrize.is_parametrized(layer, "weight"):
        return layer.weight.detach()
    steps: Any = layer.parametrizations.weight
    trained = {step: step.training for step in steps.modules()}
    steps.eval()  # spectral norms iterate while they train
    try:
        with torch.no_grad(), seeded(0, torch.device("cpu")):
            return layer.weight.detach()
    finally:
        for step, training in trained.items():
            step.training = training


def count_prunable(model: nn.Module) -> int:
    """Count the weights that pruning may delete.

    The trained weights of Linear and convolution layers, transposed ones, the readout's and the
    shortcuts' too. Biases and batch normalization are never pruned, nor are frozen weights. A
    weight that several layers share counts once; of a parametrized one (spectral or weight norm)
    the entries of the weight that the layer uses count.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If the model is not a torch module.
    ValueError
        If a lazy layer has no weights yet.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.count_prunable(networks.resnet20(5))
    27285
    """
    _check_module(model)
    check_materialized(model)
    return sum(weight_of(layer).numel() for layer in prunable(model).values())


def check_materialized(model: nn.Module) -> None:
    """Refuses lazy layers that have not seen data."""
    for name, layer in model.named_modules():
        own = [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]
        if any(is_lazy(value) for value in own):
            raise ValueError(
                f"model must have weights, but {named(name, layer)} is lazy and has none yet: "
                "run the network on a row once in the function that makes it"
            )


def named(name: str, layer: nn.Module) -> str:
    """The name of a layer in messages."""
    return (
        f"layer {name!r} ({type(layer).__name__})"
        if name
        else f"the model itself ({type(layer).__name__})"
    )


def _check_module(model: object) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {check.shown(model)}")
