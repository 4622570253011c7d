"""Correlations at small n: exact p, intervals that say when they are undefined.

Under the null every order of one variable is equally likely, so n points without ties
cannot give a two-sided p below 2 / n!: 0.33 at n = 3, 0.083 at n = 4, 0.017 at n = 5,
0.0028 at n = 6. At n = 4 a correlation is never significant at 0.05, however perfect;
``scipy.stats.spearmanr`` gives p = 0.0 there, from a t approximation.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atanh, factorial, sqrt, tanh
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from scipy.special import ndtri

from hyp.errors import HypError
from hyp.stats.arguments import Alternative, Floats, check_alternative, check_level
from hyp.stats.attainable import EXACT_ORDERS, RANDOM_ORDERS
from hyp.stats.rank_products import attainable_here, exact_rank_p

WHY_POOLED_DIFFERS = (
    "The published protocol pools the checkpoints of all seeds as if they were independent: "
    "differences between seeds count as evidence and every checkpoint of a run as a new model, "
    "so the pooled p is too small; the repeated-measures correlation asks whether the two "
    "quantities go together within a seed."
)
_EXACT_PEARSON = 9
DECIMALS = 9


@dataclass(frozen=True)
class Correlation:
    """A correlation of two quantities over independent points.

    Attributes
    ----------
    kind : {"pearson", "spearman"}
    r : float
        The coefficient, in [-1, 1].
    low, high : float
        Its interval; NaN where it is undefined, and `note` says why.
    p : float
        Permutation p of no association; two-sided it is twice the smaller tail.
    p_attainable : float
        Smallest p that these points' numbers and ties allow in any order.
    n : int
        Points.
    method : str
        How `p` was computed: over all orders, or over how many random ones.
    note : str
        Why there is no interval; empty if there is one.
    """

    kind: Literal["pearson", "spearman"]
    r: float
    low: float
    high: float
    p: float
    p_attainable: float
    n: int
    method: str
    note: str = ""


def pearson(
    x: ArrayLike,
    y: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> Correlation:
    """Pearson's correlation with a permutation p and Fisher's interval.

    p is exact up to 9 points (all orders, ``scipy.stats.permutation_test``), beyond that
    it comes from 99,999 random orders of a fixed seed, the observed one counted among
    them. The interval assumes normal data, see `pearson_interval`; the p does not.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        One value a point; points are independent (models, not checkpoints of one).
    alternative : {"two-sided", "greater", "less"}
        Direction of the correlation that was declared.
    confidence : float
        Two-sided coverage aimed at by the interval.

    Raises
    ------
    HypError
        If x and y differ in length, have fewer than three points, hold a value that is
        not finite, or one of them does not vary.

    Examples
    --------
    >>> result = pearson([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.5])
    >>> f"{result.r:.3f} {result.p:.3f} {result.p_attainable:.3f}"
    '0.983 0.083 0.083'
    """
    check_alternative(alternative)
    x, y = correlated_points(x, y, "pearson")
    u, v = unit_vector(x), unit_vector(y)
    p, method, floor = _shuffled_p(u, v, alternative, _EXACT_PEARSON)
    return Correlation(
        kind="pearson",
        r=product_of(u, v),
        **interval_of(product_of(u, v), len(x), confidence, "pearson"),
        p=p,
        p_attainable=max(floor, attainable_here(x, y, alternative)),
        n=len(x),
        method=method,
    )


def spearman(
    x: ArrayLike,
    y: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> Correlation:
    """Spearman's rank correlation with an exact p and an interval.

    p is exact up to 12 points, with or without ties (midranks): the distribution of the
    sum of rank products over all n! orders is counted by dynamic programming over subsets
    of ranks, which needs 2^n steps. Beyond that it comes from 99,999 random orders of a
    fixed seed, the observed one counted among them. For the interval and its limits see
    `spearman_interval`.

    Parameters
    ----------
    x, y : array_like, shape (n,)
        One value a point; points are independent (models, not checkpoints of one).
    alternative : {"two-sided", "greater", "less"}
        Direction of the correlation that was declared.
    confidence : float
        Two-sided coverage aimed at by the interval.

    Raises
    ------
    HypError
        If x and y differ in length, have fewer than three points, hold a value that is
        not finite, or one of them does not vary.

    Examples
    --------
    >>> result = spearman([1, 2, 3, 6, 7], [0.399, 0.405, 0.407, 0.403, 0.402])
    >>> f"{result.r:.1f} {result.p:.3f}; {result.method}"
    '0.1 0.950; exact, all 120 orders'
    """
    check_alternative(alternative)
    x, y = correlated_points(x, y, "spearman")
    ranks = stats.rankdata(x), stats.rankdata(y)
    u, v = (unit_vector(rank) for rank in ranks)
    if len(x) <= EXACT_ORDERS:
        p, floor = exact_rank_p(*ranks, alternative), 0.0
        method = f"exact, all {factorial(len(x)):,} orders"
    else:
        p, method, floor = _shuffled_p(u, v, alternative, 0)
    return Correlation(
        kind="spearman",
        r=product_of(u, v),
        **interval_of(product_of(u, v), len(x), confidence, "spearman"),
        p=p,
        p_attainable=max(floor, attainable_here(*ranks, alternative)),
        n=len(x),
        method=method,
    )


def attainable_correlation_p(n: int, *, two_sided: bool = True) -> float:
    """Smallest p a permutation test of a correlation of `n` points without ties can give.

    Raises
    ------
    HypError
        If there are fewer than three points.

    Examples
    --------
    >>> [round(attainable_correlation_p(n), 4) for n in (3, 4, 5, 6)]
    [0.3333, 0.0833, 0.0167, 0.0028]
    """
    if n < 3:
        raise HypError(f"a correlation needs at least three points, not {n}.")
    return (2 if two_sided else 1) / factorial(n)


def pearson_interval(r: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a Pearson correlation from `r` and `n` alone, as for a published one.

    Fisher's z with standard error 1 / sqrt(n - 3) (Fisher 1921; the same as
    ``scipy.stats.pearsonr(...).confidence_interval()``). It holds for independent, jointly
    normal points: `n` counts models, not the checkpoints of one.

    Parameters
    ----------
    r : float
        The correlation, in [-1, 1].
    n : int
        Independent points.
    confidence : float
        Two-sided coverage aimed at.

    Returns
    -------
    low, high : float
        NaN with fewer than four points (the standard error is infinite) and at
        abs(r) = 1 (the interval would have no width).

    Raises
    ------
    HypError
        If r lies outside [-1, 1], n is below 3 or the confidence is not in (0, 1).

    Examples
    --------
    >>> low, high = pearson_interval(0.975, 60)
    >>> f"{low:.3f} to {high:.3f}"
    '0.958 to 0.985'
    """
    return _fisher_interval(r, n, confidence, 1.0)


def spearman_interval(r: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a Spearman correlation from `r` and `n` alone.

    Fisher's z with variance (1 + r^2 / 2) / (n - 3) (Bonett and Wright 2000, Psychometrika
    65, 23-28). For normal points without ties it covered 94 to 97 % from n = 8 to 30 and
    correlations up to 0.95 (10,000 samples each), and 97 to 100 % at n = 5, where it is very
    wide; many ties leave its range. At abs(r) = 1 it says nothing, which is 2 % of samples of
    5 without a correlation and 24 % with one of 0.9.

    Parameters
    ----------
    r : float
        The rank correlation, in [-1, 1].
    n : int
        Independent points.
    confidence : float
        Two-sided coverage aimed at.

    Returns
    -------
    low, high : float
        NaN with fewer than four points and at abs(r) = 1.

    Raises
    ------
    HypError
        If r lies outside [-1, 1], n is below 3 or the confidence is not in (0, 1).

    Examples
    --------
    >>> low, high = spearman_interval(0.5, 20)
    >>> round(low, 2), round(high, 2)
    (0.05, 0.78)
    """
    return _fisher_interval(r, n, confidence, 1 + r**2 / 2)


class _Interval(TypedDict):
    low: float
    high: float
    note: str


def interval_of(
    r: float, n: int, confidence: float, kind: Literal["pearson", "spearman"]
) -> _Interval:
    """Return an interval and why it is undefined, where it is."""
    low, high = (pearson_interval if kind == "pearson" else spearman_interval)(r, n, confidence)
    note = ""
    if n < 4:
        note = f"an interval of a correlation needs at least four points, not {n}."
    elif abs(r) == 1:
        note = "a perfect correlation has no interval by Fisher's z: its width would be zero."
    return {"low": low, "high": high, "note": note}


def _fisher_interval(r: float, n: int, confidence: float, variance: float) -> tuple[float, float]:
    if not -1 <= r <= 1:
        raise HypError(f"a correlation lies between -1 and 1, not at {r:g}.")
    if n < 3:
        raise HypError(f"a correlation needs at least three points, not {n}.")
    check_level("the confidence", confidence)
    if n == 3 or abs(r) == 1:
        return float("nan"), float("nan")
    z, half = atanh(r), float(ndtri((1 + confidence) / 2)) * sqrt(variance / (n - 3))
    return tanh(z - half), tanh(z + half)


def correlated_points(x: ArrayLike, y: ArrayLike, kind: str) -> tuple[Floats, Floats]:
    """Return the points checked and in an order that does not depend on that of the rows."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise HypError(
            f"a {kind} correlation needs two lists of equal length, not shapes {x.shape} "
            f"and {y.shape}."
        )
    if len(x) < 3:
        raise HypError(f"a {kind} correlation needs at least three points, not {len(x)}.")
    for name, values in (("x", x), ("y", y)):
        if not np.isfinite(values).all():
            raise HypError(
                f"{name} holds missing or infinite values; leave those points out of both."
            )
        if not _varies(values):
            raise HypError(f"{name} is the same at every point, so nothing can be correlated.")
    order = np.lexsort((y, x))
    return x[order], y[order]


def _varies(values: Floats) -> bool:
    return float(np.ptp(values)) > 1e-12 * float(np.abs(values).max())


def unit_vector(values: Floats) -> Floats:
    """Centre values and scale them to length 1."""
    centred = values - values.mean()
    centred = centred / np.abs(centred).max()
    unit: Floats = centred / np.linalg.norm(centred)
    return unit


def product_of(u: Floats, v: Floats) -> float:
    """Return the correlation of two unit vectors."""
    return clipped(float(np.dot(u, v)))


def clipped(r: float) -> float:
    """Return a correlation within [-1, 1], a perfect one free of rounding."""
    return float(np.sign(r)) if abs(r) > 1 - 1e-12 else float(r)


def _shuffled_p(
    u: Floats, v: Floats, alternative: Alternative, most: int
) -> tuple[float, str, float]:
    """Permutation p of u @ v, exact up to `most` points; how it was got, and its floor."""
    exact = len(u) <= most
    orders = factorial(len(u)) if exact else RANDOM_ORDERS
    tested = stats.permutation_test(
        (v,),
        lambda v, axis: np.round(np.moveaxis(v, axis, -1) @ u, DECIMALS),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=orders,
        batch=max(1, 1_000_000 // len(u)),
        alternative=alternative,
        rng=0,
    )
    if exact:
        return float(tested.pvalue), f"exact, all {orders:,} orders", 0.0
    floor = (2 if alternative == "two-sided" else 1) / (orders + 1)
    return float(tested.pvalue), f"{orders:,} random orders", floor
