"""What can be concluded from the published numbers alone, and what cannot."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from math import atanh, ceil, sqrt

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import ndtri
from statsmodels.stats.multitest import multipletests

from hyp.errors import HypError
from hyp.hypotheses.paper.tables import (
    ALIGNMENT_COLUMNS,
    NEURAL_REGIONS,
    find_published_table,
    published_table,
    published_value,
)
from hyp.stats.attainable import attainable_p, seeds_needed
from hyp.stats.correlations import Correlation, pearson_interval, spearman
from hyp.stats.superiority import superiority_interval

ALL_TASKS = "distance+translation+rotation+category+identity"
CONFIDENCE = 0.95

_REFERENCES = ("untrained", "imagenet")
_HALF_UNIT = 0.0005
_SLACK = 1e-9


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
class PublishedP:
    """A p-value of the abstract against what its design can give.

    Attributes
    ----------
    objective, versus : str
        The two groups.
    p : float
        As printed.
    n, n_versus : int
        Seeds in the two groups.
    p_attainable : float
        Smallest p an exact test of these sizes can give.
    attainable : tuple of float
        Every p it can give, without ties.
    superiority : tuple of float
        Shares of pairs of models in which the first group is higher that give this p: two,
        as the p is two-sided; one where the groups are fully separated and both means are
        printed, which tells the direction.
    low, high : tuple of float
        95 % interval of each share.
    seeds_needed : int
        Seeds per group with which full separation would reach 0.05.
    seeds_needed_family : int
        The same, corrected for the comparisons that the abstract prints.
    sentence : str
        What that means.
    """

    objective: str
    versus: str
    p: float
    n: int
    n_versus: int
    p_attainable: float
    attainable: tuple[float, ...]
    superiority: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    seeds_needed: int
    seeds_needed_family: int
    sentence: str


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
class Consistency:
    """A printed number against the same one computed from others.

    Attributes
    ----------
    table, what : str
        Where it is printed and what it is.
    printed, computed : float
        The two numbers.
    agrees : bool
        Whether rounding of all numbers involved can explain the difference.
    source : str
        Where the printed one stands.
    """

    table: str
    what: str
    printed: float
    computed: float
    agrees: bool
    source: str


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
    scores = _alignment(table)
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
    means = _neural_means(table)
    against, n_versus = means.pop("imagenet")
    untrained = means["untrained"][0] if "untrained" in means else float("nan")
    found = []
    for objective, (score, n) in means.items():
        low, high = _fieller(score, against, n, n_versus, sd) if sd else (np.nan, np.nan)
        rounded_low, rounded_high = _rounded_ratios(score, against)
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


def published_p_values() -> tuple[PublishedP, ...]:
    """Hold the abstract's p-values against what 3 v 3 seeds can give."""
    table = published_table("abstract")
    printed = table[table["quantity"] == "p_value"]
    means = {name: score for name, (score, _) in _neural_means("abstract").items()}
    found = []
    for row in printed.to_dict("records"):
        n = n_versus = int(row["n_seeds"])
        first, second = str(row["objective"]), str(row["versus"])
        ladder = mann_whitney_ladder(n, n_versus)
        p = float(row["value"])
        counts = [u for u, attainable in enumerate(ladder) if abs(attainable - p) < _SLACK]
        if not counts:
            raise HypError(f"p = {p:g} is not one that {n} v {n_versus} seeds can give.")
        pairs = n * n_versus
        if counts == [0, pairs] and first in means and second in means:
            counts = [pairs if means[first] > means[second] else 0]
        shares = np.array(counts) / pairs
        low, high = superiority_interval(shares, n, n_versus)
        floor = attainable_p(n, n_versus)
        found.append(
            PublishedP(
                objective=first,
                versus=second,
                p=p,
                n=n,
                n_versus=n_versus,
                p_attainable=floor,
                attainable=tuple(sorted(set(ladder))),
                superiority=tuple(shares.tolist()),
                low=tuple(low.tolist()),
                high=tuple(high.tolist()),
                seeds_needed=seeds_needed(1),
                seeds_needed_family=seeds_needed(len(printed)),
                sentence=_p_sentence(p, floor, n, n_versus, shares.tolist()),
            )
        )
    return tuple(found)


@cache
def mann_whitney_ladder(n1: int, n2: int) -> tuple[float, ...]:
    """Return the exact two-sided Mann-Whitney p for every U from 0 to n1 n2, without ties.

    Examples
    --------
    >>> [round(p, 2) for p in mann_whitney_ladder(3, 3)]
    [0.1, 0.2, 0.4, 0.7, 1.0, 1.0, 0.7, 0.4, 0.2, 0.1]
    """
    found: dict[int, float] = {}
    for chosen in combinations(range(n1 + n2), n1):
        others = [rank for rank in range(n1 + n2) if rank not in chosen]
        test = stats.mannwhitneyu(chosen, others, method="exact")
        found[int(test.statistic)] = round(float(test.pvalue), 12)
    return tuple(found[u] for u in sorted(found))


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


def consistency() -> tuple[Consistency, ...]:
    """Recompute what the printed numbers determine: means, sums of units, percentages."""
    return (*_region_means(), *_unit_sums(), *_percentages())


def _family(table: str, groups: str, rows: pd.DataFrame) -> list[UnitsCorrelation]:
    units = rows["output_units"].to_numpy(dtype=float)
    found = [spearman(units, rows[quantity]) for quantity in ALIGNMENT_COLUMNS]
    corrected = multipletests([one.p for one in found], method="holm")[1]
    return [
        UnitsCorrelation(table, quantity, groups, one, float(p))
        for quantity, one, p in zip(ALIGNMENT_COLUMNS, found, corrected, strict=True)
    ]


def _alignment(table: str) -> pd.DataFrame:
    name = find_published_table(table).name
    if name not in ("C.1", "C.2"):
        raise HypError(f"the published table {name!r} has no alignment scores by task.")
    return published_table(name)


def _neural_means(table: str) -> dict[str, tuple[float, int]]:
    """Return each objective's neural mean and number of seeds."""
    if table == "abstract":
        rows = published_table(table)
        rows, column = rows[rows["quantity"] == "neural_mean"], "value"
    else:
        rows, column = _alignment(table), "neural_mean"
    return {
        row["objective"]: (float(row[column]), int(row["n_seeds"]))
        for row in rows.to_dict("records")
    }


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


def _p_sentence(p: float, floor: float, n: int, n_versus: int, shares: list[float]) -> str:
    if abs(p - floor) < _SLACK:
        higher, lower = ("first", "second") if shares[0] == 1 else ("second", "first")
        groups = (
            f"every network of the {higher} group scored above every one of the {lower}"
            if len(shares) == 1
            else "every network of one group scored above every one of the other"
        )
        return (
            f"p = {p:g} is the smallest that {n} v {n_versus} can give, and means that {groups}: "
            "the largest difference this design can show."
        )
    return (
        f"p = {p:g} where {n} v {n_versus} cannot go below {floor:g}: no scores could have been "
        "significant at 0.05, so this is no evidence that the groups are alike."
    )


def _region_means() -> list[Consistency]:
    found = []
    for name in ("C.1", "C.2"):
        for row in published_table(name).to_dict("records"):
            computed = float(np.mean([row[region] for region in NEURAL_REGIONS]))
            printed = float(row["neural_mean"])
            found.append(
                Consistency(
                    table=name,
                    what=f"{row['task']}: neural mean from V1, V2, V4 and IT",
                    printed=printed,
                    computed=computed,
                    agrees=abs(printed - computed) <= 2 * _HALF_UNIT + _SLACK,
                    source=f"{row['source']}, column 'neural_mean'",
                )
            )
    return found


def _unit_sums() -> list[Consistency]:
    units = {
        name: published_value("output_units", objective=name, table="tasks").value
        for name in ALL_TASKS.split("+")
    }
    identities = published_value("object_models", table="abstract").value
    combined = [name for name in published_table("tasks")["objective"] if "+" in name]
    return [
        *(_sum("tasks", name, units) for name in combined),
        _sum("abstract", ALL_TASKS, units | {"identity": identities}),
    ]


def _sum(table: str, objective: str, units: dict[str, float]) -> Consistency:
    printed = published_value("output_units", objective=objective, table=table)
    computed = sum(units[name] for name in objective.split("+"))
    return Consistency(
        table=table,
        what=f"{objective}: output units, from those of its tasks",
        printed=printed.value,
        computed=computed,
        agrees=printed.value == computed,
        source=printed.source,
    )


def _percentages() -> list[Consistency]:
    found = []
    for table in ("abstract", "text"):
        rows = published_table(table)
        for row in rows[rows["quantity"] == "fraction"].to_dict("records"):
            a, b = (
                published_value("neural_mean", objective=row[name], table=table).value
                for name in ("objective", "versus")
            )
            printed, more_than = float(row["value"]), "more than" in row["notes"]
            low, high = (100 * ratio for ratio in _rounded_ratios(a, b))
            found.append(
                Consistency(
                    table=table,
                    what=f"{row['objective']}: % of {row['versus']}"
                    + (", printed as more than" if more_than else ""),
                    printed=printed,
                    computed=100 * a / b,
                    agrees=high > printed if more_than else low - 0.5 <= printed <= high + 0.5,
                    source=row["source"],
                )
            )
    return found


def _rounded_ratios(a: float, b: float) -> tuple[float, float]:
    """Smallest and largest ratio of two numbers that are printed as `a` and `b`."""
    return (a - _HALF_UNIT) / (b + _HALF_UNIT), (a + _HALF_UNIT) / (b - _HALF_UNIT)
