"""A table holds what it takes to make it again."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

import overprune as op
import problems
from overprune._provenance import describe, problem_of
from tables import assert_same

GRID = {
    "n": [10, 14],
    "sizes": [5, 20],
    "nonzeros": [2, 6],
    "ridge": [0.0, 0.25],
    "trials": 3,
    "seed": 2**63 + 1,
}


def again(attributes):
    """The run that the attributes describe, from nothing else."""
    rules = attributes["rules"]
    return op.simulate(
        problem_of(attributes),
        attributes["n"],
        attributes["sizes"],
        attributes["nonzeros"],
        rules=rules,
        retrain=bool(attributes["retrain"]),
        ridge=attributes["ridge"],
        retrain_ridge=attributes["retrain_ridge"],
        compensate=bool(attributes["compensate"]),
        trials=attributes["trials"],
        seed=int(attributes["seed"]),
        first_trial=attributes["first_trial"],
        curvature=None if attributes["curvature"] == "population" else attributes["curvature"],
    )


@pytest.mark.parametrize("name", problems.EVERY)
def test_a_simulation_is_repeated_from_its_attributes(name):
    problem = problems.EVERY[name]()
    rules = problems.rules_of(problem)
    table = op.simulate(
        problem,
        **GRID,
        rules=rules,
        retrain_ridge=0.5,
        compensate=not isinstance(problem, op.DataProblem),
        first_trial=4,
        curvature="sample",
    )
    attributes = json.loads(json.dumps(table.attrs))
    assert_same(again(attributes), table)


def test_a_prediction_is_repeated_from_its_attributes():
    problem = problems.diagonal()
    table = op.predict(
        problem,
        [10, 14],
        [5, 20],
        [2, 6],
        rules=("hessian", "random"),
        ridge=[0.1, 0.2],
        retrain=False,
    )
    a = json.loads(json.dumps(table.attrs))
    repeated = op.predict(
        problem_of(a),
        a["n"],
        a["sizes"],
        a["nonzeros"],
        rules=a["rules"],
        retrain=bool(a["retrain"]),
        ridge=a["ridge"],
        retrain_ridge=a["retrain_ridge"],
        draws=a["draws"],
        seed=int(a["seed"]),
    )
    assert_same(repeated, table)


def test_scalars_stay_scalars():
    table = op.simulate(problems.diagonal(), 10, [5], [2], trials=1)
    assert table.attrs["n"] == 10
    assert table.attrs["ridge"] == 0.0
    assert table.attrs["kind"] == "simulate"
    assert table.attrs["overprune_version"] == op.__version__
    assert_same(again(table.attrs), table)


@pytest.mark.parametrize("name", problems.EVERY)
def test_levels_for_plots(name):
    problem = problems.EVERY[name]()
    attributes = describe(problem)
    assert attributes["null_risk"] == problem.null_risk
    if isinstance(problem, op.DataProblem):
        assert "noise_floor" not in attributes
    else:
        N = getattr(problem, "noise_covariance", np.eye(1) * problem.noise_std**2)
        assert attributes["noise_floor"] == pytest.approx(np.trace(N))


def test_attributes_are_of_types_that_netcdf_holds():
    table = op.simulate(problems.labelled_data(features=30), **GRID)
    for value in table.attrs.values():
        if isinstance(value, list):
            assert len({type(item) for item in value}) == 1
            value = value[0]
        assert type(value) in (str, int, float)
        assert not isinstance(value, int) or abs(value) < 2**63


def test_the_table_goes_through_zarr_unchanged(tmp_path):
    table = op.simulate(problems.correlated(), **GRID)
    table.to_zarr(tmp_path / "table.zarr", zarr_format=2, consolidated=False)
    with xr.open_zarr(tmp_path / "table.zarr", consolidated=False) as stored:
        loaded = stored.load()
    xr.testing.assert_equal(loaded, table)
    assert loaded.attrs == table.attrs
    xr.testing.assert_equal(again(loaded.attrs), table)


def test_hashes_tell_problems_apart():
    hashes = {describe(make())["problem_hash"] for make in problems.EVERY.values()}
    assert len(hashes) == len(problems.EVERY)
    assert (
        describe(problems.diagonal())["problem_hash"]
        == describe(problems.diagonal())["problem_hash"]
    )
    near = np.nextafter(problems.diagonal().noise_std, 1)
    assert (
        describe(problems.diagonal(noise_std=near))["problem_hash"]
        != describe(problems.diagonal())["problem_hash"]
    )
    labels = problems.labelled_data()
    other = op.DataProblem(
        labels.inputs,
        (np.arange(60) + 1) % 3,
        labels.test_inputs,
        np.arange(35) % 3,
        activation="relu",
        seed=8,
    )
    assert describe(other)["problem_hash"] != describe(labels)["problem_hash"]


def test_a_large_data_set_is_hashed_only_and_says_so():
    inputs = op.standard_normal((2000, 100), seed=0)
    problem = op.DataProblem(inputs, inputs[:, 0], inputs[:5], inputs[:5, 0])
    attributes = describe(problem)
    assert len(attributes["problem"]) < 100_000
    with pytest.raises(
        ValueError, match="inputs was too large to keep in the table: only its hash"
    ):
        problem_of(attributes)


def test_arrays_come_back_to_the_last_bit():
    problem = op.LinearGaussianProblem(
        [0.1, -0.0, 5e-324], [1 / 3, 0.0, 1e300], noise_std=0.1 + 0.2
    )
    twin = problem_of(describe(problem))
    assert twin.beta.tobytes() == problem.beta.tobytes()
    assert twin.covariance.tobytes() == problem.covariance.tobytes()
    assert twin.noise_std == problem.noise_std


def test_regression_targets_of_one_column_stay_regression():
    inputs = problems.normal(6, 2)
    problem = op.DataProblem(inputs, np.arange(6.0)[:, None], inputs, np.arange(6.0)[:, None])
    assert problem_of(describe(problem)).classes is None


def test_labels_come_back_as_labels():
    labels = [9, 9, -1, 4]
    problem = op.DataProblem(
        np.eye(4),
        labels,
        np.eye(4),
        labels[::-1],
        features=7,
        seed=2**64 - 1,
        task="classification",
    )
    twin = problem_of(describe(problem))
    np.testing.assert_array_equal(twin.classes, [-1, 4, 9])
    np.testing.assert_array_equal(twin.target_rows, problem.target_rows)
    assert twin.seed == 2**64 - 1
