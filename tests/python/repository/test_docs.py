"""The documentation: its blocks run and print what they say, its pages name what there is, it
builds."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

import overprune as op
from cli_tools import call
from overprune import datasets
from overprune.cli import figures as _figures
from overprune.experiments import config as _config

matplotlib.use("agg")

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
DRAWN = "spiked"  # the figure of the gallery that the test of the build draws
PAGES = [
    # in test_readme.py, as scripts
    *(p for p in sorted(DOCS.glob("*.md")) if p.name != "scaling.md"),
    *sorted((DOCS / "howto").glob("*.md")),
]
NEEDS = {
    "own_data.md": "sklearn",
    "scikit_learn.md": "sklearn",
    "explore.md": "bokeh",
    "networks.md": "torch",
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE
    )


def of(language: str) -> list[object]:
    return [pytest.param(page, id=page.name) for page in PAGES if blocks(page, language)]


def said(block: str) -> list[str]:
    """What the lines `print(...)  # value` of a block say that they print."""
    return re.findall(r"^print\(.*\)  # (.*)$", block, flags=re.MULTILINE)


@pytest.mark.parametrize("page", of("python"))
def test_blocks_run_in_their_order_and_print_what_they_say(page, tmp_path, monkeypatch, capsys):
    pytest.importorskip(NEEDS.get(page.name, "numpy"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(block, names)
        printed = capsys.readouterr().out.splitlines()
        if said(block):
            assert printed == said(block)
    plt.close("all")


def test_a_wrong_number_would_be_found():
    assert said("x = 1\nprint(x)  # 1\nprint(f(x), y)  # 2 3\n# print(z)  # 4\n") == ["1", "2 3"]


@pytest.mark.parametrize("page", of("toml"))
def test_configs_are_configs(page, tmp_path):
    for block in blocks(page, "toml"):
        if "[problem]" in block:
            experiment = _config.parse(block, page.name, tmp_path)
            assert experiment.config.run.n


@pytest.mark.parametrize("page", of("cpp"))
def test_cpp_blocks_compile(page, tmp_path):
    body = "\n".join(blocks(page, "cpp"))
    source = tmp_path / "main.cpp"
    source.write_text(
        f"#include <overprune/overprune.hpp>\n#include <vector>\nint main() {{\n{body}}}\n"
    )
    command = ["c++", "-std=c++20", "-fsyntax-only", f"-I{op.get_include()}", str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_pages_name_are_commands(page):
    text = page.read_text()
    code = "\n".join(
        [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^    (.*)$", text, flags=re.MULTILINE)]
    )
    for name in set(re.findall(r"(?<![-\w.'\[])overprune ([a-z]+)\b", code)):
        assert call(name, "--help").exit_code == 0, name


def test_the_reference_has_every_public_name():
    modules: dict[str, set[str]] = {}
    current = ""
    for line in (DOCS / "reference" / "python.rst").read_text().splitlines():
        if line.startswith(".. currentmodule::"):
            current = line.split()[-1]
        elif re.fullmatch(r"   \w+", line):
            modules.setdefault(current, set()).add(line.strip())
    own = {name for name in op.__all__ if callable(getattr(op, name))}
    assert modules["overprune"] == own
    for name in ("plot", "spectra"):
        assert modules[f"overprune.{name}"] == set(getattr(op, name).__all__)
    assert modules["overprune.datasets"] == set(datasets.__all__)


def test_the_reference_has_every_estimator():
    estimators = pytest.importorskip("overprune.sklearn")
    listed = (
        (DOCS / "reference" / "python.rst")
        .read_text()
        .split("currentmodule:: overprune.sklearn")[1]
        .split("currentmodule::")[0]
    )
    assert set(re.findall(r"^   (\w+)$", listed, flags=re.MULTILINE)) == set(estimators.__all__)


def check_formulas_and_notebooks(html: Path) -> None:
    """Formulas show without a network, and a notebook runs as it is downloaded."""
    theory = (html / "theory.html").read_text()
    script = re.search(r'src="([^"]*mathjax[^"]*)"', theory)
    assert script
    assert (html / script[1].split("?")[0]).is_file()
    assert "In the gallery" in (html / "reference/api/overprune.predict.html").read_text()
    (notebook,) = html.glob(f"_downloads/*/{DRAWN}.ipynb")
    cells = [cell for cell in json.loads(notebook.read_text())["cells"] if cell["source"]]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert "pip install overprune" in code[0]
    exec("\n".join(code).replace("%matplotlib inline", ""), {})
    plt.close("all")


@pytest.mark.slow
def test_it_builds_without_a_warning(tmp_path):
    for package in (
        "sphinx",
        "sphinx_gallery",
        "numpydoc",
        "myst_parser",
        "breathe",
        "furo",
        "sphinx_copybutton",
        "sphinx-mathjax-offline",
        "mlxtend",
    ):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}: pip install '.[docs]'")
    html = tmp_path / "html"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-b", "html"]
    command += ["-D", "html_theme=basic"]  # the pages' own theme takes a quarter of the time
    # Drawn by the library as it is now; test_figures.py draws every other figure.
    command += ["-D", "sphinx_gallery_conf.run_stale_examples=True"]
    command += [
        "-D",
        rf"sphinx_gallery_conf.filename_pattern=/({DRAWN}|train_large_then_prune)\.py$",
    ]
    done = subprocess.run([*command, str(DOCS), str(html)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = {str(path.relative_to(html)) for path in html.rglob("*.html")}
    assert {
        "index.html",
        "theory.html",
        "trouble.html",
        "install.html",
        "changelog.html",
        "reference/api/overprune.predict.html",
    } <= pages
    output = re.compile(r'class="sphx-glr-script-out .*?<pre>(.*?)</pre>', re.DOTALL)
    assert {f"gallery/{name}.html" for name in _figures.gallery()} <= pages
    printed = "".join(output.findall((html / "gallery" / f"{DRAWN}.html").read_text()))
    assert re.search(r"\d", printed)
    assert not re.search("nan|&lt;", printed), printed
    assert (html / "_images" / f"sphx_glr_{DRAWN}_001.png").stat().st_size > 20_000
    check_formulas_and_notebooks(html)
    index = (html / "reference" / "cpp" / "index.html").read_text()
    with_doxygen = shutil.which("doxygen") is not None
    assert ("reference/cpp/least_squares.html" in pages) == with_doxygen
    assert ("built without doxygen" in index) != with_doxygen
    if with_doxygen:
        for header, name in (
            ("least_squares", "least_squares_path"),
            ("schedule", "overprune::Schedule"),
        ):
            page = (html / "reference" / "cpp" / f"{header}.html").read_text()
            assert name in page
            assert "OVERPRUNE_PUBLIC" not in page
    commands = (html / "reference" / "commands" / "index.html").read_text()
    assert "overprune figures" in commands
