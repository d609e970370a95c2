"""Where the best ridge may be, and the search for it among the values of any function of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .._validation import FloatArray
from ..problems.problem import LinearGaussianProblem

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

Found = dict[float, tuple[float, float]]  # ridge -> risk, standard error


class Interval(NamedTuple):
    """Where ridges are tried: a grid from low to high, then on to least and largest."""

    low: float
    high: float
    least: float
    largest: float

    def inner(self) -> Interval:
        """The grid alone, beyond which equations of classifiers are hard to solve."""
        return Interval(self.low, self.high, self.low, self.high)

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


def is_at_bound(found: Found, ridge: float) -> bool:
    """Whether an end of the ridges tried does as well as the best, and no other limit does."""
    risk = found[ridge][0]
    enough = _FLAT * abs(risk)
    at_low = found[sorted(found)[1]][0] - risk <= enough and found[0.0][0] - risk > enough
    return ridge > 0.0 and (at_low or found[max(found)][0] - risk <= enough)
