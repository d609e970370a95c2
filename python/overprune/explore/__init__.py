"""The page of `overprune explore`: sliders for a problem, its predicted curves, simulated points.

`state` holds the sliders' values, `curves` and `pictures` predict them, `points` simulates them;
`controls`, `figure`, `widgets` and `page` are the page, and `server` serves it to requests that
`doors` lets in. The room needs Bokeh and may use every room but `cli`, `networks` and `sklearn`.
"""

from __future__ import annotations

from pathlib import Path


def open_page(config: Path | None, host: str, port: int | None, *, browser: bool) -> None:
    """Serves the page, prints where, and opens a browser there; returns after Ctrl-C.

    Raises
    ------
    ImportError
        Without the extra `explore`.
    ConfigError, ValueError, OSError
        If the page cannot show the config, or not be served there.
    """
    import webbrowser

    from ..experiments.config import load
    from ..experiments.console import tell
    from .state import State, of_config

    try:
        from .server import serve
    except ImportError as error:
        if (error.name or "").split(".")[0] not in ("bokeh", "jinja2", "tornado"):
            raise
        raise ImportError("explore needs Bokeh: pip install 'overprune[explore]'") from None
    state, notes = (State(), []) if config is None else of_config(load(config))

    def ready(address: str, is_everywhere: bool) -> None:
        where = "and every address of this machine " if is_everywhere else ""
        tell(f"Serving {address} {where}- Ctrl-C ends it")
        if browser:
            webbrowser.open(address)

    serve(state, notes, host, port, ready)
