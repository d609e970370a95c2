"""Figures: what is drawn, by looking into the Axes; tables are made up, so that every value is
known."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import numpy as np
import pytest
import xarray as xr

matplotlib.use("agg")
import matplotlib.pyplot as plt

from axes_tools import SIZES, N, curves, dense, legend_texts, points, table, texts
from overprune import plot


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def test_simulation_is_points_and_prediction_is_lines() -> None:
    ax = plot.risk(table("simulate"), table("predict"))
    assert len(points(ax)) == 3  # dense, pruned, retrained
    assert len(curves(ax)) == 3
    assert ax.get_xlabel() == "size k (features trained)"
    assert ax.get_ylabel() == "test risk"
    assert legend_texts(ax) == [
        "dense",
        "pruned",
        "retrained",
        "train s = 20 directly",
        "simulated, 25 trials: mean ± standard error",
        "predicted",
    ]


def test_one_colour_for_each_stage_in_both_tables() -> None:
    ax = plot.risk(table("simulate"), table("predict"))
    colours = [c.lines[0].get_color() for c in points(ax)]
    assert colours == [line.get_color() for line in curves(ax)]
    assert len(set(colours)) == 3


def test_mean_with_standard_error() -> None:
    simulated = table("simulate")
    bar = points(plot.risk(simulated, stages="dense"))[0]
    values = simulated["dense_risk"].values
    np.testing.assert_allclose(bar.lines[0].get_ydata(), values.mean(axis=1), rtol=1e-14)
    segments = np.array(bar.lines[2][0].get_segments())
    half = (segments[:, 1, 1] - segments[:, 0, 1]) / 2
    np.testing.assert_allclose(half, values.std(axis=1, ddof=1) / 5, rtol=1e-9)


def test_median_with_an_interval_of_order_statistics() -> None:
    simulated = table("simulate")
    simulated["dense_risk"][:, 3] = 1e12  # one wild trial moves the mean, not the median
    ax = plot.risk(simulated, stages="dense", statistic="median")
    bar = points(ax)[0]
    ordered = np.sort(simulated["dense_risk"].values, axis=1)
    np.testing.assert_allclose(bar.lines[0].get_ydata(), ordered[:, 12], rtol=1e-14)
    segments = np.array(bar.lines[2][0].get_segments())
    np.testing.assert_allclose(segments[:, 0, 1], ordered[:, 10], rtol=1e-12)
    np.testing.assert_allclose(segments[:, 1, 1], ordered[:, 14], rtol=1e-12)
    assert "simulated, 25 trials: median, 68 % interval of the median" in legend_texts(ax)


def test_the_interval_of_the_median_covers_about_two_thirds() -> None:
    from overprune.plot.curves import _summary

    samples = np.random.default_rng(1).standard_cauchy((4000, 40))
    centre, below, above = _summary(samples, "median")
    assert 0.62 < np.mean((centre - below <= 0) & (centre + above >= 0)) < 0.76


def test_a_single_trial_has_no_error_bar() -> None:
    bar = points(plot.risk(table("simulate", trials=1), stages="dense"))[0]
    segments = np.array(bar.lines[2][0].get_segments())
    assert (segments[:, 0, 1] == segments[:, 1, 1]).all()


def test_marks_at_s_and_n() -> None:
    ax = plot.risk(table("predict"))
    assert set(texts(ax)) == {"k = s = 20", "k = n = 100"}
    straight = [line.get_xdata()[0] for line in ax.lines if list(line.get_ydata()) == [0, 1]]
    assert sorted(straight) == [20, 100]


def test_labels_of_close_marks_do_not_share_a_row() -> None:
    ax = plot.risk(table("predict", nonzeros=(80, 96)))
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 3
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_training_s_directly_is_the_dense_risk_at_s() -> None:
    predicted = table("predict")
    ax = plot.risk(table("simulate"), predicted)
    level = [line for line in ax.lines if list(line.get_xdata()) == [0, 1]]
    assert len(level) == 1
    assert level[0].get_ydata()[0] == float(predicted["dense_risk"].sel(size=20))


def test_training_s_directly_comes_from_the_simulation_where_there_is_no_prediction() -> None:
    simulated = table("simulate")
    ax = plot.risk(simulated, stages=["pruned"])
    level = next(line for line in ax.lines if list(line.get_xdata()) == [0, 1])
    assert level.get_ydata()[0] == pytest.approx(float(simulated["dense_risk"].sel(size=20).mean()))


def test_nothing_is_interpolated_for_training_s_directly() -> None:
    ax = plot.risk(table("predict", nonzeros=(30,)))
    assert not [line for line in ax.lines if list(line.get_xdata()) == [0, 1]]
    assert not any("directly" in text for text in legend_texts(ax))


def test_a_huge_point_does_not_rule_the_axis() -> None:
    simulated = table("simulate")
    ax = plot.risk(simulated)
    away, (low, high) = dense()[np.abs(SIZES / N - 1) > 0.1].max(), ax.get_ylim()
    assert ax.get_yscale() == "log"
    assert away < high < 20 * away
    assert 0.1 < low < 1.1
    over = [line for line in ax.lines if line.get_marker() == "^"]
    assert [list(line.get_xdata()) for line in over] == [[100], [100]]  # dense and pruned


def test_the_scale_is_linear_where_there_is_no_peak() -> None:
    calm = table("predict").sel(size=[150, 200, 400])
    ax = plot.risk(calm)
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[1] > float(calm["pruned_risk"].max())
    assert plot.risk(calm, logy=True).get_yscale() == "log"


def test_a_linear_scale_on_demand_is_clipped_too() -> None:
    ax = plot.risk(table("simulate"), logy=False)
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[1] < 50


def test_log_axis_has_plain_numbers() -> None:
    ax = plot.risk(table("simulate"))
    ax.figure.canvas.draw()
    assert {"2", "5", "10"} <= {text.get_text() for text in ax.get_yticklabels()}


def test_logx() -> None:
    ax = plot.risk(table("predict"), logx=True)
    ax.figure.canvas.draw()
    assert ax.get_xscale() == "log"
    assert {"10", "20", "50", "100"} <= {text.get_text() for text in ax.get_xticklabels()}
    assert plot.risk(table("predict")).get_xscale() == "linear"


def test_the_line_breaks_where_the_prediction_is_infinite() -> None:
    line = curves(plot.risk(table("predict"), stages="dense"))[0]
    values = np.asarray(line.get_ydata())
    assert np.isnan(values[np.asarray(line.get_xdata()) == N]).all()
    assert np.isfinite(values[np.asarray(line.get_xdata()) != N]).all()


def test_the_line_breaks_at_n_even_if_n_is_not_a_size() -> None:
    predicted = table("predict").sel(size=[40, 80, 150, 200])
    x, y = curves(plot.risk(predicted, stages="dense"))[0].get_data()
    assert list(x) == [40, 80, 100, 150, 200]
    assert list(np.isnan(y)) == [False, False, True, False, False]
    predicted.attrs["ridge"] = 0.1  # with ridge there is no pole
    assert len(curves(plot.risk(predicted, stages="dense"))[0].get_xdata()) == 4


def test_several_rules_in_one_panel_differ_in_marker_and_dash() -> None:
    ax = plot.risk(table("simulate", ("magnitude", "hessian")), stages="pruned")
    markers = [c.lines[0].get_marker() for c in points(ax)]
    assert len(set(markers)) == 2
    assert {"magnitude", "hessian"} <= set(legend_texts(ax))


def test_several_nonzeros_in_one_panel() -> None:
    ax = plot.risk(table("predict", nonzeros=(10, 20, 40)), stages="pruned")
    assert len({str(line.get_linestyle()) for line in curves(ax)}) == 3
    assert {"s = 10", "s = 20", "s = 40", "train s = 40 directly"} <= set(legend_texts(ax))


def test_filters() -> None:
    both = table("predict", ("magnitude", "hessian"), (10, 20))
    ax = plot.risk(both, rule="hessian", nonzeros=20, stages=("pruned", "dense"))
    assert len(curves(ax)) == 2
    assert set(texts(ax)) == {"k = s = 20", "k = n = 100"}
    expected = both["pruned_risk"].sel(rule="hessian", nonzeros=20).values
    drawn = np.asarray(curves(ax)[1].get_ydata())
    np.testing.assert_array_equal(drawn, np.where(np.isinf(expected), np.nan, expected))


def test_error_is_one_minus_accuracy() -> None:
    simulated = table("simulate", labels=True)
    ax = plot.risk(simulated, quantity="error", stages="dense")
    np.testing.assert_allclose(
        points(ax)[0].lines[0].get_ydata(), 1 - simulated["dense_accuracy"].mean("trial").values
    )
    assert ax.get_ylabel() == "test error (1 − accuracy)"
    assert ax.get_yscale() == "linear"
    assert ax.get_ylim()[1] <= 1
    assert plot.risk(simulated, quantity="accuracy").get_ylabel() == "test accuracy"


def test_stages_that_a_table_does_not_have_are_left_out() -> None:
    ax = plot.risk(table("predict", retrain=False))
    assert len(curves(ax)) == 2
    assert "retrained" not in legend_texts(ax)


def test_given_axes_are_used_and_tables_not_changed() -> None:
    _, axes = plt.subplots(1, 2)
    predicted = table("predict")
    ax = plot.risk(predicted, ax=axes[1], legend=False)
    assert predicted.identical(table("predict"))
    assert ax is axes[1]
    assert not axes[0].lines
    assert ax.get_legend() is None
    assert plot.risk(table("predict"), ax=axes[0]).get_legend() is not None


def test_dimensions_n_and_ridge_are_chosen() -> None:
    one = table("predict")
    two = xr.concat([one, 2 * one], "n").assign_coords(n=[100, 50])
    with pytest.raises(
        ValueError, match=r"tables\[0\] has several n; choose one by n=, of \[100, 50\]"
    ):
        plot.risk(two)
    ax = plot.risk(two, n=50, stages="dense")
    assert "k = n = 50" in texts(ax)
    y = np.asarray(curves(ax)[0].get_ydata())
    assert y[0] == 2 * dense()[0]
    with pytest.raises(
        ValueError, match=r"n must be in tables\[0\], which holds \[100, 50\]; got 7"
    ):
        plot.risk(two, n=7)
    with pytest.raises(
        ValueError, match=r"ridge must be in tables\[0\], which was made with ridge = 0.0"
    ):
        plot.risk(one, ridge=0.5)


def test_grid_has_a_panel_for_each_rule() -> None:
    rules = ("magnitude", "hessian", "oracle")
    figure = plot.risk_grid(table("simulate", rules), table("predict", rules))
    assert [ax.get_title() for ax in figure.axes] == [f"{rule}, s = 20" for rule in rules]
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    assert all(len(curves(ax)) == 3 for ax in figure.axes)
    assert "train s = 20 directly" in [t.get_text() for t in figure.legends[0].get_texts()]


def test_grid_has_a_panel_for_each_nonzeros_and_a_row_for_each_quantity() -> None:
    simulated = table("simulate", nonzeros=(10, 20, 40), labels=True)
    figure = plot.risk_grid(simulated, quantity=["risk", "error"])
    once = [*(f"magnitude, s = {s}" for s in (10, 20, 40)), "", "", ""]
    assert [ax.get_title() for ax in figure.axes] == once
    assert figure.axes[0].get_ylabel() == "test risk"
    assert figure.axes[3].get_ylabel() == "test error (1 − accuracy)"
    assert "train s features directly" in [t.get_text() for t in figure.legends[0].get_texts()]


def test_titles_stand_clear_of_the_marks_and_in_line() -> None:
    near = table("predict", nonzeros=(20, 80)).sel(size=slice(10, 150))
    figure = plot.risk_grid(near)  # one row of labels, and two
    figure.canvas.draw()
    boxes = [ax.title.get_window_extent() for ax in figure.axes]
    assert boxes[0].y0 == pytest.approx(boxes[1].y0)
    for ax, box in zip(figure.axes, boxes, strict=True):
        assert not any(box.overlaps(text.get_window_extent()) for text in ax.texts)


def test_labels_keep_their_row_in_all_panels() -> None:
    for tables in (
        table("predict", nonzeros=(10, 20, 80)),
        table("predict", ("magnitude", "oracle"), (20, 80)),
        table("predict", nonzeros=(20, 80), labels=True),
    ):
        quantity = ["risk", "error"] if "dense_accuracy" in tables else "risk"
        figure = plot.risk_grid(tables, quantity=quantity, logx=True)
        labels = [text for ax in figure.axes for text in ax.texts]
        for start in ("k = n", "k = s"):
            mine = [text for text in labels if text.get_text().startswith(start)]
            assert len(mine) == len(figure.axes)
            assert len({text.xyann[1] for text in mine}) == 1
        assert min(text.xyann[1] for text in labels) == 2  # the lowest row is in use


def test_grid_of_rules_and_nonzeros() -> None:
    figure = plot.risk_grid(table("predict", ("magnitude", "oracle"), (10, 20)))
    expected = [f"{rule}, s = {s}" for s in (10, 20) for rule in ("magnitude", "oracle")]
    assert [ax.get_title() for ax in figure.axes] == expected


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"stages": "sparse"},
            ValueError,
            r"stages\[0\] must be one of dense, pruned, compensated, retrained; got 'sparse'",
        ),
        ({"stages": ()}, ValueError, "stages must not be empty"),
        (
            {"stages": 3},
            TypeError,
            "stages must be a sequence of dense, pruned, compensated, retrained; got 3",
        ),
        ({"rule": "size"}, ValueError, r"rule\[0\] must be one of magnitude"),
        (
            {"rule": "oracle"},
            ValueError,
            "rule must be in the tables, which hold magnitude; got 'oracle'",
        ),
        ({"nonzeros": 7}, ValueError, "nonzeros must be in the tables, which hold 20; got 7"),
        ({"nonzeros": "x"}, TypeError, "nonzeros must be a sequence of integers"),
        (
            {"quantity": "loss"},
            ValueError,
            "quantity must be one of risk, accuracy, error; got 'loss'",
        ),
        (
            {"quantity": "error"},
            ValueError,
            "quantity 'error' needs the accuracy in the tables, which hold only",
        ),
        ({"statistic": "mode"}, ValueError, "statistic must be one of mean, median; got 'mode'"),
        ({"logy": "yes"}, ValueError, "logy must be True, False or \"auto\"; got 'yes'"),
        ({"logy": 1}, TypeError, "logy must be True or False, got 1"),
        ({"logx": "yes"}, TypeError, "logx must be True or False, got 'yes'"),
        ({"ax": 3}, TypeError, "ax must be a matplotlib Axes, got 3"),
        ({"legend": None}, TypeError, "legend must be True or False, got None"),
        ({"n": 0}, ValueError, "n must be at least 1, got 0"),
        ({"ridge": -1}, ValueError, "ridge must be finite and at least 0"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        plot.risk(table("predict"), **arguments)  # type: ignore[arg-type]


def test_bad_tables() -> None:
    with pytest.raises(
        TypeError, match="risk needs at least one table of simulate or predict, got none"
    ):
        plot.risk()
    with pytest.raises(
        TypeError, match=r"tables\[1\] must be a table of simulate or predict, got ndarray"
    ):
        plot.risk(table("predict"), np.ones(3))  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"tables\[0\] must be a table .* got one without size, rule, nonzeros"
    ):
        plot.risk(xr.Dataset({"a": ("b", [1.0])}))
    with pytest.raises(
        ValueError, match="stages must be in the tables, which have no retrained_risk"
    ):
        plot.risk(table("predict", retrain=False), stages="retrained")
    with pytest.raises(
        TypeError, match="quantity must be one or several of risk, accuracy, error; got 3"
    ):
        plot.risk_grid(table("predict"), quantity=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="quantity must not be empty"):
        plot.risk_grid(table("predict"), quantity=[])


def test_too_many_styles_for_one_panel() -> None:
    many = table("predict", ("magnitude", "hessian"), (10, 20, 40, 80))
    with pytest.raises(
        ValueError, match="one panel holds at most 6 pairs of rule and nonzeros, got 8; choose"
    ):
        plot.risk(many)
    assert len(plot.risk_grid(many).axes) == 8


def test_all_values_missing() -> None:
    empty = table("predict").sel(size=[10, 20])
    for name in empty.data_vars:
        empty[name][:] = np.nan
    assert plot.risk(empty).get_xlabel() == "size k (features trained)"


def test_a_grid_with_one_panel_that_needs_a_logarithmic_axis() -> None:
    both = table("predict", ("magnitude", "random"))
    both.dense_risk[:], both.pruned_risk[:], both.retrained_risk[:] = 1.0, 3.0, 1.0
    both.pruned_risk[1, 3:] = 300.0  # of random alone; the other's axis would begin at 0
    assert {ax.get_yscale() for ax in plot.risk_grid(both).axes} == {"log"}
