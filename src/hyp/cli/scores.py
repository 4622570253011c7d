"""``hyp test``: a table of scores in, a verdict out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hyp.cli.options import here


class Direction(StrEnum):
    """Which differences were asked about before the data were seen."""

    TWO_SIDED = "two-sided"
    GREATER = "greater"
    LESS = "less"


def judge_scores(
    scores: Annotated[
        Path, typer.Argument(help="CSV, TSV, Parquet, NetCDF or Zarr.", callback=here)
    ],
    group: Annotated[str, typer.Option(help="Column with the two groups.")],
    unit: Annotated[str, typer.Option(help="Column with the independent unit: the seed.")],
    fold: Annotated[
        str | None, typer.Option(help="Column with what is nested in a unit; averaged.")
    ] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(help="Column that tells comparisons apart, corrected together. Repeatable."),
    ] = None,
    separate: Annotated[
        list[str] | None,
        typer.Option(help="Column whose values are families of their own. Repeatable."),
    ] = None,
    value: Annotated[str, typer.Option(help="Column with the scores.")] = "score",
    between: Annotated[
        str | None, typer.Option(metavar="A,B", help="The groups, if there are more than two.")
    ] = None,
    direction: Annotated[
        Direction, typer.Option(help="Of A against B, declared before the data were seen.")
    ] = Direction.TWO_SIDED,
    margin: Annotated[
        float | None, typer.Option(help="Smallest difference in scores that would matter.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Family-wise error rate.")] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write a report there: one HTML file.", callback=here)
    ] = None,
) -> None:
    """Compare two groups in a table of scores: what can be concluded, and what cannot."""
    from hyp.cli.scores_page import scores_page
    from hyp.cli.terminal import console
    from hyp.stats.score_files import read_score_file
    from hyp.stats.table import judge_table

    judged = judge_table(
        read_score_file(scores),
        group=group,
        unit=unit,
        fold=fold,
        family=family or (),
        separate=separate or (),
        value=value,
        between=None if between is None else _pair(between),
        alternative=direction.value,
        margin=margin,
        alpha=alpha,
    )
    if out is not None:
        from hyp.reports.scores_report import write_scores_report

        write_scores_report(judged, out, title=scores.name)
    if as_json:
        typer.echo(judged.model_dump_json(indent=1))
        return
    console().print(scores_page(judged))
    if out is not None:
        console().print(f"report: {out}", soft_wrap=True)


def _pair(text: str) -> tuple[str, str]:
    from hyp.errors import HypError

    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names):
        raise HypError(f"--between {text!r} is not two groups, A,B.")
    return names[0], names[1]
