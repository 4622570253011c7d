"""Anyone's table of scores in, a verdict out, with the guards of a declared hypothesis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from hyp.errors import HypError
from hyp.stats.arguments import Alternative
from hyp.stats.comparisons import compare, exact_permutation_p
from hyp.stats.conclusions import described
from hyp.stats.published import compare_published
from hyp.stats.rules import (
    BETTER_AND_WORSE,
    ONLY_BETTER,
    ONLY_WORSE,
    DecisionRule,
    Part,
    Prediction,
    judge,
)
from hyp.stats.scores import seed_means
from hyp.stats.sensitivity import icc
from hyp.stats.table_verdict import TableComparison, TableVerdict

Floats = NDArray[np.float64]
_ONE = "comparison"
_ALL = "all"


def judge_table(
    table: pd.DataFrame,
    *,
    group: str,
    unit: str,
    fold: str | None = None,
    family: Sequence[str] = (),
    separate: Sequence[str] = (),
    value: str = "score",
    between: tuple[str, str] | None = None,
    alternative: Alternative = "two-sided",
    margin: float | None = None,
    alpha: float = 0.05,
) -> TableVerdict:
    """Compare two groups of units in a tidy table and say what can be concluded.

    Parameters
    ----------
    table : DataFrame
        One row a score; other columns are ignored.
    group : str
        Column with the two groups.
    unit : str
        Column with the independent unit, such as the seed of a network. The same label
        in both groups means two different units.
    fold : str, optional
        Column with what is nested in a unit (folds, checkpoints, stimuli); averaged.
    family : sequence of str
        Columns that tell one comparison from another, such as the layer. All
        comparisons are corrected together.
    separate : sequence of str
        Columns that tell comparisons apart too, but split them into families that are
        corrected each on its own.
    value : str
        Column with the scores.
    between : tuple of two str, optional
        The groups a and b, if there are more than two or their order matters.
    alternative : {"two-sided", "greater", "less"}
        Direction of a against b that was declared before the data were seen.
    margin : float, optional
        Smallest difference, in units of the score, that would matter. With it
        equivalence is tested, and the number of units that would settle the question
        is about this difference.
    alpha : float
        Family-wise error rate.

    Raises
    ------
    HypError
        If a column or group is missing, a score is not a finite number, or the table
        does not have the shape the columns promise (see the message).

    Examples
    --------
    >>> table = pd.DataFrame({"objective": ["category"] * 5 + ["distance"] * 5,
    ...                       "seed": [*range(5)] * 2,
    ...                       "score": [.51, .53, .52, .55, .54, .41, .43, .42, .45, .44]})
    >>> judged = judge_table(table, group="objective", unit="seed")
    >>> judged.verdict.prediction, round(judged.comparisons[0].p, 4)
    ('category > distance', 0.0079)
    """
    if not 0 < alpha < 1:
        raise HypError(f"alpha must lie between 0 and 1, not {alpha:g}.")
    keys = [*separate, *family]
    tidy, groups = _tidied(table, group, unit, fold, keys, value, between)
    tidy["family"] = tidy[list(separate)].astype(str).agg(", ".join, axis=1) if separate else _ALL
    keys = keys or [_ONE]
    rows = compare(tidy, keys, groups=groups, alternative=alternative, margin=margin, alpha=alpha)
    folds = tidy["fold"].nunique()
    pooled = compare_published(tidy, keys, groups=groups, alpha=alpha) if folds > 1 else None
    rule = _rule(groups, keys, separate, rows, alternative, margin, alpha)
    return described(
        groups=groups,
        value=value,
        unit=unit,
        folds=folds,
        alpha=alpha,
        margin=margin,
        alternative=alternative,
        families={str(name): int(n) for name, n in rows["family"].value_counts(sort=False).items()},
        verdict=judge(rule, _records(rows)),
        pooled_verdict=None if pooled is None else judge(rule, _records(pooled)),
        comparisons=_comparisons(rows, pooled, tidy, keys, groups, alternative),
        shared_units=_shared_units(tidy, groups),
        icc=_median_icc(tidy, keys) if folds > 1 else None,
    )


def _tidied(
    table: pd.DataFrame,
    group: str,
    unit: str,
    fold: str | None,
    keys: Sequence[str],
    value: str,
    between: tuple[str, str] | None,
) -> tuple[pd.DataFrame, tuple[str, str]]:
    """Return the columns under the names that comparisons want, and the two groups."""
    roles = [group, unit, *([fold] if fold is not None else []), *keys, value]
    for column in roles:
        if column not in table.columns:
            raise HypError(
                f"the table has no column {column!r}; it has {', '.join(map(str, table.columns))}."
            )
        if roles.count(column) > 1:
            raise HypError(f"the column {column!r} is named twice; each has one part to play.")
    taken = set(keys) & {"group", "seed", "fold", "score", "family"}
    if taken:
        raise HypError(f"rename the column {min(taken)!r}; hyp uses that name itself.")
    groups = _groups(table[group], group, between)
    labels = table[group].astype(str)
    chosen = labels.isin(groups)
    scores = pd.to_numeric(table.loc[chosen, value], errors="coerce")
    unread = scores.isna() & table.loc[chosen, value].notna()
    if unread.any():
        raise HypError(f"{value} {table.loc[chosen, value][unread].iloc[0]!r} is not a number.")
    tidy = table.loc[chosen, list(keys)].assign(
        group=labels[chosen],
        seed=table.loc[chosen, unit],
        fold=0 if fold is None else table.loc[chosen, fold],
        score=scores,
    )
    if not keys:
        tidy[_ONE] = "the only comparison"
    if fold is None and tidy.duplicated([*(keys or [_ONE]), "group", "seed"]).any():
        raise HypError(
            f"there are several scores a {unit}; name the column that tells them apart as the "
            "fold (what is nested in a unit) or as the family (what is compared separately)."
        )
    return tidy, groups


def _groups(labels: pd.Series, column: str, between: tuple[str, str] | None) -> tuple[str, str]:
    if labels.isna().any():
        raise HypError(f"the column {column!r} has rows with no group.")
    known = [str(label) for label in sorted(labels.unique())]
    if between is not None:
        for name in between:
            if name not in known:
                raise HypError(f"no row has {column} {name!r}; there are {', '.join(known)}.")
        if between[0] == between[1]:
            raise HypError(f"the group {between[0]!r} cannot be compared with itself.")
        return between
    if len(known) != 2:
        raise HypError(
            f"the column {column!r} has {len(known)} groups ({_some(known)}); name the two to "
            "compare."
        )
    return known[0], known[1]


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _rule(
    groups: tuple[str, str],
    keys: Sequence[str],
    separate: Sequence[str],
    rows: pd.DataFrame,
    alternative: Alternative,
    margin: float | None,
    alpha: float,
) -> DecisionRule:
    a, b = groups
    predictions = [
        Prediction(name=f"{a} > {b}", claim=f"{a} scores higher", needs=ONLY_BETTER),
        Prediction(name=f"{b} > {a}", claim=f"{b} scores higher", needs=ONLY_WORSE),
    ]
    families = rows.drop_duplicates("family")
    parts = tuple(
        Part(name=str(row["family"]), where={key: (str(row[key]),) for key in separate})
        for row in _records(families)
    )
    declared = {"greater": predictions[:1], "less": predictions[1:], "two-sided": predictions}
    return DecisionRule(
        keys=tuple(keys),
        predictions=tuple(declared[alternative]),
        mixed=BETTER_AND_WORSE if alternative == "two-sided" else (),
        alpha=alpha,
        alternative=alternative,
        margin=margin,
        parts=parts if len(parts) > 1 else (),
    )


def _comparisons(
    rows: pd.DataFrame,
    pooled: pd.DataFrame | None,
    tidy: pd.DataFrame,
    keys: Sequence[str],
    groups: tuple[str, str],
    alternative: Alternative,
) -> tuple[TableComparison, ...]:
    means = seed_means(tidy, keys).groupby([*keys, "group"], observed=True)["score"]
    by_place = {
        place if isinstance(place, tuple) else (place,): np.sort(scores.to_numpy())
        for place, scores in means
    }
    places = [tuple(row[key] for key in keys) for row in _records(rows)]
    pairs = [(by_place[(*place, groups[0])], by_place[(*place, groups[1])]) for place in places]
    permutation = _permutation_p(pairs, alternative)
    found = []
    for position, (row, (a, b)) in enumerate(zip(_records(rows), pairs, strict=True)):
        figures = {name: row[name] for name in TableComparison.model_fields if name in row}
        found.append(
            TableComparison(
                **{name: _defined(figure) for name, figure in figures.items()},
                name=" ".join(map(str, places[position])),
                keys={key: str(row[key]) for key in keys},
                a=tuple(a.tolist()),
                b=tuple(b.tolist()),
                p_pooled=None if pooled is None else float(pooled["p"].iloc[position]),
                p_permutation=_defined(float(permutation[position])),
                p_t=_t_test(a, b, alternative),
            )
        )
    return tuple(found)


def _permutation_p(pairs: Sequence[tuple[Floats, Floats]], alternative: Alternative) -> Floats:
    """Exact permutation p of every pair; pairs of one size share their arrangements."""
    p = np.empty(len(pairs))
    sizes = [(len(a), len(b)) for a, b in pairs]
    for size in set(sizes):
        rows = [position for position, own in enumerate(sizes) if own == size]
        a, b = (np.stack([pairs[row][group] for row in rows]) for group in (0, 1))
        p[rows] = exact_permutation_p(a, b, alternative)
    return p


def _t_test(a: Floats, b: Floats, alternative: Alternative) -> float | None:
    if len(a) + len(b) < 3 or max(np.ptp(a), np.ptp(b)) == 0:
        return None
    p = float(stats.ttest_ind(a, b, alternative=alternative).pvalue)
    return None if math.isnan(p) else p


def _median_icc(tidy: pd.DataFrame, keys: Sequence[str]) -> float | None:
    if tidy.groupby("group")["seed"].nunique().max() < 2:
        return None
    values = [icc(one).value for _, one in tidy.groupby(list(keys), observed=True)]
    median = float(np.nanmedian(values)) if np.isfinite(values).any() else None
    return None if median is None else max(0.0, median)


def _shared_units(tidy: pd.DataFrame, groups: tuple[str, str]) -> int:
    a, b = (set(tidy.loc[tidy["group"] == name, "seed"]) for name in groups)
    return len(a & b)


def _defined(figure: Any) -> Any:
    return None if isinstance(figure, float) and math.isnan(figure) else figure


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]
