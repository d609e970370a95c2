"""The generator: written-down values, a plain Python twin, statistics, the same bits at every
level."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import overprune as op
import philox_twin
from philox_twin import MASK, normals, philox, uniform_pair

GOLDEN = Path(__file__).parents[2] / "golden" / "random.json"
FIRST = {  # (seed, stream): the first four normals, to the last bit
    (0, 0): [
        "-0x1.f1bcd549837c2p-4",
        "-0x1.599bbd8a9eda7p+0",
        "-0x1.4f5b54df97ef4p-4",
        "-0x1.c81bafe55414cp-3",
    ],
    (1, 0): [
        "-0x1.a7d4d42746e8bp-2",
        "-0x1.fa8a089dad3f5p-3",
        "-0x1.c327de4fc7ee7p-1",
        "0x1.16eedb627abb1p-3",
    ],
    (42, 7): [
        "-0x1.311863fafe122p+0",
        "0x1.3cad9f70ecbcep-1",
        "-0x1.b7e52e9e199e0p-2",
        "-0x1.677cb5d407a4cp-3",
    ],
    (2**64 - 1, 2**64 - 1): [
        "-0x1.9031b311e6ae1p+0",
        "0x1.4ab23a79ee18dp-1",
        "0x1.e40afbedf2021p-2",
        "-0x1.e1285bce2a002p-1",
    ],
}
# sha256 of the first 100,000 normals of (seed 5, stream 6), little-endian
DIGEST = "149812ba8b43d58e6af7a7dbe0c8ecfa37bbc23e6ac32ea3a5cc56071ef790c8"


def test_philox_twin_on_the_authors_vectors():
    assert philox((0, 0, 0, 0), (0, 0)) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox((MASK,) * 4, (MASK,) * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    counter, key = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)
    assert philox(counter, key) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 - 1])
@pytest.mark.parametrize("stream", [0, 3, 2**40 + 5, 2**64 - 1])
def test_normals_against_the_twin(seed, stream):
    values = op.standard_normal(301, seed=seed, stream=stream)
    np.testing.assert_allclose(values, normals(301, seed, stream), rtol=1e-14, atol=1e-15)


def test_uniform_scores_against_the_twin():
    expected = [u for block in range(50) for u in uniform_pair(block, 9, 0, 3)]
    np.testing.assert_array_equal(op.importance(np.ones(99), "random", seed=9), expected[:99])


@pytest.mark.parametrize("key", FIRST)
def test_first_values_are_written_down(key):
    seed, stream = key
    assert [float(z).hex() for z in op.standard_normal(4, seed=seed, stream=stream)] == FIRST[key]


def test_a_hundred_thousand_values_are_written_down():
    values = op.standard_normal(100_000, seed=5, stream=6).astype("<f8")
    assert hashlib.sha256(values.tobytes()).hexdigest() == DIGEST


def test_prefixes_and_shapes():
    whole = op.standard_normal(1000, seed=3)
    for count in (1, 2, 3, 31, 32, 33, 63, 64, 65, 999):
        np.testing.assert_array_equal(op.standard_normal(count, seed=3), whole[:count])
    np.testing.assert_array_equal(op.standard_normal((10, 5, 20), seed=3), whole.reshape(10, 5, 20))
    np.testing.assert_array_equal(
        op.standard_normal(np.array([10, 100]), seed=3), whole.reshape(10, 100)
    )
    assert op.standard_normal((), seed=3) == whole[0]


def test_distribution():
    z = op.standard_normal(1_000_000, seed=12)
    assert scipy.stats.kstest(z, "norm").pvalue > 1e-3
    for power, moment, spread in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)]:
        assert abs((z**power).mean() - moment) < 4 * math.sqrt(spread / z.size)
    expected = z.size * 2 * scipy.stats.norm.sf(4)
    assert abs((abs(z) > 4).sum() - expected) < 4 * math.sqrt(expected)


@pytest.mark.parametrize("lag", [1, 2, 31, 32, 64])
def test_neighbours_are_uncorrelated(lag):
    z = op.standard_normal(200_000, seed=1)
    for a, b in ((z[lag:], z[:-lag]), (z[lag:] ** 2 - 1, z[:-lag] ** 2 - 1)):
        assert abs((a * b).mean()) < 4 * a.std() * b.std() / math.sqrt(a.size)


def test_seeds_streams_and_purposes_are_independent():
    n = 50_000
    problem = op.LinearGaussianProblem([0.0], [1.0], noise_std=1.0)
    X, y = problem.sample(n, seed=0)
    others = [
        op.standard_normal(n, seed=s, stream=t)
        for s, t in [(0, 0), (1, 0), (0, 1), (1, 1), (2**32, 0)]
    ]
    correlation = np.corrcoef([*others, X[:, 0], y])
    np.fill_diagonal(correlation, 0)
    assert abs(correlation).max() < 4.5 / math.sqrt(n)


@pytest.mark.parametrize("draw", ["weights", "bias"])
def test_a_drawn_problem_shares_no_number_with_the_random_rule_or_the_design(draw):
    """Weights and phases drawn with a seed are independent of what a simulation with that seed
    draws."""
    problem = op.RandomFeatureProblem.draw(300, 1, noise_std=0.0, activation="cos", seed=5)
    values = problem.bias if draw == "bias" else problem.weights[:, 0]
    others = [op.importance(np.ones(300), "random", seed=5), op.standard_normal(300, seed=5)]
    others.append(op.LinearGaussianProblem([0.0], [1.0]).sample(300, seed=5)[0][:, 0])
    for other in others:
        assert abs(np.corrcoef(values, other)[0, 1]) < 4.5 / math.sqrt(300)


def in_subprocess(code, level):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OVERPRUNE_KERNEL": level},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("level", op.build_info()["kernel_levels"])
def test_every_kernel_level_gives_the_same_bits(level):
    code = (
        "import hashlib, overprune as op;"
        "z = op.standard_normal(100_000, seed=5, stream=6).astype('<f8');"
        "print(op.build_info()['kernel_level'], hashlib.sha256(z.tobytes()).hexdigest())"
    )
    done = in_subprocess(code, level)
    if done.returncode != 0 and "on this processor" in done.stderr:
        pytest.skip(f"this processor does not run {level}")
    assert done.stdout.split() == [level, DIGEST], done.stderr


def test_golden_values_against_the_twin():
    """Uniforms and permutations to the last bit, and normals as far as two ways to compute a cosine
    agree."""
    for entry in json.loads(GOLDEN.read_text()):
        key = entry["seed"], entry["stream"], entry["purpose"]
        count = len(entry["uniforms"])
        assert [float.fromhex(u) for u in entry["uniforms"]] == philox_twin.uniforms(count, *key)
        assert entry["rows"] == philox_twin.sample(count, philox_twin.POPULATION, *key[:2])
        found = [float.fromhex(z) for z in entry["normals"]]
        np.testing.assert_allclose(found, philox_twin.normals(count, *key), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("level", op.build_info()["kernel_levels"])
def test_golden_values_at_every_level(level):
    """The first numbers of every stream are those that are written down, whatever the instruction
    set."""
    here = str(Path(__file__).parents[1] / "support")
    code = (
        f"import json, sys; sys.path.insert(0, {here!r}); import philox_twin as t, overprune as op;"
    )
    code += "print(json.dumps([op.build_info()['kernel_level'], t.drawn_by_the_package()]))"
    done = in_subprocess(code, level)
    if done.returncode != 0 and "on this processor" in done.stderr:
        pytest.skip(f"this processor does not run {level}")
    assert json.loads(done.stdout) == [level, json.loads(GOLDEN.read_text())], done.stderr


def test_an_unknown_kernel_level_is_refused():
    done = in_subprocess("import overprune as op; op.standard_normal(3, seed=0)", "nonsense")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "ValueError: OVERPRUNE_KERNEL must be one of " in last
    assert "v2" in last or "generic" in last
    assert "got 'nonsense'" in last
