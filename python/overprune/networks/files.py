"""The standard files of MNIST and CIFAR, read without trusting them."""

from __future__ import annotations

import gzip
import io
import math
import pickle
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Arrays = tuple[Bytes, npt.NDArray[np.int64], Bytes, npt.NDArray[np.int64]]

_MNIST = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def read_mnist(directory: Path) -> Arrays:
    """Images (N, 1, height, width), labels, test images and test labels."""
    images, labels, test_images, test_labels = (
        read_idx(path) for path in _find(directory, _MNIST, suffixes=("", ".gz"))
    )
    for array, name, ndim in zip(
        (images, labels, test_images, test_labels), _MNIST, (3, 1, 3, 1), strict=True
    ):
        if array.ndim != ndim:
            raise ValueError(f"{name} must have {ndim} dimension(s), got shape {array.shape}")
    return images[:, None], labels.astype(np.int64), test_images[:, None], test_labels.astype(np.int64)


def read_cifar10(directory: Path) -> Arrays:
    """The 5 batches of training images and the test batch, images (N, 3, 32, 32)."""
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    batches = [_cifar(path, "labels") for path in _find(directory, names, folder="cifar-10-batches-py")]
    images, labels = (np.concatenate(parts) for parts in zip(*batches[:5], strict=True))
    return images, labels, *batches[5]


def read_cifar100(directory: Path) -> Arrays:
    """Training and test images (N, 3, 32, 32) with the fine labels."""
    train, test = _find(directory, ["train", "test"], folder="cifar-100-python")
    return *_cifar(train, "fine_labels"), *_cifar(test, "fine_labels")


def read_idx(path: Path) -> Bytes:
    """An array of bytes in the IDX format, compressed or not."""
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} must be a whole gzip file, got a damaged one: {error}") from None
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08" or len(raw) < 4 + 4 * raw[3]:
        raise ValueError(f"{path} must be an IDX file of bytes, which begins with 00 00 08; got {raw[:4]!r}")
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", raw[3], offset=4))
    content = raw[4 + 4 * raw[3] :]
    if len(content) != math.prod(shape):
        raise ValueError(f"{path} must hold {math.prod(shape)} bytes for shape {shape}, got {len(content)}")
    return np.frombuffer(content, np.uint8).reshape(shape)


class _ArraysOnly(pickle.Unpickler):
    """Rebuilds plain containers and numpy arrays; refuses every other global: nothing is imported or run."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = _allowed()
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only numpy arrays are allowed")
        return allowed[module, name]


def _latin1(text: str, encoding: str) -> bytes:
    """What pickles of Python 3 in an old protocol write bytes with; other codecs are refused."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the codec {encoding}")
    return text.encode("latin1")


def _allowed() -> dict[tuple[str, str], Any]:
    empty = np.empty(0)
    functions: dict[str, Any] = {"multiarray": empty.__reduce__()[0], "numeric": empty.__reduce_ex__(5)[0]}
    allowed: dict[tuple[str, str], Any] = {
        (f"{package}.{module}", function.__name__): function
        for package in ("numpy.core", "numpy._core")  # before numpy 2, and since
        for module, function in functions.items()
    }
    return allowed | {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): _latin1,
    }


def load_arrays(path: Path) -> Any:
    """The plain values and arrays of a pickle (of Python 2 too), executing nothing else."""
    try:
        return _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except Exception as error:  # whatever the bytes of a damaged file lead to
        raise ValueError(f"{path} must be a pickle of numpy arrays and plain values, got: {error}") from None


def _cifar(path: Path, key: str) -> tuple[Bytes, npt.NDArray[np.int64]]:
    batch = load_arrays(path)
    # Python 3 writes the keys as text, Python 2 as bytes, which latin1 makes text; others re-pickle as bytes.
    found = (
        {k.decode("latin1") if isinstance(k, bytes) else k: v for k, v in batch.items()}
        if isinstance(batch, dict)
        else {}
    )
    images, labels = found.get("data"), found.get(key)
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (3072,):
        got = getattr(images, "shape", type(images).__name__)
        raise ValueError(f"{path} must hold images as bytes (N, 3072) under data, got {got}")
    if not isinstance(labels, (list, np.ndarray)) or len(labels) != len(images):
        raise ValueError(f"{path} must hold {len(images)} numbers under {key}")
    return images.reshape(-1, 3, 32, 32), np.asarray(labels, dtype=np.int64)


def _find(
    directory: Path, names: Sequence[str], *, suffixes: Sequence[str] = ("",), folder: str | None = None
) -> list[Path]:
    """The paths of the files; FileNotFoundError that lists all names where one is missing."""
    places = [directory] if folder is None else [directory, directory / folder]
    for place in places:
        found = [[p for s in suffixes if (p := place / (name + s)).is_file()] for name in names]
        if all(found):
            return [paths[0] for paths in found]
    expected = ", ".join(names) + (" (each may end in .gz)" if len(suffixes) > 1 else "")
    inside = "" if folder is None else f", or a folder {folder} with them"
    what = "is not a directory" if not directory.is_dir() else "lacks some of them"
    raise FileNotFoundError(
        f"directory must hold the files {expected}{inside}; {directory} {what}. Nothing is downloaded: "
        "get the files from the data set's own page"
    )
