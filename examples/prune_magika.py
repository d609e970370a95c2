"""Magika, a network that tells the types of files, pruned from files of this machine.

    python examples/prune_magika.py --files /usr /etc

takes the network from the package magika, a convolution 256 -> 512 of width 5 and a readout
512 -> 214, calibrates on some files, and judges on others: how often the pruned network says the
same as the unpruned one, with 95 % intervals, and what each layer loses, predicted and measured.
A file gives the convolution 508 rows that depend on one another; `effective_rows` is how many
independent ones they are worth. Needs ``pip install 'overprune[layers]'``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from overprune import networks

BLOCK, SIDE, PADDING = 4096, 1024, 256  # bytes read from either end, bytes used, no byte


class Magika(nn.Module):
    """Bytes (files, 2048) to logits (files, types), in the shapes of the given weights."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        super().__init__()
        own = {name: torch.tensor(np.asarray(value)) for name, value in weights.items()}
        self.table = nn.Embedding.from_pretrained(own["table"] + own["table_bias"].reshape(-1))
        outputs, channels, width, *_ = own["convolution"].shape
        self.channels = channels
        self.before = _Norm(own["scale_0"].reshape(-1, 1), own["shift_0"].reshape(-1, 1))
        self.convolution = nn.Conv1d(channels, outputs, width)
        self.after = _Norm(own["scale_1"].reshape(-1), own["shift_1"].reshape(-1))
        self.readout = nn.Linear(*own["readout"].shape)
        with torch.no_grad():
            self.convolution.weight.copy_(own["convolution"].reshape(outputs, channels, width))
            self.convolution.bias.copy_(own["convolution_bias"].reshape(-1))
            self.readout.weight.copy_(own["readout"].T)
            self.readout.bias.copy_(own["readout_bias"].reshape(-1))

    def forward(self, files: torch.Tensor) -> torch.Tensor:
        h = nn.functional.gelu(self.table(files), approximate="tanh")
        h = self.before(h.reshape(len(files), -1, self.channels))
        h = nn.functional.gelu(self.convolution(h.transpose(1, 2)), approximate="tanh")
        return self.readout(self.after(h.amax(dim=2)))


class _Norm(nn.Module):
    """Mean 0 and variance 1 along the first dimension of a file, then scaled and shifted."""

    def __init__(self, scale: torch.Tensor, shift: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        variance, mean = torch.var_mean(h, dim=1, correction=0, keepdim=True)
        return (h - mean) / (variance + 1e-6).sqrt() * self.scale + self.shift


def released_weights() -> dict[str, Any]:
    """The weights of the ONNX model that the package magika brings; nothing of it is run."""
    import onnx

    spec = find_spec("magika")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("this needs the package magika: pip install 'overprune[layers]'")
    models = sorted(Path(spec.submodule_search_locations[0], "models").glob("*/model.onnx"))
    graph = onnx.load(models[-1]).graph
    found = {part.name: onnx.numpy_helper.to_array(part) for part in graph.initializer}
    added = {i for node in graph.node if node.op_type == "Add" for i in node.input}
    ends = {
        "table": "get_logits_/Const:0", "table_bias": "Dense_0/Reshape:0",
        "scale_0": "LayerNorm_0/Reshape_2:0", "shift_0": "LayerNorm_0/Reshape_3:0",
        "convolution": "Conv_0/transpose_3:0",
        "scale_1": "LayerNorm_1/Reshape_2:0", "shift_1": "LayerNorm_1/Reshape_3:0",
        "readout": "get_logits_/Const_24:0", "readout_bias": "Dense_1/Reshape:0",
    }  # fmt: skip
    weights = {
        ours: next(value for name, value in found.items() if name.endswith(end))
        for ours, end in ends.items()
    }
    outputs = len(weights["convolution"])
    weights["convolution_bias"] = next(
        value for name, value in found.items()
        if name in added and value.shape == (1, outputs, 1)
        and "LayerNorm" not in name
    )  # fmt: skip
    return weights


def features(content: bytes) -> list[int]:
    """A file as 2,048 numbers, as Magika takes them: its first and last bytes without blanks."""
    head = content[:BLOCK].lstrip()[:SIDE]
    tail = content[-BLOCK:].rstrip()[-SIDE:]
    return [*head, *[PADDING] * (SIDE - len(head)), *[PADDING] * (SIDE - len(tail)), *tail]


def sampled(places: Iterable[str], count: int, each: int, seed: int) -> torch.Tensor:
    """Different files as features, in random order, at most so many of a suffix."""
    paths = sorted(
        os.path.join(folder, name)
        for place in places for folder, _, names in os.walk(place) for name in names
    )  # fmt: skip
    random.Random(seed).shuffle(paths)
    suffixes: dict[str, int] = {}
    found: dict[tuple[int, ...], None] = {}
    for path in paths:
        suffix = Path(path).suffix
        if len(found) == count:
            break
        if suffixes.get(suffix, 0) >= each or not os.path.isfile(path) or os.path.islink(path):
            continue
        try:
            with open(path, "rb") as file:
                head = file.read(BLOCK)
                file.seek(max(os.path.getsize(path) - BLOCK, 0))
                content = head + file.read(BLOCK) if os.path.getsize(path) > BLOCK else head
        except OSError:
            continue
        if len(head) >= 8:  # what Magika asks its network about
            found.setdefault(tuple(features(content)))
            suffixes[suffix] = suffixes.get(suffix, 0) + 1
    return torch.tensor(list(found), dtype=torch.int64)


def interval(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a proportion."""
    z, share = 1.959964, right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def answers(network: nn.Module, files: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return torch.cat([network(part).argmax(dim=1) for part in files.split(32)])


def compare(
    network: nn.Module,
    calibration: torch.Tensor,
    fresh: torch.Tensor,
    rules: Sequence[str],
    amounts: Sequence[str],
    store: str | None = None,
    workers: int | None = None,
) -> list[dict[str, Any]]:
    """A line for each rule and amount: agreement, and each layer's losses over its power."""
    before = answers(network, fresh)
    batches = list(calibration.split(max(len(calibration) // 20, 1)))
    lines = []
    for amount in amounts:
        how = {"pattern": amount} if ":" in amount else {"sparsity": float(amount)}
        for rule in rules:
            began = time.monotonic()
            found = networks.prune_model(
                network, batches, rule=rule, fresh=list(fresh.split(16)), workers=workers,
                store=None if store is None else os.path.join(store, f"{rule}-{amount}"), **how,
            )  # fmt: skip
            right = int((answers(found.model, fresh) == before).sum())
            low, high = interval(right, len(fresh))
            line: dict[str, Any] = {
                "amount": amount, "rule": rule, "agreement": right / len(fresh),
                "low": low, "high": high, "seconds": time.monotonic() - began,
            }  # fmt: skip
            for layer in ("convolution", "readout"):
                own = found.table.sel(layer=layer)
                for name in ("training", "predicted", "fresh"):
                    line[f"{layer} {name}"] = float(own[f"{name}_loss"] / own.output_power)
                line[f"{layer} rows"] = int(own.rows)
                line[f"{layer} effective rows"] = float(own.effective_rows)
                line[f"{layer} rows needed"] = found.rows_needed(layer, 0.1)
            lines.append(line)
            print(shown(line), flush=True)
    return lines


def shown(line: Mapping[str, Any]) -> str:
    """A line of the table."""
    cells = [
        line["amount"], line["rule"],
        f"{line['agreement']:.3f} ({line['low']:.3f} to {line['high']:.3f})",
    ]  # fmt: skip
    for layer in ("convolution", "readout"):
        losses = [f"{line[f'{layer} {name}']:.4f}" for name in ("training", "predicted", "fresh")]
        rows = f"{line[f'{layer} effective rows']:.0f} of {line[f'{layer} rows']}"
        cells += [" / ".join(losses), rows, str(line[f"{layer} rows needed"])]
    return "| " + " | ".join([*cells, f"{line['seconds']:.0f}"]) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", nargs="+", default=["/usr"], help="folders")
    parser.add_argument("--calibration", type=int, default=300, help="files")
    parser.add_argument("--fresh", type=int, default=1000, help="files that judge")
    parser.add_argument("--each", type=int, default=40, help="files of one suffix at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rules", nargs="+", default=["magnitude", "hessian", "surgeon"])
    parser.add_argument("--amounts", nargs="+", default=["0.5", "0.7", "0.9", "2:4"])
    parser.add_argument("--store", help="folder in which finished layers are kept")
    parser.add_argument("--output", help="file for the lines as JSON")
    parser.add_argument("--workers", type=int)
    options = parser.parse_args(arguments)
    network = Magika(released_weights()).eval()
    wanted = options.calibration + options.fresh
    files = sampled(options.files, wanted, options.each, options.seed)
    if len(files) < 40:
        raise SystemExit(f"too few files: {len(files)} in {', '.join(options.files)}")
    share = round(len(files) * options.calibration / wanted)
    calibration, fresh = files[:share], files[share:]
    print(f"{len(calibration)} files calibrate, {len(fresh)} judge.\n")
    losses = "training / predicted / fresh"
    heads = ["amount", "rule", "agreement (95 %)"]
    for layer in ("convolution", "readout"):
        heads += [f"{layer}: {losses}", "effective rows", "rows for 10 % excess"]
    print("| " + " | ".join([*heads, "seconds"]) + " |")
    print("|---" * (len(heads) + 1) + "|")
    lines = compare(
        network, calibration, fresh, options.rules, options.amounts, options.store, options.workers
    )
    if options.output:
        Path(options.output).write_text(json.dumps(lines, indent=1))


if __name__ == "__main__":
    main()
