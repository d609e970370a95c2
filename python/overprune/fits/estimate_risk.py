"""The risk of dense, pruned and retrained models from their training data alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._table import Arrays, Grid
from .._validation import FloatArray
from ..problems.centring import warn_uncentred_data
from . import closed_estimate
from .least_squares import as_data
from .pruning import as_curvature

if TYPE_CHECKING:
    import xarray as xr

METHODS = ("loo", "gcv")
"""The ways to estimate a risk from the training data."""


def estimate_risk(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    sizes: Sequence[int],
    nonzeros: Sequence[int],
    *,
    rules: Sequence[str] = ("magnitude",),
    retrain: bool = True,
    ridge: float = 0.0,
    retrain_ridge: float = 0.0,
    method: str = "loo",
    curvature: npt.ArrayLike | None = None,
    seed: int = 0,
    stream: int = 0,
    workers: int | None = None,
) -> xr.Dataset:
    """Estimate the risk of dense, pruned and retrained models from their training data alone.

    "loo" is exact leave-one-out: every model of the grid is trained, pruned and retrained without
    row i, the selection included, and judged on row i, for every row. Dense models without a row
    follow from the one with all, ``theta - M_i e_i`` with M the map from y to theta and e_i the
    error on the row left out; the supports of the folds share the factor of what they have in
    common. "gcv" is a closed form for many rows and features, a few fits in all: with z the dense
    model's leave-one-out residuals by generalised cross-validation, the pruned residuals r are
    corrected to ``r + b z``, b being how much the pruned predictions follow their own rows, and the
    retrained ones to ``(r_2 + b_21 z) / (1 - s/n)``, b_21 being how much they follow them through
    the choice of the support.

    Parameters
    ----------
    X : array_like of shape (n, p)
        As in `prune_path`; n at least 2.
    y : array_like of shape (n,) or (n, m)
        With several targets risks are summed over them; "gcv" needs one target.
    sizes : sequence of int
        Strictly increasing in [1, p].
    nonzeros : sequence of int
        Strictly increasing in [1, p]; points with nonzeros > size are NaN.
    rules : sequence of str, default ("magnitude",)
        Pruning rules, as in `importance`: not "oracle", which needs the truth, nor "lasso".
    retrain : bool, default True
    ridge, retrain_ridge : float, default 0.0
        Of the first and of the second training, as in `prune_path`; the same in every fold.
    method : {"loo", "gcv"}, default "loo"
    curvature : array_like of shape (p,), optional
        Sigma_ii for "hessian"; by default the mean squares of the columns, of each fold's rows.
    seed, stream : int, default 0
        Of the rule "random", in [0, 2**64).
    workers : int, optional
        Threads, which share the sizes; one per core that the process may use by default. A thread
        of "loo" holds some (n + m) (2 k + 3 n) numbers. Does not change the result.

    Returns
    -------
    xarray.Dataset
        The table of `predict`: dense_risk over size, pruned_risk and retrained_risk over (rule,
        size, nonzeros), and <name>_stderr, the standard error of one data set, with regard to how
        far the errors of different rows depend on one another.

    Raises
    ------
    TypeError, ValueError
        If an array is not real and finite, shapes do not match, n is below 2, the grid is out of
        range, a rule is unknown, needs the truth or trains its own models, the method is unknown,
        or "gcv" is asked for several targets.

    Warns
    -----
    UserWarning
        Where y is far from 0, as for `prune_path`.

    Notes
    -----
    *What plain generalised cross-validation would say.* It takes the support as given,
    ``|r_2|**2 / (n (1 - s/n)**2)``: 0.68 where the risk is 1.43 (isotropic features, n = 300, p =
    900, s = 60, magnitude). The selection has seen the rows.

    *How noisy one data set is.* The estimates are nearly unbiased, of a model with one row less,
    but a single data set is off by 7 to 22 % (root mean square).

    *For choosing* among models 5-fold cross-validation does as well, at a fraction of the cost
    (`PrunedLeastSquaresCV`); this is for knowing what the chosen model will cost.

    The closed form takes rows as Gaussian: on real digits it is up to 18 % too low where
    leave-one-out is 4 to 8 % too high.

    References
    ----------
    docs/theory.md, section 13.

    Examples
    --------
    >>> import overprune as op
    >>> problem = op.LinearGaussianProblem([1.0] * 5 + [0.0] * 45, [1.0] * 50, noise_std=1.0)
    >>> X, y = problem.sample(100, seed=0)
    >>> found = op.estimate_risk(X, y, sizes=[20, 50], nonzeros=[5])
    >>> found.retrained_risk.dims
    ('rule', 'size', 'nonzeros')
    >>> bool(found.retrained_risk.sel(size=50).item() < found.dense_risk.sel(size=50).item())
    True
    """
    design, response, _ = as_data(X, y)
    weights = None if curvature is None else as_curvature(curvature, design.shape[1])
    grid = Grid.of(
        design.shape[1],
        design.shape[0],
        sizes,
        nonzeros,
        rules=rules,
        retrain=retrain,
        ridge=check.nonnegative(ridge, "ridge"),
        retrain_ridge=retrain_ridge,
    )
    found = estimated(design, response, grid, method, weights, (seed, stream), workers)
    warn_uncentred_data(design, response, stacklevel=2)
    return found


def estimated(
    design: FloatArray,
    response: FloatArray,
    grid: Grid[int],
    method: str,
    curvature: FloatArray | None,
    key: tuple[int, int],
    workers: int | None,
) -> xr.Dataset:
    """The table of checked data and a checked grid; `key` holds seed and stream."""
    chosen = check.choice(method, "method", METHODS)
    check.integer(len(design), "X (rows)", lowest=2)
    check.cutting_rules(grid.rules, "estimate_risk")
    for rule in grid.rules:
        if check.TRAITS[rule].needs_truth:
            raise ValueError(
                f'rules must not need the truth, which the training data lack, got "{rule}"'
            )
    if grid.loss.name != "square":
        raise ValueError(f"loss must be square to estimate a risk, got {grid.loss.name}")
    n, p = design.shape
    seed, stream = check.seed(key[0]), check.seed(key[1], "stream")
    threads = check.workers(workers, design.size * min(design.shape) * n)
    found: Arrays
    if chosen == "loo":
        found = _core.estimate_risk(design, response, grid.cell(), curvature, seed, stream, threads)
    else:
        if response.shape[1] != 1:
            raise ValueError(f'y must have one target for method "gcv", got {response.shape[1]}')
        uniform = _core.uniform(p, seed, stream, _core.PURPOSE_SCORES)
        found = _closed(design, response, grid, curvature, uniform, threads)
    return grid.table("estimate_risk", lambda n, ridge: found, {"method": chosen})


def _closed(
    design: FloatArray,
    response: FloatArray,
    grid: Grid[int],
    curvature: FloatArray | None,
    uniform: FloatArray,
    workers: int,
) -> Arrays:
    """The closed form, or one clear sentence where numbers leave double's range."""
    # numpy's sums depend on how an array lies in memory.
    X, y = (np.require(given, requirements=["C", "ALIGNED"]) for given in (design, response))
    try:
        with np.errstate(all="ignore"):
            own = np.mean(X * X, axis=0) if curvature is None else curvature
            own = np.require(own, requirements=["C", "ALIGNED"])
            found = closed_estimate.estimate(X, y, grid, own, uniform, workers)
    except np.linalg.LinAlgError:
        found = {}
    fits = np.array(grid.nonzeros) <= np.array(grid.sizes)[:, None]
    for axes, values in found.values():
        if not np.isfinite(values[..., fits] if "nonzeros" in axes else values).all():
            found = {}
            break
    if not found:
        raise ValueError(
            "X and y must have entries of less different size: a risk of the closed form leaves "
            "the range of double precision"
        )
    return found
