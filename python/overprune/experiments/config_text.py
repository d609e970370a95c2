"""The text of a config: how it is read, and in words what is wrong with it."""

from __future__ import annotations

import codecs
import difflib
import os
import re
import reprlib
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from .._validation import one_line

_MOST_PARTS = 16  # of a key; tomllib's time and memory grow with the square
_MOST_KEYS = 1000  # with tables and lists; a config has some thirty
_LONGEST = 60  # characters of a key in a message
_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')"""
_TOKEN = re.compile(
    r"""(?<![\w.+-])(?:[\w.+-]++,\s*+)++"""  # numbers of a list: no key is followed by a comma
    rf"""|(?P<key>(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_MOST_PARTS}}})"""
    r"""|\"{3}(?:[^"\\]|\\.|"(?!""))*+(?:\"{3,5}|\Z)"""
    r"""|'{3}(?:[^']|'(?!''))*+(?:'{3,5}|\Z)"""
    r"""|"(?:[^"\\\n]|\\.)*+(?:"|$)|'[^'\n]*+(?:'|$)|\#[^\n]*+|(?P<part>[=\[{])""",
    re.DOTALL | re.MULTILINE | re.ASCII,
)
_OTHER_ENCODINGS = {
    # Before UTF-16, whose mark a mark of UTF-32 begins with.
    "UTF-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "UTF-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}


class ConfigError(ValueError):
    """A config that cannot be run; the message is one printable line that names the field."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def text_of(path: str | os.PathLike[str]) -> str:
    """The text of a file in UTF-8, without the byte order mark that some editors begin it with."""
    name = os.fspath(path)
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ConfigError(
            f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None
    return decoded(content, name)


def decoded(content: bytes, name: str) -> str:
    """The text of a file's content; `name` begins the messages of errors."""
    for encoding, marks in _OTHER_ENCODINGS.items():
        if content.startswith(marks):
            raise ConfigError(f"{name}: not a text file in UTF-8: got {encoding}; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"the byte 0x{content[error.start]:02x} at position {error.start}"
        raise ConfigError(f"{name}: not a text file in UTF-8: got {where}") from None
    if "\0" in text:
        raise ConfigError(
            f"{name}: not a text file in UTF-8: got a NUL at position {text.index(chr(0))}"
        )
    return text


def check_structure(text: str, name: str) -> None:
    """Raises ConfigError for a text on which the parser of TOML would spend much time and memory.

    What stands in strings and comments is not counted. One that does not end is passed over to
    where the parser stops.
    """
    parts = 0
    for found in _TOKEN.finditer(text):
        if found["key"] is not None:
            key = _short(found["key"])
            raise ConfigError(f"{name}: a key must have at most {_MOST_PARTS} parts, got {key}")
        parts += found["part"] is not None
        if parts > _MOST_KEYS:
            raise ConfigError(
                f"{name}: expected at most {_MOST_KEYS} keys, tables and lists, got more"
            )


def _short(key: str) -> str:
    return key if len(key) <= _LONGEST else f"{key[: _LONGEST - 3]}..."


def first_problem(error: ValidationError, root: type[BaseModel]) -> str:
    """The first problem of a config of the kind `root` in a line.

    Unknown keys come first, because a missing one is often their other half.
    """
    problems = error.errors(include_url=False)
    first = min(problems, key=lambda e: e["type"] != "extra_forbidden")
    kind, came = first["type"], _shown(first["input"])
    path, model, field = _locate(first["loc"], kind == "extra_forbidden", root)
    if kind == "extra_forbidden":
        key = _short(str(first["loc"][-1]))
        allowed = list(model.model_fields) if model else []
        close = difflib.get_close_matches(key, allowed, 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        return f"{path}: unknown key{hint}; allowed: {', '.join(allowed)}"
    if kind == "value_error":
        text = str(first["ctx"]["error"])
        return f"{path} {text}" if text.startswith("must") else f"{path}.{text}"
    expected = _expected(field, first)
    if kind in ("union_tag_invalid", "union_tag_not_found") and isinstance(first["input"], dict):
        expected = "one of " + ", ".join(_tag(m) for m in _models(field.annotation))
        path, came = f"{path}.kind", _shown(first["input"].get("kind"))
        kind = kind if "kind" in first["input"] else "missing"
    if kind == "missing":
        return f"{path} is missing: expected {expected}"
    return f"{path}: expected {expected}, got {came}"


def _shown(value: Any) -> str:
    try:
        return reprlib.repr(value)
    except ValueError:  # an integer of more digits than Python writes, in hexadecimal
        return "an integer of more digits than can be shown"


def _expected(field: Any, error: Any) -> str:
    options = dict.fromkeys(_literals(field.annotation)) if field is not None else {}
    if options and (error["type"] in ("literal_error", "missing") or not field.description):
        return f"one of {', '.join(options)}"
    return str((field is not None and field.description) or error["msg"])


def _locate(
    location: tuple[int | str, ...], extra: bool, root: type[BaseModel]
) -> tuple[str, type[BaseModel] | None, Any]:
    """Dotted path, innermost table and field of an error's location, which has union tags."""
    path, field = "", None
    models = [root]
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif len(models) == 1 and part in models[0].model_fields:
            path, field = f"{path}.{part}", models[0].model_fields[part]
            models = _models(field.annotation) or models
        elif any(_tag(m) == part for m in models) and len(models) > 1:
            models = [m for m in models if _tag(m) == part]
        elif extra and part == location[-1]:
            path = f"{path}.{_short(part)}"
    return path.lstrip("."), models[0] if len(models) == 1 else None, field


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for inner in get_args(annotation) for m in _models(inner)]


def _literals(annotation: Any) -> list[str]:
    inner = get_args(annotation)
    if inner and all(isinstance(v, str) for v in inner):
        return list(inner)
    return [v for part in inner for v in _literals(part)]


def _tag(model: type[BaseModel]) -> str:
    field = model.model_fields.get("kind")
    return str(get_args(field.annotation)[0]) if field is not None else ""
