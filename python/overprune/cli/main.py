"""The command line: `overprune demo | run | status | predict | advise | ...`; where the files for
C++ are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from .._validation import printable
from .figures import figures
from .usage import Commands, integer, number_of_bytes, say, tell

if TYPE_CHECKING:
    from ..experiments.config import Experiment
    from ..experiments.output import OutputDirectory, RunDirectory
    from ..experiments.run import Results

app = typer.Typer(
    name="overprune",
    cls=Commands,
    help="Train large, then prune: the test risk of pruned models, simulated and predicted.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigFile = Annotated[
    Path, typer.Argument(metavar="CONFIG.toml", help="What to run; see examples/.")
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="DIR", help="Where the results go; must be new or empty."
    ),
]
RunOutput = Annotated[
    Path, typer.Argument(metavar="DIR", help="What overprune run writes into, or a store.")
]
Table = Annotated[
    Path, typer.Argument(metavar="TABLE", help="A DIR of overprune run, or a Zarr group.")
]
MemoryLimit = Annotated[
    int | None,
    typer.Option(
        "--memory-limit",
        parser=number_of_bytes,
        metavar="SIZE",
        help='The most memory to take, like "4GB"; what is free if not given. Changes no result.',
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Run on the workers of a Dask scheduler, or of local:N, N processes here.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier results in DIR.")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        parser=integer(1, 1024),
        metavar="N",
        help="Threads; all cores if not given. Changes no result.",
    ),
]


def main() -> None:
    """Entry point of the command `overprune`."""
    app()


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    cmakedir: Annotated[
        bool, typer.Option("--cmakedir", help="Print the folder of the CMake files.")
    ] = False,
    includedir: Annotated[
        bool, typer.Option("--includedir", help="Print the folder of the headers.")
    ] = False,
    pkgconfigdir: Annotated[
        bool, typer.Option("--pkgconfigdir", help="Print the folder of overprune.pc.")
    ] = False,
) -> None:
    from .._version import __version__, get_cmake_dir, get_include, get_pkgconfig_dir

    if version:
        tell(__version__)
    elif cmakedir:
        tell(get_cmake_dir())
    elif includedir:
        tell(get_include())
    elif pkgconfigdir:
        tell(get_pkgconfig_dir())
    elif context.invoked_subcommand is not None:
        return
    else:
        typer.echo(context.get_help())
        raise typer.Exit(2)
    raise typer.Exit


@app.command()
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

    with _one_line_errors():
        experiment = demo_experiment(trials)
    _simulate(
        experiment, "overprune-demo" if output is None else output, overwrite, workers=workers
    )


@app.command()
def run(
    config: ConfigFile,
    output: Output = None,
    workers: Workers = None,
    memory_limit: MemoryLimit = None,
    dask: Dask = None,
    overwrite: Overwrite = False,
) -> None:
    """Simulate, and where there is a theory predict, what CONFIG.toml describes.

    Writes risk.zarr while it runs, then risk.png, and a copy of the config, into DIR,
    overprune-NAME for NAME.toml if not given. After an interrupt, or with more trials in the
    config, the same command goes on.
    """
    from ..experiments.config import load

    with _one_line_errors():
        experiment = load(config)
    place = f"overprune-{config.stem}" if output is None else output
    _simulate(experiment, place, overwrite, workers=workers, memory_limit=memory_limit, dask=dask)


@app.command()
def status(directory: RunOutput) -> None:
    """Show how much of a run is done, how long that took and what is left."""
    from ..simulation.status import report

    with _one_line_errors():
        lines = report(directory)
    tell("\n".join(map(printable, lines)))


@app.command()
def reproduce(table: Table, workers: Workers = None) -> None:
    """Run a table again from its attributes and report the largest difference; code 1 if there is
    any."""
    from ..experiments.reproduce import report

    with _one_line_errors():
        lines, is_same = report(table, workers)
    tell("\n".join(map(printable, lines)))
    if not is_same:
        raise typer.Exit(1)


@app.command()
def predict(config: ConfigFile, output: Output = None, overwrite: Overwrite = False) -> None:
    """Print the predictions for CONFIG.toml, without simulating; with --output, write them too."""
    from ..experiments import run as _demo
    from ..experiments.config import load
    from ..experiments.output import OutputDirectory

    with _one_line_errors():
        experiment = load(config)
        place = None if output is None else OutputDirectory(output, overwrite=overwrite)
    with place or nullcontext():
        with _one_line_errors():
            results = _demo.run(experiment, simulate=False)
        if place is not None:
            _write(place, experiment, results)
    _print_notes(results)
    tell(_demo.listing(results.tables["predict"]))
    tell("\n" + _demo.summary(results.tables))


@app.command()
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
) -> None:
    """Say which size, rule, ridge and schedule CONFIG.toml's problem wants, and what each choice
    costs.

    By theory alone. With --output, writes advice.csv, advice.json, advice.png and risk.zarr, too.
    """
    from ..experiments.config import load
    from ..experiments.output import OutputDirectory
    from . import advise as command

    with _one_line_errors():
        if phase and output is None:
            raise ValueError("--phase needs --output DIR, where the diagram goes; got none")
        experiment = load(config)
        place = None if output is None else OutputDirectory(output, overwrite=overwrite)
    with place or nullcontext():
        with _one_line_errors():
            plane = command.diagram(experiment, workers) if phase else None
            found = command.run(experiment, nonzeros, workers)
        if place is not None:
            with _one_line_errors(*_UNWRITTEN, code=1), place.naming("written"):
                command.write(place.path, experiment, found, plane)
                place.commit()
    tell("\n\n".join(map(str, found)))


app.command()(figures)


@app.command()
def explore(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONFIG.toml]", help="Where to begin; the demo's problem if not given."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            parser=integer(0, 65535),
            metavar="N",
            help="Where to serve, 0 for any free port; 5006 if not given, or any if that is taken.",
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="NAME",
            help="Where to listen; other machines see no page at localhost.",
        ),
    ] = "localhost",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
) -> None:
    """Open a page with sliders for a problem: its curves at once, by theory, and simulated points
    on demand.

    Needs pip install 'overprune[explore]'. Ctrl-C ends it.
    """
    from ..explore import open_page

    with _one_line_errors():
        open_page(config, host, port, browser=not no_browser)


@app.command()
def info(
    config: Annotated[
        Path | None,
        typer.Argument(metavar="[CONFIG.toml]", help="A run whose memory is printed, too."),
    ] = None,
    workers: Workers = None,
) -> None:
    """Print versions, the kernels in use and how the package was built.

    With CONFIG.toml, also the memory that the simulation of `overprune run` takes.
    """
    import os

    import numpy as np
    import xarray as xr

    from .._version import build_info

    with _one_line_errors():
        facts = build_info()
        needs = []
        if config is not None:
            from ..experiments.config import load
            from ..experiments.run import memory

            needs = memory(load(config), workers)
    lines = {**facts, "cores": os.cpu_count(), "numpy": np.__version__, "xarray": xr.__version__}
    width = max(map(len, lines))
    for name, value in lines.items():
        shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        tell(f"{name.replace('_', ' '):<{width}}  {shown}")
    if needs:
        tell("\n" + "\n".join(needs))


def _simulate(
    experiment: Experiment,
    output: str,
    overwrite: bool,
    *,
    workers: int | None,
    memory_limit: int | None = None,
    dask: str | None = None,
) -> None:
    from ..experiments import run as _demo
    from ..experiments.output import RunDirectory
    from ..simulation.engine import dask_executor
    from ..simulation.store import StoreError

    with _one_line_errors():
        place = RunDirectory(output, overwrite=overwrite)
    with (
        place,
        _one_line_errors(place=place),
        dask_executor(dask) as executor,
        _one_line_errors(StoreError, code=1, place=place),
    ):
        results = _demo.run(
            experiment,
            workers=workers,
            memory_limit=memory_limit,
            executor=executor,
            progress=True,
            place=place,
        )
    with _one_line_errors(*_UNWRITTEN, code=1, place=place), place.naming("written"):
        place.finish(experiment.text)
        _demo.draw(experiment, results, place.write)
    _print_notes(results)
    tell(_demo.summary(results.tables, experiment.config.plot.statistic))
    tell(f"\nWrote {', '.join(place.written())} into {printable(output)}")


def _print_notes(results: Results) -> None:
    for note in results.notes:
        say(note)


def _write(place: OutputDirectory, experiment: Experiment, results: Results) -> list[str]:
    from ..experiments import run as _demo

    with _one_line_errors(*_UNWRITTEN, code=1):
        with place.naming("written"):
            _demo.write(place.path, experiment, results)
            written = sorted(entry.name for entry in place.path.iterdir())
        place.commit()
    return written


_UNWRITTEN = (OSError, ImportError)  # of results: ImportError where matplotlib cannot be had
_BAD_INPUT = (ValueError, TypeError, OSError, ImportError, NotImplementedError, MemoryError)


@contextmanager
def _one_line_errors(
    *kinds: type[Exception], code: int = 2, place: RunDirectory | None = None
) -> Iterator[None]:
    """Errors as one line on stderr; by default those of bad input, code 2. An interrupt gives 130."""
    caught = kinds or _BAD_INPUT
    try:
        yield
    except KeyboardInterrupt:
        left = "nothing was written"
        if place is not None and place.has_begun:
            left = f"what was finished is in {place.shown}, and the same command goes on with it"
        _fail(f"interrupted; {left}", 130)
    except BrokenPipeError:  # nobody reads on: no error of input
        raise
    except caught as error:
        _fail(str(error) or type(error).__name__, code)


def _fail(message: str, code: int) -> NoReturn:
    say(message)
    raise typer.Exit(code)
