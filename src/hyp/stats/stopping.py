"""Looking more than once: levels for looks that were planned, and what unplanned ones cost.

Who adds seeds and tests again at the same level until something is found errs more often than
the level says: 8 % with two looks, 14 % with five (Armitage, McPherson and Rowe 1969, Journal
of the Royal Statistical Society A 132, 235-244). A plan divides the error rate over its looks
(Lan and DeMets 1983, Biometrika 70, 659-663): at each one the test passes at that look's own
level, smaller than alpha, and the error rate of all together is alpha.

The levels are those of a statistic whose increments between looks are independent and normal.
For the exact tests of few seeds this is an approximation that has held in simulation
(benchmarks/calibration); their p takes few values, which keeps them below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from math import e, log
from typing import Literal, NamedTuple, get_args

import numpy as np
from scipy.special import ndtr, ndtri

from hyp.errors import HypError
from hyp.stats.arguments import Alternative, Floats, check_alternative, check_choice, check_level

Spending = Literal["obrien-fleming", "pocock"]

_NODES = 200
_FAR = 9.0


class Look(NamedTuple):
    """One planned look.

    Attributes
    ----------
    n : int
        Seeds in each group at this look.
    level : float
        Largest p with which the test passes here.
    spent : float
        Share of the error rate used up to here, alpha at the last look.
    """

    n: int
    level: float
    spent: float


def planned_looks(
    seeds: Sequence[int],
    *,
    alpha: float = 0.05,
    spending: Spending = "obrien-fleming",
    alternative: Alternative = "two-sided",
) -> tuple[Look, ...]:
    """Levels of tests after so many seeds in each group, with alpha held over all of them.

    Stop at the first look whose p is at most its level. A plan says the numbers of seeds
    before the first look; a look that was not planned has no level.

    Parameters
    ----------
    seeds : sequence of int
        Seeds in each group at every look, rising; the last is the largest number.
    alpha : float
        Error rate over all looks.
    spending : {"obrien-fleming", "pocock"}
        ``obrien-fleming`` spends little early and leaves the last look almost at alpha;
        ``pocock`` has nearly the same level at every look.
    alternative : {"two-sided", "greater", "less"}

    Raises
    ------
    HypError
        If the numbers of seeds do not rise from at least one, or an argument is unknown or
        out of range.

    Examples
    --------
    >>> [f"{look.n}: {look.level:.4f}" for look in planned_looks([6, 12])]
    ['6: 0.0031', '12: 0.0490']
    """
    check_level("alpha", alpha)
    check_alternative(alternative)
    check_choice("spending", spending, get_args(Spending))
    fractions = _fractions(seeds)
    sides = 2 if alternative == "two-sided" else 1
    spent = [_spent(fraction, alpha, spending, sides) for fraction in fractions]
    looks = []
    walk = _Walk(sides)
    for n, fraction, total, before in zip(seeds, fractions, spent, [0.0, *spent], strict=False):
        bound = walk.bound(fraction, total - before)
        walk.stop_beyond(fraction, bound)
        looks.append(Look(n, float(sides * ndtr(-bound)), total))
    return tuple(looks)


def unplanned_error(
    seeds: Sequence[int], *, alpha: float = 0.05, alternative: Alternative = "two-sided"
) -> float:
    """Error rate of testing at the same level after each of so many seeds, without a plan.

    Parameters
    ----------
    seeds : sequence of int
        Seeds in each group at every look, rising.
    alpha : float
        Level of each look.
    alternative : {"two-sided", "greater", "less"}

    Raises
    ------
    HypError
        As `planned_looks`.

    Examples
    --------
    >>> f"{unplanned_error([5, 10]):.3f}"
    '0.083'
    """
    check_level("alpha", alpha)
    check_alternative(alternative)
    sides = 2 if alternative == "two-sided" else 1
    bound = -float(ndtri(alpha / sides))
    walk = _Walk(sides)
    total = 0.0
    for fraction in _fractions(seeds):
        total += walk.crossing(fraction, bound)
        walk.stop_beyond(fraction, bound)
    return total


class _Walk:
    """A Brownian motion that is stopped at bounds: its density where it goes on."""

    def __init__(self, sides: int) -> None:
        self.sides = sides
        self.fraction = 0.0
        self.places: Floats = np.zeros(1)
        self.mass: Floats = np.ones(1)

    def crossing(self, fraction: float, bound: float) -> float:
        """Chance to be beyond a bound (of z) at the next look and not before."""
        step = (fraction - self.fraction) ** 0.5
        edge = bound * fraction**0.5
        beyond = ndtr((self.places - edge) / step)
        if self.sides == 2:
            beyond = beyond + ndtr((-edge - self.places) / step)
        return float(self.mass @ beyond)

    def bound(self, fraction: float, chance: float) -> float:
        """Bound that is crossed with this chance, by bisection."""
        low, high = 0.0 if self.sides == 2 else -_FAR, _FAR
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (
                (middle, high) if self.crossing(fraction, middle) > chance else (low, middle)
            )
        return high

    def stop_beyond(self, fraction: float, bound: float) -> None:
        """Go on from within the bound only."""
        step, top = (fraction - self.fraction) ** 0.5, bound * fraction**0.5
        bottom = -top if self.sides == 2 else -_FAR * fraction**0.5
        nodes, weights = _legendre()
        places = bottom + (nodes + 1) / 2 * (top - bottom)
        apart = (places[:, None] - self.places[None, :]) / step
        density = np.exp(-(apart**2) / 2) / (step * (2 * np.pi) ** 0.5) @ self.mass
        self.mass = density * weights * (top - bottom) / 2
        self.places, self.fraction = places, fraction


@cache
def _legendre() -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(_NODES)


def _spent(fraction: float, alpha: float, spending: Spending, sides: int) -> float:
    if spending == "pocock":
        return alpha * log(1 + (e - 1) * fraction)
    return float(2 * sides * ndtr(ndtri(alpha / (2 * sides)) / fraction**0.5))


def _fractions(seeds: Sequence[int]) -> list[float]:
    if not seeds or seeds[0] < 1 or any(b <= a for a, b in pairwise(seeds)):
        raise HypError(
            "looks are planned by numbers of seeds that rise, such as 6, 9 and 12, not "
            f"{', '.join(map(str, seeds)) or 'none'}."
        )
    return [n / seeds[-1] for n in seeds]
