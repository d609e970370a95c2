"""Random-feature networks are least squares, and predict tells their errors."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import overprune as op  # noqa: E402
from overprune import networks  # noqa: E402
from overprune.networks import pruning  # noqa: E402
from overprune.networks.training import Fit, to_device, train  # noqa: E402

DESCENT = networks.Training(
    optimizer="gradient_descent", loss="squared", epochs=20_000, stop_loss=1e-10
)
DATA = networks.single_index(60, 15, noise_std=0.3, test_rows=3000)
MODEL = partial(networks.random_feature_network, inputs=15)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(("width", "kept"), [(20, 20), (150, 150), (150, 25), (150, 100)])
def test_gradient_descent_ends_in_the_minimum_norm_solution(width, kept, activation):
    torch.manual_seed(3)
    network = MODEL(width, activation=activation)
    parts = to_device(DATA.draw(0, 0), torch.device("cpu"))
    inputs, targets = parts["train"]
    Z = network.features(inputs).numpy()
    support = np.sort(np.random.default_rng(0).permutation(width)[:kept])
    keep = torch.zeros(1, width, dtype=torch.float64)
    keep[0, support] = 1
    pruning.mask(network, {"readout": keep})
    _, steps = train(network, parts, Fit(DESCENT, torch.Generator()))
    assert steps < 20_000
    expected = np.zeros(width)
    expected[support] = op.least_squares(Z[:, support], targets.numpy()[:, 0])
    network(inputs)
    found = network.readout.weight.detach().numpy()[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_a_sweep_is_simulate_with_the_networks_features():
    """The whole path - train, prune, rewind, train - against prune_path on the same features and
    rows."""
    table = networks.width_sweep(
        MODEL, DATA, [100], [12], training=DESCENT, repeats=1, rule="hessian", device="cpu"
    )
    problem = networks.bridge._features_problem(MODEL, DATA, 100, 0, 0)
    y = problem.target_rows[:, 0]
    path = op.prune_path(
        problem.inputs,
        y,
        [100],
        [12],
        rules=["hessian"],
        curvature=(problem.inputs**2).mean(axis=0),
    )
    for stage, theta in (
        ("dense", path.dense[0]),
        ("pruned", path.pruned("hessian", 100, 12)),
        ("retrained", path.retrained("hessian", 100, 12)),
    ):
        risk = float(problem.risk(theta))
        assert table[f"{stage}_test_error"].item() == pytest.approx(risk, rel=1e-4)


def test_predictions_are_within_four_standard_errors_away_from_the_peak():
    descent = networks.Training(
        optimizer="gradient_descent", loss="squared", epochs=5000, stop_loss=1e-6
    )
    grid = {"widths": [20, 150], "nonzeros": [20], "repeats": 8}
    table = networks.width_sweep(MODEL, DATA, **grid, training=descent, device="cpu")
    predicted = networks.predict_sweep(table, MODEL, DATA, draws=16)
    for stage in ("dense", "pruned", "retrained"):
        name = f"{stage}_test_error"
        difference = (table[name] - predicted[name]).squeeze()
        z = difference.mean("repeat") / difference.std("repeat", ddof=1) * 8**0.5
        assert (abs(z) < 4).all(), (stage, z.values)
        assert (difference.std("repeat") < 0.5 * predicted[name].squeeze().mean("repeat")).all()


def test_teachers():
    data = networks.single_index(50, 8, link="sign", noise_std=0.0, test_rows=100)
    assert set(np.unique(data.targets)) == {-1.0, 1.0}
    assert data.describe()["train_rows"] == 50
    with pytest.raises(ValueError, match="link must be one of tanh, identity, sign; got 'cube'"):
        networks.single_index(50, 8, link="cube")


def test_other_tables_are_refused():
    training = networks.Training(optimizer="gradient_descent", loss="squared", epochs=5)
    table = networks.width_sweep(MODEL, DATA, [4], [2], training=training, repeats=1, device="cpu")
    with pytest.raises(ValueError, match="data must be the data of the sweep"):
        networks.predict_sweep(table, MODEL, networks.single_index(60, 15, seed=1))
    with pytest.raises(ValueError, match="model must be a random-feature network, got Sequential"):
        networks.predict_sweep(table, partial(networks.two_layer, inputs=15, outputs=1), DATA)
    with pytest.raises(
        ValueError, match="table must be of a sweep with loss 'squared', got 'cross_entropy'"
    ):
        networks.predict_sweep(table.assign_attrs(loss="cross_entropy"), MODEL, DATA)
