"""What the package tells about its build, and the C++ files it ships."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

import overprune as op

ROOT = Path(__file__).parents[3]


def test_facts():
    info = op.build_info()
    assert info["version"] == op.__version__ == metadata.version("overprune")
    assert info["kernel_level"] in info["kernel_levels"]
    first, second, last = info["caches"]
    assert 2**12 <= first <= second
    assert last >= 2**12
    rows, columns = info["tile"]
    assert rows in (4, 8, 24)
    assert columns in (4, 6, 8)
    assert set(info["kernel_levels"]) in ({"v2", "v3", "v4"}, {"generic"})
    assert re.fullmatch(r"(g\+\+|clang|MSVC) \d.*", info["compiler"])
    assert info["build_type"] in ("Release", "RelWithDebInfo", "MinSizeRel", "Debug", "")
    assert re.fullmatch(r"\d+\.\d+\.\d+", info["eigen"])
    assert re.fullmatch(r"3\.\d+\.\w+", info["pybind11"])
    assert info["assertions"] in (True, False)


HEADERS = ROOT / "cpp/include"


@pytest.mark.parametrize(
    "header", sorted(str(p.relative_to(HEADERS)) for p in HEADERS.rglob("*.hpp"))
)
def test_every_header_is_installed(header):
    assert (Path(op.get_include()) / header).read_text() == (HEADERS / header).read_text()


def test_cmake_package_is_installed():
    folder = Path(op.get_cmake_dir())
    names = {path.name for path in folder.iterdir()}
    assert "overpruneConfig.cmake" in names or "overprune-config.cmake" in names
    assert any("version" in name.lower() for name in names)


def test_package_is_typed():
    assert (Path(op.__file__).parent / "py.typed").exists()
