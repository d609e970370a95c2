"""One weight of a network pruned from moments of its inputs, and its loss on fresh rows."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._validation import FloatArray
from ..fits.prune_layer import PrunedLayer, prune_layer
from .moments import Moment, Moments

Amount = dict[str, Any]  # nonzeros, sparsity or pattern of prune_layer

_SAMPLE = 64  # outputs that stand for all of them in the folds


@dataclass(frozen=True)
class FitOptions:
    """How every weight is pruned; arguments of `prune_layer`."""

    rule: str
    scope: str
    refit: bool
    damping: float | str
    seed: int
    workers: int | None


@dataclass(frozen=True, eq=False)
class FittedWeight:
    """A pruned weight (groups, outputs, p) with its losses, each a mean over the outputs."""

    weight: FloatArray
    mask: npt.NDArray[np.bool_]
    shift: FloatArray | None  # (groups * outputs) what is added to the bias
    values: dict[str, float]
    messages: list[str]  # warnings


def fit_weight(
    weight: FloatArray, moments: Moments, amount: Amount, options: FitOptions, *, intercept: bool
) -> FittedWeight:
    """Prunes a weight (groups, outputs, p), each group from its own moments."""
    parts, shifts, messages = [], [], []
    for group, own in enumerate(weight):
        moment = moments.of(group)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            part = fit_group(own, moment, amount, options, intercept=intercept)
        messages += [str(warning.message) for warning in caught]
        parts.append(part)
        shifts.append((own - part.weight) @ moment.mean)
    values = _means(parts)
    folds = _Folds(weight, moments, parts, amount, options, intercept=intercept)
    factor, inflation = folds.study(options.rule)
    if options.rule == "surgeon" and options.refit:
        _, inflation = folds.study("magnitude")  # whose masks do not depend on the rows
    values["selection_factor"] = factor
    values["predicted_loss"] *= factor
    values["effective_rows"] = moments.rows / max(inflation, 1.0)
    shift = np.concatenate(shifts) if intercept else None
    mask = np.stack([part.mask for part in parts])
    return FittedWeight(np.stack([part.weight for part in parts]), mask, shift, values, messages)


def loss_of(
    weight: FloatArray, pruned: FloatArray, seen: Moments, judge: Moments, *, intercept: bool
) -> float:
    """The mean over outputs of the mean squared error on the rows of other moments."""
    total = 0.0
    for group, error in enumerate(weight - pruned):
        center = seen.of(group).mean if intercept else None
        total += float(_quadratic(error, judge.of(group).about(center)).sum())
    return total / (weight.shape[0] * weight.shape[1])


def fit_group(
    weight: FloatArray, moment: Moment, amount: Amount, options: FitOptions, *, intercept: bool
) -> PrunedLayer:
    """Prunes one group. With an intercept the rows are centred, and have one less of their number.

    n centred rows are n - 1 independent ones in another basis. The intercept itself costs fresh
    rows one n-th of the loss.
    """
    n = moment.n
    centred = intercept and n > 1
    rows = n - 1 if centred else n
    own = moment.centred() * (n / rows) if intercept else moment.about(None)
    arguments = dataclasses.asdict(options)
    found = prune_layer(weight, second_moment=0.5 * (own + own.T), rows=rows, **amount, **arguments)
    if not centred:
        return found
    share = rows / n
    return dataclasses.replace(
        found,
        training_loss=found.training_loss * share,
        output_power=found.output_power * share,
        predicted_loss=found.predicted_loss / share,
        degrees_of_freedom=found.degrees_of_freedom + 1.0,
        rows=n,
    )


def _quadratic(errors: FloatArray, moment: FloatArray) -> FloatArray:
    found: FloatArray = ((errors @ moment) * errors).sum(axis=1)
    return np.maximum(found, 0.0)


def _means(parts: list[PrunedLayer]) -> dict[str, float]:
    def mean(name: str) -> float:
        return float(np.mean([getattr(part, name) for part in parts]))

    names = ("training_loss", "predicted_loss", "output_power", "degrees_of_freedom", "damping")
    return {name: mean(name) for name in names} | {
        "kept": float(sum(int(part.mask.sum()) for part in parts)),
        "dead_inputs": float(sum(part.dead.size for part in parts)),
    }


def sampled_rows(groups: int, outputs: int, most: int) -> dict[int, list[int]]:
    """Evenly spaced outputs that stand for all, by group."""
    everything = groups * outputs
    count = min(everything, most)
    found: dict[int, list[int]] = {}
    for i in range(count):
        group, row = divmod(i * everything // count, outputs)
        found.setdefault(group, []).append(row)
    return found


class _Folds:
    """What a refit and a choice without each fold of the batches lose on that fold.

    The batches of a fold are independent of the others where batches are, so that the folds see
    the price of rows that depend on one another, as the positions of an image do.
    """

    def __init__(
        self,
        weight: FloatArray,
        moments: Moments,
        parts: list[PrunedLayer],
        amount: Amount,
        options: FitOptions,
        *,
        intercept: bool,
    ) -> None:
        self._weight, self._moments, self._parts = weight, moments, parts
        self._given, self._options, self._intercept = amount, options, intercept
        self._folds = [f for f, count in enumerate(moments.counts) if count]
        self._sample = sampled_rows(weight.shape[0], weight.shape[1], _SAMPLE)

    def study(self, rule: str) -> tuple[float, float]:
        """By what the folds multiply the formula's loss, and one of how many rows counts."""
        if len(self._folds) < 2:
            return 1.0, 1.0
        n = self._moments.rows
        measured = formula = freedom = 0.0
        for fold in self._folds:
            share = float(self._moments.counts[fold]) / n
            for group, rows in self._sample.items():
                loss, part = self._judge(fold, group, rows, rule)
                measured += share * loss
                formula += share * float(part.predicted_loss.sum())
                freedom += share * float(part.degrees_of_freedom.sum())
        if not formula > 0.0 or not measured > 0.0:
            return 1.0, 1.0
        count = len(self._folds)
        used = n * (count - 1) / count
        df = freedom / sum(map(len, self._sample.values()))
        ratio = measured / formula
        inflation = 1.0
        if 0.0 < df < used:
            inflation = (1.0 - (1.0 - df / used) / ratio**0.5) * used / df
        # The logarithm of the ratio falls as one over the rows, nearly.
        return float(ratio ** ((count - 1) / count)), inflation

    def _judge(
        self, fold: int, group: int, rows: list[int], rule: str
    ) -> tuple[float, PrunedLayer]:
        others = [f for f in self._folds if f != fold]
        own = self._weight[group][rows]
        part = self._parts[group]
        options = dataclasses.replace(self._options, rule=rule, damping=part.damping)
        moment = self._moments.of(group, others)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are said of all rows
            found = fit_group(
                own, moment, self._amount(group, rows), options, intercept=self._intercept
            )
        center = moment.mean if self._intercept else None
        fresh = self._moments.of(group, [fold]).about(center)
        return float(_quadratic(own - found.weight, fresh).sum()), found

    def _amount(self, group: int, rows: list[int]) -> Amount:
        """As many weights as the same rows of the layer keep."""
        if "pattern" in self._given:
            return self._given
        mask = self._parts[group].mask[rows]
        if self._options.scope == "row":
            return {"nonzeros": max(int(mask.sum(axis=1).max()), 1)}
        return {"sparsity": 1.0 - max(int(mask.sum()), 1) / mask.size}
