"""Figures of the published tables, each in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from hyp.errors import HypError
from hyp.hypotheses.paper.analyses import UnitsCorrelation, analyse
from hyp.hypotheses.paper.tables import (
    ALIGNMENT_COLUMNS,
    find_published_table,
    printed_task,
    published_claims,
    published_table,
)
from hyp.reports.figures.files import check_figure_path, write_figure
from hyp.reports.figures.style import LEGEND, dots, new_figure, style
from hyp.reports.wording import latent_words, p_value, score

COLUMN_WORDS = {"neural_mean": "Neural mean", "behavior": "Behaviour"}
INK, MUTED, GRID, PAPER = "#1d1c1a", "#615c54", "#e9e6df", "#ffffff"
FIRST, SECOND, REFERENCE = "#0072b2", "#d55e00", "#7d7a75"

_DOTS_PER_INCH = 200
_ALPHA = 0.05
_BELOW: dict[str, Any] = {"fontsize": 10, "y": 0.012}
_LAYERS = ("layer1.0", "layer2.0", "layer3.0", "layer4.0", "avgpool", "fc")
_STYLE: dict[str, Any] = {
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), MUTED),
    **dict.fromkeys(("axes.labelcolor", "legend.labelcolor", "text.color"), INK),
    **dict.fromkeys(("xtick.labelcolor", "ytick.labelcolor"), INK),
    "grid.color": GRID,
    "font.size": 10,
}


def save_published_figure(name: str, path: Path) -> None:
    """Draw a published table into a PNG, SVG or PDF file.

    Parameters
    ----------
    name : str
        Name of the table.
    path : Path
        The suffix says which format.

    Raises
    ------
    HypError
        If there is no such table, it holds nothing to draw, the suffix is another one, or
        the file cannot be written.
    """
    check_figure_path(path)
    draw = _drawer(find_published_table(name).name)
    with style(), mpl.rc_context(_STYLE):
        write_figure(draw(), path, dpi=_DOTS_PER_INCH, facecolor=PAPER)


def _drawer(table: str) -> Callable[[], Figure]:
    drawers: dict[str, Callable[[], Figure]] = {
        "C.1": partial(_alignment, "C.1"),
        "C.2": partial(_alignment, "C.2"),
        "C.3": _correlations,
        "tasks": _tasks,
        "abstract": _p_values,
        "claims": _claims,
    }
    if table not in drawers:
        raise HypError(f"the published table {table!r} is a list of numbers with nothing to draw.")
    return drawers[table]


def _alignment(table: str) -> Figure:
    """Draw alignment by number of output units, one panel per region."""
    rows = published_table(table).set_index("objective")
    references = rows.loc[["imagenet", "untrained"]]
    trained = rows.drop(index=["imagenet", "untrained"])
    places = range(len(trained))
    found = {(one.quantity, one.groups): one for one in analyse(table).units}
    figure = new_figure(760, 480)
    looks = [
        (FIRST, "o", "spatial latents", ~trained.index.str.contains("category|identity")),
        (SECOND, "s", "classes", trained.index.isin(["category", "identity"])),
        (INK, "D", "both", trained.index.str.contains(r"\+.*category")),
    ]
    for axes, column in _panels(figure, hspace=0.56, top=0.825):
        axes.set_xlim(-0.6, len(trained) - 0.4)
        axes.set_xticks(places, [str(units) for units in trained["output_units"]], fontsize=8.5)
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.grid(axis="y")
        values = [*trained[column], references.loc["imagenet", column]]
        room = 0.16 * (max(values) - min(values))
        low = min(values) - 1.7 * room
        axes.set_ylim(low, max(values) + room)
        small = {"transform": axes.transAxes, "fontsize": 8.5, "color": MUTED}
        for colour, marker, _, chosen in looks:
            here = [place for place, yes in zip(places, chosen, strict=True) if yes]
            dots(axes, here, trained.loc[chosen, column], colour, marker, 5.5, gid="published")
        axes.axhline(references.loc["imagenet", column], color=INK, lw=1.2, ls=(0, (5, 3)))
        untrained = float(references[column].loc["untrained"])
        if untrained >= low:
            axes.axhline(untrained, color=REFERENCE, lw=1.2, ls=(0, (1, 1.4)))
        else:
            axes.text(0.99, 0.03, f"↓ untrained {score(untrained)}", ha="right", **small)
        axes.set_title(_words(column), fontsize=11, fontweight="bold", loc="left", pad=19)
        told = f"all: {_rho(found[column, 'all'])}   spatial: {_rho(found[column, 'spatial'])}"
        axes.text(0, 1.035, told, **small)
    figure.supxlabel("Output units that receive a loss (in order, not to scale)", **_BELOW)
    handles = [
        *(_mark(colour, marker, label) for colour, marker, label, _ in looks),
        Line2D([], [], color=INK, lw=1.2, ls=(0, (5, 3)), label="ImageNet-1K"),
        Line2D([], [], color=REFERENCE, lw=1.2, ls=(0, (1, 1.4)), label="untrained"),
    ]
    _heading(figure, table, handles)
    return figure


def _correlations() -> Figure:
    """Draw correlations of performance with alignment, with intervals by both counts."""
    shown = analyse("C.3").correlations
    targets = list(dict.fromkeys(one.objective for one in shown))
    figure = new_figure(760, 420)
    for index, (axes, column) in enumerate(_panels(figure, hspace=0.42, top=0.84, left=0.125)):
        axes.set_xlim(-1.05, 1.05)
        axes.set_ylim(len(targets) - 0.5, -0.5)
        axes.set_yticks(
            range(len(targets)),
            [printed_task(target).removeprefix("Object ").capitalize() for target in targets]
            if index % 3 == 0
            else [""] * len(targets),
        )
        axes.xaxis.set_major_locator(FixedLocator([-1, -0.5, 0, 0.5, 1]))
        axes.grid(axis="x")
        axes.axvline(0, color=MUTED, lw=1)
        axes.set_title(_words(column), fontsize=11, fontweight="bold", loc="left")
        for one in shown:
            if one.quantity != column:
                continue
            y = targets.index(one.objective)
            axes.plot((one.seeds_low, one.seeds_high), (y, y), color=SECOND, lw=1.4)
            wide = {"color": FIRST, "lw": 6, "solid_capstyle": "butt"}
            axes.plot((one.points_low, one.points_high), (y, y), **wide)
            dots(axes, one.r, y, INK, "|", 11, edge=1.5, gid="published")
    figure.supxlabel("Correlation of task performance with alignment", **_BELOW)
    points, seeds = shown[0].n_points, shown[0].n_seeds
    handles = [
        _mark(INK, "|", "published r", size=11),
        Line2D([], [], color=FIRST, lw=6, label=f"95 % if n = {points} checkpoints"),
        Line2D([], [], color=SECOND, lw=1.4, label=f"95 % if n = {seeds} seeds"),
    ]
    _heading(figure, "C.3", handles)
    return figure


def _tasks() -> Figure:
    """Draw the output units of every task."""
    rows = published_table("tasks")
    figure = new_figure(560, 340)
    axes = figure.add_axes((0.34, 0.135, 0.62, 0.73))
    axes.set_xscale("log")
    axes.set_xlim(0.8, 2200)
    axes.xaxis.set_major_locator(FixedLocator([1, 10, 100, 1000]))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), rows["task"])
    axes.set_xlabel("Output units that receive a loss")
    for y, row in enumerate(rows.to_dict("records")):
        units = int(row["output_units"])
        colour, marker = FIRST, "o"
        if "category" in row["objective"] and "+" in row["objective"]:
            colour, marker = INK, "D"
        elif "cross-entropy" in row["loss"]:
            colour, marker = SECOND, "s"
        axes.plot((0.8, units), (y, y), color=GRID, lw=2, zorder=1)
        dots(axes, units, y, colour, marker, 6, gid="published")
        beside: dict[str, Any] = {"xytext": (7, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(str(units), (units, y), fontsize=9, **beside)
    handles = [
        _mark(FIRST, "o", "squared error"),
        _mark(SECOND, "s", "cross-entropy"),
        _mark(INK, "D", "both"),
    ]
    _heading(figure, "tasks", handles, title="Training tasks")
    return figure


def _p_values() -> Figure:
    """Draw the abstract's p-values among those that its design can give."""
    shown = analyse("abstract").p_values
    figure = new_figure(620, 230)
    axes = figure.add_axes((0.35, 0.22, 0.61, 0.55))
    axes.set_xscale("log")
    axes.set_xlim(0.02, 1.25)
    ticks = [0.02, _ALPHA, 0.1, 0.2, 0.4, 0.7, 1.0]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_yticks(
        range(len(shown)),
        [f"{printed_task(one.objective)} v\n{printed_task(one.versus)}" for one in shown],
        fontsize=9,
    )
    axes.set_xlabel("p (two-sided Mann-Whitney, 3 v 3 seeds)")
    axes.axvspan(0.02, shown[0].p_attainable * 0.93, color=GRID, zorder=0, lw=0)
    axes.axvline(_ALPHA, color=MUTED, lw=1.2, ls=(0, (5, 3)))
    box = {"facecolor": GRID, "edgecolor": "none", "pad": 1}
    axes.text(0.0225, -0.42, "no scores can lead here", fontsize=8.5, va="top", bbox=box)
    for y, one in enumerate(shown):
        same = [y] * len(one.attainable)
        dots(axes, one.attainable, same, REFERENCE, "o", 6, face=PAPER, edge=1.2)
        dots(axes, one.p, y, SECOND, "D", 8, gid="published")
    handles = [
        _mark(SECOND, "D", "published"),
        _mark(REFERENCE, "o", "every p this design can give", PAPER),
        Line2D([], [], color=MUTED, lw=1.2, ls=(0, (5, 3)), label=f"{_ALPHA:g}"),
    ]
    _heading(figure, "abstract", handles, title="The February abstract's p-values")
    return figure


def _claims() -> Figure:
    """Draw the directions that the text speaks of."""
    claims = [claim for claim in published_claims() if claim.layers]
    rows = list(dict.fromkeys((claim.latent, claim.objective) for claim in claims))
    figure = new_figure(660, 370)
    axes = figure.add_axes((0.36, 0.09, 0.61, 0.76))
    axes.set_xlim(-0.5, len(_LAYERS) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(_LAYERS)), _LAYERS)
    axes.set_yticks(
        range(len(rows)),
        [f"{latent_words(latent)}, trained on {objective}" for latent, objective in rows],
        fontsize=9,
    )
    axes.grid(axis="y")
    for claim in claims:
        y = rows.index((claim.latent, claim.objective))
        colour, marker = (SECOND, "^") if claim.better == "full" else (FIRST, "v")
        face = colour if claim.layers_named else PAPER
        for layer in claim.layers:
            place = _LAYERS.index(layer)
            dots(axes, place, y, colour, marker, 9, face=face, edge=1.4, gid="published")
    looks = (
        _mark(SECOND, "^", "full better"),
        _mark(SECOND, "^", "full better, said of “intermediate” layers", PAPER),
        _mark(FIRST, "v", "reduced better"),
    )
    _heading(figure, "claims", looks, title="Published statements on decoding")
    return figure


def _panels(
    figure: Any, *, hspace: float, top: float, left: float = 0.07
) -> Iterator[tuple[Any, str]]:
    grid = figure.add_gridspec(
        2, 3, left=left, right=0.985, bottom=0.115, top=top, hspace=hspace, wspace=0.27
    )
    order = ("neural_mean", *(column for column in ALIGNMENT_COLUMNS if column != "neural_mean"))
    for index, column in enumerate(order):
        yield figure.add_subplot(grid[divmod(index, 3)]), column


def _heading(figure: Any, table: str, handles: Sequence[Any], title: str = "") -> None:
    about = find_published_table(table)
    figure.text(0.012, 0.985, title or about.title, fontsize=12, fontweight="bold", va="top")
    place = about.place.split(",")[0] if about.place.startswith("Table") else ""
    source = ", ".join(filter(None, (about.document, place)))
    figure.text(0.988, 0.98, source, fontsize=9, va="top", ha="right")
    height = figure.get_figheight() * 72
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.004, 1 - 20 / height),
        ncols=5,
        **LEGEND | {"fontsize": 9.5},
    )


def _mark(colour: str, marker: str, label: str, face: str | None = None, size: float = 6) -> Line2D:
    shown: dict[str, Any] = {"marker": marker, "ms": size, "markerfacecolor": face or colour}
    return Line2D([], [], ls="none", color=colour, markeredgewidth=1.4, label=label, **shown)


def _words(column: str) -> str:
    return COLUMN_WORDS.get(column, column)


def _rho(one: UnitsCorrelation) -> str:
    p = p_value(one.correlation.p)
    return f"ρ {score(one.correlation.r, 2)}, p {p}"
