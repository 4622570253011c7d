"""Tables that people have, read without a loss: CSV in its dialects, TSV, Parquet, compressed."""

from __future__ import annotations

import csv
import gzip
import warnings
from collections.abc import Callable
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec

from hyp.errors import HypError

if TYPE_CHECKING:
    import pandas as pd

TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq")
"""How the names of tables end, in capitals or not."""

_PARQUET = (".parquet", ".pq")
_SEPARATORS = (",", "\t", ";")
_KINDS = {
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"PK\x03\x04": "a ZIP file, as those of Excel and NumPy are",
    b"\x93NUMPY": "a NumPy array",
    b"MATLAB": "a MATLAB file",
    b"\x89HDF": "an HDF5 file, as those of NetCDF, NWB and MATLAB 7.3 are",
    b"CDF": "a NetCDF file",
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]
"""What stands for a missing number."""


def is_table(path: Path) -> bool:
    """Say whether a file is a table by its name."""
    return path.name.lower().endswith(TABLES)


def kind_by_content(path: Path) -> str:
    """Say what a file is by its first bytes, whatever its name says; nothing where it is text."""
    with path.open("rb") as stream:
        head = stream.read(8)
    return next((kind for start, kind in _KINDS.items() if head.startswith(start)), "")


def read_table(
    path: Path,
    is_number: Callable[[str], bool] = lambda name: False,
    *,
    comment: str | None = None,
) -> pd.DataFrame:
    """Read a table; what is not said to be a number stays the text that it is.

    So ``0001`` remains ``0001``. Text files are separated by commas, semicolons or tabs,
    whichever gives the header more columns; after semicolons numbers may have decimal commas.
    `as_number` turns other columns into numbers where nothing is lost.

    Parameters
    ----------
    path : Path
        CSV, TSV or Parquet; CSV and TSV may be compressed by gzip.
    is_number : callable
        Whether a column of a text file, by its name, holds numbers.
    comment : str, optional
        What comments above the header of a text file begin with.

    Raises
    ------
    HypError
        If the file cannot be read as a table.
    """
    import pandas as pd

    try:
        _check_kind(path)
        if path.name.lower().endswith(_PARQUET):
            return pd.read_parquet(path)
        return _read_text(path, is_number, comment)
    except HypError:
        raise
    except pd.errors.EmptyDataError:
        raise HypError(f"{path} is empty.") from None
    except UnicodeDecodeError:
        raise HypError(f"{path} is no text in UTF-8; save it as CSV UTF-8.") from None
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise HypError(f"{path} cannot be read as a table ({reason}); export it again.") from error


def _check_kind(path: Path) -> None:
    """Refuse a file that is of another kind than its name says."""
    name, kind = path.name.lower(), kind_by_content(path)
    if name.endswith(_PARQUET):
        named = _KINDS[b"PAR1"]
    else:
        named = _KINDS[b"\x1f\x8b"] if name.endswith(".gz") else ""
    if kind != named and path.stat().st_size:
        raise HypError(
            f"{path} is {kind or f'not {named}'}, whatever its name says; name it as what it is, "
            "or export it as CSV."
        )


def _read_text(path: Path, is_number: Callable[[str], bool], comment: str | None) -> pd.DataFrame:
    import pandas as pd

    with path.open("rb") as stream:
        is_utf16 = stream.read(2) in _UTF16  # Excel's "Unicode text"
    encoding = "utf-16" if is_utf16 else "utf-8-sig"
    dialect: dict[str, Any] = {
        "encoding": encoding,
        "skiprows": _comments(path, encoding, comment) if comment else 0,
        "keep_default_na": False,
    }
    headers = {
        sep: pd.read_csv(path, sep=sep, nrows=1, header=None, dtype=str, **dialect)
        for sep in _SEPARATORS
    }
    sep = max(headers, key=lambda one: headers[one].shape[1])
    names = [str(name) for name in headers[sep].iloc[0]]
    stripped = [name.strip() for name in names if name.strip()]
    twice = sorted({name for name in stripped if stripped.count(name) > 1})
    if twice:
        raise HypError(f"{path} has several columns {twice[0]}; rename or remove all but one.")
    numbers = [name for name in names if is_number(name.strip())]
    table = read_fields(
        path,
        sep=sep,
        decimal="," if sep == ";" else ".",
        dtype={name: str for name in names if name not in numbers},
        na_values=dict.fromkeys(numbers, MISSING),
        **dialect,
    )
    table.columns = [str(name).strip() for name in table.columns]
    return table


def read_fields(path: Path, *, sep: str, **dialect: Any) -> pd.DataFrame:
    """Read a text as `pandas.read_csv` does, each field under its own name.

    Where rows have more fields than the header pandas takes the first ones for an index, which
    shifts all names. A separator at every line's end is left out; after tabs and semicolons one
    more field is the row's name, as R writes it.

    Raises
    ------
    HypError
        If rows have more fields than the header otherwise.
    """
    import pandas as pd

    surplus = _surplus(path, sep, dialect["encoding"], dialect.get("skiprows", 0))
    table: pd.DataFrame = pd.read_csv(path, sep=sep, **dialect)
    if surplus == 1 and table.iloc[:, -1].isin(["", None, float("nan")]).all():
        surplus, dialect = 0, {**dialect, "index_col": False}
        with warnings.catch_warnings(action="ignore", category=pd.errors.ParserWarning):
            table = pd.read_csv(path, sep=sep, **dialect)
    if surplus <= 0 or (surplus == 1 and sep != ","):
        return table.reset_index(drop=True)
    raise HypError(
        f"{path}: rows have {surplus} field{'s' * (surplus > 1)} more than the header; put "
        "numbers with decimal commas in quotes or separate fields by semicolons, and give a column "
        "of row names a name."
    )


def _surplus(path: Path, sep: str, encoding: str, skipped: int) -> int:
    """Return how many fields the first row has more than the header."""
    with fsspec.open(path.as_posix(), "rt", encoding=encoding, compression="infer") as stream:
        lines = islice(stream, skipped, None)
        rows = (row for row in csv.reader(lines, delimiter=sep) if row)
        header = next(rows, [])
        return len(next(rows, header)) - len(header)


def _comments(path: Path, encoding: str, comment: str) -> int:
    """Count the lines of comment above the header; further down, as in names, it is text."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rt", encoding=encoding) as lines:
        return sum(1 for _ in takewhile(lambda line: line.startswith(comment), lines))


def as_number(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of text as numbers where nothing is lost by it, else as it is."""
    import pandas as pd

    if column.dtype.kind not in "OUT" and not isinstance(column.dtype, pd.StringDtype):
        return column
    known = column[~(column.isna() | column.isin(MISSING))].astype(str)
    if known.empty or known.str.match(r"[+-]?0\d").any():
        return column
    numbers = pd.to_numeric(known, errors="coerce")
    return column if numbers.isna().any() else numbers.reindex(column.index)


def as_names(column: pd.Series[Any], what: str) -> pd.Series[Any]:
    """Return a column of names as text; whole numbers that a file keeps as ``3.0`` become ``3``.

    Raises
    ------
    HypError
        If a name is missing.
    """
    empty = column.isna() | (column.astype(str).str.strip() == "")
    if empty.any():
        raise HypError(
            f"{what} is missing in {int(empty.sum())} of {len(column)} rows; fill it in."
        )
    if column.dtype.kind == "f" and (column == column.round()).all():
        column = column.astype("int64")
    return column.astype(str)
