"""Tables go through files unchanged: Zarr's formats, copies of stores, netCDF with SciPy alone."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import xarray as xr

import overprune as op
import problems
from cli_tools import call
from tables import assert_same

pytestmark = pytest.mark.usefixtures("unpainted")

pytest.importorskip("scipy")


def every_table():
    problem, rounds = (
        problems.diagonal(),
        {"rules": ("magnitude", "random"), "ridge": 0.1, "seed": 3},
    )
    spectrum = op.Spectrum([1.0, 4.0], [0.5, 0.5], [0.1, 1.0], noise_std=0.1)
    grid = {"sizes": [5, 20], "nonzeros": [2, 6], "rules": ("magnitude", "random")}
    point = {"n": 20, "size": 40, "nonzeros": 5}
    return {
        "simulate": op.simulate(
            problem, [10, 14], ridge=[0.0, 0.5], **grid, trials=3, compensate=True
        ),
        "one of each": op.simulate(problem, [10], [5], [2], ridge=[0.5], trials=1),
        "labels": op.simulate(problems.labelled_data(), 20, [5, 20], [2, 6], trials=2),
        "predict": op.predict(problem, [10, 14], **grid),
        "spectrum": op.predict(spectrum, [0.5], [0.5, 1.0], [0.1, 0.2]),
        "rounds": op.simulate_schedule(problem, 10, 20, [8, 4], **rounds, trials=3),
        "predicted rounds": op.predict_schedule(
            problem, 10, 20, [8, 4], **rounds, draws=64, rtol=0.1
        ),
        "path": op.prune_path(*problem.sample(20, seed=1), [10, 40], [5]).risk(problem),
        "phase": op.phase(
            spectrum, ("n", [0.5, 0.6]), ("nonzeros", [0.1, 0.2]), rules=("magnitude", "random")
        ),
        "survival": op.survival(problem, 20, 40, [5]),
        "models": op.sample_coefficients(problem, **point, draws=4),
        "density": op.coefficient_density(problem, **point, edges=[-1.0, 0.0, 1.0], draws=4),
        "advise": op.advise(problem, 30, 5).dataset(),
    }


@pytest.fixture(scope="module")
def tables():
    return every_table()


NAMES = (
    "simulate", "one of each", "labels", "predict", "spectrum", "rounds", "predicted rounds",
    "path", "phase",
    "survival", "models", "density", "advise",
)  # fmt: skip


def assert_kept(found, table):
    """Values, coordinates and attributes; a file may make a number of a list of one."""
    xr.testing.assert_equal(found, table)
    assert set(found.attrs) == set(table.attrs)
    for name, value in table.attrs.items():
        np.testing.assert_array_equal(
            np.atleast_1d(found.attrs[name]), np.atleast_1d(value), err_msg=name
        )


@pytest.fixture
def _warnings_of_zarr():
    """That it has not specified strings of a fixed length and consolidated metadata yet."""
    from zarr.errors import UnstableSpecificationWarning, ZarrUserWarning

    with warnings.catch_warnings():
        for category in (UnstableSpecificationWarning, ZarrUserWarning):
            warnings.simplefilter("ignore", category)
        yield


@pytest.mark.parametrize("name", NAMES)
def test_netcdf_with_scipy_alone(name, tables, tmp_path):
    """Case C5: KeyError ('U', 36) from an attribute that was a list of strings."""
    path = tmp_path / "table.nc"
    tables[name].to_netcdf(path, engine="scipy")
    with xr.open_dataset(path, engine="scipy") as stored:
        assert_kept(stored.load(), tables[name])


@pytest.mark.parametrize("name", NAMES)
def test_attributes_are_strings_numbers_and_lists_of_numbers(name, tables):
    for key, value in tables[name].attrs.items():
        for item in value if isinstance(value, list) else [value]:
            assert type(item) in (str, int, float), key
            assert not (isinstance(value, list) and isinstance(item, str)), key


@pytest.mark.usefixtures("_warnings_of_zarr")
@pytest.mark.parametrize("name", NAMES)
def test_zarr(name, tables, tmp_path):
    for version in (2, 3):
        tables[name].to_zarr(tmp_path / f"{version}.zarr", zarr_format=version)
        with xr.open_zarr(tmp_path / f"{version}.zarr") as stored:
            assert_kept(stored.load(), tables[name])


@pytest.mark.parametrize(
    "name", ["simulate", "one of each", "predict", "rounds", "predicted rounds"]
)
def test_a_table_of_a_netcdf_file_is_made_again(name, tables, tmp_path):
    tables[name].to_netcdf(tmp_path / "table.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "table.nc", engine="scipy") as stored:
        assert_same(op.reproduce(stored.load()), tables[name])


_GRID = {"n": [10, 14], "sizes": [5, 20], "nonzeros": [2, 6]}
PLANS = {
    "one ridge": (op.simulate, {**_GRID, "ridge": 0.0}),
    "two ridges": (op.simulate, {**_GRID, "ridge": [0.0, 0.1]}),
    "rounds": (op.simulate_schedule, {"n": 10, "size": 20, "schedule": [8, 4]}),
}


@pytest.mark.usefixtures("_warnings_of_zarr")
@pytest.mark.parametrize("version", [None, 2, 3])
@pytest.mark.parametrize("plan", PLANS)
def test_a_store_is_copied_by_xarray(tmp_path, version, plan):
    """Case C5: `xr.open_zarr("r.zarr").to_zarr("x.zarr")` met the codecs of Zarr's format 2."""
    function, arguments = PLANS[plan]
    options = {"rules": ("magnitude", "random"), "trials": 5, "store": tmp_path / "r.zarr"}
    table = function(problems.diagonal(), **arguments, **options)
    options = {} if version is None else {"zarr_format": version}
    with xr.open_zarr(tmp_path / "r.zarr") as stored:
        stored.to_zarr(tmp_path / "x.zarr", **options)
        stored.to_netcdf(tmp_path / "x.nc", engine="scipy")
    with xr.open_zarr(tmp_path / "x.zarr") as copied:
        assert_same(copied.load(), table)
        copied.to_zarr(tmp_path / "y.zarr", **options)
    with xr.open_dataset(tmp_path / "x.nc", engine="scipy") as copied:
        assert_kept(copied.load(), table)


@pytest.mark.usefixtures("_warnings_of_zarr")
@pytest.mark.parametrize("command", ["run", "predict"])
def test_results_of_a_command_are_copied_by_xarray(config, command):
    assert call(command, config, "-o", "out").exit_code == 0
    with xr.open_datatree("out/risk.zarr", engine="zarr") as tree:
        tree.load().to_zarr("copy.zarr")
        with xr.open_datatree("copy.zarr", engine="zarr") as copied:
            for group in tree.children:
                assert_same(copied[group].to_dataset(), tree[group].to_dataset())


def test_a_store_of_before_goes_on(tmp_path):
    """Compressed chunks and a list of rules, as stores had them."""
    import zarr
    from numcodecs import CRC32, Zstd

    path = tmp_path / "r.zarr"
    grid = {"n": 10, "sizes": [5, 20], "nonzeros": [2, 6], "rules": ("magnitude", "random")}
    table = op.simulate(problems.diagonal(), **grid, trials=5, store=path)
    for name in (*table.data_vars, *table.coords, "ledger/blocks", "ledger/entry"):
        array = zarr.open_array(path / name, mode="r", zarr_format=2)
        values, facts, attributes = array[...], array.metadata, dict(array.attrs)
        zarr.create_array(
            path / name, shape=values.shape, chunks=facts.chunks, dtype=values.dtype,
            filters=[CRC32()],
            compressors=[Zstd(level=1)], fill_value=facts.fill_value, attributes=attributes,
            zarr_format=2,
            overwrite=True,
        )[...] = values  # fmt: skip
    attributes = json.loads((path / ".zattrs").read_text())
    (path / ".zattrs").write_text(json.dumps({**attributes, "rules": ["magnitude", "random"]}))
    assert_same(op.simulate(problems.diagonal(), **grid, trials=5, store=path), table)
    more = op.simulate(problems.diagonal(), **grid, trials=9, store=path)
    assert_same(more, op.simulate(problems.diagonal(), **grid, trials=9))
    assert json.loads((path / "dense_risk" / ".zarray").read_text())["compressor"]["id"] == "zstd"
    # a few bytes that claim a terabyte
    for chunk in (
        "dense_risk/0.0",
        "trial/0",
        "ledger/blocks/0.0.0.0",
    ):
        (path / chunk).write_bytes(
            b"\x28\xb5\x2f\xfd\xe0" + (2**40).to_bytes(8, "little") + b"\x03\x00\x00"
        )
    assert_same(op.simulate(problems.diagonal(), **grid, trials=9, store=path), more)


@pytest.mark.parametrize("text", ["magnitude,random", "magnitude, random"])
def test_rules_as_tables_keep_them(text):
    table = op.predict(problems.diagonal(), 10, [20], [5], rules=text)
    assert table["rule"].values.tolist() == ["magnitude", "random"]
    assert table.attrs["rules"] == "magnitude,random"
    with pytest.raises(ValueError, match=r"^rules\[1\] must be one of .*; got ''$"):
        op.predict(problems.diagonal(), 10, [20], [5], rules="magnitude,")
