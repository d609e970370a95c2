"""The risks of a phase diagram's points, and the best choice at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _core
from .._validation import FloatArray
from ..losses import Loss
from ..problems.problem import Problem
from ..problems.spectrum import Spectrum
from .judged import Judged
from .predict import grouped, no_labels, predict

_EQUAL = 1e-9  # relative: among risks as close as this the first choice is taken


@dataclass(frozen=True)
class PhasePoint:
    """One point of the diagram; `sizes` are all above s."""

    at: int  # among the y * x points
    problem: Problem | Spectrum
    n: float
    s: float
    sizes: tuple[float, ...]


@dataclass(frozen=True)
class PhaseOptions:
    rules: tuple[str, ...]
    retrain: bool
    ridges: tuple[float, ...]
    retrain_ridge: float
    loss: Loss
    draws: int | str
    seed: int
    workers: int

    @property
    def stages(self) -> tuple[str, ...]:
        return ("pruned", "retrained") if self.retrain else ("pruned",)


@dataclass
class PhaseRisks:
    """Risks of points (P) for every ridge (L), rule (R) and stage (G)."""

    direct: FloatArray  # (L, P)
    oracle: FloatArray  # (L, P)
    risk: FloatArray  # (L, P, R, G), least over sizes
    size: FloatArray  # (L, P, R, G)
    quantity: str = "risk"  # or error, of classifiers


def no_risks(points: int, options: PhaseOptions) -> PhaseRisks:
    each = (len(options.ridges), points)
    every = (*each, len(options.rules), len(options.stages))
    direct, oracle, risk, size = (np.full(shape, np.nan) for shape in (each, each, every, every))
    return PhaseRisks(direct, oracle, risk, size)


def study(points: Sequence[PhasePoint], options: PhaseOptions, found: PhaseRisks) -> None:
    """Fills in the points' risks: exact ones at once, drawn ones problem by problem."""
    problems: dict[int, tuple[Any, list[PhasePoint]]] = {}
    for point in points:
        problems.setdefault(id(point.problem), (point.problem, []))[1].append(point)
    exact: list[tuple[Any, list[PhasePoint]]] = []
    for problem, own in problems.values():
        features = grouped(problem) if options.loss.name == "square" else None
        if features is None:
            _draw(problem, own, options, found)
        else:
            exact.append((features, own))
    if not exact:
        return
    flat = [(which, point) for which, (_, own) in enumerate(exact) for point in own]
    places = [point.at for _, point in flat]
    mine = [
        _core.PhasePoint(problem=which, n=point.n, nonzeros=point.s, sizes=point.sizes)
        for which, point in flat
    ]
    for i, ridge in enumerate(options.ridges):
        risks = _core.phase(
            [features for features, _ in exact],
            mine,
            _core.PhaseOptions(
                rules=options.rules,
                retrain=options.retrain,
                ridge=ridge,
                retrain_ridge=options.retrain_ridge,
                workers=options.workers,
            ),
        )
        for name, values in risks.items():
            getattr(found, name)[i, places] = values


def _draw(
    problem: Problem | Spectrum,
    points: Sequence[PhasePoint],
    options: PhaseOptions,
    found: PhaseRisks,
) -> None:
    """The same from tables of `predict`, one for all points of the problem."""
    if isinstance(problem, Spectrum):
        raise no_labels(options.loss)
    judged = Judged.of(problem, options.loss)
    found.quantity = judged.quantity
    n = sorted({int(point.n) for point in points})
    counts = sorted({int(point.s) for point in points})
    sizes = sorted({int(k) for point in points for k in point.sizes})
    shared: dict[str, Any] = {
        "ridge": list(options.ridges),
        "loss": options.loss,
        "draws": options.draws,
        "seed": options.seed,
        "workers": options.workers,
    }
    # No size has p + 1 features to keep: dense risks alone, without draws.
    direct = predict(problem, n, counts, [problem.p], retrain=False, **shared)
    # What the oracle keeps does not depend on the first training, which labels may not do without
    # ridge.
    oracle = [
        predict(
            problem,
            n,
            [problem.p],
            counts,
            rules=("oracle",),
            retrain_ridge=ridge,
            **{**shared, "ridge": ridge if judged.of_labels else 0.0},
        )
        for ridge in options.ridges
    ]
    large = None
    if sizes:
        large = predict(
            problem,
            n,
            sizes,
            counts,
            rules=options.rules,
            retrain=options.retrain,
            retrain_ridge=options.retrain_ridge,
            **shared,
        )
    for point in points:
        at = point.at
        found.direct[:, at] = judged.values(direct.sel(n=point.n, size=point.s), "dense")[0]
        found.oracle[:, at] = [
            judged.values(table.sel(n=point.n, nonzeros=point.s), "retrained")[0].item()
            for table in oracle
        ]
        if large is None or not point.sizes:
            continue
        mine = large.sel(n=point.n, nonzeros=point.s, size=list(point.sizes))
        for g, stage in enumerate(options.stages):
            risks, _ = judged.values(mine.transpose("ridge", "rule", "size", ...), stage)
            which = _first_least(risks)
            found.risk[:, at, :, g] = np.take_along_axis(risks, which[..., None], -1)[..., 0]
            found.size[:, at, :, g] = np.array(point.sizes)[which]


def _first_least(values: FloatArray) -> np.ndarray[Any, Any]:
    """Index of the least along the last axis, of equal ones but for rounding the first."""
    with np.errstate(invalid="ignore"):
        least = np.min(np.where(np.isnan(values), np.inf, values), axis=-1, keepdims=True)
        return np.asarray(np.argmax(values <= least * (1 + _EQUAL), axis=-1))


def best_of(
    found: PhaseRisks, options: PhaseOptions, shape: tuple[int, int]
) -> dict[str, np.ndarray[Any, Any]]:
    """The best ridge, stage and rule at every point."""
    stages, rules = len(options.stages), len(options.rules)
    # Of equals: the smaller ridge, then no retraining, then the first rule.
    risks = found.risk.transpose(1, 0, 3, 2).reshape(shape[0] * shape[1], -1)
    sizes = found.size.transpose(1, 0, 3, 2).reshape(risks.shape)
    which, every = _first_least(risks), np.arange(len(risks))
    risk = risks[every, which]
    none = np.isnan(risk)

    def named(names: Sequence[str], index: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.where(none, "", np.array(names)[index])

    direct, oracle = found.direct.min(axis=0), found.oracle.min(axis=0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratio = risk / direct
    best = {
        "risk": risk,
        "direct_risk": direct,
        "oracle_risk": oracle,
        "ratio": ratio,
        "size": sizes[every, which],
        "rule": named(options.rules, which % rules),
        "stage": named(options.stages, which // rules % stages),
        "ridge": np.where(none, np.nan, np.array(options.ridges)[which // (rules * stages)]),
    }
    return {name: values.reshape(shape) for name, values in best.items()}
