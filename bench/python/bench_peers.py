"""The package against what users do today: interleaved run by run, one thread each, with agreeing
answers.

One table of ratios: how many times as long the other way takes, the median of the runs with the
smallest and the largest. No ratio is printed before the answers were compared. torch and
scikit-learn are optional.

Run from anywhere:

    python bench/python/bench_peers.py [--quick] [--only NAME ...] [--slow] [--runs 5]
"""

import timing  # isort: skip  # first: it pins the threads

import argparse
import sys
from collections.abc import Callable

import rows_parts
import rows_sweep
import rows_threads
import scipy
from solvers import np, torch

import overprune as op

SECTIONS = (
    "sweep",
    "every",
    "simulate",
    "sklearn",
    "normals",
    "select",
    "features",
    "product",
    "levels",
    "workers",
    "threads",
)


def collect(options: argparse.Namespace, closing: list[Callable[[], None]]) -> list[timing.Row]:
    make: dict[str, Callable[[], list[timing.Row]]] = {
        "sweep": lambda: rows_sweep.sweep_rows(options),
        "every": lambda: rows_sweep.every_rows(options),
        "simulate": lambda: rows_sweep.simulate_rows(options),
        "sklearn": lambda: rows_sweep.sklearn_rows(options),
        "normals": lambda: rows_parts.normals_rows(options),
        "select": lambda: rows_parts.select_rows(options),
        "features": lambda: rows_parts.features_rows(options),
        "product": lambda: rows_parts.product_rows(options),
        "levels": lambda: rows_parts.levels_rows(options, closing),
        "workers": lambda: rows_threads.workers_rows(options),
        "threads": lambda: rows_threads.threads_rows(options),
    }
    return [row for name in options.only or SECTIONS for row in make[name]()]


def pair(text: str) -> tuple[int, int]:
    n, p = (int(part) for part in text.split(","))
    if not 6 <= n <= p:
        raise argparse.ArgumentTypeError(f"sizes must be n,p with 6 <= n <= p, got {text}")
    return n, p


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, help="interleaved runs of every row (default 5; 1 with --quick)"
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="these sections alone")
    parser.add_argument(
        "--sizes", nargs="+", type=pair, metavar="N,P", help="other sizes of the sweeps"
    )
    parser.add_argument(
        "--slow", action="store_true", help="also n = 2000, p = 8000: a minute for each run"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes: do the answers agree?")
    parser.add_argument(
        "--fma",
        default=str(rows_threads.FMA_PEAK),
        help="the program overprune_fma_peak, for `workers` and `threads`",
    )
    parser.add_argument("--serve", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        rows_parts.serve(*options.serve)
        return
    runs = options.runs or (1 if options.quick else 5)
    options.least = 1e-3 if options.quick else 1e-2
    if torch is None:
        print("skipped: torch is not installed (the build for CPUs will do)")
    closing: list[Callable[[], None]] = []
    try:
        rows = collect(options, closing)
        if options.quick:
            for row in rows:  # the bars are about larger work
                row.bar = ""
        print("answers agree so far; timing", file=sys.stderr, flush=True)
        timing.measure(rows, runs)
    finally:
        for close in closing:
            close()
    info = op.build_info()
    versions = f"numpy {np.__version__}, scipy {scipy.__version__}"
    versions += "" if torch is None else f", torch {torch.__version__}"
    print(
        f"kernels {info['kernel_level']}, {info['compiler']}; {versions}; {runs} interleaved runs\n"
    )
    timing.print_table(rows)


if __name__ == "__main__":
    main()
