"""Test error over width: networks trained, pruned to equal nonzeros and trained again."""

from __future__ import annotations

import functools
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .. import _validate as check
from .._functions import qualified_name
from .._version import __version__
from . import pruning
from .cells import KEEP, RETRAIN, Factory, Task, run_cell, seed_of
from .data import NetworkData
from .models import count_prunable
from .progress import Progress, Step
from .store import CellStore
from .table import table_of
from .training import Training, numbers, seeded, to_device

if TYPE_CHECKING:
    import xarray as xr


def width_sweep(
    model: Factory,
    data: NetworkData,
    widths: Sequence[int],
    nonzeros: Sequence[int],
    *,
    rule: str = "magnitude",
    scope: str = "global",
    keep: str = "equal_nonzeros",
    retrain: str = "rewind",
    training: Training | None = None,
    repeats: int = 5,
    seed: int = 0,
    device: str | None = None,
    store: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    progress: bool | Callable[[Step], None] = False,
) -> xr.Dataset:
    """Train networks of every width, prune them to the nonzeros of narrow ones, and train them again.

    With P(k) the prunable weights of a dense network of width k, a network of width k keeps ``P(s)`` of them
    (keep "equal_nonzeros") or ``P(k) s / k`` (keep "width_ratio", at which wide networks keep about k / s
    times the weights of the dense network of width s, and equal sizes are not compared).

    Parameters
    ----------
    model : callable, width -> torch.nn.Module
        For instance `two_layer`, or ``functools.partial(two_layer, inputs=196)``. It draws initial weights
        from torch's global generator, which is seeded for it and left as it was. Outputs (rows, classes), or
        (rows, m) for m real targets.
    data : NetworkData
    widths : sequence of int
        Widths k, strictly increasing, at least 1.
    nonzeros : sequence of int
        Widths s, strictly increasing, at least 1, that say how many weights are kept.
    rule : {"magnitude", "hessian", "random"}, default "magnitude"
        Scores of the dense network's weights: ``|w|``, ``h w**2 / 2`` with h the diagonal of the Gauss-Newton
        matrix on training rows, or uniform random numbers.
    scope : {"global", "layer"}, default "global"
        Whether scores compete over all layers, or every layer keeps the same part.
    keep : {"equal_nonzeros", "width_ratio"}, default "equal_nonzeros"
    retrain : {"rewind", "finetune", "none"}, default "rewind"
        From the initial weights, from the trained ones, or not at all.
    training : Training, optional
        ``Training()`` by default.
    repeats : int, default 5
        At least 1; each has its own training rows (where the data draws them), labels' noise, initial weights
        and order of minibatches.
    seed : int, default 0
        In [0, 2**64).
    device : str, optional
        As torch names it; "cuda" where there is one, else "cpu", by default. On the CPU the table depends on
        nothing but the arguments and torch's version; every cell computes with one thread.
    store : str or path, optional
        A directory that keeps each (width, repeat) once it is finished. The same call goes on with it, also
        with more widths or repeats.
    executor : concurrent.futures.Executor, optional
        Runs the cells; the table is the same. Processes want one that spawns, and a model that pickles.
    progress : bool or callable, default False
        True shows a bar with width, repeat, stage, epoch and time left; a callable is given every `Step`.
        With an executor both hear of finished cells only.

    Returns
    -------
    xarray.Dataset
        dense_test_error (width, repeat), pruned_test_error and retrained_test_error (width, nonzeros,
        repeat); the same with loss, and with train and, where there is one, validation. error is the part of
        wrong classes, or the mean squared error of real targets. Also nonzero_weights (width, nonzeros), the
        counts parameters and prunable (width), dense_epochs and retrained_epochs. NaN where a width has fewer
        weights than asked for, and for retrain "none". Its attributes say all that repeats the run.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, the model has no prunable weights or does not fit
        the data, or the store holds another sweep.
    KeyboardInterrupt
        After Ctrl-C; the store keeps every finished cell.

    Warns
    -----
    UserWarning
        Where a width has fewer weights than asked for.

    References
    ----------
    Chang, Li, Oymak, Thrampoulidis (2021), section 5; docs/networks.md.

    Examples
    --------
    >>> import functools
    >>> from overprune import networks
    >>> data = networks.digits(train_rows=200)
    >>> model = functools.partial(networks.two_layer, inputs=64)
    >>> training = networks.Training(epochs=2)
    >>> table = networks.width_sweep(model, data, [2, 8], [2], training=training, repeats=2)
    >>> dict(table.retrained_test_error.sizes), table.nonzero_weights.values.ravel().tolist()
    ({'width': 2, 'nonzeros': 1, 'repeat': 2}, [148, 148])
    """
    if not isinstance(data, NetworkData):
        raise TypeError(
            f"data must be a NetworkData, as digits() or from_arrays() make it; got {check.shown(data)}"
        )
    settings = Training() if training is None else training
    if not isinstance(settings, Training):
        raise TypeError(f"training must be a Training, got {check.shown(training)}")
    if settings.select == "validation" and not data.validation:
        raise ValueError('select "validation" needs data with a validation split, got validation = 0')
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(f"executor must be a concurrent.futures.Executor, got {type(executor).__name__}")
    if store is not None and not isinstance(store, (str, os.PathLike)):
        raise TypeError(f"store must be a path, got {type(store).__name__}")
    if not callable(progress):
        check.flag(progress, "progress")
    ks, ss = tuple(check.increasing(widths, "widths")), tuple(check.increasing(nonzeros, "nonzeros"))
    check.choice(rule, "rule", pruning.RULES)
    check.choice(scope, "scope", pruning.SCOPES)
    check.choice(keep, "keep", KEEP)
    check.choice(retrain, "retrain", RETRAIN)
    count, key = check.integer(repeats, "repeats", lowest=1, highest=10**6), check.seed(seed)
    where = _device(device)
    _probe(model, data, ks[0], settings)
    have = {k: count_prunable(_make(model, k, 0)) for k in {*ks, *ss}}
    counts = _counts(have, ks, ss, keep)
    task = Task(model, data, ss, counts, have, rule, scope, retrain, settings, key, where)
    identity = {
        **_describe_model(model, ss[0]), **data.describe(),
        "nonzeros": list(ss), "rule": rule, "scope": scope, "keep": keep, "retrain": retrain,
        "seed": str(key), "device": torch.device(where).type, "torch_version": torch.__version__,
        "overprune_version": __version__,
        **settings.describe(),
    }  # fmt: skip
    cells = [(k, r) for k in ks for r in range(count)]
    return table_of(_run(task, cells, identity, store, executor, progress), ks, ss, count, identity)


def _run(
    task: Task,
    cells: list[tuple[int, int]],
    identity: dict[str, Any],
    store: Any,
    executor: Executor | None,
    progress: Any,
) -> dict[tuple[int, int], dict[str, Any]]:
    """The values of all cells: those of the store, and the others, which are run."""
    done: dict[tuple[int, int], dict[str, Any]] = {}
    with ExitStack() as stack:
        place = None if store is None else stack.enter_context(CellStore(store, identity))
        for cell in cells:
            if place is not None and (values := place.read(*cell)) is not None:
                done[cell] = values
        bar = stack.enter_context(Progress(task, [c for c in cells if c not in done], progress))
        left = [cell for cell in cells if cell not in done]
        finished = _here(task, left, bar) if executor is None else _elsewhere(task, left, executor)
        for cell, values in finished:
            if place is not None:
                place.write(*cell, values)
            done[cell] = values
            bar.finish(*cell)
    return done


def _here(task: Task, cells: list[tuple[int, int]], bar: Progress) -> Iterator[tuple[tuple[int, int], Any]]:
    for cell in cells:
        yield cell, run_cell(task, *cell, bar.tell(*cell))


def _elsewhere(
    task: Task, cells: list[tuple[int, int]], executor: Executor
) -> Iterator[tuple[tuple[int, int], Any]]:
    """The widest first, so that no wide one is left for the end."""
    futures: dict[Future[Any], tuple[int, int]] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for cells in threads of this process, which restore what they find
    try:
        for cell in sorted(cells, key=lambda c: (-c[0], c[1])):
            futures[executor.submit(run_cell, task, *cell)] = cell
        left = set(futures)
        while left:
            finished, left = wait(left, return_when=FIRST_COMPLETED)
            # Those that failed last, so that the others are kept.
            for future in sorted(finished, key=lambda f: f.exception() is not None):
                yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()
        torch.set_num_threads(threads)


def _device(device: Any) -> str:
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device must be a device of torch, got {check.shown(device)}: {error}") from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device must be there, got {check.shown(device)} where torch finds no CUDA")
    return str(found)


def _make(model: Factory, width: int, key: int) -> nn.Module:
    with seeded(seed_of(key, width, "probe"), torch.device("cpu")):
        network = model(width)
    if not isinstance(network, nn.Module):
        raise TypeError(f"model must return a torch.nn.Module, got {check.shown(network)} for width {width}")
    return network


def _probe(model: Factory, data: NetworkData, width: int, settings: Training) -> None:
    """Refuses a model that cannot be pruned or does not fit the data, before anything is trained."""
    if not callable(model) or isinstance(model, nn.Module):
        raise TypeError(f"model must be a callable that makes a network of a width, got {check.shown(model)}")
    network = _make(model, width, 0)
    if count_prunable(network) == 0:
        raise ValueError(
            "model must have prunable weights, trained ones of Linear or convolution layers; "
            f"width {width} has none"
        )
    inputs, targets = to_device({"rows": (data.inputs[:2], data.targets[:2])}, torch.device("cpu"))["rows"]
    network.eval()
    try:
        with torch.no_grad(), seeded(0, torch.device("cpu")):
            outputs = network(numbers(inputs, network))
    except Exception as error:  # whatever the user's network makes of them
        line = " ".join(str(error).split())
        raise ValueError(
            f"model must take inputs of shape {tuple(inputs.shape)}; at width {width}: {line}"
        ) from None
    wanted = data.classes or targets.shape[1]
    if (
        tuple(outputs.shape[:1]) != (len(inputs),)
        or outputs.ndim != 2
        or (outputs.shape[1] < wanted if data.classes else outputs.shape[1] != wanted)
    ):
        raise ValueError(f"model must return ({len(inputs)}, {wanted}) outputs, got {tuple(outputs.shape)}")
    if settings.loss == "cross_entropy" and not data.classes:
        raise ValueError('loss must be "squared" for real targets, got "cross_entropy"')
    images = inputs.ndim == 4
    if not images and "crop_flip" in (settings.augment, settings.retrain_augment):
        raise ValueError(f'augment "crop_flip" needs images, got rows of shape {tuple(inputs.shape[1:])}')


def _counts(
    have: dict[int, int], ks: tuple[int, ...], ss: tuple[int, ...], keep: str
) -> dict[int, tuple[int, ...]]:
    """The weights that each width keeps for each s; 0 where it has fewer, with a warning."""
    counts, short = {}, []
    for k in ks:
        wanted = [have[s] if keep == "equal_nonzeros" else max(1, round(have[k] * s / k)) for s in ss]
        counts[k] = tuple(count if count <= have[k] else 0 for count in wanted)
        short += [f"width {k} for s = {s}" for s, count in zip(ss, counts[k], strict=True) if count == 0]
    if short:
        warnings.warn(
            f"nonzeros above what a width has give NaN: {', '.join(short[:8])}"
            + (", ..." if len(short) > 8 else ""),
            stacklevel=3,
        )
    return counts


def _describe_model(model: Factory, width: int) -> dict[str, Any]:
    """A model's name, arguments and the hash of its initial weights, which tells lambdas apart."""
    from .._provenance import array_hash

    arguments: dict[str, str] = {}
    inner: Any = model
    while isinstance(inner, functools.partial):
        arguments = {
            **{str(i): repr(a) for i, a in enumerate(inner.args)},
            **{k: repr(v) for k, v in inner.keywords.items()},
            **arguments,
        }
        inner = inner.func
    state = _make(model, width, 0).state_dict()
    digest = "".join(f"{name}{array_hash(value.reshape(-1).numpy())}" for name, value in state.items())
    return {
        "model": qualified_name(inner),
        "model_arguments": json.dumps(arguments, sort_keys=True),
        "model_hash": f"{seed_of(width, digest):016x}",
    }
