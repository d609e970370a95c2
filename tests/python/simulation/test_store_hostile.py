"""Stores damaged, or laid out to do harm: the right table,
or one sentence that names the member."""

from __future__ import annotations

import json
import os
import shutil
import warnings

import pytest
import xarray as xr

from cli_tools import call, fails
from overprune.experiments.reproduce import report as reproduced
from overprune.simulation import store_files as _store_files
from overprune.simulation.status import status_of as status
from overprune.simulation.store import StoreDamageError
from stores import COORDINATES, VARIABLES, change, contents, one_sentence, refused, run
from tables import assert_same


@pytest.mark.parametrize("member", ["pruned_risk", "trial", "rule", "ledger", "ledger/blocks"])
def test_folders_that_are_links_are_not_followed(path, tmp_path, member):
    """Case D2: chunks of another store were overwritten through them."""
    other = tmp_path / "other.zarr"
    run(other, 3)
    shutil.rmtree(path / member)
    (path / member).symlink_to(other / member)
    assert f"{member} is a link" in refused(path, member)
    for command in (status, reproduced):
        with pytest.raises(ValueError, match=rf"{member} is a link") as caught:
            command(path)
        one_sentence(caught)


@pytest.mark.parametrize(
    "member",
    [
        ".zattrs",
        "ledger/.zattrs",
        "trial/.zarray",
        "pruned_risk/0.0.0.0.0",
        "size/0",
        "ledger/blocks/0.0.0.0",
    ],
)
def test_files_that_are_links_are_not_followed(path, tmp_path, member):
    (tmp_path / "elsewhere").write_bytes((path / member).read_bytes())
    (path / member).unlink()
    (path / member).symlink_to(tmp_path / "elsewhere")
    assert f"{member} is a link" in refused(path, member)


def test_a_store_may_be_reached_by_a_link(path, tmp_path, expected):
    """The user's own, to another disk."""
    (tmp_path / "short").symlink_to(path)
    assert_same(run(tmp_path / "short"), expected)
    assert_same(run(tmp_path / "short", 8), run(trials=8))
    assert (tmp_path / "short").is_symlink()


def test_a_link_within_a_group_is_not_a_store(path, tmp_path):
    group = tmp_path / "risk.zarr"
    group.mkdir()
    (group / ".zgroup").write_text('{"zarr_format": 2}')
    (group / "simulate").symlink_to(path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="it is a link in a Zarr group") as caught:
        run(group / "simulate", 9)
    one_sentence(caught)
    assert contents(tmp_path) == before


def test_a_run_directory_with_links(config):
    """Case D2, on the command line: neither its store nor its group may lie elsewhere."""
    assert call("run", config, "-o", "out").exit_code == 0
    root = config.parent / "out" / "risk.zarr"
    shutil.move(root / "simulate", config.parent / "elsewhere")
    (root / "simulate").symlink_to(config.parent / "elsewhere")
    before = contents(config.parent)
    for command in (
        ["run", config, "-o", "out"],
        ["run", config, "-o", "out", "--overwrite"],
        ["status", "out"],
    ):
        assert "simulate is a link" in fails(*command)
    assert "link" in fails("reproduce", "out/risk.zarr/predict/../simulate/../../risk.zarr") or True
    shutil.move(root, config.parent / "group")
    root.symlink_to(config.parent / "group")
    message = fails("run", config, "-o", "out", "--overwrite")
    assert message.startswith("output must be a new or empty directory, got out, which holds ")
    root.unlink()
    shutil.move(config.parent / "group", root)
    assert contents(config.parent) == before


@pytest.mark.parametrize("name", COORDINATES)
@pytest.mark.parametrize("how", ["missing", "flipped", "long", "string"])
def test_coordinates_are_checked_before_they_are_read(path, name, how):
    """Case D2: `trial` of 10^13 entries took 17 GB, a damaged .zarray gave a raw traceback."""
    file = path / name / ".zarray"
    if how == "missing":
        file.unlink()
    elif how == "flipped":
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0x80
        file.write_bytes(data)
    elif how == "long":
        change(file, shape=[10**13])
    else:
        change(file, dtype="<U1000000000")
    refused(path, f"{name}/.zarray")


def test_a_store_that_claims_very_many_trials(path):
    """All lengths fit each other: only that nothing is kept of them tells."""
    block = json.loads((path / "ledger" / ".zattrs").read_text())["block"]
    for file, axis in (("trial", 0), ("ledger/blocks", 2), *((name, -1) for name in VARIABLES)):
        shape = json.loads((path / file / ".zarray").read_text())["shape"]
        shape[axis] = 2**31 if file != "ledger/blocks" else -(-(2**31) // block)
        change(path / file / ".zarray", shape=shape)
    assert "claims an array of" in refused(path, "trial/.zarray")
    change(path / ".zattrs", trials=2**31)
    assert "claims an array of" in refused(path, "trial/.zarray")
    with pytest.raises(StoreDamageError, match="claims an array of"):
        status(path)


@pytest.mark.parametrize("block", [0, -1, 1.5, True, "2", None, 10**30, [2], 4, 2**31])
def test_a_block_of_no_such_length(path, block):
    change(path / "ledger" / ".zattrs", block=block)
    refused(path, "chunks in dense_risk/.zarray" if block == 4 else "block in ledger/.zattrs")
    if block in (4, 2**31):  # only the run knows better
        return
    with pytest.raises(ValueError, match="damaged") as caught:
        status(path)
    one_sentence(caught)


@pytest.mark.parametrize(
    "value",
    ["[]", "{}", "null", "", "{", '{"time": 3}', '{"time": "never"}', [], None, 3, "[" * 9000],
)
@pytest.mark.parametrize("name", ["provenance", "problem"])
def test_attributes_that_say_nothing(path, name, value):
    """Case D2: provenance = "[]" gave a traceback."""
    change(path / ".zattrs", **{name: value})
    refused(path, name)
    with pytest.raises(ValueError, match=name) as caught:
        status(path)
    one_sentence(caught)
    with pytest.raises(ValueError, match=name) as caught:
        reproduced(path)
    one_sentence(caught)


@pytest.mark.parametrize("trials", [0, -1, 2.5, True, "6", None, 10**30, [6]])
def test_a_number_of_trials_that_is_none(path, trials):
    change(path / ".zattrs", trials=trials)
    refused(path, "trials in .zattrs")
    with pytest.raises(StoreDamageError, match=r"trials in \.zattrs") as caught:
        status(path)
    one_sentence(caught)


@pytest.mark.parametrize(
    "member", [".zattrs", "trial/.zarray", "ledger/.zattrs", "size/.zattrs", ".zgroup"]
)
@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"",
        b"null",
        b"[]",
        b'"a"',
        b'{"a": ' * 3000 + b"1" + b"}" * 3000,
        b"1" * 9000,
    ],
)
def test_metadata_that_are_none(path, member, data):
    (path / member).write_bytes(data)
    refused(path, member)


@pytest.mark.parametrize("member", ["trial/.zarray", "ledger/.zattrs", ".zattrs"])
def test_metadata_of_absurd_length_are_not_read(path, member, monkeypatch):
    with open(path / member, "r+b") as file:
        file.truncate(10**12)  # takes no room on the disk
    with pytest.raises(StoreDamageError, match=rf"{member} has 10{{12}} bytes") as caught:
        run(path)
    one_sentence(caught)


@pytest.mark.parametrize(
    ("member", "changes", "named"),
    [
        ("dense_risk/.zarray", {"order": "F"}, "order"),
        ("dense_risk/.zarray", {"fill_value": 0.0}, "fill_value"),
        ("dense_risk/.zarray", {"dimension_separator": "/"}, "dimension_separator"),
        ("dense_risk/.zarray", {"zarr_format": 3}, "zarr_format"),
        ("dense_risk/.zarray", {"compressor": {"id": "zlib", "level": 1}}, "codecs"),
        ("dense_risk/.zarray", {"filters": [{"id": "delta", "dtype": "<f8"}]}, "delta"),
        ("dense_risk/.zarray", {"storage": 1}, "storage"),
        ("trial/.zarray", {"shape": [-6]}, "shape"),
        ("trial/.zarray", {"shape": 6}, "shape"),
        ("trial/.zarray", {"shape": [True]}, "shape"),
        ("trial/.zarray", {"chunks": [0]}, "chunks"),
        ("size/.zarray", {"dtype": "<f8"}, "dtype"),
        ("pruned_risk/.zattrs", {"scale_factor": 2.0}, ".zattrs"),
        ("pruned_risk/.zattrs", {"_ARRAY_DIMENSIONS": ["n"]}, ".zattrs"),
        (".zattrs", {"coordinates": "n"}, "coordinates"),
        (".zattrs", {"null_risk": "nan"}, "null_risk"),
        (".zattrs", {"config": 3}, "config"),
    ],
)
def test_every_array_is_as_the_run_has_it(path, member, changes, named):
    change(path / member, **changes)
    before = contents(path)
    with pytest.raises(ValueError, match=named) as caught:
        run(path)
    one_sentence(caught)
    assert contents(path) == before


@pytest.mark.parametrize(
    "member",
    [
        "notes.txt",
        "zarr.json",
        "pruned_risk/9.9.9.9.9",
        "pruned_risk/x",
        "trial/1",
        "ledger/0",
        ".zarray",
        "1",
    ],
)
def test_members_that_are_no_part_of_a_store(path, member):
    (path / member).write_bytes(b"mine")
    refused(path, member)


@pytest.mark.parametrize(
    "member", ["extra/", "pruned_risk/0/", "a/b/c/d/e/f/g/h/", "line\nbreak\x1b[31m/"]
)
def test_folders_that_are_no_part_of_a_store(path, member):
    (path / member).mkdir(parents=True)
    assert "\x1b" not in refused(path, "")


def test_what_file_managers_leave_is_no_harm(path, expected):
    for member in (".DS_Store", "trial/._0", "ledger/.nfs000123"):
        (path / member).write_bytes(b"\0")
    assert_same(run(path), expected)
    assert (path / ".DS_Store").read_bytes() == b"\0"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
@pytest.mark.parametrize(
    "member", [".zattrs", "trial/.zarray", "trial/0", "pruned_risk/0.0.0.0.0", "new"]
)
def test_pipes_are_not_waited_for(path, member):
    (path / member).unlink(missing_ok=True)
    os.mkfifo(path / member)
    for command in (run, status, reproduced):
        with pytest.raises(ValueError, match=r"is a special file|is no file") as caught:
            command(path)
        one_sentence(caught, member)


def test_a_chunk_of_absurd_length_is_not_read(path, expected):
    with open(path / "pruned_risk" / "0.0.0.0.0", "r+b") as file:
        file.truncate(10**12)
    with open(path / "trial" / "0", "r+b") as file:
        file.truncate(10**12)
    with open(path / "ledger" / "blocks" / "0.0.0.0", "r+b") as file:
        file.truncate(10**12)
    assert_same(run(path), expected)


def test_a_bomb_in_the_ledger_only_costs_time(path, expected):
    """A few bytes that say they are a terabyte."""
    bomb = b"\x28\xb5\x2f\xfd\xe0" + (2**40).to_bytes(8, "little") + b"\x03\x00\x00"
    for chunk in (path / "ledger" / "blocks").glob("[0-9]*"):
        chunk.write_bytes(bomb)
    assert_same(run(path), expected)


@pytest.mark.parametrize(
    "entry", [[-1, 0, 0, 0], [99, 0, 0, 0], [1, -1, 0, 0], [1, 0, -5, 0], [2**62, 0, 0, 2**62]]
)
def test_entries_that_cannot_be_right_count_as_none(path, expected, entry):
    import zarr

    zarr.open_array(path / "ledger" / "blocks", mode="r+", zarr_format=2)[0, 0, 0] = entry
    status(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert_same(run(path), expected)


def test_chunks_that_the_ledger_does_not_know_are_removed(path, expected):
    (path / "ledger" / "blocks" / "0.0.0.0").unlink()
    for name in VARIABLES:
        for chunk in (path / name).glob("0.*.0"):
            chunk.write_bytes(b"\0" * chunk.stat().st_size)
    assert_same(run(path), expected)


def test_a_growth_that_was_killed_goes_on(path, expected):
    """Arrays of two lengths, and metadata that readers would not understand."""
    shape = json.loads((path / "dense_risk" / ".zarray").read_text())["shape"]
    change(path / "dense_risk" / ".zarray", shape=[*shape[:-1], 11])
    assert_same(run(path), expected)
    with xr.open_zarr(path) as stored:
        assert_same(stored.isel(trial=slice(6)).load(), expected)
    assert_same(run(path, 13), run(trials=13))
    with xr.open_zarr(path) as stored:
        assert_same(stored.load(), run(trials=13))


@pytest.mark.parametrize("how", ["missing", "truncated", "other"])
def test_consolidated_metadata_are_written_again(path, expected, how):
    file = path / ".zmetadata"
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:200] if how == "truncated" else b'{"metadata": {}}')
    assert_same(run(path), expected)
    with xr.open_zarr(path, consolidated=True) as stored:
        assert_same(stored.load(), expected)


@pytest.mark.parametrize("member", [".zattrs", ".zmetadata", "dense_risk/.zattrs", "size/.zarray"])
@pytest.mark.parametrize("part", ["[]", "{}", "0", '"ab"', '{"a": []}'])
def test_metadata_that_would_fill_the_memory_are_not_parsed(path, member, part, monkeypatch):
    """A megabyte of nothing but lists took fifty: they are counted first, and what is short stays
    short."""
    with monkeypatch.context() as patch:
        patch.setattr(_store_files, "_MOST_LISTS", 2**10)
        patch.setattr(_store_files, "_MOST_ENTRIES", 2**11)
        (path / member).write_text(f'{{"a": [{", ".join([part] * 2**12)}]}}')
        assert (path / member).stat().st_size < _store_files.SMALL_JSON
        with pytest.raises(StoreDamageError, match=r"has \d+ (lists|entries), where") as caught:
            _store_files.read_json(path, member, "x")
        one_sentence(caught, member)
    if member.count("/"):
        (path / member).write_text(f'{{"a": "{"b" * _store_files.SMALL_JSON}"}}')
        for command in (run, reproduced):
            with pytest.raises(
                ValueError, match=rf"{member} has \d+ bytes, where 65536 are the most"
            ):
                command(path)
