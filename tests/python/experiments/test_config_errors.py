"""Configs: one line for everything wrong in them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from configs import DATA, PROBLEM, RUN, parse
from overprune.experiments import config as _config
from overprune.experiments.run import run

COUNT = "expected an integer from 1 to 10**8"


NOT_NEGATIVE = "expected a finite number of at least 0"


INTEGERS = "an increasing list of integers from 1 to 10**8"


SIZES = f"expected {INTEGERS} or a table with start, stop, count, spacing"


KINDS = "linear_gaussian, linear_classification, random_features"


RUN_KEYS = (
    "n, sizes, nonzeros, rules, retrain, ridge, retrain_ridge, "
    "compensate, loss, curvature, trials, seed, workers, memory_limit, draws, rtol, predict"
)


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
            "run.rules[0]: expected one of magnitude, hessian, oracle, random, lasso, got 'size'",
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
            "nonzeros = 5\nloss = 'log'",
            "run.loss: expected one of square, logistic, hinge, got 'log'",
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
