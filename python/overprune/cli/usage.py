"""What the commands share: their options, and errors as one line that names the argument."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from ..experiments.console import say

if TYPE_CHECKING:
    from ..experiments.output import RunDirectory

# The base of all errors of usage: of the package click, or of typer's own copy of it in newer
# versions.
_UsageError: type[Exception] = next(
    k for k in typer.BadParameter.__mro__ if k.__name__ == "ClickException"
)
_BAD_INPUT = (ValueError, TypeError, OSError, ImportError, NotImplementedError, MemoryError)
# Errors of writing results: ImportError where matplotlib cannot be had.
UNWRITTEN = (OSError, ImportError)


def integer(lowest: int, highest: int) -> Callable[[str], int]:
    """The parser of an option that takes an integer of this range."""

    def parsed(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", text) is None or not lowest <= int(text) <= highest:
            raise typer.BadParameter(f"must be an integer from {lowest} to {highest}, got {text!r}")
        return int(text)

    return parsed


ConfigFile = Annotated[
    Path, typer.Argument(metavar="CONFIG.toml", help="What to run; see examples/.")
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="DIR", help="Where the results go; must be new or empty."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier results in DIR.")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        parser=integer(1, 1024),
        metavar="N",
        help="Threads; all cores if not given. Changes no result.",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@contextmanager
def one_line_errors(
    *kinds: type[Exception], code: int = 2, place: RunDirectory | None = None
) -> Iterator[None]:
    """Ends the command with one line on stderr and `code` for errors, by default of bad input.

    An interrupt ends it with code 130, and the line says what `place` keeps.
    """
    caught = kinds or _BAD_INPUT
    try:
        yield
    except KeyboardInterrupt:
        left = "nothing was written"
        if place is not None and place.has_begun:
            left = f"what was finished is in {place.shown}, and the same command goes on with it"
        say(f"interrupted; {left}")
        raise typer.Exit(130) from None
    except BrokenPipeError:  # stdout's reader has gone: no error of input
        raise
    except caught as error:
        say(str(error) or type(error).__name__)
        raise typer.Exit(code) from error


class Commands(TyperGroup):
    """The group of all commands; an error of usage is one line on stderr, like every other."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **options: Any,
    ) -> Any:
        try:
            with _warnings_in_one_line():
                code = super().main(
                    args, prog_name, complete_var, False, windows_expand_args, **options
                )
        except _UsageError as error:
            if not standalone_mode:
                raise
            say(_usage(error))
            code = 2
        except typer.Abort:
            code = 130
        except OSError as error:  # of stdout, say a full disk: `one_line_errors` took the others
            if not standalone_mode:
                raise
            _forget_stdout()
            say(f"stdout cannot be written: {error.strerror or error}")
            code = 1
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)


def _usage(error: Any) -> str:
    """Typer's words for an error of usage, its suggestions with them, and where to read more."""
    text: str = error.format_message()
    context = getattr(error, "ctx", None)
    return text if context is None else f"{text} (try {context.command_path} --help)"


def _forget_stdout() -> None:
    """Drops what stdout's buffer holds, which would raise once more when the process ends."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: say(str(message))
        yield
