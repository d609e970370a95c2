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

from .. import _validation as check
from .._version import __version__
from ..problems.functions import qualified_name
from . import pruning
from .cells import KEEP, RETRAIN, Task, diverged, misfit, run_cell
from .checks import check_layers
from .copies import Factory
from .data import NetworkData
from .hashes import state_text
from .models import count_prunable
from .progress import Progress, Step
from .randomness import GlobalGenerators, seed_of, seeded
from .rehearsal import rehearse
from .store import CellStore
from .table import table_of
from .training import Training

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
    """Train networks of every width, prune them to the nonzeros of narrow ones, retrain them.

    With P(k) the prunable weights of a dense network of width k, a network of width k keeps
    ``P(s)`` of them (keep "equal_nonzeros") or ``P(k) s / k`` (keep "width_ratio", at which wide
    networks keep about k / s times the weights of the dense network of width s, and equal sizes are
    not compared).

    Parameters
    ----------
    model : callable, width -> torch.nn.Module
        For instance `two_layer`, or ``functools.partial(two_layer, inputs=196)``. It draws initial
        weights from torch's global generator. That one, Python's and numpy's are seeded for it and
        for forward passes, and left as they were. Outputs (rows, classes), or (rows, m) for m real
        targets. Every call makes a new network, which is copied whole, as `copy.deepcopy` does, and
        itself left as it is.
    data : NetworkData
    widths : sequence of int
        Widths k, strictly increasing, at least 1.
    nonzeros : sequence of int
        Widths s, strictly increasing, at least 1, that say how many weights are kept.
    rule : str, default "magnitude"
        A rule of `overprune.importance` that needs no truth; for "hessian" the score of a weight is
        ``h w**2 / 2`` with h the diagonal of the Gauss-Newton matrix on training rows.
    scope : {"global", "layer"}, default "global"
        Whether scores compete over all layers, or every layer keeps the same part.
    keep : {"equal_nonzeros", "width_ratio"}, default "equal_nonzeros"
    retrain : {"rewind", "reinitialize", "finetune", "none"}, default "rewind"
        From the initial weights, from fresh ones on the same mask, from the trained ones, or not at
        all.
    training : Training, optional
        ``Training()`` by default.
    repeats : int, default 5
        At least 1; each has its own training rows (where the data draws them), labels' noise,
        initial weights and order of minibatches.
    seed : int, default 0
        In [0, 2**64).
    device : str, optional
        As torch names it; "cuda" where there is one, else "cpu", by default. On the CPU the table
        depends on nothing but the arguments and torch's version; every cell computes with one
        thread.
    store : str or path, optional
        A directory that keeps each (width, repeat) once it is finished. The same call goes on with
        it, also with more widths or repeats.
    executor : concurrent.futures.Executor, optional
        Runs the cells; the table is the same. Processes want one that spawns, and a model that
        pickles.
    progress : bool or callable, default False
        True shows a bar with width, repeat, stage, epoch and time left; a callable is given every
        `Step`. With an executor both hear of finished cells only.

    Returns
    -------
    xarray.Dataset
        dense_test_error (width, repeat), pruned_test_error and retrained_test_error (width,
        nonzeros, repeat); the same with loss, and with train and, where there is one, validation.
        error is the part of wrong classes, or the mean squared error of real targets. Also
        nonzero_weights (width, nonzeros), the counts parameters and prunable (width), dense_epochs
        and retrained_epochs. NaN where a width has fewer weights than asked for, where training
        diverged, and for retrain "none". Its attributes say all that repeats the run.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of range, the model has no prunable weights, has
        a layer that cannot be trained or pruned, cannot be copied, or does not fit the data, or the
        store holds another sweep or is damaged. All of it is asked before anything is trained.
    BlockingIOError
        If another run has the store open.
    OSError
        If the store cannot be read or written; what was finished is kept.
    KeyboardInterrupt
        After Ctrl-C; the store keeps every finished cell.

    Warns
    -----
    UserWarning
        Where a width has fewer weights than asked for; where weights, outputs or a loss are not
        finite, with the cells; where a network in threads draws random numbers that its first
        forward passes did not.
    RuntimeWarning
        Where a cell of the store is damaged and run again.

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
    settings = Training() if training is None else training
    _check_kinds(data, settings, executor, store, progress)
    ks = tuple(check.increasing(widths, "widths"))
    ss = tuple(check.increasing(nonzeros, "nonzeros"))
    check.choice(rule, "rule", pruning.RULES)
    check.choice(scope, "scope", pruning.SCOPES)
    check.choice(keep, "keep", KEEP)
    check.choice(retrain, "retrain", RETRAIN)
    count, key = check.integer(repeats, "repeats", lowest=1, highest=10**6), check.seed(seed)
    where = _device(device)
    if not callable(model) or isinstance(model, nn.Module):
        raise TypeError(
            f"model must be a callable that makes a network of a width, got {check.shown(model)}"
        )
    have, draws = {}, False
    for k in sorted({*ks, *ss}):
        network = _make(model, k, where)
        check_layers(network, k)
        have[k] = count_prunable(network)
        if k in ks:
            draws |= rehearse(network, data, k, settings, rule=rule, scope=scope, device=where)
    counts = _counts(have, ks, ss, keep)
    beside = not (draws or executor is None)
    task = Task(model, data, ss, counts, have, rule, scope, retrain, settings, key, where, beside)
    identity = {
        **_describe_model(model, ss[0], where), **data.describe(),
        "nonzeros": list(ss), "rule": rule, "scope": scope, "keep": keep, "retrain": retrain,
        "seed": str(key), "device": torch.device(where).type, "torch_version": torch.__version__,
        "overprune_version": __version__,
        **settings.describe(),
    }  # fmt: skip
    cells = [(k, r) for k in ks for r in range(count)]
    done = _run(task, cells, identity, store, executor, progress)
    _warn_of_divergence(task, done)
    return table_of(done, ks, ss, count, identity)


def _check_kinds(data: Any, settings: Any, executor: Any, store: Any, progress: Any) -> None:
    if not isinstance(data, NetworkData):
        raise TypeError(
            "data must be a NetworkData, as digits() or from_arrays() make it; got "
            f"{check.shown(data)}"
        )
    if not isinstance(settings, Training):
        raise TypeError(f"training must be a Training, got {check.shown(settings)}")
    if settings.select == "validation" and not data.validation:
        raise ValueError(
            'select "validation" needs data with a validation split, got validation = 0'
        )
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"executor must be a concurrent.futures.Executor, got {type(executor).__name__}"
        )
    if store is not None and not isinstance(store, (str, os.PathLike)):
        raise TypeError(f"store must be a path, got {type(store).__name__}")
    if not callable(progress):
        check.flag(progress, "progress")


def _warn_of_divergence(task: Task, done: dict[tuple[int, int], dict[str, Any]]) -> None:
    stages = {cell: diverged(values, task, cell[0]) for cell, values in sorted(done.items())}
    lost = [
        f"width {k}, repeat {r}: {', '.join(found)}" for (k, r), found in stages.items() if found
    ]
    if lost:
        warnings.warn(
            "networks whose weights, outputs or loss are not finite give NaN: "
            + "; ".join(lost[:8])
            + ("; ..." if len(lost) > 8 else ""),
            stacklevel=3,
        )


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
            if place is None:
                continue
            values = place.read(*cell, functools.partial(misfit, task, cell[0]))
            if values is not None:
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


def _here(
    task: Task, cells: list[tuple[int, int]], bar: Progress
) -> Iterator[tuple[tuple[int, int], Any]]:
    for cell in cells:
        yield cell, run_cell(task, *cell, bar.tell(*cell))


def _elsewhere(
    task: Task, cells: list[tuple[int, int]], executor: Executor
) -> Iterator[tuple[tuple[int, int], Any]]:
    """Runs the widest cells first, so that no wide one is left for the end."""
    futures: dict[Future[Any], tuple[int, int]] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # cells in threads of this process restore what they find
    generators = GlobalGenerators(torch.device(task.device))
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
    if task.beside and generators.moved():
        generators.restore()
        warnings.warn(
            "the table may not repeat: the network draws random numbers of a global generator in "
            "some forward passes, though not in its first ones; run it without an executor",
            stacklevel=4,
        )


def _device(device: Any) -> str:
    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device must be a device of torch, got {check.shown(device)}: {error}"
        ) from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device must be there, got {check.shown(device)} where torch finds no CUDA"
        )
    try:
        float(torch.zeros((), device=found))
    except Exception as error:  # of kinds that differ from device to device
        line = check.one_line(str(error))
        raise ValueError(
            f"device must hold numbers, got {check.shown(device)}: {line[:100]}"
        ) from None
    return str(found)


def _make(model: Factory, width: int, device: str) -> nn.Module:
    """The network of the user's function, itself, to be examined."""
    with seeded(seed_of(0, width, "probe"), torch.device(device)):
        network = model(width)
        if not isinstance(network, nn.Module):
            raise TypeError(
                f"model must return a torch.nn.Module, got {check.shown(network)} for width {width}"
            )
        if model(width) is network:
            raise ValueError(
                f"model must make a new network in every call, got one twice for width {width}"
            )
    return network


def _counts(
    have: dict[int, int], ks: tuple[int, ...], ss: tuple[int, ...], keep: str
) -> dict[int, tuple[int, ...]]:
    """The weights that each width keeps for each s; 0 where it has fewer, with a warning."""
    counts, short = {}, []
    for k in ks:
        wanted = [
            have[s] if keep == "equal_nonzeros" else max(1, round(have[k] * s / k)) for s in ss
        ]
        counts[k] = tuple(count if count <= have[k] else 0 for count in wanted)
        short += [
            f"width {k} for s = {s}" for s, count in zip(ss, counts[k], strict=True) if count == 0
        ]
    if short:
        warnings.warn(
            f"nonzeros above what a width has give NaN: {', '.join(short[:8])}"
            + (", ..." if len(short) > 8 else ""),
            stacklevel=3,
        )
    return counts


def _describe_model(model: Factory, width: int, device: str) -> dict[str, Any]:
    """A model's name, arguments and the hash of its initial weights, which tells lambdas apart."""
    arguments: dict[str, str] = {}
    inner: Any = model
    while isinstance(inner, functools.partial):
        arguments = {
            **{str(i): repr(a) for i, a in enumerate(inner.args)},
            **{k: repr(v) for k, v in inner.keywords.items()},
            **arguments,
        }
        inner = inner.func
    digest = state_text(_make(model, width, device))
    return {
        "model": qualified_name(inner),
        "model_arguments": json.dumps(arguments, sort_keys=True),
        "model_hash": f"{seed_of(width, digest):016x}",
    }
