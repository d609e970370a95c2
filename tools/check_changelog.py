"""Holds CHANGELOG.md against the package: its form, the names it must mention, whether it keeps up.

    python tools/check_changelog.py [--base REF | --no-change]

Sources that changed since the base want a change of CHANGELOG.md, too, or the last line `Changelog:
none` in every commit that changed them. The base is where the branch left REF; by default where it
left origin/main or main, and on main itself the last release (a tag v*), or the beginning if there
is none.
"""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCES = ("python/overprune", "cpp/include", "cpp/src", "pyproject.toml")
TARGETS = ("origin/main", "main")
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--base", metavar="REF", help="branch or commit that this one is to be merged into"
    )
    parser.add_argument("--no-change", action="store_true", help="leave out what needs the history")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        faults = [
            *check_form(options.root),
            *check_names(options.root),
            *check_citation(options.root),
        ]
        faults += [] if options.no_change else check_change(options.root, options.base)
    except Unusable as error:
        faults = [str(error)]
    for fault in faults:
        print(f"check_changelog: {fault}", file=sys.stderr)
    return 1 if faults else 0


class Unusable(Exception):
    """What was asked for cannot be checked here."""


def check_form(root: Path) -> Iterator[str]:
    """Keep a Changelog: [Unreleased] first, then releases, newest first, under known headings."""
    lines = (root / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    if lines[:1] != ["# Changelog"]:
        yield 'line 1: expected "# Changelog"'
    releases = [(i, line) for i, line in enumerate(lines, 1) if line.startswith("## ")]
    if [line for _, line in releases[:1]] != ["## [Unreleased]"]:
        yield 'the first section must be "## [Unreleased]"'
    found: list[tuple[tuple[int, ...], str]] = []
    for i, line in releases[1:]:
        match = re.fullmatch(r"## \[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d{2}-\d{2})", line)
        if match is None:
            yield f'line {i}: expected "## [X.Y.Z] - YYYY-MM-DD", got "{line}"'
        else:
            found.append((tuple(map(int, match.groups()[:3])), match[4]))
    for (later, day), (earlier, before) in pairwise(found):
        if later <= earlier or day < before:
            one, other = f"{_dotted(later)} ({day})", f"{_dotted(earlier)} ({before})"
            yield f"{one} must be newer than {other} below it"
    yield from _check_headings(lines)
    version = _project(root)["version"]
    current = tuple(map(int, re.findall(r"\d+", version)[:3]))
    if found and current < found[0][0]:
        yield f"has {_dotted(found[0][0])}, but pyproject.toml is at {version}"


def _check_headings(lines: list[str]) -> Iterator[str]:
    """Each of its kind once in a section, and none of them empty."""
    seen: set[str] = set()
    for i, line in enumerate(lines, 1):
        if line.startswith("## "):
            seen = set()
        if not line.startswith("### "):
            continue
        kind = line.removeprefix("### ")
        if kind not in KINDS:
            yield f"line {i}: a heading must be one of {', '.join(KINDS)}; got {kind!r}"
        if kind in seen:
            yield f"line {i}: {kind!r} is twice in its section"
        seen.add(kind)
        below = next((text for text in lines[i:] if text.strip()), "")
        if not below.startswith("- "):
            yield f"line {i}: {kind!r} has no entry"


def check_names(root: Path) -> Iterator[str]:
    """Every public name, command and extra stands somewhere in `code`."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    mentioned = {
        word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"[\w-]+", code)
    }
    for what, names in (
        ("public name", public_names(root)),
        ("command", commands(root)),
        ("extra", [*_project(root).get("optional-dependencies", {})]),
    ):
        for name in names:
            if name not in mentioned:
                yield f"the {what} `{name}` is not mentioned"


def check_citation(root: Path) -> Iterator[str]:
    """CITATION.cff names the version of pyproject.toml."""
    version = _project(root)["version"]
    lines = (root / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    if f"version: {version}" not in lines:
        yield f'CITATION.cff must have the line "version: {version}", which pyproject.toml is at'


def public_names(root: Path) -> list[str]:
    """`__all__` of the package, without importing it."""
    names = _constant(root / "python/overprune/__init__.py", "__all__")
    return [name for name in names if not name.startswith("__")]


def commands(root: Path) -> list[str]:
    """The names of all commands, without importing them."""
    return list(_constant(root / "python/overprune/cli/main.py", "COMMANDS"))


def _constant(path: Path, name: str) -> Any:
    """The value that a module gives a name."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise Unusable(f"{path} has no {name}")


def check_change(root: Path, base: str | None = None) -> Iterator[str]:
    """Sources changed since the base, the changelog did not, and a commit says not that it need
    not."""
    if not (root / ".git").exists():
        if base is not None:
            raise Unusable("--base needs a clone with its history; this is none")
        return  # an sdist
    start = _base(root, base)
    changed = _git(
        root, "diff", "--name-only", *([start] if start else [EMPTY_TREE]), "HEAD"
    ).splitlines()
    sources = [name for name in changed if name.startswith(SOURCES)]
    if not sources or "CHANGELOG.md" in changed:
        return
    span = [f"{start}..HEAD"] if start else ["HEAD"]
    touching = _git(
        root,
        "log",
        "--format=%H %(trailers:key=Changelog,valueonly,separator=%x20)",
        *span,
        "--",
        *SOURCES,
    )
    silent = [line for line in touching.splitlines() if not line.lower().rstrip().endswith(" none")]
    if silent:
        since = start[:10] if start else "the beginning"
        shown = ", ".join(sources[:3]) + (
            f" and {len(sources) - 3} more" if len(sources) > 3 else ""
        )
        yield (
            f"unchanged since {since}, unlike {shown}; say what is new, "
            "or that nothing is by a last line 'Changelog: none' in each commit"
        )


EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git's own name of a tree without files


def _base(root: Path, given: str | None) -> str:
    """The commit to compare with; empty where that is the beginning."""
    if _git(root, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise Unusable("the clone must have its whole history; git fetch --unshallow")
    if given is not None:
        return _git(root, "merge-base", given, "HEAD").strip()
    head = _git(root, "rev-parse", "HEAD").strip()
    for target in TARGETS:
        found = _try(root, "merge-base", target, "HEAD")
        if found and found != head:
            return found
    return _try(root, "describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD")


def _try(root: Path, *arguments: str) -> str:
    try:
        return _git(root, *arguments).strip()
    except Unusable:
        return ""


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Unusable("git is not installed") from None
    if done.returncode:
        raise Unusable(f"git {' '.join(arguments)}: {done.stderr.strip() or 'failed'}")
    return done.stdout


def _project(root: Path) -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    return project


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    sys.exit(main())
