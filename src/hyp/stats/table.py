"""Anyone's table of scores in, a verdict out, with the guards of a declared hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from hyp.errors import HypError
from hyp.stats.arguments import Alternative
from hyp.stats.completeness import completed
from hyp.stats.conclusions import described
from hyp.stats.offered import Correction, Test
from hyp.stats.score_files import NOTES, read_score_file
from hyp.stats.score_text import Decimal
from hyp.stats.sensitivity import median_icc
from hyp.stats.table_comparisons import Question
from hyp.stats.table_judging import judged_table
from hyp.stats.table_roles import Missing, TableRoles, check_roles, long_form, tidied
from hyp.stats.table_verdict import TableVerdict
from hyp.stats.unit_audit import audit_units
from hyp.text import some

ROWS = "row"
"""The unit of a wide table in which each row is one."""


def judge_table(
    table: pd.DataFrame | str | Path,
    *,
    group: str | None = None,
    unit: str | None = None,
    fold: str | None = None,
    stimulus: str | None = None,
    family: Sequence[str] = (),
    separate: Sequence[str] = (),
    value: str = "score",
    between: Sequence[str] | str | None = None,
    wide: Mapping[str, Sequence[str]] | Sequence[str] = (),
    paired: str | None = None,
    unpaired: bool = False,
    missing: Missing = "error",
    decimal: Decimal | None = None,
    sheet: str | None = None,
    alternative: Alternative = "two-sided",
    lower_is_better: bool = False,
    margin: float | None = None,
    non_inferior: bool = False,
    bayes: bool = False,
    test: Test | None = None,
    correction: Correction = "holm",
    alpha: float = 0.05,
) -> TableVerdict:
    """Compare groups of units in a table of scores and say what can be concluded.

    Parameters
    ----------
    table : DataFrame or path
        One row a score (or see `wide`), or a file of them (`read_score_file`); columns that
        are not named are ignored.
    group : str
        Column with the groups. With three or more of them, all pairs are compared in one
        family, behind a test of whether they differ at all.
    unit : str
        Column with the independent unit, such as the seed of a network; ``"row"`` where
        each row of a wide table is one.
    fold : str, optional
        Column with what is nested in a unit (folds, checkpoints, stimuli); averaged.
    stimulus : str, optional
        Column with the stimuli that all units saw. Averaged like a fold for the verdict on
        these stimuli; beside it stands one that holds for new stimuli (`hyp.stats.stimuli`).
    family : sequence of str
        Columns that tell one comparison from another, such as the layer. All
        comparisons are corrected together.
    separate : sequence of str
        Columns that tell comparisons apart too, but split them into families that are
        corrected each on its own.
    value : str
        Column with the scores.
    between : str or sequence of str, optional
        The groups to compare, a first; one text ``"a,b"`` will do.
    wide : mapping of str to sequence of str, or sequence of str
        Columns (or patterns, ``layer*``) that hold a score each, under the name that they
        get as rows; without a name they are the groups.
    paired : str, optional
        Column whose label joins the groups: the same task, subject or seed in each. It is
        the unit.
    unpaired : bool
        Says that labels of `unit` that recur in several groups are different units; without
        `paired` or this, recurring labels are asked about.
    missing : {"error", "drop-fold", "drop-unit", "own-folds"}
        What happens where a unit lacks a score that others have: nothing is judged, the fold
        or the unit is left out, or each unit is taken to have folds of its own.
    decimal : {".", ","}, optional
        Decimal mark of scores that are text, where ``1,234`` could be either.
    sheet : str, optional
        Sheet of a workbook.
    alternative : {"two-sided", "greater", "less"}
        Direction of a against b that was declared before the data were seen.
    lower_is_better : bool
        Whether a low score is the good one (a loss, an error).
    margin : float, optional
        Smallest difference, in units of the score, that would matter. With it
        equivalence is tested, and the number of units that would settle the question
        is about this difference.
    non_inferior : bool
        Ask whether a is not worse than b by the margin, and nothing else.
    bayes : bool
        Add Bayes factors to the sensitivity checks.
    test : {"rank", "studentized", "brunner-munzel"}, optional
        See `hyp.stats.compare`.
    correction : {"holm", "max-t"}
        How a family is corrected; max-T, over permuted labels of whole units, finds more
        where comparisons share their units and go together.
    alpha : float
        Family-wise error rate.

    Returns
    -------
    TableVerdict
        ``verdict``, ``sentence``, ``sections`` (all sentences), ``rows`` (a DataFrame).

    Raises
    ------
    HypError
        Listing what is wrong with the table, or asking what it leaves open.

    Examples
    --------
    >>> table = pd.DataFrame({"objective": ["category"] * 5 + ["distance"] * 5,
    ...                       "seed": range(10),
    ...                       "score": [.51, .53, .52, .55, .54, .41, .43, .42, .45, .44]})
    >>> judged = judge_table(table, group="objective", unit="seed")
    >>> judged.verdict.prediction, round(judged.comparisons[0].p, 4)
    ('category > distance', 0.0079)
    """
    if not isinstance(table, pd.DataFrame):
        table = read_score_file(Path(table), sheet=sheet)
    told = list(table.attrs.get(NOTES, ()))
    group, columns = _wide(group, wide)
    unit = _unit(unit, paired)
    if group is None or unit is None:
        raise HypError(_unnamed(group, unit, table))
    if unit == ROWS and ROWS not in table.columns and columns:
        table = table.assign(**{ROWS: range(len(table))})
    rows, notes = long_form(table, columns, value)
    roles = TableRoles(
        group=group,
        unit=unit,
        fold=fold,
        stimulus=stimulus,
        separate=tuple(separate),
        family=tuple(family),
        value=value,
        between=() if between is None else (between,) if isinstance(between, str) else between,
        paired=paired is not None,
        unpaired=unpaired,
        missing=missing,
        decimal=decimal,
    )
    question = Question(
        alternative=alternative,
        lower_is_better=lower_is_better,
        margin=margin,
        non_inferior=non_inferior,
        bayes=bayes,
        test=test,
        correction=correction,
        alpha=alpha,
    )
    check_roles(rows, roles)
    question.check(ordered=between is not None)
    tidy, groups, read = tidied(rows, roles)
    question.check_margin(tidy["score"])
    tidy, left_out = completed(tidy, groups, roles)
    checks, odd = audit_units(tidy, rows, groups, roles)
    judged = judged_table(tidy, groups, roles, question, checks)
    return described(
        judged,
        icc=median_icc(tidy, list(roles.keys)) if judged.folds > 1 else None,
        told=[*told, *notes, *read, *left_out, *odd],
    )


def _wide(
    group: str | None, wide: Mapping[str, Sequence[str]] | Sequence[str]
) -> tuple[str | None, dict[str, Sequence[str]]]:
    columns: dict[str, Sequence[str]] = {}
    if isinstance(wide, Mapping):
        columns.update(wide)
    elif wide:
        columns["group"] = tuple(wide)
    if group is None and "group" in columns:
        group = "group"
    return group, columns


def _unit(unit: str | None, paired: str | None) -> str | None:
    if paired is not None and unit not in (None, paired):
        raise HypError(
            f"in a paired design the unit is what is paired ({paired!r}); leave --unit away, and "
            f"name {unit!r} as the fold if it is nested in it."
        )
    return unit if paired is None else paired


def _unnamed(group: str | None, unit: str | None, table: pd.DataFrame) -> str:
    """Ask for the columns that nothing can be compared without, all at once."""
    asked = []
    if group is None:
        asked.append(
            "name the column with the groups (--group COLUMN), or, where each group has a column "
            "of its own, these columns (--wide A,B)"
        )
    if unit is None:
        asked.append(
            "name the column with the independent unit (--unit COLUMN, such as the seed), or the "
            "column whose labels join the groups (--paired COLUMN, such as the task); in a wide "
            "table whose rows are the units say --unit row"
        )
    columns = some([str(column) for column in table.columns], 20)
    return f"{'; and '.join(asked)}. The table has the columns {columns}."
