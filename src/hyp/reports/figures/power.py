"""Power curves of a design, before any data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hyp.reports.figures.files import write_figure
from hyp.stats.designs import POWER, ComparisonDesign
from hyp.stats.power import comparison_power

SEEDS = (4, 5, 6, 8, 10, 15)
_EFFECTS = np.arange(0, 4.01, 0.2)
_STUDIES = 4000


def power_figure(designs: Sequence[ComparisonDesign]) -> Figure:
    """Draw power by effect, a curve for each number of seeds, a panel for each design.

    The curves are told apart by their labels and by lightness, so they read in print and
    without colour vision; the design's own number of seeds is the thick one.
    """
    figure = Figure(figsize=(5.2 * len(designs), 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(designs), squeeze=False)[0]
    for axes, design in zip(panels, designs, strict=True):
        own = min(design.n_a, design.n_b)
        numbers = sorted({*SEEDS, own})
        shades = mpl.colormaps["viridis"](np.linspace(0.85, 0.05, len(numbers)))
        untestable: list[int] = []
        sign = -1 if design.alternative == "less" else 1
        for index, (n, shade) in enumerate(zip(numbers, shades, strict=True)):
            power = [
                comparison_power(
                    sign * d,
                    n,
                    n,
                    family=design.family,
                    alternative=design.alternative,
                    alpha=design.alpha,
                    studies=_STUDIES,
                )
                for d in _EFFECTS
            ]
            if power[-1] == 0:
                untestable.append(n)
                continue
            axes.plot(_EFFECTS, power, color=shade, linewidth=3.2 if n == own else 1.4)
            height = 0.3 + 0.08 * index
            axes.annotate(
                f"{n} seeds",
                (np.interp(height, power, _EFFECTS), height),
                ha="center",
                va="center",
                fontsize=8.5,
                fontweight="bold" if n == own else "normal",
                bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
            )
        axes.axhline(POWER, color="0.5", linewidth=0.9, linestyle=(0, (4, 3)))
        if design.smallest_effect is not None:
            axes.axvline(design.smallest_effect, color="0.5", linewidth=0.9)
        axes.set(
            xlim=(0, _EFFECTS[-1]),
            ylim=(0, 1.02),
            xlabel="true difference d (sd of the seed means)",
            ylabel="power if it is the only real one",
        )
        title = f"{design.family} comparison{'s' * (design.family > 1)}, Holm at {design.alpha:g}"
        if untestable:
            title += f"; untestable with {' or '.join(map(str, untestable))} seeds"
        axes.set_title(title, fontsize=10, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def write_power_figure(designs: Sequence[ComparisonDesign], path: Path) -> None:
    """Write the figure as SVG, PNG or PDF, by the file's ending.

    Raises
    ------
    HypError
        If the file cannot be written.
    """
    with mpl.rc_context({"svg.hashsalt": "hyp"}):
        write_figure(power_figure(designs), path, dpi=150)
