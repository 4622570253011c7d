"""Activations on disk: plain Zarr v3 with sharding, opened by xarray alone."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray
from zarr.errors import ZarrUserWarning

from hyp.errors import HypError
from hyp.names import check_name

ACTIVATION = "activation"
CHUNK_BYTES = 8 * 2**20
SHARD_BYTES = 128 * 2**20


class ActivationWriter:
    """Write activations of several layers, batch by batch, as one Zarr group.

    Every layer becomes a sub-group that xarray opens as a Dataset of its own: variable
    ``activation`` with dims (stimulus, unit), the stimuli's latents as coordinates, the
    provenance as attributes. Use as a context manager: the group is finished (its metadata
    consolidated) when the block ends without an exception.

    A chunk holds the rows of one batch and up to 8 MiB of units; a shard holds as many
    batches as fit into 128 MiB and is written once, when its rows are complete. Values are
    not compressed: activations shrink little, at several times the cost of writing them.

    Parameters
    ----------
    path : path
        The group; what is there already is replaced.
    stimuli : xarray.Dataset
        Its coordinates along ``stimulus``, with their attributes, go beside every layer.
    attrs : mapping
        JSON values that say where the activations come from.
    batch_size : int
        Rows of every batch but the last.
    dtype : {"float32", "float16"}
        Stored type.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        stimuli: xr.Dataset,
        attrs: Mapping[str, Any],
        batch_size: int = 64,
        dtype: Literal["float32", "float16"] = "float32",
    ) -> None:
        self._path = Path(path)
        self._stimuli = stimuli
        self._attrs = dict(attrs)
        self._batch_size = batch_size
        self._dtype = np.dtype(dtype)
        self._layers: dict[str, _Layer] = {}
        self._root = zarr.open_group(self._path, mode="w", attributes=self._attrs)

    def append(
        self,
        batch: Mapping[str, NDArray[Any]],
        unit_coords: Mapping[str, Mapping[str, NDArray[Any]]] | None = None,
    ) -> None:
        """Append the next rows of every layer.

        Parameters
        ----------
        batch : mapping of str to ndarray, shape (rows, ...)
            Activations by layer; the same layers every time. What follows the rows is
            flattened in C order to units.
        unit_coords : mapping of str to mapping of str to ndarray, shape (units,)
            Labels of a layer's units, taken from the first batch.

        Raises
        ------
        HypError
            If a value is not finite, or beyond the range of float16 where that is stored, or
            the name of a layer cannot be that of a group.
        """
        for name, rows in batch.items():
            if name not in self._layers:
                self._layers[name] = self._create(name, rows, (unit_coords or {}).get(name, {}))
            self._layers[name].append(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._finish()

    def _create(self, name: str, rows: NDArray[Any], units: Mapping[str, NDArray[Any]]) -> _Layer:
        check_name(name, "layer")
        labels = {label: ("unit", values) for label, values in units.items()}
        frame = xr.Dataset(coords=self._stimuli.coords, attrs=self._attrs | {"layer": name})
        frame = frame.assign_coords(labels)
        frame.to_zarr(self._path, group=name, mode="w", consolidated=False, zarr_format=3)
        n_stimuli, n_units = self._stimuli.sizes["stimulus"], math.prod(rows.shape[1:])
        chunks, shards = layout(n_stimuli, n_units, self._batch_size, self._dtype.itemsize)
        array = self._root.require_group(name).create_array(
            ACTIVATION,
            shape=(n_stimuli, n_units),
            dtype=self._dtype,
            chunks=chunks,
            shards=shards,
            compressors=None,
            fill_value=float("nan"),
            dimension_names=("stimulus", "unit"),
            config={"write_empty_chunks": True},
        )
        return _Layer(name, array, shards[0])

    def _finish(self) -> None:
        n_stimuli = self._stimuli.sizes["stimulus"]
        for name, layer in self._layers.items():
            layer.flush()
            if layer.done != n_stimuli:
                raise HypError(f"layer {name} has {layer.done} rows for {n_stimuli} stimuli.")
        self._root.attrs["layers"] = list(self._layers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZarrUserWarning)  # consolidation is not in v3's text
            for group in (*self._layers, None):
                zarr.consolidate_metadata(self._path, path=group)


def layout(
    n_stimuli: int, n_units: int, batch_size: int, itemsize: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the chunk and shard shapes (stimulus, unit) of a layer.

    Chunks cut the units evenly; a shard spans all units and whole batches.
    """
    rows = min(batch_size, n_stimuli)
    pieces = max(1, math.ceil(rows * n_units * itemsize / CHUNK_BYTES))
    units = math.ceil(n_units / pieces)
    width = units * math.ceil(n_units / units)
    batches = max(1, SHARD_BYTES // (rows * width * itemsize))
    return (rows, units), (rows * min(batches, math.ceil(n_stimuli / rows)), width)


def layers(path: Path | str) -> list[str]:
    """Return the layers stored in a group, in the order they were written.

    Raises
    ------
    HypError
        If there is no such group.
    """
    return list(_open_group(path).attrs["layers"])


def open_layer(path: Path | str, layer: str) -> xr.Dataset:
    """Open one layer: lazy, dask-backed activations, and coordinates in memory.

    Returns
    -------
    xarray.Dataset
        Variable ``activation`` with dims (stimulus, unit).

    Raises
    ------
    HypError
        If there is no such group or layer.
    """
    stored_layer(path, layer)
    dataset: xr.Dataset = xr.open_zarr(path, group=layer)
    loaded: xr.Dataset = dataset.assign_coords({n: dataset[n].load() for n in dataset.coords})
    return loaded


def stored_layer(path: Path | str, layer: str) -> zarr.Group:
    """Open one layer as the Zarr group it is, twenty times as fast as `open_layer`.

    Raises
    ------
    HypError
        If there is no such group or layer.
    """
    group = _open_group(path)
    known = list(group.attrs["layers"])
    if layer not in known:
        raise HypError(f"{path} has no layer {layer!r}; it has: {', '.join(known)}.")
    return group[layer]


def _open_group(path: Path | str) -> zarr.Group:
    try:
        group = zarr.open_group(Path(path), mode="r")
    except (FileNotFoundError, ValueError) as error:
        raise HypError(f"there are no activations at {path}.") from error
    if "layers" not in group.attrs:
        raise HypError(f"the activations at {path} are unfinished; extract them again.")
    return group


class _Layer:
    """One growing array and the rows of its next shard."""

    def __init__(self, name: str, array: zarr.Array, shard_rows: int) -> None:
        self._name = name
        self._array = array
        self._rows = np.empty((min(shard_rows, array.shape[0]), array.shape[1]), array.dtype)
        self._filled = 0
        self.done = 0

    def append(self, rows: NDArray[Any]) -> None:
        start = 0
        while start < len(rows):
            taken = rows[start : start + len(self._rows) - self._filled]
            space = self._rows[self._filled : self._filled + len(taken)]
            with np.errstate(over="ignore"):
                space.reshape(taken.shape)[:] = taken
            self._check_finite(space, self.done + self._filled)
            self._filled += len(taken)
            start += len(taken)
            if self._filled == len(self._rows):
                self.flush()

    def _check_finite(self, rows: NDArray[Any], first: int) -> None:
        finite = np.isfinite(rows).all(axis=1)
        if finite.all():
            return
        stimulus = first + int(np.flatnonzero(~finite)[0])
        advice = " or beyond float16; store them as float32" if rows.dtype == np.float16 else ""
        raise HypError(
            f"layer {self._name} has activations to stimulus {stimulus} that are not "
            f"finite{advice}."
        )

    def flush(self) -> None:
        if self._filled:
            self._array[self.done : self.done + self._filled] = self._rows[: self._filled]
            self.done += self._filled
            self._filled = 0
