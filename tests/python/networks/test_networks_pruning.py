"""Scores and masks of networks, against automatic differentiation and by counting."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from overprune import networks  # noqa: E402
from overprune.networks import pruning  # noqa: E402
from overprune.networks.training import Fit, crop_flip, loss_of, train  # noqa: E402


def small(outputs=3):
    torch.manual_seed(0)
    first = torch.nn.Conv2d(1, 2, 3)
    network = torch.nn.Sequential(
        first, torch.nn.Tanh(), torch.nn.Flatten(), torch.nn.Linear(8, outputs)
    )
    return network.double()


def rows(count=7, classes=3):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, 1, 4, 4, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, classes, (count,), generator=generator)


def gauss_newton_diagonal(network, x, y, loss):
    """J' M J by whole Jacobians, M the mean loss's Hessian in all outputs."""
    names = [name for name, p in network.named_parameters() if name.endswith("weight")]
    values = tuple(dict(network.named_parameters())[name].detach() for name in names)

    def outputs(*weights):
        return torch.func.functional_call(network, dict(zip(names, weights, strict=True)), (x,))

    f = outputs(*values).detach()
    M = torch.autograd.functional.hessian(lambda f: loss_of(f, y, loss), f).reshape(
        f.numel(), f.numel()
    )
    found = torch.autograd.functional.jacobian(outputs, values)
    return [
        torch.einsum("ai,ab,bi->i", J.reshape(f.numel(), -1), M, J.reshape(f.numel(), -1))
        for J in found
    ]


@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
def test_curvatures_are_the_exact_diagonal(loss):
    network, (x, y) = small(), rows()
    exact = gauss_newton_diagonal(network, x, y, loss)
    found = pruning.curvatures(network, (x, y), loss, chunk=3)
    for expected, h in zip(exact, found.values(), strict=True):
        torch.testing.assert_close(h.reshape(-1), expected, rtol=1e-9, atol=1e-12)


def test_the_hessian_of_a_linear_readout_is_that_of_least_squares():
    """Where the network is linear in its weights, Gauss-Newton is the Hessian, 2 mean z**2."""
    network = networks.random_feature_network(6, inputs=4)
    x = torch.randn(20, 4, dtype=torch.float64)
    h = pruning.curvatures(network, (x, torch.zeros(20, 1)), "squared")["readout"]
    torch.testing.assert_close(h[0], 2 * (network.features(x) ** 2).mean(dim=0))


@pytest.mark.parametrize("rule", pruning.RULES)
@pytest.mark.parametrize("scope", pruning.SCOPES)
@pytest.mark.parametrize("keep", [1, 11, 41, 42])
def test_counts_are_exact_and_the_highest_scores_stay(rule, scope, keep):
    network, data = small(), rows()
    scores = pruning.scores_of(
        network, rule, data, "cross_entropy", torch.Generator().manual_seed(2)
    )
    before = {
        name: layer.weight.detach().clone() for name, layer in pruning.prunable(network).items()
    }
    masks = pruning.apply(network, scores, keep, scope)
    assert sum(int(m.sum()) for m in masks.values()) == keep
    for name, layer in pruning.prunable(network).items():
        assert torch.equal(layer.weight, before[name] * masks[name])
    kept = [scores[name][masks[name] == 1] for name in masks]
    gone = [scores[name][masks[name] == 0] for name in masks]
    if scope == "global":
        kept, gone = [torch.cat(kept)], [torch.cat(gone)]
    else:
        shares = [
            k.numel() - keep * scores[name].numel() / 42
            for k, name in zip(kept, scores, strict=True)
        ]
        assert max(map(abs, shares)) < 1
    for k, g in zip(kept, gone, strict=True):
        assert not k.numel() or not g.numel() or k.min() >= g.max()


def test_masks_hold_through_retraining():
    network, (x, y) = small().float(), rows(40)
    x = x.float()
    masks = pruning.apply(
        copy.deepcopy(network),
        {n: w.weight.abs() for n, w in pruning.prunable(network).items()},
        9,
        "global",
    )
    pruning.mask(network, masks)
    training = networks.Training(
        epochs=5, batch=10, optimizer="sgd", learning_rate=0.1, weight_decay=0.01
    )
    train(network, {"train": (x, y)}, Fit(training, torch.Generator().manual_seed(0)))
    network(x)
    for name, layer in pruning.prunable(network).items():
        assert torch.equal(layer.weight != 0, masks[name] == 1)
    pruning.check_count(network, masks, 9)


def test_a_wrong_count_is_noticed():
    network = small()
    masks = pruning.apply(
        network, {n: w.weight.abs() for n, w in pruning.prunable(network).items()}, 9, "global"
    )
    with pytest.raises(RuntimeError, match="8 weights were to be kept, but the masks keep 9"):
        pruning.check_count(network, masks, 8)
    with torch.no_grad():
        network[0].weight.fill_(1.0)
    with pytest.raises(
        RuntimeError, match=r"layer '0' \(Conv2d\) must keep deleted weights at 0, but"
    ):
        pruning.check_count(network, masks, 9)


def test_batch_normalization_keeps_its_statistics_while_curvatures_are_estimated():
    network = networks.small_conv(2, num_classes=3)
    x, y = rows(9)
    before = copy.deepcopy(network.state_dict())
    assert set(pruning.curvatures(network, (x.float(), y), "cross_entropy")) == set(
        pruning.prunable(network)
    )
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_crop_flip_shifts_and_mirrors():
    images = torch.arange(2.0 * 16).reshape(1, 2, 4, 4).repeat(300, 1, 1, 1) + 1
    moved = crop_flip(images, torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(images[:1], (4, 4, 4, 4))
    wanted = [padded[0, :, r : r + 4, c : c + 4] for r in range(9) for c in range(9)]
    wanted += [window.flip(2) for window in wanted]
    found = {tuple(image.reshape(-1).tolist()) for image in moved}
    assert found <= {tuple(window.reshape(-1).tolist()) for window in wanted}
    assert len(found) > 50


def test_mixed_precision_trains_and_stays_close():
    x, y = rows(40)
    losses = []
    for mixed in (False, True):
        network = small().float()
        training = networks.Training(epochs=3, batch=10, mixed_precision=mixed)
        train(network, {"train": (x.float(), y)}, Fit(training, torch.Generator().manual_seed(0)))
        losses.append(loss_of(network(x.float()), y, "cross_entropy").item())
    assert losses[0] != losses[1]
    assert np.isclose(*losses, rtol=0.02)
