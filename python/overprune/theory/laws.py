"""Laws of the models: who survives pruning, and draws of models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .. import _validation as check
from .._provenance import describe
from .._validation import IntArray
from .._version import __version__
from ..losses import Loss, as_loss, core_loss
from ..problems.classification import LinearClassificationProblem
from ..problems.problem import LinearGaussianProblem, Problem, as_problem
from ..problems.spectrum import Spectrum
from .predict import predicted_by, trained_as

if TYPE_CHECKING:
    import xarray as xr


def survival(
    problem: Problem | Spectrum,
    n: float,
    size: float,
    nonzeros: float | Sequence[float],
    *,
    rule: str = "magnitude",
    ridge: float = 0.0,
    loss: str | Loss = "square",
    draws: int = 4096,
    seed: int = 0,
    workers: int | None = None,
) -> xr.Dataset:
    """Compute the probability that each feature survives pruning, without any data.

    ``P(feature i is among the s of largest score)``, in the limit of many samples and features, and
    what share of the oracle's support survives. For independent features with one target
    ``P(|theta_i| > t)``, theta_i of `coefficient_law` and t such that s features are expected to
    survive.

    Parameters
    ----------
    problem : Problem or Spectrum
        RandomFeatureProblem and DataProblem are replaced by their equivalent linear Gaussian
        problem or, for a loss of labels, their equivalent_labels(). Of a Spectrum, n, size and
        nonzeros are real numbers above 0 in the unit of its weights.
    n : int
        Samples, at least 1.
    size : int
        In [1, p]: the first `size` features are trained.
    nonzeros : int or sequence of int
        Survivors, in [1, size]; a strictly increasing sequence adds the dimension nonzeros.
    rule : str, default "magnitude"
        A pruning rule, as in `importance`.
    ridge : float, default 0.0
        Of the training, at least 0.
    loss : {"square", "logistic", "hinge"} or Loss, default "square"
        Of the training; all but "square" need labels.
    draws : int, default 4096
        Draws of the trained model, at least 1, used in antithetic pairs, for the rules magnitude
        and hessian of correlated features or several targets; the rest is exact.
    seed : int, default 0
        In [0, 2**64): of the draws.
    workers : int, optional
        Threads for the draws, at least 1; by default one per core that this process may use. Does
        not change the result.

    Returns
    -------
    xarray.Dataset
        probability (feature), which sums to nonzeros; threshold, that survivors exceed:
        ``|theta_i|`` (the norm of the row, with several targets), times ``sqrt(Sigma_ii)`` for
        "hessian", the oracle's own ``|beta_i| sqrt(Sigma_ii)`` for "oracle", NaN for "random";
        overlap, the expected share of the survivors that the oracle would keep; oracle (feature),
        whether it would keep the feature. Where draws were needed also probability_stderr,
        threshold_stderr and overlap_stderr. Of a Spectrum probability (block) is that of a feature
        of the block, 0 beyond the first `size`, and oracle is left out. The coordinate feature is
        the feature's name where the problem has feature_names, else its index.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.
    KeyboardInterrupt
        Within a second of Ctrl-C.

    Warns
    -----
    UserWarning
        For a DataProblem whose test set is small; see its equivalent().

    References
    ----------
    docs/theory.md, sections 4 and 5; Chang, Li, Oymak, Thrampoulidis (2021) for the law of theta.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> beta = np.repeat([1 / 6, 0.0], [40, 560])
    >>> problem = op.LinearGaussianProblem(beta, op.spectra.isotropic(600), noise_std=0.3)
    >>> table = op.survival(problem, n=300, size=600, nonzeros=[40, 80])
    >>> print(table.probability.sel(feature=[0, 40]).values.round(3))
    [[0.813 0.013]
     [0.944 0.075]]
    >>> print(table.overlap.values.round(3))
    [0.813 0.51 ]
    """
    several = check.is_sequence(nonzeros)
    if isinstance(problem, Spectrum):
        return _survival_of_spectrum(problem, n, size, nonzeros, rule, ridge, several)
    samples = check.integer(n, "n", lowest=1)
    features = check.integer(size, "size", lowest=1, highest=as_problem(problem).p)
    counts = check.increasing(nonzeros, "nonzeros", highest=features)
    name = check.cutting_rule(rule, "survival")
    strength = check.nonnegative(ridge, "ridge")
    number = check.integer(draws, "draws", lowest=1, highest=2**31)
    key, threads = check.seed(seed), check.workers(workers)
    linear, own = trained_as(problem, samples, features, strength, loss)
    found = _core.survival(linear._core, samples, features, counts, name, own, number, key, threads)
    drawn = "probability_stderr" in found
    found["oracle"] = found["oracle"].astype(bool)
    settings = {"n": samples, "size": features, "rule": name, "ridge": strength}
    settings |= {"loss": as_loss(loss).label, "draws": number if drawn else 0, "seed": str(key)}
    variables = _survivals(found, "feature", several)
    coordinates = {
        "nonzeros": counts if several else counts[0],
        "feature": features_of(problem, features),
    }
    return law_table("survival", problem, variables, coordinates, settings)


def features_of(problem: Problem, size: int) -> Any:
    """The coordinate of the first `size` features: their names, or their indices."""
    names = problem.feature_names
    return np.arange(size) if names is None else np.array(names[:size])


def _survivals(found: dict[str, Any], last: str, several: bool) -> dict[str, Any]:
    """Variables of the table from arrays whose first axis is nonzeros, kept where there are
    several."""
    variables = {}
    for name, values in found.items():
        dims = ("nonzeros", last)[: values.ndim]
        kept = (dims, values) if several else (dims[1:], values[0])
        variables[name] = (*kept, {"long_name": LONG_NAMES[name]})
    return variables


def _survival_of_spectrum(
    spectrum: Spectrum, n: Any, size: Any, nonzeros: Any, rule: Any, ridge: Any, several: bool
) -> xr.Dataset:
    samples = check.positive(n, "n")
    total = check.positive(size, "size", highest=spectrum.p)
    counts = check.increasing_reals(nonzeros, "nonzeros", highest=total)
    name = check.cutting_rule(rule, "survival")
    strength = check.nonnegative(ridge, "ridge")
    rows = [
        _core.grouped_survival(spectrum._core, samples, total, s, name, strength) for s in counts
    ]
    columns = zip(("probability", "threshold", "overlap"), zip(*rows, strict=True), strict=True)
    found = {key: np.array(values) for key, values in columns}
    if name == "random":
        found["threshold"][:] = np.nan
    variables = _survivals(found, "block", several)
    settings = {"n": samples, "size": total, "rule": name, "ridge": strength, "draws": 0}
    return law_table(
        "survival", spectrum, variables, {"nonzeros": counts if several else counts[0]}, settings
    )


def sample_coefficients(
    problem: Problem,
    n: int,
    size: int,
    nonzeros: int,
    *,
    rule: str = "magnitude",
    retrain: bool = True,
    ridge: float = 0.0,
    retrain_ridge: float = 0.0,
    loss: str | Loss = "square",
    draws: int = 64,
    seed: int = 0,
    workers: int | None = None,
) -> xr.Dataset:
    """Draw whole models - trained, pruned, retrained - from their law, without any data.

    theta of `coefficient_law`; S, its s largest scores; and the model retrained on S given theta,
    which remembers the noise of the first training. In the limit of many samples and features,
    averages over the coefficients of a draw are those of a model trained on n samples.

    Parameters
    ----------
    problem : Problem
        RandomFeatureProblem and DataProblem are replaced by their equivalent linear Gaussian
        problem or, for a loss of labels, their equivalent_labels().
    n : int
        Samples, at least 1.
    size : int
        In [1, p]: the first `size` features are trained.
    nonzeros : int
        Survivors s, in [1, size].
    rule : str, default "magnitude"
        A pruning rule, as in `importance`.
    retrain : bool, default True
        Whether to draw the retrained model too.
    ridge, retrain_ridge : float, default 0.0
        Of the first and of the second training, at least 0.
    loss : {"square", "logistic", "hinge"} or Loss, default "square"
        Of both trainings; all but "square" need labels.
    draws : int, default 64
        At least 1. Draws 2 i and 2 i + 1 have opposite noise in the first training.
    seed : int, default 0
        In [0, 2**64). A draw is a function of the seed and its number.
    workers : int, optional
        Threads, at least 1; by default one per core that this process may use. Does not change the
        result.

    Returns
    -------
    xarray.Dataset
        dense (draw, feature): the trained coefficients; support (draw, survivor): the surviving
        features, ascending; surviving and retrained (draw, survivor): their coefficients before and
        after retraining. With several targets the coefficients have a last dimension target. The
        coordinate feature is as in `survival`: ``table.feature[table.support]`` are the survivors
        by name.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, or coefficients have infinite variance:
        without ridge at size == n, or after retraining at nonzeros == n; or if the equations of a
        classifier have not been solved.
    KeyboardInterrupt
        Within a second of Ctrl-C.

    Warns
    -----
    UserWarning
        For a DataProblem whose test set is small; see its equivalent().

    References
    ----------
    docs/theory.md, sections 6, 9 and, for labels, 11 (this project's own).

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> beta, variances = np.full(600, 0.04), op.spectra.isotropic(600)
    >>> problem = op.LinearGaussianProblem(beta, variances, noise_std=0.3)
    >>> models = op.sample_coefficients(problem, n=300, size=600, nonzeros=60, draws=8)
    >>> dict(models.retrained.sizes)
    {'draw': 8, 'survivor': 60}
    >>> bool(abs(models.surviving).min() > abs(models.dense).median())
    True
    """
    point = CheckedPoint.of(problem, n, size, nonzeros, rule, retrain, ridge, retrain_ridge, loss)
    number = check.integer(draws, "draws", lowest=1, highest=2**31)
    key, threads = check.seed(seed), check.workers(workers)
    found = point.ask(_core.sample_models, _core.sample_classifiers, number, key, threads)
    support: IntArray = found["support"]
    found["surviving"] = np.take_along_axis(found["dense"], support[:, :, None], axis=1)
    single = point.linear.targets == 1
    variables: dict[str, Any] = {
        "support": (("draw", "survivor"), support, {"long_name": "feature"})
    }
    for stage in ("dense", "surviving", "retrained"):
        if stage not in found:
            continue
        dims = ("draw", "feature" if stage == "dense" else "survivor", "target")
        text = {"long_name": LONG_NAMES[stage]}
        variables[stage] = (
            (dims[:2], found[stage][..., 0], text) if single else (dims, found[stage], text)
        )
    coordinates = {"draw": np.arange(number), "feature": features_of(problem, point.size)}
    attributes = {**point.attributes, "draws": number, "seed": str(key)}
    return law_table("sample_coefficients", problem, variables, coordinates, attributes)


LONG_NAMES = {
    "probability": "probability of survival",
    "threshold": "smallest score of a survivor",
    "overlap": "share of the survivors in the oracle's support",
    "oracle": "whether in the oracle's support",
    "probability_stderr": "standard error of the probability of survival",
    "threshold_stderr": "standard error of the threshold",
    "overlap_stderr": "standard error of the overlap",
    "dense": "trained coefficients",
    "surviving": "surviving coefficients",
    "retrained": "retrained coefficients",
}


@dataclass(frozen=True)
class CheckedPoint:
    """One point of the grid of a problem: the checked arguments of a law."""

    linear: LinearGaussianProblem | LinearClassificationProblem
    n: int
    size: int
    nonzeros: int
    rule: str
    retrain: bool
    ridge: float
    retrain_ridge: float
    loss: Loss

    @classmethod
    def of(
        cls,
        problem: Problem,
        n: Any,
        size: Any,
        nonzeros: Any,
        rule: Any,
        retrain: Any,
        ridge: Any,
        retrain_ridge: Any,
        loss: Any,
        user: str = "a law of coefficients",
    ) -> CheckedPoint:
        given = as_loss(loss)
        linear = predicted_by(problem, given)
        samples = check.integer(n, "n", lowest=1)
        features = check.integer(size, "size", lowest=1, highest=linear.p)
        return cls(
            linear,
            samples,
            features,
            check.integer(nonzeros, "nonzeros", lowest=1, highest=features),
            check.cutting_rule(rule, user),
            check.flag(retrain, "retrain"),
            check.nonnegative(ridge, "ridge"),
            check.nonnegative(retrain_ridge, "retrain_ridge"),
            given,
        )

    @property
    def attributes(self) -> dict[str, Any]:
        named = {"n": self.n, "size": self.size, "nonzeros": self.nonzeros, "rule": self.rule}
        named |= {"retrain": int(self.retrain), "ridge": self.ridge}
        return {**named, "retrain_ridge": self.retrain_ridge, "loss": self.loss.label}

    def ask(
        self,
        of_regression: Callable[..., dict[str, Any]],
        of_classifier: Callable[..., dict[str, Any]],
        *rest: Any,
    ) -> dict[str, Any]:
        """What a function of the core says about the point, given the rest of its arguments."""
        trainings = (self.ridge, self.retrain_ridge)
        point = (self.n, self.size, self.nonzeros, self.rule, self.retrain, *trainings, *rest)
        if isinstance(self.linear, LinearClassificationProblem):
            return of_classifier(self.linear._core, core_loss(self.loss), *point)
        return of_regression(self.linear._core, *point)


def law_table(
    kind: str,
    problem: Problem | Spectrum,
    variables: dict[str, Any],
    coordinates: dict[str, Any],
    attributes: dict[str, Any],
) -> xr.Dataset:
    import xarray as xr

    seed = int(attributes["seed"]) if "seed" in attributes else None
    facts = {
        "kind": kind,
        "overprune_version": __version__,
        **attributes,
        **describe(problem, seed),
    }
    return xr.Dataset(variables, coordinates, facts)
