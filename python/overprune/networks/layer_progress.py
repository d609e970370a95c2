"""The progress of pruning a model: a bar with the time left, or a callable of the user's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from .progress import Reports


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


class LayerProgress(Reports[LayerStep]):
    """Counts the work of layers and shows it, or hands it on."""

    def __init__(
        self,
        work: dict[str, float],
        device: torch.device,
        show: bool | Callable[[LayerStep], None],
    ) -> None:
        super().__init__(sum(work.values()), device, show)
        self._work, self._names = work, list(work)
        self._finished = 0.0

    def tell(self, name: str, stage: str) -> None:
        """Reports a stage of a layer."""
        if stage == "finished":
            self._finished += self._work[name]
        number, count = self._names.index(name) + 1, len(self._names)
        self.show(
            self._finished,
            f"{name} ({number}/{count}) {stage}",
            lambda done: LayerStep(name, number, count, stage, done),
        )
