"""Every how-to guide works with data other than its own (support/guides.py)."""

import pytest

import guides


@pytest.mark.parametrize("name", ["wine", "friedman"])
@pytest.mark.parametrize("guide", ["own_data", "scikit_learn", "scaling"])
def test_a_guide(guide, name):
    guides.GUIDES[guide](name)


@pytest.mark.parametrize("guide", ["scikit_learn", "scaling"])
def test_a_guide_with_skewed_columns(guide):
    guides.GUIDES[guide]("cancer")


@pytest.mark.parametrize("name", ["wine", "friedman"])
def test_the_guide_to_cpp(name, tmp_path):
    guides.cpp(name, tmp_path)
