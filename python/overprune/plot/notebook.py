"""Figures in notebooks; imported where one is drawn, for it imports matplotlib."""

from __future__ import annotations

from typing import NoReturn

import matplotlib.pyplot as plt
from matplotlib.figure import Figure


class PanelFigure(Figure):
    """A figure that a notebook shows once.

    At the end of a cell pyplot shows its open figures there. One that the cell's last line returns
    has then been shown as a result.
    """

    def _ipython_display_(self) -> NoReturn:
        if "inline" in plt.get_backend():
            plt.close(self)
        raise NotImplementedError  # IPython then shows it as any other figure
