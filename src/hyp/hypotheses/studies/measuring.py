"""How alike the networks of a study are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from hyp.metrics.gram import Floats
from hyp.metrics.pairs import procrustes
from hyp.metrics.similarity import Load, similarity_matrix


def compare_networks(loads: Sequence[Load], measure: str) -> Floats:
    """Return the similarities of all pairs of networks at one layer.

    Parameters
    ----------
    loads : sequence of callable
        Each returns the Gram matrix of one network's responses.
    measure : str
        See `hyp.metrics.similarity.similarity_matrix`; or ``procrustes``, pair by pair.

    Returns
    -------
    ndarray of shape (m, m)
    """
    if measure != "procrustes":
        return similarity_matrix(loads, measure)  # type: ignore[arg-type]
    grams = [load() for load in loads]
    found = np.eye(len(grams))
    for i, j in combinations(range(len(grams)), 2):
        found[i, j] = found[j, i] = procrustes(grams[i], grams[j])
    return found
