"""The sections of a page about its networks: their images, learning, alignment and layers."""

from __future__ import annotations

from dataclasses import dataclass

from hyp.hypotheses.questions.panels import ScorePanel, drawn_series, unique
from hyp.hypotheses.result import LearningCurve
from hyp.reports import images
from hyp.reports.answers import SIMULATED, axis_words, explained
from hyp.reports.figures.learning import learning, learning_limits
from hyp.reports.figures.scores import Marks, draw_scores, score_limits
from hyp.reports.figures.style import INK, Look
from hyp.reports.material import Material
from hyp.reports.page_sections import Figure, Gallery, keyed
from hyp.reports.wording import latent_words, plain


@dataclass(frozen=True)
class Taken:
    """Of how many networks of a cohort each layer was chosen for a region."""

    region: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Strip:
    """Training images, and the titles of the cohorts that saw them."""

    titles: tuple[str, ...]
    uris: tuple[str, ...]


def strips(material: Material) -> list[Strip]:
    """Return the training images that were kept, each data set once with its cohorts."""
    shared: dict[str, list[str]] = {}
    for name in material.samples:
        cohort = material.cohorts.get(name)
        shared.setdefault(cohort.dataset if cohort and cohort.dataset else name, []).append(name)
    return [
        Strip(
            tuple(material.titles.get(name, name) for name in names),
            tuple(images.data_uris(material.samples[names[0]])),
        )
        for names in shared.values()
    ]


def learning_galleries(material: Material) -> list[Gallery]:
    """Return the learning curves, one gallery per task, one panel per cohort."""
    tasks: dict[str, dict[str, list[LearningCurve]]] = {}
    for curve in material.result.learning:
        tasks.setdefault(curve.task, {}).setdefault(curve.cohort, []).append(curve)
    galleries = []
    for number, (task, cohorts) in enumerate(tasks.items()):
        limits = learning_limits([curve for curves in cohorts.values() for curve in curves])
        figures = []
        for index, (name, curves) in enumerate(cohorts.items()):
            title = material.titles.get(name, plain(name))
            look = material.looks.get(name, Look(INK, "o"))
            svg = learning(curves, title, look.colour, limits, f"l{number}-{index}")
            networks = f"{len(curves)} network{'s' if len(curves) != 1 else ''}"
            figures.append(Figure(svg, title, networks, data=curves))
        metric = next(iter(cohorts.values()))[0].metric
        galleries.append(Gallery(f"{plain(latent_words(task))}, {metric}", tuple(figures)))
    return galleries


def every_cohort(material: Material) -> Gallery | None:
    """Draw the alignment of all cohorts, one panel per region, where questions show only some."""
    table = material.network_scores("alignment", material.titles)
    cohorts = [name for name in material.titles if (table["cohort"] == name).any()]
    shown = [set(one.about) for one in material.questions if one.scored.kind == "alignment"]
    if len(cohorts) < 3 or set(cohorts) in shown or not shown:
        return None
    panels = [
        ScorePanel(
            region,
            ("",),
            tuple(drawn_series(material.titles[name], here, name) for name in cohorts),
        )
        for region in unique(table["measured"])
        for here in (table[table["measured"] == region],)
    ]
    label = axis_words("alignment", "", material.result.settings)
    note = SIMULATED if material.simulated else ""
    limits, looks = score_limits(panels), [material.looks[name] for name in cohorts]
    figures = tuple(
        Figure(
            draw_scores(panel, looks, Marks(), label, limits, f"all{index}", note),
            panel.measured,
            data=panel,
        )
        for index, panel in enumerate(panels)
    )
    return Gallery(
        "Alignment of every cohort",
        figures,
        f"Compared or not. {explained('alignment')}",
        keyed(zip(looks, (material.titles[name] for name in cohorts), strict=True)),
    )


def candidates(material: Material) -> list[str]:
    """Return the layers of networks that were chosen for a region, in their order."""
    layers = material.result.settings.get("layers", ())
    chosen = set(material.scores["chosen"].astype(str)) - {""}
    known = [str(layer) for layer in layers] if isinstance(layers, list | tuple) else []
    return [layer for layer in known if layer in chosen] + sorted(chosen - set(known))


def taken(material: Material) -> dict[str, list[Taken]]:
    """Count by cohort which layers of its networks were chosen for each region."""
    table = material.network_scores("alignment", material.titles)
    layers = candidates(material)
    counted: dict[str, list[Taken]] = {}
    for (cohort, region), part in table.groupby(["cohort", "measured"], sort=False):
        counts = tuple(int((part["chosen"] == layer).sum()) for layer in layers)
        counted.setdefault(str(cohort), []).append(Taken(str(region), counts))
    return {title: counted[name] for name, title in material.titles.items() if name in counted}
