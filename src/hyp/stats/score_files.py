"""Scores that somebody has already: CSV, Parquet, NetCDF or Zarr as one tidy table."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from hyp.errors import HypError, reading

if TYPE_CHECKING:
    import xarray as xr


def read_score_file(path: Path) -> pd.DataFrame:
    """Read a file of scores as a table with one row a score.

    Parameters
    ----------
    path : Path
        ``.csv`` or ``.tsv`` (compressed ones too), ``.parquet``, ``.nc`` (NetCDF 3 or 4)
        or ``.zarr``. Coordinates of a labelled array become columns; cells that were
        never filled (NaN in all of its variables) are left out.

    Raises
    ------
    HypError
        If the file is missing, of another kind, empty or cannot be read.
    """
    if not path.exists():
        raise HypError(f"there is no file {path}.")
    kind = next((suffix for suffix in _READERS if path.name.lower().endswith(suffix)), None)
    if kind is None:
        raise HypError(
            f"{path.name} is of no kind that can be read; use one of {', '.join(_READERS)}."
        )
    with reading(path, f"it should be {kind}"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a damaged file makes the libraries say
        try:
            table = _READERS[kind](path)
        except pd.errors.EmptyDataError:
            raise HypError(f"{path} is empty.") from None
    if table.empty:
        raise HypError(f"{path} holds no scores.")
    return table


def _read_tsv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t")


def _read_netcdf(path: Path) -> pd.DataFrame:
    import xarray as xr

    with xr.open_dataset(path) as data:
        return _flat(data)


def _read_zarr(path: Path) -> pd.DataFrame:
    import xarray as xr

    with xr.open_zarr(path, consolidated=None) as data:
        return _flat(data)


def _flat(data: xr.Dataset) -> pd.DataFrame:
    names = [str(name) for name in data.data_vars]
    return data.to_dataframe().dropna(subset=names, how="all").reset_index()


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": pd.read_csv,
    ".csv.gz": pd.read_csv,
    ".tsv": _read_tsv,
    ".parquet": pd.read_parquet,
    ".nc": _read_netcdf,
    ".zarr": _read_zarr,
}
