"""The specification curve: what every analysis of a multiverse found, and its choices below."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from hyp.hypotheses.multiverse import Multiverse
from hyp.reports.figures.files import check_figure_path, write_figure

_COLOURS = ("#1b6ca8", "#c2571a", "#5b8c3a", "#8a5fa8", "#8c8c8c")


def save_specification_curve(found: Multiverse, path: Path) -> None:
    """Draw all analyses of a multiverse, ordered by their estimate, into a file.

    Above: the median difference of the confirmatory comparisons, and the range of all of them,
    coloured by the verdict; the declared analysis has a ring and a line. Below: a mark for every
    choice that an analysis made.

    Parameters
    ----------
    found : Multiverse
    path : Path
        The suffix says which format.

    Raises
    ------
    HypError
        If the suffix is none of PNG, SVG and PDF, or the file cannot be written.
    """
    check_figure_path(path)
    write_figure(specification_curve(found), path, dpi=150)


def specification_curve(found: Multiverse) -> Figure:
    """Return the figure, see `save_specification_curve`."""
    analyses = found.analyses
    rows = [(key, value) for key, value, _, _ in found.shares()]
    verdicts = list(dict.fromkeys(one.verdict for one in analyses))
    colours = {verdict: _COLOURS[at % len(_COLOURS)] for at, verdict in enumerate(verdicts)}
    figure = Figure(figsize=(7.2, 3.0 + 0.2 * len(rows)), layout="constrained")
    above, below = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [3.0, 0.3 + 0.2 * len(rows)]}
    )
    for at, one in enumerate(analyses):
        colour = colours[one.verdict]
        if one.estimate is not None:
            above.vlines(at, one.low, one.high, color=colour, alpha=0.35, linewidth=2)
            ring = {"markeredgecolor": "black", "markersize": 8} if one.declared else {}
            above.plot(at, one.estimate, "o", color=colour, **{"markersize": 4, **ring})
        marked = [row for row, (key, value) in enumerate(rows) if one.choices[key] == value]
        below.plot([at] * len(marked), marked, "|", color=colour, markersize=7)
        if one.declared:
            for axes in (above, below):
                axes.axvline(at, color="black", linewidth=0.7, linestyle=":", zorder=0)
    above.axhline(0, color="black", linewidth=0.7)
    above.set_ylabel("difference\n(median, range)")
    above.set_title(found.sentence, fontsize=9, loc="left")
    for verdict, colour in colours.items():
        above.plot([], [], "o", color=colour, markersize=4, label=verdict)
    figure.legend(fontsize=7, frameon=False, loc="outside lower left", ncols=3)
    below.set_yticks(range(len(rows)), [f"{key}: {value}" for key, value in rows], fontsize=7)
    below.set_ylim(len(rows) - 0.5, -0.5)
    below.set_xticks([])
    below.set_xlabel(f"{len(analyses)} analyses, by estimate; ring and dotted line: declared")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    return figure
