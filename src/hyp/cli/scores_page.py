"""What ``hyp test`` shows in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hyp.reports import wording
from hyp.reports.terminal import OUTCOME_COLOURS, outcome_text
from hyp.stats.table_verdict import TableComparison, TableVerdict

_ROWS = 40


def scores_page(judged: TableVerdict) -> RenderableType:
    """Show a judged table, 80 columns wide: the verdict, then why, then the numbers."""
    return Group(
        Panel(
            Group(*_verdict(judged)),
            title=outcome_text(judged.verdict),
            title_align="left",
            border_style=OUTCOME_COLOURS[judged.verdict.outcome],
            box=box.ROUNDED,
        ),
        *_list("What the scores show", judged.concluded or ("Nothing that passed the rule.",)),
        *_list("What they do not show", judged.not_concluded),
        *_list("What would settle it", judged.would_settle),
        Text(),
        _table(judged),
        *_list("How it was done", judged.notes),
    )


def _verdict(judged: TableVerdict) -> Iterator[Text]:
    yield Text(judged.verdict.sentence, style="bold")
    yield Text(wording.outcome_meaning(judged.verdict.outcome))
    for part in judged.verdict.parts:
        yield Text(f"{part.name}: ").append(outcome_text(part)).append(f". {part.sentence}")
    if judged.pooled_verdict is not None:
        pooled = Text("With folds pooled, nothing corrected: ", style="dim")
        yield pooled.append(outcome_text(judged.pooled_verdict))


def _list(heading: str, sentences: Sequence[str]) -> Iterator[RenderableType]:
    if sentences:
        yield Text(f"\n{heading}", style="bold")
        for sentence in sentences:
            grid = Table.grid(padding=(0, 1))
            grid.add_row("•", sentence)
            yield Padding(grid, (0, 0, 0, 1))


def _table(judged: TableVerdict) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("", no_wrap=True)
    headings = ["units", "difference", "95 % interval", "p", "Holm p"]
    headings.append("P(a>b)" if judged.margin is None else "equiv. p")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in judged.comparisons[:_ROWS]:
        table.add_row(*_cells(row, judged), style="bold" if row.significant else "")
    left = len(judged.comparisons) - _ROWS
    a, b = judged.groups
    table.caption = f"difference: {a} - {b}; * at most {judged.alpha:g} after Holm's correction" + (
        f"; {left} more comparisons are in --json" if left > 0 else ""
    )
    table.caption_justify = "left"
    return table


def _cells(row: TableComparison, judged: TableVerdict) -> list[str]:
    cells = [
        row.name if len(judged.comparisons) > 1 else "",
        f"{len(row.a)} v {len(row.b)}",
        wording.signed(row.difference),
        wording.interval(row.ci_low, row.ci_high, sign=True),
        wording.p_value(row.p),
        f"{wording.p_value(row.p_holm)} {'*' if row.significant else ' '}",
    ]
    if judged.margin is None:
        return [*cells, f"{row.ps:.2f}"]
    p = wording.p_value(row.p_equivalence_holm)
    return [*cells, f"{p} {'*' if row.equivalent else ' '}"]
