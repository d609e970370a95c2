"""The version compiled into the core, where the package's C++ parts lie, and what this build is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import _core
from ._core import __version__ as __version__


def _root() -> Path:
    """The directory the compiled module was installed to; in an editable install that is not the
    sources'."""
    return Path(_core.__file__).parent


def get_include() -> str:
    """Return the directory of the C++ headers: ``#include <overprune/overprune.hpp>``.

    Examples
    --------
    >>> import overprune as op
    >>> op.get_include().endswith("include")
    True
    """
    return str(_root() / "include")


def get_cmake_dir() -> str:
    """Return the directory of the CMake package, the value of ``-Doverprune_DIR=``.

    Examples
    --------
    >>> import overprune as op
    >>> op.get_cmake_dir().endswith("overprune")
    True
    """
    return str(_root() / "lib" / "cmake" / "overprune")


def get_pkgconfig_dir() -> str:
    """Return the directory of ``overprune.pc``, a ``PKG_CONFIG_PATH`` for ``pkg-config``.

    Examples
    --------
    >>> import overprune as op
    >>> op.get_pkgconfig_dir().endswith("pkgconfig")
    True
    """
    return str(_root() / "lib" / "pkgconfig")


def build_info() -> dict[str, Any]:
    """Return the facts of this build.

    They are version, kernel_level in use, kernel_levels compiled in, caches (bytes of the first,
    second and last cache, which blocks of products follow), tile (rows and columns of a product
    that registers hold at a time), compiler, build_type, the versions of eigen and pybind11, and
    assertions (True in a build without NDEBUG, which is slow). The level is the highest that the
    processor runs; the environment variable OVERPRUNE_KERNEL (v2, v3, v4 of x86-64) pins a lower
    one.

    Examples
    --------
    >>> import overprune as op
    >>> info = op.build_info()
    >>> info["kernel_level"] in info["kernel_levels"]
    True
    """
    facts: dict[str, Any] = _core.build_info()
    return facts
