"""pyplot that draws into files, whatever MPLBACKEND and a matplotlibrc say."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def into_files() -> Iterator[Any]:
    """`matplotlib.pyplot` with the canvas that needs no display; the earlier one comes back after.

    The figures have matplotlib's own style: a matplotlibrc may name a format or fonts that are not
    there. MPLBACKEND is ignored: matplotlib cannot be imported where it names an unknown canvas,
    and pyplot makes no figure where it names one that is not installed.
    """
    matplotlib = _quietly_imported()
    earlier = matplotlib.get_backend() if "matplotlib.pyplot" in sys.modules else None
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    try:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            yield plt
    finally:
        if earlier is not None:
            with suppress(ImportError, ValueError):
                matplotlib.use(earlier)


def png_of(figure: Any) -> bytes:
    """A figure as the bytes of a PNG."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150)
    return image.getvalue()


def _quietly_imported() -> Any:
    """matplotlib, imported as if MPLBACKEND were not set."""
    named = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    except UnicodeDecodeError as error:
        raise ImportError(
            "matplotlib cannot be imported: its matplotlibrc, in the working directory, "
            f"MATPLOTLIBRC or ~/.config/matplotlib, is not a text file in UTF-8, {error}"
        ) from error
    finally:
        if named is not None:
            os.environ["MPLBACKEND"] = named
    return matplotlib
