"""Learning curves: the loss of every network, one panel per cohort and task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator

from hyp.hypotheses.result import LearningCurve
from hyp.reports.figures.axes import Limits, finite
from hyp.reports.figures.style import INK, LEGEND, Drawing, new_figure, style, tell, to_svg
from hyp.reports.wording import latent_words, score

_LONGEST_CURVE = 120


def learning_limits(curves: Iterable[LearningCurve]) -> Limits:
    """Return a loss axis from 0 that holds every curve given."""
    values = [
        value
        for curve in curves
        for value in (
            curve.baseline,
            *(loss for _, loss in _thinned(curve.train)),
            *(loss for _, loss in curve.held_out),
        )
    ]
    return 0.0, 1.06 * max(finite(values), default=1.0) or 1.0


def learning(
    curves: Sequence[LearningCurve], title: str, colour: str, limits: Limits, name: str
) -> Drawing:
    """Draw the loss of every network of one cohort on training and held-out images.

    Parameters
    ----------
    curves : sequence of LearningCurve
        Of one cohort and task.
    title : str
        The cohort's.
    colour : str
        The cohort's.
    limits : (float, float)
        See `learning_limits`; panels of one task share it.
    name : str
        Prefix of the ids inside, unique on the page.
    """
    with style():
        figure = new_figure(300, 176)
        axes = figure.add_axes((0.14, 0.21, 0.83, 0.665))
        axes.set_ylim(*limits)
        batches = [batch for curve in curves for batch, _ in (*curve.train, *curve.held_out)]
        axes.set_xlim(0, 1.03 * max(batches, default=1))
        axes.grid(axis="y")
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_xlabel("Training batch")
        for curve in curves:
            if curve.train:
                x, y = zip(*_thinned(curve.train), strict=True)
                axes.plot(x, y, color=colour, linewidth=0.8, alpha=0.5, gid="hyp-train")
        for curve in curves:
            if curve.held_out:
                x, y = zip(*curve.held_out, strict=True)
                look: dict[str, Any] = {"linewidth": 1.6, "marker": "o", "markersize": 3}
                (line,) = axes.plot(x, y, color=colour, gid="hyp-held-out", **look)
                tell(
                    line,
                    [
                        f"seed {curve.seed}, {b:,} batches: {score(v)}"
                        for b, v in zip(x, y, strict=True)
                    ],
                )
        for baseline in sorted({curve.baseline for curve in curves if finite([curve.baseline])}):
            axes.axhline(baseline, color=INK, linewidth=1.2, linestyle=(0, (5, 3)))
        held_out: dict[str, Any] = {"linewidth": 1.6, "marker": "o", "markersize": 3}
        handles = [
            Line2D([], [], color=colour, linewidth=0.8, alpha=0.6, label="training"),
            Line2D([], [], color=colour, label="held out", **held_out),
            Line2D([], [], color=INK, linewidth=1.2, linestyle=(0, (5, 3)), label="constant"),
        ]
        place = {"loc": "upper left", "bbox_to_anchor": (0.09, 1.02)}
        figure.legend(handles=handles, ncols=3, **place, **LEGEND)
        return to_svg(figure, name, _described(title, curves))


def _thinned(points: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    """Average a long curve in equal blocks, so that the page stays small."""
    block = math.ceil(len(points) / _LONGEST_CURVE) or 1
    blocks = [points[start : start + block] for start in range(0, len(points), block)]
    return [(fmean(x for x, _ in part), fmean(y for _, y in part)) for part in blocks]


def _described(title: str, curves: Sequence[LearningCurve]) -> str:
    ends = [curve.held_out[-1][1] for curve in curves if curve.held_out]
    told = ", ".join(score(end) for end in ends) or "none"
    return (
        f"Loss of {len(curves)} networks of {title} in {latent_words(curves[0].task)}. Last "
        f"held-out loss by seed: {told}; constant predictor {score(curves[0].baseline)}."
    )
