"""What the package tells about its build, and the C++ files it ships."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

import overprune as op

ROOT = Path(__file__).parents[2]


def test_facts():
    info = op.build_info()
    assert info["version"] == op.__version__ == metadata.version("overprune")
    assert info["kernel_level"] in info["kernel_levels"]
    assert set(info["kernel_levels"]) in ({"v2", "v3", "v4"}, {"generic"})
    assert info["compiler"]
    assert info["assertions"] in (True, False)


@pytest.mark.parametrize("header", sorted(p.name for p in (ROOT / "cpp/include/overprune").glob("*.hpp")))
def test_every_header_is_installed(header):
    installed = Path(op.get_include()) / "overprune" / header
    assert installed.read_text() == (ROOT / "cpp/include/overprune" / header).read_text()


def test_cmake_package_is_installed():
    folder = Path(op.get_cmake_dir())
    names = {path.name for path in folder.iterdir()}
    assert "overpruneConfig.cmake" in names or "overprune-config.cmake" in names
    assert any("version" in name.lower() for name in names)


def test_package_is_typed():
    assert (Path(op.__file__).parent / "py.typed").exists()
