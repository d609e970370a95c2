"""The C++ tests, built against the installed package, and what its headers include."""

from pathlib import Path

import pytest

import overprune as op
from installs import ARCHIVE, ROOT, build, run


def test_doctest_suite(tmp_path):
    build(ROOT / "tests" / "cpp", tmp_path, op.get_cmake_dir())
    print(run("ctest", "--test-dir", tmp_path, "--output-on-failure"))
    if not ARCHIVE.exists():
        pytest.skip("without the tests of what a shared library hides: see the README's command for tests")


def test_only_the_adapters_name_eigen_and_no_header_python():
    folder = Path(op.get_include()) / "overprune"
    adapters = {folder / "eigen.hpp", *(folder / "eigen").iterdir()}
    headers = set(folder.rglob("*.hpp"))
    assert len(headers) > 20
    assert adapters < headers
    assert "eigen" not in (folder / "overprune.hpp").read_text().lower()
    for header in sorted(headers - adapters):
        includes = [line for line in header.read_text().splitlines() if line.startswith("#include")]
        assert not [line for line in includes if "Eigen" in line or "Python" in line or "pybind" in line], (
            header
        )
