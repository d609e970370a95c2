"""Memory: what a run needs is known before it begins, and it stays within what it is given."""

from __future__ import annotations

import pytest

import overprune as op
import problems
from cli_tools import CONFIG, call, fails
from overprune._validation import memory as _machine
from overprune.simulation import memory as _memory
from overprune.simulation.simulate import plan
from tables import assert_same

pytestmark = pytest.mark.usefixtures("unpainted")

GRID = {"n": 50, "sizes": [20, 40, 60], "nonzeros": [10], "seed": 2}


def planned(problem, workers=4, trials=100, memory_limit=None):
    options = {
        "rules": ("magnitude",),
        "retrain": True,
        "ridge": 0.0,
        "retrain_ridge": 0.0,
        "curvature": None,
    }
    return plan(
        problem, **GRID, **options, trials=trials, workers=workers, memory_limit=memory_limit
    )


def test_what_is_available_is_some_of_what_there_is():
    free = _memory.available()
    assert free is None or 2**20 < free < 2**50


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        ("0::/a/b\n", {"a/memory.max": "1000000", "a/memory.current": "400000"}, 600000),
        (
            "0::/a/b\n",
            {
                "a/b/memory.max": "500000",
                "a/b/memory.current": "400000",
                "a/b/memory.stat": "anon 1\ninactive_file 100000\n",
                "a/memory.max": "max",
            },
            200000,
        ),
        (
            "4:memory:/x\n1:cpu:/x\n",
            {"memory/x/memory.limit_in_bytes": "9000", "memory/x/memory.usage_in_bytes": "10000"},
            0,
        ),
        ("0::/gone\n", {}, None),
    ],
)
def test_limits_of_control_groups(group, files, expected, tmp_path, monkeypatch):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "cgroup").write_text(group)
    monkeypatch.setattr(_machine, "_CGROUPS", tmp_path)
    monkeypatch.setattr(_machine, "_OWN_GROUPS", tmp_path / "cgroup")
    found = list(_machine._free_of_cgroups())
    assert (min(found) if found else None) == expected


def test_a_limit_takes_threads_away_and_changes_nothing():
    problem = problems.correlated(p=60)
    run = planned(problem)
    _, worker = run.work.memory(0, 0)
    kept = 2 * run._table_bytes()
    for fitting in (1, 2, 3, 4, 9):
        limited = planned(problem, memory_limit=kept + fitting * worker)
        assert limited._workers(kept) == min(fitting, 4)
    expected = op.simulate(problem, **GRID, trials=100)
    assert_same(
        op.simulate(problem, **GRID, trials=100, workers=4, memory_limit=kept + worker), expected
    )


def test_a_limit_has_x_drawn_in_blocks_where_that_helps():
    problem = problems.diagonal(p=2000)
    grid = {"n": 200, "sizes": [100, 2000], "nonzeros": [50], "trials": 4}
    expected = op.simulate(problem, **grid)
    held = 8 * 200 * 2000
    assert_same(op.simulate(problem, **grid, workers=1, memory_limit=held), expected)


def test_a_trial_that_does_not_fit_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr("overprune.simulation.blocks.Work.run", None)
    problem = problems.correlated(p=60)
    _, worker = planned(problem).work.memory(0, 0)
    message = (
        rf"^one trial at n = 50, p = 60 takes {_memory.megabytes(worker)} \(X alone has 0\.024 "
        rf"MB\) "
        r"and the results .* more than the 0\.01 MB that memory_limit allows; take fewer sizes"
    )
    with pytest.raises(MemoryError, match=message):
        op.simulate(problem, **GRID, trials=5, memory_limit=10_000)
    monkeypatch.setattr(_memory, "available", lambda: 20_000)
    with pytest.raises(MemoryError, match=r"more than the 0\.02 MB that is free; take"):
        op.simulate(problem, **GRID, trials=5)
    monkeypatch.setattr(_memory, "available", lambda: None)
    assert planned(problem)._workers(0) == 4  # nothing tells: nothing is refused


def test_blocks_are_short_enough_for_the_limit():
    problem = problems.diagonal(p=60)
    options = {"trials": 10**6, "workers": 2}
    whole = planned(problem, **options)
    limited = planned(problem, **options, memory_limit=10**6)
    assert limited._block_length(2, 1e-4) < whole._block_length(2, 1e-4)
    under_way = 2 * (2 + 1) * limited._block_length(2, 1e-4) * limited.work.bytes_per_trial()
    assert under_way <= 10**6 / 8


@pytest.mark.parametrize("value", [0, -1, 2.5, "4GB", True])
def test_bad_limits(value):
    with pytest.raises((TypeError, ValueError), match=r"^memory_limit must be "):
        op.simulate(problems.diagonal(), **{**GRID, "sizes": [20]}, trials=2, memory_limit=value)


def test_the_limit_of_a_config_and_of_the_command_line(config):
    config.write_text(CONFIG + 'memory_limit = "5 kB"\n')
    message = fails("run", config)
    assert "is too large for the memory: one trial at n = 20, p = 60 takes " in message
    assert "more than the 0.005 MB that memory_limit allows" in message
    assert call("run", config, "--memory-limit", "100MB").exit_code == 0
    assert fails("run", config, "--memory-limit", "lots").startswith(
        'Invalid value for \'--memory-limit\': must be a number of bytes like "4GB" or "512MiB", '
        "got 'lots'"
    )
    config.write_text(CONFIG + "memory_limit = 0\n")
    assert "run.memory_limit: expected a number of bytes" in fails("run", config)
