"""Scores that somebody has already, as one tidy table.

Three layouts are read: ``brainscore_results.csv`` of the paper's code, any other table with one
row a model and benchmark (``model``, ``benchmark``, ``score``), and the export of Brain-Score's
leaderboard (one row a model, one column a benchmark, after two lines of comment).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from hyp.errors import HypError
from hyp.metrics.brainscore.identifiers import REGIONS, benchmark_region
from hyp.tables import MISSING, TABLES, as_names, as_number, is_table, read_table

COLUMNS = ("model", "region", "benchmark", "score", "error", "ceiling", "layer")
NEURAL_MEAN = "neural_mean"
_PAPER = {
    "benchmark_region": "region",
    "benchmark_id": "benchmark",
    "mapped_layer": "layer",
    "exp_group": "group",
}
_PAPER_NEEDED = ("model", "benchmark_region", "benchmark_id", "score")
_TIDY = {
    "model": ("model", "model_name", "model_identifier", "model_id"),
    "benchmark": ("benchmark", "benchmark_name", "benchmark_id", "benchmark_identifier"),
    "score": ("score", "ceiled_score"),
}
_NUMBERS = ("score", "ceiled_score", "error", "ceiling")
_IDS = ("model_id", "model id", "id")
_BOARD_OTHER = ("rank", "model", "model id", "submitter", "filtered score", "filtered_score")


def read_score_table(path: Path | str) -> pd.DataFrame:
    """Read Brain-Score scores as a tidy table.

    Where two submissions have one name and the table has ids of models (``model_id``), each is
    called ``NAME (ID)``.

    Parameters
    ----------
    path : path
        ``brainscore_results.csv`` as the paper's code writes it (``model``,
        ``benchmark_region``, ``benchmark_id``, ``mapped_layer``, ``score``, ``error``,
        ``exp_group``), a table with the columns ``model``, ``benchmark`` and ``score`` (and
        ``region``, ``error``, ``ceiling``, ``layer`` where there are any; CSV, TSV or Parquet,
        perhaps compressed), or ``leaderboard.csv`` as Brain-Score's site exports it.

    Returns
    -------
    DataFrame
        ``model``, ``region``, ``benchmark``, ``score``, ``error``, ``ceiling``, ``layer``
        (NaN or empty where the file does not say), from the paper's ``group``, and further
        columns of a tidy table. Models without a score on a benchmark have no row.

    Raises
    ------
    HypError
        If the file is missing, of none of these layouts, names a model twice on a benchmark, or
        holds a score that is not a number.
    """
    path = Path(path)
    if not path.is_file():
        raise HypError(f"there is no file {path}.")
    if not is_table(path):
        raise HypError(f"{path} is no table; give {', '.join(TABLES)}.")
    table = read_table(path, lambda name: name.lower() in _NUMBERS, comment="#")
    lowered = {str(name).strip().lower(): str(name) for name in table.columns}
    if set(_PAPER_NEEDED) <= set(table.columns):
        tidy = _from_paper(table)
    elif all(set(names) & set(lowered) for names in _TIDY.values()):
        tidy = _from_tidy(table, lowered, path)
    elif "model" in lowered:
        tidy = _from_board(table, lowered, path)
    else:
        raise HypError(
            f"{path} has the columns {', '.join(map(str, table.columns))}; it is neither the "
            f"paper's brainscore_results.csv ({', '.join(_PAPER_NEEDED)}), nor a table with the "
            "columns model, benchmark and score, nor a leaderboard export."
        )
    for name in ("score", "error", "ceiling"):
        tidy[name] = _numbers(tidy[name], name, path)
    tidy = tidy.dropna(subset=["score"]).reset_index(drop=True)
    if tidy.empty:
        raise HypError(f"{path} holds no scores.")
    twice = tidy[tidy.duplicated(["model", "benchmark"])]
    if len(twice):
        row = twice.iloc[0]
        raise HypError(
            f"{path} scores {row['model']} on {row['benchmark']} more than once; tell submissions "
            "apart in a column model_id."
        )
    extra = [name for name in tidy.columns if name not in COLUMNS]
    return tidy[[*COLUMNS, *extra]]


def neural_mean(table: pd.DataFrame) -> pd.DataFrame:
    """Average a model's scores over V1, V2, V4 and IT, as the paper does.

    Benchmarks of one region are averaged first, so that each region counts once.

    Parameters
    ----------
    table : DataFrame
        As `read_score_table` returns it.

    Returns
    -------
    DataFrame
        ``model`` and ``score``, one row for each model that has all four regions.
    """
    regions = table[table["region"].isin(REGIONS)]
    each = regions.groupby(["model", "region"])["score"].mean().unstack()
    whole = each.reindex(columns=list(REGIONS)).dropna()
    return whole.mean(axis=1).rename("score").reset_index()


def _from_paper(table: pd.DataFrame) -> pd.DataFrame:
    tidy = table.rename(columns=_PAPER)
    for name in COLUMNS:
        if name not in tidy.columns:
            tidy[name] = "" if name == "layer" else None
    kept = [*COLUMNS, *(["group"] if "group" in tidy.columns else [])]
    return tidy[kept].assign(layer=tidy["layer"].fillna(""))


def _from_tidy(table: pd.DataFrame, lowered: dict[str, str], path: Path) -> pd.DataFrame:
    found = {
        next(lowered[one] for one in names if one in lowered): name for name, names in _TIDY.items()
    }
    tidy = table.rename(columns=found)
    for name in ("model", "benchmark"):
        tidy[name] = as_names(tidy[name], f"{name} of {path}").str.strip()
    tidy["model"] = _told_apart(tidy["model"], tidy)
    known = {str(name).lower(): name for name in tidy.columns}
    tidy = tidy.rename(columns={known[n]: n for n in COLUMNS if n in known and n not in tidy})
    derived = pd.Series([benchmark_region(str(name)) for name in tidy["benchmark"]], tidy.index)
    if "region" in tidy:
        derived = derived.where(derived != "", tidy["region"])
    tidy["region"] = derived
    for name in ("error", "ceiling"):
        tidy[name] = tidy.get(name)
    tidy["layer"] = tidy["layer"].fillna("") if "layer" in tidy else ""
    extra = [name for name in tidy.columns if name not in COLUMNS]
    return tidy.assign(**{name: as_number(tidy[name]) for name in extra})


def _told_apart(names: pd.Series, table: pd.DataFrame) -> pd.Series:
    """Add the id to names that several submissions have."""
    ids = next((column for column in table.columns if str(column).lower() in _IDS), None)
    if ids is None:
        return names
    several = table.groupby(names.rename("_name"))[ids].transform("nunique") > 1
    return names.where(~several, names.astype(str) + " (" + table[ids].astype(str) + ")")


def _from_board(table: pd.DataFrame, lowered: dict[str, str], path: Path) -> pd.DataFrame:
    columns = [name for name in table.columns if name.lower() not in _BOARD_OTHER]
    if not columns:
        raise HypError(f"{path} has no column of a benchmark.")
    table = table.rename(columns={lowered["model"]: "model"})
    table["model"] = as_names(table["model"], f"model of {path}").str.strip()
    table["model"] = _told_apart(table["model"], table)
    long = table.melt(
        id_vars=["model"], value_vars=columns, var_name="benchmark", value_name="score"
    )
    long["score"] = long["score"].replace({"X": None, "": None})
    long["benchmark"] = [re.sub(r"_v\d+$", "", str(name)) for name in long["benchmark"]]
    return long.assign(
        region=[benchmark_region(name) for name in long["benchmark"]],
        error=None,
        ceiling=None,
        layer="",
    )


def _numbers(values: pd.Series, name: str, path: Path) -> pd.Series:
    values = values.mask(values.isin(MISSING))
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = values[~np.isfinite(numbers) & values.notna()]
    if len(wrong):
        raise HypError(f"{path} has the {name} {str(wrong.iloc[0])!r}, which is no number.")
    return numbers.astype("float64")
