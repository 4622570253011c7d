"""The tidy table of scores: what must hold for it, and one score a seed from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hyp.errors import HypError
from hyp.stats.arguments import check_size

GROUPS = ("full", "reduced")
"""The cohorts of a hypothesis about variability."""

KEYS = ("target", "non_target", "latent", "layer")
"""Columns that tell one comparison from another."""

_ROUNDING = 16
"""Rounding errors, in units of the last place, that the mean of a unit's folds may carry."""


def checked_scores(
    table: pd.DataFrame, keys: Sequence[str] = KEYS, groups: tuple[str, str] = GROUPS
) -> pd.DataFrame:
    """Return the score table sorted, after checking that it can be compared.

    Rows are ordered by keys, group, seed and fold, so nothing computed from the result
    depends on the order they came in; an ordered categorical column keeps its own order.

    Parameters
    ----------
    table : DataFrame
        One row a fold, with the columns in `keys` and ``group`` (one of `groups`),
        ``seed``, ``fold``, ``score``; other columns are kept.
    keys : sequence of str
        Columns that tell one comparison from another.
    groups : tuple of two str
        The groups' names, the one that is held against the other first.

    Raises
    ------
    HypError
        If a column is missing or a key, group, seed or fold is empty; a score is not
        finite; a group is unknown or absent from a comparison; a fold occurs twice; or
        models of one comparison have different folds.
    """
    keys = list(keys)
    if not keys:
        raise HypError("a score table needs at least one key column.")
    rows = [*keys, "group", "seed", "fold"]
    check_columns(table, rows)
    unknown = set(table["group"].unique()) - set(groups)
    if unknown:
        raise HypError(f"unknown group {min(map(str, unknown))!r}; use {' or '.join(groups)}.")
    bad = ~np.isfinite(table["score"].to_numpy(dtype=float))
    if bad.any():
        raise HypError(f"the score of {_name(table[bad], rows)} is not a finite number.")
    check_size(table["score"])

    table = table.sort_values(rows, kind="stable", ignore_index=True)
    repeated = table.duplicated(rows)
    if repeated.any():
        raise HypError(
            f"{_name(table[repeated], rows)} occurs more than once; "
            f"the keys {', '.join(keys)} do not tell all comparisons apart."
        )
    _check_balance(table, keys)
    return table


def check_columns(table: pd.DataFrame, rows: Sequence[str]) -> None:
    """Refuse a score table without these columns or ``score``, or with empty cells in them.

    Raises
    ------
    HypError
        If a column is missing, the table is empty, or a row has no value in one of `rows`.
    """
    missing = [column for column in [*rows, "score"] if column not in table.columns]
    if missing:
        raise HypError(f"the score table lacks the column {missing[0]!r}.")
    if table.empty:
        raise HypError("the score table is empty; nothing can be compared.")
    empty = [column for column in rows if table[column].isna().any()]
    if empty:
        raise HypError(f"the score table has rows with no {empty[0]!r}.")


def seed_means(table: pd.DataFrame, keys: Sequence[str] = KEYS) -> pd.DataFrame:
    """Average the folds within each seed: one row a (comparison, group, seed).

    Means of one comparison that differ by no more than rounding are made equal, so that the
    last bit of a floating-point sum cannot break a tie: neighbours closer than 16 units in
    the last place of the comparison's largest score (3.6e-15 of it, or 1.9e-6 where scores
    came in single precision). The limit moves with the scores, whatever their unit.

    Parameters
    ----------
    table : DataFrame
        As returned by `checked_scores`.
    """
    keys = list(keys)
    given = table["score"].to_numpy()
    last_place = float(np.finfo(given.dtype if given.dtype.kind == "f" else np.float64).eps)
    scores = table.assign(score=table["score"].astype(np.float64)).sort_values("score")
    by = [*keys, "group", "seed"]
    means = scores.groupby(by, sort=True, observed=True)["score"].mean().reset_index()
    largest = scores["score"].abs().groupby([scores[key] for key in keys], observed=True).max()
    place = means.groupby(keys, observed=True, sort=True).ngroup().to_numpy().astype(np.int64)
    closer = _ROUNDING * last_place * largest.to_numpy(dtype=float)
    means["score"] = tied(means["score"].to_numpy(), place, closer)
    return means


def tied(values: ArrayLike, place: NDArray[np.int64], closer: ArrayLike) -> NDArray[np.float64]:
    """Make values of one place equal where neighbours are no further apart than a limit.

    Parameters
    ----------
    values : array_like, shape (values,)
    place : ndarray of int, shape (values,)
        Which values are compared with each other, from 0 up.
    closer : array_like, shape (places,)
        Largest distance of neighbours that count as one.
    """
    numbers = np.asarray(values, dtype=float)
    order = np.lexsort((numbers, place))
    ordered, at = numbers[order], place[order]
    apart = np.diff(ordered) > np.asarray(closer, dtype=float)[at[1:]]
    first = np.concatenate([[True], apart | (np.diff(at) != 0)])
    made = np.empty_like(numbers)
    made[order] = ordered[first][np.cumsum(first) - 1]
    return made


def tied_rows(values: NDArray[np.float64], closer: ArrayLike) -> NDArray[np.float64]:
    """Do the same within each row of a table; `closer` has one limit a row."""
    place = np.repeat(np.arange(len(values)), values.shape[1])
    return tied(values.ravel(), place, closer).reshape(values.shape)


def rounding_of(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far apart rounding alone may put two values of each row, see `seed_means`."""
    largest = np.maximum(np.abs(x).max(axis=1), np.abs(y).max(axis=1))
    limit: NDArray[np.float64] = _ROUNDING * np.finfo(float).eps * largest
    return limit


def paired_differences(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differences of pairs, x - y; those that differ in size by rounding only are made equal.

    Parameters
    ----------
    x, y : ndarray, shape (comparisons, pairs)
    """
    d = x - y
    closer = rounding_of(x, y)
    d[np.abs(d) <= closer[:, None]] = 0.0
    sized: NDArray[np.float64] = np.sign(d) * tied_rows(np.abs(d), closer)
    return sized


def _check_balance(table: pd.DataFrame, keys: list[str]) -> None:
    comparisons = table.groupby(keys, observed=True)
    one_group = comparisons["group"].nunique() < 2
    if one_group.any():
        where = _name(one_group[one_group].reset_index(), keys)
        raise HypError(f"{where} has scores of one group only; a comparison needs both.")
    models = table.drop_duplicates([*keys, "group", "seed"]).groupby(keys, observed=True).size()
    uneven = comparisons.size() != models * comparisons["fold"].nunique()
    if uneven.any():
        where = _name(uneven[uneven].reset_index(), keys)
        raise HypError(f"{where} lacks some folds of some seeds; all models need the same folds.")


def _name(rows: pd.DataFrame, columns: list[str]) -> str:
    first = rows.iloc[0]
    return ", ".join(f"{column} {first[column]}" for column in columns)
