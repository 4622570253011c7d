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
from hyp.reports.terminal import outcome_text
from hyp.reports.wording import OUTCOMES
from hyp.stats.table_verdict import TableComparison, TableVerdict

_ROWS = 40


def scores_page(judged: TableVerdict) -> RenderableType:
    """Show a judged table, 80 columns wide: the verdict, then why, then the numbers."""
    sections = dict(judged.sections)
    how = sections.pop("How it was done", ())
    return Group(
        Panel(
            Group(*_verdict(judged)),
            title=Text(
                outcome_text(judged.verdict).plain[:2] + judged.headline, style=_style(judged)
            ),
            title_align="left",
            border_style=OUTCOMES[judged.verdict.outcome].colour,
            box=box.ROUNDED,
        ),
        *(block for heading, told in sections.items() for block in _list(heading, told)),
        Text(),
        *([_groups(judged)] if judged.omnibus else []),
        _table(judged),
        *_list("How it was done", how),
    )


def _style(judged: TableVerdict) -> str:
    return f"bold {OUTCOMES[judged.verdict.outcome].colour}"


def _verdict(judged: TableVerdict) -> Iterator[Text]:
    yield Text(judged.verdict.sentence, style="bold")
    yield Text(judged.meaning)
    for part in judged.verdict.parts:
        yield Text(f"{part.name}: ").append(outcome_text(part)).append(f". {part.sentence}")
    if judged.stimuli_verdict is not None:
        over = Text("For new stimuli, too: ", style="dim")
        yield over.append(outcome_text(judged.stimuli_verdict))
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


def _groups(judged: TableVerdict) -> Table:
    """Show the omnibus tests: medians, and letters that two groups share unless they differ."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("")
    for group in judged.groups:
        table.add_column(group, justify="right")
    table.add_column("omnibus p", justify="right", no_wrap=True)
    for test in judged.omnibus[:_ROWS]:
        cells = [f"{wording.score(test.medians[g])} {test.letters[g]}" for g in judged.groups]
        table.add_row(test.name, *cells, _starred(test.p_holm, test.significant))
    table.caption = "medians; groups that share a letter were not found to differ"
    table.caption_justify = "left"
    return table


def _table(judged: TableVerdict) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("", overflow="fold", min_width=4)
    headings = ["units", "shift", "95 % interval", "p", "corr. p"]
    if judged.non_inferior:
        headings.append("not worse")
    elif judged.margin is not None:
        headings.append("equiv. p")
    else:
        headings.append("P(a>b)")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in judged.comparisons[:_ROWS]:
        table.add_row(*_cells(row, judged), style="bold" if row.significant else "")
    left = len(judged.comparisons) - _ROWS
    which = f"{judged.groups[0]} - {judged.groups[1]}" if len(judged.groups) == 2 else "a - b"
    table.caption = f"shift: {which}; * at most {judged.alpha:g} after correction" + (
        f"; {left} more comparisons are in --json" if left > 0 else ""
    )
    table.caption_justify = "left"
    return table


def _cells(row: TableComparison, judged: TableVerdict) -> list[str]:
    cells = [
        row.name if len(judged.comparisons) > 1 else "",
        f"{len(row.a)} pairs" if judged.paired else f"{len(row.a)} v {len(row.b)}",
        wording.signed(row.shift),
        wording.interval(row.shift_low, row.shift_high, sign=True),
        wording.p_value(row.p),
        _starred(row.p_corrected, row.significant),
    ]
    if judged.non_inferior:
        passed = row.p_not_worse is not None and row.p_not_worse <= judged.alpha
        return [*cells, _starred(row.p_not_worse, passed)]
    if judged.margin is None:
        return [*cells, f"{row.ps:.2f}"]
    return [*cells, _starred(row.p_equivalence_holm, row.equivalent)]


def _starred(p: float | None, passed: bool) -> str:
    return f"{wording.p_value(p)} {'*' if passed else ' '}"
