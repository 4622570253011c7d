"""The shift between two groups that the rank tests speak of, with the interval they give.

The Hodges-Lehmann estimate is the median of all differences between a unit of one group and
one of the other. It belongs to the Mann-Whitney test as the mean belongs to the t test: the
two never point in opposite directions, and one diverged seed moves neither far. A difference
of means can.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from hyp.stats.arguments import Floats, check_level, pairs_of, rows_of
from hyp.stats.rank_sum import critical_u
from hyp.stats.signed_rank import critical_v

_MOST_DIFFERENCES = 4_000_000


def hodges_lehmann(
    x: ArrayLike, y: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """Hodges-Lehmann estimate of x - y with the interval of the exact Mann-Whitney test.

    The interval holds all shifts that the exact two-sided test would not reject (Hodges and
    Lehmann 1963, Annals of Mathematical Statistics 34, 598-611). Its ends belong to it, so
    that with ties it covers at least what was asked for (Noether 1967), and it can then end
    at 0 where the test, which is told the ties, rejects.

    Parameters
    ----------
    x, y : array_like, shape (comparisons, n1) and (comparisons, n2)
    confidence : float
        Coverage, at least.

    Returns
    -------
    estimate, low, high : ndarray, shape (comparisons,)
        In the unit of the scores. The ends are NaN where the groups are so small that the
        test could reject no shift at all, such as 3 v 3 at 95 %.

    Raises
    ------
    HypError
        If a group is empty, a score is not finite or the confidence not in (0, 1).

    Examples
    --------
    >>> estimate, low, high = hodges_lehmann([[0.80, 0.83, 0.86, 0.89]], [[0.70, 0.71, 0.72, 0.73]])
    >>> f"{estimate[0]:.2f} ({low[0]:.2f} to {high[0]:.2f})"
    '0.13 (0.07 to 0.19)'
    """
    check_level("the confidence", confidence)
    a, b = rows_of(x, y)
    n1, n2 = a.shape[1], b.shape[1]
    outside = critical_u(n1, n2, (1 - confidence) / 2)
    rows = max(1, _MOST_DIFFERENCES // (n1 * n2))
    if n1 * n2 > _MOST_DIFFERENCES:
        parts = [
            _of_many(np.sort(one), np.sort(other), outside) for one, other in zip(a, b, strict=True)
        ]
    else:
        parts = [
            _of_sorted(
                np.sort((a[i : i + rows, :, None] - b[i : i + rows, None, :]).reshape(-1, n1 * n2)),
                outside,
            )
            for i in range(0, len(a), rows)
        ]
    estimate, low, high = np.concatenate(parts, axis=1)
    return estimate, low, high


def hodges_lehmann_paired(
    differences: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """Hodges-Lehmann estimate of paired differences with the interval of the signed-rank test.

    The median of the means of any two differences, each with itself too, and all shifts that
    the exact two-sided Wilcoxon test would not reject.

    Parameters
    ----------
    differences : array_like, shape (comparisons, pairs)
        One x - y a pair.
    confidence : float
        Coverage, at least.

    Returns
    -------
    estimate, low, high : ndarray, shape (comparisons,)
        The ends are NaN with so few pairs that no shift could be rejected (5 at 95 %).

    Raises
    ------
    HypError
        If there is no pair, a difference is not finite or the confidence not in (0, 1).

    Examples
    --------
    >>> [float(found[0]) for found in hodges_lehmann_paired([[1, 2, 3, 4, 5, 6]])]
    [3.5, 1.0, 6.0]
    """
    check_level("the confidence", confidence)
    d = pairs_of(differences)
    outside = critical_v(d.shape[1], (1 - confidence) / 2)
    first, second = np.triu_indices(d.shape[1])
    rows = max(1, _MOST_DIFFERENCES // len(first))
    parts = [
        _of_sorted(np.sort((d[i : i + rows][:, first] + d[i : i + rows][:, second]) / 2), outside)
        for i in range(0, len(d), rows)
    ]
    estimate, low, high = np.concatenate(parts, axis=1)
    return estimate, low, high


def _of_sorted(every: Floats, outside: int) -> Floats:
    """Estimate and ends from sorted differences, of which `outside` + 1 lie beyond each end."""
    estimate = np.median(every, axis=1)
    if outside < 0:
        return np.stack([estimate, np.full_like(estimate, np.nan), np.full_like(estimate, np.nan)])
    return np.stack([estimate, every[:, outside], every[:, -1 - outside]])


def _of_many(x: Floats, y: Floats, outside: int) -> Floats:
    """Do the same for one comparison of groups so large that differences are not written down."""
    count = len(x) * len(y)
    middle = (_smallest(x, y, (count - 1) // 2) + _smallest(x, y, count // 2)) / 2
    ends = [_smallest(x, y, outside), _smallest(x, y, count - 1 - outside)]
    return np.array([[middle], *([end] for end in ends)])


def _smallest(x: Floats, y: Floats, place: int) -> float:
    """Difference x - y at a place, from 0, in the order of all; x and y are sorted."""
    low, high = float(x[0] - y[-1]), float(x[-1] - y[0])
    for _ in range(80):
        middle = (low + high) / 2
        at_most = (len(y) - np.searchsorted(y, x - middle, side="left")).sum()
        low, high = (low, middle) if at_most > place else (middle, high)
    at = np.searchsorted(y, x - low, side="right") - 1
    return float((x[at >= 0] - y[at[at >= 0]]).min())
