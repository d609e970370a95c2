"""Phase diagrams: where training large and pruning beats training s features directly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _validation as check
from .._provenance import describe
from .._validation import FloatArray
from .._version import __version__
from ..losses import Loss, as_loss
from ..problems.problem import Problem
from ..problems.spectrum import Spectrum
from .phase_points import PhaseOptions, PhasePoint, best_of, no_risks, study
from .predict import number_of_draws

if TYPE_CHECKING:
    import xarray as xr

Axis = tuple[str, Sequence[float] | FloatArray]

_RUN = ("n", "n_over_p", "nonzeros", "nonzeros_over_p")
_LONG_NAMES = {
    "risk": "least test risk of training more than s features and pruning to s",
    "direct_risk": "test risk of training the first s features",
    "oracle_risk": "test risk of training the best s features, which knows the truth",
    "ratio": "risk over direct risk",
    "size": "best size",
    "rule": "best rule",
    "stage": "best stage",
    "ridge": "best ridge",
}


def phase(
    problem: Problem | Spectrum | Callable[..., Problem | Spectrum],
    x: Axis,
    y: Axis,
    *,
    n: float | None = None,
    nonzeros: float | None = None,
    sizes: int | Sequence[float] = 40,
    rules: Sequence[str] = ("magnitude", "hessian"),
    retrain: bool = True,
    ridge: float | Sequence[float] = 0.0,
    retrain_ridge: float = 0.0,
    loss: str | Loss = "square",
    draws: int | str = 64,
    seed: int = 0,
    workers: int | None = None,
) -> xr.Dataset:
    """Compare training large and pruning with training s features directly, over a plane.

    At every point: ``risk``, the least predicted risk over sizes k > s, rules, stages and ridges;
    and the risk of training the first s features. `plot.phase` draws the ratio of the two.

    Parameters
    ----------
    problem : problem, Spectrum or callable
        One problem where both axes are of the run; otherwise a function of the axes that are not,
        called as ``problem(name=value)``, that returns a problem.
    x, y : (str, sequence of float)
        Name and strictly increasing values of the axes. The names "n", "nonzeros", "n_over_p" and
        "nonzeros_over_p" are of the run (ratios to p are rounded to whole samples and features, at
        least 1, but for a Spectrum); any other is a parameter of `problem`.
    n : int or float, optional
        Samples, where no axis says; at least 1, for a Spectrum above 0.
    nonzeros : int or float, optional
        Features that are kept, s, where no axis says; in [1, p].
    sizes : int or sequence, default 40
        Dense models to prune: how many between s and p, evenly spaced by their square roots; or the
        sizes, of which those above s count. p is always among them.
    rules : sequence of str, default ("magnitude", "hessian")
        Pruning rules, as in `importance`.
    retrain : bool, default True
        Whether the pruned model may be trained again.
    ridge : float or sequence of float, default 0.0
        Of the first training and of training directly, at least 0; of several the best at each
        point, for each of the two by itself.
    retrain_ridge : float, default 0.0
        Of the second training, at least 0.
    loss : {"square", "logistic", "hinge"} or Loss, default "square"
        Of all trainings; all but "square" need labels -1 and 1, and mostly a ridge.
    draws, seed : optional
        As in `predict`, where a problem has correlated features or several targets.
    workers : int, optional
        Threads, at least 1; by default one per core that this process may use. Does not change the
        result.

    Returns
    -------
    xarray.Dataset
        With the dimensions (y, x), which have the names of the axes: risk, direct_risk, oracle_risk
        (training the s features of largest ``lam beta**2``, which knows the truth), ratio = risk /
        direct_risk; and size, rule, stage and ridge of the best choice. NaN and empty where no size
        is above s. Of classifiers the risks are errors, which the attribute quantity says.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, an axis is missing or there are two of
        it, or the loss needs labels that a problem lacks, as every Spectrum does.
    KeyboardInterrupt
        Within a second of Ctrl-C.

    References
    ----------
    docs/theory.md, sections 3 to 6, 9 and 11.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> beta, variances = np.full(300, 300**-0.5), op.spectra.spiked(300, 30, 25.0)
    >>> problem = op.LinearGaussianProblem(beta, variances, 0.3)
    >>> table = op.phase(problem, x=("n_over_p", [0.2, 0.8]), y=("nonzeros_over_p", [0.1, 0.3]))
    >>> dict(table.ratio.sizes)
    {'nonzeros_over_p': 2, 'n_over_p': 2}
    >>> def family(noise_std, spike):
    ...     variances = op.spectra.spiked(100, 10, spike)
    ...     return op.LinearGaussianProblem([0.1] * 100, variances, noise_std)
    >>> axes = ("noise_std", [0.1, 0.5]), ("spike", [4.0, 25.0])
    >>> table = op.phase(family, *axes, n=30, nonzeros=10)
    >>> table.rule.values.shape
    (2, 2)
    """
    axes = {"x": _axis(x, "x"), "y": _axis(y, "y")}
    _check_axes(problem, {side: name for side, (name, _) in axes.items()}, n, nonzeros)
    count, listed = _sizes(sizes)
    options = PhaseOptions(
        rules=check.cutting_rules(rules, "a phase diagram"),
        retrain=check.flag(retrain, "retrain"),
        ridges=_ridges(ridge),
        retrain_ridge=check.nonnegative(retrain_ridge, "retrain_ridge"),
        loss=as_loss(loss),
        draws=number_of_draws(draws) or "auto",
        seed=check.seed(seed),
        workers=check.workers(workers),
    )
    fixed = {name: value for name, value in (("n", n), ("nonzeros", nonzeros)) if value is not None}
    (x_name, x_values), (y_name, y_values) = axes["x"], axes["y"]
    shape = (len(y_values), len(x_values))
    found = no_risks(shape[0] * shape[1], options)
    scales = np.zeros((3, *shape))  # n, nonzeros, p
    for row in _rows(problem, axes):
        points = []
        for at, model, place in row:
            point = _point(at, model, {**fixed, **place}, count, listed)
            scales[:, at // shape[1], at % shape[1]] = point.n, point.s, model.p
            points.append(point)
        study(points, options, found)
    variables = best_of(found, options, shape)
    dims = (y_name, x_name)
    table: dict[str, Any] = {
        name: (dims, v, {"long_name": _LONG_NAMES[name]}) for name, v in variables.items()
    }
    coordinates: dict[str, Any] = {
        x_name: (x_name, np.array(x_values)),
        y_name: (y_name, np.array(y_values)),
    }
    for name, values in zip(("n", "nonzeros", "p"), scales, strict=True):
        if name not in coordinates:
            coordinates[name] = (dims, values)
    attributes: dict[str, Any] = {
        "kind": "phase",
        "overprune_version": __version__,
        "rules": ",".join(options.rules),
        "retrain": int(options.retrain),
        "ridge": list(options.ridges),
        "retrain_ridge": options.retrain_ridge,
        "loss": options.loss.label,
        "quantity": found.quantity,
        "sizes": count if listed is None else list(listed),
        "draws": options.draws,
        "seed": str(options.seed),
    }
    if not callable(problem):
        attributes |= describe(problem, options.seed)
    import xarray as xr

    return xr.Dataset(table, coordinates, attributes)


def spread_sizes(s: float, p: float, count: int, *, whole: bool = True) -> list[float]:
    """At most `count` sizes above s, p among them, evenly spaced by their square roots."""
    values = np.linspace(math.sqrt(s), math.sqrt(p), count + 1)[1:] ** 2
    values[-1] = p
    if whole:
        values = np.unique(np.round(values))
    return [float(v) for v in values if s < v <= p]


def _axis(value: Any, side: str) -> tuple[str, list[float]]:
    if not isinstance(value, (tuple, list)) or len(value) != 2 or not isinstance(value[0], str):
        raise TypeError(f"{side} must be a pair of a name and values, got {check.shown(value)}")
    name, values = value
    if not name.isidentifier():
        raise ValueError(f"{side} must have a name that Python can have, got {name!r}")
    array = check.float_array(values, side, ndim=1)
    if np.any(np.diff(array) <= 0):
        raise ValueError(f"{side} must have strictly increasing values, got {array.tolist()}")
    return name, array.tolist()


def _check_axes(problem: Any, names: Mapping[str, str], n: Any, nonzeros: Any) -> None:
    if names["x"] == names["y"]:
        raise ValueError(f"y must differ from x, got {names['y']!r} twice")
    for kind, value in (("n", n), ("nonzeros", nonzeros)):
        given = [side for side, name in names.items() if name in (kind, f"{kind}_over_p")]
        if len(given) == 2:
            raise ValueError(
                f"x and y must not both give {kind}, got {names['x']!r} and {names['y']!r}"
            )
        if given and value is not None:
            raise ValueError(
                f"{kind} must not be given where {given[0]} is {names[given[0]]!r}, "
                f"got {check.shown(value)}"
            )
        if not given and value is None:
            raise ValueError(
                f"{kind} must be given where neither x nor y is {kind} or {kind}_over_p, got None"
            )
    own = [f"{side} = {name!r}" for side, name in names.items() if name not in _RUN]
    if own and not callable(problem):
        raise TypeError(
            f"problem must be a function of {', '.join(own)}, got {type(problem).__name__}"
        )
    if not own and not isinstance(problem, (Problem, Spectrum)):
        raise TypeError(
            f"problem must be a problem where x and y are {names['x']!r} and {names['y']!r}, "
            f"got {type(problem).__name__}"
        )


def _sizes(value: Any) -> tuple[int, tuple[float, ...] | None]:
    if check.is_sequence(value):
        return 0, tuple(check.increasing_reals(value, "sizes"))
    return check.integer(value, "sizes", lowest=1, highest=10**6), None


def _ridges(value: Any) -> tuple[float, ...]:
    values = list(value) if check.is_sequence(value) else [value]
    if not values:
        raise ValueError("ridge must not be empty")
    return tuple(sorted({check.nonnegative(v, "ridge") for v in values}))


def _rows(
    problem: Any, axes: Mapping[str, tuple[str, list[float]]]
) -> Iterator[list[tuple[int, Problem | Spectrum, dict[str, float]]]]:
    """Row by row, which bounds the memory that the problems take: number, problem and place of each
    point."""
    (x_name, x_values), (y_name, y_values) = axes["x"], axes["y"]
    made: dict[tuple[float, ...], Problem | Spectrum] = {}
    for j, at_y in enumerate(y_values):
        row = []
        if y_name not in _RUN:
            made.clear()
        for i, at_x in enumerate(x_values):
            place = {x_name: at_x, y_name: at_y}
            own = {name: value for name, value in place.items() if name not in _RUN}
            if own:
                key = tuple(own.values())
                if key not in made:
                    made[key] = _made(problem, own)
                model = made[key]
            else:
                model = problem
            row.append(
                (j * len(x_values) + i, model, {k: v for k, v in place.items() if k in _RUN})
            )
        yield row


def _made(family: Callable[..., Any], own: dict[str, float]) -> Problem | Spectrum:
    model = family(**own)
    if not isinstance(model, (Problem, Spectrum)):
        call = ", ".join(f"{name}={check.shown(value)}" for name, value in own.items())
        raise TypeError(
            f"problem must return a problem, got {type(model).__name__} from problem({call})"
        )
    return model


def _point(
    at: int,
    model: Problem | Spectrum,
    place: Mapping[str, float],
    count: int,
    listed: tuple[float, ...] | None,
) -> PhasePoint:
    whole, p = not isinstance(model, Spectrum), float(model.p)

    def number(kind: str, highest: float) -> float:
        if f"{kind}_over_p" in place:
            value = check.positive(place[f"{kind}_over_p"], f"{kind}_over_p") * p
            value = max(1.0, round(value)) if whole else value
        else:
            value = check.positive(place[kind], kind)
            if whole and value != round(value):
                raise ValueError(f"{kind} must be an integer, got {value}")
        if value > highest * (1 + 1e-12):
            raise ValueError(f"{kind} must be at most p = {model.p}, got {value:g}")
        return float(value)

    n, s = number("n", math.inf), number("nonzeros", p)
    if listed is None:
        sizes = spread_sizes(s, p, count, whole=whole)
    else:
        if whole and any(k != round(k) for k in listed):
            raise ValueError(f"sizes must be integers, got {list(listed)}")
        sizes = sorted({*(k for k in listed if s < k < p), *([p] if s < p else [])})
    return PhasePoint(at, model, n, s, tuple(sizes))
