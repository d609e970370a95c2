"""What `advise` found: the choices, the best one and what each decision costs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _html
from .. import _validation as check
from .._provenance import provenance

if TYPE_CHECKING:
    import xarray as xr

_MOST_NAMES = 12  # of features that a sentence lists
_EQUAL = 1e-9  # relative: among risks as close as this the simplest choice is taken


@dataclass(frozen=True)
class Choice:
    """A way to a model of s features, and its predicted risk.

    Attributes
    ----------
    stage : {"direct", "pruned", "retrained"}
        "direct": the s features are trained and nothing is pruned.
    size : int
        Features of the first training.
    rule : str
        Of pruning; empty where nothing is pruned.
    ridge : float
        Of the first training.
    tuned : bool
        Whether the ridge was searched for; it may still be 0.
    schedule : tuple of int
        Features left after each round; more than one: pruned and retrained in rounds.
    risk, stderr : float
        Predicted test risk, of classifiers the test error, and its standard error, 0 where it is
        exact.
    """

    stage: str
    size: int
    rule: str
    ridge: float
    tuned: bool
    schedule: tuple[int, ...]
    risk: float
    stderr: float = 0.0

    @property
    def rounds(self) -> int:
        """Rounds of pruning; 0 where nothing is pruned."""
        return len(self.schedule)

    @property
    def knows_the_truth(self) -> bool:
        """Whether nobody can do it: the rule oracle."""
        return self.rule == "oracle"

    def __str__(self) -> str:
        ridge = f" with ridge {self.ridge:.3g}" if self.ridge > 0 else ""
        if self.stage == "direct":
            return f"train {_features(self.size)} directly{ridge}"
        knows = " (which knows the truth)" if self.knows_the_truth else ""
        by = f"by {self.rule}{knows}"
        if self.rounds > 1:
            steps = ", ".join(map(str, self.schedule))
            return f"train {_features(self.size)}{ridge}, prune to {steps} {by}, retrain after each"
        end = "retrain" if self.stage == "retrained" else "do not retrain"
        if check.TRAITS[self.rule].trains_itself:
            penalised = f"the elastic net{ridge}" if self.ridge > 0 else f"the {self.rule}"
            return f"train {_features(self.size)} by {penalised} to {self.schedule[0]}, {end}"
        return f"train {_features(self.size)}{ridge}, prune to {self.schedule[0]} {by}, {end}"

    def simplicity(self) -> tuple[Any, ...]:
        """Of choices that do equally well the one that sorts first is recommended."""
        return self.rounds, self.stage == "retrained", self.ridge > 0, self.size, self.tuned


def least(choices: Iterable[Choice]) -> Choice | None:
    """The choice of least risk, the simplest of those that are equal but for rounding."""
    pool = list(choices)
    if not pool:
        return None
    bar = min(c.risk for c in pool)
    return min((c for c in pool if c.risk <= bar + abs(bar) * _EQUAL), key=Choice.simplicity)


@dataclass(frozen=True, repr=False)
class Advice:
    """Answer of `advise`; `print` shows it as a table.

    Attributes
    ----------
    best : Choice
        Of least predicted risk among what can be done without knowing the truth.
    direct : Choice
        The best way to train the first s features directly.
    direct_best : Choice
        The same for the s features of the rule oracle, which nobody knows.
    choices : tuple of Choice
        All that were looked at, by rising risk.
    costs : dict of dict of Choice
        For each decision ("size", "rule", "retraining", "ridge", "rounds") and each way to take it,
        the best choice that takes it so.
    table : xarray.Dataset
        Predicted risks without ridge (or with the first that was asked for) by size, as from
        `predict`.
    n, nonzeros, p : int
    null_risk, noise_floor : float
        Risk of theta = 0, and risk of the truth; of classifiers their errors.
    quantity : {"risk", "error"}
        What choices are compared by.
    feature_names : tuple of str or None
        Names of the p features, where the problem has them.
    oracle_features : tuple of int
        The s features of `direct_best`, ascending.
    """

    best: Choice
    direct: Choice
    direct_best: Choice
    choices: tuple[Choice, ...]
    costs: dict[str, dict[str, Choice]]
    table: xr.Dataset
    n: int
    nonzeros: int
    p: int
    null_risk: float
    noise_floor: float
    quantity: str = "risk"
    feature_names: check.Names | None = None
    oracle_features: tuple[int, ...] = ()

    def names(self, features: Iterable[int]) -> check.Names:
        """Names of features, given by their indices.

        Raises
        ------
        ValueError
            If the features have no names.
        """
        if self.feature_names is None:
            raise ValueError("names need a problem with feature_names, got advice on one without")
        return tuple(self.feature_names[i] for i in features)

    def _named(self, features: Sequence[int]) -> str:
        """Features in words, in brackets; nothing where they are without names or many."""
        if self.feature_names is None or len(features) > _MOST_NAMES:
            return ""
        return f" [{', '.join(map(check.printable, self.names(features)))}]"

    def __repr__(self) -> str:
        return (
            f"<Advice for n = {self.n}, s = {self.nonzeros}: {self.best}, {self.quantity} "
            f"{_risk(self.best)}>"
        )

    def __str__(self) -> str:
        nothing = "guessing" if self.quantity == "error" else "predicting 0"
        head = (
            f"n = {self.n} samples, s = {self.nonzeros} of p = {self.p} features kept "
            f"({self.quantity} of {nothing}: {self.null_risk:.4g}, of the truth: "
            f"{self.noise_floor:.4g})"
        )
        first = self._named(range(self.nonzeros))
        best = _capital(str(self.best)) + (first if self.best.stage == "direct" else "")
        lines = [head, "", f"{best}: {self.quantity} {_risk(self.best)}."]
        if self.best.stage != "direct":
            lines.append(f"{_capital(str(self.direct))}{first}: {self._against(self.direct)}.")
        known = str(self.direct_best).replace("train ", "train the oracle's ", 1)
        known = f"{_capital(known)}{self._named(self.oracle_features)}"
        lines.append(f"{known} (it knows the truth): {self._against(self.direct_best)}.")
        if len(self.choices) > 1:
            lines += ["", "What each decision costs, all others taken as well as they can be:"]
            rows = [
                (decision if i == 0 else "", way, choice)
                for decision, ways in self.costs.items()
                for i, (way, choice) in enumerate(ways.items())
            ]
            wide = max(len(way) for _, way, _ in rows)
            wider = max(len(self._against(c)) for _, _, c in rows)
            lines += [
                f"  {d:<11}{way:<{wide}}  {self._against(c):<{wider}}  {c}" for d, way, c in rows
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [
            (decision if i == 0 else "", way, self._against(choice), choice)
            for decision, ways in self.costs.items()
            for i, (way, choice) in enumerate(ways.items())
        ]
        caption = f"n = {self.n}, s = {self.nonzeros}: {self.best}, risk {_risk(self.best)}"
        return _html.table(caption, ("decision", "way", "risk", "the best that takes it so"), rows)

    def _against(self, choice: Choice) -> str:
        """Risk of a choice, and by how much it is above that of the best."""
        return _risk(choice) + ("" if choice == self.best else f" ({_percent(choice, self.best)})")

    def dataset(self) -> xr.Dataset:
        """All choices as a table with the dimension choice, by rising risk."""
        import xarray as xr

        def column(name: str) -> np.ndarray[Any, Any]:
            return np.array([getattr(c, name) for c in self.choices])

        columns = {
            name: column(name)
            for name in ("risk", "stderr", "stage", "size", "rule", "ridge", "tuned")
        }
        columns["rounds"] = column("rounds")
        columns["schedule"] = np.array([_schedule(c) for c in self.choices])
        attributes = {
            "kind": "advise",
            "n": self.n,
            "nonzeros": self.nonzeros,
            "quantity": self.quantity,
            "provenance": provenance(),
        }
        if self.feature_names is not None:
            attributes["feature_names"] = json.dumps(self.feature_names)
        return xr.Dataset(
            {name: ("choice", values) for name, values in columns.items()}, attrs=attributes
        )

    def to_dict(self) -> dict[str, Any]:
        """All but the table, of types that JSON holds; an infinite risk is None."""
        return {
            "n": self.n,
            "nonzeros": self.nonzeros,
            "p": self.p,
            "quantity": self.quantity,
            "null_risk": self.null_risk,
            "noise_floor": self.noise_floor,
            **({} if self.feature_names is None else {"feature_names": list(self.feature_names)}),
            "oracle_features": list(self.oracle_features),
            "best": _plain(self.best),
            "direct": _plain(self.direct),
            "direct_best": _plain(self.direct_best),
            "costs": {
                d: {way: _plain(c) for way, c in ways.items()} for d, ways in self.costs.items()
            },
            "choices": [_plain(c) for c in self.choices],
        }

    def rows(self) -> list[list[Any]]:
        """All choices as rows of a CSV file, after one of headings."""
        names = ("risk", "stderr", "stage", "size", "rule", "ridge", "tuned", "rounds")
        return [
            [*names, "schedule"],
            *([*(getattr(c, name) for name in names), _schedule(c)] for c in self.choices),
        ]


def decisions(choices: Sequence[Choice], best: Choice, p: int) -> dict[str, dict[str, Choice]]:
    """For each decision and each way to take it, the best choice that takes it so."""
    pruned = [c for c in choices if c.stage != "direct"]
    size = best.size if best.stage != "direct" else getattr(least(pruned), "size", p)
    groups: dict[str, dict[str, list[Choice]]] = {
        "size": {
            "s, directly": [c for c in choices if c.stage == "direct"],
            f"k = {size}": [c for c in pruned if c.size == size],
            f"k = p = {p}": [c for c in pruned if c.size == p != size],
        },
        "rule": {
            rule: [c for c in pruned if c.rule == rule]
            for rule in dict.fromkeys(c.rule for c in pruned)
        },
        "retraining": {
            "no": [c for c in pruned if c.stage == "pruned"],
            "yes": [c for c in pruned if c.stage == "retrained"],
        },
        "ridge": {
            "none": [c for c in choices if c.ridge == 0],
            "tuned": [c for c in choices if c.tuned],
            "given": [c for c in choices if c.ridge > 0 and not c.tuned],
        },
        "rounds": {
            str(r): [c for c in pruned if c.rounds == r] for r in sorted({c.rounds for c in pruned})
        },
    }
    found = {
        d: {way: c for way, mine in ways.items() if (c := least(mine))}
        for d, ways in groups.items()
    }
    return {d: ways for d, ways in found.items() if len(ways) > 1}


def _features(count: int) -> str:
    return f"{count} {'feature' if count == 1 else 'features'}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _risk(choice: Choice) -> str:
    if not 1e-4 * choice.risk < choice.stderr < math.inf:  # 0, or beyond the digits shown
        return f"{choice.risk:.4g}"
    places = max(0, 1 - math.floor(math.log10(choice.stderr)))
    return f"{choice.risk:.{places}f} ± {choice.stderr:.{places}f}"


def _percent(choice: Choice, best: Choice) -> str:
    if choice.risk == best.risk:
        return "equal"
    if not math.isfinite(choice.risk) or best.risk == 0:
        return "infinitely worse"
    above = 100 * (choice.risk / best.risk - 1)
    if abs(choice.risk - best.risk) < math.hypot(choice.stderr, best.stderr):
        return f"{above:+.1f} %, within the error"
    if abs(above) < 0.05:
        return "equal"
    return f"{above:+.1f} %" if abs(above) < 10 else f"{above:+.0f} %"


def _schedule(choice: Choice) -> str:
    return " ".join(map(str, choice.schedule))


def _plain(choice: Choice) -> dict[str, Any]:
    facts = {**asdict(choice), "schedule": list(choice.schedule), "text": str(choice)}
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in facts.items()
    }
