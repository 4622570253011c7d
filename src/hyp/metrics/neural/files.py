"""Recordings in files: NetCDF, Zarr and tables in, NetCDF and Zarr out."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hyp.errors import HypError, reading
from hyp.metrics.neural.assembly import DIMS, NAMES, check_assembly, identify_neuroids
from hyp.metrics.neural.rdms import check_rdms, holds_rdms, is_square, rdms_from_array
from hyp.metrics.neural.recorded_tables import assembly_from_table
from hyp.store.artifacts import readable_disk_errors
from hyp.store.plain_zarr import write_zarr
from hyp.tables import TABLES, as_names, is_table, kind_by_content

_ORDER = "coordinate_order"  # Zarr lists variables by name, and Brain-Score's splits need theirs
_NETCDF = (".nc", ".nc4", ".h5", ".hdf5")


def read_assembly(path: Path | str, *, rename: Mapping[str, str] | None = None) -> xr.DataArray:
    """Read a neural assembly from NetCDF, Zarr, or a table.

    NetCDF and Zarr hold one variable with the dims ``presentation`` and ``neuroid``, as
    Brain-Score's own files do, or one called ``response`` among several; ``image_id`` is taken
    for a missing ``stimulus_id``. A further dim ``subject`` becomes part of the neuroids.
    Tables (CSV, TSV or Parquet, as one exports them from NWB; separated by commas, semicolons or
    tabs, perhaps compressed) come in two layouts:

    long
        one row a response: the columns ``stimulus_id``, ``neuroid_id``, ``region`` and
        ``response``, and ``repetition``, ``subject``, ``time_bin_start`` and ``time_bin_end``
        where there are any. A further column describes the presentations if it is constant in
        each of them, else the neuroids.
    wide
        one row a presentation: one column a neuroid, called ``REGION/NEUROID`` (as
        ``IT/site_12``); the others (``stimulus_id``, ``repetition``, ``object_name``, ...)
        describe the presentations.

    NetCDF and Zarr may also hold dissimilarities: one variable with the dims ``rdm``, ``stimulus``
    and ``stimulus_2``, and ``region``, ``subject`` and ``session`` as coordinates along ``rdm``, or
    as dims in its place (`hyp.metrics.neural.rdms`).

    A neuroid is known by its region, its ``neuroid_id`` and, where there is one, its ``subject``,
    so that subjects may number their voxels alike. Names stay text: ``0001`` is not ``1``.

    Parameters
    ----------
    path : path
        File, or folder of a Zarr group.
    rename : mapping of str to str, optional
        The file's own names of columns, coordinates, variables or dims to the names above, for
        instance ``{"unit_id": "neuroid_id", "spike_count": "response"}``.

    Returns
    -------
    DataArray
        In memory, dims (presentation, neuroid) or (presentation, neuroid, time_bin); or
        (rdm, stimulus, stimulus_2).

    Raises
    ------
    HypError
        If the file is missing, of another kind or damaged, lacks what an assembly needs or what
        is to be renamed, or has two neuroids, or two responses of one, that nothing tells apart.
    """
    path = Path(path)
    if not path.exists():
        raise HypError(f"there is no assembly at {path}; check the path.")
    _refuse_foreign(path)
    if path.is_file() and is_table(path):
        return identify_neuroids(check_assembly(assembly_from_table(path, rename or {})))
    is_zarr = path.is_dir() and any(
        (path / name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata")
    )
    if not is_zarr and path.suffix.lower() not in _NETCDF:
        raise HypError(
            f"{path} is no assembly that can be read; give NetCDF ({', '.join(_NETCDF)}), a Zarr "
            f"folder, or a table ({', '.join(TABLES)})."
        )
    if not is_zarr and (kind := kind_by_content(path)) and "NetCDF" not in kind:
        raise HypError(f"{path} is {kind}, not NetCDF; name it as what it is, or export it again.")
    with reading(path, "get the file again"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a damaged file makes the libraries say
        opened = xr.open_zarr(path, chunks=None) if is_zarr else xr.open_dataset(path)
        with opened:
            dataset = opened.load()
    array = _from_dataset(dataset, path, rename or {})
    return array if holds_rdms(array) else identify_neuroids(check_assembly(array))


def write_assembly(assembly: xr.DataArray, path: Path | str) -> Path:
    """Write an assembly as NetCDF where the name ends in ``.nc``, else as a Zarr group.

    Either is opened by xarray alone: variable ``response`` with its coordinates and
    attributes. The file gets its name when it is whole.

    Raises
    ------
    HypError
        If something of that name exists, or the assembly lacks what it needs.
    """
    path = Path(path)
    if path.exists():
        raise HypError(f"{path} exists already; choose another name or remove it.")
    checked = check_rdms(assembly) if holds_rdms(assembly) else check_assembly(assembly)
    dataset = checked.rename("response").to_dataset()
    dataset.attrs = dict(assembly.attrs)
    strings = {
        name: (coord.dims, coord.to_numpy().astype(str).astype(object), coord.attrs)
        for name, coord in dataset.coords.items()
        if coord.dtype.kind in "OUS"
    }
    dataset = dataset.assign_coords(strings)
    with readable_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    with readable_disk_errors(path):
        if path.suffix == ".nc":
            dataset.to_netcdf(beside, engine="h5netcdf")
        else:
            write_zarr(dataset.assign_attrs({_ORDER: [str(n) for n in dataset.coords]}), beside)
        beside.rename(path)
    return path


def _refuse_foreign(path: Path) -> None:
    """Refuse MATLAB's and NWB's files by name, whatever they are called."""
    kind = None
    if path.is_file():
        with path.open("rb") as stream:
            head = stream.read(128)
        if path.suffix.lower() == ".mat" or head.startswith(b"MATLAB"):
            kind = "MATLAB"
        elif path.suffix.lower() == ".nwb" or _is_nwb(path, head):
            kind = "NWB"
    if kind is not None:
        raise HypError(
            f"{path} is a {kind} file, which holds no labelled assembly; export the responses as a "
            "long table with the columns stimulus_id, repetition, neuroid_id, region and response."
        )


def _is_nwb(path: Path, head: bytes) -> bool:
    import h5py

    if not head.startswith(b"\x89HDF"):
        return False
    try:
        with h5py.File(path, "r") as file:
            return "nwb_version" in file.attrs
    except OSError:
        return False


def _from_dataset(dataset: xr.Dataset, path: Path, rename: Mapping[str, str]) -> xr.DataArray:
    known = {str(name) for name in (*dataset.variables, *dataset.dims)}
    unknown = [name for name in rename if name not in known]
    if unknown:
        raise HypError(
            f"{path} has no {' and no '.join(map(repr, unknown))} to rename; it has "
            f"{', '.join(sorted(known))}."
        )
    try:
        dataset = dataset.rename(dict(rename))
    except ValueError as error:
        raise HypError(f"{path} cannot be renamed so: {error}.") from error
    dataset = dataset.set_coords([name for name, values in dataset.items() if values.ndim < 2])
    rdms = [str(n) for n, v in dataset.items() if is_square(v.dims)]
    names = [str(n) for n, v in dataset.items() if {*DIMS[:2]} <= {str(dim) for dim in v.dims}]
    names = names or rdms
    if "response" in names:
        names = ["response"]
    if len(names) != 1:
        if names:
            raise HypError(
                f"{path} should hold one variable with the dims presentation and neuroid, but has "
                f"{', '.join(names)}; say which are the responses: --rename {names[0]}=response."
            )
        sizes = ", ".join(f"{name} {dict(v.sizes)}" for name, v in dataset.items()) or "none"
        raise HypError(
            f"{path} should hold one variable with the dims presentation and neuroid, but has "
            f"none (and no dissimilarities, with rdm, stimulus and stimulus_2); its variables: "
            f"{sizes}. Rename its dims with --rename OLD=NEW."
        )
    array = dataset[names[0]]
    array = array.assign_attrs({**dataset.attrs, **array.attrs}).rename(None)
    if holds_rdms(array):
        array.attrs.pop(_ORDER, None)
        return rdms_from_array(array, path)
    order = [*array.attrs.pop(_ORDER, ())]
    if "subject" in array.dims:
        array = _stack_subjects(array)
    if "stimulus_id" not in array.coords and "image_id" in array.coords:
        array = array.assign_coords(stimulus_id=array["image_id"])
    for dim, name in (("presentation", "stimulus_id"), ("neuroid", "neuroid_id")):
        named = dim in array.coords and array[dim].dtype.kind in "OSUT"
        if named and name not in array.coords:
            array = array.assign_coords({name: (dim, array[dim].to_numpy())})
    order += [str(name) for name in array.coords]
    coords = {
        name: (coord.dims, _text(str(name), coord.to_numpy()), coord.attrs)
        for name, coord in sorted(array.coords.items(), key=lambda item: order.index(str(item[0])))
    }
    return xr.DataArray(array.variable, coords=coords)


def _stack_subjects(array: xr.DataArray) -> xr.DataArray:
    """Turn the dim ``subject`` into a coordinate of the neuroids."""
    n_subjects, n_neuroids = array.sizes["subject"], array.sizes["neuroid"]
    labels = array["subject"].to_numpy() if "subject" in array.coords else np.arange(n_subjects)
    coords: dict[str, Any] = {"subject": ("neuroid", np.repeat(labels, n_neuroids))}
    for name, coord in array.coords.items():
        if name in array.dims or not {"subject", "neuroid"} & set(coord.dims):
            continue
        if not set(coord.dims) <= {"subject", "neuroid"}:
            raise HypError(
                f"coordinate {name} has the dims {', '.join(map(str, coord.dims))}; give a "
                "recording whose stimuli differ between subjects as a long table."
            )
        values = coord.to_numpy()
        if coord.dims == ("neuroid",):
            flat = np.tile(values, n_subjects)
        elif coord.dims == ("subject",):
            flat = np.repeat(values, n_neuroids)
        else:
            flat = coord.transpose("subject", "neuroid").to_numpy().ravel()
        coords[str(name)] = ("neuroid", flat)
    rest = [dim for dim in array.dims if dim not in ("subject", "neuroid")]
    values = array.transpose(*rest, "subject", "neuroid").to_numpy()
    kept = {n: c for n, c in array.coords.items() if not {"subject", "neuroid"} & set(c.dims)}
    return xr.DataArray(
        values.reshape(*values.shape[:-2], n_subjects * n_neuroids),
        dims=[*rest, "neuroid"],
        coords={**kept, **coords},
        attrs=array.attrs,
    )


def _text(name: str, values: NDArray[Any]) -> NDArray[Any]:
    import pandas as pd

    if values.dtype.kind in "SOT":
        flat = [value.decode() if isinstance(value, bytes) else value for value in values.ravel()]
        values = np.array(flat, dtype=object).reshape(values.shape)
    if name in NAMES and values.dtype.kind == "f":
        return as_names(pd.Series(values), name).to_numpy(dtype=object)
    return values
