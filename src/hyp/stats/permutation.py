"""Permutation tests of two groups and of pairs, one comparison or a family at a time.

Under the null the labels of the units (or the signs of the differences of pairs) could as
well be others. A statistic is computed for every arrangement, or for 20,000 (65,536 signs)
drawn from a fixed seed where there are more, and p is the share at least as far out as what
was seen, twice that of the smaller tail if two-sided.

The statistic decides what is asked and what may differ besides:

``rank``
    Rank sum. Holds if the groups' scores have one distribution under the null.
``studentized``
    Difference of means over its own standard error (Janssen 1997, Statistics and Probability
    Letters 36, 9-21). Exact likewise, and with growing groups also where spreads differ.
``brunner-munzel``
    Probability of superiority over its own standard error (Neubert and Brunner 2007,
    Computational Statistics and Data Analysis 51, 5192-5204). As above, for ranks.
``mean``
    Difference of means as it is.

Statistics that differ by no more than rounding of the scores are ties; the limit moves with
the scores, whatever their unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from hyp.stats.arguments import (
    Alternative,
    Floats,
    check_alternative,
    check_choice,
    pairs_of,
    rows_of,
)
from hyp.stats.arrangements import MOST, label_arrangements, sign_arrangements

Statistic = Literal["rank", "studentized", "brunner-munzel", "mean"]
PairStatistic = Literal["rank", "studentized", "mean"]

_CHUNK = 4_000_000
_EPS = float(np.finfo(float).eps)
_FLAT = 1e-12


class Arranged(NamedTuple):
    """A statistic of every comparison under some arrangements.

    Attributes
    ----------
    values : ndarray, shape (comparisons, arrangements)
    seen : ndarray, shape (comparisons,)
        As observed.
    rounding : ndarray, shape (comparisons,)
        By how much rounding may move it.
    """

    values: Floats
    seen: Floats
    rounding: Floats


def permutation_p(
    x: ArrayLike,
    y: ArrayLike,
    statistic: Statistic = "studentized",
    alternative: Alternative = "two-sided",
    *,
    most: int = MOST,
) -> Floats:
    """Permutation p of each row, exact up to `most` arrangements.

    Parameters
    ----------
    x, y : array_like, shape (comparisons, n1) and (comparisons, n2)
    statistic : {"studentized", "brunner-munzel", "rank", "mean"}
    alternative : {"two-sided", "greater", "less"}
        Direction of `x` against `y`.
    most : int
        Arrangements that are still enumerated.

    Returns
    -------
    ndarray, shape (comparisons,)
        Never NaN and never 0. 1 where the statistic has no spread to be held against: with
        one unit in a group (``rank`` and ``mean`` excepted), or where nothing varies.

    Raises
    ------
    HypError
        If a group is empty, a score is not finite, or an argument is unknown.

    Examples
    --------
    >>> permutation_p([[5.0, 6, 7, 9]], [[1.0, 2, 3, 4]]).round(4).tolist()
    [0.0286]
    """
    check_alternative(alternative)
    check_choice("statistic", statistic, get_args(Statistic))
    return _p(label_statistics(x, y, statistic, most=most), alternative)


def exact_permutation_p(
    x: ArrayLike,
    y: ArrayLike,
    alternative: Alternative = "two-sided",
    *,
    most: int = 200_000,
) -> Floats:
    """Permutation p of each row's difference in means, exact up to `most` arrangements.

    The sensitivity check beside the rank test: it uses the scores, not their ranks. Beyond
    `most` arrangements, that many random ones drawn from a fixed seed (the observed one
    counted among them).

    Parameters
    ----------
    x, y : array_like, shape (comparisons, n1) and (comparisons, n2)
    alternative : {"two-sided", "greater", "less"}
        Direction of `x` against `y`.
    most : int
        Arrangements that are still enumerated.

    Returns
    -------
    ndarray, shape (comparisons,)
        NaN if a group has a single seed.

    Raises
    ------
    HypError
        If a group is empty, a score is not finite or the alternative is unknown.

    Examples
    --------
    >>> exact_permutation_p([[1, 2, 3]], [[4, 5, 6]]).tolist()
    [0.1]
    """
    check_alternative(alternative)
    a, b = rows_of(x, y)
    if min(a.shape[1], b.shape[1]) < 2:
        return np.full(len(a), np.nan)
    return permutation_p(a, b, "mean", alternative, most=most)


def sign_flip_p(differences: ArrayLike, alternative: Alternative = "two-sided") -> Floats:
    """Sign-flip p of each row's mean difference: exact up to 16 pairs.

    For pairs the studentized mean and the mean order the flips alike, so there is one test.

    Parameters
    ----------
    differences : array_like, shape (comparisons, pairs)
        One x - y a pair.
    alternative : {"two-sided", "greater", "less"}
        Direction of x against y.

    Raises
    ------
    HypError
        If there is no pair, a difference is not finite or the alternative is unknown.

    Examples
    --------
    >>> sign_flip_p([[0.1, 0.2, 0.3, 0.4, -0.05]]).tolist()
    [0.125]
    """
    check_alternative(alternative)
    return _p(sign_statistics(differences, "mean"), alternative)


def label_statistics(
    x: ArrayLike, y: ArrayLike, statistic: Statistic, *, most: int = MOST
) -> Iterator[Arranged]:
    """Yield the statistic of every row under some arrangements of the labels at a time."""
    a, b = rows_of(x, y)
    n1 = a.shape[1]
    scores = np.concatenate([a, b], axis=1)
    labels = label_arrangements(n1, b.shape[1], most)
    size = max(1, _CHUNK // (len(scores) if statistic != "brunner-munzel" else scores.shape[1]))
    of = _OF[statistic]
    if statistic in ("brunner-munzel", "rank"):
        scores = 2 * rankdata(scores, axis=1) - scores.shape[1] - 1
    scale, rounding = _scaled(scores)
    seen = of(scale, rounding, labels[:1].astype(float))
    for start in range(0, len(labels), size):
        now = of(scale, rounding, labels[start : start + size].astype(float))
        yield Arranged(now.values, seen.values[:, 0], seen.rounding)


def sign_statistics(
    differences: ArrayLike, statistic: PairStatistic, *, most: int | None = None
) -> Iterator[Arranged]:
    """Yield the statistic of every row under some flips of the pairs' signs at a time.

    With `most`, of more flips only so many are taken: the first, and others at random.
    """
    d = pairs_of(differences)
    if statistic == "rank":
        d = signed_ranks(d)
    signs = sign_arrangements(d.shape[1])
    if most is not None and len(signs) > most:
        others = np.random.default_rng(0).integers(0, len(signs), most - 1)
        signs = signs[np.concatenate([[0], others])]
    largest = np.abs(d).max(axis=1, keepdims=True)
    d = d / np.where(largest > 0, largest, 1.0)
    rounding = np.full(len(d), 4 * d.shape[1] * _EPS)
    squares = (d**2).sum(axis=1, keepdims=True)
    size = max(1, _CHUNK // len(d))
    for start in range(0, len(signs), size):
        sums = d @ signs[start : start + size].T.astype(float)
        if start == 0:
            seen = sums[:, :1].copy()
        if statistic == "studentized":
            yield Arranged(
                _student(sums, squares, d.shape[1]),
                _student(seen, squares, d.shape[1])[:, 0],
                1e-9 * (1 + np.abs(_student(seen, squares, d.shape[1])[:, 0])),
            )
        else:
            root = np.sqrt(np.where(squares > 0, squares, 1.0))
            yield Arranged(sums / root, (seen / root)[:, 0], rounding / root[:, 0])


def signed_ranks(differences: Floats) -> Floats:
    """Return the ranks of the sizes within each row, zeros left out, with their signs."""
    ranks = rankdata(np.abs(differences), axis=1)
    zeros = (differences == 0).sum(axis=1, keepdims=True)
    signed: Floats = np.sign(differences) * (ranks - zeros)
    return signed


def _student(sums: Floats, squares: Floats, n: int) -> Floats:
    spread = np.maximum(squares - sums**2 / n, _FLAT * np.where(squares > 0, squares, 1.0))
    value: Floats = sums / np.sqrt(spread)
    return value


def _p(arranged: Iterator[Arranged], alternative: Alternative) -> Floats:
    upper = lower = np.zeros(1)
    count = 0
    for values, seen, rounding in arranged:
        upper = upper + (values >= (seen - rounding)[:, None]).sum(axis=1)
        lower = lower + (values <= (seen + rounding)[:, None]).sum(axis=1)
        count += values.shape[1]
    return tail(lower / count, upper / count, alternative)


def tail(lower: Floats, upper: Floats, alternative: Alternative) -> Floats:
    """Return the p of an alternative from the shares at or below, and at or above."""
    if alternative == "two-sided":
        both: Floats = np.minimum(1.0, 2 * np.minimum(lower, upper))
        return both
    return upper if alternative == "greater" else lower


def _scaled(scores: Floats) -> tuple[Floats, Floats]:
    """Centre rows and scale them to a largest value of 1; the rounding this leaves of them."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    largest = np.abs(centred).max(axis=1)
    noise = 4 * scores.shape[1] * _EPS * np.abs(scores).max(axis=1)
    flat = largest <= noise
    scale = np.where(flat, 1.0, largest)
    return np.where(flat[:, None], 0.0, centred / scale[:, None]), np.maximum(
        noise / scale, 4 * scores.shape[1] * _EPS
    )


def _difference(z: Floats, rounding: Floats, labels: Floats) -> Arranged:
    """Sum of the first group over the root of the sum of squares of all."""
    root = np.sqrt((z**2).sum(axis=1))
    root = np.where(root > 0, root, 1.0)
    values = z @ labels.T / root[:, None]
    return Arranged(values, values[:, 0], rounding / root)


def _welch(z: Floats, rounding: Floats, labels: Floats) -> Arranged:
    n1 = int(labels[0].sum())
    n2 = labels.shape[1] - n1
    if min(n1, n2) < 2:
        return Arranged(np.zeros((len(z), len(labels))), np.zeros(len(z)), np.zeros(len(z)))
    first, first_squares = z @ labels.T, z**2 @ labels.T
    total, total_squares = z.sum(axis=1)[:, None], (z**2).sum(axis=1)[:, None]
    other = total - first
    spread = (first_squares - first**2 / n1) / (n1 * (n1 - 1))
    spread += (total_squares - first_squares - other**2 / n2) / (n2 * (n2 - 1))
    spread = np.maximum(spread, 10 * rounding[:, None])
    values = (first / n1 - other / n2) / np.sqrt(spread)
    least = spread[:, 0]
    return Arranged(
        values, values[:, 0], rounding / np.sqrt(least) * (1 + np.abs(values[:, 0]) / least**0.5)
    )


def _brunner_munzel(ranks: Floats, rounding: Floats, labels: Floats) -> Arranged:
    n1 = int(labels[0].sum())
    n2 = labels.shape[1] - n1
    values = np.zeros((len(ranks), len(labels)))
    if min(n1, n2) < 2:
        return Arranged(values, values[:, 0], np.zeros(len(ranks)))
    for row, own in enumerate(ranks):
        below = (1 + np.sign(own[:, None] - own[None, :])) / 2
        in_first = labels @ below.T
        first = labels * (below.sum(axis=1) - in_first)
        other = (1 - labels) * in_first
        spread = _variance(first, n1) / (n1 * n2**2) + _variance(other, n2) / (n2 * n1**2)
        share = first.sum(axis=1) / (n1 * n2) - 0.5
        values[row] = share / np.sqrt(np.maximum(spread, _FLAT))
    return Arranged(values, values[:, 0], 1e-9 * (1 + np.abs(values[:, 0])))


_OF: dict[Statistic, Callable[[Floats, Floats, Floats], Arranged]] = {
    "rank": _difference,
    "mean": _difference,
    "studentized": _welch,
    "brunner-munzel": _brunner_munzel,
}


def _variance(placements: Floats, n: int) -> Floats:
    """Variance of the placements of `n` units, the others' being 0."""
    sums, squares = placements.sum(axis=1), (placements**2).sum(axis=1)
    spread: Floats = (n * squares - sums**2) / (n * (n - 1))
    return spread
