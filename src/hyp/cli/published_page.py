"""What ``hyp published`` prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hyp.cli.as_json import as_json
from hyp.hypotheses.paper.analyses import (
    Analyses,
    Fraction,
    PublishedCorrelation,
    UnitsCorrelation,
)
from hyp.hypotheses.paper.p_values import PublishedP
from hyp.hypotheses.paper.recomputed import Consistency
from hyp.hypotheses.paper.tables import (
    CITATIONS,
    PUBLISHED_TABLES,
    PublishedTable,
    find_published_table,
    printed_task,
    published_table,
)
from hyp.reports import wording
from hyp.stats.correlations import attainable_correlation_p

_HEADINGS = {
    "task": "",
    "target": "",
    "output_units": "units",
    "neural_mean": "mean",
    "behavior": "behav.",
    "equations": "eq.",
    "objective": "trained on",
}
_ALPHA = 0.05
_SCORES = ("V1", "V2", "V4", "IT", "neural_mean", "behavior")
_SHOWN = {
    "C.1": ("task", "output_units", *_SCORES),
    "C.2": ("task", "output_units", *_SCORES),
    "C.3": ("target", *_SCORES),
    "tasks": ("task", "latents", "output_units", "loss", "equations"),
    "abstract": ("quantity", "of", "value", "unit", "source"),
    "text": ("quantity", "of", "value", "unit", "source"),
    "claims": ("measure", "of", "latent", "layers", "better", "source"),
    "figures": ("figure", "measure", "varied", "about"),
}


def list_page() -> RenderableType:
    """Show which published tables there are and where they come from."""
    table = _grid("table", "what it holds", *_right("rows"))
    for about in PUBLISHED_TABLES:
        title = Text(about.title).append(f"\n{about.document}", style="dim")
        table.add_row(Text(about.name, style="bold"), title, str(len(published_table(about.name))))
    hint = "hyp published TABLE shows one; --analyse says what follows from the numbers."
    citations = [f"{key}: {text}" for key, text in CITATIONS.items()]
    return Group(table, Text(), *_bullets("", citations), Text(hint))


def list_json() -> str:
    """Return the list of published tables."""
    return as_json([{**asdict(about), **_citation(about)} for about in PUBLISHED_TABLES])


def table_page(name: str) -> RenderableType:
    """Show one published table, with its notes below."""
    about = find_published_table(name)
    rows = published_table(about.name).to_dict("records")
    table = _grid()
    for column in _SHOWN[about.name]:
        number = column in (*_SCORES, "output_units", "value")
        table.add_column(
            _HEADINGS.get(column, column),
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number or column in ("task", "target", "unit", "measure", "better"),
        )
    footnotes: list[str] = []
    for row in rows:
        cells = [_cell(about, column, row) for column in _SHOWN[about.name]]
        if note := row["notes"]:
            footnotes = footnotes if note in footnotes else [*footnotes, note]
            cells[0] += _superscript(footnotes.index(note) + 1)
        table.add_row(*map(Text, cells))
    return Group(
        Text(about.title, style="bold"),
        Text(f"{about.document}, {about.place}. Numbers: {about.unit}."),
        Text(),
        table,
        Text(),
        *(Text(f"{_superscript(index)} {note}") for index, note in enumerate(footnotes, 1)),
        *_bullets("", [*about.notes, about.ceiling]),
    )


def table_json(name: str) -> str:
    """Return one published table, rows under ``rows``."""
    about = find_published_table(name)
    table = published_table(name).astype(object)
    rows = table.where(table.notna(), None).to_dict("records")
    return as_json({**asdict(about), **_citation(about), "rows": rows})


def analyses_page(found: Analyses) -> RenderableType:
    """Show analyses of the published numbers, one section each."""
    parts: list[RenderableType] = []
    for heading, section in (
        ("Do more output units go with more alignment?\n", _units(found.units)),
        ("Neural mean as a fraction of ImageNet-1K's\n", _fractions(found.fractions)),
        ("The February abstract's p-values\n", _p_values(found.p_values)),
        ("Correlation of performance with alignment\n", _correlations(found.correlations)),
        ("Do the printed numbers agree with each other?", _consistency(found.consistency)),
    ):
        shown = list(section)
        if shown:
            parts += [Text(heading, style="bold"), *shown, Text()]
    return Group(*parts, *_bullets("How to read this", found.notes))


def analyses_json(found: Analyses) -> str:
    """Return analyses of the published numbers; what is undefined is null."""
    return as_json(asdict(found))


def _units(rows: Sequence[UnitsCorrelation]) -> Iterator[RenderableType]:
    if not rows:
        return
    table = _grid("", *_right("rank correlation", "95 % interval", "p", "Holm"))
    for (name, groups), block in groupby(rows, key=lambda row: (row.table, row.groups)):
        family = list(block)
        n = family[0].correlation.n
        which = f"all {n} tasks" if groups == "all" else f"{n} spatial tasks"
        table.add_row(Text(f"{name}, {which}", style="italic"))
        for row in family:
            one = row.correlation
            table.add_row(
                f"  {_column(row.quantity)}",
                wording.signed(one.r, 2),
                wording.interval(one.low, one.high, 2, sign=True),
                wording.p_value(one.p),
                f"{wording.p_value(row.p_holm)} {'*' if row.p_holm <= _ALPHA else ' '}",
                style="bold" if row.p_holm <= _ALPHA else "",
            )
    yield table
    sizes = sorted({row.correlation.n for row in rows}, reverse=True)
    floors = " and ".join(f"{attainable_correlation_p(n):.1g} with {n} tasks" for n in sizes)
    yield from _bullets(
        "",
        [
            "p: exact, over all orders of the tasks; without ties it can be as small as "
            f"{floors}. Holm: corrected over the six scores; * at most {_ALPHA:g}."
        ],
    )


def _fractions(rows: Sequence[Fraction]) -> Iterator[RenderableType]:
    if not rows:
        return
    given = any(math.isfinite(row.sd) for row in rows)
    last = f"95 % at SD {rows[0].sd:g}" if given else "as rounded"
    table = _grid("", *_right("%", last, "gain %", "seeds", "SD limit"))
    for name, block in groupby(rows, key=lambda row: row.table):
        heading = "February abstract" if name == "abstract" else f"Table {name}"
        table.add_row(Text(heading, style="italic"))
        for row in block:
            ends = (row.low, row.high) if given else (row.rounded_low, row.rounded_high)
            table.add_row(
                f"  {printed_task(row.objective)}",
                wording.score(100 * row.fraction, 1),
                wording.interval(100 * ends[0], 100 * ends[1], 1),
                wording.score(100 * row.gain, 1),
                f"{row.n} v {row.n_versus}",
                wording.score(row.sd_limit),
            )
    yield table


def _p_values(rows: Sequence[PublishedP]) -> Iterator[RenderableType]:
    if not rows:
        return
    table = _grid("", *_right("p", "smallest", "P(first higher)", "95 % interval"))
    for row in rows:
        table.add_row(
            f"{printed_task(row.objective)} v\n{printed_task(row.versus)}",
            f"{row.p:g}",
            f"{row.p_attainable:g}",
            "\n".join(f"{share:.2f}" for share in row.superiority),
            "\n".join(
                wording.interval(low, high, 2) for low, high in zip(row.low, row.high, strict=True)
            ),
        )
    yield table
    first = rows[0]
    yield from _bullets(
        "",
        [
            *(row.sentence for row in rows),
            f"A {first.n} v {first.n_versus} test can give "
            f"{', '.join(f'{p:g}' for p in first.attainable)} and nothing else. "
            f"{first.seeds_needed} v {first.seeds_needed} could reach 0.05, or "
            f"{first.seeds_needed_family} v {first.seeds_needed_family} with the {len(rows)} "
            "corrected together.",
        ],
    )


def _correlations(rows: Sequence[PublishedCorrelation]) -> Iterator[RenderableType]:
    if not rows:
        return
    points, seeds = rows[0].n_points, rows[0].n_seeds
    table = _grid("", *_right("r", f"95 %, n = {points}", f"95 %, n = {seeds}", "n enough"))
    for objective, block in groupby(rows, key=lambda row: row.objective):
        table.add_row(Text(printed_task(objective), style="italic"))
        for row in block:
            table.add_row(
                f"  {_column(row.quantity)}",
                wording.signed(row.r),
                wording.interval(row.points_low, row.points_high, 2, sign=True),
                wording.interval(row.seeds_low, row.seeds_high, 2, sign=True),
                str(row.n_enough),
            )
    yield table
    undecided = [row for row in rows if row.seeds_low <= 0 <= row.seeds_high]
    pooled = [row for row in rows if row.points_low <= 0 <= row.points_high]
    yield from _bullets(
        "",
        [
            f"n = {points}: all checkpoints independent; n = {seeds}: one a seed. n enough: "
            "independent points with which this r would exclude zero.",
            f"With n = {points}, {len(rows) - len(pooled)} of {len(rows)} intervals exclude zero; "
            f"with n = {seeds}, {len(rows) - len(undecided)} do.",
        ],
    )


def _consistency(rows: Sequence[Consistency]) -> Iterator[RenderableType]:
    if not rows:
        return
    wrong = [row for row in rows if not row.agrees]
    told = [f"{len(rows) - len(wrong)} of {len(rows)} agree within rounding."]
    told += [
        f"{_task_in(row.what)}: printed {row.printed:g}, computed {row.computed:g} ({row.source})."
        for row in wrong
    ]
    yield from _bullets("", told)


def _task_in(what: str) -> str:
    task, colon, rest = what.partition(": ")
    return f"{printed_task(task)}{colon}{rest}"


def _cell(about: PublishedTable, column: str, row: dict[Any, Any]) -> str:
    if column == "of":
        groups = [printed_task(row[key]) for key in ("objective", "versus") if row[key]]
        which = row["architecture"] if about.name == "text" else ""
        return ", ".join(part for part in (" v ".join(groups), which) if part)
    value = row[column]
    if value is None or value is pd.NA:
        return wording.MISSING
    if column == "latent":
        names = [wording.latent_words(name) for name in str(value).split()]
        return names[0] if len(names) == 1 else "translation" if names else ""
    if column == "layers":
        return str(value).replace(" ", ", ")
    if column == "quantity":
        return str(value).replace("_", " ")
    if column == "source":
        return _short(str(value).removeprefix(f"{about.document}, "))
    if column == "value" and row["unit"] != "score":
        return wording.count(int(value)) if value.is_integer() else f"{value:g}"
    return wording.score(value) if isinstance(value, float) else str(value)


def _short(place: str) -> str:
    for word, sign in (
        ("Section ", "§"),
        (", paragraph ", " ¶"),
        ("Figure ", "Fig. "),
        ("Appendix ", "App. "),
    ):
        place = place.replace(word, sign)
    return place


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _column(name: str) -> str:
    return {"neural_mean": "neural mean", "behavior": "behaviour"}.get(name, name)


def _grid(*headings: str | tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        if isinstance(heading, str):
            table.add_column(heading, no_wrap=not heading)
        else:
            table.add_column(heading[0], justify="right", no_wrap=True)
    return table


def _right(*headings: str) -> list[tuple[str, str]]:
    return [(heading, "right") for heading in headings]


def _bullets(heading: str, sentences: Iterable[str]) -> Iterator[RenderableType]:
    if heading:
        yield Text(heading, style="bold")
    for sentence in sentences:
        if sentence:
            grid = Table.grid(padding=(0, 1))
            grid.add_row("•", Text(sentence))
            yield Padding(grid, (0, 0, 0, 1))


def _citation(about: PublishedTable) -> dict[str, str]:
    return {"citation": CITATIONS[about.document]}
