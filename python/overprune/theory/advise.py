"""Which way to a model of s features has the least predicted risk?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validation as check
from ..fits.pruning import top_k
from ..problems.problem import LinearGaussianProblem, Problem, as_problem
from .advice import Advice, Choice, decisions, least
from .phase import spread_sizes
from .predict import grouped, linear_gaussian, number_of_draws, predict
from .schedule import predict_schedule
from .tune import Interval, natural_bounds, tune_ridge

if TYPE_CHECKING:
    import xarray as xr

_SIZES, _SIZES_DRAWN = 24, 9  # of the first scan
_FINER = 6  # sizes between the neighbours of the best, in each further scan
_REFINEMENTS = 5
_WORTHWHILE = 1.2  # ratio of sizes below which nothing is pruned in rounds
_NEAR_N = 0.02  # sizes this close to n, relatively, are left out: the risk diverges there


def advise(
    problem: Problem,
    n: int,
    nonzeros: int,
    *,
    sizes: Sequence[int] | None = None,
    rules: Sequence[str] = ("magnitude", "hessian"),
    retrain: bool = True,
    ridge: str | float | Sequence[str | float] = ("none", "tuned"),
    retrain_ridge: float = 0.0,
    schedules: bool = True,
    draws: int | str = 64,
    rtol: float = 0.005,
    seed: int = 0,
    workers: int | None = None,
) -> Advice:
    """Find the way to a model of s features with the least predicted risk, and what each decision
    costs.

    Compares training s features directly with training k > s of them, pruning to s and perhaps
    training again, at once or in rounds, over sizes, rules and ridges: by theory alone, without any
    data.

    Parameters
    ----------
    problem : LinearGaussianProblem, RandomFeatureProblem or DataProblem
    n : int
        Samples, at least 1.
    nonzeros : int
        Features to keep, s, in [1, p].
    sizes : sequence of int, optional
        Strictly increasing in [1, p]: the sizes k to try, of which those above s count. By default
        some between s and p, and more around the best of them.
    rules : sequence of str, default ("magnitude", "hessian")
        Pruning rules, as in `importance`. The rule oracle is listed, but not recommended.
    retrain : bool, default True
        Whether the pruned model may be trained again.
    ridge : "none", "tuned", float or sequence of them, default ("none", "tuned")
        Ridges of the first training to try: none, the best (as by `tune_ridge`, for each choice),
        or given ones of at least 0.
    retrain_ridge : float, default 0.0
        Of every later training, at least 0.
    schedules : bool, default True
        Whether to try pruning in two and four rounds; only with retrain, and for nonzeros < n.
    draws, rtol, seed : optional
        As in `predict`, for correlated features or several targets: the best choices take that many
        draws, the others a quarter of them.
    workers : int, optional
        Threads, at least 1; by default one per core that this process may use. Does not change the
        result.

    Returns
    -------
    Advice
        With best, direct, direct_best, choices, costs and table; `print` shows it in words.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.
    KeyboardInterrupt
        Within a second of Ctrl-C.

    References
    ----------
    docs/theory.md, sections 3 to 6, 8 and 9.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> variances = op.spectra.spiked(1500, 150, 25.0)
    >>> problem = op.LinearGaussianProblem(np.full(1500, 1500**-0.5), variances, noise_std=0.3)
    >>> advice = op.advise(problem, 450, 150, ridge="none")
    >>> print(advice.best)
    train 1500 features, prune to 150 by hessian, do not retrain
    >>> print(f"{advice.best.risk:.3f}, directly {advice.direct.risk:.3f}")
    1.344, directly 1.485
    """
    as_problem(problem)
    linear = linear_gaussian(problem)
    rows = check.integer(n, "n", lowest=1)
    s = check.integer(nonzeros, "nonzeros", lowest=1, highest=problem.p)
    given = None if sizes is None else check.increasing(sizes, "sizes", highest=problem.p)
    tune, strengths = _ridges(ridge)
    search = _Search(
        problem=linear,
        n=rows,
        s=s,
        rules=check.rules(rules),
        stages=("pruned", "retrained") if check.flag(retrain, "retrain") else ("pruned",),
        tune=tune,
        strengths=strengths,
        retrain_ridge=check.nonnegative(retrain_ridge, "retrain_ridge"),
        draws=number_of_draws(draws),
        options={
            "rtol": check.positive(rtol, "rtol"),
            "seed": check.seed(seed),
            "workers": check.workers(workers),
        },
    )
    in_rounds = check.flag(schedules, "schedules")
    search.scan(given)
    search.refine()
    if in_rounds and "retrained" in search.stages and s < rows:
        search.try_schedules()
    direct = search.direct(linear)
    kept = np.sort(top_k(linear._core.oracle_scores(linear.p), s))
    known = least(search.direct(linear.restrict(kept)))
    choices = sorted([*search.choices.values(), *direct], key=lambda c: (c.risk, c.simplicity()))
    honest = [c for c in choices if not c.knows_the_truth]
    best, straight = least(honest), least(direct)
    assert best is not None  # the direct ones are always there
    assert straight is not None
    assert known is not None
    return Advice(
        best=best,
        direct=straight,
        direct_best=known,
        choices=tuple(choices),
        costs=decisions(honest, best, linear.p),
        table=search.table(),
        n=rows,
        nonzeros=s,
        p=linear.p,
        null_risk=float(linear.null_risk),
        noise_floor=float(linear._core.noise_floor),
    )


def _ridges(value: Any) -> tuple[bool, tuple[float, ...]]:
    """Whether to tune, and the ridges to try besides."""
    items = list(value) if check.is_sequence(value) else [value]
    if not items:
        raise ValueError(
            'ridge must not be empty; allowed: "none", "tuned" and numbers of at least 0'
        )
    named = [v for v in items if isinstance(v, str)]
    for name in named:
        check.choice(name, "ridge", ("none", "tuned"))
    numbers = {check.nonnegative(v, "ridge") for v in items if not isinstance(v, str)}
    return "tuned" in named, tuple(sorted(numbers | ({0.0} if "none" in named else set())))


_Key = tuple[str, str, int, float, tuple[int, ...]]


def _key(choice: Choice) -> _Key:
    """What tells choices apart: a tuned ridge may change."""
    return (
        choice.stage,
        choice.rule,
        choice.size,
        -1.0 if choice.tuned else choice.ridge,
        choice.schedule,
    )


@dataclass
class _Search:
    problem: LinearGaussianProblem
    n: int
    s: int
    rules: tuple[str, ...]
    stages: tuple[str, ...]
    tune: bool
    strengths: tuple[float, ...]  # to try as they are
    retrain_ridge: float
    draws: int  # 0: as many as needed
    options: dict[str, Any]
    choices: dict[_Key, Choice] = field(default_factory=dict)
    tables: list[xr.Dataset] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return grouped(self.problem) is not None

    @property
    def few_draws(self) -> int:
        return max(8, self.draws // 4) if self.draws else 16

    def scan(self, given: list[int] | None) -> None:
        """All sizes; by default finer ones around the best of each rule and stage too."""
        p = self.problem.p
        if given is not None:
            self._look([k for k in given if k > self.s])
            return
        count = _SIZES if self.exact else _SIZES_DRAWN
        self._look([int(k) for k in spread_sizes(self.s, p, count) if k == p or self._calm(k)])
        for _ in range(2 if self.exact else 1):
            self._look(self._finer())

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

    def _look(self, sizes: list[int]) -> None:
        """Predicts all rules, stages and ridges of the sizes."""
        ridges = sorted({*self.strengths, *(self._grid() if self.tune else ())})
        table = predict(
            self.problem,
            self.n,
            sorted({self.s, *sizes}) if not self.tables else sizes or [self.s],
            [self.s],
            rules=self.rules,
            retrain="retrained" in self.stages,
            ridge=ridges,
            retrain_ridge=self.retrain_ridge,
            draws=self.few_draws,
            **self.options,
        )
        self.tables.append(table)
        for stage in self.stages:
            one = table.sel(nonzeros=self.s).transpose("rule", "size", "ridge", ...)
            risks = one[f"{stage}_risk"].values
            name = f"{stage}_risk_stderr"
            errors = one[name].values if name in one else np.zeros_like(risks)
            for r, rule in enumerate(self.rules):
                for k in sizes:
                    at = r, one.indexes["size"].get_loc(k)
                    for i, tuned in self._kinds(ridges, risks[at]):
                        risk, error = float(risks[at][i]), float(errors[at][i])
                        self._add(Choice(stage, k, rule, ridges[i], tuned, (self.s,), risk, error))

    def _kinds(self, ridges: list[float], risks: Any) -> list[tuple[int, bool]]:
        """Positions of the ridges that count: those asked for, and the best."""
        found = [(ridges.index(r), False) for r in self.strengths]
        return [*found, (int(np.argmin(risks)), True)] if self.tune else found

    def _grid(self) -> list[float]:
        """Coarse ridges for all sizes: `refine` finds the best."""
        few, all_ = (
            natural_bounds(self.problem.restrict(k), self.n) for k in (self.s, self.problem.p)
        )
        both = Interval(
            low=min(few.low, all_.low),
            high=max(few.high, all_.high),
            least=min(few.least, all_.least),
            largest=max(few.largest, all_.largest),
        )
        return [0.0, *both.grid(2 if self.exact else 1)]

    def _add(self, choice: Choice) -> None:
        self.choices[_key(choice)] = choice

    def refine(self) -> None:
        """The winners with their best ridges and all draws, and so those that win instead, a few
        times.

        What would win by the luck of few draws even after that is left out.
        """
        done: set[Choice] = set()
        passes = 0
        while waiting := [c for c in self._winners() if c not in done]:
            passes += 1
            for choice in waiting:
                if passes <= _REFINEMENTS:
                    done.add(self._refined(choice))
                else:
                    del self.choices[_key(choice)]

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
                draws=draws,
                **self.options,
            )
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
                retrain_ridge=self.retrain_ridge,
                draws=draws,
                **self.options,
            )
            risk, error = (table[f"{choice.stage}_risk{end}"].item() for end in ("", "_stderr"))
            better = replace(choice, risk=risk, stderr=error)
        self._add(better)
        return better

    def try_schedules(self) -> None:
        """Two and four rounds from the best choices that retrain."""
        once = [c for c in self.choices.values() if c.stage == "retrained"]
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
                risk = table.retrained_risk.values[0, -1].item()
                error = table.retrained_risk_stderr.values[0, -1].item()
                self._add(replace(start, schedule=tuple(schedule), risk=risk, stderr=error))

    def direct(self, problem: LinearGaussianProblem) -> list[Choice]:
        """Training the first s features of a problem."""
        found = []
        if self.strengths:
            table = predict(
                problem, self.n, [self.s], [self.s], retrain=False, ridge=list(self.strengths)
            )
            for ridge, risk in zip(
                self.strengths, table.dense_risk.values.ravel().tolist(), strict=True
            ):
                found.append(Choice("direct", self.s, "", ridge, False, (), risk))
        if self.tune:
            tuned = tune_ridge(problem, self.n, self.s)
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
