"""Pruning a layer of a trained network from a few calibration rows, and what it costs on fresh
ones."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._validation import FloatArray, IntArray
from .._validation.memory import available, megabytes

_FOLDS = 10  # over which the surgeon's selection is repeated unless the caller says otherwise
SCOPES = ("row", "layer")


@dataclass(frozen=True, eq=False)
class PrunedLayer:
    """A pruned layer with its losses; what `prune_layer` returns.

    Losses are mean squares of (pruned output - unpruned output), one of each output.

    Attributes
    ----------
    weight : ndarray of shape (m, p)
        The pruned weights, zero off the mask.
    mask : ndarray of bool of shape (m, p)
        Which weights are kept.
    training_loss, predicted_loss : ndarray of shape (m,)
        On the calibration rows, and predicted for fresh rows.
    output_power : ndarray of shape (m,)
        Mean square of each output of the unpruned layer: divide the losses by it for relative ones.
    degrees_of_freedom : ndarray of shape (m,)
        tr H_SS (H_SS + mu I)^+ of each row; the weights kept where there is no damping and H_SS is
        regular, 0 without a refit.
    rank : ndarray of int of shape (m,)
        Numerical rank of each H_SS, 0 without a refit.
    dead : ndarray of int
        Inputs that are zero in every calibration row. Their weights are set to zero.
    damping : float
        mu, also where it was found.
    prediction : {"formula", "folds"}
        How the fresh loss was predicted.
    selection_factor : float
        By what the folds multiply the formula's loss; 1 without folds.
    rows : int
        Calibration rows.
    """

    weight: FloatArray
    mask: npt.NDArray[np.bool_]
    training_loss: FloatArray
    predicted_loss: FloatArray
    output_power: FloatArray
    degrees_of_freedom: FloatArray
    rank: IntArray
    dead: IntArray
    damping: float
    prediction: str
    selection_factor: float
    rows: int

    def rows_needed(self, excess: float) -> int:
        """How many calibration rows bring the layer's fresh loss within `excess` of its limit.

        Training and fresh loss are on opposite sides of the limit L of many rows,
        ``L (1 - k/n)`` and ``L / (1 - k/n)``; from their ratio follows k, the effective degrees of
        freedom: the weights kept, and what the choice of the mask adds where folds were used. For
        rows with one k it is ``n = k (1 + excess) / excess``.

        Parameters
        ----------
        excess : float
            Above 0, relative: 0.1 allows a tenth more than the limit.

        Returns
        -------
        int

        Raises
        ------
        TypeError, ValueError
            If excess is no positive number.

        References
        ----------
        docs/theory.md, section 12.

        Examples
        --------
        >>> import overprune as op
        >>> inputs = op.standard_normal((200, 8), seed=0)
        >>> weight = op.standard_normal((3, 8), seed=1)
        >>> layer = op.prune_layer(weight, inputs, nonzeros=4, rule="magnitude")
        >>> layer.rows_needed(0.1)
        44
        """
        over = check.positive(excess, "excess")
        # Where the refit interpolates, nothing but the number of weights is known.
        known = (self.training_loss > 0) & (self.degrees_of_freedom < self.rows)
        training = np.where(known, self.training_loss, 1.0)
        fresh = np.where(known, self.predicted_loss, 1.0)
        freedom = np.where(
            known,
            self.rows * np.maximum(1.0 - np.sqrt(training / fresh), 0.0),
            self.rank,
        )
        limit = np.where(known, np.sqrt(training * fresh), self.predicted_loss)
        if not limit.sum() > 0 or freedom.max() == 0:
            return 1
        low, high = float(freedom.max()), float(freedom.max()) * (1.0 + over) / over
        for _ in range(100):
            middle = 0.5 * (low + high)
            is_enough = (
                middle > freedom.max()
                and (limit / (1.0 - freedom / middle)).sum() <= (1.0 + over) * limit.sum()
            )
            low, high = (low, middle) if is_enough else (middle, high)
        return max(math.ceil(high - 1e-6), 1)


def prune_layer(
    weight: npt.ArrayLike,
    inputs: npt.ArrayLike | None = None,
    *,
    second_moment: npt.ArrayLike | None = None,
    rows: int | None = None,
    nonzeros: int | None = None,
    sparsity: float | None = None,
    rule: str = "surgeon",
    scope: str = "row",
    pattern: str | tuple[int, int] | None = None,
    refit: bool = True,
    damping: float | str = 0.0,
    folds: int | None = None,
    seed: int = 0,
    workers: int | None = None,
) -> PrunedLayer:
    """Prune a layer of a trained network, and predict its loss on fresh rows.

    The layer's outputs are ``inputs @ weight.T``. With H the second moments ``X'X / n`` of the
    calibration rows X and S what is kept of a row w, the refit is
    ``w'_S = w_S + (H_SS + mu I)^+ H_{S,S^c} w_{S^c}``: of the models on S the nearest to the
    unpruned outputs, with mu = 0 least squares on them. Its loss on fresh rows is predicted as
    ``training_loss / (1 - df/n)**2``. It is largest where about as many rows as weights kept are
    used: take at least three times as many, or damping.

    Parameters
    ----------
    weight : array_like of shape (m, p)
        Computed in float64.
    inputs : array_like of shape (n, p), optional
        Calibration rows: what goes into the layer. A bias of the layer stays as it is.
    second_moment : array_like of shape (p, p), optional
        H instead of the inputs, symmetric and positive semidefinite; needs `rows`.
    rows : int, optional
        n, the rows that second_moment is the mean over.
    nonzeros : int, optional
        Weights kept of each row, in [1, p]; their mean where scope is "layer".
    sparsity : float, optional
        Share of the weights set to zero instead, in [0, 1). One of nonzeros, sparsity and pattern
        is given.
    rule : {"surgeon", "hessian", "magnitude", "random"}, default "surgeon"
        "surgeon" removes the weight that costs least, ``w_j**2 / (H^-1)_jj``, again and again, the
        others making up for each (optimal brain surgeon); "hessian" keeps the largest
        ``|w_j| sqrt(H_jj)`` (Wanda); "magnitude" the largest ``|w_j|``; "random" any.
    scope : {"row", "layer"}, default "row"
        Whether all rows keep the same number, or compete for the weights of the layer; the surgeon
        then takes the cheapest removals of all rows.
    pattern : "n:m" or (n, m), optional
        Keep n of every m consecutive weights of a row, such as "2:4".
    refit : bool, default True
        Without it what is kept stays as it is.
    damping : float or "auto", default 0.0
        mu, in the units of H (mean squares of inputs), at least 0; a large one holds the weights
        where they were. "auto": that of least predicted loss, found on at most 64 of the layer's
        rows. Where the folds are used, it is the best of a grid.
    folds : int, optional
        The surgeon's mask depends on the calibration rows, so that the formula flatters. The
        selection is therefore repeated without each of so many folds of neighbouring rows, for at
        most 64 of the layer's rows, and judged on the fold; what this loses beyond the formula
        multiplies every prediction. By default 10 for the surgeon where inputs are given, else 0:
        the formula alone. Folds also tell what rows that depend on one another cost. They are
        nearer to the truth where the rows are fewer than twice the weights kept: on a real layer
        with 1.5 rows a weight the formula said 0.81 of the loss, ten folds 1.01.
    seed : int, default 0
        Of the rule "random", in [0, 2**64).
    workers : int, optional
        Threads; one per core that the process may use by default, fewer where the memory is short.
        Does not change the result.

    Returns
    -------
    PrunedLayer

    Raises
    ------
    TypeError, ValueError
        If an array is not real and finite or of the wrong shape, there are no calibration rows,
        second_moment is not symmetric and positive semidefinite, not exactly one of nonzeros,
        sparsity and pattern is given or it is out of range, or the pattern does not divide p.
    MemoryError
        If the layer does not fit into the memory.

    Warns
    -----
    UserWarning
        If inputs are dead, or a refit without damping has no more rows than weights.

    Notes
    -----
    Where H is singular the surgeon first removes what costs nothing. Where H_SS is, the refit is
    the one nearest to w_S. A refit that interpolates the calibration rows has no training loss to
    extrapolate from; the limit of vanishing damping is used, which is finite.

    References
    ----------
    docs/theory.md, section 12; Hassibi, Stork, Wolff, *Optimal brain surgeon and general network
    pruning*, ICNN 1993.

    Examples
    --------
    >>> import overprune as op
    >>> inputs = op.standard_normal((200, 8), seed=0)
    >>> weight = op.standard_normal((3, 8), seed=1)
    >>> layer = op.prune_layer(weight, inputs, nonzeros=4)
    >>> layer.mask.sum(axis=1)
    array([4, 4, 4])
    >>> bool((layer.predicted_loss > layer.training_loss).all())
    True
    """
    layer = check.float_array(weight, "weight", ndim=2)
    m, p = layer.shape
    data, n = _calibration(inputs, second_moment, rows, p)
    has_rows = inputs is not None
    options = amounts(nonzeros, sparsity, pattern, check.choice(scope, "scope", SCOPES), m, p)
    options["rule"] = check.choice(rule, "rule", _core.LAYER_RULES)
    options["refit"] = check.flag(refit, "refit")
    options["damping"], options["tune_damping"] = damping_of(damping)
    options["folds"] = _folds(folds, rule, n, has_rows=has_rows)
    options["seed"] = check.seed(seed)
    core = _core.LayerOptions(**options)
    threads = _fitting(m, p, core, check.workers(workers, layer.size * p))
    if has_rows:
        found = _core.prune_layer_rows(layer, data, core, threads)
    else:
        found = _core.prune_layer_moment(layer, data, n, core, threads)
    how = "folds" if options["folds"] else "formula"
    result = PrunedLayer(**found, prediction=how, rows=n)
    _warn(result, damped=result.damping > 0 or not refit)
    return result


def _calibration(inputs: Any, second_moment: Any, rows: Any, p: int) -> tuple[FloatArray, int]:
    """The rows (n, p) or their second moments (p, p), and n."""
    if (inputs is None) == (second_moment is None):
        came = "neither" if inputs is None else "both"
        raise ValueError(f"one of inputs and second_moment must be given, got {came}")
    if inputs is not None:
        if rows is not None:
            raise ValueError(
                f"rows must be given with second_moment alone, got {check.shown(rows)} with inputs"
            )
        data = check.float_array(inputs, "inputs", ndim=2, shape=(None, p))
        return data, len(data)
    if rows is None:
        raise ValueError("rows must be given with second_moment: how many rows it is the mean over")
    moment = check.float_array(second_moment, "second_moment", ndim=2, shape=(p, p))
    return moment, check.integer(rows, "rows", lowest=1)


def amounts(
    nonzeros: Any, sparsity: Any, pattern: Any, scope: str, m: int, p: int
) -> dict[str, Any]:
    """How many weights are kept, in the terms of the core."""
    given = {"nonzeros": nonzeros, "sparsity": sparsity, "pattern": pattern}
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        came = " and ".join(names) or "none of them"
        raise ValueError(f"one of nonzeros, sparsity and pattern must be given, got {came}")
    is_layer = scope == "layer"
    if pattern is not None:
        kept, group = _pattern(pattern, p)
        if is_layer:
            raise ValueError("scope must be \"row\" with a pattern, got 'layer'")
        return {"kept": kept, "group": group}
    if nonzeros is not None:
        count = check.integer(nonzeros, "nonzeros", lowest=1, highest=p)
        return {"nonzeros": count * m if is_layer else count, "whole_layer": is_layer}
    share = check.nonnegative(sparsity, "sparsity")
    if share >= 1.0:
        raise ValueError(f"sparsity must be below 1, got {share}")
    everything = m * p if is_layer else p
    return {"nonzeros": max(round((1.0 - share) * everything), 1), "whole_layer": is_layer}


def _pattern(pattern: Any, p: int) -> tuple[int, int]:
    """n and m of a pattern n:m."""
    parts = pattern.split(":") if isinstance(pattern, str) else pattern
    if isinstance(pattern, str) and all(part.strip().isdecimal() for part in parts):
        parts = [int(part) for part in parts]
    if not isinstance(parts, (tuple, list)) or len(parts) != 2 or isinstance(parts[0], str):
        raise ValueError(
            f'pattern must be a string such as "2:4" or two integers, got {check.shown(pattern)}'
        )
    group = check.integer(parts[1], "pattern[1]", lowest=1)
    kept = check.integer(parts[0], "pattern[0]", lowest=1, highest=group)
    if p % group:
        raise ValueError(
            f"pattern must divide the {p} inputs into whole groups, got groups of {group}"
        )
    return kept, group


def damping_of(damping: Any) -> tuple[float, bool]:
    """mu, and whether it is to be found."""
    if isinstance(damping, str) and damping == "auto":
        return 0.0, True
    return check.nonnegative(damping, "damping"), False


def _folds(folds: Any, rule: str, n: int, *, has_rows: bool) -> int:
    if folds is None:
        return min(_FOLDS, n) if rule == "surgeon" and has_rows and n > 1 else 0
    count = check.integer(folds, "folds", lowest=0)
    if count and not has_rows:
        raise ValueError(f"folds must be 0 without inputs, got {count}")
    return count if count == 0 else check.integer(count, "folds", lowest=2, highest=n)


def _fitting(m: int, p: int, options: Any, workers: int) -> int:
    """How many of the workers the memory has room for."""
    room = available()
    while room is not None and _core.prune_layer_bytes(m, p, options, workers) > room:
        if workers == 1:
            need = megabytes(int(_core.prune_layer_bytes(m, p, options, 1)))
            raise MemoryError(
                f"a layer of shape ({m}, {p}) takes {need}, more than the {megabytes(room)} that "
                "are free"
            )
        workers -= 1
    return workers


def _warn(layer: PrunedLayer, *, damped: bool) -> None:
    if layer.dead.size:
        some = ", ".join(str(j) for j in layer.dead[:5])
        more = f" and {layer.dead.size - 5} more" if layer.dead.size > 5 else ""
        warnings.warn(
            f"inputs must vary for their weights to be judged, got zero in all rows at {some}"
            f"{more}: the weights there are set to zero",
            UserWarning,
            stacklevel=3,
        )
    most = int(layer.mask.sum(axis=1).max(initial=0))
    if damped or most < layer.rows:
        return
    power = layer.output_power.sum()
    share = layer.predicted_loss.sum() / power if power > 0 else 0.0
    warnings.warn(
        f"inputs must have more rows than the {most} weights kept of a row, got {layer.rows}: the "
        f"refit follows them, and the predicted fresh loss is {share:.3g} of the outputs' power; "
        f'take {3 * most} rows, damping="auto" or refit=False',
        UserWarning,
        stacklevel=3,
    )
