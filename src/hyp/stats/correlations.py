"""Correlations at small n: exact p, intervals that say when they are undefined.

Under the null every order of one variable is equally likely, so n points without ties
cannot give a two-sided p below 2 / n!: 0.33 at n = 3, 0.083 at n = 4, 0.017 at n = 5,
0.0028 at n = 6. At n = 4 a correlation is never significant at 0.05, however perfect;
``scipy.stats.spearmanr`` gives p = 0.0 there, from a t approximation.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import atanh, factorial, gcd, prod, sqrt, tanh
from typing import Literal, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import ndtri

from hyp.errors import HypError
from hyp.stats.arguments import Alternative, Floats, check_alternative, check_level
from hyp.stats.attainable import EXACT_FLIPS, EXACT_ORDERS, RANDOM_ORDERS

WHY_POOLED_DIFFERS = (
    "The published protocol pools the checkpoints of all seeds as if they were independent: "
    "differences between seeds count as evidence and every checkpoint of a run as a new model, "
    "so the pooled p is too small; the repeated-measures correlation asks whether the two "
    "quantities go together within a seed."
)

_EXACT_PEARSON = 9
_DECIMALS = 9


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


@dataclass(frozen=True)
class RepeatedCorrelation:
    """A correlation within units over their repeated points.

    Attributes
    ----------
    r : float
        Repeated-measures correlation: common to all units, each with a level of its own.
    low, high : float
        Its interval; NaN where it is undefined, and `note` says why.
    p : float
        Two-sided, taking the points of a unit as independent given the unit's level.
    df : int
        Degrees of freedom, points - units - 1.
    by_unit : tuple of float
        Pearson correlation within each unit, in the units' order; NaN where one of the
        two quantities does not vary within the unit.
    p_units : float
        Exact two-sided sign-flip p of the units' mean correlation: the unit is the unit,
        so dependence between successive points does not matter. NaN where `by_unit` is.
    p_units_attainable : float
        Smallest value of `p_units`: 2 / 2^units.
    units, points : int
        Units (seeds), and points over all of them (checkpoints).
    note : str
        What is undefined and why; empty if nothing is.
    """

    r: float
    low: float
    high: float
    p: float
    df: int
    by_unit: tuple[float, ...]
    p_units: float
    p_units_attainable: float
    units: int
    points: int
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
    x, y = _points(x, y, "pearson")
    u, v = _unit_vector(x), _unit_vector(y)
    p, method, floor = _shuffled_p(u, v, alternative, _EXACT_PEARSON)
    return Correlation(
        kind="pearson",
        r=_product(u, v),
        **_interval(_product(u, v), len(x), confidence, "pearson"),
        p=p,
        p_attainable=max(floor, _attainable(x, y, alternative)),
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
    x, y = _points(x, y, "spearman")
    ranks = stats.rankdata(x), stats.rankdata(y)
    u, v = (_unit_vector(rank) for rank in ranks)
    if len(x) <= EXACT_ORDERS:
        p, floor = _exact_rank_p(*ranks, alternative), 0.0
        method = f"exact, all {factorial(len(x)):,} orders"
    else:
        p, method, floor = _shuffled_p(u, v, alternative, 0)
    return Correlation(
        kind="spearman",
        r=_product(u, v),
        **_interval(_product(u, v), len(x), confidence, "spearman"),
        p=p,
        p_attainable=max(floor, _attainable(*ranks, alternative)),
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
    """
    return _fisher_interval(r, n, confidence, 1 + r**2 / 2)


def repeated_correlation(
    table: pd.DataFrame,
    x: str,
    y: str,
    *,
    unit: str | Sequence[str] = "seed",
    confidence: float = 0.95,
) -> RepeatedCorrelation:
    """Correlate two quantities over the checkpoints within seeds.

    `r`, its p and interval are the repeated-measures correlation of Bakdash and Marusich
    (2017), Frontiers in Psychology 8, 456 (``pingouin.rm_corr``): parallel lines, one
    level a seed. It takes the checkpoints of a seed as independent given that level. They
    are not: with two unrelated random walks of 10 checkpoints in 6 seeds it rejected 30 % of
    300 studies at nominal 5 % (pooled: 52 %). `p_units` is beside it for that reason: it
    flips the signs of whole seeds' correlations, and rejected 4 % there. It cannot fall below
    2 / 2^seeds, so it needs six seeds to pass 0.05. Neither tells a common cause (both rise
    with training) from an effect.

    Parameters
    ----------
    table : DataFrame
        One row a checkpoint of a seed, with the columns `x`, `y` and `unit`.
    x, y : str
        Columns of the two quantities.
    unit : str or sequence of str
        Columns that name the unit; ``("group", "seed")`` where seeds of different groups
        are different models.
    confidence : float
        Two-sided coverage aimed at by the interval (Fisher's z with df + 2 points).

    Raises
    ------
    HypError
        If a column is missing, a value is not finite, there are fewer than three units, a
        unit has one checkpoint only, or a quantity does not vary within any unit.
    """
    import pingouin

    by = [unit] if isinstance(unit, str) else list(unit)
    points = _repeated_points(table, x, y, by)
    units = points.groupby("unit")
    sizes = units.size()
    if len(sizes) < 3:
        raise HypError(
            f"a repeated-measures correlation needs at least three units, not {len(sizes)}."
        )
    if (sizes < 2).any():
        raise HypError("a unit has one point only; give every unit at least two, or leave it out.")
    ranges = units[["x", "y"]].max() - units[["x", "y"]].min()
    for column, name in (("x", x), ("y", y)):
        if not (ranges[column] > 0).any():
            raise HypError(f"{name!r} does not vary within any unit, so nothing can be correlated.")
    df = int(len(points) - len(sizes) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = pingouin.rm_corr(points, x="x", y="y", subject="unit")
    r = _clipped(float(fit["r"].iloc[0]))
    interval = _interval(r, df + 2, confidence, "pearson")
    by_unit = tuple(
        _product(_unit_vector(one["x"].to_numpy()), _unit_vector(one["y"].to_numpy()))
        if (ranges.loc[name] > 0).all()
        else float("nan")
        for name, one in units
    )
    notes = [interval["note"]] if interval["note"] else []
    if np.isnan(by_unit).any():
        notes.append("a quantity does not vary within some unit, so there is no p over units.")
    return RepeatedCorrelation(
        r=r,
        low=interval["low"],
        high=interval["high"],
        p=float(fit["pval"].iloc[0]),
        df=df,
        by_unit=by_unit,
        p_units=_sign_flip_p(np.array(by_unit)),
        p_units_attainable=_sign_flip_p(np.ones(len(sizes))),
        units=len(sizes),
        points=len(points),
        note=" ".join(notes),
    )


def repeated_correlation_published(table: pd.DataFrame, x: str, y: str) -> Correlation:
    """Correlate two quantities over all checkpoints of all seeds pooled, as published.

    ``scipy.stats.pearsonr`` with its p from the t distribution and Fisher's interval, every
    checkpoint of every seed an independent point (the paper's Table C.3). Why it differs
    from `repeated_correlation`: `WHY_POOLED_DIFFERS`.

    Parameters
    ----------
    table : DataFrame
        One row a checkpoint, with the columns `x` and `y`.
    x, y : str
        Columns of the two quantities.

    Raises
    ------
    HypError
        If a column is missing, a value is not finite, there are fewer than three points or
        a quantity does not vary.
    """
    points = _repeated_points(table, x, y, [])
    _points(points["x"], points["y"], "pearson")
    pooled = stats.pearsonr(points["x"], points["y"])
    r = _clipped(float(pooled.statistic))
    return Correlation(
        kind="pearson",
        r=r,
        **_interval(r, len(points), 0.95, "pearson"),
        p=float(pooled.pvalue),
        p_attainable=float("nan"),
        n=len(points),
        method="t distribution, all points taken as independent",
    )


class _Interval(TypedDict):
    low: float
    high: float
    note: str


def _interval(
    r: float, n: int, confidence: float, kind: Literal["pearson", "spearman"]
) -> _Interval:
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


def _points(x: ArrayLike, y: ArrayLike, kind: str) -> tuple[Floats, Floats]:
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


def _unit_vector(values: Floats) -> Floats:
    centred = values - values.mean()
    centred = centred / np.abs(centred).max()
    unit: Floats = centred / np.linalg.norm(centred)
    return unit


def _product(u: Floats, v: Floats) -> float:
    return _clipped(float(np.dot(u, v)))


def _clipped(r: float) -> float:
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
        lambda v, axis: np.round(np.moveaxis(v, axis, -1) @ u, _DECIMALS),
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


def _exact_rank_p(x: Floats, y: Floats, alternative: Alternative) -> float:
    a, b = _whole(x), _whole(y)
    counts = _product_sum_counts(tuple(sorted(a.tolist())), tuple(sorted(b.tolist())))
    observed = int(a @ b)
    upper, lower = int(counts[observed:].sum()), int(counts[: observed + 1].sum())
    tail = {"two-sided": 2 * min(upper, lower), "greater": upper, "less": lower}[alternative]
    return min(1.0, tail / factorial(len(a)))


def _whole(ranks: Floats) -> NDArray[np.int64]:
    """Return midranks as the smallest whole numbers with the same spacing, from 0."""
    doubled = np.rint(2 * (ranks - ranks.min())).astype(np.int64)
    whole: NDArray[np.int64] = doubled // gcd(*doubled.tolist())
    return whole


@lru_cache(maxsize=16)
def _product_sum_counts(a: tuple[int, ...], b: tuple[int, ...]) -> NDArray[np.int64]:
    """Count, for each value of sum(a * b[order]), the orders of `b` that give it.

    Row by row of `a`, over the subsets of `b` already used: the permanent of the matrix
    z^(a_i b_j) as a polynomial in z.

    Parameters
    ----------
    a, b : tuple of int, n of each
        Not negative; their order does not matter, so they come sorted.

    Returns
    -------
    ndarray of int, shape (largest sum + 1,)
    """
    n = len(a)
    subsets = np.arange(2**n)
    used = (subsets[:, None] >> np.arange(n) & 1).astype(bool)
    sizes = used.sum(axis=1)
    place = np.empty(2**n, dtype=np.int64)
    for size in range(n + 1):
        place[sizes == size] = np.arange((sizes == size).sum())
    length = int(np.sort(a) @ np.sort(b)) + 1
    counts = np.zeros((1, length), dtype=np.int64)
    counts[0, 0] = 1
    for row, weight in enumerate(a):
        following = np.zeros((int((sizes == row + 1).sum()), length), dtype=np.int64)
        for column in range(n):
            free = subsets[(sizes == row) & ~used[:, column]]
            shift = weight * b[column]
            following[place[free | 1 << column], shift:] += counts[place[free], : length - shift]
        counts = following
    return counts.ravel()


def _attainable(x: Floats, y: Floats, alternative: Alternative) -> float:
    """Smallest permutation p: the share of orders in which x and y rise (or fall) together."""
    x_ties = np.unique(x, return_counts=True)[1].tolist()
    y_ties = np.unique(y, return_counts=True)[1].tolist()
    rising = _rising_share(x_ties, y_ties)
    falling = _rising_share(x_ties, y_ties[::-1])
    if alternative == "two-sided":
        return min(1.0, 2 * min(rising, falling))
    return rising if alternative == "greater" else falling


def _rising_share(x_ties: list[int], y_ties: list[int]) -> float:
    """Share of orders in which no pair of points is discordant, given the sizes of the ties."""
    cells, left, right = [], list(x_ties), list(y_ties)
    while left:
        shared = min(left[0], right[0])
        cells.append(shared)
        for sizes in (left, right):
            sizes[0] -= shared
            if sizes[0] == 0:
                sizes.pop(0)
    ways = prod(map(factorial, x_ties)) * prod(map(factorial, y_ties))
    return ways / (prod(map(factorial, cells)) * factorial(sum(x_ties)))


def _repeated_points(table: pd.DataFrame, x: str, y: str, unit: list[str]) -> pd.DataFrame:
    """Columns unit, x and y, sorted by them."""
    missing = [column for column in [*unit, x, y] if column not in table.columns]
    if missing:
        raise HypError(f"the table of checkpoints lacks the column {missing[0]!r}.")
    for column in (x, y):
        if not np.isfinite(table[column].to_numpy(dtype=float)).all():
            raise HypError(
                f"{column!r} holds missing or infinite values; leave those checkpoints out."
            )
    if unit and table[unit].isna().to_numpy().any():
        raise HypError(f"the table of checkpoints has rows with no {' or '.join(unit)!r}.")
    points = pd.DataFrame(
        {
            "unit": table.groupby(unit, sort=True, observed=True).ngroup().to_numpy()
            if unit
            else 0,
            "x": table[x].to_numpy(dtype=float),
            "y": table[y].to_numpy(dtype=float),
        }
    )
    return points.sort_values(["unit", "x", "y"], ignore_index=True)


def _sign_flip_p(values: Floats) -> float:
    """Two-sided p of the mean over flips of signs, exact up to `EXACT_FLIPS` values."""
    if np.isnan(values).any():
        return float("nan")
    tested = stats.permutation_test(
        (values,),
        lambda values, axis: np.round(np.mean(values, axis=axis), _DECIMALS),
        permutation_type="samples",
        vectorized=True,
        n_resamples=2 ** len(values) if len(values) <= EXACT_FLIPS else RANDOM_ORDERS,
        batch=10_000,
        rng=0,
    )
    return float(tested.pvalue)
