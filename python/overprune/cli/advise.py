"""`overprune advise`: which way to s nonzeros, for the problem of a config."""

from __future__ import annotations

import csv
import io
import json
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._validation import files
from ..experiments.console import tell, tell_json
from .usage import (
    UNWRITTEN,
    ConfigFile,
    Json,
    Output,
    Overwrite,
    Workers,
    integer,
    one_line_errors,
)

if TYPE_CHECKING:
    import xarray as xr

    from ..experiments.config import Experiment
    from ..theory.advice import Advice

_POINTS = 40  # on either axis of the phase diagram


def advise(
    config: ConfigFile,
    nonzeros: Annotated[
        int | None,
        typer.Option(
            "--nonzeros",
            parser=integer(1, 10**8),
            metavar="S",
            help="Features to keep, instead of run.nonzeros.",
        ),
    ] = None,
    output: Output = None,
    phase: Annotated[
        bool,
        typer.Option(
            "--phase", help="Write a phase diagram over n/p and s/p, too; needs --output."
        ),
    ] = False,
    workers: Workers = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Say which size, rule, ridge and schedule CONFIG.toml's problem wants, and what each choice
    costs.

    By theory alone. With --output, writes advice.csv, advice.json, advice.png and risk.zarr, too.
    """
    from ..experiments.config import load
    from ..experiments.output import OutputDirectory

    with one_line_errors():
        if phase and output is None:
            raise ValueError("--phase needs --output DIR, where the diagram goes; got none")
        experiment = load(config)
        place = None if output is None else OutputDirectory(output, overwrite=overwrite)
    with place or nullcontext():
        with one_line_errors():
            plane = _diagram(experiment, workers) if phase else None
            found = _advice(experiment, nonzeros, workers)
        if place is not None:
            with one_line_errors(*UNWRITTEN, code=1):
                with place.naming("written"):
                    _write(place.path, experiment, found, plane)
                place.commit()
    if as_json:
        return tell_json([advice.to_dict() for advice in found])
    tell("\n\n".join(map(str, found)))


def _advice(experiment: Experiment, nonzeros: int | None, workers: int | None) -> list[Advice]:
    """Advice for every n and every number of nonzeros of the config, or for the one given."""
    from ..experiments.config import build_problem, naming
    from ..theory.advise import advise

    problem, table = build_problem(experiment), experiment.config.run
    given = table.ridge if isinstance(table.ridge, list) else [table.ridge]
    # Labels may have no model without ridge: what else is tried is then left to `advise`.
    none = ["none"] if table.loss == "square" else []
    ridges: list[str | float] = [*none, "tuned", *(r for r in given if r > 0)]
    counts = _several(table.nonzeros) if nonzeros is None else [nonzeros]
    with naming(experiment, "run"):
        return [
            advise(
                problem,
                n,
                s,
                retrain=table.retrain,
                ridge=ridges,
                retrain_ridge=table.retrain_ridge,
                loss=table.loss,
                draws=table.draws,
                seed=table.seed,
                workers=workers or table.workers,
                progress=True,
            )
            for n, s in product(_several(table.n), counts)
        ]


def _diagram(experiment: Experiment, workers: int | None) -> xr.Dataset:
    """The phase diagram of the config's problem over n / p and s / p."""
    import numpy as np

    from ..experiments.config import ConfigError, build_problem, naming
    from ..theory.phase import phase
    from ..theory.predict import grouped

    problem, table = build_problem(experiment), experiment.config.run
    if grouped(problem) is None:  # classifiers, too, take too long for so many points
        raise ConfigError(
            f"{experiment.name}: problem: expected independent features and one target "
            f"for a phase diagram, got {problem!r}"
        )
    with naming(experiment, "run"):
        return phase(
            problem,
            x=("n_over_p", np.geomspace(0.05, 2.0, _POINTS)),
            y=("nonzeros_over_p", np.geomspace(0.02, 0.9, _POINTS)),
            retrain=table.retrain,
            ridge=table.ridge,
            retrain_ridge=table.retrain_ridge,
            loss=table.loss,
            workers=workers or table.workers,
        )


def _write(
    directory: Path, experiment: Experiment, found: list[Advice], plane: xr.Dataset | None
) -> None:
    """Writes advice.csv, advice.json, advice.png, risk.zarr, config.toml, and phase.png."""
    from ..experiments.output import write_tables

    tables: dict[str, Any] = {}
    for advice in found:
        name = f"n{advice.n}_s{advice.nonzeros}"
        tables |= {f"advise/{name}": advice.dataset(), f"predict/{name}": advice.table}
    if plane is not None:
        tables["phase"] = plane
    write_tables(directory, tables, experiment.text)
    facts = [advice.to_dict() for advice in found]
    files.write(directory / "advice.json", json.dumps(facts, indent=1, allow_nan=False))
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    for i, advice in enumerate(found):
        heading, *rows = advice.rows()
        writer.writerows([["n", "nonzeros", *heading]] * (i == 0))
        writer.writerows([advice.n, advice.nonzeros, *row] for row in rows)
    files.write(directory / "advice.csv", lines.getvalue())
    _write_figures(directory, found, plane)


def _write_figures(directory: Path, found: list[Advice], plane: xr.Dataset | None) -> None:
    from .. import plot
    from ..plot.canvas import into_files, png_of

    with into_files() as plt:
        figure, panels = plt.subplots(
            len(found), 1, figsize=(7.2, 4.8 * len(found)), squeeze=False, layout="constrained"
        )
        for advice, ax in zip(found, panels.flat, strict=True):
            _draw(advice, ax)
        files.write(directory / "advice.png", png_of(figure))
        plt.close(figure)
        if plane is not None:
            figure, ax = plt.subplots(figsize=(6.0, 4.6), layout="constrained")
            plot.phase(plane, ax=ax)
            files.write(directory / "phase.png", png_of(figure))
            plt.close(figure)


def _draw(advice: Advice, ax: Any) -> None:
    """Risk or error against size with the best choice marked."""
    from .. import plot

    table, best = advice.table, advice.best
    quantity = advice.quantity
    pruned = [stage for stage in ("pruned", "retrained") if f"{stage}_{quantity}" in table]
    stages = None if len(table["size"]) == 1 else pruned
    plot.risk(table, stages=stages, quantity=quantity, ax=ax)
    if ax.get_ylim()[0] > best.risk:
        ax.set_ylim(bottom=0.98 * best.risk)
    look = {"marker": "*", "ms": 14, "color": "#F0E442", "mec": "black", "ls": "none"}
    (star,) = ax.plot(best.size, best.risk, **look, zorder=5, clip_on=False)
    star.set_label(f"best: {quantity} {best.risk:.4g}")
    entries = ax.get_legend().legend_handles if ax.get_legend() is not None else []
    ax.legend(handles=[*entries, star], loc="best", fontsize="small", framealpha=0.85)
    ax.set_title(str(best), fontsize="medium", pad=24)


def _several(value: int | list[int]) -> list[int]:
    return value if isinstance(value, list) else [value]
