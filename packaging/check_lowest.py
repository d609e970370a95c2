"""The package's tests in a new environment with the lowest versions that pyproject.toml allows.

    python packaging/check_lowest.py --print                    # pip's constraints, and no more
    python packaging/check_lowest.py                            # builds the wheel, too
    python packaging/check_lowest.py --wheel FILE -- -q tests/python/simulation/test_store.py

Arguments after `--` go to pytest; by default the files run that meet each dependency. Bounds are
lower ends (`>=`) or exact (`==`), of the dependencies and of the extras in EXTRAS; what pytest
itself needs comes from the extra `test`. Old packages warn of what newer ones will change: such
warnings are no errors here.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("data", "sklearn", "explore", "dask")
TOOLS = (
    "pytest",
    "pytest-xdist",
    "hypothesis",
    "scipy",
    "mpmath",
    "pandas",
    "loky",
)  # of the extra `test`
FILES = (
    "package/test_build", "package/test_provenance", "cli/test_cli", "cli/test_cli_errors",
    "experiments/test_config", "experiments/test_output", "problems/test_datasets",
    "problems/test_data_problem", "simulation/test_store", "simulation/test_executors",
    "plot/test_plot", "explore/test_explore", "sklearn/test_sklearn_estimators",
    "sklearn/test_sklearn_search",
)  # fmt: skip
TESTS = ("-q", *(f"tests/python/{name}.py" for name in FILES))
WARNINGS = ("DeprecationWarning", "PendingDeprecationWarning")
BOUND = re.compile(r"([A-Za-z0-9_.-]+)(?:\[([a-z,]+)\])?(?:(>=|==)([0-9.]+))?(?:,<[0-9.]+)?")


def requirements(project: dict) -> list[str]:
    """What the package, EXTRAS and TOOLS ask for."""
    optional = project["optional-dependencies"]
    found = [*project["dependencies"], *(line for extra in EXTRAS for line in optional[extra])]
    return found + [line for line in optional["test"] if BOUND.match(line)[1] in TOOLS]


def lowest(lines: list[str]) -> dict[str, str]:
    """The lowest version of each package that satisfies all the lines; ValueError where one has no
    bound."""
    versions: dict[str, str] = {}
    for line in lines:
        match = BOUND.fullmatch(line)
        if match is None or match[4] is None:
            raise ValueError(f"a lower bound is expected, got {line!r}")
        name, version = match[1].lower(), match[4]
        versions[name] = max(
            versions.get(name, "0"), version, key=lambda text: [*map(int, text.split("."))]
        )
    return versions


def constraints(root: Path = ROOT) -> list[str]:
    """For pip."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return [f"{name}=={version}" for name, version in sorted(lowest(requirements(project)).items())]


def run(*command: str | Path, **options: object) -> None:
    print("+", *command, flush=True)
    done = subprocess.run([str(part) for part in command], **options)  # type: ignore[call-overload]
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(map(str, command))}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--print", action="store_true", help="print the versions and end")
    parser.add_argument("--python", default=sys.executable, help="the interpreter to use")
    parser.add_argument(
        "--environment", type=Path, help="where the environment is made, or is already"
    )
    parser.add_argument(
        "--wheel", type=Path, help="a wheel of this package; by default it is built"
    )
    parser.add_argument("tests", nargs="*", help="arguments of pytest")
    options = parser.parse_args()
    wanted = constraints()
    if options.print:
        print(*wanted, sep="\n")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = options.environment or Path(name) / "venv"
        python = folder / "bin" / "python"
        if not python.exists():
            run(options.python, "-m", "venv", folder)
            run(python, "-m", "pip", "install", "-q", *wanted)
        if options.wheel is None:
            run(python, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", name, ROOT)
        wheel = options.wheel or next(Path(name).glob("*.whl"))
        run(python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", wheel)
        run(python, "-m", "pip", "check")
        ignored = (part for kind in WARNINGS for part in ("-W", f"ignore::{kind}"))
        run(python, "-m", "pytest", *ignored, *(options.tests or TESTS), cwd=ROOT, env=os.environ)


if __name__ == "__main__":
    main()
