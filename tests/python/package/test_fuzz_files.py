"""Configs and files of data are data: nothing in them is executed,
and one line says what is wrong."""

from __future__ import annotations

import io
import re
import typing
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pydantic
import pytest
from hypothesis import given, settings

import strategies
from cli_tools import CONFIG, content, fails
from overprune import datasets
from overprune.experiments import config as _config

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.toml"))
TEXTS = [CONFIG, *(path.read_text() for path in EXAMPLES)]
VALUES = [
    "1" + "0" * 400, "9" * 5000, "-1", "0x" + "f" * 40, "nan", "-inf", "1e999", "-0.0", "5e-324",
    "1979-05-27",
    "07:32:00", "1979-05-27T07:32:00Z", "true", '""', '"../../../etc/passwd"', '"/etc/passwd"',
    '"a\\u0000b"',
    '"__import__(\'os\').system(\'false\')"', "[]", "[[]]", "{}", "[nan]", "[1, 'a']", "{kind = 1}",
    "[" * 3000 + "]" * 3000, "{a = " * 500 + "1" + "}" * 500, "'''\n'''",
    "[1, 2,", "=", "'" + "x" * 10000 + "'",
]  # fmt: skip
KEYS = [
    "__class__",
    "__init__",
    "output",
    "name",
    "'../x'",
    '"\\u0000"',
    "a.b.c.d",
    "kind",
    "exec",
    "path",
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A config with some of its values replaced, keys renamed or lines lost."""
    lines = draw(st.sampled_from(TEXTS)).splitlines()
    for _ in range(draw(st.integers(1, 3))):
        i = draw(st.integers(0, len(lines) - 1))
        key, equals, _ = lines[i].partition("=")
        change = draw(st.sampled_from(["value", "value", "value", "key", "lost", "twice", "bytes"]))
        if change == "value" and equals:
            lines[i] = f"{key}= {draw(st.sampled_from(VALUES))}"
        elif change == "key":
            lines[i] = re.sub(r"^\s*[\w.]+", lambda _: draw(st.sampled_from(KEYS)), lines[i])
        elif change == "lost":
            lines[i] = ""
        elif change == "twice":
            lines.insert(i, lines[i])
        elif change == "bytes":
            lines[i] = draw(st.text(max_size=20))
    return "\n".join(lines)


@settings(max_examples=20 * settings.default.max_examples)
@given(mutated())
def test_mutated_configs(text):
    try:
        experiment = _config.parse(text, "a.toml", Path("."))
    except _config.ConfigError as error:
        assert str(error).startswith("a.toml: ")
        assert "\n" not in str(error)
        assert len(str(error)) < 1000
        return
    assert isinstance(experiment.config, _config.Config)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_bytes_for_a_config(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("config") / "a.toml"
    path.write_bytes(data)
    with pytest.raises(_config.ConfigError):
        _config.load(path)


@pytest.mark.parametrize("value", VALUES)
def test_absurd_values_end_in_one_line(config, value):
    for key in (
        "trials = 4",
        "p = 60",
        "sizes = [5, 10, 30, 60]",
        'rules = ["magnitude", "oracle"]',
    ):
        assert key in CONFIG
        config.write_text(CONFIG.replace(key, f"{key.split(' = ')[0]} = {value}", 1))
        assert fails("run", "small.toml").startswith("small.toml: ")
        assert content(config.parent) == {"small.toml"}


def free_strings(model, path=""):
    """Fields of a config, with those of its tables, that take any string."""
    for name, field in model.model_fields.items():
        pending = [field.annotation]
        while pending:
            kind = pending.pop()
            if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
                yield from free_strings(kind, f"{path}{name}.")
            elif kind is str:
                yield f"{path}{name}"
            elif typing.get_origin(kind) is not typing.Literal:
                pending.extend(typing.get_args(kind))


def test_a_config_names_no_place_but_the_file_of_its_data():
    # Names of columns are written into tables, and nothing of their names is opened.
    assert set(free_strings(_config.Config)) == {"problem.path", "problem.feature_names"}


def archive() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, inputs=np.eye(4), targets=[0, 1, 1, 0])
    return buffer.getvalue()


@settings(max_examples=10 * settings.default.max_examples)
@given(
    st.lists(st.tuples(st.integers(0, len(archive()) - 1), st.integers(0, 255)), max_size=6),
    st.integers(0, 40),
)
def test_damaged_archives(tmp_path_factory, changes, cut):
    """A damaged .npz is read, or refused by name: ValueError or TypeError, never what its bytes ask
    for."""
    data = bytearray(archive())
    for at, value in changes:
        data[at] = value
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    path.write_bytes(data[: len(data) - cut])
    try:
        arrays = datasets.load_npz(path)
    except (ValueError, TypeError) as error:
        assert re.search(r"path|inputs|targets", str(error))
        return
    assert arrays.inputs.dtype.kind in "fiub"


class Trap:
    """Pickled, it would write a file where it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("name", ["inputs", "targets", "test_inputs"])
def test_nothing_in_an_archive_is_unpickled(config, name):
    trap = config.parent / "sprung"
    arrays = dict.fromkeys(("inputs", "test_inputs"), np.eye(4)) | dict.fromkeys(
        ("targets", "test_targets"), [0] * 4
    )
    arrays[name] = np.array([Trap(trap)], dtype=object)
    np.savez(config.parent / "a.npz", **arrays)
    config.write_text(
        '[problem]\nkind = "data"\ndataset = "npz"\npath = "a.npz"\n'
        "[run]\nn = 2\nsizes = [1]\nnonzeros = 1\n"
    )
    assert name in fails("run", "small.toml")
    assert not trap.exists()


def test_profile_is_known():
    assert strategies.settings is settings
