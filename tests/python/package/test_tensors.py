"""Tensors and other arrays by DLPack are what their numbers are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import overprune as op
import problems

NUMBERS = problems.normal(12, 4)
Y = problems.normal(12, seed=1)


class Producer:
    """An array of a library that NumPy knows by DLPack alone."""

    def __init__(self, values: np.ndarray[Any, Any], device: tuple[int, int] = (1, 0)) -> None:
        self._values, self._device = np.asarray(values), device

    def __dlpack__(self, **options: Any) -> Any:
        return self._values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._device


def tensor(values: np.ndarray[Any, Any]) -> Any:
    return pytest.importorskip("torch").tensor(values)


CALLS: dict[str, Callable[[Any], Any]] = {
    "least_squares": lambda a: op.least_squares(a(NUMBERS), a(Y)),
    "prune_path": lambda a: (
        op.prune_path(
            a(NUMBERS), a(Y), [2, 4], [1, 2], rules=["hessian"], curvature=a(np.arange(1.0, 5.0))
        ).dense
    ),
    "support": lambda a: op.prune_path(a(NUMBERS), a(Y), [4], [2]).support("magnitude", 4, 2),
    "lasso_path": lambda a: (
        op.lasso_path(a(NUMBERS), a(Y), penalties=a(np.array([0.1, 0.01]))).coefficients
    ),
    "retrain_path": lambda a: op.retrain_path(a(NUMBERS), a(Y), a(np.array([2, 0])), [1, 2]),
    "estimate_risk": lambda a: op.estimate_risk(a(NUMBERS), a(Y), [2], [1]).dense_risk,
    "DataProblem": lambda a: op.DataProblem(a(NUMBERS), a(Y), a(NUMBERS), a(Y)).risk(a(Y[:4])),
    "labels": lambda a: (
        op.DataProblem(a(NUMBERS), a(np.arange(12) % 3), a(NUMBERS), a(np.arange(12) % 3)).classes
    ),
    "bools": lambda a: op.DataProblem(a(NUMBERS), a(Y > 0), a(NUMBERS), a(Y > 0)).classes,
    "LinearGaussianProblem": lambda a: op.LinearGaussianProblem(a(Y), a(np.ones(12))).risk(a(Y)),
    "restrict": lambda a: (
        op.LinearGaussianProblem(Y, np.ones(12)).restrict(a(np.array([3, 1]))).beta
    ),
    "prune": lambda a: op.prune(a(Y), 3),
    "importance": lambda a: op.importance(a(Y), "oracle", truth=a(Y), curvature=a(abs(Y))),
    "top_k": lambda a: op.top_k(a(Y), 3),
    "compensate": lambda a: op.compensate(a(Y), a(np.array([0, 4])), a(np.eye(12))),
    "random_features": lambda a: op.random_features(a(NUMBERS), a(np.eye(4)), bias=a(Y[:4])),
    "split": lambda a: op.datasets.split(a(NUMBERS), a(Y), 4).inputs,
    "prune_layer": lambda a: op.prune_layer(a(np.ones((2, 4))), a(NUMBERS), nonzeros=2).weight,
    "float32": lambda a: op.least_squares(a(NUMBERS.astype(np.float32)), a(Y)),
    "a transposed view": lambda a: op.least_squares(a(np.asfortranarray(NUMBERS)), a(Y[::1])),
}


@pytest.mark.parametrize("make", [tensor, Producer])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_whatever_speaks_dlpack_is_an_array(
    call: Callable[[Any], Any], make: Callable[[Any], Any]
) -> None:
    np.testing.assert_array_equal(call(make), call(np.asarray))


def test_estimators_take_tensors() -> None:
    estimators = pytest.importorskip("overprune.sklearn")
    plain = estimators.PrunedLeastSquares(n_nonzeros=2).fit(NUMBERS, Y)
    found = estimators.PrunedLeastSquares(n_nonzeros=2).fit(tensor(NUMBERS), tensor(Y))
    np.testing.assert_array_equal(found.coef_, plain.coef_)


def test_a_tensor_followed_for_gradients_names_the_way_out() -> None:
    torch = pytest.importorskip("torch")
    followed = torch.tensor(NUMBERS, requires_grad=True)
    with pytest.raises(
        TypeError, match=r"^X must be an array, .* it requires grad, .*: pass its detach\(\)$"
    ):
        op.least_squares(followed, Y)
    np.testing.assert_array_equal(
        op.least_squares(followed.detach(), Y), op.least_squares(NUMBERS, Y)
    )


def test_numbers_on_another_device_name_the_way_out() -> None:
    with pytest.raises(
        TypeError,
        match=r"^X must be an array, .* it lies on device \(2, 0\): copy it to the processor's",
    ):
        op.least_squares(Producer(NUMBERS, device=(2, 0)), Y)
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"^X must be an array, got a Tensor that no array can"):
        op.least_squares(torch.tensor(NUMBERS, device="meta"), Y)


def test_what_a_producer_says_is_told() -> None:
    class Broken(Producer):
        def __dlpack__(self, **options: Any) -> Any:
            raise BufferError("sold\nout")

    with pytest.raises(TypeError, match=r"^X must be an array, got a Broken .*: sold out$"):
        op.least_squares(Broken(NUMBERS), Y)
    with pytest.raises(ValueError, match=r"^X must be finite, got nan at index \(0, 0\)"):
        op.least_squares(Producer(np.full((2, 2), np.nan)), Y[:2])
