"""`overprune info`: versions, kernels, and the memory that a run takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..experiments.console import tell, tell_json
from .usage import Json, Workers, one_line_errors

if TYPE_CHECKING:
    from ..simulation.memory import Need


def info(
    config: Annotated[
        Path | None,
        typer.Argument(metavar="[CONFIG.toml]", help="A run whose memory is printed, too."),
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Print versions, the kernels in use and how the package was built.

    With CONFIG.toml, also the memory that the simulation of `overprune run` takes.
    """
    import numpy as np
    import xarray as xr

    from .._version import build_info

    with one_line_errors():
        facts = build_info()
        needs: list[Need] = []
        if config is not None:
            from ..experiments.config import load
            from ..experiments.run import memory

            needs = memory(load(config), workers)
    versions = {"numpy": np.__version__, "xarray": xr.__version__}
    lines: dict[str, Any] = {**facts, "cores": os.cpu_count(), **versions}
    if as_json:
        return tell_json({**lines, "memory": [need._asdict() for need in needs]})
    width = max(map(len, lines))
    for name, value in lines.items():
        shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        tell(f"{name.replace('_', ' '):<{width}}  {shown}")
    if needs:
        tell("\n" + "\n".join(map(str, needs)))
