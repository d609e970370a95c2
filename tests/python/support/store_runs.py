"""Runs of few trials into a store."""

from __future__ import annotations

import hashlib

import overprune as op
import problems

GRID = {"n": [10, 15], "sizes": [5, 12, 20], "nonzeros": [3, 8], "ridge": [0.0, 0.1], "seed": 5}


ROUNDS = {"n": 15, "size": 20, "schedule": [12, 5], "ridge": 0.1, "seed": 5}
RULES = {"rules": ("magnitude", "random")}


def run(trials=12, store=None, problem=None, **changes):
    arguments = {**GRID, **RULES, "workers": 2, **changes}
    return op.simulate(problem or problems.diagonal(p=20), trials=trials, store=store, **arguments)


def run_schedule(trials=24, store=None, problem=None, **changes):
    arguments = {**ROUNDS, **RULES, "workers": 2, **changes}
    problem = problem or problems.diagonal(p=20)
    return op.simulate_schedule(problem, trials=trials, store=store, **arguments)


RUNS = {"simulate": run, "simulate_schedule": run_schedule}


def contents(path):
    return {
        str(file.relative_to(path)): (
            hashlib.sha256(file.read_bytes()).hexdigest(),
            file.stat().st_mtime_ns,
        )
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }
