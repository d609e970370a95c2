"""The C++ tests, built against the installed package, and what its headers include."""

import re
from pathlib import Path

import pytest

import overprune as op
from installs import ARCHIVE, ROOT, build, run

CPP = ROOT / "tests" / "cpp"


def test_suite(tmp_path):
    build(CPP, tmp_path, op.get_cmake_dir(), "-DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF")
    print(run("ctest", "--test-dir", tmp_path, "--output-on-failure"))
    if not ARCHIVE.exists():
        pytest.skip(
            "without the tests of what a shared library hides: see the README's command for tests"
        )


def test_the_suite_includes_what_comes_with_the_compiler_and_with_pip():
    """No header that some machines have and others lack."""
    sources = sorted(CPP.rglob("*.[ch]pp"))
    assert len(sources) > 30
    for source in sources:
        for name in re.findall(r"^#\s*include\s*(\S+)", source.read_text(), flags=re.MULTILINE):
            if name.startswith('"'):
                folders = (source.parent, CPP / "support", ROOT / "cpp/src", ROOT / "cpp/include")
                assert any((folder / name.strip('"')).exists() for folder in folders), (
                    f"{source}: {name}"
                )
            else:
                assert re.fullmatch(r"<([a-z_]+|malloc\.h|Eigen/\w+)>", name), f"{source}: {name}"


def test_only_the_adapters_name_eigen_and_no_header_python():
    folder = Path(op.get_include()) / "overprune"
    adapters = {folder / "eigen.hpp", *(folder / "eigen").iterdir()}
    headers = set(folder.rglob("*.hpp"))
    assert len(headers) > 20
    assert adapters < headers
    assert "eigen" not in (folder / "overprune.hpp").read_text().lower()
    for header in sorted(headers - adapters):
        includes = [line for line in header.read_text().splitlines() if line.startswith("#include")]
        assert not [
            line for line in includes if "Eigen" in line or "Python" in line or "pybind" in line
        ], header
