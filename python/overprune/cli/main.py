"""The program `overprune`: its commands, and where the files for C++ are."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from .._version import __version__, get_cmake_dir, get_include, get_pkgconfig_dir
from ..experiments.console import tell
from .usage import Commands

# Each is a function in the module of its name, in the order of --help.
COMMANDS = (
    "demo",
    "run",
    "status",
    "reproduce",
    "predict",
    "advise",
    "figures",
    "explore",
    "info",
)

app = typer.Typer(
    name="overprune",
    cls=Commands,
    help="Train large, then prune: the test risk of pruned models, simulated and predicted.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _name in COMMANDS:
    app.command()(getattr(import_module(f".{_name}", __package__), _name))


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
    asked = [__version__] if version else []
    folders = (
        (cmakedir, get_cmake_dir),
        (includedir, get_include),
        (pkgconfigdir, get_pkgconfig_dir),
    )
    asked += [folder() for is_asked, folder in folders if is_asked]
    if asked:
        tell("\n".join(asked))  # a line each, in this order
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
