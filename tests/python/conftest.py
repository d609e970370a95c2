"""Fixtures that several files share, and how the tests are spread over processes."""

import os
import signal
import sysconfig
from pathlib import Path
from typing import BinaryIO

# Before NumPy and PyTorch are imported: their threads would take the cores of other processes.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import pytest

from cli_tools import CONFIG

PNG = b"\x89PNG\r\n\x1a\n"

# Each takes half a minute or more.
LONGEST = {
    "test_docs", "test_cpp", "test_consume", "test_explore_browser", "test_explore_access",
    "test_store", "test_faults", "test_executors", "test_bench", "test_static", "test_figures",
}  # fmt: skip

# A shell that runs the tests in the background has them ignore SIGINT, which several of them send.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The tools of the environment that runs the tests, where it was not activated, too.
os.environ["PATH"] = os.pathsep.join(
    [sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)]
)


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist nothing asks
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process a core, eight at most; none for a few files or tests by name.

    Every process imports and collects everything, which takes longer than most files do.
    """
    named = all(arg.partition("::")[0].endswith(".py") for arg in config.args)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 0 if (named and len(config.args) < 4) or cores == 1 else min(cores or 1, 8)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that no process is left alone with one at the end."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture
def unpainted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are composed, but their files hold no picture: to paint one takes two seconds."""

    def savefig(figure: object, target: str | Path | BinaryIO, **options: object) -> None:
        if isinstance(target, str | Path):
            Path(target).write_bytes(PNG)
        else:
            target.write(PNG)

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", savefig)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.toml"
    path.write_text(CONFIG)
    return path
