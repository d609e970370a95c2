"""The rooms use what lies below them, nothing turns in a circle, and everything stays short."""

from __future__ import annotations

import ast
import graphlib
import os
import re
import subprocess
import sysconfig
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "python/overprune"
CORE = ROOT / "cpp/src"
BELOW = {  # the rooms of cpp/src that each may include from
    "kernels": {"kernels"},
    "base": {"kernels", "base"},
    "problem": {"kernels", "base", "problem"},
    "solve": {"kernels", "base", "problem", "solve"},
    "theory": {"kernels", "base", "problem", "theory"},
}
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]

SOURCES = sorted(
    path
    for folder in ("bench", "cpp", "docs", "examples", "packaging", "python", "tests", "tools")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".cpp", ".hpp"} and "_build" not in path.parts
)
TEXTS = sorted(
    [
        *SOURCES,
        *ROOT.glob("*.md"),
        *(path for path in ROOT.glob("*/**/*.md") if not {"build", "_build"} & {*path.parts}),
        *ROOT.glob("cmake/*.cmake"),
        *(ROOT / folder / "CMakeLists.txt" for folder in (".", "tests/cpp", "bench/cpp")),
    ]
)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def linted() -> str:
    """What import-linter says of every contract, from one graph of the imports."""
    command = [Path(sysconfig.get_path("scripts")) / "lint-imports", "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", [contract["name"] for contract in CONTRACTS])
def test_contract_of_imports(name):
    pytest.importorskip("importlinter")
    said = linted()
    assert re.search(rf"^{re.escape(name)} KEPT", said, flags=re.MULTILINE), said


def faces(module: ast.AST, depth: int) -> set[str]:
    """Names that a module `depth` folders deep imports from the package itself."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and (
            (node.module is None and node.level == depth)
            or (node.module == "overprune" and node.level == 0)
        ):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name == "overprune"}
    return found


def test_no_module_imports_from_the_face_of_the_package():
    """Modules import one another and `_core`; the scripts of the gallery are users."""
    bad = []
    for path in PACKAGE.rglob("*.py"):
        inside = path.relative_to(PACKAGE).parts
        if inside[0] == "gallery" or inside == ("__init__.py",):
            continue
        for name in faces(tree(path), len(inside)):
            module = PACKAGE / name
            if name != "_core" and not module.is_dir() and not module.with_suffix(".py").exists():
                bad.append(f"{named(path)}: {name}")
    assert not bad


def includes(path: Path) -> list[str]:
    """Files of cpp/src that a source includes, from there."""
    quoted = re.findall(r'^#include "([^"]+)"', path.read_text(), flags=re.MULTILINE)
    return [name for name in quoted if not name.startswith("overprune/")]


@pytest.mark.parametrize("room", BELOW)
def test_sources_include_from_the_rooms_below(room):
    sources = list((CORE / room).rglob("*.[ch]pp"))
    assert sources
    bad = []
    for path in sources:
        for name in includes(path):
            inside = any(
                name.startswith(f"theory/{room}/") and path.parent.name != room
                for room in ("rounds", "classes")
            )
            is_entry = path.name == "schedule.cpp"
            if name.partition("/")[0] not in BELOW[room] or (inside and not is_entry):
                bad.append(f"{named(path)}: {name}")
    assert not bad


def test_no_header_includes_itself_in_the_end():
    folders = (CORE, ROOT / "cpp/include", ROOT / "python/bindings")
    headers = {
        path.relative_to(folder).as_posix(): path
        for folder in folders
        for path in folder.rglob("*.hpp")
    }
    graph = {
        name: [
            *includes(path),
            *re.findall(r'^#include ["<](overprune/[^">]+)[">]', path.read_text(), flags=re.M),
        ]
        for name, path in headers.items()
    }
    assert len(graph) > 50
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, with the circle


def test_files_have_at_most_400_lines():
    counts = {named(path): path.read_text().count("\n") for path in SOURCES}
    assert not {name: count for name, count in counts.items() if count > 400}


def test_python_functions_have_at_most_60_lines():
    """Without the docstring. How complex one may be is in pyproject.toml (ruff's C901)."""
    long = {}
    for path in SOURCES:
        if path.suffix != ".py":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                count = node.end_lineno - body[0].lineno + 1 if body else 0
                if count > 60:
                    long[f"{named(path)}: {node.name}"] = count
    assert not long


def test_cpp_functions_have_at_most_60_lines_and_15_ways():
    lizard = pytest.importorskip("lizard")
    functions = [
        (path, function)
        for path in SOURCES
        if path.suffix != ".py"
        for function in lizard.analyze_file(str(path)).function_list
    ]
    assert len(functions) > 1000
    bad = {
        f"{named(path)}: {function.name}": (function.length, function.cyclomatic_complexity)
        for path, function in functions
        if function.length > 60 or function.cyclomatic_complexity > 15
    }
    assert not bad


def test_lines_have_at_most_100_columns():
    """But for rows of tables, and for what has no space to break at, as a link."""
    long = []
    for path in TEXTS:
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            line = line.partition("  # noqa")[0]
            free = path.suffix == ".md" and (line.lstrip().startswith("|") or "](" in line)
            if len(line) > 100 and not free and " " in line.strip()[:100].lstrip("#/*-> "):
                long.append(f"{named(path)}:{number}")
    assert not long
