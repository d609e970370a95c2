"""The steps of every how-to guide on data other than its own: docs/howto/own_data.md,
scikit_learn.md, cpp.md, and docs/scaling.md.

    python tests/python/support/guides.py own_data wine
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import overprune as op
from overprune import sklearn as estimators

PROGRAM = """\
#include <cmath>
#include <cstdio>
#include <overprune/overprune.hpp>
#include <string>
#include <vector>

// Trains on the numbers of a file (rows, columns, X by rows, y), prunes and trains again.
int main(int argc, char** argv) {
  using namespace overprune;
  std::FILE* file = argc > 2 ? std::fopen(argv[1], "r") : nullptr;
  long rows = 0, columns = 0;
  if (!file || std::fscanf(file, "%ld %ld", &rows, &columns) != 2) return 2;
  std::vector<double> x(rows * columns), y(rows);
  for (double& value : x)
    if (std::fscanf(file, "%lf", &value) != 1) return 2;
  for (double& value : y)
    if (std::fscanf(file, "%lf", &value) != 1) return 2;
  Grid grid;
  grid.sizes = {columns};
  grid.nonzeros = {std::stol(argv[2])};
  grid.rules = {Rule::magnitude};
  const PrunePathResult found =
      prune_path(row_major(x.data(), rows, columns), column_major(y.data(), rows, 1), grid, {});
  for (const double value : found.retrained) std::printf("%.17g\\n", value);
  return 0;
}
"""
LISTS = """\
cmake_minimum_required(VERSION 3.26)
project(mine LANGUAGES CXX)
find_package(overprune CONFIG REQUIRED)
add_executable(mine main.cpp)
target_link_libraries(mine PRIVATE overprune::overprune)
"""


def loaded(name: str) -> tuple[pd.DataFrame, pd.Series]:
    """A frame of columns with names, and targets: numbers, or integers for classes."""
    if name == "friedman":
        X, y = datasets.make_friedman1(400, 30, noise=0.5, random_state=0)
        return pd.DataFrame(X).add_prefix("u"), pd.Series(y, name="y")
    load = {"wine": datasets.load_wine, "cancer": datasets.load_breast_cancer}[name]
    return load(return_X_y=True, as_frame=True)


def own_data(name: str) -> None:
    """docs/howto/own_data.md: split, simulate, predict, ask, keep in a file, run as a config."""
    frame, targets = loaded(name)
    scaled = pd.DataFrame(StandardScaler().fit_transform(frame), columns=frame.columns)
    p, n = scaled.shape[1], 60
    few = max(p // 3, 2)
    parts = op.datasets.split(scaled, targets, test_size=100, seed=0)
    problem = op.DataProblem(*parts, center=True)
    assert problem.feature_names == tuple(frame.columns)
    table = op.simulate(problem, n=n, sizes=[few, p], nonzeros=[few], trials=20)
    assert np.isfinite(table.retrained_risk.sel(size=p)).all()
    if problem.task == "classification":
        assert float(table.retrained_accuracy.sel(size=few).median()) > 0.8
    else:
        assert float(table.dense_risk.sel(size=p).median()) < problem.null_risk
    wide = op.DataProblem(*parts, features=200, center=True, seed=0)
    bent = op.simulate(wide, n=n, sizes=[20, 60, 200], nonzeros=[20], trials=20).median("trial")
    assert float(bent.dense_risk.sel(size=60)) > float(bent.dense_risk.sel(size=200))  # the peak

    everything = op.DataProblem(*op.datasets.split(scaled, targets, test_size="all"), center=True)
    predicted = op.predict(everything, n=n, sizes=[p], nonzeros=[few], draws=32)
    measured = op.simulate(everything, n=n, sizes=[p], nonzeros=[few], trials=100).mean("trial")
    for quantity in ("dense_risk", "retrained_risk"):
        ratio = float((measured[quantity] / predicted[quantity]).squeeze())
        assert 0.7 < ratio < 1.4, (quantity, ratio)
    advice = op.advise(everything.equivalent(target=0), n=n, nonzeros=few, schedules=False)
    names = advice.names(advice.oracle_features)
    print(name, advice.best, *names)
    assert len(names) == few
    assert set(names) <= set(frame.columns)
    centred = np.asarray(targets - targets.mean(), float)
    path = op.prune_path(scaled, centred, sizes=[p], nonzeros=[few])
    assert set(path.support_names("magnitude", p, few)) <= set(frame.columns)
    _as_config(scaled, targets, few)


def _as_config(frame: pd.DataFrame, targets: pd.Series, few: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "mine.npz", inputs=frame.to_numpy(), targets=targets.to_numpy())
        config = Path(folder) / "mine.toml"
        config.write_text(
            '[problem]\nkind = "data"\ndataset = "npz"\npath = "mine.npz"\ntest_size = 60\n'
            f"center = true\n\n[run]\nn = 50\nnonzeros = [{few}]\n"
            f"sizes = [{few}, {frame.shape[1]}]\ntrials = 5\n"
        )
        run = [sys.executable, "-m", "overprune", "run", "mine.toml", "--output", "out"]
        done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert (Path(folder) / "out" / "risk.png").is_file()


def scikit_learn(name: str) -> None:
    """docs/howto/scikit_learn.md: fit, make compact, search, put into a pipeline."""
    frame, targets = loaded(name)
    X, X_test, y, y_test = train_test_split(frame, targets, train_size=0.6, random_state=0)
    is_numbers = targets.dtype.kind == "f"
    kind = "PrunedLeastSquares" if is_numbers else "PrunedLeastSquaresClassifier"
    few = max(frame.shape[1] // 3, 2)
    model = getattr(estimators, kind)(n_nonzeros=few).fit(X, y)
    assert set(model.get_feature_names_out()) <= set(frame.columns)
    assert model.transform(X_test).shape == (len(X_test), few)
    compact = model.compact()
    np.testing.assert_allclose(
        np.asarray(compact.predict(X_test), float), np.asarray(model.predict(X_test), float)
    )
    search = getattr(estimators, kind + "CV")(nonzeros=[2, few], ridge=[0.0, 0.1], cv=3)
    layer = estimators.RandomFeatures(150, activation="tanh", random_state=0)
    wide = getattr(estimators, kind + "CV")(sizes=[30, 150], nonzeros=[30], ridge=[0.01], cv=3)
    for pipeline in (
        make_pipeline(StandardScaler(), search),
        make_pipeline(StandardScaler(), layer, wide),
    ):
        score = pipeline.fit(X, y).score(X_test, y_test)
        print(name, round(score, 3))
        assert score > (0.5 if is_numbers else 0.85)


def scaling(name: str) -> None:
    """docs/scaling.md: a store that is filled by processes, gone on with, and read."""
    frame, targets = loaded(name)
    parts = op.datasets.split(frame, targets, test_size=100, seed=0)
    problem = op.DataProblem(*parts, center=True)
    grid = {"n": 60, "sizes": [2, frame.shape[1]], "nonzeros": [2]}
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "risk.zarr"
        with ProcessPoolExecutor(2) as executor:
            op.simulate(problem, **grid, trials=20, executor=executor, store=store)
        again = op.simulate(problem, **grid, trials=40, store=store)
    plain = op.simulate(problem, **grid, trials=40)
    np.testing.assert_array_equal(again.retrained_risk, plain.retrained_risk)


def cpp(name: str, folder: Path | None = None) -> None:
    """docs/howto/cpp.md: a program of one's own, which reads the data and prints what Python
    does."""
    frame, targets = loaded(name)
    X = np.asarray(frame - frame.mean(), float)
    y = np.asarray(targets - targets.mean(), float)
    few = max(X.shape[1] // 3, 2)
    place = Path(folder or tempfile.mkdtemp())
    (place / "main.cpp").write_text(PROGRAM)
    (place / "CMakeLists.txt").write_text(LISTS)
    with open(place / "data.txt", "w") as file:
        print(*X.shape, file=file)
        for row in (*X, y):
            print(*map(repr, row.tolist()), file=file)
    where = subprocess.check_output([sys.executable, "-m", "overprune", "--cmakedir"], text=True)
    flags = [f"-DCMAKE_PREFIX_PATH={where.strip()}", "-DCMAKE_BUILD_TYPE=Release"]
    flags += ["-G", "Ninja"] if shutil.which("ninja") else []
    subprocess.run(["cmake", "-S", ".", "-B", "build", *flags], cwd=place, check=True)
    subprocess.run(["cmake", "--build", "build"], cwd=place, check=True)
    printed = subprocess.check_output(
        [place / "build" / "mine", place / "data.txt", str(few)], text=True
    )
    path = op.prune_path(X, y, sizes=[X.shape[1]], nonzeros=[few])
    support = path.support("magnitude", X.shape[1], few)
    theta = path.retrained("magnitude", X.shape[1], few)[support]
    found = np.sort([float(line) for line in printed.split()])
    np.testing.assert_allclose(found, np.sort(theta), rtol=1e-9)
    print(name, "the same", few, "coefficients from C++")


GUIDES = {guide.__name__: guide for guide in (own_data, scikit_learn, scaling, cpp)}

if __name__ == "__main__":
    warnings.simplefilter("error", UserWarning)
    GUIDES[sys.argv[1]](sys.argv[2])
