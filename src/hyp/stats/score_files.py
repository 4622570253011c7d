"""Scores that somebody has already, in the files people keep them in, as one table."""

from __future__ import annotations

import codecs
import csv
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pandas as pd

from hyp.errors import HypError, reading
from hyp.tables import read_fields

if TYPE_CHECKING:
    import xarray as xr

_SEPARATORS = ",;\t|"
_COMPRESSED = (".gz", ".bz2", ".zip", ".xz", ".zst")
_LOOKED_AT = 20
_WORKBOOKS = (b"PK", b"\xd0\xcf\x11\xe0")
_ENCODING = "cp1252"
NOTES = "hyp_notes"
"""Where `DataFrame.attrs` keeps what a reader should know of how the file was read."""


def read_score_file(path: Path, *, sheet: str | None = None) -> pd.DataFrame:
    r"""Read a file of scores as a table with one row a score.

    Text is read as it stands: only an empty cell is missing, so that a group may be called
    ``None`` or ``NA``. The separator (comma, semicolon, tab or bar) is found from the first
    lines. Numbers that are written as text (``72.8%``, ``0,728``) are left to
    `hyp.stats.score_text.as_numbers`, which knows the column they belong to.

    Parameters
    ----------
    path : Path
        Text (``.csv``, ``.tsv``, ``.txt``), ``.jsonl``, ``.json`` (a list of records), each
        also as ``.gz``, ``.bz2``, ``.zip``, ``.xz`` or ``.zst``; ``.xlsx``, ``.xls`` or
        ``.ods``; ``.parquet`` or ``.feather``; ``.nc`` (NetCDF 3 or 4) or ``.zarr``. An index
        with names becomes columns, and so do the coordinates of a labelled array, whose
        cells that were never filled (NaN in all of its variables) are left out.
    sheet : str, optional
        Sheet of a workbook that has several.

    Returns
    -------
    DataFrame
        Its ``attrs["hyp_notes"]`` lists what a reader should know, such as an encoding that
        was not UTF-8.

    Raises
    ------
    HypError
        If the file is missing, of another kind, empty, ambiguous or cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "scores.csv"
    ...     _ = path.write_text("seed;score\n0;0.5\n1;0.7\n")
    ...     table = read_score_file(path)
    >>> table.shape
    (2, 2)
    """
    if not path.exists():
        raise HypError(f"there is no file {path}.")
    kind = _kind(path)
    if sheet is not None and kind not in _SHEETS:
        raise HypError(f"{path.name} has no sheets; --sheet is for {', '.join(_SHEETS)}.")
    with reading(path, f"it should be {kind}"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what a damaged file makes the libraries say
        try:
            table = _sheet(path, sheet) if kind in _SHEETS else _READERS[kind](path)
        except pd.errors.EmptyDataError:
            raise HypError(f"{path} is empty.") from None
        except ImportError as error:
            raise HypError(
                f"reading {kind} needs the package {_package(error, kind)}: install it, or save "
                "the table as CSV."
            ) from error
    named = [name for name in table.index.names if name is not None]
    table = table.reset_index() if named else table
    if table.empty:
        raise HypError(f"{path} holds no scores.")
    table.columns = table.columns.map(str)
    twice = sorted(set(table.columns[table.columns.duplicated()]))
    if twice:
        raise HypError(f"{path} has more than one column {', '.join(map(repr, twice))}.")
    return table


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = bool(suffixes) and suffixes[-1] in _COMPRESSED
    kind = suffixes[-2] if packed and len(suffixes) > 1 else "".join(suffixes[-1:])
    if kind in _READERS or kind in _SHEETS:
        if packed and kind not in _TEXT:
            raise HypError(f"{path.name} is compressed; unpack it first.")
        return kind
    raise HypError(
        f"{path.name} is of no kind that can be read; use one of "
        f"{', '.join([*_READERS, *_SHEETS])}; text may be compressed ({', '.join(_COMPRESSED)})."
    )


def _read_text(path: Path) -> pd.DataFrame:
    encoding, lines = _first_lines(path)
    if not lines:
        raise pd.errors.EmptyDataError
    separator = _separator(path, lines)
    header = next(csv.reader([lines[0]], delimiter=separator))
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise HypError(f"{path} has more than one column {', '.join(map(repr, twice))}.")
    dialect: dict[str, Any] = {
        "sep": separator,
        "encoding": encoding,
        "keep_default_na": False,
        "na_values": [""],
    }
    table = read_fields(path, **dialect)
    text = read_fields(path, **dialect, dtype=str)
    for column in table.columns[[kind.kind in "biuf" for kind in table.dtypes]]:
        if text[column].nunique() > table[column].nunique():  # 1.1 and 1.10 may be two names
            table[column] = text[column]
    if encoding == _ENCODING:
        table.attrs[NOTES] = [
            f"{path.name} is not UTF-8 and was read as Windows-1252 (Western European); if names "
            "look wrong, save it as UTF-8."
        ]
    return table


def _first_lines(path: Path) -> tuple[str, list[str]]:
    """Return the encoding of a text and its first lines that are not empty."""
    with fsspec.open(path.as_posix(), "rb", compression="infer") as file:
        start = file.read(1 << 16)
        encoding = _by_mark(start)
        if encoding is None:
            encoding = "utf-8"
            decoder = codecs.getincrementaldecoder(encoding)()
            try:
                decoder.decode(start)
                while part := file.read(1 << 20):
                    decoder.decode(part)
            except UnicodeDecodeError:
                encoding = _ENCODING
    if b"\x00" in start and not encoding.startswith("utf-16"):
        raise ValueError("it holds null bytes, so it is no text; if it is UTF-16, save it as UTF-8")
    text = start.decode(encoding, errors="ignore")
    return encoding, [line for line in text.splitlines() if line.strip()][:_LOOKED_AT]


def _by_mark(start: bytes) -> str | None:
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None


def _separator(path: Path, lines: list[str]) -> str:
    """Find the separator by which all first lines have as many fields as the header."""
    fits = {}
    for separator in _SEPARATORS:
        widths = {len(row) for row in csv.reader(lines, delimiter=separator)}
        if len(widths) == 1 and widths != {1}:
            fits[separator] = widths.pop()
    in_header = {one for one in fits if one in lines[0]}
    if len(in_header) > 1:
        raise HypError(
            f"{path} could be separated by {' or '.join(map(repr, sorted(in_header)))}; save it "
            "with one of them only."
        )
    if in_header:
        return in_header.pop()
    return max(_SEPARATORS, key=lines[0].count)


def _read_lines(path: Path) -> pd.DataFrame:
    return pd.read_json(path, lines=True, dtype=False)


def _read_json(path: Path) -> pd.DataFrame:
    return pd.read_json(path, orient="records", dtype=False)


def _sheet(path: Path, sheet: str | None) -> pd.DataFrame:
    with path.open("rb") as file:
        if not file.read(4).startswith(_WORKBOOKS):
            raise HypError(
                f"{path.name} is no workbook, whatever its name says; if it is text, name it .csv."
            )
    sheets = pd.read_excel(path, sheet_name=None, keep_default_na=False, na_values=[""])
    headers = pd.read_excel(path, sheet_name=None, header=None, nrows=1, dtype=str)
    filled = {name: table for name, table in sheets.items() if not table.empty}
    if sheet is None and len(filled) > 1:
        raise HypError(f"{path.name} has the sheets {', '.join(filled)}; name one with --sheet.")
    if sheet is not None and sheet not in filled:
        raise HypError(f"{path.name} has no sheet {sheet!r}; it has {', '.join(filled)}.")
    if not filled:
        return pd.DataFrame()
    name = next(iter(filled)) if sheet is None else sheet
    header = headers[name].iloc[0].dropna()
    twice = sorted(set(header[header.duplicated()]))
    if twice:
        raise HypError(f"{path} has more than one column {', '.join(map(repr, twice))}.")
    return filled[name]


def _package(error: ImportError, kind: str) -> str:
    return _SHEETS.get(kind) or error.name or "pyarrow"


def _read_netcdf(path: Path) -> pd.DataFrame:
    import xarray as xr

    with xr.open_dataset(path) as data:
        return _flat(data)


def _read_zarr(path: Path) -> pd.DataFrame:
    import xarray as xr

    with xr.open_zarr(path, consolidated=None) as data:
        return _flat(data)


def _flat(data: xr.Dataset) -> pd.DataFrame:
    names: list[Any] = [str(name) for name in data.data_vars]
    return data.to_dataframe().dropna(subset=names, how="all").reset_index()


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_text,
    ".tsv": _read_text,
    ".txt": _read_text,
    ".jsonl": _read_lines,
    ".ndjson": _read_lines,
    ".json": _read_json,
    ".parquet": pd.read_parquet,
    ".feather": pd.read_feather,
    ".nc": _read_netcdf,
    ".zarr": _read_zarr,
}
_TEXT = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json")
_SHEETS = {".xlsx": "openpyxl", ".xls": "xlrd", ".ods": "odfpy"}
