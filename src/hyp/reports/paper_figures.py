"""What of a report goes into a paper: figures, the tables behind them, legends and methods."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from typing import NamedTuple

from hyp.hypotheses.paper.places import printed_at
from hyp.hypotheses.questions import Question
from hyp.hypotheses.questions.panels import PairMatrix, ScorePanel, TrackPanel, TrendPanel
from hyp.reports.answers import ERROR_BARS, MARKS
from hyp.reports.figure_tables import figure_table
from hyp.reports.figures.paper import FigureFormat, paper_figure
from hyp.reports.markdown_report import bullets, escaped
from hyp.reports.material import Material
from hyp.reports.methods import methods
from hyp.reports.page_networks import every_cohort, learning_galleries
from hyp.reports.page_sections import Figure, Gallery, Places, sections
from hyp.reports.published import published_marks
from hyp.reports.wording import plain

METHODS_FILE = "methods.md"

_LONGEST_NAME = 60


class Counterpart(NamedTuple):
    """Where the paper has a figure, and its numbers by the first column of our table, if any."""

    places: Sequence[str] = ()
    published: Mapping[object, float] = {}
    source: str = ""


class Placed(NamedTuple):
    """A gallery with the name and the answer of its question, and the paper's counterparts."""

    about: str
    answer: str
    gallery: Gallery
    paper: Callable[[Figure], Counterpart] = lambda figure: Counterpart()


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
        which holds the paper's figure that it is the counterpart of (``01-figure-c1b-...``), with
        the paper's number in a column ``published`` where it prints one for the same networks,
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
    for about, answer, gallery, paper in placed:
        lines = []
        for figure in gallery.figures:
            places, published, source = paper(figure)
            name = _file_name(next(number), places, about, figure.caption)
            found[f"{name}.{form}"] = paper_figure(figure.svg, figure.looks, form)
            table = figure_table(figure.data, titles or {})
            if published:
                table["published"] = table.iloc[:, 0].map(dict(published))
                table.loc[table["published"].notna(), "published_in"] = source
            found[f"{name}.csv"] = table.to_csv(index=False)
            caption = f"{figure.caption}, {figure.note}" if figure.note else figure.caption
            of = f" ({' and '.join(places)} of the paper)" if places else ""
            lines.append(f"`{name}`: {escaped(f'{caption}{of}. {figure.below}'.strip())}")
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
        paper = partial(_counterpart, material, section.question)
        for gallery in section.galleries:
            yield Placed(section.question.label, answer, gallery, paper)
    for gallery in learning_galleries(material):
        yield Placed("loss", "", gallery)
    cohorts = every_cohort(material)
    if cohorts:
        yield Placed("every cohort", "", cohorts)


def _counterpart(material: Material, question: Question, figure: Figure) -> Counterpart:
    """Return the paper's figures like one of a question; differences alone are in none."""
    data = figure.data
    if not isinstance(data, ScorePanel | PairMatrix | TrackPanel | TrendPanel | Places):
        return Counterpart()
    drawn = {PairMatrix: "pairs", Places: "map"}.get(type(data), "")
    backbone = str(material.result.settings.get("backbone", "")).partition("@")[0]
    kind = question.scored.kind
    places = printed_at(question.figure, kind, data.measured, backbone, drawn)
    if not places or isinstance(data, Places):
        return Counterpart(places)
    return Counterpart(places, *published_marks(material, question, data))


def _file_name(number: int, places: Iterable[str], about: str, caption: str) -> str:
    place = "-".join(place.replace(".", "").replace(" ", "-") for place in places).lower()
    words = re.sub(r"[^a-z0-9]+", "-", f"{about} {caption}".lower()).strip("-")
    return "-".join(filter(None, (f"{number:02d}", place, words[:_LONGEST_NAME])))
