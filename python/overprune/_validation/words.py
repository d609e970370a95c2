"""Values of others in the words of messages."""

from __future__ import annotations

from typing import Any


def shown(value: Any) -> str:
    """`value` in one short line, for messages."""
    try:
        line = " ".join(repr(value).split())
    except ValueError:  # an int of thousands of digits
        line = f"a {type(value).__name__} too long to show"
    return line if len(line) <= 200 else f"{line[:197]}..."


def printable(text: str) -> str:
    """`text` with its control characters escaped, for messages that echo what others wrote."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def one_line(text: str) -> str:
    """`text` as one printable line."""
    return printable(" ".join(text.split()))


def missing_package(what: str, package: str) -> str:
    """What to say where `what` lacks an optional package."""
    install = "pip install 'overprune[data]', or '.[data]' in a checkout"
    return f"{what} needs the package {package}: {install}"
