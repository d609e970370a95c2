"""What `overprune advise` computes and writes."""

from __future__ import annotations

import csv
import json
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..experiments.config import ConfigError, Experiment, build_problem, naming
from ..experiments.output import write_tables

if TYPE_CHECKING:
    import xarray as xr

    from ..theory.advice import Advice

_POINTS = 40  # on either axis of the phase diagram


def run(
    experiment: Experiment, nonzeros: int | None = None, workers: int | None = None
) -> list[Advice]:
    """Advice for every n and every number of nonzeros of the config, or for the one given."""
    from ..theory.advise import advise

    problem, table = build_problem(experiment), experiment.config.run
    ridges = table.ridge if isinstance(table.ridge, list) else [table.ridge]
    counts = _several(table.nonzeros) if nonzeros is None else [nonzeros]
    with naming(experiment, "run"):
        return [
            advise(
                problem,
                n,
                s,
                retrain=table.retrain,
                ridge=["none", "tuned", *(r for r in ridges if r > 0)],
                retrain_ridge=table.retrain_ridge,
                draws=table.draws,
                seed=table.seed,
                workers=workers or table.workers,
            )
            for n, s in product(_several(table.n), counts)
        ]


def diagram(experiment: Experiment, workers: int | None = None) -> xr.Dataset:
    """The phase diagram of the config's problem over n / p and s / p."""
    import numpy as np

    from ..theory.phase import phase
    from ..theory.predict import grouped

    problem, table = build_problem(experiment), experiment.config.run
    if grouped(problem) is None:
        raise ConfigError(
            f"{experiment.name}: problem: expected independent features and one target for a phase diagram, "
            f"got {problem!r}"
        )
    with naming(experiment, "run"):
        return phase(
            problem,
            x=("n_over_p", np.geomspace(0.05, 2.0, _POINTS)),
            y=("nonzeros_over_p", np.geomspace(0.02, 0.9, _POINTS)),
            retrain=table.retrain,
            ridge=table.ridge,
            retrain_ridge=table.retrain_ridge,
            workers=workers or table.workers,
        )


def write(
    directory: Path, experiment: Experiment, found: list[Advice], plane: xr.Dataset | None = None
) -> None:
    """Writes the choices as advice.csv and advice.json, advice.png, risk.zarr, the config; and
    phase.png."""
    from .._version import __version__

    tables: dict[str, Any] = {}
    for advice in found:
        name = f"n{advice.n}_s{advice.nonzeros}"
        tables |= {f"advise/{name}": advice.dataset(), f"predict/{name}": advice.table}
    if plane is not None:
        tables["phase"] = plane
    write_tables(directory, tables, {"overprune_version": __version__, "config": experiment.text})
    (directory / "config.toml").write_text(experiment.text, encoding="utf-8", newline="")
    with open(directory / "advice.json", "w", encoding="utf-8") as file:
        json.dump([advice.to_dict() for advice in found], file, indent=1, allow_nan=False)
    with open(directory / "advice.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for i, advice in enumerate(found):
            heading, *rows = advice.rows()
            writer.writerows([["n", "nonzeros", *heading]] * (i == 0))
            writer.writerows([advice.n, advice.nonzeros, *row] for row in rows)
    _write_figures(directory, found, plane)


def _write_figures(directory: Path, found: list[Advice], plane: xr.Dataset | None) -> None:
    from .. import plot
    from ..plot.canvas import into_files

    with into_files() as plt:
        figure, panels = plt.subplots(
            len(found), 1, figsize=(7.2, 4.8 * len(found)), squeeze=False, layout="constrained"
        )
        for advice, ax in zip(found, panels.flat, strict=True):
            draw(advice, ax)
        figure.savefig(directory / "advice.png", dpi=150)
        plt.close(figure)
        if plane is not None:
            figure, ax = plt.subplots(figsize=(6.0, 4.6), layout="constrained")
            plot.phase(plane, ax=ax)
            figure.savefig(directory / "phase.png", dpi=150)
            plt.close(figure)


def draw(advice: Advice, ax: Any) -> None:
    """Risk against size with the best choice marked."""
    from .. import plot

    plot.risk(
        advice.table,
        stages=None if len(advice.table["size"]) == 1 else _stages(advice.table),
        ax=ax,
    )
    best = advice.best
    if ax.get_ylim()[0] > best.risk:
        ax.set_ylim(bottom=0.98 * best.risk)
    label = f"best: risk {best.risk:.4g}"
    star = ax.plot(
        best.size,
        best.risk,
        marker="*",
        ms=14,
        color="#F0E442",
        mec="black",
        ls="none",
        zorder=5,
        clip_on=False,
    )
    entries = ax.get_legend().legend_handles if ax.get_legend() is not None else []
    star[0].set_label(label)
    ax.legend(handles=[*entries, star[0]], loc="best", fontsize="small", framealpha=0.85)
    ax.set_title(str(best), fontsize="medium", pad=24)


def _stages(table: xr.Dataset) -> list[str]:
    return [stage for stage in ("pruned", "retrained") if f"{stage}_risk" in table]


def _several(value: int | list[int]) -> list[int]:
    return value if isinstance(value, list) else [value]
