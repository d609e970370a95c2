"""Second moments of what goes into the layers of a network, gathered as batches stream by."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from .. import _validation as check
from .._validation import FloatArray
from .hashes import hash_of
from .randomness import seeded
from .targets import Source, Target
from .unfold import rows_of, rows_of_lines

Forward = Callable[[nn.Module, Any], Any]
# What is told of a call: the target, where, and the pieces of its rows.
See = Callable[[Target, nn.Module, Iterator[torch.Tensor]], None]


class Moments:
    """Sums over a weight's rows in doubles, one each for every fold of the batches.

    Rows are taken about the first one, so that inputs that never change have no variance at all,
    and no large mean hides a small one.
    """

    def __init__(self, groups: int, p: int, folds: int) -> None:
        self.groups, self.p = groups, p
        self.counts = np.zeros(max(folds, 1), np.int64)
        self._shift: torch.Tensor | None = None
        self._sums: list[torch.Tensor] = []
        self._squares: list[torch.Tensor] = []

    def add(self, rows: torch.Tensor, fold: int) -> bool:
        """Adds rows (groups, n, p); whether they are finite."""
        if rows.shape[1] == 0:
            return True
        if self._shift is None:
            self._shift = rows[:, :1].clone()
            for _ in self.counts:
                self._sums.append(rows.new_zeros(self.groups, self.p))
                self._squares.append(rows.new_zeros(self.groups, self.p, self.p))
        offsets = rows.to(self._shift.device) - self._shift
        total = offsets.sum(dim=1)
        if not bool(torch.isfinite(total).all()):
            return False
        self.counts[fold] += rows.shape[1]
        self._sums[fold] += total
        self._squares[fold].baddbmm_(offsets.transpose(1, 2), offsets)
        return True

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    def of(self, group: int, folds: Sequence[int] | None = None) -> Moment:
        """The moments of one group, of the given folds or of all."""
        which = range(len(self.counts)) if folds is None else folds
        assert self._shift is not None
        total = sum((self._sums[f][group] for f in which), torch.zeros(()))
        squares = sum((self._squares[f][group] for f in which), torch.zeros(()))
        n = int(sum(self.counts[f] for f in which))
        return Moment(n, _array(self._shift[group, 0]), _array(total) / n, _array(squares) / n)


@dataclass(frozen=True, eq=False)
class Moment:
    """Moments of n rows about a shift: mean (p,) and second moments (p, p) of rows minus shift."""

    n: int
    shift: FloatArray
    offset: FloatArray
    squares: FloatArray

    @property
    def mean(self) -> FloatArray:
        return self.shift + self.offset

    def about(self, center: FloatArray | None) -> FloatArray:
        """Second moments (p, p) about a center in the rows' own units; about zero by default."""
        apart = self.shift if center is None else self.shift - center
        cross = np.outer(self.offset, apart)
        return self.squares + cross + cross.T + np.outer(apart, apart)

    def centred(self) -> FloatArray:
        """Second moments (p, p) about the mean."""
        found: FloatArray = self.squares - np.outer(self.offset, self.offset)
        gone = np.diagonal(found) <= 0  # but for rounding
        found[gone] = 0.0
        found[:, gone] = 0.0
        return found


def _array(values: torch.Tensor) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = values.cpu().numpy()
    return found


@dataclass(frozen=True, eq=False)
class Stream:
    """Batches that can be gone through again and again, and how a network is called with one."""

    batches: Any
    name: str
    forward: Forward
    device: torch.device
    seed: int

    def run(self, model: nn.Module, tell: Callable[[int, Any], None]) -> int:
        """Calls the network with every batch; `tell` hears of each before. Returns how many."""
        count = 0
        with seeded(self.seed, self.device):
            for batch in self.batches:
                tell(count, batch)
                self.forward(model, batch)
                count += 1
        return count


def stream(batches: Any, name: str, forward: Forward | None, model: nn.Module, seed: int) -> Stream:
    """Checks that batches can be gone through more than once."""
    # Not by calling iter, for which a DataLoader starts its workers and draws a seed.
    is_lasting = isinstance(batches, Iterable) or hasattr(batches, "__getitem__")
    plain = (torch.Tensor, np.ndarray, str, Mapping)
    if not is_lasting or isinstance(batches, (Iterator, *plain)):
        raise TypeError(
            f"{name} must be a list of batches, a DataLoader or another iterable that can be gone "
            f"through again for every layer, got {check.shown(type(batches).__name__)}"
        )
    if forward is not None and not callable(forward):
        raise TypeError(f"forward must be callable, got {check.shown(forward)}")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    return Stream(batches, name, forward or _Call(device), device, seed)


class _Call:
    """Calls a network with a batch: a tensor or array, a tuple or list of arguments, or names."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def __call__(self, model: nn.Module, batch: Any) -> Any:
        if isinstance(batch, Mapping):
            return model(**{name: self._moved(value) for name, value in batch.items()})
        if isinstance(batch, (tuple, list)):
            return model(*(self._moved(value) for value in batch))
        return model(self._moved(batch))

    def _moved(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            value = torch.from_numpy(np.require(value, requirements=["C", "W"]))
        return value.to(self._device) if isinstance(value, torch.Tensor) else value


@contextlib.contextmanager
def quiet(model: nn.Module) -> Iterator[None]:
    """Evaluation without gradients and fused layers; modes are afterwards as they were."""
    modes = {module: module.training for module in model.modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        model.eval()
        # The fused encoder layer calls none of its parts, and no hooks.
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, training in modes.items():
            module.training = training


@contextlib.contextmanager
def watched(targets: Sequence[Target], see: See) -> Iterator[None]:
    """Tells of every call in which one of the weights meets its inputs."""
    handles = []
    try:
        for target in targets:
            for source in target.sources:
                hook = _hook(target, source, see)
                handles.append(source.module.register_forward_hook(hook, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(target: Target, source: Source, see: See) -> Callable[..., None]:
    role = source.role
    if role == "input":

        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            inputs = args[0] if args else kwargs["input"]
            see(target, module, rows_of(module, inputs, output))

    elif role == "attended":
        twin = _without_projection(source.module)

        def attended(args: Any, kwargs: Any) -> Iterator[torch.Tensor]:
            yield from rows_of_lines(twin(*args, **kwargs)[0])

        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            see(target, module, attended(args, kwargs))

    else:
        at = ("query", "key", "value").index(role)

        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            see(target, module, rows_of_lines(args[at] if len(args) > at else kwargs[role]))

    return hook


def _without_projection(attention: Any) -> nn.MultiheadAttention:
    """The same attention with the identity as its output projection: what that is given.

    The forward pass of an attention uses the output projection's weight and does not call it.
    """
    weight = attention.out_proj.weight
    twin = nn.MultiheadAttention(
        attention.embed_dim, attention.num_heads, dropout=attention.dropout,
        bias=attention.in_proj_bias is not None, add_bias_kv=attention.bias_k is not None,
        add_zero_attn=attention.add_zero_attn, kdim=attention.kdim, vdim=attention.vdim,
        batch_first=attention.batch_first, device="meta",
    )  # fmt: skip
    for name in (
        "in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias",
        "bias_k", "bias_v",
    ):  # fmt: skip
        setattr(twin, name, getattr(attention, name))
    twin.out_proj.weight = nn.Parameter(
        torch.eye(attention.embed_dim, dtype=weight.dtype, device=weight.device)
    )
    twin.out_proj.bias = None
    return twin.train(attention.training)


@dataclass(frozen=True)
class Survey:
    """What a first pass tells: weights in the order of their first calls, batches, and a hash."""

    order: list[str]
    batches: int
    digest: str | None


def survey(
    model: nn.Module, targets: Mapping[str, Target], source: Stream, *, hashed: bool
) -> Survey:
    """Goes through the batches once; every weight must be used."""
    order: dict[str, None] = {}
    digests: list[str] = []

    def tell(index: int, batch: Any) -> None:
        if hashed:
            digests.append(hash_of(batch))

    def see(target: Target, module: nn.Module, pieces: Iterator[torch.Tensor]) -> None:
        order[target.name] = None

    with watched(list(targets.values()), see):
        count = source.run(model, tell)
    if count == 0:
        raise ValueError(f"{source.name} must have at least one batch, got none")
    unused = [name for name in targets if name not in order]
    if unused:
        raise ValueError(
            f"layers must be called in a forward pass, got no call of {', '.join(unused[:8])}"
            + (", ..." if len(unused) > 8 else "")
            + "; leave them as they are by the value None for their names"
        )
    return Survey(list(order), count, hash_of(digests) if hashed else None)


def gather(
    model: nn.Module, targets: Sequence[Target], source: Stream, folds: int, batches: int
) -> dict[str, Moments]:
    """The moments of some weights' inputs from one pass over the batches.

    Fold f of F has the batches i with ``i F // batches == f``: neighbouring ones.
    """
    found = {t.name: Moments(t.shape[0], t.shape[2], folds) for t in targets}
    now = -1

    def tell(index: int, batch: Any) -> None:
        nonlocal now
        now = index

    def see(target: Target, module: nn.Module, pieces: Iterator[torch.Tensor]) -> None:
        fold = min(now * max(folds, 1) // batches, max(folds, 1) - 1)
        for piece in pieces:
            if not found[target.name].add(piece, fold):
                raise ValueError(
                    f"activations must be finite, got nan or inf in the inputs of layer "
                    f"{target.name!r} in batch {now} of {source.name}"
                )

    with watched(targets, see):
        count = source.run(model, tell)
    if count != batches:
        raise ValueError(
            f"{source.name} must have the same batches in every pass, got {batches} and then "
            f"{count}"
        )
    return found
