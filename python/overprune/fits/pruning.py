"""Pruning: scores of the coordinates, the largest of them, and what is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core
from .. import _validation as check
from .._validation import FloatArray, IntArray


def importance(
    theta: npt.ArrayLike,
    rule: str,
    *,
    curvature: npt.ArrayLike | None = None,
    truth: npt.ArrayLike | None = None,
    seed: int | None = None,
) -> FloatArray:
    """Score every coordinate by a pruning rule; the largest scores are kept.

    ``magnitude: |theta_i|``; ``hessian: theta_i**2 Sigma_ii`` (optimal brain damage);
    ``oracle: beta_i**2 Sigma_ii``; ``random``: uniform on [0, 1), independent of theta.

    Parameters
    ----------
    theta : array_like of shape (p,) or (p, m)
        Coefficients of p features; with m targets a feature's size is the l2 norm of its row.
    rule : {"magnitude", "hessian", "oracle", "random"}
        How features are scored.
    curvature : array_like of shape (p,), optional
        Sigma_ii, not negative; needed by "hessian", and used by "oracle" (1 where it is not given).
    truth : array_like of the shape of theta, optional
        beta; needed by "oracle".
    seed : int, optional
        In [0, 2**64); needed by "random".

    Returns
    -------
    ndarray of shape (p,)

    Raises
    ------
    TypeError, ValueError
        If the rule is unknown, what it needs is missing, an array is not real and finite, or
        lengths differ.

    References
    ----------
    docs/theory.md, section 2; LeCun, Denker, Solla, *Optimal brain damage*, NeurIPS 1989.

    Examples
    --------
    >>> import overprune as op
    >>> op.importance([1.0, -3.0], "magnitude")
    array([1., 3.])
    >>> op.importance([1.0, -3.0], "hessian", curvature=[10.0, 1.0])
    array([10.,  9.])
    """
    traits = check.traits(rule, "importance")
    coefficients, judged, weights = _subject(theta, traits, curvature, truth)
    if traits.needs_seed:
        return _random_scores(len(coefficients), traits, seed)
    return _core.importance(judged, traits.curvature_power, weights)


def _subject(
    theta: npt.ArrayLike,
    traits: check.RuleTraits,
    curvature: npt.ArrayLike | None,
    truth: npt.ArrayLike | None,
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """The coefficients, what the rule scores, and the curvature (p,) where the rule reads it."""
    coefficients = judged = check.float_array(theta, "theta", ndim=(1, 2))
    if traits.needs_truth:
        if truth is None:
            raise ValueError(
                f'truth must be given for rule "{traits.name}": the coefficients beta of the '
                "problem"
            )
        judged = check.float_array(truth, "truth", ndim=coefficients.ndim, shape=coefficients.shape)
        curvature = np.ones(len(judged)) if curvature is None else curvature
    if traits.curvature_power == 0:
        return coefficients, judged, None
    if curvature is None:
        raise ValueError(
            f'curvature must be given for rule "{traits.name}": Sigma_ii, or (X * X).mean(axis=0)'
        )
    return coefficients, judged, as_curvature(curvature, len(judged))


def _random_scores(p: int, traits: check.RuleTraits, seed: int | None) -> FloatArray:
    if seed is None:
        raise ValueError(f'seed must be given for rule "{traits.name}"')
    return _core.uniform(p, check.seed(seed), 0, _core.PURPOSE_SCORES)


def as_curvature(value: Any, p: int) -> FloatArray:
    """Sigma_ii (p,), none negative."""
    weights = check.float_array(value, "curvature", ndim=1, shape=(p,))
    if _core.any_negative(weights):
        where = int(weights.argmin())
        raise ValueError(f"curvature must not be negative, got {weights[where]} at index {where}")
    return weights


def top_k(scores: npt.ArrayLike, k: int) -> IntArray:
    """Find the indices of the k largest scores.

    Of equal scores the one with the lower index is taken first; infinities are scores like others.

    Parameters
    ----------
    scores : array_like of shape (p,)
        No NaN.
    k : int
        How many, in [1, p].

    Returns
    -------
    ndarray of int64 of shape (k,)
        Ascending.

    Raises
    ------
    TypeError, ValueError
        If scores is not a real array of one dimension, holds NaN, or k is out of range.

    Examples
    --------
    >>> import overprune as op
    >>> op.top_k([3.0, 5.0, 3.0, 1.0], 2)
    array([0, 1])
    """
    values = scores if check.is_plain(scores, ndim=1) else _ranked(scores)
    return _core.top_k(values, check.integer(k, "k", lowest=1, highest=values.size))


def _ranked(scores: npt.ArrayLike) -> FloatArray:
    """Numbers of any type as doubles in the same order, ties included."""
    array = check.real_array(scores, "scores")
    if array.ndim != 1 or array.size == 0:
        raise ValueError(
            f"scores must be a non-empty array of one dimension, got shape {array.shape}"
        )
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        with np.errstate(over="ignore"):  # infinities are scores, too
            array = array.astype(np.float64)
    if array.dtype.kind in "iu" and abs(array.astype(np.float64)).max() >= 2**53:
        array = np.unique(array, return_inverse=True)[1]  # as doubles such integers may tie
    return array.astype(np.float64, copy=False)


def prune(
    theta: npt.ArrayLike,
    nonzeros: int,
    *,
    rule: str = "magnitude",
    curvature: npt.ArrayLike | None = None,
    truth: npt.ArrayLike | None = None,
    seed: int | None = None,
) -> FloatArray:
    """Keep the coordinates with the largest scores and set the others to zero.

    ``theta_i 1{i in S}``, S the `nonzeros` largest of ``importance(theta, rule, ...)``.

    Parameters
    ----------
    theta : array_like of shape (p,) or (p, m)
        Coefficients of p features; with m targets a feature's size is the l2 norm of its row.
    nonzeros : int
        How many coordinates (rows, with several targets) to keep, in [1, p].
    rule : str, default "magnitude"
        How features are scored, as in `importance`.
    curvature : array_like of shape (p,), optional
        Sigma_ii, not negative; needed by "hessian", and used by "oracle" (1 where it is not given).
    truth : array_like of the shape of theta, optional
        beta; needed by "oracle".
    seed : int, optional
        In [0, 2**64); needed by "random".

    Returns
    -------
    ndarray of the shape of theta

    Raises
    ------
    TypeError, ValueError
        As `importance`, and if nonzeros is out of range.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), section "Pruning"; docs/theory.md, section 2.

    Examples
    --------
    >>> import overprune as op
    >>> op.prune([1.0, -3.0, 2.0], 2)
    array([ 0., -3.,  2.])
    """
    traits = check.traits(rule, "prune")
    coefficients, judged, weights = _subject(theta, traits, curvature, truth)
    keep = check.integer(nonzeros, "nonzeros", lowest=1, highest=len(coefficients))
    if traits.needs_seed:
        judged = _random_scores(len(coefficients), traits, seed)
    # In the order of `importance`, but without its squares, which may overflow or underflow.
    return _core.keep_largest(coefficients, judged, traits.curvature_power, weights, keep)


def compensate(theta: npt.ArrayLike, support: npt.ArrayLike, hessian: npt.ArrayLike) -> FloatArray:
    """Delete the coordinates off a support and let the survivors make up for them.

    Optimal brain surgeon:
    ``theta_S + H_SS^{-1} H_{S,S^c} theta_{S^c}`` on the support S, zero off it: of all models on S
    the one with the least ``(theta' - theta)' H (theta' - theta)``; where H_SS is singular, by the
    smallest move.

    Parameters
    ----------
    theta : array_like of shape (p,) or (p, m)
        Coefficients of p features, for one or m targets.
    support : array_like of int
        Which to keep: distinct indices in [0, p), such as those of `top_k`.
    hessian : array_like of shape (p, p) or (p,)
        H, symmetric and positive semidefinite, or its diagonal: then the survivors stay as they
        are.

    Returns
    -------
    ndarray of the shape of theta

    Raises
    ------
    TypeError, ValueError
        If an array is not real and finite, lengths differ, an index is out of range or repeated, or
        the hessian is not symmetric.

    Notes
    -----
    With the training rows' own Hessian, ``X'X / n + ridge I``, and theta trained on them with that
    ridge, ``H theta = X'y / n``, so that the result is ``H_SS^{-1} X_S'y / n``: **exactly** what
    training again on S with the same ridge gives; also where more than n survive (the minimum
    norm), as theta and the move both lie in the span of the rows. Deleting in rounds, or one by
    one, ends at the same model: only the choice of S can differ. With the population's covariance
    it is another estimator, which needs no data: the projection of the trained model on the
    survivors. Its risk exceeds that of the best model on S by no more than the trained model's risk
    exceeds the noise floor; for independent features it is plain pruning.

    References
    ----------
    Hassibi, Stork, Wolff, *Optimal brain surgeon and general network pruning*, ICNN 1993;
    docs/theory.md, section 2.

    Examples
    --------
    >>> import overprune as op
    >>> op.compensate([2.0, 1.0], [0], [[1.0, 0.5], [0.5, 1.0]])
    array([2.5, 0. ])
    """
    coefficients = check.float_array(theta, "theta", ndim=(1, 2))
    p = coefficients.shape[0]
    keep = check.indices(support, "support", size=p)
    metric = check.float_array(hessian, "hessian", ndim=(1, 2), shape=(p, p))
    if metric.ndim == 1:
        if metric.min() < 0:
            raise ValueError(
                f"hessian must not be negative, got {metric.min()} at index {metric.argmin()}"
            )
        pruned = np.zeros(coefficients.shape)
        pruned[keep] = coefficients[keep]
        return pruned
    return _core.compensate(coefficients.reshape(p, -1), keep.tolist(), metric).reshape(
        coefficients.shape
    )
