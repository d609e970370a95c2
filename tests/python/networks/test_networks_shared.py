"""Weights that are used twice are counted once and masked everywhere; random numbers come from the
seed."""

from __future__ import annotations

import copy
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from networks_cases import LABELS, ROWS, Net, noisy, recurrent, sweep, tied  # noqa: E402
from overprune import networks  # noqa: E402
from overprune.networks import pruning  # noqa: E402

# Weights that are used twice.


def mirrored(k):
    return Net(
        lambda s, x: s.out(functional.linear(torch.relu(s.inp(x)), s.inp.weight.t())),
        inp=nn.Linear(8, k),
        out=nn.Linear(8, 3),
    )


def uncalled(k):
    return Net(
        lambda s, x: functional.linear(
            torch.relu(functional.linear(x, s.inp.weight)), s.out.weight
        ),
        inp=nn.Linear(8, k),
        out=nn.Linear(k, 3),
    )


def embedded(k):
    network = Net(
        lambda s, x: s.out(s.table((x > 0).long()).mean(dim=1))[:, :3],
        table=nn.Embedding(8, k),
        out=nn.Linear(k, 8),
    )
    network.out.weight = network.table.weight
    return network


def called_twice(k):
    layer = nn.Linear(8, 8)
    return nn.Sequential(layer, nn.ReLU(), layer, nn.Linear(8, 3))


SHARED = {"tied": (tied, 88), "mirrored": (mirrored, 56), "uncalled": (uncalled, 44),
          "embedded": (embedded, 32), "called twice": (called_twice, 88)}  # fmt: skip


@pytest.mark.parametrize("rule", pruning.RULES)
@pytest.mark.parametrize("kind", SHARED)
def test_b1_a_shared_weight_is_counted_once_and_masked_wherever_it_is_used(kind, rule):
    model, count = SHARED[kind]
    torch.manual_seed(0)
    network = model(4)
    assert networks.count_prunable(network) == count
    x, y = torch.from_numpy(ROWS), torch.from_numpy(LABELS)
    scores = pruning.scores_of(
        network, rule, (x, y), "cross_entropy", torch.Generator().manual_seed(0)
    )
    expected = copy.deepcopy(network)
    masks = pruning.apply(network, scores, 20, "global")
    assert sum(int(mask.sum()) for mask in masks.values()) == 20
    with torch.no_grad():
        for name, mask in masks.items():
            expected.get_submodule(name).weight.mul_(mask)
        assert torch.equal(network(x), expected(x))
    table = sweep(model, rule=rule)
    assert np.isfinite(table.retrained_test_loss).all()


def test_b1_a_shared_weight_stays_masked_through_training():
    network = tied(4)
    scores = {
        name: layer.weight.detach().abs() for name, layer in pruning.prunable(network).items()
    }
    masks = pruning.apply(network, scores, 20, "global")
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        functional.cross_entropy(
            network(torch.from_numpy(ROWS)), torch.from_numpy(LABELS)
        ).backward()
        optimizer.step()
    assert network[2].weight is network[0].weight
    assert int(torch.count_nonzero(network[2].weight)) == int(masks["0"].sum())
    pruning.check_count(network, masks, 20)


def test_b1_two_parameters_in_one_memory_are_refused_by_name():
    def model(k):
        network = tied(k)
        network[2].weight = nn.Parameter(network[0].weight.data.t())
        return network

    with pytest.raises(
        ValueError, match=r"the parameters '0\.weight' and '2\.weight' are two in the same memory"
    ):
        sweep(model)


# Random numbers of forward passes.


DRAWING = {
    "functional dropout": noisy(lambda h: functional.dropout(h, 0.5)),
    "RReLU": lambda k: nn.Sequential(nn.Linear(8, k), nn.RReLU(), nn.Linear(k, 3)),
    "LSTM": recurrent,
    "gumbel": noisy(functional.gumbel_softmax),
    "noise": noisy(lambda h: h + torch.randn_like(h)),
    "numpy": noisy(lambda h: h * np.random.rand()),  # noqa: NPY002
    "random": noisy(lambda h: h * random.random()),
}


def global_states():
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[2]  # noqa: NPY002


@pytest.mark.parametrize("kind", DRAWING)
def test_b2_the_same_seed_gives_the_same_table_and_moves_no_generator(kind):
    before = global_states()
    first = sweep(DRAWING[kind])
    assert global_states() == before
    _ = torch.rand(1), random.random(), np.random.rand()  # noqa: NPY002
    again = sweep(DRAWING[kind])
    assert first.drop_attrs().identical(again.drop_attrs())
    assert not first.drop_attrs().equals(sweep(DRAWING[kind], seed=1).drop_attrs())


def test_b2_as_many_nonzeros_as_weights_are_the_dense_network_even_where_evaluation_draws():
    table = sweep(DRAWING["functional dropout"])
    cell = table.sel(width=2, nonzeros=2)
    assert np.array_equal(cell.pruned_test_loss, cell.dense_test_loss)


@pytest.mark.parametrize("kind", ["functional dropout", "numpy"])
def test_b2_threads_change_nothing(kind):
    alone = sweep(DRAWING[kind], repeats=2)
    with ThreadPoolExecutor(3) as threads:
        beside = sweep(DRAWING[kind], repeats=2, executor=threads)
    assert alone.drop_attrs().identical(beside.drop_attrs())


def test_b2_draws_that_begin_late_are_told_in_threads():
    def model(k):
        calls = []

        def draw(h):
            calls.append(1)
            return h + torch.randn_like(h) if len(calls) > 20 else h

        return noisy(draw)(k)

    training = networks.Training(epochs=10, batch=12)
    first, again = (sweep(model, training=training) for _ in range(2))
    assert first.drop_attrs().identical(again.drop_attrs())
    before = global_states()
    with (
        ThreadPoolExecutor(2) as threads,
        pytest.warns(UserWarning, match="the table may not repeat: .* run it without an executor"),
    ):
        sweep(model, training=training, executor=threads)
    assert global_states() == before
