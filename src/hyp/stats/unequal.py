"""A t test whose level holds for normal scores whatever the groups' spreads and sizes.

Welch's test estimates one number of degrees of freedom from the scores, and errs where the
group that decides it is small: with three units against eight it called 6.8 % of equal means
significant at 5 %. Cochran and Cox (1950, Experimental Designs, section 4.14) weight the
critical value of each part of the variance by its share instead, which errs on the safe side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from hyp.stats.arguments import Alternative, Floats, check_alternative

_HALVINGS = 50


def weighted_critical(tail: ArrayLike, variances: ArrayLike, df: Sequence[float]) -> Floats:
    """Critical value of a difference over its standard error.

    Parameters
    ----------
    tail : array_like, shape (comparisons,)
        Chance to lie above it.
    variances : array_like, shape (parts, comparisons)
        What the squared standard error is the sum of; one of them is positive.
    df : sequence of float
        Degrees of freedom of each part.

    Returns
    -------
    ndarray, shape (comparisons,)
    """
    parts = np.asarray(variances, dtype=float)
    shares = parts / parts.sum(axis=0)
    values = -stdtrit(np.asarray(df, dtype=float)[:, None], np.asarray(tail, dtype=float))
    critical: Floats = (shares * values).sum(axis=0)
    return critical


def cochran_cox_p(
    difference: ArrayLike,
    variances: ArrayLike,
    df: Sequence[float],
    alternative: Alternative = "two-sided",
) -> Floats:
    """Test differences whose squared standard error is a sum of parts.

    Parameters
    ----------
    difference : array_like, shape (comparisons,)
        Of means, a - b.
    variances : array_like, shape (parts, comparisons)
        For two groups, each one's variance over its number of units.
    df : sequence of float
        Degrees of freedom of each part: for two groups, their numbers of units less one.
    alternative : {"two-sided", "greater", "less"}

    Returns
    -------
    ndarray, shape (comparisons,)
        1 where nothing varies, as no test can be made.

    Raises
    ------
    HypError
        If the alternative is unknown.

    Examples
    --------
    >>> cochran_cox_p([1.5], [[0.2], [0.05]], [2, 7]).round(3).tolist()
    [0.083]
    """
    check_alternative(alternative)
    d, parts = np.asarray(difference, dtype=float), np.asarray(variances, dtype=float)
    total = parts.sum(axis=0)
    known = total > 0
    p = np.ones(len(d))
    statistic = d[known] / np.sqrt(total[known])
    low, high = np.zeros(known.sum()), np.full(known.sum(), 0.5)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        beyond = weighted_critical(middle, parts[:, known], df) > np.abs(statistic)
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    tail = high
    if alternative == "two-sided":
        p[known] = 2 * tail
    else:
        ahead = (statistic > 0) == (alternative == "greater")
        p[known] = np.where(ahead, tail, 1 - tail)
    return p
