"""The command line: what it prints and writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import overprune as op
from cli_tools import CONFIG, OURS, call, content, fails
from overprune.experiments import answer as _answer
from overprune.experiments import run as _demo
from tables import assert_same

pytestmark = pytest.mark.usefixtures("unpainted")


def test_run_writes_the_tables_the_figure_and_the_config(config: Path) -> None:
    result = call("run", config, "--output", "out")
    assert result.exit_code == 0, result.output
    out = config.parent / "out"
    assert content(out) == OURS
    assert content(config.parent) == {"small.toml", "out"}  # nothing temporary is left
    assert (out / "config.toml").read_text() == CONFIG
    assert (out / "risk.png").read_bytes().startswith(b"\x89PNG")
    tree = xr.open_datatree(out / "risk.zarr", engine="zarr")
    assert set(tree.children) == {"simulate", "predict"}
    assert tree.attrs["overprune_version"] == op.__version__
    assert all(tree[group].attrs["config"] == CONFIG for group in tree.children)
    expected = op.simulate(
        op.LinearGaussianProblem(np.full(60, 60**-0.5), np.ones(60), 0.3),
        20,
        [5, 10, 30, 60],
        [5, 10],
        rules=("magnitude", "oracle"),
        trials=4,
    )
    np.testing.assert_array_equal(tree["simulate"]["retrained_risk"], expected["retrained_risk"])
    assert tree["simulate"]["rule"].values.tolist() == ["magnitude", "oracle"]
    assert tree["predict"].attrs["kind"] == "predict"
    assert "Wrote config.toml, risk.png, risk.zarr into out" in result.stdout


def test_run_prints_a_table_and_the_answer(config: Path) -> None:
    text = call("run", config).stdout
    blocks = text.split("\n\n")
    assert len(blocks) == 3  # s = 5, s = 10, what was written
    assert blocks[0].splitlines()[0].split() == [
        *("s", "=", "5", "best", "k"),
        *("predicted", "simulated", "k", "=", "60"),
    ]
    first = [line.split()[0] for line in blocks[0].splitlines()]
    assert first[1:6] == ["train", "magnitude,", "magnitude,", "oracle,", "oracle,"]
    answer, tuned = blocks[0].splitlines()[-2:]
    assert answer.startswith("For s = 5 it is better to train ")
    assert tuned.startswith("With the best ridge for each, by theory: ")
    assert (config.parent / "overprune-small" / "risk.zarr").is_dir()


def test_the_answer_is_the_smaller_risk(config: Path) -> None:
    results = _demo.run(_demo.parse(CONFIG, "c", Path()))
    table = results.tables["predict"]
    direct = float(table["dense_risk"].sel(size=5))
    others = table[["pruned_risk", "retrained_risk"]].sel(
        rule="magnitude", nonzeros=5, size=[10, 30, 60]
    )
    best = min(float(others[name].min()) for name in others.data_vars)
    answer = _answer.summary(results.tables).split("\n\n")[0].splitlines()[-1]
    smaller, larger = sorted([direct, best])
    assert f"test risk {smaller:.4g} (simulated" in answer
    assert f"gives {larger:.4g} (simulated" in answer
    assert ("better to train the 5 features directly" in answer) == (direct < best)


def test_workers_change_nothing(config: Path) -> None:
    for workers in ("1", "3"):
        assert call("run", config, "--workers", workers, "--output", workers).exit_code == 0
    one, three = (
        xr.open_zarr(config.parent / w / "risk.zarr", group="simulate") for w in ("1", "3")
    )
    assert_same(one, three)


def test_workers_reach_the_simulation(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from overprune.simulation.run import Simulation

    seen = []
    run = Simulation.run

    def spy(self: Simulation, store: str, executor: None, show: bool) -> xr.Dataset:
        seen.append((self.threads, show))
        return run(self, store, executor, show)

    monkeypatch.setattr(Simulation, "run", spy)
    config.write_text(CONFIG + "workers = 2\n")
    assert call("run", config, "--output", "a").exit_code == 0
    assert call("run", config, "--output", "b", "--workers", "3").exit_code == 0
    assert seen == [(2, True), (3, True)]


def test_several_n_and_ridge_give_a_figure_each(config: Path) -> None:
    config.write_text(
        CONFIG.replace("n = 20", "n = [15, 20]\nridge = [0.0, 0.1]").replace("[5, 10]", "5")
    )
    assert call("run", config, "--output", "out").exit_code == 0
    figures = {name for name in content(config.parent / "out") if name.endswith(".png")}
    assert figures == {f"risk-n{n}-ridge{r}.png" for n in (15, 20) for r in ("0.0", "0.1")}
    assert call("run", config, "--output", "out", "--overwrite").exit_code == 0


def test_values_that_are_close_give_a_figure_each_too(config: Path) -> None:
    close = "n = 20\nridge = [0.1234561, 0.1234562]"
    config.write_text(CONFIG.replace("n = 20", close).replace("trials = 4", "trials = 2"))
    result = call("run", config, "--output", "out")
    assert result.exit_code == 0, result.output
    figures = {name for name in content(config.parent / "out") if name.endswith(".png")}
    assert figures == {"risk-ridge0.1234561.png", "risk-ridge0.1234562.png"}
    assert "s = 5, ridge = 0.1234561" in result.stdout
    assert "s = 5, ridge = 0.1234562" in call("predict", config).stdout
    one = _demo.run(_demo.parse(CONFIG, "c", Path()), simulate=False).tables["predict"]
    many = {"predict": xr.concat([one, one], "n").assign_coords(n=[1000001, 1000002])}
    assert [name for name, _ in _answer.views(many)] == ["-n1000001", "-n1000002"]
    assert "s = 5, n = 1000002" in _answer.summary(many)
    assert "s = 5, n = 1000002" in _answer.listing(many["predict"])


def test_data_with_labels_shows_the_error(config: Path) -> None:
    inputs = op.standard_normal((60, 6), seed=0)
    np.savez(config.parent / "mine.npz", inputs=inputs, targets=(inputs[:, 0] > 0).astype(int))
    config.write_text(
        '[problem]\nkind = "data"\ndataset = "npz"\npath = "mine.npz"\nfeatures = 30\n'
        "[run]\nn = 20\nsizes = [5, 10, 30]\nnonzeros = 5\ntrials = 3\n"
    )
    result = call("run", config)
    assert result.exit_code == 0, result.output
    assert "test error" in result.stdout
    tree = xr.open_datatree(config.parent / "overprune-small" / "risk.zarr", engine="zarr")
    assert set(tree.children) == {"simulate"}  # the test set is too small for a prediction
    assert "retrained_accuracy" in tree["simulate"]


def test_predict_prints_every_size(config: Path) -> None:
    result = call("predict", config)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "s = 5"
    assert lines[1].split() == ["magnitude", "magnitude", "oracle", "oracle"]
    assert lines[2].split() == ["size", "dense", "pruned", "retrained", "pruned", "retrained"]
    problem = op.LinearGaussianProblem(np.full(60, 60**-0.5), np.ones(60), 0.3)
    dense = op.predict(problem, 20, [60], [5])["dense_risk"].item()
    assert lines[6].split()[:2] == ["60", f"{dense:.5g}"]
    assert content(config.parent) == {"small.toml"}  # nothing written without --output


def test_predict_writes_where_asked(config: Path) -> None:
    assert call("predict", config, "--output", "out").exit_code == 0
    assert set(xr.open_datatree(config.parent / "out" / "risk.zarr", engine="zarr").children) == {
        "predict"
    }


def test_demo(config: Path) -> None:
    result = call("demo", "--trials", "2", "--workers", "2")
    assert result.exit_code == 0, result.output
    assert content(config.parent / "overprune-demo") == OURS
    predicted = xr.open_zarr(config.parent / "overprune-demo" / "risk.zarr", group="predict")
    assert float(predicted["dense_risk"].sel(size=1500)) == pytest.approx(
        1.1334520663960304, rel=1e-12
    )
    *_, answer, tuned = result.stdout.split("\n\n")[0].splitlines()
    assert tuned == (
        "With the best ridge for each, by theory: 1.332 for the large model, pruned, and 1.378 for "
        "the small one."
    )
    assert answer.startswith(
        "For s = 150 it is better to train k = 1500 features, prune by hessian without retraining: "
        "test risk 1.344 (simulated 1.3"
    )
    assert "to train the 150 features directly gives 1.485 (simulated 1." in answer


def test_info() -> None:
    lines = dict(line.split("  ", 1) for line in call("info").stdout.splitlines())
    assert lines["version"].strip() == op.__version__
    assert lines["numpy"].strip() == np.__version__
    assert op.build_info()["kernel_level"] in lines["kernel level"]
    assert int(lines["cores"]) >= 1


def test_info_of_a_config_prints_the_memory_of_a_worker(config: Path) -> None:
    config.write_text(CONFIG.replace("n = 20", "n = [20, 30]\nridge = [0.0, 0.1]"))
    result = call("info", config, "--workers", "2")
    assert result.exit_code == 0, result.output
    facts, needs = result.stdout.split("\n\n")
    assert facts == call("info").stdout.rstrip("\n")
    lines = needs.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"memory at n = {n}, p = 60{ridge}" for n in (20, 30) for ridge in ("", ", ridge = 0.1")
    ]
    core = op.LinearGaussianProblem(np.full(60, 60**-0.5), np.ones(60), 0.3)._core
    grid = op._core.Grid(sizes=[5, 10, 30, 60], nonzeros=[5, 10], rules=["magnitude", "oracle"])
    parts = op._core.worker_memory(core, grid, 20)
    total = sum(parts)
    assert parts[0] == 8 * 20 * 60 < total
    assert lines[0].endswith(
        f"X 0.0096 MB, a worker {total / 1e6:.3g} MB ({total / parts[0]:.2f} X), "
        f"2 workers {2 * total / 1e6:.3g} MB"
    )
    assert content(config.parent) == {"small.toml"}


def test_info_of_a_bad_config_is_one_line(config: Path) -> None:
    config.write_text(CONFIG.replace("trials", "trails"))
    assert "small.toml: run.trails: unknown key" in fails("info", config)
    config.write_text(CONFIG.replace("30, 60]", "30, 61]"))
    assert "61" in fails("info", config)
    assert "none.toml" in fails("info", "none.toml")


def test_version_and_folders() -> None:
    assert call("--version").stdout.strip() == op.__version__
    assert call("--cmakedir").stdout.strip() == op.get_cmake_dir()
    assert call("--includedir").stdout.strip() == op.get_include()
    assert call("--pkgconfigdir").stdout.strip() == op.get_pkgconfig_dir()
    both = call("--includedir", "--cmakedir").stdout.splitlines()
    assert both == [op.get_cmake_dir(), op.get_include()]


def test_json_for_scripts(config: Path) -> None:
    facts = json.loads(call("info", config, "--json").stdout)
    assert facts["version"] == op.__version__
    (need,) = facts["memory"]
    assert need["design"] == 8 * 20 * 60 < need["worker"] == need["total"] / need["workers"]
    told = json.loads(call("predict", config, "--json").stdout)
    problem = op.LinearGaussianProblem(np.full(60, 60**-0.5), np.ones(60), 0.3)
    table = op.predict(problem, 20, [5, 10, 30, 60], [5, 10], rules=["magnitude", "oracle"])
    risks = told["data_vars"]["pruned_risk"]
    assert risks["dims"] == list(table.pruned_risk.dims)
    assert risks["data"][0][0][1] is None  # more nonzeros than features
    np.testing.assert_allclose(np.array(risks["data"], dtype=float), table.pruned_risk, rtol=1e-12)
    (advice,) = json.loads(call("advise", config, "--nonzeros", "5", "--json").stdout)
    assert advice["nonzeros"] == 5
    assert advice["best"]["risk"] <= advice["direct"]["risk"]
    assert call("run", config, "--output", "out").exit_code == 0
    status = json.loads(call("status", "out", "--json").stdout)
    assert (status["state"], status["trials"], status["trials_done"]) == ("finished", 4, 4)
    assert status["seconds_left"] == 0.0
    assert [cell["n"] for cell in status["cells"]] == [20]
    assert status["began"] <= status["last_block"]
    config.write_text(CONFIG.replace("n = 20", "n = 30"))  # a size is n
    assert "Infinity" in call("predict", config, "--json").stdout


def test_without_a_command_there_is_help() -> None:
    result = call()
    assert result.exit_code == 2
    assert all(command in result.output for command in ("demo", "run", "predict", "info"))


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "overprune", "--cmakedir"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == op.get_cmake_dir()
