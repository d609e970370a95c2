"""Names of stores and of their temporaries, tables of anybody's, and any damage to any file of a
store."""

from __future__ import annotations

import json
import os
import random
import shutil
import warnings

import hypothesis.strategies as st
import pytest
import xarray as xr
from hypothesis import given

import overprune as op
import strategies  # noqa: F401, registers the profile
from cli_tools import fails
from overprune.experiments.reproduce import report as reproduced
from overprune.simulation.status import status_of as status
from stores import COORDINATES, VARIABLES, change, contents, one_sentence, run
from tables import assert_same


@pytest.mark.parametrize(
    ("one", "other"),
    [("run", "run.b"), ("*", "x"), ("[x]", "x"), ("r?n", "run"), ("run", "run.0123abcd.part")],
)
def test_only_own_temporaries_are_swept(tmp_path, one, other):
    """Case D2: `run` deleted what `run.b` was creating, `*` deleted any, `[x]` left its own."""
    foreign = [
        tmp_path / f".{other}.0123abcd.part",
        tmp_path / f".{one}.thesis.part",
        tmp_path / f".{one}.0123ABCD.part",
    ]
    own = tmp_path / f".{one}.89abcdef.part"
    for folder in (*foreign, own):
        folder.mkdir()
        (folder / "a").write_text("mine")
    (tmp_path / f".{one}.01234567.part").symlink_to(foreign[0])
    run(tmp_path / one, 2)
    assert not own.exists()
    for folder in foreign:
        assert (folder / "a").read_text() == "mine"


def test_files_that_are_not_ours_are_not_swept(tmp_path):
    """A folder of downloads, given by mistake, keeps those that are not finished."""
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "film.partial").write_text("half")
    with pytest.raises(ValueError, match=r"^store must be new, empty or an earlier run's"):
        run(tmp_path / "downloads")
    assert (tmp_path / "downloads" / "film.partial").read_text() == "half"


def test_a_store_does_not_take_the_name_of_a_temporary(tmp_path):
    with pytest.raises(
        ValueError, match=r"^store must have a name that no store has while it is made, got "
    ):
        run(tmp_path / ".run.0123abcd.part", 2)
    assert not list(tmp_path.iterdir())


def test_the_lock_does_not_empty_a_file(path, tmp_path):
    (tmp_path / "precious").write_text("years of work")
    lock = tmp_path / "run.zarr.lock"
    lock.symlink_to(tmp_path / "precious")
    for command in (run, status):
        with pytest.raises(
            OSError, match=r"run\.zarr\.lock beside it must be an empty file"
        ) as caught:
            command(path)
        one_sentence(caught)
    lock.unlink()
    lock.write_text("mine")
    with pytest.raises(OSError, match=r"run\.zarr\.lock beside it must be an empty file"):
        run(path)
    assert lock.read_text() == "mine"
    assert (tmp_path / "precious").read_text() == "years of work"


ADDRESSES = [
    "s3://bucket/run.zarr", "gs://bucket/run", "http://localhost/run.zarr", "file:///data/run.zarr",
    "file:run.zarr", "FILE:/run.zarr", "memory://run", "zip::s3://bucket/run.zip",
    "simplecache::run",
    "s3:/bucket/run.zarr", "az:\\a", " s3://bucket",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_are_refused_by_name(config, address):
    """Case B5: a directory called `s3:` was made."""
    expects = r"^{} must be the path of a directory on this machine, got the address '"
    with pytest.raises(ValueError, match=expects.format("store")) as caught:
        run(address)
    assert ("without the scheme" in one_sentence(caught)) == address.lower().startswith("file")
    for command, name in (
        (["run", config, "-o", address], "output"),
        (["demo", "-o", address], "output"),
        (["predict", config, "-o", address], "output"),
        (["figures", "rules", "-o", address], "output"),
        (["status", address], "DIR"),
        (["reproduce", address], "TABLE"),
    ):
        assert f"{name} must be the path of a directory on this machine, got the address" in fails(
            *command
        )
    assert {entry.name for entry in config.parent.iterdir()} == {"small.toml"}


@pytest.mark.parametrize("address", ["1a://bucket", "_x://y", "://x", "1://x"])
def test_what_looks_like_an_address_is_none_of_a_directory(address):
    with pytest.raises(
        ValueError, match=r"^store must be the path of a directory on .* got the address '"
    ):
        run(address)


@pytest.mark.parametrize("name", ["run:1.zarr", "a b", "ü", "12:30", "c:run", "%73", "[x]", "*"])
def test_unusual_names_are_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    run(name, 2)
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"run", TypeError),
        ("a\0b", ValueError),
        ("~nobody-here/run", ValueError),
        ("a" * 300, ValueError),
        ("\ud800", ValueError),
    ],
)
def test_names_that_no_directory_has(value, error):
    with pytest.raises(error, match=r"^store must be ") as caught:
        run(value)
    one_sentence(caught)


def test_the_current_directory_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (".", tmp_path, "../" + tmp_path.name):
        with pytest.raises(
            ValueError, match=r"^store must not be the current directory, which .* in it$"
        ):
            run(name)
    assert os.getcwd() == str(tmp_path)
    assert not os.listdir(tmp_path)
    assert not (tmp_path.parent / f"{tmp_path.name}.lock").exists()
    os.mkdir("empty")  # by nobody's current directory
    run("empty", 2)
    monkeypatch.chdir(tmp_path / "empty")  # a store is filled where it is
    run(".", 4)
    assert os.getcwd() == str(tmp_path / "empty")


@pytest.mark.skipif(
    not os.path.isdir("/proc/self"), reason="needs a place where no file can be made"
)
def test_a_lock_that_cannot_be_made_is_no_other_run():
    with pytest.raises(OSError, match=r"^store /proc/self/run cannot be opened: ") as caught:
        run("/proc/self/run")
    assert not isinstance(caught.value, BlockingIOError)


@pytest.mark.parametrize(
    ("member", "changes", "named"),
    [
        ("trial/.zarray", {"shape": [10**13]}, "claims an array"),
        ("trial/.zarray", {"chunks": [10**13]}, "claims chunks"),
        ("trial/.zarray", {"dtype": "<i"}, "describes no array"),
        (
            "size/.zarray",
            {"filters": [{"id": "zlib"}], "compressor": {"id": "zstd"}},
            "compresses twice",
        ),
        ("size/.zarray", {"shape": [3]}, "cannot be read"),
        (".zattrs", {"sizes": [1, 2, 3]}, "which its attributes do not make"),
    ],
)
def test_tables_that_are_no_tables(path, member, changes, named):
    """Of `overprune reproduce`, which opens what anybody has written."""
    change(path / member, **changes)
    with pytest.raises(ValueError, match=named) as caught:
        reproduced(path)
    one_sentence(caught)


def test_an_array_of_a_problem_does_not_unpack_to_more_than_it_may(expected):
    import base64
    import zlib

    problem = json.loads(expected.attrs["problem"])
    bomb = zlib.compress(b"\0" * 2**28, 9)
    problem["arguments"]["beta"] |= {"data": base64.b64encode(bomb).decode(), "shape": [2**25]}
    with pytest.raises(ValueError, match="beta is damaged in the attribute problem"):
        op.reproduce(expected.assign_attrs(problem=json.dumps(problem)))


MEMBERS = st.integers(0, 2**20)
HOWS = (
    "link",
    "link to nothing",
    "directory",
    "truncated",
    "flipped",
    "removed",
    "extra",
    "folder link",
)


@given(MEMBERS, st.sampled_from(HOWS), st.integers(0, 2**30), st.booleans())
def test_any_damage_is_mended_or_refused(
    original, tmp_path_factory, expected, which, how, seed, more
):
    """Any file, any damage: the right table, or a sentence that names it;
    nothing outside changes."""
    tmp_path = tmp_path_factory.mktemp("damage")
    path, outside = tmp_path / "run.zarr", tmp_path / "outside"
    shutil.copytree(original, path)
    shutil.copytree(original, outside)
    files = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
    member = files[which % len(files)]
    member = damage(path, outside, member, how, random.Random(seed))
    before, kept = contents(outside), contents(path)
    trials = 8 if more else 6
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            table = run(path, trials)
        except (ValueError, OSError) as error:
            text = one_sentence(error)
            assert text.startswith("store ")
            assert member in text or "holds another run" in text, (member, text)
            assert contents(path) == kept
        else:
            assert_same(table, expected if trials == 6 else run(trials=trials))
            with xr.open_zarr(path) as stored:
                assert_same(stored.load().assign_attrs(problem=""), table.assign_attrs(problem=""))
    assert all("is damaged" in str(warning.message) for warning in caught)
    assert contents(outside) == before
    for command in (status, reproduced):
        try:
            command(path)
        except (ValueError, OSError) as error:
            one_sentence(error)
    assert contents(outside) == before
    shutil.rmtree(tmp_path)


def damage(path, outside, member, how, chance):
    """Damages a member, and returns what a message may name it."""
    file = path / member
    data = file.read_bytes()
    if how == "extra":
        other = file.with_name(
            chance.choice(["0", "1.2.3", "x", "zarr.json", ".zarray", "c", "-1", "0.0.0.0.0.0.0"])
        )
        if not other.exists():
            other.write_bytes(data)
        return str(other.relative_to(path))
    if how == "folder link":
        folder = chance.choice(["ledger", "ledger/blocks", *COORDINATES, *VARIABLES])
        shutil.rmtree(path / folder)
        (path / folder).symlink_to(outside / folder)
        return folder
    if how == "truncated":
        file.write_bytes(data[: chance.randrange(len(data))])
    elif how == "flipped":
        at = chance.randrange(len(data))
        file.write_bytes(data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :])
    else:
        file.unlink()
        if how == "link":
            file.symlink_to(outside / member)
        elif how == "link to nothing":
            file.symlink_to(outside / "nothing")
        elif how == "directory":
            file.mkdir()
    return member
