"""Predicted classifiers against plain code at 30 digits; `python
tests/python/support/label_cases.py` compares 200 random problems."""

import pytest

from label_cases import largest_error, random_case


@pytest.mark.parametrize("number", [1, 41])
def test_thirty_digits(number):
    error, where = largest_error(random_case(number))
    assert error < 1e-8, where
