"""Whether every unit of a table has every score, and what is done where one is missing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hyp.errors import HypError
from hyp.stats.arguments import LARGEST, too_large
from hyp.stats.table_roles import Missing, TableRoles, refuse
from hyp.text import some

_SHOWN = 4


def completed(
    tidy: pd.DataFrame, groups: Sequence[str], roles: TableRoles
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return a table in which every unit of a comparison has its scores.

    Folds belong to all units of a comparison; in a paired design those of one pair need to
    be the same only. A score that is missing (an empty cell, or no row) is a problem, unless
    ``roles.missing`` says what to leave out. Whatever is left out is told.

    Parameters
    ----------
    tidy : DataFrame
        As `hyp.stats.table_roles.tidied` returns it.
    groups : sequence of str
    roles : TableRoles

    Returns
    -------
    complete : DataFrame
        Without rows that have no score.
    notes : tuple of str

    Raises
    ------
    HypError
        Listing all problems: scores that are missing, infinite or there twice, comparisons
        of one group only, labels that recur where the choice of a pairing is open.
    """
    keys = [one for one in tidy.columns if one not in _ROLES]
    problems = _unfit(tidy, keys, roles) + _twice(tidy, keys, roles)
    if not roles.paired:
        problems += _recurring(tidy, groups, roles)
    refuse(problems)
    there = tidy[tidy["score"].notna()]
    if there.empty:
        raise HypError(f"every {roles.value} is missing.")
    lacking = _lacking(tidy, there, keys, groups, roles)
    if lacking.empty or roles.missing == "own-folds":
        problems = _one_sided(there, keys, groups, roles)
        if roles.missing == "own-folds":
            problems += _nothing_left(lacking[lacking["whole"]], keys, roles)
        refuse(problems)
        return there.reset_index(drop=True), _own_folds(there, keys, roles)
    if roles.missing == "error":
        refuse(
            [_told(lacking, there, keys, groups, roles), *_one_sided(there, keys, groups, roles)]
        )
    whole = lacking[lacking["whole"]]
    if roles.missing == "drop-fold" and not whole.empty:
        refuse([_told(whole, there, keys, groups, roles)])
    left, note = _without(there, lacking, keys, roles.missing, roles)
    if left.empty:
        raise HypError(f"--missing {roles.missing} leaves nothing to compare. {note}")
    problems = _one_sided(left, keys, groups, roles)
    still = _lacking(left, left, keys, groups, roles)
    if not still.empty:
        problems.append(_told(still, left, keys, groups, roles))
    refuse(problems)
    return left.reset_index(drop=True), (note, *_own_folds(left, keys, roles))


_ROLES = frozenset({"group", "seed", "fold", "score", "stimulus"})


def _unfit(tidy: pd.DataFrame, keys: list[str], roles: TableRoles) -> list[str]:
    sizes = tidy["score"].abs()
    faults = {"not a finite number": np.isinf(sizes)}
    faults[too_large(sizes[~np.isinf(sizes)])] = (sizes > LARGEST) & ~np.isinf(sizes)
    return [
        f"{roles.value} is {fault} ({_places(tidy[bad], keys, roles)})."
        for fault, bad in faults.items()
        if bad.any()
    ]


def _twice(tidy: pd.DataFrame, keys: list[str], roles: TableRoles) -> list[str]:
    repeated = tidy[tidy.duplicated([*keys, "group", "seed", "fold"])]
    if repeated.empty:
        return []
    if roles.fold is None and roles.stimulus is None:
        return [
            f"there are several scores a {roles.unit} ({_places(repeated, keys, roles)}); name "
            "the column that tells them apart as the fold (what is nested in a unit) or as the "
            "family (what is compared separately)."
        ]
    apart = f"; {', '.join(roles.keys)} do not tell all comparisons apart" * bool(roles.keys)
    return [
        f"{_places(repeated, keys, roles)} occurs more than once{apart}. Name the column that "
        "tells these rows apart as a family, or remove the copies."
    ]


def _recurring(tidy: pd.DataFrame, groups: Sequence[str], roles: TableRoles) -> list[str]:
    """Ask whether labels that occur in several groups join them."""
    if roles.unpaired:
        return []
    found = tidy[["group", "seed"]].drop_duplicates()["seed"].value_counts()
    shared = sorted(map(str, found[found > 1].index))
    if not shared:
        return []
    return [
        f"{len(shared)} of {len(found)} labels of {roles.unit!r} ({some(shared)}) occur in more "
        f"than one group. If the same label is the same task, subject, stimulus or start in each, "
        f"the design is paired: say --paired {roles.unit}. If the labels only number different "
        f"units, say --unpaired."
    ]


def _lacking(
    tidy: pd.DataFrame,
    there: pd.DataFrame,
    keys: list[str],
    groups: Sequence[str],
    roles: TableRoles,
) -> pd.DataFrame:
    """List the scores that a unit lacks: keys, group, seed, fold; ``whole`` where it has none."""
    block = [*keys, "seed"] if roles.paired else keys
    units = tidy[[*keys, "group", "seed"]].drop_duplicates()
    if roles.paired:
        units = tidy[[*keys, "seed"]].drop_duplicates()
        units = units.merge(pd.DataFrame({"group": list(groups)}), how="cross")
    wanted = units.merge(tidy[[*block, "fold"]].drop_duplicates(), on=block)
    own = there[[*keys, "group", "seed", "fold"]]
    joined = wanted.merge(own, how="left", indicator="has")
    lacking = joined.loc[joined["has"] == "left_only", [*keys, "group", "seed", "fold"]]
    having = own[[*keys, "group", "seed"]].drop_duplicates()
    whole = lacking.merge(having, how="left", indicator="has")["has"] == "left_only"
    return lacking.assign(whole=whole.to_numpy())


def _told(
    lacking: pd.DataFrame,
    there: pd.DataFrame,
    keys: list[str],
    groups: Sequence[str],
    roles: TableRoles,
) -> str:
    whole, folds = lacking[lacking["whole"]], lacking[~lacking["whole"]]
    nested = roles.fold or roles.stimulus
    parts = []
    if not whole.empty:
        places = _places(whole.drop_duplicates([*keys, "group", "seed"]), keys, roles, fold=False)
        parts.append(f"there is no {roles.value} at all for {places}")
    if not folds.empty:
        of_group = [set(there.loc[there["group"] == group, "fold"]) for group in groups]
        if not roles.paired and not set.intersection(*of_group):
            listed = " and ".join(
                f"{group} ({some(sorted(map(str, own)), 3)})"
                for group, own in zip(groups, of_group, strict=True)
            )
            return (
                f"no {nested} is shared by {listed}: no two groups were measured on the same. Give "
                f"what is the same one name; or, if each unit has a {nested} of its own (trials, "
                "questions), say --missing own-folds."
            )
        parts.append(
            f"{len(folds)} score{'s are' if len(folds) > 1 else ' is'} missing: "
            f"{_places(folds, keys, roles)}"
        )
    ways = ["--missing drop-unit to leave these units out"]
    if not folds.empty:
        ways.insert(0, f"--missing drop-fold to leave that {nested} out for all")
        ways.append(f"--missing own-folds if each unit has a {nested} of its own")
    return f"{' and '.join(parts)}. All units need the same: say {', or '.join(ways)}."


def _without(
    there: pd.DataFrame,
    lacking: pd.DataFrame,
    keys: list[str],
    missing: Missing,
    roles: TableRoles,
) -> tuple[pd.DataFrame, str]:
    if missing == "drop-unit":
        own = ["seed"] if roles.paired else ["group", "seed"]
        gone = lacking[own].drop_duplicates()
        names = [" ".join(map(str, row)) for row in gone.itertuples(index=False)]
        note = f"{len(names)} {roles.unit} left out, because a score is missing: {some(names)}."
        return _anti(there, gone, own), note
    own = [*keys, *(["seed"] if roles.paired else []), "fold"]
    gone = lacking.loc[~lacking["whole"], own].drop_duplicates()
    return _anti(there, gone, own), (
        f"left out for all units, because some lack a score: {_places(gone, keys, roles)}."
    )


def _anti(rows: pd.DataFrame, gone: pd.DataFrame, on: list[str]) -> pd.DataFrame:
    joined = rows.merge(gone, on=on, how="left", indicator="gone")
    return joined[joined["gone"] == "left_only"].drop(columns="gone")


def _one_sided(
    there: pd.DataFrame, keys: list[str], groups: Sequence[str], roles: TableRoles
) -> list[str]:
    found = there.groupby(keys, observed=True)["group"].nunique()
    few = found[found < len(groups)].reset_index()
    if few.empty:
        return []
    names = some([" ".join(map(str, row)) for row in few[keys].itertuples(index=False)])
    where = f"{', '.join(roles.keys)} {names}" if roles.keys else "the table"
    return [f"{where} has scores of one group only; a comparison needs all of its groups."]


def _nothing_left(whole: pd.DataFrame, keys: list[str], roles: TableRoles) -> list[str]:
    if whole.empty:
        return []
    return [f"there is no {roles.value} at all for {_places(whole, keys, roles, fold=False)}."]


def _own_folds(there: pd.DataFrame, keys: list[str], roles: TableRoles) -> tuple[str, ...]:
    sizes = there.groupby([*keys, "group", "seed"], observed=True).size()
    by_block = sizes.groupby([*keys], observed=True)
    if not (by_block.max() > by_block.min()).any():
        return ()
    return (
        f"units have {sizes.min()} to {sizes.max()} scores each ({roles.fold or roles.stimulus}); "
        "the mean of each counts once, whatever it rests on.",
    )


def _places(rows: pd.DataFrame, keys: list[str], roles: TableRoles, *, fold: bool = True) -> str:
    """Name rows by the columns that the user named."""
    told = []
    for row in rows.head(_SHOWN).to_dict("records"):
        words = [str(row["group"])] if "group" in row else []
        words += [f"{roles.unit} {row['seed']}"] if "seed" in row else []
        nested = roles.fold or roles.stimulus
        words += [f"{nested} {row['fold']}"] if fold and nested and "fold" in row else []
        words += [f"{key} {row[key]}" for key in roles.keys if key in row]
        told.append(" ".join(words))
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return "; ".join(told) + more
