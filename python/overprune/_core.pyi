"""Types of the compiled core. The Python layer validates and documents the arguments."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_Variable = tuple[tuple[str, ...], _Floats]  # names of dimensions, slowest first, and numbers
_Function = str | Callable[[_Floats], _Floats]

__version__: str

class Problem:
    @property
    def features(self) -> int: ...
    @property
    def targets(self) -> int: ...
    @property
    def has_labels(self) -> bool: ...
    @property
    def redraws_cheaply(self) -> bool: ...
    def sample(self, n: int, seed: int, stream: int, /) -> tuple[_Floats, _Floats]: ...
    def oracle_scores(self, k: int, /) -> _Floats: ...

LOSSES: tuple[str, ...]

# A loss is its name, or an object with name, value(y, f) and prox(y, field, V).

def check_convex(loss: Any, /) -> None: ...
def check_loss(problem: Problem, loss: Any, n: float, size: float, ridge: float, /) -> None: ...
def loss_value(loss: Any, y: _Floats, f: _Floats, /) -> _Floats: ...
def loss_derivative(loss: Any, y: _Floats, f: _Floats, /) -> _Floats: ...
def loss_prox(loss: Any, y: _Floats, field: _Floats, V: float, /) -> _Floats: ...
def loss_prox_derivative(loss: Any, y: _Floats, field: _Floats, V: float, /) -> _Floats: ...

class LinearClassificationProblem(Problem):
    def __init__(self, field: LinearGaussianProblem, /) -> None: ...
    @property
    def signal(self) -> float: ...
    @property
    def bayes_error(self) -> float: ...
    def regression(self) -> LinearGaussianProblem: ...
    def error(self, theta: _Floats, /) -> _Floats: ...
    def overlaps(self, theta: _Floats, /) -> tuple[_Floats, _Floats]: ...

class LinearGaussianProblem(Problem):
    def __init__(
        self,
        beta: _Floats,
        covariance: _Floats,
        noise_std: float,
        noise_covariance: _Floats | None,
        /,
    ) -> None: ...
    @property
    def noise_std(self) -> float: ...
    @property
    def noise_floor(self) -> float: ...
    @property
    def noise_covariance(self) -> _Floats: ...
    @property
    def diagonal(self) -> bool: ...
    @property
    def beta(self) -> _Floats: ...
    @property
    def variances(self) -> _Floats: ...
    @property
    def covariance(self) -> _Floats: ...
    @property
    def null_risk(self) -> float: ...
    def restrict(self, features: Sequence[int], /) -> LinearGaussianProblem: ...
    def risk(self, theta: _Floats, /) -> _Floats: ...

class RandomFeatureProblem(Problem):
    def __init__(
        self,
        weights: _Floats,
        teacher: _Floats,
        noise_std: float,
        activation: _Function,
        bias: _Floats | None,
        link: _Function,
        /,
    ) -> None: ...
    @property
    def null_risk(self) -> float: ...
    def equivalent(self) -> LinearGaussianProblem: ...

class DataProblem(Problem):
    def __init__(
        self,
        inputs: _Floats,
        targets: _Floats,
        test_inputs: _Floats,
        test_targets: _Floats,
        classes: bool,
        features: int,
        activation: _Function,
        seed: int,
        /,
    ) -> None: ...
    def test_features(self, stream: int, test_rows: int, /) -> _Floats: ...

ACTIVATIONS: tuple[str, ...]

def build_info() -> dict[str, Any]: ...
def random_features(
    inputs: _Floats, weights: _Floats, activation: _Function, bias: _Floats | None, workers: int, /
) -> _Floats: ...
def drawn_features(
    inputs: _Floats,
    count: int,
    seed: int,
    stream: int,
    activation: _Function,
    bias: _Floats | None,
    workers: int,
    /,
) -> _Floats: ...
def least_squares_path(
    x: _Floats,
    y: _Floats,
    sizes: Sequence[int],
    ridge: float,
    want_info: bool,
    workers: int = ...,
    /,
) -> tuple[_Floats, list[int], list[float]]: ...
def classifier_path(
    x: _Floats,
    y: _Floats,
    sizes: Sequence[int],
    loss: object,
    ridge: float,
    workers: int = ...,
    /,
) -> tuple[_Floats, list[int], list[float]]: ...
def retrain_path(
    x: _Floats,
    y: _Floats,
    order: Sequence[int],
    nonzeros: Sequence[int],
    ridge: float,
    workers: int = ...,
    /,
) -> _Floats: ...
def prune_path(
    x: _Floats,
    y: _Floats,
    grid: Grid,
    curvature: _Floats | None,
    truth: _Floats | None,
    seed: int,
    stream: int,
    workers: int,
    /,
) -> dict[str, Any]: ...
def estimate_risk(
    x: _Floats,
    y: _Floats,
    grid: Grid,
    curvature: _Floats | None,
    seed: int,
    stream: int,
    workers: int,
    /,
) -> dict[str, Any]: ...
def lasso_path(
    X: _Floats, y: _Floats, nonzeros: Sequence[int], ridge: float
) -> tuple[_Floats, _Floats, _Ints, _Floats]: ...
def lasso_at(
    X: _Floats, y: _Floats, penalties: Sequence[float], ridge: float
) -> tuple[_Floats, _Floats, _Ints, _Floats]: ...

class LayerOptions:
    rule: str
    nonzeros: int
    whole_layer: bool
    kept: int
    group: int
    refit: bool
    damping: float
    tune_damping: bool
    folds: int
    seed: int
    def __init__(self, **fields: Any) -> None: ...

LAYER_RULES: tuple[str, ...]

def prune_layer_rows(
    weight: _Floats, inputs: _Floats, options: LayerOptions, workers: int, /
) -> dict[str, Any]: ...
def prune_layer_moment(
    weight: _Floats,
    second_moment: _Floats,
    rows: int,
    options: LayerOptions,
    workers: int,
    /,
) -> dict[str, Any]: ...
def prune_layer_bytes(m: int, p: int, options: LayerOptions, workers: int, /) -> float: ...

RULES: dict[str, tuple[str, bool, int, bool, bool, bool]]

def importance(theta: _Floats, curvature_power: int, curvature: _Floats | None, /) -> _Floats: ...
def keep_largest(
    theta: _Floats,
    ranked: _Floats,
    curvature_power: int,
    curvature: _Floats | None,
    k: int,
    /,
) -> _Floats: ...
def compensate(theta: _Floats, support: Sequence[int], hessian: _Floats, /) -> _Floats: ...
def top_k(scores: _Floats, k: int, /) -> _Ints: ...
def finite_doubles(value: Any, /) -> int: ...
def any_negative(values: _Floats, /) -> bool: ...
def standard_normal(
    count: int, seed: int, stream: int, purpose: int, workers: int = ..., /
) -> _Floats: ...
def uniform(count: int, seed: int, stream: int, purpose: int, workers: int = ..., /) -> _Floats: ...

PURPOSE_USER: int
PURPOSE_SCORES: int
PURPOSE_FEATURES: int
PURPOSE_BIAS: int
PURPOSE_SIGNAL: int

STAGES: tuple[str, ...]
LEAST_SCHEDULE_DRAWS: int

# Structs of the C++ library: keywords of the constructor that are not given have its defaults.

class Grid:
    sizes: list[int]
    nonzeros: list[int]
    rules: list[str]
    retrain: bool
    ridge: float
    retrain_ridge: float
    compensate: bool
    penalties: list[float]
    loss: Any
    def __init__(self, **fields: Any) -> None: ...

class RealGrid:
    sizes: list[float]
    nonzeros: list[float]
    rules: list[str]
    retrain: bool
    ridge: float
    retrain_ridge: float
    compensate: bool
    loss: Any
    def __init__(self, **fields: Any) -> None: ...

class Schedule:
    size: int
    nonzeros: list[int]
    rules: list[str]
    ridge: float
    retrain_ridge: float
    def __init__(self, **fields: Any) -> None: ...

class Trials:
    n: int
    first: int
    count: int
    seed: int
    workers: int
    sample_curvature: bool
    design_limit: int | None
    def __init__(self, **fields: Any) -> None: ...

class DrawOptions:
    draws: int
    rtol: float
    seed: int
    workers: int
    def __init__(self, **fields: Any) -> None: ...

class PhasePoint:
    problem: int
    n: float
    nonzeros: float
    sizes: list[float]
    def __init__(self, **fields: Any) -> None: ...

class PhaseOptions:
    rules: list[str]
    retrain: bool
    ridge: float
    retrain_ridge: float
    workers: int
    def __init__(self, **fields: Any) -> None: ...

def simulate(
    problem: Problem,
    grid: Grid,
    trials: Trials,
    ends: Sequence[int],
    progress: Callable[[int], None] | None,
    take: Callable[[int, dict[str, _Variable]], object],
) -> None:
    """Runs ends[-1] trials. take(i, table) gets those before ends[i] that it has not had yet,
    as soon as they are there."""

def simulated_table(problem: Problem, grid: Grid) -> dict[str, _Variable]:
    """The table of `simulate` without any trials."""

def judge_path(
    problem: Problem,
    grid: Grid,
    dense: _Floats,
    order: _Ints,
    retrained: _Floats | None,
    lasso: dict[str, Any] | None,
    stream: int,
) -> dict[str, _Variable]:
    """Risks and accuracies of the models of `prune_path`, in the order of `simulate`'s table."""

def worker_memory(
    problem: Problem, grid: Grid, n: int, design_limit: int | None = ..., threads: int = ...
) -> tuple[int, int, int]:
    """Bytes of one worker of `simulate` with so many threads inside a trial: X (0 where its columns
    are drawn anew), what else its sampler holds, what its solvers hold."""

def simulate_schedule(
    problem: Problem,
    schedule: Schedule,
    trials: Trials,
    progress: Callable[[int], None] | None,
) -> dict[str, _Variable]: ...
def simulated_schedule_table(problem: Problem, schedule: Schedule) -> dict[str, _Variable]:
    """The table of `simulate_schedule` without any trials."""

def predict_schedule(
    problem: LinearGaussianProblem, n: int, schedule: Schedule, options: DrawOptions
) -> dict[str, _Variable]: ...
def fixed_point(eigenvalues: _Floats, n: int, ridge: float, /) -> float: ...
def coefficient_law(
    eigenvalues: _Floats, beta: _Floats, noise_std: float, n: int, ridge: float, /
) -> tuple[_Floats, _Floats]: ...

class GroupedFeatures:
    def __init__(self, eigenvalues: _Floats, beta: _Floats, noise_std: float, /) -> None: ...
    @staticmethod
    def of_blocks(
        eigenvalues: _Floats,
        weights: _Floats,
        signal: _Floats,
        gaussian: Sequence[bool],
        noise_std: float,
        /,
    ) -> GroupedFeatures: ...
    @property
    def total(self) -> float: ...
    @property
    def null_risk(self) -> float: ...
    @property
    def runs(self) -> int: ...
    @property
    def atoms(self) -> int: ...

def model_law(
    problem: LinearGaussianProblem, n: int, ridge: float, /
) -> tuple[_Floats, _Floats, _Floats, bool]: ...
def dense_equivalent(problem: LinearGaussianProblem, /) -> LinearGaussianProblem: ...
def survival(
    problem: LinearGaussianProblem,
    n: int,
    size: int,
    nonzeros: Sequence[int],
    rule: str,
    ridge: float,
    draws: int,
    seed: int,
    workers: int,
    /,
) -> dict[str, Any]: ...
def sample_models(
    problem: LinearGaussianProblem,
    n: int,
    size: int,
    nonzeros: int,
    rule: str,
    retrain: bool,
    ridge: float,
    retrain_ridge: float,
    draws: int,
    seed: int,
    workers: int,
    /,
) -> dict[str, Any]: ...
def coefficient_density(
    problem: LinearGaussianProblem,
    n: int,
    size: int,
    nonzeros: int,
    rule: str,
    retrain: bool,
    ridge: float,
    retrain_ridge: float,
    edges: _Floats,
    features: Sequence[int],
    draws: int,
    seed: int,
    workers: int,
    /,
) -> dict[str, _Floats]: ...
def sample_classifiers(
    problem: LinearClassificationProblem,
    loss: Any,
    n: int,
    size: int,
    nonzeros: int,
    rule: str,
    retrain: bool,
    ridge: float,
    retrain_ridge: float,
    draws: int,
    seed: int,
    workers: int,
    /,
) -> dict[str, Any]: ...
def classifier_density(
    problem: LinearClassificationProblem,
    loss: Any,
    n: int,
    size: int,
    nonzeros: int,
    rule: str,
    retrain: bool,
    ridge: float,
    retrain_ridge: float,
    edges: _Floats,
    features: Sequence[int],
    draws: int,
    seed: int,
    workers: int,
    /,
) -> dict[str, _Floats]: ...
def predict(features: GroupedFeatures, n: float, grid: RealGrid, /) -> dict[str, _Variable]: ...
def grouped_survival(
    features: GroupedFeatures, n: float, size: float, nonzeros: float, rule: str, ridge: float, /
) -> tuple[_Floats, float, float]:
    """Survival probability of each feature (of each block of a Spectrum; 0 beyond the first
    `size`), the threshold on the coefficients, and the expected share of the support that the
    oracle keeps too."""

def predict_labels(
    problem: LinearClassificationProblem,
    trainings: Sequence[tuple[int, float]],
    grid: Grid,
    options: DrawOptions,
    /,
) -> list[dict[str, _Variable]]:
    """A table for each training, a pair of n and ridge."""

def label_law(
    problem: LinearClassificationProblem, n: int, ridge: float, loss: Any, /
) -> tuple[LinearGaussianProblem | None, float]:
    """The regression whose trained coefficients have the same law, and its ridge."""

def predict_drawn(
    problem: LinearGaussianProblem,
    trainings: Sequence[tuple[int, float]],
    grid: Grid,
    options: DrawOptions,
    test_features: _Floats | None,
    test_targets: _Floats | None,
    /,
) -> list[dict[str, _Variable]]:
    """A table for each training, a pair of n and ridge."""

def phase(
    problems: Sequence[GroupedFeatures],
    points: Sequence[PhasePoint],
    options: PhaseOptions,
    /,
) -> dict[str, _Floats]: ...
