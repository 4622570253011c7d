"""Figures of effects: every comparison with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hyp.hypotheses.result import Row
from hyp.reports.answers import effect
from hyp.reports.figures.axes import (
    Limits,
    corner,
    finite,
    fitting_label,
    padded,
    row_labels,
    value_axis,
    with_note,
)
from hyp.reports.figures.style import (
    GRID,
    INK,
    MUTED,
    PAPER,
    Drawing,
    dots,
    new_figure,
    style,
    to_svg,
)
from hyp.reports.wording import p_value


def effect_limits(rows: Iterable[Row], margin: float | None) -> Limits:
    """Return an effect axis that holds every interval and the margin, zero well inside."""
    values: list[float | None] = [0.0]
    for row in rows:
        values += [row.difference, row.ci_low, row.ci_high]
        if margin is not None and row.effect == "difference":
            values += [-margin, margin]
    low, high = padded(values, below=0.06, above=0.06)
    return min(low, -high / 3), max(high, -low / 3)


def forest(
    rows: Sequence[Row],
    labels: Sequence[str],
    limits: Limits,
    label: str,
    name: str,
    *,
    margin: float | None = None,
    note: str = "",
) -> Drawing:
    """Draw effects with their 95 % intervals, one row each; filled where significant.

    Parameters
    ----------
    rows : sequence of Row
    labels : sequence of str
        One per row.
    limits : (float, float)
        See `effect_limits`.
    label : str
        Of the effect axis.
    name, note : str
        As in `profile`.
    margin : float, optional
        Drawn as a band around zero; effects not lower by it are diamonds.
    """
    wrapped, left = row_labels(labels)
    height = 72 + 27 * len(rows)
    correlation = all(row.effect == "correlation" for row in rows)
    with style():
        figure = new_figure(360, height)
        axes = figure.add_axes((left, 42 / height, 0.97 - left, 1 - 68 / height))
        axes.set_xlim(*limits)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        if margin is not None and not correlation:
            axes.axvspan(-margin, margin, color=GRID, zorder=0, linewidth=0, gid="hyp-margin")
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(range(len(rows)), wrapped, fontsize=10)
        value_axis(axes.xaxis)
        fitting_label(axes, label, 0.97 - left)
        for y, (row, text) in enumerate(zip(rows, labels, strict=True)):
            _effect(axes, y, row, text)
        sides = ("← falls", "rises →") if correlation else ("← lower", "higher →")
        for x, side, text in zip((-3, 3), ("right", "left"), sides, strict=True):
            axes.annotate(
                text,
                (0, 1),
                xycoords=("data", "axes fraction"),
                xytext=(x, 6),
                textcoords="offset points",
                ha=side,
                fontsize=10,
                color=MUTED,
            )
        corner(figure, note)
        told = "; ".join(
            f"{text} {effect(row)}{' (significant)' if row.significant else ''}"
            for text, row in zip(labels, rows, strict=True)
        )
        band = f" The band is the margin of ±{margin:g}." if margin is not None else ""
        described = f"{label}, with 95 % intervals: {told}.{band}"
        return to_svg(figure, name, with_note(described, note))


def _effect(axes: Any, y: int, row: Row, label: str) -> None:
    ends = finite((row.ci_low, row.ci_high))
    if len(ends) == 2:
        axes.plot(ends, (y, y), color=INK, linewidth=2, solid_capstyle="butt")
    marker, size = ("D", 6.5) if row.not_lower else ("o", 7.5)
    face = INK if row.significant else PAPER
    told = [f"{label}: {effect(row)}, Holm p {p_value(row.p_corrected)}"]
    look: dict[str, Any] = {"face": face, "edge": 1.6, "gid": "hyp-effect", "told": told}
    dots(axes, row.difference, y, INK, marker, size, **look)
