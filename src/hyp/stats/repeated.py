"""Correlations of checkpoints that several seeds brought: the seed is the unit."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from hyp.errors import HypError
from hyp.stats.arguments import Floats
from hyp.stats.attainable import EXACT_FLIPS, RANDOM_ORDERS, attainable_flips_p
from hyp.stats.correlations import (
    DECIMALS,
    Correlation,
    clipped,
    correlated_points,
    interval_of,
    product_of,
    unit_vector,
)


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

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(seed, loss, 1 - loss / (seed + 2) + seed / 10)
    ...         for seed in range(6) for loss in (0.9, 0.5, 0.2)]
    >>> table = pd.DataFrame(rows, columns=["seed", "loss", "score"])
    >>> found = repeated_correlation(table, "loss", "score")
    >>> round(found.r, 2), found.units, found.p_units_attainable
    (-0.91, 6, 0.03125)
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
    r = clipped(float(fit["r"].iloc[0]))
    interval = interval_of(r, df + 2, confidence, "pearson")
    by_unit = tuple(
        product_of(unit_vector(one["x"].to_numpy()), unit_vector(one["y"].to_numpy()))
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
        p_units_attainable=attainable_flips_p(len(sizes)),
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

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [(seed, loss, 1 - loss / (seed + 2) + seed / 10)
    ...         for seed in range(6) for loss in (0.9, 0.5, 0.2)]
    >>> table = pd.DataFrame(rows, columns=["seed", "loss", "score"])
    >>> found = repeated_correlation_published(table, "loss", "score")
    >>> round(found.r, 2), found.n
    (-0.31, 18)
    """
    points = _repeated_points(table, x, y, [])
    correlated_points(points["x"], points["y"], "pearson")
    pooled = stats.pearsonr(points["x"], points["y"])
    r = clipped(float(pooled.statistic))
    return Correlation(
        kind="pearson",
        r=r,
        **interval_of(r, len(points), 0.95, "pearson"),
        p=float(pooled.pvalue),
        p_attainable=float("nan"),
        n=len(points),
        method="t distribution, all points taken as independent",
    )


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
        lambda values, axis: np.round(np.mean(values, axis=axis), DECIMALS),
        permutation_type="samples",
        vectorized=True,
        n_resamples=2 ** len(values) if len(values) <= EXACT_FLIPS else RANDOM_ORDERS,
        batch=10_000,
        rng=0,
    )
    return float(tested.pvalue)
