"""Networks: their sizes, and that ResNet-20 trains, is pruned and trained again at any width."""

from __future__ import annotations

import doctest
import inspect

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from docstrings import headings  # noqa: E402
from overprune import networks  # noqa: E402

PUBLIC = {name: getattr(networks, name) for name in networks.__all__}


@pytest.mark.parametrize(("width", "parameters"), [(5, 27_970), (16, 274_986), (50, 2_651_110)])
def test_resnet20_has_the_published_parameters(width, parameters):
    network = networks.resnet20(width)
    assert networks.count_parameters(network) == parameters == 1054 * width**2 + 322 * width + 10


def test_resnet20_has_twenty_layers_and_two_projections():
    sizes = [
        layer.kernel_size
        for layer in networks.resnet20(3).modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    assert sizes.count((7, 7)) == 1
    assert sizes.count((3, 3)) == 18
    assert sizes.count((1, 1)) == 2


def test_the_width_ratio_keeps_many_times_the_weights():
    """What the documentation says of width 50 and s = 5: 9.5 times the parameters, 9.7 times the
    weights."""
    wide, narrow = networks.resnet20(50), networks.resnet20(5)
    parameters = networks.count_parameters(wide) * 5 / 50 / networks.count_parameters(narrow)
    weights = networks.count_prunable(wide) * 5 / 50 / networks.count_prunable(narrow)
    assert (round(parameters, 1), round(weights, 1)) == (9.5, 9.7)


@pytest.mark.parametrize("width", [1, 5, 16])
def test_resnet20_trains_is_pruned_and_trained_again(width):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    images = rng.normal(labels[:, None, None, None], 1.0, (300, 3, 8, 8)).astype(np.float32)
    data = networks.from_arrays(
        images[:200], labels[:200], images[200:], labels[200:], validation=0.1
    )
    training = networks.Training(epochs=2, batch=60, augment="crop_flip", select="validation")

    def model(k):
        return networks.resnet20(k, num_classes=3)

    table = networks.width_sweep(
        model, data, [width], [1], training=training, repeats=1, device="cpu"
    )
    kept = networks.count_prunable(model(1))
    assert table.nonzero_weights.values.ravel().tolist() == [kept]
    assert np.isfinite(table.retrained_test_loss).all()
    assert table.retrained_epochs.item() == 2
    if width == 1:  # nothing to prune
        assert table.pruned_test_loss.item() == table.dense_test_loss.item()


@pytest.mark.parametrize("images", [(2, 1, 8, 8), (2, 1, 28, 28)])
def test_small_conv_takes_images_of_any_size(images):
    assert networks.small_conv(3, num_classes=4)(torch.zeros(images)).shape == (2, 4)


def test_random_features_are_frozen_and_the_readout_begins_at_zero():
    network = networks.random_feature_network(7, inputs=5, outputs=2)
    assert [name for name, p in network.named_parameters() if p.requires_grad] == ["readout.weight"]
    assert not network(torch.ones(3, 5, dtype=torch.float64)).any()
    assert networks.count_prunable(network) == networks.count_parameters(network) == 14


def test_weights_shared_by_two_layers_count_once():
    first, second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 3)
    second.weight = first.weight
    assert networks.count_prunable(torch.nn.Sequential(first, second)) == 9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: networks.two_layer(0), "width must be at least 1, got 0"),
        (lambda: networks.two_layer(2, bias=3), "bias must be True or False, got 3"),
        (
            lambda: networks.random_feature_network(2, activation="sine"),
            "activation must be one of relu",
        ),
        (lambda: networks.resnet20(2.5), "width must be an integer"),
        (lambda: networks.count_prunable(3), "model must be a torch.nn.Module, got 3"),
    ],
)
def test_bad_models(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def examples():
    for name, thing in PUBLIC.items():
        for test in doctest.DocTestFinder(exclude_empty=True).find(thing, name, globs={}):
            if test.examples:
                yield pytest.param(test, id=test.name)


@pytest.mark.parametrize("test", list(examples()))
def test_examples_run(test):
    pytest.importorskip("sklearn")
    pytest.importorskip("mlxtend")
    report = []
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_say_everything(name):
    text = inspect.getdoc(PUBLIC[name])
    listed = [n for n in headings(text) if not n.startswith("*")]
    expected = [n for n in inspect.signature(PUBLIC[name]).parameters if n != "options"]
    assert listed == expected
    for section in ("Parameters", "Raises", "Examples"):
        assert f"\n{section}\n---" in text
    assert text.splitlines()[0].endswith(".")
