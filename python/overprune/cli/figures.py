"""The command `overprune figures`."""

from __future__ import annotations

from typing import Annotated

import typer

from .._validation import printable
from .usage import say, tell


def figures(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Which ones; all if not given.")
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="Where the figures go.")
    ] = "overprune-figures",
    listed: Annotated[
        bool, typer.Option("--list", help="Print the names, and what they show.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace figures in DIR.")] = False,
) -> None:
    """Draw the figures of the documentation's gallery: settings simulated and predicted.

    Writes NAME.png into DIR. The one of real digits needs pip install 'overprune[data]'.
    """
    from .figure_scripts import chosen, write
    from .main import _one_line_errors

    with _one_line_errors():
        picked = chosen(names or [])
        if listed:
            width = max(len(figure.name) for figure in picked)
            tell("\n".join(f"{figure.name:<{width}}  {figure.title}" for figure in picked))
            return
        written = 0
        try:
            for drawn in write(picked, output, overwrite=overwrite):
                if drawn.path is None:
                    say(f"{drawn.name} is left out: {drawn.text}")
                else:
                    written += 1
                    tell(f"{printable(str(drawn.path))}  {drawn.seconds:.1f} s")
        except KeyboardInterrupt:
            say(f"interrupted; figures written: {written}")
            raise typer.Exit(130) from None
    if not written:
        raise typer.Exit(1)
