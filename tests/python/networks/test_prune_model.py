"""What prune_model promises beside the numbers of a layer: amounts, budgets, stores, and that
nothing else changes."""

from __future__ import annotations

import copy
import itertools
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import nn  # noqa: E402

from overprune import networks  # noqa: E402
from overprune.networks.layer_amounts import share_out  # noqa: E402


def rows(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(12, 10), nn.Tanh(), nn.Dropout(0.5), nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 4)
    )


BATCHES = [rows(40, 12, seed=i) for i in range(6)]
FRESH = [rows(400, 12, seed=100)]
QUICK = {"rule": "magnitude", "folds": 0}


def values_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


# How much is kept.


def test_amounts_by_name_and_pattern():
    found = networks.prune_model(
        network(), BATCHES, sparsity={"3": 0.25, "[03]": 0.5, "5": None}, **QUICK
    )
    assert found.table.layer.values.tolist() == ["0", "3"]
    assert found.table.kept.values.tolist() == [60, 64]
    found = networks.prune_model(network(), BATCHES, pattern={"0": "2:4", "5": (1, 2)}, **QUICK)
    assert found.table.kept.values.tolist() == [60, 16]
    groups = found.masks["0"].reshape(10, 3, 4).sum(dim=2)
    assert (groups == 2).all()
    found = networks.prune_model(network(), BATCHES, nonzeros={"*": 3}, scope="layer", **QUICK)
    assert found.table.kept.values.tolist() == [30, 24, 12]


def test_a_budget_is_met_and_loses_less():
    mix = rows(3, 12, seed=5)  # inputs of which three or four say nearly all
    batches, fresh = ([b[:, :3] @ mix + b / 50 for b in part] for part in (BATCHES, FRESH))
    options = {"sparsity": 0.5, "rule": "hessian", "folds": 0, "fresh": fresh}
    even = networks.prune_model(network(), batches, **options).table
    found = networks.prune_model(network(), batches, allocation="loss", **options).table
    total = int(even.weights.sum())
    assert int(even.kept.sum()) == total // 2
    assert total // 2 - 3 <= int(found.kept.sum()) <= total // 2

    def relative(table):
        return float((table.fresh_loss / table.output_power).sum())

    assert relative(found) < 0.7 * relative(even)
    assert len({*(found.kept / found.weights).values}) > 1
    options["scope"] = "layer"
    even = networks.prune_model(network(), batches, **options).table
    whole = networks.prune_model(network(), batches, allocation="loss", **options).table
    assert abs(int(whole.kept.sum()) - total // 2) <= 2
    assert relative(whole) < 0.8 * relative(even)


def test_shares_are_the_best_of_all():
    sizes = {"a": (1, 4), "b": (2, 4), "c": (1, 4)}
    curves = {
        "a": ([4, 3, 2, 1], [0.0, 0.1, 0.5, 1.0]),
        "b": ([4, 3, 2, 1], [0.0, 0.3, 0.35, 0.9]),  # not convex: 3 is never the choice
        "c": ([4, 3, 2, 1], [0.0, 0.02, 0.05, 0.4]),
    }

    def loss(choice):
        return sum(curves[n][1][4 - s] for n, s in zip(sizes, choice, strict=True))

    for budget in (16, 15, 14, 10, 9, 5, 4):
        found = share_out(sizes, curves, budget, "row")
        kept = [found[name]["nonzeros"] for name in sizes]
        assert kept[0] + 2 * kept[1] + kept[2] <= budget
        best = min(
            loss(c)
            for c in itertools.product(range(1, 5), repeat=3)
            if c[0] + 2 * c[1] + c[2] <= budget
        )
        if budget not in (15, 9):  # where a hull's stretch is cut
            assert loss(kept) <= best + 1e-12, (budget, kept)
    with pytest.raises(ValueError, match="sparsity must leave a weight for every output, 4"):
        share_out(sizes, curves, 3, "row")


# Predicted and measured.


def test_rows_that_repeat_count_once():
    """Four copies of every row are worth a fourth of them, and the folds find it."""
    ratios, effective, plain = [], [], []
    for draw in range(6):
        layer = nn.Linear(24, 16)
        with torch.no_grad():
            layer.weight.copy_(rows(16, 24, seed=50 + draw))
        mix = rows(24, 24, seed=7) / 5 + torch.eye(24)
        batches = [(rows(10, 24, seed=1000 * draw + i) @ mix).repeat(4, 1) for i in range(10)]
        fresh = [rows(5000, 24, seed=9) @ mix]
        options = {"nonzeros": 12, "rule": "magnitude", "fresh": fresh}
        found = networks.prune_model(layer, batches, **options).table.isel(layer=0)
        formula = networks.prune_model(layer, batches, folds=0, **options).table.isel(layer=0)
        assert float(formula.fresh_loss) == float(found.fresh_loss)
        ratios.append(float(found.predicted_loss / found.fresh_loss))
        plain.append(float(formula.predicted_loss / formula.fresh_loss))
        effective.append(float(found.effective_rows))
    error = np.std(ratios, ddof=1) / np.sqrt(len(ratios))
    assert abs(np.mean(ratios) - 1) <= 3 * error + 0.05, ratios
    assert np.mean(plain) < 0.87  # (1 - 13/100)^2 / (1 - 13/400)^2 is 0.81
    assert 70 < np.mean(effective) < 140, effective


def test_the_surgeons_choice_is_priced():
    ratios, plain = [], []
    for draw in range(5):
        layer = nn.Linear(40, 24)
        with torch.no_grad():
            layer.weight.copy_(rows(24, 40, seed=draw))
        scale = torch.arange(1, 41) ** -0.4
        batches = [rows(12, 40, seed=100 * draw + i).relu() * scale for i in range(10)]
        fresh = [rows(5000, 40, seed=9).relu() * scale]
        found = networks.prune_model(layer, batches, nonzeros=14, fresh=fresh)
        line = found.table.isel(layer=0)
        ratios.append(float(line.predicted_loss / line.fresh_loss))
        plain.append(float(line.predicted_loss / line.selection_factor / line.fresh_loss))
    error = np.std(ratios, ddof=1) / np.sqrt(len(ratios))
    assert abs(np.mean(ratios) - 1) <= 3 * error + 0.05, ratios
    assert np.mean(plain) < np.mean(ratios) - 0.05


def test_rows_needed():
    layer = nn.Linear(24, 16)
    batches = [rows(50, 24, seed=i) for i in range(10)]
    found = networks.prune_model(layer, batches, nonzeros=12, rule="magnitude", folds=0)
    # 12 weights and the intercept, n = k (1 + e) / e
    assert abs(found.rows_needed("Linear", 0.1) - 13 * 11) <= 6
    with pytest.raises(ValueError, match="layer must be one of Linear"):
        found.rows_needed("other", 0.1)
    with pytest.raises(ValueError, match="excess"):
        found.rows_needed("Linear", 0)


# What else there is stays as it was.


class Interrupted(Exception):
    pass


def stop_at(number):
    def progress(step):
        if step.stage == "finished" and step.number == number:
            raise Interrupted

    return progress


def hooks_of(model):
    return [
        (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
        for m in model.modules()
    ]


@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_left_as_it_was(fails):
    model = network().train()
    model[3].eval()
    model(BATCHES[0]).sum().backward()
    calls = []
    model[0].register_forward_hook(lambda *a: calls.append(torch.is_grad_enabled()))
    before = values_of(model)
    slopes = [p.grad.clone() for p in model.parameters()]
    modes = [m.training for m in model.modules()]
    hooks = hooks_of(model)
    torch.manual_seed(3), random.seed(3), np.random.seed(3)  # noqa: NPY002
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    options = {"sparsity": 0.5, "inplace": fails, "progress": stop_at(2) if fails else False}
    if fails:
        with pytest.raises(Interrupted):
            networks.prune_model(model, BATCHES, **options)
    else:
        assert networks.prune_model(model, BATCHES, **options).model is not model
    assert equal(values_of(model), before)
    assert all(torch.equal(p.grad, s) for p, s in zip(model.parameters(), slopes, strict=True))
    assert [m.training for m in model.modules()] == modes
    assert hooks_of(model) == hooks
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert (np.random.get_state()[1] == states[2]).all()  # noqa: NPY002
    assert torch.is_grad_enabled()
    assert not any(calls)


def test_in_place_and_copies_are_the_same():
    model = network()
    copied = networks.prune_model(model, BATCHES, sparsity=0.5)
    found = networks.prune_model(model, BATCHES, sparsity=0.5, inplace=True)
    assert found.model is model
    assert equal(values_of(model), values_of(copied.model))


def test_masks_hold_and_can_be_removed():
    found = networks.prune_model(network(), BATCHES, sparsity=0.5, masks=True)
    plain = networks.prune_model(network(), BATCHES, sparsity=0.5)
    x = FRESH[0]
    assert torch.equal(found.model.eval()(x), plain.model.eval()(x))
    assert torch.nn.utils.prune.is_pruned(found.model)
    torch.nn.utils.prune.remove(found.model[0], "weight")
    assert torch.equal(found.model[0].weight, plain.model[0].weight)


def test_workers_and_repetition_do_not_change_a_bit():
    one = networks.prune_model(network(), BATCHES, sparsity=0.5, workers=1)
    other = networks.prune_model(network(), BATCHES, sparsity=0.5, workers=3)
    assert equal(values_of(one.model), values_of(other.model))
    assert one.table.drop_vars("seconds").equals(other.table.drop_vars("seconds"))


def test_forward_passes_that_draw_see_the_same_draws():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(12, 4)

        def forward(self, x):
            return self.layer(x + torch.randn_like(x))

    torch.manual_seed(0)
    model = Noisy()
    one = networks.prune_model(model, BATCHES, sparsity=0.5)
    torch.manual_seed(9)
    other = networks.prune_model(model, BATCHES, sparsity=0.5)
    assert equal(values_of(one.model), values_of(other.model))


def test_a_shuffled_loader_comes_the_same_in_every_pass():
    model, data = network(), torch.utils.data.TensorDataset(torch.cat(BATCHES))
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        loader = torch.utils.data.DataLoader(data, batch_size=40, shuffle=True)
        state = torch.get_rng_state()
        found.append(networks.prune_model(model, loader, sparsity=0.5))
        assert torch.equal(torch.get_rng_state(), state)
    assert equal(*(values_of(one.model) for one in found))
    assert found[0].table.rows.values.tolist() == [240] * 3


def test_progress_tells_every_layer():
    steps = []
    networks.prune_model(network(), BATCHES, sparsity=0.5, progress=steps.append, **QUICK)
    assert [s.layer for s in steps if s.stage == "finished"] == ["0", "3", "5"]
    assert [s.number for s in steps if s.stage == "pruning"] == [1, 2, 3]
    assert steps[-1].done == 1.0
    assert steps[0].layers == 3
    networks.prune_model(network(), BATCHES, sparsity=0.5, progress=True, **QUICK)


# Stores.


@pytest.mark.parametrize("allocation", ["uniform", "loss"])
def test_a_store_goes_on_where_it_stopped(tmp_path, allocation):
    options = {"sparsity": 0.5, "allocation": allocation, "fresh": FRESH}
    whole = networks.prune_model(network(), BATCHES, **options)
    with pytest.raises(Interrupted):
        networks.prune_model(
            network(), BATCHES, store=tmp_path / "run", progress=stop_at(2), **options
        )
    seen = []
    found = networks.prune_model(
        network(), BATCHES, store=tmp_path / "run", progress=seen.append, **options
    )
    assert [s.layer for s in seen if s.stage == "pruning"] == ["5"]
    assert equal(values_of(found.model), values_of(whole.model))
    assert found.table.drop_vars("seconds").equals(whole.table.drop_vars("seconds"))
    assert all(torch.equal(found.masks[name], whole.masks[name]) for name in whole.masks)


def test_a_store_of_another_run_is_refused(tmp_path):
    networks.prune_model(network(), BATCHES, sparsity=0.5, store=tmp_path / "run", **QUICK)
    with pytest.raises(ValueError, match="holds another run and is left as it is") as caught:
        networks.prune_model(network(), BATCHES, sparsity=0.6, store=tmp_path / "run", **QUICK)
    assert "amounts" in str(caught.value)
    with pytest.raises(ValueError, match="batches_hash"):
        networks.prune_model(network(), FRESH, sparsity=0.5, store=tmp_path / "run", **QUICK)
    with pytest.raises(ValueError, match="model_hash"):
        networks.prune_model(network(1), BATCHES, sparsity=0.5, store=tmp_path / "run", **QUICK)


def test_stores_are_of_one_function(tmp_path):
    networks.prune_model(network(), BATCHES, sparsity=0.5, store=tmp_path / "run", **QUICK)
    assert (tmp_path / "run" / "model.json").is_file()
    assert not (tmp_path / "run" / "sweep.json").exists()
    (tmp_path / "run" / "model.json").rename(tmp_path / "run" / "sweep.json")
    with pytest.raises(ValueError, match=r"^store must be new, empty or an earlier run's, got"):
        networks.prune_model(network(), BATCHES, sparsity=0.5, store=tmp_path / "run", **QUICK)


def test_a_damaged_layer_is_pruned_again(tmp_path):
    options = {"sparsity": 0.5, "store": tmp_path / "run", **QUICK}
    whole = networks.prune_model(network(), BATCHES, **options)
    path = tmp_path / "run" / "layer-2.bin"
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)
    with pytest.warns(RuntimeWarning, match=r"is damaged: layer-2\.bin is not as written \(.*che"):
        found = networks.prune_model(network(), BATCHES, **options)
    assert equal(values_of(found.model), values_of(whole.model))


# Any small network.


@st.composite
def models(draw):
    """A convolution or none, then Linear layers; with the shape of a row."""
    torch.manual_seed(draw(st.integers(0, 10**6)))
    layers, channels = [], draw(st.sampled_from([0, 2, 4]))
    shape = (draw(st.integers(2, 9)),)
    if channels:
        size = draw(st.integers(1, 3))
        groups = draw(st.sampled_from([1, 2]))
        layers += [
            nn.Conv1d(
                channels, 4, size, stride=draw(st.integers(1, 2)), padding=size - 1,
                groups=groups, bias=draw(st.booleans()),
                padding_mode=draw(st.sampled_from(["zeros", "replicate"])),
            ),
            nn.ReLU(), nn.Flatten(),
        ]  # fmt: skip
        shape = (channels, shape[0] + 1)
    features = nn.Sequential(*layers)(torch.zeros(1, *shape)).shape[-1]
    for _ in range(draw(st.integers(1, 2))):
        width = draw(st.integers(1, 6))
        layers += [nn.Linear(features, width, bias=draw(st.booleans())), nn.Tanh()]
        features = width
    return nn.Sequential(*layers).double(), shape


@settings(max_examples=25, deadline=None)
@given(
    models(),
    st.sampled_from(["surgeon", "hessian", "magnitude", "random"]),
    st.sampled_from(["row", "layer"]),
    st.floats(0.05, 0.9),
    st.sampled_from([0.0, 0.01]),
)
@pytest.mark.filterwarnings("ignore:layer .* inputs must:UserWarning")
def test_any_small_network(drawn, rule, scope, sparsity, damping):
    model, shape = drawn
    batches = [rows(15, *shape, seed=i).double() for i in range(3)]
    before = copy.deepcopy(model)
    found = networks.prune_model(
        model, batches, sparsity=sparsity, rule=rule, scope=scope, damping=damping, folds=3
    )
    assert equal(values_of(model), values_of(before))
    with torch.no_grad():
        x = torch.cat(batches)
        for place, (own, dense) in enumerate(zip(found.model, model, strict=True)):
            name = str(place)
            if name in found.masks:
                mask, line = found.masks[name], found.table.sel(layer=name)
                assert (own.weight[~mask] == 0).all()
                assert int(mask.sum()) == int(line.kept) <= mask.numel()
                assert float(line.predicted_loss) >= 0
                loss = float((own(x) - dense(x)).square().mean())
                np.testing.assert_allclose(line.training_loss, loss, rtol=1e-6, atol=1e-12)
            x = own(x)
