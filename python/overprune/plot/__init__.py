"""Figures of the tables of `simulate` and `predict`, and of the coefficients and their law.

`figures` has the public functions; `curves` turns tables into curves, `panel`, `phase_panel` and
`histogram` draw them, and `canvas` is a pyplot that draws into files. Modules here use `theory`,
`fits` and `problems`, and import matplotlib only where they draw.
"""

from .figures import coefficients, phase, risk, risk_grid

__all__ = ["coefficients", "phase", "risk", "risk_grid"]
