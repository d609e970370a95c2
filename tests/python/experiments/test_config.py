"""Configs: what they build, and one line for everything wrong in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import overprune as op
from configs import DATA, PROBLEM, RUN, parse
from overprune.experiments import config as _config
from overprune.experiments.run import demo_experiment, run

EXAMPLES = Path(__file__).parents[3] / "examples"


def built(problem: str) -> op.LinearGaussianProblem:
    result = _config.build_problem(parse(problem + RUN))
    assert isinstance(result, op.LinearGaussianProblem)
    return result


@pytest.mark.parametrize(
    ("spectrum", "expected"),
    [
        ('{ kind = "isotropic" }', np.ones(60)),
        ('{ kind = "spiked", spikes = 2, value = 9.0 }', np.r_[9.0, 9.0, np.ones(58)]),
        ('{ kind = "power_law", exponent = 0.5 }', np.arange(1, 61.0) ** -0.5),
        (
            '{ kind = "ar", rho = -0.5 }',
            (-0.5) ** np.abs(np.subtract.outer(np.arange(60), np.arange(60))),
        ),
    ],
)
def test_spectra(spectrum: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(
        built(f"{PROBLEM}spectrum = {spectrum}\n").covariance, expected, rtol=1e-14
    )


@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        ('{ kind = "constant" }', np.full(60, 60**-0.5)),
        ('{ kind = "constant", value = 2.0 }', np.full(60, 2.0)),
        ('{ kind = "sparse", count = 4 }', np.r_[np.full(4, 0.5), np.zeros(56)]),
        ('{ kind = "sparse", count = 1, value = -3 }', np.r_[-3.0, np.zeros(59)]),
        ('{ kind = "normal", scale = 2.0, seed = 7 }', 2 * op.standard_normal((60,), seed=7)),
        ('{ kind = "normal" }', 60**-0.5 * op.standard_normal((60,), seed=0)),
        (f'{{ kind = "values", values = {list(range(60))} }}', np.arange(60.0)),
    ],
)
def test_betas(beta: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(built(f"{PROBLEM}beta = {beta}\n").beta, expected, rtol=1e-14)


def test_noise_and_defaults() -> None:
    assert built(PROBLEM + "noise_std = 0.5\n").noise_std == 0.5
    plain = built(PROBLEM)
    assert plain.noise_std == 0.0
    np.testing.assert_array_equal(plain.covariance, np.ones(60))


def test_random_features() -> None:
    text = (
        '[problem]\nkind = "random_features"\nfeatures = 60\ndim = 8\n'
        'noise_std = 0.1\nactivation = "gelu"\nlink = "sign"\nseed = 3\n'
    )
    problem = _config.build_problem(parse(text + RUN))
    assert isinstance(problem, op.RandomFeatureProblem)
    expected = op.RandomFeatureProblem.draw(
        60, 8, noise_std=0.1, activation="gelu", link="sign", seed=3
    )
    for one, other in zip(problem.sample(4, seed=1), expected.sample(4, seed=1), strict=True):
        np.testing.assert_array_equal(one, other)


def test_data_from_a_file_beside_the_config(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "mine.npz", inputs=op.standard_normal((50, 7), seed=0), targets=np.arange(50) % 2
    )
    text = f'{DATA}dataset = "npz"\npath = "mine.npz"\ntest_size = 10\n'
    text += RUN.replace("[10, 30, 60]", "[5, 7]")
    assert _config.build_problem(parse(text, tmp_path)).p == 7
    featured = text.replace("test_size = 10", "test_size = 10\nfeatures = 9")
    assert _config.build_problem(parse(featured, tmp_path)).p == 9


def test_sizes_as_a_range() -> None:
    def sizes(text: str) -> list[int]:
        return parse(PROBLEM + RUN.replace("[10, 30, 60]", text)).config.run.sizes

    assert sizes("{ start = 10, stop = 60, count = 6 }") == [10, 20, 30, 40, 50, 60]
    assert sizes('{ start = 1, stop = 100, count = 3, spacing = "log" }') == [1, 10, 100]
    # rounded, once each
    assert sizes('{ start = 1, stop = 4, count = 9, spacing = "log" }') == [
        1,
        2,
        3,
        4,
    ]


def test_the_examples_are_valid() -> None:
    names = sorted(path.name for path in EXAMPLES.glob("*.toml"))
    assert names == [
        "classifier.toml",
        "correlated.toml",
        "digits.toml",
        "digits_theory.toml",
        "sklearn_digits.toml",
        "spiked.toml",
    ]
    for name in names:
        experiment = _config.load(EXAMPLES / name)
        table = experiment.config.run
        assert set(np.atleast_1d(table.nonzeros)) <= set(table.sizes), name
        assert table.n in table.sizes, name
    digits = _config.load(EXAMPLES / "digits.toml").config.run
    assert (digits.n, len(digits.sizes), digits.sizes[0], digits.sizes[-1]) == (1000, 40, 50, 4000)
    assert digits.nonzeros == [100, 300, 600]


def test_every_row_in_the_pool_and_in_the_test_set(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", inputs=np.eye(30), targets=np.arange(30.0) - 14.5)
    text = f'{DATA}dataset = "npz"\npath = "mine.npz"\ntest_size = "all"\n'
    text += RUN.replace("[10, 30, 60]", "[5]")
    problem = _config.build_problem(parse(text, tmp_path))
    assert isinstance(problem, op.DataProblem)
    assert problem.inputs.shape == problem.test_inputs.shape == (30, 30)


def test_the_demo_is_the_spiked_example() -> None:
    assert _config.load(EXAMPLES / "spiked.toml").config == demo_experiment().config
    assert demo_experiment(7).config.run.trials == 7
    assert demo_experiment().config.run.trials == 100


def test_results_carry_the_config_and_follow_it() -> None:
    text = PROBLEM + RUN + 'trials = 3\nseed = 4\nrules = ["magnitude", "random"]\n'
    results = run(parse(text))
    assert set(results.tables) == {"simulate", "predict"}
    assert all(table.attrs["config"] == text for table in results.tables.values())
    problem = _config.build_problem(parse(text))
    direct = op.simulate(
        problem, 20, [10, 30, 60], 5, rules=("magnitude", "random"), trials=3, seed=4
    )
    np.testing.assert_array_equal(results.tables["simulate"]["pruned_risk"], direct["pruned_risk"])


def test_predict_false_and_auto() -> None:
    assert set(run(parse(PROBLEM + RUN + "trials = 2\npredict = false\n")).tables) == {"simulate"}
    assert set(run(parse(PROBLEM + RUN + "predict = false\n"), simulate=False).tables) == {
        "predict"
    }


@pytest.mark.parametrize(("rows", "predicted"), [(150, True), (149, False)])
def test_data_are_predicted_where_their_test_set_allows(
    tmp_path: Path, rows: int, predicted: bool
) -> None:
    inputs = op.standard_normal((rows + 40, 6), seed=0)
    np.savez(tmp_path / "mine.npz", inputs=inputs, targets=inputs[:, 0] + inputs[:, 1])
    text = (
        f'[problem]\nkind = "data"\ndataset = "npz"\npath = "{tmp_path}/mine.npz"\nfeatures = 30\n'
        f"test_size = {rows}\n[run]\nn = 20\nsizes = [5, 30]\nnonzeros = 5\ntrials = 3\n"
    )
    results = run(parse(text))
    assert set(results.tables) == ({"simulate", "predict"} if predicted else {"simulate"})
    forced = run(parse(text + "predict = true\n"))
    assert set(forced.tables) == {"simulate", "predict"}
    assert [note[:30] for note in forced.notes] == (
        [] if predicted else ["equivalent() takes 30 x 30 sec"]
    )
