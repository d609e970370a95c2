"""Activations that are Python callables: the same features, moments and trials as the named ones;
errors."""

from __future__ import annotations

import functools
import math
import pickle

import numpy as np
import pytest
from scipy import integrate

import overprune as op
import problems
from feature_oracle import PHI, moments, problem_with
from overprune._provenance import describe, problem_of
from tables import assert_same


def swish(z):
    return z / (1 + math.exp(-z)) if isinstance(z, float) else z / (1 + np.exp(-z))


def cube(z):
    return z**3


class Scaled:
    """A callable that is no function."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, z):
        return self.factor * z


def twin(problem, activation):
    return op.RandomFeatureProblem(
        problem.weights, problem.teacher, problem.noise_std, activation, problem.bias
    )


def assert_same_moments(found, expected, tolerance=1e-12):
    sigma = expected[0]
    scale = np.sqrt(np.diag(sigma))
    assert (abs(found[0] - sigma) <= tolerance * np.outer(scale, scale)).all()
    assert (abs(found[1] - expected[1]) <= 100 * tolerance * scale * np.sqrt(expected[2])).all()
    assert found[2] == pytest.approx(expected[2], rel=tolerance)


@pytest.mark.parametrize("name", PHI)
def test_a_callable_is_its_named_twin(name):
    """Features, samples and second moments: quadrature against closed forms, some rows parallel."""
    inputs, weights = problems.normal(65, 7), problems.normal(300, 7, seed=1)
    for bias in (None, problems.normal(300, seed=2)):
        np.testing.assert_allclose(
            op.random_features(inputs, weights, PHI[name], bias),
            op.random_features(inputs, weights, name, bias),
            rtol=1e-12,
            atol=1e-14,
        )
    for with_bias in (False, True):
        named = problem_with(name, with_bias=with_bias)
        own = twin(named, PHI[name])
        assert_same_moments(moments(own), moments(named), 5e-12)
        for one, other in zip(own.sample(50, seed=3), named.sample(50, seed=3), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    if name != "cos":  # whose named features have phases
        data, other = (
            op.DataProblem(
                inputs, inputs[:, 0], inputs, inputs[:, 0], features=20, activation=phi, seed=4
            )
            for phi in (name, PHI[name])
        )
        np.testing.assert_allclose(
            data.sample(9, seed=5, stream=2)[0],
            other.sample(9, seed=5, stream=2)[0],
            rtol=1e-12,
            atol=1e-14,
        )


@pytest.mark.parametrize("scale", [0.03, 1.0, 20.0])
@pytest.mark.parametrize("name", ["relu", "sign", "erf"])
def test_rows_at_every_angle_and_length(name, scale):
    """Angles from zero to pi over fifteen decades, lengths over two."""
    angles = np.concatenate([[0.0], np.geomspace(1e-13, 1.5, 12)])
    angles = np.concatenate([angles, np.pi - angles])
    weights = np.stack([np.cos(angles), np.sin(angles)], axis=1) * scale
    weights *= np.geomspace(0.1, 10, len(angles))[
        np.random.default_rng(0).permutation(len(angles)), None
    ]
    for bias in (None, problems.normal(len(angles)) * scale):
        named = op.RandomFeatureProblem(weights, [0.6, 0.8], 0.1, name, bias)
        found, expected = (
            twin(named, PHI[name]).equivalent().covariance,
            named.equivalent().covariance,
        )
        size = np.ones(len(weights))
        if name == "relu":
            size = np.linalg.norm(weights, axis=1) + (0.0 if bias is None else abs(bias))
        assert (abs(found - expected) <= 1e-12 * np.outer(size, size)).all()


SMOOTH = {
    "tanh": ("tanh", math.tanh),
    "gelu": ("gelu", lambda z: z * math.erfc(-z / math.sqrt(2)) / 2),
    "swish": (swish, swish),
    "sine": (np.sin, math.sin),
    "cube": (cube, cube),
    "exp": (np.exp, math.exp),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_activations_against_quadrature_in_two_dimensions(name):
    activation, phi = SMOOTH[name]
    (r, s, _), (b, c, _) = weights, bias = problems.normal(3, 2) * 0.8, np.array([0.0, 0.7, -0.4])
    problem = op.RandomFeatureProblem(weights, [0.5, -1.0], 0.1, activation, bias)
    sigma, cross, _ = moments(problem)

    def mean(function):
        def weighted(y, x):
            return function(x, y) * math.exp(-(x * x + y * y) / 2) / (2 * math.pi)

        return integrate.dblquad(weighted, -9, 9, -9, 9, epsabs=1e-11, epsrel=1e-11)[0]

    (r0, r1), (s0, s1) = r.tolist(), s.tolist()
    expected = mean(lambda x, y: phi(r0 * x + r1 * y + b) * phi(s0 * x + s1 * y + c))
    assert sigma[0, 1] == pytest.approx(expected, rel=1e-10, abs=1e-12)
    expected = mean(lambda x, y: (0.5 * x - y) * phi(s0 * x + s1 * y + c))
    assert cross[1] == pytest.approx(expected, rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("name", ["relu", "sign"])
def test_kinks_and_jumps_anywhere_are_found(name):
    """Ramps are sums of relus, stairs of signs, with biases: their moments are closed forms."""
    places, heights = np.array([-1.3, -0.2003, 1e-4, 0.7]), np.array([1.0, -0.4, 0.9, -1.1])

    def phi(z):
        return heights @ PHI[name](z - places[:, None])

    weights, bias = problems.normal(12, 3), 0.5 * problems.normal(12, seed=1)
    weights[1] = -weights[0] + 1e-4 * weights[2]
    weights[3] = 2 * weights[0]
    parts = op.RandomFeatureProblem(
        np.repeat(weights, 4, axis=0), np.ones(3), 0.1, name, (bias[:, None] - places).ravel()
    )
    whole = op.RandomFeatureProblem(weights, np.ones(3), 0.1, phi, bias)
    sums = np.kron(np.eye(12), heights)
    sigma, cross, _ = moments(parts)
    found = moments(whole)
    np.testing.assert_allclose(found[0], sums @ sigma @ sums.T, atol=1e-12)
    np.testing.assert_allclose(found[1], sums @ cross, atol=1e-11)


def test_many_jumps():
    """Rounding to tenths: 200 jumps in the range of the features."""
    problem = op.RandomFeatureProblem.draw(
        6, 3, noise_std=0.1, activation=lambda z: np.rint(10 * z), seed=1
    )
    n = 400_000
    X, y = problem.sample(n, seed=2)
    sigma, cross, _ = moments(problem)
    error = np.sqrt((X**2).T @ X**2 / n**2)
    assert (abs(X.T @ X / n - sigma) < 4.5 * error).all()
    assert (abs(y @ X / n - cross) < 4.5 * np.sqrt((X**2 * y[:, None] ** 2).mean(axis=0) / n)).all()
    # Almost the identity, with the variance of rounding added to the diagonal.
    plain = op.RandomFeatureProblem(problem.weights, problem.teacher, 0.1, "identity").equivalent()
    np.testing.assert_allclose(sigma, 100 * plain.covariance + np.eye(6) / 12, atol=1e-8)


def test_functions_of_single_precision():
    """Their own rounding is no structure to be resolved."""
    problem = problem_with("relu", with_bias=True)
    single = twin(problem, lambda z: np.tanh(z.astype(np.float32)))
    assert_same_moments(moments(single), moments(twin(problem, "tanh")), 1e-5)


@pytest.mark.parametrize("activation", ["tanh", "gelu", swish, np.sign])
def test_covariances_are_symmetric_and_semidefinite(activation):
    """120 features of two inputs: far more than double precision tells apart."""
    weights = problems.normal(120, 2)
    weights[7], weights[8] = weights[3], -weights[3]
    sigma = op.RandomFeatureProblem(weights, [1.0, 0.0], 0.1, activation).equivalent().covariance
    np.testing.assert_array_equal(sigma, sigma.T)
    values = np.linalg.eigvalsh(sigma)
    assert values[0] > -1e-14 * values[-1]


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", swish, lambda z: np.maximum(z, 0)])
def test_features_that_are_almost_always_zero(activation):
    """Biases to -10 with weights of 0.1: variances down to 1e-40 and zero."""
    weights, bias = 0.1 * problems.normal(60, 2), -10 * np.random.default_rng(1).random(60)
    problem = op.RandomFeatureProblem(weights, [1.0, 0.0], 0.1, activation, bias)
    values = np.linalg.eigvalsh(problem.equivalent().covariance)
    assert values[0] > -1e-14 * values[-1]
    X, y = problem.sample(200_000, seed=1)
    theta = np.linspace(-1, 1, 60)
    losses = (y - X @ theta) ** 2
    assert abs(losses.mean() - problem.risk(theta)) < 5 * losses.std() / np.sqrt(len(losses))


@pytest.mark.parametrize("kind", ["features", "data"])
def test_workers_do_not_change_a_bit(kind):
    if kind == "features":
        problem = op.RandomFeatureProblem.draw(
            60, 20, noise_std=0.1, activation=swish, link=np.tanh, seed=0
        )
    else:
        inputs = problems.normal(60, 9)
        problem = op.DataProblem(
            inputs, inputs[:, 0], inputs, inputs[:, 0], features=60, activation=swish, seed=3
        )
    tables = [
        op.simulate(problem, 30, [20, 60], [10], trials=12, seed=1, workers=w) for w in (1, 2, 5)
    ]
    for table in tables[1:]:
        assert_same(tables[0], table)


class Mine(Exception):
    pass


class Failing:
    """Fails once it is told to."""

    def __init__(self):
        self.fails = False

    def __call__(self, z):
        if self.fails:
            raise Mine("from inside")
        return np.tanh(z)


def test_exceptions_of_a_callable_propagate_as_they_are():
    activation, link = Failing(), Failing()
    problem = op.RandomFeatureProblem.draw(
        20, 5, noise_std=0.1, activation=activation, link=link, seed=0
    )
    for function in (activation, link):
        function.fails = True
        for call in (
            lambda: problem.sample(5, seed=0),
            lambda: op.simulate(problem, 5, [10], [5], trials=8, workers=3),
            lambda: op.RandomFeatureProblem.draw(3, 2, noise_std=0.1, activation=function, seed=0),  # noqa: B023
            lambda: op.random_features(np.ones((2, 2)), np.ones((2, 2)), function),  # noqa: B023
        ):
            with pytest.raises(Mine, match=r"^from inside$"):
                call()
        function.fails = False
    assert op.simulate(problem, 5, [10], [5], trials=2).dense_risk.notnull().all()


def noise(z):
    return np.random.default_rng().standard_normal(z.shape)


BAD = [
    (lambda z: z[:-1], ValueError, "must return an array of the shape that it is given"),
    (
        lambda z: 1.0,
        ValueError,
        "must return an array of the shape that it is given, (61,); got ()",
    ),
    (lambda z: z + 1j, TypeError, "must return real numbers, got dtype complex128"),
    (lambda z: None, TypeError, "must return real numbers, got dtype object"),
    (
        lambda z: np.where(z < -2.95, np.nan, z),
        ValueError,
        "must return finite numbers, got nan at z = -3.0",
    ),
    (
        lambda z: np.where(z > 4, np.inf, z),
        ValueError,
        "must return finite numbers, got inf at z = ",
    ),
    (lambda z: np.exp(z) / np.exp(z).sum(), ValueError, "must be elementwise and always the same"),
    (noise, ValueError, "must be elementwise and always the same"),
    (lambda z: np.sin(1e9 * z), ValueError, "must be"),
    (3, TypeError, "must be a callable or one of identity, relu"),
    ("swish", ValueError, "must be a callable or one of identity, relu"),
]


@pytest.mark.parametrize(
    ("function", "error", "message"), BAD, ids=[message for _, _, message in BAD]
)
@pytest.mark.parametrize("name", ["activation", "link"])
def test_bad_callables(name, function, error, message):
    with pytest.raises(error) as caught:
        op.RandomFeatureProblem([[1.0, 0.5]], [0.8, 0.6], **{name: function})
    assert str(caught.value).startswith(f"{name} {message}")


def test_bad_callables_of_given_inputs():
    def root(z):
        with np.errstate(invalid="ignore"):
            return np.sqrt(z)

    with pytest.raises(
        ValueError, match=r"^activation must return finite numbers, got nan at z = -1.0$"
    ):
        op.random_features([[4.0], [-1.0]], [[1.0]], root)
    np.testing.assert_array_equal(
        op.random_features([[4.0], [9.0]], [[1.0]], np.sqrt), [[2.0], [3.0]]
    )
    inputs = np.eye(3)
    with pytest.raises(ValueError, match=r"^activation must be elementwise"):
        op.DataProblem(inputs, inputs[0], inputs, inputs[0], features=4, activation=np.cumsum)


def test_functions_may_work_in_place_or_keep_what_they_got():
    kept = []

    def in_place(z):
        kept.append(z)
        np.maximum(z, 0, out=z)
        return z

    problem = op.RandomFeatureProblem.draw(20, 5, noise_std=0.1, activation=in_place, seed=0)
    named = op.RandomFeatureProblem.draw(20, 5, noise_std=0.1, seed=0)
    np.testing.assert_array_equal(problem.sample(6, seed=1)[0], named.sample(6, seed=1)[0])
    assert_same_moments(moments(problem), moments(named))
    assert all((z >= 0).all() for z in kept)


def test_integers_booleans_and_lists_are_numbers():
    inputs = problems.normal(5, 2)
    for function in (
        lambda z: z > 0,
        lambda z: (z > 0).astype(int),
        lambda z: [float(v > 0) for v in z],
    ):
        np.testing.assert_array_equal(op.random_features(inputs, np.eye(2), function), inputs > 0)


def test_tables_name_callables_and_hash_their_values():
    def problem(**functions):
        return op.RandomFeatureProblem(problems.normal(5, 3), np.ones(3), 0.1, **functions)

    table = op.simulate(problem(activation=swish), 5, [3], [2], trials=1)
    assert '{"callable": "test_functions.swish"' in table.attrs["problem"]
    with pytest.raises(
        ValueError, match=r"^activation was a Python callable, .*test_functions.swish$"
    ):
        problem_of(table.attrs)
    with pytest.raises(ValueError, match=r"^link was a Python callable, .*<lambda>$"):
        problem_of(describe(problem(link=lambda z: z)))
    same_name = [lambda z, k=k: z**k for k in (1, 2, 3)]
    functions = [
        swish,
        cube,
        *same_name,
        Scaled(2.0),
        Scaled(3.0),
        functools.partial(np.power, 2.0),
    ]
    hashes = [describe(problem(activation=f))["problem_hash"] for f in (*functions, "relu", "gelu")]
    hashes += [describe(problem(link=f))["problem_hash"] for f in (*functions, "relu", "gelu")]
    assert len(set(hashes)) == len(hashes)
    assert describe(problem(activation=swish))["problem_hash"] == table.attrs["problem_hash"]


def test_repr_and_pickle():
    problem = op.RandomFeatureProblem.draw(
        4, 3, noise_std=0.1, activation=Scaled(2.0), link=swish, seed=0
    )
    assert "activation=<test_functions.Scaled>" in repr(problem)
    assert "link=<test_functions.swish>" in repr(problem)
    again = pickle.loads(pickle.dumps(problem))
    np.testing.assert_array_equal(again.equivalent().beta, problem.equivalent().beta)
    assert again.link is swish
    local = op.RandomFeatureProblem.draw(4, 3, noise_std=0.1, activation=lambda z: z, seed=0)
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(local)
    assert "numpy" in repr(
        op.RandomFeatureProblem.draw(4, 3, noise_std=0.1, activation=np.tanh, seed=0)
    )


def test_a_table_with_a_named_link_is_repeated():
    problem = op.RandomFeatureProblem.draw(
        10, 3, noise_std=0.1, activation="gelu", link="sign", seed=0
    )
    again = problem_of(describe(problem))
    assert (again.activation, again.link) == ("gelu", "sign")
    np.testing.assert_array_equal(again.equivalent().covariance, problem.equivalent().covariance)
