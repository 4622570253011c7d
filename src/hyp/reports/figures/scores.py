"""Figures of scores: every network, and the means, by layer or one row per cohort."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
from scipy import stats

from hyp.hypotheses.questions.panels import RAW_PIXELS, ScorePanel, Series
from hyp.reports.figures.axes import (
    Limits,
    corner,
    finite,
    fitting_label,
    layer_axis,
    padded,
    row_labels,
    value_axis,
    with_note,
)
from hyp.reports.figures.style import (
    INK,
    MUTED,
    PAPER,
    REFERENCE,
    Drawing,
    Look,
    dots,
    new_figure,
    style,
    tell,
    to_svg,
)
from hyp.reports.wording import interval, layer_words, score

_FEWEST_FOR_INTERVAL = 3
_LEVELS: dict[str, dict[str, Any]] = {
    "chance": {"color": MUTED, "linewidth": 1.0},
    RAW_PIXELS: {"color": REFERENCE, "linewidth": 1.3, "linestyle": (0, (7, 2, 1.5, 2))},
}


@dataclass(frozen=True)
class Marks:
    """Layers that are significant, and those that are so under the published protocol alone."""

    significant: Sequence[str] = ()
    published_only: Sequence[str] = ()


def score_limits(panels: Iterable[ScorePanel]) -> Limits:
    """Return a score axis that holds every network, interval and level, and marks above."""
    values: list[float] = []
    for panel in panels:
        values += panel.levels.values()
        for series in panel.series:
            for layer in panel.layers:
                values += _drawn(series, layer)
    return padded(values, below=0.06, above=0.14)


def draw_scores(
    panel: ScorePanel,
    looks: Sequence[Look],
    marks: Marks,
    label: str,
    limits: Limits,
    name: str,
    note: str = "",
) -> Drawing:
    """Draw scores: each series' means with 95 % intervals, and every network.

    Parameters
    ----------
    panel : ScorePanel
    looks : sequence of Look
        One per series.
    marks : Marks
        Layers that get an asterisk or a circle.
    label : str
        Of the score axis.
    limits : (float, float)
        See `score_limits`.
    name : str
        Prefix of the ids inside, unique on the page.
    note : str
        Written into the corner.
    """
    draw = _strips if panel.layers == ("",) else _profile
    with style():
        figure = draw(panel, looks, marks, label, limits)
        corner(figure, note)
        return to_svg(figure, name, with_note(_described(panel, marks, label), note))


def _profile(
    panel: ScorePanel, looks: Sequence[Look], marks: Marks, label: str, limits: Limits
) -> Any:
    figure = new_figure(360, 290)
    axes = figure.add_axes((0.145, 0.09, 0.845, 0.83))
    layer_axis(axes, panel.layers)
    axes.set_ylim(*limits)
    value_axis(axes.yaxis)
    axes.grid(axis="y")
    axes.set_ylabel(label, labelpad=5)
    for title, value in panel.levels.items():
        axes.axhline(value, zorder=1, gid="hyp-level", **_LEVELS[title])
        axes.annotate(
            title,
            (0 if title == "chance" else 1, value),
            xycoords=("axes fraction", "data"),
            xytext=(4 if title == "chance" else -4, 3),
            textcoords="offset points",
            ha="left" if title == "chance" else "right",
            fontsize=9.5,
            color=MUTED,
        )
    slot = min(0.4, 0.8 / len(panel.series))
    for index, (series, look) in enumerate(zip(panel.series, looks, strict=True)):
        centre = (index - (len(panel.series) - 1) / 2) * slot
        _profile_series(axes, series, look, panel.layers, centre, slot)
    for layer in panel.layers:
        highest = max((v for one in panel.series for v in _drawn(one, layer)), default=limits[0])
        place = panel.layers.index(layer), highest + 0.055 * (limits[1] - limits[0])
        _mark(axes, marks, layer, place)
    return figure


def _strips(
    panel: ScorePanel, looks: Sequence[Look], marks: Marks, label: str, limits: Limits
) -> Any:
    titles, left = row_labels([series.title for series in panel.series])
    row = 30 if all("\n" not in title for title in titles) else 38
    height = 62 + row * len(titles)
    figure = new_figure(360, height)
    axes = figure.add_axes((left, 42 / height, 0.97 - left, 1 - 60 / height))
    axes.set_xlim(*limits)
    axes.set_ylim(len(titles) - 0.5, -0.5)
    axes.set_yticks(range(len(titles)), titles, fontsize=10)
    value_axis(axes.xaxis, 4)
    axes.grid(axis="x")
    fitting_label(axes, label, 0.97 - left)
    for y, (series, look) in enumerate(zip(panel.series, looks, strict=True)):
        _strip(axes, y, series, look)
    highest = max(_drawn(panel.series[0], ""), default=limits[0])
    _mark(axes, marks, "", (highest + 0.05 * (limits[1] - limits[0]), 0))
    return figure


def _described(panel: ScorePanel, marks: Marks, label: str) -> str:
    told = []
    for series in panel.series:
        means = [
            f"{layer_words(layer)} {score(fmean(values), 2 if layer else 3)}".strip()
            for layer in panel.layers
            if (values := finite(series.scores.get(layer, ())))
        ]
        counted = f" ({len(series.scores.get('', ()))} networks)" if panel.layers == ("",) else ""
        told.append(f"{series.title}: {', '.join(means) or 'none'}{counted}")
    told += [f"{title}: {score(value, 2)}" for title, value in panel.levels.items()]
    if panel.layers == ("",):
        tail = " The difference is significant." if marks.significant else ""
        return f"{label}. Means: {'; '.join(told)}.{tail}"
    starred = ", ".join(map(layer_words, marks.significant)) or "no layer"
    return f"{label} by layer. Means: {'; '.join(told)}. Significant at: {starred}."


def _profile_series(
    axes: Any, series: Series, look: Look, layers: Sequence[str], centre: float, slot: float
) -> None:
    colour, marker = look
    places, means, reach = [], [], []
    seeds_x: list[float] = []
    seeds_y: list[float] = []
    told: list[str] = []
    told_means = []
    for place, layer in enumerate(layers):
        values = finite(series.scores.get(layer, ()))
        if not values:
            continue
        places.append(place + centre - 0.2 * slot)
        means.append(fmean(values))
        ends = _interval(values, series.interval) or (means[-1], means[-1])
        reach.append((means[-1] - ends[0], ends[1] - means[-1]))
        told_means.append(_mean_words(series, layer, values))
        for x in _spread(len(values), 0.36 * slot):
            seeds_x.append(place + centre + 0.22 * slot + x)
        seeds_y += values
        told += _network_words(series, layer)
    drawn = axes.errorbar(
        places,
        means,
        np.array(reach).T.reshape(2, -1),
        color=colour,
        marker=marker,
        linewidth=1.6,
        markersize=5.5,
        markeredgecolor=PAPER,
        markeredgewidth=0.6,
        elinewidth=1.2,
        capsize=2.5,
        capthick=1.2,
        zorder=3,
    )
    tell(drawn.lines[0], told_means)
    kind = "hyp-reference" if series.reference else "hyp-networks"
    look_of: dict[str, Any] = {"face": "none", "edge": 0.8, "zorder": 5, "gid": kind}
    dots(axes, seeds_x, seeds_y, colour, marker, 3.2, told=told, **look_of)


def _strip(axes: Any, y: int, series: Series, look: Look) -> None:
    values = finite(series.scores.get("", ()))
    if not values:
        return
    colour, mean = look.colour, fmean(values)
    ends = _interval(values, series.interval)
    if ends:
        axes.plot(ends, (y + 0.26, y + 0.26), color=colour, linewidth=1.6, gid="hyp-interval")
    (line,) = axes.plot((mean, mean), (y + 0.12, y + 0.4), color=colour, linewidth=2.4)
    tell(line, [_mean_words(series, "", values)])
    places = [y - 0.12 + x for x in _spread(len(values), 0.3)]
    kind = "hyp-reference" if series.reference else "hyp-networks"
    told = _network_words(series, "")
    dots(axes, values, places, colour, look.marker, 4.6, face="none", told=told, gid=kind)


def _network_words(series: Series, layer: str) -> list[str]:
    """Name every network that has a score at a layer, with the score."""
    scores, seeds = series.scores.get(layer, ()), series.seeds.get(layer, ())
    names = [f"seed {one}" for one in seeds] or [f"network {n + 1}" for n in range(len(scores))]
    return [
        f"{_place(series, layer)}, {name}: {score(value)}"
        for name, value in zip(names, scores, strict=True)
        if finite([value])
    ]


def _mean_words(series: Series, layer: str, values: list[float]) -> str:
    ends = _interval(values, series.interval)
    told = f" {interval(*ends)}" if ends else ""
    return f"{_place(series, layer)}, mean: {score(fmean(values))}{told}"


def _place(series: Series, layer: str) -> str:
    return ", ".join(filter(None, (series.title, layer and layer_words(layer))))


def _interval(values: Iterable[float], wanted: bool = True) -> tuple[float, float] | None:
    """Return the 95 % t interval of a mean; nothing with fewer than three networks."""
    kept = finite(values)
    if not wanted or len(kept) < _FEWEST_FOR_INTERVAL:
        return None
    half = float(stats.t.ppf(0.975, len(kept) - 1)) * stdev(kept) / len(kept) ** 0.5
    return fmean(kept) - half, fmean(kept) + half


def _drawn(series: Series, layer: str) -> list[float]:
    values = finite(series.scores.get(layer, ()))
    return [*values, *(_interval(values, series.interval) or ())]


def _spread(n: int, width: float) -> list[float]:
    return [0.0] if n == 1 else np.linspace(-width / 2, width / 2, n).tolist()


def _mark(axes: Any, marks: Marks, layer: str, place: tuple[float, float]) -> None:
    """Put an asterisk over what is significant, a circle over what is so as published alone."""
    x, y = place
    if layer in marks.significant:
        dots(axes, x, y, INK, (6, 2, 0), 9, clip_on=False, gid="hyp-significant")
    if layer in marks.published_only:
        dots(axes, x, y, INK, "o", 6, face="none", clip_on=False, gid="hyp-published-only")
