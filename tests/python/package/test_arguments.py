"""The arguments of a run have one set of defaults, that of the grid, wherever they are taken."""

import inspect

import pytest

import overprune as op
from overprune import _table
from overprune._table import ARGUMENTS
from overprune.experiments.config import Run
from overprune.simulation.simulate import plan

GRID = {
    name: parameter.default
    for name, parameter in inspect.signature(_table._grid).parameters.items()
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY
}
FUNCTIONS = {
    "simulate": op.simulate,
    "predict": op.predict,
    "prune_path": op.prune_path,
    "estimate_risk": op.estimate_risk,
    "simulate_schedule": op.simulate_schedule,
    "predict_schedule": op.predict_schedule,
    "phase": op.phase,
    "advise": op.advise,
    "tune_ridge": op.tune_ridge,
}
# Searches try several values unless they are told.
OTHER = {
    ("phase", "rules"): ("magnitude", "hessian"),
    ("phase", "n"): None,
    ("phase", "nonzeros"): None,
    ("phase", "sizes"): 40,
    ("advise", "rules"): None,
    ("advise", "ridge"): None,
    ("advise", "sizes"): None,
    ("tune_ridge", "nonzeros"): None,
}


def test_the_grid_has_the_arguments_of_a_run():
    assert ("n", "sizes", "nonzeros", *GRID) == ARGUMENTS
    assert tuple(inspect.signature(op.simulate).parameters)[1 : 1 + len(ARGUMENTS)] == ARGUMENTS
    rest = inspect.signature(plan).parameters[
        "rest"
    ]  # of `plan` and Grid.of: passed on to the grid
    assert rest.kind is inspect.Parameter.VAR_KEYWORD


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_the_defaults_of_the_grid(name):
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    for argument in ARGUMENTS:
        if argument in parameters:
            expected = OTHER.get((name, argument), GRID.get(argument, inspect.Parameter.empty))
            assert parameters[argument].default == expected, argument


def test_a_config_has_the_defaults_of_the_functions():
    functions = (op.simulate, op.predict)
    for name, field in Run.model_fields.items():
        for parameters in (inspect.signature(function).parameters for function in functions):
            if name in parameters and not field.is_required():
                expected = parameters[name].default
                found = tuple(field.default) if isinstance(expected, tuple) else field.default
                assert found == expected, name
