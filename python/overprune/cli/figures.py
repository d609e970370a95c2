"""`overprune figures`: the scripts of the room `gallery`, drawn into files."""

from __future__ import annotations

import ast
import io
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from runpy import run_path
from typing import Annotated

import typer

from .. import _validation as check
from .._validation import files, paths, printable
from ..experiments.console import say, tell
from .usage import one_line_errors

_GALLERY = Path(__file__).parents[1] / "gallery"


def figures(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Which ones; all if not given.")
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="Where the figures go.")
    ] = "overprune-figures",
    listed: Annotated[
        bool, typer.Option("--list", help="Print the names, and what they show.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace figures in DIR.")] = False,
) -> None:
    """Draw the figures of the documentation's gallery: settings simulated and predicted.

    Writes NAME.png into DIR. The one of real digits needs pip install 'overprune[data]'.
    """
    with one_line_errors():
        picked = chosen(names or [])
        if listed:
            width = max(len(figure.name) for figure in picked)
            tell("\n".join(f"{figure.name:<{width}}  {figure.title}" for figure in picked))
            return
        written = 0
        try:
            for drawn in write(picked, output, overwrite=overwrite):
                if drawn.path is None:
                    say(f"{drawn.name} is left out: {drawn.text}")
                else:
                    written += 1
                    tell(f"{printable(str(drawn.path))}  {drawn.seconds:.1f} s")
        except KeyboardInterrupt:
            say(f"interrupted; figures written: {written}")
            raise typer.Exit(130) from None
    if not written:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Figure:
    """One script of the gallery."""

    name: str
    script: Path

    @property
    def title(self) -> str:
        """The first line of its docstring."""
        tree = ast.parse(self.script.read_text(encoding="utf-8"))
        return (ast.get_docstring(tree) or "").split("\n")[0]

    def draw(self) -> tuple[bytes, str]:
        """Runs the script; returns its figure as a PNG, and the sentences that it prints."""
        from ..plot.canvas import into_files, png_of

        printed = io.StringIO()
        with into_files() as plt:
            before = set(plt.get_fignums())
            try:
                with redirect_stdout(printed):
                    run_path(str(self.script), run_name="__main__")
                    (number,) = set(plt.get_fignums()) - before
                    image = png_of(plt.figure(number))
            finally:
                for number in set(plt.get_fignums()) - before:
                    plt.close(number)
        return image, printed.getvalue()


@dataclass(frozen=True)
class Drawn:
    """One figure after `write`: `path` is None where it could not be drawn.

    `text` is what the script prints, or why the figure could not be drawn.
    """

    name: str
    path: Path | None
    text: str
    seconds: float


def gallery() -> dict[str, Figure]:
    """Every figure by its name, in alphabetical order."""
    return {path.stem: Figure(path.stem, path) for path in sorted(_GALLERY.glob("[a-z]*.py"))}


def chosen(names: Sequence[str]) -> list[Figure]:
    """The figures of these names, all without any; raises where one is not a name."""
    known = gallery()
    for name in names:
        check.choice(name, "NAME", tuple(known))
    return [known[name] for name in dict.fromkeys(names or known)]


def write(figures: Sequence[Figure], output: str, *, overwrite: bool) -> Iterator[Drawn]:
    """Draws figures into the directory `output` as NAME.png, one after the other.

    Nothing is begun where a file is there already, unless `overwrite`. A figure that lacks an
    optional package is left out.
    """
    paths.local(output, "output")
    place = Path(output).expanduser()
    targets = {figure.name: place / f"{figure.name}.png" for figure in figures}
    there = [path.name for path in targets.values() if path.exists()]
    if there and not overwrite:
        raise FileExistsError(
            f"output {output} holds {', '.join(there)} already; --overwrite replaces it"
        )
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        is_file = isinstance(error, (FileExistsError, NotADirectoryError))
        reason = "a part of its path is a file" if is_file else error.strerror
        raise OSError(f"output directory {output} cannot be made: {reason}") from error
    for figure in figures:
        begun, path = time.perf_counter(), None
        try:
            image, text = figure.draw()
        except ImportError as error:
            text = str(error)
        else:
            path = targets[figure.name]
            try:
                files.write(path, image)
            except OSError as error:
                raise OSError(f"{path} cannot be written: {error.strerror}") from error
        yield Drawn(figure.name, path, text, time.perf_counter() - begun)
