"""What commands write to stdout and stderr: printable lines in any encoding, and JSON."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

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


def tell_json(value: Any) -> None:
    """Writes a value to stdout as JSON of ASCII characters: NaN is null, infinity "Infinity"."""
    typer.echo(json.dumps(_plain(value), indent=1, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
