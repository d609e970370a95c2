"""What a run answers, in words: the best way to s nonzeros, and all values of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .. import _validation as check
from ..plot.curves import Curve, Selection, collect, main_quantity

if TYPE_CHECKING:
    import xarray as xr

    from ..problems.problem import Problem


def views(tables: dict[str, xr.Dataset]) -> list[tuple[str, dict[str, Any]]]:
    """A name and a choice of n and ridge for each figure: several where a table has them."""
    table = next(iter(tables.values()))
    found: list[tuple[str, dict[str, Any]]] = [("", {})]
    for dim in ("n", "ridge"):
        if dim in table.dims:
            values = table[dim].values.tolist()
            found = [
                (f"{name}-{dim}{v!r}", {**view, dim: v}) for name, view in found for v in values
            ]
    return found


@dataclass(frozen=True)
class _Option:
    """A way to s nonzeros: what it is called, and its curves, predicted and simulated.

    The curves are of risks, or of the errors of classifiers; `error` is told beside a risk.
    """

    stage: str
    rule: str | None
    size: int
    predicted: tuple[float, float] | None
    simulated: tuple[float, float] | None
    error: tuple[float, float] | None
    at_largest: float = math.nan
    out_of: int = 1  # how many sizes it is the best of

    @property
    def risk(self) -> float:
        found = self.predicted or self.simulated
        return found[0] if found is not None else math.nan

    @property
    def is_honest(self) -> bool:
        """Whether the rule scores by data alone, without the true coefficients."""
        return self.rule is None or not check.TRAITS[self.rule].needs_truth

    def figures(self) -> str:
        """The risk in words: predicted, with the simulated one beside it."""
        simulated = "" if self.simulated is None else _pm(self.simulated)
        if self.predicted is None:
            text = simulated
        else:
            text = f"{self.predicted[0]:.4g}" + (f" (simulated {simulated})" if simulated else "")
        return text if self.error is None else f"{text}, test error {self.error[0]:.3g}"

    def name(self) -> str:
        if self.rule is None:
            return f"train the {self.size} {'feature' if self.size == 1 else 'features'} directly"
        ends = {"retrained": "and retrain", "compensated": "and compensate"}
        end = ends.get(self.stage or "", "without retraining")
        if check.TRAITS[self.rule].trains_itself:
            return f"train k = {self.size} features by the {self.rule} {end}"
        knows = "" if self.is_honest else " (which knows the truth)"
        return f"train k = {self.size} features, prune by {self.rule}{knows} {end}"


def summary(
    tables: dict[str, xr.Dataset], statistic: str = "mean", problem: Problem | None = None
) -> str:
    """A short table for every s, and the answer in a sentence.

    A line has the best size above s for a rule and stage, its risk, and the risk at the largest
    size. Given the problem, a second sentence says what the best ridge makes of the answer, where
    the run has none and theory needs no draws.
    """
    parts = []
    for _, view in views(tables):
        first = next(iter(tables.values()))
        top = int(first["size"].values[-1])
        for s in first["nonzeros"].values.tolist():
            direct, options = _options(tables, view, s, statistic)
            head = ", ".join([f"s = {s}", *(f"{key} = {value!r}" for key, value in view.items())])
            text = _rows(head, top, direct, options, statistic)
            text += "\n" + _answer(s, direct, options, main_quantity(tables.values()))
            ridges = {"ridge", "retrain_ridge"} - set(first.dims)
            if problem is not None and [first.attrs[name] for name in ridges] == [0, 0]:
                text += _tuned(problem, view.get("n", first.attrs["n"]), s, direct, options)
            parts.append(text)
    return "\n\n".join(parts)


def _options(
    tables: dict[str, xr.Dataset], view: dict[str, Any], s: int, statistic: str
) -> tuple[_Option | None, list[_Option]]:
    quantity = main_quantity(tables.values())
    chosen = Selection.of(nonzeros=s, quantity=quantity, statistic=statistic, **view)
    curves = collect(list(tables.values()), chosen, "summary")
    errors: list[Curve] = []
    if any("dense_accuracy" in table for table in tables.values()):
        errors = collect(list(tables.values()), replace(chosen, quantity="error"), "summary")

    def option(stage: str, rule: str | None, size: int) -> _Option:
        def value(found: Sequence[Curve], prediction: bool) -> tuple[float, float] | None:
            mine = [
                c
                for c in found
                if (c.stage, c.rule) == (stage, rule) and c.is_prediction == prediction
            ]
            return mine[0].at(size) if mine else None

        error = value(errors, False) or value(errors, True)
        return _Option(stage, rule, size, value(curves, True), value(curves, False), error)

    keys = dict.fromkeys((c.rule, c.stage) for c in curves if c.rule is not None)
    options = []
    for rule, stage in sorted(keys, key=lambda key: [c.rule for c in curves].index(key[0])):
        sizes = curves[0].size[curves[0].size > s].tolist()
        found = [o for size in sizes if math.isfinite((o := option(stage, rule, size)).risk)]
        if found:
            least = min(o.risk for o in found)
            # The smallest of equals; a risk that ought to be 0 may be below it by rounding.
            best = next(o for o in found if o.risk <= least + 1e-9 * abs(least))
            largest = option(stage, rule, sizes[-1]).risk
            options.append(replace(best, at_largest=largest, out_of=len(found)))
    direct = option("dense", None, s)
    return (None if math.isnan(direct.risk) else direct), options  # infinite where s = n


def _rows(
    head: str, top: int, direct: _Option | None, options: Sequence[_Option], statistic: str
) -> str:
    simulated = "simulated" if statistic == "mean" else "sim. median"
    shown = [direct, *options] if direct is not None else list(options)
    columns = [
        ("predicted", [o.predicted and f"{o.predicted[0]:.4g}" for o in shown]),
        (simulated, [o.simulated and _pm(o.simulated) for o in shown]),
        ("test error", [o.error and _pm(o.error) for o in shown]),
    ]
    largest = [None if math.isnan(o.at_largest) else f"{o.at_largest:.4g}" for o in shown]
    columns = [*((title, cells) for title, cells in columns if any(cells)), (f"k = {top}", largest)]
    lines = [f"{head:<24}{'best k':>8}" + "".join(f"{title:>18}" for title, _ in columns)]
    for i, o in enumerate(shown):
        name = "train s directly" if o.rule is None else f"{o.rule}, {o.stage}"
        lines.append(
            f"{name:<24}{o.size:>8}" + "".join(f"{cells[i] or '-':>18}" for _, cells in columns)
        )
    return "\n".join(lines)


def answer(tables: dict[str, xr.Dataset], s: int) -> tuple[str, tuple[int, float] | None]:
    """The answer for one s in a sentence; size and risk, or error, of the best way to train
    large."""
    direct, options = _options(tables, {}, s, "mean")
    best = _best(options)
    text = _answer(s, direct, options, main_quantity(tables.values()))
    return text, None if best is None else (best.size, best.risk)


def headline(tables: dict[str, xr.Dataset], view: dict[str, Any], statistic: str = "mean") -> str:
    """What a figure of one s finds, for its title; empty where there is nothing to compare."""
    nonzeros = next(iter(tables.values()))["nonzeros"].values.tolist()
    if len(nonzeros) != 1:
        return ""
    direct, options = _options(tables, view, nonzeros[0], statistic)
    best = _best(options)
    if best is None or direct is None:
        return ""
    name, quantity = best.name(), main_quantity(tables.values())
    return (
        f"{name[0].upper()}{name[1:]}: test {quantity} {best.risk:.3g}; "
        f"{direct.name()}: {direct.risk:.3g}"
    )


def _honest(options: Sequence[_Option]) -> Sequence[_Option]:
    """The options whose rule does not know the truth, if there are any."""
    return [o for o in options if o.is_honest] or options


def _best(options: Sequence[_Option]) -> _Option | None:
    """The honest option of least risk, if there are options."""
    return min(_honest(options), key=lambda o: o.risk, default=None)


def _answer(s: int, direct: _Option | None, options: Sequence[_Option], quantity: str) -> str:
    best = _best(options)
    if best is None:
        return f"No size above s = {s} was trained, so there is nothing to compare."
    end = _chosen_by_luck(best, len(_honest(options)))
    if direct is None:
        alone = f"(sizes has no {s}: nothing to compare it with.)"
        return f"Best is to {best.name()}: test {quantity} {best.figures()}. {alone}{end}"
    equal = _equal(best, direct)
    if equal:
        first, second = direct, best
        verdict = f"both do equally well, {equal}: to {direct.name()} gives"
    else:
        first, second = (best, direct) if best.risk < direct.risk else (direct, best)
        verdict = f"it is better to {first.name()}:"
    return (
        f"For s = {s} {verdict} test {quantity} {first.figures()}; "
        f"to {second.name()} gives {second.figures()}.{end}"
    )


def _tuned(
    problem: Problem, n: int, s: int, direct: _Option | None, options: Sequence[_Option]
) -> str:
    """What both ways of the answer give with the best ridge each: small models gain by it, too."""
    from ..theory.predict import grouped
    from ..theory.tune import tune_ridge

    best = _best(options)
    if best is None or direct is None or best.stage == "compensated" or grouped(problem) is None:
        return ""
    rule = best.rule or ""
    large = tune_ridge(problem, n, best.size, s, minimise=best.stage, rule=rule).risk
    small = tune_ridge(problem, n, s).risk
    return (
        f"\nWith the best ridge for each, by theory: {large:.4g} for the large model, pruned, and "
        f"{small:.4g} for the small one."
    )


def _chosen_by_luck(best: _Option, ways: int) -> str:
    """A warning where k was chosen by the noisy values quoted, which are then too good."""
    if best.predicted is not None or best.out_of * ways == 1:
        return ""
    sizes = f"{best.out_of} {'size' if best.out_of == 1 else 'sizes'}"
    among = f" and {ways} ways to prune" if ways > 1 else ""
    return f" (Best of {sizes}{among}, chosen by the simulated values quoted.)"


def _equal(one: _Option, other: _Option) -> str:
    """Why a difference means nothing, in words; empty where it means something.

    The measure is the standard error of the difference, or the last digit shown where that is
    larger.
    """
    difference = abs(one.risk - other.risk)
    scale = max(abs(one.risk), abs(other.risk))
    digit = 10.0 ** (math.floor(math.log10(scale)) - 3) if 0 < scale < math.inf else 0.0
    if difference == 0 or difference < digit:
        return "within the last digit shown"
    errors = [o.simulated[1] for o in (one, other) if o.simulated is not None]
    return "within one standard error" if difference < math.hypot(*errors) < math.inf else ""


def listing(table: xr.Dataset) -> str:
    """All values of a table, a block for every s (and n and ridge), a line for every size."""
    blocks = []
    quantity = main_quantity([table])
    for _, view in views({"": table}):
        for s in table["nonzeros"].values.tolist():
            curves = collect(
                [table], Selection.of(nonzeros=s, quantity=quantity, **view), "listing"
            )
            curves.sort(key=lambda c: [None, *table["rule"].values.tolist()].index(c.rule))
            head = ", ".join([f"s = {s}", *(f"{key} = {value!r}" for key, value in view.items())])
            lines = [
                head,
                f"{'':>8}" + "".join(f"{c.rule or '':>12}" for c in curves),
                f"{'size':>8}" + "".join(f"{c.stage:>12}" for c in curves),
            ]
            for i, size in enumerate(table["size"].values.tolist()):
                values = [float(c.centre[i]) for c in curves]
                cells = ["-" if math.isnan(v) else f"{v:.5g}" for v in values]
                lines.append(f"{size:>8}" + "".join(f"{cell:>12}" for cell in cells))
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _pm(value: tuple[float, float]) -> str:
    centre, error = value
    if error == 0:
        return f"{centre:.4g}"
    places = max(0, 1 - math.floor(math.log10(error))) if math.isfinite(error) else 3
    return f"{centre:.{places}f} ± {error:.{places}f}"
