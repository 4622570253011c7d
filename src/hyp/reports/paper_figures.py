"""What of a report goes into a paper: figures, the tables behind them, legends and methods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import NamedTuple

from hyp.reports.answers import ERROR_BARS, MARKS
from hyp.reports.figure_tables import figure_table
from hyp.reports.figures.paper import FigureFormat, paper_figure
from hyp.reports.markdown_report import bullets, escaped
from hyp.reports.material import Material
from hyp.reports.methods import methods
from hyp.reports.page_networks import every_cohort, learning_galleries
from hyp.reports.page_sections import Gallery, sections
from hyp.reports.wording import plain

METHODS_FILE = "methods.md"

_LONGEST_NAME = 60


class Placed(NamedTuple):
    """A gallery with the name and the answer of the question that it belongs to."""

    about: str
    answer: str
    gallery: Gallery


def paper_files(
    material: Material, provenance: Mapping[str, object], form: FigureFormat
) -> dict[str, str | bytes]:
    """Return the figures of a page as files, with their tables, legends and methods.

    Parameters
    ----------
    material : Material
    provenance : mapping
        As in `hyp.reports.report.write_report`.
    form : {"pdf", "svg"}

    Returns
    -------
    dict of str to str or bytes
        By name: every figure one column wide, the table behind it as CSV under the same name,
        and ``methods.md`` with paragraphs for the methods, works to cite and the legends.
    """
    told = methods(material, provenance)
    marks = f"{ERROR_BARS} {MARKS}"
    return files_of(_galleries(material), told, form, marks=marks, titles=material.titles)


def files_of(
    placed: Iterable[Placed],
    methods: str,
    form: FigureFormat,
    *,
    marks: str = "",
    titles: Mapping[str, str] | None = None,
) -> dict[str, str | bytes]:
    """Return galleries as files, with their tables, and the legends below the methods.

    Parameters
    ----------
    placed : iterable of Placed
    methods : str
        Markdown.
    form : {"pdf", "svg"}
    marks : str
        What all legends share.
    titles : mapping of str to str
        Of the cohorts, by name.
    """
    found: dict[str, str | bytes] = {}
    legends: list[str] = []
    number = count(1)
    for about, answer, gallery in placed:
        lines = []
        for figure in gallery.figures:
            name = _file_name(next(number), about, figure.caption)
            found[f"{name}.{form}"] = paper_figure(figure.svg, figure.looks, form)
            found[f"{name}.csv"] = figure_table(figure.data, titles or {}).to_csv(index=False)
            caption = f"{figure.caption}, {figure.note}" if figure.note else figure.caption
            lines.append(f"`{name}`: {escaped(f'{caption}. {figure.below}'.strip())}")
        heading = gallery.heading and f"{gallery.heading}."
        told = " ".join(filter(None, (answer, heading, gallery.note)))
        legends += [f"**{escaped(plain(about))}.** {escaped(told)}", bullets(lines)]
    if legends:
        legends = ["## Legends", *legends, escaped(marks)]
    found[METHODS_FILE] = "\n\n".join(filter(None, [methods.strip(), *legends])) + "\n"
    return found


def _galleries(material: Material) -> Iterator[Placed]:
    """Yield the galleries of the page, those of questions first."""
    for section in sections(material):
        sides = dict.fromkeys((row.a, row.b) for row in section.rows if row.b)
        named = "; ".join(f"a: {a}, b: {b}" for a, b in sides)
        answer = " ".join(filter(None, (section.asked, section.answered, named and f"{named}.")))
        for gallery in section.galleries:
            yield Placed(section.question.label, answer, gallery)
    for gallery in learning_galleries(material):
        yield Placed("loss", "", gallery)
    cohorts = every_cohort(material)
    if cohorts:
        yield Placed("every cohort", "", cohorts)


def _file_name(number: int, about: str, caption: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", f"{about} {caption}".lower()).strip("-")
    return f"{number:02d}-{words[:_LONGEST_NAME]}"
