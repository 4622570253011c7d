"""Figures of a study's scores: every network, every effect, over layers, checkpoints and sizes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from scipy import stats

from hyp.errors import HypError
from hyp.hypotheses.studies.result import Row
from hyp.reports.axes import Limits, finite, layer_axis, padded, tick
from hyp.reports.scaling_figure import laws_svg
from hyp.reports.study_material import Look
from hyp.reports.study_words import effect
from hyp.reports.svg import GRID, INK, MUTED, PAPER, new_figure, style, to_svg
from hyp.reports.words import layer_words, p_value, score, signed
from hyp.stats.scaling import ScalingFit, compare_scaling, fit_scaling

SIMULATED = "simulated responses"

_FEWEST_FOR_INTERVAL = 3
_STEPS = [1, 2, 2.5, 5, 10]
_LABEL_WIDTH = 22


@dataclass(frozen=True)
class Group:
    """Networks, or kinds of pairs of networks, that are drawn alike.

    Attributes
    ----------
    title : str
    look : Look
    scores : dict of str to list of float
        By layer, one a network; the layer is empty where there are none.
    interval : bool
        Whether the networks are independent, so that their mean has an interval.
    """

    title: str
    look: Look
    scores: Mapping[str, Sequence[float]]
    interval: bool = True


def score_limits(groups: Iterable[Group]) -> Limits:
    """Return a score axis that holds every network and interval, and asterisks above."""
    values = [
        value
        for group in groups
        for scores in group.scores.values()
        for value in (*finite(scores), *_interval(scores, group.interval))
    ]
    return padded(values, below=0.06, above=0.14)


def profile(
    groups: Sequence[Group],
    layers: Sequence[str],
    significant: Iterable[str],
    label: str,
    limits: Limits,
    name: str,
    note: str = "",
) -> str:
    """Draw scores by layer: each group's means with 95 % intervals, and every network.

    Parameters
    ----------
    groups : sequence of Group
    layers : sequence of str
    significant : iterable of str
        Layers that get an asterisk.
    label : str
        Of the score axis.
    limits : (float, float)
        See `score_limits`.
    name : str
        Prefix of the ids inside, unique on the page.
    note : str
        Written into the corner.
    """
    with style():
        figure = new_figure(360, 290)
        axes = figure.add_axes((0.145, 0.09, 0.845, 0.83))
        layer_axis(axes, layers)
        axes.set_ylim(*limits)
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
        axes.yaxis.set_major_formatter(lambda value, _: tick(value))
        axes.grid(axis="y")
        axes.set_ylabel(label, labelpad=5)
        slot = min(0.4, 0.8 / len(groups))
        for index, group in enumerate(groups):
            centre = (index - (len(groups) - 1) / 2) * slot
            _profile_group(axes, group, layers, centre, slot)
        for layer in significant:
            values = [v for group in groups for v in _drawn(group, layer)]
            _asterisk(axes, layers.index(layer), max(values) + 0.055 * (limits[1] - limits[0]))
        _corner(figure, note)
        told = "; ".join(
            f"{group.title}: "
            + ", ".join(
                f"{layer_words(layer)} {score(fmean(values), 2)}"
                for layer in layers
                if (values := finite(group.scores.get(layer, ())))
            )
            for group in groups
        )
        starred = ", ".join(map(layer_words, significant)) or "no layer"
        described = f"{label} by layer. Means: {told}. Significant at: {starred}."
        return to_svg(figure, name, _with_note(described, note))


def strips(
    groups: Sequence[Group],
    significant: bool,
    label: str,
    limits: Limits,
    name: str,
    note: str = "",
) -> str:
    """Draw one score of every network, a row a group, with means and 95 % intervals.

    Parameters
    ----------
    groups : sequence of Group
        Their scores are under the layer ``""``.
    significant : bool
        Whether the first group gets an asterisk.
    label, limits, name, note
        As in `profile`.
    """
    titles = ["\n".join(textwrap.wrap(group.title, _LABEL_WIDTH)) or "–" for group in groups]
    longest = max(len(line) for title in titles for line in title.split("\n"))
    row = 30 if all("\n" not in title for title in titles) else 38
    height = 62 + row * len(groups)
    with style():
        figure = new_figure(360, height)
        left = 0.03 + 0.0162 * max(longest, 6)
        axes = figure.add_axes((left, 42 / height, 0.97 - left, 1 - 60 / height))
        axes.set_xlim(*limits)
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_yticks(range(len(groups)), titles, fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=_STEPS))
        axes.xaxis.set_major_formatter(lambda value, _: tick(value))
        axes.grid(axis="x")
        _fitting_label(axes, label, 0.97 - left)
        for y, group in enumerate(groups):
            _strip(axes, y, group)
        if significant:
            highest = max(_drawn(groups[0], ""))
            _asterisk(axes, highest + 0.05 * (limits[1] - limits[0]), 0)
        _corner(figure, note)
        told = "; ".join(
            f"{group.title} {score(fmean(values))} ({len(values)} networks)"
            for group in groups
            if (values := finite(group.scores.get("", ())))
        )
        tail = " The difference is significant." if significant else ""
        return to_svg(figure, name, _with_note(f"{label}. Means: {told}.{tail}", note))


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
) -> str:
    """Draw effects with their 95 % intervals, a row each; filled where significant.

    Parameters
    ----------
    rows : sequence of Row
    labels : sequence of str
        One a row.
    limits : (float, float)
        See `effect_limits`.
    label : str
        Of the effect axis.
    name, note : str
        As in `profile`.
    margin : float, optional
        Drawn as a band around zero; effects not lower by it are diamonds.
    """
    wrapped = ["\n".join(textwrap.wrap(one, _LABEL_WIDTH)) or "–" for one in labels]
    longest = max(len(line) for text in wrapped for line in text.split("\n"))
    height = 72 + 27 * len(rows)
    correlation = all(row.effect == "correlation" for row in rows)
    with style():
        figure = new_figure(360, height)
        left = 0.03 + 0.0162 * max(longest, 6)
        axes = figure.add_axes((left, 42 / height, 0.97 - left, 1 - 68 / height))
        axes.set_xlim(*limits)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        if margin is not None and not correlation:
            axes.axvspan(-margin, margin, color=GRID, zorder=0, linewidth=0, gid="hyp-margin")
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(range(len(rows)), wrapped, fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
        axes.xaxis.set_major_formatter(lambda value, _: tick(value))
        _fitting_label(axes, label, 0.97 - left)
        for y, row in enumerate(rows):
            _effect(axes, y, row)
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
        _corner(figure, note)
        told = "; ".join(
            f"{text} {effect(row)}{' (significant)' if row.significant else ''}"
            for text, row in zip(labels, rows, strict=True)
        )
        band = f" The band is the margin of ±{margin:g}." if margin is not None else ""
        described = f"{label}, with 95 % intervals: {told}.{band}"
        return to_svg(figure, name, _with_note(described, note))


@dataclass(frozen=True)
class Track:
    """One network's checkpoints: performance and alignment, from the first to the last."""

    look: Look
    performance: Sequence[float]
    alignment: Sequence[float]


def tracks(
    networks: Sequence[Track],
    row: Row,
    labels: tuple[str, str],
    limits: Limits,
    name: str,
    note: str = "",
) -> str:
    """Draw alignment against performance, one line a network, its last checkpoint filled.

    Parameters
    ----------
    networks : sequence of Track
    row : Row
        The correlation within networks.
    labels : (str, str)
        Of the axes of performance and alignment.
    limits : (float, float)
        Of performance; panels of one question share it.
    name, note : str
        As in `profile`.
    """
    with style():
        figure = new_figure(360, 300)
        axes = figure.add_axes((0.145, 0.14, 0.845, 0.735))
        axes.set_xlim(*limits)
        axes.set_ylim(
            *padded((v for one in networks for v in one.alignment), below=0.06, above=0.1)
        )
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5, steps=_STEPS))
            axis.set_major_formatter(lambda value, _: tick(value))
        axes.grid(axis="both")
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1], labelpad=5)
        for one in networks:
            colour = one.look.colour
            axes.plot(
                one.performance,
                one.alignment,
                color=colour,
                linewidth=1,
                marker=one.look.marker,
                markersize=4.2,
                markerfacecolor=PAPER,
                markeredgewidth=0.9,
                gid="hyp-track",
            )
            axes.plot(
                one.performance[-1:],
                one.alignment[-1:],
                linestyle="none",
                color=colour,
                marker=one.look.marker,
                markersize=5.4,
                gid="hyp-last",
            )
        star = " ✱" if row.significant else ""
        found = f"{effect(row)}, Holm p {p_value(row.p_holm)}"
        figure.text(0.145, 0.9, f"{found}{star}", fontsize=10.5, color=INK)
        _corner(figure, note)
        described = (
            f"{labels[1]} against {labels[0].lower()} over the checkpoints of {len(networks)} "
            f"networks. Correlation within networks {found}"
            f"{', significant' if row.significant else ''}."
        )
        return to_svg(figure, name, _with_note(described, note))


def trend(
    sizes: Sequence[float],
    scores: Sequence[float],
    seeds: Sequence[int],
    row: Row,
    unit: str,
    label: str,
    name: str,
    note: str = "",
) -> tuple[str, str]:
    """Draw a score against size with the laws that fit, and say what the laws say.

    Three laws are weighed from six sizes on, the log-linear law alone is fitted to four or
    five, see `hyp.stats.scaling`; with fewer only the networks are drawn.

    Parameters
    ----------
    sizes, scores, seeds : sequence
        One a network.
    row : Row
        The rank correlation.
    unit, label : str
        Of the axes.
    name, note : str
        As in `profile`.

    Returns
    -------
    svg, sentence : str
    """
    found = f"{effect(row)}, Holm p {p_value(row.p_holm)}{' ✱' if row.significant else ''}"
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


def _profile_group(
    axes: Any, group: Group, layers: Sequence[str], centre: float, slot: float
) -> None:
    colour, marker = group.look.colour, group.look.marker
    places, means, reach = [], [], []
    seeds_x: list[float] = []
    seeds_y: list[float] = []
    for place, layer in enumerate(layers):
        values = finite(group.scores.get(layer, ()))
        if not values:
            continue
        places.append(place + centre - 0.2 * slot)
        means.append(fmean(values))
        ends = _interval(values, group.interval) or (means[-1], means[-1])
        reach.append((means[-1] - ends[0], ends[1] - means[-1]))
        for x in _spread(len(values), 0.36 * slot):
            seeds_x.append(place + centre + 0.22 * slot + x)
        seeds_y += values
    axes.errorbar(
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
    axes.plot(
        seeds_x,
        seeds_y,
        linestyle="none",
        marker=marker,
        markersize=3.2,
        color=colour,
        markerfacecolor="none",
        markeredgewidth=0.8,
        zorder=5,
        gid="hyp-networks",
    )


def _strip(axes: Any, y: int, group: Group) -> None:
    values = finite(group.scores.get("", ()))
    if not values:
        return
    colour, mean = group.look.colour, fmean(values)
    ends = _interval(values, group.interval)
    if ends:
        axes.plot(ends, (y + 0.26, y + 0.26), color=colour, linewidth=1.6, gid="hyp-interval")
    axes.plot((mean, mean), (y + 0.12, y + 0.4), color=colour, linewidth=2.4)
    axes.plot(
        values,
        [y - 0.12 + x for x in _spread(len(values), 0.3)],
        linestyle="none",
        marker=group.look.marker,
        markersize=4.6,
        color=colour,
        markerfacecolor="none",
        markeredgewidth=1.0,
        gid="hyp-networks",
    )


def _effect(axes: Any, y: int, row: Row) -> None:
    ends = finite((row.ci_low, row.ci_high))
    if len(ends) == 2:
        axes.plot(ends, (y, y), color=INK, linewidth=2, solid_capstyle="butt")
    axes.plot(
        row.difference,
        y,
        linestyle="none",
        marker="D" if row.not_lower else "o",
        markersize=6.5 if row.not_lower else 7.5,
        color=INK,
        markerfacecolor=INK if row.significant else PAPER,
        markeredgewidth=1.6,
        gid="hyp-effect",
    )


def _interval(values: Iterable[float], wanted: bool = True) -> tuple[float, ...]:
    """Return the 95 % t interval of a mean; nothing with fewer than three networks."""
    kept = finite(values)
    if not wanted or len(kept) < _FEWEST_FOR_INTERVAL:
        return ()
    half = float(stats.t.ppf(0.975, len(kept) - 1)) * stdev(kept) / len(kept) ** 0.5
    return fmean(kept) - half, fmean(kept) + half


def _drawn(group: Group, layer: str) -> list[float]:
    values = finite(group.scores.get(layer, ()))
    return [*values, *_interval(values, group.interval)]


def _spread(n: int, width: float) -> list[float]:
    return [0.0] if n == 1 else np.linspace(-width / 2, width / 2, n).tolist()


def _asterisk(axes: Any, x: float, y: float) -> None:
    axes.plot(
        x,
        y,
        linestyle="none",
        marker=(6, 2, 0),
        markersize=9,
        color=INK,
        clip_on=False,
        gid="hyp-significant",
    )


def _fitting_label(axes: Any, label: str, width: float) -> None:
    """Write the label below, centred on the whole figure where it is wider than the axes."""
    if len(label) * 0.0162 > width:
        axes.set_xlabel(label, x=1.0, ha="right", fontsize=10)
    else:
        axes.set_xlabel(label)


def _corner(figure: Any, note: str) -> None:
    if note:
        figure.text(
            0.99, 0.995, note, ha="right", va="top", fontsize=9.5, color=MUTED, style="italic"
        )


def _with_note(described: str, note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}. {described}" if note else described
