"""The sliders' values: one problem and one run, as a config, as an address, and back."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from .. import _validation as check
from .._validation import RULES as RULES
from ..experiments import config as _config
from ..experiments.config import ConfigError, Experiment, Rule

SPECTRA = {
    "isotropic": "isotropic",
    "spiked": "spiked",
    "power_law": "power law",
    "ar": "correlated",
}
SIGNALS = {"constant": "equal", "sparse": "sparse", "normal": "Gaussian"}
LOSSES = {  # "regression" is least squares on numbers, the others are losses of labels
    "regression": "numbers, least squares",
    "square": "labels, square loss",
    "logistic": "labels, logistic loss",
    "hinge": "labels, hinge loss",
}
if TYPE_CHECKING:
    Spectrum = str
    Signal = str
    Training = str
else:  # literals, which messages list
    Spectrum, Signal, Training = (Literal[tuple(c)] for c in (SPECTRA, SIGNALS, LOSSES))
LEAST_RIDGE = 0.01  # instead of 0 where labels may be separable
LARGEST = 20_000
LARGEST_CORRELATED = 1_000  # an eigendecomposition for every size takes its time
_LONGEST = 100  # characters of a name or value in an address
_ADDRESS = "In the address"  # what its errors begin with
DRAWS = 16  # of the law where features are correlated


def _split(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


Count = Annotated[int, Field(ge=1, le=LARGEST, description=f"an integer from 1 to {LARGEST}")]
Level = Annotated[float, Field(ge=0, le=1e6, description="a number from 0 to 10**6")]
Seed = Annotated[int, Field(ge=0, lt=2**64, description="an integer from 0 to 2**64 - 1")]


class State(BaseModel):
    """The numbers and choices of the page, within their ranges and fitting each other.

    `nonzeros`, `spikes` and `count` are at most p: `fitting` cuts them, takes a small ridge for
    none where the loss needs one, and leaves out rules that labels do not have. The names are those
    of a config's fields; `signal`, `count`, `scale` and `beta_seed` are its beta's kind, count,
    value or scale, and seed. `loss` also says whether responses are numbers or labels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    p: Count = 1500
    n: Count = 450
    spectrum: Spectrum = "spiked"
    spikes: Count = 150
    value: float = Field(default=25.0, gt=0, le=1e6, description="a number above 0, at most 10**6")
    exponent: float = Field(default=1.0, ge=0, le=5, description="a number from 0 to 5")
    rho: float = Field(default=0.7, ge=-0.99, le=0.99, description="a number from -0.99 to 0.99")
    signal: Signal = "constant"
    count: Count = 150
    scale: float | None = Field(
        default=None, ge=-1e6, le=1e6, description="a number from -10**6 to 10**6"
    )
    beta_seed: Seed = 0
    noise_std: Level = 0.3
    nonzeros: Count = 150
    rules: Annotated[tuple[Rule, ...], BeforeValidator(_split)] = Field(
        default=("magnitude", "hessian"),
        min_length=1,
        description=f"one or several of {', '.join(RULES)}",
    )
    retrain: bool = Field(default=True, description="true or false")
    loss: Training = "regression"
    ridge: Level = 0.0
    retrain_ridge: Level = 0.0
    trials: Annotated[int, Field(ge=1, le=10_000, description="an integer from 1 to 10000")] = 10
    seed: Seed = 0

    @classmethod
    def fitting(cls, values: Mapping[str, Any]) -> Self:
        """The state of these values, counts cut to p; ValueError names the first wrong one."""
        try:
            state = cls.model_validate(dict(values))
        except ValidationError as error:
            raise ValueError(_one_line(error)) from None
        highest = LARGEST_CORRELATED if state.spectrum == "ar" else LARGEST
        p = min(state.p, highest)
        cut = {name: min(getattr(state, name), p) for name in ("p", "nonzeros", "spikes", "count")}
        return state.model_copy(update={**cut, **state._trained(), "rules": state._allowed_rules()})

    @property
    def has_labels(self) -> bool:
        return self.loss != "regression"

    @property
    def needs_ridge(self) -> bool:
        """Whether separable labels would send coefficients to infinity without ridge."""
        return self.loss in ("logistic", "hinge")

    def offered_rules(self) -> tuple[Rule, ...]:
        """The rules that this training has: labels are pruned, but not trained by the lasso."""
        return tuple(r for r in RULES if not (self.has_labels and check.TRAITS[r].trains_itself))

    def _allowed_rules(self) -> tuple[Rule, ...]:
        """The chosen ones among them, in their order; the first one where none is left."""
        offered = self.offered_rules()
        return tuple(rule for rule in offered if rule in self.rules) or offered[:1]

    def _trained(self) -> dict[str, float]:
        """Ridges with which there is a model."""
        if not self.needs_ridge:
            return {}
        ridges = {"ridge": self.ridge, "retrain_ridge": self.retrain_ridge}
        return {name: value or LEAST_RIDGE for name, value in ridges.items()}

    def with_(self, **changes: Any) -> Self:
        """The state after a slider has moved."""
        return self.fitting({**self.model_dump(), **changes})

    def query(self) -> str:
        """The query of the page's address, which is the config: its keys with values as in TOML.

        It names every value, so that it gives the same page wherever it is opened. The sizes are
        left out, which follow from the others.
        """
        from urllib.parse import urlencode

        config = tomllib.loads(self.toml())
        del config["run"]["sizes"], config["plot"]
        values = {key: json.dumps(value, separators=(",", ":")) for key, value in _flat(config)}
        return urlencode(values, safe=",")

    def sizes(self) -> list[int]:
        """The sizes of the curves: even steps, closer near k = n and where the problem changes.

        k = n itself is one only where the risk is finite there, with ridge, or where it is asked
        for.
        """
        fine = self.spectrum != "ar"
        even = np.linspace(1, self.p, 61 if fine else 17)
        steps = np.geomspace(0.003, 0.4, 12) if fine else np.array([0.01, 0.04, 0.15])
        steps = np.append(steps * self.n, 1)
        if self.needs_ridge:  # each size takes its time, and at k = n nothing diverges
            even, steps = np.linspace(1, self.p, 14), np.array([0.15 * self.n])
        near = np.concatenate([self.n - steps, self.n + steps])
        kinks = [self.nonzeros, self.nonzeros + 1, 0.01 * self.p]
        kinks += [self.n] if self.ridge > 0 else []
        kinks += [self.spikes] if self.spectrum == "spiked" else []
        kinks += [self.count] if self.signal == "sparse" else []
        found = np.rint(np.concatenate([even, near, kinks])).astype(int)
        usable = (found >= 1) & (found <= self.p)
        if self.ridge == 0 and self.nonzeros != self.n != self.p:
            usable &= found != self.n
        return sorted(set(found[usable].tolist()))

    def toml(self) -> str:
        """The config of `overprune run` that predicts the page's curves."""
        rules = ", ".join(f'"{rule}"' for rule in self.rules)
        ridges = f"ridge = {self.ridge!r}\nretrain_ridge = {self.retrain_ridge!r}\n"
        draws = f"draws = {DRAWS}\n" if self.spectrum == "ar" else ""
        kind = "linear_classification" if self.has_labels else "linear_gaussian"
        loss = f'loss = "{self.loss}"\n' if self.has_labels else ""
        return (
            "# Written by overprune explore.\n\n"
            "[problem]\n"
            f'kind = "{kind}"\n'
            f"p = {self.p}\n"
            f"noise_std = {self.noise_std!r}\n"
            f"spectrum = {{ {self._spectrum()} }}\n"
            f"beta = {{ {self._beta()} }}\n\n"
            "[run]\n"
            f"n = {self.n}\n"
            f"nonzeros = {self.nonzeros}\n"
            f"rules = [{rules}]\n"
            f"retrain = {str(self.retrain).lower()}\n"
            f"{loss}{ridges}"
            f"trials = {self.trials}\n"
            f"seed = {self.seed}\n"
            f"{draws}"
            f"sizes = [\n{_wrapped(self.sizes())}]\n\n"
            "[plot]\n"
            "logy = true\n"
        )

    def experiment(self) -> Experiment:
        """The same, read and checked."""
        return _config.parse(self.toml(), "the page", Path())

    def _spectrum(self) -> str:
        numbers = {
            "isotropic": "",
            "spiked": f", spikes = {self.spikes}, value = {self.value!r}",
            "power_law": f", exponent = {self.exponent!r}",
            "ar": f", rho = {self.rho!r}",
        }
        return f'kind = "{self.spectrum}"{numbers[self.spectrum]}'

    def _beta(self) -> str:
        count = f", count = {self.count}" if self.signal == "sparse" else ""
        seed = f", seed = {self.beta_seed}" if self.signal == "normal" else ""
        name = "scale" if self.signal == "normal" else "value"
        scale = "" if self.scale is None else f", {name} = {self.scale!r}"
        return f'kind = "{self.signal}"{count}{scale}{seed}'


def of_config(experiment: Experiment) -> tuple[State, list[str]]:
    """The state of a config, and in words what of it the page leaves out.

    Raises
    ------
    ConfigError
        Where the page has no sliders for the problem, or a number is beyond them.
    """
    config, name = experiment.config, experiment.name
    problem, run = config.problem, config.run
    has_labels = isinstance(problem, _config.LinearClassification)
    if not isinstance(problem, _config.LinearGaussian | _config.LinearClassification):
        raise ConfigError(
            f'{name}: problem.kind must be "linear_gaussian" or "linear_classification" to '
            f'explore, got "{problem.kind}"'
        )
    if not has_labels and run.loss != "square":
        raise ConfigError(
            f'{name}: problem.kind must be "linear_classification" for run.loss = "{run.loss}", '
            f'got "{problem.kind}"'
        )
    if isinstance(problem.beta, _config.ValuesBeta):
        raise ConfigError(
            f"{name}: problem.beta.kind must be one of {', '.join(SIGNALS)} to explore, got "
            "'values'"
        )
    notes: list[str] = []

    def one(field: str) -> Any:
        value = getattr(run, field)
        if not isinstance(value, list):
            return value
        if len(value) > 1:
            notes.append(f"of run.{field} = {check.shown(value)} the first is shown")
        return value[0]

    values = {
        "p": problem.p,
        "loss": run.loss if has_labels else "regression",
        "noise_std": problem.noise_std,
        **_spectrum_of(problem.spectrum),
        **_beta_of(problem.beta),
        **{field: one(field) for field in ("n", "nonzeros", "ridge")},
        **{
            field: getattr(run, field)
            for field in ("rules", "retrain", "retrain_ridge", "trials", "seed")
        },
    }
    try:
        state = State.fitting(values)
    except ValueError as error:
        raise ConfigError(f"{name}: to explore, {error}") from None
    if state.p < problem.p:
        raise ConfigError(
            f"{name}: problem.p must be at most {state.p} to explore correlated features, got "
            f"{problem.p}"
        )
    notes += [f"the rule {rule} is left out" for rule in run.rules if rule not in state.rules]
    notes += [
        f"run.{field} is left out" for field in ("compensate", "curvature") if getattr(run, field)
    ]
    return state, notes


def of_query(arguments: Mapping[str, str], base: State) -> tuple[State, list[str]]:
    """The state of an address, and in words what of its config the page leaves out.

    Names with a dot are keys of a config, as `State.query` writes them. Names without one are
    fields of the state, for addresses typed by hand; the others have their defaults. An address
    without names gives `base`.

    Raises
    ------
    ValueError
        Where it is neither; the message says so of the address.
    """
    if not arguments:
        return base, []
    for name, value in arguments.items():
        if len(name) > _LONGEST or len(value) > _LONGEST:
            raise ValueError(
                f"{_ADDRESS}: {check.shown(name[:_LONGEST])} must have at most {_LONGEST} "
                "characters"
            )
    if any("." in name for name in arguments):
        lines = {"run.sizes": "[1]", **arguments}  # the page has sizes of its own
        text = "".join(f"{name} = {value}\n" for name, value in lines.items())
        return of_config(_config.parse(text, _ADDRESS, Path()))
    try:
        return State.fitting(arguments), []
    except ValueError as error:
        raise ValueError(f"{_ADDRESS}: {error}") from None


def _spectrum_of(table: Any) -> dict[str, Any]:
    return {"spectrum": table.kind, **{k: v for k, v in table if k != "kind"}}


def _beta_of(table: Any) -> dict[str, Any]:
    values = {k: v for k, v in table if k not in ("kind", "value", "scale", "seed")}
    scale = table.scale if isinstance(table, _config.NormalBeta) else table.value
    seed = {"beta_seed": table.seed} if isinstance(table, _config.NormalBeta) else {}
    return {"signal": table.kind, "scale": scale, **values, **seed}


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of a table and those within it."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _wrapped(numbers: list[int]) -> str:
    rows = [numbers[i : i + 16] for i in range(0, len(numbers), 16)]
    return "".join(f"    {', '.join(map(str, row))},\n" for row in rows)


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    field = State.model_fields.get(name)
    if field is None:
        return f"{name[:_LONGEST]} is unknown; allowed: {', '.join(State.model_fields)}"
    expected = first.get("ctx", {}).get("expected") or field.description or first["msg"]
    return f"{name} must be {expected}, got {check.shown(first['input'])}"
