"""What ``hyp scaling`` shows: a table for the terminal, and one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import pandas as pd
from rich import box
from rich.table import Table

from hyp.reports.figures.paper import FigureFormat
from hyp.reports.figures.scaling import laws_svg
from hyp.reports.figures.style import Drawing
from hyp.reports.output import beside, check_page, publish
from hyp.reports.table_methods import WEIGHED, scaling_methods
from hyp.reports.templating import template
from hyp.stats.scaling import scaling_band
from hyp.stats.scaling_axes import AxesComparison
from hyp.stats.scaling_results import ScalingComparison
from hyp.stats.scaling_study import ScalingFinding, ScalingStudy
from hyp.text import joined

_NOTE = (
    "Dots are single scores; the shaded band is the 95 % band of the first law, a percentage its "
    "Akaike weight."
)


def findings_table(analysis: str, found: Sequence[ScalingFinding]) -> Table:
    """Return what an analysis found, a row a measure."""
    table = Table(title=analysis, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("measured", overflow="fold")
    for axis in found[0].axes:
        table.add_column(axis, overflow="fold")
    table.add_column("best law (weight)", overflow="fold")
    table.add_column("largest size predicted", overflow="fold")
    for one in found:
        table.add_row(one.measured or "score", *one.outcomes, best_law(one), predicted(one))
    return table


def best_law(one: ScalingFinding) -> str:
    """Return the law with the smallest AICc, its weight, and what it says."""
    compared = one.compared
    weight = f"{compared.weights[0]:.0%}"
    if isinstance(compared, AxesComparison):
        return f"{compared.best.law} ({weight})"
    fit = compared.best
    if isfinite(fit.plateau):
        return f"{fit.law} ({weight}): plateau {fit.plateau:.3f}"
    return f"{fit.law} ({weight})" + (
        f": {fit.slope:+.3f} a tenfold" if fit.law == "log-linear" else ""
    )


def predicted(one: ScalingFinding) -> str:
    """Say how well the best law predicts the largest size without it."""
    compared = one.compared
    if isinstance(compared, ScalingComparison):
        held = compared.held_out[0]
        inside = "inside" if held.inside else "outside"
        return f"{held.predicted:.3f}, measured {held.observed:.3f}: {inside} its interval"
    return "; ".join(
        f"{edge.axis} {edge.error:+.3f} off, {edge.inside:.0%} inside" for edge in compared.held_out
    )


def write_scaling_report(
    study: ScalingStudy,
    found: Sequence[ScalingFinding],
    out: Path,
    figures: FigureFormat | None = None,
) -> None:
    """Write the page, whole or not at all; the same study gives the same bytes.

    `figures` adds a folder beside the page, ``NAME-figures``, with what goes into a paper.

    Raises
    ------
    HypError
        If `out` is no ``.html`` file, or cannot be written.
    """
    check_page(out)
    sections: list[dict[str, object]] = []
    placed = []
    for analysis in dict.fromkeys(one.analysis for one in found):
        theirs = [one for one in found if one.analysis == analysis]
        drawings = [_figure(one, f"s{len(sections)}-{place}") for place, one in enumerate(theirs)]
        rows = [
            {
                "measured": one.measured or "score",
                "outcomes": one.outcomes,
                "best": best_law(one),
                "predicted": predicted(one),
                "sentence": one.compared.sentence,
                "figure": drawing,
            }
            for one, drawing in zip(theirs, drawings, strict=True)
        ]
        sections.append({"name": analysis, "axes": theirs[0].axes, "rows": rows})
        placed.append((analysis, list(zip(theirs, drawings, strict=True))))
    text = template("scaling.html.j2").render(study=study, sections=sections, weighed=WEIGHED)
    paper = _paper(study, found, placed, figures) if figures else {}
    publish(out.parent, {out.name: text, **beside(out, paper)})


def _paper(
    study: ScalingStudy,
    found: Sequence[ScalingFinding],
    drawn: Sequence[tuple[str, Sequence[tuple[ScalingFinding, Drawing | None]]]],
    form: FigureFormat,
) -> dict[str, str | bytes]:
    from hyp.reports.page_sections import Figure, Gallery
    from hyp.reports.paper_figures import Placed, files_of

    placed = [
        Placed(
            analysis,
            "",
            Gallery(
                f"Scores by {joined(theirs[0][0].axes)}",
                note=_NOTE,
                figures=tuple(
                    Figure(svg, one.measured or "score", "", one.compared.sentence, _table(one))
                    for one, svg in theirs
                    if svg is not None
                ),
            ),
        )
        for analysis, theirs in drawn
        if any(svg for _, svg in theirs)
    ]
    return files_of(placed, scaling_methods(study, found), form)


def _table(one: ScalingFinding) -> pd.DataFrame:
    """Return every score by its size, and every law at the sizes that it was fitted to."""
    unit, score = one.axes[0], one.measured or "score"
    scores = pd.DataFrame({"shown": "score", unit: one.sizes[:, 0], score: one.scores})
    laws = []
    for fit in one.compared.fits if isinstance(one.compared, ScalingComparison) else ():
        band = scaling_band(fit, fit.sizes)
        columns = {unit: band.sizes, score: band.curve, "low": band.low, "high": band.high}
        laws.append(pd.DataFrame({"shown": fit.law, **columns}))
    return pd.concat([scores, *laws])


def _figure(one: ScalingFinding, name: str) -> Drawing | None:
    """Draw the laws of one axis; two axes are told in words."""
    compared = one.compared
    if isinstance(compared, AxesComparison):
        return None
    return laws_svg(
        compared.fits,
        compared.weights,
        one.sizes[:, 0],
        one.scores,
        name,
        unit=one.axes[0],
        score=one.measured or "score",
        told=compared.sentence,
    )
