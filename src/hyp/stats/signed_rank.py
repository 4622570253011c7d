"""The exact Wilcoxon signed-rank test of paired units, with ties.

Under the null each difference is as likely negative as positive. The sum of the ranks of the
positive ones is counted by dynamic programming, as in `hyp.stats.rank_sum`. Pairs that do not
differ are left out before ranking (Wilcoxon's own way, and the default of R and scipy).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from hyp.stats.arguments import Alternative, Floats, check_alternative, pairs_of

_EXACT_PAIRS = 300
_SMALLEST = float(np.finfo(float).tiny)


def signed_rank_p(differences: ArrayLike, alternative: Alternative = "two-sided") -> Floats:
    """Exact Wilcoxon signed-rank p of each row; two-sided it is twice the smaller tail.

    Exact up to 300 pairs that differ, beyond that from the normal distribution with
    corrections for ties and continuity (there within 0.0003 of the exact p).

    Parameters
    ----------
    differences : array_like, shape (comparisons, pairs)
        One x - y a pair. Equal sizes are ties, and zeros are left out.
    alternative : {"two-sided", "greater", "less"}
        Direction of x against y.

    Returns
    -------
    ndarray, shape (comparisons,)
        Never NaN and never 0; 1 where no pair differs.

    Raises
    ------
    HypError
        If there is no pair, a difference is not finite or the alternative is unknown.

    Examples
    --------
    >>> signed_rank_p([[1, 2, 3, 4, 5, -6]]).tolist()
    [0.4375]
    """
    check_alternative(alternative)
    d = pairs_of(differences)
    return np.array([_p(row[row != 0], alternative) for row in d])


def critical_v(pairs: int, level: float) -> int:
    """Largest sum of positive ranks whose lower tail is at most the level; -1 if none is."""
    if pairs <= _EXACT_PAIRS:
        lower = np.cumsum(_chances(tuple(range(1, pairs + 1))))
        return int(np.searchsorted(lower, level, side="right")) - 1
    mean, sd = _moments(np.arange(1.0, pairs + 1))
    return int(mean - 0.5 + float(ndtri(level)) * sd)


def _p(d: Floats, alternative: Alternative) -> float:
    if d.size == 0:
        return 1.0
    doubled = np.rint(2 * rankdata(np.abs(d))).astype(np.int64)
    seen = int(doubled[d > 0].sum())
    if d.size <= _EXACT_PAIRS:
        step = int(np.gcd.reduce(doubled))
        chances = _chances(tuple(sorted((doubled // step).tolist())))
        lower, upper = chances[: seen // step + 1].sum(), chances[seen // step :].sum()
    else:
        mean, sd = _moments(doubled / 2)
        lower = ndtr((seen / 2 - mean + 0.5) / sd)
        upper = ndtr((mean - seen / 2 + 0.5) / sd)
    p = {"two-sided": 2 * min(lower, upper), "greater": upper, "less": lower}[alternative]
    return float(np.clip(p, max(_SMALLEST, 0.5**d.size), 1.0))


def _moments(ranks: Floats) -> tuple[float, float]:
    return float(ranks.sum() / 2), float(np.sqrt((ranks**2).sum()) / 2)


@lru_cache(maxsize=512)
def _chances(ranks: tuple[int, ...]) -> NDArray[np.float64]:
    """Chance of each sum of ranks, every rank in it or not with equal chances."""
    chances = np.zeros(sum(ranks) + 1)
    chances[0] = 1.0
    reached = 0
    for rank in ranks:
        reached += rank
        chances[: reached + 1] *= 0.5
        chances[rank : reached + 1] += chances[: reached + 1 - rank].copy()
    return chances
