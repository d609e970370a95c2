"""`overprune run`: a config simulated and predicted into a directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .._validation import printable
from ..experiments.console import say, tell
from .usage import UNWRITTEN, ConfigFile, Output, Overwrite, Workers, one_line_errors

if TYPE_CHECKING:
    from ..experiments.config import Experiment


def number_of_bytes(text: str) -> int:
    """The parser of an option that takes a size like "4GB"."""
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        size = 0
    if size < 1:
        raise typer.BadParameter(f'must be a number of bytes like "4GB" or "512MiB", got {text!r}')
    return size


def run(
    config: ConfigFile,
    output: Output = None,
    workers: Workers = None,
    memory_limit: Annotated[
        int | None,
        typer.Option(
            "--memory-limit",
            parser=number_of_bytes,
            metavar="SIZE",
            help='The most memory to take, like "4GB"; what is free if not given. '
            "Changes no result.",
        ),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            "--dask",
            metavar="ADDRESS",
            help="Run on the workers of a Dask scheduler, or of local:N, N processes here.",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Simulate, and where there is a theory predict, what CONFIG.toml describes.

    Writes risk.zarr while it runs, then risk.png, and a copy of the config, into DIR,
    overprune-NAME for NAME.toml if not given. After an interrupt, or with more trials in the
    config, the same command goes on.
    """
    from ..experiments.config import load

    with one_line_errors():
        experiment = load(config)
    place = f"overprune-{config.stem}" if output is None else output
    carry_out(experiment, place, overwrite, workers=workers, memory_limit=memory_limit, dask=dask)


def carry_out(
    experiment: Experiment,
    output: str,
    overwrite: bool,
    *,
    workers: int | None,
    memory_limit: int | None = None,
    dask: str | None = None,
) -> None:
    """Runs an experiment into the directory `output` and prints its answer."""
    from ..experiments.answer import summary
    from ..experiments.output import RunDirectory
    from ..experiments.run import draw, run
    from ..simulation.engine import dask_executor
    from ..simulation.store import StoreError

    with one_line_errors():
        place = RunDirectory(output, overwrite=overwrite)
    with (
        place,
        one_line_errors(place=place),
        dask_executor(dask) as executor,
        one_line_errors(StoreError, code=1, place=place),
    ):
        results = run(
            experiment,
            workers=workers,
            memory_limit=memory_limit,
            executor=executor,
            progress=True,
            place=place,
        )
    with one_line_errors(*UNWRITTEN, code=1, place=place), place.naming("written"):
        place.finish(experiment.text)
        draw(experiment, results, place.write)
    for note in results.notes:
        say(note)
    tell(summary(results.tables, experiment.config.plot.statistic, results.problem))
    tell(f"\nWrote {', '.join(place.written())} into {printable(output)}")
