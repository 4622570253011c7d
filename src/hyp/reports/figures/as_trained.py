"""Figures of a difference between cohorts as training went on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.ticker import EngFormatter, MaxNLocator

from hyp.hypotheses.result import Snapshot
from hyp.reports.figures.axes import Limits, padded, value_axis
from hyp.reports.figures.style import INK, MUTED, PAPER, Drawing, dots, new_figure, style, to_svg
from hyp.reports.wording import interval, signed

_MARKERS = {1: "^", -1: "v", 0: "o"}


def difference_limits(snapshots: Iterable[Snapshot]) -> Limits:
    """Return an axis that holds every interval, zero well inside."""
    values: list[float | None] = [0.0]
    for one in snapshots:
        values += [one.difference, one.ci_low, one.ci_high]
    low, high = padded(values, below=0.08, above=0.08)
    return min(low, -high / 4), max(high, -low / 4)


def as_trained(
    snapshots: Sequence[Snapshot], limits: Limits, label: str, place: str, name: str
) -> Drawing:
    """Draw a difference with its 95 % interval after each scored number of batches.

    Intervals on one side of zero are filled triangles that point there.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        Of one latent and layer.
    limits : (float, float)
        See `difference_limits`; panels of one question share it.
    label : str
        Of the vertical axis.
    place : str
        What was measured and where, for those who cannot see the figure.
    name : str
        Prefix of the ids inside, unique on the page.
    """
    ordered = sorted(snapshots, key=lambda one: one.batches)
    with style():
        figure = new_figure(300, 176)
        axes = figure.add_axes((0.2, 0.21, 0.77, 0.72))
        axes.set_ylim(*limits)
        last = ordered[-1].batches or 1
        axes.set_xlim(-0.05 * last, 1.05 * last)
        axes.grid(axis="y")
        value_axis(axes.yaxis)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_xlabel("Training batch")
        axes.set_ylabel(label, labelpad=4)
        axes.axhline(0, color=INK, linewidth=1)
        axes.plot(
            [one.batches for one in ordered],
            [one.difference for one in ordered],
            color=MUTED,
            linewidth=1,
        )
        for one in ordered:
            if one.ci_low is not None and one.ci_high is not None:
                axes.plot((one.batches,) * 2, (one.ci_low, one.ci_high), color=INK, linewidth=2)
            look: dict[str, Any] = {"face": INK if one.side else PAPER, "gid": "hyp-snapshot"}
            point = one.batches, one.difference, INK, _MARKERS[one.side], 7
            dots(axes, *point, edge=1.4, told=[_words(one)], **look)
        told = "; ".join(map(_words, ordered))
        return to_svg(figure, name, f"{label} in {place}, with 95 % intervals: {told}.")


def _words(one: Snapshot) -> str:
    ends = interval(one.ci_low, one.ci_high, sign=True)
    return f"after {one.batches:,} batches {signed(one.difference)} {ends}"
