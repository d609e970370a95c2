"""What notebooks show: well-formed tables, in which no text is markup."""

from xml.etree import ElementTree

import numpy as np
import pytest

import overprune as op
from overprune import _html

LINEAR = op.LinearGaussianProblem(np.linspace(0.0, 1.0, 6), np.ones(6), 0.5)
X, Y = np.random.default_rng(0).normal(size=(12, 6)), np.arange(12.0) - 5
SHOWN = {
    "linear": (LINEAR, "(6,), from 0 to 1"),
    "classification": (op.LinearClassificationProblem(np.ones(6), np.ones(6)), "null risk"),
    "random features": (op.RandomFeatureProblem.draw(4, 3, noise_std=0.1, seed=0), "relu"),
    "data": (op.DataProblem(X, Y, X, Y), "targets m"),
    "spectrum": (op.Spectrum([1.0], [1.0], [0.5]), "Spectrum"),
    "advice": (op.advise(LINEAR, 20, 2, ridge="none"), "retraining"),
    "path": (op.prune_path(X, Y, [3, 6], [2]), "condition"),
}


def cells(text):
    return [element.text or "" for element in ElementTree.fromstring(text).iter()]


@pytest.mark.parametrize("name", SHOWN)
def test_objects_are_shown_as_tables(name):
    thing, said = SHOWN[name]
    text = thing._repr_html_()
    assert any(said in cell for cell in cells(text)), text
    rows = [len(row) for row in ElementTree.fromstring(text).iter("tr")]
    assert len(rows) > 1
    assert len(set(rows)) == 1


def test_text_is_no_markup():
    hostile = "<script>alert('x')</script> & \"quoted\""
    assert cells(_html.table(hostile, [hostile], [[hostile]])).count(hostile) == 3
