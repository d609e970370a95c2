"""Pieces of configs."""

from __future__ import annotations

from pathlib import Path

from overprune.experiments import config as _config

PROBLEM = '[problem]\nkind = "linear_gaussian"\np = 60\n'


RUN = "[run]\nn = 20\nsizes = [10, 30, 60]\nnonzeros = 5\n"


DATA = '[problem]\nkind = "data"\n'


def parse(text: str, folder: Path = Path()) -> _config.Experiment:
    return _config.parse(text, "c.toml", folder)
