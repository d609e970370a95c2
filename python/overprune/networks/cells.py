"""One cell of a sweep: a width and a repeat, trained, pruned and trained again."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from . import pruning
from .copies import Factory, clone, make
from .data import NetworkData
from .models import count_parameters, count_prunable
from .randomness import seed_of, seeded
from .training import (
    Fit,
    Tensors,
    Training,
    is_finite,
    measure,
    one_thread,
    overflows,
    to_device,
    train,
)

# What a cell tells: the stage, its epoch, and the stage's epochs.
Tell = Callable[[str, int, int], None]

RETRAIN = ("rewind", "reinitialize", "finetune", "none")
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
    # Whether forward passes leave the global generators alone, so that cells in threads of one
    # process may train beside each other. Others hold the generators, one at a time.
    beside: bool = False


def run_cell(
    task: Task, width: int, repeat: int, tell: Tell = lambda stage, epoch, epochs: None
) -> dict[str, Any]:
    """The values of one cell: numbers, or of pruned and retrained networks lists over nonzeros.

    Every random number comes from (seed, width, repeat, purpose), and torch computes with one
    thread: the values do not depend on which other cells run, where and in what order.
    """
    with one_thread():
        return _Cell(task, width, repeat, tell).run()


class _Cell:
    def __init__(self, task: Task, width: int, repeat: int, tell: Tell) -> None:
        self.task, self.width, self.repeat, self.tell = task, width, repeat, tell
        self.device = torch.device(task.device)
        self.parts = to_device(task.data.draw(task.seed, repeat), self.device)
        self.values: dict[str, Any] = {}

    def run(self) -> dict[str, Any]:
        task = self.task
        dense = make(task.model, self.width, self.key("initial"), self.device)
        initial = clone(dense)
        self.values |= {"parameters": count_parameters(dense), "prunable": count_prunable(dense)}
        dense, self.values["dense_epochs"] = self.fit(dense, "dense")
        self.keep("dense", self.measured(dense))
        scores = self.scores(clone(dense))
        self.values["nonzero_weights"] = list(task.counts[self.width])
        for s, count in zip(task.nonzeros, task.counts[self.width], strict=True):
            self.prune(s, count, initial, dense, scores)
        return self.values

    def scores(self, dense: nn.Module) -> pruning.Scores | None:
        """What the dense network's weights count for; None where its training diverged."""
        if math.isnan(self.values["dense_train_loss"]):
            return None
        task, generator = self.task, self.generator("random rule")
        with self.seeded("scores"):
            scores = pruning.scores_of(
                dense, task.rule, self.first_rows(), task.training.loss, generator
            )
        return scores if all(bool(score.isfinite().all()) for score in scores.values()) else None

    def prune(
        self,
        s: int,
        count: int,
        initial: nn.Module,
        trained: nn.Module,
        scores: pruning.Scores | None,
    ) -> None:
        """Values of the pruned and the retrained network of one s, NaN where there is none."""
        if count == 0 or scores is None:
            self.append("pruned", None)
            self.append("retrained", None, 0)
            return
        network = clone(trained)
        masks = pruning.apply(network, scores, count, self.task.scope)
        self.append("pruned", self.measured(network))
        if self.task.retrain == "none":
            self.append("retrained", None, 0)
            return
        network = self.start(s, initial, trained)
        pruning.mask(network, masks)
        network, epochs = self.fit(network, f"retrained s={s}", retraining=True)
        if is_finite(network):
            pruning.check_count(network, masks, count)
        self.append("retrained", self.measured(network), epochs)

    def start(self, s: int, initial: nn.Module, trained: nn.Module) -> nn.Module:
        """The network whose survivors are trained again."""
        if self.task.retrain == "reinitialize":
            return make(self.task.model, self.width, self.key(f"fresh s={s}"), self.device)
        return clone(initial if self.task.retrain == "rewind" else trained)

    def key(self, *purpose: str) -> int:
        return seed_of(self.task.seed, self.width, self.repeat, *purpose)

    def generator(self, purpose: str) -> torch.Generator:
        return torch.Generator().manual_seed(self.key(purpose))

    def seeded(self, *purpose: str) -> contextlib.AbstractContextManager[None]:
        """The global generators, for layers and forward passes that draw."""
        if self.task.beside and threading.current_thread() is not threading.main_thread():
            return contextlib.nullcontext()
        return seeded(self.key(*purpose), self.device)

    def fit(
        self, network: nn.Module, stage: str, retraining: bool = False
    ) -> tuple[nn.Module, int]:
        """The trained network and the epochs. An error that overflow leads to ends the training."""
        finished = 0

        def tell(epoch: int, epochs: int) -> None:
            nonlocal finished
            finished = epoch
            self.tell(stage, epoch, epochs)

        fit = Fit(self.task.training, self.generator(stage), retraining, tell)
        try:
            with self.seeded(stage, "layers"):
                return train(network, self.parts, fit)
        except Exception:
            if not self.overflowed(network):
                raise
            return network, finished + 1

    def measured(self, network: nn.Module) -> dict[str, float] | None:
        """Error and loss by part, with the same draws for every network; None if it diverged."""
        if not is_finite(network):
            return None
        found: dict[str, float] = {}
        try:
            with self.seeded("evaluation"):
                for part, rows in self.parts.items():
                    error, loss = measure(network, rows, self.task.training.loss)
                    found |= {f"{part}_error": error, f"{part}_loss": loss}
        except Exception:
            if not self.overflowed(network):
                raise
            return None
        return None if math.isnan(found["train_loss"]) else found

    def overflowed(self, network: nn.Module) -> bool:
        with self.seeded("evaluation"):
            return any(overflows(network, inputs) for inputs, _ in self.parts.values())

    def first_rows(self) -> Tensors:
        inputs, targets = self.parts["train"]
        rows = self.task.training.hessian_rows
        return inputs[:rows], targets[:rows]

    def keep(self, stage: str, measured: dict[str, float] | None) -> None:
        for name in self.quantities():
            self.values[f"{stage}_{name}"] = math.nan if measured is None else measured[name]

    def append(
        self, stage: str, measured: dict[str, float] | None, epochs: int | None = None
    ) -> None:
        for name in self.quantities():
            value = math.nan if measured is None else measured[name]
            self.values.setdefault(f"{stage}_{name}", []).append(value)
        if epochs is not None:
            self.values.setdefault(f"{stage}_epochs", []).append(epochs)

    def quantities(self) -> list[str]:
        return [f"{part}_{what}" for part in self.parts for what in ("error", "loss")]


def diverged(values: dict[str, Any], task: Task, width: int) -> list[str]:
    """The stages of a cell that are NaN though there is a network."""
    is_lost = any(_is_nan(v) for k, v in values.items() if k.startswith("dense_"))
    found = ["dense"] if is_lost else []
    stages = ("pruned",) if task.retrain == "none" else ("pruned", "retrained")
    for i, (s, count) in enumerate(zip(task.nonzeros, task.counts[width], strict=True)):
        for stage in stages if count else ():
            if any(_is_nan(v[i]) for k, v in values.items() if k.startswith(f"{stage}_")):
                found.append(f"{stage} s={s}")
    return found


def _is_nan(value: float) -> bool:
    return math.isnan(value)


def misfit(task: Task, width: int, values: Any) -> str | None:
    """Why values read from a file are not those of a cell of the width; None where they are."""
    parts = ["train", "test", *(["validation"] if task.data.validation_rows else [])]
    quantities = [f"{part}_{what}" for part in parts for what in ("error", "loss")]
    lists = {f"{stage}_{name}" for stage in ("pruned", "retrained") for name in quantities}
    numbers = {f"dense_{name}" for name in quantities}
    counts = {"parameters", "prunable", "dense_epochs"}
    several = {"nonzero_weights", "retrained_epochs"}
    wanted = lists | numbers | counts | several
    if not isinstance(values, dict) or set(values) != wanted:
        return "its values have other names"
    for name, value in values.items():
        kind = int if name in counts | several else float
        entries = value if name in lists | several else [value]
        if not isinstance(entries, list) or not all(type(entry) is kind for entry in entries):
            return f"{name} is of another kind"
        if len(entries) != (len(task.nonzeros) if name in lists | several else 1):
            return f"{name} has another length"
        if kind is int and not all(0 <= entry < 2**53 for entry in entries):
            return f"{name} is out of range"
    if values["prunable"] != task.prunable[width] or values["nonzero_weights"] != list(
        task.counts[width]
    ):
        return "its counts of weights are others"
    return None
