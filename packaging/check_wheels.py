"""From a checkout to tested wheels: sdist, a wheel from it alone for every Python that is here, its
tests.

    # python3.11, 3.12, 3.13 and 3.14 as found on PATH
    python packaging/check_wheels.py
    python packaging/check_wheels.py --python python3.12 -- -x -q tests/python/fits/test_random.py

Needs `build`, and on Linux `auditwheel`. What it saw last is in bench/results/wheels.md, which it
writes. Arguments after `--` go to pytest; by default all tests that are not slow run, those of C++
users among them.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")
TESTS = ("-x", "-q", "-m", "not slow")
NEEDED = (
    "CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "CHANGELOG.md",
    "cmake/overprune.pc.in",
    "cpp/include/overprune/eigen.hpp", "python/overprune/py.typed", "python/bindings/exports.map",
    "examples/cpp/CMakeLists.txt", "tests/cpp/CMakeLists.txt", "tests/golden/random.json",
    "docs/theory.md",
    "bench/cpp/CMakeLists.txt",
)  # fmt: skip
JUNK = re.compile(
    r"(^|/)(build|dist|_build|__pycache__|\.git|\.venv|\.\w+_cache)(/|$)|\.(so|o|a|pyc|whl|zarr)$"
)


def run(*command: str | Path, **options: object) -> str:
    """Runs a command, and shows it; a failure ends the check with all that it printed."""
    print("+", *command, flush=True)
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )  # type: ignore[call-overload]
    if done.returncode != 0:
        sys.exit(done.stdout + f"\nfailed: {' '.join(map(str, command))}")
    return str(done.stdout)


def make_sdist(folder: Path) -> Path:
    """The unpacked sdist, with what the tests need and nothing that does not belong there."""
    run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, ROOT)
    (file,) = folder.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        archive.extractall(folder, filter="data")
    (source,) = (path for path in folder.iterdir() if path.is_dir())
    names = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    if missing := set(NEEDED) - names:
        sys.exit(f"not in the sdist: {sorted(missing)}")
    if junk := [name for name in names if JUNK.search(name)]:
        sys.exit(f"does not belong in the sdist: {sorted(junk)}")
    print(f"sdist: {len(names)} files, {file.stat().st_size / 1e6:.2f} MB")
    return source


def environment(folder: Path, python: str, *requirements: str) -> Path:
    """The Python of a new environment with these packages."""
    run(python, "-m", "venv", folder)
    inside = folder / "bin" / "python"
    run(inside, "-m", "pip", "install", "-q", *requirements)
    return inside


def make_wheel(source: Path, folder: Path, python: str) -> Path:
    """The wheel from the unpacked sdist, without any index: what the build needs is installed
    before."""
    needs = tomllib.loads((source / "pyproject.toml").read_text())["build-system"]["requires"]
    builder = environment(folder / "builder", python, "cmake>=3.26", "ninja>=1.11", *needs)
    purelib = run(builder, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    settings = os.environ | {
        "CMAKE_PREFIX_PATH": purelib,
        "PATH": f"{builder.parent}:{os.environ['PATH']}",
    }
    run(
        *(builder, "-m", "pip", "wheel", "--no-index", "--no-build-isolation", "--no-deps"),
        *("--wheel-dir", folder, source),
        env=settings,
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def audit(wheel: Path) -> str:
    """The platform tag that the wheel may carry."""
    if sys.platform != "linux":
        return "not a Linux"
    said = " ".join(run(sys.executable, "-m", "auditwheel", "show", wheel).split())
    tag = re.search(
        r'constrained by the .*?platform tag: "([^"]+)"|'
        r'consistent with the following platform tag: "([^"]+)"',
        said,
    )
    if not tag:
        sys.exit(f"auditwheel does not say that the wheel is sound:\n{said}")
    return tag[1] or tag[2]


def test(wheel: Path, source: Path, folder: Path, python: str, arguments: list[str]) -> str:
    """Installs the wheel with what its tests need and runs them from the sdist's sources; the last
    line."""
    inside = environment(folder / "tests", python, f"{wheel}[test]")
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "CMAKE_PREFIX_PATH")
    }
    clean["PATH"] = f"{inside.parent}:{clean['PATH']}"
    output = run(inside, "-m", "pytest", *arguments, cwd=source, env=clean)
    return output.strip().splitlines()[-1].strip("= ")


def processor() -> str:
    """Its name, where Linux tells it."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    return found[1] if found else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--python", action="append", help="an interpreter; may be given several times"
    )
    parser.add_argument("tests", nargs="*", help="arguments of pytest")
    options = parser.parse_args()
    pythons = [found for name in options.python or PYTHONS if (found := shutil.which(name))]
    if not pythons:
        sys.exit(f"none of {', '.join(options.python or PYTHONS)} is here")
    arguments = options.tests or list(TESTS)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = make_sdist(folder)
        for python in pythons:
            version = run(python, "-c", "import platform; print(platform.python_version())").strip()
            place = folder / version
            place.mkdir()
            began = time.monotonic()
            wheel = make_wheel(source, place, python)
            minutes = (time.monotonic() - began) / 60
            size, tag = wheel.stat().st_size / 1e6, audit(wheel)
            passed = test(wheel, source, place, python, arguments)
            rows.append(f"| {version} | {size:.2f} MB | `{tag}` | {minutes:.1f} min | {passed} |")
            print(rows[-1], flush=True)
    lines = [
        "# Wheels of every Python",
        "",
        "| | |",
        "|---|---|",
        "| command | `nox -s wheels` |",
        f"| date | {time.strftime('%d %B %Y')} |",
        f"| processor | {processor()} |",
        f"| commit | {run('git', '-C', ROOT, 'rev-parse', '--short', 'HEAD').strip()} |",
        "",
        f"`pytest {' '.join(arguments)}`:",
        "",
        "| Python | wheel | tag that auditwheel allows | built in | tests |",
        "|---|---|---|---|---|",
        *rows,
    ]
    (ROOT / "bench" / "results" / "wheels.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
