"""The sliders: what they are called, how far they go, and which value a position stands for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .state import LEAST_RIDGE, State

_POSITIONS = 200  # of a logarithmic slider


@dataclass(frozen=True)
class Control:
    """A slider of one number of the state.

    A logarithmic one has positions 0, ..., 200 and values of three digits between low and high, or
    with `zero` the value 0 at its left end; any other one stands at its value.
    """

    name: str
    label: str
    low: float
    high: float
    step: float = 1
    log: bool = False
    zero: bool = False

    @property
    def is_integer(self) -> bool:
        return self.step == 1 and not self.log

    @property
    def lowest(self) -> float:
        """The smallest value, which a logarithmic slider with a zero has below `low`."""
        return 0.0 if self.zero else self.low

    def track(self) -> tuple[float, float, float]:
        """First and last position, and the step between positions."""
        return (0.0, float(_POSITIONS), 1.0) if self.log else (self.low, self.high, self.step)

    def value(self, position: float) -> float:
        """What a position stands for; ValueError where there is none."""
        if not math.isfinite(position) or (self.log and not 0 <= position <= _POSITIONS):
            raise ValueError(f"{self.name} must be on its slider, got the position {position}")
        if self.is_integer:
            return round(position)
        if not self.log:
            return round(position, 6)
        if self.zero and position <= 0:
            return 0.0
        found = self.low * (self.high / self.low) ** (position / _POSITIONS)
        return float(f"{found:.3g}")

    def texts(self) -> list[str]:
        """The values of a logarithmic one at its positions, as a screen reader says them."""
        return [f"{self.value(i):g}" for i in range(_POSITIONS + 1)] if self.log else []

    def stands_at(self, position: float, value: float) -> bool:
        """Whether a position is one of a value."""
        try:
            return self.value(position) == value
        except ValueError:
            return False

    def position(self, value: float) -> float:
        """Where a value is, at the nearest end if it is off the track."""
        if not self.log:
            return value
        if value <= self.low:
            return 0.0
        ratio = math.log(value / self.low) / math.log(self.high / self.low)
        return min(float(_POSITIONS), round(_POSITIONS * ratio, 3))


def _ridge(name: str, label: str) -> Control:
    return Control(name, label, 1e-5, 10.0, 0.0, log=True, zero=True)


CONTROLS = {
    control.name: control
    for control in (
        Control("n", "samples n", 5, 3000),
        Control("noise_std", "noise std", 0, 3, 0.01),
        Control("p", "features p", 10, 3000),
        Control("spikes", "strong features", 1, 3000),
        Control("value", "their variance", 0.1, 1000, 0.0, log=True),
        Control("exponent", "exponent a of i⁻ᵃ", 0, 3, 0.05),
        Control("rho", "correlation ρ", -0.95, 0.95, 0.05),
        Control("count", "nonzero coefficients", 1, 3000),
        Control("nonzeros", "nonzeros s", 1, 3000),
        _ridge("ridge", "ridge"),
        _ridge("retrain_ridge", "ridge of retraining"),
        Control("trials", "trials", 1, 100),
    )
}
_UP_TO_P = ("spikes", "count", "nonzeros")
CORRELATED_P = 400  # up to here an update of correlated features takes a fraction of a second


def highest(state: State, name: str) -> float:
    """How far a slider goes for a state: beyond its usual end where a value lies there."""
    if name in _UP_TO_P:
        return float(max(state.p, 2))
    usual = CORRELATED_P if name == "p" and state.spectrum == "ar" else CONTROLS[name].high
    return max(float(usual), float(getattr(state, name)))


def lowest(state: State, name: str) -> float:
    """Where a slider begins for a state: at a small ridge where models need one."""
    is_ridge = name in ("ridge", "retrain_ridge")
    return LEAST_RIDGE if is_ridge and state.needs_ridge else CONTROLS[name].lowest


def is_used(state: State, name: str) -> bool:
    """Whether a control matters for the state; the others are hidden."""
    needs = {
        "spikes": state.spectrum == "spiked",
        "value": state.spectrum == "spiked",
        "exponent": state.spectrum == "power_law",
        "rho": state.spectrum == "ar",
        "count": state.signal == "sparse",
        "retrain_ridge": state.retrain,
    }
    return needs.get(name, True)
