"""A scaling study: a table of scores, and along which of its columns scores are to grow.

It is declared in TOML; ``studies/primate-vvs.toml`` is the one that comes with hyp.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import as_file, files
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hyp.errors import HypError, first_problem, reading
from hyp.stats.scaling import compare_scaling
from hyp.stats.scaling_axes import AxesComparison, AxisTerm, Floats, compare_axes
from hyp.stats.scaling_results import ScalingComparison, ScalingFit
from hyp.tables import as_number, read_table

if TYPE_CHECKING:
    import pandas as pd

SHIPPED = ("primate-vvs",)
"""Studies that come with hyp."""

_TIE = 2.0
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")

Outcome = Literal[
    "rises", "rises and levels off", "falls", "falls and levels off", "no change", "undecided"
]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Analysis(_Declared):
    """One question: along which one or two columns, for which rows.

    Attributes
    ----------
    name : str
        What the report calls it.
    axes : tuple of str
        One column of sizes, or two.
    where : dict of str to tuple of str
        Values of columns that are kept; ``*`` and ``?`` match as in file names.
    """

    name: str
    axes: tuple[str, ...] = Field(min_length=1, max_length=2)
    where: dict[str, tuple[str, ...]] = {}


class ScalingStudy(_Declared):
    """A declared scaling study.

    Attributes
    ----------
    title, source, claim : str
        What is asked, where the table is from, and what was published.
    table : str
        CSV, TSV or Parquet, one row a score, beside the declaration.
    score, seed : str
        Columns of the scores and of what tells repeats of one size apart.
    by : str
        Column whose values are looked at one by one, such as the region; empty for none.
    mean : tuple of str
        Values of `by` whose mean is looked at too, where a network has all of them.
    where : dict of str to tuple of str
        As of every analysis.
    units : dict of str to str
        Words for the axes.
    analyses : tuple of Analysis
        The questions, one or more.
    """

    title: str
    source: str = ""
    claim: str = ""
    table: str
    score: str = "score"
    seed: str = "seed"
    by: str = ""
    mean: tuple[str, ...] = ()
    where: dict[str, tuple[str, ...]] = {}
    units: dict[str, str] = {}
    analyses: tuple[Analysis, ...] = Field(min_length=1)


@dataclass(frozen=True)
class ScalingFinding:
    """What one analysis found of one measure.

    Attributes
    ----------
    analysis : str
    measured : str
        Value of the column `by`, or what the mean is of; empty where there is no such column.
    axes : tuple of str
        In words.
    sizes : ndarray of shape (rows, axes)
    scores : ndarray of shape (rows,)
    compared : ScalingComparison or AxesComparison
        By one axis, or two.
    outcomes : tuple of str
        What the score does with each axis: ``levels off`` is said of laws with a plateau, and
        ``undecided`` where laws that say otherwise are within two units of AICc.
    """

    analysis: str
    measured: str
    axes: tuple[str, ...]
    sizes: Floats
    scores: Floats
    compared: ScalingComparison | AxesComparison
    outcomes: tuple[Outcome, ...]


def run_study(which: str | Path) -> tuple[ScalingStudy, list[ScalingFinding]]:
    """Read a study and its table, and fit the laws.

    Parameters
    ----------
    which : str or Path
        One of `SHIPPED`, or a TOML file.

    Raises
    ------
    HypError
        If there is no such study, it or its table is damaged, columns or rows are missing, or
        the laws cannot be fitted (`compare_scaling`, `compare_axes`).
    """
    path = Path(which)
    if path.suffix == ".toml":
        return _run(path)
    if str(which) not in SHIPPED:
        raise HypError(
            f"there is no study {str(which)!r}; use {', '.join(SHIPPED)}, or a TOML file."
        )
    with as_file(files("hyp.stats.studies")) as folder:
        return _run(folder / f"{which}.toml")


def _run(path: Path) -> tuple[ScalingStudy, list[ScalingFinding]]:
    study = _read(path)
    table = read_table(path.parent / study.table, lambda name: False)
    wanted = {study.score, study.seed, *study.where, *([study.by] if study.by else [])}
    for analysis in study.analyses:
        wanted |= {*analysis.axes, *analysis.where}
    missing = sorted(wanted.difference(map(str, table.columns)))
    if missing:
        raise HypError(
            f"{study.table} has no column {' and no '.join(missing)}; it has "
            f"{', '.join(map(str, table.columns))}."
        )
    found = []
    for analysis in study.analyses:
        rows = _kept(table, {**study.where, **analysis.where}, analysis.name)
        for measured, part in _measures(study, analysis, rows):
            found.append(_finding(study, analysis, measured, part))
    return study, found


def _read(path: Path) -> ScalingStudy:
    if not path.exists():
        raise HypError(f"there is no study at {path}; check the path.")
    with reading(path, "mend it"):
        text = path.read_text(encoding="utf-8")
    try:
        return ScalingStudy.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise HypError(f"{path} is no TOML: {error}.") from error
    except ValidationError as error:
        raise HypError(f"{path} declares no scaling study: {first_problem(error)}.") from error


def _kept(table: pd.DataFrame, where: dict[str, tuple[str, ...]], name: str) -> pd.DataFrame:
    kept = np.ones(len(table), dtype=bool)
    for column, patterns in where.items():
        values = table[column].astype(str)
        matched = {one: any(fnmatchcase(one, p) for p in patterns) for one in values.unique()}
        kept &= values.map(matched).to_numpy(dtype=bool)
    if not kept.any():
        raise HypError(f"no row of the table is left for {name!r}; check what it keeps (where).")
    return table[kept]


def _measures(
    study: ScalingStudy, analysis: Analysis, rows: pd.DataFrame
) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of every measure, with numbers in place of text, the mean first."""
    rows = rows.assign(**{name: as_number(rows[name]) for name in (study.score, *analysis.axes)})
    empty = [name for name in (study.score, *analysis.axes) if rows[name].isna().any()]
    if empty:
        raise HypError(
            f"{int(rows[empty[0]].isna().sum())} of the {len(rows)} rows for {analysis.name!r} "
            f"lack {empty[0]}; leave them out (where), or fill them in."
        )
    for name in (study.score, *analysis.axes):
        if rows[name].dtype.kind not in "biuf":
            wrong = next(cell for cell in rows[name].astype(str) if not _NUMBER.fullmatch(cell))
            raise HypError(f"{name} {wrong!r} is no number; write it with digits and a point.")
    if not study.by:
        return [("", rows)]
    values = list(dict.fromkeys(rows[study.by].astype(str)))
    parts = [(value, rows[rows[study.by].astype(str) == value]) for value in values]
    unknown = [value for value in study.mean if value not in values]
    if unknown:
        raise HypError(
            f"the mean is to be over {unknown[0]}, but {study.by} is {', '.join(values)}."
        )
    if study.mean:
        inside = rows[rows[study.by].astype(str).isin(study.mean)]
        keys = [name for name in rows.columns if not _differs(inside, str(name), study)]
        groups = inside.groupby([*keys], dropna=False, sort=False)[study.score]
        if not (groups.size() == len(study.mean)).all():
            raise HypError(
                f"not every network for {analysis.name!r} has one score for each of "
                f"{', '.join(study.mean)}, so they cannot be averaged."
            )
        parts.insert(0, (f"mean of {', '.join(study.mean)}", groups.mean().reset_index()))
    return parts


def _differs(rows: pd.DataFrame, column: str, study: ScalingStudy) -> bool:
    """Say whether a column is about the measure (score, region, benchmark), not the network."""
    if column in (study.score, study.by):
        return True
    by_measure = rows.groupby(study.by)[column].nunique(dropna=False)
    return bool((by_measure == 1).all() and rows[column].nunique(dropna=False) == len(by_measure))


def _finding(
    study: ScalingStudy, analysis: Analysis, measured: str, rows: pd.DataFrame
) -> ScalingFinding:
    words = tuple(study.units.get(axis, axis) for axis in analysis.axes)
    sizes = rows[list(analysis.axes)].to_numpy(dtype=float)
    scores, seeds = rows[study.score].to_numpy(dtype=float), rows[study.seed].astype(str).to_numpy()
    compared: ScalingComparison | AxesComparison
    try:
        if len(words) == 1:
            compared = compare_scaling(sizes[:, 0], scores, seeds, unit=words[0])
        else:
            compared = compare_axes(sizes, scores, seeds, words)
    except HypError as error:
        raise HypError(f"{analysis.name}, {measured or study.score}: {error}") from error
    return ScalingFinding(
        analysis=analysis.name,
        measured=measured,
        axes=words,
        sizes=sizes,
        scores=scores,
        compared=compared,
        outcomes=_outcomes(compared),
    )


def _outcomes(compared: ScalingComparison | AxesComparison) -> tuple[Outcome, ...]:
    """Say for every axis what all laws within two units of AICc agree on."""
    among: list[set[Outcome]]
    if isinstance(compared, ScalingComparison):
        pairs = zip(compared.fits, compared.differences, strict=True)
        among = [{_of_curve(fit) for fit, difference in pairs if difference < _TIE}]
    else:
        among = [{_of_term(fit.terms[axis]) for fit in compared.tied} for axis in range(2)]
    return tuple(said.pop() if len(said) == 1 else "undecided" for said in among)


def _of_curve(fit: ScalingFit) -> Outcome:
    if fit.law == "log-linear":
        if fit.slope_low <= 0 <= fit.slope_high:
            return "no change"
        return "rises" if fit.slope > 0 else "falls"
    if not isfinite(fit.plateau):
        return "rises" if fit.plateau > 0 else "falls"
    return "rises and levels off" if fit.plateau > fit.start else "falls and levels off"


def _of_term(term: AxisTerm) -> Outcome:
    if term.form == "none" or term.gain_low <= 0 <= term.gain_high:
        return "no change"
    if term.form == "log-linear":
        return "rises" if term.gain > 0 else "falls"
    return "rises and levels off" if term.gain > 0 else "falls and levels off"
