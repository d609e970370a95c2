"""Ways to install the package, and programs built against them.

What the installs are tested for is where things lie and how they find one another, so nothing is
compiled twice: a stand-in for compiler, archiver, linker and objcopy hands out the libraries and
module that run these tests. CMake's and scikit-build-core's own part is the real one.
"""

import os
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import pytest

import overprune as op
from overprune import _core

ROOT = Path(__file__).parents[3]
LIBRARIES = Path(op.get_cmake_dir()).parents[1]
SHARED = LIBRARIES / ("liboverprune.dylib" if sys.platform == "darwin" else "liboverprune.so")
ARCHIVE = LIBRARIES / "liboverprune.a"  # of the component `static`
needs_archive = pytest.mark.skipif(
    not ARCHIVE.exists(), reason="needs the component static: see the README's command for tests"
)
BASELINE = os.environ.get("CXXFLAGS", "")

_STAND_IN = """#!{python}
import shutil, sys
from pathlib import Path
arguments = sys.argv[1:]
if arguments[0] == "qc":  # archiver
    shutil.copyfile("{archive}", arguments[1])
elif "-o" in arguments:  # launched compiler, linker
    output = Path(arguments[arguments.index("-o") + 1])
    if "-c" in arguments:
        output.touch()
    else:
        shutil.copyfile("{shared}" if "liboverprune" in output.name else "{module}", output)
"""


def run(*command: str | Path, **options: object) -> str:
    """Runs a command; a failure shows all that it printed."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return str(done.stdout)


def eigen_prefixes() -> list[str]:
    """Where cmeel-eigen lies, if it is here."""
    try:
        return [str(Path(str(distribution("cmeel-eigen").locate_file(""))) / "cmeel.prefix")]
    except PackageNotFoundError:
        return []


def build(
    source: Path,
    directory: Path,
    prefix: str | Path | None,
    *definitions: str,
    flags: str = "",
    target: str = "all",
) -> None:
    """Configures and builds a project against the package under `prefix`."""
    prefixes = [*([str(prefix)] if prefix else []), *eigen_prefixes()]
    run(
        "cmake", "-S", source, "-B", directory, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_PREFIX_PATH={';'.join(prefixes)}", f"-DPython_EXECUTABLE={sys.executable}",
        f"-DCMAKE_CXX_FLAGS={BASELINE} {flags}", *definitions, env=clean_environment(),
    )  # fmt: skip
    run("cmake", "--build", directory, "--target", target)


def clean_environment(**changes: str) -> dict[str, str]:
    """Without what would point to some package, or come in between the stand-ins."""
    hidden = ("CMAKE_PREFIX_PATH", "CMAKE_CXX_COMPILER_LAUNCHER", "PKG_CONFIG_PATH", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return kept | changes


def stand_ins(folder: Path) -> dict[str, str]:
    """Definitions for CMake."""
    script = folder / "stand_in.py"
    archive = ARCHIVE if ARCHIVE.exists() else os.devnull
    script.write_text(
        _STAND_IN.format(
            python=sys.executable, archive=archive, shared=SHARED, module=_core.__file__
        )
    )
    script.chmod(0o755)
    tools = ("CXX_COMPILER_LAUNCHER", "CXX_LINKER_LAUNCHER", "AR", "RANLIB", "OBJCOPY")
    return {f"CMAKE_{name}": str(script) for name in tools}


def plain(folder: Path, shared: bool) -> Path:
    """What `cmake --install` makes of the component devel."""
    definitions = [f"-D{name}={value}" for name, value in stand_ins(folder).items()]
    definitions += [f"-DBUILD_SHARED_LIBS={'ON' if shared else 'OFF'}", "-DOVERPRUNE_UNITY=ON"]
    build(ROOT, folder / "build", None, "-DCMAKE_INSTALL_LIBDIR=lib", *definitions)
    run(
        "cmake",
        "--install",
        folder / "build",
        "--prefix",
        folder / "prefix",
        "--component",
        "devel",
    )
    return folder / "prefix"


def _pip(folder: Path, *arguments: str | Path, python: Path | None = None) -> None:
    definitions = {**stand_ins(folder), "OVERPRUNE_UNITY": "ON"}  # each file starts a stand-in
    settings = [f"-Ccmake.define.{name}={value}" for name, value in definitions.items()]
    prefixes = ";".join(eigen_prefixes())
    run(
        sys.executable, "-m", "pip", *(["--python", python] if python else []), *arguments,
        "--no-build-isolation", "--no-deps", "--no-index", f"-Cbuild-dir={folder / 'build'}",
        *settings,
        env=clean_environment(CMAKE_PREFIX_PATH=prefixes), cwd=folder,
    )  # fmt: skip


def _environment(folder: Path) -> tuple[Path, Path]:
    """A new environment's Python and folder of packages;
    the other packages are this environment's."""
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    packages = Path(
        run(python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))").strip()
    )
    (packages / "others.pth").write_text(
        "\n".join(path for path in sys.path if "site-packages" in path)
    )
    return python, packages


class Wheel(NamedTuple):
    file: Path
    python: Path  # of the environment where it is installed
    site: Path  # and where


def wheel(folder: Path) -> Wheel:
    """The wheel, installed in a new environment."""
    _pip(folder, "wheel", ROOT, "--wheel-dir", folder)
    (file,) = folder.glob("*.whl")
    python, packages = _environment(folder)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(packages)
    return Wheel(file, python, packages)


def editable(folder: Path) -> Path:
    """The Python of a new environment with an editable install."""
    python, _ = _environment(folder)
    _pip(folder, "install", "--editable", ROOT, python=python)
    return python
