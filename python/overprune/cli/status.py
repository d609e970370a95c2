"""`overprune status`: how far a run is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .._validation import printable
from ..experiments.console import tell, tell_json
from .usage import Json, one_line_errors


def status(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="What overprune run writes into, or a store.")
    ],
    as_json: Json = False,
) -> None:
    """Show how much of a run is done, how long that took and what is left."""
    from ..simulation.status import status_of

    with one_line_errors():
        found = status_of(directory)
    if as_json:
        return tell_json(found.to_dict())
    tell("\n".join(map(printable, found.lines())))
