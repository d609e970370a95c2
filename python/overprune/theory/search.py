"""The search behind `advise`: which sizes, ridges and schedules are tried."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validation as check
from .._progress import Stages
from .advice import Choice, least
from .by_size import units
from .judged import Judged
from .phase import spread_sizes
from .predict import predict
from .ridge_search import Interval, natural_bounds
from .schedule import predict_schedule
from .tune import tune_ridge

if TYPE_CHECKING:
    import xarray as xr

_SIZES, _SIZES_DRAWN = 24, 9  # of the first scan
_FINER = 6  # sizes between the neighbours of the best, in each further scan
_REFINEMENTS = 5
_WORTHWHILE = 1.2  # ratio of sizes below which nothing is pruned in rounds
# For the time left, about how many schedules are tried, and trainings of one size that take as long
# as one of them; where predictions are exact, and where they are drawn.
_SCHEDULES, _ROUNDS = {True: 12, False: 3}, {True: 2000, False: 600}
_NEAR_N = 0.02  # sizes this close to n, relatively, are left out: the risk diverges there

Key = tuple[str, str, int, float, tuple[int, ...]]


def key_of(choice: Choice) -> Key:
    """What tells choices apart: a tuned ridge may change."""
    return (
        choice.stage,
        choice.rule,
        choice.size,
        -1.0 if choice.tuned else choice.ridge,
        choice.schedule,
    )


@dataclass
class Search:
    """What `advise` has tried: sizes first, then ridges and schedules of the best ones."""

    judged: Judged
    n: int
    s: int
    rules: tuple[str, ...]
    stages: tuple[str, ...]
    tune: bool
    strengths: tuple[float, ...]  # to try as they are
    retrain_ridge: float
    draws: int  # 0: as many as needed
    options: dict[str, Any]
    shown: Stages
    choices: dict[Key, Choice] = field(default_factory=dict)
    tables: list[xr.Dataset] = field(default_factory=list)

    @property
    def problem(self) -> Any:
        return self.judged.problem

    @property
    def exact(self) -> bool:
        return self.judged.is_exact

    @property
    def few_sizes(self) -> bool:
        """Whether a prediction takes too long for many sizes."""
        return not self.exact or self.judged.of_labels

    @property
    def few_draws(self) -> int:
        return max(8, self.draws // 4) if self.draws else 16

    def run(self, given: list[int] | None, *, in_rounds: bool) -> None:
        """Looks at all choices that prune; at given sizes, where there are some."""
        in_rounds = (
            in_rounds
            and not self.judged.of_labels
            and "retrained" in self.stages
            and self.s < self.n
        )
        with self.shown:
            self.expect(given is None, in_rounds)
            self.scan(given)
            self.refine()
            if in_rounds:
                self.try_schedules()

    def scan(self, given: list[int] | None) -> None:
        """All sizes; by default finer ones around the best of each rule and stage too."""
        p = self.problem.p
        if given is not None:
            self._look([k for k in given if k > self.s])
            return
        count = _SIZES_DRAWN if self.few_sizes else _SIZES
        self._look([int(k) for k in spread_sizes(self.s, p, count) if k == p or self._calm(k)])
        for pass_ in range(1 if self.few_sizes else 2):
            self._look(self._finer(), f"finer sizes {pass_}")

    def _calm(self, k: float) -> bool:
        return abs(k - self.n) > _NEAR_N * self.n

    def _finer(self) -> list[int]:
        """Sizes between the neighbours of the best ones that have not been looked at."""
        seen = sorted({c.size for c in self.choices.values()} | {self.s})
        wanted: set[int] = set()
        for choice in self._winners():
            at = seen.index(choice.size)
            left, right = seen[at - 1], seen[min(at + 1, len(seen) - 1)]
            wanted |= {int(k) for k in np.linspace(left, right, _FINER + 2)[1:-1].round()}
        return sorted(k for k in wanted - set(seen) if self._calm(k))

    def _winners(self) -> Iterator[Choice]:
        """The best choice of each rule and stage, without and with a tuned ridge."""
        for rule in self.rules:
            for stage in self.stages:
                for tuned in (False, True):
                    mine = (
                        c
                        for c in self.choices.values()
                        if (c.rule, c.stage, c.tuned) == (rule, stage, tuned)
                    )
                    found = least(c for c in mine if c.rounds == 1)
                    if found is not None:
                        yield found

    def expect(self, in_passes: bool, in_rounds: bool) -> None:
        """Tells the bar about how much there is to do, before it is known."""
        if not self.shown.show:
            return
        k, kinds = 0.8 * self.problem.p, len(self.rules) * len(self.stages)
        ridges = len(self._ridges())
        for pass_ in range((1 if self.few_sizes else 2) * in_passes):
            self.shown.expect(f"finer sizes {pass_}", self._units([k] * 2 * _FINER, ridges))
        tuned, plain = kinds * self.tune, kinds * len(self.strengths) * (not self.exact)
        self.shown.expect("best", tuned * self._tuning(k) + plain * self._units([k], 4))
        if in_rounds:
            self.shown.expect("rounds", _SCHEDULES[self.exact] * self._schedule(k))

    def _units(self, sizes: list[float], trainings: float) -> float:
        return units(sizes, trainings, is_drawn=not self.exact)

    def _tuning(self, size: float) -> float:
        """About what a search for the best ridge takes: calls with a few ridges and all draws."""
        return self._units([size] * 5, 10)

    def _schedule(self, size: float, rounds: float = 3.0) -> float:
        """About what the prediction of one schedule takes."""
        return self._units([size], _ROUNDS[self.exact] * (rounds / 3.0) ** 3)

    def _shared(self, stage: str) -> dict[str, Any]:
        """Options of all predictions, which are counted as a stage."""
        own = {"retrain_ridge": self.retrain_ridge, "loss": self.judged.loss}
        return {**self.options, **own, "progress": self.shown.part(stage)}

    def _ridges(self) -> list[float]:
        return sorted({*self.strengths, *(self._grid() if self.tune else ())})

    def _look(self, sizes: list[int], stage: str = "sizes") -> None:
        """Predicts all rules, stages and ridges of the sizes."""
        ridges = self._ridges()
        with warnings.catch_warnings():
            # What has no value, beyond a path of the lasso or not solved, is no choice.
            warnings.simplefilter("ignore", UserWarning)
            table = predict(
                self.problem,
                self.n,
                sorted({self.s, *sizes}) if not self.tables else sizes or [self.s],
                [self.s],
                rules=self.rules,
                retrain="retrained" in self.stages,
                ridge=ridges,
                draws=self.few_draws,
                **self._shared(stage),
            )
        self.tables.append(table)
        for stage in self.stages:
            one = table.sel(nonzeros=self.s).transpose("rule", "size", "ridge", ...)
            risks, errors = self.judged.values(one, stage)
            for r, rule in enumerate(self.rules):
                for k in sizes:
                    at = r, one.indexes["size"].get_loc(k)
                    for i, tuned in self._kinds(ridges, risks[at]):
                        risk, error = float(risks[at][i]), float(errors[at][i])
                        if not math.isnan(risk):
                            self._add(
                                Choice(stage, k, rule, ridges[i], tuned, (self.s,), risk, error)
                            )

    def _kinds(self, ridges: list[float], risks: Any) -> list[tuple[int, bool]]:
        """Positions of the ridges that count: those asked for, and the best."""
        found = [(ridges.index(r), False) for r in self.strengths]
        if not self.tune or np.isnan(risks).all():
            return found
        return [*found, (int(np.nanargmin(risks)), True)]

    def _grid(self) -> list[float]:
        """Coarse ridges for all sizes: `refine` finds the best."""
        few, all_ = (
            natural_bounds(self.judged.restrict(k).regression, self.n)
            for k in (self.s, self.problem.p)
        )
        both = Interval(
            low=min(few.low, all_.low),
            high=max(few.high, all_.high),
            least=min(few.least, all_.least),
            largest=max(few.largest, all_.largest),
        )
        if self.judged.of_labels:
            both = both.inner()
        none = [] if self.judged.needs_ridge(self.n, self.problem.p) else [0.0]
        return [*none, *both.grid(1 if self.few_sizes else 2)]

    def _add(self, choice: Choice) -> None:
        self.choices[key_of(choice)] = choice

    def refine(self) -> None:
        """The winners with their best ridges and all draws, and so those that win instead, a few
        times.

        What would win by the luck of few draws even after that is left out.
        """
        done: set[Choice] = set()
        passes = 0
        while waiting := [c for c in self._winners() if c not in done]:
            passes += 1
            left = sum(self._tuning(choice.size) for choice in waiting if choice.tuned)
            self.shown.expect("best", left * (2 if passes == 1 else 1))  # others may win instead
            for choice in waiting:
                if passes <= _REFINEMENTS:
                    done.add(self._refined(choice))
                else:
                    del self.choices[key_of(choice)]

    def _refined(self, choice: Choice) -> Choice:
        draws: int | str = self.draws or "auto"
        if choice.tuned:
            tuned = tune_ridge(
                self.problem,
                self.n,
                choice.size,
                self.s,
                minimise=choice.stage,
                rule=choice.rule,
                retrain_ridge=self.retrain_ridge,
                loss=self.judged.loss,
                draws=draws,
                **self.options,
            )
            self.shown.count("best", self._tuning(choice.size))
            better = replace(choice, ridge=tuned.ridge, risk=tuned.risk, stderr=tuned.stderr)
        elif self.exact:
            return choice
        else:
            table = predict(
                self.problem,
                self.n,
                [choice.size],
                [self.s],
                rules=(choice.rule,),
                ridge=choice.ridge,
                draws=draws,
                **self._shared("again"),
            )
            risk, error = (found.item() for found in self.judged.values(table, choice.stage))
            better = replace(choice, risk=risk, stderr=error)
        self._add(better)
        return better

    def try_schedules(self) -> None:
        """Two and four rounds from the best choices that retrain."""
        once = [
            c
            for c in self.choices.values()
            if c.stage == "retrained" and not check.TRAITS[c.rule].trains_itself
        ]
        top = max((c.size for c in once), default=0)
        groups = [
            [c for c in pool if (c.rule, c.tuned) == kind]
            for pool in (
                [c for c in self._winners() if c in once],
                [c for c in once if c.size == top],
            )
            for kind in dict.fromkeys((c.rule, c.tuned) for c in pool)
        ]
        starts = dict.fromkeys(found for group in groups if (found := least(group)) is not None)
        if not self.exact:  # a round takes long where the coefficients are drawn
            starts = dict.fromkeys(c for c in [least(starts)] if c is not None)
        for start in starts:
            for schedule in _schedules(start.size, self.n, self.s):
                try:
                    table = predict_schedule(
                        self.problem,
                        self.n,
                        start.size,
                        schedule,
                        rules=(start.rule,),
                        ridge=start.ridge,
                        retrain_ridge=self.retrain_ridge,
                        **self.options,
                    )
                except NotImplementedError:
                    return
                self.shown.count("rounds", self._schedule(start.size, len(schedule)))
                risk = table.retrained_risk.values[0, -1].item()
                error = table.retrained_risk_stderr.values[0, -1].item()
                self._add(replace(start, schedule=tuple(schedule), risk=risk, stderr=error))

    def direct(self, judged: Judged) -> list[Choice]:
        """Training the first s features of a problem."""
        found = []
        if self.strengths:
            table = predict(
                judged.problem,
                self.n,
                [self.s],
                [self.s],
                retrain=False,
                ridge=list(self.strengths),
                loss=judged.loss,
            )
            risks, _ = judged.values(table, "dense")
            for ridge, risk in zip(self.strengths, risks.ravel().tolist(), strict=True):
                found.append(Choice("direct", self.s, "", ridge, False, (), risk))
        if self.tune:
            tuned = tune_ridge(judged.problem, self.n, self.s, loss=judged.loss)
            found.append(Choice("direct", self.s, "", tuned.ridge, True, (), tuned.risk))
        return found

    def table(self) -> xr.Dataset:
        """The scans' risks with the first ridge, by size."""
        import xarray as xr

        ridge = 0.0 if 0.0 in self.tables[0].ridge.values else self.tables[0].ridge.values[0]
        parts = [t.sel(ridge=ridge, drop=True) for t in self.tables]
        table = xr.concat(parts, "size", combine_attrs="override", join="outer").sortby("size")
        table = table.isel(size=np.unique(table["size"].values, return_index=True)[1])
        return table.assign_attrs(sizes=table["size"].values.tolist(), ridge=float(ridge))


def _schedules(size: int, n: int, s: int) -> list[list[int]]:
    """Rounds that end with s, at even steps of the logarithm from below the peak at n."""
    top = min(size, 0.9 * n)
    found: list[list[int]] = []
    if top < _WORTHWHILE * s:
        return found
    for shares in ((0.5,), (0.75,), (0.75, 0.5, 0.25)):
        steps = [round(s * (top / s) ** share) for share in shares]
        rounds = sorted({k for k in steps if s < k < min(size, n)}, reverse=True)
        if len(rounds) == len(shares):
            found.append([*rounds, s])
    return found
