"""Whether the units of a table are as many as they look: copies, dead seeds, nested labels.

Two units that agree in every score are one unit counted twice. Coarse scores tie by chance
(40 networks in whole percents), so the agreement must be more than ties explain: the chance
that any two different units would agree everywhere is estimated from how often other pairs
agree in each score, scores taken as independent, and held against `UNLIKELY`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import log

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from hyp.stats.table_roles import TableRoles
from hyp.stats.verdict import Check
from hyp.text import some

UNLIKELY = 0.01
"""Chance of an agreement by ties below which two units are taken for copies."""

_DIGITS = 9
_COARSE = 3
_FINE = 6
_CLUSTERED = 0.001
_REPLICATES = re.compile(r"seed|subject|participant|animal|monkey|mouse|rat|patient", re.I)
_NESTED_LABEL = re.compile(r"(.*?)[\W_]*(fold|split|cv|ckpt|checkpoint|epoch|layer)[\W_]*\d+", re.I)


def audit_units(
    tidy: pd.DataFrame, table: pd.DataFrame, groups: Sequence[str], roles: TableRoles
) -> tuple[tuple[Check, ...], tuple[str, ...]]:
    """Check that units are independent, as far as the table can tell.

    Parameters
    ----------
    tidy : DataFrame
        Complete, see `hyp.stats.completeness.completed`.
    table : DataFrame
        The table as it was given, with the columns that play no part.
    groups : sequence of str
    roles : TableRoles

    Returns
    -------
    checks : tuple of Check
        Those that failed: copies of a unit, a seed without effect, labels that name what is
        nested in a unit, units nested in a coarser column.
    notes : tuple of str
        What looks odd and cannot be decided from the table.
    """
    who = ["seed"] if roles.paired else ["group", "seed"]
    cells = _cells(tidy, who)
    failed, notes = _copies(tidy[who].drop_duplicates().sort_values(who), cells, tidy, roles)
    units = tidy[["group", "seed"]].drop_duplicates()
    failed += list(_nested_labels(units, roles))
    failed += list(_clustered(tidy, table, groups, roles))
    return tuple(failed), tuple(notes)


def _cells(tidy: pd.DataFrame, who: list[str]) -> NDArray[np.float64]:
    """Return the scores as a matrix, units x cells, relative to the largest of each cell.

    In a paired design a unit has the scores of all groups.
    """
    keys = [one for one in tidy.columns if one not in {*who, "score", "stimulus"}]
    place = tidy.groupby(keys, observed=True, sort=False).ngroup().to_numpy()
    row = tidy.groupby(who, observed=True, sort=True).ngroup().to_numpy()
    cells = np.full((row.max() + 1, place.max() + 1), np.inf)
    cells[row, place] = tidy["score"].to_numpy(dtype=float)
    finite = np.isfinite(cells)
    largest = np.where(finite, np.abs(cells), 0).max(axis=0)
    return np.where(finite, np.round(cells / np.where(largest > 0, largest, 1), _DIGITS), np.inf)


def _copies(
    units: pd.DataFrame, cells: NDArray[np.float64], tidy: pd.DataFrame, roles: TableRoles
) -> tuple[list[Check], list[str]]:
    cells = np.unique(cells, axis=1)
    distinct, cluster, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    if len(distinct) == len(cells):
        return [], []
    several = "score" if cells.shape[1] == 1 else f"all {cells.shape[1]} scores"
    labelled = units.assign(cluster=cluster.ravel())
    repeated = counts[labelled["cluster"]] > 1
    groups_of = [own for _, own in labelled[repeated].groupby("cluster", sort=False)]
    named = [_named(own, roles) for own in groups_of]
    if _chance(distinct, len(cells)) < UNLIKELY:
        return [
            Check(
                name=f"every {roles.unit} is another one",
                passed=False,
                value=float(sum(len(own) - 1 for own in groups_of)),
                threshold=0,
                sentence=f"{some(named)} agree in {several}, so they are one {roles.unit} counted "
                f"as several. Keep one of each, and find out why (a file copied, a {roles.unit} "
                "without effect).",
            )
        ], []
    if roles.paired:
        return [], []
    digits = _digits(tidy)
    dead = [
        str(group)
        for group, own in labelled.groupby("group")
        if len(own) >= 3 and own["cluster"].nunique() == 1 and digits[group].max() > _COARSE
    ]
    if dead:
        return [
            Check(
                name=f"the {roles.unit} has an effect",
                passed=False,
                value=0,
                threshold=0,
                sentence=f"All units of {' and of '.join(dead)} have exactly the same scores: the "
                f"{roles.unit} had no effect there, so they are one unit, not several.",
            )
        ], []
    twins = digits.loc[pd.MultiIndex.from_frame(labelled.loc[repeated, ["group", "seed"]])]
    if cells.shape[1] == 1 and twins.max() >= _FINE:
        return [], [
            f"{some(named)} have exactly the same score. Ties do happen; if a {roles.unit} was "
            "copied or had no effect, they are one unit and the p is too small."
        ]
    return [], []


def _chance(distinct: NDArray[np.float64], units: int) -> float:
    """Chance that any two of so many different units agree in every cell.

    Cells in which no two distinct units agree share one estimate of that chance.
    """
    rows = len(distinct)
    if rows < 2:
        return 1.0
    pairs = rows * (rows - 1) / 2
    agreeing = np.array([_tied_pairs(column) for column in distinct.T])
    never = agreeing == 0
    logs = np.log((agreeing[~never] + 1) / (pairs + 1)).sum()
    logs += never.sum() * -log(pairs * max(never.sum(), 1) + 1)
    return float(units * (units - 1) / 2 * np.exp(logs))


def _tied_pairs(column: NDArray[np.float64]) -> float:
    counts = np.unique(column, return_counts=True)[1]
    return float((counts * (counts - 1) / 2).sum())


def _digits(tidy: pd.DataFrame) -> pd.Series:
    """Return the most significant digits that a score of each unit needs."""
    shown = tidy["score"].map(lambda score: f"{abs(score):.{_DIGITS}g}".split("e")[0])
    digits = shown.str.replace(".", "").str.strip("0").str.len()
    return digits.groupby([tidy["group"], tidy["seed"]]).max()


def _named(units: pd.DataFrame, roles: TableRoles) -> str:
    if "group" not in units:
        return f"{roles.unit} {' and '.join(map(str, units['seed']))}"
    return " and ".join(
        f"{roles.unit} {' and '.join(map(str, own['seed']))} of {group}"
        for group, own in units.groupby("group", sort=False)
    )


def _nested_labels(units: pd.DataFrame, roles: TableRoles) -> Iterator[Check]:
    labels = units["seed"].astype(str)
    stems = labels.str.extract(f"^{_NESTED_LABEL.pattern}$", flags=re.I)
    if stems[0].isna().any():
        return
    named = units.assign(stem=stems[0])
    for group, own in named.groupby("group"):
        if own["stem"].nunique() < len(own):
            yield Check(
                name=f"{roles.unit} names independent units",
                passed=False,
                value=float(len(own)),
                threshold=float(own["stem"].nunique()),
                sentence=f"The labels of {roles.unit!r} name each {stems[1].iloc[0]} on its own "
                f"({some(list(map(str, own['seed'])), 3)}): {group} has {len(own)} labels and "
                f"{own['stem'].nunique()} units. Put the two into columns of their own, "
                "and name the second with --fold.",
            )
            return


def _clustered(
    tidy: pd.DataFrame, table: pd.DataFrame, groups: Sequence[str], roles: TableRoles
) -> Iterator[Check]:
    """Find a column of replicates in which the units are nested and within which they agree."""
    used = {roles.group, roles.unit, roles.fold, roles.stimulus, roles.value, *roles.keys}
    others = [str(one) for one in table.columns if one not in used and _REPLICATES.search(str(one))]
    keys = [
        one for one in tidy.columns if one not in {"group", "seed", "fold", "score", "stimulus"}
    ]
    for column in others:
        known = table[[roles.group, roles.unit, column]].drop_duplicates()
        known = known[known[roles.group].astype(str).isin(groups)]
        if known.duplicated([roles.group, roles.unit]).any() or known[column].isna().any():
            continue
        known = known.rename(columns={roles.group: "group", roles.unit: "seed", column: "outer"})
        known["group"] = known["group"].astype(str)
        outer = known.groupby("group")["outer"].nunique()
        inner = known.groupby("group")["seed"].nunique()
        if (outer < 2).any() or (outer >= inner).any():
            continue
        means = tidy.groupby([*keys, "group", "seed"], observed=True)["score"].mean().reset_index()
        means = means.astype({"seed": str}).merge(known.astype({"seed": str}), on=["group", "seed"])
        tested = [_alike(own) for _, own in means.groupby(keys, observed=True)]
        if min(tested, default=1.0) * len(tested) < _CLUSTERED:
            yield Check(
                name=f"{roles.unit} is not nested in {column}",
                passed=False,
                value=float(inner.sum()),
                threshold=float(outer.sum()),
                sentence=f"The {inner.sum()} labels of {roles.unit!r} are nested in the "
                f"{outer.sum()} of {column!r}, and those of one {column} agree more than others "
                f"do, so the independent unit is {column!r}: say --unit {column} --fold "
                f"{roles.unit}.",
            )


def _alike(means: pd.DataFrame) -> float:
    """Return the p of a one-way analysis of the outer label within groups."""
    place = ["group", "outer"]
    within = means["score"] - means.groupby(place)["score"].transform("mean")
    between = means.groupby(place)["score"].transform("mean") - means.groupby("group")[
        "score"
    ].transform("mean")
    df_between = means[place].drop_duplicates().shape[0] - means["group"].nunique()
    df_within = len(means) - means[place].drop_duplicates().shape[0]
    if df_between < 1 or df_within < 1 or (between**2).sum() == 0:
        return 1.0
    if (within**2).sum() == 0:
        return 0.0
    ratio = (between**2).sum() / df_between / ((within**2).sum() / df_within)
    return float(stats.f.sf(ratio, df_between, df_within))
