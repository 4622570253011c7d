"""Figures of a judged table of scores: every unit, and every effect with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from hyp.reports.figures.axes import row_labels, value_axis
from hyp.reports.figures.style import (
    FULL,
    GRID,
    INK,
    MUTED,
    PAPER,
    REDUCED,
    Drawing,
    dots,
    new_figure,
    style,
    to_svg,
)
from hyp.reports.wording import interval, p_value, signed
from hyp.stats.table_verdict import TableComparison, TableVerdict

_ROW, _LINE = 34, 14
_WIDTH = 380
_MARGINS = 74
LOOKS = ((FULL, "o"), (REDUCED, "s"))
"""Colour and marker of the first group of a pair, and of the second."""


def units(judged: TableVerdict, name: str) -> Drawing:
    """Draw every unit's score in both groups, one row per comparison, with the means."""
    with style():
        figure, axes = _rows(judged.comparisons)
        for y, row in enumerate(judged.comparisons):
            sides = zip(row.groups, (row.a, row.b), LOOKS, (-0.17, 0.17), strict=True)
            for group, scores, (colour, marker), offset in sides:
                mean = fmean(scores)
                axes.plot(
                    (mean, mean), (y + offset - 0.13, y + offset + 0.13), color=colour, lw=2.4
                )
                row_of = [y + offset] * len(scores)
                told = [f"{group}: {one:.4g}" for one in scores]
                look: dict[str, Any] = {"face": "none", "edge": 1.1, "gid": "hyp-units"}
                dots(axes, scores, row_of, colour, marker, 5, told=told, **look)
        axes.set_xlabel(judged.value)
        axes.grid(axis="x")
        means = "; ".join(
            f"{row.name or 'all'}: {row.groups[0]} {fmean(row.a):.3g}, "
            f"{row.groups[1]} {fmean(row.b):.3g}"
            for row in judged.comparisons
        )
        return to_svg(figure, name, f"Mean {judged.value} by group. {means}.")


def effects(judged: TableVerdict, name: str) -> Drawing:
    """Draw every difference with its 95 % interval, and the margin where there is one."""
    with style():
        figure, axes = _rows(judged.comparisons)
        if judged.margin is not None:
            axes.axvspan(-judged.margin, judged.margin, color=GRID, zorder=0, gid="hyp-margin")
        axes.axvline(0, color=MUTED, linewidth=1)
        for y, row in enumerate(judged.comparisons):
            colour = INK if not row.significant else (FULL if row.shift > 0 else REDUCED)
            if row.shift_low is not None and row.shift_high is not None:
                axes.plot((row.shift_low, row.shift_high), (y, y), color=colour, linewidth=2)
            marker, face = "D" if row.equivalent else "o", colour if row.significant else PAPER
            look: dict[str, Any] = {"face": face, "edge": 1.5, "gid": "hyp-effect"}
            dots(axes, row.shift, y, colour, marker, 7, told=[_words(row)], **look)
        which = judged.groups if len(judged.groups) == 2 else ("first", "second")
        axes.set_xlabel(f"{which[0]} − {which[1]}, {judged.value}")
        told = "; ".join(map(_words, judged.comparisons))
        return to_svg(figure, name, f"Differences with 95 % intervals. {told}.")


def _words(row: TableComparison) -> str:
    ends = interval(row.shift_low, row.shift_high, sign=True)
    p = f"corrected p {p_value(row.p_corrected)}"
    return f"{row.name or 'all'} {signed(row.shift)} {ends}, {p}"


def _rows(comparisons: Sequence[TableComparison]) -> tuple[Any, Any]:
    names, left = row_labels([row.name for row in comparisons])
    if len(comparisons) == 1:
        names, left = [""], 0.04
    lines = max(name.count("\n") for name in names) + 1
    height = _MARGINS + max(_ROW, _LINE * lines + 6) * len(comparisons)
    figure = new_figure(_WIDTH, height)
    axes = figure.add_axes((left, 46 / height, 0.97 - left, 1 - _MARGINS / height))
    axes.set_ylim(len(comparisons) - 0.5, -0.5)
    axes.set_yticks(range(len(comparisons)), names, fontsize=10)
    value_axis(axes.xaxis, 4)
    return figure, axes
