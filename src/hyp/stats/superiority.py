"""Probability of superiority with an interval that is defined at full separation.

The Brunner-Munzel interval (statsmodels ``rank_compare_2indep``) has no width at all
when two groups are fully separated, the usual case at five seeds, and leaves [0, 1]
near it. Newcombe's interval has neither fault: in simulated 5 v 5 and 8 v 8 normal
samples (true probability 0.5 to 0.98) it covered 94 to 97 % with equal spreads and 91
to 96 % with spreads of 1 to 3. At 3 v 3 it covered 90 % where the groups are equal (86 %
with unequal spreads) and 94 to 97 % where they differ; see benchmarks/calibration.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

_STEPS = 60


def superiority(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of pairs in which `x` is larger, ties counting half: U / (n1 n2), from ranks.

    Parameters
    ----------
    x, y : ndarray, shape (comparisons, n1) and (comparisons, n2)

    Returns
    -------
    ndarray, shape (comparisons,)
    """
    n1, n2 = x.shape[1], y.shape[1]
    ranks = np.rint(2 * rankdata(np.concatenate([x, y], axis=1), axis=1))
    share: NDArray[np.float64] = (ranks[:, :n1].sum(axis=1) - n1 * (n1 + 1)) / (2 * n1 * n2)
    return share


def superiority_interval(
    ps: NDArray[np.float64], n1: int, n2: int, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Interval of a probability of superiority, within [0, 1].

    Newcombe (2006), Statistics in Medicine 25, 559-573, method 5: the values whose own
    standard error reaches the observed share, found by bisection.

    Parameters
    ----------
    ps : ndarray, shape (comparisons,)
        Observed shares.
    n1, n2 : int
        Sizes of the two groups.
    confidence : float
        Two-sided coverage aimed at.

    Returns
    -------
    low, high : ndarray, shape (comparisons,)
    """
    ps = np.asarray(ps, dtype=float)
    low = _lower(ps, n1, n2, confidence)
    return low, 1 - _lower(1 - ps, n1, n2, confidence)


def _lower(ps: NDArray[np.float64], n1: int, n2: int, confidence: float) -> NDArray[np.float64]:
    z = ndtri((1 + confidence) / 2)
    outside, inside = np.zeros_like(ps), ps.copy()
    for _ in range(_STEPS):
        middle = (outside + inside) / 2
        covered = ps - middle <= z * _standard_error(middle, n1, n2)
        inside = np.where(covered, middle, inside)
        outside = np.where(covered, outside, middle)
    return inside


def _standard_error(theta: NDArray[np.float64], n1: int, n2: int) -> NDArray[np.float64]:
    n_star = (n1 + n2) / 2 - 1
    spread = 1 + n_star * ((1 - theta) / (2 - theta) + theta / (1 + theta))
    error: NDArray[np.float64] = np.sqrt(theta * (1 - theta) * spread / (n1 * n2))
    return error
