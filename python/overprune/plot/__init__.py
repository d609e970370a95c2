"""Figures of the tables of `simulate` and `predict`, of coefficients and their law, and of phases.

`risk`, `coefficients` and `phase` have the public functions; `curves` turns tables into curves,
`panel` draws them, and `canvas` is a pyplot that draws into files. It may use `theory`, `fits` and
`problems`, and imports matplotlib only where it draws.
"""

from .coefficients import coefficients
from .phase import phase
from .risk import risk, risk_grid

__all__ = ["coefficients", "phase", "risk", "risk_grid"]
