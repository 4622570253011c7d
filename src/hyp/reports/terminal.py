"""A result for the terminal: the verdict, and the rows of every question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hyp.hypotheses.result import EqualLoss, Result, Row, Snapshot
from hyp.reports import wording
from hyp.reports.answers import (
    agreement,
    alternative_words,
    equal_loss_words,
    in_order,
    label_of,
    other_comparison,
    place,
    qualification,
    turned,
)
from hyp.stats.verdict import Verdict
from hyp.text import printable

MOST_ROWS = 12
_MOST_REASONS = 4
_MOST_LEFT_OUT = 3


def text(words: str, style: str = "") -> Text:
    """Return words as they are: no markup, and nothing that steers the terminal."""
    return Text(printable(words), style=style)


def outcome_text(verdict: Verdict, qualified: str = "") -> Text:
    """Name the outcome with its sign and colour."""
    outcome = wording.OUTCOMES[verdict.outcome]
    shown = text(f"{outcome.sign} {wording.verdict_words(verdict)}", f"bold {outcome.colour}")
    return shown.append_text(text(f" ({qualified})", "not bold")) if qualified else shown


def result_panel(result: Result) -> RenderableType:
    """Show a result in the terminal: the verdict, then the rows of every question.

    It fits 80 columns; colour is never the only sign. Of a question at most `MOST_ROWS` rows
    are shown, the significant ones first.
    """
    questions: dict[str, list[Row]] = {}
    for row in in_order(result.rows):
        questions.setdefault(label_of(row), []).append(row)
    equal_loss = {
        label_of(row): one for row in result.rows for one in result.equal_loss if _same(one, row)
    }
    declared = dict.fromkeys(map(label_of, result.rows))
    return Group(
        Panel(
            Group(*_verdict(result)),
            title=outcome_text(result.verdict, qualification(result)),
            title_align="left",
            border_style=wording.OUTCOMES[result.verdict.outcome].colour,
            box=box.ROUNDED,
        ),
        *(
            block
            for label in declared
            for block in (
                *_question(label, questions[label]),
                *_equal_loss(equal_loss.get(label), result.snapshots),
            )
        ),
        *_foot(result),
    )


def _verdict(result: Result) -> Iterator[Text]:
    verdict = result.verdict
    yield text(verdict.sentence, "bold")
    yield text(wording.OUTCOMES[verdict.outcome].meaning)
    yield text(agreement(result), "bold" if result.agrees is False else "")
    for reason in verdict.reasons[:_MOST_REASONS]:
        yield text(f"• {reason}")
    if len(verdict.reasons) > _MOST_REASONS:
        yield text(f"• and {len(verdict.reasons) - _MOST_REASONS} more, see the report")
    failed: dict[tuple[str, str], list[str]] = {}
    for check in result.checks:
        if not check.passed and check.sentence not in verdict.reasons:
            failed.setdefault((check.name, check.sentence), []).append(wording.plain(check.part))
    for (name, sentence), parts in failed.items():
        where = f" ({', '.join(parts)})" if all(parts) else ""
        yield text(f"✗ Check failed: {name}{where}. {sentence}", "red")
    for part in verdict.parts:
        line = text(f"{wording.plain(part.name)}: ").append_text(outcome_text(part))
        same = part.sentence == verdict.sentence
        yield line if same else line.append_text(text(f". {part.sentence}"))
    for warning in result.warnings:
        yield text(f"! {warning}", "yellow")
    yield from _left_out(result)
    if result.other_verdict is not None:
        other = text(f"{other_comparison(result)}: ", "dim")
        yield other.append_text(outcome_text(result.other_verdict))
    if result.published_verdict is not None and result.rows:
        published = text("Under the published protocol: ", "dim")
        yield published.append_text(outcome_text(result.published_verdict))


def _left_out(result: Result) -> Iterator[Text]:
    if result.left_out:
        names = list(result.left_out)
        more = len(names) - _MOST_LEFT_OUT
        told = ", ".join(names[:_MOST_LEFT_OUT]) + (f" and {more} more" if more > 0 else "")
        yield text(f"Declared but not asked under this profile: {told}; the report says why.")


def _question(label: str, rows: Sequence[Row]) -> Iterator[RenderableType]:
    heading = text(f"\n{wording.plain(label)}", "bold")
    if not rows[0].confirmatory:
        heading.append_text(text(" (secondary)", "not bold dim"))
    if any(row.alternative != "two-sided" for row in rows):
        heading.append_text(text(f", {alternative_words(rows)}", "not bold"))
    yield heading
    compared = any(row.b for row in rows)
    if compared:
        others = " or ".join(dict.fromkeys(row.b for row in rows))
        yield text(f"a: {rows[0].a}; b: {others}", "dim")
    else:
        yield text(rows[0].a, "dim")
    yield _table(rows, compared)
    hidden = len(rows) - MOST_ROWS
    if hidden > 0:
        yield text(f"{hidden} more rows are in the report.", "dim")


def _equal_loss(one: EqualLoss | None, snapshots: Sequence[Snapshot]) -> Iterator[RenderableType]:
    if one is None:
        return
    yield text("At equal held-out loss", "bold")
    yield text(equal_loss_words(one), "dim")
    if one.rows:
        yield _table(one.rows, compared=True)
    yield text(turned([snapshot for snapshot in snapshots if _same(one, snapshot)]), "dim")


def _same(one: EqualLoss, other: Row | Snapshot) -> bool:
    return (one.question, one.objective) == (other.question, other.objective)


def _table(rows: Sequence[Row], compared: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("", overflow="fold")
    margin = any(row.p_not_lower is not None for row in rows)
    pooled = any(row.p_pooled is not None for row in rows) and not margin
    headings = ["a", "b", "a − b"] if compared else ["r"]
    headings += ["95 %", "Holm p"] + (["pooled p"] if pooled else [])
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    if margin:
        table.add_column("not lower", no_wrap=True)
    measured = ""
    layered = len({row.layer for row in rows}) > 1 and place(rows[0]) != wording.layer_words(
        rows[0].layer
    )
    for row in _first(rows):
        if layered and row.measured != measured:
            measured = row.measured
            table.add_row(text(wording.measured_words(measured), "italic"))
        means = [wording.score(row.mean_a), wording.score(row.mean_b)] if compared else []
        cells = [
            f"  {wording.layer_words(row.layer)}" if layered else place(row),
            *means,
            wording.signed(row.difference),
            wording.interval(row.ci_low, row.ci_high, sign=True),
            f"{wording.p_value(row.p_corrected)} {'*' if row.significant else ' '}",
        ]
        if pooled:
            cells.append(wording.p_value(row.p_pooled))
        if margin:
            cells.append("yes" if row.not_lower else "open")
        table.add_row(*map(text, cells), style="bold" if row.significant else "")
    return table


def _first(rows: Sequence[Row]) -> list[Row]:
    """Return the rows to show in their order: the significant ones, then the first others."""
    if len(rows) <= MOST_ROWS:
        return list(rows)
    kept = sorted(range(len(rows)), key=lambda index: (not rows[index].significant, index))
    return [rows[index] for index in sorted(kept[:MOST_ROWS])]


def _foot(result: Result) -> Iterator[Text]:
    if not result.rows:
        return
    told = "* significant after Holm's correction within its family"
    if result.margin is not None:
        told += f"; not lower: by the margin of {result.margin:g}"
    if any(row.p_pooled is not None for row in result.rows):
        told += "; pooled p is the published protocol's"
    yield text(told, "dim")
    smallest = min(row.p_attainable for row in result.rows)
    yield text(f"Smallest p that a row could reach: {wording.p_value(smallest)}", "dim")
