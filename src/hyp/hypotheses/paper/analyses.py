"""What can be concluded from the published numbers alone, and what cannot."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from math import atanh, ceil, sqrt

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import ndtri
from statsmodels.stats.multitest import multipletests

from hyp.errors import HypError
from hyp.hypotheses.paper.p_values import PublishedP, published_p_values
from hyp.hypotheses.paper.recomputed import Consistency, consistency, rounded_ratios
from hyp.hypotheses.paper.tables import (
    ALIGNMENT_COLUMNS,
    alignment_table,
    find_published_table,
    neural_means,
    published_table,
)
from hyp.stats.correlations import Correlation, pearson_interval, spearman

CONFIDENCE = 0.95

_REFERENCES = ("untrained", "imagenet")


@dataclass(frozen=True)
class UnitsCorrelation:
    """Rank correlation of output units with alignment over training tasks.

    Attributes
    ----------
    table, quantity : str
        Table and column.
    groups : {"all", "spatial"}
        All ten training tasks, or the seven that estimate spatial latents only.
    correlation : Correlation
        Spearman's, its exact p, the smallest p its ties allow, and its interval.
    p_holm : float
        Corrected over the table's six columns.
    """

    table: str
    quantity: str
    groups: str
    correlation: Correlation
    p_holm: float


@dataclass(frozen=True)
class Fraction:
    """A neural mean as a fraction of a reference's.

    Attributes
    ----------
    table, objective, versus : str
        Where, of what, and of what reference.
    fraction : float
        Ratio of the two printed scores.
    rounded_low, rounded_high : float
        Smallest and largest ratio that would be printed so.
    gain : float
        (score - untrained) / (reference - untrained): the fraction of what training adds.
        NaN where no untrained score is printed.
    n, n_versus : int
        Seeds in the two groups.
    sd_limit : float
        SD between seeds at which the 95 % interval of the difference just reaches zero:
        with a larger one the fraction cannot be told from 1.
    sd, low, high : float
        The SD given, and the 95 % interval of the fraction with it; NaN if none was given.
    """

    table: str
    objective: str
    versus: str
    fraction: float
    rounded_low: float
    rounded_high: float
    gain: float
    n: int
    n_versus: int
    sd_limit: float
    sd: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class PublishedCorrelation:
    """A correlation of Table C.3 with an interval at either end of what n can be.

    Attributes
    ----------
    objective, quantity : str
        Row and column.
    r : float
        As printed.
    n_points, n_seeds : int
        Checkpoints of all seeds, and seeds.
    points_low, points_high : float
        95 % interval if every checkpoint were a model of its own.
    seeds_low, seeds_high : float
        95 % interval if the checkpoints of a seed told no more than one of them.
    n_enough : int
        Fewest independent points with which this r would exclude zero at 95 %.
    """

    objective: str
    quantity: str
    r: float
    n_points: int
    n_seeds: int
    points_low: float
    points_high: float
    seeds_low: float
    seeds_high: float
    n_enough: int


@dataclass(frozen=True)
class Analyses:
    """All analyses of the published numbers, or those of one table."""

    units: tuple[UnitsCorrelation, ...] = ()
    fractions: tuple[Fraction, ...] = ()
    p_values: tuple[PublishedP, ...] = ()
    correlations: tuple[PublishedCorrelation, ...] = ()
    consistency: tuple[Consistency, ...] = ()
    notes: tuple[str, ...] = field(default=())


UNITS_NOTE = (
    "Output units: ten tasks are not ten independent experiments (combined tasks share latents "
    "and losses), and Spearman's p takes them so. The published claim is about the seven spatial "
    "tasks, which span 1 to 9 units; over all ten the classifications decide."
)
FRACTIONS_NOTE = (
    "Fractions: no SD is printed. Where the SD between seeds is above the limit the fraction "
    "cannot be told from 100 %; --sd SD gives the interval. Gain counts from the untrained "
    "networks, which are not at zero."
)
P_NOTE = (
    "p-values: a p at the smallest possible value is not evidence that two groups are the same; "
    "that needs an equivalence test with a declared margin."
)
CORRELATIONS_NOTE = (
    "Correlations: checkpoints of one seed follow each other, so the effective n is between the "
    "seeds and the points; both ends are shown. Over training, alignment goes along with anything "
    "that rises with training."
)


def analyse(table: str = "", *, sd: float | None = None) -> Analyses:
    """Analyse the published numbers.

    Parameters
    ----------
    table : str
        One table's analyses; all by default.
    sd : float, optional
        SD of neural means between seeds, for intervals of fractions: read off the paper's
        figures, or measured.

    Raises
    ------
    HypError
        If there is no such table or it allows no analysis, or the SD is not positive or
        too large for an interval.
    """
    only = find_published_table(table).name if table else ""
    scores = [name for name in ("C.1", "C.2") if only in ("", name)]
    with_means = [*scores, *(["abstract"] if only in ("", "abstract") else [])]
    units = tuple(row for name in scores for row in units_correlations(name))
    shares = tuple(row for name in with_means for row in fractions(name, sd=sd))
    p_values = published_p_values() if only in ("", "abstract") else ()
    correlations = published_correlations() if only in ("", "C.3") else ()
    checked = tuple(row for row in consistency() if only in ("", row.table))
    if not (shares or correlations or checked):
        raise HypError(f"nothing can be computed from the published table {only!r} alone.")
    parts = (
        (units, UNITS_NOTE),
        (shares, FRACTIONS_NOTE),
        (p_values, P_NOTE),
        (correlations, CORRELATIONS_NOTE),
    )
    return Analyses(
        units=units,
        fractions=shares,
        p_values=p_values,
        correlations=correlations,
        consistency=checked,
        notes=tuple(note for rows, note in parts if rows),
    )


@cache
def units_correlations(table: str) -> tuple[UnitsCorrelation, ...]:
    """Correlate output units with each alignment score of Table C.1 or C.2.

    Spearman's correlation with its exact p (all 10! or 7! orders), Holm over the six
    columns. Without ties the smallest p of ten groups is 2 / 10!, of seven 2 / 7!; some of
    the ties are made by printing three decimals.

    Parameters
    ----------
    table : {"C.1", "C.2"}

    Raises
    ------
    HypError
        If the table has no alignment scores.
    """
    scores = alignment_table(table)
    trained = scores[~scores["objective"].isin(_REFERENCES)]
    spatial = trained[~trained["objective"].str.contains("category|identity")]
    return tuple(
        row
        for groups, rows in (("all", trained), ("spatial", spatial))
        for row in _family(table, groups, rows)
    )


def fractions(table: str, *, sd: float | None = None) -> tuple[Fraction, ...]:
    """Return each neural mean of a table as a fraction of the ImageNet network's.

    The interval of the ratio is Fieller's (1954, Journal of the Royal Statistical Society B
    16, 175-185) with one SD for both groups and n1 + n2 - 2 degrees of freedom; `sd_limit`
    solves Student's interval of the difference for the SD.

    Parameters
    ----------
    table : {"C.1", "C.2", "abstract"}
    sd : float, optional
        SD between seeds, the same in every group.

    Raises
    ------
    HypError
        If the table has no neural means, or the SD is not positive or so large that the
        reference itself cannot be told from zero.
    """
    if sd is not None and not (np.isfinite(sd) and sd > 0):
        raise HypError(f"an SD between seeds is a positive number, not {sd:g}.")
    means = neural_means(table)
    against, n_versus = means.pop("imagenet")
    untrained = means["untrained"][0] if "untrained" in means else float("nan")
    found = []
    for objective, (score, n) in means.items():
        low, high = _fieller(score, against, n, n_versus, sd) if sd else (np.nan, np.nan)
        rounded_low, rounded_high = rounded_ratios(score, against)
        error = _t(n + n_versus - 2) * sqrt(1 / n + 1 / n_versus)
        found.append(
            Fraction(
                table=table,
                objective=objective,
                versus="imagenet",
                fraction=score / against,
                rounded_low=rounded_low,
                rounded_high=rounded_high,
                gain=(score - untrained) / (against - untrained),
                n=n,
                n_versus=n_versus,
                sd_limit=abs(score - against) / error,
                sd=float("nan") if sd is None else sd,
                low=low,
                high=high,
            )
        )
    return tuple(found)


def published_correlations() -> tuple[PublishedCorrelation, ...]:
    """Put intervals on the correlations of Table C.3, for n points and for n seeds.

    Fisher's z (`hyp.stats.correlations.pearson_interval`). A repeated-measures correlation
    would need the points, which are not published.
    """
    z = float(ndtri((1 + CONFIDENCE) / 2))
    found = []
    for row in published_table("C.3").to_dict("records"):
        for quantity in ALIGNMENT_COLUMNS:
            r, points, seeds = float(row[quantity]), int(row["n_points"]), int(row["n_seeds"])
            points_low, points_high = pearson_interval(r, points, CONFIDENCE)
            seeds_low, seeds_high = pearson_interval(r, seeds, CONFIDENCE)
            found.append(
                PublishedCorrelation(
                    objective=str(row["objective"]),
                    quantity=quantity,
                    r=r,
                    n_points=points,
                    n_seeds=seeds,
                    points_low=points_low,
                    points_high=points_high,
                    seeds_low=seeds_low,
                    seeds_high=seeds_high,
                    n_enough=max(4, ceil(3 + (z / atanh(abs(r))) ** 2)),
                )
            )
    return tuple(found)


def _family(table: str, groups: str, rows: pd.DataFrame) -> list[UnitsCorrelation]:
    units = rows["output_units"].to_numpy(dtype=float)
    found = [spearman(units, rows[quantity]) for quantity in ALIGNMENT_COLUMNS]
    corrected = multipletests([one.p for one in found], method="holm")[1]
    return [
        UnitsCorrelation(table, quantity, groups, one, float(p))
        for quantity, one, p in zip(ALIGNMENT_COLUMNS, found, corrected, strict=True)
    ]


def _t(df: int) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, df))


def _fieller(a: float, b: float, n1: int, n2: int, sd: float) -> tuple[float, float]:
    spread = (_t(n1 + n2 - 2) * sd) ** 2
    square = b**2 - spread / n2
    if square <= 0:
        raise HypError(
            f"with an SD of {sd:g} between seeds the reference score {b:g} cannot be told from "
            "zero, so a fraction of it has no interval; give a smaller SD."
        )
    half = sqrt((a * b) ** 2 - square * (a**2 - spread / n1))
    return (a * b - half) / square, (a * b + half) / square
