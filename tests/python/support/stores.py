"""A small store, and what comes of it when it is damaged."""

from __future__ import annotations

import json
import os

import pytest

import overprune as op
import problems
from overprune.simulation import run as _simulate
from overprune.simulation.store import StoreDamageError

GRID = {
    "n": [10, 15],
    "sizes": [5, 12],
    "nonzeros": [3, 8],
    "rules": ("magnitude", "random"),
    "seed": 5,
}
COORDINATES = ("n", "rule", "size", "nonzeros", "trial")
VARIABLES = ("dense_risk", "pruned_risk", "retrained_risk")


def run(store=None, trials=6):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_simulate, "_MANY", 10**9)
        patch.setattr(_simulate, "_SECONDS", 1e-4)
        return op.simulate(problems.diagonal(p=20), trials=trials, store=store, workers=1, **GRID)


def contents(path):
    """Every file and link, and what is in it."""
    return {
        str(file.relative_to(path)): os.readlink(file) if file.is_symlink() else file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_symlink() or file.is_file()
    }


def one_sentence(error, member=""):
    text = str(error.value if hasattr(error, "value") else error)
    assert "\n" not in text, text
    assert len(text) < 600, text
    assert member in text, text
    return text


def change(file, **changes):
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def refused(path, member, trials=6):
    """The sentence; the store is as it was."""
    before = contents(path.parent)
    with pytest.raises(StoreDamageError, match=r"^store .*; remove it to begin anew$") as caught:
        run(path, trials)
    assert contents(path.parent) == before
    return one_sentence(caught, member)
