"""What a visitor has set: a choice may cut other values, and the next one gives them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from .controls import CORRELATED_P
from .state import State


@dataclass(frozen=True)
class Chosen:
    """The state that the page shows, and the values that it was made to fit.

    With correlated features p is smaller, counts are at most p, labels lack the rule lasso, and
    some losses need a ridge. `wished` are the values as they were last set, before any of that.

    Parameters
    ----------
    state : State
    wished : mapping
        A value for every field of the state.
    correlated_p : int, optional
        The p that was set while features were correlated, which is kept apart from the usual one;
        None where none was.
    """

    state: State
    wished: Mapping[str, Any]
    correlated_p: int | None = None

    @classmethod
    def of(cls, state: State) -> Self:
        """A state from elsewhere."""
        return cls(state, state.model_dump(), state.p if state.spectrum == "ar" else None)

    def moved(self, name: str, value: Any) -> Self:
        """What is chosen after one control has changed; ValueError names a wrong value."""
        self.state.with_(**{name: value})
        correlated_p = self.correlated_p
        if name == "p" and self.state.spectrum == "ar":
            wished, correlated_p = dict(self.wished), value
        elif name == "rules":
            hidden = [r for r in self.wished[name] if r not in self.state.offered_rules()]
            wished = {**self.wished, name: [*value, *hidden]}
        else:
            wished = {**self.wished, name: value}
        fitted = wished
        if wished["spectrum"] == "ar":
            few = min(wished["p"], CORRELATED_P) if correlated_p is None else correlated_p
            fitted = {**wished, "p": few}
        return type(self)(State.fitting(fitted), wished, correlated_p)
