"""Recordings as people export them: long and wide tables turned into assemblies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hyp.errors import HypError
from hyp.metrics.gram import Floats, Indices
from hyp.metrics.neural.assembly import DIMS, NAMES, SUBJECT_WORDS, varies_within
from hyp.tables import MISSING, as_names, as_number, read_table

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = ("response", "repetition", "time_bin_start", "time_bin_end")


def assembly_from_table(path: Path, rename: Mapping[str, str]) -> xr.DataArray:
    """Read a long or wide table, see `hyp.metrics.neural.read_assembly`.

    Raises
    ------
    HypError
        If columns are missing, or hold something other than they should.
    """
    table = read_table(path, lambda name: _is_number(rename.get(name, name)))
    columns = [str(name) for name in table.columns]
    unknown = [name for name in rename if name not in columns]
    if unknown:
        raise HypError(
            f"{path} has no column {' and no '.join(map(repr, unknown))} to rename; it has "
            f"{', '.join(columns)}."
        )
    table = table.rename(columns=dict(rename))
    columns = [str(name) for name in table.columns]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise HypError(f"{path} has several columns {twice[0]}; rename or remove all but one.")
    neuroids = [name for name in columns if "/" in name]
    if "stimulus_id" not in columns or not (neuroids or "response" in columns):
        raise HypError(
            f"{path} has the columns {', '.join(columns)}; a long table needs stimulus_id, "
            "neuroid_id, region and response, a wide one stimulus_id and REGION/NEUROID columns."
        )
    for name in {*columns}.difference(neuroids, ["response"]):
        column = table[name]
        is_name = name in NAMES
        table[name] = as_names(column, f"{name} of {path}") if is_name else as_number(column)
    return _from_long(table, path) if "response" in columns else _from_wide(table, path, neuroids)


def _is_number(name: str) -> bool:
    return name in _NUMBERS or "/" in name


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
        "neuroid": [n for n in ("neuroid_id", "region", "subject") if n in table.columns],
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
        raise HypError(_several(table, path, [name for dim in dims for name in keys[dim]]))
    values = np.full(shape, np.nan)
    values.flat[flat] = _numbers(table["response"], path)
    coords: dict[str, Any] = {
        name: (dim, _plain(table[name].iloc[firsts[dim]])) for dim in dims for name in keys[dim]
    }
    for name in table.columns.difference([*coords, "response"], sort=False):
        column = _plain(table[name])
        fits = [d for d in DIMS[:2] if not varies_within(column, codes[d], firsts[d])]
        if not fits:
            raise HypError(
                f"column {name} of {path} varies within presentations and within neuroids; it "
                "describes neither: leave it out."
            )
        coords[str(name)] = (fits[0], column[firsts[fits[0]]])
    return xr.DataArray(values, coords=coords, dims=dims)


def _several(table: pd.DataFrame, path: Path, keys: list[str]) -> str:
    """Say that a neuroid has several responses to a presentation, and what may tell them apart."""
    others = [str(n) for n in table.columns if n not in (*keys, "response")]
    telling = [name for name in others if not table.duplicated([*keys, name]).any()]
    words = (*SUBJECT_WORDS, "session")
    likely = [name for name in telling if name.lower() in words] or telling[:1]
    hint = (
        f"the column {likely[0]} tells them apart: if it names subjects, add "
        f"--rename {likely[0]}=subject, if it numbers repetitions, --rename {likely[0]}=repetition."
        if likely
        else "say in a column subject whose neuroid it is, or in a column repetition, where one "
        "neuroid saw a stimulus several times, which time it was."
    )
    return f"{path} has several responses of one neuroid to one presentation; {hint}"


def _plain(column: pd.Series[Any]) -> NDArray[Any]:
    numeric = column.dtype.kind in "fiub"
    return column.to_numpy() if numeric else column.astype(object).to_numpy()


def _numbers(column: pd.Series[Any], path: Path) -> Floats:
    try:
        return as_number(column).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        text = column[~column.isin(MISSING)].astype(str)
        other = text[~text.str.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", case=False)]
        such = f", such as {other.iloc[0]!r}" if len(other) else ""
        raise HypError(
            f"column {column.name} of {path} holds more than numbers{such}; leave cells without a "
            "response empty."
        ) from None
