"""The output directory: all of a run or nothing, and nothing of anybody else's lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import xarray as xr

from cli_tools import CONFIG, OURS, call, content, fails
from overprune.experiments import run as _demo
from overprune.experiments.output import OutputDirectory
from tables import assert_same

pytestmark = pytest.mark.usefixtures("unpainted")


def never(*_: object, **__: object) -> None:
    raise AssertionError("computed before the output directory was checked")


def test_other_content_is_refused_before_any_work(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_demo, "run", never)
    out = config.parent / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    for extra in ([], ["--overwrite"]):
        message = fails("run", config, "--output", "out", *extra)
        assert message == (
            "output must be a new or empty directory, got out, which holds thesis.tex; give "
            "another (--overwrite replaces nothing but earlier results)"
        )
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
    assert "which holds risk.png, risk.zarr" in fails(
        "run", config, "--output", "out", "--overwrite"
    )
    assert (out / "risk.png").read_text() == "my own drawing"


def test_a_file_in_place_of_the_directory_is_refused(config: Path) -> None:
    assert (
        fails("run", config, "-o", "small.toml")
        == "output must be a directory, got the file small.toml"
    )
    assert config.read_text() == CONFIG


def test_directories_that_cannot_be_made(config: Path) -> None:
    blocked = "cannot be made: a part of its path is a file"
    for name in ("small.toml/sub", "small.toml/sub/deeper"):
        assert fails("run", config, "-o", name) == f"output directory {name} {blocked}"
        assert fails("predict", config, "-o", name) == f"output directory {name} {blocked}"
    assert fails("run", config, "-o", "") == "output must be the name of a directory, got ''"
    assert fails("demo", "-o", "") == "output must be the name of a directory, got ''"
    long = "a" * 300
    message = fails("predict", config, "-o", long)
    assert message.startswith("output must be the path of a directory, got 'aaa")
    assert message.endswith("File name too long")
    assert ".part-" not in message
    assert content(config.parent) == {"small.toml"}


@pytest.mark.parametrize(
    ("command", "refused"), [("predict", ".out.part-"), ("predict", "a"), ("run", "out")]
)
def test_directories_without_permission(
    config: Path, monkeypatch: pytest.MonkeyPatch, command: str, refused: str
) -> None:
    mkdir = Path.mkdir

    def refuses(path: Path, *arguments: object, **options: object) -> None:
        if path.name.startswith(refused):
            raise PermissionError(13, "Permission denied", str(path))
        mkdir(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", refuses)
    message = "output directory a/out cannot be made: Permission denied"
    assert fails(command, config, "-o", "a/out") == message


def test_a_finished_run_is_not_run_again_and_another_not_begun_over_it(config: Path) -> None:
    assert call("run", config, "--output", "out").exit_code == 0
    chunk = config.parent / "out" / "risk.zarr" / "simulate" / "pruned_risk" / "0.0.0.0"
    before = chunk.stat().st_mtime_ns
    assert call("run", config, "--output", "out").exit_code == 0
    assert chunk.stat().st_mtime_ns == before
    config.write_text(CONFIG.replace("n = 20", "n = 21"))
    kept = (config.parent / "out" / "config.toml").read_text()
    message = fails("run", config, "--output", "out")
    assert message == (
        f"{config}: run: store out/risk.zarr/simulate holds another run and is left as it is: "
        "n is 20 there, 21 here"
    )
    assert (config.parent / "out" / "config.toml").read_text() == kept
    assert chunk.stat().st_mtime_ns == before
    assert call("run", config, "--output", "out", "--overwrite").exit_code == 0
    tree = xr.open_datatree(config.parent / "out" / "risk.zarr", engine="zarr")
    assert tree["simulate"].attrs["n"] == tree["predict"].attrs["n"] == 21
    assert content(config.parent / "out") == OURS
    assert content(config.parent) == {"small.toml", "out"}


def test_more_trials_are_added_to_those_there(config: Path) -> None:
    assert call("run", config, "--output", "out").exit_code == 0
    config.write_text(CONFIG.replace("trials = 4", "trials = 7"))
    assert call("run", config, "--output", "out").exit_code == 0
    assert call("run", config, "--output", "whole").exit_code == 0
    one, other = (
        xr.open_datatree(config.parent / name / "risk.zarr", engine="zarr")
        for name in ("out", "whole")
    )
    for group in ("simulate", "predict"):
        assert_same(one[group].to_dataset(), other[group].to_dataset())
        assert "trials = 7" in one[group].attrs["config"]


def test_results_of_other_commands_are_replaced_only_on_demand(config: Path) -> None:
    assert call("predict", config, "--output", "out").exit_code == 0
    earlier = "which holds earlier results; give another, or --overwrite"
    assert fails("predict", config, "--output", "out").endswith(earlier)
    others = "or a run's, got out, which holds other results; give another, or --overwrite"
    assert fails("run", config, "--output", "out").endswith(others)
    assert call("run", config, "--output", "out", "--overwrite").exit_code == 0
    assert fails("predict", config, "--output", "out").endswith(earlier)
    assert content(config.parent / "out") == OURS


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
def test_ctrl_c_keeps_what_was_finished(config: Path) -> None:
    config.write_text(CONFIG.replace("trials = 4", "trials = 1000000"))
    command = [sys.executable, "-m", "overprune", "run", "small.toml", "-o", "out"]
    with subprocess.Popen(command, cwd=config.parent, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not list(config.parent.glob("out/risk.zarr/simulate/ledger/blocks/0.*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert call("status", "out").stdout.splitlines()[1] == "state    running"
        assert fails("run", config, "-o", "out", code=1) == (
            "store out/risk.zarr/simulate is in use by another run; wait for it, or give another "
            "store"
        )
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    message = "interrupted; what was finished is in out, and the same command goes on with it"
    assert errors.splitlines()[-1] == f"overprune: {message}"
    assert content(config.parent / "out") == {"config.toml", "risk.zarr"}
    lines = call("status", "out").stdout.splitlines()
    assert lines[1] == "state    stopped; the same command goes on"
    assert int(lines[2].split()[1]) > 0
    stored = xr.open_zarr(config.parent / "out" / "risk.zarr", group="simulate")
    assert stored.sizes["trial"] == 1000000
    assert int(stored.dense_risk.notnull().sum()) > 0


def test_a_failed_write_keeps_earlier_results(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("predict", config, "--output", "out").exit_code == 0

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", ".out.part-0123")

    monkeypatch.setattr(_demo, "write_tables", full)
    failure = "output directory out cannot be written: No space left on device"
    assert fails("predict", config, "--output", "out", "--overwrite", code=1) == failure
    assert content(config.parent) == {"small.toml", "out"}
    assert content(config.parent / "out") == OURS
    attributes = json.loads((config.parent / "out" / "risk.zarr" / ".zattrs").read_text())
    assert attributes["config"] == CONFIG


def test_a_figure_that_cannot_be_written_costs_no_trial(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    failure = "output directory out cannot be written: No space left on device"
    with monkeypatch.context() as patch:
        patch.setattr(Figure, "savefig", full)
        assert fails("run", config, "--output", "out", code=1) == failure
    assert content(config.parent / "out") == {"config.toml", "risk.zarr"}
    assert call("status", "out").stdout.splitlines()[1] == "state    finished"
    assert call("run", config, "--output", "out").exit_code == 0
    assert content(config.parent / "out") == OURS


def test_results_survive_if_the_directory_was_taken_meanwhile(tmp_path: Path) -> None:
    with OutputDirectory(tmp_path / "out") as place:
        (place.path / "risk.png").write_text("result")
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "other").write_text("other")
        with pytest.raises(
            FileExistsError, match=r"which holds other; .*; the results are in .*\.out\.results-"
        ) as caught:
            place.commit()
    kept = Path(str(caught.value).rsplit(" ", 1)[1])
    assert (kept / "risk.png").read_text() == "result"
    assert content(tmp_path / "out") == {"other"}
