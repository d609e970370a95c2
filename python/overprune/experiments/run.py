"""Experiments carried out: what a config simulates and predicts, and the figures of it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._table import ARGUMENTS
from .._validation import files
from ..plot.curves import main_quantity
from ..problems.classification import LinearClassificationProblem
from ..problems.data_problem import DataProblem
from ..simulation import simulate as _simulate
from ..simulation.memory import Need, needs
from ..simulation.run import Simulation
from .answer import headline, views
from .config import ConfigError, Experiment, build_problem, naming, parse
from .config_text import text_of
from .output import RunDirectory, write_tables

if TYPE_CHECKING:
    import xarray as xr

    from ..problems.problem import Problem

_DEMO = Path(__file__).with_name("demo.toml")
# Fields of a config's [run] that are arguments of `predict` and `simulate`.
_SHARED = (*ARGUMENTS, "seed", "workers")
_OF_TRIALS = ("trials", "curvature", "memory_limit")
_OF_DRAWS = ("draws", "rtol")


@dataclass(frozen=True)
class Results:
    """The tables of one run; one is None where it was not asked for or cannot be had."""

    problem: Problem
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
    """The packaged config demo.toml, with so many trials if given."""
    text = text_of(_DEMO)
    if trials is not None:
        text = re.sub(r"(?m)^trials = .*$", f"trials = {trials}", text)
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
    problem, wanted = build_problem(experiment), experiment.config.run.predict
    _check_quantity(experiment, problem)
    notes: list[str] = []
    predicted = simulated = planned = None
    with naming(experiment, "run"):
        if simulate:
            planned = plan(experiment, problem, workers=workers, memory_limit=memory_limit)
            if place is not None:
                place.check(planned)
        if not simulate or (_predictable(problem) if wanted == "auto" else wanted):
            if place is not None and planned is not None:
                predicted = place.earlier(experiment.text, planned.attributes["problem_hash"])
            if predicted is None:
                predicted = _predict(experiment, problem, workers, progress, notes)
            predicted.attrs["config"] = experiment.text
    if planned is not None:
        if place is not None:
            place.begin(experiment.text, {} if predicted is None else {"predict": predicted})
        with naming(experiment, "run"):
            simulated = planned.run(None if place is None else place.store, executor, progress)
            simulated.attrs["config"] = experiment.text
    return Results(problem, simulated, predicted, notes)


def plan(experiment: Experiment, problem: Problem, **instead: Any) -> Simulation:
    """The simulation of a config, its grid checked; values of `instead` replace the config's."""
    return _simulate.plan(problem, **_arguments(experiment, _OF_TRIALS, instead))


def memory(experiment: Experiment, workers: int | None = None) -> list[Need]:
    """The memory that the simulation of a config takes, at each n and ridge."""
    problem = build_problem(experiment)
    with naming(experiment, "run"):
        planned = plan(experiment, problem, workers=workers)
    return needs(planned.work, min(planned.threads, planned.count))


def _predict(
    experiment: Experiment,
    problem: Problem,
    workers: int | None,
    progress: bool,
    notes: list[str],
) -> xr.Dataset:
    from ..theory.predict import predict

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        own = _arguments(experiment, _OF_DRAWS, {"workers": workers})
        table = predict(problem, **own, progress=progress)
    notes += [str(warning.message) for warning in caught]
    return table


def _arguments(
    experiment: Experiment, own: Sequence[str], instead: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of one function, from the config where `instead` has none or None."""
    chosen = {name: getattr(experiment.config.run, name) for name in (*_SHARED, *own)}
    return chosen | {name: value for name, value in instead.items() if value is not None}


def _predictable(problem: Problem) -> bool:
    """Whether theory has what it needs: of a data set, enough test rows for its second moments."""
    return not isinstance(problem, DataProblem) or problem.enough_test_rows


def _check_quantity(experiment: Experiment, problem: Problem) -> None:
    """Refuses what cannot be plotted before the work, not after."""
    wanted = experiment.config.plot.quantity
    names = [wanted] if isinstance(wanted, str) else wanted or []
    labelled = getattr(problem, "classes", None) is not None
    of_labels = isinstance(problem, LinearClassificationProblem)
    for name in names:
        if (of_labels or experiment.config.run.loss != "square") and name != "error":
            raise ConfigError(
                f"{experiment.name}: plot.quantity: expected error, which classifiers are judged "
                f"by, got {name!r}"
            )
        if name != "risk" and not (labelled or of_labels):
            raise ConfigError(
                f"{experiment.name}: plot.quantity: expected risk, as there are no class labels, "
                f"got {name!r}"
            )


def write(directory: Path, experiment: Experiment, results: Results) -> None:
    """Writes risk.zarr, the figures and the config."""
    write_tables(directory, results.tables, experiment.text)
    draw(experiment, results, lambda name, image: files.write(directory / name, image))


def draw(
    experiment: Experiment,
    results: Results,
    place: Callable[[str, bytes], object],
) -> None:
    """Draws the figures: `place` is given the name of each and its PNG."""
    from .. import plot
    from ..plot.canvas import into_files, png_of

    tables, wanted = results.tables, experiment.config.plot
    quantity: str | Sequence[str] | None = wanted.quantity
    if quantity is None:
        labelled = any("dense_accuracy" in table for table in tables.values())
        quantity = ["risk", "error"] if labelled else [main_quantity(tables.values())]
    with into_files() as plt:
        for name, view in views(tables):
            figure = plot.risk_grid(
                *tables.values(),
                quantity=quantity,
                **view,
                statistic=wanted.statistic,
                logy=wanted.logy,
                logx=wanted.logx,
            )
            if title := headline(tables, view, wanted.statistic):
                figure.suptitle(title, fontsize="medium")
            place(f"risk{name}.png", png_of(figure))
            plt.close(figure)
