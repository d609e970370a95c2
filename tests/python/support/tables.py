"""Comparing tables."""

from __future__ import annotations

import xarray as xr


def assert_same(one: xr.Dataset, other: xr.Dataset) -> None:
    """Asserts that two tables are the same to the last bit but for when they were made."""
    xr.testing.assert_identical(*(t.assign_attrs(provenance=None) for t in (one, other)))
