"""Reads all of a user's objects and panoramas once, to say what they are and what is wrong."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hyp.datasets.engine import meshfiles
from hyp.datasets.engine.meshfiles import MeshFile, read_model
from hyp.datasets.engine.own import COLUMNS, Listing, called, read_listing
from hyp.datasets.engine.pictures import read_panorama
from hyp.datasets.engine.worlds import Axis, OwnObject, Panorama
from hyp.datasets.skipping import Problem, passed_over, settle
from hyp.errors import HypError


def describe(path: Path, *, skip: float = 0.0, opaque: bool = False) -> dict[str, Any]:
    """Return the source's fields for the objects and panoramas at `path`, all of them checked.

    Parameters
    ----------
    path : Path
        A folder or a table (`hyp.datasets.engine.own.read_listing`).
    skip : float
        Share of the files that may be left out because they cannot be drawn.
    opaque : bool
        Whether transparent materials are drawn opaque; else such objects are refused.

    Raises
    ------
    HypError
        If the declaration is wrong; or with a list of all files that cannot be drawn, if they
        are more than `skip` of them.
    """
    listing = read_listing(path)
    problems = list(listing.problems)
    left_out: Counter[str] = Counter()
    objects = []
    for (_, identity, category, up), found in _drawn(listing, path, problems, opaque=opaque):
        left_out.update(found.left_out)
        objects.append(OwnObject(identity=identity, category=category, digest=found.digest, up=up))
    panoramas = []
    for file, name in listing.panoramas:
        content = file.read_bytes()
        try:
            read_panorama(content, called(file, path))
        except HypError as error:
            problems.append(Problem(called(file, path), str(error)))
            continue
        panoramas.append(Panorama(name=name, digest=hashlib.sha256(content).hexdigest()))
    n_files = len(listing.objects) + len(listing.panoramas) + len(listing.problems)
    others = passed_over(listing.others, meshfiles.SUFFIXES)
    skipped, said = settle(problems, n_files, skip, path, others)
    without = ", ".join(f"{name} ({count:,})" for name, count in sorted(left_out.items()))
    remarks = [
        said,
        others,
        f"Drawn without, and in how many objects: {without}." if without else "",
    ]
    fields: dict[str, Any] = {
        "path": path,
        "objects": tuple(objects),
        "panoramas": tuple(panoramas),
        "skipped": skipped,
        "opaque": opaque,
        "remarks": "\n".join(line for line in remarks if line) or None,
    }
    return fields if listing.builtin is None else {**fields, "builtin": listing.builtin}


class Usable(NamedTuple):
    """The objects of a folder that can be drawn, as a table, and those that cannot.

    Attributes
    ----------
    table : str
        CSV with the columns ``file, category, identity, up``, as `read_listing` takes it.
    objects : dict of str to int
        How many there are in each category.
    problems : tuple of Problem
        One a file that cannot be drawn.
    """

    table: str
    objects: dict[str, int]
    problems: tuple[Problem, ...]


def usable_objects(path: Path) -> Usable:
    """Read every object at `path` and list those that can be drawn.

    Raises
    ------
    HypError
        If the declaration is wrong, or no object can be drawn.
    """
    listing = read_listing(path)
    problems = list(listing.problems)
    found = [entry for entry, _ in _drawn(listing, path, problems, opaque=False)]
    if not found:
        settle(problems, len(problems), 0.0, path)
        raise HypError(f"{path} holds no object.")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for file, identity, category, up in found:
        writer.writerow([called(file, path), category, identity, up])
    counts = Counter(category for _, _, category, _ in found)
    return Usable(text.getvalue(), dict(sorted(counts.items())), tuple(problems))


def _drawn(
    listing: Listing, path: Path, problems: list[Problem], *, opaque: bool
) -> Iterator[tuple[tuple[Path, str, str, Axis], MeshFile]]:
    """Yield the objects that can be drawn; what is wrong with others is put to the problems."""
    for entry in listing.objects:
        name = called(entry[0], path)
        try:
            found = read_model(entry[0], name, entry[3], opaque=opaque)
        except HypError as error:
            problems.append(Problem(name, str(error)))
            continue
        yield entry, found
