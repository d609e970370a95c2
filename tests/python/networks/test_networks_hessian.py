"""Curvatures of every kind of network, against automatic differentiation, and networks that have
none."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.nn.utils import parametrizations  # noqa: E402
from torch.utils.checkpoint import checkpoint  # noqa: E402

from networks_cases import (  # noqa: E402
    DATA,
    IMAGES,
    LABELS,
    ROWS,
    Net,
    encoder,
    noisy,
    plain,
    recurrent,
    sweep,
    without_statistics,
)
from overprune.networks import pruning  # noqa: E402


def normed(k):
    norm = parametrizations.weight_norm
    return nn.Sequential(norm(nn.Linear(8, k)), nn.ReLU(), norm(nn.Linear(k, 3)))


def test_c1_curvatures_of_parametrized_weights_are_those_of_the_weights_they_make():
    torch.manual_seed(0)
    network = normed(4)
    bare = plain(4)
    with torch.no_grad():
        for i in (0, 2):
            bare[i].weight.copy_(network[i].weight)
            bare[i].bias.copy_(network[i].bias)
    rows = torch.from_numpy(ROWS), torch.from_numpy(LABELS)
    found = pruning.curvatures(network, rows, "cross_entropy")
    for name, expected in pruning.curvatures(bare, rows, "cross_entropy").items():
        torch.testing.assert_close(found[name], expected)
    assert [name for name, _ in network.named_parameters() if "zeros" in name] == []


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, slope):
        return slope


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))
        self.last = torch.zeros(())

    def forward(self, x):
        self.calls.add_(1)
        self.last = self.last + x.sum()
        return x


def listed(k):
    network = Net(
        lambda s, x: s.out(functional.linear(x, s.weights[0])),
        inp=nn.Linear(8, k),
        out=nn.Linear(k, 3),
    )
    network.weights = [network.inp.weight]
    return network


def hooked(k):
    network = plain(k)
    inner = network[0]
    network[2].register_forward_hook(lambda layer, inputs, output: output + inner.weight.sum())
    network[2].register_forward_hook(lambda layer, inputs, output: output * inner.weight[0, :3])
    return network


ROW_BY_ROW = {
    "encoder": encoder,
    "LSTM": recurrent,
    "branch": noisy(lambda h: h if float(h.detach().square().sum()) >= 0 else 2 * h),
    "autograd": noisy(Sign.apply),
    "checkpoint": noisy(lambda h: checkpoint(torch.tanh, h, use_reentrant=False)),
    "counter": lambda k: nn.Sequential(plain(k), Counter()),
    "list": listed,
    "hook": hooked,
}


@pytest.mark.parametrize("kind", ROW_BY_ROW)
def test_c1_curvatures_row_by_row_are_those_of_all_rows_at_once(kind):
    torch.manual_seed(0)
    network = ROW_BY_ROW[kind](2)
    rows = torch.from_numpy(ROWS[:5]), torch.from_numpy(LABELS[:5])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "There is a performance drop")
        found = pruning.curvatures(network, rows, "cross_entropy")
    for name in found:
        layer, total = network.get_submodule(name), 0.0
        for x in rows[0]:
            log = torch.log_softmax(network(x[None])[0], dim=0)
            for value in log:
                (slope,) = torch.autograd.grad(
                    value, layer.weight, retain_graph=True, allow_unused=True
                )
                slope = torch.zeros_like(layer.weight) if slope is None else slope
                total = total + value.exp().detach() * slope**2 / 5
        torch.testing.assert_close(found[name], total, rtol=1e-4, atol=1e-7)


def sequence_first(k):
    return Net(
        lambda s, x: s.out(s.body(s.inp(x[..., None])).mean(dim=1)),
        inp=nn.Linear(1, 4 * k),
        body=nn.TransformerEncoderLayer(4 * k, 2, 8, dropout=0.0),
        out=nn.Linear(4 * k, 3),
    )


def centred_before_zeros(k):
    network = noisy(lambda h: (h - h.mean(dim=0)).tanh())(k)
    nn.init.zeros_(network.out.weight)
    return network


MIXING = {
    "no statistics": (without_statistics, r"; at width 2, layer '1' \(BatchNorm1d\)"),
    "statistics of images": (
        lambda k: nn.Sequential(
            nn.Conv2d(1, k, 1),
            nn.BatchNorm2d(k, track_running_stats=False),
            nn.Flatten(),
            nn.Linear(8 * k, 3),
        ),
        r", but what layer '1' \(BatchNorm2d\) makes of a row depends on the others",
    ),
    "centred": (
        noisy(lambda h: h - h.mean(dim=0)),
        r"but what the model itself \(Net\) makes of a row",
    ),
    "later rows": (
        noisy(lambda h: h.cumsum(dim=0)),
        r"but what the model itself \(Net\) makes of a row",
    ),
    "centred before zeros": (
        centred_before_zeros,
        r"but what the model itself \(Net\) makes of a row",
    ),
    "sequence first": (sequence_first, r"but what layer 'body\.self_attn' \(MultiheadAttention\)"),
    "squeezed": (noisy(torch.Tensor.squeeze), r"must return \(1, 3\) outputs, got \(3,\)"),
}


@pytest.mark.parametrize("kind", MIXING)
def test_c1_rows_that_depend_on_each_other_are_refused_under_hessian(kind):
    model, message = MIXING[kind]
    data = IMAGES if kind == "statistics of images" else DATA
    with pytest.raises(ValueError, match=message):
        sweep(model, data, rule="hessian")
    assert np.isfinite(sweep(model, data).retrained_test_loss).all()
