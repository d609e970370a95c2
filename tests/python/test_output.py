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
from overprune import _demo
from overprune._output import OutputDirectory


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
