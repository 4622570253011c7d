"""Where the user says which objects and panoramas there are: a folder, a TOML or a CSV table."""

from __future__ import annotations

import csv
import hashlib
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hyp.datasets.engine import meshfiles, pictures
from hyp.datasets.engine.mesh import Model
from hyp.datasets.engine.meshfiles import read_model
from hyp.datasets.engine.pictures import Pixels, read_panorama
from hyp.datasets.engine.worlds import Axis, World
from hyp.datasets.skipping import Problem
from hyp.errors import HypError, reading

TABLES = ("objects.toml", "objects.csv")
"""Files of a folder that list its objects; without one, every mesh below it is an object."""

PANORAMAS = "panoramas"
"""Folder beside the objects whose pictures are scenes."""

COLUMNS = ("file", "category", "identity", "up")
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
    problems : tuple of Problem
        What is wrong with files or lines of the table; they are not among the others.
    others : tuple of str
        Meshes and pictures of formats that are not read.
    """

    objects: tuple[tuple[Path, str, str, Axis], ...]
    panoramas: tuple[tuple[Path, str], ...]
    builtin: bool | None
    problems: tuple[Problem, ...] = ()
    others: tuple[str, ...] = ()


def read_listing(path: Path) -> Listing:
    """Read which objects and panoramas there are.

    `path` is a folder or a table. A folder that holds ``objects.toml`` or ``objects.csv`` is
    that table; else every mesh below the folder is an object, its category the name of the
    folder it lies in and its identity its own name; where two meshes have one name, it comes
    after its category's, and where that is not enough, it is the path in the folder. The
    table's columns, or the keys of its ``[[objects]]``, are ``file``, ``category``,
    ``identity`` and ``up``; all but the file may be left out. A TOML file may say
    ``builtin = true`` and ``up = "z"`` for all. Pictures in the folder ``panoramas`` beside
    are scenes, named after their files.

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
    problems: list[Problem] = []
    below = _below(folder) if table is None else []
    if table is None:
        entries = _meshes(below, "y")
    elif table.suffix.lower() == ".csv":
        entries = _csv_entries(table, problems)
    elif table.suffix.lower() == ".toml":
        entries, builtin = _toml_entries(table, problems)
    else:
        raise HypError(
            f"{path} is no list of objects; name a folder, or a table that ends in .toml or .csv."
        )
    objects = _named(entries, folder, problems)
    panoramas = _panoramas(folder / PANORAMAS, problems)
    if not objects and not panoramas and not problems:
        raise HypError(
            f"{folder} holds no object ({', '.join(meshfiles.SUFFIXES)}) and no folder "
            f"{PANORAMAS!r} with pictures ({', '.join(pictures.SUFFIXES)}); add some."
        )
    others = _others(folder, below)
    return Listing(tuple(objects), tuple(panoramas), builtin, tuple(problems), others)


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
        found = read_model(
            files[item.identity], called(files[item.identity], path), item.up, opaque=world.opaque
        )
        if found.digest != item.digest:
            raise HypError(
                f"{files[item.identity]}, or a file it names, has changed since this source was "
                "described, or hyp draws it otherwise since then; put the former one back, or "
                "make the dataset anew."
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
        found[item.name] = read_panorama(content, called(files[item.name], path))
    return found


def called(file: Path, path: Path) -> str:
    """Return a file's path from the declaration on, for messages."""
    folder = path if path.is_dir() else path.parent
    return file.relative_to(folder).as_posix()


def _meshes(files: Iterable[Path], up: Axis) -> list[_Entry]:
    """List the meshes among files."""
    meshes = [file for file in files if file.suffix.lower() in meshfiles.SUFFIXES]
    return [_Entry(file, file.parent.name, "", up) for file in meshes]


def _below(folder: Path) -> list[Path]:
    """List every file below a folder; hidden ones and the panoramas are passed over."""
    return [
        file
        for file in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.relative_to(folder).parts[0] != PANORAMAS
    ]


def _others(folder: Path, below: Iterable[Path]) -> tuple[str, ...]:
    """List the files among `below` that are meshes of other formats, and other panoramas."""
    other = [file for file in below if file.suffix.lower() in meshfiles.OTHER_SUFFIXES]
    if (folder / PANORAMAS).is_dir():
        other += [
            file
            for file in sorted((folder / PANORAMAS).iterdir())
            if file.suffix.lower() not in pictures.SUFFIXES and not file.name.startswith(".")
        ]
    return tuple(file.relative_to(folder).as_posix() for file in other)


def _csv_entries(table: Path, problems: list[Problem]) -> list[_Entry]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise HypError(f"{table} cannot be read as a CSV table ({error}).") from error
    places = ((row, f"line {number}") for number, row in enumerate(rows, start=2))
    return _entries(places, table, "y", problems)


def _entries(
    rows: Iterable[tuple[dict[Any, Any], str]], table: Path, up: Axis, problems: list[Problem]
) -> list[_Entry]:
    """Check all lines of a table, and note those that cannot be."""
    entries = []
    for row, place in rows:
        try:
            entries.append(_entry(row, table, place, up))
        except HypError as error:
            problems.append(Problem(f"{table.name}, {place}", str(error)))
    return entries


def _toml_entries(table: Path, problems: list[Problem]) -> tuple[list[_Entry], bool | None]:
    with reading(table, "mend its TOML"):
        content = tomllib.loads(table.read_text(encoding="utf-8"))
    unknown = sorted(set(content) - set(_SETTINGS))
    if unknown:
        raise HypError(f"{table} has the key {unknown[0]!r}; the keys are: {', '.join(_SETTINGS)}.")
    builtin = content.get("builtin")
    if builtin is not None and not isinstance(builtin, bool):
        raise HypError(f"{table}: builtin is true or false, not {builtin!r}.")
    up = _axis(content.get("up", "y"), str(table))
    if "objects" not in content:
        return _meshes(_below(table.parent), up), builtin
    rows = content["objects"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise HypError(f"{table}: write every object as a table of its own, [[objects]].")
    places = ((row, f"object {k}") for k, row in enumerate(rows, start=1))
    return _entries(places, table, up, problems), builtin


def _entry(row: dict[Any, Any], table: Path, place: str, up: Axis) -> _Entry:
    """Check one line of a table."""
    where = f"{table}, {place}"
    unknown = [str(key) for key in row if key not in COLUMNS]
    if unknown:
        raise HypError(f"{where}: unknown column {unknown[0]!r}; use {', '.join(COLUMNS)}.")
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


def _named(
    entries: Iterable[_Entry], folder: Path, problems: list[Problem]
) -> list[tuple[Path, str, str, Axis]]:
    """Give every object its identity, sorted; names that a design could not name are noted."""
    entries = list(entries)
    where = [entry.file.relative_to(folder).as_posix() for entry in entries]
    objects: list[tuple[Path, str, str, Axis]] = []
    first: dict[str, str] = {}
    for entry, place, identity in zip(entries, where, _identities(entries, where), strict=True):
        try:
            names = (_name(identity, place), _name(entry.category, place))
            if names[0] in first:
                raise HypError(
                    f"{first[names[0]]} and {place} both have the identity {names[0]!r}; give "
                    f"each its own, in a table {' or '.join(TABLES)}."
                )
        except HypError as error:
            problems.append(Problem(place, str(error)))
            continue
        first[names[0]] = place
        objects.append((entry.file, *names, entry.up))
    return sorted(objects, key=lambda item: item[1])


def _identities(entries: Sequence[_Entry], where: Sequence[str]) -> list[str]:
    """Return the shortest name of each object that no other has: see `read_listing`."""
    forms = [
        (entry.identity,) * 4
        if entry.identity
        else (
            entry.file.stem,
            f"{entry.category}-{entry.file.stem}",
            place.removesuffix(entry.file.suffix),
            place,
        )
        for entry, place in zip(entries, where, strict=True)
    ]
    level = [0] * len(forms)
    for _ in range(3):
        names = [form[at] for form, at in zip(forms, level, strict=True)]
        often = Counter(unicodedata.normalize("NFC", name).strip() for name in names)
        level = [
            at + (often[unicodedata.normalize("NFC", name).strip()] > 1)
            for at, name in zip(level, names, strict=True)
        ]
    return [form[at] for form, at in zip(forms, level, strict=True)]


def _panoramas(folder: Path, problems: list[Problem]) -> list[tuple[Path, str]]:
    if not folder.is_dir():
        return []
    first: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() not in pictures.SUFFIXES or file.name.startswith("."):
            continue
        try:
            name = _name(file.stem, file.name)
            if name in first:
                raise HypError(f"{first[name]} and {file} have one name; rename one of them.")
        except HypError as error:
            problems.append(Problem(f"{folder.name}/{file.name}", str(error)))
            continue
        first[name] = file
    return sorted(((file, name) for name, file in first.items()), key=lambda pair: pair[1])


def _name(text: str, where: str) -> str:
    """Return a name that designs can use, in Unicode's composed form."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name or not name.isprintable() or any(sign in name for sign in _FORBIDDEN):
        raise HypError(
            f"{where}: {text!r} cannot be a name in a design; use one without "
            f"{' '.join(_FORBIDDEN)} and without control characters."
        )
    return name
