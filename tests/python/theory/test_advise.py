"""advise: against loops over predict and predict_schedule, and against simulation."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import overprune as op
import problems

RULES = ("magnitude", "hessian")


def spiked(p=300):
    return op.LinearGaussianProblem(np.full(p, p**-0.5), op.spectra.spiked(p, p // 10, 25.0), 0.3)


def sparse():
    beta = np.repeat([1 / 6, 0.0], [40, 560])
    return op.LinearGaussianProblem(
        np.random.default_rng(0).permutation(beta), np.ones(600), 0.1**0.5
    )


@pytest.fixture(scope="module")
def found():
    return op.advise(spiked(), 90, 30)


def predicted(problem, n, s, choice, **options):
    """The risk of a choice by the function that anybody would call."""
    if choice.stage == "direct":
        return op.predict(problem, n, [s], [s], ridge=choice.ridge).dense_risk.item()
    if choice.rounds > 1:
        table = op.predict_schedule(
            problem, n, choice.size, choice.schedule, rules=(choice.rule,), ridge=choice.ridge
        )
        return table.retrained_risk.values[0, -1]
    table = op.predict(
        problem, n, [choice.size], [s], rules=(choice.rule,), ridge=choice.ridge, **options
    )
    return table[f"{choice.stage}_risk"].item()


def test_every_choice_has_the_risk_that_predict_gives(found):
    for choice in found.choices[::7]:
        assert choice.risk == pytest.approx(predicted(spiked(), 90, 30, choice), rel=1e-9)
    assert predicted(spiked(), 90, 30, found.best) == found.best.risk
    assert [c.risk for c in found.choices] == sorted(c.risk for c in found.choices)
    assert found.choices[0].risk == found.best.risk


def test_nothing_in_a_scan_of_the_whole_space_is_better(found):
    sizes = list(range(31, 301, 3))
    ridges = [0.0, *np.geomspace(1e-3, 100, 25)]
    table = op.predict(spiked(), 90, sizes, [30], rules=RULES, ridge=ridges)
    least = min(table.pruned_risk.min().item(), table.retrained_risk.min().item())
    direct = op.predict(spiked(), 90, [30], [30], ridge=ridges).dense_risk.min().item()
    assert found.best.risk <= min(least, direct)
    assert found.best.risk == pytest.approx(min(least, direct), rel=1e-3)
    assert found.direct.risk == pytest.approx(direct, rel=1e-3)
    for rule in RULES:
        for stage in ("pruned", "retrained"):
            mine = [c for c in found.choices if (c.rule, c.stage, c.rounds) == (rule, stage, 1)]
            for ridge, which in ((0.0, [c for c in mine if c.ridge == 0]), (None, mine)):
                scan = table[f"{stage}_risk"].sel(rule=rule)
                scan = scan if ridge is None else scan.sel(ridge=ridge)
                assert min(c.risk for c in which) <= scan.min().item() * (1 + 2e-3)


def test_the_demo_without_ridge():
    problem = op.LinearGaussianProblem(
        np.full(1500, 1500**-0.5), op.spectra.spiked(1500, 150, 25.0), 0.3
    )
    advice = op.advise(problem, 450, 150, ridge="none")
    best = advice.best
    assert (best.stage, best.size, best.rule, best.ridge, best.rounds) == (
        "pruned",
        1500,
        "hessian",
        0.0,
        1,
    )
    assert round(best.risk, 3) == 1.344
    assert round(advice.direct.risk, 3) == round(advice.direct_best.risk, 3) == 1.485
    text = str(advice)
    assert "Train 1500 features, prune to 150 by hessian, do not retrain: risk 1.344." in text
    assert "Train 150 features directly: 1.485 (+10 %)." in text
    assert set(advice.costs) == {"size", "rule", "retraining", "rounds"}
    assert advice.costs["size"]["s, directly"] == advice.direct


def test_costs_are_the_best_that_decide_so(found):
    ways = {
        "retraining": {
            "no": lambda c: c.stage == "pruned",
            "yes": lambda c: c.stage == "retrained",
        },
        "rule": {rule: lambda c, rule=rule: c.rule == rule for rule in (*RULES, "lasso")},
        "ridge": {"none": lambda c: c.ridge == 0, "tuned": lambda c: c.tuned},
        "rounds": {str(r): lambda c, r=r: c.rounds == r for r in (1, 2, 4)},
        "size": {"s, directly": lambda c: c.stage == "direct", "k = 300": lambda c: c.size == 300},
    }
    assert {d: set(w) for d, w in found.costs.items()} == {d: set(w) for d, w in ways.items()}
    for decision, each in ways.items():
        for way, belongs in each.items():
            choice = found.costs[decision][way]
            assert belongs(choice)
            assert choice.risk == pytest.approx(
                min(c.risk for c in found.choices if belongs(c)), rel=1e-8
            )
        assert min(c.risk for c in found.costs[decision].values()) == pytest.approx(
            found.best.risk, rel=1e-8
        )


def test_a_sparse_signal_is_best_found_in_rounds():
    problem = sparse()
    advice = op.advise(problem, 300, 60, rules=RULES)
    assert advice.best.rounds > 1
    assert advice.best.stage == "retrained"
    one = advice.costs["rounds"]["1"]
    assert advice.best.risk < 0.8 * one.risk
    assert (
        abs(predicted(problem, 300, 60, advice.best) - advice.best.risk)
        < 5 * advice.best.stderr + 1e-9
    )
    known = np.sort(np.argsort(-(problem.beta**2), kind="stable")[:60])
    assert (
        advice.direct_best.risk
        <= op.predict(problem.restrict(known), 300, [60], [60]).dense_risk.item()
    )
    assert advice.direct_best.risk < advice.best.risk < advice.direct.risk
    without = op.advise(problem, 300, 60, schedules=False, ridge=0.1)
    assert {c.rounds for c in without.choices} == {0, 1}
    assert {(c.ridge, c.tuned) for c in without.choices} == {(0.1, False)}


def test_simulation_confirms_the_advice(found):
    problem, n, s, best, direct = spiked(), 90, 30, found.best, found.direct
    shared = {"trials": 150, "seed": 1, "retrain": best.stage == "retrained"}
    large = op.simulate(
        problem, n, [best.size], [s], rules=(best.rule,), ridge=best.ridge, **shared
    )
    small = op.simulate(
        problem, n, [s], [s], ridge=direct.ridge, **shared
    ).dense_risk.values.ravel()
    large = large[f"{best.stage}_risk"].values.ravel()
    for risks, choice in ((large, best), (small, direct)):
        error = risks.std(ddof=1) / math.sqrt(risks.size)
        # finite size: of order 1 / n
        assert abs(risks.mean() - choice.risk) < 4 * error + 0.01 * choice.risk
    difference = small - large
    assert difference.mean() > 4 * difference.std(ddof=1) / math.sqrt(difference.size)


@pytest.mark.parametrize(
    "name", ["correlated", "several targets", "relu features", "regression data"]
)
@pytest.mark.filterwarnings("ignore:.*test rows")
def test_problems_that_need_draws(name):
    problem = problems.EVERY[name]()
    options = {"draws": 16, "seed": 2}
    advice = op.advise(problem, 12, 4, **options)
    assert advice.best.risk < advice.null_risk * 1.5
    drawn = [c for c in advice.choices if c.rounds == 1 and c == advice.costs["retraining"]["no"]]
    for choice in drawn:
        table = op.predict(
            problem,
            12,
            [choice.size],
            [4],
            rules=(choice.rule,),
            ridge=choice.ridge,
            retrain=False,
            **options,
        )
        assert choice.risk == pytest.approx(table.pruned_risk.item(), rel=1e-9)
        assert choice.stderr == pytest.approx(table.pruned_risk_stderr.item(), rel=1e-6)
    assert drawn
    assert str(op.advise(problem, 12, 4, workers=3, **options)) == str(advice)
    if problem.p > 4:
        assert {c.size for c in advice.choices} >= {4, problem.p}


@pytest.mark.parametrize(("n", "s"), [(20, 60), (20, 59), (20, 20), (5, 30), (100, 10), (1, 1)])
def test_corners(n, s):
    problem = op.LinearGaussianProblem(np.full(60, 0.1), op.spectra.power_law(60, 0.5), 0.2)
    advice = op.advise(problem, n, s)
    assert advice.best.risk <= advice.direct.risk < math.inf
    assert advice.best.risk == min(c.risk for c in advice.choices)
    assert not any(math.isnan(c.risk) for c in advice.choices)
    if s == 60:
        assert advice.best.stage == "direct"
        assert {c.stage for c in advice.choices} == {"direct"}
    if s >= n:
        assert {c.rounds for c in advice.choices} <= {0, 1}
    assert str(advice).startswith(f"n = {n} samples, s = {s} of p = 60")


def test_the_simplest_of_equals_is_recommended():
    isotropic = op.LinearGaussianProblem(np.zeros(30), np.ones(30), 0.0)
    advice = op.advise(isotropic, 10, 5)
    assert (advice.best.stage, advice.best.ridge) == ("direct", 0.0)
    hessian = op.advise(
        op.LinearGaussianProblem(np.full(60, 0.1), np.ones(60), 0.3), 30, 20, schedules=False
    )
    assert hessian.costs["rule"]["hessian"].risk == pytest.approx(
        hessian.costs["rule"]["magnitude"].risk
    )


def test_the_oracle_is_listed_and_not_recommended():
    advice = op.advise(sparse(), 300, 60, rules=("magnitude", "oracle"), schedules=False)
    assert advice.choices[0].knows_the_truth
    assert advice.best.rule == "magnitude"
    assert set(advice.costs.get("rule", {})) <= {"magnitude"}


def test_given_sizes_are_the_only_ones():
    advice = op.advise(
        spiked(), 90, 30, sizes=[10, 30, 50, 120], retrain=False, ridge=["none", 0.5]
    )
    assert {c.size for c in advice.choices if c.stage != "direct"} == {50, 120}
    assert {c.stage for c in advice.choices} == {"direct", "pruned"}
    assert {c.ridge for c in advice.choices} == {0.0, 0.5}
    assert "ridge" in advice.costs


def test_other_forms(found):
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["best"]["risk"] == found.best.risk
    assert data["best"]["text"] == str(found.best)
    assert len(data["choices"]) == len(found.choices)
    table = found.dataset()
    assert table.risk.values.tolist() == [c.risk for c in found.choices]
    assert {name: table.attrs[name] for name in ("kind", "n", "nonzeros")} == {
        "kind": "advise",
        "n": 90,
        "nonzeros": 30,
    }
    heading, *rows = found.rows()
    assert heading[0] == "risk"
    assert all(len(row) == len(heading) for row in rows)
    assert len(rows) == len(found.choices)
    assert repr(found).startswith("<Advice for n = 90, s = 30: train ")
    sizes = found.table["size"].values
    assert np.all(np.diff(sizes) > 0)
    again = op.predict(spiked(), 90, sizes, [30], rules=found.table.rule.values.tolist())
    for name in ("dense_risk", "pruned_risk", "retrained_risk"):
        np.testing.assert_allclose(found.table[name], again[name], rtol=1e-12)
    assert op.plot.risk(found.table).get_ylabel() == "test risk"


def test_an_infinite_risk_is_none_in_json():
    advice = op.advise(spiked(60), 12, 12, ridge="none")
    assert math.isinf(advice.direct.risk)
    assert advice.to_dict()["direct"]["risk"] is None
    assert "inf (infinitely worse)" in str(advice)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"problem": 3}, TypeError, "problem must be a LinearGaussianProblem"),
        ({"n": 0}, ValueError, "n must be at least 1, got 0"),
        ({"nonzeros": 61}, ValueError, "nonzeros must be between 1 and 60, got 61"),
        ({"sizes": []}, ValueError, "sizes must not be empty"),
        ({"sizes": [61]}, ValueError, r"sizes\[0\] must be between 1 and 60, got 61"),
        ({"rules": ("best",)}, ValueError, r"rules\[0\] must be one of"),
        ({"retrain": 1}, TypeError, "retrain must be True or False"),
        ({"ridge": "best"}, ValueError, "ridge must be one of none, tuned; got 'best'"),
        ({"ridge": []}, ValueError, "ridge must not be empty"),
        ({"ridge": -1}, ValueError, "ridge must be finite and at least 0"),
        ({"retrain_ridge": -1.0}, ValueError, "retrain_ridge must be finite and at least 0"),
        ({"schedules": "no"}, TypeError, "schedules must be True or False"),
        ({"draws": 0}, ValueError, "draws must be"),
        ({"rtol": 0.0}, ValueError, "rtol must be above 0"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"workers": 0}, ValueError, "workers must be"),
    ],
)
def test_bad_input(arguments, kind, message):
    with pytest.raises(kind, match=message):
        op.advise(**{"problem": spiked(60), "n": 20, "nonzeros": 6, **arguments})


def test_the_lasso_is_weighed_with_the_others():
    """On a sparse signal it wins; its ridge makes it the elastic net, tuned like the others'."""
    found = op.advise(sparse(), 300, 60, schedules=False)
    assert set(found.costs["rule"]) == {"magnitude", "hessian", "lasso"}
    assert found.best.rule == "lasso"
    assert found.best.stage == "retrained"
    for choice in (c for c in found.choices if c.rule == "lasso"):
        assert choice.risk == pytest.approx(predicted(sparse(), 300, 60, choice), rel=1e-9)
    best = {
        stage: min(c.risk for c in found.choices if (c.rule, c.stage) == ("lasso", stage))
        for stage in ("pruned", "retrained")
    }
    sizes, ridges = [61, 100, 200, 400, 600], [0.0, *np.geomspace(1e-3, 10, 13)]
    table = op.predict(sparse(), 300, sizes, [60], rules=["lasso"], ridge=ridges)
    for stage, risk in best.items():
        assert risk <= table[f"{stage}_risk"].min() * (1 + 1e-9)
    assert "by the lasso to 60" in str(found) or "the elastic net with ridge" in str(found)


def test_the_lasso_is_not_weighed_where_it_takes_draws():
    covariance = 0.5 ** abs(np.subtract.outer(np.arange(12), np.arange(12)))
    problem = op.LinearGaussianProblem(np.ones(12), covariance, 0.3)
    options = {"sizes": [12], "ridge": "none", "schedules": False, "draws": 8}
    assert "lasso" not in op.advise(problem, 8, 4, **options).costs["rule"]
    named = op.advise(problem, 8, 4, rules=["magnitude", "lasso"], **options)
    assert set(named.costs["rule"]) == {"magnitude", "lasso"}


@pytest.mark.parametrize("loss", ["square", "logistic"])
def test_classifiers_are_weighed_by_their_errors(loss):
    problem = op.LinearClassificationProblem(
        np.full(20, 20**-0.5), op.spectra.spiked(20, 4, 9.0), noise_std=0.3
    )
    options = {"loss": loss, "retrain_ridge": 0.1}
    found = op.advise(problem, 14, 5, sizes=[8, 20], rules=["hessian"], **options)
    assert found.quantity == "error"
    assert (found.null_risk, found.noise_floor) == (0.5, problem.bayes_error)
    assert found.best.risk == min(c.risk for c in found.choices)
    for choice in found.choices:
        rules = (choice.rule or "hessian",)
        size = choice.size
        table = op.predict(problem, 14, [size], [5], rules=rules, ridge=choice.ridge, **options)
        stage = "dense" if choice.stage == "direct" else choice.stage
        assert choice.risk == pytest.approx(table[f"{stage}_error"].item(), rel=1e-9)
    assert ("none" in found.costs.get("ridge", {})) == (loss == "square")
    assert "error of guessing: 0.5" in str(found)
    assert "risk" not in str(found)
    with pytest.raises(ValueError, match="ridge must be above 0 for loss hinge"):
        op.advise(problem, 14, 5, ridge="none", loss="hinge", retrain_ridge=0.1)
