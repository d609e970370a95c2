"""The memory that the simulation of a config takes, in words: what `overprune info CONFIG.toml` prints."""

from __future__ import annotations

from . import _core
from . import _validate as check
from ._config import Experiment, build_problem, naming
from ._grid import Grid


def describe(experiment: Experiment, workers: int | None = None) -> list[str]:
    """A line for each n and ridge of the config: X, one worker, their ratio, and all workers."""
    problem, table = build_problem(experiment), experiment.config.run
    names = ("sizes", "nonzeros", "rules", "retrain", "ridge", "retrain_ridge", "compensate")
    with naming(experiment, "run"):
        grid = Grid.of(problem.p, table.n, **{name: getattr(table, name) for name in names})
        problem.check_run(grid.n, grid.rules, grid.compensate)
    threads = min(check.workers(workers or table.workers), table.trials)
    lines = []
    for n in grid.n:
        for ridge in grid.ridge:
            design, sampler, engine = _core.worker_memory(
                problem._core,
                n,
                grid.sizes,
                grid.nonzeros,
                grid.rules,
                grid.retrain,
                ridge,
                grid.retrain_ridge,
                grid.compensate,
            )
            total, whole = design + sampler + engine, 8 * n * problem.p
            head = f"n = {n}, p = {problem.p}" + (f", ridge = {ridge!r}" if ridge else "")
            drawn = "" if design else " drawn in blocks"
            lines.append(
                f"memory at {head}: X {_megabytes(whole)}{drawn}, a worker {_megabytes(total)} "
                f"({total / whole:.2f} X), {threads} {'worker' if threads == 1 else 'workers'} "
                f"{_megabytes(threads * total)}"
            )
    return lines


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.3g} MB" if count < 1e9 else f"{count / 1e6:.0f} MB"
