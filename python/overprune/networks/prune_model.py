"""Pruning every layer of a network from calibration batches, and what each costs on fresh ones."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .. import _core
from .. import _validation as check
from ..fits.prune_layer import SCOPES, damping_of
from .copies import clone
from .layer_amounts import amounts_of
from .layer_fit import FitOptions
from .layer_job import Job
from .layer_masks import attach_masks
from .layer_progress import LayerStep
from .layer_table import table_of_layers
from .moments import Forward, stream
from .targets import targets_of

if TYPE_CHECKING:
    import xarray as xr

ALLOCATIONS = ("uniform", "loss")


@dataclass(frozen=True, eq=False)
class PrunedModel:
    """A pruned network and a table of its layers; what `prune_model` returns.

    Parameters
    ----------
    model : torch.nn.Module
        The network, or its pruned copy.
    table : xarray.Dataset
        Along the dimension layer, in the order in which they were pruned: weights, outputs, inputs
        (of a row), kept, dead_inputs, rows (of calibration), effective_rows, degrees_of_freedom,
        damping, output_power, training_loss, predicted_loss, fresh_loss (NaN without held-out
        batches), selection_factor and seconds. Losses are means over the outputs of mean squares
        of (pruned output - unpruned output) on the layer's inputs in the pruned network;
        output_power is that of the unpruned outputs, about their mean where the bias is fitted
        again. Attributes hold every argument.
    masks : dict of str to torch.Tensor
        Which weights are kept, by layer, in the shape of its weight.

    Raises
    ------
    TypeError
        If an argument is missing.

    Examples
    --------
    >>> import torch
    >>> from overprune import networks
    >>> found = networks.prune_model(
    ...     torch.nn.Linear(4, 2), list(torch.randn(4, 30, 4)), sparsity=0.5, rule="magnitude"
    ... )
    >>> type(found).__name__, int(found.masks["Linear"].sum())
    ('PrunedModel', 4)
    """

    model: nn.Module
    table: xr.Dataset
    masks: dict[str, torch.Tensor]

    def rows_needed(self, layer: str, excess: float) -> int:
        """How many calibration rows bring a layer's fresh loss within `excess` of its limit.

        ``n = k (1 + excess) / excess`` with the effective degrees of freedom
        ``k = rows (1 - sqrt(training_loss / predicted_loss))``, see `PrunedLayer.rows_needed`.
        Rows are those of the calibration, which may depend on one another: k is larger for it.

        Parameters
        ----------
        layer : str
            A name of the table.
        excess : float
            Above 0, relative: 0.1 allows a tenth more than the limit.

        Returns
        -------
        int

        Raises
        ------
        TypeError, ValueError
            If there is no such layer, or excess is no positive number.

        References
        ----------
        docs/theory.md, section 12.

        Examples
        --------
        >>> import torch
        >>> from overprune import networks
        >>> generator = torch.Generator().manual_seed(0)
        >>> batches = torch.randn(10, 50, 8, generator=generator)
        >>> found = networks.prune_model(
        ...     torch.nn.Linear(8, 4), list(batches), sparsity=0.5, rule="magnitude"
        ... )
        >>> found.rows_needed("Linear", 0.1) > 20
        True
        """
        over = check.positive(excess, "excess")
        names = [str(name) for name in self.table.layer.values]
        own = self.table.sel(layer=check.choice(layer, "layer", names))
        training, predicted = float(own.training_loss), float(own.predicted_loss)
        freedom = float(own.degrees_of_freedom)
        if training > 0 and predicted > 0:
            freedom = float(own.rows) * max(1.0 - math.sqrt(training / predicted), 0.0)
        return max(math.ceil(freedom * (1.0 + over) / over), 1)


def prune_model(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    nonzeros: int | Mapping[str, int | None] | None = None,
    sparsity: float | Mapping[str, float | None] | None = None,
    pattern: Any = None,
    allocation: str = "uniform",
    rule: str = "surgeon",
    scope: str = "row",
    refit: bool = True,
    damping: float | str = 0.0,
    intercept: bool = True,
    folds: int = 10,
    fresh: Iterable[Any] | None = None,
    forward: Forward | None = None,
    masks: bool = False,
    inplace: bool = False,
    seed: int = 0,
    workers: int | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: bool | Callable[[LayerStep], None] = False,
) -> PrunedModel:
    """Prune the layers of a network from calibration batches, and predict each one's fresh loss.

    Every weight W of a Linear or convolution layer, and of the projections of
    ``torch.nn.MultiheadAttention``, is pruned by `prune_layer` from the second moments of the rows
    x that it meets (a convolution's are its inputs under the kernel, padding included): W' is the
    sparse weight nearest to ``W x`` on the calibration rows. Layers are pruned in the order in
    which the network calls them, each from inputs that the pruned ones before it make. Moments
    are summed in double precision as the batches stream by, a pass for every layer; activations
    are not kept.

    Parameters
    ----------
    model : torch.nn.Module
        In any mode and on any devices. A weight that several layers share is pruned once, from the
        rows of all of them.
    batches : iterable
        Calibration batches, the same in every pass: a list or a DataLoader, not a generator. A
        tensor or array is the network's argument, a tuple or list are its arguments, a mapping its
        named ones; they are moved to the device of the first parameter.
    nonzeros : int or mapping, optional
        Weights kept of each row of a weight, the inputs of an output, in [1, p].
    sparsity : float or mapping, optional
        Share of a layer's weights set to zero, in [0, 1). One of nonzeros, sparsity and pattern is
        given. Each is one value for all layers or a mapping from names, or patterns with ``*``, to
        values; exact names go before patterns, and the first pattern before the next. Layers
        without a value, or with None, stay as they are.
    pattern : "n:m", (n, m) or mapping, optional
        Keep n of every m consecutive weights of a row, such as "2:4".
    allocation : {"uniform", "loss"}, default "uniform"
        "loss" keeps as many weights in all as nonzeros or sparsity say, but shares them out over
        the layers so that the sum of their predicted losses, each relative to the power of its
        outputs, is least.
    rule, scope, refit, damping : optional
        As for `prune_layer`. With scope "layer" the outputs of a group of a convolution compete.
    intercept : bool, default True
        Whether a refit fits a layer's bias, too, to the mean of what the pruned weights did:
        moments are then taken about the mean. Biases are never pruned. One that is shared, or
        belongs to a shared weight, stays.
    folds : int, default 10
        Folds of neighbouring batches, 0 or at least 2, at most one a batch. A choice and a refit
        without each fold are judged on it, for at most 64 outputs of a layer, and multiply the
        formula's prediction by what they lose beyond it: the price of a mask chosen from the rows,
        and of rows that depend on one another, as positions of an image do. Moments take folds
        times the memory. One batch has no folds: the formula alone.
    fresh : iterable, optional
        Held-out batches, on which the loss is measured.
    forward : callable, (model, batch) -> any, optional
        How the network is called with a batch, if not as said above.
    masks : bool, default False
        Whether the pruned weights have masks of ``torch.nn.utils.prune``, which hold through later
        training, instead of plain zeros.
    inplace : bool, default False
        Whether the model itself is pruned, instead of a copy. It is as it was if that fails.
    seed : int, default 0
        Of the rule "random" and of forward passes that draw, in [0, 2**64).
    workers : int, optional
        Threads of `prune_layer`. Does not change the result.
    store : str or path, optional
        A directory that keeps each layer once it is finished. The same call goes on with it.
    progress : bool or callable, default False
        True shows a bar with the layer and the time left; a callable is given every `LayerStep`.

    Returns
    -------
    PrunedModel

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, a name is none of a layer, a pattern
        does not divide a layer's inputs, nonzeros are above them, a layer is never called, has no
        rows or inputs that are not finite, a weight is computed or already pruned, batches cannot
        be gone through again, or the store holds another run or is damaged.
    BlockingIOError
        If another run has the store open.
    OSError
        If the store cannot be read or written; what was finished is kept.
    MemoryError
        If the moments of a layer do not fit into the memory.
    KeyboardInterrupt
        After Ctrl-C; the store keeps every finished layer.

    Warns
    -----
    UserWarning
        With the layer's name where inputs are dead or a refit without damping has no more rows than
        weights.
    RuntimeWarning
        Where a layer of the store is damaged and pruned again.

    Notes
    -----
    The network runs in evaluation mode, without gradients and without the fused paths of attention
    layers. Modes, hooks, gradients, and the global generators of torch, Python and numpy are
    afterwards as they were, also after an error.

    References
    ----------
    docs/theory.md, section 12; docs/networks.md.

    Examples
    --------
    >>> import torch
    >>> from overprune import networks
    >>> generator = torch.Generator().manual_seed(0)
    >>> batches = list(torch.randn(10, 50, 16, generator=generator))
    >>> network = networks.two_layer(8, inputs=16, outputs=4)
    >>> found = networks.prune_model(network, batches, sparsity={"*": 0.5, "3": None})
    >>> found.table.layer.values.tolist(), found.table.kept.values.tolist()
    (['1'], [64])
    >>> bool((found.model[1].weight == 0).sum() == 64)
    True
    """
    options = FitOptions(
        check.choice(rule, "rule", _core.LAYER_RULES), check.choice(scope, "scope", SCOPES),
        check.flag(refit, "refit"), damping, check.seed(seed), workers,
    )  # fmt: skip
    damping_of(damping)
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {check.shown(model)}")
    for name, value in (("intercept", intercept), ("masks", masks), ("inplace", inplace)):
        check.flag(value, name)
    check.choice(allocation, "allocation", ALLOCATIONS)
    if not callable(progress):
        check.flag(progress, "progress")
    count = check.integer(folds, "folds", lowest=0)
    if count == 1:
        raise ValueError("folds must be 0 or at least 2, got 1")
    given = {"nonzeros": nonzeros, "sparsity": sparsity, "pattern": pattern}
    own = model if inplace else clone(model)
    targets = targets_of(own)
    amounts = amounts_of(targets, given, scope)
    if allocation == "loss" and any("pattern" in amount for amount in amounts.values()):
        raise ValueError('allocation must be "uniform" with a pattern, got "loss"')
    job = Job(
        own, targets, amounts, stream(batches, "batches", forward, own, options.seed),
        None if fresh is None else stream(fresh, "fresh", forward, own, options.seed),
        options, intercept and refit, count, allocation,
    )  # fmt: skip
    values, kept = job.run(store, progress)
    for message in job.messages:
        warnings.warn(message, UserWarning, stacklevel=2)
    if masks:
        attach_masks([(job.targets[name], mask) for name, mask in kept.items()])
    return PrunedModel(own, table_of_layers(values, job.facts), kept)
