"""The progress of pruning a model: a bar with the time left, or a callable of the user's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from .._progress import make_bar
from .randomness import undisturbed


@dataclass(frozen=True)
class LayerStep:
    """One report of `prune_model`: where it is, and the part of all its work that is done.

    Parameters
    ----------
    layer : str
        Its name.
    number, layers : int
        Of the layer, from 1, and of all that are pruned.
    stage : str
        "gathering" (moments), "pruning" or, once the layer is finished, "finished".
    done : float
        Part of the work, in [0, 1], by the layers' weights and inputs.

    Raises
    ------
    TypeError
        If an argument is missing.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.LayerStep("readout", 2, 2, "finished", done=1.0).stage
    'finished'
    """

    layer: str
    number: int
    layers: int
    stage: str
    done: float


class LayerProgress:
    """Counts the work of layers and shows it, or hands it on."""

    def __init__(
        self,
        work: dict[str, float],
        device: torch.device,
        show: bool | Callable[[LayerStep], None],
    ) -> None:
        self._call = show if callable(show) else None
        self._device, self._work = device, work
        self._total = sum(work.values()) or 1.0
        self._names = list(work)
        self._finished, self._shown = 0.0, 0.0
        self._bar: Any = None
        if show is True:
            form = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
            self._bar = make_bar(self._total, bar_format=form)

    def __enter__(self) -> LayerProgress:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def tell(self, name: str, stage: str) -> None:
        """Reports a stage of a layer."""
        if stage == "finished":
            self._finished += self._work[name]
        number, count = self._names.index(name) + 1, len(self._names)
        if self._bar is not None:
            self._bar.set_postfix_str(f"{name} ({number}/{count}) {stage}", refresh=False)
            self._bar.update(self._finished - self._shown)
        self._shown = self._finished
        if self._call is not None:
            with undisturbed(self._device):
                self._call(LayerStep(name, number, count, stage, self._finished / self._total))
