"""Other Python processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_TESTS = Path(__file__).parents[1]


def environment(**changes: str) -> dict[str, str]:
    """Variables with which another Python imports the modules of the tests that this one does."""
    paths = [path for path in sys.path if Path(path).is_relative_to(_TESTS)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **changes}
