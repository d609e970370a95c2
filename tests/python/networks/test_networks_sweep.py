"""Sweeps over width: one table whatever runs the cells, kept cell by cell, and clear refusals."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import re
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from overprune import networks  # noqa: E402
from overprune.networks import __main__ as command_module  # noqa: E402
from overprune.networks import sweep as sweep_module  # noqa: E402

matplotlib.use("agg")

TRAINING = networks.Training(epochs=3, batch=20, learning_rate=0.01)


def blobs(**options):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 160)
    x = rng.normal(size=(160, 6)) + 2.0 * np.eye(6)[labels]
    return networks.from_arrays(x[:100], labels[:100], x[100:], labels[100:], **options)


DATA = blobs(train_rows=60, label_noise=0.1, validation=0.1)
MODEL = partial(networks.two_layer, inputs=6, outputs=3)


def with_dropout(width):
    return torch.nn.Sequential(
        torch.nn.Linear(6, width), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(width, 3)
    )


def sweep(widths=(2, 4, 8), nonzeros=(2, 4), model=MODEL, data=DATA, repeats=2, **options):
    options = {"training": TRAINING, "device": "cpu", **options}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "nonzeros above what a width has")
        return networks.width_sweep(
            model, data, list(widths), list(nonzeros), repeats=repeats, **options
        )


@pytest.fixture(scope="module")
def table():
    return sweep()


def test_the_table_says_all(table):
    assert table.dense_test_error.dims == ("width", "repeat")
    assert table.retrained_validation_loss.dims == ("width", "nonzeros", "repeat")
    assert table.prunable.values.tolist() == [18, 36, 72]
    assert table.parameters.values.tolist() == [23, 43, 83]
    assert table.nonzero_weights.values.tolist() == [[18, 0], [18, 36], [18, 36]]
    assert (table.dense_epochs == 3).all()
    assert table.attrs["model"] == "overprune.networks.models.two_layer"
    assert json.loads(table.attrs["model_arguments"]) == {"inputs": "6", "outputs": "3"}
    assert json.loads(table.attrs["provenance"])["seed"] == "0"
    assert table.attrs["learning_rate"] == 0.01


def test_as_many_nonzeros_as_weights_are_the_dense_network(table):
    for s in (2, 4):
        cell = table.sel(width=s, nonzeros=s)
        for quantity in ("test_error", "test_loss", "train_loss"):
            assert np.array_equal(cell[f"pruned_{quantity}"], cell[f"dense_{quantity}"])
    assert (table.pruned_test_loss.sel(width=8) > table.dense_test_loss.sel(width=8)).any()


def test_nonzeros_above_what_a_width_has_are_nan_with_a_warning():
    with pytest.warns(UserWarning, match="give NaN: width 2 for s = 4"):
        found = networks.width_sweep(
            MODEL, DATA, [2, 4], [4], training=TRAINING, repeats=1, device="cpu"
        )
    assert np.isnan(found.pruned_test_error.sel(width=2)).all()
    assert np.isnan(found.retrained_test_loss.sel(width=2)).all()
    assert np.isfinite(found.dense_test_error).all()


def test_the_same_whatever_runs_the_cells(table):
    state = torch.get_rng_state()
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(3) as threads, ProcessPoolExecutor(1, mp_context=spawn) as processes:
        assert sweep(executor=threads).drop_attrs().identical(table.drop_attrs())
        part = sweep(widths=(2, 8), executor=processes)
        assert part.drop_attrs().identical(table.sel(width=[2, 8]).drop_attrs())
    assert (
        sweep(widths=(4,), repeats=1).dense_test_loss.item()
        == table.dense_test_loss.sel(width=4)[0]
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert not sweep(seed=1).equals(table)


def test_the_same_with_dropout_in_threads():
    alone = sweep(model=with_dropout)
    with ThreadPoolExecutor(3) as threads:
        assert (
            sweep(model=with_dropout, executor=threads).drop_attrs().identical(alone.drop_attrs())
        )


@pytest.mark.parametrize("retrain", ["finetune", "none"])
def test_other_ways_to_retrain(table, retrain):
    found = sweep(retrain=retrain)
    assert np.array_equal(found.pruned_test_loss, table.pruned_test_loss, equal_nan=True)
    if retrain == "none":
        assert np.isnan(found.retrained_test_loss).all()
    else:
        better = found.retrained_train_loss < found.pruned_train_loss
        assert better.where(np.isfinite(found.pruned_train_loss), True).all()
        assert not np.array_equal(
            found.retrained_test_loss, table.retrained_test_loss, equal_nan=True
        )


def test_reinitialized_networks_have_fresh_weights_on_the_mask(table):
    still = networks.Training(epochs=1, batch=20, learning_rate=1e-30)
    rewound = sweep((4,), (2, 4), training=still)
    fresh = sweep((4,), (2, 4), training=still, retrain="reinitialize")
    unpruned = {"nonzeros": 4}
    # Untrained and unpruned, a network that is rewound is the initial one. A fresh one is another.
    initial = rewound.dense_train_loss.values
    assert np.array_equal(rewound.sel(unpruned).retrained_train_loss.values, initial)
    assert (np.abs(fresh.sel(unpruned).retrained_train_loss.values / initial - 1) > 1e-3).all()
    assert np.array_equal(fresh.pruned_train_loss, rewound.pruned_train_loss)
    assert len(np.unique(fresh.retrained_train_loss)) == fresh.retrained_train_loss.size
    assert fresh.retrained_train_loss.equals(
        sweep((4,), (2, 4), training=still, retrain="reinitialize").retrained_train_loss
    )
    trained = sweep(retrain="reinitialize")
    assert (trained.retrained_train_loss < 1.2 * trained.dense_train_loss).any()
    assert trained.attrs["retrain"] == "reinitialize"


def test_the_width_ratio_keeps_a_part(table):
    found = sweep(keep="width_ratio")
    # linear in the width
    assert found.nonzero_weights.values.tolist() == [
        [18, 0],
        [18, 36],
        [18, 36],
    ]
    conv = partial(networks.small_conv, num_classes=3)
    images = np.random.default_rng(0).normal(size=(60, 1, 8, 8))
    data = networks.from_arrays(images, np.arange(60) % 3, images, np.arange(60) % 3)
    found = sweep((2, 4), (2,), conv, data, 1, keep="width_ratio")
    assert found.nonzero_weights.values.ravel().tolist() == [102, round(348 / 2)]
    assert sweep((2, 4), (2,), conv, data, 1).nonzero_weights.values.ravel().tolist() == [102, 102]


def test_selection_uses_the_validation_rows():
    training = networks.Training(epochs=12, batch=20, learning_rate=0.05, select="validation")
    chosen = sweep(training=training, repeats=4)
    last = sweep(training=networks.Training(epochs=12, batch=20, learning_rate=0.05), repeats=4)
    assert (chosen.dense_validation_error <= last.dense_validation_error).all()
    assert (chosen.dense_validation_error < last.dense_validation_error).any()


def test_training_stops_at_a_loss():
    training = networks.Training(epochs=500, batch=20, learning_rate=0.05, stop_loss=0.05)
    found = sweep((32,), (2,), repeats=1, training=training)
    assert 1 < found.dense_epochs.item() < 500
    assert found.dense_train_error.item() < 0.05


def test_a_store_goes_on_where_it_was_stopped(tmp_path, table, monkeypatch):
    original, seen = sweep_module.run_cell, []

    def interrupted(task, width, repeat, *tell):
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append((width, repeat))
        return original(task, width, repeat, *tell)

    monkeypatch.setattr(sweep_module, "run_cell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(store=tmp_path / "run")
    cells = sorted(name for name in os.listdir(tmp_path / "run") if name.startswith("cell"))
    assert cells == ["cell-2-0.json", "cell-2-1.json", "cell-4-0.json"]
    seen.clear()
    assert sweep(store=tmp_path / "run", nonzeros=(2, 4)).drop_attrs().identical(table.drop_attrs())
    assert seen == [(4, 1), (8, 0), (8, 1)]
    seen.append((0, 0))  # nothing is left to be run, more repeats are
    assert sweep(store=tmp_path / "run").drop_attrs().identical(table.drop_attrs())
    monkeypatch.undo()
    wider = sweep((1, 2, 4, 8), repeats=3, store=tmp_path / "run")
    assert wider.sel(width=[2, 4, 8], repeat=[0, 1]).equals(table)


def test_a_store_of_another_sweep_is_refused_with_the_differences(tmp_path):
    sweep((2,), (2,), repeats=1, store=tmp_path / "run")
    with pytest.raises(
        ValueError,
        match=r'^store .*run holds another run and is left as it is: rule is "magnitude" there, '
        r'"random" here; seed is "0" there, "5" here$',
    ):
        sweep((2,), (2,), repeats=1, store=tmp_path / "run", rule="random", seed=5)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    with pytest.raises(
        ValueError, match=r"^store must be new, empty or an earlier run's, got .*other, which is"
    ):
        sweep((2,), (2,), repeats=1, store=tmp_path / "other")


def test_a_damaged_cell_is_run_again(tmp_path):
    first = sweep((2,), (2,), repeats=1, store=tmp_path)
    path = tmp_path / "cell-2-0.json"
    whole = path.read_text()
    for damaged in (whole[:-30], whole.replace('"prunable": 18', '"prunable": 19'), "[]"):
        path.write_text(damaged)
        with pytest.warns(RuntimeWarning, match=r"is damaged: cell-2-0\.json is not as written"):
            assert sweep((2,), (2,), repeats=1, store=tmp_path).equals(first)
        assert path.read_text() == whole


def test_a_store_in_use_is_refused(tmp_path):
    def reenter(step):
        with pytest.raises(BlockingIOError, match=r"^store .* is in use by another run; wait"):
            sweep((2,), (2,), repeats=1, store=tmp_path)

    sweep((2,), (2,), repeats=1, store=tmp_path, progress=reenter)


def test_progress_tells_width_epoch_and_time_left():
    steps = []
    sweep(progress=steps.append)
    assert {step.stage for step in steps} == {"dense", "retrained s=2", "retrained s=4", "finished"}
    assert [step.epoch for step in steps[:3]] == [1, 2, 3]
    assert steps[0].epochs == 3
    done = [step.done for step in steps]
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1.0)
    assert all(step.seconds_left >= 0 for step in steps)


def test_summaries_and_comparisons(table):
    means = networks.summarize(table)
    errors = table.dense_test_error.values
    assert np.allclose(means.dense_test_error_std, errors.std(axis=1, ddof=1))
    assert np.allclose(means.dense_test_error_stderr, errors.std(axis=1, ddof=1) / 2**0.5)
    found = networks.compare(table).sel(width=8, nonzeros=4)
    paired = errors[1] - table.retrained_test_error.sel(width=8, nonzeros=4).values
    assert np.isclose(found.difference, paired.mean())
    assert np.isclose(found.stderr, paired.std(ddof=1) / 2**0.5)
    with pytest.raises(ValueError, match="must hold dense networks of every s"):
        networks.compare(table.sel(width=[2, 8]))
    with pytest.raises(ValueError, match="table must be one of width_sweep"):
        networks.summarize(table.drop_attrs())


def test_figures_show_every_table(table):
    figure = networks.plot(
        table, sweep(keep="width_ratio"), stages=("dense", "pruned", "retrained")
    )
    assert [ax.get_title().partition(":")[0] for ax in figure.axes] == [
        "equal nonzeros",
        "width ratio",
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == [
        "dense",
        "pruned, s = 2",
    ]
    both = networks.plot(table, table, quantity=("test_error", "train_loss"))
    assert [ax.get_ylabel() for ax in both.axes] == ["test error", "", "train loss", ""]
    assert [ax.get_xlabel() for ax in both.axes] == ["", "", "width k", "width k"]
    with pytest.raises(ValueError, match="quantity must be one of"):
        networks.plot(table, quantity=("test_error", "speed"))
    with pytest.raises(ValueError, match="quantity must not be empty"):
        networks.plot(table, quantity=())
    with pytest.raises(ValueError, match="nonzeros must be in the tables, got 3"):
        networks.plot(table, nonzeros=3)
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(("apart", "names"), [(0.1, ["k = 2", "k = 4"]), (0.001, ["k = 2, 4"])])
def test_names_of_dense_lines_do_not_lie_over_one_another(table, apart, names):
    own = table.copy(deep=True)
    assert own.width.values.tolist()[:2] == own.nonzeros.values.tolist() == [2, 4]
    own.dense_test_error.values[:] = 0.5 - apart * np.arange(len(own.width))[:, None]
    own.dense_test_error.values[-1] = 0.1
    (ax,) = networks.plot(own).axes
    found = [text.get_text() for text in ax.texts if text.get_text().startswith("dense")]
    assert sorted(found) == [f"dense,\n{name}" for name in names]
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "oracle"}, "rule must be one of magnitude, hessian, random; got 'oracle'"),
        ({"scope": "local"}, "scope must be one of global, layer; got 'local'"),
        ({"keep": "all"}, "keep must be one of equal_nonzeros, width_ratio; got 'all'"),
        ({"retrain": "again"}, "retrain must be one of rewind, reinitialize, finetune, none"),
        ({"model": lambda k: torch.nn.Flatten()}, "model must have prunable weights"),
        ({"model": lambda k: k}, "model must return a torch.nn.Module, got 2"),
        (
            {"model": torch.nn.Linear(6, 3)},
            "model must be a callable that makes a network of a width",
        ),
        ({"model": partial(networks.two_layer, inputs=7)}, "must take inputs of shape"),
        ({"model": partial(networks.two_layer, inputs=6, outputs=2)}, "must return .2, 3. outputs"),
        ({"data": "digits"}, "data must be a NetworkData"),
        ({"training": {"epochs": 3}}, "training must be a Training"),
        ({"training": networks.Training(augment="crop_flip")}, "needs images"),
        (
            {"data": blobs(), "training": networks.Training(select="validation")},
            "needs data with a validation",
        ),
        ({"widths": (4, 2)}, "widths must be strictly increasing"),
        ({"device": "abacus"}, "device must be a device of torch"),
        ({"executor": 3}, "executor must be a concurrent.futures.Executor"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        sweep(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"optimizer": "newton"}, "optimizer must be one of adam, sgd, gradient_descent"),
        ({"optimizer": "gradient_descent", "weight_decay": 0.1}, "weight_decay must be 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
    ],
)
def test_bad_training(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        networks.Training(**options)


def test_the_page_on_networks_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    page = (Path(__file__).parents[3] / "docs" / "networks.md").read_text()
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(block, {})
    assert "difference" in capsys.readouterr().out
    assert (tmp_path / "widths.png").exists()


def small_preset(name, **options):
    return {
        "model": MODEL,
        "data": DATA,
        "widths": [2, 4],
        "nonzeros": [2],
        "training": TRAINING,
        "device": "cpu",
    }


def test_the_command_writes_tables_and_a_figure_and_goes_on(tmp_path, monkeypatch):
    import typer
    import xarray as xr

    app = typer.Typer()
    app.command()(command_module.command)
    with monkeypatch.context() as patch:
        patch.setattr(networks, "preset", small_preset)
        for _ in range(2):
            done = CliRunner().invoke(
                app, ["small_conv", "-o", str(tmp_path / "out"), "--repeats", "2"]
            )
            assert done.exit_code == 0, done.output
            assert "equal_nonzeros, s = 2: dense" in done.output
    assert (tmp_path / "out" / "networks.png").stat().st_size > 10_000
    assert xr.open_zarr(tmp_path / "out" / "width_ratio.zarr").attrs["keep"] == "width_ratio"
    for arguments, message in (
        (
            ["one_layer"],
            "name must be one of two_layer, small_conv, resnet20, resnet20_mnist, bridge",
        ),
        (["resnet20"], "data must be the directory with CIFAR-10"),
        (["resnet20", "--data", str(tmp_path)], "must hold the files data_batch_1"),
        (["two_layer", "--keep", "some"], "keep must be one of both"),
    ):
        done = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "out")])
        assert done.exit_code == 2
        with contextlib.suppress(ValueError):  # older versions of click keep no stderr apart
            assert message in done.stderr
