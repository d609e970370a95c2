"""The standard files of MNIST and CIFAR, read without trusting them."""

from __future__ import annotations

import errno
import math
import os
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from .._validation import shown

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Arrays = tuple[Bytes, Labels, Bytes, Labels]

_MNIST = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# The largest set in MNIST's format, EMNIST, has 814,255 images, 640 MB.
_IDX_ROWS, _IDX_BYTES = 10**6, 700 * 10**6
# More than a gzip file's own bytes beside its content, and than the members of one made block by
# block.
_SPARE, _MEMBERS = 2**20, 10**5
_PIXELS = 3 * 32 * 32


def read_mnist(directory: Path) -> Arrays:
    """Images (N, 1, height, width), labels, test images and test labels."""
    found: list[Bytes] = []
    paths = _find(directory, _MNIST, suffixes=("", ".gz"))
    for path, ndim in zip(paths, (3, 1, 3, 1), strict=True):
        left = _IDX_BYTES - sum(array.nbytes for array in found)
        found.append(read_idx(path, ndim, left))
    images, labels, test_images, test_labels = found
    return (
        images[:, None],
        labels.astype(np.int64),
        test_images[:, None],
        test_labels.astype(np.int64),
    )


def read_cifar10(directory: Path) -> Arrays:
    """The 5 batches of training images and the test batch, images (N, 3, 32, 32)."""
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    paths = _find(directory, names, folder="cifar-10-batches-bin", pickled="cifar-10-batches-py")
    *batches, test = (_cifar(path, (10,), 10_000) for path in paths)
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return images, labels, *test


def read_cifar100(directory: Path) -> Arrays:
    """Training and test images (N, 3, 32, 32) with the fine labels."""
    names = ["train.bin", "test.bin"]
    train, test = _find(directory, names, folder="cifar-100-binary", pickled="cifar-100-python")
    return *_cifar(train, (20, 100), 50_000), *_cifar(test, (20, 100), 10_000)


def read_idx(path: Path, ndim: int, largest: int) -> Bytes:
    """An array of an IDX file, compressed or not, of this dimension and at most so many bytes."""
    with _open_regular(path) as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not compressed:
            return _idx(file, path, ndim, largest)
        size, most = os.fstat(file.fileno()).st_size, largest + largest // 100 + _SPARE
        if size > most:
            raise ValueError(f"{path} must be a gzip file of at most {most} bytes, got {size}")
        return _idx(_Gunzip(file, path), path, ndim, largest)


class _Gunzip:
    """The content of a gzip file: members one after the other, and zeros between and after them.

    The module gzip takes minutes for zeros and empty members that a file of its size may have.
    """

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path, self._left = file, path, b""
        self._member: Any = None
        self._members = 0

    def read(self, count: int) -> bytes:
        """So many bytes, fewer only at the end."""
        parts: list[bytes] = []
        while count > 0 and self._more():
            try:
                parts.append(self._member.decompress(self._left, count))
            except zlib.error as error:
                raise self._damaged(str(error)) from None
            self._left = self._member.unused_data or self._member.unconsumed_tail
            count -= len(parts[-1])
        return b"".join(parts)

    def _more(self) -> bool:
        """Whether there is a member to go on with; then there is something of it to decompress."""
        between = self._member is None or self._member.eof
        while True:
            if between:
                self._left = self._left.lstrip(b"\0")
            if self._left:
                break
            self._left = self._file.read(1 << 16)
            if not self._left:
                if between:
                    return False
                raise self._damaged("it ends within a member")
        if between:
            self._members += 1
            if self._members > _MEMBERS:
                raise self._damaged(f"it has more than {_MEMBERS} members")
            self._member = zlib.decompressobj(wbits=31)
        return True

    def _damaged(self, reason: str) -> ValueError:
        return ValueError(f"{self._path} must be a whole gzip file, got a damaged one: {reason}")


def _idx(stream: Any, path: Path, ndim: int, largest: int) -> Bytes:
    head = stream.read(4)
    sizes = stream.read(4 * ndim)
    if head[:3] != b"\x00\x00\x08" or len(head) < 4 or len(sizes) < 4 * min(ndim, head[3]):
        raise ValueError(
            f"{path} must be an IDX file of bytes, which begins with 00 00 08; got {head!r}"
        )
    if head[3] != ndim:
        raise ValueError(f"{path} must have {ndim} dimension(s), got {head[3]}")
    shape = tuple(int(n) for n in np.frombuffer(sizes, ">u4"))
    count = math.prod(shape)
    if count > largest or shape[0] > _IDX_ROWS:
        raise ValueError(
            f"{path} must hold at most {_IDX_ROWS} rows and, with the files before it, "
            f"{_IDX_BYTES} bytes; got shape {shape}"
        )
    content = _read(stream, count + 1)  # one more shows that there is more
    if len(content) != count:
        got = f"{len(content)}" if len(content) < count else "more"
        raise ValueError(f"{path} must hold {count} bytes for shape {shape}, got {got}")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _read(stream: Any, count: int) -> bytearray:
    """At most so many bytes; takes no memory for what a header only claims."""
    content = bytearray()
    while len(content) < count and (part := stream.read(min(count - len(content), 1 << 20))):
        content += part
    return content


def _cifar(path: Path, classes: tuple[int, ...], most: int) -> tuple[Bytes, Labels]:
    """Images and their last label from records of one byte a label and 3,072 pixels.

    CIFAR-10 has one label, CIFAR-100 a coarse and a fine one.
    """
    record = len(classes) + _PIXELS
    content = read_regular(path, most * record)
    if not content or len(content) % record:
        raise ValueError(
            f"{path} must hold records of {record} bytes, as CIFAR's binary version does; "
            f"got {len(content)} bytes"
        )
    rows = np.frombuffer(content, np.uint8).reshape(-1, record)
    for i, count in enumerate(classes):
        highest = int(rows[:, i].max())
        if highest >= count:
            row = int(rows[:, i].argmax())
            raise ValueError(
                f"{path} must hold labels from 0 to {count - 1} in byte {i} of a record, "
                f"got {highest} in record {row}"
            )
    images = np.ascontiguousarray(rows[:, len(classes) :]).reshape(-1, 3, 32, 32)
    return images, rows[:, len(classes) - 1].astype(np.int64)


def read_regular(path: Path, largest: int) -> bytes:
    """The bytes of a regular file of at most so many; of no pipe or device."""
    with _open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise ValueError(f"{path} must hold at most {largest} bytes, got {size}")
        return file.read(size)


def _open_regular(path: Path) -> BinaryIO:
    """Opens a file without waiting for the other end of a pipe, and refuses other kinds."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "must be a file, got a directory", str(path))
        if not stat.S_ISREG(mode):
            raise ValueError(f"{path} must be a regular file, got a pipe, socket or device")
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _find(
    directory: Path,
    names: Sequence[str],
    *,
    suffixes: Sequence[str] = ("",),
    folder: str | None = None,
    pickled: str | None = None,
) -> list[Path]:
    """The paths of the files; FileNotFoundError that lists all names where one is missing."""
    places = [directory] if folder is None else [directory, directory / folder]
    for parent in places:
        found = [
            [p for s in suffixes if os.path.isfile(p := parent / (name + s))] for name in names
        ]
        if all(found):
            return [paths[0] for paths in found]
    expected = ", ".join(names) + (" (each may end in .gz)" if len(suffixes) > 1 else "")
    inside = "" if folder is None else f", or a folder {folder} with them"
    what = "is not a directory" if not os.path.isdir(directory) else "lacks some of them"
    if pickled and _has_pickles(directory, names, pickled):
        what = "has the python version, whose pickles are not read: get the binary version"
    place = str(directory) if len(str(directory)) <= 200 else shown(str(directory))
    raise FileNotFoundError(
        f"directory must hold the files {expected}{inside}; {place} {what}. "
        "Nothing is downloaded: get the files from the data set's own page"
    )


def _has_pickles(directory: Path, names: Sequence[str], folder: str) -> bool:
    return directory.name == folder or any(
        os.path.isfile(place / names[0].removesuffix(".bin"))
        for place in (directory, directory / folder)
    )
