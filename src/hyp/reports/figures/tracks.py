"""Figures of one score against another over the checkpoints of networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyp.hypotheses.questions.panels import TrackPanel
from hyp.hypotheses.result import Row
from hyp.reports.answers import effect
from hyp.reports.figures.axes import Limits, corner, padded, value_axis, with_note
from hyp.reports.figures.style import (
    INK,
    PAPER,
    Drawing,
    Look,
    dots,
    new_figure,
    style,
    tell,
    to_svg,
)
from hyp.reports.wording import p_value, score


def tracks(
    panel: TrackPanel,
    looks: Mapping[str, Look],
    titles: Mapping[str, str],
    row: Row,
    labels: tuple[str, str],
    limits: Limits,
    name: str,
    note: str = "",
) -> Drawing:
    """Draw one score against another, one line per network, its last checkpoint filled.

    Parameters
    ----------
    panel : TrackPanel
    looks, titles : mapping
        By cohort.
    row : Row
        The correlation within networks.
    labels : (str, str)
        Of the horizontal and the vertical axis.
    limits : (float, float)
        Of the horizontal axis; panels of one question share it.
    name, note : str
        As in `hyp.reports.figures.scores.draw_scores`.
    """
    with style():
        figure = new_figure(360, 300)
        axes = figure.add_axes((0.145, 0.14, 0.845, 0.735))
        axes.set_xlim(*limits)
        axes.set_ylim(
            *padded((value for one in panel.tracks for value in one.y), below=0.06, above=0.1)
        )
        for axis in (axes.xaxis, axes.yaxis):
            value_axis(axis)
        axes.grid(axis="both")
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1], labelpad=5)
        for one in panel.tracks:
            colour, marker = looks[one.cohort]
            (line,) = axes.plot(
                one.x,
                one.y,
                color=colour,
                linewidth=1,
                marker=marker,
                markersize=4.2,
                markerfacecolor=PAPER,
                markeredgewidth=0.9,
                gid="hyp-track",
            )
            told = [
                f"{titles[one.cohort]}, seed {one.seed}, {n:,} batches: {score(x)}, {score(y)}"
                for n, x, y in zip(one.batches, one.x, one.y, strict=True)
            ]
            tell(line, told)
            last: dict[str, Any] = {"told": told[-1:], "gid": "hyp-last"}
            dots(axes, one.x[-1:], one.y[-1:], colour, marker, 5.4, **last)
        star = " ✱" if row.significant else ""
        found = f"{effect(row)}, Holm p {p_value(row.p_corrected)}"
        figure.text(0.145, 0.9, f"{found}{star}", fontsize=10.5, color=INK)
        corner(figure, note)
        described = (
            f"{labels[1]} against {labels[0].lower()} over the checkpoints of {len(panel.tracks)} "
            f"networks. Correlation within networks {found}"
            f"{', significant' if row.significant else ''}."
        )
        return to_svg(figure, name, with_note(described, note))
