"""`overprune demo`: the packaged config."""

from __future__ import annotations

from typing import Annotated

import typer

from .run import carry_out
from .usage import Output, Overwrite, Workers, integer, one_line_errors


def demo(
    output: Output = None,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials", parser=integer(2, 10**8), metavar="N", help="Simulated trials, at least 2."
        ),
    ] = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
) -> None:
    """Simulate and predict a spiked problem: train 150 features directly, or up to 1500 and prune?

    Writes risk.png and risk.zarr into DIR, overprune-demo if not given; goes on with what is there.
    """
    from ..experiments.run import demo_experiment

    with one_line_errors():
        experiment = demo_experiment(trials)
    place = "overprune-demo" if output is None else output
    carry_out(experiment, place, overwrite, workers=workers)
