"""Configs: what they build, and one line for everything wrong in them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import overprune as op
from overprune.experiments import config as _config
from overprune.experiments.run import DEMO, demo_experiment, run

EXAMPLES = Path(__file__).parents[3] / "examples"
PROBLEM = '[problem]\nkind = "linear_gaussian"\np = 60\n'
RUN = "[run]\nn = 20\nsizes = [10, 30, 60]\nnonzeros = 5\n"
COUNT = "expected an integer from 1 to 10**8"
NOT_NEGATIVE = "expected a finite number of at least 0"
INTEGERS = "an increasing list of integers from 1 to 10**8"
SIZES = f"expected {INTEGERS} or a table with start, stop, count, spacing"
KINDS = "linear_gaussian, random_features"
RUN_KEYS = (
    "n, sizes, nonzeros, rules, retrain, ridge, retrain_ridge, "
    "compensate, curvature, trials, seed, workers, memory_limit, draws, rtol, predict"
)
DATA = '[problem]\nkind = "data"\n'


def parse(text: str, folder: Path = Path()) -> _config.Experiment:
    return _config.parse(text, "c.toml", folder)


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
    assert sizes('{ start = 1, stop = 4, count = 9, spacing = "log" }') == [
        1,
        2,
        3,
        4,
    ]  # rounded, once each


def test_the_examples_are_valid() -> None:
    names = sorted(path.name for path in EXAMPLES.glob("*.toml"))
    assert names == [
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
    np.savez(tmp_path / "mine.npz", inputs=np.eye(30), targets=np.arange(30.0))
    text = f'{DATA}dataset = "npz"\npath = "mine.npz"\ntest_size = "all"\n'
    text += RUN.replace("[10, 30, 60]", "[5]")
    problem = _config.build_problem(parse(text, tmp_path))
    assert isinstance(problem, op.DataProblem)
    assert problem.inputs.shape == problem.test_inputs.shape == (30, 30)


def test_the_demo_is_the_spiked_example() -> None:
    assert _config.load(EXAMPLES / "spiked.toml").config == demo_experiment().config
    assert demo_experiment(7).config.run.trials == 7
    assert "trials = 100" in DEMO


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"problem is missing: expected a table with kind = {KINDS} or data"),
        (PROBLEM, "run is missing: expected a table with n, sizes and nonzeros"),
        ("problem = 3\n" + RUN, f"problem: expected a table with kind = {KINDS} or data, got 3"),
        (
            PROBLEM.replace("linear_", ""),
            f"problem.kind: expected one of {KINDS}, data, got 'gaussian'",
        ),
        ("[problem]\np = 3\n" + RUN, f"problem.kind is missing: expected one of {KINDS}, data"),
        (
            PROBLEM + "colour = 1\n",
            "problem.colour: unknown key; allowed: kind, p, noise_std, spectrum, beta",
        ),
        (PROBLEM.replace("60", "0"), f"problem.p: {COUNT}, got 0"),
        (PROBLEM.replace("60", "60.0"), f"problem.p: {COUNT}, got 60.0"),
        (PROBLEM.replace("60", "true"), f"problem.p: {COUNT}, got True"),
        (PROBLEM.replace("60", "99999999999999"), f"problem.p: {COUNT}, got 99999999999999"),
        (
            DATA + 'dataset = "digits"\nfeatures = 100000001\n',
            f"problem.features: {COUNT}, got 100000001",
        ),
        (
            '[problem]\nkind = "random_features"\nfeatures = 60\ndim = 1000000000\n',
            f"problem.dim: {COUNT}, got 1000000000",
        ),
        (PROBLEM + "noise_std = -1\n", f"problem.noise_std: {NOT_NEGATIVE}, got -1"),
        (PROBLEM + "noise_std = inf\n", f"problem.noise_std: {NOT_NEGATIVE}, got inf"),
        (PROBLEM + "noise_std = nan\n", f"problem.noise_std: {NOT_NEGATIVE}, got nan"),
        (PROBLEM + "noise_std = '1'\n", f"problem.noise_std: {NOT_NEGATIVE}, got '1'"),
        (
            PROBLEM + "spectrum = 3\n",
            "problem.spectrum: expected a table with kind = isotropic, spiked, power_law or ar, "
            "got 3",
        ),
        (
            PROBLEM + 'spectrum = {kind = "x"}\n',
            "problem.spectrum.kind: expected one of isotropic, spiked, power_law, ar, got 'x'",
        ),
        (
            PROBLEM + 'spectrum = {kind = "spiked", spikes = 3}\n',
            "problem.spectrum.value is missing: expected a finite number above 0",
        ),
        (
            PROBLEM + 'spectrum = {kind = "spiked", spike = 3, value = 2}\n',
            "problem.spectrum.spike: unknown key (did you mean spikes?); allowed: kind, spikes, "
            "value",
        ),
        (
            PROBLEM + 'spectrum = {kind = "spiked", spikes = 61, value = 2}\n',
            "problem.spectrum.spikes must be at most p = 60, got 61",
        ),
        (
            PROBLEM + 'spectrum = {kind = "ar", rho = 1.0}\n',
            "problem.spectrum.rho: expected a number between -1 and 1, both excluded, got 1.0",
        ),
        (
            PROBLEM + 'beta = {kind = "sparse", count = 61}\n',
            "problem.beta.count must be at most p = 60, got 61",
        ),
        (
            PROBLEM + 'beta = {kind = "values", values = [1.0]}\n',
            "problem.beta.values must have p = 60 entries, got 1",
        ),
        (
            PROBLEM + 'beta = {kind = "values", values = [1.0, "a"]}\n',
            "problem.beta.values[1]: expected a list of p finite numbers, got 'a'",
        ),
        (
            DATA + 'dataset = "digits"\ntest_size = 0\n',
            f'problem.test_size: {COUNT} or "all", got 0',
        ),
        (DATA, "problem.dataset is missing: expected one of mnist, digits, npz"),
        (
            DATA + 'dataset = "cifar"\n',
            "problem.dataset: expected one of mnist, digits, npz, got 'cifar'",
        ),
        (
            DATA + 'dataset = "npz"\n',
            'problem.path is missing: expected the name of an .npz file for dataset = "npz"',
        ),
        (
            DATA + 'dataset = "mnist"\npath = "x"\n',
            'problem.path is for dataset = "npz" only, got \'x\' with "mnist"',
        ),
        (
            DATA + 'dataset = "mnist"\nactivation = "swish"\n',
            "problem.activation: expected one of identity, relu, sign, erf, cos, tanh, gelu, got "
            "'swish'",
        ),
        (
            DATA + 'dataset = "mnist"\nseed = -1\n',
            "problem.seed: expected an integer from 0 to 2**64 - 1, got -1",
        ),
    ],
)
def test_bad_problems(text: str, message: str) -> None:
    with pytest.raises(_config.ConfigError) as caught:
        parse(text if "[run]" in text or text in ("", PROBLEM) else text + RUN)
    assert str(caught.value) == f"c.toml: {message}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("n = 20", "", f"run.n is missing: {COUNT} or {INTEGERS}"),
        ("n = 20", "n = 0", f"run.n: {COUNT} or {INTEGERS}, got 0"),
        ("n = 20", "n = [20, 10]", f"run.n: {COUNT} or {INTEGERS}, got [20, 10]"),
        ("= [10, 30, 60]", "= [30, 10]", "run.sizes must be strictly increasing, got 30 before 10"),
        ("= [10, 30, 60]", "= [10, 10]", "run.sizes must be strictly increasing, got 10 before 10"),
        ("= [10, 30, 60]", "= []", f"run.sizes: {SIZES}, got []"),
        ("= [10, 30, 60]", "= [1.5]", f"run.sizes[0]: {SIZES}, got 1.5"),
        (
            "= [10, 30, 60]",
            "= {start = 5, stop = 3, count = 2}",
            "run.sizes.stop must be above start = 5, got 3",
        ),
        (
            "= [10, 30, 60]",
            "= {start = 5, stop = 30}",
            "run.sizes.count is missing: expected an integer from 2 to 10**6",
        ),
        (
            "= [10, 30, 60]",
            "= {begin = 5, stop = 30, count = 2}",
            "run.sizes.begin: unknown key; allowed: start, stop, count, spacing",
        ),
        (
            "= [10, 30, 60]",
            "= {start = 5, stop = 30, count = 2, spacing = 'x'}",
            "run.sizes.spacing: expected one of linear, log, got 'x'",
        ),
        (
            "nonzeros = 5",
            "nonzero = 5",
            f"run.nonzero: unknown key (did you mean nonzeros?); allowed: {RUN_KEYS}",
        ),
        (
            "nonzeros = 5",
            "nonzeros = 5\nrules = ['size']",
            "run.rules[0]: expected one of magnitude, hessian, oracle, random, got 'size'",
        ),
        (
            "nonzeros = 5",
            "nonzeros = 5\nrules = 'oracle'",
            "run.rules: expected a list of rules, got 'oracle'",
        ),
        ("nonzeros = 5", "nonzeros = 5\nretrain = 1", "run.retrain: expected true or false, got 1"),
        (
            "nonzeros = 5",
            "nonzeros = 5\nridge = -0.5",
            f"run.ridge: {NOT_NEGATIVE} or a list of them, got -0.5",
        ),
        (
            "nonzeros = 5",
            "nonzeros = 5\nridge = [0.1, 1, 0.1]",
            "run.ridge must be distinct, got [0.1, 1.0, 0.1]",
        ),
        (
            "nonzeros = 5",
            "nonzeros = 5\nridge = [0, -0.0]",
            "run.ridge must be distinct, got [0.0, -0.0]",
        ),
        ("n = 20", "n = 1000000000", f"run.n: {COUNT} or {INTEGERS}, got 1000000000"),
        (
            "nonzeros = 5",
            "nonzeros = 5\ntrials = 1000000000",
            f"run.trials: {COUNT}, got 1000000000",
        ),
        (
            "= [10, 30, 60]",
            "= {start = 5, stop = 30, count = 1000000000000}",
            "run.sizes.count: expected an integer from 2 to 10**6, got 1000000000000",
        ),
        (
            "nonzeros = 5",
            "nonzeros = 5\nretrain_ridge = -1",
            f"run.retrain_ridge: {NOT_NEGATIVE}, got -1",
        ),
        ("nonzeros = 5", "nonzeros = 5\ntrials = 'many'", f"run.trials: {COUNT}, got 'many'"),
        (
            "nonzeros = 5",
            "nonzeros = 5\nworkers = 0",
            "run.workers: expected an integer from 1 to 1024, got 0",
        ),
        (
            "nonzeros = 5",
            "nonzeros = 5\npredict = 'yes'",
            "run.predict: expected true, false or \"auto\", got 'yes'",
        ),
        (
            "nonzeros = 5",
            "nonzeros = 5\n[plot]\nlogy = 'x'",
            "plot.logy: expected true, false or \"auto\", got 'x'",
        ),
        (
            "nonzeros = 5",
            "nonzeros = 5\n[plot]\nquantity = 'loss'",
            "plot.quantity: expected one of risk, accuracy, error, got 'loss'",
        ),
        (
            "nonzeros = 5",
            "nonzeros = 5\n[plot]\nstatistic = 'mode'",
            "plot.statistic: expected one of mean, median, got 'mode'",
        ),
        (
            "nonzeros = 5",
            "nonzeros = 5\n[plots]",
            "plots: unknown key (did you mean plot?); allowed: problem, run, plot",
        ),
    ],
)
def test_bad_runs(old: str, new: str, message: str) -> None:
    assert old in RUN
    with pytest.raises(_config.ConfigError) as caught:
        parse(PROBLEM + RUN.replace(old, new))
    assert str(caught.value) == f"c.toml: {message}"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("60]", "61]", r"run\.sizes\[2\] must be between 1 and 60, got 61"),
        ("nonzeros = 5", "nonzeros = 61", r"run\.nonzeros\[0\] must be between 1 and 60, got 61"),
        (
            "nonzeros = 5",
            'nonzeros = 5\nrules = ["oracle", "oracle"]',
            "run.rules must be distinct",
        ),
    ],
)
def test_what_only_the_run_finds_names_its_field_too(old: str, new: str, message: str) -> None:
    with pytest.raises(_config.ConfigError, match=rf"^c\.toml: {message}"):
        run(parse(PROBLEM + RUN.replace(old, new)))


def test_what_does_not_fit_into_memory_names_the_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 72.8 PiB")

    monkeypatch.setattr("overprune.spectra.isotropic", too_large)
    with pytest.raises(_config.ConfigError) as caught:
        _config.build_problem(parse(PROBLEM + RUN))
    assert (
        str(caught.value)
        == "c.toml: problem.p is too large for the memory: Unable to allocate 72.8 PiB"
    )
    monkeypatch.undo()
    monkeypatch.setattr("overprune.experiments.run.plan", too_large)
    message = r"^c\.toml: run\.n or run\.sizes or run\.trials is too large for the memory: Unable"
    with pytest.raises(_config.ConfigError, match=message):
        run(parse(PROBLEM + RUN))


def test_a_missing_package_names_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(
        _config.ConfigError, match=r"^c\.toml: problem: load_digits needs the package scikit-"
    ):
        _config.build_problem(parse(DATA + 'dataset = "digits"\n' + RUN))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    with pytest.raises(_config.ConfigError, match=r"c\.toml: cannot be read: No such file"):
        _config.load(path)
    path.write_text("a = [")
    with pytest.raises(
        _config.ConfigError, match=r"c\.toml: not valid TOML: .*line 1|end of document"
    ):
        _config.load(path)
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(_config.ConfigError, match=r"c\.toml: not a text file in UTF-8"):
        _config.load(path)


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
