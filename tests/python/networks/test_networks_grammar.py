"""Networks drawn from a grammar: a weight is counted once and masked wherever it is used, or
refused."""

from __future__ import annotations

import copy
import re
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import strategies  # noqa: F401  (the profile: the same examples every time)

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.nn.utils import parametrizations  # noqa: E402

from overprune import networks  # noqa: E402
from overprune.networks import pruning  # noqa: E402

COUNT = settings.default.max_examples
SIZE = 4
LABELS = np.arange(12) % 3
ROWS = (np.random.default_rng(0).normal(size=(12, SIZE)) + 2 * np.eye(SIZE)[LABELS]).astype(
    np.float32
)
DATA = networks.from_arrays(ROWS, LABELS, ROWS, LABELS)
X = torch.from_numpy(ROWS)


class Functional(nn.Module):
    """Uses another layer's weight, transposed or not, without calling the layer."""

    def __init__(self, layer, transposed):
        super().__init__()
        self.layer, self.transposed = layer, transposed

    def forward(self, x):
        weight = self.layer.weight
        return functional.linear(x, weight.t() if self.transposed else weight)


class Convolved(nn.Module):
    def __init__(self):
        super().__init__()
        self.filters = nn.Conv1d(1, 2, 3, padding=1)

    def forward(self, x):
        return self.filters(x[:, None]).mean(dim=1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.MultiheadAttention(SIZE, 2, batch_first=True)

    def forward(self, x):
        h = torch.stack([x, x.flip(1)], dim=1)
        return self.heads(h, h, h)[0].mean(dim=1)


class Residual(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return x + self.body(x)


class Noise(nn.Module):
    def forward(self, x):
        return x + 0.1 * torch.randn_like(x)


LEAVES = (
    "linear",
    "frozen",
    "spectral",
    "weight norm",
    "conv",
    "norm",
    "attention",
    "relu",
    "dropout",
    "noise",
)
SHARED = ("tied", "functional", "transposed", "again", "in one memory")
WORDS = st.lists(
    st.one_of(
        st.sampled_from(LEAVES),
        st.tuples(st.sampled_from(SHARED), st.integers(0, 9)),
        st.tuples(
            st.just("residual"), st.lists(st.sampled_from(LEAVES[:6]), min_size=1, max_size=2)
        ),
    ),
    min_size=1,
    max_size=6,
)


def leaf(word):
    if word == "spectral":
        return parametrizations.spectral_norm(nn.Linear(SIZE, SIZE))
    if word == "weight norm":
        return parametrizations.weight_norm(nn.Linear(SIZE, SIZE))
    makers = {
        "linear": lambda: nn.Linear(SIZE, SIZE), "conv": Convolved,
        "norm": lambda: nn.BatchNorm1d(SIZE),
        "frozen": lambda: nn.Linear(SIZE, SIZE).requires_grad_(False), "attention": Attention,
        "relu": nn.ReLU, "dropout": lambda: nn.Dropout(0.3), "noise": Noise,
    }  # fmt: skip
    return makers[word]()


def shared(word, linears, which):
    """A layer that uses the weight of an earlier one; another plain one where there is none to
    share."""
    if not linears:
        return leaf("linear")
    layer = linears[which % len(linears)]
    if word == "again":
        return layer
    if word in ("functional", "transposed"):
        return Functional(layer, word == "transposed")
    other = nn.Linear(SIZE, SIZE)
    if type(layer) is nn.Linear:  # a parametrized weight is no parameter to assign
        other.weight = layer.weight if word == "tied" else nn.Parameter(layer.weight.data.t())
    return other


def network_of(words):
    """The network, and whether two parameters lie in one memory."""
    layers, linears, doubled = [], [], False
    for word in words:
        if isinstance(word, str):
            layers.append(leaf(word))
        elif word[0] == "residual":
            layers.append(Residual(nn.Sequential(*map(leaf, word[1]))))
        else:
            layers.append(shared(word[0], linears, word[1]))
            doubled |= word[0] == "in one memory" and any(
                type(one) is nn.Linear and one is not layers[-1]
                and one.weight.data_ptr() == layers[-1].weight.data_ptr()
                and one.weight.requires_grad for one in linears
            )  # fmt: skip
        linears += [layers[-1]] if isinstance(layers[-1], nn.Linear) else []
    return nn.Sequential(*layers, nn.Linear(SIZE, 3)), doubled


def matrices(network):
    """The distinct weights that pruning may delete, found another way than the package does."""
    found = {}
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv1d)):
            own = layer._parameters.get("weight")
            if own is None or own.requires_grad:
                found.setdefault(id(layer) if own is None else id(own), layer)
    return list(found.values())


def masked_copy(network, masks):
    """The network with plain weights in which the deleted ones are 0."""
    bare = copy.deepcopy(network).eval()
    kept = {name: bare.get_submodule(name).weight.detach() * mask for name, mask in masks.items()}
    for name, weight in kept.items():
        layer = bare.get_submodule(name)
        if "weight" in layer._parameters:
            layer.weight.data.copy_(weight)
        else:
            plain = nn.Linear(SIZE, SIZE)
            plain.weight.data.copy_(weight)
            plain.bias = layer.bias
            replace(bare, layer, plain)
    return bare


def replace(network, old, new):
    for parent in network.modules():
        for name, child in list(parent.named_children()):
            if child is old:
                setattr(parent, name, new)
        for name in [n for n, c in parent._modules.items() if c is old]:
            parent._modules[name] = new


@settings(max_examples=COUNT)
@given(WORDS, st.floats(0.05, 0.95), st.sampled_from(pruning.RULES), st.integers(0, 99))
def test_distinct_weights_are_counted_once_and_masked_wherever_they_are_used(
    words, part, rule, seed
):
    torch.manual_seed(seed)
    network, doubled = network_of(words)
    if doubled:
        return  # refused: see below
    layers = matrices(network)
    total = sum(layer.weight.numel() for layer in layers)
    assert networks.count_prunable(network) == total
    keep = max(1, round(part * total))
    rows = X, torch.from_numpy(LABELS)
    scores = pruning.scores_of(
        network, rule, rows, "cross_entropy", torch.Generator().manual_seed(seed)
    )
    original = copy.deepcopy(network)
    masks = pruning.apply(network, scores, keep, "global")
    assert sum(int(mask.sum()) for mask in masks.values()) == keep
    expected = masked_copy(original, masks)
    network.eval()
    with torch.no_grad():
        torch.manual_seed(1)
        found = network(X)
        torch.manual_seed(1)
        torch.testing.assert_close(found, expected(X))
    network.train()
    optimizer = torch.optim.Adam(
        [p for p in network.parameters() if p.requires_grad], 0.1, weight_decay=0.1
    )
    for _ in range(2):
        optimizer.zero_grad()
        functional.cross_entropy(network(X), rows[1]).backward()
        optimizer.step()
    network.eval()
    assert sum(int(torch.count_nonzero(layer.weight)) for layer in layers) <= keep


@settings(max_examples=max(2, COUNT // 5))
@given(WORDS, st.sampled_from(pruning.RULES))
def test_a_sweep_repeats_or_says_in_one_sentence_which_layer_it_cannot_prune(words, rule):
    def model(width):
        return network_of(words)[0]

    def table():
        training = networks.Training(epochs=1, batch=6, optimizer="sgd", learning_rate=0.01)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "There is a performance drop")
            return networks.width_sweep(
                model, DATA, [1, 2], [1], rule=rule, keep="width_ratio", training=training,
                repeats=1,
                device="cpu",
            )  # fmt: skip

    if network_of(words)[1]:
        with pytest.raises(ValueError, match="two in the same memory") as error:
            table()
        assert re.fullmatch(r"model must .* '\d+\.weight' .*[^.]", str(error.value))
        return
    state = torch.get_rng_state()
    first = table()
    torch.rand(1)
    assert first.drop_attrs().identical(table().drop_attrs())
    torch.set_rng_state(state)
    assert np.isfinite(first.retrained_test_loss).all()
    total = sum(layer.weight.numel() for layer in matrices(model(1)))
    assert first.nonzero_weights.values.ravel().tolist() == [total, round(total / 2)]
