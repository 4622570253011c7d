"""Writing xarray datasets as plain Zarr v3 that opens without a warning."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr


def write_zarr(
    dataset: xr.Dataset, folder: Path, encoding: Mapping[str, Any] | None = None
) -> None:
    """Write a dataset as a Zarr v3 group with consolidated metadata.

    xarray looks for consolidated metadata and warns where there is none, zarr warns
    where there is some, since the v3 specification does not name it yet; the latter
    is silenced here. Strings are written with variable length, the one kind of string that
    Zarr v3 specifies.
    """
    strings = {
        name: variable.astype(object)
        for name, variable in dataset.variables.items()
        if variable.dtype.kind in "UT"
    }
    dataset = dataset.assign(strings)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        dataset.to_zarr(
            folder, mode="a", zarr_format=3, consolidated=True, encoding=dict(encoding or {})
        )
