"""The table of latents of a folder of images, and the short TOML that explains it."""

from __future__ import annotations

import csv
import re
import tomllib
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hyp.datasets.folders.pictures import Fit, examples
from hyp.datasets.latents import LATENT_GROUPS, Latent, LatentKind
from hyp.datasets.rows import ROW, Columns
from hyp.errors import HypError, first_problem, reading

FILE = "file"
UNITS = (
    "",
    *("nm", "um", "mm", "cm", "m", "km", "px", "image side", "%"),
    *("deg", "rad", "Hz", "kHz", "ms", "s", "min", "h"),
    *("cd/m2", "lx", "K", "g", "kg", "m/s", "deg/s", "cycles/deg", "dB", "V", "A", "Pa"),
)
"""Units that a latent may have; empty for a pure number."""

_MISSING = ("", "nan", "na", "n/a", "null", "none")
_NAMES = ("category", "identity", "scene", "sky", "stimulus_id")
_ANGLES = ("rel_rot_euler_0", "rel_rot_euler_1", "rel_rot_euler_2", "light_azimuth")
_ANGLE_UNITS = ("deg", "rad")
_NAME = re.compile(r"[^\s+=|]+")
_TURN = 360.0


class LatentSettings(BaseModel):
    """What the TOML says of one latent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: LatentKind | None = None
    unit: str | None = None
    frame: Literal["camera", "world", "object"] = "camera"
    within: str | None = None


class Settings(BaseModel):
    """What the TOML beside a table says.

    Attributes
    ----------
    file : str or None
        Column that names the images; by default ``file``, or the first one.
    image_size : int or None
        Pixels a side.
    fit : {"crop", "squeeze"}
        How images become square.
    ignore : tuple of str
        Columns that are no latents.
    latents : dict
        Kind, unit and frame of latents; ``within`` names the latent that one is nested
        in, as identity is in category.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str | None = None
    image_size: int | None = Field(default=None, ge=1)
    fit: Fit = "crop"
    ignore: tuple[str, ...] = ()
    latents: dict[str, LatentSettings] = {}


@dataclass(frozen=True)
class Table:
    """A table that was read and checked.

    Attributes
    ----------
    files : list of str
        What names the image of each row.
    latents : tuple of Latent
    columns : dict
        Latent to one value a row.
    """

    files: list[str]
    latents: tuple[Latent, ...]
    columns: Columns


def composed(name: str) -> str:
    """Return a file's path in its folder in the one form that names are compared in."""
    return unicodedata.normalize("NFC", PurePosixPath(name).as_posix())


def read_settings(path: Path) -> Settings:
    """Read the TOML of a table; one that does not exist says nothing.

    Raises
    ------
    HypError
        If it cannot be read, or says something unknown.
    """
    if not path.is_file():
        return Settings()
    with reading(path, "mend it"):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        settings = Settings.model_validate(content)
    except ValidationError as error:
        raise HypError(f"{path}: {first_problem(error)}.") from error
    for name, latent in settings.latents.items():
        if latent.unit is not None and latent.unit not in UNITS:
            raise HypError(
                f"{path}: latent {name!r} has the unknown unit {latent.unit!r}; choose from: "
                f"{', '.join(unit for unit in UNITS if unit)}, or '' for none."
            )
    return settings


def read_table(path: Path, settings: Settings, left_out: Collection[str] = ()) -> Table:
    """Read a table of latents, CSV or Parquet, one row an image.

    A latent's kind is what the TOML says. Where it is silent: ``category``, ``identity``,
    ``scene`` and ``sky`` are categorical, ``rel_rot_euler_0`` to ``2`` and
    ``light_azimuth`` angles in degrees; of the others a column of numbers is continuous
    and a column of text categorical. Angles in radians become degrees. ``identity`` is
    nested in ``category`` where each has one. Rows of the files `left_out`, by their composed
    names (`composed`), do not count.

    Raises
    ------
    HypError
        For a missing or repeated column, a missing value, a column of numbers and text,
        or a value that does not fit its kind.
    """
    cells = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    if not cells or not len(next(iter(cells.values()))):
        raise HypError(f"{path} has no rows; it needs one for each image.")
    files = cells.pop(_file_column(path, cells, settings))
    if left_out:
        names = set(left_out)
        kept = np.array([composed(str(file)) not in names for file in files], dtype=bool)
        files, cells = files[kept], {name: column[kept] for name, column in cells.items()}
    for name in settings.ignore:
        if cells.pop(name, None) is None:
            raise HypError(_no_column(path, name, cells))
    for name in settings.latents:
        if name not in cells:
            raise HypError(_no_column(path, name, cells))
    if not cells:
        raise HypError(f"{path} has no column of latents, only one of files.")
    columns: Columns = {}
    latents = []
    for name, column in cells.items():
        _check_name(path, name)
        latent, columns[name] = _latent(path, name, column, settings.latents.get(name))
        latents.append(latent)
    nested = tuple(_nested(path, latent, latents, columns, settings) for latent in latents)
    return Table([str(file) for file in files], nested, columns)


def _file_column(path: Path, cells: Columns, settings: Settings) -> str:
    name = settings.file or (FILE if FILE in cells else next(iter(cells)))
    if name not in cells:
        raise HypError(_no_column(path, name, cells))
    return name


def _no_column(path: Path, name: str, cells: Iterable[str]) -> str:
    return f"{path} has no column {name!r}, which its TOML names; it has: {', '.join(cells)}."


def _read_csv(path: Path) -> Columns:
    """Read a CSV file as text."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header, *rows = [row for row in csv.reader(stream, strict=True) if row] or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HypError(
            f"{path} cannot be read as a CSV file in UTF-8 ({str(error).rstrip('.')})."
        ) from error
    _check_header(path, header)
    ragged = [number for number, row in enumerate(rows, 1) if len(row) != len(header)]
    if ragged:
        raise HypError(
            f"{path}: {len(ragged):,} rows do not have the {len(header)} cells of the header "
            f"(first: row {ragged[0]})."
        )
    return {
        name: np.array([row[position].strip() for row in rows], dtype=object)
        for position, name in enumerate(header)
    }


def _read_parquet(path: Path) -> Columns:
    """Read a Parquet file; numbers stay numbers, everything else becomes text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise HypError(
            f"{path} cannot be read as a Parquet file ({str(error).rstrip('.')})."
        ) from error
    _check_header(path, table.column_names)
    return {
        name: _numbers_or_text(column)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def _numbers_or_text(column: Any) -> NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy(), dtype=np.float64)
    values = ["" if value is None else value for value in column.to_pylist()]
    if pa.types.is_integer(column.type) and "" not in values:
        return np.array(values, dtype=np.int64)
    return np.array([str(value) for value in values], dtype=object)


def _check_header(path: Path, header: Sequence[str]) -> None:
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise HypError(f"{path} has more than one column {repeated[0]!r}; rename one.")


def _check_name(path: Path, name: str) -> None:
    if name == ROW or not _NAME.fullmatch(name):
        raise HypError(
            f"{path}: a latent cannot be called {name!r}; use a name without spaces, '+', '=' and "
            f"'|' that is not {ROW!r}, or list the column in 'ignore'."
        )
    if LATENT_GROUPS.get(name, (name,)) != (name,):
        raise HypError(
            f"{path}: {name!r} stands for {' and '.join(LATENT_GROUPS[name])} in hyp; "
            "call the column by such a name."
        )


def _latent(
    path: Path, name: str, column: NDArray[Any], said: LatentSettings | None
) -> tuple[Latent, NDArray[Any]]:
    said = said or LatentSettings()
    kind = said.kind or _inferred(path, name, column)
    if kind == "categorical":
        text = _text(path, name, column)
        if said.unit:
            raise HypError(f"{path}: {name!r} is categorical; it has no unit {said.unit!r}.")
        values = tuple(sorted(set(text.tolist())))
        return Latent(name=name, kind=kind, frame=said.frame, values=values), text
    numbers = _finite(path, name, column)
    if kind == "continuous":
        low, high = float(numbers.min()), float(numbers.max())
        unit = said.unit or ""
        return Latent(
            name=name, kind=kind, unit=unit, frame=said.frame, low=low, high=high
        ), numbers
    unit = said.unit or "deg"
    if unit not in _ANGLE_UNITS:
        raise HypError(f"{path}: the angle {name!r} has the unit {unit!r}; use deg or rad.")
    degrees = np.mod(np.degrees(numbers) if unit == "rad" else numbers, _TURN)
    return Latent(name=name, kind=kind, unit="deg", frame=said.frame, low=0.0, high=_TURN), degrees


def _inferred(path: Path, name: str, column: NDArray[Any]) -> LatentKind:
    if name in _NAMES:
        return "categorical"
    if name in _ANGLES:
        return "angle"
    if column.dtype.kind in "if":
        return "continuous"
    said = [value for value in column.tolist() if value.lower() not in _MISSING]
    text = [value for value in said if _number(value) is None]
    if not text:
        return "continuous"
    if len(text) < len(said):
        raise HypError(
            f"{path}: the column {name!r} has {len(said) - len(text):,} numbers and "
            f"{len(text):,} texts ({examples(text)}); mend it, or name its kind in the TOML."
        )
    return "categorical"


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _text(path: Path, name: str, column: NDArray[Any]) -> NDArray[Any]:
    if column.dtype.kind in "if":
        _finite(path, name, column)
        return np.array([f"{value:.15g}" for value in column.tolist()], dtype=object)
    rows = [row for row, value in enumerate(column.tolist(), 1) if value.lower() in _MISSING[:2]]
    if rows:
        raise HypError(_missing(path, name, rows))
    return column


def _finite(path: Path, name: str, column: NDArray[Any]) -> NDArray[np.float64]:
    if column.dtype.kind in "if":
        numbers = column.astype(np.float64)
    else:
        read = [(value, _number(value)) for value in column.tolist()]
        wrong = [v for v, number in read if number is None and v.lower() not in _MISSING]
        if wrong:
            raise HypError(
                f"{path}: the column {name!r} has {len(wrong):,} values that are no numbers "
                f"({examples(wrong)})."
            )
        numbers = np.array([np.nan if number is None else number for _, number in read])
    rows = (np.flatnonzero(~np.isfinite(numbers)) + 1).tolist()
    if rows:
        raise HypError(_missing(path, name, rows))
    return numbers


def _missing(path: Path, name: str, rows: Sequence[int]) -> str:
    return (
        f"{path}: the column {name!r} has {len(rows):,} missing or infinite values "
        f"({examples([f'row {row}' for row in rows])}); fill them in or leave the rows out."
    )


def _nested(
    path: Path, latent: Latent, latents: Sequence[Latent], columns: Columns, settings: Settings
) -> Latent:
    """Return a latent with the group of each value, where it is nested in another."""
    said = settings.latents.get(latent.name)
    within = said.within if said else None
    known = {other.name: other.kind for other in latents}
    if within is None:
        if latent.name != "identity" or known.get("category") != "categorical":
            return latent
        outer = "category"
    else:
        outer = within
        if latent.kind != "categorical" or known.get(outer) != "categorical":
            raise HypError(
                f"{path}: {latent.name!r} cannot be within {outer!r}; both must be categorical "
                "latents."
            )
    pairs = set(zip(columns[latent.name].tolist(), columns[outer].tolist(), strict=True))
    groups = dict(pairs)
    if len(groups) < len(pairs):
        if within is None:
            return latent
        twice = sorted({value for value, group in pairs if groups[value] != group})
        raise HypError(
            f"{path}: {len(twice):,} values of {latent.name!r} occur in more than one {outer!r} "
            f"({examples(twice)}); give each its own name."
        )
    return latent.model_copy(update={"groups": tuple(groups[value] for value in latent.values)})
