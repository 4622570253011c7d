"""Where the user says which objects and panoramas there are: a folder, a TOML or a CSV table."""

from __future__ import annotations

import csv
import hashlib
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from hyp.datasets.engine import meshfiles, pictures
from hyp.datasets.engine.mesh import Model
from hyp.datasets.engine.meshfiles import read_model
from hyp.datasets.engine.pictures import Pixels, read_panorama
from hyp.datasets.engine.worlds import Axis, OwnObject, Panorama, World
from hyp.errors import HypError

TABLES = ("objects.toml", "objects.csv")
"""Files of a folder that list its objects; without one, every mesh below it is an object."""

PANORAMAS = "panoramas"
"""Folder beside the objects whose pictures are scenes."""

_COLUMNS = ("file", "category", "identity", "up")
_SETTINGS = ("builtin", "up", "objects")
_FORBIDDEN = "+|="


@dataclass(frozen=True)
class _Entry:
    """A line of the table; `identity` is empty where the file's name gives it."""

    file: Path
    category: str
    identity: str
    up: Axis


@dataclass(frozen=True)
class Listing:
    """What a declaration names.

    Attributes
    ----------
    objects : tuple of (Path, str, str, str)
        File, identity, category and upward axis.
    panoramas : tuple of (Path, str)
        File and name.
    builtin : bool or None
        Whether the built-in objects and scenes are kept; None where nothing is said.
    """

    objects: tuple[tuple[Path, str, str, Axis], ...]
    panoramas: tuple[tuple[Path, str], ...]
    builtin: bool | None


def read_listing(path: Path) -> Listing:
    """Read which objects and panoramas there are.

    `path` is a folder or a table. A folder that holds ``objects.toml`` or ``objects.csv`` is
    that table; else every mesh below the folder is an object, its category the name of the
    folder it lies in and its identity its own name (after its category's, where two meshes
    have one name). The table's columns, or the keys of its ``[[objects]]``, are ``file``,
    ``category``, ``identity`` and ``up``; all but the file may be left out. A TOML file may
    say ``builtin = true`` and ``up = "z"`` for all. Pictures in the folder ``panoramas``
    beside are scenes, named after their files.

    Raises
    ------
    HypError
        If there is nothing, or the table says something that cannot be.
    """
    if not path.exists():
        raise HypError(f"there is no {path} for the source 'engine'; check the path.")
    folder, table = (path, None) if path.is_dir() else (path.parent, path)
    if table is None:
        table = next((path / name for name in TABLES if (path / name).is_file()), None)
    builtin: bool | None = None
    if table is None:
        entries = _found(folder, "y")
    elif table.suffix.lower() == ".csv":
        entries = _csv_entries(table)
    elif table.suffix.lower() == ".toml":
        entries, builtin = _toml_entries(table)
    else:
        raise HypError(
            f"{path} is no list of objects; name a folder, or a table that ends in .toml or .csv."
        )
    objects = _named(entries, folder)
    panoramas = _panoramas(folder / PANORAMAS)
    if not objects and not panoramas:
        raise HypError(
            f"{folder} holds no object ({', '.join(meshfiles.SUFFIXES)}) and no folder "
            f"{PANORAMAS!r} with pictures ({', '.join(pictures.SUFFIXES)}); add some."
        )
    return Listing(tuple(objects), tuple(panoramas), builtin)


def describe(path: Path) -> dict[str, Any]:
    """Return the source's fields for the objects and panoramas at `path`, all of them checked.

    Raises
    ------
    HypError
        If the declaration is wrong, or one of the files is.
    """
    listing = read_listing(path)
    objects = []
    for file, identity, category, up in listing.objects:
        digest = read_model(file, _called(file, path), up).digest
        objects.append(OwnObject(identity=identity, category=category, digest=digest, up=up))
    panoramas = []
    for file, name in listing.panoramas:
        content = file.read_bytes()
        read_panorama(content, _called(file, path))
        panoramas.append(Panorama(name=name, digest=hashlib.sha256(content).hexdigest()))
    fields: dict[str, Any] = {
        "path": path,
        "objects": tuple(objects),
        "panoramas": tuple(panoramas),
    }
    return fields if listing.builtin is None else {**fields, "builtin": listing.builtin}


@lru_cache(maxsize=2)
def load_models(world: World) -> dict[str, Model]:
    """Return the meshes of a world's own objects, by identity.

    Raises
    ------
    HypError
        If the files are not those that the world was described from.
    """
    if not world.objects:
        return {}
    path = world.require_path()
    files = {identity: file for file, identity, _, _ in read_listing(path).objects}
    models = {}
    for item in world.objects:
        if item.identity not in files:
            raise HypError(f"{path} has no object {item.identity!r} any more; put it back.")
        found = read_model(files[item.identity], _called(files[item.identity], path), item.up)
        if found.digest != item.digest:
            raise HypError(
                f"{files[item.identity]}, or a file it names, has changed since this source was "
                "described; put the former one back, or make the dataset anew."
            )
        models[item.identity] = found.model
    return models


def load_panoramas(world: World) -> dict[str, Pixels]:
    """Return the pictures of a world's panoramas, by name, shape (height, width, 3) each.

    Raises
    ------
    HypError
        If the files are not those that the world was described from.
    """
    if not world.panoramas:
        return {}
    path = world.require_path()
    files = {name: file for file, name in read_listing(path).panoramas}
    found = {}
    for item in world.panoramas:
        if item.name not in files:
            raise HypError(f"{path} has no panorama {item.name!r} any more; put it back.")
        content = files[item.name].read_bytes()
        if hashlib.sha256(content).hexdigest() != item.digest:
            raise HypError(
                f"{files[item.name]} has changed since this source was described; put the former "
                "one back, or make the dataset anew."
            )
        found[item.name] = read_panorama(content, _called(files[item.name], path))
    return found


def _called(file: Path, path: Path) -> str:
    """Return a file's path from the declaration on, for messages."""
    folder = path if path.is_dir() else path.parent
    return file.relative_to(folder).as_posix()


def _found(folder: Path, up: Axis) -> list[_Entry]:
    """List every mesh below a folder; hidden files and the panoramas are passed over."""
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in meshfiles.SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.relative_to(folder).parts[0] != PANORAMAS
    ]
    return [_Entry(file, file.parent.name, "", up) for file in files]


def _csv_entries(table: Path) -> list[_Entry]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HypError(f"{table} cannot be read as a CSV table ({error}).") from error
    lines = enumerate(rows, start=2)
    return [_entry(row, table, f"line {number}", "y") for number, row in lines]


def _toml_entries(table: Path) -> tuple[list[_Entry], bool | None]:
    try:
        content = tomllib.loads(table.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise HypError(f"{table} cannot be read as TOML ({error}).") from error
    unknown = sorted(set(content) - set(_SETTINGS))
    if unknown:
        raise HypError(f"{table} has the key {unknown[0]!r}; the keys are: {', '.join(_SETTINGS)}.")
    builtin = content.get("builtin")
    if builtin is not None and not isinstance(builtin, bool):
        raise HypError(f"{table}: builtin is true or false, not {builtin!r}.")
    up = _axis(content.get("up", "y"), str(table))
    if "objects" not in content:
        return _found(table.parent, up), builtin
    rows = content["objects"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise HypError(f"{table}: write every object as a table of its own, [[objects]].")
    entries = [_entry(row, table, f"object {k}", up) for k, row in enumerate(rows, start=1)]
    return entries, builtin


def _entry(row: dict[Any, Any], table: Path, place: str, up: Axis) -> _Entry:
    """Check one line of a table."""
    where = f"{table}, {place}"
    unknown = [str(key) for key in row if key not in _COLUMNS]
    if unknown:
        raise HypError(f"{where}: unknown column {unknown[0]!r}; use {', '.join(_COLUMNS)}.")
    if not all(isinstance(value, str | None) for value in row.values()):
        raise HypError(f"{where}: file, category, identity and up are text; write quotes.")
    values = {key: (value or "").strip() for key, value in row.items()}
    name = values.get("file", "")
    if not name:
        raise HypError(f"{where} names no file; give one in the column 'file'.")
    folder = table.parent.resolve()
    file = folder / name
    if not file.resolve().is_relative_to(folder):
        raise HypError(f"{where}: {name} lies outside {folder}; keep objects beside their table.")
    if not file.is_file():
        raise HypError(f"{where}: there is no file {file}; check its name.")
    if file.suffix.lower() not in meshfiles.SUFFIXES:
        raise HypError(f"{where}: {name} is no {', '.join(meshfiles.SUFFIXES)} file.")
    category = values.get("category") or file.parent.name
    axis = _axis(values.get("up") or up, where)
    return _Entry(table.parent / name, category, values.get("identity", ""), axis)


def _axis(value: object, where: str) -> Axis:
    if value == "y" or value == "z":
        return value
    raise HypError(f"{where}: up is the axis y or z, not {value!r}.")


def _named(entries: Iterable[_Entry], folder: Path) -> list[tuple[Path, str, str, Axis]]:
    """Give every object its identity, sorted; names that a design could not name are refused."""
    entries = list(entries)
    often = Counter(entry.identity or entry.file.stem for entry in entries)
    objects = []
    for entry in entries:
        identity = entry.identity or entry.file.stem
        if not entry.identity and often[identity] > 1:
            identity = f"{entry.category}-{identity}"
        where = entry.file.relative_to(folder).as_posix()
        names = (_name(identity, where), _name(entry.category, where))
        objects.append((entry.file, *names, entry.up))
    objects.sort(key=lambda item: item[1])
    for one, other in pairwise(objects):
        if one[1] == other[1]:
            raise HypError(
                f"{one[0].relative_to(folder)} and {other[0].relative_to(folder)} both have the "
                f"identity {one[1]!r}; give each its own, in a table {' or '.join(TABLES)}."
            )
    return objects


def _panoramas(folder: Path) -> list[tuple[Path, str]]:
    if not folder.is_dir():
        return []
    files = [
        file
        for file in folder.iterdir()
        if file.suffix.lower() in pictures.SUFFIXES and not file.name.startswith(".")
    ]
    found = sorted(
        ((file, _name(file.stem, file.name)) for file in files), key=lambda pair: pair[1]
    )
    for one, other in pairwise(found):
        if one[1] == other[1]:
            raise HypError(f"{one[0]} and {other[0]} have one name; rename one of them.")
    return found


def _name(text: str, where: str) -> str:
    """Return a name that designs can use, in Unicode's composed form."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name or not name.isprintable() or any(sign in name for sign in _FORBIDDEN):
        raise HypError(
            f"{where}: {text!r} cannot be a name in a design; use one without "
            f"{' '.join(_FORBIDDEN)} and without control characters."
        )
    return name
