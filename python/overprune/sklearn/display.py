"""The figure of a search: scores over the size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import NotFittedError

from .. import _validation as check
from .._validation import FloatArray
from ..plot.panel import COLOURS, draw_marks, plain_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class ValidationCurve:
    """Mean score of a search over the size k, with a band of one standard deviation over the folds.

    One curve for each stage - pruned, retrained - of one rule, number of nonzeros and ridge; a star
    marks the best point. Scores that scikit-learn negates ("neg_mean_squared_error") are drawn as
    errors. Follows scikit-learn's convention of displays: `from_search` makes and draws one, `plot`
    draws it again.

    Parameters
    ----------
    sizes : array_like of int of shape (K,)
    scores : dict of str to ndarray of shape (K, n_folds)
        By stage: "pruned", "retrained"; NaN where there is no model.
    best : tuple of (str, int) or None
        Stage and size of the point to mark; None: none.
    score_name : str
        Of the vertical axis.
    title : str
        Which rule, nonzeros and ridge.
    negate_score : bool
        Whether to draw the scores with their sign changed, as errors: on a logarithmic axis where a
        peak at k = n needs it.
    n_samples : int or None, default None
        Rows n in training, where a line marks k = n.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to matplotlib Line2D
        By stage.
    fill_between_ : dict of str to matplotlib PolyCollection
        By stage.

    Raises
    ------
    ValueError
        By `from_search`, for a search that was not fitted or a point that is not on its grid.

    Examples
    --------
    >>> from overprune.sklearn import PrunedLeastSquaresCV, ValidationCurve
    >>> from sklearn.datasets import make_regression
    >>> X, y = make_regression(40, 100, n_informative=5, noise=1.0, random_state=0)
    >>> search = PrunedLeastSquaresCV(sizes=[10, 30, 60, 100], nonzeros=[5, 10]).fit(X, y)
    >>> display = ValidationCurve.from_search(search)
    >>> display.ax_.get_ylabel(), sorted(display.lines_)
    ('mean squared error', ['pruned', 'retrained'])
    """

    def __init__(
        self,
        sizes: Any,
        scores: dict[str, FloatArray],
        best: tuple[str, int] | None,
        score_name: str,
        title: str,
        negate_score: bool,
        n_samples: int | None = None,
    ) -> None:
        self.sizes, self.scores, self.best = np.asarray(sizes), scores, best
        self.score_name, self.title = score_name, title
        self.negate_score, self.n_samples = negate_score, n_samples

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        ax: Axes | None = None,
        nonzeros: int | None = None,
        rule: str | None = None,
        ridge: float | None = None,
        metric: str | None = None,
    ) -> ValidationCurve:
        """Draw a search's scores over the size.

        Parameters
        ----------
        search : PrunedLeastSquaresCV or PrunedLeastSquaresClassifierCV
            Fitted.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if not given.
        nonzeros, rule, ridge : optional
            Values on the search's grid; by default those of its best point.
        metric : str, optional
            Which of several metrics; by default the one of `refit`, or else the first.

        Returns
        -------
        ValidationCurve
        """
        if not hasattr(search, "cv_results_"):
            raise NotFittedError(f"search must be fitted before its curve is drawn, got {search!r}")
        results = search.cv_results_
        metric = _metric_of(search, metric)
        best = getattr(
            search, "best_params_", results["params"][results[f"rank_test_{metric}"].argmin()]
        )
        chosen = {"n_nonzeros": nonzeros, "rule": rule, "ridge": ridge}
        for name, given in chosen.items():
            chosen[name] = best[name] if given is None else given
            values = np.unique(results[f"param_{name}"].data).tolist()
            if chosen[name] not in values:
                asked = name.removeprefix("n_")
                raise ValueError(f"{asked} must be one of {values}; got {check.shown(given)}")
        here = np.all(
            [results[f"param_{name}"].data == value for name, value in chosen.items()], axis=0
        )
        folds = np.stack(
            [results[f"split{i}_test_{metric}"] for i in range(search.n_splits_)], axis=1
        )
        sizes = np.unique(results["param_n_features_to_train"].data[here])
        scores = {}
        for stage, retrain in (("pruned", False), ("retrained", True)):
            of_stage = here & (results["param_retrain"].data == retrain)
            if of_stage.any():
                scores[stage] = folds[of_stage]
        marked = all(best[name] == value for name, value in chosen.items())
        stage = "retrained" if best["retrain"] else "pruned"
        name = _name_of(search, metric)
        display = cls(
            sizes,
            scores,
            (stage, best["n_features_to_train"]) if marked else None,
            name.removeprefix("neg_").replace("_", " "),
            _title(chosen),
            name.startswith("neg_"),
            search.n_samples_train_,
        )
        return display.plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> ValidationCurve:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if not given.

        Returns
        -------
        ValidationCurve
            Itself.
        """
        if ax is None:
            import matplotlib.pyplot as plt

            _, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
        sign = -1.0 if self.negate_score else 1.0
        self.ax_: Axes = ax
        self.figure_: Figure = ax.figure  # type: ignore[assignment]
        self.lines_, self.fill_between_ = {}, {}
        for stage, scores in self.scores.items():
            mean, spread = sign * scores.mean(axis=1), scores.std(axis=1)
            colour, label = COLOURS[stage], f"{stage}: mean ± std"
            (self.lines_[stage],) = ax.plot(
                self.sizes, mean, marker="o", ms=3.2, lw=1.2, label=label, color=colour
            )
            self.fill_between_[stage] = ax.fill_between(
                self.sizes, mean - spread, mean + spread, alpha=0.15, lw=0, color=colour
            )
        if self.best is not None:
            stage, size = self.best
            height = sign * self.scores[stage].mean(axis=1)[self.sizes == size]
            ax.plot(
                [size],
                height,
                "*",
                ms=11,
                color=COLOURS["direct"],
                label=f"best: k = {size}",
                zorder=4,
            )
        ax.set_xscale("log")
        plain_ticks(ax.xaxis)
        heights = np.concatenate([line.get_ydata() for line in self.lines_.values()])
        if self.negate_score and heights.min() > 0 and heights.max() > 5 * np.median(heights):
            ax.set_yscale("log")
            plain_ticks(ax.yaxis)
            ax.set_ylim(heights.min() / 1.3, heights.max() * 1.3)
        marks = draw_marks([ax], [[]], [] if self.n_samples is None else [self.n_samples])
        ax.set_xlabel("size k (features trained)")
        ax.set_ylabel(self.score_name)
        ax.set_title(self.title, fontsize="medium", pad=4 + 9 * marks)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(fontsize="small", framealpha=0.85)
        return self


def _metric_of(search: Any, metric: str | None) -> str:
    """Which metric of a search to draw."""
    names = [
        name.removeprefix("mean_test_")
        for name in search.cv_results_
        if name.startswith("mean_test_")
    ]
    if metric is None:
        return str(search.refit) if search.refit in names else names[0]
    return check.choice(metric, "metric", names)


def _name_of(search: Any, metric: str) -> str:
    """The score's name, as scikit-learn spells it."""
    if metric != "score":
        scoring = search.scoring[metric] if isinstance(search.scoring, dict) else metric
        return scoring if isinstance(scoring, str) else metric
    scoring = search._default_scoring if search.scoring is None else search.scoring
    return scoring if isinstance(scoring, str) else "score"


def _title(chosen: dict[str, Any]) -> str:
    text = f"rule {chosen['rule']}, s = {chosen['n_nonzeros']}"
    return f"{text}, ridge {chosen['ridge']:g}" if chosen["ridge"] else text
