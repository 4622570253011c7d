"""Which of two groups of models a third is closer to, and which is more alike within."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike

from hyp.errors import HypError
from hyp.stats.arguments import Alternative, Floats
from hyp.stats.attainable import attainable_p
from hyp.stats.comparison_rows import welch_interval
from hyp.stats.pairs import (
    check_within,
    checked_similarity,
    named_groups,
    two_groups,
    upper_pairs,
    without_rounding,
)
from hyp.stats.permutation import exact_permutation_p


@dataclass(frozen=True)
class Closeness:
    """Similarity of an anchor group to one group of models against that to another.

    Attributes
    ----------
    to_b, to_c : float
        Mean similarity of the anchor's models to those of b and of c.
    difference : float
        to_b - to_c.
    low, high : float
        95 % Welch interval over the models of b and c, for the anchor's models as they are;
        NaN where no model differs from its group.
    p : float
        From permuting the labels of the models of b and c.
    p_attainable : float
        Smallest p that the numbers of models allow.
    n_anchor, n_b, n_c : int
        Models.
    """

    to_b: float
    to_c: float
    difference: float
    low: float
    high: float
    p: float
    p_attainable: float
    n_anchor: int
    n_b: int
    n_c: int


@dataclass(frozen=True)
class Tightness:
    """Similarity among the models of one group against that among the models of another.

    Attributes
    ----------
    within_a, within_b : float
        Mean similarity of the pairs of a, and of b.
    difference : float
        within_a - within_b.
    low, high : float
        95 % Welch interval over jackknife pseudo-values; NaN where they do not vary.
    p : float
        From permuting the pseudo-values of the models.
    p_attainable : float
        Smallest p that the numbers of models allow.
    n_a, n_b : int
        Models.
    """

    within_a: float
    within_b: float
    difference: float
    low: float
    high: float
    p: float
    p_attainable: float
    n_a: int
    n_b: int


def closeness(
    similarity: ArrayLike,
    labels: Sequence[str],
    anchor: str,
    b: str,
    c: str,
    *,
    alternative: Alternative = "two-sided",
) -> Closeness:
    """Test whether a group of models is more similar to group b than to group c.

    Each model of b and c has one value, its mean similarity to the anchor's models, and the labels
    b and c are permuted over these values (`hyp.stats.exact_permutation_p`). Models of other
    groups are ignored. Test and interval hold for the anchor's models as they are: they say
    nothing about other seeds of the anchor.

    Parameters
    ----------
    similarity : array_like, shape (models, models)
        Symmetric; the diagonal is not used.
    labels : sequence of str, shape (models,)
        Each model's group.
    anchor, b, c : str
        Three different groups.
    alternative : {"two-sided", "greater", "less"}
        Direction of b against c that was declared.

    Raises
    ------
    HypError
        If the similarity is not a square symmetric matrix of finite numbers, the labels do
        not fit it, the three groups are not different ones that exist, or b or c has fewer
        than two models.

    Examples
    --------
    >>> similarity = [[1, 0.9, 0.8, 0.3, 0.2], [0.9, 1, 0.7, 0.3, 0.3], [0.8, 0.7, 1, 0.4, 0.3],
    ...               [0.3, 0.3, 0.4, 1, 0.5], [0.2, 0.3, 0.3, 0.5, 1]]
    >>> close = closeness(similarity, ["a", "b", "b", "c", "c"], "a", "b", "c")
    >>> f"{close.difference:.2f} {close.p:.2f}"
    '0.60 0.33'
    """
    matrix, (anchors, of_b, of_c) = named_groups(similarity, labels, (anchor, b, c))
    if min(len(of_b), len(of_c)) < 2:
        raise HypError(f"{b} and {c} need at least two models each to be told apart.")
    to_anchor = without_rounding(matrix[:, anchors].mean(axis=1), matrix)
    x, y = np.sort(to_anchor[of_b]), np.sort(to_anchor[of_c])
    return Closeness(
        to_b=float(x.mean()),
        to_c=float(y.mean()),
        **_permuted(x, y, alternative),
        n_anchor=len(anchors),
        n_b=x.size,
        n_c=y.size,
    )


def tightness(
    similarity: ArrayLike,
    labels: Sequence[str],
    a: str,
    b: str,
    *,
    alternative: Alternative = "two-sided",
) -> Tightness:
    """Test whether the models of group a are more alike among themselves than those of b.

    The mean similarity of a group's pairs is a U-statistic: a model's mean similarity to its
    fellows carries only half of what that model moves, so such means look twice as sure as
    they are. Each model's jackknife pseudo-value, n times the mean of all pairs minus n - 1
    times that of the pairs without it, carries all of it; the labels a and b are permuted over
    these values (`hyp.stats.exact_permutation_p`). Similarity between a and b does
    not enter.

    Parameters
    ----------
    similarity : array_like, shape (models, models)
        Symmetric; the diagonal is not used.
    labels : sequence of str, shape (models,)
        Each model's group; models of other groups are ignored.
    a, b : str
        Two groups.
    alternative : {"two-sided", "greater", "less"}
        Direction of a against b that was declared.

    Raises
    ------
    HypError
        If the similarity is not a square symmetric matrix of finite numbers, the labels do
        not fit it, a and b are not two groups that exist, or one has fewer than three models.

    Examples
    --------
    >>> similarity = [[1, 0.9, 0.8, 0.1, 0.1, 0.1], [0.9, 1, 0.9, 0.1, 0.1, 0.1],
    ...               [0.8, 0.9, 1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 1, 0.3, 0.2],
    ...               [0.1, 0.1, 0.1, 0.3, 1, 0.4], [0.1, 0.1, 0.1, 0.2, 0.4, 1]]
    >>> tight = tightness(similarity, ["a", "a", "a", "b", "b", "b"], "a", "b")
    >>> f"{tight.difference:.2f} {tight.p:.2f}"
    '0.57 0.10'
    """
    matrix, of_a, of_b = two_groups(similarity, labels, (a, b))
    x, y = (np.sort(_pseudo_values(matrix[np.ix_(own, own)])) for own in (of_a, of_b))
    return Tightness(
        within_a=float(x.mean()),
        within_b=float(y.mean()),
        **_permuted(x, y, alternative),
        n_a=x.size,
        n_b=y.size,
    )


class _Permuted(TypedDict):
    difference: float
    low: float
    high: float
    p: float
    p_attainable: float


def _permuted(x: Floats, y: Floats, alternative: Alternative) -> _Permuted:
    """Compare two groups of models that have one value each, shapes (n_x,) and (n_y,)."""
    low, high = welch_interval(x[None], y[None])
    return {
        "difference": float(x.mean() - y.mean()),
        "low": float(low[0]),
        "high": float(high[0]),
        "p": float(exact_permutation_p(x[None], y[None], alternative)[0]),
        "p_attainable": attainable_p(x.size, y.size, two_sided=alternative == "two-sided"),
    }


def _pseudo_values(matrix: Floats) -> Floats:
    """Return each model's jackknife pseudo-value of the mean over pairs, shape (models,)."""
    n = len(matrix)
    total = upper_pairs(matrix).sum()
    without = (total - matrix.sum(axis=1)) / comb(n - 1, 2)
    return without_rounding(n * total / comb(n, 2) - (n - 1) * without, n * matrix)


def separation(similarity: ArrayLike, labels: Sequence[str]) -> float:
    """Return how well a measure tells groups of models apart.

    The probability that a model is more similar to another one of its group than to one of
    another group (ties count half), averaged over models: 1 where every model's own group is
    nearer than all others, 0.5 by chance. On groups that are known to differ it calibrates a
    measure of similarity before the measure is used on others.

    Parameters
    ----------
    similarity : array_like, shape (models, models)
        Symmetric; the diagonal is not used.
    labels : sequence of str, shape (models,)
        Each model's group; those alone in theirs are left out.

    Raises
    ------
    HypError
        As `hyp.stats.within_between`.

    Examples
    --------
    >>> similarity = [[1, 0.9, 0.4, 0.3], [0.9, 1, 0.5, 0.4],
    ...               [0.4, 0.5, 1, 0.45], [0.3, 0.4, 0.45, 1]]
    >>> separation(similarity, ["a", "a", "b", "b"])
    0.875
    """
    matrix, names, groups = checked_similarity(similarity, labels)
    check_within(names, groups)
    shares = []
    for model, group in enumerate(groups):
        own = np.flatnonzero((groups == group) & (np.arange(len(groups)) != model))
        if len(own):
            apart = matrix[model, own][:, None] - matrix[model, groups != group][None]
            shares.append(float(np.mean((np.sign(apart) + 1) / 2)))
    return float(np.mean(shares))
