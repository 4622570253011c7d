"""What a design can reach at best, known before anything is computed.

The exact Mann-Whitney test of n1 v n2 seeds has C(n1 + n2, n1) equally likely
arrangements under the null, so its p cannot be smaller than one of them (two of them
when two-sided); n pairs have 2^n. Holm's first step divides alpha by the number of
comparisons in the family; where even full separation stays above that, no data could make
the design speak. Max-T, which permutes whole seeds with all that was measured on them,
divides by nothing.

At alpha = 0.05 and two-sided, under Holm 3 v 3 passes no family, 4 v 4 a family of 1, 5 v 5
of 6, 6 v 6 of 23, 7 v 7 of 85 and 8 v 8 of 321; 6 pairs pass a family of 1, 8 pairs of 6.
Under max-T 4 v 4, or 6 pairs, pass a family of any size.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import comb, factorial, prod
from typing import TypedDict, Unpack

from hyp.errors import HypError
from hyp.stats.arguments import check_level
from hyp.stats.offered import Correction, Test, chosen_test

MOST_LABELS = 20_000
MOST_SIGNS = 2**16
"""Arrangements of labels and of signs that are gone through; beyond, so many random ones."""


EXACT_ORDERS, RANDOM_ORDERS = 12, 99_999
"""Points of a rank correlation whose orders are all counted; beyond, so many random ones."""

EXACT_FLIPS = 16
"""Units whose flips of signs are all gone through; beyond, `RANDOM_ORDERS` random ones."""

EXACT_ASSIGNMENTS, RANDOM_ASSIGNMENTS = 20_000, 19_999
"""Assignments of labels to models that are all gone through; beyond, so many random ones."""


class How(TypedDict, total=False):
    """How a family is tested: two-sided, by Holm, between independent groups if nothing is said.

    Attributes
    ----------
    two_sided : bool
        Whether either direction counts.
    paired : bool
        Whether every unit of one group has a partner in the other.
    test : {"rank", "studentized", "brunner-munzel"} or None
        None: the one that goes with the correction.
    correction : {"holm", "max-t"}
        Max-T where all comparisons of the family are made on the same units.
    """

    two_sided: bool
    paired: bool
    test: Test | None
    correction: Correction


def attainable_p(
    n1: int, n2: int, *, two_sided: bool = True, paired: bool = False, test: Test = "rank"
) -> float:
    """Smallest p one comparison of `n1` v `n2` seeds can give, before any correction.

    Raises
    ------
    HypError
        If a group has no seed, or pairs were asked for and the groups differ in size.

    Examples
    --------
    >>> attainable_p(3, 3), round(1 / attainable_p(5, 5, two_sided=False))
    (0.1, 252)
    """
    if n1 < 1 or n2 < 1:
        raise HypError(f"a comparison of {n1} v {n2} seeds needs at least one seed in each group.")
    if paired and n1 != n2:
        raise HypError(f"pairs need as many seeds in one group as in the other, not {n1} v {n2}.")
    if test != "rank" and min(n1, n2) < 2:
        return 1.0
    arrangements, most = (2**n1, MOST_SIGNS) if paired else (comb(n1 + n2, n1), MOST_LABELS)
    if test != "rank":
        arrangements = min(arrangements, most)
    return min(1.0, max(sys.float_info.min, (2 if two_sided else 1) / arrangements))


def attainable_trend_p(sizes: Sequence[int], *, two_sided: bool = True) -> float:
    """Smallest p of a rank correlation with a quantity that the points of each group share.

    Parameters
    ----------
    sizes : sequence of int
        Points of each group.
    two_sided : bool

    Examples
    --------
    >>> round(1 / attainable_trend_p([3, 3, 3], two_sided=False))
    1680
    """
    together = sum(sizes)
    smallest = prod(map(factorial, sizes)) / factorial(together)
    if together > EXACT_ORDERS:
        smallest = max(smallest, 1 / (RANDOM_ORDERS + 1))
    return min(1.0, (2 if two_sided else 1) * smallest)


def attainable_flips_p(units: int, *, two_sided: bool = True) -> float:
    """Smallest p of a mean over so many units, tested by flips of their signs.

    Examples
    --------
    >>> attainable_flips_p(6), attainable_flips_p(40, two_sided=False)
    (0.03125, 1e-05)
    """
    smallest = 0.5**units
    if units > EXACT_FLIPS:
        smallest = max(smallest, 1 / (RANDOM_ORDERS + 1))
    return min(1.0, (2 if two_sided else 1) * smallest)


def attainable_within_p(sizes: Sequence[int], *, two_sided: bool = True) -> float:
    """Smallest p of similarity within against between groups of so many models.

    Groups of one size can change places, which leaves what is within and between as it was.

    Examples
    --------
    >>> attainable_within_p([3, 3]), attainable_within_p([3, 4], two_sided=False)
    (0.2, 0.02857142857142857)
    """
    arrangements = factorial(sum(sizes)) // prod(map(factorial, sizes))
    same = prod(factorial(sizes.count(size)) for size in set(sizes))
    gone_through = min(arrangements, EXACT_ASSIGNMENTS)
    if arrangements > EXACT_ASSIGNMENTS:
        gone_through = RANDOM_ASSIGNMENTS + 1
    return min(1.0, (2 if two_sided else 1) * max(same / arrangements, 1 / gone_through))


def is_testable(n1: int, n2: int, m: int, alpha: float = 0.05, **how: Unpack[How]) -> bool:
    """Whether full separation in one of `m` comparisons would pass the correction.

    Parameters
    ----------
    n1, n2 : int
        Seeds in the two groups.
    m : int
        Comparisons corrected together (the family's size).
    alpha : float
        Family-wise error rate.
    **how
        See `How`.

    Raises
    ------
    HypError
        If a group has no seed, the family is empty or alpha is not in (0, 1).

    Examples
    --------
    >>> is_testable(4, 4, 1), is_testable(4, 4, 2)
    (True, False)
    """
    _check_family(m, alpha)
    return multiplicity(m, how.get("correction", "holm")) * smallest_p(n1, n2, **how) <= alpha


def multiplicity(m: int, correction: Correction) -> int:
    """By how much a correction multiplies the smallest p of `m` comparisons, at best."""
    return m if correction == "holm" else 1


def largest_family(n1: int, n2: int, alpha: float = 0.05, **how: Unpack[How]) -> float:
    """Most comparisons that `n1` v `n2` seeds can carry (0 if none, infinite under max-T).

    Examples
    --------
    >>> largest_family(3, 3), largest_family(5, 5)
    (0, 6)
    """
    smallest = smallest_p(n1, n2, **how)
    if how.get("correction", "holm") == "max-t":
        return float("inf") if smallest <= alpha else 0
    return int(alpha / smallest)


def seeds_needed(m: int, alpha: float = 0.05, **how: Unpack[How]) -> int:
    """Fewest seeds in each group, or pairs, with which a family of `m` can be tested.

    Examples
    --------
    >>> seeds_needed(1), seeds_needed(6)
    (4, 5)
    """
    _check_family(m, alpha)
    n = 2
    while not is_testable(n, n, m, alpha, **how):
        n += 1
        if n > _LARGEST:
            raise HypError(
                f"no number of seeds can test {m} comparisons at {alpha:g} with "
                f"{MOST_LABELS:,} random arrangements; take the rank test or ask fewer comparisons."
            )
    return n


_LARGEST = 2000


def untestable_sentence(n1: int, n2: int, m: int, alpha: float = 0.05, **how: Unpack[How]) -> str:
    """Say why `n1` v `n2` seeds cannot test a family of `m`, and what would mend it.

    Examples
    --------
    >>> untestable_sentence(3, 3, 6)[:52]
    '3 v 3 seeds cannot test 6 comparisons corrected toge'
    """
    paired, correction = how.get("paired", False), how.get("correction", "holm")
    divided = m > 1 and correction == "holm"
    family = "1 comparison" if m == 1 else f"{m} comparisons corrected together"
    units = f"{n1} pairs of seeds" if paired else f"{n1} v {n2} seeds"
    extreme = (
        "with every pair in favour of one group" if paired else "with the groups fully separated"
    )
    needed = seeds_needed(m, alpha, **how)
    mended = f"{needed} pairs would do" if paired else f"{needed} seeds in each group would do"
    if divided:
        jointly: How = {**how, "correction": "max-t"}
        if is_testable(n1, n2, m, alpha, **jointly):
            mended += (
                ", or the correction max-t instead of Holm's if all comparisons are made on the "
                "same seeds"
            )
    return (
        f"{units} cannot test {family}: {extreme} the exact p is {smallest_p(n1, n2, **how):.2g}, "
        f"which is above {alpha:g}{f' / {m} = {alpha / m:.2g}' if divided else ''}; {mended}."
    )


def smallest_p(n1: int, n2: int, **how: Unpack[How]) -> float:
    """Smallest p of `n1` v `n2` seeds by the test that was declared, before any correction."""
    return attainable_p(
        n1,
        n2,
        two_sided=how.get("two_sided", True),
        paired=how.get("paired", False),
        test=chosen_test(how.get("test"), how.get("correction", "holm")),
    )


def _check_family(m: int, alpha: float) -> None:
    if m < 1:
        raise HypError("a family needs at least one comparison.")
    check_level("alpha", alpha)
