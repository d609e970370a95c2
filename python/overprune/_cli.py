"""The command line: `overprune demo | run | predict | info`, and where the C++ package's files are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from ._config import Experiment
    from ._demo import Results
    from ._output import OutputDirectory

app = typer.Typer(
    name="overprune",
    help="Train large, then prune: the test risk of pruned models, simulated and predicted.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="What to run; see examples/.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="Where the results go; must be new or empty."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier results in DIR.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Threads; all cores if not given. Changes no result.")
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
) -> None:
    from . import get_cmake_dir, get_include
    from ._version import __version__

    if version:
        typer.echo(__version__)
    elif cmakedir:
        typer.echo(get_cmake_dir())
    elif includedir:
        typer.echo(get_include())
    elif context.invoked_subcommand is not None:
        return
    else:
        typer.echo(context.get_help())
        raise typer.Exit(2)
    raise typer.Exit


@app.command()
def demo(
    output: Output = None,
    trials: Annotated[int | None, typer.Option("--trials", min=2, help="Simulated trials.")] = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
) -> None:
    """Simulate and predict a spiked problem: train 150 features directly, or up to 1500 and prune?

    Writes risk.png and risk.zarr into DIR, overprune-demo if not given.
    """
    from ._demo import demo_experiment

    with _one_line_errors():
        experiment = demo_experiment(trials)
    _simulate(experiment, output or Path("overprune-demo"), overwrite, workers)


@app.command()
def run(
    config: ConfigFile, output: Output = None, workers: Workers = None, overwrite: Overwrite = False
) -> None:
    """Simulate, and where there is a theory predict, what CONFIG.toml describes.

    Writes risk.png, risk.zarr and a copy of the config into DIR, overprune-NAME for NAME.toml if not given.
    """
    from ._config import load

    with _one_line_errors():
        experiment = load(config)
    _simulate(experiment, output or Path(f"overprune-{config.stem}"), overwrite, workers)


@app.command()
def predict(config: ConfigFile, output: Output = None, overwrite: Overwrite = False) -> None:
    """Print the predictions for CONFIG.toml, without simulating; with --output, write them too."""
    from . import _demo
    from ._config import load
    from ._output import OutputDirectory

    with _one_line_errors():
        experiment = load(config)
        place = None if output is None else OutputDirectory(output, overwrite=overwrite)
    with place or nullcontext():
        with _one_line_errors():
            results = _demo.run(experiment, simulate=False)
        if place is not None:
            _write(place, experiment, results)
    typer.echo(_demo.listing(results.tables["predict"]))
    typer.echo("\n" + _demo.summary(results.tables))


@app.command()
def info() -> None:
    """Print versions, the kernels in use and how the package was built."""
    import os

    import numpy as np
    import xarray as xr

    from . import build_info

    lines = {**build_info(), "cores": os.cpu_count(), "numpy": np.__version__, "xarray": xr.__version__}
    width = max(map(len, lines))
    for name, value in lines.items():
        shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        typer.echo(f"{name.replace('_', ' '):<{width}}  {shown}")


def _simulate(experiment: Experiment, output: Path, overwrite: bool, workers: int | None) -> None:
    from . import _demo
    from ._output import OutputDirectory

    with _one_line_errors():
        place = OutputDirectory(output, overwrite=overwrite)
    with place:
        with _one_line_errors():
            results = _demo.run(experiment, workers=workers, progress=True)
        written = _write(place, experiment, results)
    typer.echo(_demo.summary(results.tables, experiment.config.plot.statistic))
    typer.echo(f"\nWrote {', '.join(written)} into {output}")


def _write(place: OutputDirectory, experiment: Experiment, results: Results) -> list[str]:
    from . import _demo

    with _one_line_errors(OSError, code=1):
        _demo.write(place.path, experiment, results)
        written = sorted(entry.name for entry in place.path.iterdir())
        place.commit()
    return written


_BAD_INPUT = (ValueError, TypeError, OSError, ImportError, NotImplementedError, MemoryError)


@contextmanager
def _one_line_errors(*kinds: type[Exception], code: int = 2) -> Iterator[None]:
    """Errors as one line on stderr; by default those of bad input, code 2. An interrupt gives 130."""
    caught = kinds or _BAD_INPUT
    try:
        yield
    except KeyboardInterrupt:
        _fail("interrupted; nothing was written", 130)
    except caught as error:
        _fail(str(error) or type(error).__name__, code)


def _fail(message: str, code: int) -> NoReturn:
    line = re.sub(r"\s+", " ", message).strip()
    typer.echo(f"overprune: {line}", err=True)
    raise typer.Exit(code)
