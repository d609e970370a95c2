"""The command line: what it prints and writes, and one line for all bad input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner, Result

import overprune as op
from overprune import _demo
from overprune._cli import app
from overprune._output import OutputDirectory

CONFIG = """\
# a small run
[problem]
kind = "linear_gaussian"
p = 60
noise_std = 0.3

[run]
n = 20
sizes = [5, 10, 30, 60]
nonzeros = [5, 10]
rules = ["magnitude", "oracle"]
trials = 4
"""
OURS = {"risk.png", "risk.zarr", "config.toml"}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.toml"
    path.write_text(CONFIG)
    return path


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def fails(*arguments: str | Path, code: int = 2) -> str:
    """The single line on stderr of a call that must fail."""
    result = call(*arguments)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("overprune: ")
    return lines[0].removeprefix("overprune: ")


def content(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


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
    assert blocks[0].splitlines()[-1].startswith("For s = 5 it is better to train ")
    assert (config.parent / "overprune-small" / "risk.zarr").is_dir()


def test_the_answer_is_the_smaller_risk(config: Path) -> None:
    results = _demo.run(_demo.parse(CONFIG, "c", Path()))
    table = results.tables["predict"]
    direct = float(table["dense_risk"].sel(size=5))
    others = table[["pruned_risk", "retrained_risk"]].sel(rule="magnitude", nonzeros=5, size=[10, 30, 60])
    best = min(float(others[name].min()) for name in others.data_vars)
    answer = _demo.summary(results.tables).split("\n\n")[0].splitlines()[-1]
    smaller, larger = sorted([direct, best])
    assert f"test risk {smaller:.4g} (simulated" in answer
    assert f"gives {larger:.4g} (simulated" in answer
    assert ("better to train the 5 features directly" in answer) == (direct < best)


def answer(direct: list[float], pruned: list[list[float]], predicted: bool = False) -> str:
    """The sentence for tables of s = 1: values of direct training, and of pruning from k = 2, 3, ..."""
    sizes = [1, *range(2, 2 + len(pruned))]
    trials = len(direct)
    dense = np.array([direct, *([9.0] * trials for _ in pruned)])
    cut = np.array([[np.nan] * trials, *pruned])[None, :, None]
    dims = ("rule", "size", "nonzeros")
    coords = {"rule": ["magnitude"], "size": sizes, "nonzeros": [1]}
    attributes = {"n": 50, "ridge": 0.0}
    simulated = xr.Dataset(
        {"dense_risk": (("size", "trial"), dense), "pruned_risk": ((*dims, "trial"), cut)},
        coords,
        {"kind": "simulate", **attributes},
    )
    tables = {"simulate": simulated}
    if predicted:
        tables["predict"] = simulated.mean("trial").assign_attrs(kind="predict", **attributes)
    return _demo.summary(tables).splitlines()[-1]


def test_equal_risks_are_called_equal() -> None:
    text = answer([0.75], [[0.75000001]])
    assert text == (
        "For s = 1 both do equally well, within the last digit shown: to train the 1 feature directly gives "
        "test risk 0.75; to train k = 2 features, prune by magnitude without retraining gives 0.75."
    )
    assert "better" in answer([0.75], [[0.7498]])
    assert "equally well, within the last digit shown" in answer([0.0], [[0.0]])


@pytest.mark.parametrize("predicted", [False, True])
def test_differences_below_one_standard_error_are_called_equal(predicted: bool) -> None:
    # Each has the standard error 0.1, their difference 0.1414.
    near, far = answer([1.0, 1.2], [[1.13, 1.33]], predicted), answer([1.0, 1.2], [[1.15, 1.35]], predicted)
    assert near.startswith(
        "For s = 1 both do equally well, within one standard error: to train the 1 feature"
    )
    assert far.startswith("For s = 1 it is better to train the 1 feature directly: test risk 1.1")


def test_the_answer_says_of_how_many_sizes_k_is_the_best() -> None:
    pruned = [[0.5, 0.6], [0.4, 0.5], [0.6, 0.7]]
    text = answer([1.0, 1.2], pruned)
    assert text.startswith("For s = 1 it is better to train k = 3 features")
    assert text.endswith(" (Best of 3 sizes, chosen by the simulated values quoted.)")
    assert "Best of" not in answer([1.0, 1.2], pruned[:1])  # nothing was chosen
    assert "Best of" not in answer([1.0, 1.2], pruned, predicted=True)  # chosen by the predictions


def test_the_best_k_is_that_of_the_predictions(config: Path) -> None:
    results = _demo.run(_demo.parse(CONFIG, "c", Path()))
    tables = dict(results.tables)
    moved = tables["simulate"].copy(deep=True)
    moved["pruned_risk"].loc[{"size": 30}] = 1e-6  # the best of the simulated ones, by luck
    row = next(v for v in _demo.summary(tables).splitlines() if v.startswith("magnitude, pruned")).split()[2]
    tables["simulate"] = moved
    assert (
        next(v for v in _demo.summary(tables).splitlines() if v.startswith("magnitude, pr")).split()[2] == row
    )


def test_workers_change_nothing(config: Path) -> None:
    for workers in ("1", "3"):
        assert call("run", config, "--workers", workers, "--output", workers).exit_code == 0
    one, three = (xr.open_zarr(config.parent / w / "risk.zarr", group="simulate") for w in ("1", "3"))
    assert one.identical(three)


def test_workers_reach_the_simulation(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from overprune import _simulate

    seen = []
    simulate = _simulate.simulate

    def spy(*arguments: object, **options: object) -> xr.Dataset:
        seen.append((options["workers"], options["progress"]))
        return simulate(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(_simulate, "simulate", spy)
    config.write_text(CONFIG + "workers = 2\n")
    assert call("run", config, "--output", "a").exit_code == 0
    assert call("run", config, "--output", "b", "--workers", "3").exit_code == 0
    assert seen == [(2, True), (3, True)]


def test_several_n_and_ridge_give_a_figure_each(config: Path) -> None:
    config.write_text(CONFIG.replace("n = 20", "n = [15, 20]\nridge = [0.0, 0.1]").replace("[5, 10]", "5"))
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
    assert [name for name, _ in _demo._views(many)] == ["-n1000001", "-n1000002"]
    assert "s = 5, n = 1000002" in _demo.summary(many)
    assert "s = 5, n = 1000002" in _demo.listing(many["predict"])


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
    assert set(tree.children) == {"simulate"}  # no theory of data yet
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
    assert set(xr.open_datatree(config.parent / "out" / "risk.zarr", engine="zarr").children) == {"predict"}


def test_demo(config: Path) -> None:
    result = call("demo", "--trials", "2", "--workers", "2")
    assert result.exit_code == 0, result.output
    assert content(config.parent / "overprune-demo") == OURS
    predicted = xr.open_zarr(config.parent / "overprune-demo" / "risk.zarr", group="predict")
    assert float(predicted["dense_risk"].sel(size=1500)) == pytest.approx(1.1334520663960304, rel=1e-12)
    answer = result.stdout.split("\n\n")[0].splitlines()[-1]
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


def test_version_and_folders() -> None:
    assert call("--version").stdout.strip() == op.__version__
    assert call("--cmakedir").stdout.strip() == op.get_cmake_dir()
    assert call("--includedir").stdout.strip() == op.get_include()


def test_without_a_command_there_is_help() -> None:
    result = call()
    assert result.exit_code == 2
    assert all(command in result.output for command in ("demo", "run", "predict", "info"))


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "overprune", "--cmakedir"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == op.get_cmake_dir()


def test_bad_input_in_a_process_of_its_own(config: Path) -> None:
    config.write_text(CONFIG.replace("trials", "trails"))
    done = subprocess.run(
        [sys.executable, "-m", "overprune", "run", "small.toml"],
        capture_output=True,
        text=True,
        cwd=config.parent,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(
        "overprune: small.toml: run.trails: unknown key (did you mean trials?); allowed: n,"
    )
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "trials = 4",
            "trails = 4",
            "small.toml: run.trails: unknown key (did you mean trials?); allowed: n, ",
        ),
        ("trials = 4", "trials = 0", "small.toml: run.trials: expected an integer from 1 to 10**8, got 0"),
        ("30, 60]", "60, 30]", "small.toml: run.sizes must be strictly increasing, got 60 before 30"),
        ("trials = 4", "ridge = [1, 1]", "small.toml: run.ridge must be distinct, got [1.0, 1.0]"),
        ("p = 60", "p = 99999999999999", "small.toml: problem.p: expected an integer from 1 to 10**8, got 9"),
        ("30, 60]", "30, 61]", "small.toml: run.sizes[3] must be between 1 and 60, got 61"),
        ("[problem]", "[problem", "small.toml: not valid TOML: "),
        (
            "trials = 4",
            "[plot]\nquantity = 'error'",
            "small.toml: plot.quantity: expected risk, as there are no class labels",
        ),
    ],
)
def test_bad_configs(config: Path, old: str, new: str, message: str) -> None:
    config.write_text(CONFIG.replace(old, new))
    for command in ("run", "predict"):
        assert fails(command, "small.toml").startswith(message)
        assert content(config.parent) == {"small.toml"}


def test_missing_files(config: Path) -> None:
    assert fails("run", "no.toml") == "no.toml: cannot be read: No such file or directory"
    config.write_text(
        '[problem]\nkind = "data"\ndataset = "npz"\npath = "no.npz"\n'
        "[run]\nn = 2\nsizes = [2]\nnonzeros = 1\n"
    )
    message = fails("run", config)
    assert message.startswith(f"{config}: problem.path must be a file of numpy.savez, got ")
    assert message.endswith("no.npz, which is not a file")
    assert content(config.parent) == {"small.toml"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("demo --workers 0", "--workers must be an integer from 1 to 1024, got '0'"),
        ("demo --workers two", "--workers must be an integer from 1 to 1024, got 'two'"),
        ("run small.toml --workers 2000", "--workers must be an integer from 1 to 1024, got '2000'"),
        ("demo --trials 1", "--trials must be an integer from 2 to 100000000, got '1'"),
        ("demo --trials=-3", "--trials must be an integer from 2 to 100000000, got '-3'"),
        ("demo --workers", "option '--workers' requires an argument"),
        ("run", "CONFIG.toml is missing: expected the name of a config, got nothing"),
        ("predict", "CONFIG.toml is missing: expected the name of a config, got nothing"),
        ("jump", "command must be one of demo, run, predict, info; got 'jump'"),
        ("--jump", "overprune has no option --jump; allowed: --version, --cmakedir, --includedir, --help"),
        (
            "run small.toml --outptu x",
            "overprune run has no option --outptu; allowed: --output, --workers, --overwrite, --help",
        ),
    ],
)
def test_usage_errors_are_one_line(config: Path, arguments: str, message: str) -> None:
    assert fails(*arguments.split()) == message
    assert content(config.parent) == {"small.toml"}


def test_usage_errors_without_words_of_our_own_are_one_line_too(config: Path) -> None:
    assert "other.toml" in fails("run", "small.toml", "other.toml")
    assert "--overwrite" in fails("run", "small.toml", "--overwrite=yes")


def test_main_ends_the_process_with_the_codes(config: Path) -> None:
    for arguments, code in ((["--workers", "0"], 2), (["--help"], 0), (["--workers", "1"], 0)):
        done = subprocess.run(
            [sys.executable, "-m", "overprune", "run", "small.toml", *arguments],
            capture_output=True,
            text=True,
            cwd=config.parent,
        )
        assert done.returncode == code, done.stderr
        assert (done.stderr.startswith("overprune: --workers") and done.stdout == "") == (code == 2)


@pytest.mark.parametrize("arguments", [[], ["demo"], ["run"], ["predict"], ["info"]])
def test_help(arguments: list[str]) -> None:
    for flag in ("--help", "-h"):
        result = call(*arguments, flag)
        assert result.exit_code == 0
        assert result.stdout.startswith("Usage: ")
        assert result.stderr == ""


def never(*_: object, **__: object) -> None:
    raise AssertionError("computed before the output directory was checked")


def test_other_content_is_refused_before_any_work(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_demo, "run", never)
    out = config.parent / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    for extra in ([], ["--overwrite"]):
        message = fails("run", config, "--output", "out", *extra)
        assert message == "output must be a new or empty directory, got out, which holds thesis.tex"
        assert "holds thesis.tex" in fails("demo", "--output", "out", *extra)
        assert "holds thesis.tex" in fails("predict", config, "--output", "out", *extra)
    assert (out / "thesis.tex").read_text() == "years of work"
    assert content(config.parent) == {"small.toml", "out"}


def test_files_with_our_names_that_are_not_ours_are_refused(config: Path) -> None:
    out = config.parent / "out"
    out.mkdir()
    (out / "risk.png").write_text("my own drawing")
    assert "which holds risk.png" in fails("run", config, "--output", "out", "--overwrite")
    (out / "risk.zarr").mkdir()
    (out / "risk.zarr" / ".zattrs").write_text("{}")
    assert "which holds risk.png, risk.zarr" in fails("run", config, "--output", "out", "--overwrite")
    assert (out / "risk.png").read_text() == "my own drawing"


def test_a_file_in_place_of_the_directory_is_refused(config: Path) -> None:
    assert fails("run", config, "-o", "small.toml") == "output must be a directory, got the file small.toml"
    assert config.read_text() == CONFIG


def test_directories_that_cannot_be_made(config: Path) -> None:
    blocked = "cannot be made: a part of its path is a file"
    for name in ("small.toml/sub", "small.toml/sub/deeper"):
        assert fails("run", config, "-o", name) == f"output directory {name} {blocked}"
    assert fails("run", config, "-o", "") == "output must be the name of a directory, got ''"
    assert fails("demo", "-o", "") == "output must be the name of a directory, got ''"
    long = "a" * 300
    message = fails("predict", config, "-o", long)
    assert message.startswith(f"output directory {long} cannot be made: ")
    assert ".part-" not in message
    assert content(config.parent) == {"small.toml"}


@pytest.mark.parametrize("inside", [True, False])
def test_directories_without_permission(config: Path, monkeypatch: pytest.MonkeyPatch, inside: bool) -> None:
    mkdir = Path.mkdir

    def refuses(path: Path, *arguments: object, **options: object) -> None:
        if path.name.startswith(".out.part-") == inside:
            raise PermissionError(13, "Permission denied", str(path))
        mkdir(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", refuses)
    message = "output directory a/out cannot be made: Permission denied"
    assert fails("run", config, "-o", "a/out") == message


def test_earlier_results_are_replaced_only_on_demand(config: Path) -> None:
    assert call("run", config, "--output", "out").exit_code == 0
    before = (config.parent / "out" / "risk.zarr" / ".zattrs").stat().st_mtime_ns
    message = fails("run", config, "--output", "out")
    assert message.endswith("got out, which holds earlier results; give another, or --overwrite")
    assert (config.parent / "out" / "risk.zarr" / ".zattrs").stat().st_mtime_ns == before
    config.write_text(CONFIG.replace("trials = 4", "trials = 5"))
    assert call("run", config, "--output", "out", "--overwrite").exit_code == 0
    tree = xr.open_datatree(config.parent / "out" / "risk.zarr", engine="zarr")
    assert tree["simulate"].sizes["trial"] == 5
    assert content(config.parent / "out") == OURS
    assert content(config.parent) == {"small.toml", "out"}


def test_empty_and_nested_directories_are_fine(config: Path) -> None:
    (config.parent / "empty").mkdir()
    for name in ("empty", "a/b/c"):
        assert call("run", config, "--output", name).exit_code == 0
        assert content(config.parent / name) == OURS


def test_a_failed_run_leaves_nothing(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_demo, "run", interrupted)
    assert fails("run", config, code=130) == "interrupted; nothing was written"
    assert content(config.parent) == {"small.toml"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_ctrl_c_stops_a_long_run(config: Path) -> None:
    config.write_text(CONFIG.replace("trials = 4", "trials = 100000000"))
    command = [sys.executable, "-m", "overprune", "run", "small.toml"]
    with subprocess.Popen(command, cwd=config.parent, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while len(content(config.parent)) == 1 and time.monotonic() < deadline:
            time.sleep(0.05)  # until the temporary directory is there
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "overprune: interrupted; nothing was written"
    assert content(config.parent) == {"small.toml"}


def test_a_failed_write_leaves_nothing_and_keeps_earlier_results(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("run", config, "--output", "out").exit_code == 0

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", ".out.part-0123")

    monkeypatch.setattr(_demo, "write_tables", full)
    failure = "output directory out cannot be written: No space left on device"
    assert fails("run", config, "--output", "out", "--overwrite", code=1) == failure
    assert content(config.parent) == {"small.toml", "out"}
    assert content(config.parent / "out") == OURS
    attributes = json.loads((config.parent / "out" / "risk.zarr" / ".zattrs").read_text())
    assert attributes["config"] == CONFIG


def test_results_survive_if_the_directory_was_taken_meanwhile(tmp_path: Path) -> None:
    with OutputDirectory(tmp_path / "out") as place:
        (place.path / "risk.png").write_text("result")
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "other").write_text("other")
        with pytest.raises(
            FileExistsError, match=r"which holds other; the results are in .*\.out\.results-"
        ) as caught:
            place.commit()
    kept = Path(str(caught.value).rsplit(" ", 1)[1])
    assert (kept / "risk.png").read_text() == "result"
    assert content(tmp_path / "out") == {"other"}
