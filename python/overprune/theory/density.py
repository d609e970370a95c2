"""Densities of the coefficients: before and after pruning, and after retraining."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import _validation as check
from ..losses import Loss
from ..problems.problem import Problem
from .laws import LONG_NAMES, CheckedPoint, law_table

if TYPE_CHECKING:
    import xarray as xr


def coefficient_density(
    problem: Problem,
    n: int,
    size: int,
    nonzeros: int,
    edges: npt.ArrayLike,
    *,
    features: npt.ArrayLike | None = None,
    rule: str = "magnitude",
    retrain: bool = True,
    ridge: float = 0.0,
    retrain_ridge: float = 0.0,
    loss: str | Loss = "square",
    draws: int = 1024,
    seed: int = 0,
    workers: int | None = None,
) -> xr.Dataset:
    """Compute the law of a random coefficient: before pruning, among the survivors, retrained.

    The density in the cells of a histogram, ``P(edges[j] < theta_i <= edges[j + 1])`` over the
    width of the cell, as ``numpy.histogram(..., density=True)`` estimates it where no coefficient
    lies outside.

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
    edges : array_like of shape (cells + 1,)
        Strictly increasing, in the units of the coefficients.
    features : array_like of int or sequence of str, optional
        Distinct, in [0, size), or names of the problem's feature_names: which features are averaged
        over; all by default. A single one gives the law of its own coefficient.
    rule : str, default "magnitude"
        A pruning rule, as in `importance`.
    retrain : bool, default True
        Whether to compute the law of the retrained coefficients too.
    ridge, retrain_ridge : float, default 0.0
        Of the first and of the second training, at least 0.
    loss : {"square", "logistic", "hinge"} or Loss, default "square"
        Of both trainings; all but "square" need labels.
    draws : int, default 1024
        Draws of the trained model, at least 1, used in antithetic pairs: for the survivors, where
        features are correlated or targets several and the rule is magnitude or hessian, and at most
        128 of them for the retrained model.
    seed : int, default 0
        In [0, 2**64): of the draws.
    workers : int, optional
        Threads for the draws, at least 1; by default one per core that this process may use. Does
        not change the result.

    Returns
    -------
    xarray.Dataset
        dense, surviving, retrained (cell), with coordinates cell (the middle) and width; with
        several targets (target, cell). surviving is the law given survival: a mixture of truncated
        Gaussians where features are independent and there is one target. NaN where none of
        `features` survives.

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
    docs/theory.md, sections 4 to 6, 9 and, for labels, 11.

    Examples
    --------
    >>> import numpy as np
    >>> import overprune as op
    >>> beta, variances = np.full(600, 0.04), op.spectra.isotropic(600)
    >>> problem = op.LinearGaussianProblem(beta, variances, noise_std=0.3)
    >>> law = op.coefficient_density(problem, 300, 600, 60, np.linspace(-0.5, 0.5, 101))
    >>> print(f"{float((law.surviving * law.width).sum()):.6f}")
    1.000000
    >>> float(law.surviving.sel(cell=0.005, method="nearest"))
    0.0
    """
    point = CheckedPoint.of(problem, n, size, nonzeros, rule, retrain, ridge, retrain_ridge, loss)
    cuts = check.float_array(edges, "edges", ndim=1)
    if cuts.size < 2 or not (np.diff(cuts) > 0).all():
        raise ValueError(f"edges must be at least two strictly increasing numbers, got {cuts}")
    chosen = np.arange(point.size)
    if features is not None:
        names = None if problem.feature_names is None else problem.feature_names[: point.size]
        chosen = check.features(features, "features", size=point.size, names=names)
    number = check.integer(draws, "draws", lowest=1, highest=2**31)
    key, threads = check.seed(seed), check.workers(workers)
    found = point.ask(
        _core.coefficient_density,
        _core.classifier_density,
        cuts,
        chosen.tolist(),
        number,
        key,
        threads,
    )
    single = point.linear.targets == 1
    variables = {
        stage: (
            ("cell",) if single else ("target", "cell"),
            density[0] if single else density,
            {"long_name": f"density of the {LONG_NAMES[stage]}"},
        )
        for stage, density in found.items()
    }
    coordinates = {"cell": (cuts[1:] + cuts[:-1]) / 2, "width": ("cell", np.diff(cuts))}
    attributes = {**point.attributes, "draws": number, "seed": str(key)}
    return law_table("coefficient_density", problem, variables, coordinates, attributes)
