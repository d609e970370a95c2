"""The rule lasso in simulations: against theory at the penalty, against its own paths."""

import numpy as np
import pytest

import overprune as op

STAGES = ("pruned_risk", "retrained_risk")


def z_scores(predicted, simulated, n):
    """Of every point, with 2/n of the risk allowed for the size of the problem."""
    scores = []
    for name in STAGES:
        found, at = simulated[name], predicted[name]
        mean, error = found.mean("trial"), found.std("trial", ddof=1) / found.sizes["trial"] ** 0.5
        drawn = predicted.get(f"{name}_stderr", 0.0)
        gap = np.maximum(abs(mean - at) - 2 / n * at, 0.0)
        scores.append((gap / np.hypot(error, drawn)).values.ravel())
    return np.concatenate(scores)


def problems():
    rng = np.random.default_rng(5)
    p = 240
    sparse = np.where(np.arange(p) % 8 == 0, 0.5, 0.0)
    dense = rng.normal(size=p) / p**0.5
    where = np.arange(p)
    return {
        "isotropic": op.LinearGaussianProblem(sparse, np.ones(p), 0.4),
        "power law": op.LinearGaussianProblem(np.full(p, 0.2), (where + 1.0) ** -0.8, 0.1),
        "spiked": op.LinearGaussianProblem(dense, op.spectra.spiked(p, 24, 25.0), 0.3),
        "AR": op.LinearGaussianProblem(sparse, 0.6 ** abs(where[:, None] - where), 0.4),
    }


@pytest.mark.parametrize(("ridge", "retrain_ridge"), [(0.0, 0.0), (0.1, 0.05)])
@pytest.mark.parametrize("name", problems())
def test_simulation_at_the_penalty_of_the_theory(name, ridge, retrain_ridge):
    problem, n = problems()[name], 120
    options = {"rules": ["lasso"], "ridge": ridge, "retrain_ridge": retrain_ridge}
    predicted = op.predict(problem, n, [60, 240], [15, 40], draws=256, **options)
    simulated = op.simulate(
        problem,
        n,
        [60, 240],
        [15, 40],
        trials=60,
        seed=3,
        penalties=predicted.pruned_penalty.sel(rule="lasso"),
        **options,
    )
    scores = z_scores(predicted, simulated, n)
    assert scores.max() < 4, scores
    assert scores.mean() < 1.5
    np.testing.assert_allclose(
        simulated.pruned_penalty.isel(trial=0), predicted.pruned_penalty, rtol=1e-14
    )


def test_trials_are_the_models_of_their_data():
    problem, n = problems()["spiked"], 50
    table = op.simulate(
        problem, n, [40, 240], [5, 30], rules=["lasso", "hessian"], trials=2, seed=1
    )
    for trial in range(2):
        X, y = problem.sample(n, seed=1, stream=trial)
        path = op.prune_path(
            X,
            y,
            [40, 240],
            [5, 30],
            rules=["lasso", "hessian"],
            curvature=problem.covariance,
        )
        again = path.risk(problem)
        for name in (*STAGES, "pruned_penalty"):
            np.testing.assert_allclose(again[name], table[name].isel(trial=trial), rtol=1e-9)
        for size in (40, 240):
            own = op.lasso_path(X[:, :size], y, [5, 30])
            for s, theta, kappa in zip((5, 30), own.coefficients, own.penalty, strict=True):
                np.testing.assert_allclose(path.pruned("lasso", size, s)[:size], theta, atol=1e-11)
                assert path.penalty(size, s) == pytest.approx(kappa, rel=1e-10)
                support = path.support("lasso", size, s)
                assert support.tolist() == np.flatnonzero(theta).tolist()
                refit = np.linalg.lstsq(X[:, support], y, rcond=None)[0]
                np.testing.assert_allclose(
                    path.retrained("lasso", size, s)[support], refit, rtol=1e-7
                )


@pytest.mark.parametrize("name", ["spiked", "AR"])
def test_results_do_not_depend_on_workers_blocks_or_restarts(name, tmp_path):
    problem = problems()[name]
    arguments = {"n": 40, "sizes": [30, 240], "nonzeros": [4, 20], "rules": ["lasso"], "seed": 2}
    whole = op.simulate(problem, trials=6, workers=1, **arguments)
    assert whole.equals(op.simulate(problem, trials=6, workers=2, **arguments))
    op.simulate(problem, trials=2, store=tmp_path / "s", **arguments)
    stored = op.simulate(problem, trials=6, store=tmp_path / "s", **arguments)
    for variable in whole.data_vars:
        np.testing.assert_array_equal(whole[variable], stored[variable])


def test_a_table_at_given_penalties_is_made_again():
    problem = problems()["isotropic"]
    penalties = np.array([[0.2, 0.1], [np.nan, 0.05]])
    table = op.simulate(
        problem, 40, [30, 240], [5, 10], rules=["lasso"], trials=2, penalties=penalties
    )
    assert np.isnan(table.pruned_risk.sel(size=240, nonzeros=5)).all()
    again = op.reproduce(table)
    assert again.equals(table)


def test_streamed_designs_give_the_same():
    problem = problems()["isotropic"]
    core, work = problem._core, {"sizes": [240], "nonzeros": [10], "rules": ["lasso"]}
    from overprune import _core

    found = []
    for limit in (0, 1 << 30):
        trials = _core.Trials(n=40, first=0, seed=4, workers=1, design_limit=limit)
        _core.simulate(core, _core.Grid(**work), trials, [2], None, lambda _, t: found.append(t))
    for name, (_, values) in found[0].items():
        np.testing.assert_array_equal(values, found[1][name][1])


def test_out_of_reach_is_nan_with_a_warning():
    problem = problems()["isotropic"]
    with pytest.warns(UserWarning, match="at most 20 nonzeros"):
        table = op.simulate(problem, 20, [10, 240], [5, 20, 30], rules=["lasso"], trials=2)
    assert np.isnan(table.pruned_risk.sel(size=240, nonzeros=30)).all()
    assert np.isfinite(table.pruned_risk.sel(size=240, nonzeros=20)).all()
    assert np.isnan(table.pruned_risk.sel(size=10, nonzeros=20)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"penalties": [[0.1, 0.2, 0.3]]}, r"penalties must have shape \(1, 2\), got \(1, 3\)"),
        ({"penalties": [[0.1, -0.2]]}, "penalties must be finite and at least 0"),
        ({"penalties": [[0.1, 0.2]], "rules": ["hessian"]}, "penalties must be None without"),
        ({"compensate": True}, 'got "lasso", which trains its own models'),
    ],
)
def test_bad_input(arguments, message):
    problem = problems()["isotropic"]
    given = {"rules": ["lasso"], "trials": 1, **arguments}
    with pytest.raises(ValueError, match=message):
        op.simulate(problem, 20, [240], [5, 10], **given)
