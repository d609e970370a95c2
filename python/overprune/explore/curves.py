"""What a state predicts: curves, reference lines, limits, and the answer in a sentence."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..experiments.answer import answer
from ..experiments.config import build_problem
from ..experiments.run import run
from ..plot.curves import Curve, Selection, collect, direct_training, main_quantity
from ..plot.panel import Limits, limits_of
from ..problems.classification import LinearClassificationProblem
from .state import State

if TYPE_CHECKING:
    import xarray as xr

# Of the height that the curves take, what a reference line may add: those further away are named in
# the legend alone.
_ROOM = 0.2


@dataclass(frozen=True)
class Picture:
    """Everything that the page draws for one state.

    `quantity` is risk, or of classifiers error, which then all others are. `direct` is that of the
    dense model at size s, `of_nothing` and `of_truth` are those of theta = 0 and of the true
    coefficients. `best` is the size and value of the best way to train large and prune, None where
    no size is above s. `seconds` is what it took.
    """

    state: State
    table: xr.Dataset
    curves: list[Curve]
    quantity: str
    of_nothing: float
    of_truth: float
    direct: float
    best: tuple[int, float] | None
    answer: str
    limits: Limits
    seconds: float

    def simulated_sizes(self, count: int = 16) -> list[int]:
        """Some of the sizes, evenly spread over the curves, with those of the answer."""
        sizes = self.state.sizes()
        even = {sizes[round(i * (len(sizes) - 1) / (count - 1))] for i in range(count)}
        needed = {self.state.nonzeros, *([self.best[0]] if self.best is not None else [])}
        return sorted(even | needed)


def picture(state: State) -> Picture:
    """Predicts a state, by the same call as `overprune predict` for the state's config."""
    began = time.perf_counter()
    experiment = state.experiment()
    problem = build_problem(experiment)
    table = run(experiment, simulate=False).tables["predict"]
    chosen = Selection.of(quantity=main_quantity([table]))
    curves = collect([table], chosen, "explore")
    direct = direct_training([table], chosen, curves)
    if isinstance(problem, LinearClassificationProblem):
        lines = 0.5, problem.bayes_error
    else:
        lines = float(problem.null_risk), state.noise_std**2
    text, best = answer({"predict": table}, state.nonzeros)
    return Picture(
        state=state,
        table=table,
        curves=curves,
        quantity=chosen.quantity,
        of_nothing=lines[0],
        of_truth=lines[1],
        direct=direct.get(state.nonzeros, math.nan),
        best=best,
        answer=text,
        limits=_limits(curves, direct, state.n, lines),
        seconds=time.perf_counter() - began,
    )


def measured(found: Picture, table: xr.Dataset) -> tuple[list[Curve], str]:
    """The curves of a simulation, and the answer with its values beside the predicted ones."""
    text, _ = answer({"predict": found.table, "simulate": table}, found.state.nonzeros)
    return collect([table], Selection.of(quantity=found.quantity), "explore"), text


def _limits(
    curves: Sequence[Curve], direct: dict[int, float], n: int, lines: tuple[float, float]
) -> Limits:
    """Those of `plot.risk`, with nothing's and the truth's where they are near: the height is for
    the curves."""
    limits = limits_of(curves, direct, [n], "risk", True)
    nothing, truth = lines
    room = (limits.high / limits.low) ** _ROOM
    high = 1.05 * nothing if limits.high < 1.05 * nothing < room * limits.high else limits.high
    low = truth / 1.05 if limits.low / room < truth / 1.05 < limits.low else limits.low
    return Limits(low, high, True)
