"""The package's version, the one compiled into the core."""

from ._core import __version__

__all__ = ["__version__"]
