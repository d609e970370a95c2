"""Fuzzing at length: `fuzz.py --calls 200000` calls every public function at
random.

Prints how many calls each function had and how many of them succeeded, at least every half minute.
A call that misbehaves ends those of its function and is shown. The checks are those of
test_fuzz.py.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable

import matplotlib
from hypothesis import given, seed, settings

import fuzz_calls
from fuzz_loss_targets import LOSS_TARGETS
from fuzz_problem_targets import PROBLEM_TARGETS
from fuzz_table_targets import TABLE_TARGETS
from fuzz_targets import ARRAY_TARGETS

TARGETS = {**ARRAY_TARGETS, **PROBLEM_TARGETS, **TABLE_TARGETS, **LOSS_TARGETS}
# how many times fewer calls
SLOW = {
    "advise": 20,
    "tune_ridge": 8,
    "phase": 4,
    "predict_schedule": 4,
}
SLOW |= {"plot_risk": 30, "plot_risk_grid": 60, "plot_phase": 60, "plot_coefficients": 60}
CALLS_OF_A_ROUND = 20_000  # of all functions: an interrupted run has had calls of each
SECONDS = 30  # between two lines of progress


def progress(name: str, began: float) -> None:
    calls, good = fuzz_calls.called[name], fuzz_calls.succeeded[name]
    print(
        f"{name:30} {calls:8} calls {good:8} succeeded {time.perf_counter() - began:7.1f} s; all "
        f"{sum(fuzz_calls.called.values())} calls, {sum(fuzz_calls.succeeded.values())} succeeded",
        flush=True,
    )


def calls_of(name: str, count: int, number: int) -> Callable[[], None]:
    """A function that makes so many calls of a target."""
    began = time.perf_counter()
    shown = [began]

    @seed(number)
    @settings(settings.get_profile("long"), max_examples=-(-count // 2))
    @given(fuzz_calls.both(TARGETS[name]))
    def make_calls(calls: list[fuzz_calls.Call]) -> None:
        for call in calls:
            fuzz_calls.run(name, call)
        now = time.perf_counter()
        if now - shown[0] > SECONDS:
            progress(name, began)
            shown[0] = now

    return make_calls


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", choices=sorted(TARGETS))
    chosen = parser.parse_args()
    matplotlib.use("agg")
    names = [chosen.target] if chosen.target else list(TARGETS)
    rounds = max(1, chosen.calls // CALLS_OF_A_ROUND)
    share = chosen.calls / rounds / sum(1 / SLOW.get(name, 1) for name in names)
    failed, start = [], time.perf_counter()
    for i in range(rounds):
        for name in names:
            wanted = max(1, -int(-share // SLOW.get(name, 1)))
            began = time.perf_counter()
            try:
                calls_of(name, wanted, chosen.seed * 1000 + i)()
            except Exception:
                traceback.print_exc(limit=-2)
                failed.append(name)
            progress(name, began)
    total, good = sum(fuzz_calls.called.values()), sum(fuzz_calls.succeeded.values())
    took = time.perf_counter() - start
    print(f"{total} calls, {good} succeeded, {took:.0f} s; failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
