"""Which image a stimulus of a recording is: by name, path, or the content of its file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import xarray as xr

from hyp.datasets.dataset import Dataset
from hyp.datasets.sources import Source
from hyp.errors import HypError
from hyp.metrics.gram import Gram
from hyp.metrics.pairs import sub_gram

_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}
_DIGEST = re.compile(r"[0-9a-fA-F]+")


def stimulus_names(stimuli: Dataset) -> list[str]:
    """Return every image's name: its ``stimulus_id``, else its path in the folder, else a number.

    The end of a path (``.png``) is left out where the images are told apart without it.
    """
    table = stimuli.table
    if "stimulus_id" in table:
        return [str(name) for name in table["stimulus_id"]]
    if "file" in table:
        paths = [str(name) for name in table["file"]]
        short = [str(PurePosixPath(path).with_suffix("")) for path in paths]
        return short if len(set(short)) == len(short) else paths
    return [f"stimulus_{i:05d}" for i in range(stimuli.n_images)]


def match_images(
    ids: Sequence[str], table: pd.DataFrame, n_images: int, name: str, *, some: bool = False
) -> dict[str, int]:
    """Find the image of every stimulus of a recording.

    A stimulus is an image's ``stimulus_id`` where images have one; else its path in the folder,
    with or without its ending, or the bare name of its file where only one image has it (for
    hashes of files see `named_by_file`).
    Images of no file are called ``stimulus_00000`` and so on.

    Parameters
    ----------
    ids : sequence of str
        Stimuli of a recording.
    table : DataFrame
        A row an image, with the columns ``stimulus_id`` or ``file`` where there are any.
    n_images : int
        Number of images.
    name : str
        What the recording is called.
    some : bool
        Leave stimuli without an image out rather than refuse them.

    Returns
    -------
    dict of str to int
        Row of the image of each stimulus.

    Raises
    ------
    HypError
        If a stimulus has no image (with the counts), or several, or two have one.
    """
    wanted = list(dict.fromkeys(str(one) for one in ids))
    found: dict[str, set[int]] = {}
    exact: dict[str, set[int]] = {}
    if "stimulus_id" in table:
        column = table["stimulus_id"].astype(str)
    elif "file" in table:
        column = table["file"].astype(str)
        for row, file in enumerate(column):
            path = PurePosixPath(file)
            for said in (str(path.with_suffix("")), path.name, path.stem):
                found.setdefault(said, set()).add(row)
    else:
        column = pd.Series([f"stimulus_{i:05d}" for i in range(n_images)])
    for row, said in enumerate(column):
        exact.setdefault(said, set()).add(row)
    rows = {one: exact.get(one) or found.get(one, set()) for one in wanted}
    several = [one for one in wanted if len(rows[one]) > 1]
    if several:
        which = sorted(column.iloc[sorted(rows[several[0]])].tolist())
        shown = ", ".join(which[:3])
        raise HypError(
            f"{len(several)} of the {len(wanted)} stimuli of {name} have several images: "
            f"{several[0]!r} may be {shown}; name stimuli by their path in the folder, such as "
            f"{which[0]!r}."
        )
    missing = [one for one in wanted if not rows[one]]
    if missing and (not some or len(missing) == len(wanted)):
        raise HypError(
            f"{len(missing)} of the {len(wanted)} stimuli of {name} have no image, among them "
            f"{missing[0]!r}; the images are called {min(column)!r} and so on: name them by a "
            "column stimulus_id, rename the files, or leave unmatched stimuli out."
        )
    images = {one: min(found_rows) for one, found_rows in rows.items() if found_rows}
    of_row: dict[int, str] = {}
    for one, row in images.items():
        if of_row.setdefault(row, one) != one:
            raise HypError(
                f"the stimuli {of_row[row]!r} and {one!r} of {name} are one image, "
                f"{column.iloc[row]!r}; give each stimulus one name."
            )
    return images


def named_by_file(
    assembly: xr.DataArray, table: pd.DataFrame, source: Source, name: str
) -> xr.DataArray:
    """Call stimuli that are known by the MD5, SHA-1 or SHA-256 of an image's file by its path.

    The hashes become the coordinate ``content_hash``. Stimuli that are no hash of an image keep
    their name, and so do all where the files are not at hand.

    Parameters
    ----------
    assembly : DataArray
        With ``stimulus_id``.
    table : DataFrame
        A row an image; its column ``file`` is the path in the source's folder.
    source : Source
        The images that were shown.
    name : str
        What the recording is called.

    Raises
    ------
    HypError
        If several images have the content of one stimulus.
    """
    ids = [str(one) for one in assembly["stimulus_id"].to_numpy()]
    path = getattr(source, "path", None)
    wanted = {one.lower() for one in ids if _DIGEST.fullmatch(one) and len(one) in _ALGORITHMS}
    if path is None or not wanted or "file" not in table:
        return assembly
    root = path if path.is_dir() else path.parent
    found = _files_of(wanted, root, table["file"].astype(str).tolist())
    several = sorted(one for one, files in found.items() if len(files) > 1)
    if several:
        raise HypError(
            f"{len(several)} of the {len(set(ids))} stimuli of {name} are the content of several "
            f"images: {several[0]} is that of {' and '.join(found[several[0]][:2])}; keep one of "
            "them."
        )
    if not found:
        return assembly
    paths = [found.get(one.lower(), [one])[0] for one in ids]
    (along,) = assembly["stimulus_id"].dims
    return assembly.assign_coords(stimulus_id=(along, paths), content_hash=(along, ids))


def shown_grams(
    grams: Mapping[str, Gram], ids: Sequence[str], stimuli: Dataset, name: str
) -> dict[str, Gram]:
    """Return a network's layers restricted to the stimuli of a recording, in its order.

    Raises
    ------
    HypError
        As `match_images`.
    """
    images = match_images(ids, stimuli.table, stimuli.n_images, name)
    rows = np.array([images[str(one)] for one in ids], dtype=np.intp)
    return {layer: sub_gram(gram, rows) for layer, gram in grams.items()}


def _files_of(wanted: set[str], root: Path, files: Sequence[str]) -> dict[str, list[str]]:
    """Return the files of each hash that is wanted and found."""
    algorithms = {_ALGORITHMS[len(one)] for one in wanted}
    found: dict[str, list[str]] = {}
    for file in files:
        content = (root / file).read_bytes()
        for algorithm in algorithms:
            digest = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
            if digest in wanted:
                found.setdefault(digest, []).append(file)
    return found
