"""prune_model against an oracle that keeps the unfolded activations whole, for every kind of
layer."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from overprune import networks  # noqa: E402
from prune_model_oracle import half, prune_in_order, refitted  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:layer .* inputs must:UserWarning")


def drawn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64) + 0.3


def settled(model, seed=5):
    """Weights from a seed, in double precision."""
    generator = torch.Generator().manual_seed(seed)
    model = model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return model


def same(found, expected):
    for (name, one), other in zip(
        found.state_dict().items(), expected.state_dict().values(), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9, err_msg=name)


LINE, IMAGE, BOX = (4, 11), (4, 7, 6), (2, 5, 4, 5)
LAYERS = {
    "linear": (nn.Linear(9, 4), (9,)),
    "linear without bias": (nn.Linear(9, 4, bias=False), (9,)),
    "linear of sequences": (nn.Linear(9, 4), (3, 9)),
    "conv1d": (nn.Conv1d(4, 6, 3), LINE),
    "conv1d strided": (nn.Conv1d(4, 6, 3, stride=2, padding=2), LINE),
    "conv1d dilated, grouped": (nn.Conv1d(4, 6, 3, dilation=2, groups=2), LINE),
    "conv1d same": (nn.Conv1d(4, 6, 4, padding="same", dilation=2), LINE),
    "conv1d valid": (nn.Conv1d(4, 6, 4, padding="valid", bias=False), LINE),
    "conv1d reflect": (nn.Conv1d(4, 6, 5, padding=2, padding_mode="reflect"), LINE),
    "conv1d circular, same": (
        nn.Conv1d(4, 6, 4, padding="same", padding_mode="circular"), LINE),
    "conv2d": (nn.Conv2d(4, 6, (3, 2), padding=(1, 0)), IMAGE),
    "conv2d strided": (nn.Conv2d(4, 6, 3, stride=(2, 1), padding=1, dilation=(1, 2)), IMAGE),
    "conv2d depthwise": (nn.Conv2d(4, 8, 3, groups=4, padding=1), IMAGE),
    "conv2d replicate": (nn.Conv2d(4, 6, 3, padding=1, padding_mode="replicate"), IMAGE),
    "conv2d reflect": (nn.Conv2d(4, 6, 3, padding=(2, 1), padding_mode="reflect"), IMAGE),
    "conv3d": (nn.Conv3d(2, 4, 2, padding=1, stride=(1, 2, 1)), BOX),
    "conv3d circular": (nn.Conv3d(2, 4, 2, padding=1, padding_mode="circular", groups=2), BOX),
    "transposed 1d": (nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1), LINE),
    "transposed 1d grouped": (nn.ConvTranspose1d(4, 6, 3, dilation=2, groups=2), LINE),
    "transposed 2d": (nn.ConvTranspose2d(4, 3, (3, 2), stride=(2, 3), padding=(2, 0)), IMAGE),
    "transposed 3d": (nn.ConvTranspose3d(2, 2, 2, stride=2), BOX),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_pruned_as_from_its_rows(name):
    layer, shape = LAYERS[name]
    model = nn.Sequential(settled(copy.deepcopy(layer)))
    batches = [drawn(40, *shape, seed=i) for i in range(3)]
    expected, losses = prune_in_order(model, ["0"], batches, half)
    found = networks.prune_model(model, batches, sparsity=0.5, rule="magnitude", folds=0)
    same(found.model, expected)
    table = found.table.sel(layer="0")
    np.testing.assert_allclose(table.training_loss, losses["0"], rtol=1e-8)
    assert int(table.kept) == int(found.masks["0"].sum())
    assert found.masks["0"].shape == layer.weight.shape
    assert (found.model[0].weight[~found.masks["0"]] == 0).all()


def test_one_row_without_samples_is_enough_for_a_convolution():
    model = nn.Sequential(settled(nn.Conv1d(2, 3, 2)))
    batches = [drawn(2, 30, seed=i) for i in range(4)]
    expected, _ = prune_in_order(model, ["0"], batches, half)
    found = networks.prune_model(model, batches, sparsity=0.5, rule="magnitude", folds=0)
    same(found.model, expected)


def test_large_inputs_are_unfolded_in_pieces(monkeypatch):
    model = nn.Sequential(settled(nn.Conv2d(3, 4, 3, padding=1)))
    batches = [drawn(3, 3, 9, 8, seed=i) for i in range(2)]
    whole = networks.prune_model(model, batches, sparsity=0.5)
    monkeypatch.setattr("overprune.networks.unfold._PIECE", 100)
    parts = networks.prune_model(model, batches, sparsity=0.5)
    same(parts.model, whole.model)


def attention_rows(attention, query, key, value, mask=None):
    """What the output projection is given, spelled out: samples first, one by one."""
    size, heads = attention.embed_dim, attention.num_heads
    if attention.in_proj_weight is not None:
        weights = attention.in_proj_weight.split(size)
    else:
        weights = (attention.q_proj_weight, attention.k_proj_weight, attention.v_proj_weight)
    biases = (0.0,) * 3
    if attention.in_proj_bias is not None:
        biases = attention.in_proj_bias.split(size)
    q, k, v = (x @ w.T + b for x, w, b in zip((query, key, value), weights, biases, strict=True))
    if attention.bias_k is not None:
        k = torch.cat([k, attention.bias_k.expand(len(k), 1, size)], dim=1)
        v = torch.cat([v, attention.bias_v.expand(len(v), 1, size)], dim=1)
    out = []
    for h in range(heads):
        part = slice(h * size // heads, (h + 1) * size // heads)
        scores = q[..., part] @ k[..., part].transpose(1, 2) / (size / heads) ** 0.5
        if mask is not None:
            mask = functional.pad(mask, (0, k.shape[1] - mask.shape[1]))
            scores = scores.masked_fill(mask[:, None, :], -torch.inf)
        out.append(scores.softmax(dim=-1) @ v[..., part])
    return torch.cat(out, dim=-1)


class Attends(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, **options)

    def forward(self, query, key, value, mask=None):
        if not self.attention.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        return self.attention(query, key, value=value, key_padding_mask=mask)[0]


ATTENTIONS = {
    "joint": {"batch_first": True},
    "sequence first": {},
    "own sizes": {"batch_first": True, "kdim": 5, "vdim": 6},
    "without bias": {"batch_first": True, "bias": False},
    "bias_k": {"batch_first": True, "add_bias_kv": True},
}


@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention_projections_are_pruned_as_from_their_rows(name):
    options = ATTENTIONS[name]
    model = settled(Attends(**options, dropout=0.3)).train()
    sizes = (8, options.get("kdim", 8), options.get("vdim", 8))
    batches = [
        (drawn(9, 4, sizes[0], seed=i), drawn(9, 6, sizes[1], seed=10 + i),
         drawn(9, 6, sizes[2], seed=20 + i), torch.arange(6)[None] >= torch.arange(9)[:, None] + 3)
        for i in range(3)
    ]  # fmt: skip
    found = networks.prune_model(model, batches, sparsity=0.5, rule="magnitude", folds=0)
    expected = copy.deepcopy(model)
    attention, has_bias = expected.attention, options.get("bias", True)
    with torch.no_grad():
        biases, weights = [], []
        for i, letter in enumerate("qkv"):
            if attention.in_proj_weight is not None:
                weight = attention.in_proj_weight[8 * i : 8 * i + 8]
            else:
                weight = getattr(attention, f"{letter}_proj_weight")
            rows = torch.cat([b[i].reshape(-1, sizes[i]) for b in batches]).numpy()
            new, shift, _ = refitted(weight.numpy(), rows, half(sizes[i]), has_bias)
            weights.append(torch.from_numpy(new))
            biases.append(torch.from_numpy(shift))
        for i, letter in enumerate("qkv"):
            if attention.in_proj_weight is not None:
                attention.in_proj_weight[8 * i : 8 * i + 8] = weights[i]
            else:
                getattr(attention, f"{letter}_proj_weight").copy_(weights[i])
        if has_bias:
            attention.in_proj_bias += torch.cat(biases)
        rows = torch.cat([attention_rows(attention, *b).reshape(-1, 8) for b in batches])
        out = attention.out_proj
        new, shift, loss = refitted(out.weight.numpy(), rows.numpy(), 4, has_bias)
        out.weight.copy_(torch.from_numpy(new))
        if has_bias:
            out.bias += torch.from_numpy(shift)
    same(found.model, expected)
    assert found.table.layer.values.tolist() == [
        f"attention.{part}_proj" for part in ("q", "k", "v", "out")
    ]
    last = found.table.sel(layer="attention.out_proj")
    np.testing.assert_allclose(last.training_loss, loss, rtol=1e-8)
    assert model.training
    assert model.attention.training


def test_a_fused_encoder_is_seen_layer_by_layer():
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    model = settled(nn.TransformerEncoder(layer, 2)).eval()
    batches = [drawn(10, 5, 8, seed=i) for i in range(2)]
    found = networks.prune_model(model, batches, sparsity=0.25, fresh=batches)
    assert len(found.table.layer) == 2 * 6
    np.testing.assert_allclose(found.table.fresh_loss, found.table.training_loss, rtol=1e-6)
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("attribute", ["in_proj_weight", "out_proj.weight"])
def test_masks_of_attentions_hold_through_training(attribute):
    model = settled(Attends(batch_first=True))
    batches = [(drawn(9, 4, 8, seed=i),) * 3 for i in range(3)]
    found = networks.prune_model(model, batches, sparsity=0.5, masks=True).model
    optimizer = torch.optim.SGD(found.parameters(), lr=0.1)
    for batch in batches:
        optimizer.zero_grad()
        found(*batch).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        found(*batches[0])
    weight = found.attention.get_parameter(f"{attribute}_orig")
    owner = found.attention.out_proj if attribute.startswith("out") else found.attention
    name = attribute.split(".")[-1]
    masked = getattr(owner, name)
    assert torch.equal(masked, weight * getattr(owner, f"{name}_mask"))
    assert int((masked == 0).sum()) == masked.numel() // 2
    twin = copy.deepcopy(found)
    assert torch.equal(twin.eval()(*batches[0]), found.eval()(*batches[0]))


class Twice(nn.Module):
    """One layer called twice, and a second one that has its weight."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(6, 6)
        self.two = nn.Linear(6, 6)
        self.two.weight = self.one.weight
        self.last = nn.Linear(6, 3)

    def forward(self, x):
        return self.last(torch.tanh(self.two(torch.relu(self.one(torch.relu(self.one(x)))))))


def test_shared_weights_are_pruned_once_from_all_their_rows():
    model, batches = settled(Twice()), [drawn(30, 6, seed=i) for i in range(3)]
    found = networks.prune_model(model, batches, nonzeros=3, rule="magnitude", folds=0)
    assert found.table.layer.values.tolist() == ["one", "last"]
    assert int(found.table.rows[0]) == 3 * 90
    with torch.no_grad():
        x = torch.cat(batches)
        first = torch.relu(model.one(x))
        second = torch.relu(model.one(first))
        rows = torch.cat([x, first, second]).numpy()
    weight, _, loss = refitted(model.one.weight.detach().numpy(), rows, 3, bias=False)
    np.testing.assert_allclose(found.model.one.weight.detach(), weight, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.table.training_loss[0], loss, rtol=1e-9)
    assert found.model.two.weight is found.model.one.weight
    for name in ("one", "two"):  # biases of a shared weight stay
        own = [m.get_submodule(name).bias.detach() for m in (found.model, model)]
        assert torch.equal(*own)


def test_shared_masks_keep_the_weight_shared():
    model, batches = settled(Twice()), [drawn(30, 6, seed=i) for i in range(3)]
    found = networks.prune_model(model, batches, nonzeros=3, masks=True).model
    assert found.two.weight_orig is found.one.weight_orig
    assert torch.equal(found.two.weight_mask, found.one.weight_mask)
    assert int(found.one.weight_mask.sum()) == 18


def network():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 2), nn.Tanh(), nn.Flatten(), nn.Linear(24, 5),
    )  # fmt: skip


def test_layers_are_pruned_from_what_the_pruned_ones_make():
    model, batches = settled(network()), [drawn(50, 2, 6, 6, seed=i) for i in range(4)]
    expected, losses = prune_in_order(model, ["0", "3", "6"], batches, half)
    found = networks.prune_model(model, batches, sparsity=0.5, rule="magnitude")
    same(found.model, expected)
    np.testing.assert_allclose(found.table.training_loss, list(losses.values()), rtol=1e-7)
    alone = networks.prune_model(model, batches, sparsity={"6": 0.5}, rule="magnitude")
    assert not torch.allclose(alone.model[6].weight, found.model[6].weight)


def test_the_order_is_that_of_the_calls():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.late, self.early = nn.Linear(5, 3), nn.Linear(4, 5)

        def forward(self, x):
            return self.late(torch.relu(self.early(x)))

    model, batches = settled(Backwards()), [drawn(40, 4, seed=i) for i in range(3)]
    expected, _ = prune_in_order(model, ["early", "late"], batches, half)
    found = networks.prune_model(model, batches, sparsity=0.5, rule="magnitude")
    assert found.table.layer.values.tolist() == ["early", "late"]
    same(found.model, expected)


def test_without_an_intercept_the_biases_stay():
    model, batches = settled(network()), [drawn(50, 2, 6, 6, seed=i) for i in range(2)]
    expected, _ = prune_in_order(model, ["0", "3", "6"], batches, half, intercept=False)
    found = networks.prune_model(
        model, batches, sparsity=0.5, rule="magnitude", intercept=False, folds=0
    )
    same(found.model, expected)
    assert torch.equal(found.model[0].bias, model[0].bias)


def test_calls_by_name_and_by_a_function():
    model, batches = settled(nn.Linear(6, 3)), [drawn(30, 6, seed=i) for i in range(3)]
    options = {"sparsity": 0.5, "rule": "magnitude"}
    plain = networks.prune_model(model, batches, **options).model
    named = networks.prune_model(model, [{"input": b} for b in batches], **options).model
    arrays = networks.prune_model(model, [b.numpy() for b in batches], **options).model
    with_labels = networks.prune_model(
        model, [(b, 1) for b in batches], forward=lambda m, batch: m(batch[0]), **options
    ).model
    for other in (named, arrays, with_labels):
        same(other, plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_precisions_compute_in_double(dtype):
    model = settled(nn.Linear(8, 4)).to(dtype)
    batches = [drawn(40, 8, seed=i).to(dtype) for i in range(3)]
    wide = copy.deepcopy(model).double()
    exact = networks.prune_model(wide, [b.double() for b in batches], sparsity=0.5)
    found = networks.prune_model(model, batches, sparsity=0.5, fresh=batches)
    assert found.model.weight.dtype == dtype
    assert torch.equal(found.model.weight, exact.model.weight.to(dtype))
    assert float(found.table.fresh_loss[0]) >= float(found.table.training_loss[0]) * 0.999


def test_measured_losses_are_those_of_the_layers_outputs():
    model, batches = settled(network()), [drawn(50, 2, 6, 6, seed=i) for i in range(3)]
    fresh = [drawn(50, 2, 6, 6, seed=10 + i) for i in range(2)]
    found = networks.prune_model(model, batches, sparsity=0.5, fresh=fresh)
    with torch.no_grad():
        x = torch.cat(fresh)
        for place, (own, dense) in enumerate(zip(found.model, model, strict=True)):
            if str(place) in found.table.layer:
                loss = float((own(x) - dense(x)).square().mean())
                line = found.table.sel(layer=str(place))
                np.testing.assert_allclose(line.fresh_loss, loss, rtol=1e-9)
            x = own(x)


def test_functional_uses_see_the_zeros():
    class Mirrored(nn.Module):
        def __init__(self):
            super().__init__()
            self.inp = nn.Linear(6, 4)

        def forward(self, x):
            return functional.linear(torch.relu(self.inp(x)), self.inp.weight.t())

    model, batches = settled(Mirrored()), [drawn(30, 6, seed=i) for i in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = networks.prune_model(model, batches, nonzeros=3)
    assert int((found.model.inp.weight == 0).sum()) == 12
