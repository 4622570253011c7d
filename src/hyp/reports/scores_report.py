"""The report of ``hyp test``: one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path

from hyp.reports.figures import table
from hyp.reports.output import check_page, publish
from hyp.reports.templating import template
from hyp.stats.table_verdict import TableVerdict

MOST_DRAWN = 60


def write_scores_report(judged: TableVerdict, out: Path, *, title: str) -> None:
    """Write the page, whole or not at all; the same table gives the same bytes.

    Parameters
    ----------
    judged : TableVerdict
    out : Path
        An ``.html`` file in a folder that exists.
    title : str
        What was judged: the file's name.

    Raises
    ------
    HypError
        If `out` is no ``.html`` file, or cannot be written.
    """
    check_page(out)
    drawn = judged.model_copy(update={"comparisons": judged.comparisons[:MOST_DRAWN]})
    text = template("scores.html.j2").render(
        judged=judged,
        title=title,
        units=table.units(drawn, "units"),
        effects=table.effects(drawn, "effects"),
        left_out=len(judged.comparisons) - len(drawn.comparisons),
    )
    publish(out.parent, {out.name: text})
