"""Tables that people have, read without a loss: CSV in its dialects, TSV, Parquet, compressed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyp.errors import HypError

if TYPE_CHECKING:
    import pandas as pd

TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq")
"""How the names of tables end, in capitals or not."""

_PARQUET = (".parquet", ".pq")
_SEPARATORS = (",", "\t", ";")
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]
"""What stands for a missing number."""


def is_table(path: Path) -> bool:
    """Say whether a file is a table by its name."""
    return path.name.lower().endswith(TABLES)


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
        What comments in a text file begin with.

    Raises
    ------
    HypError
        If the file cannot be read as a table.
    """
    import pandas as pd

    try:
        if path.name.lower().endswith(_PARQUET):
            return pd.read_parquet(path)
        return _read_text(path, is_number, comment)
    except HypError:
        raise
    except pd.errors.EmptyDataError:
        raise HypError(f"{path} is empty.") from None
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise HypError(f"{path} cannot be read as a table ({reason}); export it again.") from error


def _read_text(path: Path, is_number: Callable[[str], bool], comment: str | None) -> pd.DataFrame:
    import pandas as pd

    dialect: dict[str, Any] = {
        "encoding": "utf-8-sig",
        "comment": comment,
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
    table: pd.DataFrame = pd.read_csv(
        path,
        sep=sep,
        decimal="," if sep == ";" else ".",
        dtype={name: str for name in names if name not in numbers},
        na_values=dict.fromkeys(numbers, MISSING),
        **dialect,
    )
    table.columns = [str(name).strip() for name in table.columns]
    return table


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
