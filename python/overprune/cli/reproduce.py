"""`overprune reproduce`: a table made again and compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._validation import printable
from ..experiments.console import tell
from .usage import Workers, one_line_errors


def reproduce(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="A directory that overprune run wrote, or a Zarr group."
        ),
    ],
    workers: Workers = None,
) -> None:
    """Run a table again from its attributes and report the largest difference; code 1 if there is
    any."""
    from ..experiments.reproduce import report

    with one_line_errors():
        lines, is_same = report(table, workers)
    tell("\n".join(map(printable, lines)))
    if not is_same:
        raise typer.Exit(1)
