"""Comparisons that are made together: Holm's correction, and max-T over permuted labels.

Holm asks nothing of how comparisons depend on each other and pays for it: 18 layers need a p
18 times smaller, which 5 v 5 units cannot give. Where comparisons are made on the same units,
max-T (Westfall and Young 1993) permutes whole units, all their scores together, and holds each
comparison's statistic against the largest of the family under every arrangement. Layers that
say the same then count as what they are, nearly one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike

from hyp.stats.arguments import Alternative, Floats, check_alternative, check_choice
from hyp.stats.arrangements import MOST
from hyp.stats.permutation import (
    Arranged,
    PairStatistic,
    Statistic,
    label_statistics,
    sign_statistics,
    tail,
)


def holm(p: ArrayLike) -> Floats:
    """Holm's corrected p of one family, in the order given.

    The same as statsmodels' ``multipletests(p, method="holm")``, which collects the whole
    process' garbage on every call (0.1 s).

    Parameters
    ----------
    p : array_like, shape (comparisons,)

    Returns
    -------
    ndarray, shape (comparisons,)

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return corrected


def max_t(
    x: ArrayLike,
    y: ArrayLike,
    statistic: Statistic = "studentized",
    alternative: Alternative = "two-sided",
    *,
    most: int = MOST,
) -> Floats:
    """Corrected p of a family of comparisons of the same units, by step-down max-T.

    Westfall and Young (1993), algorithm 4.1 as in Ge, Dudoit and Speed (2003, Test 12, 1-77,
    box 2); two-sided it is twice the smaller of the p of the two directions, so that it is
    never below the p of the comparison alone. It holds the family's error rate when units are
    exchangeable under the null, whatever the dependence between comparisons.

    Parameters
    ----------
    x, y : array_like, shape (comparisons, n1) and (comparisons, n2)
        Column i of `x` is one unit, measured in every comparison; likewise of `y`.
    statistic : {"studentized", "brunner-munzel", "rank", "mean"}
        See `hyp.stats.permutation`. Ranks of few units take few values, which costs max-T
        most of its power.
    alternative : {"two-sided", "greater", "less"}
        Direction of `x` against `y`.
    most : int
        Arrangements that are still enumerated.

    Returns
    -------
    ndarray, shape (comparisons,)
        Never below 1 / arrangements (2 / arrangements two-sided), however many comparisons.

    Raises
    ------
    HypError
        If a group is empty, a score is not finite, or an argument is unknown.

    Examples
    --------
    >>> a = [[0.9, 0.8, 0.7, 0.95, 0.85], [0.5, 0.1, 0.4, 0.2, 0.3]]
    >>> b = [[0.1, 0.2, 0.3, 0.25, 0.15], [0.3, 0.5, 0.2, 0.1, 0.4]]
    >>> max_t(a, b).round(4).tolist()
    [0.0079, 1.0]
    """
    check_choice("statistic", statistic, get_args(Statistic))
    return _step_down(lambda: label_statistics(x, y, statistic, most=most), alternative)


def max_t_paired(
    differences: ArrayLike,
    statistic: PairStatistic = "studentized",
    alternative: Alternative = "two-sided",
) -> Floats:
    """Corrected p of a family of paired comparisons of the same pairs, by step-down max-T.

    As `max_t`, with the signs of whole pairs flipped.

    Parameters
    ----------
    differences : array_like, shape (comparisons, pairs)
        Column i is one pair, x - y in every comparison.
    statistic : {"studentized", "rank", "mean"}
    alternative : {"two-sided", "greater", "less"}

    Raises
    ------
    HypError
        If there is no pair, a difference is not finite, or an argument is unknown.

    Examples
    --------
    >>> max_t_paired([[1, 2, 3, 4, 5, 6], [1, -1, 2, -2, 3, -3]]).round(3).tolist()
    [0.062, 1.0]
    """
    check_choice("statistic", statistic, get_args(PairStatistic))
    return _step_down(lambda: sign_statistics(differences, statistic), alternative)


def _step_down(arranged: Callable[[], Iterator[Arranged]], alternative: Alternative) -> Floats:
    check_alternative(alternative)
    lower = upper = np.zeros(1)
    if alternative != "less":
        upper = _one_direction(arranged(), 1.0)
    if alternative != "greater":
        lower = _one_direction(arranged(), -1.0)
    return tail(lower, upper, alternative)


def _one_direction(arranged: Iterator[Arranged], sign: float) -> Floats:
    reached = np.zeros(1)
    order = np.zeros(1, dtype=int)
    count = 0
    for values, seen, rounding in arranged:
        order = np.argsort(-sign * seen, kind="stable")
        largest = np.maximum.accumulate(sign * values[order[::-1]], axis=0)[::-1]
        beyond = largest >= (sign * seen - rounding)[order][:, None]
        reached = reached + beyond.sum(axis=1)
        count += values.shape[1]
    p = np.empty(len(order))
    p[order] = np.maximum.accumulate(reached / count)
    return p
