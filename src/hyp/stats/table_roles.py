"""What the columns of anyone's table are for, and the table under the names of these roles."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict

from hyp.errors import HypError
from hyp.stats.score_text import Decimal, as_numbers
from hyp.text import some

Missing = Literal["error", "drop-fold", "drop-unit", "own-folds"]
"""What happens to a unit that lacks a score that others have."""

ONE = "comparison"
_MANY_GROUPS = 20
_RESERVED = frozenset({"group", "seed", "fold", "score", "family", "stimulus"})
_WIDE_HINT = (
    " If each group has a column of its own, name these columns with --wide A,B instead of --group."
)


class TableRoles(BaseModel):
    """Which column plays which part.

    Attributes
    ----------
    group : str
        Column with the groups.
    unit : str
        Column with the independent unit.
    fold, stimulus : str or None
        Columns with what is nested in a unit, and with the stimuli that all units saw.
    separate, family : tuple of str
        Columns that tell comparisons apart.
    value : str
        Column with the scores.
    between : tuple of str
        The groups to compare, in their order; empty for all of them.
    paired : bool
        Whether a unit's label joins the groups: the same task, subject or seed in each.
    unpaired : bool
        Whether labels that recur in several groups are known to be different units.
    missing : {"error", "drop-fold", "drop-unit", "own-folds"}
        What happens to a unit that lacks a score.
    decimal : {".", ","} or None
        The decimal mark of scores that are text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str
    unit: str
    fold: str | None = None
    stimulus: str | None = None
    separate: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    value: str = "score"
    between: tuple[str, ...] = ()
    paired: bool = False
    unpaired: bool = False
    missing: Missing = "error"
    decimal: Decimal | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that tell one comparison from another."""
        return (*self.separate, *self.family)


def long_form(
    table: pd.DataFrame, wide: Mapping[str, Sequence[str]], value: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Turn columns that hold one score each into rows.

    Parameters
    ----------
    table : DataFrame
    wide : mapping of str to sequence of str
        One new column's name, and the columns (or patterns, ``layer*``) that become its
        values; their cells go into the column `value`. Empty cells are kept.
    value : str
        Name of the column of scores.

    Returns
    -------
    long : DataFrame
    notes : tuple of str

    Raises
    ------
    HypError
        If there is more than one name, a pattern fits no column, or a name is taken.
    """
    if not wide:
        return table, ()
    if len(wide) > 1:
        raise HypError(
            f"one set of columns can become rows, not {len(wide)} ({', '.join(wide)}); reshape "
            "the table with pandas.wide_to_long first."
        )
    (name, patterns), known = next(iter(wide.items())), [str(one) for one in table.columns]
    columns: list[str] = []
    for pattern in patterns:
        fits = [one for one in known if one == pattern or fnmatchcase(one, pattern)]
        if not fits:
            raise HypError(f"no column fits {pattern!r}; the table has {', '.join(known)}.")
        columns += [one for one in fits if one not in columns]
    kept = [one for one in known if one not in columns]
    for new, role in ((name, "--wide NAME=..."), (value, "--value")):
        if new in kept:
            raise HypError(f"the table has a column {new!r} already; choose another {role}.")
    plain = table.set_axis(known, axis=1)
    # pandas refuses to name a new column like one that goes
    long = plain.melt(id_vars=kept, value_vars=columns, var_name="\0name", value_name="\0value")
    long = long.rename(columns={"\0name": name, "\0value": value})
    return long, (f"the columns {some(columns)} are read as rows: {name}, with {value} in each.",)


def check_roles(table: pd.DataFrame, roles: TableRoles) -> None:
    """Refuse roles that the table's columns cannot play; all problems are told at once.

    Raises
    ------
    HypError
    """
    optional = [one for one in (roles.fold, roles.stimulus) if one is not None]
    columns = [roles.group, roles.unit, *optional, *roles.keys, roles.value]
    known = [str(column) for column in table.columns]
    absent = [repr(one) for one in dict.fromkeys(columns) if one not in known]
    problems = []
    if absent:
        problems.append(
            f"the table has no column{'s' * (len(absent) > 1)} {' and '.join(absent)}; "
            f"it has {', '.join(known)}."
            + " Name the column with the scores (--value COLUMN)." * (roles.value not in known)
            + _WIDE_HINT * (roles.group not in known or roles.value not in known)
        )
    problems += [
        f"the column {column!r} is named twice; each has one part to play."
        for column in dict.fromkeys(columns)
        if columns.count(column) > 1
    ]
    problems += [
        f"rename the column {column!r}; hyp uses that name itself."
        for column in sorted(set(roles.keys) & _RESERVED)
    ]
    if roles.paired and roles.unpaired:
        problems.append("the units are paired or unpaired, not both.")
    refuse(problems)


def tidied(
    table: pd.DataFrame, roles: TableRoles
) -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]:
    """Return the rows of the groups to compare under the names of their roles.

    Parameters
    ----------
    table : DataFrame
        One row a score.
    roles : TableRoles
        Checked by `check_roles`.

    Returns
    -------
    tidy : DataFrame
        The key columns, ``group``, ``seed``, ``fold``, ``score`` and, where one is named,
        ``stimulus``; scores that are missing are NaN.
    groups : tuple of str
        In the order in which they are compared.
    notes : tuple of str

    Raises
    ------
    HypError
        Listing all problems of the table.
    """
    problems: list[str] = []
    empty = {
        column: int(table[column].isna().sum())
        for column in (roles.group, roles.unit, roles.fold, roles.stimulus, *roles.keys)
        if column is not None
    }
    problems += [
        f"{rows} row{'s have' if rows > 1 else ' has'} no {column!r} (the first is row "
        f"{int(table[column].isna().to_numpy().argmax())}, counted from 0)."
        for column, rows in empty.items()
        if rows
    ]
    labels = table[roles.group].astype(str).where(table[roles.group].notna())
    for column in (roles.group, roles.unit, *roles.keys):
        problems += _alike(table[column], column)
    groups, wrong = _groups(labels.dropna(), roles)
    problems += wrong
    chosen = labels.isin(groups)
    notes: tuple[str, ...] = ()
    scores = pd.Series(dtype=float)
    try:
        scores, notes = as_numbers(
            table.loc[chosen, roles.value], roles.value, decimal=roles.decimal
        )
    except HypError as problem:
        problems.append(str(problem))
    refuse(problems)
    tidy = table.loc[chosen, list(roles.keys)].assign(
        group=labels[chosen],
        seed=_sortable(table.loc[chosen, roles.unit]),
        fold=_folds(table[chosen], roles),
        score=scores,
    )
    if roles.stimulus is not None:
        tidy["stimulus"] = _sortable(table.loc[chosen, roles.stimulus])
    if not roles.keys:
        tidy[ONE] = "the only comparison"
    return tidy.reset_index(drop=True), groups, notes


def pair_of(between: Sequence[str] | str, known: Sequence[str]) -> tuple[str, ...]:
    """Read the groups to compare; a name may hold commas.

    Parameters
    ----------
    between : str or sequence of str
        The names, or one text ``A,B``.
    known : sequence of str
        The groups there are.

    Raises
    ------
    HypError
        If the names cannot be told, are not known, or are fewer than two.
    """
    names = [between] if isinstance(between, str) else list(between)
    if len(names) == 1:
        ways = [way for way in _splits(names[0], known) if len(way) > 1]
        if len(ways) != 1:
            cause = "can be read in several ways" if ways else "does not name two groups, A,B"
            raise HypError(
                f"--between {names[0]!r} {cause}; there are {some(known, 20)}. A name with a "
                "comma: give --between once for each group."
            )
        names = ways[0]
    for name in names:
        if name not in known:
            raise HypError(f"no row has the group {name!r}; there are {', '.join(known)}.")
        if names.count(name) > 1:
            raise HypError(f"the group {name!r} cannot be compared with itself.")
    return tuple(names)


def refuse(problems: Sequence[str]) -> None:
    """Raise all problems of a table at once, if there is any."""
    if len(problems) == 1:
        raise HypError(problems[0])
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise HypError(f"the table has {len(problems)} problems:\n{listed}")


def _splits(text: str, known: Sequence[str]) -> list[list[str]]:
    """Return every way to read a text as known names with commas between them."""
    ways = [[text.strip()]] if text.strip() in known else []
    for at, sign in enumerate(text):
        if sign == "," and text[:at].strip() in known:
            ways += [[text[:at].strip(), *rest] for rest in _splits(text[at + 1 :], known)]
    return ways


def _groups(labels: pd.Series, roles: TableRoles) -> tuple[tuple[str, ...], list[str]]:
    known = [str(label) for label in sorted(labels.unique())]
    if roles.between:
        try:
            return pair_of(roles.between, known), []
        except HypError as problem:
            return (), [str(problem)]
    if 2 <= len(known) <= _MANY_GROUPS:
        return tuple(known), []
    many = "group" if len(known) == 1 else "groups"
    return (), [
        f"the column {roles.group!r} has {len(known)} {many} ({some(known)}); name the groups to "
        "compare."
    ]


def _alike(labels: pd.Series, column: str) -> list[str]:
    """Name labels that look alike, which are often one and the same."""
    if pd.api.types.is_numeric_dtype(labels):
        return []
    seen: dict[str, str] = {}
    problems = []
    for label in map(str, labels.dropna().unique()):
        other = seen.setdefault(_looks(label), label)
        if other != label:
            problems.append(
                f"{column!r} has {other!a} and {label!a}, which differ in spaces, capitals or "
                "how an accent is written only; write them in one way, or give them other names."
            )
    return problems


def _looks(label: str) -> str:
    """Return a label without capitals, needless spaces, and what cannot be seen."""
    composed = unicodedata.normalize("NFKC", label).casefold()
    shown = "".join(sign for sign in composed if unicodedata.category(sign) != "Cf")
    return " ".join(shown.split())


def _folds(rows: pd.DataFrame, roles: TableRoles) -> pd.Series | int:
    """Return what is nested in a unit: the fold, the stimulus, or each fold of each stimulus."""
    if roles.stimulus is None:
        return 0 if roles.fold is None else _sortable(rows[roles.fold])
    if roles.fold is None:
        return _sortable(rows[roles.stimulus])
    return rows[roles.stimulus].astype(str) + ", " + rows[roles.fold].astype(str)


def _sortable(labels: pd.Series) -> pd.Series:
    kind = pd.api.types.infer_dtype(labels, skipna=True)
    return labels.astype(str) if kind.startswith("mixed") else labels
