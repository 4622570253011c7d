"""What each of the published tables shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from hyp.hypotheses.paper.analyses import UnitsCorrelation, analyse
from hyp.hypotheses.paper.tables import (
    ALIGNMENT_COLUMNS,
    Claim,
    find_published_table,
    printed_task,
    published_claims,
    published_table,
)
from hyp.reports.figures import style as svg
from hyp.reports.wording import latent_words, p_value, score

COLUMN_WORDS = {"neural_mean": "Neural mean", "behavior": "Behaviour"}

_ALPHA = 0.05
_BELOW: dict[str, Any] = {"fontsize": 10, "y": 0.012}
_LAYERS = ("layer1.0", "layer2.0", "layer3.0", "layer4.0", "avgpool", "fc")


@dataclass(frozen=True)
class Palette:
    """Colours of a page, or of a file of its own."""

    ink: str
    muted: str
    grid: str
    first: str
    second: str
    reference: str
    paper: str


def draw_alignment(table: str, palette: Palette) -> tuple[Any, str]:
    """Draw alignment by number of output units, one panel per region."""
    rows = published_table(table).set_index("objective")
    references = rows.loc[["imagenet", "untrained"]]
    trained = rows.drop(index=["imagenet", "untrained"])
    places = range(len(trained))
    found = {(one.quantity, one.groups): one for one in analyse(table).units}
    figure = svg.new_figure(760, 480)
    looks = [
        (palette.first, "o", "spatial latents", ~trained.index.str.contains("category|identity")),
        (palette.second, "s", "classes", trained.index.isin(["category", "identity"])),
        (palette.ink, "D", "both", trained.index.str.contains(r"\+.*category")),
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
        for colour, marker, _, chosen in looks:
            axes.plot(
                [place for place, yes in zip(places, chosen, strict=True) if yes],
                trained.loc[chosen, column],
                linestyle="none",
                marker=marker,
                markersize=5.5,
                color=colour,
                gid="hyp-published",
            )
        axes.axhline(references.loc["imagenet", column], color=palette.ink, lw=1.2, ls=(0, (5, 3)))
        untrained = float(references[column].loc["untrained"])
        if untrained >= low:
            axes.axhline(untrained, color=palette.reference, lw=1.2, ls=(0, (1, 1.4)))
        else:
            axes.text(
                0.99,
                0.03,
                f"↓ untrained {score(untrained)}",
                transform=axes.transAxes,
                ha="right",
                fontsize=8.5,
                color=palette.muted,
            )
        axes.set_title(_words(column), fontsize=11, fontweight="bold", loc="left", pad=19)
        axes.text(
            0,
            1.035,
            f"all: {_rho(found[column, 'all'])}   spatial: {_rho(found[column, 'spatial'])}",
            transform=axes.transAxes,
            fontsize=8.5,
            color=palette.muted,
        )
    figure.supxlabel(
        "Output units that receive a loss (in order, not to scale)", fontsize=10, y=0.012
    )
    handles = [
        *(_mark(colour, marker, label) for colour, marker, label, _ in looks),
        Line2D([], [], color=palette.ink, lw=1.2, ls=(0, (5, 3)), label="ImageNet-1K"),
        Line2D([], [], color=palette.reference, lw=1.2, ls=(0, (1, 1.4)), label="untrained"),
    ]
    _heading(figure, table, handles)
    told = "; ".join(
        f"{_words(column)} {_rho(found[column, 'all'])} over all tasks, "
        f"{_rho(found[column, 'spatial'])} over the spatial ones"
        for column in ALIGNMENT_COLUMNS
    )
    return figure, f"Published alignment by number of output units. {told}."


def draw_correlations(palette: Palette) -> tuple[Any, str]:
    """Draw correlations of performance with alignment, with intervals by both counts."""
    shown = analyse("C.3").correlations
    targets = list(dict.fromkeys(one.objective for one in shown))
    figure = svg.new_figure(760, 420)
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
        axes.axvline(0, color=palette.muted, lw=1)
        axes.set_title(_words(column), fontsize=11, fontweight="bold", loc="left")
        for one in shown:
            if one.quantity != column:
                continue
            y = targets.index(one.objective)
            axes.plot((one.seeds_low, one.seeds_high), (y, y), color=palette.second, lw=1.4)
            axes.plot(
                (one.points_low, one.points_high),
                (y, y),
                color=palette.first,
                lw=6,
                solid_capstyle="butt",
            )
            axes.plot(
                one.r,
                y,
                linestyle="none",
                marker="|",
                markersize=11,
                color=palette.ink,
                markeredgewidth=1.5,
                gid="hyp-published",
            )
    figure.supxlabel("Correlation of task performance with alignment", **_BELOW)
    points, seeds = shown[0].n_points, shown[0].n_seeds
    handles = [
        _mark(palette.ink, "|", "published r", size=11),
        Line2D([], [], color=palette.first, lw=6, label=f"95 % if n = {points} checkpoints"),
        Line2D([], [], color=palette.second, lw=1.4, label=f"95 % if n = {seeds} seeds"),
    ]
    _heading(figure, "C.3", handles)
    told = "; ".join(f"{one.objective} and {_words(one.quantity)} {score(one.r)}" for one in shown)
    return figure, f"Published correlations of performance with alignment. {told}."


def draw_tasks(palette: Palette) -> tuple[Any, str]:
    """Draw the output units of every task."""
    rows = published_table("tasks")
    figure = svg.new_figure(560, 340)
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
        classes = "cross-entropy" in row["loss"]
        both = "category" in row["objective"] and "+" in row["objective"]
        colour, marker = (palette.first, "o")
        if both:
            colour, marker = palette.ink, "D"
        elif classes:
            colour, marker = palette.second, "s"
        axes.plot((0.8, units), (y, y), color=palette.grid, lw=2, zorder=1)
        axes.plot(units, y, ls="none", marker=marker, ms=6, color=colour, gid="hyp-published")
        axes.annotate(
            str(units),
            (units, y),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    handles = [
        _mark(palette.first, "o", "squared error"),
        _mark(palette.second, "s", "cross-entropy"),
        _mark(palette.ink, "D", "both"),
    ]
    _heading(figure, "tasks", handles, title="Training tasks")
    told = "; ".join(f"{row.task} {row.output_units}" for row in rows.itertuples())
    return figure, f"Output units by training task. {told}."


def draw_p_values(palette: Palette) -> tuple[Any, str]:
    """Draw the abstract's p-values among those that its design can give."""
    shown = analyse("abstract").p_values
    figure = svg.new_figure(620, 230)
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
    axes.axvspan(0.02, shown[0].p_attainable * 0.93, color=palette.grid, zorder=0, lw=0)
    axes.axvline(_ALPHA, color=palette.muted, lw=1.2, ls=(0, (5, 3)))
    axes.text(
        0.0225,
        -0.42,
        "no scores can lead here",
        fontsize=8.5,
        color=palette.ink,
        va="top",
        bbox={"facecolor": palette.grid, "edgecolor": "none", "pad": 1},
    )
    for y, one in enumerate(shown):
        axes.plot(
            one.attainable,
            [y] * len(one.attainable),
            ls="none",
            marker="o",
            ms=6,
            color=palette.reference,
            markerfacecolor=palette.paper,
            markeredgewidth=1.2,
        )
        axes.plot(one.p, y, ls="none", marker="D", ms=8, color=palette.second, gid="hyp-published")
    handles = [
        _mark(palette.second, "D", "published"),
        Line2D(
            [],
            [],
            ls="none",
            marker="o",
            color=palette.reference,
            markerfacecolor=palette.paper,
            label="every p this design can give",
        ),
        Line2D([], [], color=palette.muted, lw=1.2, ls=(0, (5, 3)), label=f"{_ALPHA:g}"),
    ]
    _heading(figure, "abstract", handles, title="The February abstract's p-values")
    told = "; ".join(f"{one.objective} v {one.versus} {one.p:g}" for one in shown)
    return figure, f"Published p-values; 3 v 3 seeds cannot go below 0.1. {told}."


def draw_claims(palette: Palette) -> tuple[Any, str]:
    """Draw the directions that the text speaks of."""
    claims = [claim for claim in published_claims() if claim.layers]
    rows = list(dict.fromkeys((claim.latent, claim.objective) for claim in claims))
    figure = svg.new_figure(660, 370)
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
        for layer in claim.layers:
            axes.plot(_LAYERS.index(layer), y, **_claim_look(claim, palette), gid="hyp-published")
    looks = (
        _mark(palette.second, "^", "full better"),
        _mark(palette.second, "^", "full better, said of “intermediate” layers", palette.paper),
        _mark(palette.first, "v", "reduced better"),
    )
    _heading(figure, "claims", looks, title="Published statements on decoding")
    told = "; ".join(
        f"{claim.latent} in {claim.objective}-trained networks, {claim.better} better at "
        f"{', '.join(claim.layers)}"
        for claim in claims
    )
    return figure, f"Published directions; an empty place means that the text is silent. {told}."


def _claim_look(claim: Claim, palette: Palette) -> dict[str, Any]:
    colour = palette.second if claim.better == "full" else palette.first
    return {
        "linestyle": "none",
        "marker": "^" if claim.better == "full" else "v",
        "markersize": 9,
        "color": colour,
        "markerfacecolor": colour if claim.layers_named else palette.paper,
        "markeredgewidth": 1.4,
    }


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
    figure.text(
        0.012, 0.985, title or about.title, fontsize=12, fontweight="bold", va="top", ha="left"
    )
    place = about.place.split(",")[0] if about.place.startswith("Table") else ""
    figure.text(
        0.988,
        0.98,
        ", ".join(part for part in (about.document, place) if part),
        fontsize=9,
        va="top",
        ha="right",
    )
    height = figure.get_figheight() * 72
    figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.004, 1 - 20 / height),
        ncols=5,
        fontsize=9.5,
        columnspacing=1.3,
        handlelength=2,
        handletextpad=0.5,
        borderpad=0.2,
    )


def _mark(colour: str, marker: str, label: str, face: str | None = None, size: float = 6) -> Line2D:
    return Line2D(
        [],
        [],
        ls="none",
        marker=marker,
        ms=size,
        color=colour,
        markerfacecolor=face or colour,
        markeredgewidth=1.4,
        label=label,
    )


def _words(column: str) -> str:
    return COLUMN_WORDS.get(column, column)


def _rho(one: UnitsCorrelation) -> str:
    p = p_value(one.correlation.p)
    return f"ρ {score(one.correlation.r, 2)}, p {p}"
