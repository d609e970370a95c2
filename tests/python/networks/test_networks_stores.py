"""Cells of a store: kept, proved, and run again where they are damaged."""

from __future__ import annotations

import json
import os

import filelock
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from overprune import networks  # noqa: E402
from overprune.networks import store as store_module  # noqa: E402
from overprune.networks import sweep as sweep_module  # noqa: E402
from overprune.simulation.store_files import StoreError  # noqa: E402

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 60)
ROWS = (RNG.normal(size=(60, 8)) + 2 * np.eye(8)[LABELS]).astype(np.float32)
DATA = networks.from_arrays(ROWS[:40], LABELS[:40], ROWS[40:], LABELS[40:], validation=0.1)


def plain(k):
    return nn.Sequential(nn.Linear(8, k), nn.ReLU(), nn.Linear(k, 3))


def sweep(widths=(2, 4), **options):
    training = networks.Training(epochs=2, batch=12, learning_rate=0.01)
    return networks.width_sweep(
        plain, DATA, list(widths), [2], training=training, device="cpu", repeats=1, **options
    )


def signed(values):
    return json.dumps({"values": values, "checksum": store_module._checksum(values)}).encode()


def altered(**changes):
    def damage(whole):
        values = {**json.loads(whole)["values"], **changes}
        return signed({name: value for name, value in values.items() if value is not None})

    return damage


DAMAGED = {
    "bytes that are no text": lambda whole: b"\xff\xfe" + whole,
    "latin-1": lambda whole: whole.replace(b"values", "välues".encode("latin-1")),
    "nested deeply": lambda whole: b"[" * 100_000 + b"]" * 100_000,
    "nested values": lambda whole: (
        b'{"checksum": 0, "values": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    ),
    "empty": lambda whole: b"",
    "null": lambda whole: b"null",
    "zeros": lambda whole: bytes(len(whole)),
    "huge": lambda whole: whole + b" " * (17 * 2**20),
    "long number": lambda whole: b'{"values": ' + b"9" * 10_000 + b"}",
    "unsigned": lambda whole: whole.replace(b'"prunable": 22', b'"prunable": 23'),
    "signed, other keys": altered(thesis=1.0),
    "signed, a key less": altered(dense_test_error=None),
    "signed, a list": lambda whole: signed([1, 2]),
    "signed, a text": altered(dense_test_error="0.1"),
    "signed, true": altered(parameters=True),
    "signed, another length": altered(pruned_test_loss=[0.1, 0.2]),
    "signed, a number for a list": altered(pruned_test_loss=0.1),
    "signed, a list in a list": altered(pruned_test_loss=[[0.1]]),
    "signed, another network": altered(prunable=23),
    "signed, other counts": altered(nonzero_weights=[21]),
    "signed, huge": altered(dense_epochs=10**400),
    "signed, negative": altered(dense_epochs=-1),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("store")
    table = sweep(store=path, widths=(2,))
    return (path / "cell-2-0.json").read_bytes(), (path / "sweep.json").read_bytes(), table


@pytest.mark.parametrize("kind", DAMAGED)
def test_d4_a_damaged_cell_is_run_again(tmp_path, whole, kind):
    cell, identity, table = whole
    (tmp_path / "sweep.json").write_bytes(identity)
    path = tmp_path / "cell-2-0.json"
    path.write_bytes(DAMAGED[kind](cell))
    with pytest.warns(RuntimeWarning, match=r"is damaged: cell-2-0\.json is not as") as caught:
        assert sweep(store=tmp_path, widths=(2,)).drop_attrs().identical(table.drop_attrs())
    assert path.read_bytes() == cell
    assert all(len(str(warning.message)) < 500 for warning in caught)


@pytest.mark.parametrize("kind", ["a link", "a dangling link", "a pipe"])
@pytest.mark.parametrize("name", ["cell-2-0.json", "sweep.json", "cell-4-7.json"])
def test_d4_links_and_pipes_are_refused_before_training(tmp_path, whole, kind, name, monkeypatch):
    monkeypatch.setattr(sweep_module, "run_cell", None)
    outside, store = tmp_path / "outside", tmp_path / "store"
    store.mkdir()
    outside.write_bytes(whole[0])
    (store / "sweep.json").write_bytes(whole[1])
    path = store / name
    path.unlink(missing_ok=True)
    if kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(outside if kind == "a link" else tmp_path / "nowhere")
    what = "special file" if kind == "a pipe" else "link"
    with pytest.raises(
        ValueError, match=rf"^store .* is damaged: {name} is a {what}, where a file"
    ):
        sweep(store=store, widths=(2,))
    assert os.path.lexists(path)
    assert outside.read_bytes() == whole[0]
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["cell-2-0.json", "cell-4-7.json", "notes"])
def test_d4_folders_in_a_store_are_refused_before_training(tmp_path, whole, name, monkeypatch):
    monkeypatch.setattr(sweep_module, "run_cell", None)
    (tmp_path / "sweep.json").write_bytes(whole[1])
    (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=rf"^store .* is damaged: {name}/ is no part of it; rem"):
        sweep(store=tmp_path, widths=(2,))


@pytest.mark.parametrize("name", ["notes.txt", "cell-2.json", "layer-1.bin", "model.json", "x\ny"])
def test_files_that_are_no_part_of_a_store(tmp_path, whole, name, monkeypatch):
    monkeypatch.setattr(sweep_module, "run_cell", None)
    (tmp_path / "sweep.json").write_bytes(whole[1])
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=r"^store .* is damaged: .* is no part of it; rem") as e:
        sweep(store=tmp_path, widths=(2,))
    assert "\n" not in str(e.value)
    assert (tmp_path / name).read_text() == "mine"


def test_what_file_managers_leave_is_no_harm(tmp_path, whole):
    cell, identity, table = whole
    for name, content in (("sweep.json", identity), ("cell-2-0.json", cell), (".DS_Store", b"x")):
        (tmp_path / name).write_bytes(content)
    assert sweep(store=tmp_path, widths=(2,)).drop_attrs().identical(table.drop_attrs())
    assert (tmp_path / ".DS_Store").read_bytes() == b"x"


@pytest.mark.parametrize("kind", ["link", "directory", "content"])
def test_d4_the_lock_beside_a_store_takes_no_other_file(tmp_path, whole, kind):
    store, outside, lock = (tmp_path / name for name in ("store", "outside", "store.lock"))
    outside.write_bytes(whole[1])
    if kind == "link":
        lock.symlink_to(outside)
    elif kind == "directory":
        lock.mkdir()
    else:
        lock.write_text("mine")
    with pytest.raises(OSError, match=r"store\.lock beside it must be an empty file"):
        sweep(store=store, widths=(2,))
    assert outside.read_bytes() == whole[1]


def test_what_killed_runs_leave_in_a_store_is_swept_away(tmp_path, whole):
    cell, identity, table = whole
    left = tmp_path / ".cell-2-0.json.0123abcd.part"
    left.write_bytes(cell[:20])
    (tmp_path / ".cell-2-0.json.thesis.part").write_text("mine")
    with pytest.raises(ValueError, match="which is neither"):  # not ours
        sweep(store=tmp_path, widths=(2,))
    (tmp_path / ".cell-2-0.json.thesis.part").unlink()
    assert sweep(store=tmp_path, widths=(2,)).drop_attrs().identical(table.drop_attrs())
    assert sorted(os.listdir(tmp_path)) == ["cell-2-0.json", "sweep.json"]
    assert (tmp_path / "sweep.json").read_bytes() == identity


@pytest.mark.parametrize(
    "content", [b"\xff", b"[" * 100_000, b"[]", b"3", b"", b'{"format": 1', b" " * (17 * 2**20)]
)
def test_d4_a_damaged_identity_is_refused_in_one_sentence(tmp_path, content):
    (tmp_path / "sweep.json").write_bytes(content)
    with pytest.raises(
        ValueError, match=r"^store .* is damaged: sweep\.json (has|is|holds) .*remove it to begin"
    ) as e:
        sweep(store=tmp_path, widths=(2,))
    assert "\n" not in str(e.value)
    assert len(str(e.value)) < 500


def test_a_store_of_another_format_is_refused(tmp_path, whole):
    facts = json.loads(whole[1])
    (tmp_path / "sweep.json").write_text(json.dumps({**facts, "format": 1}))
    with pytest.raises(ValueError, match=r"another run and .*: format is 1 there, 2 here$"):
        sweep(store=tmp_path, widths=(2,))


def test_a_finished_sweep_is_read_where_nothing_can_be_written(tmp_path, whole, monkeypatch):
    _, _, table = whole
    store = tmp_path / "run"
    sweep(store=store, widths=(2,))

    def refuses(self, *arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuses)
    assert sweep(store=store, widths=(2,)).drop_attrs().identical(table.drop_attrs())
    with pytest.raises(StoreError, match=r"^store .*run cannot be written: Permission denied"):
        sweep(store=store)
    with pytest.raises(StoreError, match=r"^store .*new cannot be opened: Permission denied"):
        sweep(store=tmp_path / "new", widths=(2,))
