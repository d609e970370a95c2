"""The model of cost in cost.py against three measured sizes, and what it predicts for a much larger
one.

Every measurement of a trial has the peak of multiply-adds measured right before it, by
overprune_fma_peak (cmake --preset bench && cmake --build --preset bench). Run from anywhere: python
bench/python/bench_cost.py
"""

import timing  # isort: skip  # first: it pins the threads

import argparse
import json
import resource
import statistics
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise

from cost import Trial
from rows_threads import FMA_PEAK
from solvers import Sweep, np

import overprune as op


def rss() -> int:
    """The most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def new_columns(sweep: Sweep) -> float:
    """Which fraction of a support of the largest s the support at the size before did not have."""
    X, y = sweep.data(0)
    s = sweep.three[-1]
    sizes = [k for k in sweep.sizes if k >= s]
    path = op.prune_path(X, y, sizes, [s], retrain=False, workers=1)
    supports = [path.support("magnitude", k, s) for k in sizes]
    return statistics.mean(1 - np.isin(b, a).mean() for a, b in pairwise(supports))


def seconds(sweep: Sweep) -> float:
    """Processor time of one trial: what others do on the machine counts less than on the wall
    clock."""
    return (
        timing.seconds(lambda: sweep.simulate(sweep.three), clock=time.process_time) / sweep.trials
    )


def trial_of(sweep: Sweep, new: float) -> Trial:
    return Trial(sweep.n, sweep.sizes, sweep.three, new=new)


def check_sizes(
    shapes: list[tuple[int, int]], runs: int, peak_of: Callable[[], float], reuse: bool
) -> tuple[float, float]:
    """Prints the table; returns the fraction of the peak at the last size, and the peak (flops a
    second)."""
    warm = Sweep(10, 20, trials=1)
    warm.simulate(warm.three)  # what is imported on the way is not the trial's
    before = rss()
    print(
        "| n, p | Gflop | retraining | GB moved | time | GFLOP/s | of peak | GB held, model | "
        "measured |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    peaks, fraction = [], 0.0
    for n, p in shapes:  # ascending, because the most memory held never falls
        sweep = Sweep(n, p, trials=1)
        trial = trial_of(sweep, new_columns(sweep) if reuse else 1.0)
        sweep.simulate(sweep.three)
        held = rss() - before
        times, fractions = [], []
        for _ in range(runs):
            peaks.append(peak_of())
            times.append(seconds(sweep))
            fractions.append(trial.flops() / times[-1] / peaks[-1])
        middle, fraction = statistics.median(times), statistics.median(fractions)
        print(
            f"| {n}, {p} | {trial.flops() / 1e9:.3g} | {trial.retrain_flops() / trial.flops():.2f} "
            f"| {trial.bytes_moved() / 1e9:.3g} | {middle:.3g} s "
            f"| {trial.flops() / middle / 1e9:.3g} "
            f"| {fraction:.2f} ({min(fractions):.2f} to {max(fractions):.2f}) "
            f"| {trial.memory() / 1e9:.3g} | {held / 1e9:.3g} |",
            flush=True,
        )
    return fraction, statistics.median(peaks)


def check_growth(n: int, widths: list[int], runs: int) -> None:
    """One size to the next costs no more than linearly in p at fixed n."""
    sweeps = [Sweep(n, p, trials=1) for p in widths]
    times: list[list[float]] = [[] for _ in widths]
    for sweep in sweeps:
        sweep.simulate(sweep.three)
    for _ in range(runs):
        for sweep, own in zip(sweeps, times, strict=True):
            own.append(seconds(sweep) / len(sweep.sizes))
    each = [statistics.median(own) for own in times]
    slope = np.polyfit(np.log(widths), np.log(each), 1)[0]
    print(f"\nOne size to the next, n = {n}: ", end="")
    print(
        ", ".join(f"{1e3 * value:.3g} ms at p = {p}" for p, value in zip(widths, each, strict=True))
    )
    print(f"growth: p to the power {slope:.2f} (bar: 1)")


def predict(n: int, p: int, fraction: float, peak: float, new: float) -> None:
    sweep_sizes = np.unique(np.linspace(n // 6, p, 40).astype(int)).tolist()
    trial = Trial(n, sweep_sizes, [n // 6, n // 3, n // 2], new=new)
    hours = trial.flops() / (fraction * peak) / 3600
    share, flops = trial.retrain_flops() / trial.flops(), trial.flops()
    print(f"\nPredicted for n = {n:,}, p = {p:,}, 40 sizes, three s:", end=" ")
    print(
        f"{flops:.3g} flop a trial ({share:.0%} retraining), {trial.bytes_moved() / 1e12:.2g} TB "
        f"moved,",
        end=" ",
    )
    print(f"{trial.memory() / 1e9:.0f} GB a worker;", end=" ")
    print(f"at {fraction:.2f} of {peak / 1e9:.0f} GFLOP/s {hours:.2g} hours a trial and core")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--fma", default=str(FMA_PEAK), help="the program overprune_fma_peak")
    parser.add_argument("--peak", type=float, help="the peak in GFLOP/s, instead of measuring it")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run?")
    parser.add_argument(
        "--reuse",
        action="store_true",
        help="count only those pairs of columns that the last size had not",
    )
    options = parser.parse_args()
    shapes = (
        [(30, 100), (30, 300), (60, 240)]
        if options.quick
        else [(300, 1000), (1000, 4000), (2000, 8000)]
    )
    widths = [100, 200] if options.quick else [1000, 2000, 4000, 8000]
    print(f"kernels {op.build_info()['kernel_level']}, medians of {options.runs} runs\n")

    def peak() -> float:
        if options.peak:
            return 1e9 * options.peak
        done = subprocess.run([options.fma], capture_output=True, text=True, check=True)
        return 1e9 * float(json.loads(done.stdout)["gflops_per_processor_second"])

    fraction, middle = check_sizes(shapes, options.runs, peak, options.reuse)
    new = new_columns(Sweep(*shapes[1], trials=1))
    print(f"\nColumns of a support that the size before had not: {new:.0%}")
    check_growth(shapes[0][0], widths, options.runs)
    predict(20_000, 100_000, fraction, middle, new if options.reuse else 1.0)


if __name__ == "__main__":
    main()
