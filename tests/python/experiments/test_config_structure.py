"""Configs on which a parser would spend its time: refused in a sentence, where others are read as
before."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli_tools import CONFIG, fails
from overprune.experiments.config import ConfigError, SizeRange, parse
from overprune.experiments.config_text import check_structure

PARTS = st.sampled_from(["a", "b-c", "_1", "2", '"q.u"', '"e\\"s"', "'l\\'", '""', "''"])
DOTS = st.sampled_from([".", " . ", "\t."])
WHOLE = [
    "# {}\n",
    "x = '{}'\n",
    "x = '''\n{}\n''' # {}\n",
    'x = """ {} \\""" {} ""\n"""\n',
    'x = """"{}""""\n',
    "x = '''''{}'''''\n",
    'x = "\\" {} # "\n',
]


def key(draw_parts: list[str], dots: list[str]) -> str:
    return "".join(part + dot for part, dot in zip(draw_parts, [*dots, ""], strict=True))


@st.composite
def keys(draw: st.DrawFn, least: int, most: int) -> str:
    count = draw(st.integers(least, most))
    parts = draw(st.lists(PARTS, min_size=count, max_size=count))
    return key(parts, draw(st.lists(DOTS, min_size=count - 1, max_size=count - 1)))


@given(keys(17, 40), st.sampled_from(["{} = 1\n", "[{}]\n", "[[ {} ]]\n", "x = {{ {} = 1 }}\n"]))
def test_long_keys_are_refused_wherever_they_stand(name: str, form: str) -> None:
    for before in ("", CONFIG, *(text.replace("{}", "it's") for text in WHOLE[:1])):
        with pytest.raises(
            ConfigError, match=r"^c: a key must have at most 16 parts, got .{1,60}$"
        ):
            check_structure(before + form.format(name), "c")


@given(keys(1, 16), st.sampled_from(["{} = 1\n", "[{}]\n", "[[ {} ]]\n", "x = {{ {} = 1 }}\n"]))
def test_keys_of_a_few_parts_are_left_to_the_parser(name: str, form: str) -> None:
    text = form.format(name)
    tomllib.loads(text)
    check_structure(text, "c")


@given(st.sampled_from(WHOLE), st.integers(17, 60))
def test_what_stands_in_strings_and_comments_is_no_key(form: str, count: int) -> None:
    text = form.format(*[".".join("a" * count) + "= [" * 2000] * 2)
    tomllib.loads(text)
    check_structure(text + CONFIG, "c")


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"[a{i}.b.c.d]\n" for i in range(1001)),
        "".join(f"k{i} = 1\n" for i in range(1001)),
        "a = " + "[" * 350_000,
        "a = " + "{a = " * 350_000,
        "x = {" + ", ".join(f"k{i} = 1" for i in range(1001)) + "}",
    ],
    ids=["tables", "keys", "lists", "nested", "inline"],
)
def test_very_many_keys_are_refused(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"^c: expected at most 1000 keys, tables and lists, got more$"
    ):
        parse(text, "c", Path())


def test_long_lists_of_numbers_are_read() -> None:
    numbers = ", ".join(map(str, range(1, 100_001)))
    beta = f'beta = {{kind = "values", values = [{", ".join(["0.5e-3"] * 60)}]}}'
    text = CONFIG.replace("n = 20", f"n = [{numbers}]").replace("p = 60", f"p = 60\n{beta}")
    assert parse(text, "c", Path()).config.run.n == list(range(1, 100_001))


@pytest.mark.parametrize(
    "text",
    [CONFIG + "a" * 700_000 + " = 1\n", CONFIG + f"'{chr(0x202E) * 100_000}' = 1\n"],
    ids=["long", "unprintable"],
)
def test_unknown_keys_are_named_in_a_short_line(config: Path, text: str) -> None:
    config.write_text(text)
    for command in ("run", "predict", "advise", "info", "explore"):
        message = fails(command, config)
        assert "unknown key" in message
        assert len(message) < 1000


@pytest.mark.parametrize("spacing", ["linear", "log"])
def test_sizes_of_a_range_are_rounded_and_distinct(spacing: str) -> None:
    draw = random.Random(1)
    for _ in range(300):
        start = draw.randint(1, 10 ** draw.randint(0, 7))
        stop = min(10**8, start + draw.randint(1, 10 ** draw.randint(0, 7)))
        table = SizeRange(start=start, stop=stop, count=draw.randint(2, 300), spacing=spacing)
        spaced = np.linspace if spacing == "linear" else np.geomspace
        assert table.values() == sorted({round(float(v)) for v in spaced(start, stop, table.count)})
