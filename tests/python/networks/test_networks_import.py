"""PyTorch is imported by overprune.networks alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("torch")


def test_overprune_does_not_import_torch():
    code = "import sys, overprune; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_torch_the_error_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None\nimport overprune.networks"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (
        "overprune.networks needs the package torch: pip install 'overprune[networks]'"
        in done.stderr
    )
