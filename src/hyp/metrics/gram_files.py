"""Gram matrices of a model's layers on disk, as plain Zarr that xarray opens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from hyp.metrics.gram import Gram
from hyp.store.plain_zarr import write_zarr


def write_grams(folder: Path, grams: Mapping[str, Gram]) -> None:
    """Write the Gram matrices of several layers to the same stimuli.

    Parameters
    ----------
    folder : Path
        Becomes a Zarr group: ``gram`` (layer, stimulus, other), ``row_sum``
        (layer, stimulus) and ``n_units`` (layer), one chunk a layer.
    grams : mapping of str to Gram
        By layer name.
    """
    n = next(iter(grams.values())).n_stimuli
    dataset = xr.Dataset(
        {
            "gram": (("layer", "stimulus", "other"), np.stack([g.K for g in grams.values()])),
            "row_sum": (("layer", "stimulus"), np.stack([g.row_sum for g in grams.values()])),
            "n_units": ("layer", [g.n_units for g in grams.values()]),
        },
        coords={"layer": np.array(list(grams), dtype=object)},
    )
    encoding = {"gram": {"chunks": (1, n, n), "compressors": None}}
    write_zarr(dataset, folder, encoding)


def read_grams(folder: Path) -> dict[str, Gram]:
    """Read what `write_grams` wrote."""
    with xr.open_zarr(folder, chunks=None) as dataset:
        layers = [str(layer) for layer in dataset["layer"].to_numpy()]
        return {layer: _read(dataset.sel(layer=layer)) for layer in layers}


def read_gram(folder: Path, layer: str) -> Gram:
    """Read the Gram matrix of one layer of what `write_grams` wrote."""
    with xr.open_zarr(folder, chunks=None) as dataset:
        return _read(dataset.sel(layer=layer))


def _read(one: xr.Dataset) -> Gram:
    return Gram(one["gram"].to_numpy(), int(one["n_units"]), one["row_sum"].to_numpy())
