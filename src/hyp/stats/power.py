"""Power of the exact comparisons, by simulation before any network is trained.

Effects are standardised: d is the difference in means divided by the standard deviation
of the seed means (one score a seed, folds averaged), not of single folds. With a share ICC
of a fold score's variance between seeds and k folds, the seed means' variance is
ICC + (1 - ICC) / k of the fold scores', so more folds help only where the ICC is small.

No formula fits an exact rank test of 3 to 10 seeds, so normal scores are drawn from a
fixed seed and U is counted for all studies at once; the critical U comes from its exact
distribution. 10,000 studies leave a standard error of at most 0.005.
"""

from __future__ import annotations

from functools import partial
from math import ceil, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

from hyp.errors import HypError
from hyp.stats.arguments import check_level
from hyp.stats.attainable import attainable_p, seeds_needed
from hyp.stats.comparisons import Alternative, exact_p

STUDIES = 10_000
Real = Literal["one", "all"]
"""Which comparisons of a family are real: one, the others null (the worst case), or all."""

_LARGEST_SIMULATED = 60
_LARGEST_D = 20.0
_SHARED = 0.5


def comparison_power(
    d: float,
    n1: int,
    n2: int,
    *,
    family: int = 1,
    real: Real = "one",
    alternative: Alternative = "two-sided",
    alpha: float = 0.05,
    studies: int = STUDIES,
    seed: int = 0,
) -> float:
    """Chance that the exact Mann-Whitney test, corrected by Holm, finds a difference.

    Parameters
    ----------
    d : float
        True difference of the first group from the second, in standard deviations of the
        seed means (equal in both).
    n1, n2 : int
        Seeds in the groups.
    family : int
        Comparisons corrected together.
    real : {"one", "all"}
        ``"one"``: the chance to find the only real one, taken at Holm's first step,
        alpha / family, the least that step can give it. ``"all"``: the chance to find at
        least one of a family that are all real, seed effects correlated by 0.5 between
        comparisons.
    alternative : {"two-sided", "greater", "less"}
    alpha : float
        Family-wise error rate.
    studies : int
        Simulated studies; the standard error is sqrt(power (1 - power) / studies).
    seed : int
        Of the simulation.

    Raises
    ------
    HypError
        If a size is not positive or alpha not in (0, 1).
    """
    _check(n1, n2, family, alpha, studies)
    critical = _critical_u(n1, n2, alpha / family, alternative)
    if critical < 0:
        return 0.0
    rng = np.random.default_rng([seed, n1, n2])
    compared = family if real == "all" else 1
    if compared == 1:
        found = _rejected(rng.normal(size=(studies, n1 + n2)), d, n1, critical, alternative)
        return float(found.mean())
    common = sqrt(_SHARED) * rng.normal(size=(studies, n1 + n2))
    found = np.zeros(studies, dtype=bool)
    for _ in range(compared):
        own = sqrt(1 - _SHARED) * rng.normal(size=common.shape)
        found |= _rejected(common + own, d, n1, critical, alternative)
    return float(found.mean())


def detectable_effect(
    n1: int,
    n2: int,
    *,
    power: float = 0.8,
    family: int = 1,
    alternative: Alternative = "two-sided",
    alpha: float = 0.05,
    studies: int = STUDIES,
    seed: int = 0,
) -> float:
    """Smallest d that is found with the power asked for, infinite for an untestable design.

    Found by bisection on one set of simulated studies, to 0.01; see `comparison_power` for
    the parameters.
    """
    _check(n1, n2, family, alpha, studies)
    sign = -1.0 if alternative == "less" else 1.0
    power_of = partial(
        comparison_power,
        family=family,
        alternative=alternative,
        alpha=alpha,
        studies=studies,
        seed=seed,
    )
    low, high = 0.0, _LARGEST_D
    if power_of(sign * high, n1, n2) < power:
        return float("inf")
    while high - low > 0.01:
        middle = (low + high) / 2
        reached = power_of(sign * middle, n1, n2) >= power
        low, high = (low, middle) if reached else (middle, high)
    return high


def seeds_for_power(
    d: float,
    *,
    power: float = 0.8,
    family: int = 1,
    alternative: Alternative = "two-sided",
    alpha: float = 0.05,
    studies: int = STUDIES,
    seed: int = 0,
) -> int:
    """Fewest seeds a group, equal in both, that find d with the power asked for.

    Simulated up to 60 seeds, beyond that Noether's (1987) formula for the rank test.

    Raises
    ------
    HypError
        If d is not a finite number other than 0, or as for `comparison_power`.
    """
    if not np.isfinite(d) or d == 0:
        raise HypError("the number of seeds needs an effect other than 0.")
    two_sided = alternative == "two-sided"
    fewest = seeds_needed(family, alpha, two_sided=two_sided)
    share = ndtr(abs(d) / sqrt(2)) - 0.5
    z = ndtri(1 - alpha / family / (2 if two_sided else 1)) + ndtri(power)
    noether = ceil(z**2 / (6 * share**2))
    if noether > _LARGEST_SIMULATED:
        return noether
    signed = -abs(d) if alternative == "less" else abs(d)
    power_of = partial(
        comparison_power,
        signed,
        family=family,
        alternative=alternative,
        alpha=alpha,
        studies=studies,
        seed=seed,
    )
    for n in range(max(fewest, int(0.6 * noether)), 2 * _LARGEST_SIMULATED):
        if power_of(n, n) >= power:
            return n
    return max(fewest, noether)


def equivalence_power(
    margin: float, n1: int, n2: int, *, alpha: float = 0.05, studies: int = STUDIES, seed: int = 0
) -> float:
    """Chance that two equal groups are shown to be equivalent (two one-sided Welch tests).

    Parameters
    ----------
    margin : float
        In standard deviations of the seed means.
    n1, n2 : int
        Seeds in the groups.
    alpha : float
        Level, after whatever correction is meant.
    studies, seed : int
        Of the simulation: the difference of means is drawn from its normal, the
        variances from their chi-squared distributions.

    Raises
    ------
    HypError
        If a group has fewer than two seeds, or the margin is not positive.
    """
    _check(n1, n2, 1, alpha, studies)
    if min(n1, n2) < 2 or not margin > 0:
        raise HypError("equivalence needs at least two seeds a group and a positive margin.")
    rng = np.random.default_rng([seed, n1, n2])
    difference = rng.normal(0, sqrt(1 / n1 + 1 / n2), studies)
    a = rng.chisquare(n1 - 1, studies) / (n1 - 1) / n1
    b = rng.chisquare(n2 - 1, studies) / (n2 - 1) / n2
    df = (a + b) ** 2 / (a**2 / (n1 - 1) + b**2 / (n2 - 1))
    half = student.ppf(1 - alpha, df) * np.sqrt(a + b)
    return float((np.abs(difference) + half < margin).mean())


def seeds_for_equivalence(
    margin: float, *, power: float = 0.8, alpha: float = 0.05, seed: int = 0
) -> int:
    """Fewest seeds a group that show two equal groups to be equivalent; see `equivalence_power`."""
    z = ndtri(1 - alpha) + ndtri((1 + power) / 2)
    n = max(2, int(0.8 * 2 * (z / margin) ** 2))
    while equivalence_power(margin, n, n, alpha=alpha, seed=seed) < power:
        n += max(1, n // 50)
    return n


def superiority_of(d: float) -> float:
    """Probability of superiority of two normal groups d standard deviations apart."""
    return float(ndtr(d / sqrt(2)))


def _rejected(
    z: NDArray[np.float64], d: float, n1: int, critical: int, alternative: Alternative
) -> NDArray[np.bool_]:
    """Which studies' U, with the first `n1` columns shifted by d, is beyond the critical one."""
    n2 = z.shape[1] - n1
    shifted = z.copy()
    shifted[:, :n1] += d
    order = np.argsort(shifted, axis=1)
    u = ((order < n1) * np.arange(n1 + n2)).sum(axis=1) - n1 * (n1 - 1) // 2
    low: NDArray[np.bool_] = u <= critical
    high: NDArray[np.bool_] = u >= n1 * n2 - critical
    return {"less": low, "greater": high, "two-sided": low | high}[alternative]


def _critical_u(n1: int, n2: int, level: float, alternative: Alternative) -> int:
    """Largest U whose lower-tail p is at most the level; -1 if there is none."""
    two_sided = alternative == "two-sided"
    if attainable_p(n1, n2, two_sided=two_sided) > level:
        return -1
    every = np.arange(n1 * n2 // 2 + 1)
    moved = np.clip(every[:, None] - n2 * np.arange(n1)[::-1], 0, n2)
    x = np.arange(n1) + moved
    y = np.array([np.setdiff1d(np.arange(n1 + n2), places) for places in x])
    p = exact_p(x.astype(float), y.astype(float), "two-sided" if two_sided else "less")
    return int(np.flatnonzero(p <= level)[-1])


def _check(n1: int, n2: int, family: int, alpha: float, studies: int) -> None:
    if min(n1, n2, family, studies) < 1:
        raise HypError("power needs at least one seed a group, one comparison and one study.")
    check_level("alpha", alpha)
