"""The figures of the gallery: each is a script of `overprune/gallery`, which the documentation runs
too."""

from __future__ import annotations

import ast
import io
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from runpy import run_path

from .. import _validation as check
from .._validation import paths as _paths

_GALLERY = Path(__file__).parents[1] / "gallery"


@dataclass(frozen=True)
class Figure:
    """One script of the gallery."""

    name: str
    script: Path

    @property
    def title(self) -> str:
        """The first line of its docstring."""
        return (ast.get_docstring(ast.parse(self.script.read_text(encoding="utf-8"))) or "").split(
            "\n"
        )[0]

    def draw(self) -> tuple[bytes, str]:
        """Runs the script; returns its figure as a PNG, and the sentences that it prints."""
        from ..plot.canvas import into_files

        printed, image = io.StringIO(), io.BytesIO()
        with into_files() as plt:
            before = set(plt.get_fignums())
            try:
                with redirect_stdout(printed):
                    run_path(str(self.script), run_name="__main__")
                    (number,) = set(plt.get_fignums()) - before
                    plt.figure(number).savefig(image, format="png", dpi=150)
            finally:
                for number in set(plt.get_fignums()) - before:
                    plt.close(number)
        return image.getvalue(), printed.getvalue()


def gallery() -> dict[str, Figure]:
    """Every figure by its name, in alphabetical order."""
    return {path.stem: Figure(path.stem, path) for path in sorted(_GALLERY.glob("[a-z]*.py"))}


def chosen(names: Sequence[str]) -> list[Figure]:
    """The figures of these names, all without any; raises where one is not a name."""
    known = gallery()
    for name in names:
        check.choice(name, "NAME", tuple(known))
    return [known[name] for name in dict.fromkeys(names or known)]


@dataclass(frozen=True)
class Drawn:
    """What became of one figure."""

    name: str
    path: Path | None
    """None where it could not be drawn."""
    text: str
    """What the script prints, or why it could not be drawn."""
    seconds: float


def write(figures: Sequence[Figure], output: str, *, overwrite: bool) -> Iterator[Drawn]:
    """Draws figures into the directory `output` as NAME.png, one after the other.

    Nothing is begun where a file is there already, unless `overwrite`. A figure that lacks an
    optional package is left out.
    """
    _paths.local(output, "output")
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
        begun = time.perf_counter()
        try:
            image, text = figure.draw()
        except ImportError as error:
            yield Drawn(figure.name, None, str(error), time.perf_counter() - begun)
            continue
        _replace(targets[figure.name], image)
        yield Drawn(figure.name, targets[figure.name], text, time.perf_counter() - begun)


def _replace(path: Path, content: bytes) -> None:
    """The file is whole at any moment."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
