"""Bad input of prune_model: one clear sentence that names the layer or the argument."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations, prune  # noqa: E402

from overprune import networks  # noqa: E402


def rows(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


BATCHES = [rows(20, 6, seed=i) for i in range(3)]


class Parts(nn.Module):
    """A used layer, one that is never called, and one that is given no rows."""

    def __init__(self, spare=False, empty=False):
        super().__init__()
        self.first = nn.Linear(6, 5)
        self.readout = nn.Linear(5, 3)
        if spare:
            self.spare = nn.Linear(5, 2)
        self.empty = nn.Linear(5, 2) if empty else None

    def forward(self, x):
        h = torch.relu(self.first(x))
        if self.empty is not None:
            self.empty(h[:0])
        return self.readout(h)


def nan_in(batch):
    found = [b.clone() for b in BATCHES]
    found[batch][2, 3] = torch.nan
    return found


def masked():
    model = Parts()
    prune.l1_unstructured(model.readout, "weight", 0.5)
    return model


def normed():
    model = Parts()
    parametrizations.weight_norm(model.readout)
    return model


def on_meta():
    model = Parts()
    model.readout = nn.Linear(5, 3, device="meta")
    return model


CASES = {
    "never called": (lambda: Parts(spare=True), BATCHES, {"sparsity": 0.5},
        r"layers must be called in a forward pass, got no call of spare; leave them"),
    "no rows": (lambda: Parts(empty=True), BATCHES, {"sparsity": 0.5},
        r"batches must have rows for every layer, got none for layer 'empty'"),
    "no batches": (Parts, [], {"sparsity": 0.5}, "batches must have at least one batch, got none"),
    "nan": (Parts, nan_in(1), {"sparsity": 0.5},
        "activations must be finite, got nan or inf in the inputs of layer 'first' in batch 1"),
    "nonzeros above p": (Parts, BATCHES, {"nonzeros": 6},
        r"nonzeros must .*5.*, got 6, for layer 'readout'"),
    "no pattern": (Parts, BATCHES, {"pattern": "2:4"},
        r"pattern must divide the 6 inputs into whole groups, got groups of 4, for layer 'first'"),
    "unknown name": (Parts, BATCHES, {"sparsity": {"raedout": 0.5}},
        r"sparsity must name layers of the model \(first, readout\), got 'raedout'; did you mean "
        r"'readout'\?"),
    "nothing": (Parts, BATCHES, {}, "sparsity and pattern must be given, got none of them"),
    "two": (Parts, BATCHES, {"nonzeros": 2, "sparsity": 0.5}, "got nonzeros and sparsity"),
    "nothing left": (Parts, BATCHES, {"sparsity": {"*": None}}, "must have a layer to prune"),
    "sparsity 1": (Parts, BATCHES, {"sparsity": 1.0}, "must be below 1, got 1.0, for layer"),
    "rule": (Parts, BATCHES, {"sparsity": 0.5, "rule": "lasso"}, "rule must be one of surgeon"),
    "allocation": (Parts, BATCHES, {"sparsity": 0.5, "allocation": "even"}, "allocation must be"),
    "folds": (Parts, BATCHES, {"sparsity": 0.5, "folds": 1}, "folds must be 0 or at least 2"),
    "allocated pattern": (Parts, BATCHES, {"pattern": {"first": "1:2"}, "allocation": "loss"},
        'allocation must be "uniform" with a pattern'),
    "no layers": (nn.ReLU, BATCHES, {"sparsity": 0.5}, "model must have Linear, convolution or"),
    "already pruned": (masked, BATCHES, {"sparsity": 0.5},
        r"layer 'readout' \(Linear\) is already pruned by torch.nn.utils.prune"),
    "computed": (normed, BATCHES, {"sparsity": 0.5}, "'readout'.*computed; .*remove_parametriz"),
    "meta": (on_meta, BATCHES, {"sparsity": 0.5}, "'readout'.* is on the meta device"),
    "lazy": (lambda: nn.LazyLinear(3), BATCHES, {"sparsity": 0.5}, "is lazy"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refusals(case):
    make, batches, options, message = CASES[case]
    with pytest.raises(ValueError, match=message):
        networks.prune_model(make(), batches, **options)


@pytest.mark.parametrize(
    ("batches", "options", "message"),
    [
        (iter(BATCHES), {}, "batches must be a list of batches, .* got 'list_iterator'"),
        (BATCHES[0], {}, "batches must be a list of batches"),
        (3, {}, "batches must be a list of batches"),
        (BATCHES, {"sparsity": {3: 0.5}}, "names of layers as keys, got 3"),
        (BATCHES, {"refit": 1}, "refit must"),
        (BATCHES, {"inplace": "yes"}, "inplace must"),
        (BATCHES, {"forward": 3}, "forward must be callable"),
        (BATCHES, {"fresh": iter(BATCHES)}, "fresh must be a list of batches"),
        (BATCHES, {"progress": 2}, "progress must"),
        (BATCHES, {"sparsity": "half"}, "sparsity must .*for layer 'first'"),
    ],
)
def test_wrong_types(batches, options, message):
    with pytest.raises(TypeError, match=message):
        networks.prune_model(Parts(), batches, **{"sparsity": 0.5, **options})


def test_a_model_must_be_a_module():
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, got 3"):
        networks.prune_model(3, BATCHES, sparsity=0.5)


def test_batches_that_change_are_noticed():
    class Shrinking:
        left = 4

        def __iter__(self):
            self.left -= 1
            return iter(BATCHES[: self.left])

    with pytest.raises(ValueError, match="the same batches in every pass, got 3 and then 2"):
        networks.prune_model(Parts(), Shrinking(), sparsity=0.5)


def test_an_error_midway_leaves_the_model_whole():
    class Late(Parts):
        def forward(self, x):
            h = torch.relu(self.first(x))
            is_pruned = bool((self.first.weight == 0).any())
            return self.readout(h / 0.0 if is_pruned else h)

    model = Late()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="inputs of layer 'readout' in batch 0 of batches"):
        networks.prune_model(model, BATCHES, sparsity=0.5, inplace=True)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_dead_inputs_are_zero_and_said():
    batches = [b.clone() for b in BATCHES]
    for batch in batches:
        batch[:, [1, 4]] = 0.0
    with pytest.warns(UserWarning, match="layer 'first': inputs must vary .* at 1, 4") as caught:
        found = networks.prune_model(Parts(), batches, nonzeros=3, folds=0)
    assert caught[0].filename == __file__
    assert (found.model.first.weight[:, [1, 4]] == 0).all()
    assert int(found.table.dead_inputs[0]) == 2


def test_a_constant_input_goes_into_the_bias():
    batches = [b.clone() for b in BATCHES]
    for batch in batches:
        batch[:, 1] = 1e3
    model = Parts()
    with pytest.warns(UserWarning, match="layer 'first'"):
        found = networks.prune_model(model, batches, nonzeros={"first": 5}, folds=0)
    with torch.no_grad():
        error = found.model.first(batches[0]) - model.first(batches[0])
    assert (found.model.first.weight[:, 1] == 0).all()
    assert error.abs().max() < 1e-3
    assert float(found.table.training_loss[0]) < 1e-12


def test_few_rows_are_said_with_their_loss():
    batches = [rows(2, 6, seed=i) for i in range(2)]
    with pytest.warns(UserWarning, match="layer 'first': .*predicted fresh loss is"):
        networks.prune_model(Parts(), batches, nonzeros={"first": 5}, folds=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        networks.prune_model(Parts(), batches, nonzeros={"first": 5}, folds=0, damping=0.1)
