"""`overprune status`: how far a run is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._validation import printable
from ..experiments.console import tell
from .usage import one_line_errors


def status(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="What overprune run writes into, or a store.")
    ],
) -> None:
    """Show how much of a run is done, how long that took and what is left."""
    from ..simulation.status import report

    with one_line_errors():
        lines = report(directory)
    tell("\n".join(map(printable, lines)))
