"""A finished store, which tests copy and damage."""

from __future__ import annotations

import shutil

import pytest

from stores import run


@pytest.fixture(scope="module")
def expected():
    """The table of a run without a store."""
    return run()


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "run.zarr"
    run(path)
    return path


@pytest.fixture
def path(tmp_path, original):
    """A finished store of its own."""
    path = tmp_path / "run.zarr"
    shutil.copytree(original, path)
    return path
