"""Reads all of a user's objects and panoramas once, to say what they are and what is wrong."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

from hyp.datasets.engine import meshfiles
from hyp.datasets.engine.meshfiles import read_model
from hyp.datasets.engine.own import called, read_listing
from hyp.datasets.engine.pictures import read_panorama
from hyp.datasets.engine.worlds import OwnObject, Panorama
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
    for file, identity, category, up in listing.objects:
        try:
            found = read_model(file, called(file, path), up, opaque=opaque)
        except HypError as error:
            problems.append(Problem(called(file, path), str(error)))
            continue
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
