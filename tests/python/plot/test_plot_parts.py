"""Figures of parts of tables: selected values, single trials, nothing at all."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib
import numpy as np
import pytest
import xarray as xr

matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

import overprune as op
from axes_tools import points, table, texts
from overprune import plot


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.mark.parametrize("kind", ["simulate", "predict"])
@pytest.mark.parametrize(
    "selected",
    [
        {"nonzeros": 20},
        {"rule": "magnitude"},
        {"rule": "oracle", "nonzeros": 10},
        {"size": 80},
        {"size": 80, "rule": "oracle", "nonzeros": 20},
    ],
    ids=str,
)
def test_a_selected_value_is_a_dimension_of_length_one(
    kind: str, selected: dict[str, object]
) -> None:
    """Case C5: `plot.risk(t.sel(nonzeros=5))`, and every other selection and its squeezed table."""
    whole = table(kind, rules=("magnitude", "oracle"), nonzeros=(10, 20))
    expected = whole.sel({dim: [value] for dim, value in selected.items()})
    for cut in (whole.sel(selected), expected.squeeze()):
        for draw in (plot.risk, plot.risk_grid):
            for one, other in zip(_drawn(draw(cut)), _drawn(draw(expected)), strict=True):
                np.testing.assert_array_equal(one, other)
        if "nonzeros" in selected:
            with pytest.raises(
                ValueError, match=r"^nonzeros must be in the tables, which hold \d+; got 77$"
            ):
                plot.risk(cut, nonzeros=77)


def _drawn(result: Axes | matplotlib.figure.Figure) -> list[np.ndarray]:
    axes = [result] if isinstance(result, Axes) else result.axes
    lines = [line for ax in axes for line in [*ax.lines, *(c.lines[0] for c in points(ax))]]
    assert lines
    return [np.asarray(line.get_xydata()) for line in lines]


def test_a_single_trial_may_be_selected() -> None:
    whole = table("simulate")
    bar = points(plot.risk(whole.isel(trial=3), stages="dense"))[0]
    np.testing.assert_array_equal(bar.lines[0].get_ydata(), whole["dense_risk"].values[:, 3])


def test_a_prediction_at_one_size_is_a_point() -> None:
    lines = plot.risk(table("predict").sel(size=80), stages="dense").lines
    assert [line.get_marker() for line in lines].count("o") == 1


@pytest.mark.parametrize("dim", ["rule", "size", "nonzeros", "trial"])
def test_empty_tables_are_refused_by_name(dim: str) -> None:
    """Case C5: no curve without values."""
    for draw in (plot.risk, plot.risk_grid):
        with pytest.raises(
            ValueError, match=rf"^tables\[1\] must not be empty, got one with no {dim}$"
        ):
            draw(table("predict"), table("simulate").isel({dim: []}))


def test_values_of_n_and_ridge_that_were_selected() -> None:
    several = xr.concat([table("predict"), table("predict")], xr.Variable("n", [50, 100]))
    several = several.assign_attrs(n=[50, 100])
    assert "k = n = 50" in texts(plot.risk(several.sel(n=50)))
    assert "k = n = 100" in texts(plot.risk(several.sel(n=100), n=100))
    with pytest.raises(
        ValueError, match=r"^n must be in tables\[0\], which was made with n = 50; got 100$"
    ):
        plot.risk(several.sel(n=50), n=100)
    message = (
        r"^tables\[0\] must say which n it is of, got one of \[50, 100\] without the coordinate$"
    )
    with pytest.raises(ValueError, match=message):
        plot.risk(several.isel(n=0, drop=True))
    with pytest.raises(
        ValueError, match=r"^tables must have dense_risk over size and trial, got other, too"
    ):
        plot.risk(table("predict").expand_dims(other=2))
    with pytest.raises(ValueError, match=r"got one without size"):
        plot.risk(table("predict").isel(size=0, drop=True))


def plane() -> xr.Dataset:
    spectrum = op.Spectrum([25.0, 1.0], [0.1, 0.9], [1.0, 1.0], noise_std=0.3)
    return op.phase(spectrum, ("n_over_p", [0.1, 0.3, 0.5]), ("nonzeros_over_p", [0.05, 0.2]))


def test_a_line_of_a_phase_diagram() -> None:
    """Case C5: selected values stay axes."""
    found = plane()
    for selected in (
        {"n_over_p": 0.3},
        {"nonzeros_over_p": 0.2},
        {"n_over_p": 0.3, "nonzeros_over_p": 0.2},
    ):
        expected = plot.phase(found.sel({name: [value] for name, value in selected.items()}))
        cut = plot.phase(found.sel(selected))
        assert (cut.get_xlabel(), cut.get_ylabel()) == (
            expected.get_xlabel(),
            expected.get_ylabel(),
        )
        for one, other in zip(cut.collections, expected.collections, strict=True):
            np.testing.assert_array_equal(one.get_array(), other.get_array())


def test_phase_diagrams_without_a_plane() -> None:
    found = plane()
    with pytest.raises(ValueError, match=r"^table must not be empty, got one with no n_over_p$"):
        plot.phase(found.isel(n_over_p=[]))
    with pytest.raises(
        ValueError, match=r"^table must be over two dimensions, got ratio over nonzeros_over_p$"
    ):
        plot.phase(found.isel(n_over_p=0, drop=True))
    with pytest.raises(ValueError, match=r"^table must have rule, stage, which it has not$"):
        plot.phase(found.drop_vars(["rule", "stage"]))


def test_a_notebook_shows_a_figure_of_panels_once(monkeypatch):
    problem = op.LinearGaussianProblem(np.full(20, 0.2), np.ones(20), 0.3)
    figure = op.plot.risk_grid(op.predict(problem, 10, [5, 20], [5]))
    with pytest.raises(NotImplementedError):
        figure._ipython_display_()  # no notebook: shown as every figure, and stays pyplot's
    assert plt.fignum_exists(figure.number)
    monkeypatch.setattr(plt, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    with pytest.raises(NotImplementedError):
        figure._ipython_display_()
    assert not plt.fignum_exists(figure.number)  # the cell's end does not show it again
