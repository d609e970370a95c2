"""From networks to the linear theory: `predict` for networks with a frozen first layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .. import _validation as check
from ..problems.data_problem import DataProblem
from ..theory.predict import predict
from .copies import Factory, make
from .data import NetworkData, from_arrays
from .randomness import seed_of
from .table import check_table
from .training import numbers, to_device

if TYPE_CHECKING:
    import xarray as xr

_LINKS: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "identity": lambda z: z,
    "sign": np.sign,
}


def single_index(
    train_rows: int,
    inputs: int,
    *,
    link: str = "tanh",
    noise_std: float = 0.1,
    test_rows: int = 20_000,
    seed: int = 0,
) -> NetworkData:
    """Draw Gaussian inputs and a single-index teacher's answers to them.

    ``y = link(a'x) + noise_std z``, x and z standard normal, a uniform on the unit sphere.

    Parameters
    ----------
    train_rows : int
        Rows of a repeat, at least 1, drawn from a pool of 100 times as many.
    inputs : int
        Dimension of x, at least 1.
    link : {"tanh", "identity", "sign"}, default "tanh"
    noise_std : float, default 0.1
        At least 0.
    test_rows : int, default 20_000
        At least 1; their second moments are what `predict_sweep` predicts from.
    seed : int, default 0

    Returns
    -------
    NetworkData
        With one real target, in double precision.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.single_index(50, 20, test_rows=500).inputs.shape
    (5000, 20)
    """
    n = check.integer(train_rows, "train_rows", lowest=1)
    d = check.integer(inputs, "inputs", lowest=1)
    count = check.integer(test_rows, "test_rows", lowest=1)
    check.choice(link, "link", tuple(_LINKS))
    noise = check.nonnegative(noise_std, "noise_std")
    rng = np.random.default_rng([check.seed(seed), 0x696E646578])
    teacher = rng.standard_normal(d)
    teacher /= np.linalg.norm(teacher)
    x = rng.standard_normal((100 * n + count, d))
    y = _LINKS[link](x @ teacher) + noise * rng.standard_normal(len(x))
    pool = 100 * n
    return from_arrays(
        x[:pool], y[:pool], x[pool:], y[pool:], name=f"single_index/{link}", train_rows=n, seed=seed
    )


def predict_sweep(
    table: xr.Dataset, model: Factory, data: NetworkData, *, draws: int = 64
) -> xr.Dataset:
    """Predict the test errors of a sweep of random-feature networks from second moments alone.

    The frozen features z = phi(W x) of every (width, repeat) are made again. The linear Gaussian
    problem with the second moments of (z, y) over the test rows, as `DataProblem.equivalent` forms
    it, has the networks' test error for every readout; `predict` gives its dense, pruned and
    retrained risk for as many training rows.

    Parameters
    ----------
    table : xarray.Dataset
        Of `width_sweep` with a random-feature network of one output, squared loss and
        optimizer "gradient_descent"; scope "global", since only the readout is pruned.
    model : callable, width -> torch.nn.Module
        That of the sweep.
    data : NetworkData
        That of the sweep.
    draws : int, default 64
        As in `predict`.

    Returns
    -------
    xarray.Dataset
        dense_test_error (width, repeat), pruned_test_error and retrained_test_error (width,
        nonzeros, repeat), named as in the table, so that they subtract.

    Raises
    ------
    TypeError, ValueError
        If it is not such a table, or model or data are not those of the sweep.

    Warns
    -----
    UserWarning
        Where the test rows are fewer than five a feature.

    References
    ----------
    docs/theory.md, section 7; Chang et al. (2021), section 3.

    Examples
    --------
    >>> import functools
    >>> from overprune import networks
    >>> data = networks.single_index(30, 10, test_rows=2000)
    >>> model = functools.partial(networks.random_feature_network, inputs=10)
    >>> descent = networks.Training(
    ...     optimizer="gradient_descent", loss="squared", epochs=999, stop_loss=1e-6
    ... )
    >>> table = networks.width_sweep(model, data, [10, 80], [10], training=descent, repeats=2)
    >>> predicted = networks.predict_sweep(table, model, data)
    >>> dict(predicted.retrained_test_error.sizes)
    {'width': 2, 'nonzeros': 1, 'repeat': 2}
    """
    import xarray as xr

    check_table(table)
    _check_sweep(table, data)
    n = round(data.train_rows * (1 - data.validation))
    shape = (table.sizes["width"], table.sizes["nonzeros"], table.sizes["repeat"])
    values = {
        "dense": np.empty((shape[0], shape[2])),
        "pruned": np.full(shape, np.nan),
        "retrained": np.full(shape, np.nan),
    }
    for i, k in enumerate(table.width.values.tolist()):
        kept = [count for count in table.nonzero_weights.values[i].tolist() if count > 0]
        for r in range(shape[2]):
            problem = _features_problem(model, data, k, int(table.attrs["seed"]), r)
            found = predict(
                problem,
                n,
                [k],
                sorted(set(kept)) or [1],
                rules=[str(table.attrs["rule"])],
                draws=draws,
                seed=r,
                workers=1,
            )
            values["dense"][i, r] = found.dense_risk.item()
            for j, count in enumerate(table.nonzero_weights.values[i].tolist()):
                for stage in ("pruned", "retrained") if count > 0 else ():
                    values[stage][i, j, r] = found[f"{stage}_risk"].sel(nonzeros=count).item()
    names = {
        f"{stage}_test_error": (table[f"{stage}_test_error"].dims, array)
        for stage, array in values.items()
    }
    return xr.Dataset(
        names, table.coords, {**table.attrs, "kind": "width_sweep", "predicted": 1, "draws": draws}
    )


def _check_sweep(table: xr.Dataset, data: NetworkData) -> None:
    needed = {"optimizer": "gradient_descent", "loss": "squared", "retrain": "rewind"}
    for name, value in needed.items():
        if table.attrs.get(name) != value:
            raise ValueError(
                f"table must be of a sweep with {name} {value!r}, got {table.attrs.get(name)!r}"
            )
    if (
        not isinstance(data, NetworkData)
        or data.describe()["data_hash"] != table.attrs["data_hash"]
    ):
        raise ValueError("data must be the data of the sweep, got others")
    if data.classes or data.targets.shape[1] != 1:
        raise ValueError(
            f"data must have one real target, got {data.classes} classes or several targets"
        )


def _features_problem(
    model: Factory, data: NetworkData, width: int, seed: int, repeat: int
) -> DataProblem:
    """The data set of a cell's frozen features."""
    here = torch.device("cpu")
    network = make(model, width, seed_of(seed, width, repeat, "initial"), here)
    if not hasattr(network, "features"):
        raise ValueError(f"model must be a random-feature network, got {type(network).__name__}")
    features: Any = network.features
    parts = to_device(data.draw(seed, repeat), here)
    with torch.no_grad():
        z, z_test = (
            features(numbers(parts[part][0], network)).numpy() for part in ("train", "test")
        )
    y, y_test = (parts[part][1][:, 0].numpy() for part in ("train", "test"))
    return DataProblem(z, y, z_test, y_test)
