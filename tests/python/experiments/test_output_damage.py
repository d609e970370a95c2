"""A run's directory that somebody has damaged: the tables come out right, or a sentence says why
not."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest
import xarray as xr

from cli_tools import CONFIG, call, fails
from overprune.experiments import run as _demo
from overprune.experiments.output import RunDirectory
from stores import change, contents
from tables import assert_same

pytestmark = [
    pytest.mark.filterwarnings("always::RuntimeWarning"),  # the command line prints them
    pytest.mark.usefixtures("unpainted"),
]
SAID = "is damaged: "


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_demo, "draw", lambda *_: None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run of `config` has written."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.toml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(_demo, "draw", lambda *_: None)
        assert call("run", "small.toml", "-o", "out").exit_code == 0
    return folder / "out"


@pytest.fixture
def root(config: Path, finished: Path) -> Path:
    shutil.copytree(finished, config.parent / "out")
    return config.parent / "out" / "risk.zarr"


def prediction(root: Path) -> xr.Dataset:
    with xr.open_zarr(root / "predict", chunks=None, consolidated=False) as table:
        return table.load()


def mended(config: Path, root: Path, expected: xr.Dataset) -> str:
    """What a run says that finds a damaged prediction and makes the right one again."""
    result = call("run", config, "-o", "out")
    assert result.exit_code == 0, result.output
    assert_same(prediction(root), expected)
    lines = result.stderr.splitlines()
    assert all(line.startswith("overprune: ") for line in lines)
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits_never_change_a_prediction(config: Path, root: Path, seed: int) -> None:
    """Case of a prediction that an earlier run has left: any bit of it may have changed since."""
    draw, expected = random.Random(seed), prediction(root)
    files = [
        f for f in sorted((root / "predict").rglob("*")) if f.is_file() and f.name != ".zgroup"
    ]
    for file in draw.sample(files, 4):
        data = bytearray(file.read_bytes())
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        file.write_bytes(data)
        said = mended(config, root, expected)
        assert said == "" or f"predict {SAID}" in said
        assert file.name.startswith(".") or said  # metadata have spaces that nothing depends on


@pytest.mark.parametrize(
    ("member", "changes"),
    [
        ("dense_risk/.zattrs", {"scale_factor": 3.0}),
        ("dense_risk/.zattrs", {"scale_factor": "x"}),
        ("dense_risk/.zattrs", {"units": "days since 1970-01-01"}),
        ("dense_risk/.zattrs", {"_ARRAY_DIMENSIONS": ["foo"]}),
        ("dense_risk/.zattrs", {"_ARRAY_DIMENSIONS": 3}),
        ("dense_risk/.zarray", {"dtype": "<i8", "fill_value": 0}),
        ("dense_risk/.zarray", {"dtype": "|S8", "fill_value": None}),
        ("dense_risk/.zarray", {"dtype": "<c16"}),
        ("dense_risk/.zarray", {"shape": [2]}),
        ("size/.zarray", {"dtype": "<f8"}),
        ("size/.zarray", {"filters": [{"id": "pickle"}]}),
        (".zattrs", {"kind": "simulate"}),
        (".zattrs", {"null_risk": 7.0}),
        (".zattrs", {"provenance": "[]"}),
        (".zattrs", {"checksum": None}),
    ],
)
def test_changed_metadata_never_change_a_prediction(
    config: Path, root: Path, member: str, changes: dict[str, object]
) -> None:
    expected = prediction(root)
    change(root / "predict" / member, **changes)
    said = mended(config, root, expected)
    assert f"predict {SAID}" in said
    assert said.endswith("; the prediction is made again")
    assert mended(config, root, expected) == ""


@pytest.mark.parametrize(
    "member",
    ["size", "rule", "retrained_risk", "dense_risk/0", "dense_risk/.zarray", "rule/0", ".zgroup"],
)
def test_missing_members_never_change_a_prediction(config: Path, root: Path, member: str) -> None:
    expected, lost = prediction(root), root / "predict" / member
    if lost.is_dir():
        shutil.rmtree(lost)
    else:
        lost.unlink()
    mended(config, root, expected)


@pytest.mark.parametrize("member", ["zarr.json", "extra/.zarray", "extra/sub/.zarray"])
@pytest.mark.parametrize("data", [b"garbage", b"{}"])
def test_members_that_are_no_part_of_a_prediction_are_removed(
    config: Path, root: Path, member: str, data: bytes
) -> None:
    expected, file = prediction(root), root / "predict" / member
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    mended(config, root, expected)
    assert not file.exists()


def test_names_that_are_no_text_never_change_a_prediction(config: Path, root: Path) -> None:
    expected, file = prediction(root), root / "predict" / "rule" / "0"
    file.write_bytes(b"\xff" * file.stat().st_size)
    assert f"predict {SAID}" in mended(config, root, expected)


def test_a_prediction_of_other_data_is_not_taken(config: Path, root: Path) -> None:
    place = RunDirectory("out")
    text, problem = prediction(root).attrs["config"], prediction(root).attrs["problem_hash"]
    assert place.earlier(text, problem) is not None
    assert place.earlier(text, "0" * 64) is None
    assert place.earlier(text + "\n", problem) is None


ROOT_DAMAGES: list[tuple[str, bytes | None]] = [
    (".zgroup", None),
    *(
        (".zgroup", data)
        for data in (b"garbage", b"[]", b"", b'{"zarr_format": 9}', b'{"zarr_format": true}')
    ),
    *((name, b"{}") for name in ("zarr.json", ".zarray", "0", "notes.txt", "extra/.zarray")),
    ("zarr.json", b'{"zarr_format": 3, "node_type": "group", "attributes": {}}'),
    ("extra/.zarray", b"garbage"),
    ("extra/.zattrs", b"[1]"),
]


@pytest.mark.parametrize(("member", "data"), ROOT_DAMAGES, ids=lambda v: str(v)[:30])
def test_the_group_of_a_run_is_checked(
    config: Path, root: Path, member: str, data: bytes | None
) -> None:
    """Refused in a sentence that names the store and the member, and nothing is changed."""
    if data is None:
        (root / member).unlink()
    else:
        (root / member).parent.mkdir(exist_ok=True, parents=True)
        (root / member).write_bytes(data)
    before = contents(root)
    message = fails("run", config, "-o", "out")
    assert message.startswith(f"store out/risk.zarr {SAID}")
    assert member.partition("/")[0] in message
    assert contents(root) == before
    assert call("run", config, "-o", "out", "--overwrite").exit_code == 0


def test_consolidated_metadata_of_a_run_are_written_again(config: Path, root: Path) -> None:
    (root / ".zmetadata").write_text("garbage")
    (root / ".DS_Store").write_bytes(b"\0")
    assert call("run", config, "-o", "out").exit_code == 0
    assert json.loads((root / ".zmetadata").read_text())["metadata"][".zgroup"] == {
        "zarr_format": 2
    }


def test_a_working_directory_that_is_gone(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    message = fails("run", config, "-o", "x")
    assert message == "output directory x cannot be made: No such file or directory"
