"""The report's figures, one small panel each, so that a narrow screen can stack them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator

from hyp.hypotheses.result import LearningCurve, Series
from hyp.reports.arrange import GROUPS, Panel, Row
from hyp.reports.axes import Limits, finite, layer_axis, padded, tick
from hyp.reports.svg import (
    FULL,
    INK,
    MUTED,
    PAPER,
    REDUCED,
    REFERENCE,
    new_figure,
    style,
    to_svg,
)
from hyp.reports.words import latent_words, layer_words, metric_words, score, signed

_COLOURS = {"full": FULL, "reduced": REDUCED}
_MEANS_AT = {"full": -0.08, "reduced": 0.08, "untrained": 0.0}
_SEEDS_AT = {"full": -0.25, "reduced": 0.25, "untrained": 0.0}
_LINES: dict[str, dict[str, Any]] = {
    "full": {"color": FULL, "marker": "o", "linestyle": "-", "linewidth": 1.8},
    "reduced": {"color": REDUCED, "marker": "s", "linestyle": (0, (4, 1.6)), "linewidth": 1.8},
    "untrained": {"color": REFERENCE, "marker": "^", "linestyle": (0, (1, 1.4)), "linewidth": 1.3},
    "pixels": {"color": REFERENCE, "linestyle": (0, (7, 2, 1.5, 2)), "linewidth": 1.3},
}
_MARKER_SIZE = 5.5
_SEED_SPREAD = 0.16
_LONGEST_CURVE = 120


def decoding_limits(panels: Iterable[Panel]) -> Limits:
    """Return a score axis that holds every panel given, with room for the asterisks."""
    values = [
        value
        for panel in panels
        for series in panel.series.values()
        for scores in series.scores
        for value in (*finite(scores), *_reach(scores), series.chance)
    ]
    return padded(values, below=0.05, above=0.14)


def decoding(panel: Panel, limits: Limits, name: str) -> str:
    """Draw decoding by layer, full against reduced, with every network visible."""
    layers = _layers(panel)
    with style():
        figure = new_figure(360, 290)
        axes = figure.add_axes((0.135, 0.09, 0.855, 0.81))
        layer_axis(axes, layers)
        axes.set_ylim(*limits)
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.grid(axis="y")
        axes.set_ylabel(f"Decoding {metric_words(panel.metric)}", labelpad=5)
        _chance(axes, panel)
        for group in reversed(panel.series):
            _curve(axes, panel.series[group], group, layers)
        _significance(axes, panel, layers)
        handles = [
            Line2D([], [], markersize=_MARKER_SIZE, label=group, **_LINES[group])
            for group in panel.series
        ]
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0.08, 1.015),
            ncols=4,
            columnspacing=1.3,
            handlelength=2.2,
            handletextpad=0.5,
            borderpad=0.2,
        )
        return to_svg(figure, name, _describe_decoding(panel))


def forest_limits(panels: Iterable[Panel]) -> Limits:
    """Return a difference axis that holds every interval of the panels given.

    Zero keeps a quarter of the axis on either side, room for the two directions' names.
    """
    values = [0.0]
    for panel in panels:
        for row in panel.rows:
            shown = row.values
            values += finite((shown.difference, shown.ci_low, shown.ci_high))
    low, high = padded(values, below=0.06, above=0.06)
    return min(low, -high / 3), max(high, -low / 3)


def forest(panel: Panel, limits: Limits, name: str) -> str:
    """Draw the difference full - reduced by layer with its interval."""
    height = 68 + 27 * len(panel.rows)
    with style():
        figure = new_figure(360, height)
        axes = figure.add_axes((0.19, 40 / height, 0.79, 1 - 64 / height))
        axes.set_xlim(*limits)
        axes.set_ylim(len(panel.rows) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(range(len(panel.rows)), [layer_words(row.layer) for row in panel.rows])
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(lambda value, _: tick(value))
        axes.set_xlabel(f"Difference in {metric_words(panel.metric) or 'score'}, full − reduced")
        for y, row in enumerate(panel.rows):
            _effect(axes, y, row)
        for x, side, text in ((-3, "right", "← reduced better"), (3, "left", "full better →")):
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
        return to_svg(figure, name, _describe_forest(panel))


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


def learning(curves: Sequence[LearningCurve], group: str, limits: Limits, name: str) -> str:
    """Draw the loss of every network of one cohort on training and held-out images."""
    colour = _COLOURS.get(group, INK)
    first = curves[0]
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
                axes.plot(
                    x, y, color=colour, linewidth=1.6, marker="o", markersize=3, gid="hyp-held-out"
                )
        for baseline in sorted({curve.baseline for curve in curves if finite([curve.baseline])}):
            axes.axhline(baseline, color=INK, linewidth=1.2, linestyle=(0, (5, 3)))
        handles = [
            Line2D([], [], color=colour, linewidth=0.8, alpha=0.6, label="training"),
            Line2D([], [], color=colour, linewidth=1.6, marker="o", markersize=3, label="held out"),
            Line2D([], [], color=INK, linewidth=1.2, linestyle=(0, (5, 3)), label="constant"),
        ]
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0.09, 1.02),
            ncols=3,
            fontsize=10.5,
            columnspacing=1.4,
            handlelength=1.8,
            handletextpad=0.5,
            borderpad=0.2,
        )
        return to_svg(figure, name, _describe_learning(first, curves))


def _layers(panel: Panel) -> tuple[str, ...]:
    curves = [panel.series[group] for group in GROUPS if group in panel.series]
    if curves:
        return max((series.layers for series in curves), key=len)
    return tuple(row.layer for row in panel.rows)


def _chance(axes: Any, panel: Panel) -> None:
    chances = {series.chance for series in panel.series.values()}
    for chance in sorted(finite(chances)):
        axes.axhline(chance, color=MUTED, linewidth=1, zorder=1)
        axes.annotate(
            "chance",
            (0, chance),
            xycoords=("axes fraction", "data"),
            xytext=(4, 3),
            textcoords="offset points",
            fontsize=9.5,
            color=MUTED,
        )


def _curve(axes: Any, series: Series, group: str, layers: Sequence[str]) -> None:
    look = _LINES[group]
    if group == "pixels":
        values = finite(value for scores in series.scores for value in scores)
        if values:
            axes.axhline(fmean(values), zorder=1.5, gid="hyp-pixels", **look)
        return
    places, means, spreads = [], [], []
    seeds_x, seeds_y = [], []
    for layer, scores in zip(series.layers, series.scores, strict=False):
        values = finite(scores)
        if layer not in layers or not values:
            continue
        place = layers.index(layer)
        places.append(place + _MEANS_AT[group])
        means.append(fmean(values))
        spreads.append(stdev(values) if len(values) > 1 else 0.0)
        for index, value in enumerate(values):
            share = index / (len(values) - 1) - 0.5 if len(values) > 1 else 0.0
            seeds_x.append(place + _SEEDS_AT[group] + _SEED_SPREAD * share)
            seeds_y.append(value)
    order = 2 if group == "untrained" else 3
    axes.errorbar(
        places,
        means,
        spreads,
        markersize=_MARKER_SIZE,
        markeredgecolor=PAPER,
        markeredgewidth=0.6,
        elinewidth=1.3,
        capsize=2.5,
        capthick=1.3,
        zorder=order,
        **look,
    )
    axes.plot(
        seeds_x,
        seeds_y,
        linestyle="none",
        marker=look["marker"],
        markersize=3.2,
        color=look["color"],
        markerfacecolor="none",
        markeredgewidth=0.8,
        zorder=order + 2,
        gid=f"hyp-seeds-{group}",
    )


def _significance(axes: Any, panel: Panel, layers: Sequence[str]) -> None:
    low, high = axes.get_ylim()
    for row in panel.rows:
        if row.layer not in layers or not (row.significant or row.published_only):
            continue
        scores = [
            value
            for group in GROUPS
            if group in panel.series
            for layer, values in zip(
                panel.series[group].layers, panel.series[group].scores, strict=False
            )
            if layer == row.layer
            for value in (*finite(values), *_reach(values))
        ]
        place = layers.index(row.layer)
        height = max(scores, default=low) + 0.055 * (high - low)
        if row.significant:
            axes.plot(
                place,
                height,
                linestyle="none",
                marker=(6, 2, 0),
                markersize=9,
                color=INK,
                gid="hyp-significant",
            )
        else:
            axes.plot(
                place,
                height,
                linestyle="none",
                marker="o",
                markersize=6,
                color=INK,
                markerfacecolor="none",
                gid="hyp-published-only",
            )


def _effect(axes: Any, y: int, row: Row) -> None:
    shown = row.values
    if not math.isfinite(shown.difference):
        return
    colour = _COLOURS["full" if shown.difference > 0 else "reduced"] if row.significant else INK
    ends = finite((shown.ci_low, shown.ci_high))
    if len(ends) == 2:
        axes.plot(ends, (y, y), color=colour, linewidth=2, solid_capstyle="butt")
    axes.plot(
        shown.difference,
        y,
        linestyle="none",
        marker="o",
        markersize=7.5,
        color=colour,
        markerfacecolor=colour if row.significant else PAPER,
        markeredgewidth=1.6,
        gid="hyp-effect",
    )


def _thinned(points: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    """Average a long curve in equal blocks, so that the page stays small."""
    block = math.ceil(len(points) / _LONGEST_CURVE) or 1
    blocks = [points[start : start + block] for start in range(0, len(points), block)]
    return [(fmean(x for x, _ in part), fmean(y for _, y in part)) for part in blocks]


def _reach(scores: Iterable[float]) -> tuple[float, ...]:
    """Return the two ends of the error bar over `scores`."""
    values = finite(scores)
    if len(values) < 2:
        return ()
    centre, spread = fmean(values), stdev(values)
    return centre - spread, centre + spread


def _describe_decoding(panel: Panel) -> str:
    told = []
    for group in panel.series:
        series = panel.series[group]
        if group == "pixels":
            values = finite(value for scores in series.scores for value in scores)
            told += [f"pixels: {score(fmean(values), 2)}"] if values else []
            continue
        means = [
            f"{layer_words(layer)} {score(fmean(finite(values)), 2)}"
            for layer, values in zip(series.layers, series.scores, strict=False)
            if finite(values)
        ]
        told.append(f"{group}: {', '.join(means)}")
    found = [layer_words(row.layer) for row in panel.rows if row.significant]
    return (
        f"Decoding of {latent_words(panel.latent)} by layer in networks trained to estimate "
        f"{latent_words(panel.objective)}. Mean {metric_words(panel.metric)}, "
        f"{'; '.join(told) or 'none'}. Significant at: {', '.join(found) or 'no layer'}."
    )


def _describe_forest(panel: Panel) -> str:
    told = [
        f"{layer_words(row.layer)} {signed(row.values.difference)}"
        + (" (significant)" if row.significant else "")
        for row in panel.rows
    ]
    return (
        f"Difference full minus reduced in decoding {latent_words(panel.latent)}, networks trained "
        f"to estimate {latent_words(panel.objective)}: {'; '.join(told)}."
    )


def _describe_learning(first: LearningCurve, curves: Sequence[LearningCurve]) -> str:
    ends = [curve.held_out[-1][1] for curve in curves if curve.held_out]
    told = ", ".join(score(end) for end in ends) or "none"
    return (
        f"Loss of {len(curves)} networks trained to estimate {latent_words(first.objective)} on "
        f"{first.condition}. Last held-out loss by seed: {told}; constant predictor "
        f"{score(first.baseline)}."
    )
