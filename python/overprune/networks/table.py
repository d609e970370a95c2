"""The labelled table of a sweep, its summary over repeats, and its comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._provenance import provenance

if TYPE_CHECKING:
    import xarray as xr


def table_of(
    cells: dict[tuple[int, int], dict[str, Any]],
    widths: tuple[int, ...],
    nonzeros: tuple[int, ...],
    repeats: int,
    attributes: dict[str, Any],
) -> xr.Dataset:
    """The table of all cells."""
    import xarray as xr

    variables: dict[str, Any] = {}
    for name in cells[widths[0], 0]:
        array = np.array([[cells[k, r][name] for r in range(repeats)] for k in widths])
        note = {"long_name": _long_name(name)}
        if name in ("parameters", "prunable"):
            variables[name] = ("width", array[:, 0], note)
        elif name == "nonzero_weights":
            variables[name] = (("width", "nonzeros"), array[:, 0], note)
        elif array.ndim == 2:
            variables[name] = (("width", "repeat"), array, note)
        else:
            variables[name] = (("width", "nonzeros", "repeat"), np.moveaxis(array, 2, 1), note)
    coordinates = {"width": list(widths), "nonzeros": list(nonzeros), "repeat": np.arange(repeats)}
    facts = {
        "kind": "width_sweep", "widths": list(widths), "repeats": repeats, **attributes,
        "provenance": provenance(int(attributes["seed"]), attributes["data_hash"]),
    }  # fmt: skip
    return xr.Dataset(variables, coordinates, facts)


def summarize(table: xr.Dataset) -> xr.Dataset:
    """Take means, standard deviations and standard errors over the repeats.

    ``stderr = std / sqrt(repeats)``, std with repeats - 1 in its denominator.

    Parameters
    ----------
    table : xarray.Dataset
        Of `width_sweep`.

    Returns
    -------
    xarray.Dataset
        Every variable over repeats as name, name_std and name_stderr, without the dimension repeat;
        the others as they are. Standard deviations of one repeat are NaN.

    Raises
    ------
    TypeError, ValueError
        If it is not such a table.

    Examples
    --------
    >>> import functools
    >>> from overprune import networks
    >>> model = functools.partial(networks.two_layer, inputs=64)
    >>> data, training = networks.digits(train_rows=100), networks.Training(epochs=1)
    >>> table = networks.width_sweep(model, data, [2, 4], [2], training=training, repeats=3)
    >>> networks.summarize(table).dense_test_error_stderr.sizes["width"]
    2
    """
    check_table(table)
    found = {}
    for name, variable in table.data_vars.items():
        found[name] = variable
        if "repeat" in variable.dims:
            found[name] = variable.mean("repeat", skipna=False, keep_attrs=True)
            found[f"{name}_std"] = _deviation(variable)
            found[f"{name}_stderr"] = found[f"{name}_std"] / variable.sizes["repeat"] ** 0.5
    return table.drop_vars([*table.data_vars, "repeat"]).assign(found)


def compare(
    table: xr.Dataset, *, stage: str = "retrained", quantity: str = "test_error"
) -> xr.Dataset:
    """Compare pruned networks of every width with dense networks of width s, repeat by repeat.

    ``difference = mean over repeats of (dense at width s) - (pruned from width k)``: positive where
    pruning is better. Repeats share their training rows over all widths, so that differences are
    paired.

    Parameters
    ----------
    table : xarray.Dataset
        Of `width_sweep`, with every s of its nonzeros among its widths, and at least two repeats.
    stage : {"retrained", "pruned"}, default "retrained"
    quantity : str, default "test_error"
        Or "test_loss", "validation_error", ...

    Returns
    -------
    xarray.Dataset
        difference, stderr and z = difference / stderr (width, nonzeros).

    Raises
    ------
    TypeError, ValueError
        If it is not such a table.

    Examples
    --------
    >>> import functools
    >>> from overprune import networks
    >>> model = functools.partial(networks.two_layer, inputs=64)
    >>> data, training = networks.digits(train_rows=100), networks.Training(epochs=1)
    >>> table = networks.width_sweep(model, data, [2, 4], [2], training=training, repeats=3)
    >>> sorted(networks.compare(table).data_vars)
    ['difference', 'stderr', 'z']
    """
    import xarray as xr

    check_table(table)
    pruned, dense = f"{stage}_{quantity}", f"dense_{quantity}"
    if stage not in ("retrained", "pruned") or pruned not in table:
        raise ValueError(
            f"stage and quantity must name a variable of the table, got {stage!r} and {quantity!r}"
        )
    missing = [int(s) for s in table.nonzeros.values if s not in table.width.values]
    if missing or table.sizes["repeat"] < 2:
        what = f"no width {missing[0]}" if missing else f"{table.sizes['repeat']} repeat"
        raise ValueError(f"table must hold dense networks of every s, and two repeats; got {what}")
    direct = table[dense].sel(width=table.nonzeros.values).rename(width="nonzeros")
    paired = direct.drop_vars("nonzeros").assign_coords(nonzeros=table.nonzeros) - table[pruned]
    error = _deviation(paired) / paired.sizes["repeat"] ** 0.5
    mean = paired.mean("repeat", skipna=False)
    return xr.Dataset(
        {"difference": mean, "stderr": error, "z": mean / error.where(error > 0)}
    ).transpose("width", "nonzeros")


def check_table(table: Any) -> None:
    import xarray as xr

    if not isinstance(table, xr.Dataset):
        raise TypeError(
            f"table must be an xarray.Dataset of width_sweep, got {type(table).__name__}"
        )
    if table.attrs.get("kind") != "width_sweep":
        raise ValueError(f"table must be one of width_sweep, got kind {table.attrs.get('kind')!r}")


def _deviation(variable: xr.DataArray) -> xr.DataArray:
    if variable.sizes["repeat"] < 2:
        return variable.mean("repeat") * np.nan
    with np.errstate(invalid="ignore"):  # infinite predictions have no deviation
        return variable.std("repeat", ddof=1, skipna=False)


def _long_name(name: str) -> str:
    stage, _, rest = name.partition("_")
    if name in ("parameters", "prunable", "nonzero_weights"):
        return {
            "parameters": "trained parameters of the dense network",
            "prunable": "weights that may be pruned",
            "nonzero_weights": "weights kept",
        }[name]
    return f"{rest.replace('_', ' ')} of the {stage} network"
