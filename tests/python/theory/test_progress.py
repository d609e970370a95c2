"""Progress of predictions and advice: what is shown, and that it changes no bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import overprune as op
import problems
from overprune import _progress
from tables import assert_same


class Bar:
    """What tqdm is asked to show."""

    def __init__(self, total: float, **look: Any) -> None:
        self.n, self.total, self.closed = 0.0, total, False
        self.shares: list[float] = []

    def update(self, count: float) -> None:
        assert count >= 0
        self.n += count
        assert self.n <= self.total * (1 + 1e-12)
        self.shares.append(self.n / self.total)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    made: list[Bar] = []

    def make(total: float, unit: str = "", **look: Any) -> Bar:
        made.append(Bar(total, **look))
        return made[-1]

    monkeypatch.setattr(_progress, "make_bar", make)
    return made


def correlated() -> op.LinearGaussianProblem:
    covariance = 0.5 ** abs(np.subtract.outer(np.arange(24), np.arange(24)))
    return op.LinearGaussianProblem(problems.normal(24) / 5, covariance, noise_std=0.4)


def labels() -> op.LinearClassificationProblem:
    return op.LinearClassificationProblem(correlated().beta, correlated().covariance, 0.4)


def classes() -> op.DataProblem:
    rows = problems.normal(200, 8)
    return op.DataProblem(rows, np.arange(200) % 3, rows, np.arange(200) % 3)


RUNS: dict[str, Any] = {
    "drawn": (correlated, {"ridge": [0.0, 0.1], "n": [15, 40], "compensate": True}),
    "as many draws as needed": (correlated, {"draws": "auto", "rtol": 0.05, "n": 15}),
    "the lasso": (correlated, {"n": 40, "rules": ["lasso", "hessian"]}),
    "exact": (lambda: op.LinearGaussianProblem(np.ones(24), np.ones(24), 0.5), {"n": [15, 40]}),
    "classifiers": (labels, {"n": 40, "loss": "logistic", "ridge": 0.1, "retrain_ridge": 0.1}),
    "accuracies": (classes, {"n": 40, "sizes": [2, 3, 5, 8], "nonzeros": [2, 5]}),
}


@pytest.mark.parametrize(("make", "options"), RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_prediction_that_is_watched_is_the_same(
    make: Any, options: dict[str, Any], workers: int, bars: list[Bar]
) -> None:
    grid = {"sizes": [4, 9, 13, 20, 24], "nonzeros": [2, 9], "draws": 8, **options}
    problem = make()
    plain = op.predict(problem, **grid, workers=workers)
    assert not bars
    assert_same(op.predict(problem, **grid, workers=workers, progress=True), plain)
    (bar,) = bars
    assert bar.closed
    assert bar.n == pytest.approx(bar.total)
    assert len(bar.shares) >= 2
    assert bar.shares == sorted(bar.shares)


def test_a_schedule_that_is_watched_is_the_same(bars: list[Bar]) -> None:
    problem = correlated()
    rules = ("magnitude", "hessian", "oracle", "random")
    plain = op.predict_schedule(problem, 40, 24, [12, 6], rules=rules, draws=32)
    shown = op.predict_schedule(problem, 40, 24, [12, 6], rules=rules, draws=32, progress=True)
    assert_same(shown, plain)
    assert bars[0].shares[:4] == [0.25, 0.5, 0.75, 1.0]
    assert bars[0].closed


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (correlated, {"draws": 16}),
        (correlated, {"draws": 16, "sizes": [12, 24], "ridge": "none"}),
        (lambda: op.LinearGaussianProblem(np.ones(24) / 5, np.ones(24), 0.5), {}),
        (labels, {"draws": 16, "loss": "logistic", "sizes": [24]}),
    ],
)
def test_advice_that_is_watched_is_the_same(
    make: Any, options: dict[str, Any], bars: list[Bar]
) -> None:
    plain = op.advise(make(), 40, 6, **options)
    assert not bars
    shown = op.advise(make(), 40, 6, **options, progress=True)
    assert str(shown) == str(plain)
    assert shown.choices == plain.choices
    (bar,) = bars
    assert bar.closed
    assert len(bar.shares) > 3
    assert bar.shares[0] < 0.9
    assert bar.n == pytest.approx(bar.total)


def test_stages_whose_work_becomes_known_on_the_way(bars: list[Bar]) -> None:
    with _progress.Stages(True, first=3.0, second=1.0) as stages:
        stages.count("first", 1.0)
        stages.expect("second", 7.0)
        stages.count("first", 2.0)
        stages.count("second", 2.0)
        stages.count("unforeseen", 5.0)
    (bar,) = bars
    assert bar.shares == [1 / 4, 3 / 10, 5 / 10, 10 / 15]
    assert (bar.n, bar.total, bar.closed) == (10.0, 10.0, True)


def test_a_failure_leaves_the_bar_where_it_is(bars: list[Bar]) -> None:
    def fail() -> None:
        with _progress.Stages(True, all=4.0) as stages:
            stages.count("all", 1.0)
            raise RuntimeError("ended")

    with pytest.raises(RuntimeError):
        fail()
    assert bars[0].shares == [0.25]
    assert bars[0].closed


def test_a_file_gets_lines_with_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with _progress.Stages(True, all=4.0) as stages:
        now[0] = 90.0
        stages.count("all", 1.0)
        now[0] = 300.0
    assert capsys.readouterr().err.splitlines() == [
        "overprune: 25%, about 4.5 min left",
        "overprune: 100%, after 5 min",
    ]


def test_short_work_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    op.predict(correlated(), 40, [24], [6], draws=8, progress=True)
    op.advise(correlated(), 40, 6, draws=8, schedules=False, sizes=[24], progress=True)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("call", "grid"),
    [(op.predict, ([24], [6])), (op.advise, (6,)), (op.predict_schedule, (24, [6]))],
)
def test_progress_is_a_flag(call: Any, grid: Any) -> None:
    with pytest.raises(TypeError, match="progress must be True or False, got 'bar'"):
        call(correlated(), 40, *grid, progress="bar")
