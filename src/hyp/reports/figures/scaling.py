"""Scaling laws over the scores they were fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from numpy.typing import ArrayLike

from hyp.errors import HypError
from hyp.hypotheses.questions.panels import TrendPanel
from hyp.hypotheses.result import Row
from hyp.reports.answers import effect
from hyp.reports.figures.axes import value_axis
from hyp.reports.figures.style import (
    FULL,
    INK,
    LEGEND,
    MUTED,
    PAPER,
    REDUCED,
    REFERENCE,
    Drawing,
    dots,
    new_figure,
    style,
    to_svg,
)
from hyp.reports.wording import p_value, signed
from hyp.reports.wording import score as words
from hyp.stats.scaling import compare_scaling, fit_scaling, scaling_band
from hyp.stats.scaling_results import ScalingFit

_LOOKS = ((FULL, "-", 0.22), (REDUCED, (0, (5, 2)), 0.0), (REFERENCE, (0, (1, 1.5)), 0.0))
_POINTS = 80
_FEW_TICKS_BELOW = 2.0
_LONG = 1e5


def trend(
    panel: TrendPanel, row: Row, label: str, name: str, note: str = ""
) -> tuple[Drawing, str]:
    """Draw a score against size with the laws that fit, and say what the laws say.

    Three laws are weighed from six sizes on, the log-linear law alone is fitted to four or
    five, see `hyp.stats.scaling`; with fewer only the networks are drawn.

    Parameters
    ----------
    panel : TrendPanel
    row : Row
        The rank correlation.
    label : str
        Of the score axis.
    name, note : str
        As in `hyp.reports.figures.scores.draw_scores`.

    Returns
    -------
    svg, sentence : str
    """
    sizes, scores, seeds, unit = panel.sizes, panel.scores, panel.seeds, panel.unit
    found = f"{effect(row)}, Holm p {p_value(row.p_corrected)}{' ✱' if row.significant else ''}"
    different = len(set(sizes))
    fits: tuple[ScalingFit, ...] = ()
    weights: tuple[float, ...] = ()
    sentence = f"{different} sizes are too few to fit a law."
    try:
        if different >= 6:
            compared = compare_scaling(sizes, scores, seeds, unit=unit)
            fits, weights, sentence = compared.fits, compared.weights, compared.sentence
        elif different >= 4:
            line = fit_scaling("log-linear", sizes, scores, seeds)
            fits = (line,)
            sentence = (
                f"{signed(line.slope)} ({signed(line.slope_low)} to {signed(line.slope_high)}) for "
                f"each tenfold of {unit}; {different} sizes are too few to tell a plateau."
            )
    except HypError as error:
        sentence = f"No law was fitted: {error}"
    svg = laws_svg(
        fits,
        weights,
        sizes,
        scores,
        name,
        unit=unit,
        score=label,
        told=f"Rank correlation with {unit} {found}. {sentence}",
        head=f"Rank correlation {found}",
        note=note,
    )
    return svg, sentence


def laws_svg(
    fits: Sequence[ScalingFit],
    weights: Sequence[float],
    sizes: ArrayLike,
    scores: ArrayLike,
    name: str,
    *,
    unit: str,
    score: str,
    told: str,
    head: str = "",
    note: str = "",
) -> Drawing:
    """Draw every seed's score by size with the laws that were fitted, the first one's band.

    Parameters
    ----------
    fits : sequence of ScalingFit
        The best first; empty draws the scores and their means alone.
    weights : sequence of float
        Akaike weights of the fits; empty where they were not weighed.
    sizes, scores : array_like, shape (networks,)
    name : str
        Prefix of the ids inside, unique on the page.
    unit, score : str
        Words for the axes.
    told : str
        What a reader who cannot see the figure is told.
    head, note : str
        Written above the axes, and into their corner.
    """
    size, value = np.asarray(sizes, dtype=float), np.asarray(scores, dtype=float)
    with style():
        figure = new_figure(400, 300 if not head else 318)
        top = 0.72 if not head else 0.69
        axes = figure.add_axes((0.13, 0.16, 0.85, top))
        axes.set_xscale("log")
        for index, fit in enumerate(fits):
            _law(axes, fit, index, f" ({weights[index]:.0%})" if weights else "")
        if fits and fits[0].sizes[0] < fits[0].begins < fits[0].sizes[-1]:
            axes.axvline(fits[0].begins, color=MUTED, linewidth=1)
        if not fits:
            at = np.unique(size)
            means = [value[size == one].mean() for one in at]
            axes.plot(at, means, color=FULL, linewidth=1.8, label="mean")
        named = [f"{x:.4g} {unit}: {words(y)}" for x, y in zip(size, value, strict=True)]
        look: dict[str, Any] = {"face": PAPER, "edge": 0.9, "gid": "hyp-seeds", "told": named}
        dots(axes, size, value, INK, "o", 4, **look)
        axes.grid(axis="y")
        axes.set_xlabel(unit)
        axes.set_ylabel(score)
        value_axis(axes.yaxis)
        axes.xaxis.set_major_formatter(
            lambda one, _: (
                (f"{one:g}" if one < _LONG else f"{one:.0e}").replace("e+0", "e").replace("+", "")
            )
        )
        axes.xaxis.set_minor_formatter(NullFormatter())
        if np.ptp(np.log10(size)) < _FEW_TICKS_BELOW:
            axes.set_xticks(np.unique(size), [f"{one:g}" for one in np.unique(size)])
            axes.minorticks_off()
        figure.legend(
            loc="upper left",
            bbox_to_anchor=(0.08, 1.01 if not head else 0.95),
            ncols=3,
            **LEGEND | {"fontsize": 10},
        )
        if head:
            figure.text(0.13, 0.955, head, fontsize=10.5, color=INK)
        if note:
            figure.text(*(0.99, 0.02), note, ha="right", fontsize=9.5, color=MUTED, style="italic")
        return to_svg(figure, name, told)


def _law(axes: Axes, fit: ScalingFit, index: int, weight: str) -> None:
    colour, line, shade = _LOOKS[index]
    at = np.geomspace(fit.sizes[0], fit.sizes[-1], _POINTS)
    drawn = scaling_band(fit, at)
    axes.plot(
        at, drawn.curve, color=colour, linestyle=line, linewidth=1.8, label=f"{fit.law}{weight}"
    )
    if shade:
        axes.fill_between(
            at, drawn.low, drawn.high, color=colour, alpha=shade, linewidth=0, gid="hyp-band"
        )
