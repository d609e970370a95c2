"""The ridge of the first training that minimises a predicted risk."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .. import _core
from .. import _validation as check
from .._table import STAGES
from .._validation import FloatArray
from ..problems.problem import LinearGaussianProblem, Problem, as_problem
from .predict import grouped, linear_gaussian, number_of_draws, predict

_STAGES = tuple(stage for stage in STAGES if stage != "compensated")

_PER_DECADE = 3  # of the grid that finds the bracket
# beyond it, of risks that are exact or have sampling errors
_PER_DECADE_OUTSIDE = {
    True: 3,
    False: 1,
}
_MOST_OUTSIDE = (
    120  # ridges on either side of the grid, which are further apart where that is not enough
)
_STRETCH, _STRETCHES = 1e3, 12  # by which the interval is widened, and how often
_INSIDE = 3  # ridges tried at once on either side of the best
_NARROW = 1e-4  # relative width of the last bracket: the risk is flat there, to 1e-8
_NARROW_DRAWN = 0.03  # the same for risks with sampling errors
_EQUAL = 1e-12  # relative: among risks as close as this the smaller ridge is taken
_TINY, _HUGE = 1e-290, 1e290  # scales of spectra
_FLAT = 1e-6  # relative: risks as close as this are equally good
_STEEP = (
    1e-4  # relative: change towards an end of the interval that leads beyond it, though no better
)


@dataclass(frozen=True)
class TunedRidge:
    """The ridge that `tune_ridge` found, and what it is worth.

    Attributes
    ----------
    ridge : float
        Of the first training; 0 where no ridge lowers the risk.
    risk : float
        Predicted risk with it, of the stage that was minimised.
    risk_without_ridge : float
        The same without ridge; infinite where size == n.
    stderr, stderr_without_ridge : float
        Their standard errors: 0 where they are exact.
    at_bound : bool
        Whether the largest ridge tried does equally well, so that an infinite one may be best; or
        the smallest one above 0, better than 0, so that one between them may be best.
    minimise, rule, size, nonzeros, n
        What was asked for; rule and nonzeros are None for the dense risk.
    tried : dict
        All ridges that were tried and their risks, by rising ridge.
    """

    ridge: float
    risk: float
    risk_without_ridge: float
    stderr: float
    stderr_without_ridge: float
    at_bound: bool
    minimise: str
    rule: str | None
    size: int
    nonzeros: int | None
    n: int
    tried: dict[float, float] = field(repr=False)


def tune_ridge(
    problem: Problem,
    n: int,
    size: int,
    nonzeros: int | None = None,
    *,
    minimise: str = "dense",
    rule: str = "magnitude",
    retrain_ridge: float = 0.0,
    bounds: tuple[float, float] | None = None,
    draws: int | str = 64,
    rtol: float = 0.005,
    seed: int = 0,
    workers: int | None = None,
) -> TunedRidge:
    """Find the ridge of the first training that minimises a dense, pruned or retrained risk.

    Ridge 0, the minimum-norm limit, is among the candidates. The others form a grid of three a
    decade, refined between the neighbours of its best point, and of other points of it that are
    better than both neighbours where a better ridge may lie beside them; a negative ridge, which
    may be better still, is not considered. For the dense risk of features of equal variance lam and
    coefficients beta_i the answer is

        ridge* = (noise_std**2 + sum_{i >= size} lam beta_i**2) size / (n sum_{i < size} beta_i**2).

    Parameters
    ----------
    problem : LinearGaussianProblem, RandomFeatureProblem or DataProblem
    n : int
        Samples, at least 1.
    size : int
        Features that are trained, the first ones, in [1, p].
    nonzeros : int, optional
        Features that are kept, in [1, size]; needed unless the dense risk is minimised, not read
        otherwise.
    minimise : {"dense", "pruned", "retrained"}, default "dense"
        Whose risk. For "retrained" a large ridge is often best: it selects features by their
        correlation with the target.
    rule : str, default "magnitude"
        A pruning rule, as in `importance`.
    retrain_ridge : float, default 0.0
        Of the second training, at least 0; stays as it is.
    bounds : (float, float), optional
        Least and largest positive ridge to try, ``0 < least < largest``; by default a wide interval
        around the ridge* of features of equal variance with this problem's noise and signal, and
        around the least and the largest variance, widened by up to 36 decades while the best ridge
        lies at its end.
    draws, rtol, seed, workers : optional
        As in `predict`, for correlated features or several targets. All ridges share their draws,
        so that their risks differ by far less than the standard errors.

    Returns
    -------
    TunedRidge
        With the attributes ridge, risk, risk_without_ridge, stderr, stderr_without_ridge, at_bound,
        tried.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, or nonzeros is missing.
    KeyboardInterrupt
        As in `predict`.

    References
    ----------
    Dobriban, Wager (2018) for the isotropic optimum; docs/theory.md, sections 3 to 6, for the
    risks.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem(np.full(600, 600**-0.5), np.ones(600), noise_std=0.5)
    >>> tuned = op.tune_ridge(problem, 300, 600)
    >>> print(f"{tuned.ridge:.4f} {tuned.risk:.4f} {tuned.risk_without_ridge:.4f}")
    0.5000 0.8904 1.0000
    >>> tuned = op.tune_ridge(problem, 300, 600, 100, minimise="pruned")
    >>> print(f"{tuned.risk:.4f} {tuned.risk_without_ridge:.4f}")
    1.1117 1.1996
    """
    as_problem(problem)
    rows = check.integer(n, "n", lowest=1)
    features = check.integer(size, "size", lowest=1, highest=problem.p)
    stage = check.choice(minimise, "minimise", _STAGES)
    if nonzeros is None and stage != "dense":
        raise ValueError(f"nonzeros must be given to minimise the {stage} risk, got None")
    kept = nonzeros
    if kept is not None:
        kept = check.integer(kept, "nonzeros", lowest=1, highest=features)
    kind = check.choice(rule, "rule", check.RULES)
    second = check.nonnegative(retrain_ridge, "retrain_ridge")
    given = None if bounds is None else _bounds(bounds)
    options: dict[str, Any] = {
        "draws": number_of_draws(draws) or "auto",
        "rtol": check.positive(rtol, "rtol"),
        "seed": check.seed(seed),
        "workers": check.workers(workers),
    }
    linear = linear_gaussian(problem)
    part = linear.restrict(features)
    if stage == "dense" and grouped(linear) is None:
        linear = LinearGaussianProblem._of_core(_core.dense_equivalent(part._core))
    interval = (
        natural_bounds(part, rows, linear if stage == "dense" else part) if given is None else given
    )

    def evaluate(ridges: Sequence[float]) -> tuple[FloatArray, FloatArray]:
        dense = stage == "dense"
        table = predict(
            linear,
            rows,
            [features],
            [features if dense else kept or features],
            rules=(kind,),
            retrain=stage == "retrained",
            ridge=list(ridges),
            retrain_ridge=second,
            **options,
        )
        risks = np.nan_to_num(table[f"{stage}_risk"].values.reshape(-1), nan=np.inf, posinf=np.inf)
        errors = table.get(f"{stage}_risk_stderr")
        return risks, np.zeros_like(risks) if errors is None else errors.values.reshape(-1)

    exact = grouped(linear) is not None or kind == "oracle"
    found = minimise_over_ridges(evaluate, interval, exact=exact, widen=given is None)
    ridge = best_ridge(found)
    return TunedRidge(
        ridge=ridge,
        risk=found[ridge][0],
        risk_without_ridge=found[0.0][0],
        stderr=found[ridge][1],
        stderr_without_ridge=found[0.0][1],
        at_bound=_is_at_bound(found, ridge),
        minimise=stage,
        rule=None if stage == "dense" else kind,
        size=features,
        nonzeros=None if stage == "dense" else kept,
        n=rows,
        tried={r: found[r][0] for r in sorted(found)},
    )


Found = dict[float, tuple[float, float]]  # ridge -> risk, standard error


class Interval(NamedTuple):
    """Where ridges are tried: a grid from low to high, then on to least and largest."""

    low: float
    high: float
    least: float
    largest: float

    def grid(self, per_decade: int = _PER_DECADE) -> list[float]:
        """Ascending, evenly spaced by their logarithms."""
        count = max(3, math.ceil(math.log10(self.high / self.low) * per_decade) + 1)
        inner = [float(r) for r in np.geomspace(self.low, self.high, count)]
        below = _beyond(self.low, self.least, per_decade)
        return [*below[::-1], *inner, *_beyond(self.high, self.largest, per_decade)]


def natural_bounds(
    problem: LinearGaussianProblem, n: int, spectrum: LinearGaussianProblem | None = None
) -> Interval:
    """An interval that holds the best ridge unless it is 0 or infinite.

    Its scales are the mean eigenvalue and ``noise tr(Sigma) / (n signal)``, the best ridge of an
    isotropic problem with the same noise and signal; and where variances are uneven the least and
    the largest of `spectrum`, the problem itself unless its eigenbasis is known.
    """
    variances = (spectrum or problem)._core.variances
    with np.errstate(over="ignore"):
        mean = float(np.mean(problem._core.variances))
    if mean == 0.0:
        return Interval(1e-3, 1e3, 1e-3, 1e3)  # without variance no ridge does anything
    mean = min(max(mean, _TINY), _HUGE)  # far from 1, too, the scales are above 0 and finite
    noise = problem._core.noise_floor
    signal = max(problem.null_risk - noise, 0.0)
    best = noise / signal * mean * problem.p / n if signal > 0.0 else math.inf
    best = min(max(best, 1e-6 * mean), 1e6 * mean)
    low, high = 1e-4 * min(best, mean), 1e4 * max(best, mean)
    least = 1e-3 * float(variances[variances > 0.0].min(initial=mean))
    if least < low:  # near size == n a smaller ridge does as much
        least *= max(abs(1.0 - problem.p / n), 1e-2)
    return Interval(
        low, high, min(low, max(least, _TINY)), max(high, min(10.0 * float(variances.max()), _HUGE))
    )


def _beyond(end: float, limit: float, per_decade: int) -> list[float]:
    """Ridges from an end of the grid, which is left out, on to a limit."""
    decades = abs(math.log10(limit) - math.log10(end))
    count = min(math.ceil(decades * per_decade), _MOST_OUTSIDE)
    return [float(r) for r in np.geomspace(end, limit, count + 1)[1:]]


def minimise_over_ridges(
    evaluate: Callable[[Sequence[float]], tuple[FloatArray, FloatArray]],
    interval: Interval,
    *,
    exact: bool,
    widen: bool,
) -> Found:
    """All ridges tried: 0, a grid, what lies beyond an end that is best, and ever finer ones around
    the best.

    `evaluate` gives the risks of several ridges at once, which shares what does not depend on them.
    """
    found: Found = {}

    def look(ridges: Sequence[float]) -> None:
        risks, errors = evaluate(ridges)
        found.update(zip(ridges, zip(risks.tolist(), errors.tolist(), strict=True), strict=True))

    def refine(left: float, right: float) -> None:
        while True:
            ordered = sorted(r for r in found if left <= r <= right)
            best = min(ordered, key=lambda r: found[r][0])
            at = ordered.index(best)
            left, right = ordered[max(at - 1, 0)], ordered[min(at + 1, len(ordered) - 1)]
            narrow = _NARROW if exact else _NARROW_DRAWN
            if math.log(right / left) <= narrow or not math.isfinite(found[best][0]):
                return
            halves = [(left, best)] * (left < best) + [(best, right)] * (best < right)
            look([r for ends in halves for r in np.geomspace(*ends, _INSIDE + 2)[1:-1].tolist()])

    look([0.0, *interval.grid()])
    for _ in range(_STRETCHES if widen else 0):
        limit = _further(found)
        if limit is None:
            break
        end = min(sorted(found)[1], max(found), key=lambda r: abs(math.log(r) - math.log(limit)))
        look(_beyond(end, limit, _PER_DECADE_OUTSIDE[exact]))
    for left, right, floor in _basins(found):
        if floor <= min(found[r][0] for r in found if r > 0.0):
            refine(left, right)
    return found


def _further(found: Found) -> float | None:
    """Where to look on, as the best positive ridge is the last on its side; None if that is no use.

    Risks tend to that of ridge 0 on one side, and to some limit on the other.
    """
    ordered = sorted(found)[1:]
    best = min(ordered, key=lambda r: found[r][0])
    risk = found[best][0]
    if best == ordered[0] and found[0.0][0] != 0.0:
        gain = found[0.0][0] - risk
        if gain > _FLAT * abs(risk) or -gain > _STEEP * abs(risk):
            return best / _STRETCH if best > _TINY * _STRETCH else None
    elif best == ordered[-1] and found[ordered[-2]][0] - risk > _STEEP * abs(risk):
        return best * _STRETCH if best < _HUGE / _STRETCH else None
    return None


def _basins(found: Found) -> list[tuple[float, float, float]]:
    """The neighbours of the best positive ridge, then of others that are better than both
    neighbours.

    With each a risk that none between the neighbours is likely to be below: further down than the
    parabola through the three points.
    """
    ordered = sorted(found)[1:]
    risks = [found[r][0] for r in ordered]
    first = risks.index(min(risks))
    basins = []
    for i in sorted(range(len(ordered)), key=lambda i: (i != first, risks[i])):
        left, right = max(i - 1, 0), min(i + 1, len(ordered) - 1)
        floor = -math.inf
        if i != first:
            if not left < i < right:
                continue
            x, y = math.log(ordered[i] / ordered[left]), math.log(ordered[right] / ordered[i])
            a, b = risks[left] - risks[i], risks[right] - risks[i]
            if not min(a, b) > _EQUAL * abs(risks[i]):
                continue
            # The parabola has slope m and curvature 2 c here.
            c, m = (a / x + b / y) / (x + y), (b * x / y - a * y / x) / (x + y)
            floor = risks[i] - 2.0 * m * m / (4.0 * c)
        basins.append((ordered[left], ordered[right], floor))
    return basins


def best_ridge(found: Found) -> float:
    """The ridge of least risk; of ridges that do equally well, the smallest."""
    least = min(risk for risk, _ in found.values())
    # draws: below 0
    return min(r for r, (risk, _) in found.items() if risk <= least + abs(least) * _EQUAL)


def _is_at_bound(found: Found, ridge: float) -> bool:
    """Whether an end of the ridges tried does as well as the best, and no other limit does."""
    risk = found[ridge][0]
    enough = _FLAT * abs(risk)
    at_low = found[sorted(found)[1]][0] - risk <= enough and found[0.0][0] - risk > enough
    return ridge > 0.0 and (at_low or found[max(found)][0] - risk <= enough)


def _bounds(value: Any) -> Interval:
    if not check.is_sequence(value) or len(value) != 2:
        raise TypeError(f"bounds must be a pair of numbers, got {check.shown(value)}")
    low, high = (check.positive(v, f"bounds[{i}]") for i, v in enumerate(value))
    if low >= high:
        raise ValueError(f"bounds must be increasing, got {low} before {high}")
    return Interval(low, high, low, high)
