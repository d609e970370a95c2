"""Problems of infinite size: blocks of independent features with real-valued weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _core, _html
from .. import _validation as check
from .._validation import FloatArray
from .problem import LinearGaussianProblem, read_only


class Spectrum:
    """Independent features in blocks, the limit of a linear Gaussian problem of any size.

    Block j holds ``weights[j]`` features of variance ``eigenvalues[j]`` whose coefficients all
    equal ``signal[j]`` or are i.i.d. ``N(0, signal[j]**2)``; a growing model takes the blocks in
    their order. n, sizes and nonzeros are real numbers in the unit of the weights. With weights
    that sum to one they are the ratios n/p, k/p and s/p, and signal is ``sqrt(p) beta``: the limit
    of many samples and features in fixed proportion. With weights that count features they are
    numbers, and signal is beta. A prediction takes time in proportion to the number of blocks,
    whatever they hold.

    Parameters
    ----------
    eigenvalues : array_like of shape (blocks,)
        Variance of each feature of the block, at least 0.
    weights : array_like of shape (blocks,)
        How many features the block holds, above 0.
    signal : array_like of shape (blocks,)
        Coefficient of each feature of the block, or the standard deviation of the coefficients.
    noise_std : float, default 0.0
        Standard deviation of the noise, finite and at least 0.
    gaussian : bool or array_like of bool of shape (blocks,), default False
        Whether the coefficients are Gaussian with that standard deviation, of all blocks or of
        each.

    Raises
    ------
    TypeError, ValueError
        If an argument is not real and finite, lengths differ, or a number is out of range.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), the asymptotic statements; docs/theory.md, sections 3-6.

    Examples
    --------
    >>> import overprune as op
    >>> spectrum = op.Spectrum([25.0, 1.0], [0.1, 0.9], [1.0, 1.0], noise_std=0.3)
    >>> table = op.predict(spectrum, 0.3, [0.1, 1.0], [0.1])
    >>> print(table.dense_risk.values.round(3))
    [1.485 1.133]
    >>> variances = op.spectra.spiked(1500, 150, 25.0)
    >>> finite = op.LinearGaussianProblem([1500**-0.5] * 1500, variances, 0.3)
    >>> print(op.predict(finite, 450, [150, 1500], [150]).dense_risk.values.round(3))
    [1.485 1.133]
    """

    _instead = (
        ": a Spectrum has no rows to draw; pass spectrum.problem(p), a finite problem drawn from it"
    )

    def __init__(
        self,
        eigenvalues: npt.ArrayLike,
        weights: npt.ArrayLike,
        signal: npt.ArrayLike,
        noise_std: float = 0.0,
        *,
        gaussian: bool | npt.ArrayLike = False,
    ) -> None:
        self.eigenvalues = read_only(check.float_array(eigenvalues, "eigenvalues", ndim=1).copy())
        blocks = self.eigenvalues.size
        self.weights = read_only(
            check.float_array(weights, "weights", ndim=1, shape=(blocks,)).copy()
        )
        self.signal = read_only(check.float_array(signal, "signal", ndim=1, shape=(blocks,)).copy())
        self.noise_std = check.nonnegative(noise_std, "noise_std")
        self.gaussian = _flags(gaussian, blocks)
        self._core = _core.GroupedFeatures.of_blocks(
            self.eigenvalues, self.weights, self.signal, self.gaussian.tolist(), self.noise_std
        )

    @property
    def p(self) -> float:
        """Total weight: the number of features in the unit of the weights."""
        return float(self._core.total)

    @property
    def null_risk(self) -> float:
        """Risk of theta = 0: the variance of y."""
        return float(self._core.null_risk)

    def describe(self) -> dict[str, Any]:
        """The arguments that make this spectrum again, by name."""
        return {
            "eigenvalues": self.eigenvalues,
            "weights": self.weights,
            "signal": self.signal,
            "noise_std": self.noise_std,
            "gaussian": self.gaussian,
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _make_again, (self.describe(),)

    def __repr__(self) -> str:
        shown = (
            f"{name}={f'<{value.shape}>' if isinstance(value, np.ndarray) else repr(value)}"
            for name, value in self.describe().items()
        )
        return f"Spectrum({', '.join(shown)})"

    def _repr_html_(self) -> str:
        return _html.table("Spectrum", ("", "value"), self.describe().items())

    def problem(self, p: int, *, seed: int = 0) -> LinearGaussianProblem:
        """Draw a finite problem with p features, whose simulation tends to the prediction as p
        grows.

        Each block receives its share of the features, rounded so that they add up to p, and
        coefficients ``signal * sqrt(weights.sum() / p)``, Gaussian ones drawn. A weight w stands
        for ``w p / weights.sum()`` features, and n, a size or a number of nonzeros for as many
        times their value.

        Parameters
        ----------
        p : int
            Number of features, at least 1.
        seed : int, default 0
            Of the Gaussian coefficients, in [0, 2**64).

        Returns
        -------
        LinearGaussianProblem
            With independent features, in the order of the blocks.

        Raises
        ------
        TypeError, ValueError
            If an argument is not an integer or out of range.

        Examples
        --------
        >>> import overprune as op
        >>> spectrum = op.Spectrum([25.0, 1.0], [0.1, 0.9], [1.0, 1.0], noise_std=0.3)
        >>> problem = spectrum.problem(100)
        >>> print(problem.covariance[8:12], problem.beta[:2].round(3))
        [25. 25.  1.  1.] [0.1 0.1]
        """
        features = check.integer(p, "p", lowest=1)
        key = check.seed(seed)
        counts = _apportion(self.weights, features)
        beta = np.repeat(self.signal, counts) * math.sqrt(self.p / features)
        drawn = np.repeat(self.gaussian, counts)
        if drawn.any():
            normals = _core.standard_normal(features, key, 0, _core.PURPOSE_SIGNAL)
            beta = np.where(drawn, beta * normals, beta)
        return LinearGaussianProblem(beta, np.repeat(self.eigenvalues, counts), self.noise_std)


def _make_again(arguments: dict[str, Any]) -> Spectrum:
    return Spectrum(**arguments)


def _flags(value: Any, blocks: int) -> npt.NDArray[np.bool_]:
    """`gaussian` as one flag a block; read-only."""
    array = check.plain_array(value, "gaussian")
    if array.dtype != np.bool_:
        raise TypeError(f"gaussian must be a bool or an array of bool, got dtype {array.dtype}")
    if array.shape not in ((), (blocks,)):
        raise ValueError(f"gaussian must have shape ({blocks},), got {array.shape}")
    flags = np.array(np.broadcast_to(array, (blocks,)))
    flags.flags.writeable = False
    return flags


def _apportion(weights: FloatArray, total: int) -> npt.NDArray[np.int64]:
    """Integers in proportion to the weights that add up to total: the largest remainders are
    rounded up."""
    exact = weights * (total / math.fsum(weights))
    # what should be an integer may be a rounding below it
    counts = np.floor(exact + 1e-9).astype(np.int64)
    short = total - int(counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:short]] += 1
    return counts
