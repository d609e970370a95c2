"""Trainings that diverge are NaN with a warning, and the sweep goes on."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations  # noqa: E402

from overprune import networks  # noqa: E402
from overprune.networks import sweep as sweep_module  # noqa: E402

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 60)
ROWS = (RNG.normal(size=(60, 8)) + 2 * np.eye(8)[LABELS]).astype(np.float32)
DATA = networks.from_arrays(ROWS[:40], LABELS[:40], ROWS[40:], LABELS[40:], validation=0.1)
TRAINING = {"epochs": 2, "batch": 12, "learning_rate": 0.01}


def plain(k):
    return nn.Sequential(nn.Linear(8, k), nn.ReLU(), nn.Linear(k, 3))


def sweep(model=plain, widths=(2, 4), data=DATA, training=None, **options):
    settings = networks.Training(**{**TRAINING, **(training or {})})
    return networks.width_sweep(
        model, data, list(widths), [2], training=settings, device="cpu", **{"repeats": 1, **options}
    )


def diverging(width, weight=float("nan")):
    """Whose networks of one width are not finite from the beginning."""

    def model(k):
        network = plain(k)
        if k == width:
            nn.init.constant_(network[0].weight, weight)
        return network

    return model


class Picky(nn.Module):
    """Raises where it sees numbers that are not finite, as multinomial and decompositions do."""

    def forward(self, x):
        if not bool(x.isfinite().all()):
            raise RuntimeError("the input contained non-finite values")
        return x


EVERY = {
    "learning rate 1e30, adam": (plain, {"learning_rate": 1e30}),
    "learning rate 1e30, sgd": (plain, {"optimizer": "sgd", "learning_rate": 1e30}),
    "learning rate 1e308": (plain, {"optimizer": "sgd", "learning_rate": 1e308}),
    "squared loss": (plain, {"optimizer": "sgd", "learning_rate": 1e10, "loss": "squared"}),
    "half, sgd": (lambda k: plain(k).half(), {"optimizer": "sgd", "learning_rate": 1e6}),
    "half, adam": (lambda k: plain(k).half(), {"learning_rate": 1e6}),
    "validation": (plain, {"optimizer": "sgd", "learning_rate": 1e30, "select": "validation"}),
    "picky": (
        lambda k: nn.Sequential(plain(k), Picky()),
        {"optimizer": "sgd", "learning_rate": 1e30},
    ),
    "orthogonal": (
        lambda k: nn.Sequential(parametrizations.orthogonal(nn.Linear(8, k)), nn.Linear(k, 3)),
        {"optimizer": "sgd", "learning_rate": 1e30},
    ),
}


@pytest.mark.parametrize("rule", ["magnitude", "hessian"])
@pytest.mark.parametrize("kind", EVERY)
def test_c2_training_that_diverges_is_nan_with_a_warning(kind, rule):
    model, training = EVERY[kind]
    with pytest.warns(
        UserWarning, match=r"give NaN: width 2, repeat 0: dense, pruned s=2, retrained s=2; width 4"
    ):
        table = sweep(model, training=training, rule=rule)
    for stage in ("dense", "pruned", "retrained"):
        for part in ("train", "test", "validation"):
            for what in ("error", "loss"):
                assert np.isnan(table[f"{stage}_{part}_{what}"]).all()


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 3e38])
def test_c2_other_cells_are_as_they_were(weight):
    with pytest.warns(
        UserWarning, match=r"give NaN: width 4, repeat 0: .*; width 4, repeat 1: [^;]*$"
    ):
        table = sweep(diverging(4, weight), widths=(2, 4, 8), repeats=2)
    sound = sweep(repeats=2, widths=(2, 8))
    assert table.sel(width=[2, 8]).drop_attrs().identical(sound.drop_attrs())
    assert np.isnan(table.retrained_test_error.sel(width=4)).all()
    assert table.prunable.values.tolist() == [22, 44, 88]
    networks.summarize(table)
    networks.plot(table)
    assert np.isnan(networks.compare(table).difference.sel(width=4)).all()


def test_c2_only_the_retrained_network_diverges():
    """Its own training goes wrong; the dense and the pruned network are there."""

    class Late(nn.Module):
        def forward(self, x):
            return x

    def model(k):
        network = nn.Sequential(plain(k), Late())
        steps = []

        def spoil(layer, inputs, output):
            weights = network[0][0].weight
            pruned = bool((weights == 0).any())
            steps.append(pruned and layer.training)
            return output * float("nan") if sum(steps) > 3 else output

        network[1].register_forward_hook(spoil)
        return network

    with pytest.warns(UserWarning, match=r"give NaN: width 4, repeat 0: retrained s=2$"):
        table = sweep(model)
    assert np.isnan(table.retrained_test_loss.sel(width=4)).all()
    assert np.isfinite(table.pruned_test_loss).all()
    assert np.isfinite(table.dense_test_loss).all()


def test_c2_validation_returns_the_epoch_before_the_divergence():
    """A first epoch that is sound is kept, though a later one is not a number."""
    calls = []

    def model(k):
        network = plain(k)

        def spoil(layer, inputs, output):
            calls.append(layer.training)
            return output * float("nan") if sum(calls) > 12 else output

        calls.clear()
        network.register_forward_hook(spoil)
        return network

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = sweep(
            model, widths=(2,), training={"select": "validation", "epochs": 9}, retrain="none"
        )
    assert 2 <= table.dense_epochs.item() < 9


def test_c2_gradient_descent_that_overflows_ends():
    x, y = np.full((20, 3), 1e200), np.where(np.arange(20) % 2, 1e200, -1e200)[:, None]
    data = networks.from_arrays(x, y, x, y)
    with pytest.warns(UserWarning, match="give NaN: width 2, repeat 0: dense"):
        table = sweep(
            lambda k: nn.Linear(3, 1).double(), (2,), data,
            {"optimizer": "gradient_descent", "loss": "squared", "epochs": 100_000}, retrain="none",
        )  # fmt: skip
    assert table.dense_epochs.item() < 100


UNITS = {
    torch.float32: (1e-28, 1e-23, 1e-11, 1e-5, 1e9, 1e20, 1e30),
    torch.float64: (1e-250, 1e-170, 1e-100, 1e-75, 1e60, 1e80, 1e160, 1e200),
}


@pytest.mark.parametrize(
    ("dtype", "unit"), [(kind, unit) for kind in UNITS for unit in UNITS[kind]]
)
def test_c2_gradient_descent_does_not_depend_on_units(dtype, unit):
    def model(k):
        readout = nn.Linear(3, 1, bias=False, dtype=dtype)
        nn.init.zeros_(readout.weight)
        return readout

    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    least = np.mean((x @ np.linalg.lstsq(x, y, rcond=None)[0] - y) ** 2)
    rows = (x * unit).astype(np.float32 if dtype is torch.float32 else np.float64)
    table = sweep(
        model, (2,), networks.from_arrays(rows, y, rows, y),
        {"optimizer": "gradient_descent", "loss": "squared", "epochs": 1000, "stop_loss": 1e-4},
        retrain="none",
    )  # fmt: skip
    assert table.dense_train_error.item() == pytest.approx(least, rel=1e-5)
    assert table.dense_epochs.item() < 100


def test_c2_gradient_descent_whose_curvature_no_unit_makes_a_number_is_nan():
    x, y = 1e-300 * RNG.normal(size=(20, 3)), RNG.normal(size=(20, 1))
    with pytest.warns(UserWarning, match="give NaN: width 2, repeat 0: dense"):
        sweep(
            lambda k: nn.Linear(3, 1, bias=False).double(), (2,),
            networks.from_arrays(x, y, x, y),
            {"optimizer": "gradient_descent", "loss": "squared", "epochs": 10}, retrain="none",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("dtype", "level", "spread"),
    [(torch.half, 0.0, 300.0), (torch.bfloat16, 1024.0, 0.3), (torch.float32, 1.5 * 2**30, 1.0)],
)
@pytest.mark.parametrize("optimizer", networks.training.OPTIMIZERS)
def test_c2_losses_are_measured_in_double_precision(dtype, level, spread, optimizer):
    class Level(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1, dtype=dtype)

        def forward(self, x):
            return self.layer(x) * 0 + level

    x, y = RNG.normal(size=(40, 3)), level + spread * RNG.normal(size=(40, 1))
    table = sweep(
        lambda k: Level(), (2,), networks.from_arrays(x, y, x, y),
        {"optimizer": optimizer, "loss": "squared", "epochs": 1}, retrain="none",
    )  # fmt: skip
    assert table.dense_test_error.item() == pytest.approx(np.mean((y - level) ** 2), rel=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("dtype", [torch.half, torch.float32])
def test_c2_a_weight_decay_that_the_weights_cannot_hold_is_refused(optimizer, dtype):
    with pytest.raises(
        ValueError, match="weight_decay must be a number of the weights' precision, at most"
    ):
        sweep(
            lambda k: plain(k).to(dtype), training={"optimizer": optimizer, "weight_decay": 1e300}
        )


def test_c2_an_error_of_a_network_that_is_finite_is_raised():
    def model(k):
        network = plain(k)
        calls = []

        def spoil(layer, inputs):
            calls.append(1)
            if len(calls) > 6:
                raise RuntimeError("out of ideas")

        network.register_forward_pre_hook(spoil)
        return network

    with pytest.raises(RuntimeError, match="out of ideas"):
        sweep(model, training={"epochs": 9})


@pytest.mark.parametrize("threads", [0, 2])
def test_c2_a_store_keeps_cells_that_diverged_and_they_are_not_run_again(
    tmp_path, monkeypatch, threads
):
    with ThreadPoolExecutor(threads or 1) as pool:
        executor = pool if threads else None
        with pytest.warns(UserWarning, match="give NaN: width 4"):
            first = sweep(diverging(4), store=tmp_path, executor=executor)
    with monkeypatch.context() as patch:
        patch.setattr(sweep_module, "run_cell", None)
        with pytest.warns(UserWarning, match="give NaN: width 4"):
            assert sweep(diverging(4), store=tmp_path).drop_attrs().identical(first.drop_attrs())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning that is an error loses nothing
        with pytest.raises(UserWarning, match="give NaN"):
            sweep(diverging(4), store=tmp_path)
    assert len(list(tmp_path.glob("cell-*.json"))) == 2
