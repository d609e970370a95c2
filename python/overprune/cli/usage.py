"""Errors of usage of the command line: one line that names the argument, what was expected, what
came."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import typer
from typer.core import TyperGroup

from .._validation import printable

# The base of all errors of usage: of the package click, or of typer's own copy of it in newer
# versions.
_UsageError: type[Exception] = next(
    k for k in typer.BadParameter.__mro__ if k.__name__ == "ClickException"
)


class Commands(TyperGroup):
    """The commands; an error of usage is one line on stderr, like every other."""

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
        except OSError as error:  # of stdout: a full disk, say; others have been told as bad input
            if not standalone_mode:
                raise
            _forget_stdout()
            say(f"stdout cannot be written: {error.strerror or error}")
            code = 1
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None:
            ctx.fail(
                f"command must be one of {', '.join(self.list_commands(ctx))}; got {args[0]!r}"
            )
        return super().resolve_command(ctx, args)


def _usage(error: Any) -> str:
    """An error of usage in words: the argument, what was expected, what came."""
    text: str = error.format_message()
    parameter, context = getattr(error, "param", None), getattr(error, "ctx", None)
    if isinstance(error, typer.BadParameter) and parameter is not None:
        name = (
            max(parameter.opts, key=len)
            if parameter.param_type_name == "option"
            else parameter.metavar
        )
        if error.message.startswith("must "):
            return f"{name} {error.message}"
        if type(error).__name__ == "MissingParameter":
            return f"{name} is missing: expected the name of a config, got nothing"
    if type(error).__name__ == "NoSuchOption" and context is not None:
        allowed = [max(p.opts, key=len) for p in context.command.get_params(context)]
        options = ", ".join(name for name in allowed if name.startswith("-"))
        return f"{context.command_path} has no option {error.option_name}; allowed: {options}"
    return text[:1].lower() + text[1:].rstrip(".")


def integer(lowest: int, highest: int) -> Callable[[str], int]:
    def parsed(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", text) is None or not lowest <= int(text) <= highest:
            raise typer.BadParameter(f"must be an integer from {lowest} to {highest}, got {text!r}")
        return int(text)

    return parsed


def number_of_bytes(text: str) -> int:
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        size = 0
    if size < 1:
        raise typer.BadParameter(f'must be a number of bytes like "4GB" or "512MiB", got {text!r}')
    return size


def say(message: str, program: str = "overprune") -> None:
    """One line on stderr."""
    typer.echo(f"{program}: {printable(' '.join(message.split()))}", err=True)


def tell(text: str) -> None:
    """Lines on stdout; what a terminal would obey is escaped, and what its encoding lacks replaced."""
    lines = "\n".join(map(printable, text.split("\n")))
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        lines.encode(encoding)
    except UnicodeEncodeError:
        lines = lines.replace("±", "+-").encode(encoding, "backslashreplace").decode(encoding)
    typer.echo(lines)


def _forget_stdout() -> None:
    """What is left in its buffer would raise once more when the process ends."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: say(str(message))
        yield
