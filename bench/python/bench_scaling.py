"""What stores and distributed engines cost: the demo's grid with and without, and a block's
overhead in each.

    python bench/python/bench_scaling.py [--trials 1000] [--runs 3] [--only store dask blocks]

Needs distributed (overprune[dask]) and, for the loop of multiply-adds, overprune_fma_peak of the
native build (cmake --preset bench && cmake --build --preset bench).
"""

import timing  # noqa: F401, isort: skip  # first: it pins the threads

import argparse
import json
import math
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import overprune as op
from overprune.experiments.config import build_problem
from overprune.experiments.run import demo_experiment
from overprune.simulation import simulate as _simulate
from overprune.simulation.blocks import Result, engine
from overprune.simulation.store import Store

PEAK = Path("build/bench/bench/cpp/overprune_fma_peak")
SECTIONS = ("store", "dask", "blocks")


def demo(trials: int, **options: Any) -> xr.Dataset:
    """The demo's simulation."""
    experiment = demo_experiment(trials)
    run = experiment.config.run
    grid = {name: getattr(run, name) for name in ("n", "sizes", "nonzeros", "rules")}
    return op.simulate(build_problem(experiment), **grid, trials=trials, **options)


def tiny(trials: int, **options: Any) -> xr.Dataset:
    """Next to no work: what is left is the cost of the blocks."""
    problem = op.LinearGaussianProblem(np.full(20, 0.2), np.ones(20), noise_std=0.3)
    return op.simulate(problem, 10, [5, 20], [2], trials=trials, **options)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def same(one: xr.Dataset, other: xr.Dataset) -> None:
    xr.testing.assert_identical(*(t.assign_attrs(provenance=None) for t in (one, other)))


def store(trials: int, runs: int) -> None:
    """Interleaved pairs of the same run with and without a store."""
    ratios = []
    for run in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.zarr"
            # who is first has the cooler machine
            order = (None, path) if run % 2 == 0 else (path, None)
            found = [timed(partial(demo, trials, store=place)) for place in order]
            if run % 2 == 1:
                found.reverse()
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        same(found[0][1], found[1][1])
        ratios.append(found[1][0] / found[0][0] - 1)
        print(
            f"  {found[0][0]:.2f} s without, {found[1][0]:.2f} s with: {ratios[-1]:+.2%}",
            flush=True,
        )
    print(
        f"store: {statistics.median(ratios):+.2%} of {trials} trials, {size / trials:.0f} bytes a "
        f"trial"
    )


def peak_gain() -> float | None:
    """How much faster two threads of pure multiply-adds are than one; None without the program."""
    if not PEAK.exists():
        return None
    rates = [
        json.loads(subprocess.check_output([PEAK, str(threads)]))["gflops"] for threads in (1, 2)
    ]
    return rates[1] / rates[0]


def dask(trials: int, runs: int) -> None:
    """Interleaved: one process of a cluster, two processes of another."""
    from dask import distributed

    expected = demo(trials)
    ratios, gains = [], []
    for run in range(runs):
        seconds = {}
        for count in (1, 2) if run % 2 == 0 else (2, 1):
            cluster = distributed.LocalCluster(
                n_workers=count, threads_per_worker=1, dashboard_address=None, memory_limit=0
            )
            with cluster, distributed.Client(cluster) as client:
                demo(4, executor=client.get_executor())  # imports
                gain = peak_gain() if count == 2 else None
                seconds[count], table = timed(partial(demo, trials, executor=client.get_executor()))
                same(table, expected)
            gains += [] if gain is None else [gain]
        ratios.append(seconds[2] / seconds[1])
        print(
            f"  {seconds[1]:.2f} s with one process, {seconds[2]:.2f} s with two: {ratios[-1]:.3f}",
            flush=True,
        )
    beside = (
        f"; multiply-adds gain {statistics.median(gains):.2f} from a second thread" if gains else ""
    )
    print(
        f"dask: {statistics.median(ratios):.3f} of the time with two processes, same table{beside}"
    )


def blocks(runs: int) -> None:
    """Seconds a block: handed to threads or a Dask scheduler, kept in a store; and with 8 MB of
    results."""
    from dask import distributed

    count, size = 400, 10**6
    rows: dict[str, list[float]] = {}
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0
    )
    _simulate._SECONDS = 1e-9  # a trial a block
    with cluster, distributed.Client(cluster) as client, tempfile.TemporaryDirectory() as folder:
        executor = client.get_executor()
        tiny(4, executor=executor)
        for run in range(runs):
            calls = {
                "threads and store": {"store": Path(folder) / f"a{run}"},
                "Dask": {"executor": executor},
                "Dask and store": {"executor": executor, "store": Path(folder) / f"b{run}"},
            }
            for name, options in calls.items():
                rows.setdefault(name, []).append(timed(partial(tiny, count, **options))[0] / count)
            rows.setdefault("8 MB of results through Dask", []).append(
                timed(
                    lambda: [f.result() for f in [executor.submit(noise, size) for _ in range(8)]]
                )[0]
                / 8
            )
            rows.setdefault("8 MB of results into a store", []).append(
                written(Path(folder) / f"c{run}", size)
            )
    for name, seconds in rows.items():
        print(f"blocks: {statistics.median(seconds) * 1e3:.2f} ms a block, {name}")


def noise(size: int) -> np.ndarray:
    return np.random.default_rng(0).random(size)


def written(path: Path, size: int) -> float:
    """Seconds to keep a block of so many numbers."""
    sizes = list(range(1, 1 + int(size**0.5 / 20)))
    problem = op.LinearGaussianProblem(np.ones(len(sizes)), np.ones(len(sizes)), noise_std=0.3)
    options = {"rules": ("magnitude",), "retrain": False, "ridge": 0.0, "retrain_ridge": 0.0}
    run = _simulate.plan(
        problem,
        10,
        sizes,
        sizes,
        **options,
        trials=400,
        seed=0,
        workers=1,
        memory_limit=None,
        curvature=None,
    )
    values = {
        name: noise(400 * math.prod(lengths.values())).reshape(*lengths.values(), 400)
        for name, lengths in run.work.layout().items()
    }
    with Store(path, run.work, run.attributes, 400, 400) as place:
        (block,) = place.pending(400)
        return timed(lambda: place.write(block, Result(values, 0.0, engine())))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    arguments = parser.parse_args()
    print(
        f"kernels {op.build_info()['kernel_level']}, medians of {arguments.runs} runs", flush=True
    )
    if "blocks" in arguments.only:
        blocks(arguments.runs)
    if "store" in arguments.only:
        store(arguments.trials, arguments.runs)
    if "dask" in arguments.only:
        dask(arguments.trials, arguments.runs)


if __name__ == "__main__":
    main()
