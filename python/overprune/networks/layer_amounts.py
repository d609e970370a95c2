"""How much of every layer of a network is kept: as given, or shared out by predicted losses."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .._validation import shown
from ..fits.prune_layer import amounts
from .layer_fit import Amount, FitOptions, fit_group, sampled_rows
from .moments import Moments
from .targets import Target, names_that_fit

_SAMPLE = 32  # outputs that stand for a layer
_STEP = 0.75  # from one number of weights kept to the next, of the losses that are compared
_STEPS = 14


def amounts_of(
    targets: Mapping[str, Target], given: dict[str, Any], scope: str
) -> dict[str, Amount]:
    """What `prune_layer` is asked of each layer that is pruned, in its own words.

    `given` has nonzeros, sparsity and pattern, each None, a value for all layers, or a mapping
    from names and patterns to values, of which exact names go before patterns and the first
    pattern before the next; None leaves a layer as it is, and so does a sparsity of 0.
    """
    named = [argument for argument, value in given.items() if value is not None]
    if len(named) != 1:
        came = " and ".join(named) or "none of them"
        raise ValueError(f"one of nonzeros, sparsity and pattern must be given, got {came}")
    argument, value = named[0], given[named[0]]
    is_mapping = isinstance(value, Mapping)
    names = list(targets)
    values = _by_name(value, names, argument) if is_mapping else dict.fromkeys(names, value)
    found = {}
    for name, own in values.items():
        if own is None or (argument == "sparsity" and own == 0):
            continue
        _, m, p = targets[name].shape
        try:
            amounts(**{**dict.fromkeys(given), argument: own}, scope=scope, m=m, p=p)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{error}, for layer {name!r}") from None
        found[name] = {argument: own}
    if not found:
        raise ValueError(f"{argument} must have a layer to prune, got {shown(value)}")
    return {name: found[name] for name in targets if name in found}


def _by_name(values: Mapping[Any, Any], names: list[str], argument: str) -> dict[str, Any]:
    exact = {key: value for key, value in values.items() if key in names}
    found: dict[str, Any] = {}
    for key, value in values.items():
        for name in names_that_fit(key, names, argument):
            found.setdefault(name, exact.get(name, value))
    return found


def budget_of(targets: Mapping[str, Target], given: dict[str, Amount]) -> int:
    """The weights that all layers keep together."""
    total = 0
    for name, amount in given.items():
        groups, m, p = targets[name].shape
        if "sparsity" in amount:
            total += round((1.0 - amount["sparsity"]) * groups * m * p)
        else:
            total += groups * m * amount["nonzeros"]
    return total


def curve(
    target: Target, moments: Moments, options: FitOptions, *, intercept: bool
) -> tuple[list[int], list[float]]:
    """Weights kept of a row, descending from all, and predicted losses relative to the outputs.

    By the formula, from a sample of the outputs of the network as it is.
    """
    groups, outputs, p = target.shape
    weight = target.rows().cpu().double().numpy()
    sample = sampled_rows(groups, outputs, _SAMPLE)
    steps = [max(round(p * _STEP**j), 1) for j in range(1, _STEPS)]
    kept = sorted({*(steps if p > _STEPS else range(1, p))} - {p}, reverse=True)
    losses = []
    for s in kept:
        loss = power = 0.0
        for group, rows in sample.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they are said of the layers that are pruned
                found = fit_group(
                    weight[group][rows], moments.of(group), {"nonzeros": s}, options,
                    intercept=intercept,
                )  # fmt: skip
            loss += float(found.predicted_loss.sum())
            power += float(found.output_power.sum())
        losses.append(loss / power if power > 0 else 0.0)
    return [p, *kept], [0.0, *losses]


def share_out(
    sizes: Mapping[str, tuple[int, int]],
    curves: Mapping[str, tuple[list[int], list[float]]],
    budget: int,
    scope: str,
) -> dict[str, Amount]:
    """Weights kept of each layer (outputs, p): the least sum of relative losses in the budget.

    On the lower convex hull of every layer's curve the cheapest stretches go first, which is
    optimal for losses that are linear between neighbours; the last is cut where the budget is met.
    """
    least = sum(outputs for outputs, _ in sizes.values())
    if budget < least:
        raise ValueError(
            f"sparsity must leave a weight for every output, {least} in all, got {budget}"
        )
    stretches = sorted(
        (stretch for name in sizes for stretch in _stretches(name, sizes[name][0], *curves[name])),
        key=lambda stretch: stretch[0],
    )
    kept = {name: float(p) for name, (_, p) in sizes.items()}
    over = float(sum(outputs * p for outputs, p in sizes.values()) - budget)
    for _, name, high, low in stretches:
        if over <= 0:
            break
        outputs = sizes[name][0]
        kept[name] = max(high - over / outputs, low)
        over -= outputs * (high - low)
    if scope == "layer":
        return {name: {"sparsity": 1.0 - kept[name] / p} for name, (_, p) in sizes.items()}
    whole = {name: max(int(own + 1e-9), 1) for name, own in kept.items()}
    _spend(whole, {name: outputs for name, (outputs, _) in sizes.items()}, stretches, budget)
    return {name: {"nonzeros": own} for name, own in whole.items()}


def _spend(
    kept: dict[str, int],
    outputs: Mapping[str, int],
    stretches: list[tuple[float, str, float, float]],
    budget: int,
) -> None:
    """Gives what whole numbers of weights of a row leave of the budget where it gains most."""
    left = budget - sum(outputs[name] * own for name, own in kept.items())
    for _, name, high, low in reversed(stretches):
        while low <= kept[name] < high and outputs[name] <= left:
            kept[name] += 1
            left -= outputs[name]


def _stretches(
    name: str, outputs: int, kept: Iterable[int], losses: Iterable[float]
) -> list[tuple[float, str, float, float]]:
    """(loss for each weight removed, layer, from, to) along the hull."""
    hull: list[tuple[float, float]] = []
    for s, loss in zip(kept, losses, strict=True):
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) >= _slope(hull[-2], (s, loss)):
            hull.pop()
        hull.append((float(s), loss))
    return [(_slope(a, b) / outputs, name, a[0], b[0]) for a, b in itertools.pairwise(hull)]


def _slope(dense: tuple[float, float], sparse: tuple[float, float]) -> float:
    return float(np.divide(sparse[1] - dense[1], dense[0] - sparse[0]))
