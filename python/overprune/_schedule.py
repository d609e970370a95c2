"""The arguments of a run in rounds - n, size, schedule, rules, ridge - and its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from . import _validation as check
from ._table import Arrays, Plan
from ._version import __version__


@dataclass(frozen=True)
class Schedule(Plan[int]):
    """Validated arguments of a run in rounds; its table has one cell."""

    simulator = "simulate_schedule"

    n: tuple[int, ...]
    size: int
    schedule: tuple[int, ...]
    rules: tuple[str, ...]
    ridge: tuple[float, ...]
    retrain_ridge: float
    n_is_sequence: bool = False
    ridge_is_sequence: bool = False

    @classmethod
    def of(
        cls, p: int, n: Any, size: Any, schedule: Any, *, rules: Any, ridge: Any, retrain_ridge: Any
    ) -> Schedule:
        """Checks the arguments, for p features, in the order in which they are documented."""
        rows = check.integer(n, "n", lowest=1)
        features = check.integer(size, "size", lowest=1, highest=p)
        return cls(
            n=(rows,),
            size=features,
            schedule=tuple(check.decreasing(schedule, "schedule", highest=features)),
            rules=check.cutting_rules(rules, "a schedule"),
            ridge=(check.nonnegative(ridge, "ridge"),),
            retrain_ridge=check.nonnegative(retrain_ridge, "retrain_ridge"),
        )

    def cell(self, n: int = 0, ridge: int = 0) -> _core.Schedule:
        return _core.Schedule(
            size=self.size,
            nonzeros=self.schedule,
            rules=self.rules,
            ridge=self.ridge[ridge],
            retrain_ridge=self.retrain_ridge,
        )

    def grid(self, n: int = 0, ridge: int = 0) -> _core.Grid:
        return _core.Grid(
            sizes=[self.size],
            nonzeros=self.schedule[::-1],
            rules=self.rules,
            retrain=True,
            ridge=self.ridge[ridge],
            retrain_ridge=self.retrain_ridge,
        )

    def measured(self, problem: Any) -> Arrays:
        return _core.simulated_schedule_table(problem, self.cell())

    def coordinates(self, trials: np.ndarray[Any, Any] | None = None) -> dict[str, Any]:
        coordinates: dict[str, Any] = {
            "rule": ("rule", list(self.rules)),
            "round": ("round", np.arange(len(self.schedule) + 1)),
            "nonzeros": ("round", np.array([self.size, *self.schedule], dtype=np.int64)),
        }
        if trials is not None:
            coordinates["trial"] = ("trial", trials)
        return coordinates

    def attributes(self, kind: str) -> dict[str, Any]:
        return {
            "kind": kind,
            "overprune_version": __version__,
            "n": self.n[0],
            "size": self.size,
            "schedule": list(self.schedule),
            "rules": ",".join(self.rules),
            "ridge": self.ridge[0],
            "retrain_ridge": self.retrain_ridge,
        }
