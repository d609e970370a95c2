"""The runs behind the command line: the one of a config, the demo's, and what they answer in words."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _validation as check
from .._table import ARGUMENTS, Grid
from ..plot.curves import Curve, Selection, collect
from ..problems.data_problem import DataProblem
from ..simulation.blocks import Work
from ..simulation.memory import describe, within
from ..simulation.simulate import plan
from .config import ConfigError, Experiment, build_problem, naming, parse
from .output import RunDirectory, write_tables

if TYPE_CHECKING:
    import xarray as xr

    from ..problems.problem import Problem

# The same run as examples/spiked.toml.
DEMO = """\
[problem]
kind = "linear_gaussian"
p = 1500
noise_std = 0.3
spectrum = { kind = "spiked", spikes = 150, value = 25.0 }
beta = { kind = "constant" }        # 1 / sqrt(p)

[run]
n = 450
nonzeros = 150
rules = ["magnitude", "hessian", "oracle"]
trials = 100
sizes = [
    50, 100, 150, 200, 250, 300, 350, 390, 410, 425, 437, 445, 450, 455, 463, 475, 490, 510, 550,
    600, 650, 700, 750, 800, 850, 900, 950, 1000, 1100, 1200, 1300, 1400, 1500,
]
"""


@dataclass(frozen=True)
class Results:
    """The tables of one run; one is None where it was not asked for or cannot be had."""

    simulated: xr.Dataset | None
    predicted: xr.Dataset | None
    notes: list[str] = field(default_factory=list)
    """Warnings of the prediction."""

    @property
    def tables(self) -> dict[str, xr.Dataset]:
        """By their groups in risk.zarr."""
        pairs = {"simulate": self.simulated, "predict": self.predicted}
        return {name: table for name, table in pairs.items() if table is not None}


def demo_experiment(trials: int | None = None) -> Experiment:
    """The demo's config: lam = 25 on the first 150 of 1500 features and 1 elsewhere, n = 450, s =
    150."""
    text = DEMO if trials is None else DEMO.replace("trials = 100", f"trials = {trials}")
    return parse(text, "demo", Path())


def run(
    experiment: Experiment,
    *,
    simulate: bool = True,
    workers: int | None = None,
    memory_limit: int | None = None,
    executor: Executor | None = None,
    progress: bool = False,
    place: RunDirectory | None = None,
) -> Results:
    """Predicts and simulates as the config says; its text goes into the tables' attributes.

    `simulate=False` leaves the simulation out and asks for the prediction whatever `run.predict`
    says. With a `place` the simulation is kept there while it runs, and goes on with what is there
    already.
    """
    problem, table = build_problem(experiment), experiment.config.run
    _check_quantity(experiment, problem)
    grid: dict[str, Any] = {name: getattr(table, name) for name in (*ARGUMENTS, "seed")}
    grid["workers"] = workers or table.workers
    notes: list[str] = []
    predicted = simulated = planned = None
    with naming(experiment, "run"):
        if simulate:
            of_trials = {"trials": table.trials, "curvature": table.curvature}
            limit = memory_limit or table.memory_limit
            planned = plan(problem, **grid, **of_trials, memory_limit=limit)
            if place is not None:
                place.check(planned)
        if (
            not simulate
            or table.predict is True
            or (table.predict == "auto" and _predictable(problem))
        ):
            if place is not None and planned is not None:
                predicted = place.earlier(experiment.text, planned.attributes["problem_hash"])
            if predicted is None:
                predicted = _predict(
                    problem, {**grid, "draws": table.draws, "rtol": table.rtol}, notes
                )
            predicted.attrs["config"] = experiment.text
    if planned is not None:
        if place is not None:
            place.begin(experiment.text, {} if predicted is None else {"predict": predicted})
        with naming(experiment, "run"):
            simulated = planned.run(None if place is None else place.store, executor, progress)
            simulated.attrs["config"] = experiment.text
    return Results(simulated, predicted, notes)


def _predict(problem: Problem, arguments: dict[str, Any], notes: list[str]) -> xr.Dataset:
    from ..theory.predict import predict

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = predict(problem, **arguments)
    notes += [str(warning.message) for warning in caught]
    return table


def memory(experiment: Experiment, workers: int | None = None) -> list[str]:
    """The memory that the simulation of a config takes, in words."""
    problem, table = build_problem(experiment), experiment.config.run
    with naming(experiment, "run"):
        grid = Grid.of(problem.p, **{name: getattr(table, name) for name in ARGUMENTS})
        problem.check_run(grid.n, grid.rules, grid.compensate)
    work = Work(problem, grid, table.curvature == "sample", table.seed)
    threads = min(check.workers(workers or table.workers), table.trials)
    return describe(within(work, threads, table.memory_limit), threads)


def _predictable(problem: Problem) -> bool:
    """Whether theory has what it needs: of a data set, enough test rows for its second moments."""
    return not isinstance(problem, DataProblem) or problem.enough_test_rows


def _check_quantity(experiment: Experiment, problem: Problem) -> None:
    """What cannot be plotted is refused before the work, not after."""
    wanted = experiment.config.plot.quantity
    names = [wanted] if isinstance(wanted, str) else wanted or []
    labelled = getattr(problem, "classes", None) is not None
    for name in names:
        if name != "risk" and not labelled:
            raise ConfigError(
                f"{experiment.name}: plot.quantity: expected risk, as there are no class labels, got {name!r}"
            )


def write(directory: Path, experiment: Experiment, results: Results) -> None:
    """Writes risk.zarr, the figures and the config."""
    from .._version import __version__

    write_tables(
        directory, results.tables, {"overprune_version": __version__, "config": experiment.text}
    )
    (directory / "config.toml").write_text(experiment.text, encoding="utf-8", newline="")
    draw(experiment, results, lambda name, save: save(directory / name))


def draw(
    experiment: Experiment,
    results: Results,
    place: Callable[[str, Callable[[Path], object]], object],
) -> None:
    """Draws the figures: `place` is given the name of each, and what saves it under a path."""
    from .. import plot
    from ..plot.canvas import into_files

    tables = results.tables
    wanted = experiment.config.plot
    quantity = wanted.quantity
    if quantity is None:
        labelled = any("dense_accuracy" in table for table in tables.values())
        quantity = ["risk", "error"] if labelled else ["risk"]
    with into_files() as plt:
        for name, view in _views(tables):
            figure = plot.risk_grid(
                *tables.values(),
                quantity=quantity,
                **view,
                statistic=wanted.statistic,
                logy=wanted.logy,
                logx=wanted.logx,
            )
            place(f"risk{name}.png", partial(figure.savefig, dpi=150, format="png"))
            plt.close(figure)


def _views(tables: dict[str, xr.Dataset]) -> list[tuple[str, dict[str, Any]]]:
    """A name and a choice of n and ridge for every figure: one, unless a table has those
    dimensions."""
    table = next(iter(tables.values()))
    views: list[tuple[str, dict[str, Any]]] = [("", {})]
    for dim in ("n", "ridge"):
        if dim in table.dims:
            values = table[dim].values.tolist()
            views = [
                (f"{name}-{dim}{v!r}", {**view, dim: v}) for name, view in views for v in values
            ]
    return views


@dataclass(frozen=True)
class _Option:
    """A way to s nonzeros: what it is called, and its curves, predicted and simulated."""

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
        knows = " (which knows the truth)" if self.rule == "oracle" else ""
        return f"train k = {self.size} features, prune by {self.rule}{knows} {end}"


def summary(tables: dict[str, xr.Dataset], statistic: str = "mean") -> str:
    """A short table for every s, and the answer in a sentence.

    A line has the best size above s for a rule and stage, its risk, and the risk at the largest
    size.
    """
    parts = []
    for _, view in _views(tables):
        first = next(iter(tables.values()))
        top = int(first["size"].values[-1])
        for s in first["nonzeros"].values.tolist():
            direct, options = _options(tables, view, s, statistic)
            head = ", ".join([f"s = {s}", *(f"{key} = {value!r}" for key, value in view.items())])
            parts.append(
                _rows(head, top, direct, options, statistic) + "\n" + _answer(s, direct, options)
            )
    return "\n\n".join(parts)


def _options(
    tables: dict[str, xr.Dataset], view: dict[str, Any], s: int, statistic: str
) -> tuple[_Option | None, list[_Option]]:
    chosen = Selection.of(nonzeros=s, statistic=statistic, **view)
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
    """The answer for one s in a sentence, and the best way to train large and prune: its size and
    risk."""
    direct, options = _options(tables, {}, s, "mean")
    best = min(_honest(options), key=lambda o: o.risk, default=None)
    return _answer(s, direct, options), None if best is None else (best.size, best.risk)


def _honest(options: Sequence[_Option]) -> Sequence[_Option]:
    """Those that do not know the truth, if there are any."""
    return [o for o in options if o.rule != "oracle"] or options


def _answer(s: int, direct: _Option | None, options: Sequence[_Option]) -> str:
    honest = _honest(options)
    if not honest:
        return f"No size above s = {s} was trained, so there is nothing to compare."
    best = min(honest, key=lambda o: o.risk)
    end = _chosen_by_luck(best, len(honest))
    if direct is None:
        alone = f"(sizes has no {s}: nothing to compare it with.)"
        return f"Best is to {best.name()}: {best.figures()}. {alone}{end}"
    equal = _equal(best, direct)
    if equal:
        first, second = direct, best
        verdict = f"both do equally well, {equal}: to {direct.name()} gives"
    else:
        first, second = (best, direct) if best.risk < direct.risk else (direct, best)
        verdict = f"it is better to {first.name()}:"
    return (
        f"For s = {s} {verdict} test risk {first.figures()}; "
        f"to {second.name()} gives {second.figures()}.{end}"
    )


def _chosen_by_luck(best: _Option, ways: int) -> str:
    """Tells where k was chosen by the same noisy values that are quoted, which then are a little
    too good."""
    if best.predicted is not None or best.out_of * ways == 1:
        return ""
    sizes = f"{best.out_of} {'size' if best.out_of == 1 else 'sizes'}"
    among = f" and {ways} ways to prune" if ways > 1 else ""
    return f" (Best of {sizes}{among}, chosen by the simulated values quoted.)"


def _equal(one: _Option, other: _Option) -> str:
    """Why a difference says nothing, in words; empty where it does say something.

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
    for _, view in _views({"": table}):
        for s in table["nonzeros"].values.tolist():
            curves = collect([table], Selection.of(nonzeros=s, **view), "listing")
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
