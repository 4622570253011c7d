"""Which image of a store a recording's stimulus is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from hyp.datasets.dataset import Dataset
from hyp.errors import HypError
from hyp.metrics.gram import Gram
from hyp.metrics.pairs import sub_gram


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
    with or without its ending, or the bare name of its file where only one image has it.
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
        If a stimulus has no image (with the counts), or several.
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
    return {one: min(found_rows) for one, found_rows in rows.items() if found_rows}


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
