"""CONFIG.toml of `overprune run`: its fields, checked, and the problem that it describes."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ByteSize,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from .. import _validation as check
from .._validation import FloatArray
from ..losses import NAMES as LOSSES
from ..simulation.store import StoreError
from .config_text import ConfigError as ConfigError
from .config_text import check_structure, first_problem, text_of

if TYPE_CHECKING:
    from ..problems.problem import LinearGaussianProblem, Problem

# Beyond every memory: typing errors are refused here, not when memory is allocated.
_LARGEST = 10**8
_COUNT = "an integer from 1 to 10**8"
_REAL = "a finite number"
_NOT_NEGATIVE = "a finite number of at least 0"
_SEED = "an integer from 0 to 2**64 - 1"
_INTEGERS = "an increasing list of integers from 1 to 10**8"

_LARGE = ("p", "features", "dim", "n", "sizes", "trials")  # they decide the memory

if TYPE_CHECKING:
    Rule = str
    Activation = str
    Loss = str
else:  # literals, which messages list
    Rule, Activation = Literal[check.RULES], Literal[check.ACTIVATIONS]
    Loss = Literal[LOSSES]
Quantity = Literal["risk", "accuracy", "error"]
Seed = Annotated[int, Field(ge=0, lt=2**64, description=_SEED)]
Count = Annotated[int, Field(ge=1, le=_LARGEST, description=_COUNT)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Isotropic(_Table):
    kind: Literal["isotropic"] = "isotropic"


class Spiked(_Table):
    kind: Literal["spiked"]
    spikes: Count
    value: float = Field(gt=0, description="a finite number above 0")


class PowerLaw(_Table):
    kind: Literal["power_law"]
    exponent: float = Field(description=_REAL)


class Autoregressive(_Table):
    kind: Literal["ar"]
    rho: float = Field(gt=-1, lt=1, description="a number between -1 and 1, both excluded")


class ConstantBeta(_Table):
    kind: Literal["constant"] = "constant"
    value: float | None = Field(default=None, description=_REAL)


class NormalBeta(_Table):
    kind: Literal["normal"]
    scale: float | None = Field(default=None, ge=0, description=_NOT_NEGATIVE)
    seed: Seed = 0


class SparseBeta(_Table):
    kind: Literal["sparse"]
    count: Count
    value: float | None = Field(default=None, description=_REAL)


class ValuesBeta(_Table):
    kind: Literal["values"]
    values: list[float] = Field(min_length=1, description="a list of p finite numbers")


Spectrum = Annotated[Isotropic | Spiked | PowerLaw | Autoregressive, Field(discriminator="kind")]
Beta = Annotated[ConstantBeta | NormalBeta | SparseBeta | ValuesBeta, Field(discriminator="kind")]


class _Linear(_Table):
    kind: str
    p: Count
    noise_std: float = Field(default=0.0, ge=0, description=_NOT_NEGATIVE)
    spectrum: Spectrum = Field(
        Isotropic(), description="a table with kind = isotropic, spiked, power_law or ar"
    )
    beta: Beta = Field(
        default=ConstantBeta(), description="a table with kind = constant, normal, sparse or values"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if isinstance(self.spectrum, Spiked) and self.spectrum.spikes > self.p:
            raise ValueError(
                f"spectrum.spikes must be at most p = {self.p}, got {self.spectrum.spikes}"
            )
        if isinstance(self.beta, SparseBeta) and self.beta.count > self.p:
            raise ValueError(f"beta.count must be at most p = {self.p}, got {self.beta.count}")
        if isinstance(self.beta, ValuesBeta) and len(self.beta.values) != self.p:
            raise ValueError(
                f"beta.values must have p = {self.p} entries, got {len(self.beta.values)}"
            )
        return self


class LinearGaussian(_Linear):
    kind: Literal["linear_gaussian"]


class LinearClassification(_Linear):
    kind: Literal["linear_classification"]


class RandomFeatures(_Table):
    kind: Literal["random_features"]
    features: Count
    dim: Count
    noise_std: float = Field(default=0.0, ge=0, description=_NOT_NEGATIVE)
    activation: Activation = "relu"
    link: Activation | None = None
    seed: Seed = 0


class Data(_Table):
    kind: Literal["data"]
    dataset: Literal["mnist", "digits", "npz"]
    path: str | None = Field(default=None, description="the name of an .npz file")
    features: int | None = Field(default=None, ge=1, le=_LARGEST, description=_COUNT)
    activation: Activation = "relu"
    seed: Seed = 0
    test_size: Count | Literal["all"] | None = Field(default=None, description=f'{_COUNT} or "all"')
    split_seed: Seed = 0
    task: Literal["classification", "regression"] | None = None
    center: bool = Field(default=False, description="true or false")
    feature_names: list[str] | None = Field(default=None, description="a list of texts")

    @model_validator(mode="after")
    def _path(self) -> Data:
        if self.dataset == "npz" and self.path is None:
            raise ValueError(
                'path is missing: expected the name of an .npz file for dataset = "npz"'
            )
        if self.dataset != "npz" and self.path is not None:
            raise ValueError(
                f'path is for dataset = "npz" only, got {check.shown(self.path)} with '
                f'"{self.dataset}"'
            )
        return self


class SizeRange(_Table):
    start: Count
    stop: Count
    count: Annotated[int, Field(ge=2, le=10**6, description="an integer from 2 to 10**6")]
    spacing: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _ascends(self) -> SizeRange:
        if self.stop <= self.start:
            raise ValueError(f"stop must be above start = {self.start}, got {self.stop}")
        return self

    def values(self) -> list[int]:
        """The sizes, rounded; where rounding makes two of them equal, one is left."""
        spaced = np.linspace if self.spacing == "linear" else np.geomspace
        rounded = np.sort(np.rint(spaced(self.start, self.stop, self.count)).astype(np.int64))
        sizes: list[int] = rounded[np.diff(rounded, prepend=0) > 0].tolist()  # all are above 0
        return sizes


def _increasing(values: list[int] | SizeRange) -> list[int]:
    found = values.values() if isinstance(values, SizeRange) else values
    for before, after in pairwise(found):
        if after <= before:
            raise ValueError(f"must be strictly increasing, got {before} before {after}")
    return found


_Listed = Annotated[list[Count], Field(min_length=1)]
Increasing = Annotated[_Listed, AfterValidator(_increasing)]
Sizes = Annotated[
    Annotated[_Listed, Tag("list")] | Annotated[SizeRange, Tag("range")],
    Discriminator(lambda value: "range" if isinstance(value, (dict, SizeRange)) else "list"),
    AfterValidator(_increasing),
]
Ridge = Annotated[float, Field(ge=0)]


def _distinct(values: float | list[float]) -> float | list[float]:
    if isinstance(values, list) and len(set(values)) < len(values):
        raise ValueError(f"must be distinct, got {check.shown(values)}")
    return values


class Run(_Table):
    n: Count | Increasing = Field(description=f"{_COUNT} or {_INTEGERS}")
    sizes: Sizes = Field(description=f"{_INTEGERS} or a table with start, stop, count, spacing")
    nonzeros: Count | Increasing = Field(description=f"{_COUNT} or {_INTEGERS}")
    rules: list[Rule] = Field(default=["magnitude"], min_length=1, description="a list of rules")
    retrain: bool = Field(default=True, description="true or false")
    ridge: Annotated[
        Ridge | Annotated[list[Ridge], Field(min_length=1)], AfterValidator(_distinct)
    ] = Field(default=0.0, description=f"{_NOT_NEGATIVE} or a list of them")
    retrain_ridge: float = Field(default=0.0, ge=0, description=_NOT_NEGATIVE)
    compensate: bool = Field(default=False, description="true or false")
    loss: Loss = "square"
    curvature: Literal["sample"] | None = None
    trials: Count = 100
    seed: Seed = 0
    workers: int | None = Field(
        default=None, ge=1, le=1024, description="an integer from 1 to 1024"
    )
    memory_limit: ByteSize | None = Field(
        default=None, gt=0, description='a number of bytes, or a text like "4 GB"'
    )
    draws: Count | Literal["auto"] = Field(default=64, description=f'{_COUNT} or "auto"')
    rtol: float = Field(default=0.005, gt=0, description="a number above 0")
    predict: bool | Literal["auto"] = Field(default="auto", description='true, false or "auto"')


class Plot(_Table):
    quantity: Quantity | Annotated[list[Quantity], Field(min_length=1)] | None = None
    statistic: Literal["mean", "median"] = "mean"
    logy: bool | Literal["auto"] = Field(default="auto", description='true, false or "auto"')
    logx: bool = Field(default=False, description="true or false")


class Config(_Table):
    problem: Annotated[
        LinearGaussian | LinearClassification | RandomFeatures | Data, Field(discriminator="kind")
    ] = Field(
        description="a table with kind = linear_gaussian, linear_classification, random_features "
        "or data"
    )
    run: Run = Field(description="a table with n, sizes and nonzeros")
    plot: Plot = Field(default=Plot(), description="a table")


@dataclass(frozen=True)
class Experiment:
    """A checked config, its text, and the folder that its paths are relative to.

    `name` begins the messages of errors.
    """

    config: Config
    name: str
    text: str
    folder: Path


def load(path: str | os.PathLike[str]) -> Experiment:
    """Reads and checks a config.

    Raises
    ------
    ConfigError
        With one line that names the field, what was expected and what came.
    """
    return parse(text_of(path), os.fspath(path), Path(path).resolve().parent)


def parse(text: str, name: str, folder: Path) -> Experiment:
    """Checks a config's text; `name` begins messages, and paths are relative to `folder`."""
    check_structure(text, name)
    try:
        raw = tomllib.loads(text)
    # Also for integers of thousands of digits and deep nesting.
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name}: not valid TOML: {error}") from None
    try:
        config = Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(f"{name}: {first_problem(error, Config)}") from None
    return Experiment(config, name, text, folder)


def build_problem(experiment: Experiment) -> Problem:
    """The problem that the config describes."""
    table = experiment.config.problem
    with naming(experiment, "problem"):
        if isinstance(table, LinearGaussian):
            return _linear_gaussian(table)
        if isinstance(table, LinearClassification):
            from ..problems.classification import LinearClassificationProblem

            return LinearClassificationProblem.of_field(_linear_gaussian(table))
        if isinstance(table, RandomFeatures):
            from ..problems.feature_problem import RandomFeatureProblem

            return RandomFeatureProblem.draw(
                table.features,
                table.dim,
                noise_std=table.noise_std,
                activation=table.activation,
                link=table.link,
                seed=table.seed,
            )
        return _data(table, experiment.folder)


def _linear_gaussian(table: _Linear) -> LinearGaussianProblem:
    from .. import spectra
    from ..problems.problem import LinearGaussianProblem

    p, chosen = table.p, table.spectrum
    covariance: FloatArray
    if isinstance(chosen, Spiked):
        covariance = spectra.spiked(p, chosen.spikes, chosen.value)
    elif isinstance(chosen, PowerLaw):
        covariance = spectra.power_law(p, chosen.exponent)
    elif isinstance(chosen, Autoregressive):
        i = np.arange(p)
        covariance = np.float64(chosen.rho) ** np.abs(i[:, None] - i)
    else:
        covariance = spectra.isotropic(p)
    return LinearGaussianProblem(_beta(table.beta, p), covariance, table.noise_std)


def _beta(table: ConstantBeta | NormalBeta | SparseBeta | ValuesBeta, p: int) -> FloatArray:
    if isinstance(table, ValuesBeta):
        return np.array(table.values)
    if isinstance(table, NormalBeta):
        from ..fits.random import standard_normal

        scale = p**-0.5 if table.scale is None else table.scale
        return scale * standard_normal((p,), seed=table.seed)
    count = table.count if isinstance(table, SparseBeta) else p
    beta = np.zeros(p)
    beta[:count] = count**-0.5 if table.value is None else table.value
    return beta


def _data(table: Data, folder: Path) -> Problem:
    from .. import datasets
    from ..problems.data_problem import DataProblem

    path = None if table.path is None else folder / table.path
    parts = datasets.load(table.dataset, path, test_size=table.test_size, seed=table.split_seed)
    own = ("features", "activation", "seed", "task", "center", "feature_names")
    options = {name: getattr(table, name) for name in own}
    return DataProblem(*parts, **options)


@contextmanager
def naming(experiment: Experiment, table: str) -> Iterator[None]:
    """Errors of the package, which begin with an argument, as errors of that field."""
    fields = type(getattr(experiment.config, table)).model_fields
    try:
        yield
    except (ConfigError, StoreError):
        raise
    except MemoryError as error:
        large = " or ".join(f"{table}.{name}" for name in _LARGE if name in fields)
        raise ConfigError(
            f"{experiment.name}: {large} is too large for the memory: {error}"
        ) from error
    except (ValueError, TypeError, OSError, ImportError, NotImplementedError) as error:
        message = str(error)
        leaf = re.split(r"[^a-z_]", message, maxsplit=1)[0]
        joint = "." if leaf in fields else ": "
        raise ConfigError(f"{experiment.name}: {table}{joint}{message}") from error
