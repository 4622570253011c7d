"""The report of ``hyp test``: one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from hyp.reports.figures import table
from hyp.reports.figures.paper import FigureFormat
from hyp.reports.figures.style import Drawing, Look
from hyp.reports.output import beside, check_page, publish
from hyp.reports.templating import template
from hyp.stats.table_verdict import TableVerdict

MOST_DRAWN = 60


def write_scores_report(
    judged: TableVerdict, out: Path, *, title: str, figures: FigureFormat | None = None
) -> None:
    """Write the page, whole or not at all; the same table gives the same bytes.

    Parameters
    ----------
    judged : TableVerdict
    out : Path
        An ``.html`` file in a folder that exists.
    title : str
        What was judged: the file's name.
    figures : {"pdf", "svg"} or None
        Adds a folder beside the page, ``NAME-figures``, with what goes into a paper.

    Raises
    ------
    HypError
        If `out` is no ``.html`` file, or cannot be written.
    """
    check_page(out)
    drawn = judged.model_copy(update={"comparisons": judged.comparisons[:MOST_DRAWN]})
    units, effects = table.units(drawn, "units"), table.effects(drawn, "effects")
    text = template("scores.html.j2").render(
        judged=judged,
        title=title,
        units=units,
        effects=effects,
        left_out=len(judged.comparisons) - len(drawn.comparisons),
    )
    paper = _paper(judged, drawn, (units, effects), figures) if figures else {}
    publish(out.parent, {out.name: text, **beside(out, paper)})


def _paper(
    judged: TableVerdict,
    drawn: TableVerdict,
    drawings: tuple[Drawing, Drawing],
    form: FigureFormat,
) -> dict[str, str | bytes]:
    from hyp.reports.page_sections import Figure, Gallery
    from hyp.reports.paper_figures import Placed, files_of
    from hyp.reports.table_methods import judged_methods

    units, effects = drawings
    sides = judged.groups if len(judged.groups) == 2 else ("first of a pair", "second")
    looks = tuple((Look(*look), side) for look, side in zip(table.LOOKS, sides, strict=True))
    left_out = len(judged.comparisons) - len(drawn.comparisons)
    said = f"The first {len(drawn.comparisons)} comparisons are drawn." if left_out else ""
    below = "Filled where significant, a diamond where equivalent."
    gallery = Gallery(
        "",
        (
            Figure(units, "units", "bars are means", said, pd.DataFrame(_units(judged)), looks),
            Figure(effects, "differences", "with 95 % intervals", f"{below} {said}", judged.rows),
        ),
    )
    placed = [Placed(judged.value, judged.sentence, gallery)]
    return files_of(placed, judged_methods(judged), form)


def _units(judged: TableVerdict) -> Iterator[dict[str, object]]:
    for row in judged.comparisons:
        for group, scores in zip(row.groups, (row.a, row.b), strict=True):
            for number, score in enumerate(scores, 1):
                pair = {"pair": number} if judged.paired else {}
                yield {"comparison": row.name, "group": group, **pair, "score": score}
