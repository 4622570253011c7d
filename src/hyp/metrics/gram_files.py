"""Gram matrices of a model's layers on disk, as plain Zarr that xarray opens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

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
    group = zarr.open_group(folder, mode="r")
    return {layer: _read(group, position) for position, layer in enumerate(_layers(group))}


def read_gram(folder: Path, layer: str) -> Gram:
    """Read the Gram matrix of one layer of what `write_grams` wrote."""
    group = zarr.open_group(folder, mode="r")
    return _read(group, _layers(group).index(layer))


def _layers(group: Any) -> list[str]:
    return [str(layer) for layer in group["layer"][:]]


def _read(group: Any, position: int) -> Gram:
    n_units = int(group["n_units"][position])
    return Gram(group["gram"][position], n_units, group["row_sum"][position])
