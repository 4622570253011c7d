"""Which images are held out."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hyp.datasets.specs import DatasetSpec
from hyp.errors import HypError

SplitName = Literal["train", "val", "all"]
Indices = NDArray[np.int64] | range
"""Image indices, ascending; a range where there may be too many to list."""


def split_rule(spec: DatasetSpec) -> str:
    """Say which images are held out."""
    if spec.online:
        return "val: the first n_val images"
    return "val: the n_val images with the smallest 64-bit words of Philox(SeedSequence(seed))"


def split_indices(spec: DatasetSpec, name: SplitName) -> Indices:
    """Return the indices of the images in a split, ascending.

    Every image has a random 64-bit word; the `n_val` smallest are held out, so a larger
    `n_val` contains a smaller one. NumPy keeps the words of a bit generator the same
    over its versions, which it does not promise of ``permutation`` or ``choice``. Of a
    dataset that is rendered online the first `n_val` are held out: its images are
    independent draws, and 100 million words would fill the memory.

    Parameters
    ----------
    spec : DatasetSpec
        Only its seed, n_images and n_val matter.
    name : {"train", "val", "all"}
        ``val`` is the held-out images, ``train`` the others.

    Returns
    -------
    ndarray of int64, or range
        A range for a dataset that is rendered online.

    Raises
    ------
    HypError
        If there is no such split.
    """
    if name not in ("train", "val", "all"):
        raise HypError(f"unknown split {name!r}; choose train, val or all.")
    if spec.online:
        first = spec.n_val if name == "train" else 0
        return range(first, spec.n_val if name == "val" else spec.n_images)
    if name == "all":
        return np.arange(spec.n_images, dtype=np.int64)
    words = np.random.Philox(np.random.SeedSequence(spec.seed)).random_raw(spec.n_images)
    order = np.argsort(words, kind="stable")
    chosen = order[: spec.n_val] if name == "val" else order[spec.n_val :]
    return np.sort(chosen).astype(np.int64)
