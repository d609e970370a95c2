"""Files of a store that are damaged or left over: they are made again, or named."""

from __future__ import annotations

import json

import pytest
import xarray as xr

from overprune.simulation import run as _simulate
from overprune.simulation import store as _store
from store_runs import RUNS, run
from tables import assert_same

EITHER = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Of a store whose blocks have few trials."""
    monkeypatch.setattr(_simulate, "_MANY", 10**9)
    monkeypatch.setattr(_simulate, "_SECONDS", 1e-4)
    return tmp_path / "run.zarr"


def damage(file, how):
    data = file.read_bytes()
    if how == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "flipped":
        middle = len(data) // 2
        file.write_bytes(data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :])
    else:
        file.unlink()


@EITHER
@pytest.mark.parametrize("how", ["truncated", "empty", "flipped", "deleted"])
def test_damaged_chunks_are_computed_again(how, run, path):
    expected = run(store=path)
    for pattern in ("pruned_risk/0.*", "dense_risk/[01]*", "retrained_risk/*.0"):
        for chunk in sorted(path.glob(pattern))[:2]:
            damage(chunk, how)
    with pytest.warns(
        RuntimeWarning, match=r"^store .*run\.zarr is damaged: \d+ blocks are not as written"
    ):
        again = run(store=path)
    assert_same(again, expected)
    assert_same(run(store=path), expected)  # without a warning: it is mended
    with xr.open_zarr(path) as stored:
        assert_same(stored.load(), expected)


def test_a_chunk_of_another_block_is_not_taken_for_the_right_one(path):
    expected = run(store=path)
    one, other = path / "pruned_risk" / "0.0.0.0.0.0", path / "pruned_risk" / "0.0.0.0.0.1"
    other.write_bytes(one.read_bytes())
    with pytest.warns(RuntimeWarning, match="1 block is not as written"):
        assert_same(run(store=path), expected)


@EITHER
@pytest.mark.parametrize("how", ["truncated", "flipped", "deleted"])
def test_a_damaged_ledger_only_costs_time(how, run, path):
    expected = run(store=path)
    for entry in sorted((path / "ledger" / "blocks").glob("[0-9]*"))[:3]:
        damage(entry, how)
    assert_same(run(store=path), expected)


@pytest.mark.parametrize(
    ("run", "name"),
    [(RUNS["simulate"], name) for name in ("trial", "size", "rule", "n")]
    + [(RUNS["simulate_schedule"], name) for name in ("trial", "rule", "round", "nonzeros")],
)
def test_damaged_coordinates_are_written_again(run, name, path):
    expected = run(store=path)
    damage(next((path / name).glob("[0-9]*")), "truncated")
    assert_same(run(store=path), expected)
    with xr.open_zarr(path) as stored:
        assert_same(stored.load(), expected)


@pytest.mark.parametrize(
    "name", [".zattrs", "pruned_risk/.zarray", "ledger/.zattrs", "ledger/blocks/.zarray"]
)
def test_damaged_metadata_is_an_error_that_says_so(name, path):
    run(trials=4, store=path)
    damage(path / name, "truncated")
    with pytest.raises((ValueError, OSError), match=r"^store .*run\.zarr (has damaged|is damaged)"):
        run(trials=4, store=path)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("pruned_risk/.zarray", {"shape": [2, 2, 2, 3, 2, 3]}),
        ("pruned_risk/.zarray", {"dtype": "<f4"}),
        ("dense_risk/.zarray", {"chunks": [1, 1, 3, 99]}),
        ("ledger/blocks/.zarray", {"shape": [1, 2, 4, 4]}),
        ("ledger/.zattrs", {"block": 0}),
        ("ledger/.zattrs", {"block": "many"}),
        ("ledger/.zattrs", {"block": 10**30}),
        (".zattrs", {"trials": "many"}),
        (".zattrs", {"trials": 10**15}),
    ],
)
def test_altered_metadata_is_an_error_that_says_so(name, changes, path):
    run(trials=4, store=path)
    facts = json.loads((path / name).read_text())
    (path / name).write_text(json.dumps({**facts, **changes}))
    with pytest.raises(
        _store.StoreError, match=r"^store .*run\.zarr is damaged: .*; remove it to begin anew$"
    ):
        run(trials=4, store=path)


def test_what_killed_runs_leave_is_swept_away(path):
    run(trials=4, store=path)
    (path.parent / ".run.zarr.0123abcd.part").mkdir()
    (path / "pruned_risk" / "0.0.0.0.0.0.4f2c.partial").write_bytes(b"half")
    run(trials=5, store=path)
    assert not list(path.parent.rglob("*.part*"))
