"""The models of a whole grid on one data set: what `prune_path` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core, _html
from .. import _validation as check
from .._provenance import describe
from .._table import STAGES, Arrays, Grid
from .._validation import FloatArray, IntArray
from ..problems.problem import Problem

if TYPE_CHECKING:
    import xarray as xr


class PrunePath:
    """Models of a whole grid fitted to one data set; what `prune_path` returns.

    Attributes
    ----------
    dense : ndarray of shape (len(sizes), p) or (len(sizes), p, m)
        The trained models, zero from feature k on.
    rank : ndarray of int of shape (len(sizes),)
        Numerical rank of ``X[:, :k]``: how many singular values are above ``max(n, k) * 2.2e-16``
        of the largest, as in numpy. All models, dense and retrained, are solved by it. With ridge >
        0 it is k.
    condition : ndarray of shape (len(sizes),)
        Estimate of the condition number of the factor each size was solved with; NaN unless the
        loss is square.
    gap : ndarray of shape (len(sizes),)
        How far the objective of each size may be from its minimum: the duality gap, or of the
        logistic loss Newton's estimate. Zero where the loss is square.
    sizes, nonzeros, rules
        The grid.
    feature_names : tuple of str or None
        Names of the p features, where X had or was given some.
    estimated_risk : xarray.Dataset or None
        What `estimate_risk` says, where the path was asked to.
    """

    estimated_risk: xr.Dataset | None = None
    feature_names: check.Names | None = None

    def __init__(self, grid: Grid[int], single: bool, found: dict[str, Any]) -> None:
        self._grid, self._single = grid, single
        self._dense: FloatArray = found["dense"]
        self._order: IntArray = found["order"]
        self._retrained: FloatArray | None = found.get("retrained")
        self._lasso: dict[str, Any] | None = found.get("lasso")
        self.sizes, self.nonzeros, self.rules = grid.sizes, grid.nonzeros, grid.rules
        self.dense = self._target_axis(self._dense)
        nothing = np.full(len(grid.sizes), np.nan)
        self.rank = np.asarray(found.get("rank", grid.sizes), dtype=np.int64)
        self.condition = np.asarray(found.get("condition", nothing), dtype=np.float64)
        self.gap = np.asarray(found.get("gap", np.zeros(len(grid.sizes))), dtype=np.float64)

    def __repr__(self) -> str:
        grid = f"sizes={self.sizes}, nonzeros={self.nonzeros}, rules={self.rules}"
        return f"<PrunePath {grid}>"

    def _repr_html_(self) -> str:
        pruned = ", ".join(map(str, self.nonzeros))
        return _html.table(
            f"PrunePath: each size pruned to {pruned} by {', '.join(self.rules)}",
            ("size", "rank", "condition"),
            zip(self.sizes, self.rank, (f"{c:.3g}" for c in self.condition), strict=True),
        )

    def _target_axis(self, theta: FloatArray) -> FloatArray:
        return theta[..., 0] if self._single else theta

    def _point(self, rule: str, size: int, nonzeros: int) -> tuple[int, int, int]:
        """Positions of a grid point; ValueError names the axis it is not on."""
        r = _position("rule", rule, self.rules)
        k = _position("size", size, self.sizes)
        s = _position("nonzeros", nonzeros, self.nonzeros)
        if nonzeros > size:
            raise ValueError(f"nonzeros must be at most the size {size}, got {nonzeros}")
        return r, k, s

    def _own(self, rule: str, size: int, nonzeros: int, name: str) -> FloatArray | None:
        """Numbers of a model that the rule has trained itself, on its support; None for other
        rules."""
        _, k, s = self._point(rule, size, nonzeros)
        if self._lasso is None or not check.TRAITS[rule].trains_itself:
            return None
        count = int(self._lasso["count"][k, s])
        if count < 0:
            raise ValueError(
                f"the path of the lasso has no model of {nonzeros} nonzeros at size {size}"
            )
        found: FloatArray = self._lasso[name][k, s, :count]
        return found

    def penalty(self, size: int, nonzeros: int) -> float:
        """The l1 penalty kappa of the rule lasso at a point; NaN where its path has no model.

        Raises
        ------
        ValueError
            If the grid has no such point or not this rule.
        """
        _, k, s = self._point("lasso", size, nonzeros)
        assert self._lasso is not None
        return float(self._lasso["penalty"][k, s])

    def support(self, rule: str, size: int, nonzeros: int) -> IntArray:
        """Indices of the features kept, ascending; ValueError for a point off the grid, or that
        the path of the lasso does not reach."""
        own = self._own(rule, size, nonzeros, "support")
        if own is not None:
            return own.astype(np.int64)
        r, k, _ = self._point(rule, size, nonzeros)
        return np.sort(self._order[r, k, :nonzeros])

    def support_names(self, rule: str, size: int, nonzeros: int) -> check.Names:
        """Names of the features kept, in the order of `support`.

        A method of its own, as scikit-learn's `get_feature_names_out` beside `get_support`: what
        `support` returns does not depend on a flag.

        Returns
        -------
        tuple of str

        Raises
        ------
        ValueError
            As `support`, and if the features have no names.

        Examples
        --------
        >>> import overprune as op
        >>> X, names = [[1.0, 0.0], [0.0, 2.0]], ["age", "bmi"]
        >>> path = op.prune_path(X, [1.0, 6.0], sizes=[2], nonzeros=[1], feature_names=names)
        >>> path.support_names("magnitude", 2, 1)
        ('bmi',)
        """
        kept = self.support(rule, size, nonzeros)
        if self.feature_names is None:
            raise ValueError(
                "support_names needs names of the features, got a path without: give prune_path X "
                "as a data frame, or feature_names"
            )
        return tuple(self.feature_names[i] for i in kept)

    def pruned(self, rule: str, size: int, nonzeros: int) -> FloatArray:
        """The trained model with all but its support set to zero, (p,) or (p, m), or the rule's
        own; errors as `support`."""
        own = self._own(rule, size, nonzeros, "pruned")
        if own is not None:
            return self._spread(own, self.support(rule, size, nonzeros))
        keep = self.support(rule, size, nonzeros)
        dense = self._dense[self.sizes.index(size)]
        theta = np.zeros_like(dense)
        theta[keep] = dense[keep]
        return self._target_axis(theta)

    def retrained(self, rule: str, size: int, nonzeros: int) -> FloatArray:
        """The model trained again on the support, (p,) or (p, m); errors as `support`."""
        if self._retrained is None:
            raise ValueError("retrained needs a path made with retrain=True")
        own = self._own(rule, size, nonzeros, "retrained")
        if own is not None:
            return self._spread(own, self.support(rule, size, nonzeros))
        r, k, s = self._point(rule, size, nonzeros)
        theta = np.zeros_like(self._dense[0])
        theta[self._order[r, k, :nonzeros]] = self._retrained[r, k, s, :nonzeros]
        return self._target_axis(theta)

    def _spread(self, values: FloatArray, support: IntArray) -> FloatArray:
        theta = np.zeros_like(self._dense[0])
        theta[support, 0] = values
        return self._target_axis(theta)

    def models(self, rule: str, size: int) -> tuple[IntArray, FloatArray, FloatArray | None]:
        """All models of one rule and size, on the features that they use; ValueError as `support`,
        and for the lasso, whose supports are not nested.

        Parameters
        ----------
        rule : str
        size : int
            A point of the grid.

        Returns
        -------
        order : ndarray of int of shape (c,)
            The features by falling score; c is the largest number of nonzeros that is at most the
            size.
        pruned : ndarray of shape (A, c) or (A, c, m)
            Coefficients in that order, zero from the s-th on, for the A numbers of nonzeros up to
            the size.
        retrained : ndarray of the same shape, or None where the path was made with retrain=False

        Examples
        --------
        >>> import overprune as op
        >>> path = op.prune_path([[1.0, 0.0], [0.0, 2.0]], [1.0, 6.0], sizes=[2], nonzeros=[1, 2])
        >>> path.models("magnitude", 2)[:2]
        (array([1, 0]), array([[3., 0.],
               [3., 1.]]))
        """
        r, k = _position("rule", rule, self.rules), _position("size", size, self.sizes)
        check.cutting_rule(rule, "models")
        counts = [s for s in self.nonzeros if s <= size]
        most = counts[-1] if counts else 0
        order = self._order[r, k, :most]
        kept = np.arange(most) < np.array(counts, dtype=np.int64)[:, None]
        pruned = self._target_axis(np.where(kept[..., None], self._dense[k, order], 0.0))
        if self._retrained is None:
            return order, pruned, None
        return order, pruned, self._target_axis(self._retrained[r, k, : len(counts), :most])

    def risk(self, problem: Problem, *, stream: int = 0) -> xr.Dataset:
        """Measure all models by a problem's risk.

        Parameters
        ----------
        problem : LinearGaussianProblem, RandomFeatureProblem or DataProblem
            With as many features as X has columns.
        stream : int, default 0
            For a DataProblem with random features: the trial whose features X was made with.

        Returns
        -------
        xarray.Dataset
            The table of `simulate` without its trial dimension.

        Raises
        ------
        ValueError
            If the problem has another number of features or targets.
        """
        if not isinstance(problem, Problem):
            raise TypeError(
                f"problem must be a problem of this package, got {type(problem).__name__}"
            )
        p, m = self._dense.shape[1:]
        if (problem.p, problem.targets) != (p, m):
            raise ValueError(
                f"problem must have {p} features and {m} target(s) as the path has, "
                f"got {problem.p} and {problem.targets}"
            )
        key = check.seed(stream, "stream")

        def block(n: int, ridge: float) -> Arrays:
            found = _core.judge_path(
                problem._core,
                self._grid.cell(),
                self._dense,
                self._order,
                self._retrained,
                self._lasso,
                key,
            )
            return dict(sorted(found.items(), key=lambda item: _stage(item[0])))

        attributes = {"stream": str(key), **describe(problem)}
        return self._grid.table("prune_path", block, attributes)


def _stage(name: str) -> int:
    return STAGES.index(name.partition("_")[0])


def _position(name: str, value: Any, axis: tuple[Any, ...]) -> int:
    kinds = (str,) if isinstance(axis[0], str) else (int, np.integer)
    if not isinstance(value, kinds) or isinstance(value, bool) or value not in axis:
        expected = ", ".join(str(v) for v in axis)
        raise ValueError(f"{name} must be one of {expected}; got {check.shown(value)}")
    return axis.index(value)
