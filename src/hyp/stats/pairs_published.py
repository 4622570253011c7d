"""Pairs of models compared as if they were independent, as it was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from hyp.stats.arguments import Floats
from hyp.stats.pairs import check_within, checked_similarity, named_groups, two_groups, upper_pairs

WHY_PAIRS_DIFFER = (
    "The published protocol takes every pair of models as an independent value, but pairs share "
    "models (10 models make 45 pairs), so one odd model counts many times over: a difference "
    "between two groups' similarity to a third, or of one group's own pairs, comes out "
    "significant far too often, one over all groups too seldom; permuting the labels of "
    "whole models keeps the error rate."
)


@dataclass(frozen=True)
class PublishedPairs:
    """Two sets of pairs compared as if every pair were independent.

    Attributes
    ----------
    contrast : str
        What is compared: ``all`` or a group's name (within v between), or ``b v c``.
    first, second : float
        Mean similarity of the two sets of pairs.
    difference : float
        first - second.
    p : float
        Two-sided, Mann-Whitney over pairs.
    first_pairs, second_pairs : int
        Pairs taken as units.
    """

    contrast: str
    first: float
    second: float
    difference: float
    p: float
    first_pairs: int
    second_pairs: int


def within_between_published(
    similarity: ArrayLike, labels: Sequence[str]
) -> tuple[PublishedPairs, ...]:
    """Compare pairs within groups with pairs between groups as if pairs were independent.

    ``scipy.stats.mannwhitneyu`` with its defaults over pairs. Why it differs from
    `within_between`: `WHY_PAIRS_DIFFER`.

    Parameters
    ----------
    similarity : array_like, shape (models, models)
        Symmetric; the diagonal is not used.
    labels : sequence of str, shape (models,)
        Each model's group.

    Returns
    -------
    tuple of PublishedPairs
        The contrasts of `within_between`, in its order.

    Raises
    ------
    HypError
        As `within_between`.

    Examples
    --------
    >>> similarity = [[1, 0.9, 0.8, 0.1, 0.1, 0.1], [0.9, 1, 0.9, 0.1, 0.1, 0.1],
    ...               [0.8, 0.9, 1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 1, 0.3, 0.2],
    ...               [0.1, 0.1, 0.1, 0.3, 1, 0.4], [0.1, 0.1, 0.1, 0.2, 0.4, 1]]
    >>> found = within_between_published(similarity, "aaabbb")
    >>> [(one.contrast, one.first_pairs) for one in found]
    [('all', 6), ('a', 3), ('b', 3)]
    """
    matrix, names, groups = checked_similarity(similarity, labels)
    check_within(names, groups)
    i, j = np.triu_indices(len(matrix), 1)
    pairs, same = matrix[i, j], groups[i] == groups[j]
    every = [_pooled("all", pairs[same], pairs[~same])]
    for number, name in enumerate(names):
        own = (groups[i] == number) | (groups[j] == number)
        if (own & same).any():
            every.append(_pooled(name, pairs[own & same], pairs[own & ~same]))
    return tuple(every)


def closeness_published(
    similarity: ArrayLike, labels: Sequence[str], anchor: str, b: str, c: str
) -> PublishedPairs:
    """Compare the anchor's pairs with b and with c as if pairs were independent.

    ``scipy.stats.mannwhitneyu`` with its defaults over pairs. Why it differs from
    `closeness`: `WHY_PAIRS_DIFFER`.

    Parameters
    ----------
    similarity : array_like, shape (models, models)
        Symmetric; the diagonal is not used.
    labels : sequence of str, shape (models,)
        Each model's group.
    anchor, b, c : str
        Three different groups.

    Raises
    ------
    HypError
        As `closeness`.

    Examples
    --------
    >>> similarity = [[1, 0.9, 0.8, 0.1, 0.1, 0.1], [0.9, 1, 0.9, 0.1, 0.1, 0.1],
    ...               [0.8, 0.9, 1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 1, 0.3, 0.2],
    ...               [0.1, 0.1, 0.1, 0.3, 1, 0.4], [0.1, 0.1, 0.1, 0.2, 0.4, 1]]
    >>> found = closeness_published(similarity, "aabbcc", "a", "b", "c")
    >>> round(found.difference, 3), found.first_pairs
    (0.375, 4)
    """
    matrix, (anchors, of_b, of_c) = named_groups(similarity, labels, (anchor, b, c))
    first, second = (matrix[np.ix_(anchors, others)].ravel() for others in (of_b, of_c))
    return _pooled(f"{b} v {c}", first, second)


def tightness_published(
    similarity: ArrayLike, labels: Sequence[str], a: str, b: str
) -> PublishedPairs:
    """Compare the pairs of a with the pairs of b as if pairs were independent.

    ``scipy.stats.mannwhitneyu`` with its defaults over pairs. Why it differs from
    `tightness`: `WHY_PAIRS_DIFFER`.

    Parameters
    ----------
    similarity : array_like, shape (models, models)
        Symmetric; the diagonal is not used.
    labels : sequence of str, shape (models,)
        Each model's group.
    a, b : str
        Two groups.

    Raises
    ------
    HypError
        As `tightness`.

    Examples
    --------
    >>> similarity = [[1, 0.9, 0.8, 0.1, 0.1, 0.1], [0.9, 1, 0.9, 0.1, 0.1, 0.1],
    ...               [0.8, 0.9, 1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 1, 0.3, 0.2],
    ...               [0.1, 0.1, 0.1, 0.3, 1, 0.4], [0.1, 0.1, 0.1, 0.2, 0.4, 1]]
    >>> found = tightness_published(similarity, "aaabbb", "a", "b")
    >>> round(found.p, 3)
    0.077
    """
    matrix, of_a, of_b = two_groups(similarity, labels, (a, b))
    first, second = (upper_pairs(matrix[np.ix_(own, own)]) for own in (of_a, of_b))
    return _pooled(f"{a} v {b}", first, second)


def _pooled(contrast: str, first: Floats, second: Floats) -> PublishedPairs:
    identical = np.ptp(np.concatenate([first, second])) == 0
    return PublishedPairs(
        contrast=contrast,
        first=float(first.mean()),
        second=float(second.mean()),
        difference=float(first.mean() - second.mean()),
        p=1.0 if identical else float(stats.mannwhitneyu(first, second).pvalue),
        first_pairs=len(first),
        second_pairs=len(second),
    )
