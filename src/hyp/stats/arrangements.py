"""What could have come out under the null: labels of units exchanged, signs of pairs flipped."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from hyp.stats.attainable import MOST_LABELS, MOST_SIGNS

MOST = MOST_LABELS
_EXACT_SIGNS = MOST_SIGNS.bit_length() - 1


@lru_cache(maxsize=4)
def label_arrangements(n1: int, n2: int, most: int = MOST) -> NDArray[np.bool_]:
    """Ways to give `n1` of n1 + n2 units to the first group, the one that was seen first.

    Parameters
    ----------
    n1, n2 : int
        Sizes of the groups.
    most : int
        Up to so many all are given; beyond, this many with the one seen among them, the
        others drawn from a fixed seed.

    Returns
    -------
    ndarray of bool, shape (arrangements, n1 + n2)
        Whether a unit is in the first group. Not to be written to.
    """
    units = n1 + n2
    every = comb(units, n1)
    if every <= most:
        chosen = np.array(list(combinations(range(units), n1)), dtype=np.int64)
        labels = np.zeros((every, units), dtype=bool)
        np.put_along_axis(labels, chosen, True, axis=1)
    else:
        labels = np.broadcast_to(np.arange(units) < n1, (most, units)).copy()
        np.random.default_rng(0).permuted(labels[1:], axis=1, out=labels[1:])
    labels.flags.writeable = False
    return labels


@lru_cache(maxsize=4)
def sign_arrangements(units: int) -> NDArray[np.int8]:
    """Ways to flip the signs of units, none flipped first.

    All up to 16 units, beyond that 65,536 drawn from a fixed seed.

    Returns
    -------
    ndarray of int, shape (arrangements, units)
        1 and -1. Not to be written to.
    """
    if units <= _EXACT_SIGNS:
        flipped = np.arange(2**units)[:, None] >> np.arange(units) & 1
    else:
        flipped = np.random.default_rng(0).integers(0, 2, (MOST_SIGNS, units))
        flipped[0] = 0
    signs = (1 - 2 * flipped).astype(np.int8)
    signs.flags.writeable = False
    return signs
