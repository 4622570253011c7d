"""Scores that somebody has already, as one tidy table.

Two layouts are read: ``brainscore_results.csv`` of the paper's code (one row a model and
benchmark) and the export of Brain-Score's leaderboard (one row a model, one column a
benchmark, after two lines of comment).
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from hyp.errors import HypError
from hyp.metrics.brainscore.identifiers import REGIONS, benchmark_region

COLUMNS = ("model", "region", "benchmark", "score", "error", "ceiling", "layer")
NEURAL_MEAN = "neural_mean"
_PAPER = {
    "benchmark_region": "region",
    "benchmark_id": "benchmark",
    "mapped_layer": "layer",
    "exp_group": "group",
}
_PAPER_NEEDED = ("model", "benchmark_region", "benchmark_id", "score")
_BOARD_OTHER = ("rank", "model", "model id", "submitter", "filtered score", "filtered_score")


def read_score_table(path: Path | str) -> pd.DataFrame:
    """Read a CSV of Brain-Score scores as a tidy table.

    Parameters
    ----------
    path : path
        ``brainscore_results.csv`` as the paper's code writes it (``model``,
        ``benchmark_region``, ``benchmark_id``, ``mapped_layer``, ``score``, ``error``,
        ``exp_group``), or ``leaderboard.csv`` as Brain-Score's site exports it.

    Returns
    -------
    DataFrame
        ``model``, ``region``, ``benchmark``, ``score``, ``error``, ``ceiling``, ``layer``
        (NaN or empty where the file does not say) and, from the paper's, ``group``. Models
        without a score on a benchmark have no row.

    Raises
    ------
    HypError
        If the file is missing, of neither layout, names a model twice on a benchmark, or
        holds a score that is not a number.
    """
    path = Path(path)
    if not path.is_file():
        raise HypError(f"there is no file {path}.")
    try:
        table = pd.read_csv(path, comment="#", dtype=str, skip_blank_lines=True)
    except (OSError, ValueError) as error:
        raise HypError(f"{path} cannot be read as CSV: {error}") from error
    table.columns = [str(name).strip() for name in table.columns]
    if set(_PAPER_NEEDED) <= set(table.columns):
        tidy = _from_paper(table)
    elif "model" in {name.lower() for name in table.columns}:
        tidy = _from_board(table, path)
    else:
        raise HypError(
            f"{path} has the columns {', '.join(table.columns)}; it is neither the paper's "
            f"brainscore_results.csv ({', '.join(_PAPER_NEEDED)}) nor a leaderboard export."
        )
    for name in ("score", "error", "ceiling"):
        tidy[name] = _numbers(tidy[name], name, path)
    tidy = tidy.dropna(subset=["score"]).reset_index(drop=True)
    if tidy.empty:
        raise HypError(f"{path} holds no scores.")
    twice = tidy[tidy.duplicated(["model", "benchmark"])]
    if len(twice):
        row = twice.iloc[0]
        raise HypError(f"{path} scores {row['model']} on {row['benchmark']} more than once.")
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


def _from_board(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    by_lower = {name.lower(): name for name in table.columns}
    columns = [name for name in table.columns if name.lower() not in _BOARD_OTHER]
    if not columns:
        raise HypError(f"{path} has no column of a benchmark.")
    long = table.rename(columns={by_lower["model"]: "model"}).melt(
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
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = values[numbers.isna() & values.notna()]
    if len(wrong):
        raise HypError(f"{path} has the {name} {wrong.iloc[0]!r}, which is no number.")
    return numbers.astype("float64")
