"""The C++ side, built against the installed package: the doctest suite, and a program of a user's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import overprune as op

ROOT = Path(__file__).parents[2]
BASELINE = os.environ.get("CXXFLAGS", "")


def run(*command: str | Path, **options: object) -> str:
    """Runs a command; a failure shows all that it printed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return str(done.stdout)


def build(source: Path, directory: Path, flags: str = "") -> None:
    run(
        "cmake", "-S", source, "-B", directory, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_PREFIX_PATH={op.get_cmake_dir()}", f"-DPython_EXECUTABLE={sys.executable}",
        f"-DCMAKE_CXX_FLAGS={BASELINE} {flags}",
    )  # fmt: skip
    run("cmake", "--build", directory)


def test_doctest_suite(tmp_path):
    build(ROOT / "tests" / "cpp", tmp_path)
    print(run("ctest", "--test-dir", tmp_path, "--output-on-failure"))


@pytest.mark.parametrize("flags", ["", "-march=native"])
def test_a_program_of_a_users_own(tmp_path, flags):
    build(ROOT / "tests" / "consume", tmp_path, flags)
    assert run(tmp_path / "consume").startswith(f"overprune {op.__version__} (")


def test_exported_targets_hold_no_absolute_path():
    for file in Path(op.get_cmake_dir()).glob("*.cmake"):
        # What CMake computes at run time is relative to the file; anything spelt out would be this machine's.
        text = file.read_text().replace("/../", "")
        assert str(ROOT) not in text, file
        assert sys.prefix not in text, file
    targets = (Path(op.get_cmake_dir()) / "overprune-targets.cmake").read_text()
    assert "Eigen" not in targets


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
