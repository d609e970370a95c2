"""The table of a pruned model: a line for each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._provenance import provenance

if TYPE_CHECKING:
    import xarray as xr

# Names, whether they are counts, and what they are in words.
VARIABLES = {
    "weights": (True, "weights of the layer"),
    "outputs": (True, "rows of its weight"),
    "inputs": (True, "weights of a row"),
    "kept": (True, "weights kept"),
    "dead_inputs": (True, "inputs that never vary, whose weights are zero"),
    "rows": (True, "calibration rows"),
    "effective_rows": (False, "rows that do not depend on one another, of the same worth"),
    "degrees_of_freedom": (False, "degrees of freedom of an output's refit"),
    "damping": (False, "damping of the refit"),
    "output_power": (False, "mean square of an output of the unpruned layer"),
    "training_loss": (False, "mean squared error of an output on the calibration rows"),
    "predicted_loss": (False, "mean squared error of an output predicted for fresh rows"),
    "fresh_loss": (False, "mean squared error of an output on the held-out rows"),
    "selection_factor": (False, "by what the folds multiply the formula's prediction"),
    "seconds": (False, "time that the layer took"),
}


def table_of_layers(
    values: Mapping[str, Mapping[str, float]], attributes: Mapping[str, Any]
) -> xr.Dataset:
    """The table of layers in the order in which they were pruned."""
    import xarray as xr

    columns: dict[str, Any] = {}
    for name, (is_count, words) in VARIABLES.items():
        column = [own[name] for own in values.values()]
        columns[name] = (
            "layer", [int(v) for v in column] if is_count else column, {"long_name": words},
        )  # fmt: skip
    facts = {
        "kind": "prune_model", **attributes,
        "provenance": provenance(int(attributes["seed"]), attributes["model_hash"]),
    }  # fmt: skip
    return xr.Dataset(columns, {"layer": list(values)}, facts)
