"""`overprune explore`: a page with sliders for a problem."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .usage import integer, one_line_errors


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

    with one_line_errors():
        open_page(config, host, port, browser=not no_browser)
