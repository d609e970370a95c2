"""Every public name is documented, and every example runs."""

from __future__ import annotations

import doctest
import inspect

import pytest

import overprune as op

PUBLIC = {name: getattr(op, name) for name in op.__all__ if callable(getattr(op, name))}
PUBLIC |= {f"spectra.{name}": getattr(op.spectra, name) for name in op.spectra.__all__}
METHODS = {
    f"{name}.{attribute}": value
    for name, owner in PUBLIC.items()
    if inspect.isclass(owner)
    for attribute, value in inspect.getmembers(owner)
    if not attribute.startswith("_") and (callable(value) or isinstance(value, property))
}
NO_EXAMPLE = {"PrunePath"}  # made by prune_path, whose example shows it


def examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name, thing in {**PUBLIC, "overprune": op}.items():
        for test in finder.find(thing, name, globs={}):
            if test.examples:
                yield pytest.param(test, id=test.name)


@pytest.mark.parametrize("test", list(examples()))
def test_examples_run(test):
    report = []
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_say_everything(name):
    thing, text = PUBLIC[name], inspect.getdoc(PUBLIC[name]) or ""
    assert text.splitlines()[0].endswith((".", "``"))
    signature = inspect.signature(thing).parameters
    if signature and name not in NO_EXAMPLE:
        assert "\nParameters\n" in text
        assert "\nRaises\n" in text
        listed = text.split("\nParameters\n")[1].split("\nRaises\n")[0]
        for parameter in signature:
            assert parameter in listed
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


def test_parameters_are_named_in_order():
    for name, thing in PUBLIC.items():
        text = inspect.getdoc(thing)
        if "\nParameters\n" not in text:
            continue
        block = text.split("\nParameters\n")[1].split("\nReturns\n")[0].split("\nRaises\n")[0]
        headings = [line.split(" : ")[0] for line in block.splitlines() if " : " in line and line[0] != " "]
        documented = [part for heading in headings for part in heading.split(", ")]
        assert documented == [p for p in inspect.signature(thing).parameters if p in documented], name
