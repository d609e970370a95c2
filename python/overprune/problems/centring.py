"""Means of columns, and targets whose mean is large beside their spread."""

from __future__ import annotations

import warnings

import numpy as np

from .._validation import FloatArray

# A mean counts as large where its square is above the variance, and not by chance: above 25 squared
# standard errors, of so many rows that these are known.
_CHANCE, _LEAST_ROWS = 25, 10


def means(rows: FloatArray) -> FloatArray:
    """The mean of each column of rows (N, m); of a constant column that constant, to the last bit,
    so that nothing but zeros is left of it."""
    first = rows[0]
    with np.errstate(over="ignore", invalid="ignore"):
        found = first + (rows - first).mean(axis=0)
    large = ~np.isfinite(found)
    if large.any():
        found[large] = (rows[:, large] / len(rows)).sum(axis=0)
    result: FloatArray = found
    return result


def _far_from_zero(targets: FloatArray) -> tuple[int, float, float] | None:
    """The first column of targets (N, m) with a large mean, that mean, and its square over the
    variance."""
    for t, column in enumerate(targets.T):
        unit = abs(column).max()
        if unit == 0.0 or len(column) < _LEAST_ROWS or (abs(column) == 1.0).all():
            continue  # labels -1 and 1 are told by their signs
        scaled = column / unit  # squares cannot overflow
        mean, variance = scaled.mean(), scaled.var()
        if mean**2 > max(1.0, _CHANCE / len(column)) * variance > 0.0:
            return t, float(mean * unit), float(mean**2 / variance)
    return None


def _has_constant(rows: FloatArray) -> bool:
    return bool(((rows == rows[0]).all(axis=0) & (rows[0] != 0.0)).any())


def warn_uncentred(
    targets: FloatArray,
    columns: FloatArray,
    names: tuple[str, str],
    way_out: str,
    *,
    stacklevel: int,
) -> None:
    """Warns where targets (N, m) have a mean that models without an intercept cannot learn.

    The one threshold: ``mean(y)**2`` above the variance of y (of 10 to 24 rows, above 25 / N of
    it; of fewer, never), in any column of the targets that varies and is not of labels -1 and 1,
    where no column (N, d) of the features is constant.

    `names` are those of the arguments that hold targets and features, `way_out` says what to do,
    and `stacklevel` counts from the caller.
    """
    found = _far_from_zero(targets)
    if found is None or _has_constant(columns):
        return
    t, mean, ratio = found
    which = f" in column {t}" if targets.shape[1] > 1 else ""
    verb = "have" if names[0].endswith("s") else "has"
    warnings.warn(
        f"{names[0]} {verb} a mean of {mean:.4g}{which}, whose square is {ratio:.3g} times the "
        f"variance, and {names[1]} no constant column: a model without intercept spends its "
        f"features on the mean; {way_out}",
        stacklevel=stacklevel + 1,
    )


def warn_uncentred_data(design: FloatArray, response: FloatArray, *, stacklevel: int) -> None:
    """The same of the arguments X (n, p) and y (n, m) of a function that fits one data set."""
    warn_uncentred(
        response,
        design,
        ("y", "X"),
        "subtract their means from the columns of X and from y, give X a column of ones, or take "
        "the estimators of overprune.sklearn, which fit an intercept",
        stacklevel=stacklevel + 1,
    )
