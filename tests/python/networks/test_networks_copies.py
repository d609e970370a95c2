"""Networks leave the user's data and layers alone, and what they hold goes from stage to stage."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from networks_cases import DATA, LABELS, ROWS, Net, plain, sweep  # noqa: E402
from overprune import networks  # noqa: E402
from overprune.networks import pruning  # noqa: E402
from overprune.networks.copies import clone  # noqa: E402

# Data.


def net(forward):
    return lambda k: Net(forward, inp=nn.Linear(8, k), out=nn.Linear(k, 3))


def first(layer):
    return lambda k: nn.Sequential(layer(), *plain(k))


class Scale(nn.Module):
    def __init__(self, inplace):
        super().__init__()
        self.inplace = inplace

    def forward(self, x):
        return x.mul_(2) if self.inplace else x * 2


def one_output(inplace):
    def model(k):
        readout = nn.Linear(8, 1).double()
        nn.init.zeros_(readout.weight)
        return nn.Sequential(Scale(inplace), readout)

    return model


@pytest.mark.parametrize("rule", pruning.RULES)
@pytest.mark.parametrize("optimizer", ["adam", "gradient_descent"])
def test_a_forward_pass_that_writes_to_its_input_changes_nothing_else(rule, optimizer):
    data, options = DATA, {}
    if optimizer == "gradient_descent":
        x, y = ROWS.astype(float), np.random.default_rng(1).normal(size=(40, 1))
        data = networks.from_arrays(x[:24], y[:24], x[24:], y[24:])
        options = {"training": networks.Training(optimizer=optimizer, loss="squared", epochs=200)}
    before = [array.copy() for array in (data.inputs, data.test_inputs)]
    tables = [
        sweep(
            one_output(inplace) if options else first(functools.partial(Scale, inplace)),
            data, (2,), rule=rule, **options,
        )
        for inplace in (True, False)
    ]  # fmt: skip
    assert tables[0].drop_attrs().identical(tables[1].drop_attrs())
    assert all(
        np.array_equal(a, b) for a, b in zip(before, (data.inputs, data.test_inputs), strict=True)
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("mode", ["r", "r+", None])
def test_arrays_of_a_file_and_arrays_that_cannot_be_written_to_are_trained_on(tmp_path, mode):
    path = tmp_path / "rows.npy"
    np.save(path, ROWS)
    whole = path.read_bytes()
    rows = np.load(path, mmap_mode=mode)
    rows.flags.writeable = mode == "r+"
    data = networks.from_arrays(rows[:24], LABELS[:24], rows[24:], LABELS[24:])
    inplace = first(functools.partial(nn.ReLU, inplace=True))
    assert sweep(inplace, data).drop_attrs().identical(sweep(first(nn.ReLU)).drop_attrs())
    del data, rows
    assert path.read_bytes() == whole


# Layers that several networks have.


@pytest.mark.parametrize("frozen", [False, True])
def test_layers_that_networks_share_are_copied(frozen):
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8)).requires_grad_(not frozen)
    before = clone(trunk)
    table = sweep(first(lambda: trunk), repeats=2)
    with ThreadPoolExecutor(2) as threads:
        assert (
            sweep(first(lambda: trunk), repeats=2, executor=threads)
            .drop_attrs()
            .identical(table.drop_attrs())
        )
    alone = sweep(first(lambda: trunk), widths=(4,), repeats=2)
    assert alone.drop_attrs().identical(table.sel(width=[4]).drop_attrs())
    for name, value in before.state_dict().items():
        assert torch.equal(trunk.state_dict()[name], value)
    assert all(p.grad is None and not p._backward_hooks for p in trunk.parameters())


def test_a_function_that_returns_one_network_twice_is_refused():
    with pytest.raises(
        ValueError, match="model must make a new network in every call, got one twice"
    ):
        sweep(functools.lru_cache(plain))


def closed_over(k):
    layers = plain(k)

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = layers

        def forward(self, x):
            return layers(x)

    return Outer()


def test_networks_whose_copies_are_not_apart_are_refused():
    with pytest.raises(
        ValueError, match=r"but a copy uses 'layers\.0\.weight' of the network itself"
    ):
        sweep(closed_over)

    def with_a_lock(k):
        network = plain(k)
        network.lock = __import__("threading").Lock()
        return network

    with pytest.raises(
        ValueError, match=r"one that copy\.deepcopy copies; at width 2: cannot pickle"
    ):
        sweep(with_a_lock)


def test_functions_and_hooks_of_a_copy_see_the_copy():
    network = plain(3)
    network.call = lambda x: network[0](x)
    network.module = np
    network.last = [network(torch.ones(2, 8))]
    network[0].register_forward_hook(lambda layer, inputs, output: output * network[2].weight.sum())
    network[0].weight.register_hook(lambda slope: slope * float(network[2].bias[0]))
    twin = clone(network)
    assert twin.module is np
    assert not twin.last[0].requires_grad
    with torch.no_grad():
        twin[2].weight.zero_()
        twin[2].bias.zero_()
    x = torch.randn(4, 8)
    assert not twin.call(x).any()
    assert network.call(x).any()
    functional.linear(x, twin[0].weight).sum().backward()
    assert not twin[0].weight.grad.any()
    assert network[0].weight.grad is None


# What networks hold beside their state_dict.


class Shift(nn.Module):
    """Subtracts a running mean that is kept somewhere."""

    def __init__(self, where):
        super().__init__()
        self.where = where
        if where == "attribute":
            self.mean = torch.zeros(8)
        else:
            self.register_buffer("mean", torch.zeros(8), persistent=where == "persistent")

    def forward(self, x):
        if self.training:
            self.mean = 0.5 * self.mean + 0.5 * x.detach().mean(0) + 5
        return x - self.mean


class Lazy(nn.Module):
    """Makes its buffer in the first forward pass, or for every number of rows."""

    def __init__(self, resized):
        super().__init__()
        self.resized = resized
        self.register_buffer("ones", None)

    def forward(self, x):
        if self.ones is None or (self.resized and len(self.ones) != len(x)):
            self.ones = torch.ones(len(x) if self.resized else 1, 8)
        return x * self.ones


SELECT = {"last": {}, "validation": {"select": "validation"}}


@pytest.mark.parametrize("select", SELECT)
@pytest.mark.parametrize("retrain", ["rewind", "finetune"])
def test_state_is_kept_wherever_it_is(select, retrain):
    data = networks.from_arrays(ROWS[:24], LABELS[:24], ROWS[24:], LABELS[24:], validation=0.2)
    training = networks.Training(epochs=3, batch=7, **SELECT[select])

    def run(layer, *arguments):
        model = first(functools.partial(layer, *arguments))
        return sweep(model, data, rule="hessian", retrain=retrain, training=training).drop_attrs()

    expected = run(Shift, "persistent")
    assert np.array_equal(expected.pruned_test_loss[0, 0], expected.dense_test_loss[0])
    assert run(Shift, "attribute").identical(expected)
    assert run(Shift, "buffer").identical(expected)
    expected = run(nn.Identity)
    assert run(Lazy, False).identical(expected)
    assert run(Lazy, True).identical(expected)


def test_parameters_that_come_with_a_forward_pass_are_refused():
    class Built(nn.Module):
        def __init__(self, k):
            super().__init__()
            self.k, self.out = k, nn.Linear(k, 3)

        def forward(self, x):
            if not hasattr(self, "inp"):
                self.inp = nn.Linear(8, self.k)
            return self.out(self.inp(x))

    with pytest.raises(
        ValueError, match=r"parameters from the beginning, but a forward pass makes 'inp\.weight'"
    ):
        sweep(Built)


# Random numbers beside the network's own.


def test_a_progress_callable_that_draws_changes_nothing():
    def model(k):
        return nn.Sequential(nn.Linear(8, k), nn.Dropout(0.5), nn.Linear(k, 3))

    def draw(step):
        torch.rand(3), np.random.rand()  # noqa: NPY002

    table = sweep(model)
    assert sweep(model, progress=draw).drop_attrs().identical(table.drop_attrs())
    with ThreadPoolExecutor(2) as threads:
        found = sweep(model, progress=draw, executor=threads)
    assert found.drop_attrs().identical(table.drop_attrs())


def test_threads_wait_for_draws_that_put_the_generator_back(monkeypatch):
    def forward(s, x):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            noise = torch.randn(len(x), s.inp.out_features)
        return s.out(s.inp(x) + noise)

    seen = []
    run = networks.sweep.run_cell
    monkeypatch.setattr(
        networks.sweep, "run_cell", lambda task, *cell: seen.append(task.beside) or run(task, *cell)
    )
    with ThreadPoolExecutor(2) as threads:
        sweep(net(forward), executor=threads)
        assert seen == [False, False]
        sweep(net(lambda s, x: s.out(functional.dropout(s.inp(x), 0.0))), executor=threads)
    assert seen == [False, False, True, True]
