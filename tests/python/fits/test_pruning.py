"""Scores, the largest of them, and what is left - against a stable argsort."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import overprune as op


def stable_top(scores, k):
    return np.sort(np.argsort(-scores, kind="stable")[:k])


def random_scores(rng):
    """Arrays that are hard for a selection: ties, infinities, signed zeros, subnormals, sorted
    runs."""
    p = int(rng.integers(1, 60))
    kind = rng.integers(8)
    if kind == 0:
        scores = rng.standard_normal(p)
    elif kind == 1:
        scores = rng.integers(-2, 3, p).astype(float)
    elif kind == 2:
        scores = np.full(p, rng.choice([0.0, -1.5, np.inf, -np.inf]))
    elif kind == 3:
        scores = rng.choice([0.0, -0.0], p)
    elif kind == 4:
        scores = rng.choice([np.inf, -np.inf, 0.0, 1.0, -0.0], p)
    elif kind == 5:
        scores = rng.choice([5e-324, -5e-324, 0.0, 2.2e-308], p)
    elif kind == 6:
        scores = np.sort(rng.integers(0, 9, p).astype(float))[:: rng.choice([1, -1])]
    else:
        scores = np.where(rng.random(p) < 0.5, 1.0, 1.0 + np.finfo(float).eps)
    return scores, int(rng.integers(1, p + 1))


def test_top_k_on_ten_thousand_random_arrays():
    rng = np.random.default_rng(0)
    for _ in range(10_000):
        scores, k = random_scores(rng)
        found = op.top_k(scores, k)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, stable_top(scores, k))


@pytest.mark.parametrize("p", [1000, 100_003])
@pytest.mark.parametrize("values", ["distinct", "few", "heavy"])
def test_top_k_of_many(p, values):
    rng = np.random.default_rng(1)
    scores = {
        "distinct": rng.standard_normal(p),
        "few": rng.integers(0, 5, p).astype(float),
        "heavy": rng.standard_cauchy(p),
    }[values]
    for k in (1, 2, p // 100, p // 2, p - 1, p):
        np.testing.assert_array_equal(op.top_k(scores, k), stable_top(scores, k))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8, bool])
def test_top_k_of_other_dtypes_and_strides(dtype):
    scores = (np.arange(40) * 7 % 11).astype(dtype)
    np.testing.assert_array_equal(op.top_k(scores, 9), stable_top(scores.astype(float), 9))
    np.testing.assert_array_equal(
        op.top_k(scores[::-2], 5), stable_top(scores[::-2].astype(float), 5)
    )


@pytest.mark.parametrize("m", [None, 1, 3])
def test_importance(m):
    rng = np.random.default_rng(0)
    shape = (30,) if m is None else (30, m)
    theta, truth, curvature = rng.standard_normal(shape), rng.standard_normal(shape), rng.random(30)
    squares, truth_squares = ((v.reshape(30, -1) ** 2).sum(axis=1) for v in (theta, truth))
    expected = {
        "magnitude": np.sqrt(squares),
        "hessian": squares * curvature,
        "oracle": truth_squares * curvature,
    }
    for rule, scores in expected.items():
        found = op.importance(theta, rule, curvature=curvature, truth=truth)
        np.testing.assert_allclose(found, scores, rtol=1e-14)
    np.testing.assert_allclose(
        op.importance(theta, "oracle", truth=truth), truth_squares, rtol=1e-14
    )


def test_magnitude_of_tiny_and_huge_coefficients():
    theta = np.array([1e-200, -2e-200, 3e200, 0.0])
    np.testing.assert_array_equal(op.importance(theta, "magnitude"), abs(theta))
    rows = np.array([[3e-200, 4e-200], [3e200, -4e200], [0.0, 0.0]])
    np.testing.assert_allclose(op.importance(rows, "magnitude"), [5e-200, 5e200, 0.0], rtol=1e-12)


def test_random_importance_is_a_function_of_the_seed_alone():
    a = op.importance(np.ones(5000), "random", seed=1)
    np.testing.assert_array_equal(a, op.importance(np.zeros((5000, 2)), "random", seed=1))
    assert (a != op.importance(np.ones(5000), "random", seed=2)).all()
    assert 0 <= a.min() < 0.01
    assert 0.99 < a.max() < 1
    assert abs(a.mean() - 0.5) < 4 / np.sqrt(12 * 5000)


@pytest.mark.parametrize("m", [None, 2])
@pytest.mark.parametrize("rule", ["magnitude", "hessian", "oracle", "random"])
def test_prune_keeps_the_top_and_nothing_else(rule, m):
    rng = np.random.default_rng(3)
    shape = (25,) if m is None else (25, m)
    theta, needs = (
        rng.standard_normal(shape),
        {"curvature": rng.random(25), "truth": rng.random(shape), "seed": 3},
    )
    for s in (1, 10, 25):
        keep = op.top_k(op.importance(theta, rule, **needs), s)
        pruned = op.prune(theta, s, rule=rule, **needs)
        np.testing.assert_array_equal(pruned[keep], theta[keep])
        assert not np.delete(pruned, keep, axis=0).any()


def test_prune_ties_go_to_the_lower_index_and_the_argument_is_left_alone():
    theta = np.array([1.0, -2.0, 2.0, -1.0])
    np.testing.assert_array_equal(op.prune(theta, 1), [0.0, -2.0, 0.0, 0.0])
    np.testing.assert_array_equal(op.prune(theta, 3), [1.0, -2.0, 2.0, 0.0])
    np.testing.assert_array_equal(theta, [1.0, -2.0, 2.0, -1.0])
    np.testing.assert_array_equal(op.prune(theta, 4), theta)


@pytest.mark.parametrize(
    ("theta", "curvature", "kept"),
    [
        ([1e-200, 1e-180, 1e-190], [1.0, 1.0, 1.0], 1),
        ([1e200, 1e180, 1e250], [1.0, 1.0, 1.0], 2),
        ([1e200, 1.0, 2.0], [0.0, 1.0, 1.0], 2),
    ],
)
def test_hessian_pruning_where_squares_leave_the_doubles(theta, curvature, kept):
    assert np.flatnonzero(op.prune(theta, 1, rule="hessian", curvature=curvature)) == [kept]
    assert np.flatnonzero(
        op.prune(np.ones(3), 1, rule="oracle", truth=theta, curvature=curvature)
    ) == [kept]


def test_integers_that_doubles_cannot_tell_apart():
    np.testing.assert_array_equal(op.top_k(np.array([2**53, 2**53 + 1]), 1), [1])


def test_fields_of_packed_records_and_other_layouts():
    """Strides that are no whole numbers of doubles, and what the quick ways must leave to the
    careful one."""
    rng = np.random.default_rng(0)
    records = np.zeros(500, dtype=[("id", "i4"), ("value", "f8")])
    records["value"] = rng.standard_normal(500)
    plain, packed, curvature = records["value"].copy(), records["value"], rng.random(500)
    swapped = plain.astype(">f8")
    padded = np.zeros((500, 3))
    padded[:, 1] = plain
    for theta in (packed, swapped, padded[:, 1], plain.tolist(), plain[::-1][::-1]):
        np.testing.assert_array_equal(op.top_k(theta, 20), op.top_k(plain, 20))
        for rule in ("magnitude", "hessian"):
            expected = op.importance(plain, rule, curvature=curvature)
            np.testing.assert_array_equal(op.importance(theta, rule, curvature=curvature), expected)
            np.testing.assert_array_equal(
                op.prune(theta, 20, rule=rule, curvature=curvature),
                op.prune(plain, 20, rule=rule, curvature=curvature),
            )
    np.testing.assert_array_equal(
        op.random_features(packed[:, None], [[1.0]], "tanh"),
        op.random_features(plain[:, None], [[1.0]], "tanh"),
    )


@pytest.mark.parametrize("m", [None, 2])
def test_prune_of_many_keeps_what_importance_ranks_first(m):
    rng = np.random.default_rng(1)
    shape = (20_011,) if m is None else (20_011, m)
    theta, curvature = rng.standard_normal(shape), rng.random(20_011)
    for rule in ("magnitude", "hessian"):
        scores = op.importance(theta, rule, curvature=curvature)
        for k in (1, 200, 15_000):
            expected = np.zeros(shape)
            keep = stable_top(scores, k)
            expected[keep] = theta[keep]
            np.testing.assert_array_equal(
                op.prune(theta, k, rule=rule, curvature=curvature), expected
            )


@pytest.mark.parametrize("where", [0, 12, 4999])
def test_nan_among_many_scores_is_found_where_it_is_first(where):
    scores = np.random.default_rng(2).standard_normal(5000)
    scores[[where, 4999]] = np.nan
    with pytest.raises(ValueError, match=f"scores must not be NaN, got NaN at index {where}$"):
        op.top_k(scores, 50)


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("seed", range(30))
def test_pruning_of_numbers_of_any_size_keeps_what_exact_scores_keep(seed, targets):
    rng = np.random.default_rng(seed)
    p, low, high = (
        12,
        *((-307, -150) if seed % 3 == 0 else (150, 307) if seed % 3 == 1 else (-307, 307)),
    )
    theta = rng.standard_normal((p, targets)) * 10.0 ** rng.uniform(low, high, (p, 1))
    curvature = rng.uniform(0.5, 1, p) * 10.0 ** rng.uniform(low, high, p)
    theta[rng.random(p) < 0.2] = 0.0
    exact = [
        sum(Fraction(x) ** 2 for x in row) * Fraction(c)
        for row, c in zip(theta.tolist(), curvature.tolist(), strict=True)
    ]
    order = sorted(range(p), key=lambda i: (-exact[i], i))
    for kept in (1, 4, 9):
        found = op.prune(theta, kept, rule="hessian", curvature=curvature)
        expected = np.zeros_like(theta)
        expected[order[:kept]] = theta[order[:kept]]
        np.testing.assert_array_equal(found, expected)


def test_pruning_of_the_largest_numbers():
    found = op.prune([1.5e308, 1.7e308], 1, rule="hessian", curvature=[1e308, 1e308])
    np.testing.assert_array_equal(found, [0.0, 1.7e308])
    found = op.prune(np.array([[1.5e308, 1.5e308], [1.7e308, 1.7e308]]), 1)
    np.testing.assert_array_equal(found, [[0.0, 0.0], [1.7e308, 1.7e308]])
