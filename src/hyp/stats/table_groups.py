"""Three and more groups: whether they differ at all, and which pairs do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations, islice, permutations
from math import factorial, prod

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from hyp.stats.arguments import Floats

_MOST_EXACT = 20_000
_RANDOM = 19_999
_CHUNK = 1000
_ORDERED = 7
_SLACK = 1e-9


def kruskal_wallis_p(scores: Floats, sizes: Sequence[int]) -> tuple[Floats, float]:
    """Kruskal-Wallis p by permuting the labels of units, exact up to 20,000 arrangements.

    Beyond that 19,999 random ones from a fixed seed, the observed one counted among them.

    Parameters
    ----------
    scores : ndarray, shape (comparisons, units)
        The groups' units one after the other.
    sizes : sequence of int
        Units in each group.

    Returns
    -------
    p : ndarray, shape (comparisons,)
    attainable : float
        The smallest p that these sizes allow, where no scores tie.
    """
    ranks = rankdata(scores, axis=1)
    every = arrangements(sizes)
    exact = every <= _MOST_EXACT
    observed = _spread(ranks, np.repeat(np.arange(len(sizes)), sizes)[None], sizes)[:, 0]
    reached = np.zeros(len(scores))
    for labels in _labels(tuple(sizes), exact=exact):
        spread = _spread(ranks, labels, sizes)
        reached += (spread >= observed[:, None] * (1 - _SLACK)).sum(axis=1)
    p = reached / every if exact else (reached + 1) / (_RANDOM + 1)
    least = max(attainable_kruskal(sizes), 0 if exact else 1 / (_RANDOM + 1))
    return p, least


def friedman_p(scores: Floats) -> tuple[Floats, float]:
    """Friedman p by permuting the groups' labels within each unit.

    Exact up to 20,000 arrangements, beyond that 19,999 random ones from a fixed seed.

    Parameters
    ----------
    scores : ndarray, shape (comparisons, units, groups)

    Returns
    -------
    p : ndarray, shape (comparisons,)
    attainable : float
        The smallest p that so many units allow, where no scores tie.
    """
    _, units, groups = scores.shape
    ranks = rankdata(scores, axis=2)
    orders = np.array(list(permutations(range(groups))))
    every = factorial(groups) ** units
    exact = every <= _MOST_EXACT
    observed = (ranks.sum(axis=1) ** 2).sum(axis=1)
    reached = np.zeros(len(scores))
    rng = np.random.default_rng(0)
    total = every if exact else _RANDOM
    for start in range(0, total, _CHUNK):
        count = min(_CHUNK, total - start)
        if exact:
            numbers = np.arange(start, start + count)[:, None]
            picks = numbers // len(orders) ** np.arange(units) % len(orders)
        else:
            picks = rng.integers(len(orders), size=(count, units))
        places = np.broadcast_to(orders[picks], (len(ranks), count, units, groups))
        moved = np.take_along_axis(ranks[:, None].repeat(count, axis=1), places, axis=3)
        spread = (moved.sum(axis=2) ** 2).sum(axis=2)
        reached += (spread >= observed[:, None] * (1 - _SLACK)).sum(axis=1)
    p = reached / every if exact else (reached + 1) / (_RANDOM + 1)
    return p, max(factorial(groups) / every, 0 if exact else 1 / (_RANDOM + 1))


def arrangements(sizes: Sequence[int]) -> int:
    """Ways to give so many units to groups of these sizes."""
    return factorial(sum(sizes)) // prod(factorial(size) for size in sizes)


def attainable_kruskal(sizes: Sequence[int]) -> float:
    """Smallest p of the Kruskal-Wallis test: the groups fully separated, in the best order."""
    if len(sizes) > _ORDERED:
        return (factorial(len(sizes)) if len(set(sizes)) == 1 else 1) / arrangements(sizes)
    best, ways = 0.0, 0
    for order in set(permutations(sizes)):
        ends = np.cumsum(order)
        sums = ends * (ends + 1) / 2
        spread = float((np.diff(sums, prepend=0.0) ** 2 / order).sum())
        same = prod(factorial(list(sizes).count(size)) for size in set(sizes))
        if spread > best * (1 + _SLACK):
            best, ways = spread, same
        elif spread >= best * (1 - _SLACK):
            ways += same
    return ways / arrangements(sizes)


def letters(groups: Sequence[str], different: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Give groups letters: two share one exactly if they were not found to differ.

    The insert and absorb algorithm of Piepho (2004), Journal of Computational and Graphical
    Statistics 13, 456-466.

    Parameters
    ----------
    groups : sequence of str
        In the order in which letters are given.
    different : iterable of (str, str)
        The pairs that were found to differ.

    Examples
    --------
    >>> letters(["a", "b", "c"], [("a", "c")])
    {'a': 'a', 'b': 'ab', 'c': 'b'}
    """
    columns = [frozenset(groups)]
    for one, other in different:
        split = []
        for column in columns:
            both = {one, other} <= column
            split += [column - {one}, column - {other}] if both else [column]
        kept = list(dict.fromkeys(split))
        columns = [own for own in kept if not any(own < column for column in kept)]
    place = {group: number for number, group in enumerate(groups)}
    columns.sort(key=lambda column: sorted(place[group] for group in column))
    return {
        group: "".join(_letter(at) for at, column in enumerate(columns) if group in column)
        for group in groups
    }


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else f"({number})"


def _spread(ranks: Floats, labels: NDArray[np.int64], sizes: Sequence[int]) -> Floats:
    """Return the sum over groups of (rank sum)^2 / size, comparisons x arrangements."""
    total = np.zeros((len(ranks), len(labels)))
    for group, size in enumerate(sizes):
        total += (ranks @ (labels == group).T.astype(float)) ** 2 / size
    return total


@lru_cache(maxsize=4)
def _labels(sizes: tuple[int, ...], *, exact: bool) -> tuple[NDArray[np.int64], ...]:
    """Return arrangements in chunks, made once for all comparisons of these sizes."""
    return tuple(_all_labels(sizes) if exact else _random_labels(sizes))


def _random_labels(sizes: Sequence[int]) -> Iterable[NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    own = np.repeat(np.arange(len(sizes)), sizes)
    for start in range(0, _RANDOM, _CHUNK):
        count = min(_CHUNK, _RANDOM - start)
        yield rng.permuted(np.broadcast_to(own, (count, len(own))), axis=1)


def _all_labels(sizes: Sequence[int]) -> Iterable[NDArray[np.int64]]:
    """Yield every arrangement, in chunks."""

    def extended(free: tuple[int, ...], group: int) -> Iterable[tuple[tuple[int, int], ...]]:
        if group == len(sizes) - 1:
            yield tuple((unit, group) for unit in free)
            return
        for chosen in combinations(free, sizes[group]):
            rest = tuple(unit for unit in free if unit not in chosen)
            own = tuple((unit, group) for unit in chosen)
            for others in extended(rest, group + 1):
                yield own + others

    n = sum(sizes)
    every = iter(extended(tuple(range(n)), 0))
    while chunk := list(islice(every, _CHUNK)):
        labels = np.empty((len(chunk), n), dtype=np.int64)
        for row, places in enumerate(chunk):
            for unit, group in places:
                labels[row, unit] = group
        yield labels
