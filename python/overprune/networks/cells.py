"""One cell of a sweep: a width and a repeat, trained, pruned and trained again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from . import pruning
from .data import NetworkData
from .models import count_parameters, count_prunable
from .training import Fit, Tensors, Training, draws_globally, measure, seeded, to_device, train

Factory = Callable[[int], nn.Module]
# What a cell tells: the stage, its epoch, and the stage's epochs.
Tell = Callable[[str, int, int], None]

RETRAIN = ("rewind", "finetune", "none")
KEEP = ("equal_nonzeros", "width_ratio")


@dataclass(frozen=True)
class Task:
    """All that a cell needs, but for its width and repeat; the same in every process."""

    model: Factory
    data: NetworkData
    nonzeros: tuple[int, ...]
    counts: dict[int, tuple[int, ...]]
    prunable: dict[int, int]
    rule: str
    scope: str
    retrain: str
    training: Training
    seed: int
    device: str


def seed_of(*key: int | str) -> int:
    """A seed of 63 bits, a pure function of the key."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def run_cell(
    task: Task, width: int, repeat: int, tell: Tell = lambda stage, epoch, epochs: None
) -> dict[str, Any]:
    """The values of one cell: numbers by name, or for pruned and retrained networks lists over nonzeros.

    Every random number comes from (seed, width, repeat, purpose), and torch computes with one thread: the
    values do not depend on which other cells run, where and in what order.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _Cell(task, width, repeat, tell).run()
    finally:
        torch.set_num_threads(threads)


class _Cell:
    def __init__(self, task: Task, width: int, repeat: int, tell: Tell) -> None:
        self.task, self.width, self.repeat, self.tell = task, width, repeat, tell
        self.device = torch.device(task.device)
        self.parts = to_device(task.data.draw(task.seed, repeat), self.device)
        self.values: dict[str, Any] = {}

    def run(self) -> dict[str, Any]:
        task = self.task
        dense = self.fresh()
        initial = _state(dense)
        self.values |= {"parameters": count_parameters(dense), "prunable": count_prunable(dense)}
        self.values["dense_epochs"] = self.fit(dense, "dense")
        self.keep("dense", self.measured(dense))
        trained = _state(dense)
        scores = pruning.scores_of(
            dense, task.rule, self.first_rows(), task.training.loss, self.generator("random rule")
        )
        self.values["nonzero_weights"] = list(task.counts[self.width])
        for s, count in zip(task.nonzeros, task.counts[self.width], strict=True):
            self.prune(s, count, initial, trained, scores)
        return self.values

    def prune(self, s: int, count: int, initial: Any, trained: Any, scores: pruning.Scores) -> None:
        """The pruned and the retrained network of one number of nonzeros, or NaN where there is none."""
        if count == 0:
            self.append("pruned", None)
            self.append("retrained", None, 0)
            return
        network = self.fresh(trained)
        masks = pruning.apply(network, scores, count, self.task.scope)
        self.append("pruned", self.measured(network))
        if self.task.retrain == "none":
            self.append("retrained", None, 0)
            return
        network = self.fresh(initial if self.task.retrain == "rewind" else trained)
        pruning.mask(network, masks)
        epochs = self.fit(network, f"retrained s={s}", retraining=True)
        pruning.check_count(network, count)
        self.append("retrained", self.measured(network), epochs)

    def fresh(self, state: Any = None) -> nn.Module:
        """A network of the width: as it is initialized, or with another's values."""
        with seeded(seed_of(self.task.seed, self.width, self.repeat, "initial"), torch.device("cpu")):
            network = self.task.model(self.width)
        if state is not None:
            network.load_state_dict(state)
        return network.to(self.device)

    def generator(self, purpose: str) -> torch.Generator:
        key = seed_of(self.task.seed, self.width, self.repeat, purpose)
        return torch.Generator().manual_seed(key)

    def fit(self, network: nn.Module, stage: str, retraining: bool = False) -> int:
        def tell(epoch: int, epochs: int) -> None:
            self.tell(stage, epoch, epochs)

        fit = Fit(self.task.training, self.generator(stage), retraining, tell)
        if not draws_globally(network):
            return train(network, self.parts, fit)
        with seeded(seed_of(self.task.seed, self.width, self.repeat, stage, "layers"), self.device):
            return train(network, self.parts, fit)

    def measured(self, network: nn.Module) -> dict[str, float]:
        found: dict[str, float] = {}
        for part, rows in self.parts.items():
            error, loss = measure(network, rows, self.task.training.loss)
            found |= {f"{part}_error": error, f"{part}_loss": loss}
        return found

    def first_rows(self) -> Tensors:
        inputs, targets = self.parts["train"]
        rows = self.task.training.hessian_rows
        return inputs[:rows], targets[:rows]

    def keep(self, stage: str, measured: dict[str, float]) -> None:
        self.values |= {f"{stage}_{name}": value for name, value in measured.items()}

    def append(self, stage: str, measured: dict[str, float] | None, epochs: int | None = None) -> None:
        for part in self.parts:
            for name in (f"{part}_error", f"{part}_loss"):
                value = math.nan if measured is None else measured[name]
                self.values.setdefault(f"{stage}_{name}", []).append(value)
        if epochs is not None:
            self.values.setdefault(f"{stage}_epochs", []).append(epochs)


def _state(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
