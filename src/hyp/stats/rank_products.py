"""The exact distribution of the sum of products of two lists of ranks, ties included."""

from __future__ import annotations

from functools import lru_cache
from math import factorial, gcd, prod

import numpy as np
from numpy.typing import NDArray

from hyp.stats.arguments import Alternative, Floats


def exact_rank_p(x: Floats, y: Floats, alternative: Alternative) -> float:
    """Return the exact p of a rank correlation."""
    a, b = _whole(x), _whole(y)
    counts = _product_sum_counts(tuple(sorted(a.tolist())), tuple(sorted(b.tolist())))
    observed = int(a @ b)
    upper, lower = int(counts[observed:].sum()), int(counts[: observed + 1].sum())
    tail = {"two-sided": 2 * min(upper, lower), "greater": upper, "less": lower}[alternative]
    return min(1.0, tail / factorial(len(a)))


def _whole(ranks: Floats) -> NDArray[np.int64]:
    """Return midranks as the smallest whole numbers with the same spacing, from 0."""
    doubled = np.rint(2 * (ranks - ranks.min())).astype(np.int64)
    whole: NDArray[np.int64] = doubled // gcd(*doubled.tolist())
    return whole


@lru_cache(maxsize=16)
def _product_sum_counts(a: tuple[int, ...], b: tuple[int, ...]) -> NDArray[np.int64]:
    """Count, for each value of sum(a * b[order]), the orders of `b` that give it.

    Row by row of `a`, over the subsets of `b` already used: the permanent of the matrix
    z^(a_i b_j) as a polynomial in z.

    Parameters
    ----------
    a, b : tuple of int, n of each
        Not negative; their order does not matter, so they come sorted.

    Returns
    -------
    ndarray of int, shape (largest sum + 1,)
    """
    n = len(a)
    subsets = np.arange(2**n)
    used = (subsets[:, None] >> np.arange(n) & 1).astype(bool)
    sizes = used.sum(axis=1)
    place = np.empty(2**n, dtype=np.int64)
    for size in range(n + 1):
        place[sizes == size] = np.arange((sizes == size).sum())
    length = int(np.sort(a) @ np.sort(b)) + 1
    counts = np.zeros((1, length), dtype=np.int64)
    counts[0, 0] = 1
    for row, weight in enumerate(a):
        following = np.zeros((int((sizes == row + 1).sum()), length), dtype=np.int64)
        for column in range(n):
            free = subsets[(sizes == row) & ~used[:, column]]
            shift = weight * b[column]
            following[place[free | 1 << column], shift:] += counts[place[free], : length - shift]
        counts = following
    return counts.ravel()


def attainable_here(x: Floats, y: Floats, alternative: Alternative) -> float:
    """Smallest permutation p: the share of orders in which x and y rise (or fall) together."""
    x_ties = np.unique(x, return_counts=True)[1].tolist()
    y_ties = np.unique(y, return_counts=True)[1].tolist()
    rising = _rising_share(x_ties, y_ties)
    falling = _rising_share(x_ties, y_ties[::-1])
    if alternative == "two-sided":
        return min(1.0, 2 * min(rising, falling))
    return rising if alternative == "greater" else falling


def _rising_share(x_ties: list[int], y_ties: list[int]) -> float:
    """Share of orders in which no pair of points is discordant, given the sizes of the ties."""
    cells, left, right = [], list(x_ties), list(y_ties)
    while left:
        shared = min(left[0], right[0])
        cells.append(shared)
        for sizes in (left, right):
            sizes[0] -= shared
            if sizes[0] == 0:
                sizes.pop(0)
    ways = prod(map(factorial, x_ties)) * prod(map(factorial, y_ties))
    return ways / (prod(map(factorial, cells)) * factorial(sum(x_ties)))
