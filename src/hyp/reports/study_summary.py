"""A study's verdict for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hyp.hypotheses.studies.result import Row, StudyResult
from hyp.reports import words
from hyp.reports.study_words import agreement, in_order, place
from hyp.reports.summary import OUTCOME_COLOURS, outcome_text

MOST_ROWS = 12
_MOST_REASONS = 4


def study_panel(result: StudyResult) -> RenderableType:
    """Show a study in the terminal: the verdict, then the rows of every question.

    It fits 80 columns; colour is never the only sign. Of a question at most `MOST_ROWS` rows
    are shown, the significant ones first.
    """
    rows = in_order(result.rows)
    questions = dict.fromkeys(row.question for row in result.rows)
    return Group(
        Panel(
            Group(*_verdict(result)),
            title=outcome_text(result.verdict),
            title_align="left",
            border_style=OUTCOME_COLOURS.get(result.verdict.outcome, "cyan"),
            box=box.ROUNDED,
        ),
        *(
            block
            for question in questions
            for block in _question([row for row in rows if row.question == question])
        ),
        *_foot(result),
    )


def _verdict(result: StudyResult) -> Iterator[Text]:
    verdict = result.verdict
    yield Text(verdict.sentence, style="bold")
    yield Text(words.outcome_meaning(verdict.outcome))
    yield Text(agreement(result), style="bold" if result.agrees is False else "")
    for reason in verdict.reasons[:_MOST_REASONS]:
        yield Text(f"• {reason}")
    if len(verdict.reasons) > _MOST_REASONS:
        yield Text(f"• and {len(verdict.reasons) - _MOST_REASONS} more, see the report")
    for check in result.checks:
        if not check.passed and check.sentence not in verdict.reasons:
            yield Text(f"✗ Check failed: {check.name}. {check.sentence}", style="red")
    for part in verdict.parts:
        yield (
            Text(f"{words.plain(part.name)}: ")
            .append(outcome_text(part))
            .append(f". {part.sentence}")
        )
    for warning in result.warnings:
        yield Text(f"! {warning}", style="yellow")


def _question(rows: Sequence[Row]) -> Iterator[RenderableType]:
    heading = Text(f"\n{words.plain(rows[0].question)}", style="bold")
    beside = rows[0].family == "beside"
    yield heading.append(" (beside the verdict)", style="not bold dim") if beside else heading
    compared = [row for row in rows if row.b]
    if compared:
        others = " or ".join(dict.fromkeys(row.b for row in compared))
        yield Text(f"a: {rows[0].a}; b: {others}", style="dim")
    else:
        yield Text(rows[0].a, style="dim")
    yield _table(rows, bool(compared))
    hidden = len(rows) - MOST_ROWS
    if hidden > 0:
        yield Text(f"{hidden} more rows are in the report.", style="dim")


def _table(rows: Sequence[Row], compared: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("", overflow="fold")
    headings = ["a", "b", "a − b"] if compared else ["r"]
    for heading in (*headings, "95 %", "Holm p"):
        table.add_column(heading, justify="right", no_wrap=True)
    margin = any(row.p_not_lower is not None for row in rows)
    if margin:
        table.add_column("not lower", no_wrap=True)
    for row in _first(rows):
        means = [words.score(row.mean_a), words.score(row.mean_b)] if compared else []
        cells: list[str | Text] = [
            Text(place(row)),
            *means,
            words.signed(row.difference),
            Text(words.interval(row.ci_low, row.ci_high, sign=True)),
            f"{words.p_value(row.p_holm)} {'*' if row.significant else ' '}",
        ]
        if margin:
            cells.append("yes" if row.not_lower else "open")
        table.add_row(*cells, style="bold" if row.significant else "")
    return table


def _first(rows: Sequence[Row]) -> list[Row]:
    """Return the rows to show in their order: the significant ones, then the first others."""
    if len(rows) <= MOST_ROWS:
        return list(rows)
    kept = sorted(range(len(rows)), key=lambda index: (not rows[index].significant, index))
    return [rows[index] for index in sorted(kept[:MOST_ROWS])]


def _foot(result: StudyResult) -> Iterator[Text]:
    if not result.rows:
        return
    told = "* significant after Holm's correction over all rows"
    if result.margin is not None:
        told += f"; not lower: by the margin of {result.margin:g}"
    yield Text(told, style="dim")
    smallest = min(row.p_attainable for row in result.rows)
    yield Text(f"Smallest p that a row could reach: {words.p_value(smallest)}", style="dim")
