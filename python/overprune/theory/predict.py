"""Predicted risks: closed forms for independent features, draws of the coefficients' law for the
rest."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .. import _validation as check
from .._provenance import describe
from .._table import Arrays, Grid
from .._validation import FloatArray
from ..losses import Loss, as_loss, core_loss
from ..problems.classification import LinearClassificationProblem, label_problem
from ..problems.data_problem import DataProblem
from ..problems.problem import LinearGaussianProblem, Problem, as_problem
from ..problems.spectrum import Spectrum
from .by_size import BySize, part_of

if TYPE_CHECKING:
    import xarray as xr

_Block = Callable[[float, float], Arrays]


def predict(
    problem: Problem | Spectrum,
    n: float | Sequence[float],
    sizes: Sequence[float],
    nonzeros: Sequence[float],
    *,
    rules: Sequence[str] = ("magnitude",),
    retrain: bool = True,
    ridge: float | Sequence[float] = 0.0,
    retrain_ridge: float = 0.0,
    compensate: bool = False,
    loss: str | Loss = "square",
    draws: int | str = 64,
    rtol: float = 0.005,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Predict the risk or test error of dense, pruned and retrained models, without any data.

    The limit, for many samples and features in fixed proportion, of the test risk ``R(theta) = E (y
    - x'theta)**2`` (summed over targets) that `simulate` measures, in a table of the same form. The
    retrained risk takes account of the support having been chosen with the data that it is trained
    on again.

    Parameters
    ----------
    problem : Problem or Spectrum
        Random features and data are predicted by their equivalent(): the linear Gaussian problem
        with the same second moments. Of a Spectrum, n, sizes and nonzeros are real numbers above 0
        in the unit of its weights. A LinearClassificationProblem, and with a loss of labels also
        random features with link="sign" and data of two classes (their equivalent_labels()), have
        test errors in place of risks.
    n : int or increasing sequence of int
        Samples, at least 1; a sequence adds the dimension n to the table.
    sizes : sequence of int
        Strictly increasing in [1, p]: the first k features are trained.
    nonzeros : sequence of int
        Strictly increasing in [1, p]. nonzeros == size: pruned equals dense; nonzeros > size: NaN.
    rules : sequence of str, default ("magnitude",)
        Pruning rules, as in `importance`, and "lasso": its pruned model is the lasso (with ridge
        the elastic net) of s nonzeros, its retrained model least squares on its support. For one
        target.
    retrain : bool, default True
        Whether to train again on the support.
    ridge : float or sequence of float, default 0.0
        Of the first training, at least 0; a sequence adds the dimension ridge.
    retrain_ridge : float, default 0.0
        Of the second training, at least 0.
    compensate : bool, default False
        Whether to predict, too, pruned models whose survivors make up for the deleted features; see
        `simulate`.
    loss : {"square", "logistic", "hinge"} or Loss, default "square"
        What both trainings minimise, besides the ridge; all but "square" need labels -1 and 1.
    draws : int or "auto", default 64
        Draws of the coefficients' law, used in antithetic pairs, for correlated features or several
        targets; "auto" doubles them until every relative standard error is below rtol (at most
        131,072). Independent features with one target need none: their risks are exact.
    rtol : float, default 0.005
        Positive; read by draws="auto".
    seed : int, default 0
        In [0, 2**64): of the draws.
    workers : int, optional
        Threads for the draws, at least 1; by default one per core that this process may use. Does
        not change the result.
    progress : bool, default False
        Show a progress bar with the time left once the prediction has taken two seconds.

    Returns
    -------
    xarray.Dataset
        dense_risk (size); pruned_risk, retrained_risk (rule, size, nonzeros), in the units of y
        squared; with compensate also compensated_risk; with the rule "lasso" also pruned_penalty,
        its kappa (of a Spectrum, the square root of p times it), NaN for other rules. Infinite
        where the limit diverges: dense and pruned at size == n without ridge, retrained at
        nonzeros == n without ridge. Where draws
        were needed, the standard errors pruned_risk_stderr, retrained_risk_stderr (0 where a risk
        is exact) and draws (size). For a DataProblem with class labels also dense_accuracy,
        pruned_accuracy, retrained_accuracy (NaN where its risk is infinite) on its test set, by at
        most 32 of the draws, and their standard errors. Of classifiers dense_error, pruned_error,
        retrained_error and, with the same dimensions, what they are made of: teacher_overlap
        ``theta'Sigma beta`` and self_overlap ``theta'Sigma theta`` of each stage; NaN where the
        equations have not been solved. Its attributes repeat the run.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range.
    KeyboardInterrupt
        Within a second of Ctrl-C.

    Warns
    -----
    UserWarning
        Where nonzeros are above n for the rule "lasso" without ridge, whose paths end there: NaN.
        For a DataProblem whose test set is small; see its equivalent(). Where equations of a
        classifier have not been solved.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021) for dense and pruned, docs/theory.md, Eqs. (10) and (16);
    retrained is this project's own, Eqs. (21)-(23), and for correlated features and several targets
    sections 6 and 9; the lasso: section 10, classifiers: section 11.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> variances = op.spectra.spiked(1500, 150, 25.0)
    >>> problem = op.LinearGaussianProblem(np.full(1500, 1500**-0.5), variances, noise_std=0.3)
    >>> table = op.predict(problem, 450, [150, 1500], [150], rules=("magnitude", "hessian"))
    >>> print(table.dense_risk.values.round(3))
    [1.485 1.133]
    >>> print(table.pruned_risk.sel(size=1500, nonzeros=150).values.round(3))
    [2.474 1.344]
    >>> print(table.retrained_risk.sel(size=1500, nonzeros=150).values.round(3))
    [3.196 1.644]
    >>> features = op.RandomFeatureProblem.draw(90, 10, noise_std=0.3, seed=0)
    >>> table = op.predict(features, 30, [30, 90], [10])
    >>> for name in sorted(table.data_vars):
    ...     print(name)
    dense_risk
    draws
    pruned_risk
    pruned_risk_stderr
    retrained_risk
    retrained_risk_stderr

    A classifier that is pruned to an eighth and trained again:

    >>> covariance = 0.6 ** abs(np.subtract.outer(np.arange(400), np.arange(400)))
    >>> beta = np.repeat([40**-0.5, 0.0], [40, 360])
    >>> labels = op.LinearClassificationProblem(beta, covariance, noise_std=0.3)
    >>> table = op.predict(labels, 240, [400], [50], loss="logistic", ridge=0.1, retrain_ridge=0.1)
    >>> print(table.dense_error.values.round(3), table.retrained_error.values.round(2).ravel())
    [0.168] [0.11]
    """
    axes = {
        "rules": rules,
        "retrain": retrain,
        "ridge": ridge,
        "retrain_ridge": retrain_ridge,
        "compensate": compensate,
        "loss": loss,
    }
    grid: Grid[int] | Grid[float]
    if isinstance(problem, Spectrum):
        grid = Grid.of_reals(problem.p, n, sizes, nonzeros, **axes)
        if grid.loss.name != "square":
            raise no_labels(grid.loss)
    else:
        grid = Grid.of(as_problem(problem).p, n, sizes, nonzeros, **axes)
        if not isinstance(problem, DataProblem):
            grid.check_loss(problem._core)
    count = number_of_draws(draws)
    tolerance = check.positive(rtol, "rtol")
    key = check.seed(seed)
    threads = check.workers(workers)
    grid.check_paths(1 if isinstance(problem, Spectrum) else problem.targets)
    options = _core.DrawOptions(draws=count, rtol=tolerance, seed=key, workers=threads)
    labels = None if isinstance(problem, Spectrum) else label_problem(problem, grid.loss)
    features = grouped(problem)
    attributes: dict[str, Any] = {"draws": draws if count == 0 else count, "rtol": tolerance}
    attributes |= {"seed": str(key), **describe(problem, key)}
    with part_of(progress) as part:
        work = BySize.of(part, grid, is_drawn=features is None)
        if labels is not None:
            block = _labelled(labels, work, options)
        elif features is not None:
            block = _exact(features, work)
        else:
            block = _drawn(problem, work, options)
        table = grid.table("predict", block, attributes)
    if labels is not None:
        _warn_unsolved(table)
    return table


def no_labels(loss: Loss) -> ValueError:
    """The error of a loss of labels for a Spectrum, which has none."""
    return ValueError(
        f"loss must be square for a Spectrum, whose responses are numbers, got {loss.name}; "
        "labels are predicted for a LinearClassificationProblem"
    )


def linear_gaussian(problem: Problem) -> LinearGaussianProblem:
    """The problem itself, or its equivalent."""
    if isinstance(problem, LinearGaussianProblem):
        return problem
    if isinstance(problem, LinearClassificationProblem):
        raise ValueError(
            "problem must have numbers for responses, got a LinearClassificationProblem; "
            "its regression has the law of the square loss"
        )
    known: Any = as_problem(problem)
    equivalent: LinearGaussianProblem = known.equivalent()
    return equivalent


def predicted_by(
    problem: Problem, loss: Loss
) -> LinearGaussianProblem | LinearClassificationProblem:
    """The problem itself, or the equivalent by which trainings with this loss are predicted."""
    labels = label_problem(as_problem(problem), loss)
    return linear_gaussian(problem) if labels is None else labels


def trained_as(
    problem: Problem, n: int, size: int, ridge: float, loss: Any
) -> tuple[LinearGaussianProblem, float]:
    """The linear Gaussian problem of at least `size` features, and the ridge, whose trained
    coefficients have the law of this training's."""
    given = as_loss(loss)
    whole = predicted_by(problem, given)
    if isinstance(whole, LinearGaussianProblem):
        return whole, ridge
    part = whole if size == whole.p else whole.restrict(size)
    core, strength = _core.label_law(part._core, n, ridge, core_loss(given))
    if core is None:
        raise ValueError(
            f"ridge must be larger: the equations have not been solved at ridge {ridge}"
        )
    return LinearGaussianProblem._of_core(core), strength


def number_of_draws(value: Any, lowest: int = 1) -> int:
    """At least that many; 0 for "auto"."""
    if isinstance(value, str):
        if value != "auto":
            raise TypeError(f'draws must be an integer or "auto", got {check.shown(value)}')
        return 0
    return check.integer(value, "draws", lowest=lowest)


def grouped(problem: Problem | Spectrum) -> Any:
    """The core's atoms, where the theory needs no draws: independent features with one target; else
    None."""
    if isinstance(problem, Spectrum):
        return problem._core
    if (
        isinstance(problem, LinearGaussianProblem)
        and problem.covariance.ndim == 1
        and problem.targets == 1
    ):
        return _core.GroupedFeatures(
            problem.covariance, problem.beta.reshape(-1), problem.noise_std
        )
    return None


def _labelled(
    problem: LinearClassificationProblem, work: BySize, options: _core.DrawOptions
) -> _Block:
    grid = work.grid
    grid.check_loss(problem._core)
    check.cutting_rules(grid.rules, "the theory of labels")
    trainings = [(int(n), ridge) for n in grid.n for ridge in grid.ridge]
    found = work.run(
        options.workers,
        lambda part: _core.predict_labels(problem._core, trainings, part.core(), options),
    )
    tables: dict[tuple[float, float], Arrays] = dict(zip(trainings, found, strict=True))
    return lambda n, ridge: tables[n, ridge]


def _warn_unsolved(table: xr.Dataset) -> None:
    """Warns where equations have not been solved: NaN stands for more nonzeros than features,
    too."""
    unsolved = 0
    for name in ("dense_error", "retrained_error"):
        if name in table:
            missing = table[name].isnull()
            if "nonzeros" in missing.dims:
                missing = missing & (table["nonzeros"] <= table["size"])
            unsolved += int(missing.sum())
    if unsolved:
        warnings.warn(
            f"the equations of {unsolved} predicted errors have not been solved: they are NaN; "
            "a larger ridge makes them easier",
            stacklevel=3,
        )


def _exact(features: Any, work: BySize) -> _Block:
    def block(n: float, ridge: float) -> Arrays:
        found: Arrays = _core.predict(features, n, work.grid.core(ridge, _core.RealGrid))
        work.part.count(float(len(work.grid.sizes)))
        return found

    return block


def _drawn(problem: Any, work: BySize, options: _core.DrawOptions) -> _Block:
    trainings = [(int(n), ridge) for n in work.grid.n for ridge in work.grid.ridge]
    linear, test = linear_gaussian(problem)._core, _test_set(problem)
    found = work.run(
        options.workers,
        lambda part: _core.predict_drawn(linear, trainings, part.core(), options, *test),
    )
    tables: dict[tuple[float, float], Arrays] = dict(zip(trainings, found, strict=True))
    return lambda n, ridge: tables[n, ridge]


def _test_set(problem: Problem) -> tuple[FloatArray | None, FloatArray | None]:
    """Features and one-hot targets on which accuracies are predicted, where the problem has
    classes."""
    if not isinstance(problem, DataProblem) or problem.classes is None:
        return None, None
    return problem._test_features(0), np.asarray(problem.test_target_rows)
