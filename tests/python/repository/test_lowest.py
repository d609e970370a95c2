"""The lowest versions that pyproject.toml allows are those that packaging/check_lowest.py tries."""

import importlib.util
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location(
        "check_lowest", ROOT / "packaging" / "check_lowest.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_dependency_is_tried_on_its_lower_bound(tool):
    tried = tool.constraints()
    for line in PROJECT["dependencies"]:
        assert line.replace(">=", "==") in tried
    for extra in tool.EXTRAS:
        for line in PROJECT["optional-dependencies"][extra]:
            assert line.replace(">=", "==") in tried
    names = [line.partition("==")[0] for line in tried]
    assert len(set(names)) == len(names)
    assert set(tool.TOOLS) < set(names)


def test_numcodecs_refuses_pickles():
    """0.16.6 is the first version that does not unpickle what a store names."""
    (bound,) = (line for line in PROJECT["dependencies"] if line.startswith("numcodecs"))
    assert [*map(int, bound.partition(">=")[2].split("."))] >= [0, 16, 6]


def test_bounds_in_words(tool):
    lines = ["a>=1.9", "b[x,y]>=2,<3", "a>=1.10", "c==0.1"]
    assert tool.lowest(lines) == {"a": "1.10", "b": "2", "c": "0.1"}
    for line in ("a", "a<2", "a>1", "a~=1.0"):
        with pytest.raises(ValueError, match="a lower bound is expected"):
            tool.lowest([line])


def test_what_is_installed_is_allowed(tool):
    for line in tool.constraints():
        name, _, bound = line.partition("==")
        try:
            installed = version(name)
        except PackageNotFoundError:
            continue
        numbers = [
            [int(part) for part in text.split(".") if part.isdigit()] for text in (installed, bound)
        ]
        assert numbers[0] >= numbers[1], (name, installed, bound)
