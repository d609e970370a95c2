"""Every kind of module trains and is pruned, or is refused by name before training."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.nn.utils import parametrizations, parametrize, prune  # noqa: E402

from networks_cases import (  # noqa: E402
    DATA,
    IMAGES,
    LABELS,
    ROWS,
    Net,
    encoder,
    noisy,
    plain,
    sweep,
    tied,
    without_statistics,
)
from overprune import networks  # noqa: E402
from overprune.networks import pruning  # noqa: E402

# Kinds of modules that work.


def attention(k):
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.inp = nn.Linear(1, 4 * k)
            self.attention = nn.MultiheadAttention(4 * k, 2, batch_first=True)
            self.out = nn.Linear(4 * k, 3)

        def forward(self, x):
            h = self.inp(x[..., None])
            return self.out(self.attention(h, h, h)[0].mean(dim=1))

    return Attention()


def channels_last(k):
    return nn.Sequential(
        nn.Conv2d(1, 3, 2),
        nn.Conv2d(3, k, (1, 2)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(k, 3),
    ).to(memory_format=torch.channels_last)


def transposed(k):
    network = plain(k)
    network[0].weight = nn.Parameter(torch.randn(8, k).t())
    return network


def fourier(k):
    return Net(
        lambda s, x: s.out(torch.fft.irfft(torch.fft.rfft(s.inp(x)) * s.filter, n=8)),
        inp=nn.Linear(8, 8),
        filter=nn.Parameter(torch.randn(5, dtype=torch.complex64)),
        out=nn.Linear(8, 3),
    )


def normed(normalize):
    return lambda k: nn.Sequential(
        normalize(nn.Linear(8, k)), nn.ReLU(), normalize(nn.Linear(k, 3))
    )


WORKING = {
    "attention": (attention, "magnitude"),
    "encoder": (encoder, "magnitude"),
    "channels last": (channels_last, "magnitude"),
    "transposed": (transposed, "hessian"),
    "spectral norm": (normed(parametrizations.spectral_norm), "hessian"),
    "weight norm": (normed(parametrizations.weight_norm), "hessian"),
    "orthogonal": (normed(parametrizations.orthogonal), "magnitude"),
    "bfloat16": (lambda k: plain(k).bfloat16(), "hessian"),
    "half": (lambda k: plain(k).half(), "magnitude"),
    "no statistics": (without_statistics, "magnitude"),
    "transposed convolution": (
        lambda k: nn.Sequential(nn.ConvTranspose2d(1, k, 2), nn.Flatten(), nn.Linear(15 * k, 3)),
        "hessian",
    ),
    "complex filter": (fourier, "magnitude"),
    "frozen": (
        lambda k: nn.Sequential(nn.Linear(8, k).requires_grad_(False), nn.Linear(k, 3)),
        "random",
    ),
}


@pytest.mark.parametrize("kind", WORKING)
def test_c1_modules_that_work(kind):
    model, rule = WORKING[kind]
    data = IMAGES if kind in ("channels last", "transposed convolution") else DATA
    table = sweep(model, data, rule=rule)
    kept = networks.count_prunable(model(2))
    assert table.nonzero_weights.values.tolist() == [[kept], [kept]]
    assert np.isfinite(table.retrained_test_loss).all()
    assert np.array_equal(table.pruned_test_loss[0, 0], table.dense_test_loss[0])


@pytest.mark.parametrize(
    "normalize", [parametrizations.spectral_norm, parametrizations.weight_norm]
)
def test_c1_parametrized_weights_are_counted_as_they_are_used(normalize):
    network = nn.Sequential(*[normalize(nn.Linear(32, 32)) for _ in range(4)])
    before = copy.deepcopy(network.state_dict())
    assert networks.count_prunable(network) == 4096
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    scores = {
        name: pruning.weight_of(layer).abs() for name, layer in pruning.prunable(network).items()
    }
    masks = pruning.apply(network, scores, 1000, "global")
    network.train()
    network(torch.randn(5, 32)).square().sum().backward()
    torch.optim.SGD(network.parameters(), 0.1, weight_decay=0.1).step()
    for name, mask in masks.items():
        assert torch.equal(network.get_submodule(name).weight != 0, mask)
    assert sum(int(mask.sum()) for mask in masks.values()) == 1000


# Kinds that are refused, by name and before anything is trained.


def pruned_before(k):
    network = plain(k)
    prune.l1_unstructured(network[0], "weight", amount=3)
    return network


def expanded(k):
    network = plain(k)
    network[0].weight = nn.Parameter(torch.randn(1, 8).expand(k, 8))
    return network


def writing(k):
    def forward(s, x):
        s.inp.weight.data.add_(0.01)
        return s.out(torch.relu(s.inp(x)))

    return Net(forward, inp=nn.Linear(8, k), out=nn.Linear(k, 3))


def made_elsewhere(k):
    network = Net(
        lambda s, x: s.out(s.inp(x)),
        inp=nn.Linear(8, k),
        source=nn.Linear(8, k),
        out=nn.Linear(k, 3),
    )
    del network.inp.weight
    network.inp.weight = 2 * network.source.weight
    return network


def of_one_source(k):
    class Upper(nn.Module):
        def forward(self, weight):
            return weight.triu()

    network = tied(k)
    for i in (0, 2):
        network[i].weight = nn.Parameter(network[i].weight.detach().clone())
        parametrize.register_parametrization(network[i], "weight", Upper())
    network[2].parametrizations.weight.original = network[0].parametrizations.weight.original
    return network


class Double(nn.Module):
    def forward(self, weight):
        return 2 * weight


def of_another_layer(owner):
    def model(k):
        network = Net(
            lambda s, x: s.out(s.body(s.table((x > 0).long()).mean(dim=1))),
            table=nn.Embedding(4 * k, k),
            body=nn.Linear(k, 4 * k),
            rnn=nn.LSTM(1, k, batch_first=True),
            out=nn.Linear(4 * k, 3),
        )
        network.body.weight = network.table.weight if owner == "table" else network.rnn.weight_hh_l0
        parametrize.register_parametrization(network.body, "weight", Double())
        return network

    return model


def scripted(k):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(torch.jit.script(nn.Linear(8, k)), nn.Linear(k, 3))


class OwnTrain(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.layers = plain(k)

    def train(self, x, y):
        return self


def circular(k):
    network = nn.Sequential(nn.Sequential(nn.Linear(8, 8)), plain(k))
    network[0].parent = network
    return network


def old_norm(normalize):
    def model(k):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return nn.Sequential(normalize(nn.Linear(8, k)), nn.Linear(k, 3))

    return model


def complex_weights(k):
    first = nn.Linear(8, k, dtype=torch.complex64)
    return Net(
        lambda s, x: s.out(s.inp(x.to(torch.complex64)).abs()), inp=first, out=nn.Linear(k, 3)
    )


REFUSED = {
    "pruned before": (
        pruned_before,
        r"layer '0' \(Linear\) is already pruned by torch\.nn\.utils\.prune",
    ),
    "tuple": (
        lambda k: Net(lambda s, x: (s.body(x), x), body=plain(k)),
        "in one tensor, got a tuple",
    ),
    "complex": (complex_weights, r"layer 'inp' \(Linear\) has a weight of torch\.complex64"),
    "lazy": (
        lambda k: nn.Sequential(nn.LazyLinear(k), nn.Linear(k, 3)),
        r"layer '0' \(LazyLinear\) is lazy",
    ),
    "meta": (lambda k: plain(k).to("meta"), r"layer '0' \(Linear\) is on the meta device"),
    "expanded": (expanded, r"layer '0' \(Linear\) has a weight whose entries share memory"),
    "old spectral norm": (
        old_norm(torch.nn.utils.spectral_norm),
        r"layer '0' .* old .*spectral_norm",
    ),
    "old weight norm": (old_norm(torch.nn.utils.weight_norm), r"layer '0' .* old .*weight_norm"),
    "writing": (writing, r"layer 'inp' \(Linear\) must keep deleted weights at 0"),
    "made elsewhere": (
        made_elsewhere,
        r"layer 'inp' \(Linear\) has a weight that is no parameter of its own",
    ),
    "of one source": (of_one_source, r"layer '0' .* and layer '2' .* from the same parameter"),
    "original of an embedding": (
        of_another_layer("table"),
        r"layer 'table' \(Embedding\) has the one from",
    ),
    "original of an LSTM": (
        of_another_layer("rnn"),
        r"layer 'rnn' \(LSTM\) has the one from which layer 'body'",
    ),
    "scripted": (
        scripted,
        r"layer '0' \(RecursiveScriptModule\) is a Linear compiled by torch\.jit\.script",
    ),
    "own train": (OwnTrain, r"to train\(\) and to eval\(\); at width 2: .*missing 2 required"),
    "circular": (
        circular,
        r"to train\(\) and to eval\(\); at width 2, layer .*: maximum recursion depth",
    ),
    "misfit": (
        lambda k: nn.Sequential(nn.Linear(8, k), nn.Linear(k + 1, 3)),
        r"must take inputs of shape \(2, 8\); at width 2, layer '1' \(Linear\): mat1 and mat2",
    ),
    "nothing to prune": (
        lambda k: nn.Sequential(nn.Embedding(9, 3)),
        "model must have prunable weights",
    ),
    "integers": (
        lambda k: Net(lambda s, x: s.body(x).long(), body=plain(k)),
        "outputs of real numbers, got torch.int64",
    ),
    "detached": (
        lambda k: Net(lambda s, x: s.body(x).detach(), body=plain(k)),
        "must be one that trains",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_c1_modules_that_are_refused_before_training(kind, monkeypatch):
    model, message = REFUSED[kind]
    monkeypatch.setattr("overprune.networks.sweep.run_cell", None)
    with pytest.raises(ValueError, match=message) as caught:
        sweep(model)
    assert "\n" not in str(caught.value)


def test_c1_later_widths_are_looked_at_too():
    def model(k):
        return plain(k) if k < 4 else nn.Sequential(nn.Linear(8, k), nn.Linear(3, 3))

    with pytest.raises(ValueError, match=r"at width 4, layer '1' \(Linear\)"):
        sweep(model)


def normed_by_function(k):
    def forward(s, x):
        return s.out(functional.batch_norm(s.inp(x), None, None, training=s.training or len(x) > 1))

    return Net(forward, inp=nn.Linear(8, k), out=nn.Linear(k, 3))


@pytest.mark.parametrize(
    ("model", "rows", "message"),
    [
        (lambda k: noisy(lambda h: h)(k), 25, None),
        (normed_by_function, 24, None),
        (
            normed_by_function,
            25,
            r"must be one that trains; at width 2, the model itself \(Net\): Expected more",
        ),
        (noisy(torch.Tensor.squeeze), 24, None),
        (noisy(torch.Tensor.squeeze), 25, "must be one that trains; at width 2"),
        (noisy(torch.Tensor.squeeze), 39, r"must return \(1, 3\) outputs, got \(3,\)"),
    ],
)
def test_c1_a_last_batch_of_one_row_is_tried_before_training(model, rows, message, monkeypatch):
    data = networks.from_arrays(ROWS[:rows], LABELS[:rows], ROWS[rows:], LABELS[rows:])
    if message is None:
        assert np.isfinite(sweep(model, data).retrained_test_loss).all()
        return
    monkeypatch.setattr("overprune.networks.sweep.run_cell", None)
    with pytest.raises(ValueError, match=message):
        sweep(model, data)


@pytest.mark.parametrize("device", ["mps", "xla", "hpu", "meta"])
def test_c1_devices_that_hold_no_numbers_are_refused(device):
    with pytest.raises(ValueError, match=f"device must hold numbers, got '{device}': ") as caught:
        sweep(plain, device=device)
    assert "\n" not in str(caught.value)


def test_c1_a_batch_of_one_row_is_refused_where_layers_normalize_over_it():
    def model(k):
        return nn.Sequential(nn.Linear(8, k), nn.BatchNorm1d(k), nn.Linear(k, 3))

    with pytest.raises(
        ValueError, match=r"must be one that trains; at width 2, layer '1' \(BatchNorm1d\)"
    ):
        sweep(model, training=networks.Training(epochs=1, batch=1))


@pytest.mark.parametrize("count", [networks.count_prunable, networks.count_parameters])
def test_c1_lazy_layers_cannot_be_counted(count):
    with pytest.raises(
        ValueError, match=r"the model itself \(LazyLinear\) is lazy and has none yet"
    ):
        count(nn.LazyLinear(3))
