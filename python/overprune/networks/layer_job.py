"""The work of `prune_model`: passes over the batches, layer after layer, and what is kept of it."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from .._validation.memory import available, megabytes
from .._version import __version__
from .hashes import hash_of, state_text
from .layer_amounts import budget_of, curve, share_out
from .layer_fit import Amount, FitOptions, FittedWeight, fit_weight, loss_of
from .layer_progress import LayerProgress
from .layer_store import Arrays, Form, LayerStore
from .layer_table import VARIABLES
from .moments import Moments, Stream, Survey, gather, quiet, survey
from .targets import Target

_TOGETHER = 2**30  # bytes of moments of several layers at once, for an allocation


class Job:
    """One call."""

    def __init__(
        self,
        model: nn.Module,
        targets: dict[str, Target],
        amounts: dict[str, Amount],
        batches: Stream,
        fresh: Stream | None,
        options: FitOptions,
        intercept: bool,
        folds: int,
        allocation: str,
    ) -> None:
        self.model, self.amounts, self.options = model, amounts, options
        self.batches, self.fresh = batches, fresh
        self.intercept, self.allocation = intercept, allocation
        self.targets = {name: targets[name] for name in amounts}
        self.facts: dict[str, Any] = {
            "amounts": repr(amounts), "allocation": allocation, "rule": options.rule,
            "scope": options.scope, "refit": int(options.refit), "damping": str(options.damping),
            "intercept": int(intercept), "folds": folds, "seed": str(options.seed),
            "model": type(model).__name__, "model_hash": hash_of(state_text(model)),
            "torch_version": torch.__version__, "overprune_version": __version__,
        }  # fmt: skip
        self.messages: list[str] = []  # warnings
        self._folds = folds
        self._survey = Survey([], 0, None)
        self._fresh_batches = 0

    def run(
        self, store: Any, show: Any
    ) -> tuple[dict[str, dict[str, float]], dict[str, torch.Tensor]]:
        """Prunes all layers; those of the store are read. Puts the weights back if that fails."""
        before: dict[str, list[torch.Tensor]] = {}
        values: dict[str, dict[str, float]] = {}
        masks: dict[str, torch.Tensor] = {}
        with contextlib.ExitStack() as stack:
            stack.enter_context(quiet(self.model))
            self._look(hashed=store is not None)
            place = None if store is None else stack.enter_context(LayerStore(store, self.facts))
            self._check_memory()
            if self.allocation == "loss":
                self._allocate(place)
            names = self._survey.order
            work = {n: float(self.targets[n].size * self.targets[n].shape[2]) for n in names}
            bar = stack.enter_context(LayerProgress(work, self.batches.device, show))
            try:
                for group in self._groups():
                    for name in group:
                        before[name] = _values_of(self.targets[name])
                    for name, own, mask in self._prune_group(group, place, bar):
                        values[name], masks[name] = own, mask
            except BaseException:
                for name, kept in before.items():
                    _restore(self.targets[name], kept)
                raise
        return values, masks

    def _look(self, *, hashed: bool) -> None:
        """The first pass: the order of the layers, and what tells these batches from others."""
        self._survey = survey(self.model, self.targets, self.batches, hashed=hashed)
        if hashed:
            self.facts["batches_hash"] = str(self._survey.digest)
        if self.fresh is not None:
            found = survey(self.model, {}, self.fresh, hashed=hashed)
            self._fresh_batches = found.batches
            if hashed:
                self.facts["fresh_hash"] = str(found.digest)
        self._folds = min(self._folds, self._survey.batches)
        if self._folds == 1:
            self._folds = 0

    def _check_memory(self) -> None:
        room = available()
        for name, target in self.targets.items():
            groups, _, p = target.shape
            need = 8 * groups * p * p * (max(self._folds, 1) + (self.fresh is not None) + 1)
            if room is not None and need > room:
                raise MemoryError(
                    f"the moments of layer {name!r} with {p} inputs take {megabytes(need)}, more "
                    f"than the {megabytes(room)} that are free; fewer folds take less"
                )

    def _groups(self) -> Iterator[list[str]]:
        """Layers in order; input projections of one attention together, as they run at once."""
        group: list[str] = []
        for name in self._survey.order:
            if group and self._modules(group[-1]) != self._modules(name):
                yield group
                group = []
            group.append(name)
        yield group

    def _modules(self, name: str) -> tuple[Any, ...]:
        sources = self.targets[name].sources
        if any(source.role in ("input", "attended") for source in sources):
            return (name,)
        return tuple(sorted(id(source.module) for source in sources))

    def _allocate(self, place: LayerStore | None) -> None:
        """Shares out the budget by losses of the network as it is."""
        names = self._survey.order
        stored = None if place is None else place.read_layer(0, set(names), {})
        if stored is not None:
            key = "sparsity" if self.options.scope == "layer" else "nonzeros"
            kinds = {"sparsity": float, "nonzeros": int}
            self.amounts = {name: {key: kinds[key](stored[0][name])} for name in names}
            return
        curves = {}
        for group in self._packed():
            found = gather(self.model, group, self.batches, 0, self._survey.batches)
            for target in group:
                curves[target.name] = curve(
                    target, _with_rows(target, found), self.options,
                    intercept=self._has_intercept(target),
                )  # fmt: skip
        sizes = {n: (t.shape[0] * t.shape[1], t.shape[2]) for n, t in self.targets.items()}
        budget = budget_of(self.targets, self.amounts)
        self.amounts = share_out(sizes, curves, budget, self.options.scope)
        if place is not None:
            shares = {n: float(next(iter(a.values()))) for n, a in self.amounts.items()}
            place.write_layer(0, shares, {})

    def _packed(self) -> Iterator[list[Target]]:
        """Layers whose moments are gathered in one pass."""
        group: list[Target] = []
        size = 0
        for name in self._survey.order:
            own = 8 * _numbers(self.targets[name])
            if group and size + own > _TOGETHER:
                yield group
                group, size = [], 0
            group.append(self.targets[name])
            size += own
        yield group

    def _prune_group(
        self, group: list[str], place: LayerStore | None, bar: LayerProgress
    ) -> Iterator[tuple[str, dict[str, float], torch.Tensor]]:
        stored = {name: self._read(name, place) for name in group}
        missing = [name for name in group if stored[name] is None]
        began = time.monotonic()
        moments: dict[str, Moments] = {}
        judges: dict[str, Moments] = {}
        if missing:
            bar.tell(missing[0], "gathering")
            own = [self.targets[name] for name in missing]
            moments = gather(self.model, own, self.batches, self._folds, self._survey.batches)
            if self.fresh is not None:
                judges = gather(self.model, own, self.fresh, 0, self._fresh_batches)
        for name in group:
            target, found = self.targets[name], stored[name]
            if found is None:
                bar.tell(name, "pruning")
                seen = _with_rows(target, moments)
                fitted, shift = self._fit(target, seen)
                values = self._line(target, seen, fitted, judges.get(name))
                arrays = {"weight": fitted.weight, "shift": shift, "mask": fitted.mask}
                values["seconds"] = (time.monotonic() - began) / len(missing)
                if place is not None:
                    place.write_layer(self._number(name), values, arrays)
                self.messages += [f"layer {name!r}: {message}" for message in fitted.messages]
            else:
                values, arrays = found
            mask = self._put(target, arrays)
            bar.tell(name, "finished")
            yield name, values, mask

    def _has_intercept(self, target: Target) -> bool:
        return self.intercept and target.bias is not None

    def _number(self, name: str) -> int:
        return 1 + self._survey.order.index(name)

    def _read(self, name: str, place: LayerStore | None) -> tuple[dict[str, float], Arrays] | None:
        if place is None:
            return None
        shape = self.targets[name].shape
        forms: dict[str, Form] = {
            "weight": ("<f8", shape), "shift": ("<f8", shape[:2]), "mask": ("|b1", shape),
        }  # fmt: skip
        return place.read_layer(self._number(name), set(VARIABLES), forms)

    def _fit(self, target: Target, seen: Moments) -> tuple[FittedWeight, npt.NDArray[Any]]:
        """The pruned weight as the parameter holds it, and what is added to the bias."""
        weight = target.rows().cpu().double().numpy()
        intercept = self._has_intercept(target)
        fitted = fit_weight(
            weight, seen, self.amounts[target.name], self.options, intercept=intercept
        )
        shift = np.zeros(weight.shape[:2])
        if fitted.shift is not None:
            shift = fitted.shift.reshape(shift.shape)
        return fitted, shift

    def _line(
        self, target: Target, seen: Moments, fitted: FittedWeight, judge: Moments | None
    ) -> dict[str, float]:
        groups, outputs, p = target.shape
        fresh = math.nan
        if judge is not None and judge.rows:
            weight = target.rows().cpu().double().numpy()
            stored = torch.from_numpy(fitted.weight).to(target.parameter.dtype).double().numpy()
            fresh = loss_of(weight, stored, seen, judge, intercept=fitted.shift is not None)
        return {
            **fitted.values, "fresh_loss": fresh, "rows": float(seen.rows), "inputs": float(p),
            "outputs": float(groups * outputs), "weights": float(target.size), "seconds": 0.0,
        }  # fmt: skip

    def _put(self, target: Target, arrays: Arrays) -> torch.Tensor:
        """Writes a pruned weight and its bias; returns the mask in the weight's shape."""
        bias = None
        if target.bias is not None and self._has_intercept(target):
            own = target.own_bias(target.bias)
            bias = own.cpu().double() + torch.from_numpy(arrays["shift"]).reshape(-1)
        target.write(torch.from_numpy(arrays["weight"]), bias)
        mask = target.from_rows(torch.from_numpy(arrays["mask"]))
        return mask.to(target.parameter.device)


def _numbers(target: Target) -> int:
    """The numbers in a weight's second moments."""
    groups, _, p = target.shape
    return groups * p * p


def _with_rows(target: Target, found: Mapping[str, Moments]) -> Moments:
    moments = found[target.name]
    if moments.rows == 0:
        raise ValueError(
            f"batches must have rows for every layer, got none for layer {target.name!r}"
        )
    return moments


def _values_of(target: Target) -> list[torch.Tensor]:
    values = [target.parameter.detach().clone()]
    return values if target.bias is None else [*values, target.bias.detach().clone()]


def _restore(target: Target, values: list[torch.Tensor]) -> None:
    with torch.no_grad():
        target.parameter.copy_(values[0])
        if target.bias is not None:
            target.bias.copy_(values[1])
