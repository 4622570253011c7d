"""Neural recordings as plain xarray: reading, writing, and the checks before anything is scored.

An assembly is a ``DataArray`` with the dims ``presentation`` and ``neuroid``, and ``time_bin``
where responses are binned: the layout of Brain-Score's assemblies, without its classes.
Along ``presentation`` it has ``stimulus_id``, ``repetition`` and whatever is known of the
stimuli (``object_name``, latents); along ``neuroid`` it has ``neuroid_id`` and ``region``;
along ``time_bin`` it has ``time_bin_start`` and ``time_bin_end`` in milliseconds.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hyp.errors import HypError, reading
from hyp.metrics.gram import Floats, Indices
from hyp.names import check_name
from hyp.store.artifacts import readable_disk_errors
from hyp.store.plain_zarr import write_zarr

if TYPE_CHECKING:
    import pandas as pd

DIMS = ("presentation", "neuroid", "time_bin")
SIMULATED = "simulated"
"""Value of the attribute ``origin`` of assemblies that nobody recorded."""

_NEEDED = {"stimulus_id": "presentation", "neuroid_id": "neuroid", "region": "neuroid"}
_ORDER = "coordinate_order"  # Zarr lists variables by name, and Brain-Score's splits need theirs
_TABLES = (".csv", ".parquet", ".pq")
_NETCDF = (".nc", ".nc4", ".h5", ".hdf5")


def read_assembly(path: Path | str, *, rename: Mapping[str, str] | None = None) -> xr.DataArray:
    """Read a neural assembly from NetCDF, Zarr, or a table.

    NetCDF and Zarr hold one variable with the dims ``presentation`` and ``neuroid``, as
    Brain-Score's own files do; ``image_id`` is taken for a missing ``stimulus_id``. Tables
    (CSV or Parquet, as one exports them from NWB) come in two layouts:

    long
        one row a response: the columns ``stimulus_id``, ``neuroid_id``, ``region`` and
        ``response``, and ``repetition``, ``time_bin_start`` and ``time_bin_end`` where there
        are any. A further column describes the presentations if it is constant in each of
        them, else the neuroids.
    wide
        one row a presentation: one column a neuroid, called ``REGION/NEUROID`` (as
        ``IT/site_12``); the others (``stimulus_id``, ``repetition``, ``object_name``, ...)
        describe the presentations.

    Parameters
    ----------
    path : path
        File, or folder of a Zarr group.
    rename : mapping of str to str, optional
        The file's own names to the names above, for instance ``{"unit_id": "neuroid_id",
        "spike_count": "response"}``.

    Returns
    -------
    DataArray
        In memory, dims (presentation, neuroid) or (presentation, neuroid, time_bin).

    Raises
    ------
    HypError
        If the file is missing, of another kind or damaged, or lacks what an assembly needs.
    """
    path = Path(path)
    if not path.exists():
        raise HypError(f"there is no assembly at {path}; check the path.")
    if path.suffix in _TABLES:
        return check_assembly(_from_table(_read_table(path), path, rename or {}))
    is_zarr = path.is_dir() and any(
        (path / name).exists() for name in ("zarr.json", ".zgroup", ".zmetadata")
    )
    if not is_zarr and path.suffix not in _NETCDF:
        raise HypError(
            f"{path} is no assembly that can be read; give NetCDF ({', '.join(_NETCDF)}), a Zarr "
            f"folder, or a table ({', '.join(_TABLES)})."
        )
    with reading(path, "get the file again"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a damaged file makes the libraries say
        opened = xr.open_zarr(path, chunks=None) if is_zarr else xr.open_dataset(path)
        with opened:
            dataset = opened.load()
    return check_assembly(_from_dataset(dataset, path, rename or {}))


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
    dataset = check_assembly(assembly).rename("response").to_dataset()
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


def check_assembly(assembly: xr.DataArray) -> xr.DataArray:
    """Return the assembly with its dims in order, or say what it lacks.

    Raises
    ------
    HypError
        If dims or coordinates are missing, it is empty, or its values are not numbers.
    """
    dims = tuple(str(dim) for dim in assembly.dims)
    if set(dims) not in ({*DIMS}, {*DIMS[:2]}):
        raise HypError(
            f"an assembly has the dims presentation, neuroid and perhaps time_bin, but this one "
            f"has {', '.join(dims) or 'none'}; rename them."
        )
    missing = [
        name
        for name, dim in _NEEDED.items()
        if name not in assembly.coords or assembly.coords[name].dims != (dim,)
    ]
    if missing:
        known = ", ".join(sorted(str(name) for name in assembly.coords)) or "none"
        raise HypError(
            f"the assembly has no coordinate {' and no '.join(missing)} along its dim; it has "
            f"{known}: add what is missing or rename what is called otherwise."
        )
    for region in regions(assembly):
        check_name(region, "region")
    if assembly.dtype.kind not in "fiu":
        raise HypError(f"the responses are {assembly.dtype}, not numbers; convert them.")
    if 0 in assembly.shape:
        raise HypError(f"the assembly is empty: its sizes are {dict(assembly.sizes)}.")
    return assembly.transpose(*(dim for dim in DIMS if dim in dims))


def regions(assembly: xr.DataArray) -> list[str]:
    """Return the regions recorded, in the order of their first neuroid."""
    return list(dict.fromkeys(str(region) for region in assembly["region"].to_numpy()))


def select_region(
    assembly: xr.DataArray, region: str, *, window: tuple[float, float] | None = None
) -> xr.DataArray:
    """Return the responses of one region, averaged over a time window.

    Parameters
    ----------
    assembly : DataArray
        As `read_assembly` returns it.
    region : str
        One of its regions.
    window : (float, float), optional
        First and last millisecond: bins that lie inside are averaged. It is needed where
        there are several time bins.

    Returns
    -------
    DataArray
        Dims (presentation, neuroid).

    Raises
    ------
    HypError
        If there is no such region, or the time bins and the window do not fit.
    """
    assembly = check_assembly(assembly)
    inside = assembly["region"].astype(str).to_numpy() == region
    if not inside.any():
        raise HypError(
            f"no region {region!r} was recorded; there is {', '.join(regions(assembly))}."
        )
    chosen = assembly.isel(neuroid=np.flatnonzero(inside))
    if "time_bin" not in chosen.dims:
        return chosen
    if window is None:
        if chosen.sizes["time_bin"] == 1:
            return chosen.isel(time_bin=0, drop=True)
        raise HypError(
            f"the assembly has {chosen.sizes['time_bin']} time bins; say which window, in "
            "milliseconds, is to be averaged."
        )
    lacking = [name for name in ("time_bin_start", "time_bin_end") if name not in chosen.coords]
    if lacking:
        raise HypError(f"the assembly has no coordinate {lacking[0]}, so no window can be chosen.")
    start, end = (chosen[name].to_numpy() for name in ("time_bin_start", "time_bin_end"))
    bins = np.flatnonzero((start >= window[0]) & (end <= window[1]))
    if not bins.size:
        raise HypError(
            f"no time bin lies inside {window[0]:g} to {window[1]:g} ms; they run from "
            f"{start.min():g} to {end.max():g} ms."
        )
    return chosen.isel(time_bin=bins).mean("time_bin", skipna=True, keep_attrs=True)


def average_repetitions(assembly: xr.DataArray) -> xr.DataArray:
    """Average the presentations of every stimulus.

    The stimuli come in the order of their first presentation; see `sort_like_brainscore` where
    the splits have to be Brain-Score's. NaN responses are left out of the mean.

    Parameters
    ----------
    assembly : DataArray
        Dims (presentation, neuroid).

    Returns
    -------
    DataArray
        Dims (presentation, neuroid), float64, one presentation a stimulus; coordinates
        that vary within a stimulus are dropped.

    Raises
    ------
    HypError
        If a neuroid has no finite response to a stimulus at all.
    """
    codes, first = stimulus_codes(assembly)
    means = mean_by_group(assembly.to_numpy(), codes, len(first))
    _refuse_gaps(means, assembly, first)
    kept = assembly.isel(presentation=first)
    varying = [
        name
        for name, coord in assembly.coords.items()
        if coord.dims == ("presentation",) and _varies(coord.to_numpy(), codes, first)
    ]
    return kept.copy(data=means).drop_vars(varying)


def drop_constant_neuroids(assembly: xr.DataArray) -> xr.DataArray:
    """Leave out neuroids whose mean response is the same to every stimulus."""
    codes, first = stimulus_codes(assembly)
    means = mean_by_group(assembly.to_numpy(), codes, len(first))
    return assembly.isel(neuroid=np.flatnonzero(np.ptp(means, axis=0) > 0))


def sort_like_brainscore(
    assembly: xr.DataArray, *, by: Sequence[str] | None = None
) -> xr.DataArray:
    """Sort presentations so that averaging gives the stimuli in Brain-Score's order.

    Brain-Score groups presentations by all their coordinates but ``repetition`` and sorts the
    groups by these, the first coordinate first; its splits are drawn in that order.

    Parameters
    ----------
    assembly : DataArray
    by : sequence of str, optional
        The coordinates in the order they have in Brain-Score's assembly; by default that
        of this assembly, which files keep.

    Raises
    ------
    HypError
        If there is no such coordinate along ``presentation``.
    """
    known = [str(name) for name, c in assembly.coords.items() if c.dims == ("presentation",)]
    names = [name for name in known if name not in ("presentation", "repetition")]
    for name in by or ():
        if name not in known:
            raise HypError(
                f"the assembly has no coordinate {name!r} along presentation; it has "
                f"{', '.join(known)}."
            )
    columns = [assembly[name].to_numpy() for name in reversed(by or names)]
    ranks = [np.unique(column, return_inverse=True)[1] for column in columns]
    return assembly.isel(presentation=np.lexsort(ranks))


def stimulus_codes(assembly: xr.DataArray) -> tuple[Indices, Indices]:
    """Give every stimulus a number, in the order of first presentations.

    Returns
    -------
    codes : ndarray of int, shape (n_presentations,)
        Number of the stimulus of every presentation.
    first : ndarray of int, shape (n_stimuli,)
        Position of every stimulus' first presentation.
    """
    _, where, inverse = np.unique(
        assembly["stimulus_id"].astype(str).to_numpy(), return_index=True, return_inverse=True
    )
    order = np.argsort(where)
    return np.argsort(order)[inverse], where[order]


def mean_by_group(values: NDArray[Any], codes: Indices, n_groups: int) -> Floats:
    """Average rows by group, leaving out NaN; NaN where nothing is left.

    Parameters
    ----------
    values : ndarray of shape (n, m)
        Rows to average.
    codes : ndarray of int, shape (n,)
        Group of every row.
    n_groups : int
        Number of groups.
    """
    members = csr_array(
        (np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(n_groups, len(codes))
    )
    known = ~np.isnan(values)
    total = members @ np.where(known, values, 0).astype(np.float64)
    counts = members @ known.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / counts)


def _refuse_gaps(means: Floats, assembly: xr.DataArray, first: Indices) -> None:
    bad = np.argwhere(~np.isfinite(means))
    if not bad.size:
        return
    stimulus = assembly["stimulus_id"].to_numpy()[first[bad[0, 0]]]
    neuroid = assembly["neuroid_id"].to_numpy()[bad[0, 1]]
    raise HypError(
        f"{len(bad)} of {means.size} mean responses are NaN or infinite, the first that of neuroid "
        f"{neuroid} to stimulus {stimulus}; leave those neuroids or stimuli out."
    )


def _varies(values: NDArray[Any], codes: Indices, first: Indices) -> bool:
    reference = values[first][codes]
    with np.errstate(invalid="ignore"):
        differs = (reference != values) & ~((reference != reference) & (values != values))
    return bool(np.any(differs))


def _from_dataset(dataset: xr.Dataset, path: Path, rename: Mapping[str, str]) -> xr.DataArray:
    known = {str(name) for name in dataset.variables}
    dataset = dataset.rename({old: new for old, new in rename.items() if old in known})
    dataset = dataset.set_coords([name for name, values in dataset.items() if values.ndim < 2])
    names = [str(n) for n, v in dataset.items() if {*DIMS[:2]} <= {str(dim) for dim in v.dims}]
    if len(names) != 1:
        found = f"has {', '.join(names)}" if names else "has none"
        raise HypError(
            f"{path} should hold one variable with the dims presentation and neuroid, but {found}."
        )
    array = dataset[names[0]]
    array = array.assign_attrs({**dataset.attrs, **array.attrs}).rename(None)
    if "stimulus_id" not in array.coords and "image_id" in array.coords:
        array = array.assign_coords(stimulus_id=array["image_id"])
    order = [*array.attrs.pop(_ORDER, ()), *array.coords]
    coords = {
        name: (coord.dims, _text(coord.to_numpy()), coord.attrs)
        for name, coord in sorted(array.coords.items(), key=lambda item: order.index(item[0]))
    }
    return xr.DataArray(array.variable, coords=coords)


def _text(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind not in "SOT":
        return values
    flat = [value.decode() if isinstance(value, bytes) else value for value in values.ravel()]
    return np.array(flat, dtype=object).reshape(values.shape)


def _read_table(path: Path) -> pd.DataFrame:
    import pandas as pd

    with reading(path, "export the table again"):
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def _from_table(table: pd.DataFrame, path: Path, rename: Mapping[str, str]) -> xr.DataArray:
    table = table.rename(columns=dict(rename))
    columns = [str(name) for name in table.columns]
    neuroids = [name for name in columns if "/" in name]
    if "stimulus_id" not in columns or not (neuroids or "response" in columns):
        raise HypError(
            f"{path} has the columns {', '.join(columns)}; a long table needs stimulus_id, "
            "neuroid_id, region and response, a wide one stimulus_id and REGION/NEUROID columns."
        )
    return _from_long(table, path) if "response" in columns else _from_wide(table, path, neuroids)


def _from_wide(table: pd.DataFrame, path: Path, neuroids: list[str]) -> xr.DataArray:
    values = np.column_stack([_numbers(table[name], path) for name in neuroids])
    names = [name.partition("/") for name in neuroids]
    coords: dict[str, Any] = {
        str(name): ("presentation", _plain(table[name]))
        for name in table.columns
        if name not in neuroids
    }
    coords["neuroid_id"] = ("neuroid", np.array([name[2] for name in names], dtype=object))
    coords["region"] = ("neuroid", np.array([name[0] for name in names], dtype=object))
    return xr.DataArray(values, coords=coords, dims=DIMS[:2])


def _from_long(table: pd.DataFrame, path: Path) -> xr.DataArray:
    missing = [name for name in ("neuroid_id", "region") if name not in table.columns]
    if missing:
        raise HypError(f"{path} is a long table without the column {missing[0]}; add it.")
    keys = {
        "presentation": [n for n in ("stimulus_id", "repetition") if n in table.columns],
        "neuroid": ["neuroid_id", "region"],
        "time_bin": [n for n in ("time_bin_start", "time_bin_end") if n in table.columns],
    }
    dims = [dim for dim in DIMS if keys[dim]]
    codes: dict[str, Indices] = {}
    firsts: dict[str, Indices] = {}
    for dim in dims:
        groups = table.groupby(keys[dim], sort=False, dropna=False)
        codes[dim] = np.asarray(groups.ngroup(), dtype=np.intp)
        firsts[dim] = np.unique(codes[dim], return_index=True)[1].astype(np.intp)
    shape = tuple(len(firsts[dim]) for dim in dims)
    flat = np.ravel_multi_index(tuple(codes[dim] for dim in dims), shape)
    if len(np.unique(flat)) < len(flat):
        raise HypError(
            f"{path} has several responses of one neuroid to one presentation; number them in a "
            "column repetition."
        )
    values = np.full(shape, np.nan)
    values.flat[flat] = _numbers(table["response"], path)
    coords: dict[str, Any] = {
        name: (dim, _plain(table[name].iloc[firsts[dim]])) for dim in dims for name in keys[dim]
    }
    for name in table.columns.difference([*coords, "response"], sort=False):
        column = _plain(table[name])
        fits = [d for d in DIMS[:2] if not _varies(column, codes[d], firsts[d])]
        if not fits:
            raise HypError(
                f"column {name} of {path} varies within presentations and within neuroids; it "
                "describes neither: leave it out."
            )
        coords[str(name)] = (fits[0], column[firsts[fits[0]]])
    return xr.DataArray(values, coords=coords, dims=dims)


def _plain(column: pd.Series[Any]) -> NDArray[Any]:
    numeric = column.dtype.kind in "fiub"
    return column.to_numpy() if numeric else column.astype(object).to_numpy()


def _numbers(column: pd.Series[Any], path: Path) -> Floats:
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise HypError(f"column {column.name} of {path} holds more than numbers.") from None
