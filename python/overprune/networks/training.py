"""How networks are trained: settings, and the loop over minibatches of tensors on the device."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from .. import _validation as check
from .copies import clone
from .data import Array
from .descent import descend

Tensors = tuple[torch.Tensor, torch.Tensor]
LOSSES = ("cross_entropy", "squared")
OPTIMIZERS = ("adam", "sgd", "gradient_descent")
AUGMENTS = ("none", "crop_flip")
SELECTIONS = ("last", "validation")
# Rows that are measured at once.
MEASURED = 2000


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the networks of a sweep are trained.

    Parameters
    ----------
    epochs : int, default 30
        Passes over the training rows of the dense network, at least 1; of "gradient_descent",
        steps.
    retrain_epochs : int, optional
        Of the pruned network; as many as epochs by default.
    optimizer : {"adam", "sgd", "gradient_descent"}, default "adam"
        "sgd" has Nesterov momentum 0.9. "gradient_descent" takes all rows at once, with Nesterov's
        momentum, restarts and the step 1/L of the loss's curvature L: for networks that are linear
        in what is trained, in double precision, as `random_feature_network`.
    learning_rate : float, default 1e-3
        Above 0; not used by "gradient_descent".
    cosine : bool, default False
        Whether the learning rate falls to 0 along half a cosine.
    batch : int, default 128
        Rows of a minibatch; not used by "gradient_descent".
    weight_decay : float, default 0.0
    loss : {"cross_entropy", "squared"}, default "cross_entropy"
        "squared" is the mean over rows of the squares summed over outputs; class labels are one-hot
        rows.
    augment, retrain_augment : {"none", "crop_flip"}, default "none"
        "crop_flip" shifts images by up to 4 pixels and mirrors half of them, anew in every epoch.
    stop_loss : float, default 0.0
        Ends the training after an epoch whose mean loss is below it; of "gradient_descent", once
        the gradient's norm is below this part of the first one's.
    select : {"last", "validation"}, default "last"
        "validation" returns the network of the epoch with the least validation error, ties to the
        least validation loss; it needs a validation split. The test set is never used.
    mixed_precision : bool, default False
        Whether the forward passes of the training run in bfloat16 where that is safe
        (torch.autocast).
    hessian_rows : int, default 1000
        Training rows, the first ones, from which the rule "hessian" estimates curvatures.

    Raises
    ------
    TypeError, ValueError
        If a setting is not what is said above.

    Examples
    --------
    >>> from overprune import networks
    >>> networks.Training(epochs=5, optimizer="sgd", learning_rate=0.1).retrain_epochs
    5
    """

    epochs: int = 30
    retrain_epochs: int | None = None
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    cosine: bool = False
    batch: int = 128
    weight_decay: float = 0.0
    loss: str = "cross_entropy"
    augment: str = "none"
    retrain_augment: str = "none"
    stop_loss: float = 0.0
    select: str = "last"
    mixed_precision: bool = False
    hessian_rows: int = 1000

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "hessian_rows"):
            check.integer(getattr(self, name), name, lowest=1)
        if self.retrain_epochs is None:
            object.__setattr__(self, "retrain_epochs", self.epochs)
        check.integer(self.retrain_epochs, "retrain_epochs", lowest=1)
        check.positive(self.learning_rate, "learning_rate")
        for name in ("weight_decay", "stop_loss"):
            check.nonnegative(getattr(self, name), name)
        for name in ("cosine", "mixed_precision"):
            check.flag(getattr(self, name), name)
        for name, allowed in (
            ("optimizer", OPTIMIZERS),
            ("loss", LOSSES),
            ("augment", AUGMENTS),
            ("retrain_augment", AUGMENTS),
            ("select", SELECTIONS),
        ):
            check.choice(getattr(self, name), name, allowed)
        if self.optimizer == "gradient_descent" and (
            self.weight_decay or self.augment != "none" or self.retrain_augment != "none"
        ):
            raise ValueError(
                'optimizer "gradient_descent" goes to the minimum-norm solution: weight_decay '
                f"must be 0 and augment and retrain_augment none; got {self.weight_decay}, "
                f"{self.augment}, {self.retrain_augment}"
            )

    def describe(self) -> dict[str, Any]:
        """Attributes of a table; flags as 0 and 1, which netCDF holds too."""
        settings = dataclasses.asdict(self)
        return {k: int(v) if isinstance(v, bool) else v for k, v in settings.items()}


@dataclass(frozen=True)
class Fit:
    """One training: settings, random numbers, dense or retrained, and progress."""

    training: Training
    generator: torch.Generator
    retraining: bool = False
    on_epoch: Callable[[int, int], None] = lambda epoch, epochs: None

    @property
    def epochs(self) -> int:
        return int((self.training.retrain_epochs if self.retraining else self.training.epochs) or 0)

    @property
    def augment(self) -> str:
        return self.training.retrain_augment if self.retraining else self.training.augment


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """torch computes with one thread: sums do not depend on the machine's cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def to_device(parts: dict[str, tuple[Array, Array]], device: torch.device) -> dict[str, Tensors]:
    """All rows as tensors of the device. Bytes become numbers in [0, 1] there, batch by batch.

    On a CPU they are the user's arrays where those can be written to: networks get copies, see
    `numbers`.
    """
    return {
        name: tuple(
            torch.from_numpy(np.require(a, requirements=["C", "W"])).to(device) for a in pair
        )
        for name, pair in parts.items()
    }


def numbers(inputs: torch.Tensor, like: nn.Module, copy: bool = True) -> torch.Tensor:
    """Inputs in the precision of the parameters; a copy, as forward passes may write to it."""
    kinds = (p.dtype for p in like.parameters() if p.is_floating_point())
    dtype = next(kinds, torch.get_default_dtype())
    return inputs.to(dtype) / 255 if inputs.dtype == torch.uint8 else inputs.to(dtype, copy=copy)


def at_least_single(values: torch.Tensor) -> torch.Tensor:
    """Numbers of 16 bits as 32 bits, whose range holds their squares."""
    return values.float() if values.itemsize < 4 else values


def loss_of(outputs: torch.Tensor, targets: torch.Tensor, loss: str) -> torch.Tensor:
    """The mean loss over rows, in the precision of the outputs and at least in single."""
    outputs = at_least_single(outputs)
    if loss == "cross_entropy":
        return functional.cross_entropy(outputs, targets)
    return (
        ((outputs - _rows_of(targets, outputs.shape[1]).to(outputs.dtype)) ** 2).sum(dim=1).mean()
    )


def _rows_of(targets: torch.Tensor, outputs: int) -> torch.Tensor:
    """Class labels as one-hot rows."""
    return functional.one_hot(targets, outputs) if targets.ndim == 1 else targets


def measure(
    model: nn.Module, rows: Tensors, loss: str, batch: int = MEASURED
) -> tuple[float, float]:
    """Error (of regression, the mean squared error) and loss over rows, in evaluation mode.

    Both are computed in double precision from the outputs, whatever the network's own, and are NaN
    where an output or the loss is not finite: the largest of such outputs says nothing.
    """
    inputs, targets = rows
    wrong = total = 0.0
    model.eval()
    with torch.no_grad():
        for first in range(0, len(inputs), batch):
            y = targets[first : first + batch]
            outputs = model(numbers(inputs[first : first + batch], model))
            if not bool(outputs.isfinite().all()):
                return math.nan, math.nan
            value = float(loss_of(outputs.double(), y, loss)) * len(y)
            total += value
            wrong += float((outputs.argmax(dim=1) != y).sum()) if y.ndim == 1 else value
    return (
        (wrong / len(inputs), total / len(inputs)) if math.isfinite(total) else (math.nan, math.nan)
    )


def is_finite(model: nn.Module) -> bool:
    """Whether all parameters are finite; descent never comes back from others."""
    return all(bool(p.isfinite().all()) for p in model.parameters())


def overflows(model: nn.Module, inputs: torch.Tensor, batch: int = MEASURED) -> bool:
    """Whether a parameter or any layer's output is not finite; asked after an error."""
    if not is_finite(model):
        return True
    seen: list[bool] = []

    def look(layer: nn.Module, args: Any, outputs: Any) -> None:
        tensors = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        seen.extend(bool(t.isfinite().all()) for t in tensors if isinstance(t, torch.Tensor))

    handles = [layer.register_forward_hook(look) for layer in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            for first in range(0, len(inputs), batch):
                model(numbers(inputs[first : first + batch], model))
    except Exception:  # the error that is asked about
        pass
    finally:
        for handle in handles:
            handle.remove()
    return not all(seen)


def train(model: nn.Module, parts: dict[str, Tensors], fit: Fit) -> tuple[nn.Module, int]:
    """Trains a network in place; returns it or, of select "validation", its copy of the best epoch.

    Also returns the epochs, which end where parameters are no longer finite.
    """
    settings = fit.training
    inputs, targets = parts["train"]
    if settings.optimizer == "gradient_descent":
        return model, descend(
            model, numbers(inputs, model), lambda f: loss_of(f, targets, settings.loss),
            steps=fit.epochs, tolerance=settings.stop_loss, tell=fit.on_epoch,
        )  # fmt: skip
    optimizer = _optimizer(model, settings)
    rate = _rate(fit, math.ceil(len(inputs) / settings.batch), largest(model) / 16)
    best: tuple[float, float] = (math.inf, math.inf)
    kept: nn.Module | None = None
    epoch = 0
    for epoch in range(1, fit.epochs + 1):
        mean = _epoch(model, parts["train"], fit, optimizer, rate)
        fit.on_epoch(epoch, fit.epochs)
        if settings.select == "validation":
            found = _or_worst(measure(model, parts["validation"], settings.loss))
            if kept is None or found < best:
                best, kept = found, clone(model)
        if mean < settings.stop_loss or not (math.isfinite(mean) or is_finite(model)):
            break
    return model if kept is None else kept, epoch


def _or_worst(found: tuple[float, float]) -> tuple[float, float]:
    """Error and loss, infinite where they are NaN, for comparisons."""
    return (math.inf, math.inf) if math.isnan(found[0]) else found


def _epoch(
    model: nn.Module, rows: Tensors, fit: Fit, optimizer: Any, rate: Iterator[float]
) -> float:
    """One pass over the rows in random order; returns the mean loss."""
    settings, count = fit.training, len(rows[0])
    model.train()
    order = torch.randperm(count, generator=fit.generator).to(rows[0].device)
    inputs, targets = rows[0][order], rows[1][order]
    total = torch.zeros((), dtype=torch.float64, device=inputs.device)
    for first in batches(count, settings, model):
        part = slice(first, first + settings.batch)
        # No copy: `inputs` is one of this epoch.
        x, y = numbers(inputs[part], model, copy=False), targets[part]
        if fit.augment == "crop_flip":
            x = crop_flip(x, fit.generator)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=settings.mixed_precision):
            loss = loss_of(model(x), y, settings.loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.param_groups[0]["lr"] = next(rate)
        optimizer.step()
        total += loss.detach() * len(x)
    return float(total) / count


def batches(count: int, settings: Training, model: nn.Module) -> range:
    """The rows at which batches begin; a last one of one row is left out of batch normalization."""
    lonely = count % settings.batch == 1 and count > 1 and _normalizes(model)
    return range(0, count - lonely, settings.batch)


def _normalizes(model: nn.Module) -> bool:
    return any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in model.modules())


def _optimizer(model: nn.Module, settings: Training) -> Any:
    trained = [p for p in model.parameters() if p.requires_grad]
    decay = settings.weight_decay
    if settings.optimizer == "adam":
        fused = all(p.is_floating_point() for p in trained)
        return torch.optim.Adam(trained, settings.learning_rate, weight_decay=decay, fused=fused)
    return torch.optim.SGD(
        trained, settings.learning_rate, momentum=0.9, nesterov=True, weight_decay=decay
    )


def largest(model: nn.Module) -> float:
    """The largest number of the trained parameters' precision, above which torch raises."""
    kinds = {p.dtype for p in model.parameters() if p.requires_grad}
    return min(torch.finfo(kind).max for kind in kinds)


def _rate(fit: Fit, steps: int, largest: float) -> Iterator[float]:
    """The learning rate of every step, at most `largest`, above which torch raises."""
    for step in itertools.count():
        part = min(step / (fit.epochs * steps), 1.0) if fit.training.cosine else 0.0
        yield min(fit.training.learning_rate * (0.5 + 0.5 * math.cos(math.pi * part)), largest)


def crop_flip(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image shifted by up to 4 pixels, zeros entering, and mirrored or not."""
    if images.ndim != 4:
        raise ValueError(
            'augment "crop_flip" needs images (N, channels, height, width), '
            f"got rows of shape {tuple(images.shape[1:])}"
        )
    count, _, height, width = images.shape
    draw = torch.randint(0, 9, (2, count, 1), generator=generator)
    mirrored = torch.randint(0, 2, (count, 1), generator=generator, dtype=torch.bool)
    rows, columns = torch.arange(height)[None] + draw[0], torch.arange(width)[None]
    columns = torch.where(mirrored, columns.flip(1), columns) + draw[1]
    padded = functional.pad(images, (4, 4, 4, 4))
    rows, columns = rows.to(images.device), columns.to(images.device)
    batch = torch.arange(count, device=images.device)
    # Indices on both sides of a slice put the channels last.
    moved = padded[batch[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous()
