"""Sweeps with all their arguments: ResNet-20, small networks for a CPU, the bridge."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from .. import _validation as check
from .bridge import single_index
from .loaders import cifar10, mnist5000
from .models import random_feature_network, resnet20, small_conv, two_layer
from .training import Training

PRESETS = ("two_layer", "small_conv", "resnet20", "resnet20_mnist", "bridge")


def preset(
    name: str, *, data: str | os.PathLike[str] | None = None, seed: int = 0
) -> dict[str, Any]:
    """Give the arguments of `width_sweep` for a known experiment.

    Parameters
    ----------
    name : {"two_layer", "small_conv", "resnet20", "resnet20_mnist", "bridge"}
        "two_layer": 2,000 MNIST images of 14 x 14 pixels with 10 % wrong labels, widths 2 to 512,
        trained to interpolation, rule "hessian"; minutes of a CPU. "small_conv": 1,000 of them,
        widths 1 to 32, rule "magnitude": where the two ways to keep differ. "resnet20": CIFAR-10,
        widths 1 to 50, as in the paper: Adam at 1e-3 with batches of 128, 30 epochs with
        augmentation, global magnitude pruning, rewinding and 100 epochs without, the epoch selected
        on 10 % of the training rows; a GPU's work. "resnet20_mnist": the same network on 2,000
        MNIST images of 14 x 14 pixels with 10 % wrong labels, widths 1 to 20, trained to
        interpolation, rule "magnitude"; hours of a CPU. "bridge": tanh random features of a
        single-index teacher's inputs, for `predict_sweep`.
    data : str or path, optional
        The directory with CIFAR-10, for "resnet20" and only for it.
    seed : int, default 0
        Of the sweep.

    Returns
    -------
    dict
        Keyword arguments of `width_sweep`; any of them may be replaced.

    Raises
    ------
    TypeError, ValueError
        If the name is unknown, or data is given where it does not belong or missing where it does.
    FileNotFoundError
        If the directory lacks files of CIFAR-10.

    Examples
    --------
    >>> from overprune import networks
    >>> arguments = networks.preset("two_layer")
    >>> arguments["nonzeros"], arguments["training"].optimizer
    ([4, 8, 16], 'adam')
    """
    check.choice(name, "name", PRESETS)
    if (data is not None) != (name == "resnet20"):
        raise ValueError(
            'data must be the directory with CIFAR-10 for "resnet20", and not be given for '
            f"others; got {data!r} for {name!r}"
        )
    check.seed(seed)
    if name == "resnet20" and data is not None:
        return _resnet20(data, seed)
    makers = {
        "two_layer": _two_layer,
        "small_conv": _small_conv,
        "resnet20_mnist": _resnet20_mnist,
        "bridge": _bridge,
    }
    return makers[name](seed)


def _two_layer(seed: int) -> dict[str, Any]:
    return {
        "model": partial(two_layer, inputs=196),
        "data": mnist5000(pool=2, test_size=2000, train_rows=2000, label_noise=0.1),
        "widths": [2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 512],
        "nonzeros": [4, 8, 16],
        "rule": "hessian",
        "training": Training(
            epochs=400, learning_rate=0.01, cosine=True, batch=250, stop_loss=1e-3, hessian_rows=500
        ),
        "repeats": 5,
        "seed": seed,
        "device": "cpu",
    }


def _small_conv(seed: int) -> dict[str, Any]:
    return {
        "model": small_conv,
        "data": mnist5000(pool=2, test_size=2000, train_rows=1000, label_noise=0.1),
        "widths": [1, 2, 4, 8, 16, 32],
        "nonzeros": [2, 4],
        "training": Training(epochs=40, learning_rate=0.01, cosine=True, batch=100),
        "repeats": 3,
        "seed": seed,
        "device": "cpu",
    }


def _resnet20(directory: str | os.PathLike[str], seed: int) -> dict[str, Any]:
    return {
        "model": resnet20,
        "data": cifar10(directory, validation=0.1),
        "widths": [1, 5, 8, 10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50],
        "nonzeros": [5, 8, 10],
        "training": Training(
            epochs=30,
            retrain_epochs=100,
            learning_rate=1e-3,
            batch=128,
            augment="crop_flip",
            select="validation",
        ),
        "repeats": 3,
        "seed": seed,
    }


def _resnet20_mnist(seed: int) -> dict[str, Any]:
    return {
        "model": partial(resnet20, in_channels=1),
        "data": mnist5000(pool=2, test_size=2000, train_rows=2000, label_noise=0.1),
        "widths": [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20],
        "nonzeros": [3, 5],
        "training": Training(
            epochs=30, learning_rate=0.003, cosine=True, batch=100, stop_loss=0.01
        ),
        "repeats": 3,
        "seed": seed,
        "device": None,
    }


def _bridge(seed: int) -> dict[str, Any]:
    return {
        "model": partial(random_feature_network, inputs=40),
        "data": single_index(100, 40, noise_std=0.3),
        "widths": [30, 40, 50, 60, 70, 80, 90, 110, 120, 140, 170, 200, 250, 300, 400],
        "nonzeros": [30],
        "training": Training(
            optimizer="gradient_descent", loss="squared", epochs=20_000, stop_loss=1e-7
        ),
        "repeats": 40,
        "seed": seed,
        "device": "cpu",
    }
