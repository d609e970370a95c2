"""Simulation: every trial is a prune_path, and no bit depends on how the trials are run."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import overprune as op
import problems

GRID = {"n": 15, "sizes": [6, 14, 16, 25], "nonzeros": [3, 10, 20], "trials": 6, "seed": 11}


def run(problem, **changes):
    return op.simulate(problem, **{"rules": problems.rules_of(problem), **GRID, **changes})


def assert_same_bits(a, b):
    assert set(a) == set(b)
    for name in a:
        assert a[name].dims == b[name].dims
        assert a[name].values.tobytes() == b[name].values.tobytes()


def oracle_truth(problem, sizes):
    """The oracle's coefficients at each size: those of the problem restricted to its first k
    features."""
    if isinstance(problem, op.RandomFeatureProblem):
        problem = problem.equivalent()
    truth = np.zeros((len(sizes), problem.p))
    for row, k in zip(truth, sizes, strict=True):  # of several targets, the norms of the rows
        row[:k] = np.linalg.norm(problem.restrict(k).beta.reshape(k, -1), axis=1)
    return truth


def curvature_of(problem):
    if isinstance(problem, op.DataProblem):
        return None
    if isinstance(problem, op.RandomFeatureProblem):
        problem = problem.equivalent()
    return problem.covariance if problem.covariance.ndim == 1 else np.diag(problem.covariance)


@pytest.mark.parametrize("name", problems.EVERY)
def test_a_trial_is_sample_then_prune_path_then_risk(name):
    problem = problems.EVERY[name]()
    settings = {"ridge": 0.01, "retrain_ridge": 0.02} if name == "diagonal" else {}
    table = run(problem, **settings)
    for t in range(GRID["trials"]):
        X, y = problem.sample(GRID["n"], seed=GRID["seed"], stream=t)
        path = op.prune_path(
            X,
            y,
            GRID["sizes"],
            GRID["nonzeros"],
            rules=problems.rules_of(problem),
            **settings,
            curvature=curvature_of(problem),
            truth=None
            if isinstance(problem, op.DataProblem)
            else oracle_truth(problem, GRID["sizes"]),
            seed=GRID["seed"],
            stream=t,
        )
        measured = path.risk(problem, stream=t)
        assert set(measured) == set(table)
        for quantity in table:
            xr.testing.assert_allclose(
                measured[quantity], table[quantity].sel(trial=t, drop=True), rtol=1e-9
            )


@pytest.mark.parametrize("name", problems.EVERY)
def test_workers_do_not_change_a_bit(name):
    problem = problems.EVERY[name]()
    one = run(problem, workers=1)
    for workers in (2, 7, None):
        assert_same_bits(one, run(problem, workers=workers))


@pytest.mark.parametrize("name", problems.EVERY)
def test_the_split_of_the_trials_does_not_change_a_bit(name):
    problem = problems.EVERY[name]()
    whole = run(problem, workers=2)
    parts = [
        run(problem, first_trial=a, trials=b - a, workers=w)
        for a, b, w in [(0, 1, 1), (1, 4, 2), (4, 6, 1)]
    ]
    joined = xr.concat(parts, "trial")
    assert_same_bits(whole, joined)
    np.testing.assert_array_equal(joined.trial, whole.trial)


def test_a_trial_does_not_depend_on_the_rest_of_the_grid_beyond_rounding():
    problem = problems.diagonal()
    whole = run(problem)
    part = run(problem, sizes=[14, 25], nonzeros=[10], rules=("hessian", "random"))
    for name in part:
        xr.testing.assert_allclose(
            part[name], whole[name].sel({d: part[d] for d in part[name].dims}), rtol=1e-9
        )


def test_seeds_and_trials_differ():
    problem = problems.diagonal()
    a, b = run(problem), run(problem, seed=12)
    assert (a.dense_risk != b.dense_risk).all()
    assert len(np.unique(a.dense_risk.values)) == a.dense_risk.size


def test_against_a_loop_that_draws_its_own_data():
    """Shares nothing with the core, not even the random numbers: agreement within errors of the
    means."""
    problem = problems.diagonal(p=60)
    n, k, s, trials = 30, 50, 15, 400
    rng, figures = np.random.default_rng(0), []
    for _ in range(trials):
        X = rng.standard_normal((n, 60)) * np.sqrt(problem.covariance)
        y = X @ problem.beta + problem.noise_std * rng.standard_normal(n)
        theta = np.zeros(60)
        theta[:k] = np.linalg.lstsq(X[:, :k], y, rcond=None)[0]
        keep = np.argsort(-(theta**2 * problem.covariance))[:s]
        pruned, retrained = np.zeros(60), np.zeros(60)
        pruned[keep] = theta[keep]
        retrained[keep] = np.linalg.lstsq(X[:, keep], y, rcond=None)[0]
        figures.append([problem.risk(model) for model in (theta, pruned, retrained)])
    table = op.simulate(problem, n, [k], [s], rules="hessian", trials=trials, seed=5)
    for i, name in enumerate(("dense_risk", "pruned_risk", "retrained_risk")):
        ours, theirs = table[name].values.ravel(), np.array(figures)[:, i]
        error = np.hypot(ours.std(), theirs.std()) / np.sqrt(trials)
        assert abs(ours.mean() - theirs.mean()) < 4 * error


@pytest.mark.parametrize("name", problems.EVERY)
def test_the_table_is_labelled(name):
    problem = problems.EVERY[name]()
    table = run(problem)
    stages = {"dense": ("size", "trial")} | dict.fromkeys(
        ("pruned", "retrained"), ("rule", "size", "nonzeros", "trial")
    )
    quantities = ("risk", "accuracy") if "labelled" in name else ("risk",)
    assert {n: table[n].dims for n in table} == {
        f"{s}_{q}": d for s, d in stages.items() for q in quantities
    }
    assert table["size"].values.tolist() == GRID["sizes"]
    assert table["nonzeros"].values.tolist() == GRID["nonzeros"]
    assert table["rule"].values.tolist() == list(problems.rules_of(problem))
    assert table["trial"].values.tolist() == list(range(GRID["trials"]))


def test_sequences_of_n_and_ridge_add_dimensions():
    problem = problems.diagonal()
    table = run(problem, n=[10, 15], ridge=[0.0, 0.1, 1.0])
    assert table.dense_risk.dims == ("n", "ridge", "size", "trial")
    assert table.retrained_risk.dims == ("n", "ridge", "rule", "size", "nonzeros", "trial")
    for n in (10, 15):
        for ridge in (0.0, 0.1, 1.0):
            assert_same_bits(table.sel(n=n, ridge=ridge, drop=True), run(problem, n=n, ridge=ridge))
    assert run(problem, n=[15]).dense_risk.dims == ("n", "size", "trial")
    assert run(problem, ridge=(0.5,)).dense_risk.dims == ("ridge", "size", "trial")
    assert "n" not in run(problem).coords


def test_keeping_all_is_dense_and_keeping_more_is_nan():
    table = run(problems.diagonal(), sizes=[3, 10, 20], nonzeros=[3, 10, 20])
    for k in (3, 10, 20):
        for s in (3, 10, 20):
            pruned, retrained = (
                table[n].sel(size=k, nonzeros=s) for n in ("pruned_risk", "retrained_risk")
            )
            assert np.isnan(pruned).all() == np.isnan(retrained).all() == (s > k)
            if s == k:
                assert (pruned == table.dense_risk.sel(size=k)).all()
                np.testing.assert_allclose(retrained, pruned, rtol=1e-9)


def test_all_sizes_below_all_nonzeros():
    table = run(problems.diagonal(), sizes=[2, 4], nonzeros=[5, 9])
    assert np.isnan(table.pruned_risk).all()
    assert np.isnan(table.retrained_risk).all()
    assert np.isfinite(table.dense_risk).all()


def test_without_retraining():
    problem = problems.labelled_data()
    table, full = run(problem, retrain=False), run(problem)
    assert set(table) == {"dense_risk", "pruned_risk", "dense_accuracy", "pruned_accuracy"}
    assert_same_bits(table, full[list(table)])


def test_sample_curvature():
    problem = problems.diagonal()
    table = run(problem, curvature="sample", rules="hessian", trials=1)
    X, y = problem.sample(GRID["n"], seed=GRID["seed"])
    expected = op.prune_path(X, y, GRID["sizes"], GRID["nonzeros"], rules="hessian").risk(problem)
    xr.testing.assert_allclose(
        table.pruned_risk.isel(trial=0, drop=True), expected.pruned_risk, rtol=1e-9
    )
    assert (table.pruned_risk != run(problem, rules="hessian", trials=1).pruned_risk).any()


def test_random_pruning_keeps_every_feature_equally_often():
    p, trials = 12, 400
    counts = np.zeros(p)
    for t in range(trials):
        path = op.prune_path(
            np.ones((2, p)), [1.0, 2.0], [p], [3], rules="random", seed=2, stream=t
        )
        counts[path.support("random", p, 3)] += 1
    expected = trials * 3 / p
    assert (
        (counts - expected) ** 2 / expected
    ).sum() < 32  # chi-squared with 11 degrees of freedom: p = 0.001


def test_one_row_one_feature_one_trial():
    table = op.simulate(op.LinearGaussianProblem([2.0], [1.0]), 1, [1], [1], trials=1)
    np.testing.assert_allclose(table.dense_risk, 0.0, atol=1e-25)
    assert table.pruned_risk.shape == (1, 1, 1, 1)


def test_progress_shows_on_long_runs_only(capfd):
    run(problems.diagonal(), progress=True)
    assert capfd.readouterr().err == ""


def test_progress_counts_every_trial_of_every_block(monkeypatch):
    made = []

    class Bar:
        def __init__(self, total, unit, done):
            self.n, self.total, self.closed = done, total, False
            made.append(self)

        def update(self, count):
            assert count >= 0
            self.n += count

        def close(self):
            self.closed = True

    monkeypatch.setattr("overprune._progress.make_bar", Bar)
    run(problems.diagonal(), progress=True, n=[10, 12], ridge=[0.0, 0.1, 1.0])
    (bar,) = made
    assert bar.n == bar.total == 2 * 3 * GRID["trials"]
    assert bar.closed


def test_a_terminal_has_a_bar_and_a_file_a_line_a_minute(monkeypatch, capsys):
    from overprune import _progress

    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with _progress.Progress(200, "trials", True, done=50) as bar:
        for done, seconds in ((10, 30.0), (40, 61.0), (50, 100.0), (100, 121.0)):
            now[0] = seconds
            bar.callback()(done)
        bar.finish_block(150)
    assert capsys.readouterr().err.splitlines() == [
        "overprune: 90 of 200 trials (45%), about 2.8 min left",
        "overprune: 150 of 200 trials (75%), about 60.5 s left",
        "overprune: 200 of 200 trials (100%), after 2.02 min",
    ]
    with _progress.Progress(10, "trials", True) as bar:
        bar.finish_block(10)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    made = _progress.make_bar(5, " trials")
    assert type(made).__module__.startswith("tqdm")
    made.close()


def test_repeated_ridges_are_refused_and_the_curvature_used_is_told():
    problem = problems.EVERY["diagonal"]()
    with pytest.raises(ValueError, match="ridge must hold distinct values"):
        op.simulate(problem, 5, [2], [1], ridge=[0.1, 0.1], trials=1)
    assert op.simulate(problem, 5, [2], [1], trials=1).curvature == "population"
    data = op.DataProblem(np.eye(6), np.ones(6) / 2, np.eye(6), np.ones(6) / 2)
    assert op.simulate(data, 5, [2], [1], trials=1).curvature == "sample"
