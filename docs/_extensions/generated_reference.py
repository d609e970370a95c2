"""Pages made at build time: the C++ reference from the headers (doxygen, breathe), and the
commands' help."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

DOCS = Path(__file__).parents[1]
HEADERS = DOCS.parent / "cpp" / "include" / "overprune"
XML = DOCS / "_build" / "doxygen"
NO_DOXYGEN = (
    "doxygen is not installed: the pages of the C++ reference are left out "
    "(Debian, Ubuntu and Homebrew: the package doxygen)"
)
SECTIONS = (
    "briefdescription detaileddescription innernamespace innerclass enum typedef func var "
    "public-type public-func public-attrib public-static-func"
)
OPTIONAL = {"explore", "networks", "releasing"}  # pages of the landing page's toctrees
FORWARDING = {"overprune.hpp"}  # includes the others and declares nothing
PARTS = {
    "eigen.hpp": sorted(path.name for path in (HEADERS / "eigen").glob("*.hpp"))
}  # what it forwards to


def generate(app: Sphinx) -> None:
    commands(DOCS / "reference" / "commands")
    cpp(DOCS / "reference" / "cpp")


def commands(folder: Path) -> None:
    """A page with what `overprune COMMAND --help` prints, for every command there is."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from overprune.cli.main import app as program

    names = list(get_command(program).commands)  # type: ignore[attr-defined]
    blocks = []
    for name in ["", *names]:
        words = [name] if name else []
        shown = CliRunner().invoke(
            program, [*words, "--help"], prog_name="overprune", terminal_width=100
        )
        title = f"overprune {name}".strip()
        text = "\n".join(f"    {line}".rstrip() for line in shown.output.strip().splitlines())
        blocks.append(f"{title}\n{'-' * len(title)}\n\n.. code-block:: text\n\n{text}\n")
    folder.mkdir(exist_ok=True)
    write(folder / "index.rst", "Command line\n============\n\n" + "\n".join(blocks))


def cpp(folder: Path) -> None:
    """A page for each header, from the XML of doxygen."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    intro = (DOCS / "reference" / "cpp_intro.rst").read_text()
    if shutil.which("doxygen") is None:
        logger.info(NO_DOXYGEN)
        note = "These pages were built without doxygen, which the reference of the headers needs."
        write(folder / "index.rst", f"{intro}\n.. note::\n\n   {note}\n")
        return
    XML.mkdir(parents=True, exist_ok=True)
    settings = (DOCS / "Doxyfile").read_text() + f'\nOUTPUT_DIRECTORY = "{XML}"\n'
    done = subprocess.run(
        ["doxygen", "-"], input=settings, cwd=DOCS, capture_output=True, text=True
    )
    for line in done.stderr.splitlines():
        logger.warning("doxygen: %s", line)
    names = sorted(path.name for path in HEADERS.glob("*.hpp") if path.name not in FORWARDING)
    for name in names:
        head = f"{name}\n{'=' * len(name)}\n\n{purpose(HEADERS / name)}"
        parts = PARTS.get(name, [name])
        files = "\n".join(f".. doxygenfile:: {part}\n   :sections: {SECTIONS}\n" for part in parts)
        page = f"{head}\n\n{files}"
        write(folder / f"{name.removesuffix('.hpp')}.rst", page)
    entries = "\n".join(f"   {name.removesuffix('.hpp')}" for name in names)
    write(folder / "index.rst", f"{intro}\n.. toctree::\n   :maxdepth: 1\n\n{entries}\n")


def purpose(header: Path) -> str:
    """The comment at the top of a header; what it indents is code."""
    lines: list[str] = []
    is_code = False
    for line in header.read_text().splitlines():
        if not line.startswith("//"):
            break
        text = line.removeprefix("//").removeprefix(" ")
        if text.startswith("    ") and not is_code:
            lines += [".. code-block:: cpp", ""]
        is_code = text.startswith("    ")
        lines.append(text if is_code else re.sub(r"([|*_])", r"\\\1", text))
    return "\n".join(lines).strip()


def write(path: Path, text: str) -> None:
    """Only where it differs, so that a second build reads nothing again."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def leave_out_missing_pages(app: Sphinx, name: str, source: list[str]) -> None:
    """Drops from the landing page's tables of contents what this checkout does not have."""
    if name == "index":
        lines = source[0].splitlines(keepends=True)
        source[0] = "".join(
            line for line in lines if line.strip() not in OPTIONAL or exists(line.strip())
        )


def exists(page: str) -> bool:
    return (DOCS / f"{page}.md").exists()


def without_foreign_links(app: Sphinx, what: str, name: str, *rest: object) -> None:
    """Methods inherited from scikit-learn refer to its own pages, which are not these."""
    lines = rest[-1]
    assert isinstance(lines, list)
    if ".sklearn" in name:
        lines[:] = [
            re.sub(r":(?:ref|term):`([^<`]*?) *(?:<[^>`]*>)?`", r"\1", line) for line in lines
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", generate, priority=100)
    app.connect("source-read", leave_out_missing_pages)
    app.connect("autodoc-process-docstring", without_foreign_links)
    return {"parallel_read_safe": True}
