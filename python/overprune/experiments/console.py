"""What commands write to stdout and stderr: printable lines in any encoding."""

from __future__ import annotations

import sys

import typer

from .._validation import one_line, printable


def say(message: str, program: str = "overprune") -> None:
    """Writes one line to stderr."""
    typer.echo(f"{program}: {one_line(message)}", err=True)


def tell(text: str) -> None:
    """Writes lines to stdout: control characters escaped, what its encoding lacks replaced."""
    lines = "\n".join(map(printable, text.split("\n")))
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        lines.encode(encoding)
    except UnicodeEncodeError:
        lines = lines.replace("±", "+-").encode(encoding, "backslashreplace").decode(encoding)
    typer.echo(lines)
