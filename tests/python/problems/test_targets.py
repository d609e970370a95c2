"""B4: whether targets are labels or numbers is one rule:
said by task=, or guessed with a warning."""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import overprune as op
import problems
from cli_tools import call, fails
from overprune._provenance import describe, problem_of
from overprune.experiments import config as _config

pytestmark = [
    pytest.mark.usefixtures("unpainted"),
    # Ages are far from 0, which is another warning: test_centred.py.
    pytest.mark.filterwarnings("ignore:targets have a mean"),
]

ROWS = 400
X = problems.normal(ROWS, 4)
RANDOM = np.random.default_rng(4)
AGES = RANDOM.integers(20, 59, ROWS)  # 39 different ones
BOTH = 'say task="classification" if they are labels, task="regression" if they are numbers'


def made(targets: Any, **options: Any) -> op.DataProblem:
    rows = len(targets)
    return op.DataProblem(X[:rows], targets, X[:rows], targets, **options)


NO_GUESS: dict[str, tuple[Any, str]] = {
    "ten classes": (RANDOM.permutation(np.arange(ROWS) % 10), "classification"),
    "from one": (np.arange(30) % 3 + 1, "classification"),
    "twenty classes": (np.arange(40) % 20, "classification"),
    "two": (np.array([0, 1, 0]), "classification"),
    "signs": (np.array([-1, 1, 1]), "classification"),
    "two of any kind": (np.arange(20) % 2 * 5 + 3, "classification"),
    "bools": (np.arange(9) > 3, "classification"),
    "nullable bools": (pd.Series(np.arange(9) > 3, dtype="boolean"), "classification"),
    "nullable integers": (pd.Series(np.arange(9) % 3, dtype="Int64"), "classification"),
    "lists": ([0, 1, 2, 0, 1, 2], "classification"),
    "unsigned": (np.arange(9, dtype=np.uint8) % 3, "classification"),
    "fractions": (problems.normal(9), "regression"),
    "whole floats": (np.arange(9.0), "regression"),
    "two columns of integers": (np.arange(18).reshape(9, 2), "regression"),
    "one-hot rows": (np.eye(3, dtype=int)[np.arange(9) % 3], "regression"),
}


@pytest.mark.parametrize(("targets", "task"), NO_GUESS.values(), ids=NO_GUESS)
def test_b4_plain_targets_need_no_word(targets: Any, task: str) -> None:
    problem = made(targets)
    assert problem.task == task
    assert (problem.classes is None) == (task == "regression")


GUESSES: dict[str, tuple[Any, str, str]] = {
    "39 ages": (
        AGES,
        "classification",
        "targets are integers, 39 different ones in 400 rows from 20 to 58, and are taken for "
        "class labels; ",
    ),
    "every row another": (
        np.arange(6),
        "classification",
        "targets are integers, 6 different ones in 6 rows from 0 to 5, and are taken for class "
        "labels; ",
    ),
    "around zero": (
        np.arange(60) % 7 - 3,
        "classification",
        "targets are integers, 7 different ones",
    ),
    "with gaps": (
        np.arange(60) % 3 * 4,
        "classification",
        "targets are integers, 3 different ones",
    ),
    "rare": ([*[0, 1, 2] * 5, 3], "classification", "targets are integers, 4 different ones"),
    "many": (np.arange(ROWS) % 21, "classification", "targets are integers, 21 different ones"),
    "nullable": (
        pd.Series(AGES, dtype="Int64"),
        "classification",
        "targets are integers, 39 different ones",
    ),
    "a column": (
        np.arange(9)[:, None] % 3,
        "regression",
        "targets are a column of integers, of shape (9, 1), and are taken for real numbers, as "
        "labels have "
        "one dimension; ",
    ),
}


@pytest.mark.parametrize(("targets", "task", "message"), GUESSES.values(), ids=GUESSES)
def test_b4_a_guess_warns_and_a_word_does_not(targets: Any, task: str, message: str) -> None:
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}") as caught:
        assert made(targets).task == task
    assert len(caught) == 1
    assert str(caught[0].message).endswith(BOTH)
    assert caught[0].filename == __file__
    classes = len(np.unique(np.asarray(targets)))
    said = made(targets, task="classification")
    assert (said.task, said.targets, len(said.classes)) == ("classification", classes, classes)
    numbers = made(targets, task="regression")
    assert (numbers.task, numbers.targets, numbers.classes) == ("regression", 1, None)
    np.testing.assert_array_equal(numbers.target_rows[:, 0], np.ravel(targets).astype(float))


def test_b4_regression_on_integers_is_that_on_the_same_floats() -> None:
    run: dict[str, Any] = {"n": 40, "sizes": [2, 4], "nonzeros": [2], "trials": 3}
    one, other = (
        op.simulate(made(AGES, task="regression"), **run),
        op.simulate(made(AGES * 1.0), **run),
    )
    assert set(one) == set(other)
    assert one.attrs["problem_hash"] == other.attrs["problem_hash"]
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize(
    "targets", [np.arange(9) % 3 * 1.0, np.arange(9)[:, None] % 3], ids=["floats", "column"]
)
def test_b4_said_labels_may_be_whole_floats_or_a_column(targets: np.ndarray) -> None:
    problem = made(targets, task="classification")
    np.testing.assert_array_equal(problem.classes, [0, 1, 2])
    np.testing.assert_array_equal(problem.target_rows, np.eye(3)[np.arange(9) % 3])


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_b4_what_was_said_comes_back(task: str) -> None:
    problem = made(AGES, task=task)
    # and warns no more
    for twin in (
        pickle.loads(pickle.dumps(problem)),
        problem_of(describe(problem)),
    ):
        assert twin.task == task
        np.testing.assert_array_equal(twin.target_rows, problem.target_rows)
    table = op.simulate(problem, 30, [3], [2], trials=2)
    again = op.reproduce(table)
    np.testing.assert_array_equal(again.retrained_risk, table.retrained_risk)


def test_b4_plain_labels_are_described_as_ever() -> None:
    """Tables and stores of earlier versions know these problems by their hash."""
    assert "task" not in made(np.arange(30) % 3).describe()
    assert "task" not in made(np.arange(30) % 3, task="classification").describe()
    assert "task" not in made(problems.normal(30)).describe()


@pytest.mark.parametrize(
    ("targets", "options", "error", "message"),
    [
        (
            problems.normal(9),
            {"task": "classification"},
            ValueError,
            'targets must be whole numbers below 2**53 for task="classification", got ',
        ),
        (
            np.full(9, 2.0**53),
            {"task": "classification"},
            ValueError,
            'targets must be whole numbers below 2**53 for task="classification", '
            "got 9007199254740992.0 at ",
        ),
        (
            np.eye(3)[np.arange(9) % 3],
            {"task": "classification"},
            ValueError,
            'targets must be labels of one dimension for task="classification", '
            "got shape (9, 3); argmax",
        ),
        (
            np.array(list("abcabcabc")),
            {},
            TypeError,
            "targets must be an array of real numbers or of integer class labels, got dtype <U1; "
            "numpy",
        ),
        (
            pd.Series(list("abcabcabc")),
            {"task": "classification"},
            TypeError,
            "targets must be an array of real numbers or of integer class labels, got dtype ",
        ),
        (
            np.arange(9),
            {"task": "Regression"},
            ValueError,
            "task must be one of classification, regression; got 'Regression'",
        ),
        (
            np.arange(9),
            {"task": True},
            TypeError,
            "task must be a string, one of classification, regression; got True",
        ),
    ],
)
def test_b4_refusals(targets: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        made(targets, **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("targets", "came"),
    [
        (None, "object, of type NoneType"),
        ({1, 2}, "object, of type set"),
        ((i for i in range(9)), "object, of type generator"),
        ({"a": 1}, "object, of type dict"),
        ("labels", "<U6, of type str"),
    ],
)
def test_b4_what_is_no_array_at_all_is_said_to_be_that(targets: Any, came: str) -> None:
    with pytest.raises(TypeError) as caught:
        op.DataProblem(X[:9], targets, X[:9], np.arange(9.0))
    expected = "targets must be an array of real numbers or of integer class labels, got "
    assert str(caught.value) == f"{expected}dtype {came}"
    with pytest.raises(TypeError, match=f"^test_{expected}"):
        op.DataProblem(X[:9], np.arange(9.0), X[:9], targets)


def test_b4_numbers_that_the_test_set_alone_has_hint_at_the_task() -> None:
    with pytest.raises(
        ValueError, match=r'^test_targets must be labels .*, got 7; say task="regression" if'
    ):
        op.DataProblem(X[:4], [1, 5, 9, 30], X[:2], [5, 7])
    with pytest.raises(
        TypeError, match=r'^test_targets must be integer class .*; say task="regression" if'
    ):
        op.DataProblem(X[:4], [1, 5, 9, 30], X[:2], [0.5, 7.0])


CONFIG = """\
[problem]
kind = "data"
dataset = "npz"
path = "mine.npz"
test_size = "all"
[run]
n = 30
sizes = [2, 4]
nonzeros = 2
trials = 3
"""


@pytest.fixture
def ages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "mine.npz", inputs=X, targets=AGES)
    return tmp_path / "c.toml"


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_b4_configs_say_the_task(ages: Path, task: str) -> None:
    ages.write_text(CONFIG.replace("[run]", f'task = "{task}"\n[run]'))
    problem = _config.build_problem(_config.load(ages))
    assert isinstance(problem, op.DataProblem)
    assert problem.task == task
    result = call("run", ages, "--output", "out")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("overprune:") == 0
    assert ("test error" in result.stdout) == (task == "classification")
    assert call("reproduce", "out").exit_code == 0


def test_b4_on_the_command_line_a_guess_is_one_line(ages: Path) -> None:
    ages.write_text(CONFIG)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        result = call("predict", ages)
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.stderr.splitlines() if "39 different" in line]
    assert line.startswith("overprune: targets are integers, 39 different ones in 400 rows")
    ages.write_text(CONFIG.replace("[run]", 'task = "ranking"\n[run]'))
    message = "problem.task: expected one of classification, regression, got 'ranking'"
    assert fails("predict", ages) == f"{ages}: {message}"
