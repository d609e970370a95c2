"""phase and plot.phase: against loops over predict, and what is drawn."""

from __future__ import annotations

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest

import overprune as op
import problems
from overprune.theory.phase import spread_sizes
from tables import assert_same

RULES = ("magnitude", "hessian")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def family(noise_std, spike, p=80):
    return op.LinearGaussianProblem(
        np.full(p, p**-0.5), op.spectra.spiked(p, p // 10, spike), noise_std
    )


def best_by_loop(problem, n, s, sizes, rules, retrain, ridges, retrain_ridge):
    """The point's values from single predictions, one after the other."""
    stages = ["pruned", "retrained"] if retrain else ["pruned"]
    options = {"retrain_ridge": retrain_ridge, "draws": 16}
    best, direct, oracle = (np.inf, None, None, None, None), np.inf, np.inf
    energy = np.argsort(-np.diag(problems_diagonal(problem)) * problem.beta**2, kind="stable")[:s]
    for ridge in ridges:
        direct = min(direct, op.predict(problem, n, [s], [s], ridge=ridge).dense_risk.item())
        top = problem.restrict(np.sort(energy))
        oracle = min(oracle, op.predict(top, n, [s], [s], ridge=ridge).dense_risk.item())
        for stage in stages:
            for rule in rules:
                for k in sizes:
                    table = op.predict(problem, n, [k], [s], rules=[rule], ridge=ridge, **options)
                    risk = table[f"{stage}_risk"].item()
                    if risk < best[0] * (1 - 1e-9):
                        best = (risk, k, rule, stage, ridge)
    return best, direct, oracle


def problems_diagonal(problem):
    return np.diag(problem.covariance) if problem.covariance.ndim == 1 else problem.covariance


@pytest.mark.parametrize("retrain", [True, False])
def test_every_point_is_the_best_of_a_loop(retrain):
    problem = family(0.4, 9.0)
    ns, counts, sizes = [20, 40, 100], [4, 12, 40], [6, 20, 30, 41, 60]
    table = op.phase(
        problem,
        ("n", ns),
        ("nonzeros", counts),
        sizes=sizes,
        retrain=retrain,
        ridge=[0.1, 0.0],
        retrain_ridge=0.05,
    )
    assert table.ratio.dims == ("nonzeros", "n")
    for s in counts:
        for n in ns:
            above = [k for k in [*sizes, 80] if k > s]
            best, direct, oracle = best_by_loop(
                problem, n, s, above, RULES, retrain, [0.0, 0.1], 0.05
            )
            cell = table.sel(nonzeros=s, n=n)
            found = (
                cell.risk.item(),
                *(cell[v].item() for v in ("size", "rule", "stage", "ridge")),
            )
            assert found[0] == pytest.approx(best[0], rel=1e-12)
            assert found[1:] == best[1:]
            assert cell.direct_risk.item() == pytest.approx(direct, rel=1e-12)
            assert cell.oracle_risk.item() == pytest.approx(oracle, rel=1e-9)
            assert cell.ratio.item() == cell.risk.item() / cell.direct_risk.item()


def test_families_are_made_at_every_point():
    noises, spikes = [0.1, 0.5, 1.0], [1.0, 25.0]
    table = op.phase(family, ("noise_std", noises), ("spike", spikes), n=24, nonzeros=8, sizes=3)
    sizes = [int(k) for k in spread_sizes(8, 80, 3)]
    for noise in noises:
        for spike in spikes:
            cell = table.sel(noise_std=noise, spike=spike)
            best, direct, oracle = best_by_loop(
                family(noise, spike), 24, 8, sizes, RULES, True, [0], 0
            )
            assert (cell.rule.item(), cell.stage.item()) == best[
                2:4
            ] or spike == 1.0  # hessian = magnitude
            assert cell["size"].item() == best[1]
            np.testing.assert_allclose(
                [cell.direct_risk, cell.oracle_risk], [direct, oracle], rtol=1e-9
            )
    assert table.rule.sel(spike=1.0).values.tolist() == ["magnitude"] * 3
    assert np.array_equal(table.n, np.full((2, 3), 24.0))
    assert table.attrs["kind"] == "phase"


def test_ratios_are_rounded_to_whole_numbers_and_mixed_axes_work():
    table = op.phase(
        lambda spike: family(0.3, spike),
        ("n_over_p", [0.001, 0.26]),
        ("spike", [2.0, 9.0]),
        nonzeros=8,
        sizes=4,
    )
    assert table.n.values.tolist() == [[1.0, 21.0]] * 2
    single = op.phase(family(0.3, 9.0), ("n", [21]), ("nonzeros", [8]), sizes=4)
    assert table.risk.values[1, 1] == single.risk.item()
    shares = op.phase(family(0.3, 9.0), ("n", [21]), ("nonzeros_over_p", [0.0001, 0.1]), sizes=4)
    assert shares.nonzeros.values.ravel().tolist() == [1.0, 8.0]
    assert shares.risk.values[1, 0] == single.risk.item()


def test_a_spectrum_is_the_limit_of_its_finite_problems():
    spectrum = op.Spectrum([25.0, 1.0], [0.1, 0.9], [1.0, 1.0], noise_std=0.3)
    axes = {"x": ("n_over_p", [0.2, 0.4]), "y": ("nonzeros_over_p", [0.05, 0.1])}
    sizes = [0.15, 0.5]
    limit = op.phase(spectrum, **axes, sizes=sizes)
    finite = op.phase(spectrum.problem(400), **axes, sizes=[60, 200])
    for name in ("risk", "direct_risk", "oracle_risk"):
        np.testing.assert_allclose(limit[name], finite[name], rtol=1e-9)
    assert np.array_equal(limit["size"] * 400, finite["size"])


def test_correlated_problems_take_draws():
    problem = problems.correlated()
    options = {"sizes": [10, 25], "draws": 16, "seed": 5}
    table = op.phase(problem, ("n", [15, 30]), ("nonzeros", [5, 20]), **options, ridge=[0.0, 0.2])
    for n in (15, 30):
        for s in (5, 20):
            sizes = [k for k in (10, 25, 40) if k > s]
            grid = op.predict(
                problem, n, sizes, [s], rules=RULES, ridge=[0.0, 0.2], draws=16, seed=5
            )
            cell = table.sel(n=n, nonzeros=s)
            least = min(grid.pruned_risk.min().item(), grid.retrained_risk.min().item())
            assert cell.risk.item() == pytest.approx(least, rel=1e-12)
            chosen = grid[f"{cell.stage.item()}_risk"].sel(
                rule=cell.rule.item(), size=cell["size"].item(), ridge=cell.ridge.item()
            )
            assert chosen.item() == pytest.approx(least, rel=1e-9)
            direct = op.predict(problem, n, [s], [s], ridge=[0.0, 0.2]).dense_risk.min().item()
            assert cell.direct_risk.item() == pytest.approx(direct, rel=1e-12)
    known = op.predict(problem, 30, [40], [5], rules=["oracle"], retrain_ridge=0.2)
    plain = op.predict(problem, 30, [40], [5], rules=["oracle"])
    least = min(known.retrained_risk.item(), plain.retrained_risk.item())
    assert table.oracle_risk.sel(n=30, nonzeros=5).item() == pytest.approx(least, rel=1e-12)


def test_nothing_above_s_is_empty():
    table = op.phase(family(0.3, 9.0), ("n", [20, 200]), ("nonzeros", [70, 80]), sizes=2)
    top = table.sel(nonzeros=80)
    assert np.isnan(top.risk).all()
    assert np.isnan(top.ratio).all()
    assert top.rule.values.tolist() == top.stage.values.tolist() == ["", ""]
    assert np.isfinite(top.direct_risk).all()
    assert np.isfinite(table.sel(nonzeros=70).risk).all()


def test_results_do_not_depend_on_workers():
    axes = (("n", [10, 20, 40]), ("nonzeros", [4, 8]))
    one, three = (op.phase(family(0.3, 9.0), *axes, workers=w) for w in (1, 3))
    assert_same(one, three)


@pytest.mark.parametrize(
    ("s", "p", "count"), [(1, 2, 40), (10, 1000, 40), (999, 1000, 5), (5, 5, 3)]
)
def test_sizes_lie_above_s_up_to_p(s, p, count):
    sizes = spread_sizes(s, p, count)
    assert len(sizes) <= count
    assert all(s < a for a in sizes)
    assert all(a < b for a, b in pairwise(sizes))
    assert sizes[-1:] == ([p] if s < p else [])


X, Y = ("n", [10, 20]), ("nonzeros", [4, 8])


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"x": "n"}, TypeError, "x must be a pair of a name and values, got 'n'"),
        ({"x": ("n/p", [1.0])}, ValueError, "x must have a name that Python can have, got 'n/p'"),
        ({"y": ("nonzeros", [8, 4])}, ValueError, "y must have strictly increasing values"),
        ({"y": X}, ValueError, "y must differ from x, got 'n' twice"),
        (
            {"y": ("n_over_p", [0.1])},
            ValueError,
            "x and y must not both give n, got 'n' and 'n_over_p'",
        ),
        ({"n": 5}, ValueError, "n must not be given where x is 'n', got 5"),
        (
            {"x": ("nonzeros_over_p", [0.1]), "y": ("spike", [1.0])},
            ValueError,
            "n must be given where neither",
        ),
        ({"x": ("spike", [1.0]), "n": 5}, TypeError, "problem must be a function of x = 'spike'"),
        (
            {"problem": family},
            TypeError,
            "problem must be a problem where x and y are 'n' and 'nonzeros'",
        ),
        (
            {"problem": lambda spike: 3, "x": ("spike", [1.0]), "n": 5},
            TypeError,
            r"got int from problem\(spike=1.0",
        ),
        ({"x": ("n", [2.5])}, ValueError, "n must be an integer, got 2.5"),
        ({"x": ("n", [0.0])}, ValueError, "n must be above 0"),
        ({"y": ("nonzeros", [81])}, ValueError, "nonzeros must be at most p = 80, got 81"),
        ({"sizes": 0}, ValueError, "sizes must be"),
        ({"sizes": [2.5]}, ValueError, "sizes must be integers"),
        ({"rules": "best"}, ValueError, r"rules\[0\] must be one of"),
        ({"retrain": 1}, TypeError, "retrain must be True or False"),
        ({"ridge": []}, ValueError, "ridge must not be empty"),
        ({"ridge": -1.0}, ValueError, "ridge must be finite and at least 0"),
        ({"draws": "many"}, TypeError, "draws must be"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"workers": 0}, ValueError, "workers must be"),
    ],
)
def test_bad_input(arguments, kind, message):
    with pytest.raises(kind, match=message):
        op.phase(**{"problem": family(0.3, 9.0), "x": X, "y": Y, **arguments})


def test_the_figure_shows_the_ratio():
    values = np.geomspace(0.05, 0.8, 12)
    table = op.phase(family(0.3, 25.0), ("n_over_p", values), ("nonzeros_over_p", values), sizes=5)
    ax = op.plot.phase(table, limit=2.0)
    mesh = ax.collections[0]
    shown = np.asarray(mesh.get_array()).reshape(12, 12)
    np.testing.assert_allclose(shown, np.log(np.clip(table.ratio, 0.5, 2.0)))
    assert (mesh.norm.vmin, mesh.norm.vcenter, mesh.norm.vmax) == (-np.log(2), 0.0, np.log(2))
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_ylabel() == "s / p (share of features kept)"
    assert "directly" in ax.figure.axes[1].get_ylabel()
    plain = op.plot.phase(
        table, versus="oracle", regions=False, colourbar=False, ax=plt.figure().subplots()
    )
    assert len(plain.figure.axes) == 1
    assert not plain.texts
    with np.errstate(divide="ignore"):
        expected = np.log(table.risk / table.oracle_risk).values
    finite = np.asarray(plain.collections[0].get_array()).reshape(12, 12)
    inner = abs(expected) < plain.collections[0].norm.vmax
    np.testing.assert_allclose(finite[inner], expected[inner])


def test_a_point_a_line_and_a_hole_can_be_drawn():
    problem = family(0.3, 9.0)
    for x, y in ((("n", [20]), ("nonzeros", [8])), (("n", [20, 30, 40]), ("nonzeros", [8]))):
        op.plot.phase(op.phase(problem, x, y, sizes=2)).figure.canvas.draw()
    holes = op.phase(problem, ("n", [8, 20, 40]), ("nonzeros", [8, 40, 80]), sizes=2)
    ax = op.plot.phase(holes)
    ax.figure.canvas.draw()
    assert np.ma.getmaskarray(ax.collections[0].get_array()).sum() == 3
    nothing = op.phase(problem, ("n", [8, 20]), ("nonzeros", [80]), sizes=2)
    op.plot.phase(nothing).figure.canvas.draw()


def test_the_figure_refuses_what_it_cannot_draw():
    table = op.phase(family(0.3, 9.0), X, Y, sizes=2)
    with pytest.raises(
        TypeError, match=r"table must be a result of overprune.phase, got one of predict"
    ):
        op.plot.phase(op.predict(family(0.3, 9.0), 20, [80], [8]))
    with pytest.raises(TypeError, match=r"table must be a result of overprune.phase, got 3"):
        op.plot.phase(3)
    with pytest.raises(ValueError, match="versus must be one of direct, oracle; got 'best'"):
        op.plot.phase(table, versus="best")
    with pytest.raises(ValueError, match=r"limit must be above 1, got 1.0"):
        op.plot.phase(table, limit=1.0)
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got 3"):
        op.plot.phase(table, ax=3)


def test_classifiers_are_compared_by_their_errors():
    problem = op.LinearClassificationProblem(
        np.full(30, 30**-0.5), op.spectra.spiked(30, 6, 9.0), noise_std=0.3
    )
    options = {"loss": "logistic", "retrain_ridge": 0.1}
    table = op.phase(
        problem, ("n", [12, 24]), ("nonzeros", [4, 8]), sizes=[15, 30], ridge=[0.05, 1.0], **options
    )
    assert table.attrs["quantity"] == "error"
    rules = ["magnitude", "hessian"]
    for n in (12, 24):
        for s in (4, 8):
            at = {"n": n, "nonzeros": s}
            ridge = {"ridge": [0.05, 1.0], **options}
            large = op.predict(problem, n, [15, 30], [s], rules=rules, **ridge)
            least = min(large.pruned_error.min().item(), large.retrained_error.min().item())
            assert table.risk.sel(at).item() == pytest.approx(least, rel=1e-12)
            direct = op.predict(problem, n, [s], [s], **ridge).dense_error.min().item()
            assert table.direct_risk.sel(at).item() == pytest.approx(direct, rel=1e-12)
            assert table.oracle_risk.sel(at).item() == pytest.approx(direct, rel=1e-6)
    with pytest.raises(ValueError, match="loss must be square for a Spectrum"):
        op.phase(
            op.Spectrum([1.0], [1.0], [1.0]), ("n", [0.5]), ("nonzeros", [0.1]), loss="logistic"
        )
    with pytest.raises(ValueError, match="loss logistic needs labels -1 and 1"):
        op.phase(problem.field, ("n", [12]), ("nonzeros", [4]), loss="logistic")
