"""``hyp test``: a table of scores in, a verdict out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from hyp.cli.exits import verdict_status
from hyp.cli.options import Figures, check_out, here
from hyp.errors import HypError
from hyp.stats.offered import Correction, Test


def judge_scores(
    scores: Annotated[
        Path,
        typer.Argument(
            help="CSV, TSV, JSON lines (also compressed), Excel, Parquet, NetCDF or Zarr.",
            callback=here,
        ),
    ],
    group: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column with the groups to compare.")
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column with the independent unit: the seed. 'row' if each row of a wide table "
            "is one.",
        ),
    ] = None,
    paired: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Instead of --unit: column whose labels join the groups (the same task, subject "
            "or stimulus in each).",
        ),
    ] = None,
    unpaired: Annotated[
        bool,
        typer.Option(
            "--unpaired", help="The same unit label in two groups means two different units."
        ),
    ] = False,
    fold: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column with what is nested in a unit; averaged."),
    ] = None,
    stimulus: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column with the stimuli that all units saw: adds a verdict for new stimuli.",
        ),
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Column that tells comparisons apart (the layer), corrected together. Repeatable.",
        ),
    ] = None,
    separate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="Column whose values are families of their own. Repeatable."
        ),
    ] = None,
    value: Annotated[str, typer.Option(metavar="COLUMN", help="Column with the scores.")] = "score",
    lower_is_better: Annotated[
        bool, typer.Option("--lower-is-better", help="The scores are losses or errors.")
    ] = False,
    wide: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B or NAME=A,B",
            help="Columns that hold one score each, as in a spreadsheet: the groups, or what NAME "
            "says (layer=conv1,conv2). Repeatable; patterns (layer*) will do.",
        ),
    ] = None,
    between: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B",
            help="The groups to compare, in this order, or --between A --between B; default: all.",
        ),
    ] = None,
    direction: Annotated[
        Literal["two-sided", "greater", "less"],
        typer.Option(help="Of A's scores against B's, declared before the data were seen."),
    ] = "two-sided",
    margin: Annotated[
        float | None,
        typer.Option(help="Smallest difference in scores that would matter; tests equivalence."),
    ] = None,
    non_inferior: Annotated[
        bool,
        typer.Option("--non-inferior", help="Ask only if A is not worse than B by the margin."),
    ] = False,
    test: Annotated[
        Test | None,
        typer.Option(
            help="rank: exact Mann-Whitney (pairs: signed-rank); the others allow for unequal "
            "spreads of groups of about equal size. Default: rank; studentized under max-t."
        ),
    ] = None,
    correction: Annotated[
        Correction,
        typer.Option(
            help="Of a family: holm, or max-t, which finds more where its comparisons are made on "
            "the same units."
        ),
    ] = "holm",
    alpha: Annotated[float, typer.Option(help="Family-wise error rate.")] = 0.05,
    missing: Annotated[
        Literal["error", "drop-fold", "drop-unit", "own-folds"],
        typer.Option(
            help="Where a unit lacks a score: stop, leave the fold or the unit out, or take it "
            "that each unit has folds of its own."
        ),
    ] = "error",
    decimal: Annotated[
        Literal[".", ","] | None, typer.Option(help="Decimal mark, where 1,234 could be either.")
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook.")] = None,
    bayes: Annotated[
        bool, typer.Option("--bayes", help="Add Bayes factors to the sensitivity checks.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write a report there: one HTML file.", callback=here)
    ] = None,
    figures: Figures = None,
) -> None:
    """Compare groups in a table of scores: what can be concluded, and what cannot.

    \b
    One row per score (networks are only numbered by their seeds):
      hyp test scores.csv --group objective --unit seed --unpaired --fold fold
    Losses:
      hyp test runs.csv --group model --unit run --value loss --lower-is-better
    The same tasks given to both models:
      hyp test tasks.csv --group model --paired task
    A spreadsheet with a column for each group:
      hyp test sheet.xlsx --wide resnet,vit --paired subject
    """  # noqa: D301
    from hyp.cli.scores_page import scores_page
    from hyp.cli.terminal import console
    from hyp.stats.table import judge_table

    check_out(out, figures)
    judged = judge_table(
        scores,
        group=group,
        unit=unit,
        fold=fold,
        stimulus=stimulus,
        family=family or (),
        separate=separate or (),
        value=value,
        between=between,
        wide=_wide_columns(wide or ()),
        paired=paired,
        unpaired=unpaired,
        missing=missing,
        decimal=decimal,
        sheet=sheet,
        alternative=direction,
        lower_is_better=lower_is_better,
        margin=margin,
        non_inferior=non_inferior,
        bayes=bayes,
        test=test,
        correction=correction,
        alpha=alpha,
    )
    if out is not None:
        from hyp.reports.scores_report import write_scores_report

        write_scores_report(judged, out, title=scores.name, figures=figures)
    if as_json:
        typer.echo(judged.model_dump_json(indent=1))
    else:
        console().print(scores_page(judged))
        if out is not None:
            console().print(f"report: {out}", soft_wrap=True)
    raise typer.Exit(verdict_status([judged.verdict.outcome]))


def _wide_columns(texts: Sequence[str]) -> dict[str, list[str]] | list[str]:
    """Read ``A,B`` and ``NAME=A,B``; columns given twice with one name are joined."""
    named: dict[str, list[str]] = {}
    for text in texts:
        name, equals, columns = text.rpartition("=")
        named.setdefault(name if equals else "", []).extend(
            one.strip() for one in columns.split(",") if one.strip()
        )
    if "" in named and len(named) > 1:
        raise HypError("--wide names its columns with NAME=... or does not; it cannot do both.")
    return named.get("", named)
