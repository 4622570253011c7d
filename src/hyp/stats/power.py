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
from typing import Literal, NamedTuple, TypedDict, Unpack

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

from hyp.errors import HypError
from hyp.stats.arguments import Alternative, Floats, check_alternative, check_level
from hyp.stats.attainable import is_testable, multiplicity, seeds_needed
from hyp.stats.offered import Correction, Test, chosen_test
from hyp.stats.permutation import label_statistics, sign_statistics
from hyp.stats.rank_sum import critical_u
from hyp.stats.signed_rank import critical_v

STUDIES = 10_000
Real = Literal["one", "all"]
"""Which comparisons of a family are real: one, the others null (the worst case), or all."""

_LARGEST_SIMULATED = 60
_PERMUTED_STUDIES, _PERMUTED, _AT_ONCE = 500, 1_000, 5_000_000
_LARGEST_D = 20.0
_SHARED = 0.5


class Planned(TypedDict, total=False):
    """How a comparison is planned; what is left out is as for `comparison_power`."""

    family: int
    real: Real
    alternative: Alternative
    alpha: float
    studies: int
    seed: int
    paired: bool
    correction: Correction
    test: Test | None


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
    paired: bool = False,
    correction: Correction = "holm",
    test: Test | None = None,
) -> float:
    """Chance that a comparison, corrected within its family, finds a difference.

    Parameters
    ----------
    d : float
        True difference of the first group from the second, in standard deviations of the
        seed means (equal in both); for pairs, of the differences within pairs.
    n1, n2 : int
        Seeds in the groups; for pairs both their number.
    family : int
        Comparisons corrected together.
    real : {"one", "all"}
        ``"one"``: the chance to find the only real one, under Holm taken at its first step,
        alpha / family, the least that step can give it. ``"all"``: the chance to find at
        least one of a family that are all real. Seed effects are correlated by 0.5 between
        comparisons, where that matters.
    alternative : {"two-sided", "greater", "less"}
    alpha : float
        Family-wise error rate.
    studies : int
        Simulated studies; the standard error is sqrt(power (1 - power) / studies). Where
        labels have to be permuted in each, at most 500 are, with 1,000 arrangements.
    seed : int
        Of the simulation.
    paired : bool
        Whether seeds are compared within pairs.
    correction : {"holm", "max-t"}
    test : {"rank", "studentized", "brunner-munzel"}, optional
        Without a word the one that goes with the correction.

    Raises
    ------
    HypError
        If a size is not positive, alpha not in (0, 1) or an argument is unknown.

    Examples
    --------
    >>> comparison_power(5.0, 3, 3), comparison_power(3.0, 5, 5) > 0.9
    (0.0, True)
    """
    _check(n1, n2, family, alpha, studies, alternative)
    chosen = chosen_test(test, correction)
    two_sided = alternative == "two-sided"
    if not is_testable(
        n1, n2, family, alpha, two_sided=two_sided, paired=paired, test=test, correction=correction
    ):
        return 0.0
    rng = np.random.default_rng([seed, n1] if paired else [seed, n1, n2])
    compared = family if real == "all" or correction == "max-t" else 1
    shifted = 1 if real == "one" else compared
    units = n1 if paired else n1 + n2
    moved = np.where(np.arange(units) < n1, float(d), 0.0)
    if chosen != "rank" or correction == "max-t":
        return _permuted_power(
            rng, moved, n1, compared, shifted, _Level(alpha, family, alternative), chosen, paired,
            correction, min(studies, _PERMUTED_STUDIES),
        )  # fmt: skip
    tail = alpha / family / (2 if two_sided else 1)
    critical = critical_v(n1, tail) if paired else critical_u(n1, n2, tail)
    largest = n1 * (n1 + 1) // 2 if paired else n1 * n2
    statistic = _signed_ranks if paired else partial(_u, n1=n1)
    found = np.zeros(studies, dtype=bool)
    common = sqrt(_SHARED) * rng.normal(size=(studies, units)) if compared > 1 else 0.0
    for _ in range(compared):
        own = rng.normal(size=(studies, units))
        scores = own if compared == 1 else common + sqrt(1 - _SHARED) * own
        value = statistic(scores + moved)
        low, high = value <= critical, value >= largest - critical
        found |= {"less": low, "greater": high, "two-sided": low | high}[alternative]
    return float(found.mean())


def detectable_effect(n1: int, n2: int, *, power: float = 0.8, **planned: Unpack[Planned]) -> float:
    """Smallest d that is found with the power asked for, infinite for an untestable design.

    Found by bisection on one set of simulated studies, to 0.01; see `comparison_power` for
    the parameters.

    Examples
    --------
    >>> detectable_effect(3, 3), 1.8 < detectable_effect(6, 6) < 2.0
    (inf, True)
    """
    sign = -1.0 if planned.get("alternative") == "less" else 1.0
    low, high = 0.0, _LARGEST_D
    if comparison_power(sign * high, n1, n2, **planned) < power:
        return float("inf")
    while high - low > 0.01:
        middle = (low + high) / 2
        reached = comparison_power(sign * middle, n1, n2, **planned) >= power
        low, high = (low, middle) if reached else (middle, high)
    return high


def seeds_for_power(d: float, *, power: float = 0.8, **planned: Unpack[Planned]) -> int:
    """Fewest seeds in each group, or pairs, that find d with the power asked for.

    Simulated up to 60, beyond that Noether's (1987) formula for the rank tests.

    Raises
    ------
    HypError
        If d is not a finite number other than 0, or as for `comparison_power`.

    Examples
    --------
    >>> seeds_for_power(2.0)
    6
    """
    if not np.isfinite(d) or d == 0:
        raise HypError("the number of seeds needs an effect other than 0.")
    alternative = planned.get("alternative", "two-sided")
    family, alpha = planned.get("family", 1), planned.get("alpha", 0.05)
    paired, correction = planned.get("paired", False), planned.get("correction", "holm")
    two_sided = alternative == "two-sided"
    fewest = seeds_needed(
        family,
        alpha,
        two_sided=two_sided,
        paired=paired,
        correction=correction,
        test=planned.get("test"),
    )
    level = alpha / multiplicity(family, correction) / (2 if two_sided else 1)
    z = float(ndtri(1 - level) + ndtri(power))
    share = float(ndtr(abs(d) * sqrt(2)) if paired else ndtr(abs(d) / sqrt(2))) - 0.5
    noether = ceil(z**2 / ((3 if paired else 6) * share**2))
    if noether > _LARGEST_SIMULATED:
        return noether
    signed = -abs(d) if alternative == "less" else abs(d)
    for n in range(max(fewest, int(0.6 * noether)), 2 * _LARGEST_SIMULATED):
        if comparison_power(signed, n, n, **planned) >= power:
            return n
    return max(fewest, noether)


def equivalence_power(
    margin: float,
    n1: int,
    n2: int,
    *,
    alpha: float = 0.05,
    studies: int = STUDIES,
    seed: int = 0,
    paired: bool = False,
) -> float:
    """Chance that two equal groups are shown to be equivalent (two one-sided t tests).

    Parameters
    ----------
    margin : float
        In standard deviations of the seed means; for pairs, of the differences.
    n1, n2 : int
        Seeds in the groups; for pairs both their number.
    alpha : float
        Level, after whatever correction is meant.
    studies, seed : int
        Of the simulation: the difference of means is drawn from its normal, the
        variances from their chi-squared distributions.
    paired : bool
        Whether Student's test of the differences is meant, not Welch's.

    Raises
    ------
    HypError
        If a group has fewer than two seeds, or the margin is not positive.

    Examples
    --------
    >>> equivalence_power(0.5, 6, 6) < 0.2, equivalence_power(2.5, 6, 6) > 0.8
    (True, True)
    """
    _check(n1, n2, 1, alpha, studies)
    if min(n1, n2) < 2 or not margin > 0:
        raise HypError("equivalence needs at least two seeds a group and a positive margin.")
    rng = np.random.default_rng([seed, n1, n2])
    difference = rng.normal(0, sqrt(1 / n1 + (0 if paired else 1 / n2)), studies)
    a = rng.chisquare(n1 - 1, studies) / (n1 - 1) / n1
    b = 0 * a if paired else rng.chisquare(n2 - 1, studies) / (n2 - 1) / n2
    df = (a + b) ** 2 / (a**2 / (n1 - 1) + b**2 / (n2 - 1))
    half = student.ppf(1 - alpha, df) * np.sqrt(a + b)
    return float((np.abs(difference) + half < margin).mean())


def seeds_for_equivalence(
    margin: float, *, power: float = 0.8, alpha: float = 0.05, seed: int = 0, paired: bool = False
) -> int:
    """Fewest seeds in each group, or pairs, that show two equal groups to be equivalent.

    See `equivalence_power` for the parameters.

    Examples
    --------
    >>> seeds_for_equivalence(2.0)
    6
    """
    z = ndtri(1 - alpha) + ndtri((1 + power) / 2)
    n = max(2, int(0.8 * (1 if paired else 2) * (z / margin) ** 2))
    while equivalence_power(margin, n, n, alpha=alpha, seed=seed, paired=paired) < power:
        n += max(1, n // 50)
    return n


def superiority_of(d: float) -> float:
    """Probability of superiority of two normal groups d standard deviations apart."""
    return float(ndtr(d / sqrt(2)))


def _u(scores: Floats, n1: int) -> Floats:
    """Mann-Whitney's U of the first `n1` columns, without ties."""
    order = np.argsort(scores, axis=1)
    ranks = ((order < n1) * np.arange(scores.shape[1])).sum(axis=1)
    u: Floats = ranks - n1 * (n1 - 1) // 2
    return u


def _signed_ranks(scores: Floats) -> Floats:
    """Wilcoxon's sum of the ranks of positive differences, without ties."""
    order = np.argsort(np.abs(scores), axis=1)
    positive = np.take_along_axis(scores, order, axis=1) > 0
    ranks: Floats = (positive * np.arange(1, scores.shape[1] + 1)).sum(axis=1)
    return ranks


class _Level(NamedTuple):
    alpha: float
    family: int
    alternative: Alternative


def _permuted_power(
    rng: np.random.Generator,
    moved: Floats,
    n1: int,
    compared: int,
    shifted: int,
    level: _Level,
    test: Test,
    paired: bool,
    correction: Correction,
    studies: int,
) -> float:
    """Power where every simulated study has its labels, or signs, permuted."""
    units = len(moved)
    common = sqrt(_SHARED) * rng.normal(size=(studies, 1, units))
    scores = common + sqrt(1 - _SHARED) * rng.normal(size=(studies, compared, units))
    scores[:, :shifted] += moved
    family = multiplicity(level.family, correction)
    sides = 2 if level.alternative == "two-sided" else 1
    at_once = max(1, _AT_ONCE // (compared * _PERMUTED))
    found = 0
    for start in range(0, studies, at_once):
        some = scores[start : start + at_once]
        flat = some.reshape(-1, units)
        if paired:
            assert test != "brunner-munzel"
            arranged = list(sign_statistics(flat, test, most=_PERMUTED))
        else:
            arranged = list(label_statistics(flat[:, :n1], flat[:, n1:], test, most=_PERMUTED))
        values = np.concatenate([one.values for one in arranged], axis=1)
        values = values.reshape(len(some), compared, -1)
        seen = arranged[0].seen.reshape(len(some), compared, 1)
        rounding = arranged[0].rounding.reshape(len(some), compared, 1)
        significant = np.zeros(len(some), dtype=bool)
        for sign in {"greater": (1,), "less": (-1,), "two-sided": (1, -1)}[level.alternative]:
            signed = sign * values
            largest = signed.max(axis=1, keepdims=True) if correction == "max-t" else signed
            p = sides * (largest >= sign * seen - rounding).mean(axis=2)
            significant |= (p[:, :shifted] <= level.alpha / family).any(axis=1)
        found += int(significant.sum())
    return found / studies


def _check(
    n1: int, n2: int, family: int, alpha: float, studies: int, alternative: str = "two-sided"
) -> None:
    check_alternative(alternative)
    if min(n1, n2, family, studies) < 1:
        raise HypError("power needs at least one seed a group, one comparison and one study.")
    check_level("alpha", alpha)
