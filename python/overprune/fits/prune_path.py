"""One data set, the whole grid: train on the first k features, prune to s, retrain."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._table import Grid
from .._validation import FloatArray
from ..losses import Loss
from ..problems.centring import warn_uncentred_data
from .classifiers import check_labels
from .estimate_risk import estimated
from .least_squares import as_data, threads
from .pruned_path import PrunePath
from .pruning import as_curvature

_log = logging.getLogger(__name__)


def prune_path(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sizes: Sequence[int],
    nonzeros: Sequence[int],
    *,
    rules: Sequence[str] = ("magnitude",),
    retrain: bool = True,
    ridge: float = 0.0,
    retrain_ridge: float = 0.0,
    loss: str | Loss = "square",
    curvature: npt.ArrayLike | None = None,
    truth: npt.ArrayLike | None = None,
    seed: int = 0,
    stream: int = 0,
    workers: int | None = None,
    penalties: npt.ArrayLike | None = None,
    estimate: str | None = None,
    feature_names: Sequence[str] | None = None,
) -> PrunePath:
    """Train, prune and retrain over a whole grid on one data set, with all factors shared.

    For every k of `sizes`: least squares on the first k columns, or the least of another loss; for
    every rule and s of `nonzeros`: the s features with the largest scores, and the same again on
    them. `simulate` is: sample, prune_path, risk, for every trial.

    Parameters
    ----------
    X : array_like of shape (n, p)
        As in `least_squares`: data frames and sparse matrices, too. Models have no intercept.
    y : array_like of shape (n,) or (n, m)
        With several targets a feature's size is the l2 norm of its row of theta. Labels -1 and 1
        where the loss is not square.
    sizes : sequence of int
        Strictly increasing in [1, p].
    nonzeros : sequence of int
        Strictly increasing in [1, p]; points with nonzeros > size are left out.
    rules : sequence of str, default ("magnitude",)
        Pruning rules, as in `importance`, and "lasso", which trains its own models; see
        `lasso_path`.
    retrain : bool, default True
    ridge, retrain_ridge : float, default 0.0
        Of the first and of the second training, as in `least_squares` and `fit_classifier`.
    loss : {"square", "logistic", "hinge"} or Loss, default "square"
        What both trainings minimise, besides the ridge.
    curvature : array_like of shape (p,), optional
        Sigma_ii for "hessian" (and "oracle"); by default ``(X * X).mean(axis=0)``.
    truth : array_like of shape (p,), (p, m) or (len(sizes), p), optional
        beta, for "oracle", whose scores are ``beta_i**2 Sigma_ii``; (p,) with several targets: the
        norms of its rows; (len(sizes), p): row i is for size i.
    seed, stream : int, default 0
        In [0, 2**64), for "random": trial number `stream` of a simulation with that seed has the
        same supports.
    workers : int, optional
        Threads; one per core that the process may use by default. Little work stays on one. Does
        not change the result.
    penalties : array_like of shape (len(sizes), len(nonzeros)), optional
        For the rule "lasso": the penalty kappa of its model at each point, at least 0; NaN for no
        model. By default the model of the path that stands for s nonzeros, as in `lasso_path`.
    estimate : {"loo", "gcv"}, optional
        `estimate_risk` by this method, from the same data: `PrunePath.estimated_risk`.
    feature_names : sequence of str, optional
        p different names of the columns, for `PrunePath.support_names`; by default those of X,
        where it is a data frame, or an array of xarray with a coordinate of names.

    Returns
    -------
    PrunePath

    Raises
    ------
    TypeError, ValueError
        If an array is not real and finite, shapes do not match, the grid is out of range, a rule is
        unknown, a curvature is negative, "oracle" is asked for without truth, workers is not a
        positive integer, the loss, y and the ridges do not suit each other as in `fit_classifier`,
        or names are not p different texts.

    Warns
    -----
    UserWarning
        Where the loss is square and y far from 0, as for `DataProblem`.

    References
    ----------
    docs/theory.md, section 2.

    Examples
    --------
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem([2.0, 0.1, 1.0, 0.0], [1.0] * 4, noise_std=0.1)
    >>> X, y = problem.sample(20, seed=0)
    >>> path = op.prune_path(X, y, sizes=[2, 4], nonzeros=[2])
    >>> path.support("magnitude", 4, 2)
    array([0, 2])
    >>> path.risk(problem).retrained_risk.dims
    ('rule', 'size', 'nonzeros')
    """
    design, _, _ = data = as_data(X, y)
    names = check.feature_names(X, feature_names, design.shape[1], "X")
    path = fitted_path(
        data,
        sizes,
        nonzeros,
        rules=rules,
        retrain=retrain,
        ridge=ridge,
        retrain_ridge=retrain_ridge,
        loss=loss,
        curvature=curvature,
        truth=truth,
        seed=seed,
        stream=stream,
        workers=workers,
        penalties=penalties,
        estimate=estimate,
    )
    path.feature_names = names
    if path._grid.loss.name == "square":
        warn_uncentred_data(design, data[1], stacklevel=2)
    return path


def fitted_path(
    data: tuple[FloatArray, FloatArray, bool],
    sizes: Any,
    nonzeros: Any,
    *,
    ridge: Any = 0.0,
    curvature: Any = None,
    truth: Any = None,
    seed: Any = 0,
    stream: Any = 0,
    workers: Any = None,
    penalties: Any = None,
    estimate: Any = None,
    **rest: Any,
) -> PrunePath:
    """`prune_path` of the data that `as_data` returns, without names and without its warning: for
    those who have drawn the data, or centred them."""
    design, response, single = data
    n, p = design.shape
    grid = Grid.of(
        p,
        n,
        sizes,
        nonzeros,
        ridge=check.nonnegative(ridge, "ridge"),
        **rest,
    ).with_penalties(penalties)
    grid.check_paths(response.shape[1])
    check_labels(response, grid.loss)
    weights = None if curvature is None else as_curvature(curvature, p)
    scores = None
    needing = [rule for rule in grid.rules if check.TRAITS[rule].needs_truth]
    if needing:
        if truth is None:
            raise ValueError(f'truth must be given for rule "{needing[0]}": the coefficients beta')
        scores = _oracle_scores(truth, design, weights, len(grid.sizes), response.shape[1])
    found = _core.prune_path(
        design,
        response,
        grid.cell(),
        weights,
        scores,
        check.seed(seed),
        check.seed(stream, "stream"),
        threads(workers, design),
    )
    path = PrunePath(grid, single, found)
    if estimate is not None:
        key = (seed, stream)
        path.estimated_risk = estimated(design, response, grid, estimate, weights, key, workers)
    for size, rank in zip(path.sizes, path.rank.tolist(), strict=True):
        if rank < min(size, design.shape[0]):
            _log.debug("size %d: rank %d, solved by the rank-revealing decomposition", size, rank)
    return path


def _oracle_scores(
    truth: npt.ArrayLike, design: FloatArray, curvature: FloatArray | None, sizes: int, targets: int
) -> FloatArray:
    """|beta_i| sqrt(Sigma_ii), in the order of the oracle's scores, as (len(sizes), p)."""
    p = design.shape[1]
    beta = check.float_array(truth, "truth", ndim=(1, 2))
    if beta.shape not in {(p,), (p, targets), (sizes, p)}:
        raise ValueError(
            f"truth must have shape ({p},), ({p}, {targets}) or ({sizes}, {p}), got {beta.shape}"
        )
    if beta.shape == (p, targets) == (sizes, p) and p > 1:
        raise ValueError(
            f"truth of shape ({p}, {p}) may mean one row for each feature or one for each size; "
            "pass the l2 norms of its rows, of shape (p,), or another number of sizes"
        )
    norms = np.linalg.norm(beta, axis=1) if beta.shape == (p, targets) else abs(beta)
    if curvature is None:
        largest = abs(design).max() or 1.0  # squares of the ratio cannot overflow
        roots = largest * np.sqrt(((design / largest) ** 2).mean(axis=0))
    else:
        roots = np.sqrt(curvature)
    with np.errstate(over="ignore"):
        scores = norms * roots
    if not np.isfinite(scores).all():  # their order is what counts
        scores = (norms / norms.max()) * (roots / roots.max())
    return np.ascontiguousarray(np.broadcast_to(scores, (sizes, p)))
