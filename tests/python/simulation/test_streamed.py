"""A design too large to hold is drawn anew, block by block of its columns: no bit of the result
changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import xarray as xr

import overprune as op
from cli_tools import CONFIG, call

RULES = ["magnitude", "hessian", "oracle", "random"]

# n, targets, variances, sizes, nonzeros, ridge
SHAPES = {
    "k <= n": (120, 1, np.linspace(1.0, 2.0, 100), [7, 50, 100], [1, 20, 100], 0.0),
    "k <= n, ridge": (120, 3, np.linspace(1.0, 2.0, 100), [7, 50, 100], [1, 20, 100], 0.1),
    "k > n, s > n": (
        61,
        1,
        op.spectra.power_law(700, 1.0),
        [20, 61, 62, 200, 700],
        [10, 61, 90, 300],
        0.0,
    ),
    "k > n, ridge": (
        61,
        1,
        op.spectra.power_law(700, 1.0),
        [20, 61, 62, 200, 700],
        [10, 61, 90, 300],
        0.1,
    ),
    "several targets": (40, 10, op.spectra.isotropic(300), [30, 90, 110, 300], [5, 39, 120], 0.0),
    "many blocks": (64, 1, op.spectra.spiked(3000, 5, 30.0), [50, 2999, 3000], [30, 1500], 0.0),
    "zero variances": (50, 2, np.repeat([1.0, 0.0], [30, 370]), [25, 60, 400], [10, 70], 0.0),
    "zero variances, ridge": (
        50,
        2,
        np.repeat([1.0, 0.0], [30, 370]),
        [25, 60, 400],
        [10, 70],
        0.1,
    ),
}


def problem_of(targets, variances):
    beta = np.random.default_rng(3).normal(size=(variances.size, targets)) / np.sqrt(variances.size)
    return op.LinearGaussianProblem(beta if targets > 1 else beta[:, 0], variances, noise_std=0.3)


def run(problem, n, sizes, nonzeros, ridge, *, sample_curvature, **limit):
    results = []
    op._core.simulate(
        problem._core,
        op._core.Grid(
            sizes=sizes,
            nonzeros=nonzeros,
            rules=RULES,
            ridge=ridge,
            retrain_ridge=ridge,
            compensate=True,
        ),
        op._core.Trials(
            n=n, first=1, seed=7, workers=2, sample_curvature=sample_curvature, **limit
        ),
        [3],
        None,
        lambda _, found: results.append(found),
    )
    return {name: values for name, (_, values) in results[0].items()}


@pytest.mark.parametrize("sample_curvature", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_bits_as_with_x_in_memory(shape, sample_curvature):
    n, targets, variances, sizes, nonzeros, ridge = SHAPES[shape]
    problem = problem_of(targets, variances)
    held = run(problem, n, sizes, nonzeros, ridge, sample_curvature=sample_curvature)
    drawn = run(
        problem, n, sizes, nonzeros, ridge, sample_curvature=sample_curvature, design_limit=0
    )
    assert (
        set(held)
        == {"dense_risk", "pruned_risk", "retrained_risk", "compensated_risk"}
        == set(drawn)
    )
    for name in held:
        assert held[name].tobytes() == drawn[name].tobytes()


@pytest.mark.parametrize("ridge", [0.0, 0.2])
def test_drawn_columns_give_the_least_squares_of_the_sample(ridge):
    n, sizes, nonzeros = 30, [20, 50, 400], [10, 45]
    problem = problem_of(1, op.spectra.power_law(400, 0.5))
    found = run(problem, n, sizes, nonzeros, ridge, sample_curvature=True, design_limit=0)

    def fit(x, y):
        gram = x.T @ x + n * ridge * np.eye(x.shape[1])
        return np.linalg.solve(gram, x.T @ y) if ridge else np.linalg.lstsq(x, y, rcond=None)[0]

    for t in range(3):
        x, y = problem.sample(n, seed=7, stream=1 + t)
        for i, k in enumerate(sizes):
            theta = np.zeros(problem.p)
            theta[:k] = fit(x[:, :k], y)
            np.testing.assert_allclose(found["dense_risk"][t, i], problem.risk(theta), rtol=1e-9)
            scores = {"magnitude": theta**2, "hessian": theta**2 * np.square(x).sum(axis=0)}
            for r, rule in enumerate(["magnitude", "hessian"]):
                for j, s in enumerate(nonzeros):
                    if s > k:
                        continue
                    support = np.argsort(-scores[rule][:k], kind="stable")[:s]
                    again = np.zeros(problem.p)
                    again[support] = fit(x[:, support], y)
                    np.testing.assert_allclose(
                        found["retrained_risk"][t, r, i, j], problem.risk(again), rtol=1e-7
                    )


def memory(problem, n, sizes, nonzeros, **limit):
    grid = op._core.Grid(sizes=sizes, nonzeros=nonzeros, rules=["magnitude"])
    return op._core.worker_memory(problem._core, grid, n, **limit)


def test_worker_memory_tells_the_memory_of_the_way_that_is_taken():
    n, p = 100, 2000
    problem = problem_of(1, np.ones(p))
    grid = (problem, n, [50, 1000, 2000], [50, 150])
    held, exact, drawn = (
        memory(*grid),
        memory(*grid, design_limit=8 * n * p),
        memory(*grid, design_limit=8 * n * p - 1),
    )
    assert held == exact
    assert held[0] == 8 * n * p
    assert drawn[0] == 0
    assert sum(drawn) < sum(held)
    dense = op.LinearGaussianProblem(np.ones(300), np.eye(300), 0.3)
    held = memory(dense, 2000, [30], [5])
    assert held == memory(dense, 2000, [30], [5], design_limit=None)
    assert held[0] == 8 * 2000 * 300
    assert memory(dense, 2000, [30], [5], design_limit=0)[0] == 0
    with pytest.raises(ValueError, match="design_limit must be at least 0, got -1"):
        memory(*grid, design_limit=-1)


def problems():
    rng = np.random.default_rng(5)
    p, d, rows = 1200, 20, 400
    far = np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    inputs, targets = rng.normal(size=(rows, d)), rng.normal(size=rows)
    wide = rng.normal(size=(rows, p))
    data = (inputs[:350], targets[:350], inputs[350:], targets[350:])
    return {
        "correlated": op.LinearGaussianProblem(rng.normal(size=p) / 20, 0.8**far, 0.3),
        "classifier": op.LinearClassificationProblem(rng.normal(size=p) / 20, 0.8**far, 0.3),
        "random features": op.RandomFeatureProblem.draw(p, d, noise_std=0.1, seed=1),
        "data": op.DataProblem(wide[:350], targets[:350], wide[350:], targets[350:]),
        "random features of data": op.DataProblem(*data, features=p, activation="tanh", seed=2),
    }


@pytest.mark.parametrize("kind", problems())
def test_a_memory_limit_below_one_trial_has_x_drawn_anew(kind):
    problem = problems()[kind]
    grid = {"n": 300, "sizes": [60, 700, 1200], "nonzeros": [10, 40]}
    one = {"trials": 2, "workers": 1, "seed": 3}
    held, drawn = memory(problem, **grid), memory(problem, **grid, design_limit=0)
    assert held[0] == 8 * 300 * 1200
    assert drawn[0] == 0
    assert sum(drawn) < sum(held)
    table = op.simulate(problem, **grid, **one)
    small = op.simulate(problem, **grid, **one, memory_limit=(sum(held) + sum(drawn)) // 2)
    xr.testing.assert_equal(table, small)
    with pytest.raises(MemoryError, match="X is drawn in blocks"):
        op.simulate(problem, **grid, **one, memory_limit=sum(drawn) // 2)


def test_many_random_features_of_data_take_less_memory_than_their_design():
    rng = np.random.default_rng(6)
    inputs, targets = rng.normal(size=(150, 8)), rng.normal(size=150)
    data = (inputs[:100], targets[:100], inputs[100:], targets[100:])
    problem = op.DataProblem(*data, features=100_000, seed=2)
    grid = {"n": 80, "sizes": [50, 100_000], "nonzeros": [10], "trials": 1, "workers": 1}
    table = op.simulate(problem, **grid, memory_limit=40_000_000)  # X has 64 MB, the test set 40
    xr.testing.assert_equal(table, op.simulate(problem, **grid))
    assert float(table.dense_risk[1, 0]) > 0


def test_info_of_a_config_says_that_x_is_drawn_in_blocks(tmp_path):
    config = tmp_path / "large.toml"
    config.write_text(CONFIG.replace("p = 60", "p = 1000000").replace("n = 20", "n = 200"))
    line = call("info", config, "--workers", "1").stdout.splitlines()[-1]
    assert "p = 1000000: X 1600 MB drawn in blocks, a worker " in line
    megabytes = float(line.split("a worker ")[1].split(" MB")[0])
    assert f"({megabytes / 1600:.2f} X)" in line
    assert megabytes < 100


LARGE = """
    import numpy as np
    import overprune as op
    p = 10**6
    problem = op.LinearGaussianProblem(np.full(p, 1e-3), op.spectra.isotropic(p), noise_std=0.3)
    rules = ["magnitude", "hessian"]
    grid = {"n": 200, "sizes": [1000, p], "nonzeros": [100, 1000], "rules": rules}
"""


def start(code):
    command = [sys.executable, "-c", textwrap.dedent(LARGE) + textwrap.dedent(code)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_million_features_take_less_memory_than_their_design():
    code = """
        table = op.simulate(problem, trials=1, workers=1, **grid)
        print(float(table.dense_risk[1, 0]))
        lines = open("/proc/self/status")
        print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
    """
    with start(code) as process:
        out, _ = process.communicate(timeout=120)
    risk, kilobytes = out.split()
    # Without ridge nearly all of the signal, which is one, is left where p is far above n.
    assert abs(float(risk) - 1.09) < 0.01
    assert int(kilobytes) < 500_000  # X has 1.6 GB


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_stops_it():
    code = """
        print("started", flush=True)
        try:
            op.simulate(problem, trials=100, **grid)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
    with start(code) as process:
        try:
            assert process.stdout.readline() == "started\n"
            time.sleep(1.0)
            assert process.poll() is None
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=30)
            assert rest == "interrupted\n"
            assert time.monotonic() - begin < 3
        finally:
            process.kill()
