"""tools/check_changelog.py, on a small package of its own and on this one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from overprune.cli.main import app

ROOT = Path(__file__).parents[3]
TOOL = ROOT / "tools/check_changelog.py"
GOOD = """\
# Changelog

## [Unreleased]

### Added

- `fit`, `overprune run`, extra `data`.

## [0.1.0] - 2026-01-02

### Fixed

- Something.
"""
FILES = {
    "CHANGELOG.md": GOOD,
    "CITATION.cff": "version: 0.2.0\n",
    "pyproject.toml": '[project]\nname = "x"\nversion = "0.2.0"\n'
    "optional-dependencies = { data = [] }\n",
    "python/overprune/__init__.py": '__all__ = ["__version__", "fit"]\n',
    "python/overprune/cli/main.py": 'COMMANDS = ("run",)\n',
}


def check(root: Path, *options: str) -> list[str]:
    command = [sys.executable, TOOL, "--root", root, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == (1 if done.stderr else 0), done.stderr
    return [line.removeprefix("check_changelog: ") for line in done.stderr.splitlines()]


@pytest.fixture
def package(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def clone(package):
    """The package in a repository, one commit on main."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    git(package, "init", "-q", "-b", "main")
    commit(package, "first")
    return package


def git(root: Path, *arguments: str) -> None:
    config = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", root, *config, *arguments], check=True, capture_output=True)


def commit(root: Path, message: str, **texts: str) -> None:
    for name, text in texts.items():
        (
            root
            / {"code": "python/overprune/a.py", "log": "CHANGELOG.md", "other": "README.md"}[name]
        ).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(TOOL.parent)
    import check_changelog

    return check_changelog


def test_this_package_passes(tool):
    """But for its history, which is judged where it is about to be merged."""
    assert [*tool.check_form(ROOT), *tool.check_names(ROOT), *tool.check_citation(ROOT)] == []


def test_all_commands_are_found(tool):
    """The tool reads the sources; the command line itself knows."""
    known = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert sorted(tool.commands(ROOT)) == sorted(known)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("# Changelog", "# News", 'line 1: expected "# Changelog"'),
        ("## [Unreleased]\n", "", 'the first section must be "## .Unreleased."'),
        ("### Added", "### New", "line 5: a heading must be one of Added, .*; got 'New'"),
        ("### Fixed\n\n- S", "### Fixed\n\nS", "line 11: 'Fixed' has no entry"),
        ("### Fixed", "### Fixed\n\n- A.\n\n### Fixed", "line 15: 'Fixed' is twice in its section"),
        (
            "## [0.1.0] - 2026-01-02",
            "## 0.1.0",
            'line 9: expected "## .X.Y.Z. - YYYY-MM-DD", got "## 0.1.0"',
        ),
        ("[0.1.0]", "[0.3.0]", "has 0.3.0, but pyproject.toml is at 0.2.0"),
        (
            "## [0.1.0]",
            "## [0.0.9] - 2026-01-03\n\n## [0.1.0]",
            "0.0.9 .* must be newer than 0.1.0 .* below it",
        ),
        ("`fit`", "fit", "the public name `fit` is not mentioned"),
        ("`overprune run`", "running", "the command `run` is not mentioned"),
        ("`data`", "data", "the extra `data` is not mentioned"),
    ],
)
def test_faults_of_the_file_are_named(package, before, after, fault):
    assert check(package) == []
    (package / "CHANGELOG.md").write_text(GOOD.replace(before, after, 1))
    found = check(package)
    assert len(found) >= 1
    assert re.fullmatch(fault, found[0])


def test_a_citation_of_another_version_is_named(package):
    (package / "CITATION.cff").write_text("version: 0.1.0\n")
    assert check(package) == [
        'CITATION.cff must have the line "version: 0.2.0", which pyproject.toml is at'
    ]


def test_sources_that_change_want_an_entry(clone):
    git(clone, "switch", "-q", "-c", "topic")
    commit(clone, "documents", other="words")
    assert check(clone) == []
    commit(clone, "code", code="x = 1")
    assert re.fullmatch(
        r"unchanged since [0-9a-f]{10}, unlike python/overprune/a.py; say .*", check(clone)[0]
    )
    assert check(clone, "--no-change") == []
    commit(clone, "entry", log=GOOD.replace("Something", "Something else"))
    assert check(clone) == []


def test_a_commit_can_say_that_there_is_nothing_to_say(clone):
    git(clone, "switch", "-q", "-c", "topic")
    commit(clone, "code\n\nChangelog: none", code="x = 1")
    assert check(clone) == []
    commit(clone, "more code", code="x = 2")
    assert len(check(clone)) == 1


def test_the_base_can_be_given(clone):
    git(clone, "switch", "-q", "-c", "other")
    commit(clone, "code", code="x = 1")
    git(clone, "switch", "-q", "-c", "topic")
    assert len(check(clone)) == 1
    assert check(clone, "--base", "other") == []
    assert check(clone, "--base", "nowhere")[0].startswith("git merge-base nowhere HEAD: fatal: ")


def test_on_main_the_last_release_is_the_base(clone):
    assert check(clone) == []
    git(clone, "tag", "v0.1.0")
    commit(clone, "code", code="x = 1")
    assert len(check(clone)) == 1
    git(clone, "tag", "v0.2.0")
    assert check(clone) == []


def test_an_sdist_has_no_history(package):
    assert check(package) == []
    assert check(package, "--base", "main") == [
        "--base needs a clone with its history; this is none"
    ]


def test_a_shallow_clone_is_refused(clone, tmp_path_factory):
    commit(clone, "second")
    shallow = tmp_path_factory.mktemp("shallow") / "x"
    git(clone, "clone", "-q", "--depth", "1", f"file://{clone}", str(shallow))
    assert check(shallow) == ["the clone must have its whole history; git fetch --unshallow"]
