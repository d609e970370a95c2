"""`overprune info`: versions, kernels, and the memory that a run takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..experiments.console import tell
from .usage import Workers, one_line_errors


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
    import numpy as np
    import xarray as xr

    from .._version import build_info

    with one_line_errors():
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
